"""Runs that are killed, and what a lake must hold when they were simply run again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import crashes
import lake_reading
from commands import REPOSITORY, RETURNS, environment, process, returns, succeeded
from landing import land, row_of

LANDED = "bronze/returns_raw"
FIRST_DAY, SECOND_DAY = "2026-11-20", "2026-11-23"
# None of the gates: they look at the history of a lake, which a kill makes another.
SETTINGS = {"MAX_QUARANTINED_RATIO": "1", "VOLUME_GATE": "off"}


def compiled_library(directory: Path) -> Path:
    """publishing.c as a library for LD_PRELOAD."""
    library = directory / "publishing.so"
    source = Path(__file__).with_name("faults") / "publishing.c"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def land_samples(lake: Path) -> Path:
    shutil.copytree(REPOSITORY / "samples" / "returns", lake / LANDED)
    return lake


def land_one_more(lake: Path) -> None:
    """A file that lands late: a new return, and a correction of one that the sample has."""
    rows = [
        row_of("R-late", "O-1", None, "MUG", "damaged", "1", "5.00", "2026-11-18", "2026-11-19T08:00:00Z"),
        row_of("R-1051", "O-1", None, "MUG", "damaged", "1", "5.00", "2026-11-17", "2026-11-23T08:00:00Z"),
    ]
    land(lake / LANDED / "late.jsonl", rows)


def run_whole(lake: Path, as_of: str, **env: str) -> None:
    """A run that nothing disturbs."""
    succeeded(returns(lake, "run", "--as-of", as_of, **(SETTINGS | env)))


def run_elsewhere(lake: Path, as_of: str) -> None:
    """A run to compare with, always on the embedded engine: its tables are those of either, and it is soon done."""
    run_whole(lake, as_of, ENGINE="embedded")


def run_killed(lake: Path, as_of: str, moment: str) -> None:
    """Leave the lake as a run leaves it that is killed at a moment (crashes.Moment)."""
    with TemporaryDirectory() as directory:
        left = crashes.image(lake, Path(directory), lambda: run_whole(lake, as_of), moment)
        shutil.rmtree(lake)
        shutil.copytree(left, lake)


@contextmanager
def started(lake: Path, said: str, as_of: str = FIRST_DAY) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own that has just logged `said`. Killed at the end, if it has not ended."""
    with subprocess.Popen(
        [str(RETURNS), "run", "--as-of", as_of],
        env=environment(lake, **SETTINGS),
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        try:
            assert any(said in line for line in process.stderr), f"the run never said {said!r}"
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def killed_before_log(lake: Path, as_of: str, place: str, library: Path, entry: int = 1) -> None:
    """A run that is killed, with all that it started, between the files of a commit and its entry in a table's log.

    `entry`: which of the entries that the run makes. It fails the test if the run came to its end.
    """
    fault = {"FAULT_AT": f"before:kill:{entry}:*/{place}/_delta_log/*.json", "LD_PRELOAD": str(library)}
    ended = process(lake, "run", "--as-of", as_of, **SETTINGS, **fault)
    assert ended.exit_code == -signal.SIGKILL, f"not killed before the log of {place}: {ended}"


def contents_without_batches(lake: Path) -> dict[str, list[lake_reading.Row]]:
    """What every table holds without what names a batch: a file that lands between two runs may fall into either."""
    quarantine = ("return_id", "return_date", "raw_record", "reasons", "source_file", "attempts")
    return {
        lake_reading.SILVER: lake_reading.rows(lake, lake_reading.SILVER, (*lake_reading.CONTENT, "source_file")),
        lake_reading.QUARANTINE: lake_reading.rows(lake, lake_reading.QUARANTINE, quarantine),
        **{place: lake_reading.rows(lake, place) for place in lake_reading.TABLES if place.startswith("gold")},
    }


def counts(lake: Path) -> list[dict[str, Any]]:
    """What each committed batch came to, the oldest first."""
    found = []
    for batch_id, state in lake_reading.batch_states(lake):
        assert state == "committed", f"{batch_id} is {state}"
        found.append(lake_reading.read_json(lake / "ops" / "batches" / batch_id / "checkpoint.json")["figures"])
    return found
