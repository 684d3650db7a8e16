"""Formats of dates and times, in the directives of strptime, as regular expressions that every engine reads alike.

Engines parse dates each in their own way, so a format is taken apart here and values are by regular expressions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# %Q is not strptime's: milliseconds since 1970, as %s are seconds. The first form is for digits that touch others.
_DIRECTIVES: dict[str, tuple[str, str]] = {
    "Y": ("[0-9]{4}", "[0-9]{4}"),
    "y": ("[0-9]{2}", "[0-9]{2}"),
    "m": ("0[1-9]|1[0-2]", "0?[1-9]|1[0-2]"),
    "d": ("0[1-9]|[12][0-9]|3[01]", "0?[1-9]|[12][0-9]|3[01]"),
    "H": ("[01][0-9]|2[0-3]", "[01]?[0-9]|2[0-3]"),
    "M": ("[0-5][0-9]", "[0-5]?[0-9]"),
    "S": ("[0-5][0-9]", "[0-5]?[0-9]"),
    "f": ("[0-9]{1,9}", "[0-9]{1,9}"),
    "b": (f"(?i:{'|'.join(MONTHS)})",) * 2,
    "z": ("Z|UTC|[+-][0-9]{2}:?[0-9]{2}|[+-][0-9]{2}",) * 2,
    "s": ("-?[0-9]{1,11}",) * 2,
    "Q": ("-?[0-9]{1,14}",) * 2,
}
_DIGITS = frozenset("YymdHMSfsQ")
_EPOCHS = ("s", "Q")
_TO_THE_END = 40  # no directive has more characters
_WIDTHS = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "b": 3}
_PART = re.compile(r"%(.?)|([^%])", re.DOTALL)


@dataclass(frozen=True)
class DateFormat:
    """`pattern` is the expression of a whole text, with a group for each of `directives`.

    Nearly all values have all digits, and a substring costs a tenth of a group. So, for a text that matches
    `full_pattern`, `places` says where each directive stands: its first character, from 1, and how many it has. It is
    empty where that differs from text to text.
    """

    pattern: str
    directives: tuple[str, ...]
    full_pattern: str
    places: Mapping[str, tuple[int, int]]

    @property
    def epoch(self) -> str | None:
        """The directive of a number since 1970, if it is one."""
        return next((directive for directive in self.directives if directive in _EPOCHS), None)


def date_format(text: str) -> DateFormat:
    """Take a format apart. Raises ValueError that says what is wrong with it."""
    parts = [(found[1], "%" if found[1] == "%" else found[2]) for found in _PART.finditer(text)]
    directives = [directive for directive, literal in parts if literal is None]
    for directive in directives:
        if directive not in _DIRECTIVES:
            raise ValueError(f"%{directive} is no directive here; there are %{', %'.join(_DIRECTIVES)} and %%")
        if directives.count(directive) > 1:
            raise ValueError(f"{text} has %{directive} twice")
    if set(directives).isdisjoint(_EPOCHS):
        lacking = [group for group in ("Yy", "mb", "d") if len(set(directives) & set(group)) != 1]
        if lacking:
            raise ValueError(
                f"{text} needs one of %{' and %'.join(lacking[0])}" if lacking[0] != "d" else f"{text} needs %d"
            )
    elif len(directives) > 1:
        raise ValueError(f"{text} needs no directive beside %s or %Q, which say the whole time")
    pattern = full_pattern = ""
    places: dict[str, tuple[int, int]] = {}
    behind = 1
    for position, (directive, literal) in enumerate(parts):
        if literal is not None:
            escaped = literal if literal.isascii() and literal.isalnum() else rf"\x{{{ord(literal):04X}}}"
            pattern, full_pattern, behind = pattern + escaped, full_pattern + escaped, behind + 1
            continue
        beside = [parts[other] for other in (position - 1, position + 1) if 0 <= other < len(parts)]
        touches = any((other in _DIGITS if char is None else char.isdigit()) for other, char in beside)
        full, usual = _DIRECTIVES[directive]
        pattern, full_pattern = f"{pattern}({full if touches else usual})", f"{full_pattern}({full})"
        is_last = position == len(parts) - 1
        places[directive] = (behind, _WIDTHS.get(directive, _TO_THE_END if is_last else 0))
        behind += places[directive][1]
    is_fixed = all(width for _, width in places.values())
    return DateFormat(rf"\A{pattern}\z", tuple(directives), rf"\A{full_pattern}\z", places if is_fixed else {})
