"""Landed files as Arrow streams and views for DuckDB: the embedded engine's way of reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.lake.json_lines import members_of
from pyspark_interview_project.lake.landed import LandedFile
from pyspark_interview_project.lake.lines import Line, read_lines
from pyspark_interview_project.lake.parquet_layout import parquet_layout
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES, REQUIRED_NAMES
from pyspark_interview_project.transforms.normalise import Kind
from pyspark_interview_project.transforms.text_fields import split_header

_LINE_SCHEMA = pa.schema(
    [("raw_record", pa.string()), ("is_corrupt", pa.bool_()), ("source_file", pa.dictionary(pa.int32(), pa.string()))]
)
_RECORD_SCHEMA = pa.schema([*((name, pa.string()) for name in RAW_NAMES), *_LINE_SCHEMA])


class LandedReader:
    """Reads landed files, counting what it delivers: `rows` and `unknown_columns` by file, complete when all is read.

    An exception inside a stream reaches DuckDB's caller as DuckDB's own; `failure` keeps the one that was meant.
    """

    def __init__(self, paths: LakePaths) -> None:
        self._paths = paths
        self.rows: Counter[str] = Counter()
        self.unknown_columns: dict[str, Sequence[str]] = {}
        self.failure: UnreadableInputError | None = None

    def local(self, file: LandedFile) -> Path:
        return Path(self._paths.place(file.path))

    def json_records(self, files: Sequence[LandedFile]) -> pa.RecordBatchReader:
        """The records of JSON Lines files: the nine columns as text, raw_record, is_corrupt, source_file."""
        return self._stream(_RECORD_SCHEMA, files, self._json_batches)

    def csv_layouts(self, files: Sequence[LandedFile]) -> Mapping[tuple[str, ...], list[LandedFile]]:
        """The CSV files by the fields of their headers. Raises UnreadableInputError naming file and column."""
        layouts: dict[tuple[str, ...], list[LandedFile]] = {}
        for file in files:
            header = tuple(split_header(self._header_line(file)) or ())
            if missing := [name for name in REQUIRED_NAMES if name not in header]:
                raise UnreadableInputError(file.path, f"column {missing[0]} is missing in its header")
            if twice := [name for name in RAW_NAMES if header.count(name) > 1]:
                raise UnreadableInputError(file.path, f"column {twice[0]} stands twice in its header")
            self._note_unknown(file, [name for name in header if name not in RAW_NAMES])
            layouts.setdefault(header, []).append(file)
        return layouts

    def csv_lines(self, files: Sequence[LandedFile]) -> pa.RecordBatchReader:
        """The lines of CSV files but their header, wherever it stands: raw_record, is_corrupt, source_file."""
        return self._stream(_LINE_SCHEMA, files, self._csv_batches)

    def parquet_layouts(self, files: Sequence[LandedFile]) -> list[tuple[Mapping[str, Kind], list[LandedFile]]]:
        """The Parquet files by the kinds of their columns. Raises UnreadableInputError naming file and column."""
        groups: list[tuple[Mapping[str, Kind], list[LandedFile]]] = []
        for file in files:
            layout = parquet_layout(self.local(file), file.path)
            self.rows[file.path] = layout.rows
            self._note_unknown(file, layout.unknown)
            group = next((group for kinds, group in groups if kinds == layout.kinds), None)
            if group is None:
                groups.append((layout.kinds, group := []))
            group.append(file)
        return groups

    def _stream(
        self,
        schema: pa.Schema,
        files: Sequence[LandedFile],
        batches_of: Callable[[LandedFile], Iterator[tuple[list[list[object]], int]]],
    ) -> pa.RecordBatchReader:
        def batches() -> Iterator[pa.RecordBatch]:
            try:
                for file in files:
                    self.rows[file.path] = 0
                    for columns, rows in batches_of(file):
                        self.rows[file.path] += rows
                        source = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([file.path]))
                        arrays = [pa.array(column, field.type) for column, field in zip(columns, schema)]
                        yield pa.RecordBatch.from_arrays([*arrays, source], schema=schema)
            except UnreadableInputError as error:
                self.failure = error
                raise

        return pa.RecordBatchReader.from_batches(schema, batches())

    def _json_batches(self, file: LandedFile) -> Iterator[tuple[list[list[object]], int]]:
        unknown: dict[str, None] = {}
        for lines in read_lines(self.local(file), file.path):
            records = [_json_record(line, unknown) for line in lines]
            yield [[record[position] for record in records] for position in range(len(RAW_NAMES) + 2)], len(records)
        self._note_unknown(file, list(unknown))

    def _csv_batches(self, file: LandedFile) -> Iterator[tuple[list[list[object]], int]]:
        header = self._header_line(file)
        for lines in read_lines(self.local(file), file.path):
            records = [line for line in lines if line[0] != header]
            yield [[text for text, _ in records], [not is_utf8 for _, is_utf8 in records]], len(records)

    def _header_line(self, file: LandedFile) -> str:
        for lines in read_lines(self.local(file), file.path):
            for text, is_utf8 in lines:
                if not is_utf8:
                    raise UnreadableInputError(file.path, "its header is not UTF-8")
                return text
        raise UnreadableInputError(file.path, "it is empty and has no header")

    def _note_unknown(self, file: LandedFile, names: Sequence[str]) -> None:
        if names:
            self.unknown_columns[file.path] = tuple(names)


def _json_record(line: Line, unknown: dict[str, None]) -> tuple[object, ...]:
    text, is_utf8 = line
    taken = members_of(text) if is_utf8 else None
    if taken is None:
        return (*(None for _ in RAW_NAMES), text, True)
    members, nested = taken
    if len(members) > len(RAW_NAMES) or not members.keys() <= _OURS:
        unknown.update(dict.fromkeys(key for key in members if key not in _OURS))
    if not nested.isdisjoint(_OURS):
        return (*(None for _ in RAW_NAMES), text, True)
    return (*(members.get(name) for name in RAW_NAMES), text, False)


_OURS = frozenset(RAW_NAMES)
