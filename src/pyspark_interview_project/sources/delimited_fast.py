"""A fast way through delimited text, beside its definition in `delimited`.

Whatever this module reads, it has proven that the definition reads the same; it leaves the rest to the definition.
So it can be deleted without changing a record or an error.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import suppress

from pyspark_interview_project.sources.delimited import BLANK, LINE_ENDS, Dialect, Record, RecordReader

# The definition reads a piece on from where a proof fails: a small piece keeps that short.
PIECE_CHARS = 32 * 1024


def fast_records(blocks: Iterable[str], dialect: Dialect, max_chars: int) -> Iterator[list[Record]]:
    """The records that `delimited.records` gives, with the same errors, but sooner."""
    pieces = (block[at : at + PIECE_CHARS] for block in blocks for at in range(0, len(block), PIECE_CHARS))
    return FastRecordReader(dialect, max_chars).read_all(pieces)


class FastRecordReader(RecordReader):
    """Reads what it can prove at the start of a text, then lets the definition go on."""

    def _read(self, text: str, is_last: bool) -> tuple[list[Record], int]:
        if len(text) > 2 * PIECE_CHARS:  # a record of more than a piece: its lines would take many times its memory
            return super()._read(text, is_last)
        lines = text[: end_of_last_line(text)]
        proven, end = _proven_records(lines, self._dialect)
        if not proven or end > self._max_chars and max(len(record.text) for record in proven) > self._max_chars:
            return super()._read(text, is_last)
        self._count(proven, text, end)
        more, more_end = super()._read(text[end:], is_last)
        return proven + more, end + more_end


def end_of_last_line(text: str) -> int:
    """A CR at the very end does not count: its LF may follow."""
    return max(text.rfind("\n"), text.rfind("\r", 0, max(len(text) - 1, 0))) + 1


def _proven_records(lines: str, dialect: Dialect) -> tuple[list[Record], int]:
    """The records that can be proven at the start of whole lines, and where they end."""
    delimiter, quote = dialect.delimiter, dialect.quote
    if quote is None or quote not in lines:
        return _without_quotes(lines, delimiter), len(lines)
    if all_quoted := _all_quoted(lines, delimiter, quote):
        return all_quoted, len(lines)
    if _may_have_blanks_before_quote(lines, delimiter, quote):
        return [], 0
    return _strictly_quoted(lines, delimiter, quote)


def _without_quotes(lines: str, delimiter: str) -> list[Record]:
    if "\r" in lines:
        lines = lines.replace("\r\n", "\n").replace("\r", "\n")
    texts = [line for line in lines.split("\n") if line]
    return _records(texts, [text.split(delimiter) for text in texts])


def _all_quoted(lines: str, delimiter: str, quote: str) -> list[Record]:
    """The records, where every field has quotes and none has one inside; else nothing.

    That is so where the cuts, each of which takes two quotes, take all that lie between the first and the last.
    """
    line_end = "\r\n" if lines.endswith("\r\n") else "\n"
    if not lines.startswith(quote) or not lines.endswith(quote + line_end, 1):  # two quotes, not one that is both
        return []
    between = lines[1 : -1 - len(line_end)]
    texts = between.split(quote + line_end + quote)
    fields = [text.split(quote + delimiter + quote) for text in texts]
    cuts = sum(map(len, fields)) - 1
    if between.count(quote) != 2 * cuts:
        return []
    return _records([quote + text + quote for text in texts], fields)


def _may_have_blanks_before_quote(lines: str, delimiter: str, quote: str) -> bool:
    """Whether a quote may follow blanks at the start of a field, which Python's reader takes for text."""
    late = BLANK + quote
    if delimiter == BLANK or late not in lines:
        return False
    return lines.startswith(late) or any(before + late in lines for before in (delimiter, BLANK, *LINE_ENDS))


def _strictly_quoted(lines: str, delimiter: str, quote: str) -> tuple[list[Record], int]:
    """The records up to the first that Python's strict reader refuses, or that stays open; and where they end.

    That reader differs from the definition only in blanks around quotes. It refuses those behind a quote; the caller
    looks for those before one.
    """
    parts = list(io.StringIO(lines, newline=""))  # cut behind LF, CR and CR LF, and nowhere else
    rows: list[list[str]] = []
    ends: list[int] = []
    reader = csv.reader(parts, delimiter=delimiter, quotechar=quote, strict=True)
    with suppress(csv.Error):
        for row in reader:
            rows.append(row)
            ends.append(reader.line_num)
    if len(rows) < len(parts):  # a record has several lines, or the reader stopped before the end
        parts = ["".join(parts[start:end]) for start, end in zip([0, *ends], ends)]
    texts = [part.rstrip("\r\n") for part in parts]
    return [record for record in _records(texts, rows) if record.text], sum(map(len, parts))


def _records(texts: list[str], fields: list[list[str]]) -> list[Record]:
    return list(map(Record._make, zip(texts, fields)))
