"""Text files as records: what they are packed with, their encoding, their layout, and the rows that come out."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources import delimited_columns, text_records, unpacking
from pyspark_interview_project.sources.text_opening import decoded_blocks, encoding_of
from pyspark_interview_project.sources.text_records import Layout, ReadOptions, read_records, record_schema
from text_reading import told_layout

CSV, JSON = ReadOptions("delimited"), ReadOptions("json")
WANTED = ("id", "note", "amount")
Row = tuple[object, ...]  # the values, raw_record, problem, source_record

NONE = (None, None, None)
FIRST = "R-1,torn,5.50"
FIRST_ROW: Row = ("R-1", "torn", "5.50", FIRST, None, 1)
SECOND_ROW: Row = ("R-2", "blue", "7.00", "R-2,blue,7.00", None, 2)
BOTH = [FIRST_ROW, SECOND_ROW]
PLAIN = "id,note,amount\nR-1,torn,5.50\nR-2,blue,7.00\n"
EXCEL = "ID\tNote\tAmount\r\nR-1\tä€\t5.50\r\n"

PACK: Mapping[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda content: bytes(pa.compress(content, "zstd", asbytes=True)),
}


@dataclass(frozen=True)
class Case:
    content: bytes
    rows: list[Row]
    options: ReadOptions = CSV
    names: tuple[str, ...] = WANTED
    unknown: list[str] = field(default_factory=list)


def text(content: str, *rows: Row, names: tuple[str, ...] = WANTED, **options: object) -> Case:
    return Case(content.encode(), list(rows), replace(CSV, **options), names)  # type: ignore[arg-type]


def document(content: str, *rows: Row, unknown: Sequence[str] = ()) -> Case:
    return Case(content.encode(), list(rows), JSON, unknown=list(unknown))


def corrupt(raw: str, problem: str, number: int) -> Row:
    return (*NONE, raw, problem, number)


A, B = '{"ID": "R-1", "Note": "torn", "amount": 5.50}', '{"id": "R-2", "note": null, "amount": "7"}'
A_ROW: Row = ("R-1", "torn", "5.50", A, None, 1)
B_ROW: Row = ("R-2", None, "7", B, None, 2)
PRETTY = json.dumps(json.loads(B), indent=2)
NO_OBJECT = "not one strict JSON object"

CASES = {
    "plain": text(PLAIN, *BOTH),
    "CR LF, no line end at the end": text("id,note,amount\r\nR-1,torn,5.50\r\nR-2,blue,7.00", *BOTH),
    "CR": text("id,note,amount\rR-1,torn,5.50\rR-2,blue,7.00\r", *BOTH),
    "blank lines are no records": text("\n\nid,note,amount\n\nR-1,torn,5.50\n\n\nR-2,blue,7.00\n\n", *BOTH),
    "header only": text("id,note,amount\n"),
    "header in other case, with blanks and hyphens": text(
        " ID , Return-Date ,Order No\nR-1,,3\n",
        ("R-1", "", "3", "R-1,,3", None, 1),
        names=("id", "return_date", "order_no"),
    ),
    "blanks behind commas before quotes": text('"id", "note", "amount"\nR-1,torn,5.50\n', FIRST_ROW),
    "phantom row in a quoted note": text(
        'id,note,amount\nR-1,"mail:\nR-9,blue,9999.00\nthanks",5.50\nR-2,blue,7.00\n',
        ("R-1", "mail:\nR-9,blue,9999.00\nthanks", "5.50", 'R-1,"mail:\nR-9,blue,9999.00\nthanks",5.50', None, 1),
        SECOND_ROW,
    ),
    "MySQL's escapes": text(
        'id,note,amount\nR-1,"too \\"big\\"",1\nR-2,\\N,2\nR-3,a\\,b,3\n',
        corrupt('R-1,"too \\"big\\"",1', "quoting", 1),
        ("R-2", None, "2", "R-2,\\N,2", None, 2),
        corrupt("R-3,a\\,b,3", "too many fields", 3),
    ),
    "values that are none": text(
        'id,note,amount\nNULL,"null",\nnulls,Null,NA\n',
        (None, None, "", 'NULL,"null",', None, 1),
        ("nulls", "Null", "NA", "nulls,Null,NA", None, 2),
    ),
    "other values that are none": text(
        "id,note,amount\nNULL,NA,\n", ("NULL", None, None, "NULL,NA,", None, 1), null_values=("NA", "")
    ),
    "no values that are none": text(
        "id,note,amount\nNULL,NA,\n", ("NULL", "NA", "", "NULL,NA,", None, 1), null_values=()
    ),
    "numbers of fields": text(
        "id,note,amount\nR-1\nR-1,a,b,c\nR-1,a,b,,c\n   \nR-2,blue,7.00,,\n,,\n",
        corrupt("R-1", "too few fields", 1),
        corrupt("R-1,a,b,c", "too many fields", 2),
        corrupt("R-1,a,b,,c", "too many fields", 3),
        corrupt("   ", "too few fields", 4),
        ("R-2", "blue", "7.00", "R-2,blue,7.00,,", None, 5),
        ("", "", "", ",,", None, 6),
    ),
    "delimiter at the end of rows": text("id,note,amount\nR-1,torn,5.50,\n", (*FIRST_ROW[:3], FIRST + ",", None, 1)),
    "delimiter at the end of every line": text(
        "id,note,amount,\nR-1,torn,5.50,\n", (*FIRST_ROW[:3], FIRST + ",", None, 1)
    ),
    "delimiter at the end of the header": text("id,note,amount,\nR-1,torn,5.50\n", FIRST_ROW),
    "columns without names": text(
        ",id,,note,,\n0,R-1,x,torn,y,z\n",
        ("0", "R-1", "x", "torn", "0,R-1,x,torn,y,z", None, 1),
        names=("unnamed_1", "id", "unnamed_3", "note"),
    ),
    "repeated header": text("id,note,amount\nR-1,torn,5.50\nid,note,amount\n\nR-2,blue,7.00\nid,note,amount\n", *BOTH),
    "files with byte-order marks, one behind the other": text(
        '\ufeff"id",note,amount\nR-1,torn,5.50\n\ufeff"id",note,amount\n\ufeff"R-2",blue,7.00\n\ufeff\n\ufeff"R\n3"\n',
        FIRST_ROW,
        ("R-2", "blue", "7.00", '"R-2",blue,7.00', None, 2),
        corrupt('"R', "quoting", 3),
        corrupt('3"', "too few fields", 4),
    ),
    "comments": text(
        '# by "ERP\n\n#\nid,note,amount\nR-1,torn,5.50\n# R-2,"x"\nR-2,#blue,7.00\n# a,"\nR-3,c,d"\n',
        FIRST_ROW,
        ("R-2", "#blue", "7.00", "R-2,#blue,7.00", None, 2),
        corrupt('# a,"\nR-3,c,d"', "quotes in a comment", 3),
        comment="#",
    ),
    "lines to skip": text('Report, "Q1\r\n\rid,note,amount\r\nR-1,torn,5.50\n', FIRST_ROW, skip_lines=2),
    "lines to skip, CR LF": text("Report\r\nof\r\nid,note,amount\r\nR-1,torn,5.50\n", FIRST_ROW, skip_lines=2),
    "line that sets the delimiter": text(
        "sep=;\r\nid;note\r\n1;a,b\r\n", ("1", "a,b", "1;a,b", None, 1), names=WANTED[:2]
    ),
    "line that sets a rare delimiter": text('"sep=^"\nid^note\n1^a', ("1", "a", "1^a", None, 1), names=WANTED[:2]),
    "line that sets a tab": text("SEP=\t\nid\tnote\n1\ta,b\n", ("1", "a,b", "1\ta,b", None, 1), names=WANTED[:2]),
    "a feed's delimiter against that line": text(
        "sep=;\nid^note\n1^a", ("1", "a", "1^a", None, 1), names=WANTED[:2], delimiter="^"
    ),
    "semicolons and decimal commas": text(
        "id;note;amount\nR-1;torn;1234,56\n", ("R-1", "torn", "1234,56", "R-1;torn;1234,56", None, 1)
    ),
    "bars": text("id|note|a,b,c,d\n1|2|3\n", ("1", "2", "3", "1|2|3", None, 1), names=("id", "note", "a,b,c,d")),
    "quotes that are text": text(
        'id,note,amount\n"R,"a"b,6"\n', ('"R', '"a"b', '6"', '"R,"a"b,6"', None, 1), quote=None
    ),
    "other quotes": text("id,note,amount\n'R,1',a\"b,6\n", ("R,1", 'a"b', "6", "'R,1',a\"b,6", None, 1), quote="'"),
    "UTF-16LE, tabs": Case(b"\xff\xfe" + EXCEL.encode("utf-16-le"), [("R-1", "ä€", "5.50", "R-1\tä€\t5.50", None, 1)]),
    "UTF-16BE, tabs": Case(b"\xfe\xff" + EXCEL.encode("utf-16-be"), [("R-1", "ä€", "5.50", "R-1\tä€\t5.50", None, 1)]),
    "UTF-16LE without a mark": Case(
        EXCEL.encode("utf-16-le"),
        [("R-1", "ä€", "5.50", "R-1\tä€\t5.50", None, 1)],
        replace(CSV, encodings=("utf-8", "utf-16-le")),
    ),
    "cp1252 where utf-8 does not fit": Case(
        "id,note,amount\nR-1,ß“,1\nR-2,abîmé,2\n".encode("cp1252"),
        [("R-1", "ß“", "1", "R-1,ß“,1", None, 1), ("R-2", "abîmé", "2", "R-2,abîmé,2", None, 2)],
        replace(CSV, encodings=("utf-8", "cp1252")),
    ),
    "utf-8 where cp1252 comes later": Case(
        "id,note,amount\nR-1,Ã,1\n".encode(),
        [("R-1", "Ã", "1", "R-1,Ã,1", None, 1)],
        replace(CSV, encodings=("utf-8", "cp1252")),
    ),
    "JSON: an object a line": document(f"{A}\n\n{B}\n", A_ROW, B_ROW),
    "JSON: objects one behind the other": document(f"{A}{B}", A_ROW, B_ROW),
    "JSON: pretty-printed": document(f"{A}\n{PRETTY}\n", A_ROW, (*B_ROW[:3], PRETTY, None, 2)),
    "JSON: one array": document(f"[\n{A},\n{B}\n]", A_ROW, B_ROW),
    "JSON: UTF-16": Case(f"{A}\n".encode("utf-16"), [A_ROW], JSON),
    "JSON: no text": document(""),
    "JSON: unknown keys": document(
        '{"x": {"a": 1}, "id": "1"}\n{"x": 2, "Y z": 3, "id": "2"}\n',
        ("1", None, None, '{"x": {"a": 1}, "id": "1"}', None, 1),
        ("2", None, None, '{"x": 2, "Y z": 3, "id": "2"}', None, 2),
        unknown=["x", "Y z"],
    ),
    "JSON: NULL is a value": document('{"id": "NULL"}', ("NULL", None, None, '{"id": "NULL"}', None, 1)),
    "JSON: nested values": document(
        '{"id": 1, "Amount": {"$numberDecimal": "5.50"}}\n{"id": 1, "note": {"x" : 1}, "amount": [1]}\n',
        ("1", None, '{"$numberDecimal":"5.50"}', '{"id": 1, "Amount": {"$numberDecimal": "5.50"}}', None, 1),
        corrupt('{"id": 1, "note": {"x" : 1}, "amount": [1]}', "nested value in note", 2),
    ),
    "JSON: corrupt records": document(
        '{"id": 1, "ID": 2}\n{"id": 1, "id": 2}\n{"id": NaN}\nx\n',
        corrupt('{"id": 1, "ID": 2}', "two keys named id", 1),
        corrupt('{"id": 1, "id": 2}', NO_OBJECT, 2),
        corrupt('{"id": NaN}', NO_OBJECT, 3),
        corrupt("x", NO_OBJECT, 4),
    ),
}

QUOTE_OPENS = "a quote opens in line 3 (record 2) and does not close"

# kind -> the content, the options, and words of the message
REFUSALS: dict[str, tuple[bytes, ReadOptions, Sequence[str]]] = {
    "empty": (b"", CSV, ["it has no header"]),
    "blank lines only": (b"\n \r\n", CSV, ["it has no header"]),
    "all lines skipped": (b"a\nb\n", replace(CSV, skip_lines=3), ["it has no header"]),
    "names that clash": (b"id,Return-Id,return id\n", CSV, ["'Return-Id', 'return id' have one name, return_id"]),
    "text behind a quote in the header": (b'\n"id"x,note\n', CSV, ["its header, in line 2, has text behind"]),
    "open quote": (b'id,note\r\n1,2\r\n3,"4\r\n5,6\r\n', CSV, [QUOTE_OPENS, "quote: null"]),
    "open quote below a repeated header and a comment": (
        b'id,note\n1,2\nid,note\n#\n3,"4\n5,6\n',
        replace(CSV, comment="#"),
        ["opens in line 5 (record 2)"],
    ),
    "open quote below skipped lines": (
        b'Report\nid,note\n1,"2\n3,4\n',
        replace(CSV, skip_lines=1),
        ["opens in line 3 (record 1)"],
    ),
    "open quote in the header": (b'\nid,"note\n1,2\n', CSV, ["opens in line 2 (the header)"]),
    "long record": (
        b"id,note\n1,2\n" + b"x" * 101,
        replace(CSV, max_record_chars=100),
        ["record 2, which begins in line 3, is longer than 100 characters", "max_record_bytes"],
    ),
    "long header": (b"#\n" + b"x" * 101, replace(CSV, max_record_chars=100, comment="#"), ["the header", "line 2"]),
    "long line to skip": (b"x" * 101, replace(CSV, max_record_chars=100, skip_lines=1), ["longer than 100"]),
    "a line that sets a quote as delimiter": (b'sep="\nid,note\n', CSV, ["cannot be one"]),
    "mojibake": ("id\nabîmé\n".encode("cp1252"), CSV, ["not utf-8 at byte offset 5", "`read: {encoding: …}`"]),
    "no encoding fits": (
        b"id\n\xff\x81\n",
        replace(CSV, encodings=("utf-8", "cp1252")),
        ["not utf-8 at byte offset 3, not cp1252 at byte offset 4"],
    ),
    "character cut at the end": ("id\né".encode()[:-1], CSV, ["not utf-8 at byte offset 3"]),
    "UTF-16 cut": ("id\n".encode("utf-16")[:-1], CSV, ["not utf-16-le", "byte-order mark"]),
    "UTF-16 without a mark": (EXCEL.encode("utf-16-le"), CSV, ["looks like UTF-16"]),
    "NUL": (b"id\na\0bcdefg\n", replace(CSV, encodings=("utf-8", "cp1252")), ["NUL"]),
    "packed twice": (gzip.compress(gzip.compress(PLAIN.encode())), CSV, ["packed twice (gzip inside gzip)"]),
    "zstd in bzip2": (bz2.compress(PACK["zst"](b"id\n")), CSV, ["packed twice (zstd inside bzip2)"]),
    "Parquet": (b"PAR1\x15\x04", CSV, ["it is Parquet"]),
    "packed Parquet": (gzip.compress(b"PAR1\x15\x04"), CSV, ["it is Parquet"]),
    "lz4": (b"\x04\x22\x4d\x18abc", JSON, ["lz4", "pack it with gzip or zstd"]),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", CSV, ["Excel"]),
    "text behind gzip": (gzip.compress(PLAIN.encode()) + b"id", CSV, ["gzip and cannot be unpacked to its end"]),
    "text behind bzip2": (bz2.compress(PLAIN.encode()) + b"id", CSV, ["bzip2 and cannot be unpacked to its end"]),
    "text behind xz": (lzma.compress(PLAIN.encode()) + b"id", CSV, ["xz and cannot be unpacked to its end"]),
    "text behind zstd": (PACK["zst"](PLAIN.encode()) + b"id", CSV, ["zstd and cannot be unpacked to its end"]),
    "JSON: open array": (f"[{A},".encode(), JSON, ["array that begins in line 1 is not closed"]),
    "JSON: long record": (
        (f"{A}\n" + " " * 9 + A * 4).encode(),
        replace(JSON, max_record_chars=50),
        ["record 2, which begins in line 2, is longer than 50 characters"],
    ),
}


def rows_of(content: bytes, options: ReadOptions, layout: Layout, unknown: list[str] | None = None) -> list[Row]:
    rows: list[Row] = []
    for batch in read_records(
        io.BytesIO(content), "a.csv", options, layout, None if unknown is None else unknown.extend
    ):
        batch.validate(full=True)
        assert batch.num_rows and batch.schema == record_schema(layout.names)
        *columns, texts, are_corrupt, problems, numbers = (column.to_pylist() for column in batch.columns)
        assert are_corrupt == [problem is not None for problem in problems]
        rows += zip(*columns, texts, problems, numbers)
    return rows


def taken(content: bytes, options: ReadOptions, wanted: Sequence[str] = WANTED) -> list[Row]:
    return rows_of(content, options, told_layout(io.BytesIO(content), "a.csv", options, wanted))


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("block", [1, 256 * 1024])
@pytest.mark.parametrize("least", [1, 256 * 1024], ids=["as columns", "by record"])
def test_read_records_file_of_kind_gives_rows(
    kind: str, block: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[kind]
    monkeypatch.setattr(delimited_columns, "_MIN_CHARS", least)
    monkeypatch.setattr(unpacking, "_BLOCK_BYTES", block)
    monkeypatch.setattr(unpacking, "_LOOK_BYTES", 4)  # as long as a byte-order mark needs
    layout = told_layout(io.BytesIO(case.content), "a.csv", case.options, WANTED)
    unknown: list[str] = []
    assert rows_of(case.content, case.options, layout, unknown) == case.rows
    assert layout.names == case.names
    assert unknown == case.unknown


@pytest.mark.parametrize("kind", REFUSALS)
def test_read_records_file_that_cannot_be_taken_says_why(kind: str) -> None:
    content, options, words = REFUSALS[kind]
    with pytest.raises(UnreadableInputError) as refused:
        taken(content, options)
    assert refused.value.path == "a.csv"
    for word in words:
        assert word in refused.value.problem


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "cp1252"])
def test_layout_of_packed_file_in_encoding_tells_both(packing: str, encoding: str, tmp_path: Path) -> None:
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    path = tmp_path / "a.csv"
    path.write_bytes(PACK[packing](f"{mark}id;note;amount\nR-1;ä;5,50\n".encode(encoding)))
    options = replace(CSV, encodings=("utf-8", "cp1252"))
    layout = told_layout(path, "a.csv", options, WANTED)
    assert layout == Layout(WANTED, ";", encoding.removesuffix("-sig"), header=WANTED)
    (batch,) = read_records(path, "a.csv", options, layout)
    assert batch.column("note").to_pylist() == ["ä"]


@pytest.mark.parametrize("packing", sorted(PACK.keys() - {"none"}))
def test_read_records_packed_file_cut_anywhere_is_refused(packing: str) -> None:
    content = PACK[packing](PLAIN.encode())
    layout = Layout(WANTED, ",", "utf-8")
    for end in range(len(content)):
        with pytest.raises(UnreadableInputError):
            # Without its magic it is text, which has no such header.
            rows = rows_of(content[:end], CSV, layout)
            assert told_layout(io.BytesIO(content[:end]), "a.csv", CSV, WANTED).names != WANTED and not rows
            raise UnreadableInputError("a.csv", "no column")


@pytest.mark.parametrize("packing", sorted(PACK.keys() - {"none"}))
def test_read_records_streams_one_behind_the_other_are_one_text(packing: str) -> None:
    pack = PACK[packing]
    assert taken(pack(b"") + pack(PLAIN.encode()[:20]) + pack(PLAIN.encode()[20:]), CSV) == BOTH


@pytest.mark.parametrize("name", ["a.csv.gz", "a.json.GZIP", "a.csv.bz2", "a.csv.xz", "a.csv.zst"])
def test_encoding_of_empty_file_with_packed_name_is_refused(name: str) -> None:
    with pytest.raises(UnreadableInputError, match="its name says that it is packed"):
        encoding_of(io.BytesIO(), name, ("utf-8",))


def test_encoding_of_excel_workbook_says_what_it_is() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as workbook:
        workbook.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(UnreadableInputError, match="Excel workbook"):
        encoding_of(content, "a.csv", ("utf-8",))


def test_encoding_of_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInputError, match="No such file"):
        encoding_of(tmp_path / "a.csv", "a.csv", ("utf-8",))


def test_decoded_blocks_file_that_changed_its_encoding_is_refused() -> None:
    with pytest.raises(UnreadableInputError, match="not utf-8 at byte offset 300,001"):
        list(decoded_blocks(io.BytesIO(b"x" * 300_001 + b"\xff"), "a.csv", "utf-8"))


def test_read_records_stream_stays_open() -> None:
    stream = io.BytesIO(PACK["zst"](PLAIN.encode()))
    encoding_of(stream, "a.csv", ("utf-8",))
    assert not stream.closed


@pytest.mark.parametrize("options", [CSV, JSON], ids=["delimited", "json"])
def test_read_records_long_file_is_cut_into_batches(options: ReadOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_records, "_BATCH_RECORDS", 1_000)
    lines = [f"{number},x,1" if options is CSV else f'{{"id": "{number}"}}' for number in range(1, 5_001)]
    content = "\n".join([*(["id,note,amount"] if options is CSV else []), *lines]).encode()
    layout = told_layout(io.BytesIO(content), "a.csv", options, WANTED)
    batches = list(read_records(io.BytesIO(content), "a.csv", options, layout))
    assert 1 < len(batches) <= 5
    assert [(row[0], row[3], row[5]) for row in rows_of(content, options, layout)] == [
        (str(number), line, number) for number, line in enumerate(lines, 1)
    ]


def test_read_records_long_records_are_cut_into_batches_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_records, "_BATCH_BYTES", 100_000)
    content = b"id,note,amount\n" + b"\n".join(b"1,2," + b"x" * 50_000 for _ in range(10))
    assert len(list(read_records(io.BytesIO(content), "a.csv", CSV, Layout(WANTED, ",", "utf-8")))) >= 3


def test_read_records_many_shapes_and_keys_are_noted_to_a_bound() -> None:
    content = "".join(f'{{"key {number}": 1, "ID": {number}}}\n' for number in range(1_500)).encode()
    unknown: list[str] = []
    rows = rows_of(content, JSON, Layout(WANTED, None, "utf-8"), unknown)
    assert [row[0] for row in rows] == [str(number) for number in range(1_500)]
    assert unknown == [f"key {number}" for number in range(1_000)]


FIELD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=6) | st.sampled_from(
    [",", '"', '""', "\r\n", "\n", " ", ' "', "sep=;", "a,b", "ä€", "\u2028"]
)


@given(
    st.lists(st.tuples(FIELD, FIELD, FIELD).filter(lambda row: row != ("id", "note", "amount")), max_size=8),
    st.sampled_from(sorted(PACK)),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(",;\t|"),
    # The writer leaves a CR or LF without quotes where it ends no line of its own.
    st.sampled_from(
        [(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_ALL, "\n"), (csv.QUOTE_ALL, "\r")]
    ),
    st.sampled_from([1, 256 * 1024]),
)
@settings(max_examples=300, deadline=None)
def test_read_records_rows_of_pythons_writer_come_back_equal(
    rows: list[tuple[str, ...]], packing: str, encoding: str, delimiter: str, style: tuple[int, str], least: int
) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter, quoting=style[0], lineterminator=style[1]).writerows([WANTED, *rows])
    content = PACK[packing](written.getvalue().encode(encoding))
    options = replace(CSV, null_values=())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited_columns, "_MIN_CHARS", least)
        found = taken(content, options)
    assert [row[:3] for row in found] == rows
    assert [row[4:] for row in found] == [(None, number) for number in range(1, len(rows) + 1)]


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_read_records_packed_file_with_a_flipped_bit_is_refused_or_the_same(data: st.DataObject) -> None:
    packing = data.draw(st.sampled_from(["bz2", "gz", "xz"]))  # pyarrow writes zstd without a checksum
    content = bytearray(PACK[packing](PLAIN.encode()))
    content[data.draw(st.integers(12, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        assert taken(bytes(content), CSV) == BOTH
    except UnreadableInputError:
        pass
