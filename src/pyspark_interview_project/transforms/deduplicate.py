"""Which version of a return is kept, and what became of every other one.

The greatest ingest_ts wins; null counts as older than any. Among equal ones the version wins that was delivered later:
of a later batch, else of a later file, else with a greater number in its file. So no order of partitions or retries
changes the result. A version equal in content to the kept one changes nothing. This holds inside a batch and against
silver.
"""

from __future__ import annotations

from pyspark_interview_project.engine import Column, DataFrame, Window
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.schemas.outcomes import DUPLICATE, EXCLUDED, INSERTED, QUARANTINED, SUPERSEDED, UPDATED
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.schemas.tables import SILVER
from pyspark_interview_project.transforms.hashing import hash_of

CONTENT_NAMES = RAW_NAMES
_ORIGIN = ("source_file", "source_record")


def content_hash() -> Column:
    """SHA-256 (lower-case hexadecimal text) of the nine normalised columns.

    The time is in microseconds since the epoch, the others are their text.
    """
    as_text = {"ingest_ts": F.unix_micros(F.col("ingest_ts")).cast("string")}
    return hash_of(*[as_text.get(name, F.col(name).cast("string")) for name in CONTENT_NAMES])


def accepted(validated: DataFrame) -> DataFrame:
    """The rows that are returns and broke no rule: the nine columns, source_file, source_record."""
    return validated.filter(F.col("reasons").isNull() & ~F.col("is_excluded")).select(*CONTENT_NAMES, *_ORIGIN)


def repeated_ids(returns: DataFrame) -> DataFrame:
    """The return_ids that stand more than once in `returns`; one column, one row each."""
    return (
        returns.groupBy("return_id").agg(F.count(F.lit(1)).alias("versions")).filter("versions > 1").select("return_id")
    )


def known_ids(returns: DataFrame, silver: DataFrame) -> DataFrame:
    """The return_ids of `returns` that silver has too; one column, one row each."""
    return silver.select("return_id").join(returns.select("return_id"), on="return_id", how="left_semi")


def deduplicate(
    returns: DataFrame, silver: DataFrame | None, conflicting_ids: DataFrame, files: DataFrame
) -> DataFrame:
    """Decide between the versions of the conflicting returns.

    Reads:   returns (the nine columns, source_file, source_record), silver (the nine columns; None where it is empty),
             conflicting_ids (return_id, each once), files (source_file, delivery: a long, greater for a file that was
             delivered later).
    Returns: every conflicting row of `returns` with outcome (string, one of OUTCOMES), silver_return_date (date that
             silver keeps the replaced version under; null where there is none) and is_ambiguous (boolean: another
             version has the same ingest_ts and other content; without ingest_ts only one of the same file). Rows of
             silver are not returned.
    """
    candidates = (
        returns.join(conflicting_ids, on="return_id", how="left_semi")
        .join(files, on="source_file", how="left")
        .select(*CONTENT_NAMES, *_ORIGIN, "delivery", F.lit(False).alias("is_in_silver"))
    )
    if silver is not None:
        kept = silver.join(conflicting_ids, on="return_id", how="left_semi").select(
            *CONTENT_NAMES,
            F.lit("").alias("source_file"),
            F.lit(0).cast("bigint").alias("source_record"),
            F.lit(-1).cast("bigint").alias("delivery"),  # the batches before this one
            F.lit(True).alias("is_in_silver"),
        )
        candidates = candidates.unionByName(kept)
    hashed = candidates.withColumn("content_hash", content_hash())
    newest_first = Window.partitionBy("return_id").orderBy(
        F.col("ingest_ts").desc_nulls_last(), F.col("delivery").desc(), F.col("source_record").desc()
    )
    whole = Window.partitionBy("return_id")
    # Of versions without ingest_ts a later file has a correction; in one file nobody can tell.
    undecided_in = F.when(F.col("ingest_ts").isNull(), F.col("source_file"))
    same_time = Window.partitionBy("return_id", "ingest_ts", "undecided_in")
    silver_date = F.when(F.col("is_in_silver"), F.col("return_date"))
    silver_hash = F.when(F.col("is_in_silver"), F.col("content_hash"))
    ranked = hashed.withColumn("undecided_in", undecided_in).select(
        *CONTENT_NAMES,
        *_ORIGIN,
        "is_in_silver",
        "content_hash",
        F.row_number().over(newest_first).alias("recency"),
        F.first("content_hash").over(newest_first).alias("kept_hash"),
        F.max(silver_date).over(whole).alias("silver_return_date"),
        F.max(silver_hash).over(whole).alias("silver_hash"),
        (F.min("content_hash").over(same_time) != F.max("content_hash").over(same_time)).alias("is_ambiguous"),
    )
    is_newest = F.col("recency") == 1
    outcome = (
        F.when(is_newest & F.col("silver_hash").isNull(), F.lit(INSERTED))
        .when(is_newest & (F.col("silver_hash") != F.col("kept_hash")), F.lit(UPDATED))
        .when(F.col("content_hash") == F.col("kept_hash"), F.lit(DUPLICATE))
        .otherwise(F.lit(SUPERSEDED))
    )
    return ranked.filter(~F.col("is_in_silver")).select(
        *CONTENT_NAMES, *_ORIGIN, "silver_return_date", "is_ambiguous", outcome.alias("outcome")
    )


def count_ambiguous(deduplicated: DataFrame) -> DataFrame:
    """How many returns have two versions of which nobody can tell the newer one, and how many rows are such versions:
    returns (long), rows (long)."""
    found = deduplicated.filter("is_ambiguous")
    return found.agg(F.countDistinct("return_id").alias("returns"), F.count(F.lit(1)).alias("rows"))


def ambiguous_examples(deduplicated: DataFrame, most: int) -> DataFrame:
    """Some of these returns: example (string), the first digits of the SHA-256 of the return_id."""
    found = deduplicated.filter("is_ambiguous").select("return_id").distinct()
    hashed = found.select(F.substring(F.sha2(F.col("return_id"), 256), 1, 12).alias("example"))
    return hashed.orderBy("example").limit(most)


def upserts(returns: DataFrame, conflicting_ids: DataFrame, deduplicated: DataFrame, batch_id: str) -> DataFrame:
    """The rows that silver takes: silver's columns, outcome (inserted or updated), silver_return_date."""
    names = (*CONTENT_NAMES, *_ORIGIN, "silver_return_date", "outcome")
    alone = returns.join(conflicting_ids, on="return_id", how="left_anti").select(
        *CONTENT_NAMES,
        *_ORIGIN,
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
    excluded = validated.filter(F.col("is_excluded")).select("amount", F.lit(EXCLUDED).alias("outcome"))
    every = rejected.unionByName(excluded).unionByName(alone).unionByName(deduplicated.select("amount", "outcome"))
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


def count_warnings(validated: DataFrame) -> DataFrame:
    """How many rows break each rule that only warns: rule (string), rows (long)."""
    codes = validated.filter(F.col("warnings").isNotNull()).select(F.explode("warnings").alias("rule"))
    return codes.groupBy("rule").agg(F.count(F.lit(1)).alias("rows"))
