"""What of silver gold covers: each commit to gold says in its note which version of which silver it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.engines.base import Lake
from pyspark_interview_project.schemas.tables import GOLD_TABLES, SILVER, TableContract
from pyspark_interview_project.storage.files import write_atomically

_VERSION, _TABLE_ID = "silver_version", "silver_id"


@dataclass(frozen=True)
class Covered:
    """A version of silver; `table_id` is None in notes that were written before they had one."""

    version: int
    table_id: str | None

    def is_of(self, table_id: str) -> bool:
        return self.table_id in (None, table_id)

    def as_note(self) -> dict[str, int | str]:
        """What a commit that covers it says of it."""
        return {_VERSION: self.version} | ({_TABLE_ID: self.table_id} if self.table_id else {})


def covered(lake: Lake, table: TableContract) -> Covered | None:
    """What of silver a gold table covers; None where no commit says so."""
    standing = (commit.note for commit in lake.commits(table) if not commit.undone)
    covering = (note for note in standing if note.get(_VERSION) is not None)
    return next((Covered(int(note[_VERSION]), note.get(_TABLE_ID)) for note in covering), None)


def is_brought_up(lake: Lake, table: TableContract, silver_version: int) -> bool:
    """Whether a gold table covers this version of silver, or one of the same rows."""
    since = covered(lake, table) if lake.version(table) is not None else None
    if since is None or not since.is_of(lake.table_id(SILVER)) or since.version > silver_version:
        return False
    if since.version == silver_version:
        return True
    newer = (commit for commit in lake.commits(SILVER) if since.version < commit.version <= silver_version)
    return all(commit.keeps_rows for commit in newer)


def mark_unchecked(places: LakePaths) -> None:
    """Note that gold is being written. The note stays until gold was compared with silver: what a run that was killed
    or found a difference has left is compared by the next one, though it covers all of silver."""
    write_atomically(Path(places.place(paths.GOLD_UNCHECKED)), "gold is written and not yet compared with silver\n")


def mark_checked(places: LakePaths) -> None:
    """Note that gold was compared with silver."""
    Path(places.place(paths.GOLD_UNCHECKED)).unlink(missing_ok=True)


def is_current(lake: Lake, places: LakePaths) -> bool:
    """Whether silver has nothing that gold does not cover, and gold was compared with it since it was written."""
    if Path(places.place(paths.GOLD_UNCHECKED)).exists():
        return False
    silver_version = lake.version(SILVER)
    if (
        silver_version is None
        or lake.facts(SILVER).rows == 0
        and all(lake.version(table) is None for table in GOLD_TABLES)
    ):
        return True
    return all(is_brought_up(lake, table, silver_version) for table in GOLD_TABLES)
