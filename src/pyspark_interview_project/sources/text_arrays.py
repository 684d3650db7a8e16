"""Arrow's columns of texts, of a few of them without pandas and without Arrow's own functions.

`pa.array` and `pa.scalar` load pandas where it is installed, to see whether a value is one of its own, and to load
`pyarrow.compute` takes 50 ms. For a small run that is much.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

# Of more texts Arrow's own ways are faster, with all that they load.
_FEW = 10_000
_BYTES_OF_AN_INDEX = 4


def text_array(texts: Sequence[str | None]) -> pa.Array:
    """A column of these texts."""
    if len(texts) > _FEW:
        return pa.array(texts, pa.string())
    few = pa.lib.StringBuilder()
    few.append_values(texts)
    return few.finish()


def array_of_one_value(value: str | None, rows: int) -> pa.DictionaryArray:
    """A column that has one text, or none, in each row: a dictionary, which costs nothing to pass on."""
    if value is None:
        return pa.DictionaryArray.from_arrays(pa.nulls(rows, pa.int32()), text_array([]))
    zeros = pa.py_buffer(bytes(_BYTES_OF_AN_INDEX * rows))
    return pa.DictionaryArray.from_arrays(pa.Array.from_buffers(pa.int32(), rows, [None, zeros]), text_array([value]))


def are_there(texts: pa.Array) -> pa.BooleanArray:
    """Whether each text is one, not null: the bits by which Arrow knows that."""
    bits = texts.buffers()[0] or pa.py_buffer(b"\xff" * ((texts.offset + len(texts) + 7) // 8))
    return pa.Array.from_buffers(pa.bool_(), len(texts), [None, bits], offset=texts.offset)


def without_texts(nothing: frozenset[str], columns: Sequence[pa.Array]) -> Sequence[pa.Array]:
    """The columns, of equal lengths, with null for each of these texts."""
    if not nothing or not columns:
        return columns
    rows = len(columns[0])
    if rows * len(columns) <= _FEW:
        return [_few_without(nothing, column) for column in columns]
    import pyarrow.compute as pc

    # One call for all columns: for a file of a few records calls are what costs.
    are_nothing = pc.is_in(pa.chunked_array(columns), text_array([*nothing])).combine_chunks()
    masks = [are_nothing.slice(number * rows, rows) for number in range(len(columns))]
    return [pc.if_else(mask, None, column) if mask.true_count else column for mask, column in zip(masks, columns)]


def _few_without(nothing: frozenset[str], column: pa.Array) -> pa.Array:
    texts = column.to_pylist()
    return column if nothing.isdisjoint(texts) else text_array([None if text in nothing else text for text in texts])
