"""The records of a text file as Arrow batches: columns as text, the record as delivered, its number, what is wrong.

Every engine reads text through this module, so it knows none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import pyarrow as pa

from pyspark_interview_project.sources.text_arrays import are_there, text_array, without_texts
from pyspark_interview_project.sources.text_columns import Chunk, NoteUnknown, delimited_chunks, json_chunks
from pyspark_interview_project.sources.text_layout import Layout, ReadOptions, layout_of
from pyspark_interview_project.sources.text_opening import decoded_blocks
from pyspark_interview_project.sources.unpacking import Source

__all__ = ["Layout", "ReadOptions", "layout_of", "read_records", "record_schema"]

_BATCH_RECORDS = 50_000
_BATCH_BYTES = 16 * 1024 * 1024  # of long records fewer make a batch


def record_schema(names: Sequence[str]) -> pa.Schema:
    """The columns of a batch. Those behind `names` are told by their place: a file may have columns of their names."""
    own = [("raw_record", pa.string()), ("is_corrupt", pa.bool_()), ("problem", pa.string())]
    return pa.schema([*((name, pa.string()) for name in names), *own, ("source_record", pa.int64())])


def read_records(
    source: Source, name: str, options: ReadOptions, layout: Layout, note_unknown: NoteUnknown | None = None
) -> Iterator[pa.RecordBatch]:
    """The records of a file, numbered from 1, in batches that are not empty.

    `note_unknown` is given the names of JSON keys that are not in the layout, once each.
    Raises UnreadableInputError naming the file `name`, also behind batches: then none of them counts.
    """
    with closing(decoded_blocks(source, name, layout.encoding)) as blocks:
        if layout.delimiter is None:
            chunks = json_chunks(blocks, name, options, layout.names, note_unknown)
            yield from _batches(chunks, layout.names, ())
        else:
            chunks = delimited_chunks(blocks, name, options, layout.names, layout.delimiter)
            yield from _batches(chunks, layout.names, options.null_values)


def _batches(chunks: Iterator[Chunk], names: Sequence[str], null_values: Sequence[str]) -> Iterator[pa.RecordBatch]:
    schema = record_schema(names)
    nothing = frozenset(null_values)
    waiting: list[list[pa.Array]] = []
    read = rows = size = 0
    for texts, columns, problems in chunks:
        arrays = [_as_array(column) for column in (*columns, texts)]
        rows += len(texts)
        size += arrays[-1].nbytes
        waiting.append([*arrays, pa.nulls(len(texts), pa.string()) if problems is None else _as_array(problems)])
        if rows >= _BATCH_RECORDS or size >= _BATCH_BYTES:
            yield _batch(waiting, schema, nothing, read + 1)
            read, rows, size = read + rows, 0, 0
            waiting.clear()
    if waiting:
        yield _batch(waiting, schema, nothing, read + 1)


def _as_array(column: Sequence[str | None] | pa.Array) -> pa.Array:
    return column if isinstance(column, pa.Array) else text_array(column)


def _batch(parts: list[list[pa.Array]], schema: pa.Schema, nothing: frozenset[str], first: int) -> pa.RecordBatch:
    *columns, texts, problems = (pa.concat_arrays(column) for column in zip(*parts))
    numbers = pa.arange(first, first + len(texts))
    return pa.RecordBatch.from_arrays(
        [*without_texts(nothing, columns), texts, are_there(problems), problems, numbers], schema=schema
    )
