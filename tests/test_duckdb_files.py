"""Data files that DuckDB writes for a table: what stands in them, and what the log will say of them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyspark_interview_project.engines.duckdb_files import write_files
from pyspark_interview_project.schemas.tables import SILVER

UPSERTS = """
    select 'R' || number as return_id, 'O1' as order_id, null::varchar as customer_id, 'SKU-1' as sku,
        'other' as reason, 1 as qty, 2.50::decimal(18, 2) as amount,
        date '2026-01-01' + (number % 2)::int as return_date, null::timestamptz as ingest_ts,
        'batch ''' || number // 2 as batch_id,
        case when number > 0 then 'bronze/returns_raw/' || number || '.csv' end as source_file, number as source_record,
        'inserted' as outcome, null::date as silver_return_date
    from range(4) t(number)
"""


@pytest.mark.embedded_only
@pytest.mark.parametrize("rows", [4, 500_000], ids=["few rows", "as if there were many"])
def test_written_files_have_the_rows_as_text_however_many_there_are(tmp_path: Path, rows: int) -> None:
    with duckdb.connect() as connection:
        new = write_files(connection, SILVER, str(tmp_path), f"({UPSERTS})", [], rows)
        expected = connection.sql(f"select * exclude (outcome, silver_return_date) from ({UPSERTS})").fetchall()
    tables = [pq.ParquetFile(tmp_path / file.path).read() for file in new]
    assert {field.name: field.type for table in tables for field in table.schema if "_id" in field.name} == {
        name: pa.string() for name in ("return_id", "order_id", "customer_id", "batch_id")
    }
    found = [
        (*list(row.values())[:7], file.partition["return_date"], *list(row.values())[7:])
        for file, table in zip(new, tables, strict=True)
        for row in table.to_pylist()
    ]
    assert sorted(found) == sorted((*row[:7], str(row[7]), *row[8:]) for row in expected)
    assert sorted(file.statistics["nullCount"]["source_file"] for file in new) == [0, 1]
