"""Writing a batch into silver in parts: commits of a bounded number of source rows, each of which can be repeated."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from pyspark_interview_project import faults
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.base import Lake
from pyspark_interview_project.errors import VerificationError
from pyspark_interview_project.pipeline.checks import check_commit
from pyspark_interview_project.schemas.outcomes import INSERTED, UPDATED
from pyspark_interview_project.schemas.tables import SILVER
from pyspark_interview_project.storage.commits import CommitMetadata, Upsert, Written
from pyspark_interview_project.transforms.parts import (
    CountedPart,
    Part,
    part_figures,
    rows_by_date,
    rows_by_share,
    rows_of_part,
)

logger = logging.getLogger(__name__)

K = TypeVar("K", date, str)

# A row that this batch wrote already is left alone, so that a repeated merge changes nothing.
_NEWEST_VERSION = Upsert(keys=("return_id",), update_when="target.batch_id <> source.batch_id")


@dataclass(frozen=True)
class PartWrite:
    """A part, what silver does with its rows, and the dates at which these rows can meet others in silver: their own,
    and those of the versions that they replace."""

    counted: CountedPart
    within: tuple[date, date]


@dataclass(frozen=True)
class SilverWrite:
    """How a batch goes into silver: appended to an empty table in one part, or merged in as many as it takes."""

    upserts: DataFrame
    parts: Sequence[PartWrite]
    appends: bool

    @property
    def counted(self) -> tuple[CountedPart, ...]:
        return tuple(part.counted for part in self.parts)

    @property
    def rows(self) -> dict[str, int]:
        """What silver does with the rows of all parts."""
        return {
            INSERTED: sum(part.inserted for part in self.counted),
            UPDATED: sum(part.updated for part in self.counted),
        }


def plan_silver_write(
    lake: Lake,
    upserts: DataFrame,
    silver_version: int | None,
    rows_per_part: int,
    begun: Sequence[CountedPart] | None = None,
) -> SilverWrite:
    """Decide the parts from the upserts and the version of silver that they were classified against.

    `begun`: the parts that the batch has already, whatever the limit is by now.
    """
    is_empty = silver_version is None or lake.facts(SILVER, silver_version).rows == 0
    if not is_empty:
        upserts = lake.stage(upserts)  # each part reads them several times; an append only once more
    parts = [part.part for part in begun] if begun is not None else _parts_of(lake, upserts, is_empty, rows_per_part)
    return SilverWrite(upserts, [_figured(lake, upserts, part) for part in parts], is_empty)


def _parts_of(lake: Lake, upserts: DataFrame, is_one: bool, rows_per_part: int) -> list[Part]:
    by_date = {row["return_date"]: row["rows"] for row in lake.collect(rows_by_date(upserts))}
    if is_one:
        return [Part(1, min(by_date), max(by_date))] if by_date else []
    large = [day for day, rows in by_date.items() if rows > rows_per_part]
    by_share: dict[date, dict[str, int]] = {day: {} for day in large}
    for row in lake.collect(rows_by_share(upserts, min(large), max(large))) if large else ():
        if row["return_date"] in by_share:
            by_share[row["return_date"]][row["share"]] = row["rows"]
    return plan_parts(by_date, by_share, rows_per_part)


def _figured(lake: Lake, upserts: DataFrame, part: Part) -> PartWrite:
    figures = lake.collect(part_figures(rows_of_part(upserts, part, "")))[0]
    days = [figures[name] for name in ("first_date", "last_date", "first_silver_date", "last_silver_date")]
    known = [day for day in days if day is not None] or [part.first_date]
    return PartWrite(CountedPart(part, figures["inserted"], figures["updated"]), (min(known), max(known)))


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


def write_part(lake: Lake, write: SilverWrite, part: PartWrite, note: CommitMetadata) -> Written:
    """Write one part and check that silver has it. Raises VerificationError where it has something else."""
    counted = part.counted
    upserts = rows_of_part(write.upserts, counted.part, str(note.batch_id))
    before = lake.facts(SILVER)
    faults.reached("before_silver_part")
    if write.appends:
        written = lake.append(SILVER, upserts, note)
    else:
        written = lake.merge(SILVER, upserts, note, _NEWEST_VERSION, {"return_date": part.within})
    faults.reached("after_silver_part")
    if not written.was_there:
        check_commit(lake, SILVER, before.version, note, rows=before.rows + written.inserted)
    expected = {INSERTED: counted.inserted, UPDATED: counted.updated}
    found = {INSERTED: written.inserted, UPDATED: written.updated}
    if found != expected:
        raise VerificationError(SILVER.place, expected, found)
    how = "had" if written.was_there else "took"
    logger.info(
        "silver %s part %d: %d inserted, %d updated", how, counted.part.number, written.inserted, written.updated
    )
    return written
