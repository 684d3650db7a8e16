"""Bringing a second store to the newest verified backup of a first. It only ever adds: what is gone from the first
stays in the second, so that neither a mistake nor an attacker's deletion travels."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.at_once import at_once
from pyspark_interview_project.dr.backups import contents, refuse_another_lake, write_manifest
from pyspark_interview_project.dr.manifest import FileEntry, Manifest
from pyspark_interview_project.dr.store import MissingObject, Store, object_name
from pyspark_interview_project.errors import ConfigurationError, DamageError
from pyspark_interview_project.progress import Steps

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Replicated:
    """The backup that the second store now has, and what had to be sent for it."""

    manifest: Manifest
    files: int
    bytes: int


def newest_verified(primary: Store) -> Manifest:
    """The backup to replicate. Raises ConfigurationError where none is verified."""
    manifest = contents(primary).newest_verified
    if manifest is None:
        raise ConfigurationError(primary.url, "has no verified backup; run returns dr verify first")
    return manifest


def replicate(primary: Store, secondary: Store, steps: Steps) -> Replicated:
    """Send what the second store lacks of the newest verified backup, its manifest last.

    Raises StorageError where a store cannot be reached in the end, DamageError where the first has damaged content by
    now: nothing of that becomes part of a backup in the second.
    """
    manifest = newest_verified(primary)
    with secondary.locked("replicate") as check:
        steps.step(f"looking at {secondary.url}")
        found = contents(secondary)
        refuse_another_lake(secondary, found, manifest.tables[paths.SILVER_RETURNS].table_id, manifest.lake)
        there = found.present
        wanted = {entry.sha256: entry for entry in manifest.files}
        missing = [entry for sha256, entry in wanted.items() if there.get(sha256) != entry.bytes]
        steps.step(f"sending {len(missing)} of {len(wanted)} files of backup {manifest.id}")
        sent = 0
        for entry in at_once(
            lambda entry: _send(primary, secondary, entry), missing, max(primary.at_once, secondary.at_once)
        ):
            sent += entry.bytes
            steps.show(f"{sent:,} bytes sent")
        if manifest.id not in found.backups:
            write_manifest(secondary, manifest, check)
    return Replicated(manifest, len(missing), sent)


def _send(primary: Store, secondary: Store, entry: FileEntry) -> FileEntry:
    try:
        sha256 = secondary.add(lambda: primary.chunks(object_name(entry.sha256)), entry.bytes)
    except MissingObject as error:
        raise DamageError(entry.path, [f"is not in {primary.url}; run returns dr verify"]) from error
    if sha256 != entry.sha256:
        raise DamageError(entry.path, [f"is damaged in {primary.url}; run returns dr verify"])
    return entry
