"""Landed files that belong to a table of Delta, Hudi or Iceberg. Some of its files hold rows that the table has no
more, and only its log tells which, so the files are no deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from pyspark_interview_project.config import paths
from pyspark_interview_project.storage.files import Files

# The directory beside or above the files of a table by which it is known, and the end of the names of files in it.
_MARKS = (("_delta_log", "", "a Delta"), (".hoodie", "", "a Hudi"), ("metadata", ".metadata.json", "an Iceberg"))
_REMEDY = "its files are not deliveries: export the table's rows, or land a copy written from it"


def tables_of(files: Files, landed: Iterable[str]) -> Mapping[str, str]:
    """Those of the landed paths (relative to the root of the lake) that belong to a table, each with its problem.

    It looks once into each directory above a file, up to the landing directory.
    """

    @cache
    def table_in(directory: str) -> str | None:
        for mark, end, kind in _MARKS:
            log = files.list(f"{directory}/{mark}", enters=lambda _: False)
            if any(file.path.endswith(end) for file in log):
                name = directory.removeprefix(f"{paths.LANDED}/")
                return f"it belongs to {kind} table (its {mark} is in {name}); {_REMEDY}"
        return None

    found = {path: next(filter(None, map(table_in, _directories(path))), None) for path in landed}
    return {path: problem for path, problem in found.items() if problem}


def _directories(path: str) -> Iterator[str]:
    """The directories above a landed file, the nearest first, up to the landing directory."""
    parts = path.split("/")[:-1]
    for length in range(len(parts), len(paths.LANDED.split("/")) - 1, -1):
        yield "/".join(parts[:length])
