"""The first records of a file, for a person who tries a feed."""

from __future__ import annotations

from pyspark_interview_project.engine import DataFrame


def first_records(records: DataFrame, most: int) -> DataFrame:
    """The first `most` records of one file, in its order. Reads source_record (long); all columns are returned."""
    return records.orderBy("source_record").limit(most)
