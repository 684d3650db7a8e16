"""A lake is the same whichever engine wrote it: the same landed files on both, and a lake continued by the other."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, functions

import lake_reading
from commands import REPOSITORY, environment, returns, run, spark_session, succeeded
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


# Files that DuckDB wrote and delta-rs published, to Spark's own Delta.

A_CORRECTION = {
    **USUAL,
    "return_id": "P-1",
    "qty": "7",
    "return_date": "2026-11-03",
    "ingest_ts": "2026-11-22T00:00:00Z",
}


@pytest.fixture(scope="module")
def corrected_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of the embedded engine: three returns of two dates, then a correction that moves one of them."""
    lake = tmp_path_factory.mktemp("corrected")
    rows = [
        {**USUAL, "return_id": f"P-{number}", "return_date": f"2026-11-0{day}", "ingest_ts": "2026-11-20T00:00:00Z"}
        for number, day in ((1, 1), (2, 1), (3, 2))
    ]
    for name, landed in (("first", rows), ("second", [A_CORRECTION])):
        write_text(lake / LANDED / f"{name}.csv", csv_text(landed))
        run_on("embedded", lake, INCREMENTS[-1], "UTC")
    return lake


def ids_and_days(frame: DataFrame, *names: str) -> list[tuple[object, ...]]:
    columns = [functions.col("return_id"), functions.col("return_date").cast("string"), *names]
    return sorted(tuple(row) for row in frame.select(*columns).collect())


def delta_rows(lake: Path, **options: object) -> DataFrame:
    return spark_session().read.format("delta").options(**options).load(str(lake / lake_reading.SILVER))


def test_spark_reads_each_version_of_published_files(corrected_lake: Path) -> None:
    newest = lake_reading.version(corrected_lake, lake_reading.SILVER)
    before = [("P-1", "2026-11-01"), ("P-2", "2026-11-01"), ("P-3", "2026-11-02")]
    assert ids_and_days(delta_rows(corrected_lake, versionAsOf=newest - 1)) == before
    assert ids_and_days(delta_rows(corrected_lake)) == [("P-1", "2026-11-03"), *before[1:]]


def test_spark_reads_the_changes_of_published_files(corrected_lake: Path) -> None:
    newest = lake_reading.version(corrected_lake, lake_reading.SILVER)
    changes = delta_rows(corrected_lake, readChangeFeed=True, startingVersion=newest, endingVersion=newest)
    counted = changes.groupBy("return_id", "return_date").agg(
        functions.sum(functions.when(functions.col("_change_type") == "insert", 1).otherwise(-1)).alias("rows")
    )
    # A row that was copied into a new file left and came.
    assert ids_and_days(counted.filter("rows <> 0"), "rows") == [("P-1", "2026-11-01", -1), ("P-1", "2026-11-03", 1)]


@pytest.mark.parametrize(
    ("condition", "days"),
    [
        ("return_date = '2026-11-02'", {"2026-11-02"}),
        ("return_id = 'P-2'", {"2026-11-01"}),
        ("qty > 6", {"2026-11-03"}),
        ("return_id > 'P-9'", set()),
    ],
)
def test_spark_skips_published_files_by_date_and_by_statistics(
    corrected_lake: Path, condition: str, days: set[str]
) -> None:
    files = delta_rows(corrected_lake).filter(condition).inputFiles()
    assert {file.split("return_date=")[1].split("/")[0] for file in files} == days


def test_spark_merges_into_published_files(corrected_lake: Path, tmp_path: Path) -> None:
    lake = Path(shutil.copytree(corrected_lake, tmp_path / "lake"))
    moved = {**A_CORRECTION, "return_id": "P-2", "ingest_ts": "2026-11-23T00:00:00Z"}
    write_text(lake / LANDED / "third.csv", csv_text([moved, {**moved, "return_id": "P-4"}]))
    run_on("spark", lake, INCREMENTS[-1], "UTC")
    expected = [("P-1", "2026-11-03"), ("P-2", "2026-11-03"), ("P-3", "2026-11-02"), ("P-4", "2026-11-03")]
    assert ids_and_days(delta_rows(lake)) == expected
