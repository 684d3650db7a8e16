"""The first load as a DuckDB user would write it: clean, keep the latest of each return, partition, aggregate.

python -m benchmarks.peers.duckdb_first_load LANDED OUTPUT parquet|csv|jsonl|export
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from benchmarks.peers.duckdb_cleaning import GOLD, judged, landed, latest


def main(directory: str, output: str, format_: str) -> None:
    Path(output).mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute("set preserve_insertion_order = false")
        connection.execute(f"create temp table judged as {judged(landed(Path(directory), format_))}")
        connection.execute(
            f"copy ({latest('judged')}) to '{output}/silver' (format parquet, partition_by (return_date))"
        )
        connection.execute(f"copy (from judged where broken is not null) to '{output}/quarantine.parquet'")
        silver = f"read_parquet('{output}/silver/*/*.parquet', hive_partitioning = true)"
        connection.execute(f"copy (select {GOLD} from {silver} group by sku, reason) to '{output}/gold.parquet'")


if __name__ == "__main__":
    main(*sys.argv[1:])
