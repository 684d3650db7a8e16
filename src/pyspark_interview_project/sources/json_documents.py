"""JSON records in a text: one object a line, objects one behind the other, over several lines, or in one array.

A line that begins with anything but `{` is a corrupt record; blank lines are none. An object ends at its matching
brace. Others may follow in its line; any other text behind it makes it corrupt, up to the end of the line.
An object is broken where a line ends inside a string, where the text ends or the maximum is reached before it closes,
or where a line begins another one, indented no deeper. Its first line is a corrupt record then, and so is each line
below that is indented deeper: an object nested in a broken one must not become a record.
A text that begins with `[` is an array. A string ends in its line at the latest, and nothing inside it counts.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

from pyspark_interview_project.sources.json_lines import Members, members_of, strict_decoder
from pyspark_interview_project.sources.text_opening import BYTE_ORDER_MARK

_Found = tuple[Members, frozenset[str]] | None
_STRING = r'"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+"'
# Each ends at the next character that counts. A quote does where its string does not end in its line.
_TO_BRACE = re.compile(rf'[^"{{}}]*+(?:{_STRING}[^"{{}}]*+)*+')
_TO_BRACE_OR_COMMA = re.compile(rf'(?:[^"{{}}\[\],]++|{_STRING}|\{{{_TO_BRACE.pattern}\}})*+')  # or a bracket
_TO_BRACE_OR_LINE = re.compile(rf'[^"{{}}\n]*+(?:(?:{_STRING}|\n[ \t\r]*+(?=[^ \t\r\n{{]))[^"{{}}\n]*+)*+')
_BLANKS_IN_LINE = re.compile(r"[ \t\r]*+")
_BLANKS = re.compile(r"[ \t\r\n]*+")
_BLANKS_AND_COMMAS = re.compile(r"[ \t\r\n,]*+")
_BEFORE_TEXT = re.compile(rf"[ \t\r\n{BYTE_ORDER_MARK}]*+")
_NOT_BROKEN = 1 << 62  # no line is indented deeper
_BATCH_CHARS = 64 * 1024  # few enough to stay in the processor's cache


class JsonRecord(NamedTuple):
    """A record as it was delivered, its members as text, and the keys whose values are nested."""

    text: str
    members: Members | None  # None: the record is corrupt
    nested: frozenset[str]


class NoRecords(ValueError):
    """The text is an array that cannot be taken apart to its end. `problem` says why, for a person."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


class RecordTooLong(ValueError):
    """A record is longer than the maximum. Records and lines count from 1."""

    def __init__(self, record: int, line: int, max_chars: int) -> None:
        self.record, self.line = record, line
        super().__init__(f"record {record}, which begins in line {line}, is longer than {max_chars:,} characters")


def json_records(blocks: Iterable[str], max_chars: int) -> Iterator[list[JsonRecord]]:
    """The records of a text in blocks, cut anywhere. Raises its errors behind all records that stand before them."""
    text = _Text(blocks, max_chars)
    offset, char = text.skip(_BEFORE_TEXT, 0)
    batch, chars = list[JsonRecord](), 0
    try:
        for record in _elements(text) if char == "[" and offset <= max_chars else _objects(text):
            batch.append(record)
            chars += len(record.text)
            if chars > _BATCH_CHARS:
                yield batch
                batch, chars = [], 0
    except (NoRecords, RecordTooLong):
        yield batch
        raise
    yield batch


class _Text:
    """The text from `start`, where the next record begins. Offsets count from there."""

    def __init__(self, blocks: Iterable[str], max_chars: int) -> None:
        self.max_chars, self._blocks, self.decoder = max_chars, iter(blocks), strict_decoder()
        self.chars, self.start, self._lines_before, self._records = "", 0, 0, 0

    def more(self) -> bool:
        """Read a block. False at the end, and where there is enough to see that the record is too long."""
        if len(self.chars) - self.start > self.max_chars or (block := next(self._blocks, None)) is None:
            return False
        self._lines_before += self.chars.count("\n", 0, self.start)
        self.chars, self.start = self.chars[self.start :] + block, 0
        return True

    def skip(self, pattern: re.Pattern[str], offset: int) -> tuple[int, str]:
        """Where the pattern ends, and the character there. It is empty at the end of the text."""
        while True:
            end = pattern.match(self.chars, self.start + offset).end()  # type: ignore[union-attr]
            offset, char = end - self.start, self.chars[end : end + 1]
            # A string may end in the next block, where this one has no end of the line.
            if (char and (char != '"' or self.chars.find("\n", end) >= 0)) or not self.more():
                return offset, char

    def leave(self, pattern: re.Pattern[str]) -> str:
        """Begin where the pattern ends, however long it is, and tell the character there."""
        while True:
            offset, char = self.skip(pattern, 0)
            self.start += offset
            if char or not self.more():
                return char

    def to_line_end(self, offset: int) -> tuple[int, str]:
        """What stands before the LF that follows on `offset`: its length, and itself without CR."""
        while (end := self.chars.find("\n", self.start + offset)) < 0 and self.more():
            pass
        end = len(self.chars) if end < 0 else end
        return end - self.start, self.chars[self.start : end].removesuffix("\r")

    def line(self) -> int:
        return 1 + self._lines_before + self.chars.count("\n", 0, self.start)

    def take(self, record: str, found: _Found, length: int, following: int) -> JsonRecord:
        """The record in the first `length` characters. The next one begins at the offset `following`."""
        self._records += 1
        if length > self.max_chars:
            raise RecordTooLong(self._records, self.line(), self.max_chars)
        self.start += following
        return JsonRecord(record, found[0], found[1]) if found else JsonRecord(record, None, frozenset())


def _objects(text: _Text) -> Iterator[JsonRecord]:
    broken = _NOT_BROKEN
    while text.start < len(text.chars) or text.more():
        length, line = text.to_line_end(0)
        if line[:1] == "{" and length <= text.max_chars and (found := members_of(line, text.decoder)):
            broken = _NOT_BROKEN
            yield text.take(line, found, length, length + 1)
        elif line[:1] == BYTE_ORDER_MARK:  # files that were put together have it at the beginning of any line
            text.start += 1
        elif (indent := len(line) - len(line.lstrip(" \t\r"))) == len(line) and length <= text.max_chars:
            text.start += length + 1
        elif line[indent : indent + 1] != "{" or indent > broken:
            yield text.take(line, None, length, length + 1)
        else:
            broken = yield from _objects_from_line(text, indent)


def _objects_from_line(text: _Text, indent: int) -> Generator[JsonRecord, None, int]:
    """Objects of which the first begins in the next line. Returns `indent` where the last is broken."""
    offset = indent
    while end := _end_of_object(text, offset, indent):
        following, char = text.skip(_BLANKS_IN_LINE, end)
        if char != "{" or following > text.max_chars:
            break
        record, offset = text.chars[text.start : text.start + end], 0
        yield text.take(record, members_of(record, text.decoder), end, following)
    length, record = text.to_line_end(end or 0)
    yield text.take(record, members_of(record, text.decoder) if end else None, length, length + 1)
    return _NOT_BROKEN if end else indent


def _end_of_object(text: _Text, offset: int, indent: int) -> int | None:
    """The offset behind the object whose brace stands at `offset`; None where the object is broken."""
    depth = 0
    while True:
        offset, char = text.skip(_TO_BRACE_OR_LINE, offset)
        if char in ('"', "") or offset >= text.max_chars:
            return None
        offset += 1
        depth += {"{": 1, "}": -1, "\n": 0}[char]
        if depth == 0:
            return offset
        if char == "\n":
            first, char = text.skip(_BLANKS_IN_LINE, offset)
            if char == "{" and first - offset <= indent:
                return None


def _elements(text: _Text) -> Iterator[JsonRecord]:
    text.leave(_BEFORE_TEXT)
    begin = text.line()
    text.start += 1
    while (char := text.leave(_BLANKS_AND_COMMAS)) not in ("]", ""):
        length = _end_of_element(text)
        record = text.chars[text.start : text.start + length].rstrip(" \t\r\n")
        yield text.take(record, members_of(record, text.decoder), length, length)
    if not char:
        raise NoRecords(f"the JSON array that begins in line {begin} is not closed")
    text.start += 1
    if text.leave(_BLANKS):
        raise NoRecords(f"text follows in line {text.line()} behind the JSON array that begins in line {begin}")


def _end_of_element(text: _Text) -> int:
    """The offset of the comma or bracket behind the element, or of the end of the text."""
    braces = brackets = offset = 0
    while True:
        offset, char = text.skip(_TO_BRACE if braces else _TO_BRACE_OR_COMMA, offset)
        if char == "" or offset > text.max_chars or (char in (",", "]") and not brackets):
            return offset
        offset = text.to_line_end(offset)[0] if char == '"' else offset + 1
        braces = max(braces + {"{": 1, "}": -1}.get(char, 0), 0)
        brackets += {"[": 1, "]": -1}.get(char, 0)
