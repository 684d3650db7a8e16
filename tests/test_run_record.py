"""The run record: what it says, where it is kept, and what becomes of it where several processes write it."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from commands import RETURNS, Ended, at_once, environment, returns, run, succeeded
from landing import land, row_of
from pyspark_interview_project import __version__
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.metrics.run_record import (
    FAILED,
    NO_NEW_DATA,
    SUCCEEDED,
    RecoveryRecord,
    RunRecord,
    StageRecord,
    utc_now,
)
from pyspark_interview_project.metrics.run_records import RunRecords

RUN_ID = "11111111-1111-4111-8111-111111111111"
OTHER_RUN_ID = "22222222-2222-4222-8222-222222222222"
STARTED = "2026-03-10T12:00:00.000Z"


@pytest.fixture
def records(tmp_path: Path) -> RunRecords:
    return RunRecords(tmp_path / "runs", tmp_path / "latest.json")


def record(run_id: str = RUN_ID, started_at: str = STARTED, **changes: Any) -> RunRecord:
    fields = {"run_id": run_id, "app_env": "test", "engine": "embedded", "started_at": started_at}
    return RunRecord.model_validate(fields | changes)


def silver(rows: int = 5, seconds: float = 1.0, **terms: Any) -> StageRecord:
    return StageRecord(name="bronze_to_silver", rows=rows, duration_sec=seconds, **terms)


def gold(rows: int = 2) -> StageRecord:
    return StageRecord(name="silver_to_gold", rows=rows, duration_sec=1.0)


def files(directory: Path) -> list[dict[str, Any]]:
    """The records in a directory, in the order of their names."""
    return [json.loads(path.read_text()) for path in sorted(directory.iterdir())]


# What it says


def test_utc_now_is_written_to_the_millisecond_and_ends_in_z() -> None:
    now = utc_now()
    assert datetime.now(UTC) - now < timedelta(seconds=5)
    new = json.loads(record(started_at=now).to_json())
    assert new["started_at"] == f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03}Z"


def test_new_record_says_by_itself_what_a_run_has_until_it_ends() -> None:
    new = RunRecord(run_id=RUN_ID, app_env="test", engine="embedded")
    assert (new.status, new.exit_code, new.finished_at) == (FAILED, 1, None)
    assert json.loads(record().to_json()) == {
        "run_id": RUN_ID,
        "app_env": "test",
        "engine": "embedded",
        "kind": "run",
        "batch_id": None,
        "status": "failed",
        "complete": True,
        "started_at": STARTED,
        "finished_at": None,
        "version": __version__,
        "exit_code": 1,
        "error": None,
        "as_of": None,
        "files": [],
        "files_rejected": [],
        "files_ignored": [],
        "gates": [],
        "warnings": [],
        "overrides": {},
        "dr": {},
        "stages": [],
        "tables": {},
        "attempts": [],
    }


def test_parts_are_written_as_they_were_given_and_no_more() -> None:
    full = {
        "files": [{"path": "a.csv", "bytes": 7, "rows": 1}],
        "gates": [{"name": "volume", "status": "warned", "value": 6.5, "limit": 5.0}],
        "warnings": ["odd \udcff"],  # the name of a file that is no UTF-8
        "overrides": {"accept_quarantined": 0.5},
        "dr": {
            "nightly": {
                "backup": "B",
                "bytes_sent": 1,
                "files_sent": 2,
                "protected_until": "2026-03-10T11:59:59.123456+00:00",
                "status": "succeeded",
                "finished_at": "2026-03-10T12:05:00.120Z",
            },
            "second": {"status": "failed", "exit_code": 5, "error": "full", "finished_at": "2026-03-10T12:05:00.000Z"},
        },
        "stages": [
            {
                **{"name": "bronze_to_silver", "rows": 0, "duration_sec": 1.5, "rows_read": 7, "rows_inserted": None},
                **{"rows_updated": None, "rows_superseded": None, "rows_duplicate": None, "rows_quarantined": 7},
                **{"amounts": {"read": "1.00", "quarantined": "1.00"}, "quarantined_by_reason": {"qty_missing": 7}},
            },
            {"name": "silver_to_gold", "rows": 2, "duration_sec": 0.25, "rows_by_table": {"gold": 2}},
        ],
        "tables": {"silver_returns": {"version": 1, "rows": 2, "bytes": 3}},
        "attempts": [
            {
                **{"status": "failed", "exit_code": 3, "error": "gate", "finished_at": "2026-03-10T11:00:00.000Z"},
                "stages": [{"name": "plan", "rows": 0, "duration_sec": 0.1}],
            }
        ],
    }
    written = json.loads(record(**full).to_json())
    assert {name: written[name] for name in full} == full


def test_statuses_are_the_documented_words() -> None:
    assert (SUCCEEDED, FAILED, NO_NEW_DATA) == ("succeeded", "failed", "no_new_data")


def test_add_stage_rounds_seconds() -> None:
    run = record()
    run.add_stage(silver(5, 1.23456, rows_read=7))
    assert json.loads(run.to_json())["stages"] == [
        {"name": "bronze_to_silver", "rows": 5, "duration_sec": 1.235, "rows_read": 7}
    ]


def test_add_stage_again_takes_the_place_of_the_earlier_attempt() -> None:
    run = record()
    for stage in (silver(5), gold(2), silver(6)):
        run.add_stage(stage)
    assert [(stage.name, stage.rows) for stage in run.stages] == [("silver_to_gold", 2), ("bronze_to_silver", 6)]


def test_stage_is_found_by_its_name_or_not_at_all() -> None:
    run = record(stages=[gold()])
    assert (run.stage("silver_to_gold"), run.stage("bronze_to_silver")) == (run.stages[0], None)


# Where it is kept


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
    assert [(run["status"], run["attempts"]) for run in files(tmp_path / "runs")] == [(SUCCEEDED, [])]


def test_find_gives_back_what_was_written(records: RunRecords) -> None:
    run = record(batch_id="000001-abc", as_of="2026-03-10", warnings=["odd"], overrides={"accept_quarantined": 0.5})
    run.add_stage(silver(5, 1.5, rows_read=7))
    records.write(record(OTHER_RUN_ID))
    records.write(run)
    assert records.find(RUN_ID) == run


def test_find_of_an_unknown_run_is_none(records: RunRecords) -> None:
    assert records.find(RUN_ID) is None


def test_find_of_a_record_that_another_tool_left_says_so(records: RunRecords, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / f"x-{RUN_ID}.json").write_text(json.dumps({"run_id": RUN_ID, "stages": []}))
    with pytest.raises(ConfigurationError, match="is on record, but not by this pipeline"):
        records.find(RUN_ID)


def test_record_is_kept_where_the_latest_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    records = RunRecords(tmp_path / "runs", tmp_path / "file" / "latest.json")
    with pytest.raises(OSError):
        records.write(record())
    assert [run["run_id"] for run in files(tmp_path / "runs")] == [RUN_ID]


# The latest record never goes backwards


def at(second: float) -> str:
    return f"2026-03-10T12:01:{second:06.3f}Z"


def ended(run_id: str, second: float, **changes: Any) -> RunRecord:
    return record(run_id, **({"finished_at": at(second), "status": SUCCEEDED, "exit_code": 0} | changes))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_latest_is_the_run_that_ended_last_whichever_is_written_last(
    records: RunRecords, tmp_path: Path, order: tuple[int, ...]
) -> None:
    runs = [ended(f"run-{number}", number) for number in range(3)]
    for number in order:
        records.write(runs[number])
    assert (tmp_path / "latest.json").read_text() == runs[2].to_json()
    assert [run["run_id"] for run in files(tmp_path / "runs")] == ["run-0", "run-1", "run-2"]


def test_latest_stays_when_the_backup_of_an_earlier_run_ends(records: RunRecords, tmp_path: Path) -> None:
    earlier, later = ended(RUN_ID, 1), ended(OTHER_RUN_ID, 2)
    records.write(earlier)
    records.write(later)
    earlier.dr["nightly"] = RecoveryRecord.model_validate({"status": "succeeded", "finished_at": at(3)})
    records.write(earlier)
    assert (tmp_path / "latest.json").read_text() == later.to_json()
    assert records.find(RUN_ID) == earlier


def test_latest_of_the_same_run_gets_what_its_backup_adds(records: RunRecords, tmp_path: Path) -> None:
    run = ended(RUN_ID, 1)
    records.write(run)
    run.dr["nightly"] = RecoveryRecord.model_validate({"status": "succeeded", "finished_at": at(3)})
    records.write(run)
    assert (tmp_path / "latest.json").read_text() == run.to_json()


def test_latest_of_another_tool_stays_if_it_was_written_behind_the_end_of_the_run(
    records: RunRecords, tmp_path: Path
) -> None:
    latest = tmp_path / "latest.json"
    latest.write_text('{"stages": []}')
    of_the_run = datetime.fromisoformat(at(1)).timestamp()
    for written, is_replaced in ((of_the_run + 1, False), (of_the_run - 1, True)):
        os.utime(latest, (written, written))
        records.write(ended(RUN_ID, 1))
        assert (json.loads(latest.read_text()) != {"stages": []}) is is_replaced


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", "[" * 100_000])
def test_latest_that_is_no_record_is_replaced(records: RunRecords, tmp_path: Path, text: str) -> None:
    (tmp_path / "latest.json").write_text(text)
    os.utime(tmp_path / "latest.json", (0, 0))
    records.write(ended(RUN_ID, 1))
    assert json.loads((tmp_path / "latest.json").read_text())["run_id"] == RUN_ID


def test_latest_of_a_clock_that_was_ahead_does_not_stay_until_then(records: RunRecords, tmp_path: Path) -> None:
    records.write(record(OTHER_RUN_ID, finished_at=datetime.now(UTC) + timedelta(hours=2)))
    records.write(ended(RUN_ID, 1))
    assert json.loads((tmp_path / "latest.json").read_text())["run_id"] == RUN_ID


def _write_many(directory: Path, run_id: str, seconds: list[int]) -> None:
    records = RunRecords(directory / "runs", directory / "latest.json")
    for second in seconds:
        records.write(ended(f"{run_id}-{second}", second))
        records.write(ended(RUN_ID, second, warnings=[f"{run_id}-{second}"]))


def test_processes_that_write_at_the_same_time_lose_nothing_of_each_other(tmp_path: Path) -> None:
    forked = multiprocessing.get_context("fork")
    halves = [list(range(0, 20, 2)), list(range(1, 20, 2))]
    writers = [forked.Process(target=_write_many, args=(tmp_path, f"p{n}", half)) for n, half in enumerate(halves)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert json.loads((tmp_path / "latest.json").read_text())["finished_at"] == at(19)
    kept = {run["run_id"]: run for run in files(tmp_path / "runs")}
    assert len(kept) == 21
    assert [attempt["finished_at"] for attempt in kept[RUN_ID]["attempts"]] == [at(second) for second in range(19)]
    assert sorted(kept[RUN_ID]["warnings"]) == sorted(f"p{second % 2}-{second}" for second in range(20))


# One run id is one file


WINNER = {
    "batch_id": "000001-abc",
    "stages": [silver(rows_read=5), gold()],
    "files": [{"path": "a.csv", "bytes": 7, "rows": 5}],
    "gates": [{"name": "volume", "status": "passed", "value": 0.5, "limit": 5.0}],
    "tables": {"silver_returns": {"version": 1, "rows": 5, "bytes": 9}},
    "warnings": ["odd"],
}
LOCKED_OUT = {"status": FAILED, "exit_code": 6, "error": "locked", "warnings": ["late", "odd"]}


def two_starts(winner_ends: float) -> tuple[RunRecord, RunRecord]:
    """The records of two processes that started with the same run id, so that neither found a record of the other."""
    return (
        ended(RUN_ID, winner_ends, started_at="2026-03-10T12:00:00.000Z", **WINNER),
        ended(RUN_ID, 1, started_at="2026-03-10T12:00:00.010Z", **LOCKED_OUT),
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 0, 1), (0, 1, 0)])
@pytest.mark.parametrize("winner_ends", [2, 0.5])
def test_two_starts_with_one_run_id_are_one_file_with_both_ends(
    records: RunRecords, tmp_path: Path, order: tuple[int, ...], winner_ends: float
) -> None:
    starts = two_starts(winner_ends)
    for number in order:
        records.write(starts[number])

    (kept,) = files(tmp_path / "runs")
    assert kept == json.loads((tmp_path / "latest.json").read_text())
    good, refused = (json.loads(start.to_json()) for start in starts)
    last, first = (good, refused) if winner_ends > 1 else (refused, good)
    attempt = {name: first[name] for name in ("status", "exit_code", "error", "finished_at", "stages")}
    both = {name: good[name] for name in ("batch_id", "files", "gates", "tables", "started_at")}
    assert kept == last | both | {"warnings": ["late", "odd"], "attempts": [attempt]}


def test_two_starts_that_are_recorded_as_two_files_become_one(records: RunRecords, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    for number, start in enumerate(two_starts(2)):
        (tmp_path / "runs" / f"2026031{number}T120000.000Z-{RUN_ID}.json").write_text(start.to_json())
    found = records.find(RUN_ID)
    assert found is not None and [attempt.exit_code for attempt in found.attempts] == [6]
    records.write(found)
    assert [(run["exit_code"], len(run["attempts"])) for run in files(tmp_path / "runs")] == [(0, 1)]


def test_run_that_is_tried_again_one_stage_behind_the_other_has_each_end_once(
    records: RunRecords, tmp_path: Path
) -> None:
    """As stages do that run apart, each in a process that finds the record and extends it."""

    def step(second: float, change: Callable[[RunRecord], None], stage: StageRecord | None, exit_code: int = 0) -> None:
        run = records.find(RUN_ID)
        if run is None:
            run = record()
        else:
            run.begin_again()
        if stage is not None:
            run.add_stage(stage)
        change(run)
        run.exit_code, run.finished_at = exit_code, datetime.fromisoformat(at(second))
        records.write(run)

    step(1, RunRecord.go_on, silver(1))
    step(2, lambda run: run.end(FAILED), gold(1), exit_code=5)
    step(3, lambda run: run.end(SUCCEEDED), gold(2))
    step(4, lambda run: run.end(NO_NEW_DATA), None)
    step(5, lambda run: run.end(NO_NEW_DATA), None)
    (kept,) = files(tmp_path / "runs")
    assert (kept["status"], kept["finished_at"], kept["stages"]) == (NO_NEW_DATA, at(5), [])
    assert [(a["status"], a["finished_at"], [s["rows"] for s in a["stages"]]) for a in kept["attempts"]] == [
        (FAILED, at(2), [1, 1]),
        (SUCCEEDED, at(3), [1, 2]),
    ]


# The same through the commands


def land_one(lake: Path) -> Path:
    fields = ("O-1", None, "MUG", "damaged", "1", "10.00", "2026-03-01", None)
    land(lake / "bronze/returns_raw/a.jsonl", [row_of("R-1", *fields)])
    return lake


def test_finalize_of_an_earlier_run_leaves_the_latest_record_as_it_is(tmp_path: Path, second_day: Path) -> None:
    lake = shutil.copytree(second_day, tmp_path / "lake")
    latest = (lake / "metrics" / "pipeline_metrics.json").read_text()
    earlier, later = files(lake / "metrics" / "runs")
    succeeded(returns(lake, "finalize", "--run-id", earlier["run_id"], "--with-dr", DR_ROOT=str(tmp_path / "dr")))
    assert (lake / "metrics" / "pipeline_metrics.json").read_text() == latest
    first, second = files(lake / "metrics" / "runs")
    assert (json.loads(latest), first | {"dr": {}}) == (second, earlier) and second == later
    assert [part["status"] for part in first["dr"].values()] == ["succeeded"]


def test_two_runs_started_together_with_one_run_id_leave_one_record_of_both(tmp_path: Path) -> None:
    lake = land_one(tmp_path / "lake")

    def start() -> Ended:
        return run([RETURNS, "run", "--as-of", "2026-03-10", "--run-id", RUN_ID], environment(lake))

    codes = sorted(ended.exit_code for ended in at_once(start, start))
    (kept,) = files(lake / "metrics" / "runs")
    assert sorted(end["exit_code"] for end in [kept, *kept["attempts"]]) == codes
    assert json.loads((lake / "metrics" / "pipeline_metrics.json").read_text()) == kept


# What is usual, from the records


def write_run(records: RunRecords, minute: int, rows_read: Any, status: str = SUCCEEDED, kind: str = "run") -> None:
    stages = [silver(1, 0.5, rows_read=rows_read)]
    started_at = f"2026-03-10T12:{minute:02d}:00.000Z"
    records.write(record(f"run-{minute:02d}", started_at, status=status, kind=kind, stages=stages))


def test_last_volumes_are_those_of_the_newest_runs_the_newest_first(records: RunRecords) -> None:
    for minute in (3, 1, 2, 4):
        write_run(records, minute, minute * 10)
    assert (records.last_volumes(3), records.last_volumes(20)) == ([40, 30, 20], [40, 30, 20, 10])


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
