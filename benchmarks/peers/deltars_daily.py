"""A day's increment as a delta-rs user would take it: DuckDB cleans, delta-rs merges, DuckDB aggregates again.

    python -m benchmarks.peers.deltars_daily load|merge LANDED LAKE

The merge looks only at partitions between the first and the last date of the increment. That is right as long as no
correction changes a date; the package does not rely on it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
from deltalake import DeltaTable, write_deltalake

from benchmarks.peers.duckdb_cleaning import GOLD, judged, landed, latest

_ROWS_PER_BATCH = 100_000


def main(verb: str, directory: str, lake: str) -> None:
    silver, gold = f"{lake}/silver", f"{lake}/gold"
    source = landed(Path(directory), "parquet")
    with duckdb.connect() as connection:
        connection.execute("set preserve_insertion_order = false")
        dates = connection.sql(f"select min(return_date), max(return_date) from {source}").fetchall()[0]
        rows = connection.sql(latest(f"({judged(source)})")).to_arrow_reader(_ROWS_PER_BATCH)
        if verb == "load":
            write_deltalake(silver, rows, partition_by=["return_date"])
        else:
            between = "kept.return_date >= date '{}' and kept.return_date <= date '{}'".format(*dates)
            merge = DeltaTable(silver).merge(
                rows, f"kept.return_id = day.return_id and {between}", source_alias="day", target_alias="kept"
            )
            merge.when_matched_update_all("day.ingest_ts > kept.ingest_ts").when_not_matched_insert_all().execute()
        files = [uri.removeprefix("file://") for uri in DeltaTable(silver).file_uris()]
        totals = connection.sql(f"select {GOLD} from read_parquet({files}) group by sku, reason")
        write_deltalake(gold, totals.to_arrow_reader(_ROWS_PER_BATCH), mode="overwrite")


if __name__ == "__main__":
    main(*sys.argv[1:])
