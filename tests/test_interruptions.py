"""A run that is stopped by a signal, and one that is started beside another."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

import lake_reading
from commands import REPOSITORY, RETURNS, Ended, environment, process, returns, succeeded
from crashes import at
from kills import FIRST_DAY, LANDED, SETTINGS, land_samples, run_killed, run_whole, started
from landing import Row, land, row_of

# Longer than it takes to stop: that is promised within 30 seconds.
PATIENCE_SECONDS = 60


@pytest.mark.parametrize(
    ("said", "number", "exit_code"),
    [
        pytest.param("validating batch", signal.SIGTERM, 143, marks=[pytest.mark.spark, pytest.mark.full]),
        ("validating batch", signal.SIGINT, 130),
    ],
)
def test_process_that_is_stopped_ends_with_its_code_and_the_next_run_goes_on(
    tmp_path: Path, first_day: Path, said: str, number: int, exit_code: int
) -> None:
    lake = land_samples(tmp_path / "lake")
    with started(lake, said) as process:
        process.send_signal(number)
        assert process.wait(timeout=PATIENCE_SECONDS) == exit_code
    assert_goes_on(lake, first_day, exit_code)


@pytest.mark.parametrize(
    "moment",
    [
        "behind upsert silver_returns",
        pytest.param("behind put plan.json", marks=pytest.mark.full),
        pytest.param("behind materialize", marks=[pytest.mark.spark, pytest.mark.full]),
        pytest.param("behind overwrite gold_returns_by_sku_reason", marks=[pytest.mark.spark, pytest.mark.full]),
    ],
)
def test_run_that_is_told_to_stop_at_a_moment_ends_with_143_and_the_next_run_goes_on(
    tmp_path: Path, first_day: Path, moment: str
) -> None:
    lake = land_samples(tmp_path / "lake")
    with at(moment, lambda: os.kill(os.getpid(), signal.SIGTERM)):
        ended = returns(lake, "run", "--as-of", FIRST_DAY, **SETTINGS)
    said = "error: stopped by SIGTERM; run again, it goes on where it stopped"
    assert (ended.exit_code, ended.complaints) == (143, [said])
    assert_goes_on(lake, first_day, 143)


def assert_goes_on(lake: Path, first_day: Path, exit_code: int) -> None:
    (record,) = lake_reading.run_records(lake)
    assert (record["status"], record["exit_code"]) == ("failed", exit_code)
    assert not (lake / "ops" / "lock_holder.json").exists()

    run_whole(lake, FIRST_DAY)
    assert lake_reading.comparable(lake) == lake_reading.comparable(first_day)


def many_rows(first: int, count: int) -> list[Row]:
    """Returns of a month with ids from `first` on; of every twentieth the quantity is wrong."""
    return [
        row_of(
            f"R-{number}",
            "O-1",
            None,
            f"SKU-{number % 50}",
            "damaged",
            str(number % 20),
            "9.50",
            f"2026-10-{number % 28 + 1:02d}",
            None,
        )
        for number in range(first, first + count)
    ]


@pytest.mark.full
@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_run_that_is_stopped_again_and_again_while_the_engine_is_at_work_ends_in_the_same_tables(
    tmp_path: Path, number: int, exit_code: int
) -> None:
    """At moments that have nothing to do with what it is at: the later the further it has come."""
    lake, undisturbed = tmp_path / "lake", tmp_path / "undisturbed"
    land(lake / LANDED / "first.csv", many_rows(0, 8000))
    succeeded(returns(lake, "run", "--as-of", FIRST_DAY, **SETTINGS))
    land(lake / LANDED / "second.jsonl", [{**row, "ingest_ts": "2026-11-01"} for row in many_rows(4000, 12000)])
    shutil.copytree(lake, undisturbed)

    codes = [stopped_after(lake, hundredths / 100, number) for hundredths in range(0, 60, 15)]
    stopped = [record for record in lake_reading.run_records(lake) if record["exit_code"] != 0]
    assert {*codes} <= {0, exit_code} and codes[0] == exit_code
    # A signal that comes when the record is written ends the command, but the run was done.
    assert len(stopped) <= codes.count(exit_code) <= len(stopped) + 1
    said = {130: "interrupted", 143: "stopped by SIGTERM"}[exit_code]
    assert {(r["status"], r["exit_code"], r["error"]) for r in stopped} == {("failed", exit_code, said)}
    assert not (lake / "ops" / "lock_holder.json").exists()
    assert not list((lake / "ops" / "scratch").glob("*"))

    for each in (lake, undisturbed):
        succeeded(returns(each, "run", "--as-of", FIRST_DAY, **SETTINGS))
    assert lake_reading.comparable(lake) == lake_reading.comparable(undisturbed)


def stopped_after(lake: Path, seconds: float, number: int) -> int:
    """Send a run a signal so long after it began with the batch; the exit code. It says one line about it, or none."""
    with subprocess.Popen(
        [str(RETURNS), "run", "--as-of", FIRST_DAY],
        env=environment(lake, **SETTINGS),
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        if any("validating batch" in line for line in process.stderr):
            time.sleep(seconds)
            process.send_signal(number)
        exit_code = process.wait(timeout=30)
        complaints = [line for line in process.stderr if not line.startswith("{")]
        assert len(complaints) == int(exit_code != 0), complaints
        return exit_code


@pytest.mark.spark
def test_run_beside_another_exits_6_and_names_it(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    beside: list[Ended] = []
    with at("behind put plan.json", lambda: beside.append(process(lake, "run", "--as-of", FIRST_DAY))):
        run_whole(lake, FIRST_DAY)
    (ended,) = beside
    assert ended.exit_code == 6
    (complaint,) = ended.complaints
    assert f":{os.getpid()} since 20" in complaint
    assert [state for _, state in lake_reading.batch_states(lake)] == ["committed"]
    assert lake_reading.latest_run_record(lake)["exit_code"] == 0


@pytest.mark.full
def test_file_skipped_behind_a_kill_is_left_out_and_the_others_are_planned_afresh(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    run_killed(lake, FIRST_DAY, "behind replace_batch quarantine_returns")
    skipped = f"{LANDED}/dt=2026-11-20/web.jsonl"
    succeeded(returns(lake, "run", "--as-of", FIRST_DAY, "--skip-file", skipped, **SETTINGS))
    record = lake_reading.latest_run_record(lake)
    assert record["overrides"] == {"skip_files": [skipped]}
    assert skipped not in {file["path"] for file in record["files"]}
    assert [state for _, state in lake_reading.batch_states(lake)] == ["abandoned", "committed"]
    assert {row[0] for row in lake_reading.rows(lake, lake_reading.QUARANTINE, ["source_file"])} & {skipped} == set()

    run_whole(lake, FIRST_DAY)
    assert [file["path"] for file in lake_reading.latest_run_record(lake)["files"]] == [skipped]
