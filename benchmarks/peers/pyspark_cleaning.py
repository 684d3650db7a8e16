"""What both PySpark peers share: a session with Delta, and the job's rules as most PySpark projects write them.

The session has default settings but for what Delta needs and for memory. The jars' paths are in DELTA_JARS, so that the
session need not resolve them: that spares it about two seconds.
"""

from __future__ import annotations

import os

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

_DRIVER_MEMORY = "6g"
_SCHEMA = (
    "return_id string, order_id string, customer_id string, sku string, reason string, qty int, amount double, "
    "return_date date, ingest_ts timestamp"
)


def open_session() -> SparkSession:
    """A local session that reads and writes Delta tables."""
    return (
        SparkSession.builder.master("local[*]")
        .config("spark.driver.memory", _DRIVER_MEMORY)
        .config("spark.jars", os.environ["DELTA_JARS"])
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .getOrCreate()
    )


def read_landed(spark: SparkSession, directory: str, format_: str) -> DataFrame:
    """The raw rows of a directory, by Spark's own readers."""
    if format_ == "parquet":
        return spark.read.parquet(directory)
    if format_ == "jsonl":
        return spark.read.schema(_SCHEMA).json(directory)
    if format_ == "csv":
        return spark.read.schema(_SCHEMA).option("header", True).csv(directory)
    exported = spark.read.option("header", True).option("sep", ";").csv(directory)
    return exported.select(
        F.col("Return No").alias("return_id"),
        F.col("Order No").alias("order_id"),
        F.col("Customer").alias("customer_id"),
        F.col("Article").alias("sku"),
        F.col("Comment").alias("reason"),
        F.col("Quantity").cast("int").alias("qty"),
        F.regexp_replace("Total", ",", ".").cast("double").alias("amount"),
        F.to_date("Booked", "dd.MM.yyyy").alias("return_date"),
        F.to_timestamp("Changed").alias("ingest_ts"),
    )


def judge(raw: DataFrame) -> DataFrame:
    """All rows, normalised; `broken` is the reason of a row that cannot be taken, else null."""
    trimmed = raw
    for name in ("return_id", "order_id", "customer_id", "sku", "reason"):
        trimmed = trimmed.withColumn(name, F.trim(F.col(name)))
    normalised = (
        trimmed.withColumn("sku", F.upper("sku"))
        .withColumn("reason", F.lower(F.coalesce("reason", F.lit("unspecified"))))
        .withColumn("amount", F.col("amount").cast("decimal(18,2)"))
    )
    return normalised.withColumn(
        "broken",
        F.when(_is_blank("return_id"), "return_id_missing")
        .when(_is_blank("sku"), "sku_missing")
        .when(F.col("return_date").isNull(), "return_date_missing")
        .when(F.col("amount").isNull(), "amount_missing")
        .when(F.col("amount") < 0, "amount_negative")
        .when(F.col("qty").isNull(), "qty_missing")
        .when(F.col("qty") <= 0, "qty_not_positive"),
    )


def keep_latest(judged: DataFrame) -> DataFrame:
    """The newest good version of each return."""
    newest_first = Window.partitionBy("return_id").orderBy(F.desc("ingest_ts"), F.desc("amount"), F.desc("order_id"))
    good = judged.filter("broken is null").drop("broken")
    return good.withColumn("recency", F.row_number().over(newest_first)).filter("recency = 1").drop("recency")


def write_gold(spark: SparkSession, lake: str) -> None:
    """Aggregate silver into gold, all of it."""
    totals = (
        F.count("*").alias("return_count"),
        F.sum("qty").alias("total_qty"),
        F.sum("amount").alias("total_amount"),
    )
    gold = spark.read.format("delta").load(f"{lake}/silver").groupBy("sku", "reason").agg(*totals)
    gold.write.format("delta").mode("overwrite").save(f"{lake}/gold")


def _is_blank(name: str) -> Column:
    return F.col(name).isNull() | (F.col(name) == "")
