"""Writes the queries that come with the code: `make queries`, after a change of the transforms or of the rules."""

from __future__ import annotations

import tempfile
from datetime import date, datetime
from decimal import Decimal
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from feed_files import FEED_FILES
from kills import FIRST_DAY, SECOND_DAY, land_one_more, land_samples
from landing import COLUMNS, land
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
        land_parquet_of_usual_types(lake)
        run_here(lake, SECOND_DAY)
        land_every_feed(lake)
        run_here(lake, SECOND_DAY)


def land_parquet_of_usual_types(lake: Path) -> None:
    """Files as pandas, DuckDB, Spark and Arrow write them: they differ in how quantities, money and times are typed."""
    day, instant = date(2026, 11, 18), datetime(2026, 11, 20, 8)
    kinds = product((pa.int32(), pa.float64()), (pa.float64(), pa.decimal128(18, 2)), ("UTC", None))
    for number, (qty, amount, zone) in enumerate(kinds):
        given = [f"R-kinds-{number}", "O1", None, "MUG", "late"]
        columns = {name: pa.array([value], pa.string()) for name, value in zip(COLUMNS, given)}
        columns["qty"] = pa.array([1], qty)
        columns["amount"] = pa.array([Decimal("5.00") if pa.types.is_decimal(amount) else 5.0], amount)
        columns["return_date"] = pa.array([day], pa.date32())
        columns["ingest_ts"] = pa.array([instant], pa.timestamp("us", zone))
        pq.write_table(pa.table(columns), lake / LANDED / f"kinds-{number}.parquet")


def land_every_feed(lake: Path) -> None:
    """A file of each shipped feed."""
    for name, (ending, content) in FEED_FILES.items():
        place = lake / LANDED / name / f"export.{ending}"
        place.parent.mkdir(parents=True)
        place.write_bytes(content(1, 20))


if __name__ == "__main__":
    choose_engine("embedded")
    duckdb_queries.ship(usual_runs)
