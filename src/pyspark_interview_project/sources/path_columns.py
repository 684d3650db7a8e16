"""Columns that stand in a landed file's path: a directory `name=value`, as Hive, Spark and pandas write partitions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from pyspark_interview_project.config.column_names import matching_name

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_DAY = re.compile(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


def path_columns(path: str) -> Mapping[str, str | None]:
    """The values by column, names as they match. `dt=…` is none: it says when files landed."""
    found: dict[str, str | None] = {}
    for directory in path.split("/")[:-1]:
        name, equals, value = directory.partition("=")
        if equals and (column := matching_name(unquote(name))) not in ("", "dt"):
            found[column] = None if value == _NO_VALUE else unquote(value)
    # Directories have days where files have times.
    if (given := found.get("ingest_ts")) and _DAY.match(given):
        found["ingest_ts"] = f"{given}T00:00:00"
    return found
