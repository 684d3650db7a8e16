"""Queries of the embedded engine: written once, and the same rows come of them as of the transforms themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.engines import duckdb_queries
from pyspark_interview_project.engines.duckdb_queries import Queries
from write_queries import usual_runs

pytestmark = pytest.mark.embedded_only
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
written: list[str] = []


def marked(rows: DataFrame, others: DataFrame, mark: str, at: datetime, names: list[str]) -> DataFrame:
    """What transforms do with their arguments: join, name columns, and put values into rows."""
    written.append(mark)
    return rows.join(others, on="id").select(
        *[F.col(name) for name in names],
        F.lit(mark).alias("mark"),
        F.lit(at.isoformat()).cast("timestamp").alias("at"),
    )


def listed(rows: DataFrame, names: Mapping[str, str]) -> DataFrame:
    """Columns under other names, in the order of the mapping."""
    written.append("listed")
    return rows.select(*[F.col(name).alias(alias) for name, alias in names.items()])


def missing(rows: DataFrame, others: DataFrame | None) -> DataFrame:
    """The rows whose id `others` lacks, all where there are none."""
    written.append("missing")
    return rows if others is None else rows.join(others, on="id", how="left_anti")


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queries]:
    """Queries on a connection of their own, which know no texts yet."""
    texts: dict[str, str] = {}
    monkeypatch.setattr(duckdb_queries, "_texts", lambda: texts)
    written.clear()
    with duckdb.connect(config={"autoinstall_known_extensions": False, "TimeZone": "UTC"}) as connection:
        opened = Queries(connection, nullcontext)
        yield opened
        opened.close()


def rows_of(queries: Queries, transform: Callable[..., DataFrame], *arguments: object) -> list[tuple[object, ...]]:
    found = queries._connection.execute(queries.transformed(transform, arguments).sql()).fetchall()
    return sorted(found)


def batches_of(ids: list[int]) -> tuple[pa.Schema, list[pa.RecordBatch]]:
    batch = pa.record_batch({"id": pa.array(ids, pa.int32())})
    return batch.schema, [batch]


def test_query_that_was_written_is_used_again_for_other_rows_texts_and_instants(queries: Queries) -> None:
    hostile = "it's {rows 0} and '{text 2}' \\ \n \\g<0>"
    for mark, at, id_ in (("B1", NOON, 1), (hostile, NOON.replace(hour=3), 2)):
        rows = queries.view(f"select {id_} as id, 'x' as name")
        others = queries.stream(pa.RecordBatchReader.from_batches(*batches_of([1, 2])))
        assert rows_of(queries, marked, rows, others, mark, at, ["id", "name"]) == [(id_, "x", mark, at)]
    assert [text.split(" of ")[0] for text in written] == ["text 2"]


def said(rows: DataFrame, words: Mapping[str, str]) -> DataFrame:
    """Each word as a column of its name."""
    return rows.select(*[F.lit(word).alias(name) for name, word in words.items()])


def test_words_of_a_mapping_are_no_placeholders(queries: Queries) -> None:
    words = {
        "a": "{rows 0}",
        "b": "{text 0}",
        "c": "'{text 0}'",
        "d": "{{rows 0}",
        "e": "{",
        "f": "{{{text 1}}",
        "g": "}",
    }
    for _ in range(2):  # as it is written, and as it is kept
        assert rows_of(queries, said, queries.view("select 1 as id"), words) == [tuple(words.values())]


@pytest.mark.parametrize(
    ("columns", "names", "expected"),
    [
        ("1 as id, 'x' as name, 2 as more", ["id", "name"], (1, "x")),
        ("1 as id, 5 as name", ["id", "name"], (1, 5)),
        ("1 as id, 'x' as name", ["name"], ("x",)),
        ("1 as id, 'x' as name", ["name", "id"], ("x", 1)),
    ],
)
def test_query_is_written_anew_for_other_columns_types_and_lists(
    queries: Queries, columns: str, names: list[str], expected: tuple[object, ...]
) -> None:
    others = queries.view("select 1 as id")
    rows_of(queries, marked, queries.view("select 1 as id, 'x' as name"), others, "", NOON, ["id", "name"])
    found = rows_of(queries, marked, queries.view(f"select {columns}"), others, "B2", NOON, names)
    assert (found, len(written)) == ([(*expected, "B2", NOON)], 2)


def test_query_is_written_anew_for_another_mapping_and_another_order_of_it(queries: Queries) -> None:
    rows = queries.view("select 1 as id, 2 as name")
    assert rows_of(queries, listed, rows, {"id": "a", "name": "b"}) == [(1, 2)]
    assert rows_of(queries, listed, rows, {"name": "b", "id": "a"}) == [(2, 1)]
    assert rows_of(queries, listed, rows, {"id": "a", "name": "b"}) == [(1, 2)]
    assert written == ["listed"] * 2


def test_query_of_one_frame_given_twice_is_another_than_of_two_and_of_one_and_none(queries: Queries) -> None:
    one, other = queries.view("select unnest([1, 2]) as id"), queries.view("select 2 as id")
    assert rows_of(queries, missing, one, one) == []
    assert rows_of(queries, missing, one, other) == [(1,)]
    assert rows_of(queries, missing, one, None) == [(1,), (2,)]


def test_query_of_a_query_has_its_rows(queries: Queries) -> None:
    others = queries.view("select 1 as id")
    inner = queries.transformed(marked, [queries.view("select 1 as id"), others, "inner", NOON, ["id"]])
    assert rows_of(queries, marked, inner, others, "outer", NOON, ["id"]) == [(1, "outer", NOON)]


def test_queries_of_two_connections_have_their_own_columns(queries: Queries) -> None:
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        other = Queries(connection, nullcontext)
        assert rows_of(other, missing, other.view("select 7 as id, 'a' as name"), None) == [(7, "a")]
        assert rows_of(queries, missing, queries.view("select 8 as id, 'b' as sku"), None) == [(8, "b")]
        other.close()


def shouted(rows: DataFrame, text: str) -> DataFrame:
    return rows.withColumn("text", F.lit(f"{text}!"))


def test_transform_that_changes_a_text_of_its_arguments_is_refused(queries: Queries) -> None:
    with pytest.raises(TypeError, match="shouted may use a text or a date of its arguments in a literal only"):
        queries.transformed(shouted, [queries.view("select 1 as id"), "x"])


def test_transform_of_what_is_no_frame_of_the_engine_and_no_plain_value_is_refused(queries: Queries) -> None:
    with pytest.raises(TypeError, match="not object"):
        queries.transformed(missing, [queries.view("select 1 as id"), object()])


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


@pytest.mark.parametrize("content", ["", "{", "{}", None])
def test_queries_that_are_broken_or_gone_are_written_when_they_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "queries.json").write_text(content)
    monkeypatch.setattr(duckdb_queries, "SHIPPED", tmp_path / "queries.json")
    assert duckdb_queries._texts.__wrapped__() == {}


def test_queries_of_other_code_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = json.loads(duckdb_queries.SHIPPED.read_bytes())
    other = tmp_path / "queries.json"
    other.write_text(json.dumps({**shipped, "written_from": "of other code"}))
    monkeypatch.setattr(duckdb_queries, "SHIPPED", other)
    assert (duckdb_queries._texts.__wrapped__(), shipped["texts"] != {}) == ({}, True)
