"""Landed text files as Arrow streams for DuckDB: the embedded engine's way of reading lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.json_lines import json_record, strict_decoder
from pyspark_interview_project.sources.layouts import Layouts
from pyspark_interview_project.sources.lines import read_lines

_LINE_SCHEMA = pa.schema(
    [("raw_record", pa.string()), ("is_corrupt", pa.bool_()), ("source_file", pa.dictionary(pa.int32(), pa.string()))]
)
_RECORD_SCHEMA = pa.schema([*((name, pa.string()) for name in RAW_NAMES), *_LINE_SCHEMA])

# Columns without source_file, and how many rows they have.
_Columns = tuple[list[list[object]], int]


class TextReader:
    """Streams the records of text files, counting them: `rows` by file, complete when a stream is read to its end.

    An exception inside a stream reaches DuckDB's caller as DuckDB's own; `failure` keeps the one that was meant.
    """

    def __init__(self, layouts: Layouts) -> None:
        self._layouts = layouts
        self.rows: Counter[str] = Counter()
        self.failure: UnreadableInputError | None = None

    def json_records(self, files: Sequence[LandedFile]) -> pa.RecordBatchReader:
        """The records of JSON Lines files: the nine columns as text, raw_record, is_corrupt, source_file."""
        return self._stream(_RECORD_SCHEMA, files, self._json_columns)

    def csv_lines(self, files: Sequence[LandedFile]) -> pa.RecordBatchReader:
        """The lines of CSV files but their header, wherever it stands: raw_record, is_corrupt, source_file."""
        return self._stream(_LINE_SCHEMA, files, self._csv_columns)

    def _stream(
        self, schema: pa.Schema, files: Sequence[LandedFile], columns_of: Callable[[LandedFile], Iterator[_Columns]]
    ) -> pa.RecordBatchReader:
        def batches() -> Iterator[pa.RecordBatch]:
            try:
                for file in files:
                    self.rows[file.path] = 0
                    for columns, rows in columns_of(file):
                        self.rows[file.path] += rows
                        source = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([file.path]))
                        arrays = [pa.array(column, field.type) for column, field in zip(columns, schema)]
                        yield pa.RecordBatch.from_arrays([*arrays, source], schema=schema)
            except UnreadableInputError as error:
                self.failure = error
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
        header = self._layouts.header_line(file)
        for lines in read_lines(self._layouts.local(file), file.path):
            records = [line for line in lines if line[0] != header]
            yield [[text for text, _ in records], [not is_utf8 for _, is_utf8 in records]], len(records)
