"""Values of every kind, as delimited text and as JSON: ids, dates, times, what stands for no value, and versions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from landing_case import DEFAULTS, Case, Content, Row, bad, kept, line, parquet, table, text

_NO_TIME = "return_id,order_id,customer_id,sku,reason,qty,amount,return_date"


def _values(column: str, good: Mapping[str, str | None], wrong: Sequence[str], reason: str) -> Case:
    """A file with a record for each value of a column: those that are taken, as they are in silver, then the others."""
    lines = [line(f"R-{number}", **{column: f'"{value}"'}) for number, value in enumerate([*good, *wrong], 1)]
    silver = [kept(f"R-{number}", number, **{column: value}) for number, value in enumerate(good.values(), 1)]
    numbers = range(len(good) + 1, len(lines) + 1)
    return Case({"a.csv": text(table(*lines))}, silver, [bad(f"R-{number}", number, reason) for number in numbers])


def _ids(*wrong: str, good: Sequence[str] = ()) -> Case:
    lines = [line(return_id=f'"{value}"', order_id=f"O-{number}") for number, value in enumerate([*wrong, *good], 1)]
    silver = [
        kept(value, len(wrong) + number, order_id=f"O-{len(wrong) + number}") for number, value in enumerate(good, 1)
    ]
    return Case(
        {"a.csv": text(table(*lines))},
        silver,
        [bad(value, number, "return_id_invalid") for number, value in enumerate(wrong, 1)],
    )


def record(return_id: str = "R-1", **changes: object) -> str:
    return json.dumps({**DEFAULTS, "return_id": return_id, **changes}, ensure_ascii=False)


def lines(*records: str) -> Content:
    return text("".join(f"{one}\n" for one in records))


def _times(time: str) -> str:
    return f"2026-11-12 {time}+00:00"


def _reasons(good: Mapping[str, str]) -> Case:
    """ASCII letters alone are lowered, and the white space of our list alone is trimmed: all else stays as it is."""
    records = [record(f"R-{number}", reason=reason) for number, reason in enumerate(good, 1)]
    return Case(
        {"a.jsonl": lines(*records)},
        [kept(f"R-{number}", number, reason=one) for number, one in enumerate(good.values(), 1)],
    )


def _twenty(amount: str, **changes: str | None) -> list[str]:
    return [line(f"R-{number}", amount=amount, **changes) for number in range(20)]


def _kept_twenty(amount: str, **changes: str | None) -> list[Row]:
    return [kept(f"R-{number}", number + 1, amount=amount, **changes) for number in range(20)]


_CUT = "return_id,order_id,sku,qty,return_date,ingest_ts,amount\nR-{0},O-1,MUG,1,2026-11-11,2026-11-12T08:00:00Z,{1}"
_WHOLE = {f"g{number}.csv": text(f"{_CUT.format(number, '1234.56')}\n") for number in range(20)}
_PART = {f"g{number}.csv": text(_CUT.format(number, "123")) for number in range(20)}
_NANOS = [
    [record(f"R-{n}", amount=amount, ingest_ts=f"2026-11-12T08:00:00.123456{nanos}Z") for n in range(20)]
    for amount, nanos in (("5.50", 100), ("7.50", 900))
]
_AT_MICROS = _times("08:00:00.123456")
_NO_CUSTOMER = {"customer_id": None, "reason": "unspecified"}

CASES: Mapping[str, Case] = {
    "forms of dates": _values(
        "return_date",
        dict.fromkeys(
            (
                *("2026-11-11", " 2026-11-11 ", "2026-11-11 00:00:00", "2026-11-11T00:00:00", "2026-11-11T00:00:00Z"),
                *("2026-11-11 00:00", "2026-11-11T00:00:00.000Z", "2026-11-11 00:00:00.000000", "2026-11-11T00:00Z"),
            ),
            "2026-11-11",
        ),
        [
            *("2026-11-11T22:00:00-05:00", "2026-11-11T00:00:00+01:00", "2026-11-11T08:00:00", "2026-11-11T00:00:01Z"),
            *(
                "2026-11-11 00:00:00.001",
                "31/12/2025",
                "11.11.2026",
                "11/11/2026",
                "2026-W46-3",
                "20261111",
                "2026-11-1",
            ),
            *(
                "2026/11/11",
                "11-Nov-2026",
                "46337",
                "2026-315",
                "1795219200000",
                "11-11-2026",
                "2026-02-30",
                "26-11-11",
            ),
        ],
        "return_date_invalid",
    ),
    "dates out of range": _values(
        "return_date",
        {"1990-01-01": "1990-01-01"},
        ["1989-12-31", "2062-11-11", "9999-12-31"],
        "return_date_out_of_range",
    ),
    "forms of times": _values(
        "ingest_ts",
        {
            **dict.fromkeys(
                (
                    *("2026-11-12T08:00:00Z", "2026-11-12T08:00:00+0000", "2026-11-12 08:00:00+00", "20261112T080000Z"),
                    *("2026-11-12 08:00:00 UTC", "2026-11-12T08:00Z", "2026-11-12T08:00", "2026-11-12 08:00:00"),
                    *("2026-11-12T00:00:00-08:00", "2026-11-12T00:00:00-0800", "2026-11-12T13:30:00+05:30"),
                ),
                _times("08:00:00"),
            ),
            "2026-11-12 08:00:00.123456+01": _times("07:00:00.123456"),
            "2026-11-12 08:00:00.123456 UTC": _times("08:00:00.123456"),
            "2026-11-12T08:00:00,123Z": _times("08:00:00.123000"),
            "2026-11-12T08:00:00.123456789Z": _times("08:00:00.123456"),
            "2026-11-12T08:00:00-08:00": _times("16:00:00"),
            "2026-03-29T02:30:00": "2026-03-29 02:30:00+00:00",
            "": None,
            "NULL": None,
        },
        [
            *("2026-11-12 08:00:00 Europe/Berlin", "2026-11-12T08:00:00+01:00[Europe/Berlin]", "2026-11-12t08:00:00z"),
            *("2026-11-12T24:00:00Z", "2026-11-12T23:59:60Z", "2026-11-12", "1795219200000", "11/12/2026 8:00:00 AM"),
            *("Thu, 12 Nov 2026 08:00:00 +0000", "2026-W46-4", "2026-11-12T08:00:00 GMT", "2026-11-12 8:00:00"),
            *("0001-01-01T00:00:00Z", "2026-11-12T08:00:00+19:00", "2026-02-30T08:00:00Z"),
        ],
        "ingest_ts_invalid",
    ),
    "times of the future": _values(
        "ingest_ts",
        {"2026-11-12T08:00:00Z": _times("08:00:00")},
        ["2062-11-12T08:00:00Z", "9999-12-30T00:00:00Z", "2101-01-01 00:00:00"],
        "ingest_ts_out_of_range",
    ),
    "a time of the future does not win": Case(
        {
            "a.jsonl": lines(record(amount="99999.00", ingest_ts="2062-11-12T08:00:00Z")),
            "b.jsonl": lines(record(amount="9.00", ingest_ts="2026-11-21T08:00:00Z")),
        },
        [kept(amount="9.00", ingest_ts="2026-11-21 08:00:00+00:00")],
        [bad("R-1", 1, "ingest_ts_out_of_range")],
    ),
    "ids that a spreadsheet made": _ids(
        *("5.07739E+12", "5.07739E+12", "1,00045E+12", "1E+05", "1.0e+12", "-2.5E+3", "7.E5", "1.5E3"),
        good=["case-1E5", "1E5", "12e7", "E+12", "1.00045", "1E+05x", "00017"],
    ),
    "numbers": _values(
        "amount",
        {"5.5": "5.50", "1e2": "100.00", " 7 ": "7.00", "+3": "3.00", "2.675": "2.68", "-0.004": "0.00", ".5": "0.50"},
        ["1,234.56", "1 000", "NaN", "inf", "1000000000000", "5,50", "$5.50", "5.50 EUR", "0x10"],
        "amount_invalid",
    ),
    "quantities": _values(
        "qty", {"2.0": "2", "007": "7", "1e2": "100", "+3": "3"}, ["1.5", "two", "2147483648", "1 000"], "qty_invalid"
    ),
    "no values in delimited text": Case(
        {
            "a.csv": text(
                table(
                    *[
                        line(f"R-{n}", customer_id=no, reason=no, ingest_ts=no)
                        for n, no in enumerate(("NULL", "null", "\\N", "", '"NULL"'))
                    ],
                    line("R-5", reason="Null", customer_id="N/A"),
                )
            )
        },
        [
            *[kept(f"R-{n}", n + 1, customer_id=None, reason="unspecified", ingest_ts=None) for n in range(5)],
            kept("R-5", 6, reason="null", customer_id="N/A"),
        ],
    ),
    "NULL as id": Case(
        {
            "n.csv": text(
                table(
                    *[line("NULL", order_id=f"O-{n}", amount=f"{n}.00") for n in range(1, 6)],
                    line("null"),
                    line("\\N"),
                    line("R-8"),
                )
            )
        },
        [kept("R-8", 8)],
        [bad(None, n, "return_id_missing") for n in range(1, 8)],
    ),
    "NULL is a text in JSON": Case(
        {"a.jsonl": lines(record(reason="NULL", customer_id="null"))}, [kept(reason="null", customer_id="null")]
    ),
    "several reasons": Case(
        {"a.csv": text(table(line(), line("R-2", order_id="", qty="0", amount="-1", return_date="")))},
        [kept()],
        [bad("R-2", 2, "order_id_missing", "qty_not_positive", "amount_negative", "return_date_missing")],
    ),
    "ASCII letters alone are lowered": _reasons(
        {
            "café": "café",
            "cafe\u0301": "cafe\u0301",
            "CAFÉ": "cafÉ",
            "GRÖSSE": "grÖsse",
            "damaged\u200b": "damaged\u200b",
            "\ufeffdamaged": "\ufeffdamaged",
            "damaged\u3000": "damaged\u3000",
            "dam\u00adaged": "dam\u00adaged",
            "deﬁcient": "deﬁcient",
            "too\u00a0big": "too big",
            "too\u202fbig": "too\u202fbig",
            "\u202edamaged": "\u202edamaged",
            "İade": "İade",
            "dаmaged": "dаmaged",
            "doesn’t fit": "doesn’t fit",
            "doesn&#39;t fit": "doesn&#39;t fit",
            "dÃ©fectueux": "dÃ©fectueux",
            "\U0001f4a5 Torn\t\n ": "\U0001f4a5 torn",
        }
    ),
    # versions
    "a return with several lines": Case(
        {"rma.csv": text(table(line(), line(sku="LAMP", amount="40.00"), line(sku="TENT", amount="120.00")))},
        [kept(record=3, sku="TENT", amount="120.00")],
        ambiguous=1,
    ),
    "the same line twice": Case({"a.csv": text(table(line(), line()))}, [kept(record=2)]),
    "nanoseconds tell no versions apart": Case(
        {"b.jsonl": lines(*_NANOS[1]), "a.jsonl": lines(*_NANOS[0])},
        _kept_twenty("7.50", ingest_ts=_AT_MICROS),
        ambiguous=20,
    ),
    "copies cut in the last value, then whole ones": Case(
        _PART,
        [kept(f"R-{n}", amount="1234.56", **_NO_CUSTOMER) for n in range(20)],
        later=_WHOLE,
        warnings=["was replaced by other content; it is processed as new"] * 20,
        ambiguous=20,
    ),
    "a correction without ingest_ts": Case(
        {"dt=2026-11-20/full.csv": text(table(*_twenty("5.50", ingest_ts=None), header=_NO_TIME))},
        _kept_twenty("7.50", ingest_ts=None),
        later={"dt=2026-11-21/full.csv": text(table(*_twenty("7.50", ingest_ts=None), header=_NO_TIME))},
    ),
    "a correction without ingest_ts in one run": Case(
        {
            "dt=2026-11-21/a.csv": text(table(*_twenty("7.50", ingest_ts=None), header=_NO_TIME)),
            "dt=2026-11-20/b.csv": text(table(*_twenty("5.50", ingest_ts=None), header=_NO_TIME)),
        },
        _kept_twenty("7.50", ingest_ts=None),
    ),
    "a later file of the day corrects": Case(
        {"a.parquet": parquet()}, [kept(amount="8.00")], later={"0.csv": text(table(line(amount="8")))}, ambiguous=1
    ),
    "a later file of an older version does not": Case(
        {"a.jsonl": lines(record())},
        [kept()],
        later={"b.csv": text(table(line(amount="8", ingest_ts="2026-11-12T07:59:59Z")))},
    ),
    "a rejected file is mended": Case(
        {"a.csv": text(table(line(reason='"torn')))},
        [kept(reason="torn")],
        later={"a.csv": text(table(line(reason='"torn"')))},
    ),
}
