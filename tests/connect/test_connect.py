"""A whole run through a Connect server that PySpark starts itself: the same tables as the embedded engine makes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import lake_reading
from commands import REPOSITORY, RETURNS, Ended, environment, run, succeeded

LANDED = "bronze/returns_raw"
# A first load, an increment with corrections, and a third run that finds nothing new.
DAYS = ("2026-11-20", "2026-11-22", "2026-11-22")
THROUGH = {"connect": {"ENGINE": "", "SPARK_REMOTE": "local[2]"}, "embedded": {"ENGINE": "embedded"}}

# Runs as `returns run` does, and says of which class each session was that it opened, and each frame that it collected.
WATCHED_RUN = """
import sys

from pyspark_interview_project.engines import spark
from pyspark_interview_project.pipeline import run_pipeline

seen = set()
open_session, collect = spark.open_session, spark.SparkEngine.collect

def watched_open(*arguments):
    opened = open_session(*arguments)
    seen.add(type(opened.spark).__module__)
    return opened

def watched_collect(engine, frame):
    seen.add(type(frame).__module__)
    return collect(engine, frame)

spark.open_session, spark.SparkEngine.collect = watched_open, watched_collect
run_pipeline.main(sys.argv[1:])
print("seen", *sorted(seen))
"""
COMMANDS = {
    "connect": [[sys.executable, "-c", WATCHED_RUN], [RETURNS, "run"], [RETURNS, "run"]],
    "embedded": [[RETURNS, "run"]] * 3,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[Path, list[Ended]]]:
    """The sample through each of THROUGH: the lake, and its runs."""
    made = {}
    for name, variables in THROUGH.items():
        lake = tmp_path_factory.mktemp(name) / "lake"
        shutil.copytree(REPOSITORY / "samples" / "returns", lake / LANDED)
        env = environment(lake, MAX_QUARANTINED_RATIO="1", SPARK_TZ="Europe/Berlin") | variables
        ended = [
            succeeded(run([*command, "--as-of", day], env)) for command, day in zip(COMMANDS[name], DAYS, strict=True)
        ]
        made[name] = (lake, ended)
    return made


@pytest.mark.parametrize("place", lake_reading.TABLES)
def test_run_through_connect_makes_the_tables_of_the_embedded_engine(
    runs: Mapping[str, tuple[Path, list[Ended]]], place: str
) -> None:
    connect, embedded = (lake_reading.comparable(runs[name][0])[place] for name in ("connect", "embedded"))
    assert connect == embedded
    assert connect


def test_run_through_connect_is_on_record_as_spark(runs: Mapping[str, tuple[Path, list[Ended]]]) -> None:
    records = lake_reading.run_records(runs["connect"][0])
    assert [record["engine"] for record in records] == ["spark"] * 3
    assert [record["status"] for record in records] == ["succeeded", "succeeded", "no_new_data"]


def test_run_through_connect_counts_as_the_embedded_engine_does(
    runs: Mapping[str, tuple[Path, list[Ended]]],
) -> None:
    figures = [
        [{key: value for key, value in stage.items() if key != "duration_sec"} for stage in record["stages"]]
        for name in ("connect", "embedded")
        for record in lake_reading.run_records(runs[name][0])
    ]
    assert figures[:3] == figures[3:]


def test_run_through_connect_says_nothing_but_json_lines(runs: Mapping[str, tuple[Path, list[Ended]]]) -> None:
    assert [ended.complaints for ended in runs["connect"][1]] == [[], [], []]


def test_run_through_connect_uses_no_classic_session(runs: Mapping[str, tuple[Path, list[Ended]]]) -> None:
    assert runs["connect"][1][0].lines[-1] == "seen pyspark.sql.connect.dataframe pyspark.sql.connect.session"
