"""The raw record of a typed delivery: a JSON object of its nine columns as text, nulls left out."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark_interview_project.engine import Column
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.transforms.normalise import Kind

_MICROSECONDS_PER_DAY = 86_400_000_000


def raw_record(kinds: Mapping[str, Kind], suffix: str) -> Column:
    """The JSON object (string) of the columns in `kinds`, in their order; each is read from its name and `suffix`."""
    members = [
        F.when(
            F.col(f"{name}{suffix}").isNotNull(),
            F.concat(F.lit(f'"{name}":'), _json(_as_text(f"{name}{suffix}", kind))),
        )
        for name, kind in kinds.items()
    ]
    return F.concat(F.lit("{"), F.concat_ws(",", *members), F.lit("}"))


def _json(text: Column) -> Column:
    """The text as a JSON string. An array of one is the form in which engines agree on how JSON is written."""
    array = F.to_json(F.array(text), {"ignoreNullFields": "false"}).cast("string")
    return F.regexp_replace(array, r"\A\[|\]\z", "")


def _as_text(name: str, kind: Kind) -> Column:
    if kind in ("timestamp", "local_timestamp"):
        return _iso_timestamp(F.unix_micros(F.col(name).cast("timestamp")))
    if kind in ("float", "double"):
        return F.col(name).cast("double").cast("string")
    return F.col(name).cast("string")


def _iso_timestamp(microseconds: Column) -> Column:
    """Microseconds since the epoch as ISO 8601 in UTC. By arithmetic: date formats follow the session's zone."""
    in_day = (microseconds % _MICROSECONDS_PER_DAY + _MICROSECONDS_PER_DAY) % _MICROSECONDS_PER_DAY
    days = F.round((microseconds - in_day) / _MICROSECONDS_PER_DAY).cast("int")

    def digits(per_unit: int, units: int, width: int) -> Column:
        return F.lpad((F.floor(in_day / per_unit).cast("long") % units).cast("string"), width, "0")

    return F.concat(
        F.date_add(F.lit("1970-01-01").cast("date"), days).cast("string"),
        *(F.lit("T"), digits(3_600_000_000, 24, 2)),
        *(F.lit(":"), digits(60_000_000, 60, 2)),
        *(F.lit(":"), digits(1_000_000, 60, 2)),
        *(F.lit("."), digits(1, 1_000_000, 6), F.lit("Z")),
    )
