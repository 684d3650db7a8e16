"""Where the nested parts of a JSON text stand in it, so that they can be cut out as they were delivered.

The text was read as strict JSON before (`json_lines.members_of`): nothing is checked again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_BLANKS = re.compile(r"[ \t\r\n]*+")
_COMMA = re.compile(r"[ \t\r\n]*+,?[ \t\r\n]*+")
_COLON = re.compile(r"[ \t\r\n]*+:[ \t\r\n]*+")
_STRING_OR_BLANKS = re.compile(rf"({_STRING})|[ \t\r\n]++")
# From one member of an object to the next one whose value is nested. A regular expression is ten times as fast as a
# decoder that is asked for each key and value.
_PLAIN_MEMBERS = re.compile(
    rf'(?:{_STRING}{_COLON.pattern}(?:{_STRING}|[^"{{}}\[\], \t\r\n]++){_COMMA.pattern})*+'.replace(",?", ",")
)


class _Decoder(json.JSONDecoder):
    """A number stays the text that was delivered. Unlike Python's it can be sent to a worker by value."""

    def __init__(self) -> None:
        super().__init__(parse_float=str, parse_int=str)

    def __reduce__(self) -> tuple[type[_Decoder], tuple[()]]:
        return _Decoder, ()


_DECODER = _Decoder()


class Place(NamedTuple):
    """A value and where it stands: text[start:end]."""

    value: Any
    start: int
    end: int


def value_at(text: str, at: int) -> Place:
    """The value that begins at `at` or behind the blanks there."""
    start = _end(_BLANKS, text, at)
    value, end = _DECODER.raw_decode(text, start)
    return Place(value, start, end)


def items_at(text: str, at: int) -> tuple[list[Place], int]:
    """The items of the list that begins at `at`, and where it ends."""
    items = []
    at = _end(_BLANKS, text, at + 1)
    while text[at] != "]":
        value, end = _DECODER.raw_decode(text, at)
        items.append(Place(value, at, end))
        at = _end(_COMMA, text, end)
    return items, at + 1


def start_of_nested(text: str, at: int, keys: Sequence[str]) -> int:
    """Where the list or object behind these keys begins, in the object that begins at `at` or behind the blanks."""
    at = _end(_BLANKS, text, at)
    for wanted in keys:
        key, at = None, at + 1
        while key != wanted:
            if key is not None:
                at = _DECODER.raw_decode(text, at)[1]
            key, at = _DECODER.raw_decode(text, _end(_PLAIN_MEMBERS, text, _end(_COMMA, text, at)))
            at = _end(_COLON, text, at)
    return at


def nested_text(text: str, at: int, keys: Sequence[str]) -> str:
    """The list or object behind these keys as it stands in the text, without the blanks between its parts."""
    start = start_of_nested(text, at, keys)
    return _STRING_OR_BLANKS.sub(lambda found: found[1] or "", text[start : _DECODER.raw_decode(text, start)[1]])


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    return pattern.match(text, at).end()  # type: ignore[union-attr]
