"""JSON of every kind, well formed and not, and JSON under other names."""

from __future__ import annotations

import json
from collections.abc import Mapping

from landing_case import BOTH, DEFAULTS, TWO, Case, bad, kept, line, table, text
from landing_cases_values import lines, record

_TWO = [DEFAULTS, {**DEFAULTS, "return_id": "R-2"}]
_FOUR = [{**DEFAULTS, "return_id": f"R-{number}"} for number in range(1, 5)]
_PRETTY = "\n".join(json.dumps(one, indent=2) for one in _TWO)
_NATIVE = record().replace('"1"', "1").replace('"5.50"', "5.50")
_CORRUPT = bad(None, 2, "corrupt_record")


def _json(content: str, *silver: object, name: str = "export.json", encoding: str = "utf-8", **outcome: object) -> Case:
    return Case({name: text(content, encoding)}, silver, **outcome)  # type: ignore[arg-type]


CASES: Mapping[str, Case] = {
    "JSON lines": Case({"a.jsonl": lines(*map(json.dumps, _TWO))}, BOTH),
    "JSON lines under ndjson, CR LF": _json(f"{record()}\r\n{record('R-2')}\r\n", *BOTH, name="a.ndjson"),
    "JSON array, an element a line": _json(
        "[\n" + ",\n".join(map(json.dumps, _FOUR)) + "\n]\n", *[kept(f"R-{number}", number) for number in range(1, 5)]
    ),
    "JSON array in one line": _json(json.dumps(_TWO), *BOTH),
    "JSON array, pretty": _json(json.dumps(_TWO, indent=2), *BOTH),
    "JSON array, pretty, tabs, CR LF": _json(
        json.dumps(_TWO, indent="\t").replace("\n", "\r\n"), *BOTH, name="a.jsonl"
    ),
    "JSON array under jsonl": _json(json.dumps(_TWO), *BOTH, name="a.jsonl"),
    "JSON array without elements": _json("[]\n"),
    "JSON objects one behind the other": _json(record() + record("R-2"), *BOTH),
    "JSON objects, pretty": _json(_PRETTY, *BOTH),
    "one JSON object": _json(json.dumps(DEFAULTS, indent=1), kept()),
    "JSON with a mark": _json(json.dumps(_TWO), *BOTH, encoding="utf-8-sig"),
    "JSON as UTF-16": _json(json.dumps(_TWO), *BOTH, encoding="utf-16"),
    "JSON numbers": _json(_NATIVE.replace("5.50", "1.005"), kept(amount="1.01")),
    "JSON keys in other case": _json(record().replace("return_id", "Return-ID").replace('"sku"', '"SKU"'), kept()),
    "JSON escapes": _json(
        record(reason="x").replace('"x"', r'"gr\u00f6\u00dfe \"\n\ud83d\udca5"'), kept(reason='größe " \U0001f4a5')
    ),
    "JSON keys missing and null": Case(
        {
            "a.jsonl": lines(
                record(reason=None, customer_id=None), json.dumps({"return_id": "R-2", "sku": "MUG", "qty": 1})
            )
        },
        [kept(reason="unspecified", customer_id=None)],
        [bad("R-2", 2, "order_id_missing", "amount_missing", "return_date_missing")],
    ),
    "JSON of MongoDB": Case(
        {
            "m.jsonl": lines(
                record(),
                record(
                    "R-2",
                    amount={"$numberDecimal": "5.50"},
                    ingest_ts={"$date": "2026-11-12T08:00:00Z"},
                    _id={"$oid": "5f"},
                ),
            )
        },
        [kept()],
        [bad("R-2", 2, "amount_invalid", "ingest_ts_invalid")],
        warnings=["unknown columns, which stay in the landed file only: _id"],
    ),
    "JSON with a nested id": Case(
        {"a.jsonl": lines(record(), record("R-2", order_id={"id": 1}))}, [kept()], [_CORRUPT]
    ),
    "JSON nested below one key": _json(
        json.dumps({"refunds": [{"id": 5, "order_id": 4, "refund_line_items": [{"quantity": 1}]}]}, indent=1),
        rejected={"refunds.json": "their keys are refunds"},
        name="refunds.json",
    ),
    "JSON of other keys": _json('{"id": 1, "total": 3}\n', rejected={"export.json": "their keys are id, total"}),
    "JSON that is not strict": Case(
        {
            "a.jsonl": lines(
                record(),
                record("R-2").replace('"', "'"),
                record("R-3", qty=1).replace("1,", "NaN,"),
                record("R-4"),
                record("R-5")[:-1] + ', "sku": "X"}',
                "R-6",
                '"R-7"',
                "[1]",
            )
        },
        [kept(), kept("R-4", 4)],
        [bad(None, number, "corrupt_record") for number in (2, 3, 5, 6, 7, 8)],
    ),
    "JSON line cut": _json(f"{record()}\n{record('R-2')[:-20]}", kept(), quarantined=[_CORRUPT], name="a.jsonl"),
    "JSON array cut": _json(json.dumps(_TWO, indent=1)[:-30], rejected={"export.json": "is not closed"}),
    "JSON array with text behind": _json(
        json.dumps(_TWO) + "\nx", rejected={"export.json": "text follows in line 2 behind"}
    ),
    "JSON in a string is no record": _json(
        record(reason='{"return_id": "R-9"}\n' + record("R-9")) + "\n" + record("R-2") + "\n",
        kept(reason=" ".join(f'{{"return_id": "R-9"}}\n{record("R-9")}'.split()).lower().replace("r-9", "R-9")),
        kept("R-2", 2),
    ),
    "JSON under csv": _json(record() + "\n", rejected={"a.csv": "looks like JSON"}, name="a.csv"),
    "JSON array under csv": _json(
        json.dumps(_TWO, indent=1), rejected={"a.csv": "looks like a JSON array"}, name="a.csv"
    ),
    "CSV under json": _json(table(line()), rejected={"a.json": "CSV"}, name="a.json"),
    "CSV of two rows under jsonl": _json(TWO, rejected={"a.jsonl": "CSV"}, name="a.jsonl"),
}
