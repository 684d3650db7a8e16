"""Runs that are killed, and what a lake must hold when they were simply run again."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lake_reading
from commands import REPOSITORY, RETURNS, environment, process, returns, succeeded
from landing import land, row_of

LANDED = "bronze/returns_raw"
FIRST_DAY, SECOND_DAY = "2026-11-20", "2026-11-23"
# Several commits of a batch, and none of the gates: they look at the history of a lake, which a kill makes another.
SETTINGS = {"MERGE_ROWS_PER_COMMIT": "40", "MAX_QUARANTINED_RATIO": "1", "VOLUME_GATE": "off"}


@dataclass(frozen=True)
class Kill:
    """Where a run is killed: at a point of the pipeline's own, or before a file that matches gets its final name."""

    name: str
    variables: dict[str, str]


def at_point(point: str, passes: int = 1) -> Kill:
    return Kill(f"{point}-{passes}", {"FAULT": f"{point}:kill:{passes}"})


def before_log(place: str, library: Path, entry: int = 1) -> Kill:
    """Between the files of a commit and its entry in a table's log; `entry`: the how manyeth that the run makes."""
    fault = f"before:kill:{entry}:*/{place}/_delta_log/*.json"
    return Kill(f"log of {place}, entry {entry}", {"FAULT_AT": fault, "LD_PRELOAD": str(library)})


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


@contextmanager
def waiting_at(lake: Path, point: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A run that has come to a point and waits there; killed at the end, if it has not ended."""
    with subprocess.Popen(
        [str(RETURNS), "run", "--as-of", FIRST_DAY],
        env=environment(lake, **SETTINGS, FAULT=f"{point}:wait", **env),
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            assert any("fault: wait" in line for line in process.stderr)
            yield process
        finally:
            process.kill()


def run_killed(lake: Path, as_of: str, kill: Kill, **settings: str) -> None:
    """A run that is killed, with everything that it started. It fails the test if it came to its end."""
    ended = process(lake, "run", "--as-of", as_of, **(SETTINGS | settings | kill.variables))
    assert ended.exit_code == -signal.SIGKILL, f"not killed at {kill.name}: {ended}"


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
        found.append(lake_reading.read_json(lake / "ops" / "batches" / batch_id / "counted.json")["figures"])
    return found
