"""A table's log is opened anew where it has changed, and only there."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.schemas.tables import SILVER
from pyspark_interview_project.storage import delta_tables
from pyspark_interview_project.storage.commits import CommitMetadata
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.delta_writes import DeltaWrites

SECOND, HOUR = 1_000_000_000, 3_600_000_000_000
METADATA = CommitMetadata("run-1", "bronze_to_silver", "B1")


def tables_at(root: Path) -> DeltaTables:
    return DeltaTables(LakePaths.at(str(root)))


def log_of(tables: DeltaTables) -> Path:
    return Path(tables.place(SILVER)) / "_delta_log"


@pytest.fixture
def others(tmp_path: Path) -> DeltaTables:
    """The same lake as another process sees it."""
    others = tables_at(tmp_path / "lake")
    DeltaWrites(others).ensure()
    return others


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables that are opened, one after the other."""
    found: list[str] = []
    open_ = DeltaTables.open
    monkeypatch.setattr(
        DeltaTables, "open", lambda self, table, *more: found.append(table.name) or open_(self, table, *more)
    )
    return found


def test_commit_of_another_is_seen_at_once(tmp_path: Path, others: DeltaTables) -> None:
    tables, writes = tables_at(tmp_path / "lake"), DeltaWrites(others)
    first = tables.version(SILVER)
    assert first is not None
    for number in range(1, 41):
        writes.publish(SILVER, [], [], METADATA)
        assert tables.version(SILVER) == first + number
        assert tables.facts(SILVER).version == first + number


def rest(tables: DeltaTables, nanosecond: int = 1) -> None:
    """Let the log be as one that was changed an hour ago, at this nanosecond of a second."""
    at = (time.time_ns() - HOUR) // SECOND * SECOND + nanosecond
    os.utime(log_of(tables), ns=(at, at))


def test_log_that_stays_as_it_is_is_opened_once(tmp_path: Path, others: DeltaTables, opened: list[str]) -> None:
    tables = tables_at(tmp_path / "lake")
    rest(tables)
    version = tables.version(SILVER)
    assert (tables.facts(SILVER).version, tables.facts(SILVER, version).version) == (version, version)
    assert tables.table_id(SILVER) == others.table_id(SILVER)
    assert opened == ["silver_returns", "silver_returns"]  # once by us, once by the other


@pytest.mark.parametrize(("nanosecond", "tick"), [(0, 0), (1, 2 * HOUR)], ids=["whole_seconds", "within_a_tick"])
def test_log_whose_time_of_change_says_little_is_opened_each_time(
    tmp_path: Path,
    others: DeltaTables,
    opened: list[str],
    monkeypatch: pytest.MonkeyPatch,
    nanosecond: int,
    tick: int,
) -> None:
    monkeypatch.setattr(delta_tables, "_NANOSECONDS_OF_A_TICK", tick)
    tables = tables_at(tmp_path / "lake")
    rest(tables, nanosecond)
    assert tables.version(SILVER) == tables.version(SILVER)
    assert opened == ["silver_returns", "silver_returns"]


def test_commit_in_a_directory_whose_time_stays_is_seen(tmp_path: Path, others: DeltaTables) -> None:
    """As on a mount that makes up the times of directories."""
    tables = tables_at(tmp_path / "lake")
    rest(tables)
    before, at = tables.version(SILVER), log_of(tables).stat().st_mtime_ns
    DeltaWrites(others).publish(SILVER, [], [], METADATA)
    os.utime(log_of(tables), ns=(at, at))
    assert before is not None and tables.version(SILVER) == before + 1


def test_table_that_was_made_in_the_place_of_another_is_seen(tmp_path: Path, others: DeltaTables) -> None:
    tables, elsewhere = tables_at(tmp_path / "lake"), tables_at(tmp_path / "elsewhere")
    DeltaWrites(elsewhere).ensure()
    rest(tables)
    before, at = tables.table_id(SILVER), log_of(tables).stat().st_mtime_ns
    shutil.rmtree(tables.place(SILVER))
    assert tables.version(SILVER) is None
    shutil.move(elsewhere.place(SILVER), tables.place(SILVER))
    os.utime(log_of(tables), ns=(at, at))
    assert tables.table_id(SILVER) == others.table_id(SILVER) != before


def test_older_version_is_read_as_it_was_also_where_the_newest_is_damaged(tmp_path: Path, others: DeltaTables) -> None:
    tables = tables_at(tmp_path / "lake")
    version = tables.version(SILVER)
    assert version is not None
    DeltaWrites(others).publish(SILVER, [], [], METADATA)
    rest(tables)
    found = [tables.facts(SILVER, each).version for each in (version, version + 1, None)]
    assert found == [version, version + 1, version + 1]
    assert (tables.has_version(SILVER, version + 1), tables.has_version(SILVER, version + 2)) == (True, False)
    (log_of(tables) / f"{version + 1:020d}.json").write_text("{")
    assert tables.facts(SILVER, version).version == version
