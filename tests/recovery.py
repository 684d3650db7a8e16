"""What tests of recovery share: a small lake, stores, backups made in this process, and crashes around a store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TypeVar

from deltalake import DeltaTable

from commands import Ended, returns
from kills import FIRST_DAY, LANDED, SECOND_DAY, run_elsewhere
from landing import land, row_of
from pyspark_interview_project.dr.backup import Backup, make_backup
from pyspark_interview_project.dr.backups import write_verification
from pyspark_interview_project.dr.contents import contents
from pyspark_interview_project.dr.restore import plan_restore, restore
from pyspark_interview_project.dr.store import BackupStore
from pyspark_interview_project.dr.verify import Findings, verify_backup
from pyspark_interview_project.progress import Steps
from pyspark_interview_project.storage.files import Content, Files, LocalFiles
from pyspark_interview_project.storage.object_files import ObjectFiles

T = TypeVar("T")


def make_small_lake(lake: Path) -> Path:
    """A lake of two batches: four returns on two dates, one of them corrected, and a rejected record."""
    days = (("2026-11-10", "MUG"), ("2026-11-11", "CAP"), ("2026-11-11", "MUG"))
    rows = [
        row_of(f"R-{number}", "O-1", None, sku, "damaged", "2", "5.00", day, "2026-11-19T08:00:00Z")
        for number, (day, sku) in enumerate(days, 1)
    ]
    rejected = row_of("R-9", "O-9", None, "MUG", "damaged", "none", "5.00", "2026-11-10", "2026-11-19T08:00:00Z")
    land(lake / LANDED / "one.jsonl", [*rows, rejected])
    run_elsewhere(lake, FIRST_DAY)
    corrected = row_of("R-1", "O-1", None, "MUG", "late", "2", "7.00", "2026-11-10", "2026-11-22T08:00:00Z")
    new = row_of("R-4", "O-2", None, "CAP", "late", "1", "2.50", "2026-11-12", "2026-11-22T08:00:00Z")
    land(lake / LANDED / "two.jsonl", [corrected, new])
    run_elsewhere(lake, SECOND_DAY)
    return lake


class Killed(BaseException):
    """The end of a process that is killed: nothing of the product catches it."""


@dataclass
class Crash:
    """Kills the process before or behind the n-th call that writes; later calls of its threads do nothing either.

    Without `at` it only counts the calls.
    """

    at: int | None = None
    is_behind: bool = False
    calls: int = 0

    def __post_init__(self) -> None:
        self._lock, self._is_dead = Lock(), False

    def around(self, call: Callable[[], T]) -> T:
        with self._lock:
            self.calls += 1
            is_due = self.calls == self.at
            if self._is_dead or is_due and not self.is_behind:
                self._is_dead = True
                raise Killed
            done = call()
            if is_due:
                self._is_dead = True
                raise Killed
            return done


class _Crashing:
    """Files whose calls that write go through a crash."""

    crash: Crash

    def put(self, path: str, content: Content, durable: bool = True) -> None:
        self.crash.around(lambda: super(_Crashing, self).put(path, content, durable))  # type: ignore[misc]

    def delete(self, paths: Iterable[str]) -> None:
        self.crash.around(lambda: super(_Crashing, self).delete(paths))  # type: ignore[misc]

    def sync(self) -> None:
        self.crash.around(lambda: super(_Crashing, self).sync())  # type: ignore[misc]


class _CrashingDirectory(_Crashing, LocalFiles):
    pass


class _CrashingBucket(_Crashing, ObjectFiles):
    pass


def crashing(url: str, crash: Crash) -> Files:
    """The files of a directory or a bucket, with a crash around the calls that write."""
    files = _CrashingBucket(url) if "://" in url else _CrashingDirectory(url)
    files.crash = crash
    return files


def dr(lake: Path, *arguments: str, **env: str) -> Ended:
    """`returns dr …` on a lake."""
    return returns(lake, "dr", *arguments, **env)


def back_up(lake: Path, store: BackupStore, landed_files: bool = False) -> Backup:
    return make_backup(lake, store, None, landed_files, Steps())


def verify(store: BackupStore, backup: Backup) -> Findings:
    """Verify a backup as the command does, and put down what was found."""
    found = contents(store, read_manifests=True)
    findings = verify_backup(store, found, backup.manifest, Steps())
    write_verification(store, backup.manifest.id, findings.backup, findings.damaged)
    return findings


def restored(store: BackupStore, backup: Backup, target: Path, crash: Crash | None = None) -> Path:
    plan = plan_restore(store, backup.manifest, target, None, [])
    if crash is not None:
        files = crashing(str(target), crash)
        assert isinstance(files, LocalFiles)
        plan = replace(plan, lake=files)
    restore(store, plan, Steps())
    return target


def files_under(root: Path, *places: str) -> dict[str, bytes]:
    """The content of every file of these places (default: all), by its path relative to the root."""
    starts = [root / place for place in places] or [root]
    found = [path for start in starts for path in start.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(found)}


def modified(root: Path) -> dict[str, int]:
    """When each file was last modified, by its path relative to the root."""
    return {
        path.relative_to(root).as_posix(): path.stat().st_mtime_ns for path in sorted(root.rglob("*")) if path.is_file()
    }


def live_file(lake: Path, table: str) -> Path:
    """A data file of the newest version of a table."""
    return Path(min(DeltaTable(lake / table).file_uris()))


def bring_bronze(lake: Path, target: Path) -> None:
    """Landed files kept elsewhere come back, with their times."""
    shutil.copytree(lake / LANDED, target / LANDED, dirs_exist_ok=True)


def write_strategy(directory: Path, name: str = "nightly", **changes: object) -> Path:
    """A strategy as JSON in the form `backup_strategies/*.json`; returns DR_CONFIG_DIR."""
    strategy = {
        "to": None,
        "landed_files": True,
        "rpo_hours": 26,
        "rto_hours": 1,
        "verify": True,
        "keep": {"days": 14, "last": 3},
    } | changes
    path = directory / "backup_strategies" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(strategy), encoding="utf-8")
    return directory


def write_replication(directory: Path, to: str, name: str = "second", strategy: str = "nightly") -> Path:
    path = directory / "replication_configs" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"strategy": strategy, "to": to}), encoding="utf-8")
    return directory
