"""Columns that the directories above a landed file give: `return_date=2026-11-11/a.parquet`, as Hive writes them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.schemas.returns_raw import DELIVERED_NAMES

_NULL = "__HIVE_DEFAULT_PARTITION__"


def path_columns(path: str) -> Mapping[str, str | None]:
    """Those of our columns that directories `name=value` of the path name, each with its value as text.

    A column that the file itself has wins over these. Of two directories with one name the deeper one counts.
    """
    found: dict[str, str | None] = {}
    for directory in path.split("/")[:-1]:
        name, is_one, value = directory.partition("=")
        column = matching_name(_decoded(name))
        if is_one and column in DELIVERED_NAMES:
            found[column] = None if value == _NULL else _decoded(value)
    return found


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text  # another encoding: to keep what stands there is better than to guess
