"""Landed files for DuckDB: text as Arrow streams, Parquet by DuckDB's own reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import duckdb
import pyarrow as pa

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.base import ALL_TEXT, Delivery
from pyspark_interview_project.engines.duckdb_parquet import ParquetReader
from pyspark_interview_project.engines.duckdb_sql import union_all
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.json_lines import json_record, strict_decoder
from pyspark_interview_project.sources.layouts import Layouts, by_format
from pyspark_interview_project.sources.lines import read_lines
from pyspark_interview_project.transforms.text_fields import records_from_lines

_LINE_SCHEMA = pa.schema(
    [("raw_record", pa.string()), ("is_corrupt", pa.bool_()), ("source_file", pa.dictionary(pa.int32(), pa.string()))]
)
_RECORD_SCHEMA = pa.schema([*((name, pa.string()) for name in RAW_NAMES), *_LINE_SCHEMA])

# The columns without source_file, and how many rows they have.
_Columns = tuple[list[list[object]], int]


class LandedReader:
    """Reads landed files into frames, and counts the records of each: `rows` is complete when the frames were read.

    An exception inside a stream reaches DuckDB's caller as one of DuckDB's; `unreadable` tells which file was meant.
    """

    def __init__(
        self,
        paths: LakePaths,
        view: Callable[[str], DataFrame],
        view_of_stream: Callable[[pa.RecordBatchReader], DataFrame],
        transform: Callable[..., DataFrame],
    ) -> None:
        """`view` makes a frame of a query, `view_of_stream` one of an Arrow stream, `transform` one by a transform."""
        self._paths, self._view, self._view_of_stream, self._transform = paths, view, view_of_stream, transform
        self._layouts = Layouts(paths, "embedded")
        self._parquet = ParquetReader(paths, self._layouts, view, view_of_stream)
        self._text_rows: Counter[str] = Counter()
        self._failure: UnreadableInputError | None = None

    @property
    def unknown_columns(self) -> Mapping[str, Sequence[str]]:
        return self._layouts.unknown_columns

    @property
    def rows(self) -> Mapping[str, int]:
        return {**self._text_rows, **self._layouts.parquet_rows}

    def read(self, files: Sequence[LandedFile], time_zone: str) -> list[Delivery]:
        formats = by_format(files)
        texts = []
        if formats["json"]:
            texts.append(self._view_of_stream(self._stream(_RECORD_SCHEMA, formats["json"], self._json_columns)))
        for header, group in self._layouts.csv(formats["csv"]).items():
            lines = self._view_of_stream(self._stream(_LINE_SCHEMA, group, self._csv_columns))
            texts.append(self._transform(records_from_lines, lines, header))
        typed = self._parquet.read(formats["parquet"], time_zone)
        return [*([Delivery(self._view(union_all(texts)), ALL_TEXT)] if texts else []), *typed]

    def unreadable(self, connection: duckdb.DuckDBPyConnection) -> UnreadableInputError | None:
        """Which landed file could not be read to its end; None: each can. DuckDB's own message need not name it."""
        if self._failure is not None:
            return self._failure
        return self._parquet.unreadable(connection)

    def _stream(
        self, schema: pa.Schema, files: Sequence[LandedFile], columns_of: Callable[[LandedFile], Iterator[_Columns]]
    ) -> pa.RecordBatchReader:
        def batches() -> Iterator[pa.RecordBatch]:
            try:
                for file in files:
                    self._text_rows[file.path] = 0
                    for columns, rows in columns_of(file):
                        self._text_rows[file.path] += rows
                        source = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([file.path]))
                        arrays = [pa.array(column, field.type) for column, field in zip(columns, schema)]
                        yield pa.RecordBatch.from_arrays([*arrays, source], schema=schema)
            except UnreadableInputError as error:
                self._failure = error
                raise

        return pa.RecordBatchReader.from_batches(schema, batches())

    def _json_columns(self, file: LandedFile) -> Iterator[_Columns]:
        unknown: dict[str, None] = {}
        decoder = strict_decoder()
        for lines in read_lines(self._layouts.local(file), file.path):
            records = [json_record(text, is_utf8, decoder, unknown) for text, is_utf8 in lines]
            yield [[record[position] for record in records] for position in range(len(RAW_NAMES) + 2)], len(records)
        self._layouts.note_unknown(file.path, list(unknown))

    def _csv_columns(self, file: LandedFile) -> Iterator[_Columns]:
        """The lines but the header, wherever it stands."""
        header = self._layouts.header_line(file)
        for lines in read_lines(self._layouts.local(file), file.path):
            records = [line for line in lines if line[0] != header]
            yield [[text for text, _ in records], [not is_utf8 for _, is_utf8 in records]], len(records)
