"""Quality gates: what may stop a batch before silver or gold change."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Literal

from pyspark_interview_project.metrics.run_record import GateRecord

# Below this many runs a median says little about what is usual.
_LEAST_HISTORY = 5
_MAD_TO_STANDARD_DEVIATION = 1.4826  # for normally distributed values
# Where the last runs were all alike, a twentieth of the median still counts as one deviation.
_LEAST_RELATIVE_DEVIATION = 0.05


def quarantine_gate(rows_read: int, rows_quarantined: int, limit: float, min_rows: int) -> GateRecord:
    """Judge the share of quarantined rows. Below `min_rows` a share says nothing, and the gate passes."""
    share = rows_quarantined / rows_read if rows_read else 0.0
    failed = rows_read >= min_rows and share > limit
    status: Literal["passed", "failed"] = "failed" if failed else "passed"
    return GateRecord(name="quarantined_ratio", status=status, value=share, limit=limit)


def volume_gate(
    rows_read: int, history: Sequence[int], limit: float, mode: Literal["off", "warn", "fail"]
) -> GateRecord | None:
    """Judge the number of rows against those of the last runs: its distance from their median in robust standard
    deviations (from the median absolute deviation). None where the gate is off or the history too short.
    """
    if mode == "off" or len(history) < _LEAST_HISTORY:
        return None
    usual = median(history)
    spread = _MAD_TO_STANDARD_DEVIATION * median(abs(rows - usual) for rows in history)
    deviations = abs(rows_read - usual) / max(spread, _LEAST_RELATIVE_DEVIATION * usual, 1.0)
    beyond: Literal["warned", "failed"] = "failed" if mode == "fail" else "warned"
    status = beyond if deviations > limit else "passed"
    return GateRecord(name="volume", status=status, value=deviations, limit=limit)
