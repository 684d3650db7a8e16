"""The text files of the bad-input corpus: name -> content. A record has a return_id of its own in the whole corpus."""

from __future__ import annotations

import json
from collections.abc import Mapping

COLUMNS = ("return_id", "order_id", "customer_id", "sku", "reason", "qty", "amount", "return_date", "ingest_ts")
HEADER = ",".join(COLUMNS)
GOOD: Mapping[str, object] = {
    "order_id": "O-1",
    "customer_id": "C-1",
    "sku": "MUG",
    "reason": "damaged",
    "qty": 1,
    "amount": 5.5,
    "return_date": "2026-11-11",
    "ingest_ts": "2026-11-12T08:00:00Z",
}


class Token(str):
    """What stands in a line of JSON as it is, quotes included."""


def json_line(return_id: str, **changed: object) -> str:
    """A good return as one line of JSON, some of it changed."""
    members = {"return_id": return_id, **GOOD, **changed}
    texts = (
        f"{json.dumps(name)}: {value if isinstance(value, Token) else json.dumps(value)}"
        for name, value in members.items()
    )
    return "{" + ", ".join(texts) + "}\n"


def csv_line(return_id: str, **changed: object) -> str:
    """A good return as one line of CSV, the values put in as they are."""
    return ",".join(str(value) for value in {"return_id": return_id, **GOOD, **changed}.values()) + "\n"


def json_lines(prefix: str, column: str, *values: object) -> str:
    """Returns `prefix`-1, -2 and so on, which differ in one column."""
    return "".join(json_line(f"{prefix}-{number}", **{column: value}) for number, value in enumerate(values, 1))


def csv_file(*lines: str, header: str = HEADER) -> str:
    return f"{header}\n{''.join(lines)}"


def swapped(line: str, old: str, new: bytes) -> bytes:
    """The line with bytes in it that no text has."""
    assert old in line
    return line.encode().replace(old.encode(), new)


_DIGITS_19 = Token("1234567890123456789")

JSON: Mapping[str, str | bytes] = {
    "json_plain.ndjson": json_line("plain-1") + json_line("plain-2", qty="2"),
    "json_odd +%20#name [1].jsonl": json_line("name-1") + json_line("name-2", sku=None),
    "json_empty.jsonl": "",
    "json_only_empty_lines.json": "\n\r\n\n",
    "json_without_last_line_end.json": json_line("unended-1") + json_line("unended-2").rstrip("\n"),
    "json_truncated.jsonl": json_line("cut-1") + json_line("cut-2")[:60],
    "json_crlf.jsonl": (json_line("crlf-1") + "\n" + json_line("crlf-2")).replace("\n", "\r\n"),
    "json_lone_cr_line_ends.jsonl": (json_line("cr-1") + json_line("cr-2")).replace("\n", "\r"),
    "json_byte_order_mark.jsonl": "\ufeff" + json_line("bom-1") + json_line("bom-2"),
    "json_utf16_le.jsonl": ("\ufeff" + json_line("le-1") + json_line("le-2")).encode("utf-16-le"),
    "json_utf16_be.jsonl": ("\ufeff" + json_line("be-1") + json_line("be-2")).encode("utf-16-be"),
    "json_invalid_utf8.jsonl": json_line("utf8-1").encode()
    + swapped(json_line("utf8-2", reason="caf_"), "_", "é".encode("latin-1"))
    + swapped(json_line("utf8-3", reason="overlong@"), "@", b"\xc0\xaf")
    + swapped(json_line("utf8-4", reason="surrogate@"), "@", b"\xed\xa0\x80")
    + json_line("utf8-5").encode(),
    # The third is a hole that a crash left in a file.
    "json_nul_bytes.jsonl": json_line("nul-1", sku="A\0B")
    + json_line("nul-2", sku=Token('"A\0B"'))
    + "\0\0\0\0\n"
    + json_line("nul-4"),
    "json_control_signs.jsonl": json_line("control-1", reason="wrong\t \vsize")
    + json_line("control-2", reason=Token('"wrong\tsize"'))
    + json_line("control-3", reason=Token('"wrong\x0bsize"')),
    "json_unicode_line_ends.jsonl": json_line("separator-1", reason=Token('"a\u2028b"'))
    + json_line("separator-2", reason=Token('"a\x85b"')),
    "json_half_of_a_surrogate_pair.jsonl": json_line("half-1", sku=Token('"\\ud800"'))
    + json_line("half-2", sku=Token('"\\ud83d\\ude00"')),
    "json_array_in_one_line.json": f"[{json_line('row-1').strip()}, {json_line('row-2').strip()}]\n",
    "json_array_over_lines.json": f"[\n{json_line('array-1').strip()},\n{json_line('array-2')}]\n",
    "json_object_over_lines.json": json.dumps(json.loads(json_line("spread-1")), indent=2) + "\n",
    "json_no_objects.jsonl": 'null\n42\n"text"\ntrue\n[]\n',
    "json_text_behind_object.jsonl": json_line("behind-1").strip()
    + json_line("behind-2")
    + json_line("behind-3").strip()
    + ",\n"
    + json_line("behind-4").strip()
    + " // a comment\n"
    + json_line("behind-5").strip()
    + " \t \n",
    "json_lenient_dialects.jsonl": json_line("lenient-1").replace('"', "'")
    + json_line("lenient-2").replace("}", ",}")
    + json_line("lenient-3").replace('"sku"', "sku")
    + json_line("lenient-4", qty=Token("01"))
    + json_line("lenient-5", amount=Token(".5"))
    + json_line("lenient-6", sku=Token("None")),
    "json_key_twice.jsonl": json_line("twice-1").replace("}", ', "sku": "MUG"}')
    + json_line("twice-2").replace("}", ', "note": 1, "note": 2}')
    + json_line("twice-3", note=Token('{"a": 1, "a": 2}')),
    "json_nested.jsonl": json_line("nested-1", sku={"code": "MUG"})
    + json_line("nested-2", qty=[1])
    + json_line("nested-3", customer_id={})
    + json_line("nested-4", note={"by": ["web", {"page": 1}]}),
    "json_nan_and_infinity.jsonl": json_lines(
        "nan", "amount", Token("NaN"), Token("Infinity"), Token("-Infinity"), "NaN", "Infinity", "-inf"
    )
    + json_line("nan-7", qty="nan"),
    "json_1e400.jsonl": json_lines("huge", "amount", Token("1e400"), Token("-1e400"), "1E+400", Token("1e-400"))
    + json_line("huge-5", qty=Token("1e400")),
    "json_19_digits.jsonl": json_line("digits-1", amount=_DIGITS_19)
    + json_line("digits-2", qty=_DIGITS_19)
    + json_line(_DIGITS_19, order_id=_DIGITS_19)
    + json_line("digits-4", amount="0.1234567890123456789"),
    "json_cents.jsonl": json_lines(
        "cents",
        "amount",
        *map(Token, ("10.005", "1.005", "2.675", "10.004999999999999999", "-0.004", "-0.006", "999999999999.99")),
        *("10.005", Token("1e12"), Token("1.5e1"), "-0"),
    ),
    "json_separators_in_numbers.jsonl": json_lines(
        "separators", "amount", "1,000.00", "1.000,00", "1 000", "1_000", "1'000", "5,50", "$5.50", "5.50 EUR"
    )
    + json_line("separators-9", qty="1,000"),
    "json_quantities.jsonl": json_lines(
        "qty",
        "qty",
        "2.0",
        Token("2e1"),
        "2.5",
        "two",
        True,
        "",
        " ",
        None,
        0,
        -1,
        2147483647,
        2147483648,
        "0x10",
        "２",
    ),
    "json_dates.jsonl": json_lines(
        "date",
        "return_date",
        *("2023-02-30", "2023-02-29", "2024-02-29", "0001-01-01", "9999-12-31", "1989-12-31", "1990-01-01"),
        *("2026-11-21", "2026-11-22", "31/12/24", "12/31/2024", "20261111", "2026-1-5", "2026-11-11T00:00:00Z"),
        *(" 2026-11-11 ", "", None, "today", "10000-01-01", "2026-13-01", 20261111, 1793836800000),
    ),
    # What has no offset is in Europe/Berlin: 4 is in the hour that spring leaves out there, 5 in the one that autumn
    # repeats, 6 in one that spring leaves out in Los Angeles.
    "json_timestamps.jsonl": json_lines(
        "moment",
        "ingest_ts",
        *("2026-11-12T08:00:00+02:00", "2026-11-12 08:00:00-08:00", "2026-11-12T08:00:00.123456789Z"),
        *("2026-03-29T02:30:00", "2026-10-25T02:30:00", "2026-03-08T02:30:00", "2026-10-25T02:30:00+01:00"),
        *("2026-07-01 12:00:00.5", "0001-01-02T00:00:00Z", "9999-12-30T23:59:59.999999Z", None, ""),
        *("2026-11-12", "12/11/2026 08:00", "2026-11-12T08:00:00 Europe/Berlin", "2026-02-30T08:00:00Z"),
        *("2026-11-12T25:00:00Z", "2026-11-12T08:00:00+19:00", "now", "infinity", 1763020800000, 1763020800),
    ),
    "json_keys_of_other_case.jsonl": json_line("case-1").replace("return_id", "Return_ID")
    + json_line("case-2", SKU="LAMP", Qty=7),
    "json_our_keys_missing.jsonl": "{}\n" + json_line("fewer-2").replace("qty", "quantity"),
    "json_column__corrupt_record.jsonl": json_line(
        "own-1", _corrupt_record="x", source_file="x", raw_record="x", is_corrupt=True, batch_id="x", _metadata="x"
    ),
    "json_over_long_line.jsonl": json_line("long-1") + json_line("long-2", sku="X" * 3000),
    "csv_named_jsonl.jsonl": csv_file(csv_line("alias-1"), csv_line("alias-2")),
    "json_named_txt.txt": json_line("txt-1"),
}

_UNKNOWN = ",note"
_REORDERED = "note,amount,ingest_ts,reason,return_date,qty,sku,return_id,customer_id,order_id"

CSV: Mapping[str, str | bytes] = {
    "csv_empty.csv": "",
    "csv_only_empty_lines.csv": "\n\r\n\n",
    "csv_header_only.csv": csv_file(),
    "csv_without_header.csv": csv_line("headless-1") + csv_line("headless-2"),
    "csv_truncated.csv": csv_file(csv_line("short-1"), csv_line("short-2")[:30]),
    "csv_crlf.csv": csv_file(csv_line("ccrlf-1"), "\n", csv_line("ccrlf-2")).replace("\n", "\r\n"),
    "csv_lone_cr_line_ends.csv": csv_file(csv_line("ccr-1"), csv_line("ccr-2")).replace("\n", "\r"),
    "csv_byte_order_mark.csv": "\ufeff" + csv_file(csv_line("cbom-1")),
    "csv_byte_order_mark_and_quotes.csv": "\ufeff"
    + csv_file(
        '"qbom-1","O-1",,"MUG","damaged","1","5.50","2026-11-11",""\n', header=f'"{HEADER}"'.replace(",", '","')
    ),
    "csv_utf16.csv": ("\ufeff" + csv_file(csv_line("utf16-1"))).encode("utf-16-le"),
    "csv_header_in_latin1.csv": csv_file(csv_line("latin-1", note="x"), header=HEADER + ",größe").encode("latin-1"),
    "csv_invalid_utf8.csv": csv_file(csv_line("cutf8-1")).encode()
    + swapped(csv_line("cutf8-2", reason="caf_"), "_", "é".encode("latin-1"))
    + csv_line("cutf8-3").encode(),
    "csv_nul_bytes.csv": csv_file(csv_line("cnul-1", sku="A\0B"), csv_line("cnul-2", qty="1\0"), "\0\0\0\0\n"),
    "csv_reordered_header.csv": csv_file(
        "n,5.50,2026-11-12T08:00:00Z,damaged,2026-11-11,1,MUG,order-1,C-1,O-1\n", header=_REORDERED
    ),
    "csv_header_of_other_case.csv": csv_file(csv_line("upper-1"), header=HEADER.upper()),
    "csv_required_column_missing.csv": csv_file("lacking-1,O-1,1,5.50,2026-11-11\n", header=HEADER.replace("sku,", "")),
    "csv_optional_columns_missing.csv": csv_file(
        "optional-1,O-1,MUG,1,5.50,2026-11-11\n", header="return_id,order_id,sku,qty,amount,return_date"
    ),
    "csv_column_twice.csv": csv_file(csv_line("again-1", sku2="LAMP"), header=HEADER + ",sku"),
    "csv_unknown_column_twice.csv": csv_file(csv_line("notes-1", a="x", b="y"), header=HEADER + _UNKNOWN * 2),
    "csv_column__corrupt_record.csv": csv_file(
        csv_line("cown-1", a="x", b="y", c="z"), header=HEADER + ",_corrupt_record,source_file,_metadata"
    ),
    "csv_column_without_name.csv": csv_file(csv_line("comma-1", a=""), csv_line("comma-2"), header=HEADER + ","),
    "csv_short_and_long_rows.csv": csv_file(
        csv_line("width-1"), "width-2,O-1\n", csv_line("width-3", more="x"), "width-4\n", csv_line("width-5")
    ),
    "csv_semicolons.csv": csv_file(csv_line("semicolon-1")).replace(",", ";"),
    "csv_unterminated_quote.csv": csv_file(csv_line("quote-1", sku='"MUG'), csv_line("quote-2"), csv_line("quote-3")),
    "csv_unterminated_quote_in_header.csv": csv_file(csv_line("unquoted-1"), header='"' + HEADER),
    "csv_line_break_in_quotes.csv": csv_file(csv_line("break-1", reason='"too\nbig"'), csv_line("break-2")),
    "csv_crlf_in_quotes.csv": csv_file(csv_line("cbreak-1", reason='"too\nbig"'), csv_line("cbreak-2")).replace(
        "\n", "\r\n"
    ),
    "csv_quotes.csv": csv_file(
        csv_line("quotes-1", reason='"too big, ""really"""'),
        csv_line("quotes-2", reason='"too \\"big\\""'),
        csv_line("quotes-3", sku='MUG"7'),
        csv_line("quotes-4", sku='"MUG"7'),
        csv_line("quotes-5", sku=' "MUG"'),
        csv_line("quotes-6", sku="'MUG'"),
        csv_line("quotes-7", sku='""'),
        csv_line("quotes-8", amount='"1,000.00"'),
        csv_line("quotes-9", reason="too\\,big"),
    ),
    "csv_header_again.csv": csv_file(csv_line("concatenated-1"), HEADER + "\n", csv_line("concatenated-2")),
    "csv_white_space.csv": csv_file(
        csv_line("\u00a0blank-1 ", sku="\tmug\x0b", reason=" Wrong \u00a0 Size ", qty=" 1 "),
        csv_line("blank-2", sku="\u00a0", qty=" ", ingest_ts=" "),
        csv_line("blank-3", sku="a\u2003b", reason=""),
        "   \n",
    ),
    "csv_letters_beyond_ascii.csv": csv_file(csv_line("letters-1", sku="straße-ı", reason="ÄRGER İ")),
    "csv_values.csv": csv_file(
        csv_line("values-1", return_date="31/12/24", amount="1e400", qty="1e400", ingest_ts="1763020800000"),
        csv_line("values-2", amount="10.005", qty="2.0", return_date="2024-02-29", ingest_ts="2026-03-29T02:30:00"),
        csv_line("values-3", amount="NaN", qty="2.5", return_date="2023-02-30", ingest_ts="2026-11-12"),
        csv_line("values-4", amount="-1", qty="-1", return_date="9999-12-31", order_id="", sku=""),
        csv_line("values-5", amount="NULL", qty="null", return_date="\\N", ingest_ts="None"),
        csv_line("", amount="", qty="", return_date="", ingest_ts=""),
    ),
    "csv_over_long_line.csv": csv_file(csv_line("clong-1"), csv_line("clong-2", sku="X" * 3000)),
    "json_named_csv.csv": json_line("calias-1"),
}
