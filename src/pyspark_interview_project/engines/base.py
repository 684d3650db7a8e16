"""What a lake can do, whichever engine does it. Every difference between engines is behind this interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.schemas.tables import TableContract
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.storage.commits import CommitMetadata, TableCommit, TableFacts, Upsert, Written
from pyspark_interview_project.transforms.normalise import Kind


@dataclass(frozen=True)
class Delivery:
    """Landed records of one layout, for `validate`: `kinds` says how each of the nine columns was delivered."""

    frame: DataFrame
    kinds: Mapping[str, Kind]


ALL_TEXT: Mapping[str, Kind] = {name: "text" for name in RAW_NAMES}


class Lake(Protocol):
    """The tables and landed files of one lake, through one engine. Close it; a closed lake's frames are void."""

    def use_time_zone(self, name: str) -> None:
        """Read local times of landed files in this zone from now on."""
        ...

    def read_landed(self, files: Sequence[LandedFile]) -> list[Delivery]:
        """The records of the files, in frames that can be read once. Raises UnreadableInputError, now or then."""
        ...

    @property
    def unknown_columns(self) -> Mapping[str, Sequence[str]]:
        """The columns that are none of ours, by the landed file that had them; complete once a delivery was staged."""
        ...

    def rows_delivered(self) -> Mapping[str, int]:
        """How many records the reader took from each landed file; complete once every delivery was staged."""
        ...

    def stage(self, *frames: DataFrame) -> DataFrame:
        """Compute the rows of all the frames (of the same columns) once and keep them until the lake is closed, so that
        they can be read again and again."""
        ...

    def collect(self, frame: DataFrame) -> list[dict[str, Any]]:
        """The rows of a small frame."""
        ...

    def ensure_tables(self) -> None:
        """Create the tables that are not there. Raises ConfigurationError where one is not as its contract says."""
        ...

    def version(self, table: TableContract) -> int | None:
        """The table's newest version; None where there is no such table."""
        ...

    def table_id(self, table: TableContract) -> str:
        """The id that the table got when it was created; one that is made anew in its place has another."""
        ...

    def facts(self, table: TableContract, version: int | None = None) -> TableFacts:
        """How the table stands at `version` (default: the newest)."""
        ...

    def commits(self, table: TableContract) -> Iterator[TableCommit]:
        """The table's commits, the newest first, also those that were undone."""
        ...

    def read(self, table: TableContract, version: int | None = None) -> DataFrame:
        """The rows of the table at `version` (default: the newest)."""
        ...

    def changes(self, table: TableContract, since: int, until: int) -> DataFrame | None:
        """The change feed of versions since + 1 to until, with _change_type; None where it is gone."""
        ...

    def append(self, table: TableContract, rows: DataFrame, note: CommitMetadata) -> Written:
        """Add the rows, once for a part of a batch: a note that names both is looked for in the same commit, so that
        a second write, or one that comes late, adds nothing."""
        ...

    def replace_slice(self, table: TableContract, rows: DataFrame | None, note: CommitMetadata) -> Written:
        """Put the rows in the place of all that the note's batch has in the table; None: only remove those."""
        ...

    def merge(
        self, table: TableContract, rows: DataFrame, note: CommitMetadata, upsert: Upsert, within: Mapping[str, Any]
    ) -> Written:
        """Merge the rows into the table as `upsert` says. `within` bounds the target: column -> (least, greatest)."""
        ...

    def overwrite(self, table: TableContract, rows: DataFrame, note: CommitMetadata) -> Written:
        """Put the rows in the place of all that the table has."""
        ...

    def fence(self, table: TableContract) -> None:
        """See to it that no write that has begun by now can commit any more: a server may outlive its caller."""
        ...

    def close(self) -> None:
        """Let go of the session and of what was staged."""
        ...
