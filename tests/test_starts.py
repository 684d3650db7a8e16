"""Two runs that start at once: one has the lake, the other exits 6, and nothing is lost."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

import lake_reading
from commands import at_once, mostly_full, process, returns, succeeded
from kills import FIRST_DAY, LANDED, SETTINGS, run_elsewhere
from landing import COLUMNS, land, row_of, write_text

pytestmark = pytest.mark.spark

ROWS = [
    row_of("R-1", "O-1", "C-1", "MUG", "damaged", "1", "12.00", "2026-11-18", "2026-11-19T08:00:00Z"),
    row_of("R-2", "O-1", "C-2", "MUG", "damaged", "2", "1.00", "2026-11-18", "2026-11-19T08:00:00Z"),
    row_of("R-3", "O-2", "C-3", None, "damaged", "1", "99.99", "2026-11-19", "2026-11-19T08:00:00Z"),
]


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with its tables, of a file without rows, where the rows have landed behind that."""
    lake = tmp_path_factory.mktemp("landed") / "lake"
    write_text(lake / LANDED / "nothing.csv", f"{','.join(COLUMNS)}\n")
    run_elsewhere(lake, FIRST_DAY)
    land(lake / LANDED / "shop.csv", ROWS)
    return lake


@pytest.fixture(scope="module")
def in_silver(tmp_path_factory: pytest.TempPathFactory, landed: Path) -> Path:
    """The same when silver has the rows and gold has not."""
    lake = Path(shutil.copytree(landed, tmp_path_factory.mktemp("in_silver") / "lake"))
    succeeded(returns(lake, "bronze-to-silver", "--as-of", FIRST_DAY, **SETTINGS, ENGINE="embedded"))
    return lake


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, landed: Path) -> Path:
    """The same behind a run that had no other beside it."""
    lake = Path(shutil.copytree(landed, tmp_path_factory.mktemp("undisturbed") / "lake"))
    run_elsewhere(lake, FIRST_DAY)
    return lake


# A stage by itself takes the lock as a whole run does, and is soon done on Spark.
TURNS = [("run", "landed", turn) for turn in range(5)] + [
    ("silver-to-gold", "in_silver", turn) for turn in range(5, 20)
]


@pytest.mark.parametrize(("what", "begun", "turn"), mostly_full(TURNS, 1))
def test_two_runs_started_together_one_runs_and_nothing_is_lost(
    tmp_path: Path,
    undisturbed: Path,
    what: str,
    begun: str,
    turn: int,
    request: pytest.FixtureRequest,
) -> None:
    lake = Path(shutil.copytree(request.getfixturevalue(begun), tmp_path / "lake"))
    start = partial(process, lake, what, "--as-of", FIRST_DAY, **SETTINGS)
    # The second may also come when the first has just ended: then it finds nothing new.
    assert sorted(ended.exit_code for ended in at_once(start, start)) in ([0, 6], [0, 0])
    assert lake_reading.comparable(lake) == lake_reading.comparable(undisturbed)
    assert [state for _, state in lake_reading.batch_states(lake)] == ["committed", "committed"]
