"""A batch that was planned and not finished is finished first, with the same files, feeds and time zone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

import lake_reading
from lake_reading import gold_by_date_reason, gold_by_sku_reason
from pyspark_interview_project.errors import QualityGateError
from pyspark_interview_project.pipeline.bronze_to_silver import bronze_to_silver
from pyspark_interview_project.pipeline.ledger import COMMITTED, PLANNED, Ledger
from pyspark_interview_project.schemas.tables import SILVER
from pyspark_interview_project.storage.delta_writes import DeltaWrites
from running import Stopped, land_returns, land_three_files, opened, return_of, run_here


def stop(*_: Any, **__: Any) -> None:
    raise Stopped


def stop_before(function: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Let a run die before a write: `silver` takes a batch, or the ledger is told of something."""

    def patched(patch: pytest.MonkeyPatch) -> None:
        if function != "silver":
            patch.setattr(Ledger, function, stop)
            return
        real = DeltaWrites.publish

        def publish(writes: DeltaWrites, table: Any, *rest: Any, **more: Any) -> None:
            if table is SILVER:
                raise Stopped
            real(writes, table, *rest, **more)

        patch.setattr(DeltaWrites, "publish", publish)

    return patched


def stopped_before(lake: Path, function: str, **settings: Any) -> None:
    """A run that dies there."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        stop_before(function)(patch)
        run_here(lake, **settings)


def states(lake: Path) -> list[str]:
    return [state for _, state in lake_reading.batch_states(lake)]


def counted(lake: Path) -> list[int]:
    """How many returns each gold table counts."""
    return [sum(row[2] for row in rows(lake)) for rows in (gold_by_sku_reason, gold_by_date_reason)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[lake_reading.Row]]:
    """The tables of a run that nothing disturbs."""
    lake = land_three_files(tmp_path_factory.mktemp("whole") / "lake")
    run_here(lake)
    return lake_reading.comparable(lake)


@pytest.mark.parametrize("function", ["silver", "commit"])
def test_pending_batch_is_finished_whatever_the_limit_of_a_batch_is_now(
    tmp_path: Path, whole: dict[str, list[lake_reading.Row]], function: str
) -> None:
    lake = land_three_files(tmp_path / "lake")
    stopped_before(lake, function)
    record = run_here(lake, max_batch_bytes=1)
    assert (states(lake), [file["path"][-7:] for file in record.files]) == (
        [COMMITTED],
        ["a.jsonl", "b.jsonl", "c.jsonl"],
    )
    assert lake_reading.comparable(lake) == whole


def test_pending_batch_that_silver_has_is_finished_whatever_the_gates_say_now(
    tmp_path: Path, whole: dict[str, list[lake_reading.Row]]
) -> None:
    lake = land_three_files(tmp_path / "lake")
    stopped_before(lake, "commit")
    record = run_here(lake, max_quarantined_ratio=0.0, quarantine_gate_min_rows=1)
    assert (states(lake), record.gates, record.warnings) == ([COMMITTED], [], [])
    bronze = record.stages[0]
    assert (bronze.rows, bronze.rows_read, bronze.rows_inserted, bronze.rows_duplicate) == (4, 9, 4, 1)
    assert lake_reading.comparable(lake) == whole


def test_pending_batch_that_silver_lacks_is_gated_again(tmp_path: Path) -> None:
    lake = land_three_files(tmp_path / "lake")
    stopped_before(lake, "silver")
    with pytest.raises(QualityGateError):
        run_here(lake, max_quarantined_ratio=0.0, quarantine_gate_min_rows=1)
    assert (states(lake), lake_reading.silver(lake)) == ([PLANNED], [])


def test_pending_batch_keeps_its_time_zone(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    land_returns(lake, "a", return_of("R1", "2026-11-20T08:00:00"))
    stopped_before(lake, "silver", spark_tz="Europe/Berlin")
    land_returns(lake, "b", return_of("R2", "2026-11-20T08:00:00"))
    run_here(lake, spark_tz="UTC")
    times = [at.hour for _, at in lake_reading.rows(lake, lake_reading.SILVER, ("return_id", "ingest_ts"))]
    assert (times, states(lake)) == ([7, 8], [COMMITTED, COMMITTED])


def test_pending_batch_that_silver_has_is_finished_where_a_row_was_deleted_by_hand(tmp_path: Path) -> None:
    lake = land_three_files(tmp_path / "lake")
    stopped_before(lake, "commit")
    silver = DeltaTable(lake / lake_reading.SILVER)
    silver.delete("return_id = 'R2'")
    record = run_here(lake)
    changed = f"{SILVER.place} was changed by others: version {silver.version()}, DELETE"
    assert (record.status, record.warnings, states(lake)) == ("succeeded", [changed], [COMMITTED])
    assert [row[0] for row in lake_reading.silver(lake)] == ["R1", "R4", "R5"]
    assert counted(lake) == [3, 3]
    assert run_here(lake).status == "no_new_data"


def test_pending_batch_of_a_later_day_that_silver_has_is_finished_where_a_row_was_deleted_by_hand(
    tmp_path: Path,
) -> None:
    lake = land_three_files(tmp_path / "lake")
    run_here(lake)
    land_returns(lake, "d", return_of("R7"), return_of("R1", "2026-11-21T08:00:00Z", qty="3"))
    stopped_before(lake, "commit")
    silver = DeltaTable(lake / lake_reading.SILVER)
    silver.delete("return_id = 'R1'")
    record = run_here(lake)
    changed = f"{SILVER.place} was changed by others: version {silver.version()}, DELETE"
    assert (record.status, record.warnings, states(lake)) == ("succeeded", [changed], [COMMITTED, COMMITTED])
    assert [row[0] for row in lake_reading.silver(lake)] == ["R2", "R4", "R5", "R7"]
    assert counted(lake) == [4, 4]


def test_pending_batch_whose_commit_a_restore_undid_is_taken_anew(
    tmp_path: Path, whole: dict[str, list[lake_reading.Row]]
) -> None:
    lake = land_three_files(tmp_path / "lake")
    for _ in range(2):
        stopped_before(lake, "commit")
        silver = DeltaTable(lake / lake_reading.SILVER)
        assert silver.to_pyarrow_table().num_rows == 4
        silver.restore(silver.version() - 1)
    record = run_here(lake)
    assert lake_reading.comparable(lake) == whole
    assert (record.status, states(lake), counted(lake)) == ("succeeded", [COMMITTED], [4, 4])


def test_commit_that_comes_late_is_not_made_twice(tmp_path: Path, whole: dict[str, list[lake_reading.Row]]) -> None:
    """The commit of a dead caller's server comes between the look at silver's log and the retry's own commit."""
    lake = land_three_files(tmp_path / "lake")
    stopped_before(lake, "silver")
    real = DeltaWrites.publish

    def publish(writes: DeltaWrites, table: Any, added: Any, removed: Any, metadata: Any, name: str | None) -> None:
        real(writes, table, added, removed, metadata, name)  # the late one
        real(writes, table, added, removed, metadata, name)

    with pytest.MonkeyPatch.context() as patch, opened(lake) as run:
        patch.setattr(DeltaWrites, "publish", publish)
        bronze_to_silver(run)
    run_here(lake)
    assert lake_reading.comparable(lake) == whole
