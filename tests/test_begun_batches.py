"""A batch of which silver has a part is finished as it was begun, whatever the settings say by now, or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lake_reading
from commands import Ended, returns, succeeded
from kills import LANDED, SECOND_DAY, SETTINGS, at_point, counts, run_killed, run_whole
from landing import land, row_of

OTHER_LIMITS = ("1000000", "7")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, first_day: Path) -> Path:
    """A lake whose second day was killed behind the first of several parts."""
    lake = Path(shutil.copytree(first_day, tmp_path_factory.mktemp("begun") / "lake"))
    run_killed(lake, SECOND_DAY, at_point("after_silver_part"))
    return lake


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory, first_day: Path) -> Path:
    """A lake whose second day was killed when it was counted and silver had none of it."""
    lake = Path(shutil.copytree(first_day, tmp_path_factory.mktemp("counted") / "lake"))
    run_killed(lake, SECOND_DAY, at_point("after_count"))
    return lake


def copied(lake: Path, to: Path, change: Callable[[dict[str, Any]], object] = dict) -> Path:
    """A copy of a lake, with what was counted of its newest batch changed."""
    copy = Path(shutil.copytree(lake, to / "lake"))
    file = max((copy / "ops" / "batches").glob("*/counted.json"))
    record = json.loads(file.read_text())
    change(record)
    file.write_text(json.dumps(record))
    return copy


def run_with(lake: Path, limit: str) -> Ended:
    return returns(lake, "run", "--as-of", SECOND_DAY, **(SETTINGS | {"MERGE_ROWS_PER_COMMIT": limit}))


def test_begun_batch_is_finished_whatever_the_gates_would_say_by_now(
    tmp_path: Path, begun: Path, second_day: Path
) -> None:
    lake = copied(begun, tmp_path)
    strict = SETTINGS | {"MAX_QUARANTINED_RATIO": "0", "QUARANTINE_GATE_MIN_ROWS": "1"}
    succeeded(returns(lake, "run", "--as-of", SECOND_DAY, **strict))
    assert lake_reading.comparable(lake) == lake_reading.comparable(second_day)
    record = lake_reading.latest_run_record(lake)
    said = "silver has a part of this batch: it goes on, whatever the gate quarantined_ratio says"
    assert said in record["warnings"]
    assert [(gate["name"], gate["status"]) for gate in record["gates"]] == [("quarantined_ratio", "failed")]


def without_parts(record: dict[str, Any]) -> None:
    """As it was written before parts were kept."""
    del record["parts"], record["silver_id"]


@pytest.mark.parametrize("limit", OTHER_LIMITS)
def test_begun_batch_run_again_with_another_limit_makes_the_same_tables(
    tmp_path: Path, begun: Path, second_day: Path, limit: str
) -> None:
    lake = copied(begun, tmp_path)
    succeeded(run_with(lake, limit))
    assert lake_reading.comparable(lake) == lake_reading.comparable(second_day)
    assert counts(lake) == counts(second_day)


@pytest.mark.parametrize("limit", [OTHER_LIMITS[0], pytest.param(OTHER_LIMITS[1], marks=pytest.mark.full)])
@pytest.mark.parametrize(
    "change",
    [pytest.param(dict, id="today"), pytest.param(without_parts, id="before_parts_were_kept", marks=pytest.mark.full)],
)
def test_counted_batch_run_with_another_limit_makes_the_same_tables(
    tmp_path: Path, counted: Path, second_day: Path, limit: str, change: Callable[[dict[str, Any]], object]
) -> None:
    lake = copied(counted, tmp_path, change)
    succeeded(run_with(lake, limit))
    assert lake_reading.comparable(lake) == lake_reading.comparable(second_day)
    assert counts(lake) == counts(second_day)


def test_begun_batch_of_before_parts_were_kept_is_finished_with_its_limit_only(
    tmp_path: Path, begun: Path, second_day: Path
) -> None:
    lake = copied(begun, tmp_path, without_parts)
    before = lake_reading.versions(lake)
    ended = run_with(lake, "1000000")
    assert (ended.exit_code, lake_reading.versions(lake)[lake_reading.SILVER]) == (7, before[lake_reading.SILVER])
    (complaint,) = ended.complaints
    assert "parts is 1, not " in complaint and "MERGE_ROWS_PER_COMMIT" in complaint
    run_whole(lake, SECOND_DAY)
    assert lake_reading.comparable(lake) == lake_reading.comparable(second_day)


def one_more_inserted(record: dict[str, Any]) -> None:
    record["figures"]["rows_inserted"] += 1
    record["figures"]["rows_superseded"] -= 1


def one_less_in_the_last_part(record: dict[str, Any]) -> None:
    record["parts"][-1]["inserted"] -= 1


@pytest.mark.parametrize(
    ("change", "named"),
    [(one_more_inserted, "rows_inserted is "), (one_less_in_the_last_part, "inserted is ")],
    ids=["figures", "part"],
)
def test_begun_batch_that_comes_to_something_else_than_it_did_exits_7_and_writes_nothing_more(
    tmp_path: Path, begun: Path, change: Callable[[dict[str, Any]], object], named: str
) -> None:
    lake = copied(begun, tmp_path, change)
    silver = lake_reading.rows(lake, lake_reading.SILVER)
    ended = run_with(lake, SETTINGS["MERGE_ROWS_PER_COMMIT"])
    assert ended.exit_code == 7, ended.stderr
    (complaint,) = ended.complaints
    assert named in complaint and max(lake_reading.batch_states(lake))[0] in complaint
    assert lake_reading.rows(lake, lake_reading.SILVER) == silver
    assert max(lake_reading.batch_states(lake))[1] == "planned"


def test_batch_of_which_silver_lacks_rows_that_its_log_claims_exits_7_and_stays_planned(
    tmp_path: Path, first_day: Path
) -> None:
    lake = Path(shutil.copytree(first_day, tmp_path / "lake"))
    run_killed(lake, SECOND_DAY, at_point("before_commit"))
    lake = copied(lake, tmp_path / "changed", one_more_inserted)
    ended = run_with(lake, SETTINGS["MERGE_ROWS_PER_COMMIT"])
    assert ended.exit_code == 7, ended.stderr
    (complaint,) = ended.complaints
    assert "silver/returns: rows is " in complaint and "returns dr restore" in complaint
    assert max(lake_reading.batch_states(lake))[1] == "planned"


def test_begun_batch_run_again_in_another_time_zone_keeps_its_own(tmp_path: Path) -> None:
    def row(number: int) -> dict[str, str | None]:
        at = f"2026-11-{10 + number}T08:00:00"  # a local time
        return dict(row_of(f"R-{number}", "O-1", None, "MUG", "damaged", "1", "5.00", f"2026-11-{10 + number}", at))

    lake = tmp_path / "lake"
    land(lake / LANDED / "first.jsonl", [row(0)])
    run_whole(lake, SECOND_DAY, SPARK_TZ="Europe/Berlin")
    land(lake / LANDED / "second.jsonl", [row(number) for number in (1, 2, 3)])
    limit = {"MERGE_ROWS_PER_COMMIT": "1"}
    run_killed(lake, SECOND_DAY, at_point("after_silver_part"), SPARK_TZ="Europe/Berlin", **limit)
    land(lake / LANDED / "third.jsonl", [row(4)])
    run_whole(lake, SECOND_DAY, SPARK_TZ="UTC", **limit)
    hours = [at.hour for _, at in lake_reading.rows(lake, lake_reading.SILVER, ("return_id", "ingest_ts"))]
    assert hours == [7, 7, 7, 7, 8]
