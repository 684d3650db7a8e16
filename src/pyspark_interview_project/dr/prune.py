"""Removing backups that are older than what is to be kept, and then the content that no backup names any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark_interview_project.dr.backups import Contents, contents, manifest_name, remove_manifests
from pyspark_interview_project.dr.manifest import Manifest
from pyspark_interview_project.dr.store import Store, object_name
from pyspark_interview_project.errors import DamageError

# Content of no backup may be of one that is being replicated or was interrupted: it gets a day.
_GRACE = timedelta(days=1)
_AT_ONCE = 500


@dataclass(frozen=True)
class PrunePlan:
    """What a prune removes: backups, the hashes of content that only they name or none, and the bytes of that."""

    backups: Sequence[Manifest]
    objects: Sequence[str]
    bytes: int


def plan_prune(found: Contents, days: int, last: int, now: datetime) -> PrunePlan:
    """Decide what goes: backups older than `days`, but neither the last ones nor the last verified one.

    Raises DamageError where a manifest is broken or gone: what it named cannot be told from what nobody names.
    """
    if found.broken or found.missing:
        names = [manifest_name(backup) for backup in [*found.broken, *found.missing]]
        raise DamageError(names[0], ["is broken or gone, so that nothing is removed; docs/recovery.md says what to do"])
    newest = list(found.backups.values())[-max(last, 1) :]
    kept = {backup.id for backup in newest} | ({found.newest_verified.id} if found.newest_verified else set())
    old = [b for b in found.backups.values() if b.id not in kept and now - b.cut_at > timedelta(days=days)]
    if found.newest_verified is None:
        old = []  # perhaps none of those that are newer can be restored
    going = {backup.id for backup in old}
    named = {file.sha256 for b in found.backups.values() if b.id not in going for file in b.files}
    of_the_old = {file.sha256 for backup in old for file in backup.files}
    objects = [
        sha256
        for sha256 in sorted(found.objects.keys() - named)
        if sha256 in of_the_old or now - found.modified[sha256] > _GRACE
    ]
    return PrunePlan(old, objects, sum(found.objects[sha256] for sha256 in objects))


def prune(store: Store, days: int, last: int) -> PrunePlan:
    """Do it, with the store locked: what is decided is decided anew. Manifests go first, so that a prune that is
    interrupted leaves no backup without its content. Raises StorageError, DamageError, LockedError,
    and ConflictError where the lock went to somebody else meanwhile."""
    with store.locked("prune") as check:
        plan = plan_prune(contents(store), days, last, datetime.now(UTC))
        check()
        remove_manifests(store, [backup.id for backup in plan.backups])
        for start in range(0, len(plan.objects), _AT_ONCE):
            check()
            store.delete([object_name(sha256) for sha256 in plan.objects[start : start + _AT_ONCE]])
    return plan
