"""The first records of a file, and how its records were judged, for a person who tries a feed."""

from __future__ import annotations

from pyspark_interview_project.engine import Column, DataFrame
from pyspark_interview_project.engine import functions as F


def first_records(records: DataFrame, most: int) -> DataFrame:
    """The first `most` records of one file, in its order. Reads source_record (long); all columns are returned."""
    return records.orderBy("source_record").limit(most)


def count_judged(validated: DataFrame) -> DataFrame:
    """How the records of `validate` were judged: records, accepted, excluded, rejected (long each), in one row."""
    is_rejected = F.col("reasons").isNotNull()

    def rows_where(condition: Column) -> Column:
        return F.coalesce(F.sum(F.when(condition, F.lit(1)).otherwise(F.lit(0))), F.lit(0)).cast("bigint")

    return validated.agg(
        F.count(F.lit(1)).alias("records"),
        rows_where(~is_rejected & ~F.col("is_excluded")).alias("accepted"),
        rows_where(F.col("is_excluded")).alias("excluded"),
        rows_where(is_rejected).alias("rejected"),
    )
