"""The contracts of the data: columns, the raw schema, the tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pyspark_interview_project.engine import types
from pyspark_interview_project.schemas import returns_raw
from pyspark_interview_project.schemas.columns import Column, delta_schema_json, struct_type
from pyspark_interview_project.schemas.rules import RULES
from pyspark_interview_project.schemas.tables import (
    GOLD_BY_DATE_REASON,
    GOLD_BY_SKU_REASON,
    GOLD_TABLES,
    QUARANTINE,
    SILVER,
    TABLES,
    TableContract,
)


def typed_names(table: TableContract) -> list[str]:
    """The table's columns as people read them, `!` where null is not allowed."""
    return [f"{column.name} {column.type}{'' if column.nullable else '!'}" for column in table.columns]


def test_delta_schema_json_has_types_nullability_and_comments() -> None:
    columns = (
        Column("id", "string", False, "the key"),
        Column("price", "decimal(18,2)", True, 'what it "costs"'),
        Column("tags", "array<string>", True, "words"),
    )
    assert json.loads(delta_schema_json(columns)) == {
        "type": "struct",
        "fields": [
            {"name": "id", "type": "string", "nullable": False, "metadata": {"comment": "the key"}},
            {
                "name": "price",
                "type": "decimal(18,2)",
                "nullable": True,
                "metadata": {"comment": 'what it "costs"'},
            },
            {
                "name": "tags",
                "type": {"type": "array", "elementType": "string", "containsNull": True},
                "nullable": True,
                "metadata": {"comment": "words"},
            },
        ],
    }


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_struct_type_of_each_table_has_its_names_and_nullability(engine_name: str, table: TableContract) -> None:
    fields = struct_type(table.columns).fields
    assert [(field.name, field.nullable) for field in fields] == [(c.name, c.nullable) for c in table.columns]


@pytest.mark.parametrize(
    ("type_name", "expected"),
    [
        ("string", "StringType"),
        ("integer", "IntegerType"),
        ("long", "LongType"),
        ("double", "DoubleType"),
        ("date", "DateType"),
        ("timestamp", "TimestampType"),
        ("decimal(18,2)", "DecimalType"),
        ("array<string>", "ArrayType"),
    ],
)
def test_struct_type_of_a_column_is_the_engines_type(engine_name: str, type_name: str, expected: str) -> None:
    [field] = struct_type([Column("x", type_name, True, "")]).fields
    assert isinstance(field.dataType, getattr(types, expected))


def test_struct_type_of_a_decimal_keeps_precision_and_scale(engine_name: str) -> None:
    [field] = struct_type([Column("x", "decimal(38,2)", True, "")]).fields
    assert (field.dataType.precision, field.dataType.scale) == (38, 2)


def test_struct_type_of_an_array_keeps_the_type_of_its_elements(engine_name: str) -> None:
    [field] = struct_type([Column("x", "array<string>", True, "")]).fields
    assert isinstance(field.dataType.elementType, types.StringType)


def test_struct_type_of_an_unknown_type_is_an_error(engine_name: str) -> None:
    with pytest.raises(KeyError):
        struct_type([Column("x", "money", True, "")])


def test_returns_raw_schema_is_the_documented_contract(engine_name: str) -> None:
    found = [(f.name, type(f.dataType).__name__, f.nullable) for f in returns_raw.returns_raw_schema.fields]
    assert found == [
        ("return_id", "StringType", False),
        ("order_id", "StringType", False),
        ("customer_id", "StringType", True),
        ("sku", "StringType", True),
        ("reason", "StringType", True),
        ("qty", "IntegerType", True),
        ("amount", "DoubleType", True),
        ("return_date", "DateType", True),
        ("ingest_ts", "TimestampType", True),
    ]


def test_returns_raw_schema_describes_every_column(engine_name: str) -> None:
    fields: list[Any] = list(returns_raw.returns_raw_schema.fields)
    comments = {field.name: (field.metadata or {}).get("comment") for field in fields}
    assert comments == {column.name: column.description for column in returns_raw.RAW_COLUMNS}
    assert all(comments.values())


def test_returns_raw_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        returns_raw.no_such_schema  # noqa: B018


def test_returns_raw_required_columns_are_those_whose_absence_a_rule_rejects() -> None:
    missing = {rule.code.removesuffix("_missing") for rule in RULES if rule.code.endswith("_missing")}
    assert set(returns_raw.REQUIRED_NAMES) == missing


def test_tables_silver_has_the_documented_columns() -> None:
    assert typed_names(SILVER) == [
        "return_id string!",
        "order_id string!",
        "customer_id string",
        "sku string!",
        "reason string!",
        "qty integer!",
        "amount decimal(18,2)!",
        "return_date date!",
        "ingest_ts timestamp",
        "batch_id string!",
        "source_file string!",
        "source_record long",
    ]


def test_tables_silver_is_partitioned_by_return_date() -> None:
    assert SILVER.partition_by == ("return_date",)


def test_tables_quarantine_has_the_documented_columns() -> None:
    assert typed_names(QUARANTINE) == [
        "quarantine_id string!",
        "return_id string",
        "return_date date",
        "raw_record string!",
        "reasons array<string>!",
        "source_file string!",
        "source_record long",
        "batch_id string!",
        "quarantined_at timestamp!",
        "attempts integer!",
    ]


@pytest.mark.parametrize(
    ("table", "by"),
    [(GOLD_BY_SKU_REASON, "sku string!"), (GOLD_BY_DATE_REASON, "return_date date!")],
    ids=["sku", "date"],
)
def test_tables_gold_has_the_documented_columns(table: TableContract, by: str) -> None:
    measures = ["return_count long!", "total_qty long!", "total_amount decimal(38,2)!"]
    assert typed_names(table) == [by, "reason string!", *measures]


def test_tables_places_are_the_documented_ones() -> None:
    assert {table.name: table.place for table in TABLES} == {
        "silver_returns": "silver/returns",
        "quarantine_returns": "quarantine/returns",
        "gold_returns_by_sku_reason": "gold/returns_by_sku_reason",
        "gold_returns_by_date_reason": "gold/returns_by_date_reason",
    }


def test_tables_gold_tables_are_among_all_tables() -> None:
    assert TABLES == (SILVER, QUARANTINE, *GOLD_TABLES)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tables_partitions_checks_and_hints_name_columns_of_the_table(table: TableContract) -> None:
    checked = {check.split()[0] for check in table.checks.values()}
    assert {*table.partition_by, *table.near_unique, *checked} <= set(table.names)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tables_each_column_is_described(table: TableContract) -> None:
    assert [column.name for column in table.columns if not column.description] == []
