"""Choosing a backup of a store, and making, verifying and ending one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from pyspark_interview_project.dr.contents import (
    Contents,
    Verification,
    manifest_name,
    read_manifest_of,
    summary_name,
    verification_name,
)
from pyspark_interview_project.dr.manifest import BrokenManifest, Manifest, NewerFormat, to_bytes
from pyspark_interview_project.dr.store import BackupStore, Check, object_name
from pyspark_interview_project.dr.summary import Summary
from pyspark_interview_project.errors import ConfigurationError, DamageError, RestoreRefusedError, StorageError


def newest_readable(store: BackupStore, backups: Iterable[Summary]) -> Manifest | None:
    """The manifest of the first of these backups that has one to be read."""
    for backup in backups:
        try:
            return read_manifest_of(store, backup.id)
        except (BrokenManifest, NewerFormat):
            continue
    return None


def chosen(store: BackupStore, found: Contents, backup_id: str | None) -> Manifest:
    """The backup of this id, or the newest.

    Raises DamageError where its manifest is broken or gone, RestoreRefusedError where its format is a newer one, and
    ConfigurationError where there is no backup at all.
    """
    wanted = backup_id or max([*found.backups, *found.broken], default=None)
    if wanted is None:
        raise ConfigurationError(store.url, "there are no backups; make one with returns dr backup")
    try:
        if wanted not in found.backups and wanted not in found.broken:
            raise BrokenManifest("is not there")  # nothing is read by a name that only looks like an id
        return read_manifest_of(store, wanted)
    except NewerFormat as error:
        raise RestoreRefusedError(manifest_name(wanted), f"{error}; restore with the version that made it") from error
    except BrokenManifest as error:
        usable = [other for other in found.backups if other != wanted]
        instead = f"the newest other backup is {usable[-1]}" if usable else "there is no other backup"
        raise DamageError(manifest_name(wanted), [f"{error}; {instead}"]) from error


def refuse_another_lake(store: BackupStore, found: Contents, silver_id: str | None, lake: str) -> None:
    """Raise ConfigurationError where a store has backups of another lake: each of the two would be taken for the newest
    of the other, and be pruned as such. A lake that was restored still is the one that was backed up."""
    newest = found.newest
    if newest and newest.silver_id and newest.silver_id != silver_id:
        raise ConfigurationError(
            store.url,
            f"has backups of another lake ({newest.lake}, silver {newest.silver_id}; {lake} has {silver_id}); "
            "a lake needs a store of its own, and so does one whose silver was made anew",
        )


def new_id(now: datetime) -> str:
    """An id that sorts by time and is nobody else's."""
    return f"{now.astimezone(UTC).strftime('%Y%m%dT%H%M%S')}.{now.microsecond // 1000:03d}Z-{uuid4().hex[:8]}"


def write_manifest(store: BackupStore, manifest: Manifest, check: Check) -> None:
    """Make a backup valid: all that it names is there and kept before its manifest is.

    `check` is that of the store's lock: whoever was let in meanwhile may have removed what no manifest names yet.
    Raises ConflictError where somebody was, StorageError where something is gone.
    """
    store.files.sync()
    check()
    sizes = {file.path: file.size for file in store.list("objects")}
    gone = [file.path for file in manifest.files if sizes.get(object_name(file.sha256)) != file.bytes]
    if gone:
        raise StorageError(
            store.url, f"has no more what was sent to it: {gone[0]} is one of {len(gone)} files; run it again"
        )
    content = to_bytes(manifest)
    store.write(summary_name(manifest.id), Summary.of(manifest, len(content)).to_bytes())
    check()
    store.write(manifest_name(manifest.id), content)


def write_verification(store: BackupStore, backup_id: str, findings: Sequence[str], damaged: Iterable[str]) -> None:
    """Write down what a verification found. It takes no lock, for a backup may take hours. So that a prune meanwhile
    leaves no verification without its backup, each of the two looks behind itself: see `remove_backups`."""
    verification = Verification(datetime.now(UTC), len(findings), tuple(sorted(damaged)))
    content = {"at": verification.at.isoformat(), "findings": len(findings), "damaged": verification.damaged}
    store.write(verification_name(backup_id), json.dumps(content).encode() + b"\n")
    if store.files.head(manifest_name(backup_id)) is None:
        store.files.delete([verification_name(backup_id)])


def remove_backups(store: BackupStore, backups: Sequence[str]) -> None:
    """End backups. Their verifications go first, as one without a manifest is taken for a loss, and once more behind:
    one that was written in between then either is removed here, or finds that there is no backup."""
    verifications = [verification_name(backup_id) for backup_id in backups]
    store.files.delete(verifications)
    store.files.delete([manifest_name(backup_id) for backup_id in backups])
    store.files.delete(verifications)
    store.files.delete([summary_name(backup_id) for backup_id in backups])
    store.files.sync()
