"""What recorded runs come to, as metrics: values after each run, names that are few and harmless, times of the past."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import lake_reading
from commands import returns, succeeded
from kills import FIRST_DAY, SETTINGS, land_one_more
from lake_reading import GOLD_BY_SKU_REASON
from pyspark_interview_project.metrics.catalogue import CATALOGUE, PREFIX, families
from pyspark_interview_project.metrics.ingest_pipeline_metrics import write_openmetrics
from pyspark_interview_project.metrics.recorded_runs import MalformedRecord, RecordedRuns, in_order, read_run
from pyspark_interview_project.metrics.run_history import RunHistory
from pyspark_interview_project.schemas.outcomes import OUTCOMES

BEGAN = datetime.fromisoformat("2024-11-01T03:00:00Z")


def record(day: int = 0, **changes: Any) -> dict[str, Any]:
    """The record of a good run of one of many days; ten rows read."""
    started = BEGAN + timedelta(days=day)
    silver = {
        **{"name": "bronze_to_silver", "rows": 6, "duration_sec": 1.5, "rows_read": 10, "rows_inserted": 5},
        **{"rows_updated": 1, "rows_superseded": 1, "rows_duplicate": 1, "rows_quarantined": 2},
        "quarantined_by_reason": {"qty_missing": 2, "sku_missing": 1},
    }
    return {
        "run_id": f"run-{day}",
        "status": "succeeded",
        "kind": "run",
        "started_at": started.isoformat(),
        "finished_at": (started + timedelta(seconds=90)).isoformat(),
        "exit_code": 0,
        "stages": [silver, {"name": "silver_to_gold", "rows": 4, "duration_sec": 0.5}],
        "gates": [{"name": "quarantined_ratio", "status": "passed", "value": 0.2, "limit": 0.25}],
        "warnings": ["odd"],
        "tables": {"silver_returns": {"version": day, "rows": 6 + day, "bytes": 600}},
    } | changes


def failed(day: int, **changes: Any) -> dict[str, Any]:
    """The record of a run that a gate stopped before silver had any of its rows."""
    stopped = record(day, status="failed", exit_code=3)
    terms = dict.fromkeys(["rows_inserted", "rows_updated", "rows_superseded", "rows_duplicate"])
    return stopped | {"stages": [stopped["stages"][0] | terms | {"rows": 0}]} | changes


def ended(day: int, status: str, exit_code: int = 0, **stages: Any) -> dict[str, Any]:
    """How a run of one of many days ended, as one of its attempts."""
    finished = (BEGAN + timedelta(days=day, seconds=90)).isoformat()
    return {"status": status, "exit_code": exit_code, "error": None, "finished_at": finished, **stages}


def write(directory: Path, *records: dict[str, Any]) -> Path:
    directory.mkdir(exist_ok=True)
    for one in records:
        (directory / f"{one['run_id']}.json").write_text(json.dumps(one))
    return directory


def values(directory: Path) -> dict[str, float]:
    """Every sample of the catalogue, by its name and labels."""
    runs, _ = RecordedRuns(directory).look()
    return {
        " ".join([sample.name.removeprefix(PREFIX), *sample.labels.values()]): sample.value
        for family in families(RunHistory(runs))
        for sample in family.samples
    }


FINISHED = BEGAN.timestamp() + 90
DAY = 24 * 3600.0
AFTER_ONE = {
    "runs_total succeeded": 1,
    "runs_total failed": 0,
    "runs_total no_new_data": 0,
    "rows_total bronze_to_silver inserted": 5,
    "rows_total bronze_to_silver updated": 1,
    "rows_total bronze_to_silver superseded": 1,
    "rows_total bronze_to_silver duplicate": 1,
    "rows_total bronze_to_silver quarantined": 2,
    "rows_total bronze_to_silver excluded": 0,
    "rows_total silver_to_gold written": 4,
    "quarantined_reasons_total qty_missing": 2,
    "quarantined_reasons_total sku_missing": 1,
    "last_success_timestamp_seconds": FINISHED,
    "last_completion_timestamp_seconds": FINISHED,
    "last_run_status succeeded": 1,
    "last_run_status failed": 0,
    "last_run_status no_new_data": 0,
    "last_run_exit_code": 0,
    "last_run_warnings": 1,
    "last_run_files_rejected": 0,
    "last_run_files_ignored": 0,
    "run_duration_seconds": 90,
    "stage_duration_seconds bronze_to_silver": 1.5,
    "stage_duration_seconds silver_to_gold": 0.5,
    "stage_rows_read bronze_to_silver": 10,
    "stage_rows bronze_to_silver inserted": 5,
    "stage_rows bronze_to_silver updated": 1,
    "stage_rows bronze_to_silver superseded": 1,
    "stage_rows bronze_to_silver duplicate": 1,
    "stage_rows bronze_to_silver quarantined": 2,
    "stage_rows bronze_to_silver excluded": 0,
    "stage_rows silver_to_gold written": 4,
    "quarantined_rows qty_missing": 2,
    "quarantined_rows sku_missing": 1,
    "gate_value quarantined_ratio": 0.2,
    "gate_limit quarantined_ratio": 0.25,
    "gate_passed quarantined_ratio": 1,
    "table_last_change_timestamp_seconds silver_returns": FINISHED,
    "table_rows silver_returns": 6,
    "table_bytes silver_returns": 600,
    "table_version silver_returns": 0,
}


def test_families_of_no_run_count_none_and_know_no_more(tmp_path: Path) -> None:
    assert values(write(tmp_path / "runs")) == {f"runs_total {s}": 0 for s in ("succeeded", "failed", "no_new_data")}


def test_families_of_one_run_are_what_its_record_says(tmp_path: Path) -> None:
    assert values(write(tmp_path / "runs", record())) == AFTER_ONE


A_FAILED_RUN_MORE = {
    "runs_total failed": 1,
    "last_completion_timestamp_seconds": FINISHED + DAY,
    "last_run_status succeeded": 0,
    "last_run_status failed": 1,
}
ONE_BATCH = {name: value for name, value in AFTER_ONE.items() if name.startswith(("rows_total b", "quarantined_reas"))}


def changed(after: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    """The samples that are new or have another value."""
    return {name: value for name, value in after.items() if value != before.get(name)}


def test_families_after_a_run_that_a_gate_stopped_keep_the_last_success_and_the_totals(tmp_path: Path) -> None:
    after = values(write(tmp_path / "runs", record(0), failed(1, tables={})))
    assert changed(after, AFTER_ONE) == A_FAILED_RUN_MORE | {"last_run_exit_code": 3}


def with_feeds(day: int, **changes: Any) -> dict[str, Any]:
    """The record of a good run of files with feeds: 3 rows are no returns, 2 returns are ambiguous, 4 rows are warned
    of, and a file was set aside."""
    silver, gold = record(day)["stages"]
    silver |= {"rows_read": 13, "rows_excluded": 3, "returns_ambiguous": 2}
    silver |= {"warned_by_rule": {"fba_test_order": 4, "Odd Name": 1, "another odd": 2}}
    rejected = {"path": "bronze/returns_raw/a.csv", "problem": "UTF-16"}
    ignored = [{"path": f"bronze/returns_raw/{name}", "problem": "no known name"} for name in ("a.doc", "b.doc")]
    return record(day, stages=[silver, gold]) | {
        **{"exit_code": 4, "error": "1 landed file was set aside", "files_rejected": [rejected]},
        **{"files_ignored": ignored, **changes},
    }


def test_families_of_a_run_that_set_a_file_aside_are_those_of_a_good_one_and_more(tmp_path: Path) -> None:
    after = values(write(tmp_path / "runs", record(0), with_feeds(1)))
    a_day_later = ("last_success_timestamp_seconds", "last_completion_timestamp_seconds")
    assert changed(after, AFTER_ONE) == {
        **{name: 2 * value for name, value in AFTER_ONE.items() if "_total" in name and value},
        **dict.fromkeys((*a_day_later, "table_last_change_timestamp_seconds silver_returns"), FINISHED + DAY),
        **{"table_rows silver_returns": 7, "table_version silver_returns": 1},
        "last_run_exit_code": 4,
        "last_run_files_rejected": 1,
        "last_run_files_ignored": 2,
        "rows_total bronze_to_silver excluded": 3,
        "stage_rows_read bronze_to_silver": 13,
        "stage_rows bronze_to_silver excluded": 3,
        "stage_returns_ambiguous bronze_to_silver": 2,
        **{"warned_rows fba_test_order": 4, "warned_rows other": 3},
        **{"warned_rules_total fba_test_order": 4, "warned_rules_total other": 3},
    }


def test_families_rule_that_no_row_breaks_any_more_is_zero_and_stays_in_the_total(tmp_path: Path) -> None:
    after = values(write(tmp_path / "runs", with_feeds(0), record(1)))
    assert {name: value for name, value in after.items() if name.startswith("warned")} == {
        **{"warned_rows fba_test_order": 0, "warned_rows other": 0},
        **{"warned_rules_total fba_test_order": 4, "warned_rules_total other": 3},
    }


@pytest.mark.parametrize(
    ("next_run", "files"),
    [
        (record(1), (0, 0)),
        (with_feeds(1, status="no_new_data", stages=[]), (1, 2)),
        (failed(1, exit_code=6, stages=[]), (1, 2)),  # it was locked out, and has not looked
        (with_feeds(1, status="failed", files_ignored=[]), (1, 0)),
    ],
    ids=["mended", "nothing new", "locked out", "failed when it had looked"],
)
def test_families_know_of_files_set_aside_until_a_run_has_looked_again(
    tmp_path: Path, next_run: dict[str, Any], files: tuple[int, int]
) -> None:
    after = values(write(tmp_path / "runs", with_feeds(0), next_run))
    assert (after["last_run_files_rejected"], after["last_run_files_ignored"]) == files


def test_families_of_a_run_tried_again_behind_files_set_aside_lose_no_row(tmp_path: Path) -> None:
    first = with_feeds(0)
    attempt = ended(0, "succeeded", 4, stages=first["stages"])
    after = values(write(tmp_path / "runs", record(1, run_id="run-0", attempts=[attempt])))
    assert after["rows_total bronze_to_silver inserted"] == 10
    assert after["rows_total bronze_to_silver excluded"] == 3
    assert (after["runs_total succeeded"], after["last_run_files_rejected"]) == (2, 0)


def test_ends_of_a_run_before_its_last_one_say_nothing_of_files_set_aside(tmp_path: Path) -> None:
    retried = with_feeds(1, run_id="run-0", attempts=[ended(0, "failed", 6, stages=[])])
    write(tmp_path / "runs", retried)
    first, last = read_run(tmp_path / "runs" / "run-0.json").ends
    assert (first.has_looked, len(first.files_rejected), len(first.files_ignored)) == (False, 0, 0)
    assert (last.has_looked, len(last.files_rejected), len(last.files_ignored)) == (True, 1, 2)


@pytest.mark.parametrize(("status", "passed"), [("passed", 1), ("warned", 0), ("failed", 0), ("not_judged", None)])
def test_families_gate_that_was_not_judged_neither_passed_nor_failed(
    tmp_path: Path, status: str, passed: int | None
) -> None:
    gates = [{"name": "volume", "status": status, "value": 3.0, "limit": 2.0}]
    after = values(write(tmp_path / "runs", record(0, gates=[gates[0] | {"status": "failed"}]), record(1, gates=gates)))
    assert after.get("gate_passed volume") == passed
    assert (after["gate_value volume"], after["gate_limit volume"]) == (3.0, 2.0)


def test_families_after_a_run_that_a_gate_stopped_count_only_what_it_read_and_rejected(tmp_path: Path) -> None:
    after = values(write(tmp_path / "runs", failed(0, tables={})))
    assert {name: after[name] for name in after if name.startswith(("rows_total", "stage_rows", "quarantined"))} == {
        "stage_rows_read bronze_to_silver": 10,
        "stage_rows bronze_to_silver quarantined": 2,
        "quarantined_rows qty_missing": 2,
        "quarantined_rows sku_missing": 1,
    }


def gold_failed(day: int, **changes: Any) -> dict[str, Any]:
    """The record of a run that failed when silver had its batch and gold was at work."""
    stages = [record(day)["stages"][0], {"name": "silver_to_gold", "rows": 1, "duration_sec": 0.25}]
    return record(day, status="failed", exit_code=5, stages=stages) | changes


def gold_alone(day: int) -> dict[str, Any]:
    """The record of a good run that found no new rows, and brought gold up to the silver of the one before."""
    terms = [f"rows_{term}" for term in ("read", "inserted", "updated", "superseded", "duplicate", "quarantined")]
    silver = record(day)["stages"][0] | dict.fromkeys(terms, 0) | {"rows": 0, "quarantined_by_reason": {}}
    return record(day, stages=[silver, {"name": "silver_to_gold", "rows": 4, "duration_sec": 0.5}])


def test_families_after_a_run_whose_gold_failed_count_the_batch_that_silver_took(tmp_path: Path) -> None:
    runs = write(tmp_path / "runs", record(0))
    before = values(runs)
    after = values(write(runs, gold_failed(1, tables={})))
    assert changed(after, before) == A_FAILED_RUN_MORE | {
        "last_run_exit_code": 5,
        "stage_duration_seconds silver_to_gold": 0.25,
        "stage_rows silver_to_gold written": 1,
        **{name: 2 * value for name, value in ONE_BATCH.items() if value},
    }
    last = values(write(runs, gold_alone(2)))
    totals = {name: value for name, value in last.items() if name.startswith(("rows_total", "quarantined_reasons_t"))}
    assert totals == {name: 2 * value for name, value in ONE_BATCH.items()} | {"rows_total silver_to_gold written": 8}


def test_totals_of_a_lake_whose_gold_failed_have_its_batch_at_once_and_only_once(
    tmp_path: Path, first_day: Path
) -> None:
    lake = shutil.copytree(first_day, tmp_path / "lake")
    land_one_more(lake)

    def totals() -> Counter[str]:
        found = values(lake / "metrics" / "runs").items()
        return Counter({n: v for n, v in found if n.startswith(("rows_total bronze", "quarantined_reasons_total"))})

    before, away = totals(), tmp_path / "away"
    shutil.move(lake / GOLD_BY_SKU_REASON, away)
    shutil.copytree(away / "_delta_log", lake / GOLD_BY_SKU_REASON / "_delta_log")  # the log without its files
    assert returns(lake, "run", "--as-of", FIRST_DAY, **SETTINGS).exit_code != 0
    silver, _ = lake_reading.latest_run_record(lake)["stages"]
    batch = {f"rows_total bronze_to_silver {term}": silver[f"rows_{term}"] for term in OUTCOMES}
    reasons = {f"quarantined_reasons_total {code}": rows for code, rows in silver["quarantined_by_reason"].items()}
    assert silver["rows_read"] == sum(batch.values()) > 0
    assert totals() == before + Counter(batch) + Counter(reasons)

    for file in away.glob("*.parquet"):
        shutil.copy(file, lake / GOLD_BY_SKU_REASON)
    succeeded(returns(lake, "run", "--as-of", FIRST_DAY, **SETTINGS))
    assert totals() == before + Counter(batch) + Counter(reasons)


@pytest.mark.parametrize("ends", [1, 2, 3])
def test_families_of_a_run_whose_gold_failed_and_was_tried_again_count_its_batch_once(
    tmp_path: Path, ends: int
) -> None:
    """The stage of silver stands in each attempt that failed and at the end: it ran once."""
    first = gold_failed(0)
    attempts = [ended(day, "failed", 5, stages=first["stages"]) for day in range(ends - 1)]
    retried = gold_failed(ends - 1, run_id="run-0", attempts=attempts)
    after = values(write(tmp_path / "runs", retried))
    totals = {name: value for name, value in after.items() if name.startswith(("rows_total", "quarantined_reasons_t"))}
    assert (totals, after["runs_total failed"]) == (ONE_BATCH, ends)
    good = record(ends, run_id="run-0", attempts=[*attempts, ended(ends - 1, "failed", 5, stages=first["stages"])])
    after = values(write(tmp_path / "runs", good))
    totals = {name: value for name, value in after.items() if name.startswith(("rows_total", "quarantined_reasons_t"))}
    assert totals == ONE_BATCH | {"rows_total silver_to_gold written": 4}


def test_openmetrics_has_the_batch_of_a_run_whose_gold_failed_from_when_that_ended(tmp_path: Path) -> None:
    again = record(2, run_id="run-0", attempts=[ended(0, "failed", 5, stages=gold_failed(0)["stages"])])
    write_openmetrics(write(tmp_path / "runs", again, record(1)), tmp_path / "out.om")
    families_read = text_string_to_metric_families((tmp_path / "out.om").read_text())
    rows = {
        (sample.labels["outcome"], (float(sample.timestamp) - FINISHED) / DAY): sample.value
        for family in families_read
        for sample in family.samples
        if sample.name == f"{PREFIX}rows_total"
    }
    a_batch = {"inserted": 5, "updated": 1, "superseded": 1, "duplicate": 1, "quarantined": 2, "excluded": 0}
    batches = {(name, day): n * of_one for name, of_one in a_batch.items() for day, n in ((0, 1), (1, 2), (2, 2))}
    assert rows == batches | {("written", 1): 4, ("written", 2): 8}


def test_families_after_a_run_with_nothing_new_move_the_success_and_no_table(tmp_path: Path) -> None:
    tables = {"silver_returns": {"version": 0, "rows": 6, "bytes": 600}}
    after = values(write(tmp_path / "runs", record(0), record(1, status="no_new_data", stages=[], tables=tables)))
    assert after["last_success_timestamp_seconds"] == FINISHED + DAY
    assert after["table_last_change_timestamp_seconds silver_returns"] == FINISHED
    assert after["rows_total bronze_to_silver inserted"] == 5


def test_families_reason_that_is_gone_is_zero_in_the_last_run_and_stays_in_the_total(tmp_path: Path) -> None:
    later = record(1)
    later["stages"][0]["quarantined_by_reason"] = {"sku_missing": 2}
    after = values(write(tmp_path / "runs", record(0), later))
    assert (after["quarantined_rows qty_missing"], after["quarantined_rows sku_missing"]) == (0, 2)
    assert (after["quarantined_reasons_total qty_missing"], after["quarantined_reasons_total sku_missing"]) == (2, 3)


def test_families_backup_that_failed_keeps_the_time_of_the_last_good_one(tmp_path: Path) -> None:
    good = {"nightly": {"status": "succeeded", "finished_at": "2024-11-01T04:00:00Z"}}
    bad = {"nightly": {"status": "failed", "finished_at": "2024-11-02T04:00:00Z"}}
    after = values(write(tmp_path / "runs", record(0, dr=good), record(1, dr=bad)))
    assert after["backup_last_success_timestamp_seconds nightly"] == BEGAN.timestamp() + 3600
    assert after["backup_failed nightly"] == 1


def test_families_drill_is_no_run_and_its_figures_are_there(tmp_path: Path) -> None:
    told = {"status": "failed", "finished_at": "2024-11-02T04:00:00Z", "rpo_seconds": 3.5, "rto_seconds": 70.0}
    drill = record(1, kind="drill", status="failed", stages=[], tables={}, dr={"nightly": told})
    runs = write(tmp_path / "runs", record(0))
    before = values(runs)
    after = values(write(runs, drill))
    new = {name: value for name, value in after.items() if before.get(name) != value}
    assert new == {
        "drill_last_timestamp_seconds nightly": BEGAN.timestamp() + 86400 + 3600,
        "drill_failed nightly": 1,
        "drill_rpo_seconds nightly": 3.5,
        "drill_rto_seconds nightly": 70.0,
    }


def test_families_of_a_year_are_as_many_as_of_a_day_and_no_counter_goes_back(tmp_path: Path) -> None:
    runs = write(tmp_path / "runs", record(0))
    one = values(runs)
    before = one
    for day in range(1, 366):
        write(runs, failed(day) if day % 7 == 0 else record(day))
        if day % 60 == 0:
            now = values(runs)
            assert all(now[name] >= before[name] for name in now if "_total" in name)
            before = now
    year = values(runs)
    assert year.keys() == one.keys()
    assert year["runs_total succeeded"] + year["runs_total failed"] == 366


STAGES, STOPPED = record()["stages"], failed(0)["stages"]
FAILURES = [ended(2, "failed", 3, stages=STOPPED), ended(4, "failed", 5, stages=STAGES[:1])]
ENDS = [*FAILURES, ended(5, "succeeded", stages=STAGES)]
# One run, whose stages run apart and are tried again: its record after each of them, a day apart.
STEPS: list[dict[str, Any]] = [
    {"complete": False, "stages": []},  # planned
    {"status": "failed", "exit_code": 3, "stages": STOPPED},  # a gate stopped silver
    {"complete": False, "stages": STAGES[:1], "attempts": FAILURES[:1]},  # silver tried again
    {"status": "failed", "exit_code": 5, "stages": STAGES[:1], "attempts": FAILURES[:1]},  # gold failed
    {"attempts": FAILURES},  # gold tried again
    {"complete": False, "stages": [], "attempts": ENDS},  # all of it started again
    {"status": "no_new_data", "stages": [], "attempts": ENDS},  # and there was nothing new
]


def test_families_of_a_run_in_stages_count_each_end_once_and_only_a_good_one_moves_the_success(tmp_path: Path) -> None:
    runs = write(tmp_path / "runs", record(0))
    before, seen = values(runs), []
    for day, changes in enumerate(STEPS, start=1):
        now = values(write(runs, record(day, run_id="apart", **changes)))
        assert {name for name in before if "_total" in name and now[name] < before[name]} == set()
        success = (now["last_success_timestamp_seconds"] - FINISHED) / DAY
        completion = (now["last_completion_timestamp_seconds"] - FINISHED) / DAY
        counted = [now[f"runs_total {status}"] for status in ("succeeded", "failed", "no_new_data")]
        seen.append((counted, now["rows_total bronze_to_silver inserted"], success, completion))
        before = now
    assert seen == [
        ([1, 0, 0], 5, 0, 0),
        ([1, 1, 0], 5, 0, 2),
        ([1, 1, 0], 5, 0, 2),
        ([1, 2, 0], 10, 0, 4),
        ([2, 2, 0], 10, 5, 5),
        ([2, 2, 0], 10, 5, 5),
        ([2, 2, 1], 10, 7, 7),
    ]


def test_families_of_a_run_that_ended_between_two_attempts_of_another_are_in_the_order_of_ends(tmp_path: Path) -> None:
    apart = record(3, run_id="apart", complete=False, attempts=[ended(1, "failed", 3)])
    after = values(write(tmp_path / "runs", apart, record(2)))
    assert (after["last_run_status succeeded"], after["last_run_exit_code"]) == (1, 0)
    assert after["last_completion_timestamp_seconds"] == FINISHED + 2 * DAY


def test_families_keep_when_a_run_found_itself_wrong_whatever_ended_since(tmp_path: Path) -> None:
    runs = write(tmp_path / "runs", record(0), failed(1) | {"exit_code": 7}, failed(2))
    assert values(runs)["last_verification_failure_timestamp_seconds"] == FINISHED + DAY
    after = values(write(runs, record(3)))
    assert after["last_verification_failure_timestamp_seconds"] == FINISHED + DAY
    assert after["last_success_timestamp_seconds"] == FINISHED + 3 * DAY


@pytest.mark.parametrize("name", ["x\n", "a" * 65, "Ünïcode", "a b", "1a", "", 'a"b', "2024-11-01"])
def test_families_hostile_name_becomes_other(tmp_path: Path, name: str) -> None:
    hostile = record()
    hostile["stages"][0]["quarantined_by_reason"] = {name: 3}
    assert values(write(tmp_path / "runs", hostile))["quarantined_rows other"] == 3


def test_families_of_many_names_are_bounded(tmp_path: Path) -> None:
    many = record()
    many["stages"][0]["quarantined_by_reason"] = {f"reason_{number}": 1 for number in range(1000)}
    after = values(write(tmp_path / "runs", many))
    reasons = [name for name in after if name.startswith("quarantined_rows ")]
    assert len(reasons) == 41
    assert after["quarantined_rows other"] == 960


def test_read_run_of_the_bare_form_ended_when_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "bare.json"
    path.write_text('{"stages": [{"name": "bronze_to_silver", "rows": 3, "duration_sec": 1.5}]}')
    run, again = read_run(path), read_run(path)
    assert run == again
    assert (run.status, run.seconds, run.finished) == ("succeeded", 1.5, pytest.approx(path.stat().st_mtime))
    assert run.stages[0].rows_by_outcome == {"written": 3}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ("[1]", "is no JSON object"),
        ("[" * 100_000, "is no JSON"),
        ('{"stages": 1}', "stages: "),
        (json.dumps(record(status="great")), "status: "),
        (json.dumps(record(finished_at="soon")), "finished_at: "),
        (json.dumps(record(finished_at="2024-11-01T03:00:00")), "finished_at: "),
        (json.dumps(record(run_id="../../etc/passwd")), "run_id: "),
        (json.dumps(record(stages=[{"name": "x", "rows": -1, "duration_sec": 1}])), "stages.0.rows: "),
        (
            json.dumps(record(stages=[{"name": "x", "rows": 1, "duration_sec": float("nan")}])),
            "stages.0.duration_sec: ",
        ),
        (json.dumps(record(exit_code=256)), "exit_code: "),
        (json.dumps(record(exit_code=-1)), "exit_code: "),
        (json.dumps(record(exit_code=10**400)), "exit_code: "),
        (json.dumps(record(finished_at="9999-12-31T23:59:59-14:00")), "finished_at: "),
        (json.dumps(record(started_at="0001-01-01T00:00:00+14:00")), "started_at: "),
        (json.dumps(record(finished_at="1969-12-31T23:59:59Z")), "finished_at: "),
        (json.dumps(record(attempts=[ended(0, "succeeded") | {"exit_code": 10**9}])), "attempts.0.exit_code: "),
    ],
)
def test_read_run_of_what_is_no_record_says_why(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(MalformedRecord) as raised:
        read_run(path)
    assert str(raised.value).startswith(problem) and "passwd" not in str(raised.value)


def test_look_passes_broken_files_over_and_names_them(tmp_path: Path) -> None:
    runs = write(tmp_path / "runs", record(1), record(0))
    (runs / "broken.json").write_text("{")
    (runs / "half.json.tmp").write_text("{")
    found, malformed = RecordedRuns(runs).look()
    assert [run.run_id for run in found] == ["run-0", "run-1"]
    assert malformed == {"broken.json": "is no JSON"}


def test_look_of_what_is_no_file_or_cannot_be_read_costs_no_other_record(tmp_path: Path) -> None:
    runs = write(tmp_path / "runs", record(0))
    (runs / "loop.json").symlink_to("loop.json")
    (runs / "nowhere.json").symlink_to("gone.json")
    (runs / "directory.json").mkdir()
    os.mkfifo(runs / "pipe.json")
    found, malformed = RecordedRuns(runs).look()
    assert [run.run_id for run in found] == ["run-0"]
    assert malformed == {"loop.json": "cannot be read: Too many levels of symbolic links"}


def in_hours(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


@pytest.mark.parametrize(
    "changes",
    [
        {"finished_at": in_hours(25)},
        {"dr": {"nightly": {"status": "succeeded", "finished_at": in_hours(25)}}},
        {"dr": {"nightly": {"status": "failed", "finished_at": in_hours(0), "protected_until": in_hours(25)}}},
        {"attempts": [ended(0, "succeeded") | {"finished_at": in_hours(25)}]},
    ],
    ids=["end", "backup", "protection", "attempt"],
)
def test_look_of_a_record_with_a_time_that_is_yet_to_come_takes_it_for_none(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    runs = write(tmp_path / "runs", record(0), record(1, **changes), record(2, finished_at=in_hours(23)))
    found, malformed = RecordedRuns(runs).look()
    assert [run.run_id for run in found] == ["run-0", "run-2"]
    assert malformed == {"run-1.json": "has a time that is yet to come"}


def test_look_again_sees_what_changed(tmp_path: Path) -> None:
    runs = write(tmp_path / "runs", record(0))
    recorded = RecordedRuns(runs)
    assert [run.status for run in recorded.look()[0]] == ["succeeded"]
    write(runs, failed(0), record(1))
    assert [run.status for run in recorded.look()[0]] == ["failed", "succeeded"]
    (runs / "run-0.json").unlink()
    assert [run.run_id for run in recorded.look()[0]] == ["run-1"]


def test_in_order_of_records_of_the_same_run_the_last_to_end_counts(tmp_path: Path) -> None:
    directory = write(tmp_path / "runs", record(0))
    (directory / "copy.json").write_text(json.dumps(record(0, finished_at="2024-11-01T05:00:00Z", exit_code=1)))
    runs, _ = RecordedRuns(directory).look()
    assert [run.exit_code for run in in_order(runs)] == [1]


def test_catalogue_names_follow_the_conventions() -> None:
    names = [entry.name for entry in CATALOGUE]
    assert len(names) == len(set(names))
    for entry in CATALOGUE:
        assert entry.help.endswith(".") and (entry.help[0].isupper() or entry.help[0] == "1")
        assert not set(entry.labels) & {"run_id", "batch_id", "path", "date", "file"}


def test_openmetrics_has_every_value_of_every_run_at_the_time_at_which_it_ended(tmp_path: Path) -> None:
    runs = write(tmp_path / "runs", *(record(day) for day in range(3)))
    assert write_openmetrics(runs, tmp_path / "out.om") == 3
    families_read = text_string_to_metric_families((tmp_path / "out.om").read_text())
    samples = [sample for family in families_read for sample in family.samples]
    times = [FINISHED, FINISHED + DAY, FINISHED + 2 * DAY]
    assert {(sample.labels["job"], sample.labels["instance"]) for sample in samples} == {("returns", "exporter:8000")}
    inserted = [
        (float(sample.timestamp), sample.value)
        for sample in samples
        if sample.name == f"{PREFIX}rows_total" and sample.labels["outcome"] == "inserted"
    ]
    assert inserted == list(zip(times, [5, 10, 15], strict=True))
    rows = [(float(s.timestamp), s.value) for s in samples if s.name == f"{PREFIX}table_rows"]
    assert rows == list(zip(times, [6, 7, 8], strict=True))
    assert len(samples) == 3 * len(AFTER_ONE)
