"""The raw record of a row that was delivered typed: a JSON object of its nine columns as text, without nulls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark_interview_project.engine import Column
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.transforms.normalise import Kind
from pyspark_interview_project.transforms.shortest_text import double_text

_MICROSECONDS_PER_DAY = 86_400_000_000


def raw_record(kinds: Mapping[str, Kind], suffix: str, beside: Sequence[str] = ()) -> Column:
    """The JSON object (string) of the columns in `kinds`, in their order; each is read from its name and `suffix`.
    Behind them stand the columns of text `beside`, read from their names.

    A local timestamp is read from its name without the suffix, where the instant is that was resolved: engines disagree
    about a local time that happened twice.
    """
    sources = {
        name: name if name == "ingest_ts" and kind == "local_timestamp" else f"{name}{suffix}"
        for name, kind in kinds.items()
    }
    members = [(name, sources[name], _as_text(sources[name], kind)) for name, kind in kinds.items()]
    members += [(name, name, F.col(name)) for name in beside]
    given = [
        F.when(F.col(source).isNotNull(), F.concat(F.lit(f'"{name}":'), _json(text))) for name, source, text in members
    ]
    return F.concat(F.lit("{"), F.concat_ws(",", *given), F.lit("}"))


def _json(text: Column) -> Column:
    """The text as a JSON string. Engines agree on how an array of one is written, so the brackets are cut off."""
    array = F.to_json(F.array(text), {"ignoreNullFields": "false"}).cast("string")
    return F.substring(array, F.lit(2), F.length(array) - F.lit(2))


def _as_text(name: str, kind: Kind) -> Column:
    if kind in ("timestamp", "local_timestamp"):
        return iso_timestamp(F.unix_micros(F.col(name).cast("timestamp")))
    if kind in ("float", "double"):
        return double_text(name)
    return F.col(name).cast("string")


def iso_timestamp(microseconds: Column) -> Column:
    """Microseconds since 1970 as ISO 8601 in UTC. By arithmetic, because date formats follow the session's zone."""
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
