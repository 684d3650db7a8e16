"""Queries of the embedded engine: written once, and the same rows come of them as of the transforms themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.engine import transform
from pyspark_interview_project.engines import duckdb_queries
from pyspark_interview_project.engines.duckdb_queries import Queries
from write_queries import usual_runs

pytestmark = pytest.mark.embedded_only
written: list[str] = []


@transform
def marked(rows: DataFrame, others: DataFrame, mark: str, day: date, at: datetime, names: list[str]) -> DataFrame:
    """What transforms do with their arguments: join, name columns, and put values into rows."""
    written.append(mark)
    return rows.join(others, on="id").select(
        *[F.col(name) for name in names],
        F.lit(mark).alias("mark"),
        F.lit(day.isoformat()).cast("date").alias("day"),
        F.lit(at.isoformat()).cast("timestamp").alias("at"),
    )


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queries]:
    """Queries on a connection of their own, which know no texts yet."""
    texts: dict[str, str] = {}
    monkeypatch.setattr(duckdb_queries, "_texts", lambda: texts)
    written.clear()
    with duckdb.connect(config={"autoinstall_known_extensions": False, "TimeZone": "UTC"}) as connection:
        opened = Queries(connection)
        yield opened
        opened.close()


def rows_of(queries: Queries, frame: DataFrame) -> list[tuple[object, ...]]:
    return queries._connection.execute(frame.sql()).fetchall()


def test_query_that_was_written_is_used_again_for_other_rows_texts_and_instants(queries: Queries) -> None:
    noon = datetime(2026, 11, 28, 12, tzinfo=UTC)
    hostile = "it's {rows 0} and '{text 2}'"
    for mark, day, ids in (("B1", date(2026, 1, 5), "1"), (hostile, date(2026, 2, 6), "2")):
        rows = queries.view(f"select {ids} as id, 'x' as name")
        others = queries.stream(pa.RecordBatchReader.from_batches(*batches_of([1, 2])))
        found = rows_of(queries, marked(rows, others, mark, day, noon, ["id", "name"]))
        assert found == [(int(ids), "x", mark, day, noon)]
    assert written == ["{text 2}"]


def batches_of(ids: list[int]) -> tuple[pa.Schema, list[pa.RecordBatch]]:
    batch = pa.record_batch({"id": pa.array(ids, pa.int32())})
    return batch.schema, [batch]


@pytest.mark.parametrize(
    ("columns", "names"),
    [("1 as id, 'x' as name, 2 as more", ["id", "name"]), ("1 as id, 5 as name", ["id", "name"])]
    + [("1 as id, 'x' as name", ["name"])],
)
def test_query_is_written_anew_for_other_columns_types_and_arguments(
    queries: Queries, columns: str, names: list[str]
) -> None:
    others, noon = queries.view("select 1 as id"), datetime(2026, 11, 28, 12, tzinfo=UTC)
    marked(queries.view("select 1 as id, 'x' as name"), others, "", noon.date(), noon, ["id", "name"])
    found = marked(queries.view(f"select {columns}"), others, "B2", noon.date(), noon, names)
    values = dict(
        zip(("id", "name"), queries._connection.execute(f"select id, name from (select {columns})").fetchone())
    )
    assert rows_of(queries, found) == [(*[values[name] for name in names], "B2", noon.date(), noon)]
    assert len(written) == 2


def test_query_of_a_query_has_its_rows(queries: Queries) -> None:
    others, noon = queries.view("select 1 as id"), datetime(2026, 11, 28, 12, tzinfo=UTC)
    inner = marked(queries.view("select 1 as id"), others, "inner", noon.date(), noon, ["id"])
    outer = marked(inner, others, "outer", noon.date(), noon, ["id"])
    assert rows_of(queries, outer) == [(1, "outer", noon.date(), noon)]


def test_queries_that_come_with_the_code_are_written_from_it() -> None:
    shipped = json.loads(duckdb_queries.SHIPPED.read_bytes())
    assert shipped["written_from"] == duckdb_queries._digest_of_writers(), "run 'make queries'"


@pytest.mark.full
def test_queries_that_come_with_the_code_are_what_sqlframe_writes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = duckdb_queries.SHIPPED.read_bytes()
    monkeypatch.setattr(duckdb_queries, "SHIPPED", tmp_path / "queries.json")
    duckdb_queries._texts.cache_clear()
    duckdb_queries.ship(usual_runs)
    assert (tmp_path / "queries.json").read_bytes() == shipped


def test_queries_of_other_code_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = json.loads(duckdb_queries.SHIPPED.read_bytes())
    other = tmp_path / "queries.json"
    other.write_text(json.dumps({**shipped, "written_from": "of other code"}))
    monkeypatch.setattr(duckdb_queries, "SHIPPED", other)
    assert (duckdb_queries._texts.__wrapped__(), shipped["texts"] != {}) == ({}, True)
