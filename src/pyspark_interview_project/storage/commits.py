"""What the entries of a table's log say, whichever engine or tool wrote them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deltalake import DeltaTable


@dataclass(frozen=True)
class CommitMetadata:
    """What a commit says of itself: who made it, for which batch, and facts such as the part or the silver version."""

    run_id: str
    stage: str
    batch_id: str | None = None
    facts: Mapping[str, int | str] = field(default_factory=dict)

    def as_metadata(self) -> dict[str, int | str | None]:
        return {"run_id": self.run_id, "stage": self.stage, "batch_id": self.batch_id, **self.facts}


@dataclass(frozen=True)
class TableCommit:
    """A commit of a table: `note` is what `CommitMetadata.as_metadata` gave it, empty for commits of others.

    `operation` is Delta's name for what it did. `keeps_rows`: the rows are those of before, whatever else it changed.
    `undone`: a RESTORE put the table back to a version before it.
    """

    version: int
    note: Mapping[str, Any]
    operation: str = ""
    keeps_rows: bool = False
    undone: bool = False


@dataclass(frozen=True)
class Written:
    """What a write did, as the table's log says it: the version it made (None: no rows, no commit) and the rows by what
    happened to them. `was_there`: an earlier write had made it already, and this one did nothing."""

    version: int | None
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    was_there: bool = False


@dataclass(frozen=True)
class TableFacts:
    """How a table stands: its version, rows, and bytes of the files of that version."""

    version: int
    rows: int
    bytes: int


@dataclass(frozen=True)
class Upsert:
    """How rows meet a table: `keys` are equal in both. Conditions are plain comparisons of target.x and source.x.

    A matched row is deleted where `delete_when` holds, else updated where `update_when` holds; a row without a match is
    inserted. Where `delete_when` holds there must be a match.
    """

    keys: tuple[str, ...]
    update_when: str | None = None
    delete_when: str | None = None


# What a commit of either engine, a merge, a write or a deletion, calls the rows that it counts.
_METRICS = {
    "inserted": ("num_target_rows_inserted", "numTargetRowsInserted", "num_added_rows", "numOutputRows"),
    "updated": ("num_target_rows_updated", "numTargetRowsUpdated"),
    "deleted": ("num_target_rows_deleted", "numTargetRowsDeleted", "num_deleted_rows", "numDeletedRows"),
}
# Operations, as Spark and delta-rs call them, behind which a table has the rows that it had.
_KEEP_ROWS = frozenset(
    {
        "ADD COLUMNS",
        "ADD CONSTRAINT",
        "CHANGE COLUMN",
        "CREATE TABLE",
        "DROP CONSTRAINT",
        "OPTIMIZE",
        "SET TBLPROPERTIES",
        "UNSET TBLPROPERTIES",
        "UPDATE TABLE METADATA",
        "UPGRADE PROTOCOL",
        "VACUUM END",
        "VACUUM START",
    }
)


class History:
    """The entries of one table's log, each read once: an entry never changes, and there may be thousands."""

    def __init__(self) -> None:
        self._table_id: str | None = None
        self._entries: list[Mapping[str, Any]] = []

    def of(self, table: DeltaTable) -> Sequence[Mapping[str, Any]]:
        """The entries up to the version of the table, the newest first."""
        table_id, version = str(table.metadata().id), table.version()
        known = self._entries[0]["version"] if self._entries and table_id == self._table_id else None
        if known is None or known > version:
            self._entries = [*table.history()]
        elif known < version:
            self._entries = [*table.history(version - known), *self._entries]
        self._table_id = table_id
        return self._entries


def commits_of(history: Sequence[Mapping[str, Any]]) -> Iterator[TableCommit]:
    """The commits of a history whose newest entry comes first.

    Behind a RESTORE the table stands as it stood at an older version: what came between is undone, and what stood at
    that version stands again. A RESTORE to a time says no version: nothing before it is known to stand.
    """
    stands_at = history[0]["version"] if history else 0
    for entry in history:
        version, operation = entry["version"], entry.get("operation") or ""
        undone = version > stands_at
        yield TableCommit(version, note_of(entry), operation, operation in _KEEP_ROWS, undone)
        if operation == "RESTORE" and not undone:
            stands_at = _restored_version(entry)


def _restored_version(entry: Mapping[str, Any]) -> int:
    """The version that a RESTORE put the table back to; -1 where it does not say."""
    restored = str((entry.get("operationParameters") or {}).get("version"))
    return int(restored) if restored.isdecimal() else -1


def written_by(history_entry: Mapping[str, Any]) -> Written:
    """What a commit did, in rows."""
    metrics = history_entry.get("operationMetrics") or {}

    def count(happened: str) -> int:
        return next((int(metrics[name]) for name in _METRICS[happened] if name in metrics), 0)

    return Written(history_entry["version"], count("inserted"), count("updated"), count("deleted"))


def note_of(history_entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a commit of ours says of itself; empty for those of others."""
    try:
        note = json.loads(history_entry.get("userMetadata") or "{}")
    except ValueError:  # a commit of somebody else
        return {}
    return note if isinstance(note, dict) else {}
