"""Parts of a batch's upserts: ranges of return dates, and shares of one date where it alone is too large."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark_interview_project.engine import Column, DataFrame
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.schemas.outcomes import INSERTED, UPDATED
from pyspark_interview_project.schemas.tables import SILVER


@dataclass(frozen=True)
class Part:
    """Rows with first_date <= return_date <= last_date, and first_share <= share <= last_share.

    The share of a row is the first two digits of the SHA-256 of its return_id, as lower-case hexadecimal text.
    """

    number: int
    first_date: date
    last_date: date
    first_share: str = "00"
    last_share: str = "ff"


@dataclass(frozen=True)
class CountedPart:
    """A part and what silver does with its rows."""

    part: Part
    inserted: int
    updated: int


def rows_by_date(upserts: DataFrame) -> DataFrame:
    """How many rows each return_date has: return_date, rows (long)."""
    return upserts.groupBy("return_date").agg(F.count(F.lit(1)).alias("rows"))


def rows_by_share(upserts: DataFrame, first_date: date, last_date: date) -> DataFrame:
    """How many rows each share of the dates has: return_date, share, rows (long)."""
    shares = _between(upserts, first_date, last_date).withColumn("share", _share())
    return shares.groupBy("return_date", "share").agg(F.count(F.lit(1)).alias("rows"))


def _share() -> Column:
    return F.substring(F.sha2(F.col("return_id"), 256), 1, 2)


def _between(upserts: DataFrame, first_date: date, last_date: date) -> DataFrame:
    first, last = (F.lit(bound.isoformat()).cast("date") for bound in (first_date, last_date))
    return upserts.filter((F.col("return_date") >= first) & (F.col("return_date") <= last))


def rows_of_part(upserts: DataFrame, part: Part, batch_id: str) -> DataFrame:
    """The part's rows with the columns of silver, outcome and silver_return_date."""
    rows = _between(upserts, part.first_date, part.last_date)
    if (part.first_share, part.last_share) != ("00", "ff"):
        rows = rows.filter((_share() >= F.lit(part.first_share)) & (_share() <= F.lit(part.last_share)))
    return rows.withColumn("batch_id", F.lit(batch_id)).select(*SILVER.names, "outcome", "silver_return_date")


def part_figures(rows: DataFrame) -> DataFrame:
    """One row: inserted and updated (long), and the first and last return_date, here and of what is replaced."""

    def count(outcome: str) -> Column:
        return F.count(F.when(F.col("outcome") == F.lit(outcome), F.lit(1))).alias(outcome)

    return rows.agg(
        count(INSERTED),
        count(UPDATED),
        F.min("return_date").alias("first_date"),
        F.max("return_date").alias("last_date"),
        F.min("silver_return_date").alias("first_silver_date"),
        F.max("silver_return_date").alias("last_silver_date"),
    )
