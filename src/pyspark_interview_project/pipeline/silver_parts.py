"""Writing a batch into silver in parts: commits of a bounded number of source rows, each of which can be repeated."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from pyspark_interview_project import faults
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.errors import VerificationError
from pyspark_interview_project.lake.interface import CommitNote, Lake, Upsert, Written
from pyspark_interview_project.schemas.tables import SILVER, TableContract
from pyspark_interview_project.transforms.parts import Part, part_figures, rows_by_date, rows_by_share, rows_of_part

logger = logging.getLogger(__name__)

K = TypeVar("K", date, str)

# A row that this batch wrote already is left alone, so that a repeated merge changes nothing.
_NEWEST_VERSION = Upsert(keys=("return_id",), update_when="target.batch_id <> source.batch_id")


@dataclass(frozen=True)
class SilverWrite:
    """How a batch goes into silver: appended to an empty table in one part, or merged in as many as it takes."""

    winners: DataFrame
    parts: Sequence[Part]
    appends: bool


def plan_silver_write(lake: Lake, winners: DataFrame, silver_version: int | None, rows_per_part: int) -> SilverWrite:
    """Decide the parts from the winners and the version of silver that they were classified against.

    The same winners give the same parts, so that a batch that was begun goes on where it stopped.
    """
    is_empty = silver_version is None or lake.facts(SILVER, silver_version).rows == 0
    if not is_empty:
        winners = lake.stage(winners)  # each part reads them several times; an append only once more
    by_date = {row["return_date"]: row["rows"] for row in lake.collect(rows_by_date(winners))}
    if is_empty:
        return SilverWrite(winners, [Part(1, min(by_date), max(by_date))] if by_date else [], appends=True)
    large = [day for day, rows in by_date.items() if rows > rows_per_part]
    by_share: dict[date, dict[str, int]] = {day: {} for day in large}
    for row in lake.collect(rows_by_share(winners, min(large), max(large))) if large else ():
        if row["return_date"] in by_share:
            by_share[row["return_date"]][row["share"]] = row["rows"]
    return SilverWrite(winners, plan_parts(by_date, by_share, rows_per_part), appends=False)


def plan_parts(
    rows_by_date: Mapping[date, int], rows_by_share: Mapping[date, Mapping[str, int]], rows_per_part: int
) -> list[Part]:
    """Cut dates into consecutive parts of at most `rows_per_part` rows; a date with more is cut by its shares.

    Consecutive, because a merge rewrites the files of the dates that it touches. No part is empty, because a merge of
    no rows makes no commit, and each part must have one. A share that alone has more rows is one part.
    """
    parts: list[Part] = []
    for first, last in _ranges(rows_by_date, rows_per_part):
        shares = rows_by_share.get(first, {}) if first == last else {}
        for first_share, last_share in _ranges(shares, rows_per_part) or [("00", "ff")]:
            parts.append(Part(len(parts) + 1, first, last, first_share, last_share))
    return parts


def _ranges(rows: Mapping[K, int], most_rows: int) -> list[tuple[K, K]]:
    """The first and last of consecutive keys that have at most so many rows; a key that has more stands alone."""
    ranges: list[tuple[K, K]] = []
    taken = 0
    for key in sorted(rows):
        if ranges and taken + rows[key] <= most_rows:
            ranges[-1] = ranges[-1][0], key
        else:
            ranges.append((key, key))
            taken = 0
        taken += rows[key]
    return ranges


def write_part(lake: Lake, write: SilverWrite, part: Part, note: CommitNote) -> Written:
    """Write one part and check that silver has it. Raises VerificationError where it has something else."""
    rows = rows_of_part(write.winners, part, str(note.batch_id))
    expected = lake.collect(part_figures(rows))[0]
    faults.reached("before_silver_part")
    if write.appends:
        written = lake.append(SILVER, rows, note)
    else:
        written = lake.merge(SILVER, rows, note, _NEWEST_VERSION, _dates_of(expected))
    faults.reached("after_silver_part")
    check_commit(lake, SILVER, written, note)
    verified = {"inserted": expected["inserted"], "updated": expected["updated"]}
    found = {"inserted": written.inserted, "updated": written.updated}
    if found != verified:
        raise VerificationError(SILVER.place, verified, found)
    logger.info("silver took part %d: %d inserted, %d updated", part.number, written.inserted, written.updated)
    return written


def check_commit(lake: Lake, table: TableContract, written: Written, note: CommitNote) -> None:
    """Raise VerificationError unless the table's newest commit is the one just made."""
    newest = next(lake.commits(table))
    expected = {"version": written.version, "run_id": note.run_id, "batch_id": note.batch_id}
    found = {"version": newest.version, "run_id": newest.note.get("run_id"), "batch_id": newest.note.get("batch_id")}
    if found != expected:
        raise VerificationError(table.place, expected, found)


def _dates_of(figures: Mapping[str, Any]) -> dict[str, tuple[date, date]]:
    """Where in silver a part's rows can meet others: at their own dates, and at those of the versions they replace."""
    days = [figures[name] for name in ("first_date", "last_date", "first_silver_date", "last_silver_date")]
    known = [day for day in days if day is not None]
    return {"return_date": (min(known), max(known))}
