"""Writes the queries that come with the code: `make queries`, after a change of the transforms or of the rules."""

from __future__ import annotations

import tempfile
from pathlib import Path

from feed_files import FEED_FILES
from kills import FIRST_DAY, SECOND_DAY, land_one_more, land_samples
from landing import land
from pyspark_interview_project.engine import choose_engine
from pyspark_interview_project.engines import duckdb_queries
from running import LANDED, return_of, run_here


def usual_runs() -> None:
    """Runs over files of every format: the first of a lake, one behind it, and gold built anew."""
    with tempfile.TemporaryDirectory() as directory:
        lake = land_samples(Path(directory) / "lake")
        run_here(lake, FIRST_DAY)
        land_one_more(lake)
        land(lake / LANDED / "typed.parquet", [return_of("R-typed")], as_native=True)
        run_here(lake, SECOND_DAY)
        land_every_feed(lake)
        run_here(lake, SECOND_DAY)


def land_every_feed(lake: Path) -> None:
    """A file of each shipped feed."""
    for name, (ending, content) in FEED_FILES.items():
        place = lake / LANDED / name / f"export.{ending}"
        place.parent.mkdir(parents=True)
        place.write_bytes(content(1, 20))


if __name__ == "__main__":
    choose_engine("embedded")
    duckdb_queries.ship(usual_runs)
