"""What a batch comes to, from the one count over its validated rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pyspark_interview_project.pipeline.validated_counts import Sum, ValidatedCounts


def group(rows: int, amount: str | None, **judged: Any) -> dict[str, Any]:
    """A group as `count_validated` makes it, of good rows without a conflict unless `judged` says otherwise."""
    of_a_good_row = {"reasons": None, "warnings": None, "is_excluded": False, "is_conflicting": False}
    return {**of_a_good_row, **judged, "rows": rows, "amount": None if amount is None else Decimal(amount)}


def test_each_group_counts_in_one_place_and_in_what_was_read() -> None:
    counts = ValidatedCounts.of(
        [
            group(1, "1.00"),
            group(2, "2.00", warnings=["w1", "w2"]),
            group(4, "4.00", is_conflicting=True, warnings=["w2"]),
            group(8, "-8.00", reasons=["r1"]),
            group(16, None, reasons=["r2", "r1"], is_conflicting=True),
            group(32, "32.00", is_excluded=True, is_conflicting=True),
        ]
    )
    assert counts == ValidatedCounts(
        read=Sum(63, Decimal("31.00")),
        rejected=Sum(24, Decimal("-8.00")),
        excluded=Sum(32, Decimal("32.00")),
        alone=Sum(3, Decimal("3.00")),
        conflicting=Sum(4, Decimal("4.00")),
        by_reason={"r1": 24, "r2": 16},
        by_warning={"w2": 6, "w1": 2},
    )


def test_codes_of_as_many_rows_stand_in_the_order_of_their_names() -> None:
    counts = ValidatedCounts.of([group(1, None, reasons=["b", "a"]), group(1, None, reasons=["c"])])
    assert list(counts.by_reason.items()) == [("a", 1), ("b", 1), ("c", 1)]


def test_no_group_counts_nothing() -> None:
    assert ValidatedCounts.of([]) == ValidatedCounts(Sum(), Sum(), Sum(), Sum(), Sum(), {}, {})
