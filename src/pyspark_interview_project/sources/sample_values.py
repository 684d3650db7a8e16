"""The form of sampled values: the formats of dates, the marks of numbers. What fits two forms is said to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from pyspark_interview_project.config.date_formats import date_format

_DAYS = ("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%d.%m.%y", "%Y/%m/%d")
_NAMED_DAYS = ("%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%b %d, %Y")
_ISO_TIMES = ("T%H:%M:%S%z", "T%H:%M:%S.%f%z", "T%H:%M:%S", "T%H:%M:%S.%f", " %H:%M:%S", " %H:%M", " %H:%M:%S.%f")
# Of formats that fit the same values the first is taken.
_FORMATS = (
    "%Y-%m-%d",
    *(f"%Y-%m-%d{time}" for time in (*_ISO_TIMES, " %H:%M:%S%z", " %H:%M:%S %z")),
    *(f"{day}{time}" for time in ("", " %H:%M", " %H:%M:%S") for day in (*_DAYS, *_NAMED_DAYS)),
    "/Date(%Q)/",
    "/Date(%Q+0000)/",
    "%Y%m%d",
    "%s",
    "%Q",
)
# Digits are a date only where that is one of these years.
_PLAUSIBLE = {
    "%Y%m%d": re.compile(r"(?:19[89]|20[0-4])[0-9]{5}\Z"),
    "%s": re.compile(r"(?:9[5-9][0-9]|1[0-9]{3}|2[01][0-9]{2})[0-9]{6}\Z"),
    "%Q": re.compile(r"(?:9[5-9][0-9]|1[0-9]{3}|2[01][0-9]{2})[0-9]{9}\Z"),
}
_MOST = 0.9  # of the values; the others may be wrong

_SIGN = "[+-]?"
_PLAIN = re.compile(rf"{_SIGN}(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\Z")
_WHOLE = re.compile(rf"{_SIGN}[0-9]+(?:[.,]0*)?\Z")
_POINT = re.compile(rf"{_SIGN}[0-9]{{1,3}}(?:,[0-9]{{3}})+(?:\.[0-9]+)?\Z")
_COMMA = re.compile(rf"{_SIGN}(?:[0-9]+|[0-9]{{1,3}}(?:\.[0-9]{{3}})+)(?:,[0-9]+)?\Z")
_MONEY_SIGN = re.compile(r"[$€£]")


class Dates(NamedTuple):
    """The formats of a column's dates; `is_sure` is false where day and month could change places, or some fit none."""

    formats: Sequence[str]
    is_sure: bool


class Numbers(NamedTuple):
    """The keys of a feed that read a column's numbers, a sign to take out before, and whether each is negative."""

    keys: Mapping[str, Any]
    without: str | None
    are_negative: bool
    is_mixed: bool
    is_sure: bool


def dates_of(values: Sequence[str]) -> Dates | None:
    """The formats in which these texts are dates; None where most are none."""
    rest = [value.strip() for value in values]
    formats: list[str] = []
    is_sure = True
    while rest:
        fitting = {one: [value for value in rest if _is_date(one, value)] for one in _FORMATS}
        best = max(_FORMATS, key=lambda one: len(fitting[one]))
        if not (found := fitting[best]):
            break
        formats.append(best)
        is_sure = is_sure and not ((turned := _turned(best)) != best and len(fitting.get(turned, ())) == len(found))
        rest = [value for value in rest if not _is_date(best, value)]
    if not formats or len(rest) > (1 - _MOST) * len(values):
        return None
    return Dates(formats, is_sure and not rest)


def fit_formats(formats: Sequence[str], values: Sequence[str]) -> bool:
    return all(any(_expression(one).match(value.strip()) for one in formats) for value in values)


def numbers_of(values: Sequence[str]) -> Numbers | None:
    """How these texts are numbers; None where most are none."""
    texts = [value.strip() for value in values]
    sign = next((found[0] for found in map(_MONEY_SIGN.search, texts) if found), None)
    is_behind = not sign and any(text.endswith("-") for text in texts)  # a minus, as SAP has it
    if is_behind:
        texts = [text.replace("-", "") for text in texts]
    elif sign:
        texts = [text.replace(sign, "").strip() for text in texts]
    forms: list[tuple[re.Pattern[str], dict[str, Any]]] = [
        (_PLAIN, {}),
        (_POINT, {"thousands": ","}),
        (_COMMA, {"decimal": ",", "thousands": "."}),
    ]
    least = _MOST * len(texts)
    for form, keys in forms:
        fitting = [text for text in texts if form.match(text) or (form is _POINT and _PLAIN.match(text))]
        if not fitting or len(fitting) < least:
            continue
        if form is _COMMA and not any("." in text for text in fitting):
            del keys["thousands"]
        # 1,234 alone may be a thousand or a little more than one.
        is_sure = len(fitting) == len(texts) and (form is not _POINT or any("." in text for text in fitting))
        nonzero = [text for text in fitting if re.search("[1-9]", text)]
        negative = [text.startswith("-") for text in nonzero]
        if is_behind:
            return Numbers(keys, "-", False, False, False)
        return Numbers(keys, sign, any(negative), any(negative) and not all(negative), is_sure)
    return None


def are_whole(values: Sequence[str]) -> bool:
    return sum(bool(_WHOLE.match(value.strip())) for value in values) >= _MOST * len(values)


def is_double(values: Sequence[str]) -> bool:
    """Whether these are whole numbers that a spreadsheet made doubles of: 16321.0."""
    return all(re.match(r"[0-9]+\.0\Z", value.strip()) for value in values)


def _is_date(format_: str, value: str) -> bool:
    plausible = _PLAUSIBLE.get(format_)
    return bool(_expression(format_).match(value)) and (plausible is None or bool(plausible.match(value)))


def _turned(format_: str) -> str:
    """The format with day and month in each other's place."""
    return format_.translate(str.maketrans("md", "dm"))


@cache
def _expression(format_: str) -> re.Pattern[str]:
    """The format as an expression of Python's, which writes characters and the end of a text in its own way."""
    pattern = date_format(format_).pattern
    pattern = re.sub(r"\\x\{([0-9A-F]{4})\}", lambda found: re.escape(chr(int(found[1], 16))), pattern)
    return re.compile(pattern.removesuffix(r"\z") + r"\Z")
