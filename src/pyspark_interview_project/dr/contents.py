"""What a store has: its content, its backups in small, and what was last found when each was verified.

A look at all backups reads their summaries. Commands that remove something or look for damage read every manifest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from pyspark_interview_project.dr.manifest import BrokenManifest, Manifest, NewerFormat, from_bytes
from pyspark_interview_project.dr.store import BackupStore
from pyspark_interview_project.dr.summary import Summary, content_key
from pyspark_interview_project.storage.files import StoredFile

_OF_A_BACKUP = re.compile(r"\Abackups/([^/]+)/(manifest|summary)\.json\Z")
_VERIFIED = re.compile(r"\Averified/([^/]+)\.json\Z")
_OBJECT = re.compile(r"\Aobjects/([0-9a-f]{2})/(\1[0-9a-f]{62})\Z")


def manifest_name(backup_id: str) -> str:
    return f"backups/{backup_id}/manifest.json"


def summary_name(backup_id: str) -> str:
    return f"backups/{backup_id}/summary.json"


def verification_name(backup_id: str) -> str:
    return f"verified/{backup_id}.json"


@dataclass(frozen=True)
class Verification:
    """What a verification of a backup found: when, and the hashes of content that is damaged or gone."""

    at: datetime
    findings: int
    damaged: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return self.findings == 0


@dataclass
class Contents:
    """What a store has: content by its hash; summaries of the usable backups and problems of the others by their ids,
    the oldest first; verifications by the backup's id; the names of what belongs to none of these; and the ids whose
    summaries lie there without a manifest, as interrupted backups leave them."""

    objects: dict[str, StoredFile] = field(default_factory=dict)
    backups: dict[str, Summary] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    verified: dict[str, Verification] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)

    @property
    def newest(self) -> Summary | None:
        return next(reversed(self.backups.values()), None)

    @property
    def verified_backups(self) -> list[Summary]:
        """The backups that are verified and whole as far as anybody knows, the newest first."""
        return [backup for backup in reversed(self.backups.values()) if self.is_verified(backup.id)]

    def is_verified(self, backup_id: str) -> bool:
        """Whether the last verification of a backup found nothing, nothing that the backup names is gone, and nothing
        of it was found damaged since, be it by the verification of another backup that shares it."""
        verification = self.verified.get(backup_id)
        if verification is None or not verification.is_good or backup_id not in self.backups:
            return False
        return self._is_whole(self.backups[backup_id], verification.at)

    def state_of(self, backup_id: str) -> str:
        """When a backup was verified and what was found, for a person."""
        verification = self.verified.get(backup_id)
        if verification is None:
            return "never"
        at = verification.at.isoformat(timespec="seconds")
        if not verification.is_good:
            return f"{at}: {verification.findings} findings"
        return at if self.is_verified(backup_id) else f"{at}: damaged or incomplete since"

    def is_bad(self, backup_id: str) -> bool:
        """Whether a backup cannot be restored as a whole, as far as is known. Of one that was never verified it is
        known only what is gone, or was found damaged by the verification of another."""
        if backup_id in self.verified and self.verified[backup_id].is_good:
            return not self.is_verified(backup_id)
        return not self._is_whole(self.backups[backup_id], None)

    @property
    def damaged(self) -> set[str]:
        """The hashes of content that a verification found damaged and nobody has sent again since."""
        return set(self._found_damaged)

    @property
    def present(self) -> dict[str, int]:
        """The content that is there and that nobody found damaged: bytes by hash."""
        return {sha256: file.size for sha256, file in self.objects.items() if sha256 not in self._found_damaged}

    @property
    def missing(self) -> list[str]:
        """Backups that were verified once and whose manifests are gone."""
        return sorted(self.verified.keys() - self.backups.keys() - self.broken.keys())

    def of_no_backup(self, without: Iterable[str] = ()) -> set[str]:
        """The hashes of content that no usable backup names but those of these ids."""
        left_out = set(without)
        named = set[str]()
        for backup in self.backups.values():
            if backup.id not in left_out:
                named.update(backup.content_keys)
        return {sha256 for sha256 in self.objects if content_key(sha256) not in named}

    def _is_whole(self, backup: Summary, verified_at: datetime | None) -> bool:
        keys = backup.content_keys
        try:
            if sum(map(self._sizes.__getitem__, keys)) != backup.content_bytes:
                return False
        except KeyError:
            return False
        since = {
            content_key(sha256) for sha256, at in self._found_damaged.items() if verified_at is None or at > verified_at
        }
        return not since or since.isdisjoint(keys)

    @cached_property
    def _sizes(self) -> Mapping[str, int]:
        return {content_key(sha256): file.size for sha256, file in self.objects.items()}

    @cached_property
    def _found_damaged(self) -> Mapping[str, datetime]:
        """When each content was last found damaged that nobody has sent again since."""
        last: dict[str, datetime] = {}
        for verification in sorted(self.verified.values(), key=lambda verification: verification.at):
            for sha256 in verification.damaged:
                if sha256 in self.objects and self.objects[sha256].modified_ns <= verification.at.timestamp() * 1e9:
                    last[sha256] = verification.at
        return last


def contents(store: BackupStore, read_manifests: bool = False) -> Contents:
    """Look through a store. With `read_manifests` each manifest is read, else only those of backups without a summary
    that fits. Raises StorageError."""
    found = Contents()
    sizes: dict[str, dict[str, int]] = {"manifest": {}, "summary": {}}
    verified = []
    for file in store.list():
        if content := _OBJECT.match(file.path):
            found.objects[content[2]] = file
        elif part := _OF_A_BACKUP.match(file.path):
            sizes[part[2]][part[1]] = file.size
        elif verification := _VERIFIED.match(file.path):
            verified.append(verification[1])
        else:
            found.strangers.append(file.path)
    for backup_id in sorted(sizes["manifest"]):
        try:
            found.backups[backup_id] = _summary(store, backup_id, sizes, read_manifests)
        except (BrokenManifest, NewerFormat) as error:
            found.broken[backup_id] = str(error)
    for backup_id in sorted(verified):
        try:
            found.verified[backup_id] = _read_verification(store, backup_id)
        except (ValueError, KeyError, TypeError, FileNotFoundError):
            found.strangers.append(verification_name(backup_id))
    found.interrupted = sorted(sizes["summary"].keys() - sizes["manifest"].keys())
    return found


def _summary(
    store: BackupStore, backup_id: str, sizes: Mapping[str, Mapping[str, int]], read_manifest: bool
) -> Summary:
    """The summary of a backup: the stored one, or made of the manifest where that is not to be relied on."""
    size = sizes["manifest"][backup_id]
    if not read_manifest and backup_id in sizes["summary"]:
        try:
            summary = Summary.from_bytes(backup_id, store.read(summary_name(backup_id)))
            if summary.manifest_bytes == size:
                return summary
        except (BrokenManifest, FileNotFoundError):
            pass
    return Summary.of(read_manifest_of(store, backup_id), size)


def read_manifest_of(store: BackupStore, backup_id: str) -> Manifest:
    """The manifest of a backup. Raises BrokenManifest, also where there is none, and NewerFormat."""
    try:
        return from_bytes(backup_id, store.read(manifest_name(backup_id)))
    except FileNotFoundError as error:
        raise BrokenManifest("is not there") from error


def _read_verification(store: BackupStore, backup_id: str) -> Verification:
    content = json.loads(store.read(verification_name(backup_id)))
    at = datetime.fromisoformat(content["at"])
    return Verification(at, int(content["findings"]), tuple(map(str, content["damaged"])))
