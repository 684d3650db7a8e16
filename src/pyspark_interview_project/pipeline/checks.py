"""What must hold of the tables before, between and behind the writes of a run; what does not is exit 7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark_interview_project.engines.base import Lake
from pyspark_interview_project.errors import VerificationError
from pyspark_interview_project.pipeline.ledger import COMMITTED, Batch, Batches, Counted
from pyspark_interview_project.schemas.tables import QUARANTINE, SILVER, TableContract
from pyspark_interview_project.storage.commits import CommitMetadata
from pyspark_interview_project.transforms.parts import CountedPart

_BEGUN = "silver has a part of it: run it with"
_MEND = (
    "restore the table (returns dr restore), or move silver, quarantine, gold and ops/batches away to take all landed "
    "files anew"
)


def check_commit(lake: Lake, table: TableContract, before: int, note: CommitMetadata, rows: int | None) -> None:
    """Raise VerificationError unless the table has just one commit more than at version `before`, with this note, and
    has so many rows by now; None: nobody knows how many it must have."""
    newest = next(lake.commits(table))
    expected: dict[str, object] = {"version": before + 1, **note.as_metadata()}
    found: dict[str, object] = {"version": newest.version, **newest.note}
    if rows is not None:
        expected["rows"], found["rows"] = rows, lake.facts(table).rows
    _compare(table.place, expected, found)


def check_silver_has(lake: Lake, counted: Counted) -> None:
    """Raise VerificationError unless silver has grown by just what a batch inserts since the batch was counted."""
    expected = lake.facts(SILVER, counted.silver_version).rows + counted.figures["rows_inserted"]
    _compare(SILVER.place, {"rows": expected}, {"rows": lake.facts(SILVER).rows}, _MEND)


def check_tables_are_the_same(lake: Lake, batches: Batches) -> None:
    """Raise VerificationError where silver is not the table that took the rows of the batch before: it is gone, was
    made anew, or was put back to a version before those rows. Of a batch that kept no id only the first is known. Also
    where quarantine is gone, and rows of a batch with it, and where a RESTORE undid what either took of a batch."""
    if lake.version(QUARANTINE) is None:
        for taken in batches.all():
            if taken.state == COMMITTED and taken.counted and taken.counted.figures["rows_quarantined"]:
                raise _gone(QUARANTINE, taken)
    for table in (SILVER, QUARANTINE):
        if lake.version(table) is not None:
            _check_nothing_is_undone(lake, table, batches)
    batch = batches.last_in_silver()
    if batch is None or batch.counted is None:
        return
    counted, version = batch.counted, lake.version(SILVER)
    if version is None:
        raise _gone(SILVER, batch)
    if counted.silver_id is None:
        return
    _compare(SILVER.place, {"table id": counted.silver_id}, {"table id": lake.table_id(SILVER)}, _MEND)
    least = counted.silver_version + counted.commits
    if version < least:
        term = f"the version of batch {batch.batch_id}"
        raise VerificationError(SILVER.place, {term: least}, {term: version}, _MEND)


def changes_by_others(lake: Lake, batches: Batches) -> list[str]:
    """What others did to the rows of silver since the batch before, in words: no rule of ours let these rows in."""
    batch = batches.last_in_silver()
    if lake.version(SILVER) is None or batch is None:
        return []
    said = []
    for commit in lake.commits(SILVER):
        if commit.note.get("batch_id") == batch.batch_id:
            break
        if not (commit.note or commit.keeps_rows or commit.undone):
            said.append(f"{SILVER.place} was changed by others: version {commit.version}, {commit.operation}")
    return said


def _check_nothing_is_undone(lake: Lake, table: TableContract, batches: Batches) -> None:
    commits = [commit for commit in lake.commits(table) if commit.note.get("batch_id")]
    there = {(commit.note["batch_id"], commit.note.get("part")) for commit in commits if not commit.undone}
    undone = [commit for commit in commits if (commit.note["batch_id"], commit.note.get("part")) not in there]
    if not undone:
        return
    committed = {batch.batch_id for batch in batches.all() if batch.state == COMMITTED}
    for commit in undone:
        if commit.note["batch_id"] in committed:
            term = f"version {commit.version}, of batch {commit.note['batch_id']}"
            advice = f"put the table back to its version {commit.version} or newer, by number; else {_MEND}"
            raise VerificationError(table.place, {term: "there"}, {term: "undone by a RESTORE"}, advice)


def _gone(table: TableContract, batch: Batch) -> VerificationError:
    term = f"the table of batch {batch.batch_id}"
    return VerificationError(table.place, {term: "there"}, {term: "gone"}, _MEND)


def check_figures(batch: Batch, counted: Counted, figures: Mapping[str, Any]) -> None:
    """Raise VerificationError where a batch that silver has a part of does not come to what it came to then."""
    expected, found = ({**of, "files": None} for of in (counted.figures, figures))
    _compare(f"batch {batch.batch_id}", expected, found, f"{_BEGUN} the version of the pipeline that began it")


def check_parts(batch: Batch, counted: Counted, parts: Sequence[CountedPart]) -> None:
    """Raise VerificationError where a batch that silver has a part of does not fall into the parts that it had then.

    Of a batch that was counted before parts were kept, their number is all that is known.
    """
    subject = f"batch {batch.batch_id}"
    _compare(
        subject, {"parts": counted.commits}, {"parts": len(parts)}, f"{_BEGUN} the MERGE_ROWS_PER_COMMIT of its begin"
    )
    for expected, found in zip(counted.parts or (), parts, strict=False):
        _compare(f"part {expected.part.number} of {subject}", vars(expected), vars(found))


def _compare(
    subject: str, expected: Mapping[str, object], found: Mapping[str, object], advice: str | None = None
) -> None:
    if any(found.get(term) != value for term, value in expected.items()):
        raise VerificationError(subject, expected, found, advice)
