"""Nobody can tell which engine wrote a lake: the same landed bytes give the same records, verdicts and tables on both.

Spark runs in this process, the embedded engine in one of its own. Hypothesis makes the values one by one, and they are
compared in bulk, because a job of Spark's takes as long for one as for thousands. PARITY_EXAMPLES says how many of a
sort there are (2,000 by default); where it is given, they are others each time, and a failure names their PARITY_SEED.
Every counterexample that was ever found is a case in parity_cases.json.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from threading import Timer
from typing import IO, Any, TypeVar, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import lake_reading
from commands import ENGINE, REPOSITORY, RETURNS, environment, run, succeeded
from conftest import LakeBench
from embedded_worker import AS_OF, Rows, read_and_judge
from landing import COLUMNS, csv_text, write_text
from pyspark_interview_project.pipeline import run_pipeline
from test_properties import as_before

T = TypeVar("T")
OpenBench = Callable[..., AbstractContextManager[LakeBench]]

EXAMPLES = int(os.environ.get("PARITY_EXAMPLES") or 2000)
SEED = int(os.environ.get("PARITY_SEED") or (random.randrange(2**32) if "PARITY_EXAMPLES" in os.environ else 20261123))
REMEDY = f"repeat with PARITY_SEED={SEED} PARITY_EXAMPLES={EXAMPLES}; a case for parity_cases.json"
CASES = json.loads(Path(__file__).with_name("parity_cases.json").read_text(encoding="utf-8"))

LANDED = "bronze/returns_raw"
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe")
WORKER_SECONDS = 300
ROWS_AT_ONCE = 5000


# --------------------------------------------------------------------------------------------------------- both engines
class EmbeddedWorker:
    """The other process: it reads and judges the landed files of a lake."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("embedded_worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(scratch, ENGINE="embedded"),
        )

    def read_and_judge(self, root: Path, time_zone: str) -> tuple[Rows, Rows]:
        stdin, stdout = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        timer = Timer(WORKER_SECONDS, self._process.kill)
        timer.start()
        try:
            pickle.dump((root, self._scratch, time_zone, AS_OF), stdin)
            stdin.flush()
            answer: tuple[Rows, Rows] = pickle.load(stdout)
            return answer
        finally:
            timer.cancel()

    def close(self) -> None:
        cast(IO[bytes], self._process.stdin).close()
        assert self._process.wait(timeout=60) == 0
        cast(IO[bytes], self._process.stdout).close()


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedWorker]:
    worker = EmbeddedWorker(tmp_path_factory.mktemp("embedded"))
    yield worker
    worker.close()


Compare = Callable[..., tuple[Rows, Rows]]


@pytest.fixture
def assert_alike(embedded: EmbeddedWorker, open_bench: OpenBench, engine_name: str) -> Compare:
    """`assert_alike(root, time_zone, without_raw_record=())`: both engines read and judge the landed files alike.

    Returns the records and the judged rows. Those of the return_ids in `without_raw_record` are compared without it.
    """
    assert engine_name == "spark", "run with ENGINE=spark: the other engine has a process of its own here"

    def alike(root: Path, time_zone: str, without_raw_record: frozenset[str] = frozenset()) -> tuple[Rows, Rows]:
        with open_bench(root, time_zone=time_zone) as bench:
            records, judged = read_and_judge(bench.lake, root)
        theirs = embedded.read_and_judge(root, time_zone)
        assert_same(records, theirs[0], f"records, {time_zone}")
        for row in (*judged, *theirs[1]):
            if row["return_id"] in without_raw_record:
                row["raw_record"] = None
        assert_same(judged, theirs[1], f"judged rows, {time_zone}")
        return records, judged

    return alike


def assert_same(spark: Rows, embedded: Rows, what: str) -> None:
    ours, theirs = Counter(map(_flat, spark)), Counter(map(_flat, embedded))
    if ours != theirs:
        only_ours, only_theirs = (
            sorted((one - two).elements(), key=repr) for one, two in ((ours, theirs), (theirs, ours))
        )
        shown = [_difference(*pair) for pair in zip_longest(only_ours, only_theirs, fillvalue=())]
        pytest.fail(f"{what}: {len(shown)} differ; {REMEDY}\n" + "\n".join(shown[:20]), pytrace=False)


def _flat(row: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in row.items())


def _difference(spark: tuple[tuple[str, Any], ...], embedded: tuple[tuple[str, Any], ...]) -> str:
    ours, theirs = dict(spark), dict(embedded)
    fields = [f"{name}: spark {ours.get(name)!r}, embedded {theirs.get(name)!r}" for name in ours | theirs]
    differing = [field for field, name in zip(fields, ours | theirs) if ours.get(name) != theirs.get(name)]
    return "; ".join([*differing, f"in {ours or theirs}"])


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


# ------------------------------------------------------------------------------------------------------- hostile values
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
    *(
        "\x00",
        "\x01",
        "\x08",
        "\x1b",
        "\x7f",
        "\x9f",
        "\u0301",
        "e\u0301",
        "\u200d",
        "\U0001f600",
        "👩‍👩‍👧",
        "\U0010ffff",
    ),
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
            *(
                "10.005",
                "1.005",
                "2.675",
                "-0.004",
                "-0.005",
                "-0.0049999",
                "0.005",
                "-0",
                "-0.0",
                "+.5",
                "5.",
                ".",
                "-.",
            ),
            *("999999999999.99", "999999999999.994", "999999999999.995", "999999999999.9949999999999999999999999999"),
            *("1000000000000", "-999999999999.995", "1e12", "1e11", "0x10", "0x1p3", "1_000", "1,000.00", "10%", "$5"),
            *(
                "٣",
                "１２",
                "Ⅷ",
                "½",
                "NaN",
                "nan",
                "inf",
                "-Infinity",
                "∞",
                "1 000",
                "1\u00a0000",
                "true",
                "1e1",
                "15e-1",
            ),
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
            *(
                "1989-12-31",
                "2026-11-24",
                "2026-11-25",
                "2026-2-3",
                "2026-02-30",
                "20261118",
                "2026-11",
                "2026",
                "epoch",
            ),
            *(
                "2026-11-18T00:00:00",
                "2026-11-18 ",
                "18.11.2026",
                "11/18/2026",
                "infinity",
                "-infinity",
                "today",
                "now",
            ),
            *(
                "2026-W47-3",
                "2026-322",
                "+2026-11-18",
                "02026-11-18",
                "2026-11-18 (BC)",
                "２０２６-11-18",
                "2026‐11‐18",
            ),
        )
    ),
)
DAYS_OF_TIMES = st.one_of(
    DATES,
    st.dates().map(date.isoformat),
    st.sampled_from(
        (
            *(
                "2026-10-25",
                "2026-03-29",
                "2026-04-05",
                "2026-10-04",
                "1893-04-01",
                "1945-05-24",
                "1981-03-01",
                "1582-10-10",
            ),
            *(
                "1916-04-30",
                "1980-04-06",
                "1895-02-01",
                "0001-01-02",
                "9999-12-30",
                "9999-12-31",
                "2039-10-30",
                "1969-12-31",
            ),
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
            *(
                "+0200",
                "+02",
                " +02:00",
                " Z",
                "UTC",
                "+05:45",
                "[Europe/Berlin]",
                " Europe/Berlin",
                "+02:00:00",
                "+00:60",
                "+",
            ),
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


# --------------------------------------------------------------------------------------------------------- typed values
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


def land_typed(path: Path, types: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Land rows of typed values as Parquet. Returns the return_ids of those whose doubles Java 17 writes at length.

    Of a double of 10^16 and more, or below 10^-4, Java 17 may print more digits than tell it from its neighbours; Java
    19 and the others do not. The great are no amounts and the small are 0.00 however they are written, so only the raw
    record of a rejected row may show it.
    """
    arrays = {}
    for name in COLUMNS:
        arrow_type = TYPES[types.get(name, "string")][0]
        values = [row[name] for row in rows]
        if pa.types.is_date(arrow_type) or pa.types.is_timestamp(arrow_type):
            storage = pa.array(values, pa.int32() if pa.types.is_date(arrow_type) else pa.int64())
            arrays[name] = storage.cast(arrow_type)
        else:
            arrays[name] = pa.array(values, arrow_type)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(arrays), path)
    return frozenset(
        row["return_id"]
        for row in rows
        if any(isinstance(value, float) and not (1e-4 <= abs(value) < 1e16) for value in row.values())
    )


def numbered(rows: Sequence[dict[str, Any]], name: Callable[[int], str]) -> list[dict[str, Any]]:
    """The rows with their number as the value of one column, so that a row that differs can be found."""
    return [{**row, name(number): f"R-{number}"} for number, row in enumerate(rows)]


@pytest.mark.parametrize("time_zone", ZONES)
def test_judge_hostile_text_gives_the_same_rows(tmp_path: Path, assert_alike: Compare, time_zone: str) -> None:
    found = examples_of(text_records(), -(-EXAMPLES // len(ZONES)), series=ZONES.index(time_zone))
    for start in range(0, len(found), ROWS_AT_ONCE):
        root = tmp_path / str(start)
        rows = numbered(found[start : start + ROWS_AT_ONCE], lambda number: ("return_id", "customer_id")[number % 2])
        land_typed(root / LANDED / "text.parquet", {}, rows)

        _, judged = assert_alike(root, time_zone)

        assert len(judged) == len(rows)
        shutil.rmtree(root)


@pytest.mark.parametrize("time_zone", ZONES)
def test_judge_hostile_typed_values_gives_the_same_rows(tmp_path: Path, assert_alike: Compare, time_zone: str) -> None:
    long_in_java: frozenset[str] = frozenset()
    rows_landed = 0
    for number in range(ZONES.index(time_zone), len(SHAPES), len(ZONES)):
        rows = examples_of(typed_records(SHAPES[number]), -(-EXAMPLES // len(SHAPES)), series=number)
        rows = [{**row, "return_id": f"R-{number}-{place}"} for place, row in enumerate(rows)]
        long_in_java |= land_typed(tmp_path / LANDED / f"{number}.parquet", SHAPES[number], rows)
        rows_landed += len(rows)

    _, judged = assert_alike(tmp_path, time_zone, long_in_java)

    assert len(judged) == rows_landed


# ---------------------------------------------------------------------------------------------------------------- lines
BYTES = st.one_of(
    st.sampled_from(
        (
            *(
                b"\xff",
                b"\xfe",
                b"\x80",
                b"\xbf\xbf",
                b"\xc3",
                b"\xc0\xaf",
                b"\xc1\xbf",
                b"\xe0\x80\xaf",
                b"\xe2\x82",
                b"\xe2",
            ),
            *(
                b"\xed\xa0\x80",
                b"\xed\xbf\xbf",
                b"\xf0\x9f\x98",
                b"\xf0\x80\x80\xaf",
                b"\xf4\x90\x80\x80",
                b"\xf5\x80\x80\x80",
            ),
            *(
                b"\xf8\x88\x80\x80\x80",
                b"\xfc\x84\x80\x80\x80\x80",
                b"\xc3\x28",
                b"\xe2\x28\xa1",
                b"\xf0\x28\x8c\xbc",
                b"\x00",
            ),
            *(
                b"\xef\xbb\xbf",
                b"\r",
                b"\r\r",
                b"\x85",
                b"\xe2\x80\xa8",
                b"\t",
                b"\x0b",
                b'"',
                b"'",
                b",",
                b"\\",
                b"{",
                b"}",
                b"\x1a",
            ),
        )
    ),
    st.binary(max_size=3),
)
LINE_ENDS = st.sampled_from(
    (b"\n", b"\n", b"\n", b"\r\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\n \n", b"\r\r\n", b"\n\r\n")
)


def damaged_lines(valid: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Lines with their ends: as they are, or with bytes put in, taken out or put in the place of others."""

    def at(line: bytes, place: int, length: int, piece: bytes) -> bytes:
        start = place % (len(line) + 1)
        return line[:start] + piece + line[start + length :]

    changed = st.builds(at, valid, st.integers(0, 250), st.integers(0, 3), BYTES)
    cut = st.builds(lambda line, place: line[:place], valid, st.integers(0, 250))
    ends = st.builds(bytes.__add__, valid, BYTES)
    starts = st.builds(bytes.__add__, st.one_of(BYTES, st.just(b"\xef\xbb\xbf")), valid)
    return st.builds(bytes.__add__, st.one_of(valid, valid, changed, changed, cut, ends, starts), LINE_ENDS)


RAW_VALUES = st.one_of(
    st.sampled_from(
        (
            *(
                "null",
                "true",
                "false",
                "True",
                "None",
                "NaN",
                "Infinity",
                "-Infinity",
                "undefined",
                "1",
                "-0",
                "01",
                "+1",
                "1.",
                ".5",
            ),
            *(
                "1e5",
                "1E400",
                "-1e-400",
                "0x10",
                "1_0",
                "19.90",
                "1" * 400,
                "0." + "1" * 400,
                "",
                "''",
                "'x'",
                '"\\ud800"',
            ),
            *(
                '"\\udc00\\ud800"',
                '"\\ud83d\\ude00"',
                '"\\u00e9"',
                '"\\u00"',
                '"\\x41"',
                '"\\q"',
                '"\\u0000"',
                '"a\tb"',
                '"\\/"',
            ),
            *(
                "[]",
                "{}",
                "[1, 2]",
                '{"a": 1}',
                '[{"a": [{}]}]',
                "[" * 600 + "]" * 600,
                "[" * 100_000,
                '{"a":' * 600,
                "1 2",
                "/*c*/ 1",
            ),
        )
    ),
    NUMBERS,
    st.builds(json.dumps, ANY_TEXT, ensure_ascii=st.booleans()),
    st.builds(
        "{}{}{}".format,
        st.sampled_from((" ", "\t", "\r", "\u00a0", "\x0c")),
        st.just('"x"'),
        st.sampled_from((" ", "\u2003")),
    ),
)
KEYS = st.one_of(
    st.sampled_from(COLUMNS),
    st.sampled_from(
        ("colour", "Qty", " qty", "q\\u0074y", "", "a\\ud800", "\\ud800", "return_id ", "ключ", "qty\\u0000")
    ),
)


def _json_line(
    values: Mapping[str, str], more: Sequence[tuple[str, str]], seps: tuple[str, str], around: tuple[str, str]
) -> bytes:
    members = [f'"{key}"{seps[1]}{value}' for key, value in (*values.items(), *more)]
    return f"{around[0]}{{{seps[0].join(members)}}}{around[1]}".encode()


JSON_LINES = damaged_lines(
    st.builds(
        _json_line,
        st.fixed_dictionaries(
            {},
            optional={
                name: st.one_of(st.just(json.dumps(USUAL[name])), HOSTILE[name].map(json.dumps), RAW_VALUES)
                for name in COLUMNS
            },
        ),
        st.one_of(st.just([]), st.just([]), st.lists(st.tuples(KEYS, RAW_VALUES), max_size=2)),
        st.sampled_from(((",", ":"), (", ", ": "), (" ,\t", " :\r"), (",,", ":"), (";", "="))),
        st.sampled_from(
            (
                *(("", ""),) * 8,
                *(
                    ("  ", "\t "),
                    ("", " {}"),
                    ("", ","),
                    ("", "x"),
                    ("[", "]"),
                    ("", "\x00"),
                    ("\ufeff", ""),
                    ("\ufeff\ufeff", ""),
                ),
                *(("", "\ufeff"), ("// ", ""), ("", "#c"), ('"', '"'), ("\u00a0", ""), ("", "\x1e"), ("\x0c", "\x0b")),
            )
        ),
    )
)
CSV_FIELDS = st.one_of(
    st.sampled_from(
        (
            "",
            " ",
            '""',
            '"a"',
            '"a""b"',
            '"a,b"',
            'a"b',
            '"a"b',
            ' "a"',
            '"a" ',
            '"',
            '"""',
            '""""',
            '"a',
            'a"',
            "\\",
            "NULL",
        )
    ),
    ANY_TEXT.map(lambda text: text.replace("\n", "\r")),
    ANY_TEXT.map(lambda text: '"' + text.replace('"', '""').replace("\n", "\r") + '"'),
)
# Headers of nine columns, of another order, with fewer and more columns, quoted, padded, behind a byte-order mark.
CSV_HEADERS = (
    ",".join(COLUMNS).encode(),
    ",".join(reversed(COLUMNS)).encode() + b"\r",
    b"\xef\xbb\xbf" + ",".join(f'"{name}"' for name in COLUMNS).encode(),
    ",".join(f" {name} " for name in COLUMNS if name not in ("reason", "customer_id", "ingest_ts")).encode(),
    ",".join((*COLUMNS, "colour", "colour", "")).encode(),
)


def csv_lines(header: bytes) -> st.SearchStrategy[bytes]:
    usual = [st.just(USUAL.get(name.strip('" \ufeff\r'), "x") or "") for name in header.decode().split(",")]
    well_formed = st.tuples(*[st.one_of(value, value, CSV_FIELDS) for value in usual]).map(list)
    another_number = st.builds(
        lambda fields, more: (fields + more)[len(more) // 2 :], well_formed, st.lists(CSV_FIELDS, max_size=3)
    )
    fields = st.one_of(well_formed, well_formed, well_formed, another_number)
    repeated = st.sampled_from((header, header.rstrip(b"\r"), header.upper(), header + b" ", b"", b" ", b"\r"))
    line = st.one_of(*[fields.map(lambda values: ",".join(values).encode())] * 12, repeated)
    return damaged_lines(line)


def write_bytes(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_read_landed_hostile_json_lines_gives_the_same_records(tmp_path: Path, assert_alike: Compare) -> None:
    lines = examples_of(JSON_LINES, EXAMPLES // 2)
    for start in range(0, len(lines), 500):
        ended = (
            lines[start : start + 500] if start % 1000 else [*lines[start : start + 499], lines[start].rstrip(b"\r\n")]
        )
        write_bytes(tmp_path / LANDED / f"{start}.jsonl", b"".join(ended))

    records, judged = assert_alike(tmp_path, "Europe/Berlin")

    assert len(judged) == len(records) >= len(lines)
    assert {record["is_corrupt"] for record in records} == {True, False}


def test_read_landed_hostile_csv_lines_gives_the_same_records(tmp_path: Path, assert_alike: Compare) -> None:
    rows_landed = 0
    for number, header in enumerate(CSV_HEADERS):
        lines = examples_of(csv_lines(header), EXAMPLES // 2 // len(CSV_HEADERS), series=number)
        write_bytes(tmp_path / LANDED / f"{number}.csv", b"\n".join([header, b"".join(lines)]))
        rows_landed += len(lines)

    records, judged = assert_alike(tmp_path, "Europe/Berlin")

    assert len(judged) == len(records) > rows_landed / 2
    assert {record["is_corrupt"] for record in records} == {True, False}


# --------------------------------------------------------------------------------------------------- cases found before
# How a value that is no text stands in parity_cases.json: as text too.
VALUE_OF: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("float", "double"), float),
    "decimal": Decimal,
    **dict.fromkeys(("date", "timestamp_us", "timestamp_ms", "local_us", "local_ms"), int),
}


def _case_ids(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    return [case["what"] for case in cases]


@pytest.mark.parametrize("case", CASES["values"], ids=_case_ids(CASES["values"]))
def test_judge_case_found_before_gives_the_same_rows(
    tmp_path: Path, assert_alike: Compare, case: Mapping[str, Any]
) -> None:
    values = [VALUE_OF.get(case["type"].partition("(")[0], str)(value) for value in case["values"]]
    # Each twice: as it is, and in a row that is rejected in any case, so that its raw record is seen too.
    rows = [{**USUAL, "sku": sku, case["column"]: value} for value in values for sku in ("MUG", None)]
    rows = numbered(rows, lambda _: "return_id")
    long_in_java = land_typed(tmp_path / LANDED / "case.parquet", {case["column"]: case["type"]}, rows)

    _, judged = assert_alike(tmp_path, case["time_zone"], long_in_java)

    assert len(judged) == len(rows)


@pytest.mark.parametrize("case", CASES["files"], ids=_case_ids(CASES["files"]))
def test_read_landed_case_found_before_gives_the_same_records(
    tmp_path: Path, assert_alike: Compare, case: Mapping[str, Any]
) -> None:
    write_bytes(tmp_path / LANDED / case["name"], case["bytes"].encode("latin-1"))

    records, _ = assert_alike(tmp_path, "UTC")

    assert len(records) == case["records"]


# ---------------------------------------------------------------------------------------------------------------- lakes
INCREMENTS = ("2026-11-20", "2026-11-21", "2026-11-23")


def land_samples(lake: Path) -> Path:
    """The sample, what it delivered once more a day later, and corrections and broken lines with line ends of both
    kinds and none."""
    shutil.copytree(REPOSITORY / "samples" / "returns", lake / LANDED)
    day = lake / LANDED / f"dt={INCREMENTS[-1]}"
    for name, again in (("dt=2026-11-20/web.jsonl", "dt=2026-11-21"), ("dt=2026-11-21/phone.csv", day.name)):
        write_bytes(lake / LANDED / again / f"again-{Path(name).name}", (lake / LANDED / name).read_bytes())
    write_text(
        day / "late.csv",
        csv_text(
            [
                {**USUAL, "return_id": f"R-{number}", "amount": f"{number / 8}", "ingest_ts": "2026-11-23T02:30:00"}
                for number in range(1001, 1101)
            ]
        ).replace("0\n", "0\r\n"),
    )
    write_text(
        day / "late.jsonl",
        '{"return_id": "R-1001", "order_id": "O-1", "sku": "ß", "qty": 1, "amount": 1.005, '
        '"return_date": "2026-11-02"}\r\n'
        '{"return_id": "R-1002"}\n\r\n{"return_id": "R-1002"}\r{"return_id": "R-1002"}\n'
        'no object\r\n{"return_id": "R-1003"',
    )
    return lake


def run_on_spark(lake: Path, as_of: str, time_zone: str) -> None:
    """A run in this process, through the session that is there."""
    with as_before() as process:
        for name, value in (environment(lake, ENGINE="spark") | settings_of_runs(time_zone)).items():
            process.setenv(name, value)
        run_pipeline.main(["--engine", "spark", "--as-of", as_of])


def run_embedded(lake: Path, as_of: str, time_zone: str) -> None:
    env = environment(lake, ENGINE="embedded") | settings_of_runs(time_zone)
    succeeded(run([RETURNS, "run", "--engine", "embedded", "--as-of", as_of], env))


def settings_of_runs(time_zone: str) -> dict[str, str]:
    return {"SPARK_TZ": time_zone, "MAX_QUARANTINED_RATIO": "1", "VOLUME_GATE": "off", "LOG_LEVEL": "ERROR"}


Run = Callable[[Path, str, str], None]
RUNS: Mapping[str, Run] = {"spark": run_on_spark, "embedded": run_embedded}


def run_increments(lake: Path, engines: Sequence[str], time_zone: str) -> Path:
    land_samples(lake)
    for engine, as_of in zip(engines, INCREMENTS, strict=True):
        RUNS[engine](lake, as_of, time_zone)
    return lake


def tables_of(lake: Path) -> dict[str, list[lake_reading.Row]]:
    """Every row of every table, all columns but the time at which it was quarantined."""
    columns = {
        place: [field.name for field in lake_reading.DeltaTable(str(lake / place)).schema().fields]
        for place in lake_reading.TABLES
    }
    columns[lake_reading.QUARANTINE].remove("quarantined_at")
    return {place: lake_reading.rows(lake, place, sorted(names)) for place, names in columns.items()}


def assert_equal_lakes(one: Path, other: Path) -> None:
    first, second = tables_of(one), tables_of(other)
    for place, rows in first.items():
        assert rows == second[place], place
        assert rows, place


@pytest.fixture(scope="module")
def embedded_lakes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Lakes that the embedded engine made of all increments, by time zone."""
    root = tmp_path_factory.mktemp("lakes")
    return {
        zone: run_increments(root / zone.replace("/", "-"), ["embedded"] * 3, zone) for zone in ("UTC", "Europe/Berlin")
    }


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize("time_zone", ["UTC", "Europe/Berlin"])
def test_lakes_of_one_engine_each_are_equal(tmp_path: Path, embedded_lakes: Mapping[str, Path], time_zone: str) -> None:
    lake = run_increments(tmp_path, ["spark"] * 3, time_zone)
    assert_equal_lakes(lake, embedded_lakes[time_zone])


@pytest.mark.usefixtures("frames")
@pytest.mark.parametrize(
    "engines", [("spark", "embedded", "spark"), ("embedded", "spark", "embedded")], ids=lambda names: names[0]
)
def test_lakes_continued_by_the_other_engine_are_equal_to_those_of_one(
    tmp_path: Path, embedded_lakes: Mapping[str, Path], engines: Sequence[str]
) -> None:
    lake = run_increments(tmp_path, engines, "Europe/Berlin")
    assert_equal_lakes(lake, embedded_lakes["Europe/Berlin"])
    assert [record["engine"] for record in lake_reading.run_records(lake)] == list(engines)


@pytest.mark.usefixtures("frames")
def test_lakes_of_tpcds_web_returns_are_equal(tmp_path: Path) -> None:
    lakes = {engine: tmp_path / engine for engine in RUNS}
    script = REPOSITORY / "samples" / "land_tpcds_returns.py"
    succeeded(run([sys.executable, script, lakes["spark"], "--table", "web_returns"], environment(tmp_path)))
    shutil.copytree(lakes["spark"], lakes["embedded"])
    for engine, lake in lakes.items():
        RUNS[engine](lake, INCREMENTS[-1], "UTC")
    assert_equal_lakes(*lakes.values())


def test_engine_of_this_process_is_spark() -> None:
    assert ENGINE == "spark"
