"""The records of a text as columns: which of them are records of a table, their values, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources.delimited import Dialect, Record, RefusedText, records
from pyspark_interview_project.sources.delimited_columns import ColumnReader, Columns
from pyspark_interview_project.sources.json_documents import JsonRecord, NoRecords, RecordTooLong
from pyspark_interview_project.sources.json_fast import fast_json_records
from pyspark_interview_project.sources.json_lines import Members
from pyspark_interview_project.sources.text_layout import (
    ReadOptions,
    below_head,
    dialect_of,
    refusal,
    too_long,
)
from pyspark_interview_project.sources.text_opening import BYTE_ORDER_MARK

_MAX_SHAPES = 1_000  # of JSON objects, and of unknown keys: no more are remembered, however many a file has

# The texts of some records, their columns, and what is wrong with each of them; None: nothing. Or Arrow arrays of them.
Chunk = tuple[Sequence[str], Sequence[Sequence[str | None]], Sequence[str | None] | None]
NoteUnknown = Callable[[Iterable[str]], None]


def delimited_chunks(
    blocks: Iterator[str], name: str, options: ReadOptions, names: Sequence[str], delimiter: str
) -> Iterator[Chunk]:
    head, below = below_head(blocks, options)
    dialect = dialect_of(name, delimiter, options)
    reader = ColumnReader(dialect, options.max_record_chars, [options.comment] if options.comment else [])
    rows: _Rows | None = None
    try:
        for found in reader.read(below):
            if isinstance(found, Columns):
                yield found.texts, found.fields[: len(names)], None
                continue
            if rows is None:
                reader.header, found = found[0].fields or (), found[1:]
                rows = _Rows(reader.header, len(names), dialect, options)
            if found and len((chunk := rows.chunk(found))[0]):
                yield chunk
    except RefusedText as error:
        record = error.record - (rows.left_out if rows else 1)
        raise refusal(name, error, record, head.lines + error.line, options) from error


class _Rows:
    """Makes columns of the records below a header. `left_out` counts those that are no records, the header first."""

    def __init__(self, header: Sequence[str], width: int, dialect: Dialect, options: ReadOptions) -> None:
        self._header, self._width, self._dialect, self._options = list(header), width, dialect, options
        self._marks = [mark for mark in (BYTE_ORDER_MARK, options.comment) if mark]
        self.left_out = 1

    def chunk(self, found: Sequence[Record]) -> Chunk:
        texts, rows = zip(*found)
        joined = "".join(texts)
        if (
            None not in rows
            and set(map(len, rows)) == {len(self._header)}
            and self._header not in rows
            and not any(mark in joined for mark in self._marks)
        ):
            return texts, list(zip(*rows))[: self._width], None
        judged = [row for row in map(self._judged, found) if row]
        self.left_out += len(found) - len(judged)
        if not judged:
            return (), (), None
        texts, rows, problems = zip(*judged)
        return texts, list(zip(*rows)), problems

    def _judged(self, record: Record) -> tuple[str, Sequence[str | None], str | None] | None:
        """The text of a record, its values and what is wrong with it; None where it is no record."""
        if record.text.startswith(BYTE_ORDER_MARK):  # files that were put together have it in the middle
            record = self._read_again(record.text.lstrip(BYTE_ORDER_MARK))
        text, fields = record
        if not text or fields == self._header:
            return None
        if self._options.comment and text.startswith(self._options.comment):
            # Quotes in a comment may have made records part of it.
            return self._corrupt(text, "quotes in a comment") if "\n" in text or "\r" in text else None
        if fields is None:
            return self._corrupt(text, "quoting")
        size = len(fields)
        while size > self._width and (size <= len(self._header) or not fields[size - 1]):
            size -= 1  # behind the last name, or behind a delimiter at the end
        if size == self._width:
            return text, fields[:size], None
        return self._corrupt(text, "too many fields" if size > self._width else "too few fields")

    def _corrupt(self, text: str, problem: str) -> tuple[str, Sequence[str | None], str]:
        return text, (None,) * self._width, problem

    def _read_again(self, text: str) -> Record:
        with suppress(RefusedText):
            found = list(chain.from_iterable(records([text], self._dialect, self._options.max_record_chars)))
            if len(found) <= 1:
                return found[0] if found else Record("", None)
        return Record(text, None)


def json_chunks(
    blocks: Iterator[str], name: str, options: ReadOptions, names: Sequence[str], note_unknown: NoteUnknown | None
) -> Iterator[Chunk]:
    objects = _Objects(names, note_unknown)
    try:
        for found in fast_json_records(blocks, options.max_record_chars):
            if found:
                texts, members, nested = zip(*found)
                problems = None
                if any(nested) or None in members or not objects.are_as_named(members):
                    members, problems = zip(*map(objects.judged, found))
                yield texts, [[values.get(column) for values in members] for column in names], problems
    except NoRecords as error:
        raise UnreadableInputError(name, f"{error.problem}; fetch it again") from error
    except RecordTooLong as error:
        raise too_long(name, f"record {error.record}", error.line, options) from error


class _Objects:
    """Finds the columns among the keys of JSON objects, most of which have the keys of the one before."""

    def __init__(self, names: Sequence[str], note_unknown: NoteUnknown | None) -> None:
        self._names, self._note_unknown = frozenset(names), note_unknown
        self._noted: set[str] = set()
        self._shapes: dict[tuple[str, ...], tuple[bool, str | None]] = {}

    def are_as_named(self, members: Sequence[Members]) -> bool:
        """Whether all have our keys just as the columns are named."""
        shapes = [self._shapes.get(keys) or self._shape(keys) for keys in dict.fromkeys(map(tuple, members))]
        return all(is_as_named and problem is None for is_as_named, problem in shapes)

    def judged(self, record: JsonRecord) -> tuple[Members, str | None]:
        """The values by column, none where the record is corrupt, and what is wrong with it."""
        if record.members is None:
            return {}, "not one strict JSON object"
        keys = tuple(record.members)
        is_as_named, problem = self._shapes.get(keys) or self._shape(keys)
        if record.nested and problem is None:
            nested = sorted(self._names.intersection(map(matching_name, record.nested)))
            problem = f"nested value in {nested[0]}" if nested else None
        if problem:
            return {}, problem
        if is_as_named:
            return record.members, None
        return {matching_name(key): value for key, value in record.members.items()}, None

    def _shape(self, keys: tuple[str, ...]) -> tuple[bool, str | None]:
        """Whether our keys are written as the columns are named, and what is wrong with them."""
        named = [matching_name(key) for key in keys]
        ours = [column for column in named if column in self._names]
        unknown = dict.fromkeys(key for key, column in zip(keys, named) if column not in self._names)
        new = [key for key in unknown if key not in self._noted][: _MAX_SHAPES - len(self._noted)]
        if self._note_unknown and new:
            self._noted.update(new)
            self._note_unknown(new)
        clash = next((column for column in ours if ours.count(column) > 1), None)
        shape = self._names.intersection(keys) == set(ours), clash and f"two keys named {clash}"
        if len(self._shapes) < _MAX_SHAPES:
            self._shapes[keys] = shape
        return shape
