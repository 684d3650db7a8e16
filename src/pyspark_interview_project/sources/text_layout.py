"""How a text file is to be read: what a feed says of it, and what stands above its records."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources.delimited import Dialect, OpenQuote, RefusedText, records
from pyspark_interview_project.sources.text_opening import decoded_blocks
from pyspark_interview_project.sources.unpacking import Source

_DELIMITERS = (",", ";", "\t", "|")
_LINE = re.compile(r"[^\r\n]*+(?:\r\n?|\n)")
_SEPARATOR_LINE = re.compile(r'(?i)"?sep=([^\r\n])"?\Z')


@dataclass(frozen=True)
class ReadOptions:
    """What a feed says of its files. Without a delimiter the header tells it; without a quote, quotes are text.

    `skip_lines` are lines at the start of the file. A record that begins with `comment` is none.
    `records` are the paths of the records in JSON, as config/feed_definition.py has them.
    """

    format: Literal["delimited", "json"]
    delimiter: str | None = None
    quote: str | None = '"'
    encodings: tuple[str, ...] = ("utf-8",)
    null_values: tuple[str, ...] = ("NULL", "null", "\\N")
    comment: str | None = None
    skip_lines: int = 0
    max_record_chars: int = 16 * 1024 * 1024
    records: tuple[str, ...] = ()


@dataclass
class Layout:
    """The columns of a file as they match, and how its text is taken apart; JSON has no delimiter and no header."""

    names: tuple[str, ...]
    delimiter: str | None
    encoding: str
    header: tuple[str, ...] = ()


@dataclass(frozen=True)
class Head:
    """What stands above the header: how many lines, and the delimiter that one of them sets."""

    lines: int
    delimiter: str | None


def layout_of(source: Source, name: str, options: ReadOptions, wanted: Sequence[str], encoding: str) -> Layout:
    """The layout of a file, read from its first lines. `wanted` are the columns that matter: they tell the delimiter,
    and are all that JSON gives.

    Raises UnreadableInputError naming the file `name` where its header cannot be used.
    """
    names = tuple(map(matching_name, wanted))
    if options.format == "json":
        return Layout(names, None, encoding)
    with closing(decoded_blocks(source, name, encoding)) as blocks:
        head, below = below_head(blocks, options)
        if told := options.delimiter or head.delimiter:
            delimiter, header = told, _header(_pieces(below), name, told, options, head)
        else:
            delimiter, header = _told_by_header(below, name, options, head, frozenset(names))
    columns = column_names(header)
    if clash := next((column for column, count in Counter(columns).items() if count > 1), None):
        same = ", ".join(repr(field) for field in header if matching_name(field) == clash)
        raise UnreadableInputError(name, f"its columns {same} have one name, {clash}; leave or rename all but one")
    return Layout(columns, delimiter, encoding, tuple(header))


def column_names(header: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns under a header. Behind the last name there are none, others without one are numbered."""
    named = [matching_name(field) for field in header]
    while named and not named[-1]:
        named.pop()
    return tuple(column or f"unnamed_{number}" for number, column in enumerate(named, 1))


def below_head(blocks: Iterator[str], options: ReadOptions) -> tuple[Head, Iterator[str]]:
    """What stands above the header, and the text from the header on.

    These are lines, whatever quotes they hold: lines to skip, blank ones, comments, and one that sets the delimiter.
    """
    text, at, lines, delimiter = "", 0, 0, None
    while True:
        found = _LINE.match(text, at)
        is_too_long = len(text) - at > options.max_record_chars
        # A CR at the end of a block may have its LF in the next one.
        if (found is None and not is_too_long) or (found and found.end() == len(text)):
            if more := next(blocks, ""):
                text, at = text[at:] + more, 0
                continue
        line = found[0] if found else text[at:]
        separator = _SEPARATOR_LINE.match(line.rstrip("\r\n"))
        if not line or (found is None and is_too_long):
            break
        if lines >= options.skip_lines and line.strip() and not (options.comment and line.startswith(options.comment)):
            if separator is None or delimiter is not None:
                break
            delimiter = separator[1]
        at += len(line)
        lines += 1
    return Head(lines, delimiter), chain((text[at:],), blocks)


def looks_like_json(text: str) -> str | None:
    """What a header that is JSON looks like, with what takes the file."""
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        return None
    what = "a JSON array" if start == "[" else "JSON"
    return f"like {what}; name it .json, or write `read: {{format: json}}` in a feed"


def dialect_of(name: str, delimiter: str, options: ReadOptions) -> Dialect:
    try:
        return Dialect(delimiter, options.quote)
    except ValueError as error:
        raise UnreadableInputError(name, f"its delimiter {delimiter!r} cannot be one; {error}") from error


def refusal(name: str, error: RefusedText, record: int, line: int, options: ReadOptions) -> UnreadableInputError:
    """Why nothing is read on from a record; record 0 is the header."""
    which = f"record {record}" if record else "the header"
    if isinstance(error, OpenQuote):
        problem = f"a quote opens in line {line} ({which}) and does not close within {options.max_record_chars:,} "
        return UnreadableInputError(
            name, f"{problem}characters; `read: {{quote: null}}` of a feed takes files whose quotes are text"
        )
    return too_long(name, which, line, options)


def too_long(name: str, which: str, line: int, options: ReadOptions) -> UnreadableInputError:
    limit = f"{options.max_record_chars:,} characters"
    return UnreadableInputError(
        name, f"{which}, which begins in line {line}, is longer than {limit}; raise max_record_bytes to take it"
    )


def _told_by_header(
    below: Iterator[str], name: str, options: ReadOptions, head: Head, wanted: frozenset[str]
) -> tuple[str, list[str]]:
    """The delimiter under which the header names most of the wanted columns, then most columns; and that header."""
    seen: list[str] = []
    pieces = _pieces(below)
    headers: dict[str, list[str]] = {}
    failures = []
    for delimiter in _DELIMITERS:
        if delimiter == options.quote:
            continue
        try:
            headers[delimiter] = _header(_from_start(seen, pieces), name, delimiter, options, head)
        except UnreadableInputError as error:  # under another delimiter its quotes may be right
            failures.append(error)
    named = {one: len(wanted.intersection(column_names(header))) for one, header in headers.items()}
    if failures and not any(named.values()):
        raise failures[0]
    best = max(headers, key=lambda one: (named[one], len(headers[one])))
    return best, headers[best]


def _pieces(blocks: Iterator[str]) -> Iterator[str]:
    """The text line by line, so that no more than the header is taken apart, and nothing below it can be at fault."""
    return (line for block in blocks for line in io.StringIO(block, newline=""))


def _from_start(seen: list[str], rest: Iterator[str]) -> Iterator[str]:
    """A text that is read more than once: what was seen of it, then more, which is kept."""
    yield from seen
    for piece in rest:
        seen.append(piece)
        yield piece


def _header(pieces: Iterator[str], name: str, delimiter: str, options: ReadOptions, head: Head) -> list[str]:
    try:
        found = next(records(pieces, dialect_of(name, delimiter, options), options.max_record_chars), None)
    except RefusedText as error:
        raise refusal(name, error, error.record - 1, head.lines + error.line, options) from error
    if found is None:
        raise UnreadableInputError(name, "it has no header: it is empty, or has only blank lines and comments")
    if found[0].fields is None:
        looks = looks_like_json(found[0].text)
        problem = f"its header, in line {head.lines + 1}, has text behind a closing quote"
        raise UnreadableInputError(name, f"it looks {looks}" if looks else problem)
    return list(found[0].fields)
