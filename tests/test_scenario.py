"""The life of one lake: land, run, correct, meet a full disk, back up, restore, run; at each step all that it holds.

Tables, records, states of batches and metrics are compared as whole values: faults live between units that are tested
one by one.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

import lake_reading
from commands import Ended, process, returns, succeeded
from crashes import at, failing
from landing import Row, land, row_of
from recovery import write_strategy
from test_run_history import values

pytestmark = pytest.mark.spark

LANDED = "bronze/returns_raw"
GATES = {"QUARANTINE_GATE_MIN_ROWS": "100"}
TERMS = ("read", "inserted", "updated", "superseded", "duplicate", "quarantined")


def returned(number: int, sku: str, amount: str, hour: int, day: int = 18) -> Row:
    """A return, as it was at an hour of 19 November."""
    at = f"2026-11-19T{hour:02}:00:00Z"
    return row_of(f"R-{number}", f"O-{number}", None, sku, "damaged", "1", amount, f"2026-11-{day:02}", at)


def in_silver(number: int, sku: str, amount: str, hour: int, day: int = 18) -> tuple[Any, ...]:
    """The same as silver has it."""
    at = datetime(2026, 11, 19, hour, tzinfo=UTC)
    return f"R-{number}", f"O-{number}", None, sku, "damaged", 1, Decimal(amount), date(2026, 11, day), at


def by_sku(sku: str, count: int, amount: str) -> tuple[Any, ...]:
    return sku, "damaged", count, count, Decimal(amount)


@dataclass(frozen=True)
class Held:
    """All that a lake holds, as far as it does not depend on when and where it was made."""

    silver: list[tuple[Any, ...]]
    by_sku: list[tuple[Any, ...]]
    by_date: list[tuple[Any, ...]]
    quarantined: dict[str, int]
    batches: list[str]
    # Of each run, the oldest first: status, exit code, whether it is at its end, and the law's terms.
    runs: list[tuple[str, int, bool, tuple[int, ...]]]
    # The totals of the exporter: runs by status, and rows by outcome.
    runs_total: tuple[float, ...]
    rows_total: tuple[float, ...]


def held(lake: Path) -> Held:
    records = lake_reading.run_records(lake)
    metrics = values(lake / "metrics" / "runs")
    return Held(
        lake_reading.silver(lake),
        lake_reading.gold_by_sku_reason(lake),
        lake_reading.gold_by_date_reason(lake),
        dict(Counter(str(row[0]) for row in lake_reading.rows(lake, lake_reading.QUARANTINE, ["return_id"]))),
        [state for _, state in lake_reading.batch_states(lake)],
        [(one["status"], one["exit_code"], one["complete"], terms_of(one)) for one in records],
        tuple(metrics[f"runs_total {status}"] for status in ("succeeded", "failed", "no_new_data")),
        tuple(metrics[f"rows_total bronze_to_silver {outcome}"] for outcome in TERMS[1:]),
    )


def terms_of(record: dict[str, Any]) -> tuple[int, ...]:
    """The terms of the law as a run has them on record; zeros where it took no batch."""
    (stage,) = [one for one in record["stages"] if one["name"] == "bronze_to_silver"] or [{}]
    return tuple(stage.get(f"rows_{term}") or 0 for term in TERMS)


def run(lake: Path, *options: str, **env: str) -> Ended:
    return returns(lake, "run", "--as-of", "2026-11-20", *options, **GATES, **env)


def latest(lake: Path) -> tuple[str, int]:
    """Run id and exit code of the latest record."""
    record = lake_reading.latest_run_record(lake)
    return record["run_id"], record["exit_code"]


FIRST = Held(
    silver=[in_silver(1, "MUG", "10.00", 8), in_silver(2, "MUG", "5.00", 8), in_silver(3, "CUP", "2.50", 8, 17)],
    by_sku=[by_sku("CUP", 1, "2.50"), by_sku("MUG", 2, "15.00")],
    by_date=[
        (date(2026, 11, 17), "damaged", 1, 1, Decimal("2.50")),
        (date(2026, 11, 18), "damaged", 2, 2, Decimal("15.00")),
    ],
    quarantined={"R-9": 1},
    batches=["committed"],
    runs=[("succeeded", 0, True, (5, 3, 0, 0, 1, 1))],
    runs_total=(1, 0, 0),
    rows_total=(3, 0, 0, 1, 1),
)
IDLE = Held(
    **vars(FIRST)
    | {
        "runs": [*FIRST.runs, ("no_new_data", 0, True, (0,) * 6)],
        "runs_total": (1, 0, 1),
    }
)
CORRECTED = Held(
    silver=[
        in_silver(1, "MUG", "12.00", 9),
        in_silver(2, "MUG", "5.00", 8),
        in_silver(3, "CUP", "2.50", 8, 17),
        in_silver(4, "CUP", "1.00", 9),
    ],
    by_sku=[by_sku("CUP", 2, "3.50"), by_sku("MUG", 2, "17.00")],
    by_date=[
        (date(2026, 11, 17), "damaged", 1, 1, Decimal("2.50")),
        (date(2026, 11, 18), "damaged", 3, 3, Decimal("18.00")),
    ],
    quarantined={"R-9": 1},
    batches=["committed"] * 2,
    runs=[*IDLE.runs, ("succeeded", 0, True, (3, 1, 1, 1, 0, 0))],
    runs_total=(2, 0, 1),
    rows_total=(4, 1, 1, 1, 1),
)
# A correction of which gold shows nothing: only a newer time.
NEWER = Held(
    **vars(CORRECTED)
    | {
        "silver": [in_silver(1, "MUG", "12.00", 10), *CORRECTED.silver[1:]],
        "batches": ["committed"] * 3,
        "runs": [
            *CORRECTED.runs,
            ("succeeded", 0, True, (1, 0, 1, 0, 0, 0)),
            ("no_new_data", 0, True, (0,) * 6),
        ],
        "runs_total": (3, 0, 2),
        "rows_total": (4, 2, 1, 1, 1),
    }
)
# A run whose gold found no space, and the one behind it.
FULL = Held(
    **vars(NEWER)
    | {
        "silver": [*NEWER.silver, in_silver(5, "CUP", "0.50", 9)],
        "batches": ["committed"] * 4,
        "runs": [*NEWER.runs, ("failed", 5, True, (1, 1, 0, 0, 0, 0))],
        "runs_total": (3, 1, 2),
        "rows_total": (5, 2, 1, 1, 1),
    }
)
HEALED = Held(
    **vars(FULL)
    | {
        "by_sku": [by_sku("CUP", 3, "4.00"), by_sku("MUG", 2, "17.00")],
        "by_date": [FULL.by_date[0], (date(2026, 11, 18), "damaged", 4, 4, Decimal("18.50"))],
        "runs": [*FULL.runs, ("succeeded", 0, True, (0,) * 6)],
        "runs_total": (4, 1, 2),
    }
)
BEHIND_RESTORE = Held(
    **vars(HEALED)
    | {
        "silver": [*HEALED.silver, in_silver(6, "MUG", "3.00", 9)],
        "by_sku": [HEALED.by_sku[0], by_sku("MUG", 3, "20.00")],
        "by_date": [HEALED.by_date[0], (date(2026, 11, 18), "damaged", 5, 5, Decimal("21.50"))],
        "batches": ["committed"] * 5,
        "runs": [*HEALED.runs, ("no_new_data", 0, True, (0,) * 6), ("succeeded", 0, True, (1, 1, 0, 0, 0, 0))],
        "runs_total": (5, 1, 3),
        "rows_total": (6, 2, 1, 1, 1),
    }
)


def test_lake_holds_at_each_step_what_it_must(tmp_path: Path) -> None:
    lake, store, restored = tmp_path / "lake", tmp_path / "store", tmp_path / "restored"
    bad = row_of("R-9", "O-9", None, None, "damaged", "1", "1.00", "2026-11-18", "2026-11-19T08:00:00Z")
    first = [returned(1, "MUG", "10.00", 8), returned(2, "MUG", "5.00", 8), returned(3, "CUP", "2.50", 8, 17)]
    land(lake / LANDED / "first.jsonl", [*first, first[0], bad])
    succeeded(run(lake))
    assert held(lake) == FIRST

    succeeded(run(lake))
    assert held(lake) == IDLE

    older = returned(2, "MUG", "4.00", 7)
    land(lake / LANDED / "second.csv", [returned(1, "MUG", "12.00", 9), older, returned(4, "CUP", "1.00", 9)])
    succeeded(run(lake))
    assert held(lake) == CORRECTED

    land(lake / LANDED / "third.parquet", [returned(1, "MUG", "12.00", 10)])
    succeeded(run(lake))
    versions = lake_reading.versions(lake)
    succeeded(run(lake))  # gold covers the newer silver, so that there is nothing to do
    assert (held(lake), lake_reading.versions(lake)) == (NEWER, versions)

    land(lake / LANDED / "fourth.jsonl", [returned(5, "CUP", "0.50", 9)])
    no_space = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "gold")
    with failing("before merge gold_returns_by_date_reason", no_space):
        assert run(lake).exit_code == 5
    assert (held(lake).silver, held(lake).rows_total) == (FULL.silver, FULL.rows_total)
    assert (held(lake).runs, held(lake).runs_total) == (FULL.runs, FULL.runs_total)
    succeeded(run(lake))
    assert held(lake) == HEALED

    succeeded(returns(lake, "dr", "backup", "--to", str(store), "--landed-files"))
    succeeded(returns(lake, "dr", "verify", "--from", str(store)))
    succeeded(returns(lake, "dr", "restore", "--from", str(store), "--to", str(restored)))
    assert (held(restored), latest(restored)) == (HEALED, latest(lake))
    assert lake_reading.comparable(restored) == lake_reading.comparable(lake)
    assert lake_reading.versions(restored) == lake_reading.versions(lake)

    succeeded(run(restored))
    land(restored / LANDED / "fifth.jsonl", [returned(6, "MUG", "3.00", 9)])
    succeeded(run(restored))
    assert held(restored) == BEHIND_RESTORE
    assert held(lake) == HEALED


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of three returns behind its first run."""
    lake = tmp_path_factory.mktemp("small") / "lake"
    land(lake / LANDED / "first.jsonl", [returned(number, "MUG", "5.00", 8) for number in (1, 2, 3)])
    succeeded(run(lake, ENGINE="embedded"))
    return lake


@pytest.mark.full
def test_latest_record_is_of_the_run_that_ended_last_also_where_another_ends_behind_it(
    tmp_path: Path, small: Path
) -> None:
    """The backup of a run that has ended puts its outcome on record, while the next run has come to its end."""
    lake = Path(shutil.copytree(small, tmp_path / "lake"))
    land(lake / LANDED / "second.jsonl", [returned(4, "CUP", "1.00", 9)])
    strategies = write_strategy(tmp_path / "dr", to=str(tmp_path / "store"))
    ended: list[Ended] = []

    def next_run() -> None:
        ended.append(process(lake, "run", "--as-of", "2026-11-20", **GATES, ENGINE="embedded"))

    with at("behind write", next_run):
        succeeded(run(lake, "--with-dr", DR_CONFIG_DIR=str(strategies)))
    first, with_backup, last = lake_reading.run_records(lake)
    assert [one.exit_code for one in ended] == [0]
    assert (list(with_backup["dr"]), last["status"]) == (["nightly"], "no_new_data")
    assert latest(lake)[0] == last["run_id"]


@pytest.mark.full
def test_lake_that_ended_with_damage_ends_with_it_behind_its_restore_too(tmp_path: Path, small: Path) -> None:
    lake, store, restored = (tmp_path / name for name in ("lake", "store", "restored"))
    shutil.copytree(small, lake)
    DeltaTable(str(lake / lake_reading.GOLD_BY_SKU_REASON)).update({"return_count": "7"})
    land(lake / LANDED / "second.jsonl", [returned(4, "CUP", "1.00", 9)])
    damage = run(lake)
    assert (damage.exit_code, run(lake).exit_code) == (7, 7)
    succeeded(returns(lake, "dr", "backup", "--to", str(store)))
    succeeded(returns(lake, "dr", "restore", "--from", str(store), "--to", str(restored)))
    again = run(restored)
    assert (again.exit_code, again.complaints) == (7, damage.complaints)


@pytest.mark.full
def test_drill_of_a_lake_with_a_skipped_file_finds_no_damage(tmp_path: Path, small: Path) -> None:
    lake, strategies = tmp_path / "lake", write_strategy(tmp_path / "dr", to=str(tmp_path / "store"))
    shutil.copytree(small, lake)
    (lake / LANDED / "broken.csv").write_text("no,columns,of,ours\n1,2,3,4\n", encoding="utf-8")
    skipped = {"SKIP_FILES": f'["{LANDED}/broken.csv"]', "DR_CONFIG_DIR": str(strategies)}
    succeeded(run(lake, **skipped))
    succeeded(returns(lake, "dr", "drill", **skipped))
    drilled = lake_reading.run_records(lake)[-1]
    assert (drilled["kind"], drilled["exit_code"], drilled["dr"]["nightly"]["status"]) == ("drill", 0, "succeeded")
