"""The embedded engine: DuckDB behind the PySpark API (SQLFrame), delta-rs for commits. No Java, no pyspark."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import duckdb
import pyarrow as pa
from deltalake.exceptions import DeltaError

from pyspark_interview_project import stop_signals
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.base import Delivery
from pyspark_interview_project.engines.duckdb_files import audit_files, replaced_files, write_files
from pyspark_interview_project.engines.duckdb_queries import Queries, fresh_name
from pyspark_interview_project.engines.duckdb_reading import LandedReader
from pyspark_interview_project.engines.duckdb_sql import (
    arrow_schema,
    file_list,
    literal,
    no_rows_of,
    rows_of,
    sql_of,
    union_all,
)
from pyspark_interview_project.errors import UnreadableBatchError
from pyspark_interview_project.schemas.tables import TableContract
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.storage.commits import CommitMetadata, Written
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.delta_writes import DeltaWrites, Merge
from pyspark_interview_project.storage.storage_errors import engine_errors

if TYPE_CHECKING:
    from pyspark_interview_project.config.feed_definition import Feed

_ROWS_PER_ARROW_BATCH = 100_000
# A worker of delta-rs may panic just after its error came back (2 of 15 times; none with this pause).
_SECONDS_TO_PANIC = 0.3


class DuckDBEngine:
    """A lake on a local file system through DuckDB. Implements `engines.base.Engine`."""

    def __init__(
        self,
        tables: DeltaTables,
        paths: LakePaths,
        time_zone: str,
        memory_limit: str,
        scratch: Path,
        max_record_chars: int = 2**24,
    ) -> None:
        """What is materialized goes to a directory made in `scratch`; closing the engine removes it."""
        self._tables, self._writes = tables, DeltaWrites(tables)
        self._time_zone, self._memory_limit, self._scratch = time_zone, memory_limit, scratch
        self._root = paths.root
        self._materialized: tempfile.TemporaryDirectory[str] | None = None
        self._opened = ExitStack()
        self._landed = LandedReader(paths, max_record_chars, self._view, self._view_of_stream, self.transform)

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        # Opened with the first frame: a run that finds nothing new needs none.
        self._scratch.mkdir(parents=True, exist_ok=True)
        self._materialized = tempfile.TemporaryDirectory(dir=self._scratch, prefix="rows-", ignore_cleanup_errors=True)
        connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": self._memory_limit,
                "temp_directory": f"{self._materialized.name}/spilled",
                "preserve_insertion_order": False,  # no transform relies on the order of rows
                "TimeZone": self._time_zone,
                "autoinstall_known_extensions": False,  # nothing is fetched at run time
            },
        )
        # DuckDB heeds no signal while it waits for rows that are read as Arrow.
        self._opened.enter_context(stop_signals.interrupting(connection.interrupt))
        return connection

    @cached_property
    def _queries(self) -> Queries:
        return Queries(self._connection, self._reading_landed)

    # Landed files

    def use_time_zone(self, name: str) -> None:
        self._time_zone = name
        self._connection.execute(f"set TimeZone = {literal(name)}")

    def read_landed(self, files: Sequence[LandedFile], feeds: Mapping[str, Feed]) -> list[Delivery]:
        with self._reading_landed():
            return self._landed.read(files, feeds, self._time_zone)

    @property
    def unknown_columns(self) -> Mapping[str, Sequence[str]]:
        return self._landed.unknown_columns

    def rows_delivered(self) -> Mapping[str, int]:
        return self._landed.rows

    @contextmanager
    def _reading_landed(self) -> Iterator[None]:
        """What goes wrong inside as an error of ours. A landed file that cannot be read is named first: its name may
        hold the very words by which a storage fault is known."""
        with _duckdb_errors(self._scratch):
            try:
                yield
            except duckdb.Error as error:
                stop_signals.check()
                if unreadable := self._landed.unreadable(self._connection):
                    raise UnreadableBatchError(unreadable) from error
                raise
            if self._landed.failures:
                raise UnreadableBatchError(self._landed.failures)

    # Frames

    def frame(self, table: pa.Table) -> DataFrame:
        return self._view_of_stream(table)

    def transform(self, transform: Callable[..., DataFrame], *arguments: Any) -> DataFrame:
        return cast(DataFrame, self._queries.transformed(transform, arguments))

    def materialize(self, *frames: DataFrame) -> DataFrame:
        # A file takes less than half the time of a DuckDB table and bounds the memory; of all compressions LZ4 costs
        # least (measured).
        connection = self._connection
        assert self._materialized is not None
        place = literal(f"{self._materialized.name}/{fresh_name()}.parquet")
        with self._reading_landed():
            connection.execute(f"copy ({union_all(frames)}) to {place} (format parquet, compression lz4)")
            return self._view(f"select * from read_parquet({place}, hive_partitioning = false)")

    def fetch(self, frame: DataFrame) -> pa.Table:
        with _duckdb_errors(self._scratch):
            return self._connection.sql(sql_of(frame)).to_arrow_table()

    def collect(self, frame: DataFrame) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.fetch(frame).to_pylist()
        return rows

    # Tables

    def ensure_tables(self) -> None:
        with _delta_errors(self._root):
            self._writes.ensure()

    def read(self, table: TableContract, version: int | None = None, days: Collection[date] | None = None) -> DataFrame:
        columns = ", ".join(table.names)
        files = self._tables.files(table, version)
        if days is not None:
            wanted = {day.isoformat() for day in days}
            files = [file for file in files if file.partition[table.partition_by[0]] in wanted]
        with _duckdb_errors(table.place):
            return self._view(f"select {columns} from ({self._rows_of(table, [file.place for file in files])})")

    def changes(self, table: TableContract, since: int, until: int) -> DataFrame | None:
        """By data files: what only the older version has left the table, what only the newer one has came. Rows that
        were copied from file to file stand on both sides and cancel out."""
        if not self._tables.has_version(table, since):
            return None
        before, after = ({file.place for file in self._tables.files(table, version)} for version in (since, until))
        left, came = sorted(before - after), sorted(after - before)
        if not all(os.path.exists(place) for place in left):
            return None
        with _duckdb_errors(table.place):
            sides = [
                f"select *, '{kind}' as _change_type from ({self._rows_of(table, files)})"
                for kind, files in (("delete", left), ("insert", came))
            ]
            return self._view(" union all by name ".join(sides))

    def _rows_of(self, table: TableContract, places: Sequence[str]) -> str:
        if not places:
            return no_rows_of(table)
        unzoned = self._files_with_int96(places)
        zoned = [place for place in places if place not in unzoned]
        groups = [rows_of(table, group, group is zoned) for group in (zoned, sorted(unzoned)) if group]
        return " union all ".join(groups)

    def _files_with_int96(self, places: Sequence[str]) -> set[str]:
        """The files whose instants DuckDB reads as timestamps without a zone. In UTC that makes no difference."""
        if self._time_zone == "UTC":
            return set()
        found = self._connection.execute(
            f"select file_name from parquet_schema({file_list(places)}) where type = 'INT96'"
        )
        return {name for (name,) in found.fetchall()}

    def upsert(self, table: TableContract, rows: DataFrame, metadata: CommitMetadata, expected: Written) -> Written:
        if expected.inserted == expected.updated == 0:
            return Written(None)
        connection, directory = self._connection, self._tables.place(table)
        # Rows that replace others are read several times, new ones only once.
        upserts = f"({sql_of(self.materialize(rows) if expected.updated else rows)})"
        with _duckdb_errors(table.place):
            files = self._tables.files(table) if expected.updated else []
            replaced = replaced_files(connection, table, files, upserts)
            count = expected.inserted + sum(file.rows for file in replaced)
            new = write_files(connection, table, directory, upserts, replaced, count)
            audit_files(connection, table, directory, new, replaced, expected, self._tables.constraints(table))
        name = self._tables.transaction_of(table, metadata)
        published = self._committed(table, metadata, lambda: self._writes.publish(table, new, replaced, metadata, name))
        return Written(published.version, expected.inserted, expected.updated)

    def replace_batch(
        self, table: TableContract, rows: DataFrame | None, metadata: CommitMetadata, expected: int | None = None
    ) -> Written:
        stream = self._stream(table, rows) if rows is not None else None
        if stream is None or stream.is_empty:
            return self._committed(table, metadata, lambda: self._writes.delete_batch(table, metadata))
        return self._committed(table, metadata, lambda: self._writes.replace_batch(table, stream.reader(), metadata))

    def merge(self, table: TableContract, rows: DataFrame, metadata: CommitMetadata, how: Merge) -> Written:
        stream = self._stream(table, rows)
        if stream.is_empty:
            return Written(None)
        return self._committed(table, metadata, lambda: self._writes.merge(table, stream.reader(), metadata, how))

    def overwrite(self, table: TableContract, rows: DataFrame, metadata: CommitMetadata) -> Written:
        stream = self._stream(table, rows)
        return self._committed(table, metadata, lambda: self._writes.overwrite(table, stream.reader(), metadata))

    def _committed(self, table: TableContract, metadata: CommitMetadata, write: Callable[[], None]) -> Written:
        def guarded() -> None:
            with _delta_errors(table.place):
                write()

        return self._tables.committed(table, metadata, guarded)

    def close(self) -> None:
        if self._materialized is not None:
            self._opened.close()
            self._queries.close()
            self._connection.close()  # DuckDB complains at length of a connection that is open when Python ends
            self._materialized.cleanup()

    def _view(self, sql: str) -> DataFrame:
        return cast(DataFrame, self._queries.view(sql))

    def _view_of_stream(self, stream: pa.RecordBatchReader | pa.Table) -> DataFrame:
        return cast(DataFrame, self._queries.stream(stream))

    def _stream(self, table: TableContract, frame: DataFrame) -> _RowStream:
        with _duckdb_errors(self._scratch):
            rows = f"select {', '.join(table.names)} from ({sql_of(frame)})"
            reader = self._connection.sql(rows).to_arrow_reader(_ROWS_PER_ARROW_BATCH)
            return _RowStream(reader, arrow_schema(table))


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
def _delta_errors(place: str) -> Iterator[None]:
    """What delta-rs says inside as an error of ours that names `place`."""
    with engine_errors("embedded engine", place, (DeltaError, duckdb.Error, pa.ArrowException)):
        try:
            yield
        except (DeltaError, OSError):
            time.sleep(_SECONDS_TO_PANIC)
            raise
