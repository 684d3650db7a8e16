"""A JSON object as a record: strict, its members as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

Members = Mapping[str, str | None]


def strict_decoder() -> json.JSONDecoder:
    """The decoder that members_of needs. Make one for many lines, in the process that reads them: it cannot be sent."""
    # A number stays the text that was delivered, so that no digit is lost on the way to a decimal.
    return json.JSONDecoder(object_pairs_hook=_Object, parse_float=str, parse_int=str, parse_constant=refuse_constant)


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


def refuse_constant(token: str) -> NoReturn:
    raise ValueError(f"{token} is no JSON")


def _is_unicode(value: object) -> bool:
    """Whether all text in a JSON value is Unicode, without half of a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
