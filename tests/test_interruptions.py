"""A run that is stopped by a signal, and two runs that start at once."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

import lake_reading
from commands import REPOSITORY, RETURNS, environment, returns, succeeded
from kills import FIRST_DAY, LANDED, SETTINGS, at_point, land_samples, run_killed, run_whole, waiting_at

# Where a run waits until it is stopped.
WAITING = ("after_judging", "after_silver_part", "after_gold_table")
# Longer than a JVM takes to start on a machine with other work; nothing waits for it that comes to pass.
PATIENCE_SECONDS = 300


@pytest.mark.parametrize(
    ("number", "exit_code"), [pytest.param(signal.SIGTERM, 143, marks=pytest.mark.on_spark), (signal.SIGINT, 130)]
)
@pytest.mark.parametrize("point", [WAITING[0], *(pytest.param(point, marks=pytest.mark.long) for point in WAITING[1:])])
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


@pytest.mark.on_spark
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


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param(0, marks=pytest.mark.on_spark),
        pytest.param(1, marks=pytest.mark.on_spark),
        *(pytest.param(turn, marks=pytest.mark.long) for turn in range(2, 20)),
    ],
)
def test_two_runs_started_together_one_runs_and_nothing_is_lost(tmp_path: Path, first_day: Path, turn: int) -> None:
    lake = land_samples(tmp_path / "lake")
    codes = start_both(lake)
    # The second may also come when the first has just ended: then it finds nothing new.
    assert codes in ([0, 6], [0, 0])
    assert lake_reading.comparable(lake) == lake_reading.comparable(first_day)
    assert [state for _, state in lake_reading.batch_states(lake)] == ["committed"]
