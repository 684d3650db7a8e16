"""The raw record of a row that was delivered typed: a JSON object of its nine columns as text, without nulls."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark_interview_project.engine import Column
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.transforms.normalise import Kind

_MICROSECONDS_PER_DAY = 86_400_000_000


def raw_record(kinds: Mapping[str, Kind], suffix: str) -> Column:
    """The JSON object (string) of the columns in `kinds`, in their order; each is read from its name and `suffix`.

    A local timestamp is read from its name without the suffix, where the instant is that was resolved: engines disagree
    about a local time that happened twice.
    """
    sources = {name: name if kind == "local_timestamp" else f"{name}{suffix}" for name, kind in kinds.items()}
    members = [
        F.when(
            F.col(sources[name]).isNotNull(),
            F.concat(F.lit(f'"{name}":'), _json(_as_text(sources[name], kind))),
        )
        for name, kind in kinds.items()
    ]
    return F.concat(F.lit("{"), F.concat_ws(",", *members), F.lit("}"))


def _json(text: Column) -> Column:
    """The text as a JSON string. Engines agree on how an array of one is written, so the brackets are cut off."""
    array = F.to_json(F.array(text), {"ignoreNullFields": "false"}).cast("string")
    return F.regexp_replace(array, r"\A\[|\]\z", "")


def _as_text(name: str, kind: Kind) -> Column:
    if kind in ("timestamp", "local_timestamp"):
        return iso_timestamp(F.unix_micros(F.col(name).cast("timestamp")))
    if kind in ("float", "double"):
        return _double_text(name)
    return F.col(name).cast("string")


def _double_text(name: str) -> Column:
    """The shortest text of a double: 12345678.9, 1.5e20, NaN, -Infinity.

    Engines differ in when and how they write exponents. A number that needs none goes through a decimal, and in the
    others the exponent is brought to one form.
    """
    number = F.col(name).cast("double")
    text = F.lower(number.cast("string"))
    exponent = F.replace(
        F.replace(F.replace(text, F.lit("e+"), F.lit("e")), F.lit("e-0"), F.lit("e-")), F.lit(".0e"), F.lit("e")
    )
    decimal_text = F.expr(f"cast(try_cast(cast(cast({name} as double) as string) as decimal(38,21)) as string)")
    plain = F.regexp_replace(F.regexp_replace(decimal_text, r"0+\z", ""), r"\.\z", ".0")
    magnitude = F.abs(number)
    return (
        F.when(F.isnan(number), F.lit("NaN"))
        .when(text.contains("inf"), F.when(number > 0, F.lit("Infinity")).otherwise(F.lit("-Infinity")))
        .when((magnitude >= 1e-4) & (magnitude < 1e16), plain)
        .otherwise(exponent)
    )


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
