"""What a run checks behind its writes and before them: each check is made to fail."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

import lake_reading
from commands import Ended, returns, succeeded
from conftest import LakeBench
from kills import LANDED, SECOND_DAY, SETTINGS, at_point, run_killed
from lake_reading import gold_by_date_reason, gold_by_sku_reason
from landing import land, row_of
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.config.settings import load_settings
from pyspark_interview_project.engines.base import Lake
from pyspark_interview_project.errors import VerificationError
from pyspark_interview_project.metrics.run_record import RunRecord
from pyspark_interview_project.metrics.run_records import RunRecords
from pyspark_interview_project.pipeline.checks import check_commit
from pyspark_interview_project.pipeline.run_context import RunContext
from pyspark_interview_project.pipeline.silver_parts import plan_silver_write, write_part
from pyspark_interview_project.pipeline.silver_to_gold import silver_to_gold
from pyspark_interview_project.pipeline.watermark import is_current
from pyspark_interview_project.progress import Steps
from pyspark_interview_project.schemas.tables import GOLD_BY_SKU_REASON, GOLD_TABLES, QUARANTINE, SILVER, TableContract
from pyspark_interview_project.storage.commits import CommitMetadata, Written
from pyspark_interview_project.storage.delta_tables import DeltaTables

RUN_ID = "0b2e1d3c-6f7a-4f0e-9a55-3d0c6a0f8f11"
RETURN_COLUMNS = (
    "return_id string, order_id string, customer_id string, sku string, reason string, qty int, amount decimal(18,2), "
    "return_date date, ingest_ts timestamp, source_file string"
)
GOLD_COLUMNS = "sku string, reason string, return_count bigint, total_qty bigint, total_amount decimal(38,2)"
NOTE = CommitMetadata(RUN_ID, "bronze_to_silver", "B1", {"part": 1, "parts": 1})
OTHER_NOTE = CommitMetadata(RUN_ID, "bronze_to_silver", "B2", {"part": 1, "parts": 1})


def returned(*ids: str, sku: str = "MUG") -> list[tuple[Any, ...]]:
    return [(one, "O1", None, sku, "late", 1, "1.00", "2026-01-05", None, "f") for one in ids]


def upserts(bench: LakeBench, *ids: str) -> Any:
    columns = f"{RETURN_COLUMNS}, silver_return_date date, outcome string"
    return bench.frame_of([(*row, None, "inserted") for row in returned(*ids)], columns)


def in_silver(bench: LakeBench, batch_id: str, *ids: str, sku: str = "MUG") -> Any:
    rows = [(*row[:-1], batch_id, row[-1]) for row in returned(*ids, sku=sku)]
    return bench.frame_of(rows, RETURN_COLUMNS.replace("source_file", "batch_id string, source_file"))


class FaultyLake:
    """A lake whose writes of one table are not what they are told to be."""

    def __init__(
        self, lake: Lake, table: TableContract, write: Callable[[Lake, str, Any, CommitMetadata], Written]
    ) -> None:
        self._lake, self._table, self._write = lake, table, write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lake, name)

    def append(self, table: TableContract, rows: Any, note: CommitMetadata) -> Written:
        return self._write(self._lake, "append", rows, note)

    def overwrite(self, table: TableContract, rows: Any, note: CommitMetadata) -> Written:
        if table is not self._table:
            return self._lake.overwrite(table, rows, note)
        return self._write(self._lake, "overwrite", rows, note)


def test_check_commit_of_what_was_written_passes(bench: LakeBench) -> None:
    bench.lake.ensure_tables()
    before = bench.lake.facts(SILVER)
    bench.lake.append(SILVER, in_silver(bench, "B1", "R1", "R2"), NOTE)
    check_commit(bench.lake, SILVER, before.version, NOTE, rows=2)


@pytest.mark.parametrize(
    ("written", "rows", "off"),
    [
        ((), 2, "version is 3, not 4"),
        ((OTHER_NOTE,), 2, "batch_id is B2, not B1"),
        ((NOTE, OTHER_NOTE), 4, "version is 5, not 4"),
        ((NOTE,), 3, "rows is 2, not 3"),
    ],
    ids=["skipped", "foreign", "behind_it_a_foreign_one", "short"],
)
def test_check_commit_of_something_else_fails_and_says_what_is_off(
    bench: LakeBench, written: tuple[CommitMetadata, ...], rows: int, off: str
) -> None:
    bench.lake.ensure_tables()
    before = bench.lake.facts(SILVER)
    for note in written:
        ids = (f"R1-{note.batch_id}", f"R2-{note.batch_id}")
        bench.lake.append(SILVER, in_silver(bench, str(note.batch_id), *ids), note)
    off = off.replace("3, not 4", f"{before.version}, not {before.version + 1}")
    off = off.replace("5, not 4", f"{before.version + 2}, not {before.version + 1}")
    with pytest.raises(VerificationError, match=off):
        check_commit(bench.lake, SILVER, before.version, NOTE, rows)


def skipped(lake: Lake, how: str, rows: Any, note: CommitMetadata) -> Written:
    return Written(None)


def claimed(lake: Lake, how: str, rows: Any, note: CommitMetadata) -> Written:
    """Nothing is written, and the answer is as if it had been."""
    return Written((lake.version(SILVER) or 0) + 1, inserted=2)


def short(lake: Lake, how: str, rows: Any, note: CommitMetadata) -> Written:
    return lake.append(SILVER, rows.filter("return_id <> 'R1'"), note)


def foreign(lake: Lake, how: str, rows: Any, note: CommitMetadata) -> Written:
    return lake.append(SILVER, rows, OTHER_NOTE)


@pytest.mark.parametrize(
    ("fault", "off"),
    [(skipped, "version is"), (claimed, "version is"), (short, "inserted is 1, not 2"), (foreign, "batch_id is B2")],
)
def test_write_part_that_silver_did_not_take_as_it_was_fails(
    bench: LakeBench, fault: Callable[[Lake, str, Any, CommitMetadata], Written], off: str
) -> None:
    bench.lake.ensure_tables()
    write = plan_silver_write(bench.lake, upserts(bench, "R1", "R2"), bench.lake.version(SILVER), 10)
    with pytest.raises(VerificationError, match=off) as raised:
        write_part(FaultyLake(bench.lake, SILVER, fault), write, write.parts[0], NOTE)
    assert raised.value.subject == SILVER.place


def run_of(lake: Lake, root: Path) -> RunContext:
    settings = load_settings({"app_env": "test", "data_root": str(root)})
    records = RunRecords(root / "metrics" / "runs", root / "metrics" / "latest.json")
    record = RunRecord(run_id=RUN_ID, app_env="test", engine="any")
    return RunContext(settings, RUN_ID, date(2026, 1, 6), record, records, lake, Steps())


def one_group_less(lake: Lake, how: str, rows: Any, note: CommitMetadata) -> Written:
    return lake.overwrite(GOLD_BY_SKU_REASON, rows.filter("sku <> 'MUG'"), note)


def of_no_version(lake: Lake, how: str, rows: Any, note: CommitMetadata) -> Written:
    return lake.overwrite(GOLD_BY_SKU_REASON, rows, OTHER_NOTE)


@pytest.mark.parametrize(
    ("fault", "off"), [(one_group_less, "written is 1, not 2"), (of_no_version, "batch_id is B2, not None")]
)
def test_gold_that_did_not_take_its_groups_as_they_were_fails(
    bench: LakeBench, fault: Callable[[Lake, str, Any, CommitMetadata], Written], off: str
) -> None:
    bench.lake.ensure_tables()
    bench.lake.append(SILVER, in_silver(bench, "B1", "R1"), NOTE)
    bench.lake.append(SILVER, in_silver(bench, "B2", "R2", sku="LAMP"), OTHER_NOTE)
    with pytest.raises(VerificationError, match=off) as raised:
        silver_to_gold(run_of(FaultyLake(bench.lake, GOLD_BY_SKU_REASON, fault), bench.root))
    assert raised.value.subject == GOLD_BY_SKU_REASON.place


def test_gold_of_a_silver_that_was_made_anew_is_built_anew_at_the_same_version(bench: LakeBench) -> None:
    run = run_of(bench.lake, bench.root)
    bench.lake.ensure_tables()
    bench.lake.append(SILVER, in_silver(bench, "B1", "R1", "R2"), NOTE)
    silver_to_gold(run)
    before = bench.lake.version(SILVER)
    assert is_current(bench.lake, LakePaths.at(str(bench.root)))
    shutil.rmtree(bench.root / "silver")
    bench.lake.ensure_tables()
    bench.lake.append(SILVER, in_silver(bench, "B1", "R3", sku="LAMP"), NOTE)
    assert bench.lake.version(SILVER) == before
    assert not is_current(bench.lake, LakePaths.at(str(bench.root)))
    silver_to_gold(run)
    bench.assert_frame(bench.lake.read(GOLD_BY_SKU_REASON), GOLD_COLUMNS, [("LAMP", "late", 1, 1, "1.00")])
    assert is_current(bench.lake, LakePaths.at(str(bench.root)))


# Silver that is not the table that it was ----------------------------------------------------------------------------


def changed_silver(lake: Path, how: str, first_day: Path) -> None:
    shutil.rmtree(lake / lake_reading.SILVER)
    if how == "anew":
        DeltaTables(LakePaths.at(str(lake))).ensure()
    if how == "older":
        shutil.copytree(first_day / lake_reading.SILVER, lake / lake_reading.SILVER)


def land_a_file(lake: Path) -> None:
    row = row_of("R-late", "O-1", None, "MUG", "damaged", "1", "5.00", "2026-11-18", "2026-11-19T08:00:00Z")
    land(lake / LANDED / "late.jsonl", [row])


def run_on(lake: Path, command: str = "run") -> Ended:
    return returns(lake, command, "--as-of", SECOND_DAY, **(SETTINGS if command == "run" else {}))


@pytest.mark.parametrize(
    ("how", "command", "lands", "off"),
    [
        ("gone", "run", False, "is gone, not there"),
        ("gone", "run", True, "is gone, not there"),
        ("anew", "run", False, "table id is "),
        ("anew", "bronze-to-silver", True, "table id is "),
        ("older", "silver-to-gold", False, "the version of batch "),
    ],
)
def test_silver_that_lacks_the_batch_before_exits_7_naming_it_and_the_next_step(
    tmp_path: Path, first_day: Path, second_day: Path, how: str, command: str, lands: bool, off: str
) -> None:
    lake = Path(shutil.copytree(second_day, tmp_path / "lake"))
    changed_silver(lake, how, first_day)
    if lands:
        land_a_file(lake)
    gold = lake_reading.rows(lake, lake_reading.GOLD_BY_SKU_REASON)
    ended = run_on(lake, command)
    assert ended.exit_code == 7, ended.stderr
    (complaint,) = ended.complaints
    assert complaint.startswith(f"error: {SILVER.place}: ") and off in complaint and "returns dr restore" in complaint
    assert lake_reading.rows(lake, lake_reading.GOLD_BY_SKU_REASON) == gold
    assert len(lake_reading.batch_states(lake)) == len(lake_reading.batch_states(second_day))


def test_quarantine_that_is_gone_with_rows_of_a_batch_exits_7_naming_it_and_the_next_step(
    tmp_path: Path, second_day: Path
) -> None:
    lake = Path(shutil.copytree(second_day, tmp_path / "lake"))
    shutil.rmtree(lake / lake_reading.QUARANTINE)
    land_a_file(lake)
    silver = lake_reading.rows(lake, lake_reading.SILVER)
    ended = run_on(lake)
    assert ended.exit_code == 7, ended.stderr
    (complaint,) = ended.complaints
    assert complaint.startswith(f"error: {QUARANTINE.place}: ") and "is gone, not there" in complaint
    assert "returns dr restore" in complaint
    assert lake_reading.rows(lake, lake_reading.SILVER) == silver


@pytest.mark.parametrize("table", [SILVER, QUARANTINE])
@pytest.mark.parametrize("command", ["run", "silver-to-gold"])
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
    assert lake_reading.rows(lake, lake_reading.QUARANTINE) == lake_reading.rows(second_day, lake_reading.QUARANTINE)


def test_restore_behind_a_kill_takes_the_begun_batch_back_to_where_it_is_taken_anew(
    tmp_path: Path, first_day: Path, second_day: Path
) -> None:
    lake = Path(shutil.copytree(first_day, tmp_path / "lake"))
    begun_at = lake_reading.version(lake, lake_reading.SILVER)
    run_killed(lake, SECOND_DAY, at_point("after_silver_part", 2))
    DeltaTable(lake / lake_reading.SILVER).restore(begun_at + 1)  # its first part is there
    succeeded(run_on(lake))
    assert lake_reading.comparable(lake) == lake_reading.comparable(second_day)


def test_silver_that_others_changed_is_said_on_record_and_gold_follows(tmp_path: Path, second_day: Path) -> None:
    lake = Path(shutil.copytree(second_day, tmp_path / "lake"))
    silver = DeltaTable(lake / lake_reading.SILVER)
    silver.optimize.compact()
    silver.delete("return_id = 'R-1001'")
    changed = silver.version()
    succeeded(run_on(lake))
    record = lake_reading.read_json(lake / "metrics" / "pipeline_metrics.json")
    assert record["warnings"] == [f"{SILVER.place} was changed by others: version {changed}, DELETE"]
    counts = [sum(row[2] for row in rows(lake)) for rows in (gold_by_sku_reason, gold_by_date_reason)]
    assert counts == [len(lake_reading.rows(second_day, lake_reading.SILVER)) - 1] * 2


def test_silver_that_was_only_compacted_is_nothing_new(tmp_path: Path, second_day: Path) -> None:
    lake = Path(shutil.copytree(second_day, tmp_path / "lake"))
    versions = [lake_reading.version(lake, table.place) for table in GOLD_TABLES]
    assert DeltaTable(lake / lake_reading.SILVER).optimize.compact()["numFilesAdded"]
    assert succeeded(run_on(lake)).lines[-1].startswith("nothing new in ")
    land_a_file(lake)
    succeeded(run_on(lake))
    assert [lake_reading.version(lake, table.place) for table in GOLD_TABLES] == [version + 1 for version in versions]
    counts = [sum(row[2] for row in rows(lake)) for rows in (gold_by_sku_reason, gold_by_date_reason)]
    assert counts == [len(lake_reading.rows(lake, lake_reading.SILVER))] * 2


def test_log_of_which_all_is_old_keeps_what_a_batch_was_counted_against(tmp_path: Path, second_day: Path) -> None:
    lake = Path(shutil.copytree(second_day, tmp_path / "lake"))
    silver = DeltaTable(lake / lake_reading.SILVER)
    for version in range(
        silver.version() + 1, 99
    ):  # the next commit writes a checkpoint, and would clean up by default
        silver.alter.set_table_description(f"as of version {version}")
    long_ago = time.time() - 40 * 24 * 3600
    for entry in (lake / lake_reading.SILVER / "_delta_log").glob("*.json"):
        os.utime(entry, (long_ago, long_ago))
    land_a_file(lake)
    succeeded(run_on(lake))
    assert lake_reading.version(lake, lake_reading.SILVER) == 99
    assert (lake / lake_reading.SILVER / "_delta_log" / f"{0:020d}.json").exists()
    assert {state for _, state in lake_reading.batch_states(lake)} == {"committed"}


def test_gold_that_differs_from_silver_exits_7_until_it_is_built_anew(tmp_path: Path, second_day: Path) -> None:
    lake = Path(shutil.copytree(second_day, tmp_path / "lake"))
    for place in (lake_reading.GOLD_BY_SKU_REASON, lake_reading.GOLD_BY_DATE_REASON):
        DeltaTable(lake / place).delete("reason = 'damaged'")
    land_a_file(lake)
    # The second run finds no file that is new, and gold that covers all of silver.
    for _ in range(2):
        ended = run_on(lake)
        assert ended.exit_code == 7, ended.stderr
        (complaint,) = ended.complaints
        assert complaint.startswith(f"error: {GOLD_BY_SKU_REASON.place}: return_count is ")
        assert "move both gold tables away and run again" in complaint
    shutil.rmtree(lake / "gold")
    succeeded(run_on(lake))
    counts = [sum(row[2] for row in rows(lake)) for rows in (gold_by_sku_reason, gold_by_date_reason)]
    assert counts == [len(lake_reading.rows(lake, lake_reading.SILVER))] * 2
    assert succeeded(run_on(lake)).lines[-1].startswith("nothing new in ")


def test_silver_made_anew_under_batches_that_kept_no_id_is_taken_as_it_is_and_gold_follows(
    tmp_path: Path, first_day: Path, second_day: Path
) -> None:
    lake = Path(shutil.copytree(second_day, tmp_path / "lake"))
    for file in (lake / "ops" / "batches").glob("*/counted.json"):
        record = json.loads(file.read_text())
        del record["silver_id"], record["parts"]
        file.write_text(json.dumps(record))
    changed_silver(lake, "anew", first_day)
    succeeded(run_on(lake))
    tables = (lake_reading.SILVER, lake_reading.GOLD_BY_SKU_REASON, lake_reading.GOLD_BY_DATE_REASON)
    assert {table: lake_reading.rows(lake, table) for table in tables} == dict.fromkeys(tables, [])
