"""A run that is killed or finds a full disk anywhere can simply be run again: nothing is lost and nothing is doubled.

What a kill at a moment leaves is a copy of the lake at that moment (crashes.py). Processes that are really killed, also
in the midst of a commit, are in test_kills.py.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import lake_reading
from commands import ENGINE, full, mostly_full, returns
from crashes import BEFORE, Moment, failing, image, images, watched
from kills import (
    FIRST_DAY,
    SECOND_DAY,
    SETTINGS,
    contents_without_batches,
    counts,
    land_one_more,
    land_samples,
    run_elsewhere,
    run_whole,
)
from lake_reading import TABLES

pytestmark = pytest.mark.spark

# Of a run on a lake that has its tables. The first ones are in make test, all other moments in make test-full.
KILLS = (
    "behind put checkpoint.json",
    "behind upsert silver_returns",
    "before merge gold_returns_by_date_reason",
    "before put pipeline_metrics.json",
    "behind put plan.json",
    "behind replace_batch quarantine_returns",
    "behind put committed.json",
    "behind delete gold_unchecked",
)
# Of a first run, which makes the tables.
FIRST_KILLS = ("behind upsert silver_returns", "behind ensure_tables")
FULL_DISKS = ("before upsert silver_returns", "before put *.json")
TERMS = ("rows_read", "rows_inserted", "rows_updated", "rows_superseded", "rows_duplicate", "rows_quarantined")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, first_day: Path) -> Mapping[Moment, Path]:
    """The lakes that the kills of KILLS leave in the run of the second day."""
    root = tmp_path_factory.mktemp("killed")
    lake = Path(shutil.copytree(first_day, root / "lake"))
    wanted = {Moment.of(kill) for kill in KILLS}
    return images(lake, root / "images", lambda: run_whole(lake, SECOND_DAY), wanted.__contains__)


def terms(record: Mapping[str, Any]) -> tuple[int, ...] | None:
    """The law's terms of a run; None where it took no batch."""
    found = [stage for stage in record["stages"] if stage["name"] == "bronze_to_silver" and stage["rows_read"]]
    return tuple(found[0][term] for term in TERMS) if found else None


def recorded(lake: Path) -> list[tuple[int, ...]]:
    """The law's terms of every run that took a batch, the oldest first."""
    return [found for record in lake_reading.run_records(lake) if (found := terms(record))]


def assert_as_never_killed(left: Path, lake: Path, never: Path) -> None:
    """`lake` was run again behind the kill that left `left`; `never` is the lake of runs that nobody killed."""
    assert lake_reading.comparable(lake) == lake_reading.comparable(never)
    assert counts(lake) == counts(never)
    # A killed run leaves no record. What it had committed is on record nowhere.
    was_done = lake_reading.batch_states(left) == lake_reading.batch_states(never)
    assert recorded(lake) == (recorded(left) if was_done else recorded(never))
    latest = lake_reading.latest_run_record(lake)
    assert (latest["status"], latest["exit_code"]) in (("succeeded", 0), ("no_new_data", 0))
    expected = lake_reading.latest_run_record(never)["tables"]
    assert {name: table["rows"] for name, table in latest["tables"].items()} == {
        name: table["rows"] for name, table in expected.items()
    }
    assert not (lake / "ops" / "gold_unchecked").exists() and not (lake / "ops" / "lock_holder.json").exists()
    assert not list((lake / "ops" / "scratch").glob("*"))
    # Nothing is left to do, and the run that says so leaves the tables as they are.
    versions = lake_reading.versions(lake)
    run_whole(lake, SECOND_DAY)
    assert lake_reading.latest_run_record(lake)["status"] == "no_new_data"
    assert lake_reading.versions(lake) == versions


@pytest.mark.parametrize("kill", mostly_full(KILLS, 4))
def test_run_killed_at_a_moment_and_run_again_is_as_if_nobody_had_killed_it(
    tmp_path: Path, killed: Mapping[Moment, Path], second_day: Path, kill: str
) -> None:
    left = killed[Moment.of(kill)]
    lake = Path(shutil.copytree(left, tmp_path / "lake"))
    run_whole(lake, SECOND_DAY)
    assert_as_never_killed(left, lake, second_day)


@pytest.mark.parametrize("kill", mostly_full(FIRST_KILLS, 1))
def test_first_run_killed_at_a_moment_and_run_again_is_as_if_nobody_had_killed_it(
    tmp_path: Path, first_day: Path, kill: str
) -> None:
    lake = land_samples(tmp_path / "lake")
    left = image(lake, tmp_path / "images", lambda: run_whole(lake, FIRST_DAY), kill)
    lake = Path(shutil.copytree(left, tmp_path / "again"))
    run_whole(lake, FIRST_DAY)
    assert lake_reading.comparable(lake) == lake_reading.comparable(first_day)
    assert (counts(lake), recorded(lake)) == (counts(first_day), recorded(first_day))


@full
def test_run_killed_twice_and_run_again_is_as_if_nobody_had_killed_it(
    tmp_path: Path, killed: Mapping[Moment, Path], second_day: Path
) -> None:
    once = Path(shutil.copytree(killed[Moment.of("behind put checkpoint.json")], tmp_path / "lake"))
    left = image(once, tmp_path / "twice", lambda: run_whole(once, SECOND_DAY), "before put committed.json")
    lake = Path(shutil.copytree(left, tmp_path / "again"))
    run_whole(lake, SECOND_DAY)
    assert_as_never_killed(left, lake, second_day)


def test_file_that_lands_behind_a_kill_is_taken_too(
    tmp_path: Path, killed: Mapping[Moment, Path], second_day: Path
) -> None:
    lake = Path(shutil.copytree(killed[Moment.of("behind upsert silver_returns")], tmp_path / "lake"))
    never = Path(shutil.copytree(second_day, tmp_path / "never"))
    for each in (lake, never):
        land_one_more(each)
        run_whole(each, SECOND_DAY)
    assert contents_without_batches(lake) == contents_without_batches(never)


@pytest.mark.parametrize("moment", mostly_full(FULL_DISKS, 1))
def test_run_that_finds_the_disk_full_exits_5_and_the_next_run_heals(
    tmp_path: Path, first_day: Path, second_day: Path, moment: str
) -> None:
    assert_heals_behind_a_full_disk(Path(shutil.copytree(first_day, tmp_path / "lake")), second_day, moment)


def assert_heals_behind_a_full_disk(lake: Path, never: Path, moment: str) -> None:
    no_space = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(lake / "ops"))
    with failing(moment, no_space):
        ended = returns(lake, "run", "--as-of", SECOND_DAY, **SETTINGS)
    assert ended.exit_code == 5, ended.stderr
    (complaint,) = ended.complaints
    assert "No space left" in complaint or "no space left" in complaint
    for table in TABLES:
        assert lake_reading.rows(lake, table) != []  # readable, at its last version
    run_whole(lake, SECOND_DAY)
    assert lake_reading.comparable(lake) == lake_reading.comparable(never)
    assert counts(lake) == counts(never)


COMMITS = ("commit replace_batch quarantine_returns", "commit publish silver_returns") + tuple(
    f"commit merge {table}" for table in ("gold_returns_by_sku_reason", "gold_returns_by_date_reason")
)


@pytest.mark.embedded_only  # it is delta-rs whose answer gets lost
def test_run_whose_commits_land_and_are_reported_as_failed_goes_by_the_log(
    tmp_path: Path, first_day: Path, second_day: Path
) -> None:
    lake = Path(shutil.copytree(first_day, tmp_path / "lake"))

    def lose_the_answer(moment: Moment) -> None:
        if moment.when != BEFORE and moment.call in COMMITS:
            raise OSError(errno.EIO, os.strerror(errno.EIO), "the log")

    with watched(lose_the_answer):
        ended = returns(lake, "run", "--as-of", SECOND_DAY, **SETTINGS)
    assert (ended.exit_code, ended.complaints) == (0, [])
    lost = [line["message"].partition(":")[0] for line in ended.logs if "got lost" in line["message"]]
    assert sorted(lost) == sorted(TABLES)
    assert lake_reading.comparable(lake) == lake_reading.comparable(second_day)
    assert lake_reading.versions(lake) == lake_reading.versions(second_day)


# Every moment ---------------------------------------------------------------------------------------------------------


def diverging(moments: Mapping[Any, Path], check: Callable[[Path, Path], object]) -> dict[str, str]:
    """What `check(left, lake)` says of each moment whose lake it does not like, on a copy of that lake."""
    found = {}
    for moment, left in moments.items():
        lake = Path(shutil.copytree(left, left.with_name("again")))
        try:
            check(left, lake)
        except AssertionError as error:
            found[str(moment)] = str(error)[:2000]
        shutil.rmtree(lake)
    return found


@full
def test_run_killed_at_any_moment_and_run_again_is_as_if_nobody_had_killed_it(
    tmp_path: Path, first_day: Path, second_day: Path
) -> None:
    lake = Path(shutil.copytree(first_day, tmp_path / "lake"))
    left = images(lake, tmp_path / "images", lambda: run_whole(lake, SECOND_DAY))

    def check(left: Path, lake: Path) -> None:
        run_whole(lake, SECOND_DAY)
        assert_as_never_killed(left, lake, second_day)

    assert len(left) >= 50
    assert diverging(left, check) == {}


@full
def test_first_run_killed_at_any_moment_and_ended_by_either_engine_makes_the_same_tables(
    tmp_path: Path, first_day: Path
) -> None:
    lake = land_samples(tmp_path / "lake")
    left = images(lake, tmp_path / "images", lambda: run_whole(lake, FIRST_DAY))

    def check(left: Path, lake: Path) -> None:
        run_elsewhere(lake, FIRST_DAY)
        assert lake_reading.comparable(lake) == lake_reading.comparable(first_day)
        assert counts(lake) == counts(first_day)

    assert len(left) >= 50
    assert diverging(left, check) == {}


@full
@pytest.mark.parametrize("kill", KILLS[::3])
def test_run_killed_twice_at_any_moments_and_run_again_makes_the_same_tables(
    tmp_path: Path, killed: Mapping[Moment, Path], second_day: Path, kill: str
) -> None:
    lake = Path(shutil.copytree(killed[Moment.of(kill)], tmp_path / "lake"))
    every = images(lake, tmp_path / "images", lambda: run_whole(lake, SECOND_DAY))
    left = dict(list(every.items())[:: 5 if ENGINE == "embedded" else 20])

    def check(left: Path, lake: Path) -> None:
        run_whole(lake, SECOND_DAY)
        assert lake_reading.comparable(lake) == lake_reading.comparable(second_day)
        assert counts(lake) == counts(second_day)

    assert diverging(left, check) == {}


@full
def test_file_that_lands_behind_a_kill_at_any_moment_is_taken_too(
    tmp_path: Path, killed: Mapping[Moment, Path], second_day: Path
) -> None:
    never = Path(shutil.copytree(second_day, tmp_path / "never"))
    land_one_more(never)
    run_whole(never, SECOND_DAY)

    def check(left: Path, lake: Path) -> None:
        land_one_more(lake)
        run_whole(lake, SECOND_DAY)
        assert contents_without_batches(lake) == contents_without_batches(never)

    left = {
        kill: shutil.copytree(at, tmp_path / str(number) / "lake") for number, (kill, at) in enumerate(killed.items())
    }
    assert diverging(left, check) == {}


@full
@pytest.mark.embedded_only  # what Spark says of a full disk is in test_storage_faults.py
def test_run_that_finds_the_disk_full_at_any_moment_exits_5_and_the_next_run_heals(
    tmp_path: Path, first_day: Path, second_day: Path
) -> None:
    seen: list[Moment] = []
    with watched(seen.append):
        run_whole(Path(shutil.copytree(first_day, tmp_path / "undisturbed")), SECOND_DAY)
    moments = {moment: first_day for moment in seen if moment.when == BEFORE}
    failures = {}
    for number, moment in enumerate(moments):
        lake = Path(shutil.copytree(first_day, tmp_path / f"lake-{number}"))
        try:
            assert_heals_behind_a_full_disk(lake, second_day, str(moment))
        except AssertionError as error:
            failures[str(moment)] = str(error)[:2000]
        shutil.rmtree(lake)
    assert failures == {}
