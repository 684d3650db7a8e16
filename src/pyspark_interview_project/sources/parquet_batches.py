"""Landed Parquet files read by Arrow, for what no engine reads itself: the same batches on every engine."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.schemas.returns_raw import DELIVERED_NAMES
from pyspark_interview_project.sources.parquet_layout import ParquetColumn, ParquetLayout
from pyspark_interview_project.sources.path_columns import constant_column

_ROWS_AT_A_TIME = 65_536
_TYPES = {
    "text": pa.string(),
    "integer": pa.decimal128(20, 0),  # wide enough for every integer of Parquet
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "local_timestamp": pa.timestamp("us"),
}


def batch_schema(layout: ParquetLayout) -> pa.Schema:
    """The columns of the batches: ours, each in the type of its kind, source_file and source_record."""
    ours = [(name, _type_of(layout.columns.get(name))) for name in DELIVERED_NAMES]
    return pa.schema([*ours, ("source_file", pa.string()), ("source_record", pa.int64())])


def parquet_batches(place: Path, path: str, layout: ParquetLayout) -> Iterator[pa.RecordBatch]:
    """The rows of the file at `place`, whose path in the lake is `path`.

    Raises UnreadableInputError where it cannot be read to its end, or has text that is not UTF-8.
    """
    schema, rows = batch_schema(layout), 0
    own_names = [column.own_name for column in layout.columns.values()]
    try:
        with pq.ParquetFile(place) as file:
            for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=own_names, use_threads=False):
                columns = [_values(layout, name, batch) for name in DELIVERED_NAMES]
                columns += [constant_column(path, len(batch)), pa.arange(rows + 1, rows + len(batch) + 1)]
                rows += len(batch)
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
    except (OSError, pa.ArrowException) as error:
        raise UnreadableInputError(path, f"cannot be read to its end: {error}") from error


def _type_of(column: ParquetColumn | None) -> pa.DataType:
    if column is None:
        return pa.string()
    if column.kind == "decimal":
        precision, scale = column.stored.removeprefix("decimal128(").removesuffix(")").split(",")
        return pa.decimal128(int(precision), int(scale))
    return _TYPES[column.kind]


def _values(layout: ParquetLayout, name: str, batch: pa.RecordBatch) -> pa.Array:
    column = layout.columns.get(name)
    if column is None:
        return constant_column(layout.by_path.get(name), len(batch))
    values = batch.column(batch.schema.get_field_index(column.own_name))
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    if column.stored == "uuid":
        return pa.array([None if value is None else str(uuid.UUID(bytes=value)) for value in values.to_pylist()])
    if column.stored == "wide_decimal":
        return pa.array([None if value is None else _plain(name, f"{value:f}") for value in values.to_pylist()])
    if column.kind == "text":
        # By way of bytes, because only so it is made sure that they are UTF-8.
        return values.cast(pa.binary()).cast(pa.string())
    if column.kind in ("timestamp", "local_timestamp"):
        return _microseconds(values).cast(_TYPES[column.kind])
    return values.cast(_type_of(column))


def _plain(name: str, text: str) -> str:
    """A decimal's text; of an id without a fraction of nothing."""
    return text.rstrip("0").rstrip(".") if "." in text and name not in ("qty", "amount") else text


def _microseconds(values: pa.Array) -> pa.Array:
    """Times as microseconds since 1970. What is finer is cut towards the past, as the engines cut a fraction."""
    numbers = values.cast(pa.int64())
    if values.type.unit == "us":
        return numbers
    if values.type.unit == "ms":
        return pc.multiply_checked(numbers, 1000)
    whole = pc.divide(numbers, 1000)
    return pc.subtract(whole, pc.cast(pc.less(numbers, pc.multiply(whole, 1000)), pa.int64()))
