"""A run that is killed anywhere can simply be run again: nothing is lost and nothing is doubled."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import lake_reading
from commands import ENGINE
from kills import (
    FIRST_DAY,
    LANDED,
    SECOND_DAY,
    Kill,
    at_point,
    before_log,
    contents_without_batches,
    counts,
    land_one_more,
    land_samples,
    run_elsewhere,
    run_killed,
    run_whole,
)
from pyspark_interview_project.faults import POINTS

# Points that a run comes by more than once: at the first time, and when some of it is done.
PASSES = dict.fromkeys(("before_silver_part", "after_silver_part", "before_gold_table", "after_gold_table"), (1, 2))
POINT_KILLS = [at_point(point, passes) for point in POINTS for passes in PASSES.get(point, (1,))]
# At each point once, when some of it is done; at the other moments in `make test-nightly` and `make rest-on-spark`.
KILLS_IN_EVERY_TEST = [at_point(point, PASSES.get(point, (1,))[-1]) for point in POINTS]
PAIRS = [
    (at_point("after_plan"), at_point("after_quarantine")),
    (at_point("after_quarantine"), at_point("after_quarantine")),
    (at_point("before_count"), at_point("after_count")),
    (at_point("after_count"), at_point("after_silver_part", 2)),
    (at_point("after_silver_part"), at_point("after_silver_part")),
    (at_point("before_commit"), at_point("before_commit")),
    (at_point("after_commit"), at_point("before_gold_table", 2)),
    (at_point("after_gold_table"), at_point("after_gold_table")),
]
GOLD = [place for place in lake_reading.TABLES if place.startswith("gold")]
LATE = POINT_KILLS[::3]
# Of a first run, whose tables are made and whose silver is appended to; the other points in `make test-nightly`.
FIRST_RUN_IN_EVERY_TEST = ("before_silver_part", "after_silver_part")


@dataclass(frozen=True)
class Never:
    """Lakes whose runs nobody killed: after the first day, after the second, and after a late file behind that."""

    first: Path
    second: Path
    late: Path


@pytest.fixture(scope="module")
def never(tmp_path_factory: pytest.TempPathFactory, first_day: Path, second_day: Path) -> Never:
    first, second = first_day, second_day
    if ENGINE == "spark":
        first, second = (tmp_path_factory.mktemp(name) / "lake" for name in ("first", "second"))
        shutil.copytree(first_day, first)
        shutil.rmtree(first / LANDED / "dt=2026-11-22")  # files of one format are planned, and so killed, sooner
        shutil.copytree(first, second)
        run_elsewhere(second, SECOND_DAY)
    late = Path(shutil.copytree(second, tmp_path_factory.mktemp("late") / "lake"))
    land_one_more(late)
    run_elsewhere(late, SECOND_DAY)
    return Never(first, second, late)


def test_never_killed_lakes_have_what_a_kill_can_hurt(never: Never) -> None:
    notes = lake_reading.commit_notes(never.second, lake_reading.SILVER)
    assert max(note.get("parts", 1) for note in notes) >= 3
    first, second = counts(never.second)
    assert first["rows_quarantined"] and second["rows_quarantined"] and second["rows_updated"]


@pytest.mark.parametrize(
    "kill",
    [
        pytest.param(kill, marks=pytest.mark.spark if kill in KILLS_IN_EVERY_TEST else pytest.mark.full, id=kill.name)
        for kill in POINT_KILLS
    ],
)
def test_run_killed_at_a_point_and_run_again_makes_the_same_tables(tmp_path: Path, never: Never, kill: Kill) -> None:
    assert_survives(tmp_path / "lake", never, [kill])


@pytest.mark.parametrize("place", [pytest.param(place, marks=pytest.mark.spark) for place in lake_reading.TABLES])
def test_run_killed_between_files_and_log_and_run_again_makes_the_same_tables(
    tmp_path: Path, never: Never, publishing_faults: Path, place: str
) -> None:
    kills = [before_log(place, publishing_faults)]
    if ENGINE == "spark" and place in GOLD:  # with a JVM of its own, which need not do what other kills look at
        kills.insert(0, Kill("before gold", {"FAULT": "before_gold_table:kill", "ENGINE": "embedded"}))
    # Either engine ends what the other began.
    assert_survives(tmp_path / "lake", never, kills, ended_by="embedded")


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(pair, marks=[pytest.mark.spark, pytest.mark.full if pair in PAIRS[1:4:2] else pytest.mark.full])
        for pair in PAIRS
    ],
    ids=lambda kills: "-".join(kill.name for kill in kills),
)
def test_run_killed_twice_and_run_again_makes_the_same_tables(
    tmp_path: Path, never: Never, kills: tuple[Kill, Kill]
) -> None:
    assert_survives(tmp_path / "lake", never, kills)


def assert_survives(lake: Path, never: Never, kills: Sequence[Kill], ended_by: str = ENGINE) -> None:
    """Kill runs of the second day, one behind the other, then let one be."""
    shutil.copytree(never.first, lake)
    for kill in kills:
        run_killed(lake, SECOND_DAY, kill)
    run_whole(lake, SECOND_DAY, ENGINE=ended_by)
    assert lake_reading.comparable(lake) == lake_reading.comparable(never.second)
    assert counts(lake) == counts(never.second)


@pytest.mark.parametrize(
    "point",
    [point if point in FIRST_RUN_IN_EVERY_TEST else pytest.param(point, marks=pytest.mark.full) for point in POINTS],
)
def test_first_run_killed_at_a_point_and_run_again_makes_the_same_tables(
    tmp_path: Path, never: Never, point: str
) -> None:
    lake = land_samples(tmp_path / "lake")
    run_killed(lake, FIRST_DAY, at_point(point))
    run_whole(lake, FIRST_DAY)
    assert lake_reading.comparable(lake) == lake_reading.comparable(never.first)
    assert counts(lake) == counts(never.first)


@pytest.mark.full
@pytest.mark.parametrize("place", lake_reading.TABLES)
@pytest.mark.parametrize("moment", ["made", "filled"])
def test_first_run_killed_between_files_and_log_and_run_again_makes_the_same_tables(
    tmp_path: Path, never: Never, publishing_faults: Path, place: str, moment: str
) -> None:
    entry = 1 if moment == "made" else lake_reading.version(never.first, place) + 1
    lake = land_samples(tmp_path / "lake")
    run_killed(lake, FIRST_DAY, before_log(place, publishing_faults, entry))
    run_whole(lake, FIRST_DAY)
    assert lake_reading.comparable(lake) == lake_reading.comparable(never.first)
    assert counts(lake) == counts(never.first)


@pytest.mark.parametrize(
    "kill",
    [
        pytest.param(kill, marks=[pytest.mark.spark, pytest.mark.full if kill in LATE[1:5:3] else pytest.mark.full])
        for kill in LATE
    ],
    ids=lambda kill: kill.name,
)
def test_file_that_lands_behind_a_kill_is_taken_too(tmp_path: Path, never: Never, kill: Kill) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(never.first, lake)
    run_killed(lake, SECOND_DAY, kill)
    land_one_more(lake)
    run_whole(lake, SECOND_DAY)
    assert contents_without_batches(lake) == contents_without_batches(never.late)
