"""Landed Parquet files for DuckDB: by its own reader, or as Arrow streams where that lacks something."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from pyspark_interview_project import stop_signals
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.base import Delivery
from pyspark_interview_project.engines.duckdb_sql import FILE_COLUMN, file_list, literal, quoted
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.schemas.returns_raw import DELIVERED_NAMES, RAW_NAMES
from pyspark_interview_project.shown_text import without_values
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.layouts import Layouts
from pyspark_interview_project.sources.parquet_batches import batch_schema, parquet_batches
from pyspark_interview_project.sources.parquet_layout import ParquetLayout
from pyspark_interview_project.transforms.normalise import Kind

_ROW_NUMBER = "file_row_number"  # DuckDB's name for it; it cannot be changed


class ParquetReader:
    """Reads landed Parquet files into frames. A file that cannot be read to its end as an Arrow stream is left there
    and noted in `failures`."""

    def __init__(
        self,
        paths: LakePaths,
        layouts: Layouts,
        view: Callable[[str], DataFrame],
        view_of_stream: Callable[[pa.RecordBatchReader], DataFrame],
        failures: dict[str, UnreadableInputError],
    ) -> None:
        self._paths, self._layouts, self._view, self._view_of_stream = paths, layouts, view, view_of_stream
        self._failures = failures

    def read(self, files: Sequence[LandedFile], time_zone: str) -> list[Delivery]:
        deliveries = []
        for layout, group in self._layouts.parquet(files):
            paths = [file.path for file in group]
            # DuckDB cannot give the numbers of rows beside a column of that name.
            as_arrow = [path for path in paths if layout.is_read_as_arrow or self._has(path, _ROW_NUMBER)]
            native = [path for path in paths if path not in set(as_arrow)]
            kinds = _kinds(layout, time_zone)
            if native:
                deliveries.append(Delivery(self._view(self._query(native, layout, time_zone)), kinds))
            if as_arrow:
                stream = pa.RecordBatchReader.from_batches(batch_schema(layout), self._batches(as_arrow))
                deliveries.append(Delivery(self._view_of_stream(stream), kinds))
        return deliveries

    def unreadable(self, connection: duckdb.DuckDBPyConnection) -> Mapping[str, UnreadableInputError]:
        """Which files could not be read to their ends, by path. DuckDB's own message need not name one."""
        found = dict(self._failures)
        for path in self._layouts.parquet_rows:
            if self._layouts.parquet_layouts[path].is_read_as_arrow or self._has(path, _ROW_NUMBER):
                continue  # a failure of it is known
            columns = [quoted(column.own_name) for column in self._layouts.parquet_layouts[path].columns.values()]
            query = f"select sum(hash(columns(*))) from (select {', '.join(columns)} from {self._source([path])})"
            try:
                connection.execute(query).fetchall()
            except duckdb.Error as reason:
                stop_signals.check()
                found[path] = UnreadableInputError(path, f"cannot be read to its end: {without_values(str(reason))}")
        return found

    def _query(self, paths: Sequence[str], layout: ParquetLayout, time_zone: str) -> str:
        by_path = layout.by_path
        columns = [
            f"given.{quoted(name)}" if name in by_path else f"{_value(name, layout, time_zone)} as {quoted(name)}"
            for name in DELIVERED_NAMES
        ]
        source_file = f"substr({quoted(self._file_column(paths))}, {len(self._paths.root) + 2})"
        columns += [f"{source_file} as source_file", f"{_ROW_NUMBER} + 1 as source_record"]
        query = f"select {', '.join(columns)} from {self._source(paths)}"
        if not by_path:
            return query
        names = sorted(by_path)
        values = {path: self._layouts.parquet_layouts[path].by_path for path in paths}
        rows = [[literal(path), *(_text(values[path][name]) for name in names)] for path in paths]
        given = ", ".join(f"({', '.join(row)})" for row in rows)
        heads = ", ".join(["path", *map(quoted, names)])
        return f"{query} join (values {given}) given({heads}) on given.path = {source_file}"

    def _source(self, paths: Sequence[str]) -> str:
        """The rows of files, the file of each in a column whose name no column of theirs has. Texts need not say that
        they are."""
        files = file_list([self._paths.place(path) for path in paths])
        options = f"filename = '{self._file_column(paths)}', hive_partitioning = false, binary_as_string = true"
        return f"read_parquet({files}, {options})"

    def _file_column(self, paths: Sequence[str]) -> str:
        name = FILE_COLUMN
        while any(self._has(path, name) for path in paths):
            name += "_"
        return name

    def _has(self, path: str, name: str) -> bool:
        """Whether a file has a column of this name beside ours. DuckDB does not mind case."""
        return name in map(str.lower, self._layouts.unknown_columns.get(path, ()))

    def _batches(self, paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for path in paths:
            try:
                yield from parquet_batches(Path(self._paths.place(path)), path, self._layouts.parquet_layouts[path])
            except UnreadableInputError as error:
                self._failures[path] = error


def _kinds(layout: ParquetLayout, time_zone: str) -> dict[str, Kind]:
    every: dict[str, Kind] = {name: layout.kinds.get(name, "text") for name in RAW_NAMES}
    if every["ingest_ts"] == "local_timestamp" and time_zone == "UTC":
        every["ingest_ts"] = "timestamp"  # no local time happens twice in UTC
    return every


def _value(name: str, layout: ParquetLayout, time_zone: str) -> str:
    """A column in a type that Spark has too."""
    column = layout.columns.get(name)
    if column is None:
        return "cast(null as varchar)"
    value = quoted(column.own_name)
    if column.kind == "text":
        return f"cast({value} as varchar)"
    if column.kind == "integer":
        return f"cast({value} as decimal(20,0))"  # DuckDB also knows unsigned integers
    if column.stored.endswith("_ns"):
        value = _cut_to_microseconds(value)
    if column.kind == "local_timestamp" and time_zone == "UTC":
        # As a number a time becomes an instant in a hundredth of the time that a cast takes. The first and the last one
        # of all, which DuckDB takes for infinite, have no number.
        return f"if(isfinite({value}), make_timestamptz(epoch_us({value})), {value} at time zone 'UTC')"
    is_local = column.stored.startswith(("local", "int96")) or column.stored == "instant_ns"
    return f"{value} at time zone 'UTC'" if column.kind == "timestamp" and is_local else value


def _cut_to_microseconds(value: str) -> str:
    """A time in nanoseconds as a local one in microseconds. A cast would round, and the first and the last moments of
    all, which DuckDB takes for infinite, have no number."""
    nanos = f"epoch_ns({value})"
    cut = f"make_timestamp({nanos} // 1000 - if({nanos} % 1000 < 0, 1, 0))"
    first, last = (f"make_timestamp({edge // 1000})" for edge in (-(2**63), 2**63 - 1))
    ends = f"if(cast({value} as varchar) = '-infinity', {first}, {last})"
    return f"if({value} is null or {nanos} is not null, {cut}, {ends})"


def _text(value: str | None) -> str:
    return "cast(null as varchar)" if value is None else literal(value)
