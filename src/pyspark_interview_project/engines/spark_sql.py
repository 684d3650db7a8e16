"""Spark SQL for tables: creating them, their properties and constraints, and literals of our own making."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark_interview_project.schemas.columns import Column
from pyspark_interview_project.schemas.tables import TableContract
from pyspark_interview_project.storage.delta_tables import CONSTRAINT, TABLE_PROPERTIES

_SQL_TYPES = {"integer": "int", "long": "bigint"}


def create_table(table: TableContract, place: str) -> str:
    """The table with its constraints, in one commit: an ALTER TABLE for each takes seconds."""
    columns = ", ".join(map(_column, table.columns))
    partitions = f"partitioned by ({', '.join(table.partition_by)})" if table.partition_by else ""
    checks = {f"{CONSTRAINT}{check}": condition for check, condition in table.checks.items()}
    properties = ", ".join(f"'{key}' = {literal(value)}" for key, value in (TABLE_PROPERTIES | checks).items())
    return (
        f"create table {name(place)} ({columns}) using delta {partitions} "
        f"comment {literal(table.description)} tblproperties ({properties})"
    )


def _column(column: Column) -> str:
    not_null = "" if column.nullable else "not null"
    type_ = _SQL_TYPES.get(column.type, column.type)
    return f"`{column.name}` {type_} {not_null} comment {literal(column.description)}"


def add_columns(place: str, columns: Sequence[Column]) -> str:
    return f"alter table {name(place)} add columns ({', '.join(map(_column, columns))})"


def set_property(place: str, key: str, value: str) -> str:
    return f"alter table {name(place)} set tblproperties ('{key}' = {literal(value)})"


def add_constraint(place: str, constraint: str, check: str) -> str:
    return f"alter table {name(place)} add constraint {constraint} check ({check})"


def between(column: str, first: date, last: date) -> str:
    return f"{column} between date '{first}' and date '{last}'"


def name(place: str) -> str:
    """A table by its place."""
    return "delta.`" + place.replace("`", "``") + "`"


def literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
