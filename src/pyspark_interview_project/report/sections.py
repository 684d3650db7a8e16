"""The parts that a report is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pyspark_interview_project.shown_text import printable, shortened

# More than people read, and little enough that no record makes the page large.
MOST_LINES, _LONGEST_TEXT = 100, 500


@dataclass(frozen=True)
class Column:
    """A column of a table; a state is a word of ours on how something ended."""

    heading: str
    kind: Literal["text", "number", "state", "id"] = "number"


@dataclass(frozen=True)
class Series:
    """Values that have a colour of their own; `colour` is the name of one of the page's."""

    name: str
    colour: str
    values: Sequence[float]


@dataclass(frozen=True)
class Bars:
    """Bars, stacked where there are several series: one for each label, standing, or lying with its figure behind it.

    Floats are good enough for what a bar shows; figures are text, made of the exact numbers.
    """

    title: str
    labels: Sequence[str]
    series: Sequence[Series]
    lying_figures: Sequence[str] = ()
    is_wide: bool = False


@dataclass(frozen=True)
class Section:
    """A table with a title; `verdict` is what it proves, if it proves anything, and `holds` whether it does."""

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
        """The section with as many rows as people read, and a note on the others."""
        rest = len(self.rows) - MOST_LINES
        if rest <= 0:
            return self
        return replace(self, rows=self.rows[:MOST_LINES], notes=(*self.notes, f"And {rest:,} more rows."))


def first_lines(lines: Sequence[str]) -> list[str]:
    """As many lines as people read, and one on the others."""
    rest = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"and {rest:,} more"] if rest > 0 else list(lines)


def shown(text: str) -> str:
    """Text of records and of gold as a report shows it, whatever stands in it and however long it is."""
    return printable(shortened(text, _LONGEST_TEXT))
