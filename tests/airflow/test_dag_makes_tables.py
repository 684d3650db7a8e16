"""The DAG with the installed package: the tables and records of `returns run`, on either engine, also after a kill."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from workers import pipeline_command

import lake_reading
from commands import REPOSITORY, RETURNS, returns, succeeded
from landing import Row, land, row_of

RunDag = Callable[..., dict[str, Any]]

LANDED = "bronze/returns_raw"
SETTINGS = {"APP_ENV": "test", "MAX_QUARANTINED_RATIO": "1", "VOLUME_GATE": "off"}
TASKS = ("bronze", "silver", "gold", "finalize")
# The first try of the second day is killed when it begins to write into silver.
KILLED_ONCE = f"""
if [ "$1" = bronze-to-silver ] && [ -d "$DATA_ROOT/gold" ] && mkdir "$DATA_ROOT/../killed" 2>/dev/null; then
    {{ '{RETURNS}' "$@" 2>&1 & echo $!; wait; }} | {{ read -r run; grep -m 1 'rows into silver'; kill -KILL "$run"; }}
    kill -KILL $$
fi
"""


@dataclass(frozen=True)
class Lakes:
    """A lake that the DAG made, its twin that `returns run` made, and what Airflow says of its runs."""

    by_dag: Path
    by_command: Path
    runs: list[dict[str, Any]]

    def tries(self, run: int) -> list[list[Any]]:
        return [self.runs[run]["tasks"][task] for task in TASKS]


def land_three_days(lake: Path) -> Path:
    """New returns, corrections and rejects of three days long ago, so that no clock of a machine stands before them."""

    def row(number: int, sku: str | None, day: int) -> Row:
        ingested, returned = f"2024-03-0{day}T08:00:00Z", f"2024-02-{number:02}"
        return row_of(f"R-{number}", "O-1", None, sku, "damaged", "1", f"{number}.5{day}", returned, ingested)

    place = lake / LANDED
    first = [row(number, "MUG", 1) for number in range(1, 8)]
    land(place / "dt=2024-03-01" / "web.jsonl", [*first, row(8, None, 1)])
    land(place / "dt=2024-03-02" / "store.csv", [row(number, "CUP", 2) for number in range(5, 12)])
    land(place / "dt=2024-03-02" / "again.parquet", first[:3])
    land(place / "dt=2024-03-03" / "late.jsonl.gz", [row(1, "LAMP", 3)])
    return lake


@pytest.fixture(scope="module")
def embedded(run_dag: RunDag, tmp_path_factory: pytest.TempPathFactory) -> Lakes:
    """The first day, the second, whose silver is killed once, the second again, and a run without a logical date."""
    by_dag, by_command = (land_three_days(tmp_path_factory.mktemp(name) / "lake") for name in ("dag", "command"))
    moments = [f"2024-03-0{day + 1}T04:00:00+00:00" for day in (1, 2, 2)]
    wanted = {"runs": [*moments, None], "change": {"silver": {"retry_delay": 0.1}}}
    command = pipeline_command(tmp_path_factory.mktemp("installed"), before=KILLED_ONCE)
    settings = {**SETTINGS, "ENGINE": "embedded"}
    of_worker = {"RETURNS_COMMAND": command, "RETURNS_WITH_DR": "1", "DATA_ROOT": str(by_dag)}
    runs = run_dag(wanted, **of_worker, **settings)["runs"]
    for days in (["--as-of", "2024-03-01"], ["--as-of", "2024-03-02"], []):
        succeeded(returns(by_command, "run", *days, **settings))
    return Lakes(by_dag, by_command, runs)


def run_ids(runs: Sequence[dict[str, Any]]) -> list[str]:
    return [str(uuid5(NAMESPACE_URL, f"airflow:returns_pipeline/{run['run_id']}")) for run in runs]


def test_dag_makes_the_tables_of_whole_runs(embedded: Lakes) -> None:
    assert [run["state"] for run in embedded.runs] == ["success"] * 4
    assert lake_reading.comparable(embedded.by_dag) == lake_reading.comparable(embedded.by_command)
    assert lake_reading.gold_by_sku_reason(embedded.by_dag) != []


def test_task_that_was_killed_is_tried_again_and_goes_on(embedded: Lakes) -> None:
    assert (embedded.by_dag.parent / "killed").is_dir()
    assert [embedded.tries(number) for number in range(4)] == [
        [["success", 1]] * 4,
        [["success", 1], ["success", 2], ["success", 1], ["success", 1]],
        [["success", 1]] * 4,
        [["success", 1]] * 4,
    ]


def test_tasks_of_a_run_write_one_record(embedded: Lakes) -> None:
    records = {record["run_id"]: record for record in lake_reading.run_records(embedded.by_dag)}
    in_order = [records.pop(run_id) for run_id in dict.fromkeys(run_ids(embedded.runs))]
    assert records == {}
    assert [[stage["name"] for stage in record["stages"]] for record in in_order] == [
        ["plan", "bronze_to_silver", "silver_to_gold"]
    ] * len(in_order)
    assert {(record["complete"], record["exit_code"], record["error"]) for record in in_order} == {(True, 0, None)}
    first, second, again, undated = run_ids(embedded.runs)  # of a day that is run again the id is the same
    ended = dict.fromkeys((first, second, undated), "succeeded") | {again: "no_new_data"}
    assert {record["run_id"]: record["status"] for record in in_order} == ended


def test_day_of_a_run_is_that_of_its_interval_and_without_one_that_of_its_asking(embedded: Lakes) -> None:
    records = {record["run_id"]: record["as_of"] for record in lake_reading.run_records(embedded.by_dag)}
    first, second, again, undated = (records[run_id] for run_id in run_ids(embedded.runs))
    assert (first, second, again) == ("2024-03-01", "2024-03-02", "2024-03-02")
    assert abs((datetime.now(UTC).date() - datetime.fromisoformat(undated).date()).days) <= 1
    assert [record["as_of"] for record in lake_reading.run_records(embedded.by_command)][:2] == [first, second]


def test_run_leaves_a_report_and_as_it_was_told_to_a_backup(embedded: Lakes) -> None:
    page = (embedded.by_dag / "metrics" / "report.html").read_text(encoding="utf-8")
    assert run_ids(embedded.runs)[-1] in page
    for record in lake_reading.run_records(embedded.by_dag):
        (outcome,) = record["dr"].values()
        assert (outcome.get("error"), outcome["status"]) == (None, "succeeded")


@pytest.mark.full
def test_dag_on_spark_makes_the_tables_of_the_embedded_engine(
    run_dag: RunDag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_dag, by_command = tmp_path / "dag", tmp_path / "command"
    for lake in (by_dag, by_command):
        shutil.copytree(REPOSITORY / "samples" / "returns", lake / LANDED)
    wanted = {"runs": ["2026-11-21T04:00:00+00:00", "2026-11-23T04:00:00+00:00"]}
    on_spark = {"DATA_ROOT": str(by_dag), "ENGINE": "spark", "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}

    runs = run_dag(wanted, RETURNS_COMMAND=pipeline_command(tmp_path / "installed"), **SETTINGS, **on_spark)["runs"]

    for day in ("2026-11-20", "2026-11-22"):
        succeeded(returns(by_command, "run", "--as-of", day, **SETTINGS, ENGINE="embedded"))
    assert [run["state"] for run in runs] == ["success", "success"]
    assert [record["engine"] for record in lake_reading.run_records(by_dag)] == ["spark", "spark"]
    assert lake_reading.comparable(by_dag) == lake_reading.comparable(by_command)
