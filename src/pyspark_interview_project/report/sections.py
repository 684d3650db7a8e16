"""The parts of a report: sections, each a table with notes, some with charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pyspark_interview_project.shown_text import printable, shortened

# People read no more, and no record can make the page large.
MOST_LINES, _LONGEST_TEXT = 100, 500
# More digits than any sum of amounts has; by default Python rounds at 28.
EXACT_DIGITS = 80


@dataclass(frozen=True)
class Column:
    """A column of a table. A state is a word for how something ended, such as `failed`."""

    heading: str
    kind: Literal["text", "number", "state", "id"] = "number"


@dataclass(frozen=True)
class Series:
    """Values of one colour, named as the page names it."""

    name: str
    colour: str
    values: Sequence[float]


@dataclass(frozen=True)
class Bars:
    """A bar for each label, of the stacked values of all series. With `lying_figures` bars lie, each with its figure.

    Figures are text, made of the exact numbers; a bar may be drawn from a float.
    """

    title: str
    labels: Sequence[str]
    series: Sequence[Series]
    lying_figures: Sequence[str] = ()
    is_wide: bool = False


@dataclass(frozen=True)
class Section:
    """A table with a title. `verdict` says in words whether what the table shows `holds`."""

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    charts: Sequence[Bars] = ()
    verdict: str = ""
    holds: bool = True
    is_wide: bool = False

    @property
    def limited(self) -> Section:
        """The section with its first MOST_LINES rows, and a note on the others."""
        rest = len(self.rows) - MOST_LINES
        if rest <= 0:
            return self
        return replace(self, rows=self.rows[:MOST_LINES], notes=(*self.notes, f"And {rest:,} more rows."))


def first_lines(lines: Sequence[str]) -> list[str]:
    """The first MOST_LINES lines, and one on the others."""
    rest = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"and {rest:,} more"] if rest > 0 else list(lines)


def shown(text: str) -> str:
    """Text of records and of gold, cut and made harmless for a report."""
    return printable(shortened(text, _LONGEST_TEXT))
