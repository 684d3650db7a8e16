"""What a record is in delimited text (CSV, TSV): RFC 4180, with a defined reading of text that breaks it.

This module is the definition. `delimited_fast` reads the same records sooner and can be deleted without changing one.

- CR, LF and CR LF end a record. A line without any text is no record, but it counts as a line.
- A field is quoted where it begins with a quote, or with blanks and then a quote. Inside, a doubled quote stands for
  one; delimiters and line ends are text. Blanks around the quotes are dropped.
- A quote anywhere else in a field without quotes is text.
- Text behind a closing quote is a fault: the record is corrupt. The field ends at the next delimiter or line end, and
  the fields behind it are read as usual, so that no text inside well-formed quotes becomes a record.
- A quote that stays open says nothing about where its record ends. Nothing behind it is read: the text is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

BLANK = " "
LINE_ENDS = ("\r", "\n")


@dataclass(frozen=True)
class Dialect:
    """The two characters that give a text its structure; without a quote, quotes are text."""

    delimiter: str = ","
    quote: str | None = '"'

    def __post_init__(self) -> None:
        structure = [self.delimiter] if self.quote is None else [self.delimiter, self.quote]
        if any(len(character) != 1 or character in LINE_ENDS for character in structure):
            raise ValueError(f"a delimiter and a quote are one character each, and no line end: {structure}")
        if self.quote in (self.delimiter, BLANK):
            raise ValueError(f"a quote is neither the delimiter nor a blank: {structure}")


class Record(NamedTuple):
    """A record as it was delivered, without its line end, and its fields: None where its quoting has a fault."""

    text: str
    fields: Sequence[str] | None


class RefusedText(ValueError):
    """Text that cannot be read on from a record; `record` and `line` count from 1."""

    _cause = "the text cannot be read"

    def __init__(self, record: int, line: int) -> None:
        super().__init__(record, line)  # both, so that a worker's error can be pickled
        self.record = record
        self.line = line

    def __str__(self) -> str:
        return f"{self._cause} (record {self.record}, line {self.line})"


class OpenQuote(RefusedText):
    """A quote opens a field on this line, and does not close."""

    _cause = "a quote opens and does not close"


class RecordTooLong(RefusedText):
    """The record that begins on this line is longer than allowed."""

    _cause = "a record is too long"


def records(blocks: Iterable[str], dialect: Dialect, max_chars: int) -> Iterator[list[Record]]:
    """The records of a text that comes in blocks, wherever those are cut; a record has at most `max_chars` characters.

    A byte-order mark is the caller's to drop. No more than a block and one record is held.
    Raises OpenQuote and RecordTooLong.
    """
    return RecordReader(dialect, max_chars).read_all(blocks)


class RecordReader:
    """Reads one text once, and counts its records and lines."""

    def __init__(self, dialect: Dialect, max_chars: int) -> None:
        self._dialect = dialect
        self._max_chars = max_chars
        self._field = _field_pattern(dialect)
        self._records_read = 0
        self._lines_read = 0

    def read_all(self, blocks: Iterable[str]) -> Iterator[list[Record]]:
        """The records of all blocks, in lists that are not empty."""
        waiting: list[str] = []
        size = enough = 0
        for block in blocks:
            waiting.append(block)
            size += len(block)
            if size <= enough:
                continue
            text = "".join(waiting)
            found, end = self._read(text, is_last=False)
            if found:
                yield found
            waiting = [text[end:]]
            size = len(waiting[0])
            # An unfinished record is read again from its start. Twice its size keeps that linear, however small blocks
            # are; a record's limit and one character more always decide.
            enough = min(2 * size, self._max_chars + 1)
        found, _ = self._read("".join(waiting), is_last=True)
        if found:
            yield found

    def _read(self, text: str, is_last: bool) -> tuple[list[Record], int]:
        """The records of a text that begins with one, as far as no later text can change them, and where they end."""
        found: list[Record] = []
        fields: list[str] = []
        is_sound = True
        start = 0
        doubled, single = 2 * (self._dialect.quote or ""), self._dialect.quote or ""
        for field in self._field.finditer(text):
            quoted, fault, plain, end = field.groups()
            if plain is not None:
                fields.append(plain)
            elif fault is None:
                fields.append(quoted.replace(doubled, single))
            else:
                is_sound = False
            if end == self._dialect.delimiter:
                continue

            stop = field.end() - len(end)
            if stop - start > self._max_chars:
                raise self._too_long(text, start, self._records_read + len(found) + 1)
            if field.end() == len(text) and not end.endswith("\n"):
                # What follows may belong to this field, double its last quote, or be the LF of its CR.
                if not is_last:
                    break
                if fault == "":
                    line = self._line_at(text, field.start(1))
                    raise OpenQuote(self._records_read + len(found) + 1, line)
            if stop > start:
                found.append(Record(text[start:stop], fields if is_sound else None))
            start = field.end()
            fields = []
            is_sound = True
        self._count(found, text, start)
        return found, start

    def _too_long(self, text: str, start: int, record: int) -> RefusedText:
        """Why a record is too long: a quote within its limit that does not close there, or only its text."""
        limit = start + self._max_chars
        # One character more tells a closing quote from a doubled one.
        for field in self._field.finditer(text, start, limit + 1):
            if field.start(1) > 0 and field.start(1) <= limit <= field.end(1):
                return OpenQuote(record, self._line_at(text, field.start(1)))
        return RecordTooLong(record, self._line_at(text, start))

    def _line_at(self, text: str, position: int) -> int:
        return self._lines_read + _count_line_ends(text, position) + 1

    def _count(self, found: Sequence[Record], text: str, end: int) -> None:
        self._records_read += len(found)
        self._lines_read += _count_line_ends(text, end)


def _count_line_ends(text: str, end: int) -> int:
    return text.count("\n", 0, end) + text.count("\r", 0, end) - text.count("\r\n", 0, end)


def _field_pattern(dialect: Dialect) -> re.Pattern[str]:
    """One field and what ends it. It matches anywhere, so that one match begins where the one before it ends.

    Its groups: the text in quotes; what is wrong with a quoted field (None: nothing; empty: it stays open); the text of
    a field without quotes; the delimiter, the line end, or nothing at the end of the text.

    All repeats are possessive: nothing is tried twice, and a long field needs no memory for it.
    """
    delimiter = re.escape(dialect.delimiter)
    text = rf"[^{delimiter}\r\n]*+"
    end = rf"({delimiter}|\r\n?|\n|\Z)"
    if dialect.quote is None:
        return re.compile(rf"(?:(?!)()()|({text})){end}")
    quote = re.escape(dialect.quote)
    blanks = "" if dialect.delimiter == BLANK else f"{BLANK}*+"
    inside = rf"[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+"
    closed = rf"{quote}{blanks}(?![^{delimiter}\r\n])"
    return re.compile(rf"(?:{blanks}{quote}({inside})(?:{closed}|({quote}{text}|))|({text})){end}")
