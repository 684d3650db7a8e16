"""What a lake can do, whichever engine does it. Every difference between engines is behind this interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.lake.landed import LandedFile
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.schemas.tables import TableContract
from pyspark_interview_project.transforms.normalise import Kind


@dataclass(frozen=True)
class Delivery:
    """Landed records of one layout, for `judge`: `kinds` says how each of the nine columns was delivered."""

    frame: DataFrame
    kinds: Mapping[str, Kind]


ALL_TEXT: Mapping[str, Kind] = {name: "text" for name in RAW_NAMES}


@dataclass(frozen=True)
class CommitNote:
    """What a commit says of itself: who made it, for which batch, and facts such as the part or the silver version."""

    run_id: str
    stage: str
    batch_id: str | None = None
    facts: Mapping[str, int | str] = field(default_factory=dict)

    def as_metadata(self) -> dict[str, int | str | None]:
        return {"run_id": self.run_id, "stage": self.stage, "batch_id": self.batch_id, **self.facts}


@dataclass(frozen=True)
class TableCommit:
    """A commit of a table: `note` is what `CommitNote.as_metadata` gave it, empty for commits of others.

    `operation` is Delta's name for what it did. `keeps_rows`: the rows are those of before, whatever else it changed.
    `undone`: a RESTORE put the table back to a version before it.
    """

    version: int
    note: Mapping[str, Any]
    operation: str = ""
    keeps_rows: bool = False
    undone: bool = False


@dataclass(frozen=True)
class Written:
    """What a write did, as the table's log says it: the version it made (None: no rows, no commit) and the rows by what
    happened to them. `was_there`: an earlier write had made it already, and this one did nothing."""

    version: int | None
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    was_there: bool = False


@dataclass(frozen=True)
class TableFacts:
    """How a table stands: its version, rows, and bytes of the files of that version."""

    version: int
    rows: int
    bytes: int


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

    def append(self, table: TableContract, rows: DataFrame, note: CommitNote) -> Written:
        """Add the rows, once for a part of a batch: a note that names both is looked for in the same commit, so that
        a second write, or one that comes late, adds nothing."""
        ...

    def replace_slice(self, table: TableContract, rows: DataFrame | None, note: CommitNote) -> Written:
        """Put the rows in the place of all that the note's batch has in the table; None: only remove those."""
        ...

    def merge(
        self, table: TableContract, rows: DataFrame, note: CommitNote, upsert: Upsert, within: Mapping[str, Any]
    ) -> Written:
        """Merge the rows into the table as `upsert` says. `within` bounds the target: column -> (least, greatest)."""
        ...

    def overwrite(self, table: TableContract, rows: DataFrame, note: CommitNote) -> Written:
        """Put the rows in the place of all that the table has."""
        ...

    def fence(self, table: TableContract) -> None:
        """See to it that no write that has begun by now can commit any more: a server may outlive its caller."""
        ...

    def close(self) -> None:
        """Let go of the session and of what was staged."""
        ...


@dataclass(frozen=True)
class Upsert:
    """How rows meet a table: `keys` are equal in both. Conditions are plain comparisons of target.x and source.x.

    A matched row is deleted where `delete_when` holds, else updated where `update_when` holds; a row without a match is
    inserted. Where `delete_when` holds there must be a match.
    """

    keys: tuple[str, ...]
    update_when: str | None = None
    delete_when: str | None = None
