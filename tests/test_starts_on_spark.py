"""Two runs that start at once on Spark, each in a process whose session is there already: so the race is for the lock.

`test_interruptions.py` starts two whole processes, which takes most of a minute on Spark.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import lake_reading
from commands import REPOSITORY, RETURNS, at_once, environment
from kills import FIRST_DAY, LANDED, SETTINGS, run_elsewhere
from landing import land, row_of
from spark_commands import SparkCommands

SECONDS = 300
ROWS = [
    row_of("R-1", "O-1", "C-1", "MUG", "damaged", "1", "12.00", "2026-11-18", "2026-11-19T08:00:00Z"),
    row_of("R-2", "O-1", "C-2", "MUG", "damaged", "2", "1.00", "2026-11-18", "2026-11-19T08:00:00Z"),
    row_of("R-3", "O-2", "C-3", None, "damaged", "1", "99.99", "2026-11-19", "2026-11-19T08:00:00Z"),
]


def land_rows(lake: Path) -> Path:
    land(lake / LANDED / "shop.csv", ROWS)
    return lake


@pytest.fixture(scope="module")
def contenders() -> Iterator[list[SparkCommands]]:
    both = [SparkCommands(), SparkCommands()]
    yield both
    for one in both:
        one.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake whose run had no other beside it."""
    lake = land_rows(tmp_path_factory.mktemp("undisturbed"))
    run_elsewhere(lake, FIRST_DAY)
    return lake


# The first ones in `make test-long`, the others in `make rest-on-spark`: each takes a quarter of a minute.
@pytest.mark.parametrize(
    "turn", [pytest.param(turn, marks=[pytest.mark.on_spark] if turn < 5 else []) for turn in range(20)]
)
def test_two_runs_started_together_one_runs_and_nothing_is_lost(
    tmp_path: Path, contenders: list[SparkCommands], undisturbed: Path, turn: int
) -> None:
    lake = land_rows(tmp_path)
    command, env = [str(RETURNS), "run", "--as-of", FIRST_DAY], environment(lake, **SETTINGS)
    answers = at_once(*(partial(one.run, command, env, REPOSITORY, SECONDS) for one in contenders))
    assert sorted(exit_code for exit_code, _, _ in answers) == [0, 6]
    assert lake_reading.comparable(lake) == lake_reading.comparable(undisturbed)
    assert [state for _, state in lake_reading.batch_states(lake)] == ["committed"]
