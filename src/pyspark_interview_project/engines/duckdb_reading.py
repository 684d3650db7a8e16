"""Landed files for DuckDB: text as Arrow streams, Parquet by duckdb_parquet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.base import ALL_TEXT, Delivery
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.landed_text import (
    TextFile,
    is_read_as_text,
    record_schema,
    text_batches,
    text_files,
)
from pyspark_interview_project.sources.layouts import Layouts
from pyspark_interview_project.transforms.map_columns import map_columns

if TYPE_CHECKING:
    from pyspark_interview_project.config.feed_definition import Feed
    from pyspark_interview_project.engines.duckdb_parquet import ParquetReader

_ROWS_WORTH_A_BATCH = 5_000
_MOST_JOINED = 200


class LandedReader:
    """Reads landed files into frames, and counts the records of each: `rows` is complete when the frames were read.

    A file that cannot be read to its end as an Arrow stream is left there and noted in `failures`; the others are read.
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
        self._layouts = Layouts(paths, "embedded")
        self.failures: dict[str, UnreadableInputError] = {}
        self._text_rows: Counter[str] = Counter()

    @cached_property
    def _parquet(self) -> ParquetReader:
        from pyspark_interview_project.engines.duckdb_parquet import ParquetReader  # pyarrow.parquet, pyarrow.compute

        return ParquetReader(self._paths, self._layouts, self._view, self._view_of_stream, self.failures)

    @property
    def unknown_columns(self) -> Mapping[str, Sequence[str]]:
        return self._layouts.unknown_columns

    @property
    def rows(self) -> Mapping[str, int]:
        return {**self._text_rows, **self._layouts.parquet_rows}

    def read(self, files: Sequence[LandedFile], feeds: Mapping[str, Feed], time_zone: str) -> list[Delivery]:
        self.failures.clear()
        texts = text_files(files, feeds, self._paths.place, self._max_record_chars)
        deliveries = [self._text(group, feeds[name] if name else None) for name, group in texts.items()]
        parquet = [file for file in files if not is_read_as_text(file)]
        return deliveries + (self._parquet.read(parquet, time_zone) if parquet else [])

    def unreadable(self, connection: duckdb.DuckDBPyConnection) -> Mapping[str, UnreadableInputError]:
        """Which landed files could not be read to their ends, by path. DuckDB's own message need not name one."""
        return self._parquet.unreadable(connection) if "_parquet" in vars(self) else dict(self.failures)

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

        return pa.RecordBatchReader.from_batches(schema, _joined(batches()))


def _joined(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches, small ones joined: DuckDB takes a millisecond for each, which counts where files are many."""
    small: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        small.append(batch)
        rows += batch.num_rows
        if rows >= _ROWS_WORTH_A_BATCH or len(small) >= _MOST_JOINED:
            yield from _one_of(small)
            small, rows = [], 0
    yield from _one_of(small)


def _one_of(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    if len(batches) <= 1:
        return batches
    # Each has a dictionary of its own for the name of its file.
    joined: list[pa.RecordBatch] = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()
    return joined
