"""The rows of a batch that go into quarantine."""

from __future__ import annotations

from datetime import datetime

from pyspark_interview_project.engine import DataFrame, Window
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.schemas.tables import QUARANTINE
from pyspark_interview_project.transforms.hashing import hash_of


def quarantine_slice(validated: DataFrame, batch_id: str, quarantined_at: datetime) -> DataFrame:
    """The rejected rows of `validated` with the columns of the quarantine table.

    quarantine_id is a hash of the batch, the file, the raw record and its number among the equal records of the file,
    so that validating the batch again gives the same ids.
    """
    rejected = validated.filter(F.col("reasons").isNotNull())
    # By their number in the file where they have one, else as they come.
    equal_records = Window.partitionBy("source_file", "raw_record").orderBy("source_record")
    numbered = rejected.withColumn("occurrence", F.row_number().over(equal_records))
    occurrence = F.col("occurrence").cast("string")
    identity = hash_of(F.lit(batch_id), F.col("source_file"), occurrence, F.col("raw_record"))
    return (
        numbered.withColumn("quarantine_id", identity)
        .withColumn("batch_id", F.lit(batch_id))
        .withColumn("quarantined_at", F.lit(quarantined_at.isoformat()).cast("timestamp"))
        .withColumn("attempts", F.lit(1).cast("int"))
        .select(*QUARANTINE.names)
    )
