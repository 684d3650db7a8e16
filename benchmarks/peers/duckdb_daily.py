"""A day's increment as a DuckDB user would take it: merge it into a table of the database, aggregate again.

python -m benchmarks.peers.duckdb_daily load|merge LANDED DATABASE
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from benchmarks.peers.duckdb_cleaning import COLUMNS, GOLD, judged, landed, latest


def main(verb: str, directory: str, database: str) -> None:
    clean = latest(f"({judged(landed(Path(directory), 'parquet'))})")
    with duckdb.connect(database) as connection:
        if verb == "load":
            connection.execute(f"create table silver as {clean}")
        else:
            connection.execute(f"""
                merge into silver as kept using ({clean}) as day on kept.return_id = day.return_id
                when matched and day.ingest_ts > kept.ingest_ts then
                    update set {', '.join(f'{name} = day.{name}' for name in COLUMNS)}
                when not matched then
                    insert ({', '.join(COLUMNS)}) values ({', '.join(f'day.{name}' for name in COLUMNS)})
                """)
        connection.execute(f"create or replace table gold as select {GOLD} from silver group by sku, reason")


if __name__ == "__main__":
    main(*sys.argv[1:])
