"""The pipeline against a second implementation of the design, which shares no code with it: independent_query.py."""

from __future__ import annotations

import datetime
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import independent_query
import lake_reading
from commands import REPOSITORY, environment, returns, run, succeeded
from landing import Row, land, row_of

LANDED = "bronze/returns_raw"

# Signs on which engines disagree: white space of several kinds, cases beyond ASCII, signs of two units or none.
SIGNS = (*"abcXYZ 09\"',\\/{}[]-_", *"\u00e4\u00c4\u00df\u0131\u0130\u017f\u212a\u738b\U0001d4b3\U0001f600\u0301")
SIGNS += tuple("\t\u00a0\u2003\u200b\u0085\x1c\x00\x7f\x0b\x0c\u3000\ufeff\u2028")


@dataclass(frozen=True)
class Pair:
    """A lake after one run, and what the independent query makes of the same files."""

    lake: Path
    expected: independent_query.Result


def run_both(lake: Path, as_of: str, time_zone: str) -> Pair:
    succeeded(returns(lake, "run", "--as-of", as_of, SPARK_TZ=time_zone, MAX_QUARANTINED_RATIO="1"))
    return Pair(lake, independent_query.query(lake / LANDED, datetime.date.fromisoformat(as_of), time_zone))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The committed sample, in a zone whose local times can happen twice."""
    lake = tmp_path_factory.mktemp("sample")
    shutil.copytree(REPOSITORY / "samples" / "returns", lake / LANDED)
    return run_both(lake, "2026-11-23", "Europe/Berlin")


@pytest.fixture(scope="module")
def web_returns(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """TPC-DS web_returns at scale factor 1: 71,763 rows in six files of the three formats."""
    lake = tmp_path_factory.mktemp("web_returns")
    script = REPOSITORY / "samples" / "land_tpcds_returns.py"
    succeeded(run([sys.executable, script, lake, "--table", "web_returns"], environment(lake)))
    return run_both(lake, "2026-11-23", "UTC")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Values that no sample has, the same on every run: 3,000 rows, each odd in one column, in the three formats."""
    lake = tmp_path_factory.mktemp("hostile")
    chance = random.Random(20261123)
    for name in ("text.jsonl", "text.csv", "text.parquet"):
        rows = [hostile_row(chance, f"{name}-{number}") for number in range(1000)]
        if name == "text.csv":  # with NUL it would be no text; in JSON that is escaped
            rows = [{column: value and value.replace("\0", "\x01") for column, value in row.items()} for row in rows]
        land(lake / LANDED / name, rows)
    return run_both(lake, "2026-11-23", "America/New_York")


def hostile_row(chance: random.Random, return_id: str) -> Row:
    """A good row with a random value in one column; some share their return_id."""
    row = dict(row_of(return_id, "O-1", "C-1", "MUG", "damaged", "1", "5.00", "2026-11-18", "2026-11-19T08:00:00"))
    if chance.random() < 0.2:
        row["return_id"] = f"shared-{chance.randrange(100)}"
    makers: dict[str, Callable[[random.Random], str]] = {
        "return_id": hostile_text,
        "sku": hostile_text,
        "reason": hostile_text,
        "qty": hostile_number,
        "amount": hostile_number,
        "return_date": hostile_date,
        "ingest_ts": hostile_timestamp,
    }
    column = chance.choice(list(makers))
    row[column] = makers[column](chance)
    return row


def hostile_text(chance: random.Random) -> str:
    return "".join(chance.choices(SIGNS, k=chance.randint(0, 8)))


def digits(chance: random.Random, most: int) -> str:
    return "".join(chance.choices("0123456789", k=chance.randint(0, most)))


def hostile_number(chance: random.Random) -> str:
    """Numbers of any length, with and without exponent, near half cents, and what only looks like one."""
    if chance.random() < 0.3:
        ends = chance.choice(["5", "50", "49999", "50001", "4", "6"])
        return f"{chance.randrange(10 ** chance.choice([2, 5, 12]))}.{digits(chance, 2)}{ends}"
    whole, fraction = digits(chance, chance.choice([1, 3, 12, 18, 45])), digits(
        chance, chance.choice([0, 2, 3, 20, 45])
    )
    number = chance.choice(["", "", "-", "+"]) + whole + chance.choice(["", ".", "."]) + fraction
    if chance.random() < 0.3:
        number += chance.choice("eE") + chance.choice(["", "+", "-"]) + digits(chance, 3)
    if chance.random() < 0.1:
        number += chance.choice([" ", "x", "_", "f", "\u00a0", "\x00", "\u0663", "d"])
    return number


def hostile_date(chance: random.Random) -> str:
    year = chance.choice(["2026", "2024", "2025", "2000", "1900", "1990", "0000", "0001", "9999", "26", "+2026"])
    date = f"{year}-{chance.randint(0, 13):02d}-{chance.randint(0, 32):02d}"
    return date + chance.choice([""] * 9 + [" ", "T00:00:00", "Z", "x", "\u00a0", " (BC)", "\x00"])


def hostile_timestamp(chance: random.Random) -> str:
    """Moments of all centuries, many of them where clocks change, with offsets and fractions, right and wrong."""
    day = chance.choice(
        ["2026-03-08", "2026-11-01", "1918-03-31", "1883-11-18", "1582-10-10", "9999-12-30", "0001-01-02"]
    )
    if chance.random() < 0.5:
        day = f"{chance.randint(1, 9999):04d}-{chance.randint(1, 12):02d}-{chance.randint(1, 30):02d}"
    time = f"{chance.choice([0, 1, 2, 3, 23, 24]):02d}:{chance.randint(0, 60):02d}:{chance.randint(0, 60):02d}"
    fraction = "." + digits(chance, 12) if chance.random() < 0.4 else ""
    offsets = ["", "", "", "Z", "z", "+00:00", "-18:00", "+18:00", "+18:01", "+05:30", "+0530", "+02", "UTC", " +02:00"]
    return day + chance.choice("TT  t") + time + fraction + chance.choice(offsets)


@pytest.fixture(params=["sample", pytest.param("web_returns", marks=pytest.mark.full), "hostile"])
def pair(request: pytest.FixtureRequest) -> Pair:
    found: Pair = request.getfixturevalue(request.param)
    return found


def test_silver_equals_independent_query_row_by_row(pair: Pair) -> None:
    rows = lake_reading.silver(pair.lake)
    found, expected = ({row[0]: row for row in each} for each in (rows, pair.expected.silver))
    assert sorted(found.keys() ^ expected.keys()) == []
    assert [(row, expected[return_id]) for return_id, row in found.items() if row != expected[return_id]] == []
    assert len(rows) == len(found)


def test_gold_by_sku_and_reason_equals_independent_query(pair: Pair) -> None:
    assert lake_reading.gold_by_sku_reason(pair.lake) == lake_reading.in_order(pair.expected.gold_by_sku_reason)


def test_gold_by_date_and_reason_equals_independent_query(pair: Pair) -> None:
    assert lake_reading.gold_by_date_reason(pair.lake) == lake_reading.in_order(pair.expected.gold_by_date_reason)


def test_quarantine_equals_independent_query_by_file_return_and_reasons(pair: Pair) -> None:
    expected = Counter(
        (f"{LANDED}/{source}", return_id, codes) for source, return_id, codes in pair.expected.quarantine
    )
    assert lake_reading.quarantined(pair.lake) == expected


def test_run_record_counts_equal_independent_query(pair: Pair) -> None:
    (stage,) = (s for s in lake_reading.latest_run_record(pair.lake)["stages"] if s["name"] == "bronze_to_silver")
    terms = ("rows_read", "rows_inserted", "rows_updated", "rows_superseded", "rows_duplicate", "rows_quarantined")
    terms += ("rows_excluded", "returns_ambiguous")
    assert {term: stage[term] for term in terms} == {
        "rows_read": pair.expected.rows_read,
        "rows_inserted": len(pair.expected.silver),
        "rows_updated": 0,
        "rows_superseded": pair.expected.superseded,
        "rows_duplicate": pair.expected.duplicate,
        "rows_quarantined": len(pair.expected.quarantine),
        "rows_excluded": 0,
        "returns_ambiguous": pair.expected.ambiguous,
    }
    assert stage["quarantined_by_reason"] == dict(pair.expected.reasons)
