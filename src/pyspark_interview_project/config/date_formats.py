"""Formats of dates and times, in the directives of strptime, as regular expressions that every engine reads alike.

Engines parse dates each in their own way, so a format is taken apart here and values are by regular expressions.
"""

from __future__ import annotations

import re
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
_WHITE_SPACE = r"[\t\n\x0b\f\r \x{00A0}]*"
_PART = re.compile(r"%(.?)|([^%])", re.DOTALL)


@dataclass(frozen=True)
class DateFormat:
    """The expression of a whole text, and the directive of each of its groups."""

    pattern: str
    directives: tuple[str, ...]

    @property
    def epoch(self) -> str | None:
        """The directive of a number since 1970, if it is one."""
        return next((directive for directive in self.directives if directive in _EPOCHS), None)

    def group(self, directive: str) -> int | None:
        """The number of the directive's group, from 1."""
        return self.directives.index(directive) + 1 if directive in self.directives else None


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
    expression = ""
    for position, (directive, literal) in enumerate(parts):
        if literal is not None:
            expression += literal if literal.isascii() and literal.isalnum() else rf"\x{{{ord(literal):04X}}}"
            continue
        beside = [parts[other] for other in (position - 1, position + 1) if 0 <= other < len(parts)]
        touches = any((other in _DIGITS if char is None else char.isdigit()) for other, char in beside)
        expression += f"({_DIRECTIVES[directive][0 if touches else 1]})"
    return DateFormat(rf"\A{_WHITE_SPACE}{expression}{_WHITE_SPACE}\z", tuple(directives))
