"""Verifying a backup: every byte is read, all that is wrong is told, and the logs say what the manifest says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pyspark_interview_project.dr.at_once import at_once
from pyspark_interview_project.dr.backups import write_verification
from pyspark_interview_project.dr.contents import Contents, contents, manifest_name
from pyspark_interview_project.dr.manifest import FileEntry, Manifest
from pyspark_interview_project.dr.store import BackupStore, object_name
from pyspark_interview_project.dr.summary import content_key
from pyspark_interview_project.dr.table_check import findings_of_table
from pyspark_interview_project.errors import ConfigurationError, DamageError
from pyspark_interview_project.progress import Steps
from pyspark_interview_project.storage.files import sha256_and_size


@dataclass
class Findings:
    """What is wrong with the backup, and with the rest of the store; the hashes of content damaged or gone; and the
    tables that cannot be restored."""

    backup: list[str] = field(default_factory=list)
    store: list[str] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)

    @property
    def all(self) -> list[str]:
        return sorted(self.backup) + sorted(self.store)


def verify_backup(store: BackupStore, found: Contents, manifest: Manifest, steps: Steps) -> Findings:
    """Read all that a backup names, and look over what else the store has. `found` is made of manifests, not of
    summaries. Raises StorageError where the store cannot be read at all."""
    findings = Findings()
    steps.step(f"reading {len(manifest.files)} files, {manifest.bytes:,} bytes")
    read = at_once(lambda entry: (entry, _problem_of(store, entry)), manifest.files, store.parallel)
    for number, (entry, problem) in enumerate(read, 1):
        steps.show(f"reading {number} of {len(manifest.files)} files")
        if problem is not None:
            findings.backup.append(f"{entry.path}: {problem} ({object_name(entry.sha256)})")
            findings.damaged.add(entry.sha256)
            if entry.table:
                findings.tables.add(entry.table)
    steps.step("reading the logs of the tables at their pinned versions")
    broken_logs = {entry.table for entry in manifest.files if entry.kind == "log" and entry.sha256 in findings.damaged}
    for table in manifest.tables:
        if table in broken_logs:
            continue  # told already
        for problem in findings_of_table(manifest, table, lambda entry: b"".join(store.content(entry.sha256))):
            findings.backup.append(problem)
            findings.tables.add(table)
    findings.store += findings_beside(store, found)
    return findings


def verify_and_note(store: BackupStore, manifest: Manifest, steps: Steps) -> None:
    """Verify a backup and write into the store what was found. Raises DamageError with all of it, and StorageError."""
    findings = verify_backup(store, contents(store, read_manifests=True), manifest, steps)
    try:
        write_verification(store, manifest.id, findings.backup, findings.damaged)
    finally:  # what was found matters more than where it could not be written
        if findings.all:
            raise DamageError(store.url, findings.all)


def findings_beside(store: BackupStore, found: Contents) -> Iterator[str]:
    """What is wrong in a store beside the content of its backups: manifests broken or gone, files that are not of a
    store, and content of no backup that does not have the hash of its name. Content that has it was left by a backup
    that was interrupted, and is fine."""
    for backup_id, problem in found.broken.items():
        yield f"{manifest_name(backup_id)}: {problem}"
    for backup_id in found.missing:
        yield f"{manifest_name(backup_id)}: is gone; the backup was verified once"
    yield from (f"{name}: belongs to no backup" for name in sorted(found.strangers))
    for sha256 in sorted(found.of_no_backup()):
        if _content_problem(store, sha256) is not None:
            yield f"{object_name(sha256)}: does not have the content that its name states, and no backup names it"


def still_restorable(found: Contents, manifest: Manifest, findings: Findings) -> str:
    """What a person who needs the lake back can do now."""
    if not findings.backup:
        return f"backup {manifest.id} itself is whole and can be restored"
    whole = [table for table in manifest.tables if table not in findings.tables]
    damaged = set(map(content_key, findings.damaged))
    others = [
        other.id
        for other in found.verified_backups
        if other.id != manifest.id and damaged.isdisjoint(other.content_keys)
    ]
    return "; ".join(
        [
            f"of backup {manifest.id} restorable: {', '.join(whole) or 'no table'} (restore --table)",
            f"last verified before: {others[0]}" if others else "no other verified backup",
        ]
    )


def _problem_of(store: BackupStore, entry: FileEntry) -> str | None:
    return _content_problem(store, entry.sha256, entry.bytes)


def _content_problem(store: BackupStore, sha256: str, size: int | None = None) -> str | None:
    """What is wrong with content of this hash and size, as the store has it; None where nothing is."""
    try:
        found, found_size = sha256_and_size(store.content(sha256))
    except FileNotFoundError:
        return "is not in the store"
    except (OSError, ConfigurationError) as error:  # the latter of a link out of the store
        return str(error)
    if size not in (None, found_size):
        return f"has {found_size} bytes, not {size}"
    return None if found == sha256 else "has other content than was backed up"
