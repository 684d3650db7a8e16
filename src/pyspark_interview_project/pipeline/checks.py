"""What must hold of the tables before a run and after each of its writes. What does not hold is exit 7."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark_interview_project.errors import VerificationError
from pyspark_interview_project.pipeline.ledger import Ledger
from pyspark_interview_project.schemas.tables import QUARANTINE, SILVER, TableContract
from pyspark_interview_project.storage.commits import CommitMetadata
from pyspark_interview_project.storage.delta_tables import DeltaTables

_MEND = (
    "restore the table (returns dr restore), or move silver, quarantine, gold, ops/batches and ops/ledger away to take "
    "all landed files anew"
)


def check_commit(
    tables: DeltaTables, table: TableContract, before: int, metadata: CommitMetadata, rows: int | None
) -> None:
    """Raise VerificationError unless the table has one commit more than at version `before`, with this metadata, and
    has this many rows. None: nobody knows how many it must have."""
    newest = next(tables.commits(table))
    expected: dict[str, object] = {"version": before + 1, **metadata.as_record()}
    found: dict[str, object] = {"version": newest.version, **newest.metadata}
    if rows is not None:
        expected["rows"], found["rows"] = rows, tables.facts(table).rows
    _compare(table.place, expected, found)


def check_tables_stand(tables: DeltaTables, ledger: Ledger) -> None:
    """Raise VerificationError where silver is not the table that took the last batch, or a batch in it or in quarantine
    was undone: the table is gone, was made anew, or was put back to an older version."""
    last = ledger.last_committed()
    if tables.version(QUARANTINE) is None and ledger.has_quarantined():
        raise VerificationError(QUARANTINE.place, {"the table": "there"}, {"the table": "gone"}, _MEND)
    if last is None:
        return
    batch_id, after = last
    version = tables.version(SILVER)
    if version is None:
        term = f"the table of batch {batch_id}"
        raise VerificationError(SILVER.place, {term: "there"}, {term: "gone"}, _MEND)
    if after.silver_id is not None:
        _compare(SILVER.place, {"table id": after.silver_id}, {"table id": tables.table_id(SILVER)}, _MEND)
    if version < after.silver:
        term = f"the version of batch {batch_id}"
        raise VerificationError(SILVER.place, {term: after.silver}, {term: version}, _MEND)
    for table, least in ((SILVER, after.silver), (QUARANTINE, after.quarantine)):
        if least is not None and tables.version(table) is not None and tables.restored_below(table, least):
            term = f"version {least}, of batch {batch_id}"
            advice = f"put the table back to its version {least} or newer, by number; else {_MEND}"
            raise VerificationError(table.place, {term: "there"}, {term: "undone by a RESTORE"}, advice)


def check_ledger_complete(tables: DeltaTables, ledger: Ledger) -> None:
    """Raise DamageError where silver or quarantine took a batch that the ledger does not have: its files would be taken
    again. Only what is newer than the last batch is read."""
    last = ledger.last_committed()
    silver, quarantine = (last[1].silver, last[1].quarantine) if last else (None, None)
    taken: dict[str, None] = {}
    for table, version in ((SILVER, silver), (QUARANTINE, quarantine)):
        if tables.version(table) is not None:
            for commit in tables.commits(table, version):
                if commit.batch_id:
                    taken[commit.batch_id] = None
    ledger.check_complete(taken)


def changes_by_others(tables: DeltaTables, ledger: Ledger) -> list[str]:
    """What others did to the rows of silver since the last batch, a sentence each: no rule of ours checked them."""
    last, pending = ledger.last_committed(), ledger.pending()
    begun_at = pending.checkpoint.silver_version if pending and pending.checkpoint else None
    since = last[1].silver if last else begun_at
    if since is None or tables.version(SILVER) is None:
        return []
    return [
        f"{SILVER.place} was changed by others: version {commit.version}, {commit.operation}"
        for commit in tables.commits(SILVER, since)
        if not (commit.metadata or commit.keeps_rows or commit.undone)
    ]


def _compare(
    subject: str, expected: Mapping[str, object], found: Mapping[str, object], advice: str | None = None
) -> None:
    if any(found.get(term) != value for term, value in expected.items()):
        raise VerificationError(subject, expected, found, advice)
