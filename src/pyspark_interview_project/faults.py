"""Faults on demand, for tests of what a run survives: at a named point the process is killed, fails or finds no space.

Off unless the setting `fault` names a point, which only APP_ENV=test takes. A point that is not named does nothing.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import time
from dataclasses import dataclass

logger = logging.getLogger(__name__)

# In the order in which a run comes by them. `silver_part` and `gold_table` come once for each part and table.
POINTS = (
    "before_plan",
    "after_plan",
    "before_reading",
    "after_judging",
    "before_quarantine",
    "after_quarantine",
    "before_count",
    "after_count",
    "before_silver_part",
    "after_silver_part",
    "before_commit",
    "after_commit",
    "before_gold_table",
    "after_gold_table",
    "after_gold",
    "before_record",
    "after_record",
)
# Of backups, prunes and restores. Those `in_` come once for each file.
RECOVERY_POINTS = (
    "backup_pinned",
    "backup_in_data",
    "backup_before_logs",
    "backup_in_logs",
    "backup_before_manifest",
    "backup_after_manifest",
    "prune_before_manifests",
    "prune_after_manifests",
    "prune_in_objects",
    "restore_marked",
    "restore_in_data",
    "restore_before_logs",
    "restore_in_logs",
    "restore_before_verification",
    "restore_before_end",
)
ACTIONS = ("kill", "die", "wait", "raise", "disk_full")


@dataclass
class Fault:
    """What is to happen at which point, the how manyeth time that the process comes by it."""

    point: str
    action: str
    passes: int = 1


class InjectedFault(Exception):
    """The failure that was asked for."""


_armed: Fault | None = None


def parse(text: str) -> Fault:
    """The fault that `point:action` or `point:action:n` asks for. Raises ValueError saying what is wrong with it."""
    point, _, rest = text.partition(":")
    action, _, passes = rest.partition(":")
    if point not in POINTS + RECOVERY_POINTS:
        raise ValueError(f"there is no point {point}; there are {', '.join(POINTS + RECOVERY_POINTS)}")
    if action not in ACTIONS:
        raise ValueError(f"there is no action {action or 'given'}; there are {', '.join(ACTIONS)}")
    if passes and not (passes.isdecimal() and int(passes) > 0):
        raise ValueError(f"{passes} is no number of times")
    return Fault(point, action, int(passes or 1))


def arm(text: str | None) -> None:
    """Make the fault happen in this process; None: none."""
    global _armed
    _armed = parse(text) if text else None


def reached(point: str) -> None:
    """Say that the process has come to a point. Without an armed fault for it this does nothing."""
    if _armed is None or _armed.point != point:
        return
    _armed.passes -= 1
    if _armed.passes == 0:
        _happen(_armed)


def _happen(fault: Fault) -> None:
    logger.warning("fault: %s at %s", fault.action, fault.point)
    if fault.action == "kill":  # with everything that it started
        os.killpg(os.getpgrp(), signal.SIGKILL)
    if fault.action == "die":  # alone: what it started may live on
        os.kill(os.getpid(), signal.SIGKILL)
    if fault.action == "wait":  # for a signal
        time.sleep(60)
    if fault.action == "disk_full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), fault.point)
    raise InjectedFault(f"at {fault.point}")
