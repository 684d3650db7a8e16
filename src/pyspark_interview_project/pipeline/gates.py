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
    """Judge the share of quarantined rows among those that are returns. Below `min_rows` a share says nothing, and the
    gate does not judge, unless no row at all was accepted."""
    share = rows_quarantined / rows_read if rows_read else 0.0
    is_judged = rows_read >= min_rows or 0 < rows_read == rows_quarantined
    status: Literal["passed", "failed", "not_judged"]
    status = "not_judged" if not is_judged else "failed" if share > limit else "passed"
    return GateRecord(name="quarantined_ratio", status=status, value=share, limit=limit)


def ambiguous_gate(rows_accepted: int, rows_ambiguous: int, limit: float | None) -> GateRecord | None:
    """Judge the share of accepted rows whose returns have versions of which nobody can tell the newer one. None where
    there is no limit."""
    if limit is None:
        return None
    share = rows_ambiguous / rows_accepted if rows_accepted else 0.0
    status: Literal["passed", "failed", "not_judged"]
    status = "not_judged" if not rows_accepted else "failed" if share > limit else "passed"
    return GateRecord(name="ambiguous_ratio", status=status, value=share, limit=limit)


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
