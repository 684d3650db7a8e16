"""One hash for everything that has to be told apart."""

from __future__ import annotations

from pyspark_interview_project.engine import Column
from pyspark_interview_project.engine import functions as F


def hash_of(*texts: Column) -> Column:
    """SHA-256, as lower-case hexadecimal text, of several texts.

    Each is written as its length, a colon and the text, or as a dash where it is null, so that no two lists meet.
    """
    parts = [F.coalesce(F.concat(F.length(text).cast("string"), F.lit(":"), text), F.lit("-")) for text in texts]
    return F.sha2(F.concat(*parts), 256)
