"""Which of our columns a landed Parquet file has and how each is taken, read from its footer alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.schemas.returns_raw import CURRENCY, DELIVERED_NAMES
from pyspark_interview_project.sources.parquet_codecs import unreadable_codec
from pyspark_interview_project.sources.path_columns import path_columns
from pyspark_interview_project.sources.required_columns import missing_columns
from pyspark_interview_project.transforms.normalise import ACCEPTED_KINDS, Kind

_ACCEPTED: Mapping[str, Sequence[Kind]] = {**ACCEPTED_KINDS, CURRENCY: ("text",)}
_UNITS = ("ms", "us", "ns")


@dataclass(frozen=True)
class ParquetColumn:
    """One of our columns in a file: `own_name` is its name there, `kind` the kind that it is delivered as.

    `stored` says how the file has it: text, bytes (a text in so many bytes), uuid, wide_decimal (beyond 38 digits),
    int96, instant_ms (or _us, _ns), local_ms (…), else as Arrow writes the type: int32, double, decimal128(18, 2),
    date32[day].
    """

    own_name: str
    kind: Kind
    stored: str


@dataclass(frozen=True)
class ParquetLayout:
    """`columns` are those that are ours, by our names, `unknown` names the others, `rows` is the number of records.

    `by_path`: values of columns that the file has from its directories alone.
    """

    columns: Mapping[str, ParquetColumn]
    by_path: Mapping[str, str | None]
    unknown: tuple[str, ...]
    rows: int

    @property
    def kinds(self) -> dict[str, Kind]:
        return {name: column.kind for name, column in self.columns.items()}

    @property
    def shape(self) -> object:
        """Only files of one shape can be read together: an engine takes the first file's columns for those of all."""
        return tuple(self.columns.items()), tuple(sorted(self.by_path)), self.is_read_as_arrow

    @property
    def is_read_as_arrow(self) -> bool:
        """Whether no engine reads a column of it, so that Arrow has to."""
        return any(column.stored == "wide_decimal" for column in self.columns.values())


def parquet_layout(path: Path, name: str, engine_name: str | None = None) -> ParquetLayout:
    """Read the footer of the file `name`, a path relative to the root of the lake.

    Raises UnreadableInputError where it is no Parquet, lacks required columns, has one of ours twice or of a type that
    cannot be taken for it, or is packed in a way that the engine `engine_name` cannot read (None: whatever the engine).
    """
    try:
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
    except (OSError, pa.ArrowException) as error:
        raise UnreadableInputError(name, f"is no readable Parquet: {error}") from error
    own_names = _own_names(schema.names, name)
    given = path_columns(name)
    if problem := missing_columns(schema.names, given):
        raise UnreadableInputError(name, problem)
    if engine_name and (problem := unreadable_codec(metadata, engine_name)):
        raise UnreadableInputError(name, problem)
    leaves = {leaf.path: leaf for leaf in map(metadata.schema.column, range(len(metadata.schema)))}
    columns: dict[str, ParquetColumn] = {}
    for column, own_name in own_names.items():
        arrow_type = schema.field(own_name).type
        if pa.types.is_null(arrow_type):
            continue  # some writers leave a column of nulls without a type: it counts as missing
        if (found := _taken(arrow_type, leaves.get(own_name))) is None or not _is_accepted(column, *found):
            shown = arrow_type if own_name == column else f"{arrow_type} (its name there: {own_name!r})"
            raise UnreadableInputError(name, f"column {column} is {shown}, which cannot be read as {column}")
        kind, stored = found
        if column == "return_date" and kind == "local_timestamp":
            kind = "timestamp"  # a day has no zone: the time that the file shows counts
        columns[column] = ParquetColumn(own_name, kind, stored)
    by_path = {column: value for column, value in given.items() if column not in columns}
    unknown = tuple(column for column in schema.names if column not in own_names.values())
    return ParquetLayout(columns, by_path, unknown, metadata.num_rows)


def _is_accepted(column: str, kind: Kind, stored: str) -> bool:
    if stored == "wide_decimal":
        kind = "decimal"  # it is read as text and is a number all the same
    elif column == "return_date" and kind == "local_timestamp":
        kind = "timestamp"
    return kind in _ACCEPTED[column]


def _own_names(names: Sequence[str], file: str) -> dict[str, str]:
    """The file's own name of each of our columns that it has, in our order."""
    own: dict[str, list[str]] = {}
    for name in names:
        own.setdefault(matching_name(name), []).append(name)
    for column in DELIVERED_NAMES:
        if len(own.get(column, ())) > 1:
            same = ", ".join(map(repr, own[column]))
            raise UnreadableInputError(file, f"its columns {same} have one name, {column}; leave or rename all but one")
    return {column: own[column][0] for column in DELIVERED_NAMES if column in own}


def _taken(arrow_type: pa.DataType, leaf: Any) -> tuple[Kind, str] | None:
    """The kind of a column and how it is stored; None where it is of no kind. `leaf` is Parquet's own view of it."""
    types = pa.types
    if leaf is None or leaf.max_repetition_level:
        return None  # a list or a structure
    if isinstance(arrow_type, pa.BaseExtensionType):
        arrow_type = arrow_type.storage_type
    if types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    if leaf.logical_type.type == "UUID":
        return "text", "uuid"
    if leaf.physical_type == "INT96":
        return "timestamp", "int96"  # Spark and Hive write instants so
    if leaf.physical_type == "BYTE_ARRAY" and (_is_text(arrow_type) or _is_binary(arrow_type)):
        return "text", "text"  # Impala and old Hive do not say that their texts are texts
    if types.is_fixed_size_binary(arrow_type) and leaf.logical_type.type == "NONE":
        return "text", "bytes"
    if types.is_integer(arrow_type):
        return "integer", str(arrow_type)
    if types.is_float32(arrow_type):
        return "float", "float"
    if types.is_float64(arrow_type):
        return "double", "double"
    if types.is_decimal(arrow_type):
        precision, scale = arrow_type.precision, arrow_type.scale
        return ("text", "wide_decimal") if precision > 38 else ("decimal", str(pa.decimal128(precision, scale)))
    if types.is_date(arrow_type):
        return "date", "date32[day]"
    if types.is_timestamp(arrow_type) and arrow_type.unit in _UNITS:
        is_instant = arrow_type.tz is not None
        return (
            ("timestamp", f"instant_{arrow_type.unit}")
            if is_instant
            else ("local_timestamp", f"local_{arrow_type.unit}")
        )
    return None


def _is_text(arrow_type: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_string_view(arrow_type))


def _is_binary(arrow_type: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_binary(arrow_type) or types.is_large_binary(arrow_type) or types.is_binary_view(arrow_type))
