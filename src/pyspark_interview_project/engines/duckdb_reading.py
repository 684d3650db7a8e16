"""Landed files for DuckDB: text as Arrow streams, Parquet by DuckDB's own reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from pyspark_interview_project import stop_signals
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.base import ALL_TEXT, Delivery
from pyspark_interview_project.engines.duckdb_sql import FILE_COLUMN, in_sparks_types, parquet_of, quoted
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.shown_text import without_values
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.landed_text import (
    TextFile,
    is_read_as_text,
    record_schema,
    text_batches,
    text_file,
)
from pyspark_interview_project.sources.layouts import Layouts
from pyspark_interview_project.transforms.map_columns import map_columns
from pyspark_interview_project.transforms.normalise import Kind

if TYPE_CHECKING:
    from pyspark_interview_project.config.feed_definition import Feed


class LandedReader:
    """Reads landed files into frames, and counts the records of each: `rows` is complete when the frames were read.

    A text file that cannot be read to its end is left there and noted in `failures`; the others are read.
    """

    def __init__(
        self,
        paths: LakePaths,
        max_record_chars: int,
        view: Callable[[str], DataFrame],
        view_of_stream: Callable[[pa.RecordBatchReader], DataFrame],
        transform: Callable[..., DataFrame],
    ) -> None:
        """`view` makes a frame of a query, `view_of_stream` one of an Arrow stream, `transform` one by a transform."""
        self._paths, self._max_record_chars = paths, max_record_chars
        self._view, self._view_of_stream, self._transform = view, view_of_stream, transform
        self._layouts = Layouts(paths)
        self._text_rows: Counter[str] = Counter()
        self.failures: dict[str, UnreadableInputError] = {}

    @property
    def unknown_columns(self) -> Mapping[str, Sequence[str]]:
        return self._layouts.unknown_columns

    @property
    def rows(self) -> Mapping[str, int]:
        return {**self._text_rows, **self._layouts.parquet_rows}

    def read(self, files: Sequence[LandedFile], feeds: Mapping[str, Feed], time_zone: str) -> list[Delivery]:
        self.failures.clear()
        texts: dict[str | None, list[TextFile]] = {}
        for file in files:
            if is_read_as_text(file):
                feed = feeds[file.feed] if file.feed else None
                place = self._paths.place(file.path)
                texts.setdefault(file.feed, []).append(text_file(place, file, feed, self._max_record_chars))
        deliveries = [self._text(group, feeds[name] if name else None) for name, group in texts.items()]
        tables = [file for file in files if not is_read_as_text(file)]
        return [
            *deliveries,
            *(self._parquet(group, kinds, time_zone) for kinds, group in self._layouts.parquet(tables)),
        ]

    def unreadable(self, connection: duckdb.DuckDBPyConnection) -> Mapping[str, UnreadableInputError]:
        """Which landed files could not be read to their ends, by path. DuckDB's own message need not name one."""
        found = dict(self.failures)
        for path in self._layouts.parquet_rows:
            source = parquet_of([self._paths.place(path)], self._file_column([path]))
            try:
                connection.execute(f"select sum(hash(columns(*))) from {source}").fetchall()
            except duckdb.Error as reason:
                stop_signals.check()
                found[path] = UnreadableInputError(path, f"cannot be read to its end: {without_values(str(reason))}")
        return found

    def _text(self, files: Sequence[TextFile], feed: Feed | None) -> Delivery:
        """Text files of one feed, or without one."""
        records = self._view_of_stream(self._stream(files))
        if feed is None:
            return Delivery(records, ALL_TEXT)
        return Delivery(self._transform(map_columns, records, feed.mapping), ALL_TEXT, feed.feed)

    def _stream(self, files: Sequence[TextFile]) -> pa.RecordBatchReader:
        schema = record_schema(files[0].columns, files[0].has_feed)

        def batches() -> Iterator[pa.RecordBatch]:
            for file in files:
                self._text_rows[file.path] = 0
                unknown: list[str] = []
                try:
                    for batch in text_batches(file, unknown.extend):
                        self._text_rows[file.path] += batch.num_rows
                        yield batch
                except UnreadableInputError as error:
                    self.failures[file.path] = error
                self._layouts.note_unknown(file.path, unknown)

        return pa.RecordBatchReader.from_batches(schema, batches())

    def _parquet(self, files: Sequence[LandedFile], kinds: Mapping[str, Kind], time_zone: str) -> Delivery:
        columns = [f"{in_sparks_types(name, kinds.get(name))} as {quoted(name)}" for name in RAW_NAMES]
        file_column = self._file_column([file.path for file in files])
        source_file = f"substr({file_column}, {len(self._paths.root) + 2}) as source_file"
        source = parquet_of([str(self._layouts.local(file)) for file in files], file_column)
        every: dict[str, Kind] = {name: kinds.get(name, "text") for name in RAW_NAMES}
        if every["ingest_ts"] == "local_timestamp" and time_zone == "UTC":
            every["ingest_ts"] = "timestamp"  # no local time happens twice in UTC
        columns.append("cast(null as bigint) as source_record")
        return Delivery(self._view(f"select {', '.join(columns)}, {source_file} from {source}"), every)

    def _file_column(self, paths: Sequence[str]) -> str:
        """A name for the column of the file that no column of these landed files has."""
        name, unknown = FILE_COLUMN, self._layouts.unknown_columns
        taken = {column.lower() for path in paths for column in unknown.get(path, ())}
        while name in taken:
            name += "_"
        return name
