"""How names of columns match: those in files, in feeds and in their SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BLANK_OR_HYPHEN = re.compile(r"[\s-]")
_NOT_IN_ANY_DIALECT = re.compile(r"[^a-z0-9]")


def matching_name(name: str) -> str:
    """The form by which two names are the same column: trimmed, in lower case, blanks and hyphens as `_`."""
    return _BLANK_OR_HYPHEN.sub("_", name.strip().lower())


def name_in_sql(matching: str) -> str:
    """The name that a column of a file has in frames and SQL. No two share one, and no engine needs to quote it.

    Engines disagree about dots and case in quoted names, and a file's column may have the name of one of ours.
    """
    return "own_" + _NOT_IN_ANY_DIALECT.sub(lambda found: f"_{ord(found[0]):x}_", matching)


def first_in_sql(choice: Iterable[str]) -> str:
    """The name in frames of what a reader has picked: of these names (as they match) the first that the file has."""
    return "_or_".join(["first", *map(name_in_sql, choice)])
