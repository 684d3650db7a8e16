"""SQL for DuckDB: literals, Parquet files, and the columns of our tables in its types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import pyarrow as pa

from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.schemas.columns import Column
from pyspark_interview_project.schemas.tables import TableContract

FILE_COLUMN = "_file_that_was_read"
_DUCKDB_TYPES = {
    "string": "varchar",
    "integer": "integer",
    "long": "bigint",
    "date": "date",
    "timestamp": "timestamptz",
    "array<string>": "varchar[]",
}
_ARROW_TYPES = {
    "string": pa.string(),
    "integer": pa.int32(),
    "long": pa.int64(),
    "decimal(18,2)": pa.decimal128(18, 2),
    "decimal(38,2)": pa.decimal128(38, 2),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "array<string>": pa.list_(pa.string()),
}


def sql_of(frame: DataFrame) -> str:
    """The query of a frame."""
    return cast(Any, frame).sql(dialect="duckdb", optimize=False, pretty=False)  # type: ignore[no-any-return]


def union_all(frames: Sequence[DataFrame]) -> str:
    """The rows of all frames. Not by SQLFrame: each of its operations copies the whole query so far."""
    return " union all by name ".join(f"({sql_of(frame)})" for frame in frames)


def arrow_schema(table: TableContract) -> pa.Schema:
    """A table's columns in Arrow's types."""
    return pa.schema([(column.name, _ARROW_TYPES[column.type]) for column in table.columns])


def no_rows_of(table: TableContract) -> str:
    """The columns of a table without a row."""
    nothing = ", ".join(f"cast(null as {_duckdb_type(column)}) as {quoted(column.name)}" for column in table.columns)
    return f"select {nothing} where false"


def rows_of(table: TableContract, files: Sequence[str], zoned: bool = True) -> str:
    """The rows of a table's data files, and the file of each in FILE_COLUMN.

    `zoned`: DuckDB reads their instants as such. Else it reads them as local times of UTC.
    """

    def type_in_files(column: Column) -> str:
        return "timestamp" if column.type == "timestamp" and not zoned else _duckdb_type(column)

    def value(column: Column) -> str:
        # The value of a partition is the name of the file's own directory; DuckDB would look at the whole path.
        source = _partition_value(column.name) if column.name in table.partition_by else quoted(column.name)
        if column.type == "timestamp" and not zoned:
            source = f"{source} at time zone 'UTC'"
        return f"cast({source} as {_duckdb_type(column)}) as {quoted(column.name)}"

    files_rows = f"select * from {parquet_of(files, is_of_several_schemas=True)}"
    # A file that was written before the table had a column has null there.
    later = [column for column in table.columns if column.nullable and column.name not in table.partition_by]
    nothing = ", ".join(f"cast(null as {type_in_files(column)}) as {quoted(column.name)}" for column in later)
    source = f"({files_rows} union all by name select {nothing} where false)" if later else f"({files_rows})"
    return f"select {', '.join(map(value, table.columns))}, {FILE_COLUMN} from {source}"


def parquet_of(files: Sequence[str], name: str = FILE_COLUMN, is_of_several_schemas: bool = False) -> str:
    """The rows of Parquet files, and the file of each in the column `name`."""
    by_name = ", union_by_name = true" if is_of_several_schemas else ""
    return f"read_parquet({file_list(files)}, filename = '{name}', hive_partitioning = false{by_name})"


def file_list(files: Sequence[str]) -> str:
    return f"[{', '.join(literal(_no_glob(file)) for file in files)}]"


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _duckdb_type(column: Column) -> str:
    return _DUCKDB_TYPES.get(column.type, column.type)


def _partition_value(name: str) -> str:
    return f"regexp_extract({FILE_COLUMN}, '/{name}=([^/]*)/[^/]*\\z', 1)"


def _no_glob(path: str) -> str:
    """The path so that DuckDB takes no character of it for a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", path)
