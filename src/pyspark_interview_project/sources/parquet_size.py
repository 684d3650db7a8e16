"""How many bytes a Parquet file decodes to. A dictionary holds a value once that may stand in every row.

The footer gives the size of a column as it is encoded, which for text can be a thousandth of its decoded size. The
dictionaries give an upper bound of the decoded size. Only where that bound is too large are columns decoded, some rows
at a time. Counts and sizes in the footer are trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.schemas.returns_raw import DELIVERED_NAMES

_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}
_WIDEST = 16  # bytes of a decimal
_TEXT = "BYTE_ARRAY"
_DICTIONARIES = {"PLAIN_DICTIONARY", "RLE_DICTIONARY"}
_PREFIXES = "DELTA_BYTE_ARRAY"  # each value may repeat the whole of the one before it
_BYTES_AT_A_TIME = 256 * 1024 * 1024
_ROWS_AT_A_TIME = (64, 65_536)


@dataclass(frozen=True)
class _TextChunk:
    """One column of text in one row group; `encoded` is its size without compression."""

    group: int
    name: str
    values: int
    encoded: int
    has_prefixes: bool
    has_dictionary: bool

    @property
    def most_bytes(self) -> int:
        """An upper bound of its decoded size: no value is longer than the chunk that holds it."""
        return self.encoded * (self.values + 1) if self.has_prefixes or self.has_dictionary else self.encoded


def decoded_bytes(path: Path, metadata: pq.FileMetaData, enough: int) -> int:
    """The bytes of our columns, decoded. Only as exact as it must be to say whether they are more than `enough`.

    No engine reads the other columns, so they do not count.
    """
    sizes, texts = _fixed_bytes(metadata), _text_chunks(metadata)
    if sizes + sum(chunk.most_bytes for chunk in texts) <= enough:
        return sizes
    # Arrow cannot read a column as a dictionary whose values share prefixes.
    names = sorted({chunk.name for chunk in texts} - {chunk.name for chunk in texts if chunk.has_prefixes})
    with pq.ParquetFile(path, read_dictionary=names) as file:
        at_most = {chunk: _most_bytes_by_dictionary(file, chunk) for chunk in texts}
        left = sizes + sum(at_most.values())
        # The largest column first: it most likely decides.
        for chunk in sorted(texts, key=lambda chunk: at_most[chunk], reverse=True):
            if left <= enough or sizes > enough:
                break
            left -= at_most[chunk]
            for size in _text_sizes(file, chunk):
                sizes, left = sizes + size, left + size
                if sizes > enough:
                    break
    return sizes


def _columns(metadata: pq.FileMetaData) -> list[tuple[int, int, str, Any]]:
    """The chunks of our columns: number of the row group, rows, column, and the footer's entry."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    return [
        (number, group.num_rows, name, chunk)
        for number, group in enumerate(groups)
        for chunk in (group.column(position) for position in range(group.num_columns))
        if matching_name(name := chunk.path_in_schema) in DELIVERED_NAMES
    ]


def _fixed_bytes(metadata: pq.FileMetaData) -> int:
    """The decoded bytes without the characters of texts; the length of a text takes four bytes."""
    widths = {**_WIDTHS, _TEXT: 4}
    return sum(rows * widths.get(chunk.physical_type, _WIDEST) for _, rows, _, chunk in _columns(metadata))


def _text_chunks(metadata: pq.FileMetaData) -> list[_TextChunk]:
    leaves = map(metadata.schema.column, range(len(metadata.schema)))
    decimals = {leaf.path for leaf in leaves if leaf.logical_type.type == "DECIMAL"}  # their bytes are digits
    return [
        _TextChunk(
            number,
            name,
            chunk.num_values,
            chunk.total_uncompressed_size,
            has_prefixes=_PREFIXES in chunk.encodings,
            has_dictionary=not _DICTIONARIES.isdisjoint(chunk.encodings),
        )
        for number, _, name, chunk in _columns(metadata)
        if chunk.physical_type == _TEXT and name not in decimals
    ]


def _most_bytes_by_dictionary(file: pq.ParquetFile, chunk: _TextChunk) -> int:
    """The bytes of the chunk's texts if each were as long as the longest one in its dictionary."""
    if chunk.has_prefixes or not chunk.has_dictionary:
        return chunk.most_bytes
    first = next(file.iter_batches(1, row_groups=[chunk.group], columns=[chunk.name], use_threads=False), None)
    texts = None if first is None else first.column(0)
    if not isinstance(texts, pa.DictionaryArray):  # another row group of the column has prefixes
        return chunk.most_bytes
    return chunk.encoded + chunk.values * (pc.max(_lengths(texts.dictionary)).as_py() or 0)


def _text_sizes(file: pq.ParquetFile, chunk: _TextChunk) -> Any:
    """The bytes of the chunk's texts, for some rows at a time."""
    least, most = _ROWS_AT_A_TIME
    rows = most if not chunk.has_prefixes else max(least, min(most, _BYTES_AT_A_TIME // max(1, chunk.encoded)))
    for batch in file.iter_batches(rows, row_groups=[chunk.group], columns=[chunk.name], use_threads=False):
        texts = batch.column(0)
        is_coded = isinstance(texts, pa.DictionaryArray)
        lengths = pc.take(_lengths(texts.dictionary), texts.indices) if is_coded else _lengths(texts)
        yield pc.sum(lengths).as_py() or 0


def _lengths(texts: pa.Array) -> pa.Array:
    if isinstance(texts, pa.ExtensionArray):
        texts = texts.storage
    if pa.types.is_string_view(texts.type) or pa.types.is_binary_view(texts.type):
        texts = texts.cast(pa.large_binary())
    return pc.cast(pc.binary_length(texts), pa.int64())
