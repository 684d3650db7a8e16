"""A line of JSON as a record: one strict object, its members as text. Every engine uses these functions."""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping
from typing import Any, NoReturn

from pyspark_interview_project.schemas.returns_raw import RAW_NAMES

# The nine columns as text, the line, and whether it is corrupt.
TextRecord = tuple[str | bool | None, ...]
Members = Mapping[str, str | None]

_OURS = frozenset(RAW_NAMES)
_NO_VALUES = (None,) * len(RAW_NAMES)


def json_record(line: str, is_utf8: bool, decoder: json.JSONDecoder, unknown: MutableMapping[str, None]) -> TextRecord:
    """The record on a line, read with strict_decoder(). Keys that are none of our columns are added to `unknown`."""
    found = members_of(line, decoder) if is_utf8 else None
    if found is None:
        return (*_NO_VALUES, line, True)
    members, nested = found
    if not members.keys() <= _OURS:
        unknown.update(dict.fromkeys(key for key in members if key not in _OURS))
    if not nested.isdisjoint(_OURS):
        return (*_NO_VALUES, line, True)
    return (*(members.get(name) for name in RAW_NAMES), line, False)


def strict_decoder() -> json.JSONDecoder:
    """The decoder that members_of needs. Make one for many lines, in the process that reads them: it cannot be sent."""
    # A number stays the text that was delivered, so that no digit is lost on the way to a decimal.
    return json.JSONDecoder(object_pairs_hook=_Object, parse_float=str, parse_int=str, parse_constant=_refuse_constant)


def members_of(line: str, decoder: json.JSONDecoder) -> tuple[Members, frozenset[str]] | None:
    """The members of the object on this line, as text (true and false too; null is None), and the keys of those that
    are nested. None where the line is anything but one strict object: text behind it, single quotes, trailing commas,
    NaN, keys that stand twice, half of a surrogate pair.
    """
    try:
        found = decoder.decode(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, _Object):
        return None
    members: dict[str, str | None] = {}
    nested = set()
    for key, value in found.items():
        if isinstance(value, (list, dict)):
            nested.add(key)
            members[key] = None
        elif value is None or isinstance(value, str):
            members[key] = value
        else:
            members[key] = "true" if value else "false"
    if "\\u" in line and not _is_unicode(found):
        return None
    return members, frozenset(nested)


class _Object(dict[str, Any]):
    """A JSON object in which no key stands twice."""

    def __init__(self, members: list[tuple[str, Any]]) -> None:
        super().__init__(members)
        if len(self) != len(members):
            raise ValueError("a key stands twice")


def _refuse_constant(token: str) -> NoReturn:
    raise ValueError(f"{token} is no JSON")


def _is_unicode(value: object) -> bool:
    """Whether all text in a JSON value is Unicode, without half of a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
