"""Checks of the lake: its places and rights, disk, clock, lock, files set aside, backups. They change nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.settings import CLOCK_TOLERANCE, Settings
from pyspark_interview_project.doctor.findings import FAILED, NOTE, OK, Finding, Situation
from pyspark_interview_project.dr.strategies import Strategies
from pyspark_interview_project.errors import LockedError
from pyspark_interview_project.metrics.recorded_runs import RecordedRun, runs_on_record
from pyspark_interview_project.metrics.run_history import RunHistory
from pyspark_interview_project.metrics.run_record import DRILL, SUCCEEDED
from pyspark_interview_project.sources.rejected_files import RejectedFile, read_rejected
from pyspark_interview_project.storage.files import LocalFiles
from pyspark_interview_project.storage.lease import who_leased
from pyspark_interview_project.storage.lock import who_holds
from pyspark_interview_project.storage.places import check_places

_LEAST_FREE_BYTES = 2**30
_LEAST_FREE_FILES = 1000
_FILES_NAMED = 3
_WRITTEN = (*paths.TABLES, paths.BATCHES, paths.SCRATCH, paths.RUN_RECORDS)


def permissions(situation: Situation) -> Finding:
    """Whether the lake is there, and this user can read and write its places."""
    settings = situation.settings
    root = settings.paths.root
    if not settings.paths.is_local:
        return Finding(FAILED, f"{root} is a URI; mount what is there, and set DATA_ROOT to the path")
    if Path(root).exists() and not Path(root).is_dir():
        return Finding(FAILED, f"{root} is no directory; set DATA_ROOT to the one that the lake is in")
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
    """For each directory that a run writes to, the nearest one that exists."""
    places = [Path(settings.paths.place(place)) for place in _WRITTEN]
    places += [Path(place).absolute() for place in (settings.scratch_dir,) if place]
    if settings.pipeline_metrics_json:
        places.append(Path(settings.pipeline_metrics_json).absolute().parent)
    return list(dict.fromkeys(str(_nearest(place)) for place in places))


def _nearest(place: Path) -> Path:
    return next(path for path in (place, *place.parents) if path.is_dir())


def disk(situation: Situation) -> Finding:
    """Whether the file systems of the lake and of the scratch directory have room."""
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
    """Whether the clock is behind the end of the last run: then runs would be planned for the wrong day."""
    now = datetime.now(UTC)
    latest = _history(situation.settings).last
    day = now.astimezone(ZoneInfo(situation.settings.spark_tz)).date().isoformat()
    if latest is not None and latest.finished_at > now + CLOCK_TOLERANCE:
        ended = latest.finished_at.astimezone(UTC).isoformat(timespec="seconds")
        fix = "set the clock (timedatectl set-ntp true), or give --as-of"
        return Finding(FAILED, f"it is {now.isoformat(timespec='seconds')}, before the last run ended ({ended}); {fix}")
    return Finding(OK, f"{now.isoformat(timespec='seconds')}, the run's date is {day}")


def lock(situation: Situation) -> Finding:
    """Who holds the lake. A run at work is no failure."""
    settings = situation.settings
    held: LockedError | None = who_holds(settings.paths)
    if held is None and settings.lease_terms is not None:
        held = who_leased(settings.lease_terms, settings.paths.root)
    return Finding(OK, "free") if held is None else Finding(NOTE, str(held))


def rejected(situation: Situation) -> Finding:
    """How many landed files are set aside, and why. Those that changed or went meanwhile wait for the next run only."""
    settings = situation.settings
    files = LocalFiles(settings.paths.root)
    on_record = [file for file in read_rejected(files) if file.path not in settings.skip_files]
    waiting = [file for file in on_record if _is_as_it_was(files, file)]
    if not waiting:
        changed = len(on_record)
        again = f"{changed} that were set aside have changed or are gone; the next run looks again"
        return Finding(NOTE, again) if changed else Finding(OK, "no landed file is set aside")
    first = ", ".join(f"{file.path} ({file.problem})" for file in waiting[:_FILES_NAMED])
    rest = f", and {len(waiting) - _FILES_NAMED} more in {paths.REJECTED_FILES}" if len(waiting) > _FILES_NAMED else ""
    fix = "mend, remove or skip (skip_files) each, then run again"
    return Finding(FAILED, f"{len(waiting)} set aside, with which each run ends with 4: {first}{rest}; {fix}")


def _is_as_it_was(files: LocalFiles, rejected_file: RejectedFile) -> bool:
    found = files.head(rejected_file.path)
    return found is not None and (found.size, found.modified_ns) == (rejected_file.size, rejected_file.modified_ns)


def backups(situation: Situation) -> Finding:
    """Whether the last backup of each strategy on record is as new as its RPO demands."""
    strategies = Strategies(situation.settings)
    recorded = _recorded_backups(situation.settings)
    own = {name: strategy.rpo_hours for name, strategy in strategies.backups.items()}
    seconds = {name: own[second.strategy] for name, second in strategies.replications.items()}
    finding = _worst_of(
        [_backup_of(name, hours, recorded.get(name), "backup") for name, hours in own.items()]
        + [_backup_of(name, hours, recorded.get(name), "replicate") for name, hours in seconds.items()]
    )
    if others := sorted(recorded.keys() - own.keys() - seconds.keys()):
        return replace(finding, text=f"{finding.text} (no strategy is configured any more for {', '.join(others)})")
    return finding


@dataclass
class _Backups:
    """How a strategy ended last, and the time of the lake that its newest good backup holds."""

    has_failed: bool = False
    covers_until: datetime | None = None


def _recorded_backups(settings: Settings) -> dict[str, _Backups]:
    found: dict[str, _Backups] = {}
    for name, outcome in (item for run in _runs(settings) if run.kind != DRILL for item in run.dr.items()):
        backups_of_it = found.setdefault(name, _Backups())
        backups_of_it.has_failed = outcome.status != SUCCEEDED
        if outcome.status == SUCCEEDED:
            # A backup without protected_until was not verified. It holds nothing later than its end.
            backups_of_it.covers_until = outcome.protected_until or outcome.finished_at
    return found


def _backup_of(name: str, objective_hours: float, recorded: _Backups | None, command: str) -> Finding:
    if recorded is None:
        return Finding(
            NOTE,
            f"there is no backup by the strategy {name}; returns dr {command} makes one, returns dr drill proves it",
        )
    if recorded.has_failed or recorded.covers_until is None:
        return Finding(FAILED, f"{name} failed when last run; returns dr status says more, then run it again")
    hours = max(timedelta(0), datetime.now(UTC) - recorded.covers_until) / timedelta(hours=1)
    if hours > objective_hours:
        too_old = f"{name} {hours:.1f} hours ago, its RPO is {objective_hours:g}"
        return Finding(FAILED, f"{too_old}; returns dr {command} makes a new one")
    return Finding(OK, f"{name} {hours:.1f} hours ago")


def _worst_of(findings: Sequence[Finding]) -> Finding:
    """The findings with the worst outcome, as one finding."""
    if not findings:
        return Finding(NOTE, "no strategy is configured; put one into DR_CONFIG_DIR (docs/recovery.md)")
    outcome = next(outcome for outcome in (FAILED, NOTE, OK) if outcome in {found.outcome for found in findings})
    return Finding(outcome, ", ".join(found.text for found in findings if found.outcome == outcome))


def _history(settings: Settings) -> RunHistory:
    return RunHistory(_runs(settings))


def _runs(settings: Settings) -> Sequence[RecordedRun]:
    # With any times: the clock of this machine may be the wrong one.
    return runs_on_record(settings.run_records, most_ahead=None)[0]
