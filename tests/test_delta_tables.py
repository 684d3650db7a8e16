"""A table's log is opened anew where it has changed, and only there."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.schemas.tables import SILVER
from pyspark_interview_project.storage.commits import CommitMetadata
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.delta_writes import DeltaWrites

HOUR = 3_600_000_000_000
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


def test_log_that_stays_as_it_is_is_opened_once(tmp_path: Path, others: DeltaTables, opened: list[str]) -> None:
    tables = tables_at(tmp_path / "lake")
    os.utime(log_of(tables), ns=(time.time_ns() - HOUR + 1, time.time_ns() - HOUR + 1))
    version = tables.version(SILVER)
    assert (tables.facts(SILVER).version, tables.facts(SILVER, version).version) == (version, version)
    assert tables.table_id(SILVER) == others.table_id(SILVER)
    assert opened == ["silver_returns", "silver_returns"]  # once by us, once by the other


@pytest.mark.parametrize("nanoseconds", [0, 5_000_000_000], ids=["just_now", "in_whole_seconds"])
def test_log_whose_time_of_change_is_not_exact_is_opened_each_time(
    tmp_path: Path, others: DeltaTables, opened: list[str], nanoseconds: int
) -> None:
    tables = tables_at(tmp_path / "lake")
    changed = time.time_ns() // 1_000_000_000 * 1_000_000_000 - nanoseconds if nanoseconds else time.time_ns() + HOUR
    os.utime(log_of(tables), ns=(changed, changed))
    assert tables.version(SILVER) == tables.version(SILVER)
    assert opened == ["silver_returns", "silver_returns"]


def test_table_that_was_made_in_the_place_of_another_is_seen(tmp_path: Path, others: DeltaTables) -> None:
    tables = tables_at(tmp_path / "lake")
    before = tables.table_id(SILVER)
    shutil.rmtree(tables.place(SILVER))
    assert tables.version(SILVER) is None
    DeltaWrites(others).ensure()
    assert tables.table_id(SILVER) == others.table_id(SILVER) != before


def test_older_version_is_read_as_it_was(tmp_path: Path, others: DeltaTables) -> None:
    tables = tables_at(tmp_path / "lake")
    version = tables.version(SILVER)
    assert version is not None
    DeltaWrites(others).publish(SILVER, [], [], METADATA)
    assert [tables.facts(SILVER, each).version for each in (version, version + 1, None)] == [
        version,
        version + 1,
        version + 1,
    ]
    assert (tables.has_version(SILVER, version + 1), tables.has_version(SILVER, version + 2)) == (True, False)
