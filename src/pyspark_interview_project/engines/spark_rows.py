"""What the files of materialized rows say, without a job of Spark. None where this process does not see the files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq


def count_rows(directory: str) -> int | None:
    """How many rows the Parquet files of a directory have, by their footers."""
    files = _files(directory)
    return sum(pq.read_metadata(file).num_rows for file in files) if files else None


def distinct_days(directory: str, column: str) -> Sequence[date] | None:
    """The days that a column of dates has in the Parquet files of a directory, in their order."""
    found: set[date] = set()
    files = _files(directory)
    for file in files:
        values = pq.read_table(file, columns=[column], partitioning=None).column(column)
        found.update(pc.unique(values.drop_null()).to_pylist())
    return sorted(found) if files else None


def _files(directory: str) -> list[Path]:
    return list(Path(directory).glob("*.parquet"))  # Spark writes one without rows, too
