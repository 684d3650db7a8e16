"""Which version of a return is kept, and what became of every other one.

The greatest ingest_ts wins; null counts as older than any. Among equal ones the version wins that was delivered later:
of a later batch, else of a later file, else with a greater number in its file. So no order of partitions or retries
changes the result. A version equal in content to the kept one changes nothing. This holds inside a batch and against
silver.
"""

from __future__ import annotations

from pyspark_interview_project.engine import Column, DataFrame, Window
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.schemas.outcomes import DUPLICATE, INSERTED, SUPERSEDED, UPDATED
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


def conflicting_returns(returns: DataFrame, silver: DataFrame | None) -> DataFrame:
    """The returns of which there are several versions: in `returns`, or in `silver` too (None: it is empty).

    Returns: return_id (each once), silver_return_date (the date that silver keeps its version under; null where it has
             none).
    """
    no_date = F.lit(None).cast("date").alias("silver_return_date")
    counted = returns.groupBy("return_id").agg(F.count(F.lit(1)).alias("versions"))
    repeated = counted.filter("versions > 1").select("return_id", no_date)
    if silver is None:
        return repeated
    known = silver.select("return_id", F.col("return_date").alias("silver_return_date")).join(
        returns.select("return_id"), on="return_id", how="left_semi"
    )
    both = repeated.unionByName(known)
    return both.groupBy("return_id").agg(F.max("silver_return_date").alias("silver_return_date"))


def dates_in_silver(conflicting: DataFrame) -> DataFrame:
    """The dates under which silver keeps versions of the conflicting returns: silver_return_date, each once."""
    return conflicting.filter(F.col("silver_return_date").isNotNull()).select("silver_return_date").distinct()


def deduplicate(returns: DataFrame, silver: DataFrame | None, conflicting: DataFrame, files: DataFrame) -> DataFrame:
    """Decide between the versions of the conflicting returns.

    Reads:   returns (the nine columns, source_file, source_record), silver (the nine columns; None where it is empty),
             conflicting (return_id, each once), files (source_file, delivery: a long, greater for a file that was
             delivered later).
    Returns: every conflicting row of `returns` with outcome (string, one of OUTCOMES), silver_return_date (date that
             silver keeps the replaced version under; null where there is none) and is_ambiguous (boolean: another
             version has the same ingest_ts and other content; without ingest_ts only one of the same file). Rows of
             silver are not returned.
    """
    candidates = (
        returns.join(conflicting, on="return_id", how="left_semi")
        .join(files, on="source_file", how="left")
        .select(*CONTENT_NAMES, *_ORIGIN, "delivery", F.lit(False).alias("is_in_silver"))
    )
    if silver is not None:
        kept = silver.join(conflicting, on="return_id", how="left_semi").select(
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


def upserts(returns: DataFrame, conflicting: DataFrame, deduplicated: DataFrame, batch_id: str) -> DataFrame:
    """The rows that silver takes: silver's columns, outcome (inserted or updated), silver_return_date."""
    names = (*CONTENT_NAMES, *_ORIGIN, "silver_return_date", "outcome")
    alone = returns.join(conflicting, on="return_id", how="left_anti").select(
        *CONTENT_NAMES,
        *_ORIGIN,
        F.lit(None).cast("date").alias("silver_return_date"),
        F.lit(INSERTED).alias("outcome"),
    )
    kept = deduplicated.filter(F.col("outcome").isin([INSERTED, UPDATED])).select(*names)
    rows = alone.unionByName(kept).withColumn("batch_id", F.lit(batch_id))
    return rows.select(*SILVER.names, "outcome", "silver_return_date")
