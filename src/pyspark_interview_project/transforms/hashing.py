"""The hash by which rows are told apart."""

from __future__ import annotations

from pyspark_interview_project.engine import Column
from pyspark_interview_project.engine import functions as F


def hash_of(*texts: Column) -> Column:
    """SHA-256 of several texts, as lower-case hexadecimal text.

    Each text is preceded by its length and a colon, and null is a dash, so that no two lists give the same input.
    """
    parts = [F.coalesce(F.concat(F.length(text).cast("string"), F.lit(":"), text), F.lit("-")) for text in texts]
    return F.sha2(F.concat(*parts), 256)
