"""Run records into the history of a lake: at the end of a run, behind stages that ran apart, and from elsewhere."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import lake_reading
from commands import returns, succeeded
from kills import FIRST_DAY
from landing import land, row_of
from monitoring_files import PROMETHEUS, parsed
from pyspark_interview_project.metrics.catalogue import JOB
from pyspark_interview_project.metrics.ingest_pipeline_metrics import SHIPPED_TARGET
from test_run_history import record, values, write

RUN_ID, OTHER_RUN_ID = "3c9f6cfd-5f0c-4d3b-9d2f-0b8a6f1f0c11", "0af76519-16cd-43dd-8448-eb211c80319c"
BARE = {"stages": [{"name": "bronze_to_silver", "rows": 3, "duration_sec": 1.5}]}
INGEST = "--ingest-metrics-json"
APART = ("--as-of", FIRST_DAY, "--run-id", RUN_ID)


def land_one(lake: Path) -> Path:
    rows = [row_of("R-1", "O-1", None, "MUG", "damaged", "1", "10.00", "2026-03-01", None)]
    land(lake / "bronze/returns_raw/a.jsonl", rows)
    return lake


def latest_of(lake: Path) -> Path:
    return lake / "metrics/pipeline_metrics.json"


def history(lake: Path) -> dict[str, dict[str, Any]]:
    """The records in the history, by the names of their files."""
    return {path.name: lake_reading.read_json(path) for path in sorted((lake / "metrics/runs").glob("*.json"))}


@pytest.mark.full
def test_run_with_ingestion_is_in_the_history_once_as_it_was_recorded(tmp_path: Path) -> None:
    lake = land_one(tmp_path / "lake")
    ended = succeeded(returns(lake, "run", *APART, INGEST))
    assert list(history(lake).values()) == lake_reading.run_records(lake) == [lake_reading.latest_run_record(lake)]
    last = ended.logs[-1]
    assert (last["message"], last["run_id"]) == ("0 runs ingested, 1 known already, 0 files malformed", RUN_ID)
    assert ended.complaints == []


def test_run_that_only_shows_ingests_nothing(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    (lake / "bronze/returns_raw").mkdir(parents=True)
    latest_of(lake).parent.mkdir()
    latest_of(lake).write_text(json.dumps(BARE))
    succeeded(returns(lake, "run", "--dry-run", INGEST))
    assert history(lake) == {}


@pytest.mark.full
def test_finalize_of_stages_that_ran_apart_leaves_one_record_with_all_of_them(tmp_path: Path) -> None:
    lake = land_one(tmp_path / "lake")
    for stage in ("plan --commit", "bronze-to-silver", "silver-to-gold"):
        succeeded(returns(lake, *stage.split(), *APART))
    before = history(lake)
    for _ in range(2):
        ended = succeeded(returns(lake, "finalize", *APART, "--engine", "embedded", INGEST))
        assert ended.lines == [f"run {RUN_ID} is finalized"]
        assert [(line["message"], line["run_id"]) for line in ended.logs] == [
            ("0 runs ingested, 1 known already, 0 files malformed", RUN_ID)
        ]
    assert history(lake) == before
    (recorded,) = before.values()
    assert (recorded["run_id"], recorded["status"]) == (RUN_ID, "succeeded")
    assert [stage["name"] for stage in recorded["stages"]] == ["plan", "bronze_to_silver", "silver_to_gold"]


@pytest.fixture
def planned(tmp_path: Path) -> Path:
    """A lake with the record of one stage."""
    lake = land_one(tmp_path / "lake")
    succeeded(returns(lake, "plan", "--commit", *APART))
    return lake


def test_finalize_takes_the_record_that_another_tool_left_into_the_history_and_once(planned: Path) -> None:
    before = history(planned)
    latest_of(planned).write_text(json.dumps(BARE | {"tool": "theirs"}))
    ended = succeeded(returns(planned, "finalize", "--run-id", RUN_ID))
    assert (ended.logs, history(planned)) == ([], before)  # nothing that nobody asked for
    for said in ("1 runs ingested, 0 known already", "0 runs ingested, 1 known already"):
        ended = succeeded(returns(planned, "finalize", "--run-id", RUN_ID, INGEST))
        assert [line["message"] for line in ended.logs] == [f"{said}, 0 files malformed"]
    (name,) = history(planned).keys() - before.keys()
    theirs = history(planned)[name]
    assert name.endswith(f"-{theirs['run_id']}.json")
    assert (theirs["status"], theirs["stages"], theirs["tool"]) == ("succeeded", BARE["stages"], "theirs")


def test_finalize_of_a_latest_record_that_is_none_warns_and_changes_nothing(planned: Path) -> None:
    before = history(planned)
    latest_of(planned).write_text("{")
    ended = succeeded(returns(planned, "finalize", "--run-id", RUN_ID, INGEST))
    assert [(line["level"], line["message"]) for line in ended.logs] == [
        ("WARNING", "pipeline_metrics.json is no run record: is no JSON"),
        ("INFO", "0 runs ingested, 0 known already, 1 files malformed"),
    ]
    assert ended.lines == [f"run {RUN_ID} is finalized"]
    assert history(planned) == before


SET_ASIDE = (
    "2 landed files were set aside, all others are done; mend, remove or skip (skip_files) each, then run again\n"
    "  bronze/returns_raw/b.csv: UTF-16\n"
    "  bronze/returns_raw/c.csv: cut short"
)
REJECTED = [
    {"path": "bronze/returns_raw/b.csv", "problem": "UTF-16"},
    {"path": "bronze/returns_raw/c.csv", "problem": "cut short"},
]


def put_on_record(lake: Path, **changes: Any) -> None:
    """Put more on the record of the run whose stages have ended."""
    for path in (latest_of(lake), *(lake / "metrics/runs").glob("*.json")):
        path.write_text(json.dumps(lake_reading.read_json(path) | {"files_rejected": REJECTED} | changes))


@pytest.fixture
def ended_apart(tmp_path: Path) -> Path:
    """A lake with a run whose stages have all ended well."""
    lake = land_one(tmp_path / "lake")
    for stage in ("bronze-to-silver", "silver-to-gold"):
        succeeded(returns(lake, stage, *APART))
    return lake


@pytest.mark.parametrize("recovery", [(), ("--with-dr",)], ids=["alone", "with recovery"])
def test_finalize_of_a_run_that_set_files_aside_does_everything_and_ends_with_4(
    ended_apart: Path, tmp_path: Path, recovery: tuple[str, ...]
) -> None:
    put_on_record(ended_apart)
    (before,) = history(ended_apart).values()
    for _ in range(2):  # a scheduler may try it again
        ended = returns(
            ended_apart, "finalize", *APART, INGEST, *recovery, APP_ENV="test", DR_ROOT=str(tmp_path / "dr")
        )
        assert (ended.exit_code, ended.stderr.splitlines()[-3:]) == (4, f"error: {SET_ASIDE}".splitlines())
        assert ended.lines[-1] == f"run {RUN_ID} is finalized"
    (after,) = history(ended_apart).values()
    assert after == lake_reading.latest_run_record(ended_apart)
    assert after == before | {"exit_code": 4, "error": SET_ASIDE.splitlines()[0], "dr": after["dr"]}
    assert (after["status"], after["complete"]) == ("succeeded", True)
    assert [backup["status"] for backup in after["dr"].values()] == ["succeeded" for _ in recovery]
    found = values(ended_apart / "metrics/runs")
    assert (found["last_run_exit_code"], found["last_run_files_rejected"]) == (4, 2)
    assert (found["runs_total succeeded"], found["rows_total bronze_to_silver inserted"]) == (1, 1)


def test_finalize_of_a_run_that_failed_says_nothing_of_the_files_that_it_set_aside(ended_apart: Path) -> None:
    put_on_record(ended_apart, status="failed", exit_code=5, error="full")
    before = history(ended_apart)
    assert succeeded(returns(ended_apart, "finalize", *APART)).lines == [f"run {RUN_ID} is finalized"]
    assert history(ended_apart) == before


@pytest.mark.parametrize(
    ("run_id", "complaint"),
    [
        (OTHER_RUN_ID, f"error: --run-id: there is no record of a run {OTHER_RUN_ID}"),
        ("yesterday", "error: --run-id: must be a UUID, not yesterday"),
    ],
)
def test_finalize_of_a_run_that_nobody_knows_is_exit_2(tmp_path: Path, run_id: str, complaint: str) -> None:
    ended = returns(tmp_path, "finalize", "--run-id", run_id, INGEST)
    assert (ended.exit_code, ended.complaints, ended.stdout, list(tmp_path.iterdir())) == (2, [complaint], "", [])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--as-of", "2026-03-09"), f"--as-of: run {RUN_ID} is of {FIRST_DAY}; give that day, or the run id of yours"),
        (("--engine", "duck"), "engine (option): Input should be 'embedded', 'spark' or 'auto', not 'duck'"),
    ],
)
def test_finalize_of_another_day_or_engine_than_there_is_is_exit_2_and_changes_nothing(
    planned: Path, options: tuple[str, str], complaint: str
) -> None:
    before = history(planned)
    ended = returns(planned, "finalize", "--run-id", RUN_ID, *options, INGEST)
    assert (ended.exit_code, ended.complaints, ended.stdout) == (2, [f"error: {complaint}"], "")
    assert history(planned) == before


def test_stage_of_a_run_that_another_tool_recorded_is_exit_2_and_leaves_that_record(planned: Path) -> None:
    latest_of(planned).write_text(json.dumps(BARE))
    succeeded(returns(planned, "finalize", "--run-id", RUN_ID, INGEST))
    before = history(planned)
    (theirs,) = [content["run_id"] for content in before.values() if content["run_id"] != RUN_ID]
    for command in ("finalize", "bronze-to-silver"):
        ended = returns(planned, command, "--run-id", theirs)
        complaint = f"error: --run-id: {theirs} is on record, but not by this pipeline"
        assert (ended.exit_code, ended.complaints, history(planned)) == (2, [complaint], before)


def test_ingest_metrics_takes_each_run_once_and_names_what_is_malformed(tmp_path: Path) -> None:
    lake, source = tmp_path / "lake", write(tmp_path / "source", record(0), record(1, odd={"kept": 1}))
    (source / "bare.json").write_text(json.dumps(BARE))
    (source / "copy.json").write_text(json.dumps(record(0)))
    (source / "torn.json").write_text("{")
    (source / "z.json").write_text("[1]")
    for said in ("3 runs ingested, 1 known already", "0 runs ingested, 4 known already"):
        ended = returns(lake, "ingest-metrics", str(source))
        assert (ended.exit_code, ended.lines) == (4, [f"{said}, 2 files malformed"])
        assert [line["message"] for line in ended.logs] == [
            "torn.json is no run record: is no JSON",
            "z.json is no run record: is no JSON object",
        ]
        problem = "torn.json: is no run record: is no JSON (and 1 more files)"
        assert ended.complaints == [f"error: {problem}; mend it or move it away, then run again"]
    kept = history(lake)
    known = {name: kept[name] for name in ("20241101T030000-run-0.json", "20241102T030000-run-1.json")}
    assert list(known.values()) == [record(0), record(1, odd={"kept": 1})]
    ((name, bare),) = [(name, content) for name, content in kept.items() if name not in known]
    assert name.endswith(f"-{bare['run_id']}.json")
    assert (bare["status"], bare["stages"]) == ("succeeded", BARE["stages"])


def test_ingest_metrics_of_nothing_is_exit_2(tmp_path: Path) -> None:
    ended = returns(tmp_path, "ingest-metrics")
    complaint = f"error: {latest_of(tmp_path)}: there is no such file or directory"
    assert (ended.exit_code, ended.complaints, list(tmp_path.iterdir())) == (2, [complaint], [])


def test_ingest_metrics_of_records_that_are_no_files_or_nested_too_deeply_goes_on_with_the_rest(tmp_path: Path) -> None:
    lake, source = tmp_path / "lake", write(tmp_path / "source", record(0), record(1, exit_code=10**400))
    for day, depth in ((2, 900), (3, 100_000)):
        text = json.dumps(record(day, warnings="deep")).replace('"deep"', "[" * depth + "]" * depth)
        (source / f"run-{day}.json").write_text(text)
    write(source, record(4, finished_at=(datetime.now(UTC) + timedelta(days=2)).isoformat()))
    os.mkfifo(source / "pipe.json")
    ended = returns(lake, "ingest-metrics", str(source))
    assert (ended.exit_code, ended.lines) == (4, ["2 runs ingested, 0 known already, 3 files malformed"])
    assert [line["message"] for line in ended.logs] == [
        "run-1.json is no run record: exit_code: Input should be less than or equal to 255",
        "run-3.json is no run record: is no JSON",
        "run-4.json is no run record: has a time that is yet to come",
    ]
    assert list(history(lake)) == ["20241101T030000-run-0.json", "20241103T030000-run-2.json"]


def test_ingest_metrics_writes_the_history_without_a_latest_record(tmp_path: Path) -> None:
    lake, out = tmp_path / "lake", tmp_path / "history.om"
    (lake / "metrics").mkdir(parents=True)
    write(lake / "metrics" / "runs", record(0), record(1))
    ended = succeeded(returns(lake, "ingest-metrics", "--openmetrics", str(out), "--instance", "there:8010"))
    told = "0 runs ingested, 0 known already, 0 files malformed"
    assert ended.lines == [told, f"2 runs written to {out}"]
    assert 'returns_pipeline_runs_total{instance="there:8010",job="returns",status="succeeded"} 2.0' in out.read_text()
    refused = returns(lake, "ingest-metrics")
    assert (refused.exit_code, len(refused.complaints)) == (2, 1)


def test_history_continues_the_series_of_the_shipped_configuration() -> None:
    (job,) = parsed(PROMETHEUS)["scrape_configs"]
    assert (job["job_name"], job["static_configs"][0]["targets"]) == (JOB, [SHIPPED_TARGET])
