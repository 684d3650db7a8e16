"""JSON records in a text: one object a line, objects one behind the other, over several lines, or in one array.

Objects and their lines:
 - A line that begins with anything but `{` is a corrupt record. Blank lines are none.
 - An object ends at its matching brace. It may share its line with others; text behind it makes it corrupt up to the end
   of the line.
 - An object may go over several lines. It is broken where a line ends inside a string, where the text ends or the
   maximum is reached before it closes, or where a line begins a new object that is indented no deeper. Its first line is
   a corrupt record then. So is each line below that is indented deeper, even if it looks like an object: nested objects
   never become records.

An array is told by its `[`, which must be the first character. Its elements end at a comma or at the closing bracket.
In either layout a string ends in its line at the latest, and nothing inside a string counts.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

from pyspark_interview_project.sources.json_lines import Members, members_of, strict_decoder
from pyspark_interview_project.sources.lines import BYTE_ORDER_MARK

_STRING = r'"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+"'
# Each goes as far as no character counts. A quote stops all of them where its string does not end in its line.
_TO_BRACE_OR_LINE_END = re.compile(rf'(?:[^"{{}}\n]++|{_STRING})*+')
_TO_BRACE = re.compile(rf'(?:[^"{{}}]++|{_STRING})*+')
_TO_SEPARATOR = re.compile(rf'(?:[^"{{}}\[\],]++|{_STRING})*+')
_BLANKS_IN_LINE = re.compile(r"[ \t\r]*+")
_BLANKS = re.compile(r"[ \t\r\n]*+")
_BEFORE_TEXT = re.compile(rf"[ \t\r\n{BYTE_ORDER_MARK}]*+")
_NOT_BROKEN = sys.maxsize
_NOTHING: frozenset[str] = frozenset()

Found = tuple[Members, frozenset[str]] | None


class JsonRecord(NamedTuple):
    """An object as it was delivered, its members as text, and the keys whose values are nested."""

    text: str
    members: Members | None  # None: the record is corrupt
    nested: frozenset[str]


class NoRecords(ValueError):
    """The text is an array from which no records can be taken. `problem` says why, for a person."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


class RecordTooLong(ValueError):
    """A record is longer than the maximum. Records and lines count from 1."""

    def __init__(self, record: int, line: int, max_chars: int) -> None:
        self.record, self.line = record, line
        super().__init__(f"record {record}, in line {line}, is longer than {max_chars:,} characters")


def json_records(blocks: Iterable[str], max_chars: int) -> Iterator[list[JsonRecord]]:
    """The records of a text that comes in blocks. Where the blocks are cut does not matter.

    No more than a few blocks and `max_chars` are held in memory. Raises NoRecords and RecordTooLong.
    """
    text = _Text(blocks, max_chars)
    offset, first = text.skip(_BEFORE_TEXT, 0)
    is_array = first == "[" and offset <= max_chars
    batch: list[JsonRecord] = []
    blocks_read = text.blocks_read
    try:
        for record in _elements(text) if is_array else _objects(text):
            if text.blocks_read != blocks_read:
                blocks_read = text.blocks_read
                if batch:
                    yield batch
                batch = []
            batch.append(record)
    except (NoRecords, RecordTooLong):
        # All that stands before the fault is handed out, so that its number is the same for any blocks.
        if batch:
            yield batch
        raise
    if batch:
        yield batch


class _Text:
    """The text from `start`, where the next record begins. Offsets count from there."""

    def __init__(self, blocks: Iterable[str], max_chars: int) -> None:
        self._blocks = iter(blocks)
        self._decoder = strict_decoder()
        self._lines = self._records = 0
        self.max_chars = max_chars
        self.chars, self.start, self.blocks_read = "", 0, 0

    def more(self) -> bool:
        """Read one more block. False at the end, and where there is enough to see that a record is too long."""
        # A line of the maximum may have CR LF behind it.
        if len(self.chars) - self.start > self.max_chars + 2:
            return False
        block = next(self._blocks, None)
        if block is None:
            return False
        self._lines += self.chars.count("\n", 0, self.start)
        self.chars, self.start = self.chars[self.start :] + block, 0
        self.blocks_read += 1
        return True

    def line(self) -> int:
        """The number of the line in which the next record begins."""
        return 1 + self._lines + self.chars.count("\n", 0, self.start)

    def skip(self, pattern: re.Pattern[str], offset: int) -> tuple[int, str]:
        """Where the pattern ends, and the character that stands there: none at the end of the text."""
        while found := pattern.match(self.chars, self.start + offset):
            end = found.end()
            char, offset = self.chars[end : end + 1], end - self.start
            # A string that is open may close in the next block.
            is_known = self.chars.find("\n", end) >= 0 if char == '"' else char
            if is_known or not self.more():
                return offset, char
        raise AssertionError("the patterns match everywhere")

    def skip_blanks(self) -> str:
        """Go on to the next character that is no blank; none is left at the end."""
        while True:
            offset, char = self.skip(_BLANKS, 0)
            self.start += offset
            if char or not self.more():
                return char

    def line_end(self, offset: int = 0) -> int:
        """The offset of the next LF, or of the end of the text."""
        while (end := self.chars.find("\n", self.start + offset)) < 0:
            offset = len(self.chars) - self.start
            if not self.more():
                return offset
        return end - self.start

    def first(self, length: int) -> str:
        return self.chars[self.start : self.start + length]

    def members_of(self, record: str) -> Found:
        # A record that is too long is never taken; reading it would be in vain.
        return members_of(record, self._decoder) if len(record) <= self.max_chars else None

    def take(self, record: str, found: Found, length: int) -> JsonRecord:
        """The record at `start`, with what members_of() found. What follows begins `length` characters further."""
        self._records += 1
        if len(record) > self.max_chars:
            raise RecordTooLong(self._records, self.line(), self.max_chars)
        self.start += length
        return JsonRecord(record, None, _NOTHING) if found is None else JsonRecord(record, *found)


def _objects(text: _Text) -> Iterator[JsonRecord]:
    broken = _NOT_BROKEN
    while text.start < len(text.chars) or text.more():
        length = text.line_end()
        line = text.first(length).removesuffix("\r")
        indent = 0 if line[:1] == "{" else len(line) - len(line.lstrip(" \t\r"))
        if line[:1] == BYTE_ORDER_MARK:
            # Files that were put together have the mark at the beginning of any line.
            text.start += 1
        elif indent == len(line) <= text.max_chars:
            text.start += length + 1
        elif line[indent : indent + 1] != "{" or indent > broken:
            yield text.take(line, None, length + 1)
        elif found := text.members_of(line):
            broken = _NOT_BROKEN
            yield text.take(line, found, length + 1)
        else:
            broken = yield from _objects_from_line(text, indent)


def _objects_from_line(text: _Text, indent: int) -> Generator[JsonRecord, None, int]:
    """The objects that begin in the next line, which is none by itself. Returns `indent` where the last one is broken."""
    offset = indent
    while end := _end_of_object(text, offset, indent):
        following, char = text.skip(_BLANKS_IN_LINE, end)
        if char != "{" or following > text.max_chars:
            break
        record = text.first(end)
        yield text.take(record, text.members_of(record), following)
        offset = 0
    length = text.line_end(end or 0)
    record = text.first(length).removesuffix("\r")
    yield text.take(record, text.members_of(record) if end else None, length + 1)
    return _NOT_BROKEN if end else indent


def _end_of_object(text: _Text, offset: int, indent: int) -> int | None:
    """The offset behind the object whose brace stands at `offset`; None where it is broken."""
    depth = 0
    while True:
        offset, char = text.skip(_TO_BRACE_OR_LINE_END, offset)
        if char in ('"', "") or offset >= text.max_chars:
            return None
        offset += 1
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return offset
        else:
            first, char = text.skip(_BLANKS_IN_LINE, offset)
            if char == "{" and first - offset <= indent:
                return None


def _elements(text: _Text) -> Iterator[JsonRecord]:
    text.start += text.skip(_BEFORE_TEXT, 0)[0]
    begin = text.line()
    char = ","
    text.start += 1
    while char != "]":
        char = text.skip_blanks()
        if char in (",", "]"):
            text.start += 1
        elif char:
            length = _end_of_element(text)
            record = text.first(length).rstrip(" \t\r\n")
            yield text.take(record, text.members_of(record), length)
        else:
            raise NoRecords(f"the JSON array that begins in line {begin} is not closed")
    if text.skip_blanks():
        raise NoRecords(f"text follows in line {text.line()} behind the JSON array that begins in line {begin}")


def _end_of_element(text: _Text) -> int:
    """The offset of the comma or bracket behind the element, or of the end of the text."""
    braces = brackets = offset = 0
    while True:
        offset, char = text.skip(_TO_BRACE if braces else _TO_SEPARATOR, offset)
        if char == "" or (char in (",", "]") and not brackets) or offset > text.max_chars:
            return offset
        if char == '"':
            offset = text.line_end(offset)
            continue
        offset += 1
        if char == "{":
            braces += 1
        elif char == "}":
            braces = max(braces - 1, 0)
        elif char != ",":
            brackets += 1 if char == "[" else -1
