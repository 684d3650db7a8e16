"""The embedded engine: SQLFrame over DuckDB for the transforms, delta-rs for the tables. No Java, no pyspark."""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa
from deltalake.exceptions import DeltaError

from pyspark_interview_project import stop_signals
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.base import ALL_TEXT, Delivery
from pyspark_interview_project.engines.duckdb_reading import TextReader
from pyspark_interview_project.engines.native_noise import native_noise_aside
from pyspark_interview_project.errors import ConfigurationError, EngineError, UnreadableInputError
from pyspark_interview_project.schemas.columns import Column
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.schemas.tables import TableContract
from pyspark_interview_project.shown_text import without_values
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.layouts import Layouts, by_format
from pyspark_interview_project.storage.commits import CommitMetadata, TableCommit, TableFacts, Upsert, Written
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.storage_errors import engine_errors
from pyspark_interview_project.transforms.normalise import Kind
from pyspark_interview_project.transforms.text_fields import records_from_lines

_FILE = "_file_that_was_read"
_ROWS_PER_ARROW_BATCH = 100_000
# A worker of delta-rs may panic just after the error came back to us (2 of 15 times; none with this).
_SECONDS_TO_PANIC = 0.3
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


class EmbeddedLake:
    """A lake on a local file system. Implements `lake.interface.Lake`."""

    def __init__(self, paths: LakePaths, time_zone: str, memory_limit: str, scratch: Path) -> None:
        """What is staged goes to a directory made in `scratch`, which is removed when the lake is closed."""
        if not paths.is_local:
            raise ConfigurationError("data_root", f"the embedded engine needs a local path, not {paths.root}")
        self._paths, self._time_zone, self._memory_limit, self._scratch = paths, time_zone, memory_limit, scratch
        self._tables = DeltaTables(paths)
        self._layouts = Layouts(paths)
        self._reader = TextReader(self._layouts)
        self._names = 0
        self._staging: tempfile.TemporaryDirectory[str] | None = None
        self._opened = ExitStack()

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        # Opened when the first frame is: a run that finds nothing new needs none.
        self._scratch.mkdir(parents=True, exist_ok=True)
        self._staging = tempfile.TemporaryDirectory(dir=self._scratch, prefix="staged-", ignore_cleanup_errors=True)
        connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": self._memory_limit,
                "temp_directory": f"{self._staging.name}/spilled",
                "preserve_insertion_order": False,  # no transform relies on the order of rows
                "TimeZone": self._time_zone,
                "autoinstall_known_extensions": False,  # nothing is fetched at run time
            },
        )
        # Waiting for rows that are read as Arrow, DuckDB heeds no signal.
        self._opened.enter_context(stop_signals.interrupting(connection.interrupt))
        return connection

    @cached_property
    def _session(self) -> Any:
        from sqlframe.duckdb import DuckDBSession  # a third of a second

        return DuckDBSession(conn=self._connection)

    # Reading

    def use_time_zone(self, name: str) -> None:
        self._time_zone = name
        self._connection.execute(f"set TimeZone = {_literal(name)}")

    def read_landed(self, files: Sequence[LandedFile]) -> list[Delivery]:
        formats = by_format(files)
        texts = []
        with self._reading_landed():
            if formats["json"]:
                texts.append(self._view_of(self._reader.json_records(formats["json"])))
            for header, group in self._layouts.csv(formats["csv"]).items():
                texts.append(records_from_lines(self._view_of(self._reader.csv_lines(group)), header))
            typed = [self._parquet(group, kinds) for kinds, group in self._layouts.parquet(formats["parquet"])]
            return [*([Delivery(self._view(_union_all(texts)), ALL_TEXT)] if texts else []), *typed]

    def _parquet(self, files: Sequence[LandedFile], kinds: Mapping[str, Kind]) -> Delivery:
        columns = [f'{_in_sparks_types(name, kinds.get(name))} as "{name}"' for name in RAW_NAMES]
        name = self._name_of_file([file.path for file in files])
        source_file = f"substr({name}, {len(self._paths.root) + 2}) as source_file"
        frame = self._view(
            f"select {', '.join(columns)}, {source_file} "
            f"from {_parquet_of([str(self._layouts.local(file)) for file in files], name)}"
        )
        every: dict[str, Kind] = {name: kinds.get(name, "text") for name in RAW_NAMES}
        if every["ingest_ts"] == "local_timestamp" and self._time_zone == "UTC":
            every["ingest_ts"] = "timestamp"  # no local time happens twice in UTC, so nothing is left to settle
        return Delivery(frame, every)

    def _name_of_file(self, paths: Sequence[str]) -> str:
        """A name for the column of the file that was read, which no column of these landed files has."""
        name, unknown = _FILE, self._layouts.unknown_columns
        taken = {column.lower() for path in paths for column in unknown.get(path, ())}
        while name in taken:
            name += "_"
        return name

    @property
    def unknown_columns(self) -> Mapping[str, Sequence[str]]:
        return self._layouts.unknown_columns

    def rows_delivered(self) -> Mapping[str, int]:
        return {**self._reader.rows, **self._layouts.parquet_rows}

    # Frames

    def stage(self, *frames: DataFrame) -> DataFrame:
        # To a file, not to a table of DuckDB's: measured, that takes less than half the time and bounds the memory.
        connection = self._connection
        assert self._staging is not None
        place = _literal(f"{self._staging.name}/{self._fresh_name()}.parquet")
        with self._reading_landed():
            connection.execute(f"copy ({_union_all(frames)}) to {place} (format parquet, compression snappy)")
            return self._view(f"select * from read_parquet({place}, hive_partitioning = false)")

    @contextmanager
    def _reading_landed(self) -> Iterator[None]:
        """What goes wrong inside as an error of ours, the landed file first that cannot be read: its name may have the
        words by which a fault of the storage is known."""
        with _duckdb_errors(self._scratch):
            try:
                yield
            except duckdb.Error as error:
                stop_signals.check()
                if unreadable := self._reader.failure or self._unreadable_parquet():
                    raise unreadable from error
                raise

    def _unreadable_parquet(self) -> UnreadableInputError | None:
        """Which landed Parquet file cannot be read to its end: DuckDB's own message need not name it."""
        for path in self._layouts.parquet_rows:
            source = _parquet_of([self._paths.place(path)], self._name_of_file([path]))
            try:
                self._connection.execute(f"select sum(hash(columns(*))) from {source}").fetchall()
            except duckdb.Error as reason:
                stop_signals.check()
                return UnreadableInputError(path, f"cannot be read to its end: {without_values(str(reason))}")
        return None

    def collect(self, frame: DataFrame) -> list[dict[str, Any]]:
        with _duckdb_errors(self._scratch):
            rows: list[dict[str, Any]] = self._connection.sql(_sql(frame)).to_arrow_table().to_pylist()
            return rows

    # Tables

    def ensure_tables(self) -> None:
        with _writing(self._paths.root):
            self._tables.ensure()

    def version(self, table: TableContract) -> int | None:
        return self._tables.version(table)

    def table_id(self, table: TableContract) -> str:
        return self._tables.table_id(table)

    def facts(self, table: TableContract, version: int | None = None) -> TableFacts:
        return self._tables.facts(table, version)

    def commits(self, table: TableContract) -> Iterator[TableCommit]:
        return self._tables.commits(table)

    def read(self, table: TableContract, version: int | None = None) -> DataFrame:
        files = self._tables.files(table, version)
        if not files:
            nothing = ", ".join(f'cast(null as {_duckdb_type(column)}) as "{column.name}"' for column in table.columns)
            return self._view(f"select {nothing} where false")
        with _duckdb_errors(table.place):
            unzoned = self._files_with_int96(files)
            zoned = [file for file in files if file not in unzoned]
            groups = [_rows_of(table, group, group is zoned) for group in (zoned, sorted(unzoned)) if group]
            return self._view(" union all ".join(groups))

    def _files_with_int96(self, files: Sequence[str]) -> set[str]:
        """The files whose instants DuckDB reads as timestamps without a zone. In UTC that makes no difference."""
        if self._time_zone == "UTC":
            return set()
        found = self._connection.execute(
            f"select file_name from parquet_schema({_file_list(files)}) where type = 'INT96'"
        )
        return {name for (name,) in found.fetchall()}

    def changes(self, table: TableContract, since: int, until: int) -> DataFrame | None:
        try:
            feed = pa.RecordBatchReader.from_stream(self._tables.changes(table, since, until))
            return self.stage(self._view_of(feed, ("_change_type", *table.names)))
        except (DeltaError, duckdb.Error, EngineError, OSError):
            return None

    def append(self, table: TableContract, rows: DataFrame, note: CommitMetadata) -> Written:
        stream = self._stream(table, rows)
        if stream.is_empty:
            return Written(None)
        if earlier := self._tables.part_there(table, note):
            return earlier
        return self._settled(table, note, lambda: self._tables.append(table, stream.reader(), note))

    def overwrite(self, table: TableContract, rows: DataFrame, note: CommitMetadata) -> Written:
        stream = self._stream(table, rows)
        return self._settled(table, note, lambda: self._tables.overwrite(table, stream.reader(), note))

    def replace_slice(self, table: TableContract, rows: DataFrame | None, note: CommitMetadata) -> Written:
        stream = self._stream(table, rows) if rows is not None else None
        if stream is None or stream.is_empty:
            return self._settled(table, note, lambda: self._tables.delete_batch(table, note))
        return self._settled(table, note, lambda: self._tables.replace_batch(table, stream.reader(), note))

    def merge(
        self, table: TableContract, rows: DataFrame, note: CommitMetadata, upsert: Upsert, within: Mapping[str, Any]
    ) -> Written:
        stream = self._stream(table, rows)
        if stream.is_empty:
            return Written(None)
        return self._settled(table, note, lambda: self._tables.merge(table, stream.reader(), note, upsert, within))

    def fence(self, table: TableContract) -> None:
        with _writing(table.place):
            self._tables.fence(table)

    def _settled(self, table: TableContract, note: CommitMetadata, write: Callable[[], None]) -> Written:
        def guarded() -> None:
            with _writing(table.place):
                write()

        return self._tables.settled(table, note, guarded)

    def close(self) -> None:
        if self._staging is not None:
            self._opened.close()
            self._session.stop()
            self._connection.close()  # DuckDB complains at length of a connection that is open when Python ends
            self._staging.cleanup()

    def _fresh_name(self) -> str:
        # SQLFrame remembers the columns of a name, so no name is used twice.
        self._names += 1
        return f"rows_{self._names}"

    def _table(self, name: str) -> DataFrame:
        return cast(DataFrame, self._session.table(name))

    def _view(self, sql: str) -> DataFrame:
        name = self._fresh_name()
        self._connection.execute(f"create view {name} as {sql}")
        return self._table(name)

    def _view_of(self, stream: pa.RecordBatchReader, names: Sequence[str] = ("*",)) -> DataFrame:
        name = self._fresh_name()
        self._connection.register(f"{name}_stream", stream)
        return self._view(f"select {', '.join(names)} from {name}_stream")

    def _stream(self, table: TableContract, frame: DataFrame) -> _RowStream:
        schema = pa.schema([(column.name, _ARROW_TYPES[column.type]) for column in table.columns])
        with _duckdb_errors(self._scratch):
            reader = self._connection.sql(_sql(frame.select(*table.names))).to_arrow_reader(_ROWS_PER_ARROW_BATCH)
            return _RowStream(reader, schema)


class _RowStream:
    """Rows on their way from DuckDB into a table, in the table's types."""

    def __init__(self, source: pa.RecordBatchReader, schema: pa.Schema) -> None:
        self._batches = (batch.cast(schema) for batch in source if batch.num_rows)
        self._first = next(self._batches, None)
        self._schema = schema
        self.is_empty = self._first is None

    def reader(self) -> pa.RecordBatchReader:
        first = [self._first] if self._first is not None else []
        return pa.RecordBatchReader.from_batches(self._schema, chain(first, self._batches))


@contextmanager
def _duckdb_errors(place: Path | str) -> Iterator[None]:
    """What DuckDB says inside, or Arrow of its rows, as an error of ours that names `place`."""
    with engine_errors("embedded engine", str(place), (duckdb.Error, pa.ArrowException)):
        yield


@contextmanager
def _writing(place: str) -> Iterator[None]:
    """What delta-rs says inside as an error of ours that names `place`; it panics too then, at great length."""
    quietly = nullcontext() if sys.stderr.isatty() else native_noise_aside()  # a person may be watching the progress
    with engine_errors("embedded engine", place, (DeltaError, duckdb.Error, pa.ArrowException)), quietly:
        try:
            yield
        except (DeltaError, OSError):
            time.sleep(_SECONDS_TO_PANIC)
            raise


def _sql(frame: DataFrame) -> str:
    return cast(Any, frame).sql(dialect="duckdb", optimize=False)  # type: ignore[no-any-return]


def _rows_of(table: TableContract, files: Sequence[str], zoned: bool) -> str:
    """SQL for the rows of data files; `zoned`: DuckDB reads their instants as such, else as local times of UTC."""

    def value(column: Column) -> str:
        # The partition's value is in the name of the file's own directory; DuckDB would look at the whole path.
        source = _partition_value(column.name) if column.name in table.partition_by else _quoted(column.name)
        if column.type == "timestamp":  # a cast between the two would take the instant for a local time
            source = source if zoned else f"{source} at time zone 'UTC'"
        return f"cast({source} as {_duckdb_type(column)}) as {_quoted(column.name)}"

    return f"select {', '.join(map(value, table.columns))} from {_parquet_of(files)}"


def _parquet_of(files: Sequence[str], name: str = _FILE) -> str:
    """SQL for the rows of Parquet files, each with the file that it is from, in the column `name`."""
    return f"read_parquet({_file_list(files)}, filename = '{name}', hive_partitioning = false)"


def _file_list(files: Sequence[str]) -> str:
    return f"[{', '.join(_literal(_no_glob(file)) for file in files)}]"


def _in_sparks_types(name: str, kind: Kind | None) -> str:
    """SQL for a column of a Parquet file in a type that Spark has too: DuckDB also knows unsigned integers."""
    if kind is None:
        return "cast(null as varchar)"
    return f'cast("{name}" as decimal(20,0))' if kind == "integer" else f'"{name}"'


def _union_all(frames: Sequence[DataFrame]) -> str:
    # Not by SQLFrame: each of its operations copies the whole query so far.
    return " union all by name ".join(f"({_sql(frame)})" for frame in frames)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _duckdb_type(column: Column) -> str:
    return _DUCKDB_TYPES.get(column.type, column.type)


def _partition_value(name: str) -> str:
    return f"regexp_extract({_FILE}, '/{name}=([^/]*)/[^/]*\\z', 1)"


def _no_glob(path: str) -> str:
    """The path so that DuckDB takes no character of it for a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", path)
