"""Validation: delivered records are typed and every rule is applied, in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import reduce
from operator import or_

from pyspark_interview_project.engine import Column, DataFrame
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


def validate(
    records: DataFrame,
    kinds: Mapping[str, Kind],
    as_of: date,
    latest_ingest_ts: datetime,
    currency: str | None = None,
    feed_rules: Sequence[tuple[str, str, str]] = (),
) -> DataFrame:
    """Type delivered records and apply every rule of schemas/rules.py, and those of the records' feed.

    Reads:   the nine columns of returns_raw, each of the kind that `kinds` names; source_file (string); where they are
             there source_record (long), currency (string) and is_excluded (boolean: the feed says that it is no
             return); for deliveries of text also raw_record (string) and is_corrupt (boolean: the record could not be
             taken apart). `currency` is the lake's, None: not checked. `feed_rules`: code, SQL, and reject or warn.
    Returns: the nine columns in their types in silver, reasons (array<string>: every code that applies, null for a good
             row), warnings (array<string>: codes of rules that only warn, null where there is none), is_excluded,
             raw_record (null for a good row), source_file, source_record. One row a record.
    """
    there = records.columns
    is_text = "raw_record" in there
    delivered_names = [] if is_text else RAW_NAMES
    given = ("source_file", "raw_record", "is_corrupt", "is_excluded")
    carried = [F.col(name) for name in given if name in there]
    kept = [F.col(f"{name}_delivered") for name in delivered_names] + carried
    is_corrupt = F.col("is_corrupt") if is_text else F.lit(False)
    is_excluded = F.col("is_excluded") if "is_excluded" in there else F.lit(False)
    optional = [
        F.col(name) if name in there else F.lit(None).cast(type_).alias(name)
        for name, type_ in ((CURRENCY, "string"), ("source_record", "bigint"))
    ]

    trimmed = records.select(
        *[trim_blanks(name, kinds[name]).alias(name) for name in RAW_NAMES],
        *[F.col(name).alias(f"{name}_delivered") for name in delivered_names],
        *optional,
        *carried,
    )
    kept += [F.col(CURRENCY), F.col("source_record")]
    cleaned = trimmed.select(*[clean_value(name, kinds[name]).alias(name) for name in RAW_NAMES], *kept)
    if kinds["ingest_ts"] == "text":
        cleaned = cleaned.withColumn("ingest_ts", usual_timestamp("ingest_ts"))
    parsed = cleaned.select(
        *[parse_value(name, kinds[name]).alias(name) for name in RAW_NAMES if name != "ingest_ts"],
        F.col("ingest_ts").alias("ingest_ts_cleaned"),
        parse_value("ingest_ts", kinds["ingest_ts"]).alias("ingest_ts_parsed"),
        F.lit(as_of.isoformat()).cast("date").alias("as_of"),
        F.lit(latest_ingest_ts.isoformat()).cast("timestamp").alias("latest_ingest_ts"),
        F.lit(currency).cast("string").alias("lake_currency"),
        is_rounded_number("return_id", kinds["return_id"]).alias("return_id_is_rounded"),
        *[F.col(name).isNotNull().alias(f"{name}_given") for name in _PARSED],
        *kept,
    )
    ingest_ts = resolve_local_time("ingest_ts_cleaned", "ingest_ts_parsed", kinds["ingest_ts"])
    typed = parsed.withColumn("ingest_ts", ingest_ts)
    rejecting = {rule.code: rule.broken_when for rule in RULES}
    rejecting.update({code: sql for code, sql, severity in feed_rules if severity == "reject"})
    broken = {code: _is_broken(sql) for code, sql in rejecting.items()}
    is_broken = F.coalesce(reduce(or_, map(F.expr, rejecting.values())), F.lit(False))
    warned = {code: _is_broken(sql) & ~is_corrupt for code, sql, severity in feed_rules if severity == "warn"}
    flagged = typed.withColumn("is_rejected", (is_corrupt | is_broken) & ~is_excluded)
    reasons = F.when(is_corrupt, F.array(F.lit(CORRUPT_RECORD))).otherwise(_codes(broken))
    raw = F.col("raw_record") if is_text else raw_record(kinds, suffix="_delivered", beside=[CURRENCY])
    is_kept = ~F.col("is_rejected") & ~is_excluded
    no_codes = F.lit(None).cast("array<string>")
    return flagged.select(
        *[F.col(name) for name in RAW_NAMES],
        F.when(F.col("is_rejected"), reasons).alias("reasons"),
        (F.when(is_kept & reduce(or_, warned.values()), _codes(warned)) if warned else no_codes).alias("warnings"),
        is_excluded.alias("is_excluded"),
        F.when(F.col("is_rejected"), raw).alias("raw_record"),
        F.col("source_file"),
        F.col("source_record"),
    )


def _is_broken(sql: str) -> Column:
    return F.coalesce(F.expr(sql), F.lit(False))


def _codes(broken: Mapping[str, Column]) -> Column:
    """The codes of the rules that are broken."""
    return F.array_compact(F.array(*[F.when(is_broken, F.lit(code)) for code, is_broken in broken.items()]))
