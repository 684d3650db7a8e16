"""Which version of a return is kept, and what became of every other one.

The greatest ingest_ts wins; null counts as older than any. Among equal ones a hash of the content decides, so that no
order of files, partitions or retries changes the result. This holds inside a batch and against silver.
"""

from __future__ import annotations

from pyspark_interview_project.engine import Column, DataFrame, Window
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.schemas.outcomes import DUPLICATE, INSERTED, QUARANTINED, SUPERSEDED, UPDATED
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.schemas.tables import SILVER
from pyspark_interview_project.transforms.hashing import hash_of

CONTENT_NAMES = RAW_NAMES


def content_hash() -> Column:
    """SHA-256 (lower-case hexadecimal text) of the nine normalised columns.

    The time is in microseconds since the epoch, the others are their text.
    """
    as_text = {"ingest_ts": F.unix_micros(F.col("ingest_ts")).cast("string")}
    return hash_of(*[as_text.get(name, F.col(name).cast("string")) for name in CONTENT_NAMES])


def accepted(validated: DataFrame) -> DataFrame:
    """The rows that broke no rule: the nine columns and source_file."""
    return validated.filter(F.col("reasons").isNull()).select(*CONTENT_NAMES, "source_file")


def repeated_ids(returns: DataFrame) -> DataFrame:
    """The return_ids that stand more than once in `returns`; one column, one row each."""
    return (
        returns.groupBy("return_id").agg(F.count(F.lit(1)).alias("versions")).filter("versions > 1").select("return_id")
    )


def known_ids(returns: DataFrame, silver: DataFrame) -> DataFrame:
    """The return_ids of `returns` that silver has too; one column, one row each."""
    return silver.select("return_id").join(returns.select("return_id"), on="return_id", how="left_semi")


def deduplicate(returns: DataFrame, silver: DataFrame | None, conflicting_ids: DataFrame) -> DataFrame:
    """Decide between the versions of the conflicting returns.

    Reads:   returns (the nine columns, source_file), silver (the nine columns; None where it is empty), conflicting_ids
             (return_id, each once).
    Returns: every conflicting row of `returns` with outcome (string, one of OUTCOMES) and silver_return_date (date that
             silver keeps the replaced version under; null where there is none). Rows of silver are not returned.
    """
    candidates = returns.join(conflicting_ids, on="return_id", how="left_semi").select(
        *CONTENT_NAMES, "source_file", F.lit(False).alias("is_in_silver")
    )
    if silver is not None:
        kept = silver.join(conflicting_ids, on="return_id", how="left_semi").select(
            *CONTENT_NAMES, F.lit("").alias("source_file"), F.lit(True).alias("is_in_silver")
        )
        candidates = candidates.unionByName(kept)
    hashed = candidates.withColumn("content_hash", content_hash())
    # Among equals silver's own row comes first, then the smallest source_file: '' sorts before any file.
    newest_first = Window.partitionBy("return_id").orderBy(
        F.col("ingest_ts").desc_nulls_last(), F.col("content_hash").desc(), F.col("source_file").asc()
    )
    whole = Window.partitionBy("return_id")
    silver_date = F.when(F.col("is_in_silver"), F.col("return_date"))
    ranked = hashed.select(
        *CONTENT_NAMES,
        "source_file",
        "is_in_silver",
        "content_hash",
        F.row_number().over(newest_first).alias("recency"),
        F.first("content_hash").over(newest_first).alias("kept_hash"),
        F.max(silver_date).over(whole).alias("silver_return_date"),
    )
    outcome = (
        F.when((F.col("recency") == 1) & F.col("silver_return_date").isNull(), F.lit(INSERTED))
        .when(F.col("recency") == 1, F.lit(UPDATED))
        .when(F.col("content_hash") == F.col("kept_hash"), F.lit(DUPLICATE))
        .otherwise(F.lit(SUPERSEDED))
    )
    return ranked.filter(~F.col("is_in_silver")).select(
        *CONTENT_NAMES, "source_file", "silver_return_date", outcome.alias("outcome")
    )


def upserts(returns: DataFrame, conflicting_ids: DataFrame, deduplicated: DataFrame, batch_id: str) -> DataFrame:
    """The rows that silver takes: silver's columns, outcome (inserted or updated), silver_return_date."""
    names = (*CONTENT_NAMES, "source_file", "silver_return_date", "outcome")
    alone = returns.join(conflicting_ids, on="return_id", how="left_anti").select(
        *CONTENT_NAMES,
        "source_file",
        F.lit(None).cast("date").alias("silver_return_date"),
        F.lit(INSERTED).alias("outcome"),
    )
    kept = deduplicated.filter(F.col("outcome").isin([INSERTED, UPDATED])).select(*names)
    rows = alone.unionByName(kept).withColumn("batch_id", F.lit(batch_id))
    return rows.select(*SILVER.names, "outcome", "silver_return_date")


def count_outcomes(validated: DataFrame, conflicting_ids: DataFrame, deduplicated: DataFrame) -> DataFrame:
    """What became of every validated row: outcome, rows (long), amount (decimal(38,2); of rows with a readable one)."""
    figures = (F.count(F.lit(1)).alias("rows"), F.sum("amount").cast("decimal(38,2)").alias("amount"))
    rejected = validated.filter(F.col("reasons").isNotNull()).select("amount", F.lit(QUARANTINED).alias("outcome"))
    alone = (
        accepted(validated)
        .join(conflicting_ids, on="return_id", how="left_anti")
        .select("amount", F.lit(INSERTED).alias("outcome"))
    )
    every = rejected.unionByName(alone).unionByName(deduplicated.select("amount", "outcome"))
    return every.groupBy("outcome").agg(*figures)


def count_read(validated: DataFrame) -> DataFrame:
    """The validated rows of each source_file: rows (long), amount (decimal(38,2); of rows with a readable one)."""
    return validated.groupBy("source_file").agg(
        F.count(F.lit(1)).alias("rows"), F.sum("amount").cast("decimal(38,2)").alias("amount")
    )


def count_reasons(validated: DataFrame) -> DataFrame:
    """How many rejected rows carry each reason code: reason (string), rows (long)."""
    codes = validated.filter(F.col("reasons").isNotNull()).select(F.explode("reasons").alias("reason"))
    return codes.groupBy("reason").agg(F.count(F.lit(1)).alias("rows"))
