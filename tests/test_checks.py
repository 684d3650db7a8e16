"""What a run checks behind its writes and before them: each check is made to fail."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

import lake_reading
from commands import Ended, returns, succeeded
from conftest import LakeBench
from kills import LANDED, SECOND_DAY, SETTINGS
from lake_reading import gold_by_date_reason, gold_by_sku_reason
from landing import land, row_of
from pyspark_interview_project.engines import duckdb
from pyspark_interview_project.errors import VerificationError
from pyspark_interview_project.pipeline import bronze_to_silver
from pyspark_interview_project.pipeline.checks import changes_by_others, check_commit, check_tables_stand
from pyspark_interview_project.pipeline.ledger import Batch, Checkpoint, TablesAfter
from pyspark_interview_project.pipeline.plan import is_in_silver
from pyspark_interview_project.pipeline.run_context import RunContext
from pyspark_interview_project.pipeline.silver_to_gold import silver_to_gold
from pyspark_interview_project.schemas.tables import (
    GOLD_BY_DATE_REASON,
    GOLD_BY_SKU_REASON,
    GOLD_TABLES,
    QUARANTINE,
    SILVER,
    TableContract,
)
from pyspark_interview_project.storage.commits import CommitMetadata, Written
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.delta_writes import DeltaWrites
from running import QUARANTINE_COLUMNS, RUN_ID, UPSERT_COLUMNS, context_of, opened, settings_of

AS_OF = date(2026, 1, 6)
METADATA = CommitMetadata(RUN_ID, "bronze_to_silver", "B1")
FIGURES = {"rows_quarantined": 0}


def upsert(bench: LakeBench, batch_id: str, *ids: str, sku: str = "MUG") -> int:
    """New returns of a batch in silver; the version that this makes."""
    values = [(one, "O1", None, sku, "late", 1, "1.00", "2026-01-05", None, batch_id, "f", 1) for one in ids]
    rows = bench.frame_of([(*value, "inserted", None) for value in values], UPSERT_COLUMNS)
    metadata = replace(METADATA, batch_id=batch_id)
    version = bench.engine.upsert(SILVER, rows, metadata, Written(None, len(ids))).version
    assert version is not None
    return version


def counted(lake: Path) -> list[int]:
    """How many returns each gold table counts."""
    return [sum(row[2] for row in rows(lake)) for rows in (gold_by_sku_reason, gold_by_date_reason)]


# Behind a write ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [2, None])
def test_check_commit_of_what_was_written_passes(bench: LakeBench, rows: int | None) -> None:
    bench.engine.ensure_tables()
    before = bench.tables.facts(SILVER)
    upsert(bench, "B1", "R1", "R2")
    check_commit(bench.tables, SILVER, before.version, METADATA, rows)


@pytest.mark.parametrize(
    ("written", "rows", "off"),
    [
        ((), 2, {"version": (1, 0), "batch_id": ("B1", None), "rows": (2, 0)}),
        (("B2",), 2, {"batch_id": ("B1", "B2")}),
        (("B1", "B2"), 4, {"version": (1, 2), "batch_id": ("B1", "B2")}),
        (("B1",), 3, {"rows": (3, 2)}),
    ],
    ids=["skipped", "foreign", "behind_it_a_foreign_one", "short"],
)
def test_check_commit_of_something_else_fails_and_says_what_is_off(
    bench: LakeBench, written: tuple[str, ...], rows: int, off: dict[str, tuple[object, object]]
) -> None:
    bench.engine.ensure_tables()
    before = bench.tables.facts(SILVER)
    for batch_id in written:
        upsert(bench, batch_id, f"R1-{batch_id}", f"R2-{batch_id}")
    with pytest.raises(VerificationError) as raised:
        check_commit(bench.tables, SILVER, before.version, METADATA, rows)
    expected, found = dict(raised.value.expected), dict(raised.value.found)
    for versions in (expected, found):
        versions["version"] = int(str(versions["version"])) - before.version
    differing = {name: (expected[name], found.get(name)) for name in expected if expected[name] != found.get(name)}
    if not written:  # the newest commit is none of a run's
        differing = {name: differing[name] for name in off}
    assert (raised.value.subject, differing) == (SILVER.place, off)


# The writes of bronze to silver --------------------------------------------------------------------------------------


class FaultyWrites(DeltaWrites):
    """Commits of which those of one table are not what they are told to be."""

    def __init__(self, tables: DeltaTables, table: TableContract, fault: str) -> None:
        super().__init__(tables)
        self._table, self._fault = table, fault

    def publish(self, table: Any, added: Any, removed: Any, metadata: Any, transaction: str | None = None) -> None:
        if table is self._table:
            added = added[1:] if self._fault == "short" else added
            metadata = replace(metadata, batch_id="B2") if self._fault == "foreign" else metadata
        super().publish(table, added, removed, metadata, transaction)

    def replace_batch(self, table: Any, rows: Any, metadata: Any) -> None:
        if table is self._table and self._fault == "short":
            rows = rows.from_batches(rows.schema, rows.read_all().slice(1).to_batches())
        super().replace_batch(table, rows, metadata)
        if table is self._table and self._fault == "foreign":
            super().publish(table, [], [], replace(metadata, batch_id="B2"))


def land_a_file(lake: Path) -> None:
    rows = [
        row_of("R-late", "O-1", None, "MUG", "damaged", "1", "5.00", "2026-11-18", "2026-11-19T08:00:00Z"),
        row_of("R-later", "O-1", None, "MUG", "damaged", "1", "5.00", "2026-11-19", "2026-11-19T08:00:00Z"),
        row_of("R-bad", "O-1", None, "MUG", "damaged", "0", "5.00", "2026-11-18", "2026-11-19T08:00:00Z"),
        row_of("R-worse", "O-1", None, "MUG", "damaged", "0", "5.00", "2026-11-18", "2026-11-19T08:00:00Z"),
    ]
    land(lake / LANDED / "late.jsonl", rows)


def run_with(fault: str, table: TableContract, lake: Path) -> VerificationError:
    """A run whose writes of a table are faulty; what it ends with. Embedded engine only."""
    land_a_file(lake)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(VerificationError) as raised, opened(lake) as run:
        patch.setattr(duckdb, "DeltaWrites", lambda tables: FaultyWrites(tables, table, fault))
        bronze_to_silver.bronze_to_silver(run)
    return raised.value


@pytest.mark.parametrize(
    ("table", "fault", "term", "silver"),
    [(SILVER, "short", "rows", 1), (SILVER, "foreign", "batch_id", 2), (QUARANTINE, "foreign", "batch_id", 0)],
)
def test_batch_that_a_table_did_not_take_as_it_was_stays_planned(
    tmp_path: Path, table: TableContract, fault: str, term: str, silver: int
) -> None:
    lake = tmp_path / "lake"
    error = run_with(fault, table, lake)
    [(batch_id, state)] = lake_reading.batch_states(lake)
    off = {"rows": (2, 1), "batch_id": (batch_id, "B2")}[term]
    assert (error.subject, error.expected[term], error.found[term], state) == (table.place, *off, "planned")
    assert len(lake_reading.silver(lake)) == silver


def test_batch_of_which_quarantine_took_a_part_stays_planned(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    error = run_with("short", QUARANTINE, lake)
    assert (error.subject, error.expected, error.found) == (QUARANTINE.place, {"rows": 2}, {"rows": 1})
    [(_, state)] = lake_reading.batch_states(lake)
    assert (state, lake_reading.silver(lake)) == ("planned", [])


# The writes of gold --------------------------------------------------------------------------------------------------


class FaultyEngine:
    """An engine whose overwrites of one table are not what they are told to be."""

    def __init__(self, engine: Any, write: Callable[[Any, Any, CommitMetadata], Written]) -> None:
        self._engine, self._write = engine, write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def overwrite(self, table: TableContract, rows: Any, metadata: CommitMetadata) -> Written:
        if table is not GOLD_BY_SKU_REASON:
            written: Written = self._engine.overwrite(table, rows, metadata)
            return written
        return self._write(self._engine, rows, metadata)


def one_group_less(engine: Any, rows: Any, metadata: CommitMetadata) -> Written:
    written: Written = engine.overwrite(GOLD_BY_SKU_REASON, rows.filter("sku <> 'MUG'"), metadata)
    return written


def one_group_less_than_is_claimed(engine: Any, rows: Any, metadata: CommitMetadata) -> Written:
    return replace(one_group_less(engine, rows, metadata), inserted=2)


def of_another_batch(engine: Any, rows: Any, metadata: CommitMetadata) -> Written:
    written: Written = engine.overwrite(GOLD_BY_SKU_REASON, rows, replace(metadata, batch_id="B2"))
    return written


@pytest.mark.parametrize(
    ("fault", "off"),
    [
        (one_group_less, "written is 1, not 2"),
        (one_group_less_than_is_claimed, "rows is 1, not 2"),
        (of_another_batch, "batch_id is B2, not None"),
    ],
)
def test_gold_that_did_not_take_its_groups_as_they_were_fails(
    bench: LakeBench, fault: Callable[[Any, Any, CommitMetadata], Written], off: str
) -> None:
    bench.engine.ensure_tables()
    upsert(bench, "B1", "R1")
    upsert(bench, "B2", "R2", sku="LAMP")
    run = context_of(bench.tables, FaultyEngine(bench.engine, fault), bench.root, AS_OF)
    with pytest.raises(VerificationError) as raised:
        silver_to_gold(run)
    assert str(raised.value) == f"{GOLD_BY_SKU_REASON.place}: {off}"
    assert not any(commit.metadata for commit in bench.tables.commits(GOLD_BY_DATE_REASON))


def test_gold_that_differs_from_silver_fails_until_it_is_built_anew(bench: LakeBench) -> None:
    bench.engine.ensure_tables()
    upsert(bench, "B1", "R1", "R2")
    upsert(bench, "B2", "R3", sku="LAMP")
    run = context_of(bench.tables, bench.engine, bench.root, AS_OF)
    silver_to_gold(run)
    for table in GOLD_TABLES:
        bench.tables.open(table).delete("total_qty = 1" if table is GOLD_BY_SKU_REASON else "true")
    upsert(bench, "B3", "R4")
    # The second time gold covers all of silver.
    for _ in range(2):
        with pytest.raises(VerificationError) as raised:
            silver_to_gold(run)
        assert str(raised.value) == (
            f"{GOLD_BY_SKU_REASON.place}: return_count is 3, not 4; move both gold tables away and run again: they are "
            "built anew from silver"
        )
    shutil.rmtree(bench.root / "gold")
    assert (silver_to_gold(run), silver_to_gold(run)) == (True, False)
    assert counted(bench.root) == [4, 4]


def test_gold_tables_that_differ_from_each_other_fail(bench: LakeBench) -> None:
    bench.engine.ensure_tables()
    upsert(bench, "B1", "R1", "R2")
    run = context_of(bench.tables, bench.engine, bench.root, AS_OF)
    silver_to_gold(run)
    bench.tables.open(GOLD_BY_DATE_REASON).update({"total_qty": "total_qty + 1"})
    upsert(bench, "B2", "R3")
    with pytest.raises(VerificationError, match="^gold/returns_by_date_reason: total_qty is 4, not 3; move both gold"):
        silver_to_gold(run)


# Tables that are not what they were ----------------------------------------------------------------------------------


@pytest.fixture
def run(bench: LakeBench) -> RunContext:
    """A run on the lake of `bench`, whose tables are there."""
    bench.engine.ensure_tables()
    return context_of(bench.tables, bench.engine, bench.root, AS_OF)


def committed(run: RunContext, after: TablesAfter, quarantined: int = 0) -> Batch:
    """A batch that is done, with the tables as `after` says."""
    batch = run.ledger.new_batch((), AS_OF, RUN_ID)
    run.ledger.plan(batch)
    batch = run.ledger.checkpoint(batch, Checkpoint(0, 1, {"rows_quarantined": quarantined}))
    return run.ledger.commit(batch, RUN_ID, after)


def stands(run: RunContext) -> TablesAfter:
    silver = run.tables.version(SILVER)
    assert silver is not None
    return TablesAfter(run.tables.table_id(SILVER), silver, run.tables.version(QUARANTINE))


def test_check_tables_stand_of_a_new_lake_passes(bench: LakeBench) -> None:
    run = context_of(bench.tables, bench.engine, bench.root, AS_OF)
    check_tables_stand(run.tables, run.ledger)


def test_check_tables_stand_of_tables_as_they_were_or_newer_passes(run: RunContext, bench: LakeBench) -> None:
    upsert(bench, "B1", "R1")
    committed(run, stands(run), quarantined=1)
    check_tables_stand(run.tables, run.ledger)
    upsert(bench, "B2", "R2")
    run.tables.open(SILVER).restore(stands(run).silver - 1)  # of what is newer than the batch
    check_tables_stand(run.tables, run.ledger)


def off_of(run: RunContext) -> tuple[str, dict[str, object], dict[str, object]]:
    """What is wrong with the tables: where, what was expected and what is there."""
    with pytest.raises(VerificationError) as raised:
        check_tables_stand(run.tables, run.ledger)
    assert raised.value.exit_code == 7
    assert str(raised.value).endswith(
        "restore the table (returns dr restore), or move silver, quarantine, gold, ops/batches and ops/ledger away to "
        "take all landed files anew"
    )
    return raised.value.subject, raised.value.expected, raised.value.found


def test_check_tables_stand_names_silver_that_is_gone(run: RunContext, bench: LakeBench) -> None:
    batch = committed(run, stands(run))
    shutil.rmtree(bench.root / SILVER.place)
    term = f"the table of batch {batch.batch_id}"
    assert off_of(run) == (SILVER.place, {term: "there"}, {term: "gone"})


def test_check_tables_stand_names_silver_that_was_made_anew(run: RunContext, bench: LakeBench) -> None:
    before = stands(run)
    committed(run, before)
    shutil.rmtree(bench.root / SILVER.place)
    bench.engine.ensure_tables()
    ids = {"table id": before.silver_id}, {"table id": bench.tables.table_id(SILVER)}
    assert ids[0] != ids[1] and off_of(run) == (SILVER.place, *ids)


def test_check_tables_stand_takes_silver_whose_id_no_batch_kept(run: RunContext, bench: LakeBench) -> None:
    committed(run, replace(stands(run), silver_id=None))
    shutil.rmtree(bench.root / SILVER.place)
    bench.engine.ensure_tables()
    check_tables_stand(run.tables, run.ledger)


def test_check_tables_stand_names_silver_that_is_older_than_the_batch(run: RunContext) -> None:
    after = stands(run)
    batch = committed(run, replace(after, silver=after.silver + 1))
    term = f"the version of batch {batch.batch_id}"
    assert off_of(run) == (SILVER.place, {term: after.silver + 1}, {term: after.silver})


@pytest.mark.parametrize("quarantined", [0, 1])
def test_check_tables_stand_names_quarantine_that_is_gone_where_it_had_rows(
    run: RunContext, bench: LakeBench, quarantined: int
) -> None:
    committed(run, stands(run), quarantined)
    committed(run, stands(run))
    shutil.rmtree(bench.root / QUARANTINE.place)
    if quarantined:
        assert off_of(run) == (QUARANTINE.place, {"the table": "there"}, {"the table": "gone"})
    else:
        check_tables_stand(run.tables, run.ledger)


def quarantine(bench: LakeBench, batch_id: str) -> None:
    row = (f"Q-{batch_id}", None, None, "raw", ["sku_missing"], "f", 1, batch_id, "2026-03-10T12:00:00", 1)
    metadata = replace(METADATA, batch_id=batch_id)
    bench.engine.replace_batch(QUARANTINE, bench.frame_of([row], QUARANTINE_COLUMNS), metadata)


@pytest.mark.parametrize("table", [SILVER, QUARANTINE])
def test_check_tables_stand_names_the_batch_that_a_restore_undid(
    run: RunContext, bench: LakeBench, table: TableContract
) -> None:
    upsert(bench, "B1", "R1")
    quarantine(bench, "B1")
    batch = committed(run, stands(run))
    newest = bench.tables.version(table)
    assert newest is not None
    bench.tables.open(table).restore(newest - 1)
    with pytest.raises(VerificationError) as raised:
        check_tables_stand(run.tables, run.ledger)
    term = f"version {newest}, of batch {batch.batch_id}"
    assert (raised.value.subject, raised.value.expected, raised.value.found) == (
        table.place,
        {term: "there"},
        {term: "undone by a RESTORE"},
    )
    assert f"; put the table back to its version {newest} or newer, by number; else restore the" in str(raised.value)
    bench.tables.open(table).restore(newest)
    check_tables_stand(run.tables, run.ledger)


def test_changes_by_others_are_the_rows_of_silver_that_no_run_of_ours_changed(
    run: RunContext, bench: LakeBench
) -> None:
    assert changes_by_others(run.tables, run.ledger) == []
    upsert(bench, "B1", "R1", "R2")
    committed(run, stands(run))
    assert changes_by_others(run.tables, run.ledger) == []
    upsert(bench, "B2", "R3")
    silver = bench.tables.open(SILVER)
    silver.optimize.compact()
    silver.delete("return_id = 'R1'")
    silver.delete("return_id = 'R2'")
    undone = silver.version()
    silver.restore(undone - 1)
    expected = [
        f"{SILVER.place} was changed by others: version {undone + 1}, RESTORE",
        f"{SILVER.place} was changed by others: version {undone - 1}, DELETE",
    ]
    assert changes_by_others(run.tables, run.ledger) == expected
    committed(run, stands(run))
    assert changes_by_others(run.tables, run.ledger) == []


def test_changes_by_others_are_those_since_the_checkpoint_where_no_batch_is_done(
    run: RunContext, bench: LakeBench
) -> None:
    batch = run.ledger.new_batch((), AS_OF, RUN_ID)
    run.ledger.plan(batch)
    assert changes_by_others(run.tables, run.ledger) == []
    silver = bench.tables.version(SILVER)
    assert silver is not None
    run.ledger.checkpoint(batch, Checkpoint(silver, 1, FIGURES))
    upsert(bench, batch.batch_id, "R1", "R2")
    bench.tables.open(SILVER).delete("return_id = 'R1'")
    expected = [f"{SILVER.place} was changed by others: version {silver + 2}, DELETE"]
    assert changes_by_others(run.tables, run.ledger) == expected


def test_log_of_which_all_is_old_keeps_what_a_checkpoint_was_compared_with(run: RunContext, bench: LakeBench) -> None:
    batch = run.ledger.new_batch((), AS_OF, RUN_ID)
    batch = replace(batch, checkpoint=Checkpoint(stands(run).silver, 1, FIGURES))
    upsert(bench, batch.batch_id, "R1")
    silver = bench.tables.open(SILVER)
    for version in range(silver.version() + 1, 99):  # with the next commit Delta writes a checkpoint, and may clean up
        silver.alter.set_table_description(f"as of version {version}")
    long_ago = time.time() - 40 * 24 * 3600
    log = bench.root / SILVER.place / "_delta_log"
    for entry in log.glob("*.json"):
        os.utime(entry, (long_ago, long_ago))
    assert upsert(bench, "B2", "R2") == 99
    assert (log / f"{0:020d}.json").exists() and is_in_silver(bench.tables, batch)


# Whole runs on such tables -------------------------------------------------------------------------------------------


def changed_silver(lake: Path, how: str, first_day: Path) -> None:
    shutil.rmtree(lake / lake_reading.SILVER)
    if how == "older":
        shutil.copytree(first_day / lake_reading.SILVER, lake / lake_reading.SILVER)


def run_on(lake: Path, command: str = "run") -> Ended:
    return returns(lake, command, "--as-of", SECOND_DAY, **(SETTINGS if command == "run" else {}))


@pytest.mark.parametrize(
    ("how", "command", "off"),
    [
        ("gone", "run", "is gone, not there"),
        ("older", "silver-to-gold", "the version of batch "),
    ],
)
def test_silver_that_lacks_the_batch_before_exits_7_naming_it_and_the_next_step(
    tmp_path: Path, first_day: Path, second_day: Path, how: str, command: str, off: str
) -> None:
    lake = Path(shutil.copytree(second_day, tmp_path / "lake"))
    changed_silver(lake, how, first_day)
    gold = lake_reading.rows(lake, lake_reading.GOLD_BY_SKU_REASON)
    ended = run_on(lake, command)
    assert ended.exit_code == 7, ended.stderr
    (complaint,) = ended.complaints
    assert complaint.startswith(f"error: {SILVER.place}: ") and off in complaint and "returns dr restore" in complaint
    assert lake_reading.rows(lake, lake_reading.GOLD_BY_SKU_REASON) == gold
    assert len(lake_reading.batch_states(lake)) == len(lake_reading.batch_states(second_day))


@pytest.mark.full
@pytest.mark.parametrize(("table", "command"), [(SILVER, "silver-to-gold"), (QUARANTINE, "run")])
def test_table_whose_batch_a_restore_undid_exits_7_until_it_is_put_back(
    tmp_path: Path, second_day: Path, table: TableContract, command: str
) -> None:
    lake = Path(shutil.copytree(second_day, tmp_path / "lake"))
    newest = lake_reading.version(lake, table.place)
    batch_id, _ = lake_reading.batch_states(lake)[-1]
    DeltaTable(lake / table.place).restore(newest - 1)
    land_a_file(lake)
    ended = run_on(lake, command)
    assert ended.exit_code == 7, ended.stderr
    (complaint,) = ended.complaints
    undone = f"version {newest}, of batch {batch_id} is undone by a RESTORE, not there"
    assert complaint.startswith(f"error: {table.place}: {undone}; put the table back to its version {newest} or newer")
    assert gold_by_sku_reason(lake) == gold_by_sku_reason(second_day)

    DeltaTable(lake / table.place).restore(newest)
    succeeded(run_on(lake))
    assert [row[0] for row in lake_reading.rows(lake, lake_reading.SILVER)].count("R-late") == 1
    quarantined = lake_reading.quarantined(lake)
    assert quarantined - lake_reading.quarantined(second_day) == {
        (f"{LANDED}/late.jsonl", return_id, ("qty_not_positive",)): 1 for return_id in ("R-bad", "R-worse")
    }


def test_silver_that_was_compacted_is_nothing_new_and_a_row_that_others_deleted_is_told_and_gold_follows(
    tmp_path: Path, second_day: Path
) -> None:
    lake = Path(shutil.copytree(second_day, tmp_path / "lake"))
    versions = [lake_reading.version(lake, table.place) for table in GOLD_TABLES]
    silver = DeltaTable(lake / lake_reading.SILVER)
    assert silver.optimize.compact()["numFilesAdded"]
    assert succeeded(run_on(lake)).lines[-1].startswith("nothing new in ")
    silver.delete("return_id = 'R-1001'")
    succeeded(run_on(lake))
    changed = f"{SILVER.place} was changed by others: version {silver.version()}, DELETE"
    assert lake_reading.latest_run_record(lake)["warnings"] == [changed]
    assert [lake_reading.version(lake, table.place) for table in GOLD_TABLES] == [version + 1 for version in versions]
    assert counted(lake) == [len(lake_reading.rows(second_day, lake_reading.SILVER)) - 1] * 2


def test_silver_made_anew_under_batches_that_kept_no_id_is_taken_as_it_is_and_gold_follows(
    tmp_path: Path, second_day: Path
) -> None:
    """The first edition kept no id of silver at first."""
    lake = Path(shutil.copytree(second_day, tmp_path / "lake"))
    for directory in (lake / "ops" / "batches").iterdir():
        checkpoint = json.loads((directory / "checkpoint.json").read_text())
        (directory / "checkpoint.json").unlink()
        del checkpoint["silver_id"]
        checkpoint["silver_version"] = 0
        (directory / "counted.json").write_text(json.dumps(checkpoint))
        (directory / "committed.json").write_text('{"run_id": "run-1", "at": "2026-11-20T08:00:00+00:00"}')
    shutil.rmtree(lake / lake_reading.SILVER)
    DeltaWrites(DeltaTables(settings_of(lake).paths)).ensure()
    succeeded(run_on(lake))
    tables = (lake_reading.SILVER, lake_reading.GOLD_BY_SKU_REASON, lake_reading.GOLD_BY_DATE_REASON)
    assert {table: lake_reading.rows(lake, table) for table in tables} == dict.fromkeys(tables, [])
