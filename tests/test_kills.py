"""Processes that are really killed: at a step of a run, and between the files of a commit and its entry in a log.

Where else a run can be killed is tried with copies of lakes (test_crashes.py), at random moments by `make soak`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import lake_reading
from commands import full, mostly_full
from kills import (
    FIRST_DAY,
    SECOND_DAY,
    counts,
    killed_before_log,
    land_samples,
    run_elsewhere,
    run_whole,
    started,
)
from lake_reading import QUARANTINE, SILVER, TABLES

pytestmark = pytest.mark.spark

# What a run says just before it is killed.
STEPS = ("rows into silver", "bringing gold/returns_by_sku_reason")


@full
@pytest.mark.parametrize("said", STEPS)
def test_process_killed_at_a_step_and_run_again_makes_the_same_tables(
    tmp_path: Path, first_day: Path, second_day: Path, said: str
) -> None:
    lake = Path(shutil.copytree(first_day, tmp_path / "lake"))
    with started(lake, said, SECOND_DAY):
        pass  # it is killed here
    run_elsewhere(lake, SECOND_DAY)
    assert lake_reading.comparable(lake) == lake_reading.comparable(second_day)
    assert counts(lake) == counts(second_day)


@pytest.mark.parametrize("place", mostly_full(TABLES, 1))
def test_process_killed_between_files_and_log_and_run_again_makes_the_same_tables(
    tmp_path: Path, first_day: Path, second_day: Path, publishing_faults: Path, place: str
) -> None:
    lake = Path(shutil.copytree(first_day, tmp_path / "lake"))
    killed_before_log(lake, SECOND_DAY, place, publishing_faults)
    assert lake_reading.version(lake, place) == lake_reading.version(first_day, place)
    run_elsewhere(lake, SECOND_DAY)  # either engine ends what the other began
    assert lake_reading.comparable(lake) == lake_reading.comparable(second_day)
    assert counts(lake) == counts(second_day)


@full
@pytest.mark.embedded_only
@pytest.mark.parametrize("place", [SILVER, QUARANTINE])
@pytest.mark.parametrize("moment", ["made", "filled"])
def test_first_process_killed_between_files_and_log_and_run_again_makes_the_same_tables(
    tmp_path: Path, first_day: Path, publishing_faults: Path, place: str, moment: str
) -> None:
    entry = 1 if moment == "made" else lake_reading.version(first_day, place) + 1
    lake = land_samples(tmp_path / "lake")
    killed_before_log(lake, FIRST_DAY, place, publishing_faults, entry)
    run_whole(lake, FIRST_DAY)
    assert lake_reading.comparable(lake) == lake_reading.comparable(first_day)
    assert counts(lake) == counts(first_day)
