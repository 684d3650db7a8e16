"""How far gold has come: each commit to gold says in its metadata which version of which silver it covers."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark_interview_project.config import paths
from pyspark_interview_project.schemas.tables import GOLD_TABLES, SILVER, TableContract
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.files import Files

_VERSION, _TABLE_ID = "silver_version", "silver_id"


@dataclass(frozen=True)
class Watermark:
    """The version of silver that a gold table covers. `table_id` is None where the commit names no silver."""

    version: int
    table_id: str | None

    def is_of(self, table_id: str) -> bool:
        return self.table_id in (None, table_id)

    def as_facts(self) -> dict[str, int | str]:
        """The watermark for the metadata of a commit."""
        return {_VERSION: self.version} | ({_TABLE_ID: self.table_id} if self.table_id else {})


def watermark_of(tables: DeltaTables, gold: TableContract) -> Watermark | None:
    """The watermark of a gold table; None where no commit that stands has one."""
    for commit in tables.commits(gold):
        if not commit.undone and commit.metadata.get(_VERSION) is not None:
            return Watermark(int(commit.metadata[_VERSION]), commit.metadata.get(_TABLE_ID))
    return None


def covers(tables: DeltaTables, gold: TableContract, silver_version: int) -> bool:
    """Whether a gold table covers this version of silver, or an older one with the same rows."""
    watermark = watermark_of(tables, gold) if tables.version(gold) is not None else None
    if watermark is None or not watermark.is_of(tables.table_id(SILVER)) or watermark.version > silver_version:
        return False
    newer = tables.commits(SILVER, since=watermark.version)
    return all(commit.keeps_rows for commit in newer if commit.version <= silver_version)


def mark_unchecked(files: Files) -> None:
    """Note that gold is being written and not yet compared with silver. The next run compares what this one leaves."""
    files.put(paths.GOLD_UNCHECKED, b"gold is written and not yet compared with silver\n")


def mark_checked(files: Files) -> None:
    """Note that gold was compared with silver."""
    files.delete([paths.GOLD_UNCHECKED])


def is_current(tables: DeltaTables, files: Files) -> bool:
    """Whether gold covers all of silver and was compared with it since it was written."""
    if files.head(paths.GOLD_UNCHECKED) is not None:
        return False
    silver_version = tables.version(SILVER)
    if silver_version is None:
        return True
    if all(tables.version(table) is None for table in GOLD_TABLES):
        return tables.facts(SILVER).rows == 0
    return all(covers(tables, table, silver_version) for table in GOLD_TABLES)
