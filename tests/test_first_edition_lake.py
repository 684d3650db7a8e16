"""A lake whose tables the first edition made, without source_record, is carried on."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, Schema, write_deltalake

import lake_reading
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.engines.duckdb_sql import arrow_schema
from pyspark_interview_project.schemas.columns import delta_schema_json
from pyspark_interview_project.schemas.tables import QUARANTINE, SILVER, TableContract
from pyspark_interview_project.storage.delta_tables import TABLE_PROPERTIES, DeltaTables
from pyspark_interview_project.storage.delta_writes import DeltaWrites
from running import land_returns, return_of, run_here

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)
OLD_ROW = ("R-old", "O1", None, "MUG", "late", 1, Decimal("5.00"), date(2026, 11, 18), AT, "000000-old", "old.csv")
OLD_REJECTED = ("Q-old", "R-bad", None, "raw", ["qty_invalid"], "old.csv", "000000-old", AT, 1)


def make_old(root: Path, table: TableContract, row: tuple[object, ...]) -> None:
    """A table as the first edition made it, with a row."""
    columns = [column for column in table.columns if column.name != "source_record"]
    delta = DeltaTable.create(
        root / table.place,
        schema=Schema.from_json(delta_schema_json(columns)),
        partition_by=list(table.partition_by),
        configuration=TABLE_PROPERTIES,
    )
    for name, check in table.checks.items():
        delta.alter.add_constraint({name: check})
    types = arrow_schema(table)
    arrays = [pa.array([value], types.field(column.name).type) for column, value in zip(columns, row, strict=True)]
    write_deltalake(delta, pa.table(arrays, [column.name for column in columns]), mode="append")


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Tables of the first edition with a row each, which no ledger knows of, and a file that has landed since."""
    make_old(tmp_path, SILVER, OLD_ROW)
    make_old(tmp_path, QUARANTINE, OLD_REJECTED)
    land_returns(tmp_path, "new", return_of("R-new"), return_of("R-bad", qty="0"))
    return tmp_path


def numbers(lake: Path, place: str, key: str) -> list[lake_reading.Row]:
    return lake_reading.rows(lake, place, (key, "source_record"))


def test_rows_of_before_have_no_number_and_new_ones_have(lake: Path) -> None:
    record = run_here(lake)
    assert (record.status, record.files_rejected) == ("succeeded", [])
    assert numbers(lake, lake_reading.SILVER, "return_id") == [("R-new", 1), ("R-old", None)]
    assert sorted(numbers(lake, lake_reading.QUARANTINE, "raw_record"), key=str) == sorted(
        [("raw", None), (json.dumps(return_of("R-bad", qty="0")), 2)], key=str
    )
    gold = [row[2] for row in lake_reading.gold_by_sku_reason(lake)]
    assert gold == [2]


def test_row_of_before_is_corrected_and_has_a_number_then(lake: Path) -> None:
    run_here(lake)
    land_returns(lake, "z", return_of("R-new", qty="4"), return_of("R-old", "2026-11-21T08:00:00Z", qty="7"))
    record = run_here(lake)
    assert record.stages[0].rows_updated == 2
    assert numbers(lake, lake_reading.SILVER, "return_id") == [("R-new", 1), ("R-old", 2)]
    assert [row[5] for row in lake_reading.silver(lake)] == [4, 7]


def test_column_is_added_once(lake: Path) -> None:
    tables = DeltaTables(LakePaths.at(str(lake)))
    DeltaWrites(tables).ensure()
    for table in (SILVER, QUARANTINE):
        names = [field.name for field in DeltaTable(lake / table.place).schema().fields]
        assert sorted(names) == sorted(table.names)
    versions = [tables.version(table) for table in (SILVER, QUARANTINE)]
    DeltaWrites(tables).ensure()
    assert [tables.version(table) for table in (SILVER, QUARANTINE)] == versions
