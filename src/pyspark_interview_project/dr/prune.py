"""Removing backups older than a strategy keeps, and then the content that no other backup names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark_interview_project.dr.backups import remove_backups
from pyspark_interview_project.dr.contents import Contents, contents, manifest_name
from pyspark_interview_project.dr.store import BackupStore, object_name
from pyspark_interview_project.dr.summary import Summary
from pyspark_interview_project.errors import DamageError

# Content that no backup names may belong to one that was interrupted and is made again: it is kept for a day.
_GRACE = timedelta(days=1)
_AT_ONCE = 500


@dataclass(frozen=True)
class PrunePlan:
    """What a prune removes: backups, the hashes of content that only they name or none, and the bytes of that."""

    backups: Sequence[Summary]
    objects: Sequence[str]
    bytes: int


def plan_prune(found: Contents, days: int, last: int, now: datetime) -> PrunePlan:
    """Decide what goes: backups older than `days`, but neither the last ones nor the last verified one. `found` is made
    of manifests, not of summaries.

    Raises DamageError where a manifest is broken or gone: what it named cannot be told from what nobody names.
    """
    if found.broken or found.missing:
        names = [manifest_name(backup) for backup in [*found.broken, *found.missing]]
        raise DamageError(names[0], ["is broken or gone, so that nothing is removed; docs/recovery.md says what to do"])
    verified = found.verified_backups[:1]
    kept = {backup.id for backup in [*list(found.backups.values())[-max(last, 1) :], *verified]}
    old = [b for b in found.backups.values() if b.id not in kept and now - b.snapshot_at > timedelta(days=days)]
    if not verified:
        old = []  # perhaps none of those that are newer can be restored
    unnamed = found.of_no_backup(without=[backup.id for backup in old])
    of_the_old = unnamed - found.of_no_backup()
    long_ago = (now - _GRACE).timestamp() * 1e9
    objects = [
        sha256 for sha256 in sorted(unnamed) if sha256 in of_the_old or found.objects[sha256].modified_ns < long_ago
    ]
    return PrunePlan(old, objects, sum(found.objects[sha256].size for sha256 in objects))


def prune(store: BackupStore, days: int, last: int) -> PrunePlan:
    """Decide and remove, with the store locked. Manifests go first, so that a prune that is interrupted leaves no
    backup without its content. Raises StorageError, DamageError, LockedError, and ConflictError where the lock went to
    somebody else meanwhile."""
    with store.locked("prune") as check:
        found = contents(store, read_manifests=True)
        plan = plan_prune(found, days, last, datetime.now(UTC))
        check()
        remove_backups(store, [*(backup.id for backup in plan.backups), *found.interrupted])
        for start in range(0, len(plan.objects), _AT_ONCE):
            check()
            store.files.delete([object_name(sha256) for sha256 in plan.objects[start : start + _AT_ONCE]])
    return plan
