"""Values that engines read in different ways: text, numbers, dates and times, and typed values of Parquet.

PARITY_EXAMPLES says how many of a sort are tried (600 by default); where it is given, they are others each time, and
a failure names their PARITY_SEED.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from landing import COLUMNS

T = TypeVar("T")

EXAMPLES = int(os.environ.get("PARITY_EXAMPLES") or 600)
SEED = int(os.environ.get("PARITY_SEED") or (random.randrange(2**32) if "PARITY_EXAMPLES" in os.environ else 20261123))


def examples_of(strategy: st.SearchStrategy[T], number: int, series: int = 0) -> list[T]:
    """At least `number` examples, the same ones for the same SEED and series."""
    found: list[T] = []

    @seed(SEED + series)
    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: T) -> None:
        found.append(example)

    collect()
    assert len(found) >= number
    return found


WHITE = ("\t", "\n", "\x0b", "\x0c", "\r", " ", "  ", "\u00a0")
NEARLY_WHITE = ("\u2003", "\u3000", "\u1680", "\u200b", "\u2028", "\ufeff", "\x85", "\x1c", "\x1f", "\u202f", "\u180e")
CASED = ("ß", "ẞ", "ﬁ", "ŉ", "İ", "ı", "ς", "Σ", "ΑΣ", "ǅ", "ǆ", "Å", "K", "ſ", "a", "Z", "é", "ÉCRU", "Ⅷ", "𐐨", "ა")
ODD = (
    *(
        '"',
        '""',
        "'",
        "\\",
        "\\\\",
        "\\n",
        "\\u0041",
        "/",
        ",",
        "{",
        "}",
        "[",
        "]",
        ":",
        "$1",
        "%",
        "_",
        "`",
        ";",
        "--",
    ),
    *"\x00|\x01|\x08|\x1b|\x7f|\x9f|\u0301|e\u0301|\u200d|\U0001f600|👩‍👩‍👧|\U0010ffff".split("|"),
    *("\ufffd", "\ufffe", "\u202e", "王", "٣", "３", "null", "NULL", "None", "NaN", "\ue000", "<", ">", "&", "\u2029"),
)
PIECES = st.one_of(
    *(st.sampled_from(pieces) for pieces in (WHITE, NEARLY_WHITE, CASED, ODD)),
    st.characters(exclude_categories=("Cs",)),
    st.text("abcXYZ019-. ", max_size=4),
)
ANY_TEXT = st.lists(PIECES, max_size=7).map("".join)
SPACE = st.lists(st.sampled_from((*WHITE, *WHITE, *NEARLY_WHITE)), max_size=3).map("".join)


def damaged(valid: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Valid text; the same between spaces; the same with a piece put in, taken out or put in another's place."""

    def at(text: str, place: int, length: int, piece: str) -> str:
        start = place % (len(text) + 1)
        return text[:start] + piece + text[start + length :]

    changed = st.builds(at, valid, st.integers(0, 40), st.integers(0, 2), PIECES)
    return st.one_of(valid, valid, st.builds("{}{}{}".format, SPACE, valid, SPACE), changed)


def digits(most: int) -> st.SearchStrategy[str]:
    return st.one_of(st.text("0123456789", max_size=4), st.text("0123456789", max_size=most), st.just("0" * most))


NUMBERS = st.one_of(
    st.builds(
        "{}{}{}{}{}".format,
        st.sampled_from(("", "", "", "+", "-", "--", "−")),
        digits(45),
        st.sampled_from(("", "", ".", ".", ",", "_", "٫")),
        digits(45),
        st.sampled_from(
            ("", "", "", "e1", "E-2", "e+17", "e-400", "E400", "e1000", "e0", "e01", "e-", "e", "f", "d", "L")
        ),
    ),
    st.builds(
        "{}{}.{}{}5{}".format, st.sampled_from("+- "), digits(13), *[st.sampled_from("0123456789")] * 2, digits(25)
    ),
    st.builds("{}.{}5e{}".format, digits(5), digits(4), st.integers(-20, 20)),
    st.builds("{}e{}".format, st.integers(-99, 99), st.integers(-40, 40)),
    st.integers(-(2**65), 2**65).map(str),
    st.integers(-3, 3).flatmap(
        lambda near: st.sampled_from([str(2**n + near) for n in (7, 15, 16, 31, 32, 53, 63, 64)])
    ),
    st.decimals("-1e13", "1e13", places=4, allow_nan=False).map(str),
    st.floats().map(repr),
    st.sampled_from(
        (
            *"10.005|1.005|2.675|-0.004|-0.005|-0.0049999|0.005|-0|-0.0|+.5|5.|.|-.".split("|"),
            *("999999999999.99", "999999999999.994", "999999999999.995", "999999999999.9949999999999999999999999999"),
            *("1000000000000", "-999999999999.995", "1e12", "1e11", "0x10", "0x1p3", "1_000", "1,000.00", "10%", "$5"),
            *"٣|１２|Ⅷ|½|NaN|nan|inf|-Infinity|∞|1 000|1\u00a0000|true|1e1|15e-1".split("|"),
            *("20e-1", "1e-30", "0e999", "00000000000000000000000000000000000000000000000001", "1." + "0" * 60),
        )
    ),
)
DATES = st.one_of(
    st.dates().map(date.isoformat),
    st.dates(date(1989, 12, 1), date(2026, 11, 30)).map(date.isoformat),
    st.builds("{:04d}-{:02d}-{:02d}".format, st.integers(0, 9999), st.integers(0, 14), st.integers(0, 33)),
    st.builds(
        "{}-{}-{}".format, st.sampled_from((0, 1, 1582, 1900, 2000, 2026, 9999, 10000, -1)), *[st.integers(1, 31)] * 2
    ),
    st.builds(
        "{}-02-29".format, st.sampled_from(("0000", "0004", "1900", "1996", "2000", "2023", "2024", "2100", "9996"))
    ),
    st.sampled_from(
        (
            *("0000-12-31", "0001-01-01", "9999-12-31", "1582-10-05", "1582-10-10", "1582-10-15", "1990-01-01"),
            *"1989-12-31|2026-11-24|2026-11-25|2026-2-3|2026-02-30|20261118|2026-11|2026|epoch".split("|"),
            *"2026-11-18T00:00:00|2026-11-18 |18.11.2026|11/18/2026|infinity|-infinity|today|now".split("|"),
            *"2026-W47-3|2026-322|+2026-11-18|02026-11-18|2026-11-18 (BC)|２０２６-11-18|2026‐11‐18".split("|"),
        )
    ),
)
DAYS_OF_TIMES = st.one_of(
    DATES,
    st.dates().map(date.isoformat),
    st.sampled_from(
        (
            *"2026-10-25|2026-03-29|2026-04-05|2026-10-04|1893-04-01|1945-05-24|1981-03-01|1582-10-10".split("|"),
            *"1916-04-30|1980-04-06|1895-02-01|0001-01-02|9999-12-30|9999-12-31|2039-10-30|1969-12-31".split("|"),
        )
    ),
)
TIMES_OF_DAY = st.one_of(
    st.times().map(lambda time: time.isoformat()),
    st.builds("{:02d}:{:02d}:{:02d}".format, st.integers(0, 25), st.integers(0, 61), st.integers(0, 61)),
    st.builds(
        "{}:{}:00".format, st.sampled_from(("00", "01", "02", "03")), st.sampled_from(("00", "15", "29", "30", "59"))
    ),
    st.sampled_from(("24:00:00", "23:59:60", "23:59:59", "08:00", "8:00:00", "00:00:00", "080000", "08:00:00 PM", "")),
)
FRACTIONS = st.one_of(
    st.just(""), st.builds(".{}".format, st.text("0123456789", max_size=12)), st.sampled_from((",5", ".9999999"))
)
OFFSETS = st.one_of(
    st.sampled_from(
        (
            *(
                "",
                "",
                "Z",
                "Z",
                "z",
                "+00:00",
                "-00:00",
                "+02:00",
                "+18:00",
                "-18:00",
                "+18:01",
                "+19:00",
                "+14:00",
                "-17:59",
            ),
            *"+0200|+02| +02:00| Z|UTC|+05:45|[Europe/Berlin]| Europe/Berlin|+02:00:00|+00:60|+".split("|"),
        )
    ),
    st.builds("{}{:02d}:{:02d}".format, st.sampled_from("+-"), st.integers(0, 20), st.integers(0, 61)),
)
TIMESTAMPS = st.one_of(
    st.builds("{}{}{}{}{}".format, DAYS_OF_TIMES, st.sampled_from("TTT   t_"), TIMES_OF_DAY, FRACTIONS, OFFSETS),
    st.sampled_from(
        ("2026-11-18", "yesterday", "infinity", "1764000000", "2026-11-18T08:00:00Z", "Wed Nov 18 08:00:00 2026")
    ),
)
USUAL: Mapping[str, str | None] = {
    "return_id": "R-1",
    "order_id": "O-1",
    "customer_id": "C-1",
    "sku": "MUG",
    "reason": "damaged",
    "qty": "2",
    "amount": "19.90",
    "return_date": "2026-11-18",
    "ingest_ts": "2026-11-18T08:00:00Z",
}
HOSTILE: Mapping[str, st.SearchStrategy[str]] = {
    **dict.fromkeys(COLUMNS, st.one_of(ANY_TEXT, ANY_TEXT, SPACE)),
    "qty": st.one_of(damaged(NUMBERS), damaged(st.integers(-9, 999).map(str)), ANY_TEXT),
    "amount": st.one_of(damaged(NUMBERS), damaged(NUMBERS), ANY_TEXT),
    "return_date": st.one_of(damaged(DATES), damaged(DATES), ANY_TEXT),
    "ingest_ts": st.one_of(damaged(TIMESTAMPS), damaged(TIMESTAMPS), ANY_TEXT),
}


def text_records() -> st.SearchStrategy[dict[str, str | None]]:
    """Records of which every column is hostile in three of four."""
    return st.fixed_dictionaries(
        {name: st.one_of(st.sampled_from((USUAL[name], None)), *[HOSTILE[name]] * 3) for name in COLUMNS}
    )


# Typed values ---------------------------------------------------------------------------------------------------------

MICROSECONDS = 1_000_000
DAY = 86_400
# Integers that stand for moments: any in Python's calendar, and those around which calendars and zones change.
SECONDS = st.one_of(
    st.integers(-62_135_596_800 + DAY, 253_402_300_799 - DAY),
    st.integers(1_600_000_000, 1_900_000_000),
    st.builds(
        int.__add__,
        st.sampled_from(
            (-12_219_292_800, -2_422_054_408, 0, 1_792_886_400, 1_774_746_000, 1_775_314_800, 253_402_128_000)
        ),
        st.integers(-DAY, DAY),
    ),
)
FLOATS = st.one_of(
    st.floats(),
    st.floats(allow_nan=False, width=32),
    st.decimals("-1e12", "1e12", places=3, allow_nan=False).map(float),
    st.builds(
        lambda whole, half: whole + half, st.integers(-1000, 1000), st.sampled_from((0.005, 0.015, 0.125, 0.5, 0.0))
    ),
    st.integers(-(2**54), 2**54).map(float),
    st.sampled_from(
        (1e16, 9007199254740993.0, 1e15, 9999999999999998.0, 5e-324, 2.2250738585072014e-308, 1e-4, 9.9e-5, 1e7)
    ),
    st.sampled_from(
        (-0.0, 999999999999.99, 999999999999.995, 1e12, 1e22, 1e23, 1e-7, 123456789012.345, 1.7976931348623157e308)
    ),
)


def integers(bits: int, signed: bool) -> st.SearchStrategy[int]:
    least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return st.one_of(
        st.integers(least, most), st.integers(max(least, -5), min(most, 200)), st.sampled_from((least, most))
    )


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**precision - 1
    return st.one_of(st.integers(-most, most), st.integers(-min(most, 9999), min(most, 9999))).map(
        lambda unscaled: Decimal((int(unscaled < 0), Decimal(abs(unscaled)).as_tuple().digits, -scale))
    )


# type -> the Arrow type of the column, and its values
TYPES: Mapping[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "string": (pa.string(), ANY_TEXT),
    "large_string": (pa.large_string(), ANY_TEXT),
    **{f"int{bits}": (getattr(pa, f"int{bits}")(), integers(bits, True)) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (getattr(pa, f"uint{bits}")(), integers(bits, False)) for bits in (8, 16, 32, 64)},
    "float": (pa.float32(), st.one_of(st.floats(width=32), st.sampled_from((0.1, 16777216.0, 2.675, 1.005)))),
    "double": (pa.float64(), FLOATS),
    **{
        f"decimal({p},{s})": (pa.decimal128(p, s), decimals(p, s))
        for p, s in ((7, 2), (18, 2), (20, 0), (38, 10), (38, 37))
    },
    "date": (pa.date32(), SECONDS.map(lambda seconds: seconds // DAY)),
    "timestamp_us": (
        pa.timestamp("us", "UTC"),
        st.builds(lambda s, us: s * MICROSECONDS + us, SECONDS, st.integers(0, 999_999)),
    ),
    "timestamp_ms": (
        pa.timestamp("ms", "Europe/Berlin"),
        st.builds(lambda s, ms: s * 1000 + ms, SECONDS, st.integers(0, 999)),
    ),
    "local_us": (pa.timestamp("us"), st.builds(lambda s, us: s * MICROSECONDS + us, SECONDS, st.integers(0, 999_999))),
    "local_ms": (pa.timestamp("ms"), SECONDS.map(lambda seconds: seconds * 1000)),
}
# The types of a file's columns; a column that is not named is text. Together every kind that a column may have.
SHAPES: Sequence[Mapping[str, str]] = (
    {"qty": "int32", "amount": "double", "return_date": "date", "ingest_ts": "timestamp_us"},
    {"qty": "double", "amount": "float", "return_date": "date", "ingest_ts": "local_us"},
    {"qty": "float", "amount": "decimal(7,2)", "order_id": "int64", "ingest_ts": "timestamp_ms"},
    {"qty": "int64", "amount": "decimal(38,10)", "sku": "int16", "reason": "int8", "ingest_ts": "local_ms"},
    {"qty": "decimal(38,10)", "amount": "int64", "customer_id": "uint64", "return_date": "date"},
    {"qty": "uint64", "amount": "decimal(38,37)", "order_id": "uint8", "sku": "large_string", "ingest_ts": "local_us"},
    {"qty": "decimal(20,0)", "amount": "uint64", "sku": "uint32", "reason": "large_string"},
    {"qty": "int8", "amount": "decimal(18,2)", "order_id": "int32", "reason": "uint16", "ingest_ts": "timestamp_us"},
    {"qty": "decimal(38,37)", "amount": "double", "return_date": "date", "ingest_ts": "local_ms"},
    {"qty": "double", "amount": "double", "customer_id": "string", "ingest_ts": "local_us"},
)


def typed_records(types: Mapping[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    values = {name: TYPES[types[name]][1] if name in types else st.just(USUAL[name]) for name in COLUMNS}
    return st.fixed_dictionaries({name: st.one_of(st.none(), *[value] * 9) for name, value in values.items()})
