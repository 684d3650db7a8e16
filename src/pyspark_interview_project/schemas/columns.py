"""The contract of a column, and the forms in which engines and Delta take it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyspark_interview_project.engine import StructType, types

_DECIMAL = re.compile(r"\Adecimal\(([0-9]+),([0-9]+)\)\Z")
_ARRAY = re.compile(r"\Aarray<([a-z]+)>\Z")


@dataclass(frozen=True)
class Column:
    """One column: `type` is a Delta type name, such as string, integer, decimal(18,2) or array<string>."""

    name: str
    type: str
    nullable: bool
    description: str


def delta_schema_json(columns: Sequence[Column]) -> str:
    """The columns as JSON, as a Delta log keeps a schema."""

    def type_json(name: str) -> Any:
        element = _ARRAY.match(name)
        return {"type": "array", "elementType": element[1], "containsNull": True} if element else name

    fields = [
        {
            "name": column.name,
            "type": type_json(column.type),
            "nullable": column.nullable,
            "metadata": {"comment": column.description},
        }
        for column in columns
    ]
    return json.dumps({"type": "struct", "fields": fields})


def struct_type(columns: Sequence[Column]) -> StructType:
    """The columns as a StructType of this process's engine, descriptions as comments."""

    def data_type(name: str) -> Any:
        if decimal := _DECIMAL.match(name):
            return types.DecimalType(int(decimal[1]), int(decimal[2]))
        if element := _ARRAY.match(name):
            return types.ArrayType(data_type(element[1]), True)
        simple = {
            "string": types.StringType,
            "integer": types.IntegerType,
            "long": types.LongType,
            "double": types.DoubleType,
            "date": types.DateType,
            "timestamp": types.TimestampType,
        }
        return simple[name]()

    return types.StructType(
        [types.StructField(c.name, data_type(c.type), c.nullable, {"comment": c.description}) for c in columns]
    )
