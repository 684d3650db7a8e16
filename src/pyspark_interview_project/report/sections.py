"""The parts that a report is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


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
