"""Which of our columns a landed Parquet file has, and of which kinds, read from its footer alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES, REQUIRED_NAMES
from pyspark_interview_project.transforms.normalise import ACCEPTED_KINDS, Kind


@dataclass(frozen=True)
class ParquetLayout:
    """`kinds` has the columns that are ours, `unknown` names the others, `rows` is the number of records.

    Only files with equal `types` can be read together: an engine takes the first file's types for those of all.
    """

    kinds: Mapping[str, Kind]
    types: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...]
    rows: int


def parquet_layout(path: Path, name: str) -> ParquetLayout:
    """Read the footer.

    Raises UnreadableInputError naming the file `name`, and the column, where it is no Parquet, lacks a required column,
    has one of ours twice or in another case, or has one of a type that some engine cannot read as that column.
    """
    try:
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
    except (OSError, pa.ArrowException) as error:
        raise UnreadableInputError(name, f"is no readable Parquet: {error}") from error
    if missing := [column for column in REQUIRED_NAMES if column not in schema.names]:
        raise UnreadableInputError(name, f"column {missing[0]} is missing")
    for other in schema.names:
        if other not in RAW_NAMES and other.lower() in RAW_NAMES:
            raise UnreadableInputError(name, f"column {other} differs from {other.lower()} only in case")
    kinds: dict[str, Kind] = {}
    types: dict[str, str] = {}
    for column in RAW_NAMES:
        if schema.names.count(column) > 1:
            raise UnreadableInputError(name, f"column {column} stands twice")
        if column not in schema.names or pa.types.is_null(schema.field(column).type):
            continue  # some writers leave a column of nulls without a type: it counts as missing
        arrow_type = schema.field(column).type
        kind = _kind(arrow_type)
        if kind not in ACCEPTED_KINDS[column]:
            raise UnreadableInputError(name, f"column {column} is {arrow_type}, which cannot be read as {column}")
        kinds[column] = kind
        types[column] = kind if kind == "text" else str(arrow_type)
    unknown = tuple(column for column in schema.names if column not in RAW_NAMES)
    return ParquetLayout(kinds, tuple(types.items()), unknown, metadata.num_rows)


def _kind(arrow_type: pa.DataType) -> Kind | None:
    if pa.types.is_dictionary(arrow_type):
        return _kind(arrow_type.value_type)
    if pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type) or pa.types.is_string_view(arrow_type):
        return "text"
    if pa.types.is_integer(arrow_type):
        return "integer"
    if pa.types.is_float32(arrow_type):
        return "float"
    if pa.types.is_float64(arrow_type):
        return "double"
    if pa.types.is_decimal128(arrow_type):
        return "decimal"
    if pa.types.is_date32(arrow_type):
        return "date"
    if pa.types.is_timestamp(arrow_type) and arrow_type.unit in ("ms", "us"):
        return "timestamp" if arrow_type.tz else "local_timestamp"
    return None
