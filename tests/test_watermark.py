"""Gold's watermark moves with silver, so that a run with nothing to do finds that out without an engine."""

from __future__ import annotations

import logging
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable

import lake_reading
from commands import mostly_full
from conftest import LakeBench
from pyspark_interview_project.config import paths
from pyspark_interview_project.errors import StorageError
from pyspark_interview_project.pipeline.run_context import RunContext
from pyspark_interview_project.pipeline.silver_to_gold import silver_to_gold
from pyspark_interview_project.pipeline.watermark import (
    Watermark,
    covers,
    is_current,
    mark_checked,
    mark_unchecked,
    watermark_of,
)
from pyspark_interview_project.schemas.tables import (
    GOLD_BY_DATE_REASON,
    GOLD_BY_SKU_REASON,
    GOLD_TABLES,
    SILVER,
    TABLES,
    TableContract,
)
from pyspark_interview_project.storage.commits import CommitMetadata, Written
from running import RUN_ID, UPSERT_COLUMNS, context_of, land_returns, return_of, run_here

GOLD = (lake_reading.GOLD_BY_SKU_REASON, lake_reading.GOLD_BY_DATE_REASON)
LATER = "2026-11-21T08:00:00Z"


# A correction that changes no figure ---------------------------------------------------------------------------------


def no_engine(*_: Any, **__: Any) -> None:
    raise AssertionError("an engine was opened")


def test_run_behind_a_correction_that_changes_no_figure_finds_nothing_new_without_an_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = tmp_path / "lake"
    land_returns(lake, "a", return_of("R1"), return_of("R2", reason="damaged"))
    run_here(lake)
    before = lake_reading.everything(lake)
    land_returns(lake, "b", return_of("R1", LATER))
    record = run_here(lake)
    after = lake_reading.everything(lake)
    assert record.status == "succeeded"
    assert [after[place] for place in GOLD] == [(before[place][0] + 1, before[place][1]) for place in GOLD]
    silver = DeltaTable(lake / lake_reading.SILVER)
    expected = {
        "run_id": record.run_id,
        "stage": "silver_to_gold",
        "batch_id": record.batch_id,
        "silver_version": silver.version(),
        "silver_id": str(silver.metadata().id),
    }
    assert [lake_reading.commit_notes(lake, place)[0] for place in GOLD] == [expected, expected]

    monkeypatch.setattr(duckdb, "connect", no_engine)
    idle = run_here(lake)
    assert (idle.status, idle.stages, lake_reading.everything(lake)) == ("no_new_data", [], after)


# What a gold table covers --------------------------------------------------------------------------------------------


@pytest.fixture
def run(bench: LakeBench) -> RunContext:
    """A run on the lake of `bench`, whose tables are there and empty."""
    bench.engine.ensure_tables()
    return context_of(bench.tables, bench.engine, bench.root, date(2026, 1, 6))


def upsert(bench: LakeBench, return_id: str, corrected: bool = False, **changes: Any) -> int:
    """A return in silver, a new one or a corrected one; the version that this makes."""
    good = dict(order_id="O1", customer_id=None, sku="MUG", reason="late", qty=1, amount="1.00")
    values = {**good, "return_date": "2026-01-05", "ingest_ts": None, **changes}
    outcome, replaced = ("updated", "2026-01-05") if corrected else ("inserted", None)
    batch_id = f"{return_id}, {outcome}"
    rows = bench.frame_of([(return_id, *values.values(), batch_id, "f", 1, outcome, replaced)], UPSERT_COLUMNS)
    expected = Written(None, updated=1) if corrected else Written(None, inserted=1)
    metadata = CommitMetadata(RUN_ID, "bronze_to_silver", batch_id)
    version = bench.engine.upsert(SILVER, rows, metadata, expected).version
    assert version is not None
    return version


@pytest.mark.parametrize(
    ("change", "rows_by_table"),
    mostly_full(
        [
            ({"ingest_ts": "2026-01-06T00:00:00"}, [0, 0]),
            ({"sku": "LAMP"}, [2, 0]),
            ({"return_date": "2026-01-04"}, [0, 2]),
            ({"customer_id": "C9"}, [0, 0]),
            ({"qty": 3}, [1, 1]),
        ],
        quick=3,
    ),
    ids=["a_newer_time_alone", "another_sku", "another_date", "another_customer", "another_quantity"],
)
def test_correction_moves_the_watermark_of_both_gold_tables(
    run: RunContext, bench: LakeBench, change: dict[str, Any], rows_by_table: list[int]
) -> None:
    upsert(bench, "R1")
    silver_to_gold(run)
    before = lake_reading.everything(bench.root)
    version = upsert(bench, "R1", corrected=True, **change)
    assert is_current(bench.tables, run.files) is False
    assert silver_to_gold(run) is True
    after = lake_reading.everything(bench.root)
    gold = run.record.stages[-1]
    assert [gold.rows_by_table[table.name] for table in GOLD_TABLES] == rows_by_table
    assert [after[place][0] for place in GOLD] == [before[place][0] + 1 for place in GOLD]
    assert [after[place][1] == before[place][1] for place in GOLD] == [rows == 0 for rows in rows_by_table]
    covered = Watermark(version, bench.tables.table_id(SILVER))
    assert [watermark_of(bench.tables, table) for table in GOLD_TABLES] == [covered, covered]
    assert (is_current(bench.tables, run.files), silver_to_gold(run)) == (True, False)


def cover(bench: LakeBench, table: TableContract, **facts: int | str) -> None:
    """A commit to gold that says what it covers."""
    bench.writes.publish(table, [], [], CommitMetadata(RUN_ID, "silver_to_gold", None, facts))


def test_watermark_is_that_of_the_newest_standing_commit_that_has_one(run: RunContext, bench: LakeBench) -> None:
    assert watermark_of(bench.tables, GOLD_BY_SKU_REASON) is None
    cover(bench, GOLD_BY_SKU_REASON, silver_version=3)
    assert watermark_of(bench.tables, GOLD_BY_SKU_REASON) == Watermark(3, None)
    cover(bench, GOLD_BY_SKU_REASON, silver_version=4, silver_id="5d0c")
    bench.writes.fence(GOLD_BY_SKU_REASON)
    assert watermark_of(bench.tables, GOLD_BY_SKU_REASON) == Watermark(4, "5d0c")
    gold = bench.tables.open(GOLD_BY_SKU_REASON)
    gold.restore(gold.version() - 2)
    assert watermark_of(bench.tables, GOLD_BY_SKU_REASON) == Watermark(3, None)
    assert watermark_of(bench.tables, GOLD_BY_DATE_REASON) is None


def test_watermark_says_of_itself_what_a_commit_keeps() -> None:
    assert Watermark(4, "5d0c").as_facts() == {"silver_version": 4, "silver_id": "5d0c"}
    assert Watermark(4, None).as_facts() == {"silver_version": 4}
    assert [Watermark(4, one).is_of("5d0c") for one in ("5d0c", None, "another")] == [True, True, False]


def test_covers_is_whether_nothing_changed_the_rows_of_silver_since(run: RunContext, bench: LakeBench) -> None:
    table = GOLD_BY_SKU_REASON
    version = upsert(bench, "R1")
    silver_id = bench.tables.table_id(SILVER)
    assert covers(bench.tables, table, version) is False
    cover(bench, table, silver_version=version, silver_id=silver_id)
    assert [covers(bench.tables, table, asked) for asked in (version - 1, version)] == [False, True]
    bench.writes.fence(SILVER)
    assert covers(bench.tables, table, version + 1) is True
    newest = upsert(bench, "R2")
    assert [covers(bench.tables, table, asked) for asked in (version + 1, newest)] == [True, False]
    cover(bench, table, silver_version=newest, silver_id="another")
    assert covers(bench.tables, table, newest) is False
    cover(bench, table, silver_version=newest)
    assert covers(bench.tables, table, newest) is True
    shutil.rmtree(bench.root / table.place)
    assert covers(bench.tables, table, newest) is False


def test_is_current_of_a_lake_without_silver(bench: LakeBench) -> None:
    run = context_of(bench.tables, bench.engine, bench.root, date(2026, 1, 6))
    assert is_current(bench.tables, run.files) is True


def test_is_current_where_gold_is_gone_is_whether_silver_is_empty(run: RunContext, bench: LakeBench) -> None:
    shutil.rmtree(bench.root / "gold")
    assert is_current(bench.tables, run.files) is True
    upsert(bench, "R1")
    assert is_current(bench.tables, run.files) is False


@pytest.mark.parametrize("gone", GOLD_TABLES, ids=lambda table: table.name)
def test_is_current_is_whether_each_gold_table_covers_silver_and_was_checked(
    run: RunContext, bench: LakeBench, gone: TableContract
) -> None:
    upsert(bench, "R1")
    assert is_current(bench.tables, run.files) is False
    assert (silver_to_gold(run), is_current(bench.tables, run.files), silver_to_gold(run)) == (True, True, False)
    mark_unchecked(run.files)
    assert ((bench.root / paths.GOLD_UNCHECKED).exists(), is_current(bench.tables, run.files)) == (True, False)
    mark_checked(run.files)
    assert is_current(bench.tables, run.files) is True
    shutil.rmtree(bench.root / gone.place)
    assert is_current(bench.tables, run.files) is False


def test_gold_of_which_one_table_is_behind_is_brought_up_and_the_other_left(run: RunContext, bench: LakeBench) -> None:
    upsert(bench, "R1")
    silver_to_gold(run)
    versions = [bench.tables.version(table) for table in TABLES]
    shutil.rmtree(bench.root / GOLD_BY_DATE_REASON.place)
    assert silver_to_gold(run) is True
    assert bench.tables.version(GOLD_BY_SKU_REASON) == versions[TABLES.index(GOLD_BY_SKU_REASON)]
    assert bench.tables.facts(GOLD_BY_DATE_REASON).rows == 1
    assert is_current(bench.tables, run.files) is True


def test_gold_of_a_silver_that_was_made_anew_is_built_anew_at_the_same_version(
    run: RunContext, bench: LakeBench
) -> None:
    before = upsert(bench, "R1")
    silver_to_gold(run)
    shutil.rmtree(bench.root / "silver")
    bench.engine.ensure_tables()
    assert upsert(bench, "R3", sku="LAMP") == before
    assert is_current(bench.tables, run.files) is False
    silver_to_gold(run)
    columns = "sku string, reason string, return_count bigint, total_qty bigint, total_amount decimal(38,2)"
    bench.assert_frame(bench.engine.read(GOLD_BY_SKU_REASON), columns, [("LAMP", "late", 1, 1, "1.00")])
    assert is_current(bench.tables, run.files) is True


# Changes that cannot be read -----------------------------------------------------------------------------------------

GOLD_COLUMNS = "sku string, reason string, return_count bigint, total_qty bigint, total_amount decimal(38,2)"


@contextmanager
def largest_file(bytes_: int) -> Iterator[None]:
    """Inside, no file of this process may become larger: a disk that is full."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@pytest.fixture
def behind(run: RunContext, bench: LakeBench) -> RunContext:
    """The run, whose gold lacks a correction of silver."""
    upsert(bench, "R1")
    upsert(bench, "R2", sku="LAMP")
    silver_to_gold(run)
    upsert(bench, "R1", corrected=True, qty=3)
    return run


def test_disk_that_is_full_while_gold_is_merged_is_told_and_gold_stays_as_it_is(
    behind: RunContext, bench: LakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {place: lake_reading.everything(bench.root)[place] for place in GOLD}
    merge = bench.engine.merge

    def merge_on_a_full_disk(*asked: Any) -> Any:
        with largest_file(64):
            return merge(*asked)

    with monkeypatch.context() as patch, pytest.raises(StorageError) as raised:
        patch.setattr(bench.engine, "merge", merge_on_a_full_disk)
        silver_to_gold(behind)
    assert (raised.value.exit_code, raised.value.problem) == (
        5,
        "a file would be larger than is allowed here; what was committed stays, run again when that is mended",
    )
    assert {place: lake_reading.everything(bench.root)[place] for place in GOLD} == before
    silver_to_gold(behind)
    rows = [("LAMP", "late", 1, 1, "1.00"), ("MUG", "late", 1, 3, "1.00")]
    bench.assert_frame(bench.engine.read(GOLD_BY_SKU_REASON), GOLD_COLUMNS, rows)


def vacuum(bench: LakeBench) -> None:
    silver = bench.tables.open(SILVER)
    assert silver.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)


def forget(bench: LakeBench) -> None:
    """Remove all of silver's log but a checkpoint of the newest version."""
    silver = bench.tables.open(SILVER)
    silver.create_checkpoint()
    for entry in (bench.root / SILVER.place / "_delta_log").glob("*.json"):
        if int(entry.stem) < silver.version():
            entry.unlink()


@pytest.mark.parametrize("lose", [vacuum, forget])
def test_gold_is_built_anew_where_the_files_of_the_changes_are_gone(
    behind: RunContext, bench: LakeBench, caplog: pytest.LogCaptureFixture, lose: Callable[[LakeBench], None]
) -> None:
    lose(bench)
    with caplog.at_level(logging.INFO):
        assert silver_to_gold(behind) is True
    assert [message for message in caplog.messages if message.endswith("built anew")] == [
        f"{table.name} built anew" for table in GOLD_TABLES
    ]
    rows = [("LAMP", "late", 1, 1, "1.00"), ("MUG", "late", 1, 3, "1.00")]
    bench.assert_frame(bench.engine.read(GOLD_BY_SKU_REASON), GOLD_COLUMNS, rows)
    assert is_current(bench.tables, behind.files) is True


def test_gold_is_brought_up_by_what_changed_where_its_files_are_there(
    behind: RunContext, bench: LakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        silver_to_gold(behind)
    assert [message for message in caplog.messages if message.startswith("gold")] == [
        f"{table.name} brought up by what changed" for table in GOLD_TABLES
    ]
