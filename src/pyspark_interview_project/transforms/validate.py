"""Validation: delivered records are typed and every rule is applied, in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import reduce
from operator import or_

from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.schemas.returns_raw import CURRENCY, RAW_NAMES
from pyspark_interview_project.schemas.rules import CORRUPT_RECORD, RULES
from pyspark_interview_project.transforms.normalise import (
    Kind,
    clean_value,
    is_rounded_number,
    parse_value,
    resolve_local_time,
    trim_blanks,
    usual_timestamp,
)
from pyspark_interview_project.transforms.raw_record import raw_record

# A rule can tell "missing" (nothing was delivered) from "invalid" (something else was) in these columns.
_PARSED = ("qty", "amount", "return_date", "ingest_ts")
# What not every delivery has.
_OPTIONAL = (("source_record", "bigint"), (CURRENCY, "string"))


def validate(records: DataFrame, kinds: Mapping[str, Kind], as_of: date, latest_ingest_ts: datetime) -> DataFrame:
    """Type delivered records and apply every rule of schemas/rules.py.

    Reads:   the nine columns of returns_raw, each of the kind that `kinds` names; source_file (string); for deliveries
             of text also raw_record (string) and is_corrupt (boolean: the record could not be taken apart). Where they
             are there also source_record (bigint) and currency (string).
    Returns: the nine columns in their types in silver, reasons (array<string>: every code that applies, null for a good
             row), raw_record (null for a good row), source_file, source_record (bigint). One row a record.
    """
    is_text = "raw_record" in records.columns
    delivered_names = [] if is_text else RAW_NAMES
    carried = [F.col(name) for name in (("source_file", "raw_record", "is_corrupt") if is_text else ("source_file",))]
    optional = [
        F.col(name) if name in records.columns else F.lit(None).cast(type_).alias(name) for name, type_ in _OPTIONAL
    ]
    kept = [F.col(f"{name}_delivered") for name in delivered_names] + carried + [F.col(name) for name, _ in _OPTIONAL]
    is_corrupt = F.col("is_corrupt") if is_text else F.lit(False)

    trimmed = records.select(
        *[trim_blanks(name, kinds[name]).alias(name) for name in RAW_NAMES],
        *[F.col(name).alias(f"{name}_delivered") for name in delivered_names],
        *carried,
        *optional,
    )
    cleaned = trimmed.select(*[clean_value(name, kinds[name]).alias(name) for name in RAW_NAMES], *kept)
    if kinds["ingest_ts"] == "text":
        cleaned = cleaned.withColumn("ingest_ts", usual_timestamp("ingest_ts"))
    parsed = cleaned.select(
        *[parse_value(name, kinds[name]).alias(name) for name in RAW_NAMES if name != "ingest_ts"],
        F.col("ingest_ts").alias("ingest_ts_cleaned"),
        parse_value("ingest_ts", kinds["ingest_ts"]).alias("ingest_ts_parsed"),
        F.lit(as_of.isoformat()).cast("date").alias("as_of"),
        F.lit(latest_ingest_ts.isoformat()).cast("timestamp").alias("latest_ingest_ts"),
        is_rounded_number("return_id", kinds["return_id"]).alias("return_id_is_rounded"),
        *[F.col(name).isNotNull().alias(f"{name}_given") for name in _PARSED],
        *kept,
    )
    ingest_ts = resolve_local_time("ingest_ts_cleaned", "ingest_ts_parsed", kinds["ingest_ts"])
    typed = parsed.withColumn("ingest_ts", ingest_ts)
    broken = [F.coalesce(F.expr(rule.broken_when), F.lit(False)) for rule in RULES]
    flagged = typed.withColumn("is_rejected", reduce(or_, broken, is_corrupt))
    codes = F.array_compact(F.array(*[F.when(is_broken, F.lit(rule.code)) for is_broken, rule in zip(broken, RULES)]))
    reasons = F.when(is_corrupt, F.array(F.lit(CORRUPT_RECORD))).otherwise(codes)
    raw = F.col("raw_record") if is_text else raw_record(kinds, suffix="_delivered", beside=[CURRENCY])
    return flagged.select(
        *[F.col(name) for name in RAW_NAMES],
        F.when(F.col("is_rejected"), reasons).alias("reasons"),
        F.when(F.col("is_rejected"), raw).alias("raw_record"),
        F.col("source_file"),
        F.col("source_record"),
    )
