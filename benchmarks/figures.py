"""The figures of one program in one case, over its rounds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measure import Measured


@dataclass(frozen=True)
class Figures:
    """What each round took. Rounds of programs of one case with one number ran one behind the other."""

    case: str
    variant: str
    engine: str
    millions: float
    title: str
    program: str
    rounds: Sequence[Measured]
    sql_executions: int | None = None

    @property
    def median(self) -> float:
        return statistics.median(each.seconds for each in self.rounds)

    @property
    def fastest(self) -> float:
        return min(each.seconds for each in self.rounds)

    @property
    def slowest(self) -> float:
        return max(each.seconds for each in self.rounds)

    @property
    def cpu_seconds(self) -> float:
        return statistics.median(each.cpu_seconds for each in self.rounds)

    @property
    def peak_bytes(self) -> int:
        return max(each.peak_bytes for each in self.rounds)

    @property
    def programs(self) -> frozenset[str]:
        return frozenset().union(*(each.programs for each in self.rounds))

    def ratio_to(self, other: Figures) -> float:
        """The median of the ratios round by round: what slows both down for a while cancels out."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return statistics.median(mine.seconds / theirs.seconds for mine, theirs in pairs)
