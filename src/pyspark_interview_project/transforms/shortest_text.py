"""Numbers as text, in one form on every engine."""

from __future__ import annotations

from pyspark_interview_project.engine import Column
from pyspark_interview_project.engine import functions as F


def double_text(name: str) -> Column:
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


def whole_text(name: str) -> Column:
    """The text of a decimal, without a fraction of nothing."""
    text = F.col(name).cast("string")
    cut = F.regexp_replace(F.regexp_replace(text, r"0+\z", ""), r"\.\z", "")
    return F.when(text.contains("."), cut).otherwise(text)


def id_text(name: str, exact_below: int) -> Column:
    """The text of a float as an id: 17850.0 is 17850. One that is no whole number, or so great that it may have been
    rounded, keeps its point or its exponent; NaN stands for no value."""
    number = F.col(name).cast("double")
    is_whole = (F.abs(number) < F.lit(float(exact_below))) & (number == F.floor(number))
    whole = F.expr(f"cast(try_cast(cast({name} as double) as bigint) as string)")
    return F.when(~F.isnan(number) & is_whole, whole).when(~F.isnan(number), double_text(name))
