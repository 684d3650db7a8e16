"""Restoring a backup into an empty place, in an order in which nothing half done can be taken for a lake.

A marker is written first and removed last, behind a verification of what is there; the pipeline refuses a place that
has it. Data comes before logs, and of each table the log's last entry comes last. A restore that was interrupted is
run again: files that are there with their recorded content are kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.at_once import ON_A_DISK, at_once
from pyspark_interview_project.dr.delta_log import BrokenLog
from pyspark_interview_project.dr.manifest import FileEntry, Manifest, in_order_of_copying
from pyspark_interview_project.dr.store import (
    DirectoryStore,
    MissingObject,
    Store,
    file_chunks,
    object_name,
    read_object,
)
from pyspark_interview_project.dr.table_facts import findings_of_table, opening_problem
from pyspark_interview_project.errors import DamageError, RestoreRefusedError
from pyspark_interview_project.progress import Steps
from pyspark_interview_project.storage.files import new_file, sync_file_system, write_atomically

_BEING_WRITTEN = ".restoring"


@dataclass(frozen=True)
class RestorePlan:
    """What a restore copies where. `tables`: those restored, by their places."""

    manifest: Manifest
    target: Path
    tables: Sequence[str]
    files: Sequence[FileEntry]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def plan_restore(
    store: Store, manifest: Manifest, target: Path, table: str | None, lakes: Sequence[Path]
) -> RestorePlan:
    """Check that a restore may be done; writes nothing. `table`: only this one, by its place. `lakes`: places of lakes
    that are not to be touched, beside the one that was backed up.

    Raises RestoreRefusedError where the target is not empty (but for a restore of the same that was interrupted), or
    is, is in, or has in it the store or the lake that was backed up; and where a log leads out of its table.
    """
    real = Path(os.path.realpath(target.expanduser()))
    if table is not None and table not in manifest.tables:
        raise RestoreRefusedError(table, f"is not in backup {manifest.id}; it has {', '.join(manifest.tables)}")
    _check_place(store, [Path(manifest.lake), *lakes], manifest, real, table)
    tables = [table] if table else list(manifest.tables)
    files = manifest.of_table(table) if table else manifest.files
    for one in tables:
        try:
            findings = list(findings_of_table(manifest, one, lambda entry: _log_content(store, entry)))
        except MissingObject as error:
            raise RestoreRefusedError(
                str(error), "is not in the store; run returns dr verify to see what is whole"
            ) from error
        if findings:
            raise RestoreRefusedError(findings[0], "nothing was restored; run returns dr verify to see what is whole")
    return RestorePlan(manifest, real, tables, files)


def restore(store: Store, plan: RestorePlan, steps: Steps) -> None:
    """Do it. Raises DamageError where the store does not have what was backed up, or the tables restored are not what
    they were; the marker then stays."""
    marker = plan.target / paths.RESTORE_MARKER
    write_atomically(marker, _marker_text(plan.manifest, plan.tables))
    data, logs = in_order_of_copying(plan.files)
    for number, _ in enumerate(at_once(lambda entry: _put_back(store, entry, plan.target), data, store.at_once), 1):
        steps.show(f"restoring data: {number} of {len(plan.files)} files")
    for number, entry in enumerate(logs, len(data) + 1):
        _put_back(store, entry, plan.target)
        steps.show(f"restoring logs: {number} of {len(plan.files)} files")
    steps.step("verifying what was restored")
    if len(plan.tables) == len(plan.manifest.tables):
        (plan.target / paths.LANDED).mkdir(parents=True, exist_ok=True)  # where files land next
    if findings := _findings_in(plan):
        raise DamageError(str(plan.target), findings)
    shutil.rmtree(plan.target / _BEING_WRITTEN, ignore_errors=True)
    sync_file_system(plan.target)
    marker.unlink()
    sync_file_system(plan.target)


def _check_place(store: Store, lakes: Sequence[Path], manifest: Manifest, target: Path, table: str | None) -> None:
    """Raise RestoreRefusedError unless the target is free, or has a restore of the same that was interrupted."""
    marker, tables = target / paths.RESTORE_MARKER, [table] if table else list(manifest.tables)
    resumes = marker.is_file() and marker.read_text(encoding="utf-8") == _marker_text(manifest, tables)
    in_use = [lake.resolve() for lake in lakes if lake.is_absolute() and _is_in_use(lake)]
    kept = {"the store": store.root} if isinstance(store, DirectoryStore) else {}
    # A lake that is being restored in its own place is no lake yet: the marker says whose it is.
    kept |= {f"the lake {lake}": lake for lake in in_use if not (resumes and lake == target)}
    for name, place in kept.items():
        if target == place or target.is_relative_to(place) or place.is_relative_to(target):
            raise RestoreRefusedError(
                str(target), f"is, is in, or has in it {name} ({place}); name an empty place elsewhere"
            )
    if _is_in_use(target) and not resumes:
        raise RestoreRefusedError(str(target), "is not empty; name an empty place, which the restore may also create")


def _is_in_use(place: Path) -> bool:
    return place.exists() and (not place.is_dir() or any(place.iterdir()))


def _marker_text(manifest: Manifest, tables: Sequence[str]) -> str:
    return json.dumps({"backup": manifest.id, "tables": list(tables)}) + "\n"


def _log_content(store: Store, entry: FileEntry) -> bytes:
    """A file of a log. What is damaged is told as a log that cannot be read."""
    content = read_object(store, object_name(entry.sha256))
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise BrokenLog(f"has a damaged file, {entry.path}")
    return content


def _put_back(store: Store, entry: FileEntry, target: Path) -> None:
    path = target / entry.path
    if not (path.is_file() and _sha256(path) == entry.sha256):
        being_written = target / _BEING_WRITTEN
        being_written.mkdir(exist_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        descriptor, temporary = new_file(being_written)
        with os.fdopen(descriptor, "wb") as file:
            try:
                for chunk in store.chunks(object_name(entry.sha256)):
                    digest.update(chunk)
                    file.write(chunk)
            except MissingObject as error:
                raise DamageError(entry.path, ["is not in the store; run returns dr verify"]) from error
        if digest.hexdigest() != entry.sha256:
            raise DamageError(entry.path, ["has other content than was backed up; run returns dr verify"])
        os.replace(temporary, path)
    os.utime(path, ns=(entry.modified_ns, entry.modified_ns))


def _findings_in(plan: RestorePlan) -> list[str]:
    """What is wrong with what was restored, read again from where it is now."""
    changed = at_once(lambda entry: (entry, _sha256(plan.target / entry.path) == entry.sha256), plan.files, ON_A_DISK)
    findings = [f"{entry.path}: was not written as it was read" for entry, is_same in changed if not is_same]
    for table in plan.tables:
        findings += findings_of_table(plan.manifest, table, lambda entry: (plan.target / entry.path).read_bytes())
        data = {file.path.removeprefix(f"{table}/") for file in plan.manifest.of_table(table) if file.kind == "data"}
        if problem := opening_problem(plan.target / table, plan.manifest.tables[table].version, data):
            findings.append(f"{table}: {problem}")
    return findings


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for chunk in file_chunks(path):
        digest.update(chunk)
    return digest.hexdigest()
