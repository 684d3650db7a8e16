"""Stages that run apart, as a scheduler runs them: what their one record says, and what the metrics make of it."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

import lake_reading
from commands import Ended, returns
from crashes import failing, image
from kills import FIRST_DAY, land_samples
from test_run_history import values

pytestmark = pytest.mark.full  # make test has the cores of these promises elsewhere

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "gold")
RUN_ID = "3c9f6cfd-5f0c-4d3b-9d2f-0b8a6f1f0c11"
ALL = {"MAX_QUARANTINED_RATIO": "1", "VOLUME_GATE": "off"}
NONE = {"MAX_QUARANTINED_RATIO": "0", "QUARANTINE_GATE_MIN_ROWS": "1"}


def tried(lake: Path, stage: str, **env: str) -> tuple[int, dict[str, Any], dict[str, float]]:
    """How a stage ended, the record behind it, and the metrics."""
    return (
        run_stage(lake, stage, **env).exit_code,
        lake_reading.latest_run_record(lake),
        values(lake / "metrics" / "runs"),
    )


def run_stage(lake: Path, stage: str, **env: str) -> Ended:
    return returns(lake, *stage.split(), "--as-of", FIRST_DAY, "--run-id", RUN_ID, **(ALL | env))


def disturbed(lake: Path, stage: str, by: str | OSError) -> tuple[int, dict[str, Any], dict[str, float]]:
    """The same of a stage that is killed at a moment, or meets an error before it merges or overwrites gold."""
    if isinstance(by, OSError):
        with failing("before overwrite gold_returns_by_sku_reason", by):
            return tried(lake, stage)
    left = image(lake, lake.parent / "left", lambda: run_stage(lake, stage), by)
    shutil.rmtree(lake)
    shutil.copytree(left, lake)
    return -signal.SIGKILL, lake_reading.latest_run_record(lake), values(lake / "metrics" / "runs")


def test_gold_stage_under_the_id_of_a_run_that_a_gate_stopped_exits_2_and_says_what_to_run(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    assert tried(lake, "bronze-to-silver", **NONE)[0] == 3
    ended = returns(lake, "silver-to-gold", "--as-of", FIRST_DAY, "--run-id", RUN_ID, **ALL)
    assert ended.exit_code == 2
    assert ended.complaints == [f"error: --run-id: {RUN_ID} was stopped in bronze_to_silver; run that stage again"]


def test_stages_apart_move_the_success_at_their_end_only_and_no_counter_goes_back(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    steps: list[tuple[str, dict[str, str] | str | OSError]] = [
        ("plan --commit", {}),
        ("bronze-to-silver", "behind replace_batch quarantine_returns"),
        ("bronze-to-silver", NONE),
        ("bronze-to-silver", {}),
        ("silver-to-gold", FULL),
        ("silver-to-gold", {}),
        ("plan --commit", {}),
        ("bronze-to-silver", {}),
        ("silver-to-gold", {}),
    ]
    before: dict[str, float] = {}
    seen, successes = [], []
    for stage, how in steps:
        exit_code, record, now = tried(lake, stage, **how) if isinstance(how, dict) else disturbed(lake, stage, how)
        assert {name for name in before if "_total" in name and now[name] < before[name]} == set()
        counted = [now[f"runs_total {status}"] for status in ("succeeded", "failed", "no_new_data")]
        seen.append((exit_code, record["status"], record["complete"], counted))
        successes.append(now.get("last_success_timestamp_seconds"))
        before = now
    assert seen == [
        (0, "succeeded", False, [0, 0, 0]),
        (-9, "succeeded", False, [0, 0, 0]),
        (3, "failed", True, [0, 1, 0]),
        (0, "succeeded", False, [0, 1, 0]),
        (5, "failed", True, [0, 2, 0]),
        (0, "succeeded", True, [1, 2, 0]),
        (0, "no_new_data", True, [1, 2, 1]),
        (0, "no_new_data", True, [1, 2, 1]),
        (0, "no_new_data", True, [1, 2, 1]),
    ]
    assert successes[:5] == [None] * 5
    assert None not in successes[5:] and successes[5:] == sorted(successes[5:])
    (record,) = lake_reading.run_records(lake)
    assert [stage["name"] for stage in record["stages"]] == ["plan", "bronze_to_silver", "silver_to_gold"]
    assert [(attempt["status"], attempt["exit_code"]) for attempt in record["attempts"]] == [
        ("failed", 3),
        ("failed", 5),
        ("succeeded", 0),
    ]
    (silver,) = [stage for stage in record["attempts"][-1]["stages"] if stage["name"] == "bronze_to_silver"]
    assert before["rows_total bronze_to_silver inserted"] == silver["rows_inserted"] > 0


def test_stages_apart_of_which_gold_is_to_come_are_not_at_their_end_whatever_is_new(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    for stage in ("bronze-to-silver", "plan --commit"):
        exit_code, record, now = tried(lake, stage)
        assert (exit_code, record["status"], record["complete"]) == (0, "succeeded", False)
        assert now["runs_total succeeded"] == now["runs_total no_new_data"] == 0


def test_stage_that_fails_says_why_in_a_log_line_of_the_run_and_once_to_a_person(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    ended = returns(lake, "bronze-to-silver", "--as-of", FIRST_DAY, "--run-id", RUN_ID, **(ALL | NONE))
    told = lake_reading.latest_run_record(lake)["error"]
    assert told.startswith("gate quarantined_ratio failed")
    assert (ended.exit_code, ended.complaints) == (3, [f"error: {told}"])
    last = ended.logs[-1]
    assert {name: last.get(name) for name in ("level", "message", "run_id", "exit_code", "exc_info")} == {
        "level": "ERROR",
        "message": told,
        "run_id": RUN_ID,
        "exit_code": 3,
        "exc_info": None,
    }


def test_finalize_with_dr_of_a_run_that_is_not_at_its_end_is_exit_2(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    tried(lake, "plan --commit")
    ended = returns(lake, "finalize", "--run-id", RUN_ID, "--with-dr")
    complaint = f"error: --with-dr: run {RUN_ID} is not at its end; returns silver-to-gold is to come"
    assert (ended.exit_code, ended.complaints) == (2, [complaint])
