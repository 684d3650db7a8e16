"""A faster way from delimited text to columns, beside its definition in `delimited`: pyarrow splits what is proven.

A block is proven where each quote that opens stands behind a delimiter or a line end, each that closes before one, and
every record has as many fields as the header. What is not proven, and what may not be a record, is left to the
definition. So this module can be deleted without changing a record or an error: `fast_records` gives the same.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from pyspark_interview_project.sources.delimited import LINE_ENDS, Dialect, Record
from pyspark_interview_project.sources.delimited_fast import PIECE_CHARS, FastRecordReader, end_of_last_line
from pyspark_interview_project.sources.text_opening import BYTE_ORDER_MARK

_MIN_CHARS = 32 * 1024  # below that a call of pyarrow costs more than it saves
_LF_IN_QUOTES = "\0"  # stands for it while records are cut at LF: no text has this character


class Columns(NamedTuple):
    """Sound records of a table: their texts, and the fields of the header, each an array."""

    texts: pa.Array
    fields: Sequence[pa.Array]


class ColumnReader(FastRecordReader):
    """Reads one text once, as columns where it can. It cannot before the `header` is set, which is the first record."""

    def __init__(self, dialect: Dialect, max_chars: int, marks: Sequence[str]) -> None:
        """Records that begin with one of `marks` are left to the definition."""
        super().__init__(dialect, max_chars)
        self._marks = (BYTE_ORDER_MARK, *marks)  # pyarrow drops a byte-order mark
        self.header: Sequence[str] = ()

    def read(self, blocks: Iterable[str]) -> Iterator[list[Record] | Columns]:
        """The records that `delimited.records` gives, with the same errors."""
        waiting: list[str] = []
        size = enough = 0
        for block in _first_line_apart(blocks):
            waiting.append(block)
            size += len(block)
            if size <= enough:
                continue
            text = "".join(waiting)
            end = end_of_last_line(text)
            if columns := self._columns(text[:end]):
                yield columns
            else:
                end = yield from self._by_definition(text)
            waiting = [text[end:]]
            size = len(waiting[0])
            enough = min(2 * size, self._max_chars + 1)  # as the definition waits for more of a long record
        text = "".join(waiting)
        end = yield from self._by_definition(text)  # first what stands before a quote that stays open
        found, _ = self._read(text[end:], is_last=True)
        if found:
            yield found

    def _by_definition(self, text: str) -> Generator[list[Record], None, int]:
        """The records of a text that begins with one, in pieces. Returns where the last whole one ends."""
        at, size = 0, PIECE_CHARS
        while at < len(text):
            found, end = self._read(text[at : at + size], is_last=False)
            if found:
                yield found
            if not end and at + size >= len(text):
                break
            at, size = at + end, PIECE_CHARS if end else 2 * size
        return at

    def _columns(self, lines: str) -> Columns | None:
        """The records of whole lines; None where something is not proven."""
        if not self.header or len(lines) < _MIN_CHARS:
            return None
        if any(lines.startswith(mark) or f"\n{mark}" in lines for mark in self._marks):
            return None
        if (cut := _cut_at_line_feeds(lines, self._dialect)) is None or (fields := self._fields(lines)) is None:
            return None
        import pyarrow.compute as pc

        pieces = pc.split_pattern(pa.scalar(cut), "\n").values
        texts = pieces.filter(pc.not_equal(pieces, ""))
        if _LF_IN_QUOTES in cut:
            texts = pc.replace_substring(texts, _LF_IN_QUOTES, "\n")
        if not len(texts) or len(texts) != len(fields[0]) or pc.index(fields[0], self.header[0]).as_py() >= 0:
            return None
        if len(lines) > self._max_chars and pc.max(pc.utf8_length(texts)).as_py() > self._max_chars:
            return None
        self._records_read += len(texts)
        if "\r" in cut or _LF_IN_QUOTES in cut:
            self._count([], lines, len(lines))
        else:
            self._lines_read += len(pieces) - 1
        return Columns(texts, fields)

    def _fields(self, lines: str) -> Sequence[pa.Array] | None:
        """The fields by column; None where a record has more or fewer than the header."""
        delimiter, quote = self._dialect.delimiter, self._dialect.quote
        if not (delimiter + (quote or "")).isascii():
            return None
        data = lines.encode()
        names = [str(number) for number in range(len(self.header))]
        import pyarrow.csv

        try:
            table = pyarrow.csv.read_csv(
                pa.py_buffer(data),
                pyarrow.csv.ReadOptions(use_threads=False, column_names=names, block_size=len(data) + 1),
                pyarrow.csv.ParseOptions(
                    delimiter=delimiter,
                    quote_char=quote or False,
                    double_quote=quote is not None,
                    newlines_in_values=quote is not None,
                ),
                pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), check_utf8=False),
            )
        except pa.ArrowInvalid:
            return None
        return [column.combine_chunks() for column in table.columns]


def _first_line_apart(blocks: Iterable[str]) -> Iterator[str]:
    """The blocks, of which the first is cut below its first line, most often the header."""
    is_first = True
    for block in blocks:
        if is_first:
            end = block.find("\n") + 1
            yield block[:end]
            block, is_first = block[end:], False
        if block:
            yield block


def _cut_at_line_feeds(lines: str, dialect: Dialect) -> str | None:
    """The lines with LF where records end and nowhere else; None where it is not proven where that is."""
    quote = dialect.quote
    if quote is None or quote not in lines:
        cut = lines.replace("\r\n", "\n")
        return None if "\r" in cut else cut
    parts = lines.split(quote)
    outside, inside = parts[0::2], parts[1::2]
    if len(inside) == len(outside) or not _stand_between_fields(outside, dialect.delimiter):
        return None
    if "\r" in lines:
        outside = [part.replace("\r\n", "\n") for part in outside]
        if any("\r" in part for part in outside):
            return None
    parts[0::2] = outside
    parts[1::2] = [part.replace("\n", _LF_IN_QUOTES) for part in inside]
    return quote.join(parts)


def _stand_between_fields(outside: Sequence[str], delimiter: str) -> bool:
    """Whether what stands outside of quotes leaves each quote where a field begins or ends, or doubles it."""
    ends = (delimiter, *LINE_ENDS)
    first, *middle, last = outside
    return (
        (not first or first.endswith(ends))
        and last.startswith(ends)
        and all(not part or (part.startswith(ends) and part.endswith(ends)) for part in set(middle))
    )
