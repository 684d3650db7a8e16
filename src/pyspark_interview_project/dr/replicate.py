"""Copying the newest verified backup of one store to a second. It only adds: what is deleted in the first stays in the
second, so that neither a mistake nor an attacker's deletion travels."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark_interview_project.dr.at_once import at_once
from pyspark_interview_project.dr.backups import newest_readable, refuse_another_lake, write_manifest
from pyspark_interview_project.dr.contents import contents
from pyspark_interview_project.dr.manifest import FileEntry, Manifest
from pyspark_interview_project.dr.store import BackupStore, object_name, unchanged
from pyspark_interview_project.errors import ConfigurationError, DamageError
from pyspark_interview_project.progress import Steps


@dataclass(frozen=True)
class Replicated:
    """The backup that the second store now has, and what was sent for it."""

    manifest: Manifest
    files: int
    bytes: int


def newest_verified(primary: BackupStore) -> Manifest:
    """The backup to replicate. Raises ConfigurationError where none is verified."""
    manifest = newest_readable(primary, contents(primary).verified_backups)
    if manifest is None:
        raise ConfigurationError(primary.url, "has no verified backup; run returns dr verify first")
    return manifest


def replicate(primary: BackupStore, secondary: BackupStore, steps: Steps) -> Replicated:
    """Send what the second store lacks of the newest verified backup, its manifest last.

    Raises StorageError where a store cannot be reached, DamageError where content of the first is damaged:
    nothing of that becomes part of a backup in the second.
    """
    manifest = newest_verified(primary)
    with secondary.locked("replicate") as check:
        steps.step(f"looking at {secondary.url}")
        found = contents(secondary)
        refuse_another_lake(secondary, found, manifest.silver_id, manifest.lake)
        there = found.present
        wanted = {entry.sha256: entry for entry in manifest.files}
        missing = [entry for sha256, entry in wanted.items() if there.get(sha256) != entry.bytes]
        steps.step(f"sending {len(missing)} of {len(wanted)} files of backup {manifest.id}")
        sent = 0
        threads = max(primary.parallel, secondary.parallel)
        for entry in at_once(lambda entry: _send(primary, secondary, entry), missing, threads):
            sent += entry.bytes
            steps.show(f"{sent:,} bytes sent")
        if manifest.id not in found.backups:
            write_manifest(secondary, manifest, check)
    return Replicated(manifest, len(missing), sent)


def _send(primary: BackupStore, secondary: BackupStore, entry: FileEntry) -> FileEntry:
    damaged = DamageError(entry.path, [f"is damaged in {primary.url}; run returns dr verify"])
    content = unchanged(primary.content(entry.sha256), entry.sha256, damaged)
    try:
        secondary.files.put(object_name(entry.sha256), content, durable=False)
    except FileNotFoundError as error:
        raise DamageError(entry.path, [f"is not in {primary.url}; run returns dr verify"]) from error
    return entry
