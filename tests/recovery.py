"""What tests of recovery share: lakes, stores to back them up to, and backups made in this process."""

from __future__ import annotations

import io
import json
import os
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from commands import Ended, environment
from in_process import as_before
from kills import LANDED
from pyspark_interview_project import cli
from pyspark_interview_project.dr.backup import Backup, make_backup
from pyspark_interview_project.dr.backups import write_verification
from pyspark_interview_project.dr.contents import contents
from pyspark_interview_project.dr.restore import plan_restore, restore
from pyspark_interview_project.dr.store import BackupStore
from pyspark_interview_project.dr.verify import Findings, verify_backup
from pyspark_interview_project.progress import Steps


def dr(lake: Path, *arguments: str, **env: str) -> Ended:
    """`returns dr …` on a lake, in this process: an interpreter of its own takes longer to start than most of these."""
    stdout, stderr = io.StringIO(), io.StringIO()
    exit_code, variables = 0, environment(lake, **env)
    with as_before() as patch, redirect_stdout(stdout), redirect_stderr(stderr):
        for name in list(os.environ):
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        try:
            cli.main(["dr", *arguments])
        except SystemExit as error:
            exit_code = int(str(error.code))
    return Ended(exit_code, stdout.getvalue(), stderr.getvalue())


def back_up(lake: Path, store: BackupStore, landed_files: bool = False) -> Backup:
    return make_backup(lake, store, None, landed_files, Steps())


def verify(store: BackupStore, backup: Backup) -> Findings:
    """Verify a backup as the command does, and put down what was found."""
    found = contents(store, read_manifests=True)
    findings = verify_backup(store, found, backup.manifest, Steps())
    write_verification(store, backup.manifest.id, findings.backup, findings.damaged)
    return findings


def restored(store: BackupStore, backup: Backup, target: Path) -> Path:
    restore(store, plan_restore(store, backup.manifest, target, None, []), Steps())
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
