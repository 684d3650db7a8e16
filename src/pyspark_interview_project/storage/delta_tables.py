"""The tables of a lake as their logs describe them: versions, commits, data files, properties, constraints.

The same for both engines, through delta-rs, which reads a log in milliseconds. Rows are read and written elsewhere.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.schemas.columns import Column
from pyspark_interview_project.schemas.tables import TABLES, TableContract
from pyspark_interview_project.storage.commits import (
    CommitMetadata,
    TableCommit,
    TableFacts,
    Written,
    commits_of,
    metadata_of,
    restored_version,
    written_by,
)
from pyspark_interview_project.storage.storage_errors import engine_errors

logger = logging.getLogger(__name__)

# Features that only one engine reads or writes; a table that has one is refused.
_OFF = ("delta.enableDeletionVectors", "delta.enableRowTracking", "delta.enableInCommitTimestamps")
_LOG_CLEANUP = "delta.enableExpiredLogCleanup"
# Both engines create tables with these. Each is set explicitly where it can be: a platform may have other defaults.
TABLE_PROPERTIES = {
    "delta.enableChangeDataFeed": "true",
    "delta.columnMapping.mode": "none",
    # The log says what a batch did and what gold covers. By default Delta removes entries after a month.
    _LOG_CLEANUP: "false",
    # delta-rs refuses to create a table that names the other features of _OFF, even to set them off.
    "delta.enableDeletionVectors": "false",
}
# How the properties begin that are constraints.
CONSTRAINT = "delta.constraints."
# How many commits are read first where a caller looks for the newest one of some kind.
_FIRST_LOOK = 16
# Two changes within this time may get the same time of change: kernels stamp files by a clock that ticks.
_NANOSECONDS_OF_A_TICK = 20_000_000

# The directory of a log: device, inode, and when it was changed.
_LogState = tuple[int, int, int]


@dataclass(frozen=True)
class DataFile:
    """A data file of one version of a table. `path` is as the log writes it; `place` is where the file is."""

    path: str
    place: str
    rows: int
    bytes: int
    partition: Mapping[str, str]


class DeltaTables:
    """The Delta tables of the lake under `paths`, by their logs."""

    def __init__(self, paths: LakePaths) -> None:
        self._paths = paths
        self._opened: dict[str, tuple[_LogState, DeltaTable]] = {}

    def place(self, table: TableContract) -> str:
        return self._paths.place(table.place)

    def uri(self, table: TableContract) -> str:
        """The table's place as a URI: in a plain path delta-rs takes some characters for others."""
        return Path(self.place(table)).as_uri()

    def open(self, table: TableContract, version: int | None = None) -> DeltaTable:
        """The table for whoever changes it."""
        return DeltaTable(self.uri(table), version=version)

    def _newest(self, table: TableContract) -> DeltaTable:
        """The newest version, for reading. Opened anew only where the log has changed: a small run asks for a version
        80 times, and reading logs would take longer than all else that it does."""
        log = f"{self.place(table)}/_delta_log"
        state = _log_state(log)
        kept = self._opened.get(table.name)
        # A file server may show a directory as it was: what is new in it is looked for by its name too.
        if kept is not None and kept[0] == state and not os.path.exists(f"{log}/{kept[1].version() + 1:020d}.json"):
            return kept[1]
        opened = self.open(table)
        if state is not None:
            self._opened[table.name] = (state, opened)
        return opened

    def _at(self, table: TableContract, version: int | None) -> DeltaTable:
        """A version (None: the newest), for reading."""
        kept = self._opened.get(table.name)
        if version is None or (kept is not None and kept[1].version() == version):
            newest = self._newest(table)
            if version in (None, newest.version()):
                return newest
        return self.open(table, version)

    def version(self, table: TableContract) -> int | None:
        """The newest version; None where there is no such table."""
        with log_errors(table):
            try:
                return self._newest(table).version()
            except TableNotFoundError:
                return None

    def has_version(self, table: TableContract, version: int) -> bool:
        """Whether the log has this version: others may have removed old entries."""
        with log_errors(table):
            try:
                if version > self._newest(table).version():
                    return False
                self._at(table, version)
            except TableNotFoundError:
                return False
            return True

    def table_id(self, table: TableContract) -> str:
        """The id that the table got when it was created. A table made in its place has another."""
        with log_errors(table):
            return str(self._newest(table).metadata().id)

    def facts(self, table: TableContract, version: int | None = None) -> TableFacts:
        """How the table stands at a version (default: the newest)."""
        with log_errors(table):
            delta = self._at(table, version)
            files = delta.get_add_actions(flatten=True)
        rows, sizes = files.column("num_records").to_pylist(), files.column("size_bytes").to_pylist()
        return TableFacts(delta.version(), sum(rows), sum(sizes))

    def files(self, table: TableContract, version: int | None = None) -> list[DataFile]:
        """The data files of a version (default: the newest)."""
        with log_errors(table):
            added = self._at(table, version).get_add_actions(flatten=True)
        names = ("path", "num_records", "size_bytes", *(f"partition.{name}" for name in table.partition_by))
        return [
            DataFile(
                path,
                f"{self.place(table)}/{unquote(path)}",
                rows,
                size,
                dict(zip(table.partition_by, map(str, values), strict=True)),
            )
            for path, rows, size, *values in zip(*(added.column(name).to_pylist() for name in names), strict=True)
        ]

    def commits(self, table: TableContract, since: int | None = None) -> Iterator[TableCommit]:
        """The commits newer than version `since` (None: all that the log has), the newest first, also undone ones.

        What is not asked for is not read: a table may have thousands of commits.
        """
        seen = 0
        for history in self._histories(table, since):
            yield from list(commits_of(history))[seen:]
            seen = len(history)

    def commit_of_batch(self, table: TableContract, batch_id: str, since: int | None = None) -> TableCommit | None:
        """The newest standing commit of a batch among those newer than version `since`; None where there is none."""
        of_batch = (commit for commit in self.commits(table, since) if commit.batch_id == batch_id)
        return next((commit for commit in of_batch if not commit.undone), None)

    def transaction_of(self, table: TableContract, metadata: CommitMetadata) -> str | None:
        """The name under which the log takes the metadata's batch once; None where a commit is of no batch. The log
        keeps the name of a commit that a RESTORE undid, so the next commit of its batch gets another."""
        batch_id = metadata.batch_id
        if not batch_id:
            return None
        with log_errors(table):
            if self._newest(table).transaction_version(batch_id) is None:
                return batch_id
        undone = [each for each in self.commits(table) if each.undone and each.batch_id == batch_id]
        return f"{batch_id}.{len(undone)}" if undone else batch_id

    def restored_below(self, table: TableContract, version: int) -> bool:
        """Whether a RESTORE newer than `version` left the table as it stood before that version."""
        with log_errors(table):
            delta = self._newest(table)
            newer = delta.history(delta.version() - version) if delta.version() > version else []
        stands_at = delta.version()
        for entry in newer:
            if entry.get("operation") == "RESTORE" and entry["version"] <= stands_at:
                stands_at = restored_version(entry)
        return stands_at < version

    def _histories(self, table: TableContract, since: int | None) -> Iterator[Sequence[Mapping[str, Any]]]:
        """The history as far as it is wanted: the first look, then, where there is more, all of it."""
        with log_errors(table):
            delta = self._newest(table)
            wanted = None if since is None else max(0, delta.version() - since)
            if wanted == 0:
                return
            first = delta.history(_FIRST_LOOK if wanted is None else min(wanted, _FIRST_LOOK))
        yield first
        if len(first) == _FIRST_LOOK and wanted != _FIRST_LOOK:
            with log_errors(table):
                rest = delta.history(wanted)
            yield rest

    def check_shapes(self) -> None:
        """Raise ConfigurationError where a table is not as its contract says, or has a feature that is refused."""
        for table in TABLES:
            with log_errors(table):
                delta = self._newest(table)
                configuration, names = delta.metadata().configuration, [field.name for field in delta.schema().fields]
            for name in _OFF:
                if configuration.get(name) == "true":
                    raise ConfigurationError(table.place, f"the table has {name} on, which not every engine can write")
            if configuration.get("delta.columnMapping.mode", "none") != "none":
                raise ConfigurationError(
                    table.place, "the table has column mapping on, which not every engine can write"
                )
            if unknown := [name for name in names if name not in table.names]:
                raise ConfigurationError(table.place, f"the table has a column {unknown[0]} that its contract lacks")
            if any(not column.nullable for column in self._missing_columns(table, names)):
                raise ConfigurationError(table.place, "the table lacks columns of its contract")

    def missing_columns(self, table: TableContract) -> Sequence[Column]:
        """The columns of the contract that an older table lacks; its rows have null there."""
        with log_errors(table):
            return self._missing_columns(table, [field.name for field in self._newest(table).schema().fields])

    @staticmethod
    def _missing_columns(table: TableContract, names: Collection[str]) -> Sequence[Column]:
        return [column for column in table.columns if column.name not in names]

    def missing_checks(self, table: TableContract) -> Mapping[str, str]:
        """The constraints of the contract that the table lacks: a run was killed while it made the table."""
        there = self.constraints(table)
        return {name: check for name, check in table.checks.items() if name not in there}

    def constraints(self, table: TableContract) -> Mapping[str, str]:
        """The constraints that the table has, those of others too: name and the SQL that holds of each row."""
        found = self._configuration(table).items()
        return {name.removeprefix(CONSTRAINT): str(check) for name, check in found if name.startswith(CONSTRAINT)}

    def missing_properties(self, table: TableContract) -> Mapping[str, str]:
        """The properties that an older table lacks."""
        kept = {_LOG_CLEANUP: TABLE_PROPERTIES[_LOG_CLEANUP]}
        return {} if kept.items() <= self._configuration(table).items() else kept

    def _configuration(self, table: TableContract) -> Mapping[str, str | None]:
        with log_errors(table):
            return self._newest(table).metadata().configuration

    def committed(self, table: TableContract, metadata: CommitMetadata, write: Callable[[], object]) -> Written:
        """Run `write`, which makes one commit with this metadata, or none. Says what it did, by the log.

        The log also decides where `write` fails after its commit: an answer that got lost is no failure.
        """
        before = self.version(table)
        try:
            write()
        except Exception as error:
            if not self._has_landed(table, before, metadata):
                raise
            logger.warning("%s: the answer to a commit got lost (%s); the log has the commit", table.place, error)
        with log_errors(table):
            newest = self._newest(table).history(1)[0]
        return Written(None) if newest["version"] == before else written_by(newest)

    def _has_landed(self, table: TableContract, before: int | None, metadata: CommitMetadata) -> bool:
        try:
            newest = self._newest(table).history(1)[0]
        except (DeltaError, OSError):
            return False  # nobody knows; the next run looks again
        is_next = newest["version"] == (-1 if before is None else before) + 1
        return is_next and metadata_of(newest) == metadata.as_record()


def log_errors(table: TableContract) -> AbstractContextManager[None]:
    """What delta-rs says of a log that is read, as an error of ours."""
    return engine_errors("delta-rs", table.place, (DeltaError,))


def _log_state(directory: str) -> _LogState | None:
    """The state of a log's directory, which each commit changes. None where a commit might leave it the same: it was
    changed just now, or its file system counts in whole seconds. An entry that is rewritten in its place is not seen.
    """
    try:
        found = os.stat(directory)
    except OSError:
        return None
    is_exact = found.st_mtime_ns % 1_000_000_000 != 0
    is_past = time.time_ns() - found.st_mtime_ns > _NANOSECONDS_OF_A_TICK
    return (found.st_dev, found.st_ino, found.st_mtime_ns) if is_exact and is_past else None
