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
        groups = {name: group for group, name in enumerate(choice.directives, start=1)}
        parts = {part: F.regexp_extract(text, choice.pattern, group) for part, group in groups.items()}
        column = F.when(text.rlike(choice.pattern), _iso(name, choice, parts)).otherwise(column)
        if choice.places:
            parts = {part: F.substring(text, start, length) for part, (start, length) in choice.places.items()}
            column = F.when(text.rlike(choice.full_pattern), _iso(name, choice, parts)).otherwise(column)
    return column


def _iso(name: str, choice: DateFormat, parts: Mapping[str, Column]) -> Column:
    if choice.epoch:
        digits = F.when(F.col(name).rlike(choice.pattern), parts[choice.epoch]).otherwise(F.lit("0"))
        instant = iso_timestamp(digits.cast("bigint") * (1_000_000 if choice.epoch == "s" else 1_000))
        return F.substring(instant, 1, 10) if name == "return_date" else instant

    def two_digits(directive: str) -> Column:
        return F.lpad(parts[directive], 2, "0") if directive in parts else F.lit("00")

    year, fraction, offset = parts.get("Y"), parts.get("f"), parts.get("z")
    if year is None:
        short = two_digits("y")  # as POSIX has it
        year = F.concat(F.when(short >= F.lit("69"), F.lit("19")).otherwise(F.lit("20")), short)
    month = _month_number(F.lower(parts["b"])) if "b" in parts else two_digits("m")
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
    decimal, thousands = source.get("decimal", "."), source.get("thousands")
    grouped = rf"[0-9]{{1,3}}(\x{{{ord(thousands):04X}}}[0-9]{{3}})+|" if thousands else ""
    pattern = rf"\A[+-]?({grouped}[0-9]*)(\x{{{ord(decimal):04X}}}[0-9]*)?\z"
    text = F.col(name)
    sign = F.substring(text, 1, 1)
    digits = F.when(sign.isin("+", "-"), F.substring(text, 2, F.length(text))).otherwise(text)
    if thousands:
        digits = F.replace(digits, F.lit(thousands), F.lit(""))
    return [
        (text.rlike(pattern) & text.rlike("[0-9]")).alias(f"{name}_is_number"),
        (sign == F.lit("-")).alias(f"{name}_is_negative"),
        F.replace(digits, F.lit(decimal), F.lit(".")).alias(f"{name}_digits"),
    ]


def _number(name: str, source: Mapping[str, Any]) -> Column:
    is_negative, digits = F.col(f"{name}_is_negative"), F.col(f"{name}_digits")
    if source.get("negate"):
        is_negative = ~is_negative
    number = F.concat(F.when(is_negative, F.lit("-")).otherwise(F.lit("")), _scaled(digits, source.get("scale", 0)))
    return F.when(F.col(f"{name}_is_number"), number).otherwise(F.concat(F.lit(_MARK), F.col(name)))


def _scaled(digits: Column, places: int) -> Column:
    """The decimal point moved to the right, or to the left where `places` is negative, without any arithmetic."""
    if places == 0:
        return digits
    whole = F.regexp_extract(digits, r"\A[0-9]*", 0)
    fraction = F.substring(digits, F.length(whole) + F.lit(2), F.length(digits))
    zeros = F.lit("0" * abs(places))
    if places < 0:
        padded = F.concat(zeros, whole)
        whole = F.substring(padded, F.lit(1), F.length(padded) + F.lit(places))
        fraction = F.concat(F.substring(padded, places, -places), fraction)
    else:
        whole = F.concat(whole, F.substring(F.concat(fraction, zeros), 1, places))
        fraction = F.substring(fraction, F.lit(places + 1), F.length(fraction))
    return F.concat(whole, F.lit("."), fraction)


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
