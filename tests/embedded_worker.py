"""The embedded engine in a process of its own, for tests in which Spark is the engine of the test process.

Reads pickled requests from stdin and writes pickled answers to stdout until stdin ends. A request names a lake whose
landed files are read and validated: (root, scratch, time zone, the run's date).
"""

from __future__ import annotations

import pickle
import sys
from datetime import date
from pathlib import Path
from typing import Any

from landing import LIMITS
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.engine import choose_engine
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.engines.base import Lake
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.sources.discovery import find_landed, new_files
from pyspark_interview_project.transforms.deduplicate import content_hash
from pyspark_interview_project.transforms.validate import validate

Rows = list[dict[str, Any]]

AS_OF = date(2026, 11, 23)


def read_and_judge(lake: Lake, root: Path, as_of: date = AS_OF) -> tuple[Rows, Rows]:
    """The records of the landed text files as they are read; every landed record, validated, with its content's hash.

    Dates and times come as numbers since the epoch: not every one of them is one of Python's.
    """
    records: Rows = []
    validated: Rows = []
    paths = LakePaths.at(str(root))
    for delivery in lake.read_landed(new_files(paths, find_landed(paths, as_of).files, (), LIMITS)):
        frame = delivery.frame
        if "raw_record" in frame.columns:
            frame = lake.stage(frame)
            records += lake.collect(frame.select(*RAW_NAMES, "raw_record", "is_corrupt", "source_file"))
        rows = validate(frame, delivery.kinds, as_of)
        validated += lake.collect(
            rows.select(
                *[name for name in RAW_NAMES if name not in ("return_date", "ingest_ts")],
                F.date_diff(F.col("return_date"), F.lit("1970-01-01").cast("date")).alias("return_date"),
                F.unix_micros(F.col("ingest_ts")).alias("ingest_ts"),
                *("reasons", "raw_record", "source_file"),
                content_hash().alias("content_hash"),
            )
        )
    return records, validated


def _serve() -> None:
    from pyspark_interview_project.engines.duckdb import EmbeddedLake

    choose_engine("embedded")
    while True:
        try:
            root, scratch, time_zone, as_of = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        lake = EmbeddedLake(LakePaths.at(str(root)), time_zone, "500MB", scratch)
        try:
            answer = read_and_judge(lake, root, as_of)
        finally:
            lake.close()
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
