"""Spark SQL for tables: their columns, properties and constraints, conditions, and literals of our own making."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark_interview_project.schemas.columns import Column
from pyspark_interview_project.schemas.tables import TableContract
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.delta_writes import Merge

_MOST_DAYS_IN_A_LIST = 400
_SQL_TYPES = {"integer": "int", "long": "bigint"}


def _column(column: Column) -> str:
    not_null = "" if column.nullable else "not null"
    type_ = _SQL_TYPES.get(column.type, column.type)
    return f"`{column.name}` {type_} {not_null} comment {literal(column.description)}"


def what_is_missing(tables: DeltaTables, table: TableContract) -> list[str]:
    """The statements that give a table what its contract has beyond it: columns, properties, constraints."""
    alter = f"alter table {name(tables.place(table))}"
    columns = ", ".join(map(_column, tables.missing_columns(table)))
    return [
        *([f"{alter} add columns ({columns})"] if columns else []),
        *(
            f"{alter} set tblproperties ('{key}' = {literal(value)})"
            for key, value in tables.missing_properties(table).items()
        ),
        *(f"{alter} add constraint {check} check ({sql})" for check, sql in tables.missing_checks(table).items()),
    ]


def merge_of_newest(table: TableContract, days: Sequence[date] | None) -> tuple[str, str]:
    """The condition and the clauses of a MERGE of rows of which those that are updated have a silver_return_date, one
    of `days` (None: not known). The others match nothing, so no file is read for their sake."""
    on = "target.return_id = source.return_id and target.return_date = source.silver_return_date"
    if days is not None:
        on += f" and {is_one_of('target.return_date', days)}"
    # By name: a session of others may be one that adds the source's columns to the table.
    changes = ", ".join(f"{name} = source.{name}" for name in table.names)
    values = ", ".join(f"source.{name}" for name in table.names)
    insert = f"insert ({', '.join(table.names)}) values ({values})"
    return on, f"when matched then update set {changes} when not matched then {insert}"


def merge_of_groups(how: Merge) -> tuple[str, str]:
    """The condition and the clauses of a MERGE by keys, which deletes where the source says so."""
    on = " and ".join(f"target.{key} = source.{key}" for key in how.keys)
    return on, (
        f"when matched and {how.delete_when} then delete when matched then update set * "
        f"when not matched and not ({how.delete_when}) then insert *"
    )


def is_one_of(column: str, days: Sequence[date]) -> str:
    """The condition that a column has one of these days; of many days, that it lies between them."""
    if len(days) > _MOST_DAYS_IN_A_LIST:
        return f"{column} between date '{min(days)}' and date '{max(days)}'"
    listed = ", ".join(f"date '{day}'" for day in days)
    return f"{column} in ({listed})" if listed else "false"


def name(place: str) -> str:
    """A table by its place."""
    return "delta.`" + place.replace("`", "``") + "`"


def literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
