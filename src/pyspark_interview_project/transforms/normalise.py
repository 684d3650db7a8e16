"""From delivered values to typed ones, with the same result on every engine.

Engines disagree about white space, upper case, casts and time. So a value is cast only where a regular expression
recognises it. The expressions are anchored with \\A and \\z, in the common subset of Java and RE2.
An expression that costs time stands behind a cheap test of whether it is needed.
A value goes through three steps: trim_blanks, clean_value, parse_value; ingest_ts also through usual_timestamp, before
it is parsed, and resolve_local_time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pyspark_interview_project.engine import Column
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.transforms.shortest_text import id_text, whole_text

# How a column was delivered: as text to be parsed, or typed (Parquet). A timestamp without zone is a local_timestamp;
# as return_date it is delivered as a timestamp that shows in UTC what it showed.
Kind = Literal["text", "integer", "float", "double", "decimal", "date", "timestamp", "local_timestamp"]

# The kinds that each of our columns may be delivered as.
ACCEPTED_KINDS: Mapping[str, tuple[Kind, ...]] = {
    **dict.fromkeys(("return_id", "order_id", "customer_id", "sku"), ("text", "integer", "float", "double", "decimal")),
    "reason": ("text", "integer"),
    "qty": ("text", "integer", "float", "double", "decimal"),
    "amount": ("text", "integer", "float", "double", "decimal"),
    "return_date": ("text", "date", "timestamp"),
    "ingest_ts": ("text", "timestamp", "local_timestamp"),
}

# Whole numbers below these are exact; a greater one may stand for another that it was rounded from.
_EXACT_BELOW = {"float": 2**24, "double": 2**53}
_MICROSECONDS_PER_DAY = 86_400_000_000

AMOUNT_LIMIT = 10**12  # below it a double holds cents exactly, and JSON readers take numbers as doubles

_NUMBERS = ("qty", "amount")
_LOWER_CASE = "abcdefghijklmnopqrstuvwxyz"
_UPPER_CASE = _LOWER_CASE.upper()
_WHITE_SPACE = r"[\t\n\x0b\f\r \x{00A0}]"
_WHITE_SPACE_AT_AN_END = rf"\A{_WHITE_SPACE}+|{_WHITE_SPACE}+\z"
_ONLY_WHITE_SPACE = rf"\A{_WHITE_SPACE}*\z"
_BEYOND_SINGLE_BLANKS = r"[^ -~]|  "  # outside visible ASCII and blanks, or two blanks in a row
_WHOLE_NUMBER = r"\A[+-]?[0-9]+(\.0*)?\z"
_DIGITS = r"\A-?[0-9]+\z"
_PLAIN_NUMBER = r"\A[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\z"
# Every engine reads this many digits exactly. No program that writes exponents writes more.
_NUMBER_WITH_EXPONENT = r"\A[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})[eE][+-]?[0-9]{1,3}\z"
_ZERO_WITH_EXPONENT = r"\A[+-]?(0{1,18}(\.0{0,18})?|\.0{1,18})[eE][+-]?[0-9]{1,3}\z"  # engines shift it out of range
_SMALL_NUMBER_WITH_EXPONENT = r"\A[+-]?[0-9]{1,9}(\.[0-9]{0,9})?[eE][+-]?0?[0-9]\z"
# A day, also as programs write it that have no type for days: with a time of day that is midnight.
_DATE = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]00:00(:00([.,]0+)?)?Z?)?\z"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
_OFFSET = r"(Z|[+-](0[0-9]|1[0-7]):[0-5][0-9]|[+-]18:00)"
_TIMESTAMP = rf"\A[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_TIME}{_OFFSET}?\z"
# The other forms of ISO 8601, and the zone as databases write it.
_EXTENDED = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?"
_BASIC = r"[0-9]{8}T[0-9]{4}([0-9]{2}([.,][0-9]+)?)?"
_ANOTHER_FORM = rf"\A({_EXTENDED}|{_BASIC})( ?(Z|UTC|[+-][0-9]{{2}}(:?[0-9]{{2}})?))?\z"
# The parts of such a timestamp behind its year; which values they may have is for _TIMESTAMP to say.
_DATE_PARTS = r"\A[0-9]{4}-?([0-9]{2})-?([0-9]{2})[T ]([0-9]{2}):?([0-9]{2})"
_SECONDS, _ZONE = r"(?::?([0-9]{2})([.,][0-9]+)?)?", r" ?(Z|UTC)?([+-][0-9]{2})?:?([0-9]{2})?\z"
_PARTS = f"{_DATE_PARTS}{_SECONDS}{_ZONE}"
# What a spreadsheet makes of a long number. Other numbers look the same in it, so as an id it stands for none of them.
_ROUNDED_NUMBER = r"\A[+-]?([0-9]+[eE][+-]|[0-9]+[.,][0-9]*[eE][+-]?)[0-9]+\z"


def _text(column: Column) -> Column:
    """The text, which has no blanks at its ends, without other white space there; null where nothing is left."""
    # Nearly every value begins and ends with something visible and needs no regular expression.
    trimmed = F.regexp_replace(column, _WHITE_SPACE_AT_AN_END, "")
    return F.when(_has_no_white_space_at_its_ends(column), column).when(~column.rlike(_ONLY_WHITE_SPACE), trimmed)


def _has_no_white_space_at_its_ends(column: Column) -> Column:
    """False for some texts that have none, too: the first and the last character must be visible ASCII."""
    # The first character decides how texts compare. To cut out the last one costs four times as much.
    begins = (column >= F.lit("!")) & (column < F.lit("\x7f"))
    return begins & F.substring(column, -1, 1).between("!", "~")


def _upper(column: Column) -> Column:
    """ASCII letters in upper case, all others as they are."""
    return F.when(_is_ascii(column), F.upper(column)).otherwise(F.translate(column, _LOWER_CASE, _UPPER_CASE))


def _reason(column: Column) -> Column:
    """The reason in lower case, white space inside it collapsed to one space; `unspecified` where there is none."""
    collapsed = F.regexp_replace(column, rf"{_WHITE_SPACE}+", " ")
    lower = F.translate(collapsed, _UPPER_CASE, _LOWER_CASE)
    normalised = F.when(column.rlike(_BEYOND_SINGLE_BLANKS), lower).otherwise(F.lower(column))
    return F.coalesce(normalised, F.lit("unspecified"))


def _is_ascii(column: Column) -> Column:
    return F.bit_length(column) == F.length(column) * 8


def _try_cast(name: str, type_name: str) -> str:
    return f"try_cast({name} as {type_name})"


def _qty_from_text(name: str) -> Column:
    # With an exponent only the value tells whether it is whole: 1e1 is, 15e-1 is not.
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


def _amount_from_double(name: str) -> Column:
    # Half a cent is what the shortest text decides about. Elsewhere a cast comes to the same, and costs a tenth.
    cents = F.col(name) * F.lit(100.0)
    is_near_half_a_cent = (cents - F.floor(cents)).between(0.25, 0.75)
    is_small = F.abs(F.col(name)) < F.lit(float(AMOUNT_LIMIT - 1))
    direct = F.expr(_try_cast(name, "decimal(18,2)"))
    exact = _within_limit(_amount_from_shortest_text(f"cast({name} as string)"))
    return F.when(is_small & ~is_near_half_a_cent, direct).otherwise(exact)


def _amount_from_shortest_text(name: str) -> Column:
    # Through a wider decimal: DuckDB reads a text with an exponent only if its digits alone fit.
    return F.expr(_try_cast(_try_cast(name, "decimal(38,2)"), "decimal(18,2)"))


def _date_from_text(name: str) -> Column:
    # Of all years of four digits, engines disagree about 0000 only.
    recognised = F.col(name).rlike(_DATE) & (F.col(name) >= F.lit("0001-01-01"))
    return F.when(recognised, F.expr(_try_cast(f"substring({name}, 1, 10)", "date")))


def _date_from_instant(name: str) -> Column:
    """The day whose midnight in UTC the instant is. By arithmetic, because casts follow the session's zone."""
    micros = F.unix_micros(F.col(name))
    days = F.round(micros / _MICROSECONDS_PER_DAY).cast("int")
    epoch = F.lit("1970-01-01").cast("date")
    return F.when(micros % _MICROSECONDS_PER_DAY == F.lit(0), F.date_add(epoch, days))


def is_rounded_number(name: str, kind: Kind) -> Column:
    """Whether the clean value, a text, is a number of which a spreadsheet or a float left the first digits."""
    if kind in _EXACT_BELOW:
        return ~F.col(name).rlike(_DIGITS)
    # Nearly every id begins with a letter and needs no regular expression: signs and digits stand before `:`.
    return F.when(F.col(name) < F.lit(":"), F.col(name).rlike(_ROUNDED_NUMBER)).otherwise(F.lit(False))


def usual_timestamp(name: str) -> Column:
    """Other forms of ISO 8601 as _TIMESTAMP has them; any other text as it is. It comes behind clean_value."""
    text = F.col(name)
    # Nearly every value has the usual form and needs no regular expression: signs stand where they must.
    behind_seconds = F.substring(text, 20, 1)
    is_utc = (F.substring(text, -1, 1) == F.lit("Z")) & _is_digit(F.substring(text, -2, 1))
    has_offset = (F.substring(text, -3, 1) == F.lit(":")) & _is_digit(F.substring(text, -7, 1))
    is_usual = (
        (F.substring(text, 5, 1) == F.lit("-"))
        & (F.substring(text, 17, 1) == F.lit(":"))
        & (
            (F.length(text) == 19)
            | (is_utc & behind_seconds.isin("Z", "."))
            | (has_offset & behind_seconds.isin("+", "-", "."))
        )
    )
    month, day, hour, minute, second, fraction, zone, hours, minutes = [
        F.regexp_extract(text, _PARTS, group) for group in range(1, 10)
    ]
    offset = F.when(zone != F.lit(""), F.lit("Z")).when(
        hours != F.lit(""), F.concat(hours, F.lit(":"), _or_zeros(minutes))
    )
    usual = F.concat(
        *(F.substring(text, 1, 4), F.lit("-"), month, F.lit("-"), day),
        *(F.lit("T"), hour, F.lit(":"), minute, F.lit(":")),
        *(_or_zeros(second), F.replace(fraction, F.lit(","), F.lit(".")), F.coalesce(offset, F.lit(""))),
    )
    return F.when(is_usual, text).when(text.rlike(_ANOTHER_FORM), usual).otherwise(text)


def _is_digit(character: Column) -> Column:
    return character.between("0", "9")


def _or_zeros(digits: Column) -> Column:
    return F.when(digits == F.lit(""), F.lit("00")).otherwise(digits)


def _recognised_timestamp(name: str) -> Column:
    """The instant that a text states, in the session's time zone where it names no offset; null where it states none.

    Engines disagree about a local time that happens twice: resolve_local_time takes the earlier offset.
    """
    # Without the first and the last day of the calendar no offset leads out of it.
    given = F.col(name)
    recognised = given.rlike(_TIMESTAMP) & (given >= F.lit("0001-01-02")) & (given < F.lit("9999-12-31"))
    return F.when(recognised, F.expr(_try_cast(name, "timestamp")))


def resolve_local_time(name: str, instant: str, kind: Kind) -> Column:
    """The instant in column `instant`, by the earlier offset where `name` is a local time that happened twice.

    When clocks are set back, some local times happen twice. An engine reads them as the first or as the second one.
    The second one is later than the first by as much as the clocks were set back: by the offset of the zone some hours
    before, less its offset now. 23 hours are more than any zone has set its clocks back by since 1970, and fewer than
    any has let pass between two changes.
    """
    if kind == "timestamp":
        return F.col(instant)
    has_offset = F.col(name).rlike(rf"{_OFFSET}\z") if kind == "text" else F.lit(False)
    shown = f"cast({instant} as timestamp_ntz)"
    by_offset_before = f"(cast({instant} - interval 23 hours as timestamp_ntz) + interval 23 hours)"
    set_back = f"({by_offset_before} - {shown})"
    # On nearly every day the offset stays as it is, and nothing needs to be looked at.
    has_changed = F.expr(f"{by_offset_before} <> {shown}")
    shows_the_same = F.expr(f"cast({instant} - {set_back} as timestamp_ntz) = {shown}")
    return F.when(has_changed & ~has_offset & shows_the_same, F.expr(f"{instant} - {set_back}")).otherwise(
        F.col(instant)
    )


def trim_blanks(name: str, kind: Kind) -> Column:
    """The first step: text without blanks at its ends; other kinds as they are.

    It is a step of its own because an engine computes the columns of a step once, and an expression inside a step as
    often as it stands there.
    """
    column = F.col(name)
    if kind != "text":
        return column
    has_blanks = column.startswith(" ") | column.endswith(" ")
    # Engines disagree about what else `trim` takes off, but ASCII has nothing else.
    trimmed = F.when(_is_ascii(column), F.trim(column)).otherwise(F.btrim(column, F.lit(" ")))
    return F.when(has_blanks, trimmed).otherwise(column)


def clean_value(name: str, kind: Kind) -> Column:
    """The second step: text without white space at its ends, null where blank; a double as its shortest text; an id as
    text; else the value as it is.

    Quantities that may have a fraction go on as text, so that one rule says what a whole number is.
    """
    if kind == "text":
        return _text(F.col(name))
    if kind in _EXACT_BELOW:
        number = F.col(name).cast("double")
        if name == "amount":
            return number
        return number.cast("string") if name == "qty" else id_text(name, _EXACT_BELOW[kind])
    if kind == "decimal" and name not in _NUMBERS:
        return whole_text(name)
    if (kind == "decimal" and name == "qty") or (kind == "integer" and name not in _NUMBERS):
        return F.col(name).cast("string")
    return F.col(name)


def parse_value(name: str, kind: Kind) -> Column:
    """The third step: the clean value of column `name` in its type in silver; null where it is none of that type."""
    if name == "sku":
        return _upper(F.col(name))
    if name == "reason":
        return _reason(F.col(name))
    if name == "qty":
        return F.expr(_try_cast(name, "int")) if kind == "integer" else _qty_from_text(name)
    if name == "amount":
        if kind in _EXACT_BELOW:
            return _amount_from_double(name)
        # What is no text is a number, so it needs no regular expression.
        return _amount_from_text(name) if kind == "text" else _within_limit(_amount_from_shortest_text(name))
    if name == "return_date":
        if kind == "timestamp":
            return _date_from_instant(name)
        return F.col(name) if kind == "date" else _date_from_text(name)
    if name == "ingest_ts":
        return _recognised_timestamp(name) if kind == "text" else F.col(name).cast("timestamp")
    return F.col(name)
