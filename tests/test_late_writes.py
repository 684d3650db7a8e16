"""Writes of Spark that are under way when their batch is given up, as a Connect server's are whose caller died."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, functions

from conftest import LakeBench
from pyspark_interview_project.engines.base import Lake
from pyspark_interview_project.errors import ConflictError
from pyspark_interview_project.schemas.tables import SILVER
from pyspark_interview_project.storage.commits import CommitMetadata, Written
from test_lake import NEWEST, SILVER_COLUMNS, silver_frame, silver_row

pytestmark = pytest.mark.spark


def append_late(lake: Lake, rows: DataFrame, note: CommitMetadata) -> Written:
    return lake.append(SILVER, rows, note)


def merge_late(lake: Lake, rows: DataFrame, note: CommitMetadata) -> Written:
    return lake.merge(SILVER, rows, note, NEWEST, {"return_date": (date(2026, 1, 1), date(2026, 1, 31))})


def replace_slice_late(lake: Lake, rows: DataFrame, note: CommitMetadata) -> Written:
    return lake.replace_slice(SILVER, rows, note)


@pytest.mark.parametrize("write", [append_late, merge_late, replace_slice_late])
def test_fence_lets_no_write_of_spark_commit_that_began_before_it(
    bench: LakeBench, tmp_path: Path, write: Callable[[Lake, DataFrame, CommitMetadata], Written]
) -> None:
    begun, fenced = str(tmp_path / "begun"), str(tmp_path / "fenced")

    def slowly(value: str) -> str:
        with open(begun, "w"):  # whether there is a row at all is known without this
            pass
        while not os.path.exists(fenced):
            time.sleep(0.05)
        return value

    slow = functions.udf(slowly, "string", useArrow=False).asNondeterministic()
    bench.lake.ensure_tables()
    there = silver_row("R1", "B1")
    bench.lake.append(SILVER, silver_frame(bench, there), CommitMetadata("run-1", "bronze_to_silver", "B1"))
    rows = silver_frame(bench, silver_row("R2", "B2")).withColumn("return_id", slow("return_id"))
    late = CommitMetadata("run-2", "bronze_to_silver", "B2", {"part": 1})
    with ThreadPoolExecutor() as pool:
        written = pool.submit(write, bench.lake, rows, late)
        while not (os.path.exists(begun) or written.done()):
            time.sleep(0.05)
        try:
            bench.lake.fence(SILVER)
        finally:
            Path(fenced).touch()
        with pytest.raises(ConflictError):
            written.result()
    bench.assert_frame(bench.lake.read(SILVER), SILVER_COLUMNS, [there])
