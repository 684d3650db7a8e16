"""The run record: what it says, where it is kept, and what is read from old ones."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pyspark_interview_project import __version__
from pyspark_interview_project.metrics.run_record import FAILED, NO_NEW_DATA, SUCCEEDED, RunRecord, RunRecords, utc_now

RUN_ID = "11111111-1111-4111-8111-111111111111"
OTHER_RUN_ID = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def records(tmp_path: Path) -> RunRecords:
    return RunRecords(tmp_path / "runs", tmp_path / "latest.json")


def record(run_id: str = RUN_ID, started_at: str = "2026-03-10T12:00:00.000Z", **changes: Any) -> RunRecord:
    return RunRecord(run_id, "test", "embedded", started_at=started_at, **changes)


def write_run(records: RunRecords, minute: int, rows_read: Any, status: str = SUCCEEDED, kind: str = "run") -> None:
    run = record(f"run-{minute:02d}", f"2026-03-10T12:{minute:02d}:00.000Z", status=status, kind=kind)
    run.add_stage("bronze_to_silver", 1, 0.5, {"rows_read": rows_read})
    records.write(run)


def test_utc_now_is_to_the_millisecond_and_ends_in_z() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", utc_now())


def test_run_record_new_one_counts_as_failed_until_something_says_otherwise() -> None:
    new = RunRecord(RUN_ID, "test", "embedded")
    assert (new.status, new.exit_code, new.finished_at) == (FAILED, 1, None)


def test_run_record_json_has_every_documented_key() -> None:
    assert json.loads(record().to_json()) == {
        "run_id": RUN_ID,
        "app_env": "test",
        "engine": "embedded",
        "kind": "run",
        "batch_id": None,
        "status": "failed",
        "complete": True,
        "started_at": "2026-03-10T12:00:00.000Z",
        "finished_at": None,
        "version": __version__,
        "exit_code": 1,
        "error": None,
        "as_of": None,
        "files": [],
        "gates": [],
        "warnings": [],
        "overrides": {},
        "dr": {},
        "stages": [],
        "tables": {},
        "attempts": [],
    }


def test_run_record_statuses_are_the_documented_words() -> None:
    assert (SUCCEEDED, FAILED, NO_NEW_DATA) == ("succeeded", "failed", "no_new_data")


def test_add_stage_rounds_seconds_and_takes_more_facts() -> None:
    run = record()
    run.add_stage("bronze_to_silver", 5, 1.23456, {"rows_read": 7})
    assert run.stages == [{"name": "bronze_to_silver", "rows": 5, "duration_sec": 1.235, "rows_read": 7}]


def test_add_stage_again_takes_the_place_of_the_earlier_attempt() -> None:
    run = record()
    run.add_stage("bronze_to_silver", 5, 1.0)
    run.add_stage("silver_to_gold", 2, 1.0)
    run.add_stage("bronze_to_silver", 6, 2.0)
    assert [(stage["name"], stage["rows"]) for stage in run.stages] == [("silver_to_gold", 2), ("bronze_to_silver", 6)]


def test_stage_is_found_by_its_name_or_not_at_all() -> None:
    run = record()
    run.add_stage("silver_to_gold", 2, 1.0)
    assert (run.stage("silver_to_gold"), run.stage("bronze_to_silver")) == (run.stages[0], None)


def test_write_puts_the_record_among_all_and_as_the_latest(records: RunRecords, tmp_path: Path) -> None:
    run = record()
    records.write(run)
    kept = tmp_path / "runs" / f"20260310T120000.000Z-{RUN_ID}.json"
    assert [*(tmp_path / "runs").iterdir()] == [kept]
    assert kept.read_text() == (tmp_path / "latest.json").read_text() == run.to_json()


def test_write_again_extends_the_same_file(records: RunRecords, tmp_path: Path) -> None:
    run = record()
    records.write(run)
    run.status = SUCCEEDED
    records.write(run)
    [kept] = (tmp_path / "runs").iterdir()
    assert json.loads(kept.read_text())["status"] == SUCCEEDED


def test_find_gives_back_what_was_written(records: RunRecords) -> None:
    run = record(batch_id="000001-abc", as_of="2026-03-10", warnings=["odd"], overrides={"accept_quarantined": 0.5})
    run.add_stage("bronze_to_silver", 5, 1.5, {"rows_read": 7})
    records.write(record(OTHER_RUN_ID))
    records.write(run)
    assert records.find(RUN_ID) == run


def test_find_of_an_unknown_run_is_none(records: RunRecords) -> None:
    assert records.find(RUN_ID) is None


def test_last_volumes_are_those_of_the_newest_runs_the_newest_first(records: RunRecords) -> None:
    for minute in (3, 1, 2, 4):
        write_run(records, minute, minute * 10)
    assert records.last_volumes(3) == [40, 30, 20]


def test_last_volumes_of_fewer_runs_are_all_there_are(records: RunRecords) -> None:
    write_run(records, 1, 10)
    assert records.last_volumes(20) == [10]


def test_last_volumes_without_any_record_are_none(records: RunRecords) -> None:
    assert records.last_volumes(20) == []


@pytest.mark.parametrize(
    "how", [{"status": FAILED}, {"status": NO_NEW_DATA}, {"kind": "replay"}, {"rows_read": 0}, {"rows_read": None}]
)
def test_last_volumes_pass_over_runs_that_say_nothing_of_what_is_usual(
    records: RunRecords, how: dict[str, Any]
) -> None:
    write_run(records, 1, 10)
    write_run(records, 2, **({"rows_read": 99} | how))
    assert records.last_volumes(20) == [10]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"stages": [{"name": "x", "rows": 1}]}', '"text"'])
def test_last_volumes_pass_over_broken_records(records: RunRecords, tmp_path: Path, text: str) -> None:
    write_run(records, 1, 10)
    (tmp_path / "runs" / "20260310T130000.000Z-broken.json").write_text(text)
    assert records.last_volumes(20) == [10]


def test_last_volumes_pass_over_what_is_no_file(records: RunRecords, tmp_path: Path) -> None:
    write_run(records, 1, 10)
    os.mkfifo(tmp_path / "runs" / "20260310T130000.000Z-pipe.json")
    (tmp_path / "runs" / "20260310T130000.000Z-directory.json").mkdir()
    assert records.last_volumes(20) == [10]
