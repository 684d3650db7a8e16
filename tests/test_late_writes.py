"""Writes of Spark that are under way when their batch is given up, as a Connect server's are whose caller died."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, functions

from commands import spark_session
from conftest import LakeBench
from pyspark_interview_project.engines import spark_sql
from pyspark_interview_project.engines.spark_commits import SparkCommits
from pyspark_interview_project.engines.spark_errors import spark_errors
from pyspark_interview_project.errors import ConflictError
from pyspark_interview_project.schemas.tables import SILVER
from pyspark_interview_project.storage.commits import CommitMetadata, Written
from test_lake import SILVER_COLUMNS, put, silver_frame, silver_row

pytestmark = pytest.mark.spark


def append_late(bench: LakeBench, rows: DataFrame, metadata: CommitMetadata) -> Written:
    rows = rows.withColumn("outcome", functions.lit("inserted"))
    rows = rows.withColumn("silver_return_date", functions.lit(None).cast("date"))
    return bench.engine.upsert(SILVER, rows, metadata, Written(None, inserted=1))


def merge_late(bench: LakeBench, rows: DataFrame, metadata: CommitMetadata) -> Written:
    """The statement itself: before it, an upsert computes its rows, and a caller that dies then begins no statement."""
    commits = SparkCommits(spark_session(), bench.tables, lambda place: spark_errors(place, {}))
    source = rows.withColumn("silver_return_date", functions.lit("2026-01-05").cast("date"))
    return commits.merge(SILVER, source, metadata, *spark_sql.merge_of_newest(SILVER, None))


def replace_batch_late(bench: LakeBench, rows: DataFrame, metadata: CommitMetadata) -> Written:
    return bench.engine.replace_batch(SILVER, rows, metadata)


@pytest.mark.parametrize("write", [append_late, merge_late, replace_batch_late])
def test_fence_lets_no_write_of_spark_commit_that_began_before_it(
    bench: LakeBench, tmp_path: Path, write: Callable[[LakeBench, DataFrame, CommitMetadata], Written]
) -> None:
    begun, fenced = str(tmp_path / "begun"), str(tmp_path / "fenced")

    def slowly(value: str) -> str:
        with open(begun, "w"):  # whether there is a row at all is known without this
            pass
        while not os.path.exists(fenced):
            time.sleep(0.05)
        return value

    slow = functions.udf(slowly, "string", useArrow=False).asNondeterministic()
    bench.engine.ensure_tables()
    there = silver_row("R1", "B1")
    put(bench, there, metadata=CommitMetadata("run-1", "bronze_to_silver", "B1"))
    rows = silver_frame(bench, silver_row("R2", "B2")).withColumn("return_id", slow("return_id"))
    late = CommitMetadata("run-2", "bronze_to_silver", "B2")
    with ThreadPoolExecutor() as pool:
        written = pool.submit(write, bench, rows, late)
        while not (os.path.exists(begun) or written.done()):
            time.sleep(0.05)
        try:
            bench.writes.fence(SILVER)
        finally:
            Path(fenced).touch()
        with pytest.raises(ConflictError):
            written.result()
    bench.assert_frame(bench.engine.read(SILVER), SILVER_COLUMNS, [there])
