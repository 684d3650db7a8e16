"""Landed text files as both engines read them: each file alone, as Arrow batches of the columns that are wanted.

A TextFile is made of plain values, so that it can be sent to a worker that has neither this package nor the lake's
settings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from pyspark_interview_project.config.column_names import first_in_sql, matching_name, name_in_sql
from pyspark_interview_project.schemas.returns_raw import DELIVERED_NAMES
from pyspark_interview_project.sources.discovery import LandedFile, format_of
from pyspark_interview_project.sources.path_columns import constant_column, path_columns
from pyspark_interview_project.sources.text_arrays import array_of_one_value
from pyspark_interview_project.sources.text_columns import NoteUnknown
from pyspark_interview_project.sources.text_layout import Layout, ReadOptions, layout_of
from pyspark_interview_project.sources.text_records import read_records

if TYPE_CHECKING:
    from pyspark_interview_project.config.feed_definition import Feed

# The columns behind a file's own ones; the last two only for a feed, which may take them for its columns.
_RECORD_COLUMNS = (("raw_record", pa.string()), ("is_corrupt", pa.bool_()))
_FILE_COLUMNS = (("modified_at", pa.string()), ("landed_day", pa.string()))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TextFile:
    """A landed file at `place`, and how it is read. `constants` are columns of its path, for where it lacks them.

    `wanted` are names as they match; of each of `alternatives` the first that the file has is picked. `columns` is what
    all these are called in a frame.
    """

    place: str
    path: str
    options: ReadOptions
    encoding: str | None  # None: it is Parquet
    wanted: tuple[str, ...]
    alternatives: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...]
    constants: tuple[tuple[str, str | None], ...]
    modified_at: str
    landed_day: str | None
    has_feed: bool


def text_file(place: str, file: LandedFile, feed: Feed | None, max_record_chars: int) -> TextFile:
    """How a file is read as text: any file but Parquet without a feed. It was planned with its encoding."""
    wanted, alternatives = (feed.own_columns, feed.alternatives) if feed else (DELIVERED_NAMES, ())
    modified_at = _EPOCH + timedelta(microseconds=file.modified_ns // 1000)
    return TextFile(
        place,
        file.path,
        read_options(file.path, feed, max_record_chars),
        file.encoding,
        wanted,
        alternatives,
        (*map(name_in_sql, wanted), *map(first_in_sql, alternatives)) if feed else wanted,
        tuple(path_columns(file.path, wanted).items()),
        modified_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        file.landed_day,
        feed is not None,
    )


def text_files(
    files: Sequence[LandedFile], feeds: Mapping[str, Feed], place_of: Callable[[str], str], max_record_chars: int
) -> Mapping[str | None, list[TextFile]]:
    """Those of a batch's files that are read as text, by the names of their feeds (None: without one). Files of one
    group have the same columns. `place_of` tells where a path of the lake is."""
    groups: dict[str | None, list[TextFile]] = {}
    for file in filter(is_read_as_text, files):
        feed = feeds[file.feed] if file.feed else None
        groups.setdefault(file.feed, []).append(text_file(place_of(file.path), file, feed, max_record_chars))
    return groups


def read_options(path: str, feed: Feed | None, max_record_chars: int) -> ReadOptions:
    """How a text file is read: as its feed says, else as its name does."""
    format_ = "json" if format_of(path) == "json" else "delimited"
    options = ReadOptions(format_, max_record_chars=max_record_chars)  # type: ignore[arg-type]
    if feed is None:
        return options
    read = feed.read
    given = {
        "format": None if read.format == "parquet" else read.format,
        "delimiter": read.delimiter,
        "encodings": tuple(read.encoding) if read.encoding else None,
        "null_values": None if read.null_values is None else tuple(read.null_values),
        "comment": read.comment,
        "records": tuple(read.records) if read.records else None,
    }
    said = {name: value for name, value in given.items() if value is not None}
    return replace(options, quote=read.quote, skip_lines=read.skip_lines, **said)  # type: ignore[arg-type]


def record_schema(columns: Sequence[str], has_feed: bool) -> pa.Schema:
    """The columns of text_batches. source_file is a dictionary of one value, which costs nothing to pass on."""
    one_value = pa.dictionary(pa.int32(), pa.string())
    facts = [(name, one_value) for name, _ in _FILE_COLUMNS] if has_feed else []
    return pa.schema(
        [
            *((name, pa.string()) for name in columns),
            *_RECORD_COLUMNS,
            ("source_file", one_value),
            ("source_record", pa.int64()),
            *facts,
        ]
    )


def text_batches(file: TextFile, note_unknown: NoteUnknown) -> Iterator[pa.RecordBatch]:
    """The records of a file as batches of record_schema. `note_unknown` is given the names of columns that nothing
    reads, of JSON each once and only while the records are read.

    Raises UnreadableInputError, also behind batches: then none of them counts.
    """
    if file.encoding is None:
        yield from _parquet_batches(file)
        return
    layout = layout_of(Path(file.place), file.path, file.options, file.wanted, file.encoding)
    ours = frozenset(file.wanted)
    if layout.header and not file.has_feed and (unknown := unknown_columns(layout, ours)):
        note_unknown(unknown)
    places = {name: position for position, name in enumerate(layout.names)}
    constants = dict(file.constants)
    schema = record_schema(file.columns, file.has_feed)
    # A feed has chosen its columns: the others are no news.
    noted = None if file.has_feed else note_unknown
    for batch in read_records(Path(file.place), file.path, file.options, layout, noted):
        *_, raw_record, is_corrupt, _problem, source_record = batch.columns
        own = [
            batch.column(places[name]) if name in places else constant_column(constants.get(name), batch.num_rows)
            for name in file.wanted
        ]
        if layout.delimiter is None:  # a key of JSON may be there in some records only
            own = [_or_constant(column, constants.get(name)) for name, column in zip(file.wanted, own)]
        own += _picked(file, own, None if layout.delimiter is None else {*places, *constants})
        yield _with_facts(file, schema, own, raw_record, is_corrupt, source_record)


def _parquet_batches(file: TextFile) -> Iterator[pa.RecordBatch]:
    from pyspark_interview_project.sources.parquet_text import parquet_text, raw_records

    schema, constants = record_schema(file.columns, file.has_feed), dict(file.constants)
    for batch, first in parquet_text(Path(file.place), file.path, file.wanted):
        rows, there = batch.num_rows, set(batch.schema.names)
        own = [
            batch.column(name) if name in there else constant_column(constants.get(name), rows) for name in file.wanted
        ]
        own += _picked(file, own, there.union(constants))
        is_corrupt = pa.repeat(pa.scalar(False), rows)
        yield _with_facts(file, schema, own, raw_records(batch), is_corrupt, pa.arange(first, first + rows))


def _picked(file: TextFile, own: Sequence[pa.Array], there: Collection[str] | None) -> list[pa.Array]:
    """Of each of the file's alternatives the first column that is there; None: of JSON, what each record has."""
    columns = dict(zip(file.wanted, own))
    if not file.alternatives:
        return []
    if there is None:
        import pyarrow.compute as pc

        return [pc.coalesce(*(columns[name] for name in choice)) for choice in file.alternatives]
    return [columns[next((name for name in choice if name in there), choice[0])] for choice in file.alternatives]


def _with_facts(
    file: TextFile,
    schema: pa.Schema,
    own: Sequence[pa.Array],
    raw_record: pa.Array,
    is_corrupt: pa.Array,
    source_record: pa.Array,
) -> pa.RecordBatch:
    rows = len(raw_record)
    facts = [array_of_one_value(fact, rows) for fact in (file.modified_at, file.landed_day)] if file.has_feed else []
    arrays = [*own, raw_record, is_corrupt, array_of_one_value(file.path, rows), source_record, *facts]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def is_read_as_text(file: LandedFile) -> bool:
    """Whether a file goes through this module. Without a feed each engine reads Parquet itself."""
    return format_of(file.path) != "parquet" or file.feed is not None


def unknown_columns(layout: Layout, ours: frozenset[str]) -> list[str]:
    """The columns of a header that are none of ours, as they stand there."""
    return [name for name in layout.header if name.strip() and matching_name(name) not in ours]


def _or_constant(column: pa.Array, value: str | None) -> pa.Array:
    return column if value is None or not column.null_count else column.fill_null(value)
