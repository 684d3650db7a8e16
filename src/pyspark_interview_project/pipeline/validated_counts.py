"""What the validated rows of a batch come to, from the one count over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Sum:
    """A number of rows, and the sum of their readable amounts."""

    rows: int = 0
    amount: Decimal = Decimal("0.00")

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.rows + other.rows, self.amount + other.amount)

    @classmethod
    def of(cls, groups: Iterable[Mapping[str, Any]]) -> Sum:
        """The sum of groups with rows and amount (null: none is readable)."""
        taken = list(groups)
        amounts = (group["amount"] for group in taken if group["amount"] is not None)
        return cls(sum(group["rows"] for group in taken), sum(amounts, Decimal("0.00")))


@dataclass(frozen=True)
class ValidatedCounts:
    """All rows, those that were rejected or excluded, and the good ones: `alone` where no other version of their return
    is known, else `conflicting`. Then the rows that carry each reason code, and those that break each rule that only
    warns, the most frequent first."""

    read: Sum
    rejected: Sum
    excluded: Sum
    alone: Sum
    conflicting: Sum
    by_reason: dict[str, int]
    by_warning: dict[str, int]

    @classmethod
    def of(cls, groups: Iterable[Mapping[str, Any]]) -> ValidatedCounts:
        """The counts of the groups that `transforms.counts.count_validated` makes."""
        every = list(groups)
        rejected = [group for group in every if group["reasons"] is not None]
        excluded = [group for group in every if group["is_excluded"]]
        good = [group for group in every if group["reasons"] is None and not group["is_excluded"]]
        return cls(
            Sum.of(every),
            Sum.of(rejected),
            Sum.of(excluded),
            Sum.of(group for group in good if not group["is_conflicting"]),
            Sum.of(group for group in good if group["is_conflicting"]),
            _by_frequency(every, "reasons"),
            _by_frequency(every, "warnings"),
        )


def _by_frequency(groups: Iterable[Mapping[str, Any]], name: str) -> dict[str, int]:
    rows = Counter[str]()
    for group in groups:
        for code in group[name] or ():
            rows[code] += group["rows"]
    return dict(sorted(rows.items(), key=lambda item: (-item[1], item[0])))
