"""Which required columns a landed file lacks, said in one message that a person can act upon."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.schemas.returns_raw import REQUIRED_NAMES

_MOST_SHOWN = 20


def missing_columns(own_names: Sequence[str], given: Collection[str] = ()) -> str | None:
    """The problem of a file whose columns have these names; None where it has all that is required.

    `given` are the columns that the file has by other means, such as its directories.
    """
    missing = lacking({matching_name(name) for name in own_names}.union(given))
    if not missing:
        return None
    shown = ", ".join(own_names[:_MOST_SHOWN]) + (", …" if len(own_names) > _MOST_SHOWN else "")
    return f"{are(missing)} missing; it has {shown or 'no columns'}"


def lacking(there: Collection[str]) -> list[str]:
    """The required columns that are not there, by names as they match."""
    return [name for name in REQUIRED_NAMES if name not in there]


def are(names: Sequence[str]) -> str:
    """The beginning of a sentence about columns."""
    return f"column {names[0]} is" if len(names) == 1 else f"columns {', '.join(names)} are"
