"""What tables hold when they are read: rows, and the sums of their numeric columns. A drill compares these."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable


def facts_of_tables(root: Path, versions: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """For each table under `root` what its data files hold at this version: {"version", "rows", "sums"}, where the sums
    of all columns of integers and decimals are decimal text by column. Raises what deltalake and pyarrow raise."""
    found = {}
    for table, version in versions.items():
        opened = DeltaTable((root / table).as_uri(), version=version)
        rows, sums = 0, dict[str, Decimal]()
        for path in pa.table(opened.get_add_actions()).column("path").to_pylist():
            with pq.ParquetFile(root / table / unquote(path)) as file:
                rows += file.metadata.num_rows
                for batch in numbers_in(file):
                    for name in batch.schema.names:
                        total = Decimal(pc.sum(batch.column(name)).as_py() or 0)
                        sums[name] = sums.get(name, Decimal(0)) + total
        as_text = {name: f"{total:f}" for name, total in sorted(sums.items())}
        found[table] = {"version": opened.version(), "rows": rows, "sums": as_text}
    return found


def numbers_in(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    """The columns of integers and decimals of a data file, in batches. Raises pyarrow.ArrowException or OSError."""
    names = [f.name for f in file.schema_arrow if pa.types.is_decimal(f.type) or pa.types.is_integer(f.type)]
    yield from file.iter_batches(columns=names, use_threads=False) if names else ()


def main(argv: list[str]) -> None:
    """`python -m pyspark_interview_project.dr.table_facts ROOT VERSIONS`: what tables hold, as JSON, for a drill."""
    root, versions = argv
    print(json.dumps(facts_of_tables(Path(root), json.loads(versions))))


if __name__ == "__main__":
    main(sys.argv[1:])
