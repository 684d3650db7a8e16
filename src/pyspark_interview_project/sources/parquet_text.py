"""Parquet files of a feed: the columns that it wants, as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.errors import UnreadableInputError

_ROWS_AT_A_TIME = 20_000


def parquet_columns(place: Path, path: str) -> Sequence[str]:
    """The names of a file's columns. Raises UnreadableInputError where it is no Parquet or two match each other."""
    try:
        names: Sequence[str] = pq.read_schema(place).names
    except (OSError, pa.ArrowException) as error:
        raise UnreadableInputError(path, f"is no readable Parquet: {error}") from error
    matching = [matching_name(name) for name in names]
    if clash := next((name for name in matching if matching.count(name) > 1), None):
        raise UnreadableInputError(path, f"two of its columns have one name, {clash}; leave or rename all but one")
    return names


def parquet_text(place: Path, path: str, wanted: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, int]]:
    """The wanted columns, by their matching names, of which the file has them, as text, in batches, and the number of
    the first row of each, from 1. Raises UnreadableInputError.
    """
    names = {matching_name(name): name for name in parquet_columns(place, path)}
    there = [name for name in wanted if name in names]
    first = 1
    try:
        with pq.ParquetFile(place) as file:
            for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=[names[name] for name in there]):
                columns = [_as_text(batch.column(names[name])) for name in there]
                yield pa.RecordBatch.from_arrays(columns, there), first
                first += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        raise UnreadableInputError(path, f"cannot be read to its end: {error}") from error


def raw_records(batch: pa.RecordBatch) -> pa.Array:
    """Each row as a JSON object of its columns as text, nulls left out."""
    return pa.array(
        [
            json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False)
            for row in batch.to_pylist()
        ],
        pa.string(),
    )


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_nested(column.type):
        values = column.to_pylist()
        return pa.array([None if value is None else json.dumps(value, default=str) for value in values], pa.string())
    if pa.types.is_dictionary(column.type):
        return column.dictionary_decode().cast(pa.string())
    return column.cast(pa.string())
