"""Commits of Delta tables: what ours say of themselves, and what a log says of everybody's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# What a commit of either engine, a merge, a write or a deletion, calls the rows that it counts.
_METRICS = {
    "inserted": ("num_target_rows_inserted", "numTargetRowsInserted", "num_added_rows", "numOutputRows"),
    "updated": ("num_target_rows_updated", "numTargetRowsUpdated"),
    "deleted": ("num_target_rows_deleted", "numTargetRowsDeleted", "num_deleted_rows", "numDeletedRows"),
}
# Operations, as Spark and delta-rs call them, that leave the rows as they were.
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


@dataclass(frozen=True)
class CommitMetadata:
    """What a commit says of itself: run, stage, batch, and facts such as the version of silver that gold covers."""

    run_id: str
    stage: str
    batch_id: str | None = None
    facts: Mapping[str, int | str] = field(default_factory=dict)

    def as_record(self) -> dict[str, int | str | None]:
        return {"run_id": self.run_id, "stage": self.stage, "batch_id": self.batch_id, **self.facts}

    def as_json(self) -> str:
        return json.dumps(self.as_record())


@dataclass(frozen=True)
class TableCommit:
    """One commit of a table.

    `metadata` is what `CommitMetadata.as_record` gave it; empty for commits of others. `operation` is Delta's name for
    what it did. `keeps_rows`: the rows stayed as they were. `undone`: a RESTORE put the table back to an older version.
    """

    version: int
    metadata: Mapping[str, Any]
    operation: str = ""
    keeps_rows: bool = False
    undone: bool = False

    @property
    def batch_id(self) -> str | None:
        """The batch that the commit is of."""
        return self.metadata.get("batch_id")


@dataclass(frozen=True)
class Written:
    """What a write did, in rows, and the version that it made. Version None: it had no rows and made no commit."""

    version: int | None
    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True)
class TableFacts:
    """How a table stands: its version, its rows, and the bytes of that version's data files."""

    version: int
    rows: int
    bytes: int


def commits_of(history: Sequence[Mapping[str, Any]]) -> Iterator[TableCommit]:
    """The commits of a history whose newest entry comes first.

    After a RESTORE the table stands as it stood at an older version: the commits in between are undone, those before
    stand again.
    """
    stands_at = history[0]["version"] if history else 0
    for entry in history:
        version, operation = entry["version"], entry.get("operation") or ""
        undone = version > stands_at
        yield TableCommit(version, metadata_of(entry), operation, operation in _KEEP_ROWS, undone)
        if operation == "RESTORE" and not undone:
            stands_at = restored_version(entry)


def restored_version(entry: Mapping[str, Any]) -> int:
    """The version that a RESTORE put the table back to; -1 where it names a time instead of a version."""
    restored = str((entry.get("operationParameters") or {}).get("version"))
    return int(restored) if restored.isdecimal() else -1


def written_by(entry: Mapping[str, Any]) -> Written:
    """What a commit did, in rows, as its writer counted them."""
    counted = entry.get("operationMetrics") or {}

    def count(outcome: str) -> int:
        return next((int(counted[name]) for name in _METRICS[outcome] if name in counted), 0)

    return Written(entry["version"], count("inserted"), count("updated"), count("deleted"))


def metadata_of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a commit of ours says of itself; empty for commits of others."""
    try:
        metadata = json.loads(entry.get("userMetadata") or "{}")
    except ValueError:
        return {}
    return metadata if isinstance(metadata, dict) else {}
