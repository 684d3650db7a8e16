"""Arrow's columns of a few texts, made without pandas.

`pa.array` and `pa.scalar` load pandas where it is installed, to see whether a value is one of its own. That takes longer
than all else of a small run.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

NO_TEXT = pa.nulls(1, pa.string())[0]
# Of more texts `pa.array` is as fast with pandas as this is without (measured).
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
