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
    found = {matching_name(name) for name in own_names}.union(given)
    missing = [name for name in REQUIRED_NAMES if name not in found]
    if not missing:
        return None
    shown = ", ".join(own_names[:_MOST_SHOWN]) + (", …" if len(own_names) > _MOST_SHOWN else "")
    what = f"columns {', '.join(missing)} are" if len(missing) > 1 else f"column {missing[0]} is"
    return f"{what} missing; it has {shown or 'no columns'}"
