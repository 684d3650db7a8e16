"""Delimited text of every kind: headers, delimiters, encodings, quotes, ragged rows."""

from __future__ import annotations

import codecs
from collections.abc import Mapping

from landing import COLUMNS
from landing_case import BOTH, HEADER, ONE, TWO, Case, bad, kept, line, raw, table, text

_COMMA_ROW = "columns return_id, order_id, sku, qty, amount, return_date are missing"
_PHANTOM = "R-2,O-9,C-9,MUG,damaged,1,9999.00,2026-11-11,2026-11-12T09:00:00Z"
_MAIL = f'"torn, see mail:\n{_PHANTOM}\nthanks"'
_MAIL_KEPT = f"torn, see mail: {_PHANTOM.lower().replace('r-2', 'R-2')} thanks"


def one_file(content: str, *silver: object, name: str = "a.csv", encoding: str = "utf-8", **outcome: object) -> Case:
    return Case({name: text(content, encoding)}, silver, **outcome)  # type: ignore[arg-type]


def rejected(content: str, words: str, name: str = "a.csv", encoding: str = "utf-8") -> Case:
    return Case({name: text(content, encoding)}, rejected={name: words})


def _separated(mark: str) -> str:
    return table(line("R-1", mark), line("R-2", mark), header=HEADER.replace(",", mark))


_UPPER = HEADER.upper().replace("_", " ")
_EXCEL = table(line("R-1", "\t", reason="größe"), header=HEADER.replace(",", "\t"), end="\r\n")
_GROESSE = kept(reason="größe")

CASES: Mapping[str, Case] = {
    "plain": one_file(TWO, *BOTH),
    # headers
    "header in other case": one_file(TWO.replace("return_id", "Return_ID").replace("sku", "SKU"), *BOTH),
    "header upper case with blanks": one_file(TWO.replace(HEADER, _UPPER), *BOTH),
    "header with hyphens": one_file(TWO.replace(HEADER, HEADER.replace("_", "-")), *BOTH),
    "header with blanks around names": one_file(TWO.replace(HEADER, f" {HEADER.replace(',', ' , ')} "), *BOTH),
    "header quoted with blanks behind commas": one_file(
        TWO.replace(HEADER, ", ".join(f'"{name}"' for name in COLUMNS)), *BOTH
    ),
    "rows quoted with blanks behind commas": one_file(
        table('"R-1", "O-1", "C-1", "MUG" , "too, big", "1", "5.50", "2026-11-11", "2026-11-12T08:00:00Z"'),
        kept(reason="too, big"),
    ),
    "optional columns in other case": one_file(
        table(
            line(reason="wrong size"),
            line(reason="wrong size", amount="7.50", ingest_ts="2026-11-13T08:00:00Z"),
            header=HEADER.replace("customer_id", "Customer_ID").replace("reason", "Reason").replace("ingest", "Ingest"),
        ),
        kept(record=2, reason="wrong size", amount="7.50", ingest_ts="2026-11-13 08:00:00+00:00"),
    ),
    "columns in another order": one_file(
        "amount,sku,qty,return_date,order_id,return_id\n5.50,MUG,1,2026-11-11,O-1,R-1\n",
        kept(customer_id=None, reason="unspecified", ingest_ts=None),
    ),
    "unknown columns": one_file(
        table(line(ingest_ts="2026-11-12T08:00:00Z,blue"), header=f"{HEADER},Colour"),
        kept(),
        warnings=["has unknown columns, which stay in the landed file only: Colour"],
    ),
    "duplicate names": rejected(table(line() + ",x", header=f"{HEADER},sku"), "its columns 'sku', 'sku' have one name"),
    "duplicate names in other case": rejected(
        table(line() + ",x", header=f"{HEADER},Return-Id"), "its columns 'return_id', 'Return-Id' have one name"
    ),
    "duplicate names of unknown columns": rejected(
        table(line() + ",x,y", header=f"{HEADER},Tag,tag"), "its columns 'Tag', 'tag' have one name"
    ),
    "header repeated in the middle": one_file(table(line(), HEADER, line("R-2"), HEADER), *BOTH),
    "header only": one_file(table()),
    "no header": rejected(f"{line()}\n{line('R-2')}\n", _COMMA_ROW),
    "header of a shop": rejected(
        "Return ID,Order,SKU,Quantity,Return reason,Refunded amount,Created at\n"
        "#1001-R1,#1001,MUG,1,Defective,5.50,2026-11-11 10:00:00 -0500\n",
        "columns order_id, qty, amount, return_date are missing in its header, which is Return ID, Order, SKU",
    ),
    "header of a marketplace": rejected(
        '"return-date","order-id","sku","asin","quantity","reason"\n"2026-11-11T10:00:00+00:00","1","M","B","1","X"\n',
        "columns return_id, qty, amount are missing in its header, which is return-date, order-id, sku, asin",
    ),
    "one column missing": rejected(table(line(amount=None), header=HEADER.replace(",amount", "")), "column amount is"),
    # comments and blank lines
    "comment line above the header": rejected(f"# exported 2026-11-12 by ERP\n{TWO}", 'read: {comment: "#"}'),
    "comment line of dashes": rejected(f"-- exported\n{TWO}", 'read: {comment: "--"}'),
    "comment line in the middle": one_file(
        table(line(), "# page 2", line("R-2")), kept(), kept("R-2", 3), quarantined=[bad(None, 2, "corrupt_record")]
    ),
    "blank lines": one_file(f"\n\r\n{HEADER}\n\n{line()}\n\n\n{line('R-2')}\n\n", *BOTH),
    "a line of blanks": one_file(table(line(), "   "), kept(), quarantined=[bad(None, 2, "corrupt_record")]),
    # delimiters
    "semicolons": one_file(_separated(";"), *BOTH),
    "bars": one_file(_separated("|"), *BOTH),
    "tabs under csv": one_file(_separated("\t"), *BOTH),
    "tabs under tsv and txt": Case(
        {"fba_returns.txt": text(_separated("\t")), "b.tsv": text(_separated("\t").replace("R-", "R-b"))},
        [*BOTH, kept("R-b1"), kept("R-b2", 2)],
    ),
    "sep line": one_file("sep=;\r\n" + _separated(";").replace("\n", "\r\n"), *BOTH),
    "sep line of a comma": one_file(f"SEP=,\n{TWO}", *BOTH),
    "sep line of a rare mark": one_file('"sep=^"\n' + _separated("^"), *BOTH),
    "semicolons and decimal commas": rejected(
        _separated(";").replace("5.50", "1234,56"), "it is separated by `;` and has amounts with a decimal comma"
    ),
    "tabs and decimal commas": rejected(
        _separated("\t").replace("5.50", "5,50"), '`amount: {from: amount, decimal: ","}`'
    ),
    "thousands separators": one_file(
        table(line(), line("R-2", amount='"1,234.56"')), kept(), quarantined=[bad("R-2", 2, "amount_invalid")]
    ),
    "trailing delimiter in rows": one_file(table(f"{line()},", f"{line('R-2')},"), *BOTH),
    "trailing delimiters everywhere": one_file(table(f"{line()},,", f"{line('R-2')},,", header=f"{HEADER},,"), *BOTH),
    "ragged rows": one_file(
        table(line(), "R-2,O-1,C-1", f"{line('R-3')},x", line("R-4")),
        kept(),
        kept("R-4", 4),
        quarantined=[bad(None, 2, "corrupt_record"), bad(None, 3, "corrupt_record")],
    ),
    "line ends of CR": one_file(table(line(), line("R-2"), end="\r"), *BOTH),
    "line ends of CR LF": one_file(table(line(), line("R-2"), end="\r\n"), *BOTH),
    "line ends mixed": one_file(f"{HEADER}\r\n{line()}\r{line('R-2')}", *BOTH),
    # quotes
    "line break in quotes": one_file(
        table(line(reason='"too big\nand torn"'), line("R-2")), kept(reason="too big and torn"), kept("R-2", 2)
    ),
    "phantom row in quotes": one_file(
        table(line("R-2"), line(reason=_MAIL)), kept("R-2"), kept(record=2, reason=_MAIL_KEPT)
    ),
    "phantom rows in quotes between CR": one_file(
        table(line("R-2"), line(reason=_MAIL), end="\r").replace("\n", "\r"),
        kept("R-2"),
        kept(record=2, reason=_MAIL_KEPT),
    ),
    "phantom header in quotes": one_file(
        table(line(reason=f'"\n{HEADER}\n"'), line("R-2")), kept(reason=HEADER), kept("R-2", 2)
    ),
    "doubled quotes": one_file(table(line(reason='"too ""big"", he said"')), kept(reason='too "big", he said')),
    "quote inside an unquoted field": one_file(
        table(line(reason='24" wide'), line("R-2")), kept(reason='24" wide'), kept("R-2", 2)
    ),
    "text behind a closing quote": one_file(
        table(line(), line("R-2", reason='"a"b'), line("R-3")),
        kept(),
        kept("R-3", 3),
        quarantined=[bad(None, 2, "corrupt_record")],
    ),
    "open quote": rejected(
        table(line(), line("R-2", reason='"torn'), line("R-3")), "a quote opens in line 3 (record 2)"
    ),
    "open quote in the last record": rejected(table(line(), line("R-2", ingest_ts='"2026')), "line 3 (record 2)"),
    "escapes of MySQL": one_file(
        table(line(reason='"too \\"big\\""'), line("R-2", reason="\\N"), line("R-3", reason="a\\,b")),
        kept("R-2", 2, reason="unspecified"),
        quarantined=[bad(None, 1, "corrupt_record"), bad(None, 3, "corrupt_record")],
    ),
    # encodings
    "cp1252": rejected(
        ONE.replace("damaged", "défectueux"), "its text is not utf-8 at byte offset", "fr.csv", "cp1252"
    ),
    "latin-1 far down": rejected(
        table(*[line(f"R-{n}") for n in range(900)], line("R-x", reason="abîmé")),
        "its text is not utf-8",
        "fr.csv",
        "latin-1",
    ),
    "UTF-8 with a mark": one_file(TWO, *BOTH, encoding="utf-8-sig"),
    "UTF-8 with a mark before quotes": one_file(
        TWO.replace("return_id", '"return_id"', 1), *BOTH, encoding="utf-8-sig"
    ),
    "UTF-16 LE with tabs": Case({"a.csv": text(_EXCEL, "utf-16-le", before=codecs.BOM_UTF16_LE)}, [_GROESSE]),
    "UTF-16 BE with commas": Case(
        {"a.csv": text(_EXCEL.replace("\t", ","), "utf-16-be", before=codecs.BOM_UTF16_BE)}, [_GROESSE]
    ),
    "UTF-16 without a mark": rejected(TWO, "it looks like UTF-16 without a byte-order mark", encoding="utf-16-le"),
    "UTF-16 BE without a mark": rejected(TWO, "it looks like UTF-16 without a byte-order mark", encoding="utf-16-be"),
    "UTF-16 cut in a character": Case(
        {"a.csv": text(TWO, "utf-16-le", before=codecs.BOM_UTF16_LE, behind=b"x")},
        rejected={"a.csv": "not utf-16-le"},
    ),
    "UTF-32": Case({"a.csv": text(TWO, "utf-32")}, rejected={"a.csv": "UTF-32"}),
    "NUL bytes": rejected(table(line(), line("R-2", reason="a\0b")), "NUL"),
    "only NUL bytes": Case({"a.csv": raw(b"\0" * 4096)}, rejected={"a.csv": "NUL"}),
    # size
    "a million characters in a field": one_file(
        table(line(customer_id="x" * 1_000_000), line("R-2")), kept(customer_id="x" * 1_000_000), kept("R-2", 2)
    ),
    "a record beyond the limit": rejected(
        table(line(), line("R-2", reason=f'"{"long text " * 1_700_000}"')), "(record 2) and does not close within"
    ),
}
