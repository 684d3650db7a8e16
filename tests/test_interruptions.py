"""A run that is stopped by a signal, and two runs that start at once."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

import lake_reading
from commands import REPOSITORY, RETURNS, environment, returns, succeeded
from kills import FIRST_DAY, LANDED, SETTINGS, at_point, land_samples, run_killed, run_whole, waiting_at
from landing import Row, land, row_of

# Where a run waits until it is stopped.
WAITING = ("after_judging", "after_silver_part", "after_gold_table")
# Longer than a JVM takes to start on a machine with other work; nothing waits for it that comes to pass.
PATIENCE_SECONDS = 300


@pytest.mark.parametrize(
    ("point", "number", "exit_code"),
    [
        pytest.param(WAITING[0], signal.SIGTERM, 143, marks=pytest.mark.spark),
        (WAITING[0], signal.SIGINT, 130),
        *(pytest.param(point, signal.SIGTERM, 143, marks=pytest.mark.full) for point in WAITING[1:]),
        *(pytest.param(point, signal.SIGINT, 130, marks=pytest.mark.full) for point in WAITING[1:]),
    ],
)
def test_run_that_is_stopped_ends_with_its_code_and_the_next_run_goes_on(
    tmp_path: Path, first_day: Path, point: str, number: int, exit_code: int
) -> None:
    lake = land_samples(tmp_path / "lake")
    with waiting_at(lake, point) as process:
        process.send_signal(number)
        assert process.wait(timeout=30) == exit_code
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


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.full),
    ],
)
def test_run_that_is_stopped_again_and_again_while_the_engine_is_at_work_ends_in_the_same_tables(
    tmp_path: Path, number: int, exit_code: int
) -> None:
    """At moments that have nothing to do with what it is at: the later the further it has come."""
    lake, undisturbed = tmp_path / "lake", tmp_path / "undisturbed"
    settings = {**SETTINGS, "MERGE_ROWS_PER_COMMIT": "4000"}
    land(lake / LANDED / "first.csv", many_rows(0, 8000))
    succeeded(returns(lake, "run", "--as-of", FIRST_DAY, **settings))
    land(lake / LANDED / "second.jsonl", [{**row, "ingest_ts": "2026-11-01"} for row in many_rows(4000, 12000)])
    shutil.copytree(lake, undisturbed)

    codes = [stopped_after(lake, tenths / 10, number, settings) for tenths in range(0, 24, 6)]
    stopped = [record for record in lake_reading.run_records(lake) if record["exit_code"] != 0]
    assert {*codes} <= {0, exit_code} and codes[0] == exit_code
    # A signal that comes when the record is written ends the command, but the run was done.
    assert len(stopped) <= codes.count(exit_code) <= len(stopped) + 1
    said = {130: "interrupted", 143: "stopped by SIGTERM"}[exit_code]
    assert {(r["status"], r["exit_code"], r["error"]) for r in stopped} == {("failed", exit_code, said)}
    assert not (lake / "ops" / "lock_holder.json").exists()
    assert not list((lake / "ops" / "scratch").glob("*"))

    for each in (lake, undisturbed):
        succeeded(returns(each, "run", "--as-of", FIRST_DAY, **settings))
    assert lake_reading.comparable(lake) == lake_reading.comparable(undisturbed)


def stopped_after(lake: Path, seconds: float, number: int, settings: dict[str, str]) -> int:
    """Send a run a signal so long after it began with the batch; the exit code. It says one line about it, or none."""
    with subprocess.Popen(
        [str(RETURNS), "run", "--as-of", FIRST_DAY],
        env=environment(lake, **settings),
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
def test_run_beside_another_exits_6_within_five_seconds_and_names_it(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    with waiting_at(lake, "after_plan") as process:
        ended = returns(lake, "run", "--as-of", FIRST_DAY)
        assert ended.exit_code == 6
        (complaint,) = ended.complaints
        assert f":{process.pid} since 20" in complaint
    assert [state for _, state in lake_reading.batch_states(lake)] == ["planned"]


def test_file_skipped_behind_a_kill_is_left_out_and_the_others_are_planned_afresh(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    run_killed(lake, FIRST_DAY, at_point("after_quarantine"))
    skipped = f"{LANDED}/dt=2026-11-20/web.jsonl"
    succeeded(returns(lake, "run", "--as-of", FIRST_DAY, "--skip-file", skipped, **SETTINGS))
    record = lake_reading.latest_run_record(lake)
    assert record["overrides"] == {"skip_files": [skipped]}
    assert skipped not in {file["path"] for file in record["files"]}
    assert [state for _, state in lake_reading.batch_states(lake)] == ["abandoned", "committed"]
    assert {row[0] for row in lake_reading.rows(lake, lake_reading.QUARANTINE, ["source_file"])} & {skipped} == set()

    run_whole(lake, FIRST_DAY)
    assert [file["path"] for file in lake_reading.latest_run_record(lake)["files"]] == [skipped]


def start_both(lake: Path) -> list[int]:
    """Start two runs at the same moment; their exit codes, the lower first."""
    command = [str(RETURNS), "run", "--as-of", FIRST_DAY]
    env = environment(lake, **SETTINGS)
    both = [
        subprocess.Popen(command, env=env, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    return sorted(process.wait(timeout=PATIENCE_SECONDS) for process in both)


def test_two_new_processes_started_together_one_runs_and_nothing_is_lost(tmp_path: Path, first_day: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    codes = start_both(lake)
    # The second may also come when the first has just ended: then it finds nothing new.
    assert codes in ([0, 6], [0, 0])
    assert lake_reading.comparable(lake) == lake_reading.comparable(first_day)
    assert [state for _, state in lake_reading.batch_states(lake)] == ["committed"]
