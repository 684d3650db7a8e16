"""Checks of the lake: its places and who may use them, disk, clock, lock, backups. Nothing in it is changed."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.doctor.findings import FAILED, NOTE, OK, Finding, Situation
from pyspark_interview_project.errors import LockedError
from pyspark_interview_project.lake.lease import who_leased
from pyspark_interview_project.lake.lock import who_holds
from pyspark_interview_project.lake.places import check_places
from pyspark_interview_project.metrics.recorded_runs import RecordedRuns
from pyspark_interview_project.metrics.run_history import RunHistory

# What the alert ReturnsBackupTooOld takes for too old.
OLDEST_BACKUP = timedelta(hours=50)
_LEAST_FREE_BYTES = 2**30
_LEAST_FREE_FILES = 1000
# As two machines' clocks may differ (lake/lease.py).
_CLOCK_TOLERANCE = timedelta(seconds=5)
_WRITTEN = (paths.SILVER_RETURNS, paths.QUARANTINED_RETURNS, paths.GOLD_BY_SKU_REASON, paths.GOLD_BY_DATE_REASON)
_WRITTEN_STATE = (paths.BATCHES, paths.SCRATCH, paths.RUN_RECORDS)


def permissions(situation: Situation) -> Finding:
    """Whether the lake is there and its places can be read and written by this user."""
    settings = situation.settings
    root = settings.paths.root
    if not settings.paths.is_local:
        return Finding(FAILED, f"{root} is a URI; mount what is there, and set DATA_ROOT to the path")
    check_places(settings)
    landed = settings.paths.place(paths.LANDED)
    if not Path(landed).is_dir():
        return Finding(FAILED, f"there is no {landed}; mkdir -p it and land files there, or set DATA_ROOT")
    unreadable = [place for place in (root, landed) if not os.access(place, os.R_OK | os.X_OK)]
    unwritable = [place for place in _written_places(settings) if not os.access(place, os.R_OK | os.W_OK | os.X_OK)]
    denied = [("read", place) for place in unreadable] + [("written", place) for place in unwritable]
    if denied:
        what, place = denied[0]
        fix = f"chown or chmod it for user id {os.geteuid()}, or mount it writable"
        return Finding(FAILED, f"{place} cannot be {what} ({len(denied)} such in all); {fix}")
    return Finding(OK, f"{root} can be read and written by user id {os.geteuid()}")


def _written_places(settings: Settings) -> list[str]:
    """The directories that a run writes to, each by the nearest one that is there."""
    places = [Path(settings.paths.place(place)) for place in (*_WRITTEN, *_WRITTEN_STATE)]
    places += [Path(place).absolute() for place in (settings.scratch_dir,) if place]
    if settings.pipeline_metrics_json:
        places.append(Path(settings.pipeline_metrics_json).absolute().parent)
    return list(dict.fromkeys(str(_nearest(place)) for place in places))


def _nearest(place: Path) -> Path:
    return next(path for path in (place, *place.parents) if path.is_dir())


def disk(situation: Situation) -> Finding:
    """Whether the file systems of the lake and of what a run spills have room."""
    settings = situation.settings
    places = {_nearest(Path(place)) for place in (settings.paths.root, settings.scratch_dir) if place}
    said = []
    for place in sorted(places):
        free_bytes, free_files = shutil.disk_usage(place).free, os.statvfs(place)
        amount = f"{free_bytes / 2**30:.1f} GiB free at {place}"
        if free_bytes < _LEAST_FREE_BYTES:
            return Finding(FAILED, f"{amount}; make room, a run wants 1 GiB at least, or set SCRATCH_DIR elsewhere")
        if free_files.f_files and free_files.f_favail < _LEAST_FREE_FILES:
            return Finding(FAILED, f"{free_files.f_favail} more files fit at {place}; remove files, inodes ran out")
        said.append(amount)
    return Finding(OK, ", ".join(said))


def clock(situation: Situation) -> Finding:
    """Whether the clock is behind what was recorded with it: then runs would be planned for the wrong day."""
    now = datetime.now(UTC)
    latest = _history(situation.settings).last
    day = now.astimezone(ZoneInfo(situation.settings.spark_tz)).date().isoformat()
    if latest is not None and latest.finished_at > now + _CLOCK_TOLERANCE:
        ended = latest.finished_at.astimezone(UTC).isoformat(timespec="seconds")
        fix = "set the clock (timedatectl set-ntp true), or give --as-of"
        return Finding(FAILED, f"it is {now.isoformat(timespec='seconds')}, before the last run ended ({ended}); {fix}")
    return Finding(OK, f"{now.isoformat(timespec='seconds')}, the planning day is {day}")


def lock(situation: Situation) -> Finding:
    """Who holds the lake; a run at work is no fault."""
    settings = situation.settings
    held: LockedError | None = who_holds(settings.paths)
    if held is None and settings.lease_terms is not None:
        held = who_leased(settings.lease_terms, settings.paths.root)
    return Finding(OK, "free") if held is None else Finding(NOTE, str(held))


def backups(situation: Situation) -> Finding:
    """How old the newest backup of each strategy is, by the run records."""
    history = _history(situation.settings)
    if not history.failed_backups:
        return Finding(NOTE, "none is on record; returns dr backup makes one, returns dr drill proves it")
    failed = [name for name, has_failed in history.failed_backups.items() if has_failed]
    if failed:
        return Finding(
            FAILED, f"{', '.join(failed)} failed when last run; returns dr status says more, then run it again"
        )
    now = datetime.now(UTC).timestamp()
    ages = {name: timedelta(seconds=max(0.0, now - moment)) for name, moment in history.backups.items()}
    said = ", ".join(f"{name} {age.total_seconds() / 3600:.1f} hours ago" for name, age in sorted(ages.items()))
    if max(ages.values()) > OLDEST_BACKUP:
        return Finding(
            FAILED,
            f"{said}; returns dr backup makes a new one, more than {OLDEST_BACKUP / timedelta(hours=1):.0f} is too old",
        )
    return Finding(OK, said)


def _history(settings: Settings) -> RunHistory:
    records = Path(settings.paths.place(paths.RUN_RECORDS))
    # Whatever their times are: it may be this clock that is wrong.
    return RunHistory(RecordedRuns(records, most_ahead=None).look()[0] if records.is_dir() else ())
