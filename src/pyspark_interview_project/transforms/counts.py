"""What a batch comes to: its rows counted by what became of them."""

from __future__ import annotations

from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engine import functions as F


def count_validated(validated: DataFrame, conflicting: DataFrame | None = None) -> DataFrame:
    """The validated rows in one pass over them, grouped by all that is judged of a row alone.

    Reads:   validated (as `validate` returns it), conflicting (return_id, each once; None: there is none).
    Returns: source_file, reasons and warnings (array<string>), is_excluded, is_conflicting (boolean: of a good row,
             whether there are other versions of its return), rows (long), amount (decimal(38,2); of rows with a
             readable one).
    """
    marked = validated.withColumn("is_conflicting", F.lit(False))
    if conflicting is not None:
        other = conflicting.select("return_id", F.lit(True).alias("is_there"))
        marked = validated.join(other, on="return_id", how="left").withColumn(
            "is_conflicting", F.coalesce("is_there", F.lit(False))
        )
    by = ("source_file", "reasons", "warnings", "is_excluded", "is_conflicting")
    return marked.groupBy(*by).agg(
        F.count(F.lit(1)).alias("rows"), F.sum("amount").cast("decimal(38,2)").alias("amount")
    )


def count_outcomes(deduplicated: DataFrame) -> DataFrame:
    """What became of the conflicting rows: outcome, rows (long), amount (decimal(38,2)), ambiguous (long: how many of
    the rows are versions of which nobody can tell the newer one)."""
    return deduplicated.groupBy("outcome").agg(
        F.count(F.lit(1)).alias("rows"),
        F.sum("amount").cast("decimal(38,2)").alias("amount"),
        F.count(F.when(F.col("is_ambiguous"), F.lit(1))).alias("ambiguous"),
    )


def count_ambiguous(deduplicated: DataFrame) -> DataFrame:
    """How many returns have two versions of which nobody can tell the newer one: returns (long)."""
    return deduplicated.filter("is_ambiguous").agg(F.countDistinct("return_id").alias("returns"))


def ambiguous_examples(deduplicated: DataFrame, most: int) -> DataFrame:
    """Some of these returns: example (string), the first digits of the SHA-256 of the return_id."""
    found = deduplicated.filter("is_ambiguous").select("return_id").distinct()
    hashed = found.select(F.substring(F.sha2(F.col("return_id"), 256), 1, 12).alias("example"))
    return hashed.orderBy("example").limit(most)
