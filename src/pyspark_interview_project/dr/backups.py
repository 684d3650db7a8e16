"""The backups in a store: their manifests, and what was last found when each was verified."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.manifest import BrokenManifest, Manifest, NewerFormat, from_bytes, to_bytes
from pyspark_interview_project.dr.store import Check, MissingObject, Store, object_name, read_object
from pyspark_interview_project.errors import ConfigurationError, DamageError, RestoreRefusedError, StorageError

logger = logging.getLogger(__name__)

_MANIFEST = re.compile(r"\Abackups/([^/]+)/manifest\.json\Z")
_VERIFIED = re.compile(r"\Averified/([^/]+)\.json\Z")
_OBJECT = re.compile(r"\Aobjects/([0-9a-f]{2})/(\1[0-9a-f]{62})\Z")


@dataclass(frozen=True)
class Verification:
    """What a verification of a backup found: when, and the hashes of objects that are damaged or gone."""

    at: datetime
    findings: int
    damaged: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return self.findings == 0


@dataclass
class Contents:
    """What a store has: the bytes of each object of content by its hash; backups, good and broken ones, by their ids,
    the oldest first; verifications by the backup's id; and the names of what belongs to none of these."""

    objects: dict[str, int] = field(default_factory=dict)
    modified: dict[str, datetime] = field(default_factory=dict)
    backups: dict[str, Manifest] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    verified: dict[str, Verification] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)

    @property
    def newest(self) -> Manifest | None:
        return next(reversed(self.backups.values()), None)

    @property
    def newest_verified(self) -> Manifest | None:
        """The newest backup that is verified and whole as far as anybody knows."""
        return next((backup for backup in reversed(self.backups.values()) if self.is_verified(backup.id)), None)

    def is_verified(self, backup_id: str) -> bool:
        """Whether its last verification found nothing, and nothing that it names is gone or was found damaged since,
        be it by the verification of another backup that shares it."""
        verification = self.verified.get(backup_id)
        if verification is None or not verification.is_good or backup_id not in self.backups:
            return False
        return self._is_as_read(self.backups[backup_id], verification.at)

    def state_of(self, backup_id: str) -> str:
        """When a backup was verified and what came of it, for a person."""
        verification = self.verified.get(backup_id)
        if verification is None:
            return "never"
        at = verification.at.isoformat(timespec="seconds")
        if not verification.is_good:
            return f"{at}: {verification.findings} findings"
        return at if self.is_verified(backup_id) else f"{at}: damaged or incomplete since"

    def is_bad(self, backup_id: str) -> bool:
        """Whether it is known that it cannot be restored as a whole. Of one that was never verified nothing is known
        but what is gone or shared."""
        if backup_id in self.verified and self.verified[backup_id].is_good:
            return not self.is_verified(backup_id)
        return not self._is_as_read(self.backups[backup_id], None)

    def _is_as_read(self, backup: Manifest, at: datetime | None) -> bool:
        found = self._found_damaged
        return all(
            self.objects.get(file.sha256) == file.bytes
            and not (file.sha256 in found and (at is None or found[file.sha256] > at))
            for file in backup.files
        )

    @property
    def damaged(self) -> set[str]:
        """The hashes of objects that a verification found damaged and nobody has sent again since."""
        return set(self._found_damaged)

    @property
    def present(self) -> dict[str, int]:
        """The content that is there and that nobody found damaged: bytes by hash."""
        damaged = self.damaged
        return {sha256: size for sha256, size in self.objects.items() if sha256 not in damaged}

    @property
    def _found_damaged(self) -> dict[str, datetime]:
        """When each of these was last found damaged."""
        last: dict[str, datetime] = {}
        for verification in sorted(self.verified.values(), key=lambda verification: verification.at):
            for sha256 in verification.damaged:
                if sha256 in self.objects and self.modified[sha256] <= verification.at:
                    last[sha256] = verification.at
        return last

    @property
    def missing(self) -> list[str]:
        """Backups that were verified once and whose manifests are gone."""
        return sorted(self.verified.keys() - self.backups.keys() - self.broken.keys())


def refuse_another_lake(store: Store, found: Contents, silver_id: str, lake: str) -> None:
    """Raise ConfigurationError where a store has backups of another lake: each of the two would be taken for the newest
    of the other, and be pruned as such. A lake that was restored still is the one that was backed up."""
    newest = found.newest
    kept = newest.tables.get(paths.SILVER_RETURNS) if newest else None
    if newest and kept and kept.table_id != silver_id:
        raise ConfigurationError(
            store.url,
            f"has backups of another lake ({newest.lake}, silver {kept.table_id}; {lake} has {silver_id}); "
            "a lake needs a store of its own, and so does one whose silver was made anew",
        )


def new_id(now: datetime) -> str:
    """An id that sorts by time and is nobody else's."""
    return f"{now.astimezone(UTC).strftime('%Y%m%dT%H%M%S')}.{now.microsecond // 1000:03d}Z-{uuid4().hex[:8]}"


def contents(store: Store) -> Contents:
    """Look through a store. Raises StorageError."""
    found = Contents()
    manifests, verified = [], []
    for entry in store.list():
        if content := _OBJECT.match(entry.name):
            found.objects[content[2]], found.modified[content[2]] = entry.size, entry.modified
        elif manifest := _MANIFEST.match(entry.name):
            manifests.append(manifest[1])
        elif verification := _VERIFIED.match(entry.name):
            verified.append(verification[1])
        else:
            found.strangers.append(entry.name)
    for backup_id in sorted(manifests):
        try:
            found.backups[backup_id] = read_manifest(store, backup_id)
        except (BrokenManifest, NewerFormat) as error:
            found.broken[backup_id] = str(error)
    for backup_id in sorted(verified):
        try:
            found.verified[backup_id] = _read_verification(store, backup_id)
        except (ValueError, KeyError, TypeError, MissingObject):
            found.strangers.append(f"verified/{backup_id}.json")
    return found


def read_manifest(store: Store, backup_id: str) -> Manifest:
    """The manifest of a backup. Raises BrokenManifest, also where there is none, and NewerFormat."""
    try:
        return from_bytes(backup_id, read_object(store, manifest_name(backup_id)))
    except MissingObject as error:
        raise BrokenManifest("is not there") from error


def chosen(store: Store, found: Contents, backup_id: str | None) -> Manifest:
    """The backup of this id, or the newest.

    Raises DamageError where its manifest is broken or gone, RestoreRefusedError where its format is a newer one, and
    ConfigurationError where there is no backup at all.
    """
    newest = max([*found.backups, *found.broken], default=None)
    wanted = backup_id or newest
    if wanted is None:
        raise ConfigurationError(store.url, "there are no backups; make one with returns dr backup")
    if wanted in found.backups:
        return found.backups[wanted]
    try:
        return read_manifest(store, wanted) if wanted in found.broken else _unknown(wanted)
    except NewerFormat as error:
        raise RestoreRefusedError(manifest_name(wanted), f"{error}; restore with the version that made it") from error
    except BrokenManifest as error:
        usable = [other for other in found.backups if other != wanted]
        instead = f"the newest other backup is {usable[-1]}" if usable else "there is no other backup"
        raise DamageError(manifest_name(wanted), [f"{error}; {instead}"]) from error


def _unknown(backup_id: str) -> Manifest:
    raise BrokenManifest("is not there")


def manifest_name(backup_id: str) -> str:
    return f"backups/{backup_id}/manifest.json"


def verification_name(backup_id: str) -> str:
    return f"verified/{backup_id}.json"


def write_manifest(store: Store, manifest: Manifest, check: Check) -> None:
    """Make a backup valid: everything that it names is there and kept before its manifest is.

    `check` is that of the store's lock: whoever was let in meanwhile may have removed what no manifest names yet.
    Raises ConflictError where somebody was, StorageError where something is gone.
    """
    store.settle()
    check()
    sizes = {entry.name: entry.size for entry in store.list("objects/")}
    gone = [file.path for file in manifest.files if sizes.get(object_name(file.sha256)) != file.bytes]
    if gone:
        raise StorageError(
            store.url, f"has no more what was sent to it: {gone[0]} is one of {len(gone)} files; run it again"
        )
    check()
    store.write(manifest_name(manifest.id), to_bytes(manifest))


def write_verification(store: Store, backup_id: str, findings: Sequence[str], damaged: Iterable[str]) -> None:
    """Put down what a verification found. It takes no lock, for a backup may take hours; so that a prune meanwhile
    leaves no verification without its backup, each looks behind itself: see `remove_manifests`."""
    verification = Verification(datetime.now(UTC), len(findings), tuple(sorted(damaged)))
    content = {"at": verification.at.isoformat(), "findings": len(findings), "damaged": verification.damaged}
    store.write(verification_name(backup_id), json.dumps(content).encode() + b"\n")
    if not any(store.list(f"backups/{backup_id}/")):
        store.delete([verification_name(backup_id)])


def remove_manifests(store: Store, backups: Sequence[str]) -> None:
    """End backups. Their verifications go first, as one without a manifest is taken for a loss, and once more behind:
    one that was written in between then either is removed here, or finds that there is no backup."""
    verifications = [verification_name(backup_id) for backup_id in backups]
    store.delete(verifications)
    store.delete([manifest_name(backup_id) for backup_id in backups])
    store.delete(verifications)
    store.settle()


def _read_verification(store: Store, backup_id: str) -> Verification:
    content = json.loads(read_object(store, verification_name(backup_id)))
    at = datetime.fromisoformat(content["at"])
    return Verification(at, int(content["findings"]), tuple(map(str, content["damaged"])))
