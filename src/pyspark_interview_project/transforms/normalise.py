"""From delivered values to typed ones, by forms that mean the same on every engine.

Engines disagree about white space, upper case, casts and time in many small ways. So a value is first recognised by an
expression anchored with \\A and \\z in the common subset of Java's and RE2's regular expressions, and cast only then.
The costly form of an expression stands behind a cheap test of whether it is needed at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pyspark_interview_project.engine import Column
from pyspark_interview_project.engine import functions as F

# How a column was delivered: as text to be parsed, or typed (Parquet). A timestamp without zone is a local_timestamp.
Kind = Literal["text", "integer", "float", "double", "decimal", "date", "timestamp", "local_timestamp"]

# What a delivery may hold in each of our columns.
ACCEPTED_KINDS: Mapping[str, tuple[Kind, ...]] = {
    "return_id": ("text", "integer"),
    "order_id": ("text", "integer"),
    "customer_id": ("text", "integer"),
    "sku": ("text", "integer"),
    "reason": ("text", "integer"),
    "qty": ("text", "integer", "float", "double", "decimal"),
    "amount": ("text", "integer", "float", "double", "decimal"),
    "return_date": ("text", "date"),
    "ingest_ts": ("text", "timestamp", "local_timestamp"),
}

AMOUNT_LIMIT = 10**12  # below it a double holds cents exactly, and JSON readers take numbers as doubles

_LOWER_CASE = "abcdefghijklmnopqrstuvwxyz"
_UPPER_CASE = _LOWER_CASE.upper()
_WHITE_SPACE = r"[\t\n\x0b\f\r \x{00A0}]"
_WHITE_SPACE_AT_AN_END = rf"\A{_WHITE_SPACE}+|{_WHITE_SPACE}+\z"
_BEYOND_SINGLE_BLANKS = r"[^ -~]|  "  # outside visible ASCII and blanks, or two blanks in a row
_WHOLE_NUMBER = r"\A[+-]?[0-9]+(\.0*)?\z"
_PLAIN_NUMBER = r"\A[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\z"
# So many digits that every engine reads them exactly, and more than anything that writes exponents has.
_NUMBER_WITH_EXPONENT = r"\A[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})[eE][+-]?[0-9]{1,3}\z"
_ZERO_WITH_EXPONENT = r"\A[+-]?(0{1,18}(\.0{0,18})?|\.0{1,18})[eE][+-]?[0-9]{1,3}\z"  # engines shift it out of range
_SMALL_NUMBER_WITH_EXPONENT = r"\A[+-]?[0-9]{1,9}(\.[0-9]{0,9})?[eE][+-]?0?[0-9]\z"
_DATE = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\z"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
_OFFSET = r"(Z|[+-](0[0-9]|1[0-7]):[0-5][0-9]|[+-]18:00)"
_TIMESTAMP = rf"\A[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_TIME}{_OFFSET}?\z"


def _text(column: Column) -> Column:
    """The text, given without blanks at its ends, without any white space there; blank is null."""
    # Nearly every value begins and ends with visible ASCII, at least without its blanks, and is done then.
    trimmed = F.regexp_replace(column, _WHITE_SPACE_AT_AN_END, "")
    return F.when(_is_visible_at_both_ends(column), column).when(trimmed != F.lit(""), trimmed)


def _is_visible_at_both_ends(column: Column) -> Column:
    return F.substring(column, 1, 1).between("!", "~") & F.substring(column, -1, 1).between("!", "~")


def _upper(column: Column) -> Column:
    """ASCII letters in upper case, all others as they are."""
    return F.when(_is_ascii(column), F.upper(column)).otherwise(F.translate(column, _LOWER_CASE, _UPPER_CASE))


def _lower(column: Column) -> Column:
    """ASCII letters in lower case, all others as they are."""
    return F.when(_is_ascii(column), F.lower(column)).otherwise(F.translate(column, _UPPER_CASE, _LOWER_CASE))


def _reason(column: Column) -> Column:
    """The reason in lower case, white space inside it collapsed to one space; `unspecified` where there is none."""
    collapsed = F.regexp_replace(column, rf"{_WHITE_SPACE}+", " ")
    normalised = F.when(column.rlike(_BEYOND_SINGLE_BLANKS), _lower(collapsed)).otherwise(F.lower(column))
    return F.coalesce(normalised, F.lit("unspecified"))


def _is_ascii(column: Column) -> Column:
    return F.bit_length(column) == F.length(column) * 8


def _try_cast(name: str, type_name: str) -> str:
    return f"try_cast({name} as {type_name})"


def _qty_from_text(name: str) -> Column:
    # With an exponent it takes a look at the value to say whether it is whole: 1e1 is, 15e-1 is not.
    scaled = _try_cast(name, "decimal(38,18)")
    is_whole = F.expr(f"{scaled} = floor({scaled})")
    return F.when(F.col(name).rlike(_WHOLE_NUMBER), F.expr(_try_cast(_try_cast(name, "decimal(38,0)"), "int"))).when(
        F.col(name).rlike(_SMALL_NUMBER_WITH_EXPONENT) & is_whole, F.expr(_try_cast(scaled, "int"))
    )


def _within_limit(amount: Column) -> Column:
    return F.when((amount < F.lit(AMOUNT_LIMIT)) & (amount > F.lit(-AMOUNT_LIMIT)), amount)


def _amount_from_text(name: str) -> Column:
    amount = (
        F.when(F.col(name).rlike(_PLAIN_NUMBER), F.expr(_try_cast(name, "decimal(18,2)")))
        .when(F.col(name).rlike(_ZERO_WITH_EXPONENT), F.lit(0).cast("decimal(18,2)"))
        .when(F.col(name).rlike(_NUMBER_WITH_EXPONENT), _amount_from_shortest_text(name))
    )
    return _within_limit(amount)


def _amount_from_shortest_text(name: str) -> Column:
    # By way of a wider decimal: DuckDB reads a text with an exponent only if its digits alone fit.
    return F.expr(_try_cast(_try_cast(name, "decimal(38,2)"), "decimal(18,2)"))


def _date_from_text(name: str) -> Column:
    # Year 0000 is the one that engines read differently among those of four digits.
    recognised = F.col(name).rlike(_DATE) & (F.col(name) >= F.lit("0001-01-01"))
    return F.when(recognised, F.expr(_try_cast(name, "date")))


def _earlier_offset(instant: str, is_local: Column) -> Column:
    """The instant itself, or where its local time happened twice, the first time it did.

    An engine reads a local time in the hour that autumn repeats as the first or as the second; the first one is the
    second one less the shift, and shows the same local time. Zones shift by an hour;
    Lord Howe Island by half of one, Troll by two.
    """
    result = F.col(instant)
    for shift in ("30 minutes", "1 hour", "2 hours"):
        shows_the_same = F.expr(
            f"cast({instant} - interval {shift} as timestamp_ntz) = cast({instant} as timestamp_ntz)"
        )
        result = F.when(is_local & shows_the_same, F.expr(f"{instant} - interval {shift}")).otherwise(result)
    return result


def _recognised_timestamp(name: str) -> Column:
    """The instant that a text states, in the session's time zone where it names no offset; null where it states none.

    A local time that happens twice is left as the engine reads it: settled_timestamp takes the earlier offset.
    """
    # A day is kept free at both ends of the calendar, so that no offset leads out of it.
    given = F.col(name)
    recognised = given.rlike(_TIMESTAMP) & (given >= F.lit("0001-01-02")) & (given < F.lit("9999-12-31"))
    return F.when(recognised, F.expr(_try_cast(name, "timestamp")))


def settled_timestamp(name: str, instant: str, kind: Kind) -> Column:
    """The instant in column `instant`, by the earlier offset where `name` is a local time that happened twice."""
    if kind == "timestamp":
        return F.col(instant)
    has_offset = F.col(name).rlike(rf"{_OFFSET}\z") if kind == "text" else F.lit(False)
    return _earlier_offset(instant, ~has_offset)


def without_blanks(name: str, kind: Kind) -> Column:
    """The first step: text without blanks at its ends, where there are any; other kinds as they are.

    A step of its own, because an engine computes what a step is given once, and what stands in it as often as it does.
    """
    column = F.col(name)
    return (
        F.when(_is_visible_at_both_ends(column), column).otherwise(F.btrim(column, F.lit(" ")))
        if kind == "text"
        else column
    )


def taken(name: str, kind: Kind) -> Column:
    """The second step: trimmed text where text was delivered, shortest text of a double, else the value as it is.

    Quantities with a fraction part go on as text, so that one rule says what a whole number is.
    """
    if kind == "text":
        return _text(F.col(name))
    if kind in ("float", "double"):
        return F.col(name).cast("double").cast("string")
    if (kind == "decimal" and name == "qty") or (kind == "integer" and name not in ("qty", "amount")):
        return F.col(name).cast("string")
    return F.col(name)


def typed(name: str, kind: Kind) -> Column:
    """The third step: the value of column `name`, after `taken`, in its type in silver; null if it is not one."""
    if name == "sku":
        return _upper(F.col(name))
    if name == "reason":
        return _reason(F.col(name))
    if name == "qty":
        return F.expr(_try_cast(name, "int")) if kind == "integer" else _qty_from_text(name)
    if name == "amount":
        # No text of a double needs a guard.
        return _amount_from_text(name) if kind == "text" else _within_limit(_amount_from_shortest_text(name))
    if name == "return_date":
        return F.col(name) if kind == "date" else _date_from_text(name)
    if name == "ingest_ts":
        return _recognised_timestamp(name) if kind == "text" else F.col(name).cast("timestamp")
    return F.col(name)
