"""Dates, numbers and local times in the forms of their feed, as the text that validation reads.

A text that a feed cannot read goes on as it was delivered, so that validation rejects it with its reason. A number
without the feed's form is marked: as it stands it could pass for another number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark_interview_project.config.date_formats import MONTHS, DateFormat, date_format
from pyspark_interview_project.engine import Column, DataFrame
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.transforms.normalise import usual_timestamp
from pyspark_interview_project.transforms.raw_record import iso_timestamp

NUMBER_KEYS = {"decimal", "thousands", "scale", "negate"}
_MARK = "? "
# A local time as usual_timestamp has it. Without the first and the last day of the calendar no zone leads out of it.
_LOCAL_TIME = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?\z"


def _replaced(frame: DataFrame, columns: Mapping[str, Column]) -> DataFrame:
    """The frame with these columns in the place of those of their names, in one step."""
    return frame.select(*[columns.get(name, F.col(name)).alias(name) for name in frame.columns])


def with_dates(frame: DataFrame, formats: Mapping[str, Sequence[str]]) -> DataFrame:
    """Texts in the formats of their feed in ISO form: return_date as a day, ingest_ts as a timestamp."""
    if not formats:
        return frame
    return _replaced(frame, {name: _date(name, [date_format(one) for one in few]) for name, few in formats.items()})


def _date(name: str, formats: Sequence[DateFormat]) -> Column:
    """A text of one of these formats as the ISO form of the column's values; any other text as it is."""
    text = F.col(name)
    column = text
    for choice in reversed(formats):  # the first that matches is taken
        column = F.when(text.rlike(choice.pattern), _iso(name, choice)).otherwise(column)
    return column


def _iso(name: str, choice: DateFormat) -> Column:
    if choice.epoch:
        digits = F.regexp_extract(F.col(name), choice.pattern, 1)
        number = F.when(F.col(name).rlike(choice.pattern), digits).otherwise(F.lit("0")).cast("bigint")  # never fails
        instant = iso_timestamp(number * (1_000_000 if choice.epoch == "s" else 1_000))
        return F.substring(instant, 1, 10) if name == "return_date" else instant

    def part(directive: str) -> Column | None:
        group = choice.group(directive)
        return F.regexp_extract(F.col(name), choice.pattern, group) if group else None

    def two_digits(directive: str) -> Column:
        digits = part(directive)
        return F.lit("00") if digits is None else F.lpad(digits, 2, "0")

    year, month, fraction, offset = part("Y"), part("b"), part("f"), part("z")
    if year is None:
        short = two_digits("y")  # as POSIX has it
        year = F.concat(F.when(short >= F.lit("69"), F.lit("19")).otherwise(F.lit("20")), short)
    month = two_digits("m") if month is None else _month_number(F.lower(month))
    day = F.concat(year, F.lit("-"), month, F.lit("-"), two_digits("d"))
    if name == "return_date":
        return day
    time = [F.lit("T"), two_digits("H"), F.lit(":"), two_digits("M"), F.lit(":"), two_digits("S")]
    behind = [*([] if fraction is None else [F.lit("."), fraction]), *([] if offset is None else [_offset(offset)])]
    return F.concat(day, *time, *behind)


def _month_number(month: Column) -> Column:
    column = F.lit("12")
    for number, name in enumerate(MONTHS[:-1], start=1):
        column = F.when(month == F.lit(name), F.lit(f"{number:02}")).otherwise(column)
    return column


def _offset(offset: Column) -> Column:
    minutes = F.when(F.length(offset) > 3, F.substring(offset, -2, 2)).otherwise(F.lit("00"))
    is_utc = offset.isin("Z", "UTC")
    return F.when(is_utc, F.lit("Z")).otherwise(F.concat(F.substring(offset, 1, 3), F.lit(":"), minutes))


def with_numbers(frame: DataFrame, sources: Mapping[str, Mapping[str, Any]]) -> DataFrame:
    """Numbers in the forms of their feed as plain decimal text."""
    if not sources:
        return frame
    names = frame.columns
    parts = [column for name, source in sources.items() for column in _number_parts(name, source)]
    apart = frame.select(*[F.col(name) for name in names], *parts)
    numbers = {name: _number(name, source) for name, source in sources.items()}
    return apart.select(*[numbers.get(name, F.col(name)).alias(name) for name in names])


def _number_parts(name: str, source: Mapping[str, Any]) -> list[Column]:
    mark = rf"\x{{{ord(source.get('decimal', '.')):04X}}}"
    grouped = ""
    if thousands := source.get("thousands"):
        grouped = rf"[0-9]{{1,3}}(?:\x{{{ord(thousands):04X}}}[0-9]{{3}})+|"
    pattern = rf"\A([+-]?)({grouped}[0-9]*)(?:{mark}([0-9]*))?\z"
    text = F.col(name)
    whole = F.regexp_extract(text, pattern, 2)
    return [
        (text.rlike(pattern) & text.rlike("[0-9]")).alias(f"{name}_is_number"),
        F.regexp_extract(text, pattern, 1).alias(f"{name}_sign"),
        (F.replace(whole, F.lit(thousands), F.lit("")) if thousands else whole).alias(f"{name}_whole"),
        F.regexp_extract(text, pattern, 3).alias(f"{name}_fraction"),
    ]


def _number(name: str, source: Mapping[str, Any]) -> Column:
    sign, whole, fraction = F.col(f"{name}_sign"), F.col(f"{name}_whole"), F.col(f"{name}_fraction")
    places = source.get("scale", 0)
    zeros = F.lit("0" * abs(places))
    if places < 0:
        digits = F.concat(zeros, whole)
        whole = F.substring(digits, 1, F.length(digits) + F.lit(places))
        fraction = F.concat(F.substring(digits, places, -places), fraction)
    elif places > 0:
        whole = F.concat(whole, F.substring(F.concat(fraction, zeros), 1, places))
        fraction = F.substring(fraction, places + 1, F.length(fraction))
    whole = F.regexp_replace(whole, r"\A0+", "")
    if source.get("negate"):
        sign = F.when(sign == F.lit("-"), F.lit("")).otherwise(F.lit("-"))
    number = F.concat(
        F.when(sign == F.lit("+"), F.lit("")).otherwise(sign),
        F.when(whole == F.lit(""), F.lit("0")).otherwise(whole),
        F.when(fraction == F.lit(""), F.lit("")).otherwise(F.concat(F.lit("."), fraction)),
    )
    return F.when(F.col(f"{name}_is_number"), number).otherwise(F.concat(F.lit(_MARK), F.col(name)))


def with_time_zone(frame: DataFrame, zone: str | None) -> DataFrame:
    """ingest_ts without an offset as the instant at which clocks in the zone showed it, the earlier one of two."""
    if zone is None:
        return frame
    names = frame.columns
    usual = _replaced(frame, {"ingest_ts": usual_timestamp("ingest_ts")})
    text = F.col("ingest_ts")
    is_local = text.rlike(_LOCAL_TIME) & (text >= F.lit("0001-01-02")) & (text < F.lit("9999-12-31"))
    read = F.when(is_local, F.expr(f"convert_timezone('{zone}', 'UTC', try_cast(ingest_ts as timestamp_ntz))"))
    instants = usual.select(*[F.col(name) for name in names], read.alias("instant"))
    # As in normalise.resolve_local_time: how far the clocks were set back in the 23 hours before.
    shown, before = [f"convert_timezone('UTC', '{zone}', instant{earlier})" for earlier in ("", " - interval 23 hours")]
    earlier = f"instant - (({before} + interval 23 hours) - {shown})"
    shows_the_same = f"convert_timezone('UTC', '{zone}', {earlier}) = {shown}"
    instant = F.expr(f"case when {shows_the_same} then {earlier} else instant end").cast("string")
    iso = F.concat(F.replace(instant, F.lit(" "), F.lit("T")), F.lit("Z"))
    chosen = F.when(F.col("instant").isNotNull(), iso).otherwise(text)
    return instants.select(*[(chosen if name == "ingest_ts" else F.col(name)).alias(name) for name in names])
