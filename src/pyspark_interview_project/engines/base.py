"""What an engine can do with rows. Every difference between the engines is behind this interface."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.schemas.tables import TableContract
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.storage.commits import CommitMetadata, Written

if TYPE_CHECKING:
    import pyarrow as pa

    from pyspark_interview_project.config.feed_definition import Feed
    from pyspark_interview_project.storage.delta_writes import Merge
    from pyspark_interview_project.transforms.normalise import Kind


@dataclass(frozen=True)
class Delivery:
    """Landed records of one layout, for `validate`: `kinds` says how each of the nine columns was delivered, `feed` is
    the name of the feed whose rules hold for them, if they have one."""

    frame: DataFrame
    kinds: Mapping[str, Kind]
    feed: str | None = None


ALL_TEXT: Mapping[str, Kind] = {name: "text" for name in RAW_NAMES}


class Engine(Protocol):
    """Rows of one lake, through one engine. Close it; the frames of a closed engine are void."""

    def use_time_zone(self, name: str) -> None:
        """Read local times of landed files in this zone from now on."""
        ...

    def read_landed(self, files: Sequence[LandedFile], feeds: Mapping[str, Feed]) -> list[Delivery]:
        """The records of the files, in frames that can be read once; `feeds` are theirs, by name.

        Raises UnreadableBatchError, now or when the frames are materialized. It names every file that is at fault.
        """
        ...

    def frame(self, table: pa.Table) -> DataFrame:
        """A small frame of Arrow's columns."""
        ...

    @property
    def unknown_columns(self) -> Mapping[str, Sequence[str]]:
        """The columns that are none of ours, by landed file. Complete once a delivery is materialized."""
        ...

    def rows_delivered(self) -> Mapping[str, int]:
        """How many records the reader took from each landed file. Complete once every delivery is materialized."""
        ...

    def transform(self, transform: Callable[..., DataFrame], *arguments: Any) -> DataFrame:
        """The frame that a transform makes of frames of this engine and of other values.

        Texts, dates and instants among these may only go into literals: the embedded engine keeps the query that the
        transform makes, and fills them in.
        """
        ...

    def materialize(self, *frames: DataFrame) -> DataFrame:
        """Compute the rows of all frames (of the same columns) once and keep them until the engine is closed."""
        ...

    def fetch(self, frame: DataFrame) -> pa.Table:
        """A small frame, in memory."""
        ...

    def collect(self, frame: DataFrame) -> list[dict[str, Any]]:
        """The rows of a small frame."""
        ...

    def read(self, table: TableContract, version: int | None = None, days: Collection[date] | None = None) -> DataFrame:
        """The rows of a table at a version (default: the newest); only those of some return dates, where `days` names
        them: the table is partitioned by them."""
        ...

    def changes(self, table: TableContract, since: int, until: int) -> DataFrame | None:
        """The rows that left the table between two versions and those that came, with `_change_type` as Delta's change
        feed has it. None where the files of the rows that left are gone. Raises StorageError and EngineError."""
        ...

    def ensure_tables(self) -> None:
        """Create the tables that are not there. Raises ConfigurationError where one is not as its contract says."""
        ...

    def upsert(self, table: TableContract, rows: DataFrame, metadata: CommitMetadata, expected: Written) -> Written:
        """Put rows into a table in one commit: those with the outcome `updated` in the place of the row of the same
        return_id, which has the return_date `silver_return_date`, the others as new ones.

        `rows` has the table's columns, outcome and silver_return_date. No rows make no commit, and neither does a batch
        that the table has: the commit of a dead caller's server may have come late. Raises VerificationError where the
        table does not take just the rows that are `expected`.
        """
        ...

    def replace_batch(
        self, table: TableContract, rows: DataFrame | None, metadata: CommitMetadata, expected: int | None = None
    ) -> Written:
        """Put rows in the place of all that the metadata's batch has in the table. None: only remove those.

        `expected` is how many rows there are, where that is known: then nothing runs to find out whether there are any.
        """
        ...

    def merge(self, table: TableContract, rows: DataFrame, metadata: CommitMetadata, how: Merge) -> Written:
        """Merge a small frame into a table."""
        ...

    def overwrite(self, table: TableContract, rows: DataFrame, metadata: CommitMetadata) -> Written:
        """Put rows in the place of all that the table has."""
        ...

    def close(self) -> None:
        """Let go of the session and of what was materialized."""
        ...
