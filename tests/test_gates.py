"""The quality gates: what passes, what warns, what stops a batch."""

from __future__ import annotations

from typing import Literal

import pytest

from pyspark_interview_project.metrics.run_record import GateRecord
from pyspark_interview_project.pipeline.gates import ambiguous_gate, quarantine_gate, volume_gate


@pytest.mark.parametrize(
    ("rows_read", "rows_quarantined", "status"),
    [
        (100, 20, "passed"),
        (100, 21, "failed"),
        (99, 98, "not_judged"),
        (99, 99, "failed"),
        (1, 1, "failed"),
        (1, 0, "not_judged"),
        (1000, 200, "passed"),
        (1000, 201, "failed"),
        (100, 0, "passed"),
        (0, 0, "not_judged"),
    ],
)
def test_quarantine_gate_fails_above_its_limit_from_enough_rows_on(
    rows_read: int, rows_quarantined: int, status: Literal["passed", "failed", "not_judged"]
) -> None:
    share = rows_quarantined / rows_read if rows_read else 0.0
    gate = GateRecord(name="quarantined_ratio", status=status, value=share, limit=0.2)
    assert quarantine_gate(rows_read, rows_quarantined, 0.2, 100) == gate


def test_quarantine_gate_of_limit_one_passes_everything() -> None:
    assert quarantine_gate(100, 100, 1.0, 1).status == "passed"


def test_quarantine_gate_of_limit_zero_fails_at_one_row() -> None:
    assert quarantine_gate(100, 1, 0.0, 100).status == "failed"


@pytest.mark.parametrize(
    ("rows_accepted", "rows_ambiguous", "status"),
    [(100, 5, "passed"), (100, 6, "failed"), (1, 1, "failed"), (100, 0, "passed"), (0, 0, "not_judged")],
)
def test_ambiguous_gate_fails_above_its_limit(
    rows_accepted: int, rows_ambiguous: int, status: Literal["passed", "failed", "not_judged"]
) -> None:
    share = rows_ambiguous / rows_accepted if rows_accepted else 0.0
    gate = GateRecord(name="ambiguous_ratio", status=status, value=share, limit=0.05)
    assert ambiguous_gate(rows_accepted, rows_ambiguous, 0.05) == gate


def test_ambiguous_gate_without_a_limit_judges_nothing() -> None:
    assert ambiguous_gate(1, 1, None) is None


# Median 100, median absolute deviation 10: one robust standard deviation is 14.826 rows.
SPREAD = [80, 90, 100, 110, 120]


@pytest.mark.parametrize(
    ("rows_read", "status"),
    [(100, "passed"), (174, "passed"), (175, "warned"), (26, "passed"), (25, "warned"), (0, "warned")],
)
def test_volume_gate_warns_beyond_robust_deviations_from_the_median(
    rows_read: int, status: Literal["passed", "warned"]
) -> None:
    gate = volume_gate(rows_read, SPREAD, 5.0, "warn")
    assert gate is not None and gate.value == pytest.approx(abs(rows_read - 100) / 14.826)
    assert (gate.name, gate.status, gate.limit) == ("volume", status, 5.0)


@pytest.mark.parametrize(("rows_read", "status"), [(174, "passed"), (175, "failed")])
def test_volume_gate_fails_where_the_settings_say_so(rows_read: int, status: str) -> None:
    gate = volume_gate(rows_read, SPREAD, 5.0, "fail")
    assert gate is not None and gate.status == status


@pytest.mark.parametrize(("rows_read", "status"), [(125, "passed"), (126, "warned"), (75, "passed"), (74, "warned")])
def test_volume_gate_after_runs_all_alike_counts_a_twentieth_as_one_deviation(rows_read: int, status: str) -> None:
    gate = volume_gate(rows_read, [100] * 5, 5.0, "warn")
    assert gate is not None and gate.status == status


@pytest.mark.parametrize(("rows_read", "status"), [(6, "passed"), (7, "warned")])
def test_volume_gate_after_tiny_runs_counts_a_row_as_one_deviation(rows_read: int, status: str) -> None:
    gate = volume_gate(rows_read, [1] * 5, 5.0, "warn")
    assert gate is not None and gate.status == status


def test_volume_gate_one_wild_run_in_the_history_does_not_hide_another() -> None:
    gate = volume_gate(1_000_000, [*SPREAD, 1_000_000], 5.0, "warn")
    assert gate is not None and gate.status == "warned"


def test_volume_gate_that_is_off_judges_nothing() -> None:
    assert volume_gate(10**9, SPREAD, 5.0, "off") is None


@pytest.mark.parametrize(("history", "judges"), [(SPREAD[:4], False), (SPREAD, True), ([], False)])
def test_volume_gate_judges_from_five_runs_on(history: list[int], judges: bool) -> None:
    assert (volume_gate(100, history, 5.0, "warn") is not None) is judges
