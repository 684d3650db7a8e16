"""The packed and Parquet files of the bad-input corpus: name -> content."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Mapping
from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from corpus_text import COLUMNS, GOOD, csv_file, csv_line, json_line

MEBIBYTE = 1024 * 1024


def stored(text: str) -> bytes:
    """A gzip member whose text is not compressed: every version of every library writes, and we show, the same."""
    content = text.encode()
    length = struct.pack("<HH", len(content), len(content) ^ 0xFFFF)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return head + b"\x01" + length + content + struct.pack("<II", zlib.crc32(content), len(content))


def packed(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=9, mtime=0)


_JSON, _CSV = json_line("packed-1"), csv_file(csv_line("packed-1"))
_NESTED = json_line("deep-1", customer_id=None).replace("null", "[" * 100_000 + "]" * 100_000)

# Compressed for their size: libraries compress each in its own way.
COMPRESSED: Mapping[str, bytes] = {
    "json_megabyte_field.jsonl.gz": packed(json_line("megabyte-1", customer_id="X" * MEBIBYTE).encode()),
    "csv_megabyte_field.csv.gz": packed(csv_file(csv_line("cmegabyte-1", customer_id="X" * MEBIBYTE)).encode()),
    "json_deeply_nested.jsonl.gz": packed((_NESTED + json_line("deep-2")).encode()),
    "gzip_bomb_by_size.jsonl.gz": packed(_JSON.encode() + b"\n" * MEBIBYTE),
    "gzip_bomb_by_ratio.jsonl.gz": packed(_JSON.encode() + b"\n" * (65 * MEBIBYTE)),
}

GZIP: Mapping[str, bytes] = {
    "gzip_two_members.jsonl.gz": stored(json_line("member-1")) + stored(json_line("member-2")),
    "gzip_of_nothing.jsonl.gz": stored(""),
    "gzip_of_nothing.csv.gz": stored(""),
    "gzip_of_no_bytes.jsonl.gz": b"",
    "gzip_truncated.jsonl.gz": stored(json_line("packed-1") * 20)[:-2000],
    "gzip_truncated.csv.gz": stored(csv_file(*[csv_line("packed-1")] * 20))[:-1000],
    "gzip_without_trailer.jsonl.gz": stored(_JSON)[:-4],
    "gzip_wrong_checksum.jsonl.gz": stored(_JSON)[:-8] + b"\x00" * 4 + stored(_JSON)[-4:],
    "gzip_garbage_behind.jsonl.gz": stored(_JSON) + b"garbage",
    "text_named_gz.jsonl.gz": json_line("unpacked-1").encode(),
    "gzip_named_jsonl.jsonl": stored(json_line("magic-1")),
    "gzip_named_csv.csv": stored(csv_file(csv_line("cmagic-1"))),
}


def typed_rows(*rows: Mapping[str, object], **types: pa.DataType) -> pa.Table:
    """Rows with a return_id each, all else good; `types`: those of the columns that are not text."""
    native = {"qty": pa.int32(), "amount": pa.float64(), "return_date": pa.date32(), "ingest_ts": pa.string(), **types}
    good = {**GOOD, "return_date": date(2026, 11, 11)}
    columns = {name: [{**good, **row}[name] for row in rows] for name in COLUMNS}
    return pa.table({name: pa.array(values, native.get(name, pa.string())) for name, values in columns.items()})


def parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, compression="snappy")
    return file.getvalue()


def with_column(table: pa.Table, name: str, array: pa.Array) -> pa.Table:
    """The table with a column in place of the one of this name, or behind all others."""
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, array)
    return table.append_column(name, array)


def renamed(table: pa.Table, **names: str) -> pa.Table:
    return table.rename_columns([names.get(name, name) for name in table.column_names])


def damaged_pages(content: bytes) -> bytes:
    """The footer is whole, the pages of the first columns are not."""
    return content[:4] + b"\xff" * 400 + content[404:]


def one(return_id: str) -> pa.Table:
    return typed_rows({"return_id": return_id})


_INVALID_UTF8 = pa.Array.from_buffers(
    pa.string(), 1, [None, pa.py_buffer(struct.pack("<ii", 0, 4)), pa.py_buffer(b"caf\xe9")]
)
_MOMENT = datetime(2026, 3, 29, 2, 30)
_VALUES = (
    {"amount": 10.005},
    {"amount": float("nan")},
    {"amount": float("-inf")},
    {"amount": 1e300},
    {"amount": 1e12},
    {"amount": None, "qty": None},
    {"amount": -0.004},
    {"amount": -0.006},
    {"return_date": date(1, 1, 1)},
    {"return_date": date(9999, 12, 31)},
    {"return_date": None, "sku": " ", "order_id": None},
    {"qty": 2.5},
    {"qty": 2.0},
    {"qty": float("nan")},
    {"qty": 1e10},
)

PARQUET: Mapping[str, bytes] = {
    "parquet_no_rows.parquet": parquet(one("none-1").slice(0, 0)),
    "parquet_values.parquet": parquet(
        typed_rows(
            *[{"return_id": f"native-{number}", **row} for number, row in enumerate(_VALUES, 1)], qty=pa.float64()
        )
    ),
    "parquet_values_as_text.parquet": parquet(
        typed_rows(
            {"return_id": "text-1", "qty": "2.0", "amount": "1,000.00", "return_date": "2023-02-30"},
            {"return_id": "text-2", "qty": "2.0", "amount": "10.005", "return_date": "2024-02-29"},
            {"return_id": "text-3", "qty": "1", "amount": "1e400", "return_date": "31/12/24", "ingest_ts": "now"},
            **{name: pa.string() for name in ("qty", "amount", "return_date")},
        )
    ),
    # Native, without a zone: in the hour that spring leaves out in Europe/Berlin, and in the one that autumn repeats.
    "parquet_local_timestamps.parquet": parquet(
        typed_rows(
            {"return_id": "local-1", "ingest_ts": _MOMENT},
            {"return_id": "local-2", "ingest_ts": _MOMENT.replace(month=10, day=25)},
            ingest_ts=pa.timestamp("us"),
        )
    ),
    "parquet_column__corrupt_record.parquet": parquet(
        with_column(with_column(one("pown-1"), "_corrupt_record", pa.array(["x"])), "source_file", pa.array(["x"]))
    ),
    "parquet_column__metadata.parquet": parquet(with_column(one("meta-1"), "_metadata", pa.array(["x"]))),
    "parquet_column_filename.parquet": parquet(with_column(one("file-1"), "filename", pa.array(["x"]))),
    "parquet_of_no_bytes.parquet": b"",
    "parquet_truncated.parquet": parquet(one("pcut-1"))[:-100],
    "parquet_damaged_footer.parquet": parquet(one("footer-1"))[:-40] + b"\xff" * 32 + parquet(one("footer-1"))[-8:],
    "parquet_damaged_pages.parquet": damaged_pages(parquet(one("pages-1"))),
    "parquet_invalid_utf8.parquet": parquet(with_column(one("putf8-1"), "reason", _INVALID_UTF8)),
    "parquet_required_column_missing.parquet": parquet(one("placking-1").drop_columns(["qty"])),
    "parquet_column_twice.parquet": parquet(one("pagain-1").append_column("sku", pa.array(["LAMP"]))),
    "parquet_column_of_other_case.parquet": parquet(renamed(one("pcase-1"), reason="Reason")),
    "parquet_nested_column.parquet": parquet(with_column(one("pnested-1"), "sku", pa.array([{"code": "MUG"}]))),
    "parquet_nanoseconds.parquet": parquet(
        typed_rows({"return_id": "nano-1", "ingest_ts": _MOMENT}, ingest_ts=pa.timestamp("ns", "UTC"))
    ),
    "parquet_binary_column.parquet": parquet(with_column(one("binary-1"), "sku", pa.array([b"MUG"]))),
    "parquet_bomb_by_size.parquet": parquet(typed_rows({"return_id": "bomb-1", "customer_id": "X" * 200_000})),
    # One long text in a dictionary, and in every row: few bytes until it is decoded.
    "parquet_bomb_by_dictionary.parquet": parquet(
        typed_rows(*({"return_id": f"bombs-{number}", "customer_id": "X" * 1000} for number in range(200)))
    ),
    "text_named_parquet.parquet": _CSV.encode(),
    "parquet_in_gzip.parquet.gz": packed(parquet(one("ignored-1"))),
}
