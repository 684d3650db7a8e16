"""What a run reads does not grow with the age of its lake: it reads what is new since the last batch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

import lake_reading
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.pipeline.ledger import Checkpoint, TablesAfter
from pyspark_interview_project.schemas.tables import GOLD_TABLES, QUARANTINE, SILVER
from pyspark_interview_project.storage.commits import CommitMetadata
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.delta_writes import DeltaWrites
from pyspark_interview_project.storage.files import LocalFiles
from running import land_returns, ledger_of, return_of, run_here

OLD, OLDER = 33, 66  # batches; a summary stands for all but the last one or two


def make_lake(root: Path) -> Path:
    """A lake without a row and without a batch."""
    DeltaWrites(DeltaTables(LakePaths.at(str(root)))).ensure()
    (root / "bronze" / "returns_raw").mkdir(parents=True)
    return root


def age(root: Path, first: int, last: int) -> None:
    """Let a lake have these batches, each without a row."""
    tables = DeltaTables(LakePaths.at(str(root)))
    writes, ledger = DeltaWrites(tables), ledger_of(root)
    silver_id = tables.table_id(SILVER)
    after = TablesAfter(silver_id, tables.version(SILVER) or 0, tables.version(QUARANTINE))
    for number in range(first, last + 1):
        batch = ledger.new_batch((), date(2026, 1, 5), f"run-{number}", "UTC")
        ledger.plan(batch)
        batch = ledger.checkpoint(batch, Checkpoint(after.silver, 1, {"rows_quarantined": 0}, silver_id))
        metadata = CommitMetadata(f"run-{number}", "bronze_to_silver", batch.batch_id)
        for table in (SILVER, QUARANTINE):
            writes.publish(table, [], [], metadata)
        after = replace(after, silver=after.silver + 1, quarantine=(after.quarantine or 0) + 1)
        ledger.commit(batch, f"run-{number}", after)
        for table in GOLD_TABLES:
            facts: dict[str, int | str] = {"silver_version": after.silver, "silver_id": silver_id}
            writes.publish(table, [], [], replace(metadata, stage="silver_to_gold", facts=facts))


@contextmanager
def reads_counted() -> Iterator[dict[str, Any]]:
    """What is read inside: files of ops/ and how many of each kind, and the longest history of a table."""
    found: dict[str, Any] = {"state": [], "longest_history": 0}
    chunks, history = LocalFiles.chunks, DeltaTable.history

    def counting_chunks(files: LocalFiles, path: str) -> Iterator[bytes]:
        if path.startswith("ops/"):
            found["state"].append(path)
        return chunks(files, path)

    def counting_history(table: DeltaTable, limit: int | None = None) -> list[dict[str, Any]]:
        entries = history(table, limit)
        found["longest_history"] = max(found["longest_history"], len(entries))
        return entries

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalFiles, "chunks", counting_chunks)
        patch.setattr(DeltaTable, "history", counting_history)
        yield found


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A lake, and one of twice its age."""
    root = tmp_path_factory.mktemp("growth")
    old, older = make_lake(root / "old"), root / "older"
    age(old, 1, OLD)
    shutil.copytree(old, older)
    age(older, OLD + 1, OLDER)
    return [old, older]


def state_read(lake: Path, batches: int, summed_up: int) -> list[str]:
    """The newest summary, and the files of each batch behind it."""
    newer = [batch_id for batch_id, _ in lake_reading.batch_states(lake)][summed_up:batches]
    names = ("plan", "checkpoint", "committed")
    of_batches = [f"ops/batches/{batch_id}/{name}.json" for batch_id in newer for name in names]
    return [f"ops/ledger/{summed_up:06d}.json", *of_batches]


def test_run_that_finds_nothing_new_reads_what_is_new_since_the_last_batch(lakes: list[Path]) -> None:
    for lake, batches, summed_up in zip(lakes, (OLD, OLDER), (32, 64), strict=True):
        with reads_counted() as read:
            assert run_here(lake).status == "no_new_data"
        assert read["state"] == [*state_read(lake, batches, summed_up), *["ops/rejected_files.json"] * 2]
        assert read["longest_history"] <= 16


@pytest.mark.full
def test_run_of_a_new_file_reads_what_is_new_since_the_last_batch(lakes: list[Path]) -> None:
    lake = lakes[1]
    expected = [*state_read(lake, OLDER, 64), *["ops/rejected_files.json"] * 4]
    land_returns(lake, "new", return_of("R1"))
    with reads_counted() as read:
        assert run_here(lake).status == "succeeded"
    assert read["state"] == expected
    assert read["longest_history"] <= 16
