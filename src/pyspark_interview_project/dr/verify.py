"""Verifying a backup: every byte is read, everything that is wrong is told, and the tables open as they were pinned."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, cast

from pyspark_interview_project.dr.at_once import at_once
from pyspark_interview_project.dr.backups import Contents, contents, manifest_name, write_verification
from pyspark_interview_project.dr.manifest import FileEntry, Manifest
from pyspark_interview_project.dr.store import MissingObject, Store, object_name
from pyspark_interview_project.dr.table_facts import FileFacts, Unopenable, file_facts, findings_of_table
from pyspark_interview_project.errors import DamageError
from pyspark_interview_project.progress import Steps

_IN_MEMORY_BYTES = 16 << 20


@dataclass
class Findings:
    """What is wrong: with the backup, and with the rest of the store; and the hashes of objects damaged or gone,
    and the places of the tables that are hurt."""

    backup: list[str] = field(default_factory=list)
    store: list[str] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)

    @property
    def all(self) -> list[str]:
        return sorted(self.backup) + sorted(self.store)


def verify_backup(store: Store, found: Contents, manifest: Manifest, steps: Steps) -> Findings:
    """Read all that a backup names, and look over what else the store has. Raises StorageError where it cannot be
    read at all."""
    findings = Findings()
    steps.step(f"reading {len(manifest.files)} files, {manifest.bytes:,} bytes")
    read = at_once(lambda entry: _problem_of(store, entry), manifest.files, store.at_once)
    for number, (entry, problem) in enumerate(read, 1):
        steps.show(f"reading {number} of {len(manifest.files)} files")
        if problem is not None:
            findings.backup.append(f"{entry.path}: {problem} ({object_name(entry.sha256)})")
            findings.damaged.add(entry.sha256)
            if entry.table:
                findings.tables.add(entry.table)
    steps.step("opening the tables at their pinned versions")
    broken_logs = {entry.table for entry in manifest.files if entry.kind == "log" and entry.sha256 in findings.damaged}
    for table in manifest.tables:
        if table in broken_logs:
            continue  # told already
        for problem in findings_of_table(
            manifest, table, lambda entry: b"".join(store.chunks(object_name(entry.sha256)))
        ):
            findings.backup.append(problem)
            findings.tables.add(table)
    findings.store += findings_beside(store, found)
    return findings


def verify_and_note(store: Store, manifest: Manifest, steps: Steps) -> None:
    """Verify a backup and put down in the store what was found. Raises DamageError with all of it, and StorageError."""
    findings = verify_backup(store, contents(store), manifest, steps)
    try:
        write_verification(store, manifest.id, findings.backup, findings.damaged)
    finally:  # what was found matters more than where it could not be written
        if findings.all:
            raise DamageError(store.url, findings.all)


def findings_beside(store: Store, found: Contents) -> Iterator[str]:
    """What is wrong in a store beside the content of its backups: manifests broken or gone, things that are not of it,
    and objects of no backup that do not have the content of their name. Those that have it were left by a backup that
    was interrupted, and are fine."""
    for backup_id, problem in found.broken.items():
        yield f"{manifest_name(backup_id)}: {problem}"
    for backup_id in found.missing:
        yield f"{manifest_name(backup_id)}: is gone; the backup was verified once"
    yield from (f"{name}: belongs to no backup" for name in sorted(found.strangers))
    named = {entry.sha256 for backup in found.backups.values() for entry in backup.files}
    for sha256 in sorted(found.objects.keys() - named):
        if _sha256_of(store, sha256) != sha256:
            yield f"{object_name(sha256)}: does not have the content that its name states, and no backup names it"


def still_restorable(found: Contents, manifest: Manifest, findings: Findings) -> str:
    """What a person who needs the lake back can do now."""
    whole = [table for table in manifest.tables if table not in findings.tables]
    others = [
        other.id
        for other in found.backups.values()
        if other.id != manifest.id
        and found.is_verified(other.id)
        and findings.damaged.isdisjoint(file.sha256 for file in other.files)
    ]
    if not findings.backup:
        return f"backup {manifest.id} itself is whole and can be restored"
    parts = [f"of backup {manifest.id} restorable: {', '.join(whole) or 'no table'} (restore --table)"]
    parts.append(f"last verified before: {others[-1]}" if others else "no other verified backup")
    return "; ".join(parts)


def _problem_of(store: Store, entry: FileEntry) -> tuple[FileEntry, str | None]:
    try:
        with _content(store, entry) as (file, sha256, size):
            if size != entry.bytes:
                return entry, f"has {size} bytes, not {entry.bytes}"
            if sha256 != entry.sha256:
                return entry, "has other content than was backed up"
            if entry.kind == "data" and file_facts(file) != FileFacts(entry.rows or 0, entry.sums or {}):
                return entry, "has other rows or sums than the manifest states"
    except MissingObject:
        return entry, "is not in the store"
    except (Unopenable, OSError) as error:
        return entry, str(error)
    return entry, None


@contextmanager
def _content(store: Store, entry: FileEntry) -> Iterator[tuple[IO[bytes], str, int]]:
    """A file of a backup to be read again, and the hash and size of what the store has of it."""
    digest, size = hashlib.sha256(), 0
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as spooled:
        for chunk in store.chunks(object_name(entry.sha256)):
            digest.update(chunk)
            size += len(chunk)
            if entry.kind == "data":
                spooled.write(chunk)
        spooled.seek(0)
        yield cast(IO[bytes], spooled), digest.hexdigest(), size


def _sha256_of(store: Store, sha256: str) -> str | None:
    digest = hashlib.sha256()
    try:
        for chunk in store.chunks(object_name(sha256)):
            digest.update(chunk)
    except (MissingObject, OSError):
        return None
    return digest.hexdigest()
