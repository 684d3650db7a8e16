"""How much a loss would cost now, for each store, and whether its RPO allows that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark_interview_project.dr.backups import newest_readable
from pyspark_interview_project.dr.contents import contents
from pyspark_interview_project.dr.strategies import Strategies


@dataclass(frozen=True)
class Standing:
    """What a person is told about a store, and the problem with it, if there is one."""

    said: str
    problem: str | None = None


def of_strategy(strategies: Strategies, name: str) -> Standing:
    """How the store of a strategy stands. Raises StorageError."""
    config = strategies.backups[name]
    store = strategies.store(config)
    newest = newest_readable(store, contents(store).verified_backups)
    if newest is None:
        problem = "there is no verified backup; run returns dr backup and returns dr verify"
        return Standing(problem, problem)
    age = newest.age_seconds(datetime.now(UTC))
    said = f"{newest.id} is verified; a loss now would cost {duration(age)}, the RPO is {config.rpo_hours:g} h"
    is_late = age > config.rpo_hours * 3600
    return Standing(said, f"a loss now would cost {duration(age)}; run returns dr backup" if is_late else None)


def of_replication(strategies: Strategies, name: str) -> Standing:
    """How a second store stands, by the RPO of its strategy. Its content was verified in the first store; only a
    verification in the second can tell whether it is whole there. Raises StorageError."""
    replication = strategies.replications[name]
    rpo_hours = strategies.backups[replication.strategy].rpo_hours
    store = strategies.store(replication)
    found = contents(store)
    not_bad = (backup for backup in reversed(found.backups.values()) if not found.is_bad(backup.id))
    newest = newest_readable(store, not_bad)
    if newest is None:
        problem = "there is no backup that is whole; run returns dr replicate"
        return Standing(problem, problem)
    age = newest.age_seconds(datetime.now(UTC))
    verified = "verified there" if found.is_verified(newest.id) else "not verified there"
    said = (
        f"{newest.id} is there, {verified}; a loss of the first store too would cost {duration(age)}, "
        f"the RPO is {rpo_hours:g} h"
    )
    is_late = age > rpo_hours * 3600
    late = f"a loss of the first store too would cost {duration(age)}; run returns dr backup and returns dr replicate"
    return Standing(said, late if is_late else None)


def duration(seconds: float) -> str:
    """Seconds as days and hours, or hours and minutes."""
    minutes = int(seconds // 60)
    return f"{minutes // 1440} d {minutes // 60 % 24} h" if minutes >= 1440 else f"{minutes // 60} h {minutes % 60} min"
