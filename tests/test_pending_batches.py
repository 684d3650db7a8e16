"""A batch that was planned and not finished is finished first, with the same files, feeds and time zone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

import lake_reading
from crashes import failing
from lake_reading import gold_by_date_reason, gold_by_sku_reason
from landing import land
from pyspark_interview_project.engines.duckdb import DuckDBEngine
from pyspark_interview_project.errors import RejectedFilesError
from pyspark_interview_project.pipeline import bronze_to_silver
from pyspark_interview_project.pipeline.ledger import ABANDONED, COMMITTED
from pyspark_interview_project.schemas.tables import SILVER
from running import LANDED, Stopped, land_returns, land_three_files, return_of, run_here


def stopped(lake: Path, moment: str, **settings: Any) -> None:
    """A run that dies at this moment (crashes.Moment)."""
    with pytest.raises(Stopped), failing(moment, Stopped()):
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


def test_pending_batch_that_silver_has_is_finished_whatever_gates_and_limits_say_now(
    tmp_path: Path, whole: dict[str, list[lake_reading.Row]]
) -> None:
    lake = land_three_files(tmp_path / "lake")
    stopped(lake, "before put committed.json")
    record = run_here(lake, max_quarantined_ratio=0.0, quarantine_gate_min_rows=1, max_batch_bytes=1)
    assert (states(lake), record.gates, record.warnings) == ([COMMITTED], [], [])
    bronze = record.stages[0]
    assert (bronze.rows, bronze.rows_read, bronze.rows_inserted, bronze.rows_duplicate) == (4, 9, 4, 1)
    assert lake_reading.comparable(lake) == whole


def test_pending_batch_that_silver_lacks_keeps_its_files_and_its_time_zone(tmp_path: Path) -> None:
    lake, local = tmp_path / "lake", "2026-11-20T08:00:00"
    for name, return_id in (("a", "R1"), ("b", "R2")):
        land_returns(lake, name, return_of(return_id, local))
    stopped(lake, "before upsert silver_returns", spark_tz="Europe/Berlin")
    land_returns(lake, "c", return_of("R3", local))
    run_here(lake, spark_tz="UTC", max_batch_bytes=1)
    rows = lake_reading.rows(lake, lake_reading.SILVER, ("return_id", "ingest_ts", "batch_id"))
    first, second = [batch_id for batch_id, _ in lake_reading.batch_states(lake)]
    assert [(return_id, at.hour, batch_id) for return_id, at, batch_id in rows] == [
        ("R1", 7, first),
        ("R2", 7, first),
        ("R3", 8, second),
    ]
    assert states(lake) == [COMMITTED, COMMITTED]


def test_pending_batch_that_silver_has_is_finished_where_a_row_was_deleted_by_hand(tmp_path: Path) -> None:
    lake = land_three_files(tmp_path / "lake")
    stopped(lake, "before put committed.json")
    silver = DeltaTable(lake / lake_reading.SILVER)
    silver.delete("return_id = 'R2'")
    record = run_here(lake)
    changed = f"{SILVER.place} was changed by others: version {silver.version()}, DELETE"
    assert (record.status, record.warnings, states(lake)) == ("succeeded", [changed], [COMMITTED])
    assert record.stages[0].rows_inserted == 4
    assert [row[0] for row in lake_reading.silver(lake)] == ["R1", "R4", "R5"]
    assert counted(lake) == [3, 3]
    assert run_here(lake).status == "no_new_data"


def test_pending_batch_whose_commit_a_restore_undid_is_taken_anew(
    tmp_path: Path, whole: dict[str, list[lake_reading.Row]]
) -> None:
    lake = land_three_files(tmp_path / "lake")
    stopped(lake, "before put committed.json")
    silver = DeltaTable(lake / lake_reading.SILVER)
    silver.restore(silver.version() - 1)
    record = run_here(lake)
    assert lake_reading.comparable(lake) == whole
    assert (record.status, states(lake), counted(lake)) == ("succeeded", [COMMITTED], [4, 4])


@pytest.mark.embedded_only  # Spark opens a file when it reads it, and not before
def test_landed_file_that_vanishes_while_it_is_read_makes_its_batch_void_and_the_others_are_planned_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(tmp_path / LANDED / "a.parquet", [return_of("R1")], as_native=True)
    land_returns(tmp_path, "b", return_of("R2"))
    read_landed = DuckDBEngine.read_landed

    def read_and_lose(engine: DuckDBEngine, files: Any, feeds: Any) -> Any:
        deliveries = read_landed(engine, files, feeds)
        (tmp_path / LANDED / "a.parquet").unlink(missing_ok=True)
        return deliveries

    monkeypatch.setattr(DuckDBEngine, "read_landed", read_and_lose)
    record = run_here(tmp_path)
    [(void, _), _] = lake_reading.batch_states(tmp_path)
    why = f"batch {void} is abandoned: {LANDED}/a.parquet: it was planned and is gone"
    assert (states(tmp_path), record.warnings) == ([ABANDONED, COMMITTED], [why])
    assert [row[0] for row in lake_reading.silver(tmp_path)] == ["R2"]
    assert (record.status, record.files_rejected) == ("succeeded", [])


def test_landed_file_that_changes_at_each_look_ends_the_run_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_returns(tmp_path, "a", return_of("R1"))
    path = tmp_path / LANDED / "a.jsonl"
    look = bronze_to_silver.changed_files
    monkeypatch.setattr(
        bronze_to_silver,
        "changed_files",
        lambda *given: path.write_text(path.read_text() + "\n") and look(*given),
    )
    with pytest.raises(RejectedFilesError) as raised:
        run_here(tmp_path)
    assert raised.value.problems == {f"{LANDED}/a.jsonl": "it was planned and has changed since"}
    assert set(states(tmp_path)) == {ABANDONED}
    assert lake_reading.silver(tmp_path) == []
