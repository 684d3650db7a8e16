"""What the package promises, as ratios and limits within one run of the benchmark, and whether it was kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.cases import DELTA_RS, DUCKDB, LARGE, PYSPARK
from benchmarks.figures import Figures
from benchmarks.programs import BASELINE, RETURNS

_GIB = 1 << 30


@dataclass(frozen=True)
class Target:
    """A limit on a figure of the package in one case; `unit` is what the limit counts."""

    case: str
    engine: str
    at_most: float
    unit: str
    found: Callable[[Sequence[Figures], Target], float | None]
    millions: float | None = None
    variant: str = ""
    than: str | None = None


@dataclass(frozen=True)
class Judged:
    """A target with what this run found."""

    target: Target
    found: float

    @property
    def is_met(self) -> bool:
        return self.found <= self.target.at_most


def judge(figures: Sequence[Figures]) -> list[Judged]:
    """The targets of which this run has the figures."""
    found = [(target, target.found(figures, target)) for target in TARGETS]
    return [Judged(target, value) for target, value in found if value is not None]


def _of(figures: Sequence[Figures], target: Target, program: str, millions: float | None) -> Figures | None:
    wanted = (target.case, target.engine, target.variant, program)
    fitting = [each for each in figures if (each.case, each.engine, each.variant, each.program) == wanted]
    return next((each for each in fitting if millions is None or each.millions == millions), None)


def _ratio(figures: Sequence[Figures], target: Target) -> float | None:
    ours = _of(figures, target, RETURNS, target.millions)
    theirs = _of(figures, target, target.than or "", target.millions)
    return ours.ratio_to(theirs) if ours and theirs else None


def _growth(figures: Sequence[Figures], target: Target) -> float | None:
    large, small = (_of(figures, target, RETURNS, size) for size in (LARGE, target.millions))
    return large.median / small.median if large and small else None


def _seconds(figures: Sequence[Figures], target: Target) -> float | None:
    ours = _of(figures, target, RETURNS, target.millions)
    return ours.median if ours else None


def _peak(figures: Sequence[Figures], target: Target) -> float | None:
    ours = _of(figures, target, RETURNS, target.millions)
    return ours.peak_bytes / _GIB if ours else None


def _statements(figures: Sequence[Figures], target: Target) -> float | None:
    ours = _of(figures, target, RETURNS, target.millions)
    return ours.sql_executions if ours else None


def _jvms(figures: Sequence[Figures], target: Target) -> float | None:
    ours = _of(figures, target, RETURNS, target.millions)
    return float("java" in ours.programs) if ours else None


TARGETS: Sequence[Target] = (
    Target("first-load", "embedded", 1.3, "x", _ratio, 10, than=DUCKDB),
    Target("first-load", "spark", 0.65, "x", _ratio, 10, than=PYSPARK),
    Target("first-load", "embedded", 3.0, "GiB", _peak, 10),
    Target("first-load", "spark", 4.0, "GiB", _peak, 10),
    Target("daily", "embedded", 1.0, "x", _ratio, 10, than=DELTA_RS),
    Target("daily", "spark", 0.8, "x", _ratio, 10, than=PYSPARK),
    *(Target("daily", engine, 2.0, "x", _growth, 10, than="itself at 10 million") for engine in ("embedded", "spark")),
    Target("nothing-new", "embedded", 0.6, "s", _seconds),
    Target("nothing-new", "spark", 0.6, "s", _seconds),
    Target("nothing-new", "spark", 0, "JVMs", _jvms),
    Target("three-rows", "embedded", 1.0, "s", _seconds),
    Target("three-rows", "spark", 0.5, "x", _ratio, than=BASELINE),
    Target("three-rows", "spark", 30, "SQL executions", _statements),
    *(Target("formats", "embedded", 3.0, "x", _ratio, 1, name, than=DUCKDB) for name in ("CSV", "JSON Lines")),
    *(Target("formats", "spark", 1.0, "x", _ratio, 1, name, than=PYSPARK) for name in ("CSV", "JSON Lines")),
)
