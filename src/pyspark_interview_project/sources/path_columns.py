"""Columns that the directories above a landed file give: `return_date=2026-11-11/a.csv`, as Hive and Spark write."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import unquote

import pyarrow as pa

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.schemas.returns_raw import DELIVERED_NAMES

_DAY = re.compile(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_NULL = "__HIVE_DEFAULT_PARTITION__"


def path_columns(path: str, names: Collection[str] = DELIVERED_NAMES) -> Mapping[str, str | None]:
    """Those of the columns `names` that directories `name=value` of the path name, each with its value as text.

    A column that the file itself has wins over these. Of two directories with one name the deeper one counts.
    """
    found: dict[str, str | None] = {}
    for directory in path.split("/")[:-1]:
        name, is_one, value = directory.partition("=")
        column = matching_name(_decoded(name))
        if is_one and column in names:
            found[column] = None if value == _NULL else _decoded(value)
    # Directories have days where files have times.
    if (given := found.get("ingest_ts")) and _DAY.match(given):
        found["ingest_ts"] = f"{given}T00:00:00"
    return found


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text  # another encoding: to keep what stands there is better than to guess


def constant_column(value: str | None, rows: int) -> pa.Array:
    """A column of texts that has one value in every row."""
    return pa.nulls(rows, pa.string()) if value is None else pa.repeat(pa.scalar(value, pa.string()), rows)
