"""The data of the benchmarks is what it promises, and programs of all tools make the same of it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from benchmarks import data
from benchmarks.peers import deltars_daily, duckdb_daily, duckdb_first_load
from benchmarks.totals import totals_of

ROWS, INCREMENT_ROWS = 6_000, 1_000
# A directory for each date takes its time; these are some more than an increment looks back.
DATES = 40
FIRST, RECENT = (data.LAST_DATE - timedelta(days=dates - 1) for dates in (DATES, data.RECENT_DATES))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A load, and increments of both ages."""
    root = tmp_path_factory.mktemp("benchmarks")
    load = data.write_load(ROWS, root / "load", dates=DATES)
    for age in ("recent", "any"):
        data.write_increment(load, root / age / "increment.parquet", age, INCREMENT_ROWS)
    return root


def query(sql: str) -> list[Any]:
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


def _files(place: Path) -> str:
    return f"read_parquet('{place}/load/*.parquet')"


def test_load_has_the_dirt_that_it_promises_and_no_two_rows_of_one_time(place: Path) -> None:
    dates = f"min(return_date) = date '{FIRST}', max(return_date) = date '{data.LAST_DATE}'"
    dirt = ", ".join(
        f"count(*) filter ({condition}) > 0"
        for condition in (
            "return_id is null",
            "return_id <> trim(return_id)",
            "sku = ''",
            "sku <> upper(trim(sku))",
            "reason is null",
            "qty is null",
            "qty < 0",
            "amount is null",
            "amount < 0",
            "return_date is null",
        )
    )
    sums = "count(*), count(distinct ingest_ts), count(distinct trim(return_id)) < count(return_id)"
    (found,) = query(f"select {sums}, {dates}, {dirt} from {_files(place)}")
    assert found == (ROWS, ROWS, *[True] * 13)


def test_faults_of_a_row_are_independent_of_its_other_values(place: Path) -> None:
    kinds = "count(distinct reason) > 3, count(distinct qty) > 3, max(amount) - min(amount) > 200"
    assert query(f"select {kinds} from {_files(place)} where sku = ''") == [(True, True, True)]


def test_same_arguments_give_the_same_rows(place: Path, tmp_path: Path) -> None:
    data.write_load(ROWS, tmp_path / "again", files=2, dates=DATES)
    one, other = (f"from read_parquet('{at}/*.parquet')" for at in (place / "load", tmp_path / "again"))
    assert query(f"({one} except all {other}) union all ({other} except all {one})") == []


@pytest.mark.parametrize(("age", "oldest"), [("recent", RECENT), ("any", FIRST)])
def test_increment_corrects_valid_returns_of_the_load_and_adds_new_ones(place: Path, age: str, oldest: date) -> None:
    increment = f"read_parquet('{place}/{age}/*.parquet')"
    loaded = f"({duckdb_first_load.latest(f'({duckdb_first_load.judged(_files(place))})')})"
    is_correction = "coalesce(day.reason = 'Corrected ', false)"
    (corrected,) = query(f"""
        select count(*), count(distinct kept.return_id), min(kept.return_date) >= date '{oldest}',
            bool_and(day.return_date = kept.return_date), bool_and(day.ingest_ts > kept.ingest_ts),
            bool_and(day.amount::decimal(18, 2) - kept.amount = 1.25), bool_and(day.qty = kept.qty + 1)
        from {increment} as day join {loaded} as kept on trim(day.return_id) = kept.return_id where {is_correction}
        """)
    new = query(f"select count(*), count(distinct return_date) from {increment} as day where not {is_correction}")
    ids = f"select trim(return_id) from {increment} as day where not {is_correction} and return_id is not null"
    known = query(f"{ids} intersect select trim(return_id) from {_files(place)}")
    assert (corrected, new, known) == ((50, 50, True, True, True, True, True), [(950, 3)], [])


def test_increment_corrects_the_version_that_a_lake_keeps(tmp_path: Path) -> None:
    recent, old = f"date '{data.LAST_DATE}'", f"date '{data.LAST_DATE}' - {data.RECENT_DATES}"
    versions = [
        ("R1", 10.0, recent, 1),
        ("R1", -5.0, recent, 2),  # is rejected, so the first is kept
        ("R2", -5.0, recent, 1),  # never was in a lake
        ("R3", 10.0, recent, 1),
        ("R3", 10.0, old, 2),  # is out of the days that are corrected now
        ("R4", 20.0, recent, 1),
        ("R4", 30.0, recent, 2),
    ]
    values = ", ".join(f"('{key}', {amount}, {day}, {second})" for key, amount, day, second in versions)
    (tmp_path / "load").mkdir()
    query(f"""
        copy (
            select key as return_id, 'O' as order_id, null::varchar as customer_id, 'S' as sku, 'other' as reason,
                1 as qty, amount::double as amount, day as return_date,
                timestamp '2025-11-01' + to_seconds(second) as ingest_ts
            from (values {values}) as versions(key, amount, day, second)
        ) to '{tmp_path}/load/part.parquet'
        """)
    increment = data.write_increment(tmp_path / "load", tmp_path / "day.parquet", "recent", 60)  # 3 of them corrections
    found = f"select return_id, amount from read_parquet('{increment}') where reason = 'Corrected ' order by all"
    assert query(found) == [("R1", 11.25), ("R4", 31.25)]


def test_increment_of_any_age_goes_back_further_than_a_recent_one(place: Path) -> None:
    def oldest(age: str) -> Any:
        return query(f"select min(return_date) from read_parquet('{place}/{age}/*.parquet')")[0][0]

    assert oldest("any") < RECENT <= oldest("recent")


@pytest.mark.parametrize("age", ["recent", "any"])
def test_peers_make_the_same_of_a_load_and_an_increment(place: Path, tmp_path: Path, age: str) -> None:
    duckdb_first_load.main(str(place / "load"), str(tmp_path / "first"), "parquet")
    found = [totals_of(tmp_path / "first" / "gold.parquet")]
    for verb, source in (("load", "load"), ("merge", age)):
        duckdb_daily.main(verb, str(place / source), str(tmp_path / "some.db"))
        deltars_daily.main(verb, str(place / source), str(tmp_path / "delta"))
        found += [totals_of(tmp_path / "some.db"), totals_of(tmp_path / "delta" / "gold")]
    assert len(set(found[:3])) == 1 and len(set(found[3:])) == 1 and found[3].returns > found[0].returns


@pytest.mark.parametrize("format_", ["csv", "jsonl", "export"])
def test_text_has_the_rows_of_the_parquet_files(tmp_path: Path, format_: Any) -> None:
    # So few rows that the first file has no quotes, from which DuckDB would guess that no file has.
    load = data.write_load(800, tmp_path / "load")
    data.write_text(load, tmp_path / "text", format_)
    delivered, text = _files(tmp_path), duckdb_first_load.landed(tmp_path / "text", format_)
    blank = "* replace (coalesce(sku, '') as sku)"  # in text nothing tells an empty article from none
    one, other = f"select {blank} from {delivered}", f"select {blank} from {text}"
    assert query(f"({one} except all {other}) union all ({other} except all {one})") == []
