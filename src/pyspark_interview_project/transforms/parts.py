"""Parts of a batch's winners: ranges of return dates, and shares of one date where it alone is too large."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pyspark_interview_project.engine import Column, DataFrame
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.schemas.tables import SILVER
from pyspark_interview_project.transforms.versions import INSERTED, UPDATED


@dataclass(frozen=True)
class Part:
    """Rows with first_date <= return_date <= last_date, and a hash of return_id from `least` to before `below`.

    The hash is SHA-256 as lower-case hexadecimal text; the bounds are two digits, `below` None where there is none.
    """

    number: int
    first_date: date
    last_date: date
    least: str = "00"
    below: str | None = None


def rows_by_date(winners: DataFrame) -> DataFrame:
    """How many rows each return_date has: return_date, rows (long)."""
    return winners.groupBy("return_date").agg(F.count(F.lit(1)).alias("rows"))


def rows_of_part(winners: DataFrame, part: Part, batch_id: str) -> DataFrame:
    """The part's rows with the columns of silver, outcome and silver_return_date."""
    day = F.col("return_date")
    first, last = (F.lit(bound.isoformat()).cast("date") for bound in (part.first_date, part.last_date))
    rows = winners.filter((day >= first) & (day <= last))
    if (part.least, part.below) != ("00", None):
        share = F.substring(F.sha2(F.col("return_id"), 256), 1, 2)
        rows = rows.filter(share >= F.lit(part.least))
        rows = rows if part.below is None else rows.filter(share < F.lit(part.below))
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
