"""A lake is the same whichever engine wrote it: the same landed files on both, and a lake continued by the other."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import lake_reading
from commands import REPOSITORY, environment, returns, run, succeeded
from hostile_values import USUAL
from landing import csv_text, write_bytes, write_text

LANDED = "bronze/returns_raw"
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


def run_on(engine: str, lake: Path, as_of: str, time_zone: str) -> None:
    every_row = {"MAX_QUARANTINED_RATIO": "1", "VOLUME_GATE": "off"}
    succeeded(returns(lake, "run", "--as-of", as_of, ENGINE=engine, SPARK_TZ=time_zone, **every_row))


def run_increments(lake: Path, engines: Sequence[str], time_zone: str) -> Path:
    land_samples(lake)
    for engine, as_of in zip(engines, INCREMENTS, strict=True):
        run_on(engine, lake, as_of, time_zone)
    return lake


def assert_equal_lakes(one: Path, other: Path) -> None:
    first, second = lake_reading.comparable(one), lake_reading.comparable(other)
    for place, rows in first.items():
        assert rows == second[place], place
        assert rows, place


@pytest.fixture(scope="module")
def embedded_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake that the embedded engine made of all increments, in a zone with an offset."""
    return run_increments(tmp_path_factory.mktemp("embedded"), ["embedded"] * 3, "Europe/Berlin")


@pytest.mark.full
def test_lakes_of_one_engine_each_are_equal(tmp_path: Path, embedded_lake: Path) -> None:
    assert_equal_lakes(run_increments(tmp_path, ["spark"] * 3, "Europe/Berlin"), embedded_lake)


@pytest.mark.full
def test_lakes_of_one_engine_each_are_equal_in_utc(tmp_path: Path) -> None:
    lakes = [run_increments(tmp_path / engine, [engine] * 3, "UTC") for engine in ("spark", "embedded")]
    assert_equal_lakes(*lakes)


@pytest.mark.parametrize(
    "engines",
    [("embedded", "spark", "embedded"), pytest.param(("spark", "embedded", "spark"), marks=pytest.mark.full)],
    ids=lambda names: names[0],
)
def test_lakes_continued_by_the_other_engine_are_equal_to_those_of_one(
    tmp_path: Path, embedded_lake: Path, engines: Sequence[str]
) -> None:
    lake = run_increments(tmp_path, engines, "Europe/Berlin")
    assert_equal_lakes(lake, embedded_lake)
    assert [record["engine"] for record in lake_reading.run_records(lake)] == list(engines)


@pytest.mark.full
@pytest.mark.parametrize("table", ["catalog_returns", "web_returns"])
def test_lakes_of_tpcds_are_equal(tmp_path: Path, table: str) -> None:
    lakes = {engine: tmp_path / engine for engine in ("spark", "embedded")}
    script = REPOSITORY / "samples" / "land_tpcds_returns.py"
    succeeded(run([sys.executable, script, lakes["spark"], "--table", table], environment(tmp_path)))
    shutil.copytree(lakes["spark"], lakes["embedded"])
    for engine, lake in lakes.items():
        run_on(engine, lake, INCREMENTS[-1], "UTC")
    assert_equal_lakes(*lakes.values())
