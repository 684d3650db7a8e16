"""Restoring a backup into an empty place, in an order in which nothing half done can be taken for a lake.

A marker is written first and removed last, when everything has been read again; the pipeline refuses a place that has
it. Data comes before logs, and the last entry of each table's log comes last. A restore that was interrupted is run
again: it keeps files that have the content of the backup.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.at_once import at_once
from pyspark_interview_project.dr.manifest import FileEntry, Manifest, in_order_of_copying
from pyspark_interview_project.dr.store import BackupStore, unchanged
from pyspark_interview_project.dr.table_check import findings_of_table, opening_problem
from pyspark_interview_project.dr.table_log import BrokenLog
from pyspark_interview_project.errors import DamageError, RestoreRefusedError
from pyspark_interview_project.progress import Steps
from pyspark_interview_project.storage.files import LocalFiles, sha256_and_size

_RUN_VERIFY = "run returns dr verify to see what is whole"


@dataclass(frozen=True)
class RestorePlan:
    """What a restore copies where. `tables` are the places of the tables that are restored."""

    manifest: Manifest
    lake: LocalFiles
    tables: Sequence[str]
    files: Sequence[FileEntry]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def plan_restore(
    store: BackupStore, manifest: Manifest, target: Path, table: str | None, lakes: Sequence[Path]
) -> RestorePlan:
    """Check that a restore may be done; writes nothing. `table`: only this one, by its place. `lakes`: places of lakes
    that are not to be touched, beside the one that was backed up.

    Raises RestoreRefusedError where the target is not empty (but for a restore of the same that was interrupted), or
    is, is in, or has in it the store or the lake that was backed up; and where a log leads out of its table.
    """
    real = Path(os.path.realpath(target.expanduser()))
    if table is not None and table not in manifest.tables:
        raise RestoreRefusedError(table, f"is not in backup {manifest.id}; it has {', '.join(manifest.tables)}")
    tables = [table] if table else list(manifest.tables)
    _check_place(store, [Path(manifest.lake), *lakes], _marker_text(manifest, tables), real)
    for one in tables:
        try:
            findings = list(findings_of_table(manifest, one, lambda entry: _log_content(store, entry)))
        except FileNotFoundError as error:
            raise RestoreRefusedError(one, f"a file of its log is not in the store; {_RUN_VERIFY}") from error
        if findings:
            raise RestoreRefusedError(findings[0], f"nothing was restored; {_RUN_VERIFY}")
    return RestorePlan(manifest, LocalFiles(real), tables, manifest.of_table(table) if table else manifest.files)


def restore(store: BackupStore, plan: RestorePlan, steps: Steps) -> None:
    """Do it. Raises DamageError where the store does not have what was backed up, or the tables restored are not what
    they were; the marker then stays."""
    lake = plan.lake
    lake.put(paths.RESTORE_MARKER, _marker_text(plan.manifest, plan.tables).encode())
    data, logs = in_order_of_copying(plan.files)
    for number, _ in enumerate(at_once(lambda entry: _put_back(store, entry, lake), data, store.parallel), 1):
        steps.show(f"restoring data: {number} of {len(plan.files)} files")
    for number, entry in enumerate(logs, len(data) + 1):
        _put_back(store, entry, lake)
        steps.show(f"restoring logs: {number} of {len(plan.files)} files")
    steps.step("verifying what was restored")
    lake.remove_unfinished()  # of a restore that was killed
    if len(plan.tables) == len(plan.manifest.tables):
        lake.place(paths.LANDED).mkdir(parents=True, exist_ok=True)  # where files land next
    if findings := _findings_in(plan):
        raise DamageError(str(lake.root), findings)
    lake.sync()
    lake.delete([paths.RESTORE_MARKER])
    lake.sync()


def _check_place(store: BackupStore, lakes: Sequence[Path], marker_text: str, target: Path) -> None:
    """Raise RestoreRefusedError unless the target is free, or has a restore of the same that was interrupted."""
    marker = target / paths.RESTORE_MARKER
    resumes = marker.is_file() and marker.read_text(encoding="utf-8") == marker_text
    in_use = [lake.resolve() for lake in lakes if lake.is_absolute() and _is_in_use(lake)]
    kept = {"the store": store.directory} if store.directory else {}
    # A lake that is being restored in its own place is no lake yet: the marker says whose it is.
    kept |= {f"the lake {lake}": lake for lake in in_use if not (resumes and lake == target)}
    for name, place in kept.items():
        if target.is_relative_to(place) or place.is_relative_to(target):
            raise RestoreRefusedError(
                str(target), f"is, is in, or has in it {name} ({place}); name an empty place elsewhere"
            )
    if _is_in_use(target) and not resumes:
        raise RestoreRefusedError(str(target), "is not empty; name an empty place, which the restore may also create")


def _is_in_use(place: Path) -> bool:
    return place.exists() and (not place.is_dir() or any(place.iterdir()))


def _marker_text(manifest: Manifest, tables: Sequence[str]) -> str:
    return json.dumps({"backup": manifest.id, "tables": list(tables)}) + "\n"


def _log_content(store: BackupStore, entry: FileEntry) -> bytes:
    """A file of a log. Raises BrokenLog where it is damaged, FileNotFoundError where it is gone."""
    damaged = BrokenLog(f"has a damaged file, {entry.path}")
    return b"".join(unchanged(store.content(entry.sha256), entry.sha256, damaged))


def _put_back(store: BackupStore, entry: FileEntry, lake: LocalFiles) -> None:
    if not _is_there(entry, lake):
        damaged = DamageError(entry.path, ["has other content than was backed up; run returns dr verify"])
        try:
            content = unchanged(store.content(entry.sha256), entry.sha256, damaged)
            lake.put(entry.path, content, durable=False)
        except FileNotFoundError as error:
            raise DamageError(entry.path, ["is not in the store; run returns dr verify"]) from error
    os.utime(lake.place(entry.path), ns=(entry.modified_ns, entry.modified_ns))


def _is_there(entry: FileEntry, lake: LocalFiles) -> bool:
    file = lake.head(entry.path)
    return (
        file is not None and not file.link and sha256_and_size(lake.chunks(entry.path)) == (entry.sha256, entry.bytes)
    )


def _findings_in(plan: RestorePlan) -> list[str]:
    """What is wrong with what was restored, read again from where it is now."""
    looked_at = at_once(lambda entry: (entry, _is_there(entry, plan.lake)), plan.files, plan.lake.parallel)
    findings = [f"{entry.path}: was not written as it was read" for entry, is_there in looked_at if not is_there]
    problems = (opening_problem(plan.lake.root, plan.manifest, table) for table in plan.tables)
    return findings + [problem for problem in problems if problem]
