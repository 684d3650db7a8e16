"""The cases: what is timed, on how many rows, with which engine, and how often."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.data import TextFormat

ENGINES = ("embedded", "spark")
SIZES = (1.0, 10.0)
LARGE = 100.0
_SMALL_LAKE = 0.01
_TEXT_SIZE = 1.0
FORMATS: Mapping[str, TextFormat] = {"CSV": "csv", "JSON Lines": "jsonl", "feed": "export"}
# How a load of `growth` differs from the usual one.
GROWTHS: Mapping[str, Mapping[str, int]] = {
    **{f"{files} files": {"files": files} for files in (1, 100, 1000)},
    **{f"{dates} dates": {"dates": dates} for dates in (30, 1000, 3000)},
}
# The program that a case is compared with, by engine.
DUCKDB, POLARS, DELTA_RS, PYSPARK, COPY = "DuckDB", "Polars", "delta-rs", "plain PySpark", "copy and SHA-256"


@dataclass(frozen=True)
class Case:
    """One line of work: what is done, on how many million rows, with which engine, how often by default."""

    name: str
    engine: str
    millions: float
    rounds: int
    variant: str = ""
    has_peers: bool = True

    @property
    def title(self) -> str:
        rows = f"{self.millions:g} million" if self.millions >= 0.1 else f"{self.millions * 1_000_000:,.0f} rows"
        return ", ".join(part for part in (self.name, self.variant, rows) if part)


def planned(names: Sequence[str], engines: Sequence[str], sizes: Sequence[float], large: bool) -> list[Case]:
    """The cases of these names in the order in which each finds what an earlier one has made."""
    every = [case for name in NAMES if name in names for case in _PLANS[name](engines, sizes)]
    if large and "daily" in names:
        every += [Case("daily", engine, LARGE, 3 if engine == "embedded" else 1, has_peers=False) for engine in engines]
    return every


_Plan = Callable[[Sequence[str], Sequence[float]], list[Case]]

# How often: what takes long or has no target, less often. With these the whole takes less than half an hour.
_PLANS: Mapping[str, _Plan] = {
    "first-load": lambda engines, sizes: [
        Case("first-load", engine, size, 3 if engine == "embedded" else 2) for size in sizes for engine in engines
    ],
    "daily": lambda engines, sizes: [
        Case("daily", engine, size, 3 if engine == "embedded" else 2) for size in sizes for engine in engines
    ],
    "daily-old": lambda engines, sizes: [
        Case("daily-old", engine, max(sizes), 2 if engine == "embedded" else 1) for engine in engines
    ],
    "nothing-new": lambda engines, sizes: [Case("nothing-new", engine, max(sizes), 5) for engine in engines],
    "three-rows": lambda engines, _: [
        Case("three-rows", engine, _SMALL_LAKE, 5 if engine == "embedded" else 2) for engine in engines
    ],
    "formats": lambda engines, sizes: [
        Case("formats", engine, min(_TEXT_SIZE, max(sizes)), 3 if engine == "embedded" else 1, variant)
        for variant in FORMATS
        for engine in engines
    ],
    "backup": lambda engines, sizes: [Case("backup", engines[0], max(sizes), 3)],
    "growth": lambda engines, sizes: [
        Case("growth", engine, min(sizes), 2, variant) for variant in GROWTHS for engine in engines
    ],
}
NAMES = tuple(_PLANS)
DEFAULT_NAMES = tuple(name for name in NAMES if name != "growth")
# A baseline is timed in these unless others are named.
BASELINE_CASES = ("three-rows",)
