"""A line of JSON as a raw record: the same function on every engine."""

from __future__ import annotations

from collections.abc import MutableMapping
from json import JSONDecoder

from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.sources.json_lines import members_of

# The nine columns as text, the line, and whether it is corrupt.
TextRecord = tuple[str | bool | None, ...]

_OURS = frozenset(RAW_NAMES)
_NOTHING = (None,) * len(RAW_NAMES)


def json_record(line: str, is_utf8: bool, decoder: JSONDecoder, unknown: MutableMapping[str, None]) -> TextRecord:
    """Take a line apart with json_lines.strict_decoder(). The keys that are none of ours are added to `unknown`."""
    taken = members_of(line, decoder) if is_utf8 else None
    if taken is None:
        return (*_NOTHING, line, True)
    members, nested = taken
    if not members.keys() <= _OURS:
        unknown.update(dict.fromkeys(key for key in members if key not in _OURS))
    if not nested.isdisjoint(_OURS):
        return (*_NOTHING, line, True)
    return (*(members.get(name) for name in RAW_NAMES), line, False)
