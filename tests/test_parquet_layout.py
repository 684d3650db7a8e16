"""How a landed Parquet file delivers the nine columns, from its footer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES, REQUIRED_NAMES
from pyspark_interview_project.sources.parquet_layout import ParquetColumn, ParquetLayout, parquet_layout

NAME = "bronze/returns_raw/a.parquet"
TYPES: dict[str, pa.DataType] = {
    "return_id": pa.string(),
    "order_id": pa.string(),
    "customer_id": pa.string(),
    "sku": pa.string(),
    "reason": pa.string(),
    "qty": pa.int32(),
    "amount": pa.float64(),
    "return_date": pa.date32(),
    "ingest_ts": pa.timestamp("us", "UTC"),
}
KINDS = {
    **dict.fromkeys(("return_id", "order_id", "customer_id", "sku", "reason"), "text"),
    "qty": "integer",
    "amount": "double",
    "return_date": "date",
    "ingest_ts": "timestamp",
}


def written(path: Path, types: dict[str, pa.DataType], rows: int = 0, **how: Any) -> Path:
    """A Parquet file with `rows` rows of nulls."""
    schema = pa.schema(list(types.items()))
    pq.write_table(pa.table([pa.nulls(rows, field.type) for field in schema], schema=schema), path, **how)
    return path


def problem_of(path: Path) -> str:
    with pytest.raises(UnreadableInputError) as raised:
        parquet_layout(path, NAME)
    assert raised.value.path == NAME
    return raised.value.problem


def test_parquet_layout_of_a_plain_file_has_its_kinds_and_rows(tmp_path: Path) -> None:
    stored = {"qty": "int32", "amount": "double", "return_date": "date32[day]", "ingest_ts": "instant_us"}
    columns = {name: ParquetColumn(name, kind, stored.get(name, "text")) for name, kind in KINDS.items()}
    layout = parquet_layout(written(tmp_path / "a", TYPES, rows=3), NAME)
    assert layout == ParquetLayout(columns, {}, (), 3)
    assert not layout.is_read_as_arrow


def test_parquet_layout_of_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    assert parquet_layout(written(tmp_path / "a", TYPES), NAME).rows == 0


def test_parquet_layout_columns_in_another_order_are_the_same_kinds(tmp_path: Path) -> None:
    assert parquet_layout(written(tmp_path / "a", dict(reversed(TYPES.items()))), NAME).kinds == KINDS


@pytest.mark.parametrize("column", RAW_NAMES)
def test_parquet_layout_without_a_column_is_refused_only_where_it_is_required(tmp_path: Path, column: str) -> None:
    path = written(tmp_path / "a", {name: type_ for name, type_ in TYPES.items() if name != column})
    if column in REQUIRED_NAMES:
        others = ", ".join(name for name in TYPES if name != column)
        assert problem_of(path) == f"column {column} is missing; it has {others}"
    else:
        assert parquet_layout(path, NAME).kinds == {name: kind for name, kind in KINDS.items() if name != column}


def test_parquet_layout_other_columns_are_told_of_whatever_their_type(tmp_path: Path) -> None:
    more = {"note": pa.string(), "lines": pa.list_(pa.struct([("x", pa.time64("ns"))])), "at": pa.timestamp("ns")}
    layout = parquet_layout(written(tmp_path / "a", {**TYPES, **more}), NAME)
    assert (layout.kinds, layout.unknown) == (KINDS, ("note", "lines", "at"))


def test_parquet_layout_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    schema = pa.schema([*TYPES.items(), ("qty", pa.int32())])
    pq.write_table(pa.table([pa.nulls(0, field.type) for field in schema], schema=schema), tmp_path / "a")
    assert problem_of(tmp_path / "a") == "its columns 'qty', 'qty' have one name, qty; leave or rename all but one"


@pytest.mark.parametrize(
    ("column", "type_", "kind"),
    [
        ("return_id", pa.large_string(), "text"),
        ("return_id", pa.string_view(), "text"),
        ("return_id", pa.int64(), "integer"),
        ("sku", pa.dictionary(pa.int32(), pa.string()), "text"),
        ("reason", pa.int8(), "integer"),
        ("return_id", pa.float64(), "double"),
        ("return_id", pa.binary(), "text"),
        ("return_id", pa.large_binary(), "text"),
        ("return_id", pa.binary(4), "text"),
        ("return_id", pa.uuid(), "text"),
        ("order_id", pa.decimal128(20, 2), "decimal"),
        ("customer_id", pa.float32(), "float"),
        ("sku", pa.decimal256(50, 0), "text"),
        ("sku", pa.dictionary(pa.int32(), pa.binary()), "text"),
        ("qty", pa.int16(), "integer"),
        ("qty", pa.uint8(), "integer"),
        ("qty", pa.string(), "text"),
        ("qty", pa.float64(), "double"),
        ("qty", pa.decimal128(10, 0), "decimal"),
        ("amount", pa.string(), "text"),
        ("amount", pa.int64(), "integer"),
        ("amount", pa.float32(), "float"),
        ("amount", pa.decimal128(38, 10), "decimal"),
        ("amount", pa.decimal256(50, 2), "text"),
        ("amount", pa.decimal32(7, 2), "decimal"),
        ("return_date", pa.string(), "text"),
        ("return_date", pa.date64(), "date"),
        ("return_date", pa.timestamp("s"), "timestamp"),
        ("return_date", pa.timestamp("ns", "UTC"), "timestamp"),
        ("ingest_ts", pa.string(), "text"),
        ("ingest_ts", pa.timestamp("ms", "UTC"), "timestamp"),
        ("ingest_ts", pa.timestamp("us", "Europe/Berlin"), "timestamp"),
        ("ingest_ts", pa.timestamp("ms"), "local_timestamp"),
        ("ingest_ts", pa.timestamp("us"), "local_timestamp"),
        ("ingest_ts", pa.timestamp("ns"), "local_timestamp"),
        ("ingest_ts", pa.timestamp("ns", "UTC"), "timestamp"),
    ],
    ids=str,
)
def test_parquet_layout_type_that_every_engine_reads_has_its_kind(
    tmp_path: Path, column: str, type_: pa.DataType, kind: str
) -> None:
    path = written(tmp_path / "a", {**TYPES, column: type_})
    layout = parquet_layout(path, NAME)
    assert (layout.kinds, layout.unknown, layout.rows) == ({**KINDS, column: kind}, (), 0)


@pytest.mark.parametrize(
    ("column", "type_"),
    [
        ("return_id", pa.bool_()),
        ("return_id", pa.date32()),
        ("sku", pa.list_(pa.string())),
        ("sku", pa.struct([("x", pa.string())])),
        ("qty", pa.bool_()),
        ("qty", pa.date32()),
        ("qty", pa.float16()),
        ("reason", pa.float64()),
        ("reason", pa.decimal256(50, 2)),
        ("return_date", pa.decimal256(50, 2)),
        ("amount", pa.bool_()),
        ("return_date", pa.int32()),
        ("ingest_ts", pa.date32()),
        ("ingest_ts", pa.int64()),
        ("ingest_ts", pa.time64("us")),
    ],
    ids=str,
)
def test_parquet_layout_type_that_not_every_engine_reads_is_refused_with_its_column(
    tmp_path: Path, column: str, type_: pa.DataType
) -> None:
    path = written(tmp_path / "a", {**TYPES, column: type_})
    assert problem_of(path).startswith(f"column {column} is ")


def test_parquet_layout_int96_is_an_instant(tmp_path: Path) -> None:
    types = {**TYPES, "ingest_ts": pa.timestamp("ns")}
    path = written(tmp_path / "a", types, rows=1, use_deprecated_int96_timestamps=True)
    assert parquet_layout(path, NAME).columns["ingest_ts"] == ParquetColumn("ingest_ts", "timestamp", "int96")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"return_id,order_id\n", b"PAR1" + b"\x00" * 40 + b"PAR1"])
def test_parquet_layout_of_a_file_that_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert problem_of(tmp_path / "a").startswith("is no readable Parquet")


def test_parquet_layout_of_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    whole = written(tmp_path / "a", TYPES, rows=3).read_bytes()
    (tmp_path / "a").write_bytes(whole[:-10])
    assert problem_of(tmp_path / "a").startswith("is no readable Parquet")


def test_parquet_layout_of_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert problem_of(tmp_path / "none").startswith("is no readable Parquet")
