"""The tables of a lake through delta-rs: contracts, commits, writes of Arrow streams. Knows no DataFrame."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    Schema,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.errors import ConfigurationError, ConflictError
from pyspark_interview_project.schemas.columns import delta_schema_json
from pyspark_interview_project.schemas.tables import TABLES, TableContract
from pyspark_interview_project.storage.commits import (
    CommitMetadata,
    History,
    TableCommit,
    TableFacts,
    Upsert,
    Written,
    commits_of,
    note_of,
    written_by,
)
from pyspark_interview_project.storage.storage_errors import engine_errors

logger = logging.getLogger(__name__)

# Features that only one engine reads or writes; a table that has one is refused.
_OFF = (
    "delta.enableDeletionVectors",
    "delta.enableRowTracking",
    "delta.enableInCommitTimestamps",
)
_LOG_CLEANUP = "delta.enableExpiredLogCleanup"
# Of either engine's tables. Set off explicitly where it can be: a platform may have other defaults.
TABLE_PROPERTIES = {
    "delta.enableChangeDataFeed": "true",
    "delta.columnMapping.mode": "none",
    # The log says what a batch has done and what gold covers. By default a commit removes what it has of a month ago,
    # even the entry that the batch of this commit was counted against.
    _LOG_CLEANUP: "false",
    # The others of _OFF cannot be named when delta-rs creates a table, not even to set them off; they are off then.
    "delta.enableDeletionVectors": "false",
}


class DeltaTables:
    """The Delta tables of the lake under `paths`."""

    def __init__(self, paths: LakePaths) -> None:
        self._paths = paths
        self._histories: defaultdict[str, History] = defaultdict(History)

    def place(self, table: TableContract) -> str:
        return self._paths.place(table.place)

    def _uri(self, table: TableContract) -> str:
        # Of a path delta-rs would take some characters for others; of a URI each is what it says.
        return Path(self.place(table)).as_uri()

    def ensure(self) -> None:
        """Create the tables that are not there, finish those half created, and refuse those of another shape."""
        for table in TABLES:
            if self.version(table) is None:
                DeltaTable.create(
                    self._uri(table),
                    schema=Schema.from_json(delta_schema_json(table.columns)),
                    partition_by=list(table.partition_by),
                    description=table.description,
                    configuration=TABLE_PROPERTIES,
                )
        self.check_shapes()
        for table in TABLES:
            if properties := self.missing_properties(table):
                delta = self.open(table)
                if (
                    delta.protocol().min_writer_version < 7
                ):  # else it is of Spark's, and delta-rs would change its protocol
                    delta.alter.set_table_properties(dict(properties))
            if missing := self.missing_checks(table):
                delta = self.open(table)
                for name, check in missing.items():
                    delta.alter.add_constraint({name: check})

    def check_shapes(self) -> None:
        """Raise ConfigurationError where a table is not as its contract says, or has a feature that is refused."""
        for table in TABLES:
            with _errors(table):
                delta = self.open(table)
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
            if len(names) != len(table.names):
                raise ConfigurationError(table.place, "the table lacks columns of its contract")

    def missing_checks(self, table: TableContract) -> Mapping[str, str]:
        """The constraints of the contract that the table does not have: a run was killed between its first commits."""
        configuration = self._configuration(table)
        return {name: check for name, check in table.checks.items() if f"delta.constraints.{name}" not in configuration}

    def missing_properties(self, table: TableContract) -> Mapping[str, str]:
        """The properties that a table lacks which was made before they were set from the start."""
        kept = {_LOG_CLEANUP: TABLE_PROPERTIES[_LOG_CLEANUP]}
        return {} if kept.items() <= self._configuration(table).items() else kept

    def _configuration(self, table: TableContract) -> Mapping[str, str | None]:
        with _errors(table):
            return self.open(table).metadata().configuration

    def settled(self, table: TableContract, note: CommitMetadata, write: Callable[[], object]) -> Written:
        """Run `write`, which makes one commit with this note, or none. The log says what it did, also where `write`
        fails behind its commit: an answer that got lost is no failure."""
        before = self.version(table)
        try:
            write()
        except Exception as error:
            if not self._has_landed(table, before, note):
                raise
            logger.warning("%s: the answer to a commit got lost (%s); the log has the commit", table.place, error)
        with _errors(table):
            newest = self.open(table).history(1)[0]
        return Written(None) if newest["version"] == before else written_by(newest)

    def _has_landed(self, table: TableContract, before: int | None, note: CommitMetadata) -> bool:
        try:
            newest = self.open(table).history(1)[0]
        except (DeltaError, OSError):
            return False  # nobody knows; the next run looks again
        return newest["version"] == (-1 if before is None else before) + 1 and note_of(newest) == note.as_metadata()

    def part_there(self, table: TableContract, note: CommitMetadata) -> Written | None:
        """What an earlier write of the note's part did; None where there was none, or the note names no part."""
        transaction = transaction_of(note)
        if transaction is None:
            return None
        with _errors(table):
            delta = self.open(table)
            if (delta.transaction_version(transaction[0]) or 0) < transaction[1]:
                return None
            entries = self._histories[table.place].of(delta)
        for entry, commit in zip(entries, commits_of(entries), strict=True):
            if (commit.note.get("batch_id"), commit.note.get("part")) == transaction and not commit.undone:
                return replace(written_by(entry), was_there=True)
        return Written(None, was_there=True)

    def open(self, table: TableContract, version: int | None = None) -> DeltaTable:
        return DeltaTable(self._uri(table), version=version)

    def table_id(self, table: TableContract) -> str:
        with _errors(table):
            return str(self.open(table).metadata().id)

    def version(self, table: TableContract) -> int | None:
        with _errors(table):
            try:
                return self.open(table).version()
            except TableNotFoundError:
                return None

    def facts(self, table: TableContract, version: int | None = None) -> TableFacts:
        with _errors(table):
            delta = self.open(table, version)
            files = pa.table(delta.get_add_actions(flatten=True))
        rows, sizes = files.column("num_records").to_pylist(), files.column("size_bytes").to_pylist()
        return TableFacts(delta.version(), sum(rows), sum(sizes))

    def files(self, table: TableContract, version: int | None = None) -> list[str]:
        """The absolute paths of the data files of one version."""
        with _errors(table):
            added = pa.table(self.open(table, version).get_add_actions(flatten=True))
        return [f"{self.place(table)}/{unquote(path)}" for path in added.column("path").to_pylist()]

    def commits(self, table: TableContract) -> Iterator[TableCommit]:
        with _errors(table):
            entries = self._histories[table.place].of(self.open(table))
        yield from commits_of(entries)

    def fence(self, table: TableContract) -> None:
        """Give the table another name in its metadata, which every write that has begun by now conflicts with: none
        commits.

        Spark minds no metadata that comes to the same. And behind a new property delta-rs would change the protocol of
        tables that Spark made.
        """
        with _errors(table):
            opened = self.open(table)
            opened.alter.set_table_name(f"{table.name}, fenced at version {opened.version() + 1}")

    def changes(self, table: TableContract, since: int, until: int) -> Any:
        """The change feed of versions since + 1 to until as an Arrow stream."""
        return self.open(table).load_cdf(starting_version=since + 1, ending_version=until)

    def append(self, table: TableContract, rows: pa.RecordBatchReader, note: CommitMetadata) -> None:
        self._write(table, rows, _properties(note, transaction_of(note)), mode="append")

    def overwrite(self, table: TableContract, rows: pa.RecordBatchReader, note: CommitMetadata) -> None:
        self._write(table, rows, _properties(note), mode="overwrite")

    def replace_batch(self, table: TableContract, rows: pa.RecordBatchReader, note: CommitMetadata) -> None:
        """Put the rows in the place of those of the note's batch."""
        slice_of_batch = f"batch_id = {_literal(note.batch_id)}"
        self._write(table, rows, _properties(note), mode="overwrite", predicate=slice_of_batch)

    def delete_batch(self, table: TableContract, note: CommitMetadata) -> None:
        """Remove the rows of the note's batch."""
        self.open(table).delete(f"batch_id = {_literal(note.batch_id)}", commit_properties=_properties(note))

    def merge(
        self,
        table: TableContract,
        rows: pa.RecordBatchReader,
        note: CommitMetadata,
        upsert: Upsert,
        within: Mapping[str, tuple[Any, Any]],
    ) -> None:
        delta = self.open(table)
        conditions = [f"target.{key} = source.{key}" for key in upsert.keys]
        for name, (least, greatest) in within.items():
            conditions.append(f"target.{name} >= {_literal(least)} and target.{name} <= {_literal(greatest)}")
        merger = delta.merge(
            source=rows,
            predicate=" and ".join(conditions),
            source_alias="source",
            target_alias="target",
            writer_properties=_writer_properties(table),
            commit_properties=_properties(note),
        )
        insert_when = None
        if upsert.delete_when:
            merger = merger.when_matched_delete(predicate=upsert.delete_when)
            insert_when = f"not ({upsert.delete_when})"
        try:
            (
                merger.when_matched_update_all(predicate=upsert.update_when)
                .when_not_matched_insert_all(predicate=insert_when)
                .execute()
            )
        except CommitFailedError as error:
            raise ConflictError(table.place, str(error)) from error

    def _write(
        self, table: TableContract, rows: pa.RecordBatchReader, properties: CommitProperties, **how: Any
    ) -> None:
        try:
            write_deltalake(
                self.open(table),
                rows,
                writer_properties=_writer_properties(table),
                commit_properties=properties,
                **how,
            )
        except CommitFailedError as error:
            raise ConflictError(table.place, str(error)) from error


def transaction_of(note: CommitMetadata) -> tuple[str, int] | None:
    """The part of a batch as Delta's transactions have it (application, version): of those with the same application
    one conflicts with the other. None where the note names no part."""
    part = note.facts.get("part")
    return (note.batch_id, int(part)) if note.batch_id and part is not None else None


def _errors(table: TableContract) -> AbstractContextManager[None]:
    """What delta-rs says of a table that is looked at as an error of ours."""
    return engine_errors("delta-rs", table.place, (DeltaError,))


def _properties(note: CommitMetadata, transaction: tuple[str, int] | None = None) -> CommitProperties:
    # Only under this key Spark's DESCRIBE HISTORY shows it. No retries: the lock leaves nobody to conflict with.
    return CommitProperties(
        custom_metadata={"userMetadata": json.dumps(note.as_metadata())},
        app_transactions=[Transaction(*transaction)] if transaction else None,
        max_commit_retries=0,
    )


def _writer_properties(table: TableContract) -> WriterProperties:
    # Measured: dictionaries of near-unique columns cost half the time of a write, and level 1 suits Zstandard best.
    plain = ColumnProperties(dictionary_enabled=False)
    return WriterProperties(
        compression="ZSTD", compression_level=1, column_properties={name: plain for name in table.near_unique}
    )


def _literal(value: object) -> str:
    """A value of our own making as a literal of DataFusion's SQL."""
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    text = str(value)
    if "'" in text:
        raise ValueError("a value with a quote cannot be a literal")
    return f"'{text}'"
