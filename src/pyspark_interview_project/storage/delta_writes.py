"""Commits through delta-rs: tables made, Arrow streams written, data files of others published. Knows no DataFrame."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    Schema,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from pyspark_interview_project.errors import ConflictError
from pyspark_interview_project.schemas.columns import delta_schema_json
from pyspark_interview_project.schemas.tables import TABLES, TableContract
from pyspark_interview_project.storage.commits import CommitMetadata
from pyspark_interview_project.storage.delta_tables import TABLE_PROPERTIES, DataFile, DeltaTables, log_errors

if TYPE_CHECKING:
    import pyarrow as pa

# Writers with features (7) are Spark's; delta-rs would change the protocol of their tables.
_WRITER_WITH_FEATURES = 7


@dataclass(frozen=True)
class NewFile:
    """A data file that was written and is in no commit yet. `path` is relative to the table; `statistics` are Delta's:
    numRecords, minValues, maxValues, nullCount."""

    path: str
    bytes: int
    partition: Mapping[str, str]
    statistics: Mapping[str, Any]

    @property
    def rows(self) -> int:
        return int(self.statistics["numRecords"])


@dataclass(frozen=True)
class Merge:
    """How rows meet a table: `keys` are equal in both, and where `delete_when` holds of a matched row it is deleted.

    Conditions are plain comparisons of source.x and target.x, which both engines take.
    """

    keys: tuple[str, ...]
    delete_when: str


class DeltaWrites:
    """Commits to the tables of one lake."""

    def __init__(self, tables: DeltaTables) -> None:
        self._tables = tables

    def ensure(self) -> None:
        """Create the tables that are not there, finish those half created, and refuse those of another shape."""
        self.create()
        self._tables.check_shapes()
        for table in TABLES:
            if columns := self._tables.missing_columns(table):
                added = Schema.from_json(delta_schema_json(columns)).fields
                self._tables.open(table).alter.add_columns(added)
            if properties := self._tables.missing_properties(table):
                delta = self._tables.open(table)
                if delta.protocol().min_writer_version < _WRITER_WITH_FEATURES:
                    delta.alter.set_table_properties(dict(properties))
            if missing := self._tables.missing_checks(table):
                delta = self._tables.open(table)
                for name, check in missing.items():
                    delta.alter.add_constraint({name: check})

    def create(self) -> None:
        """Create the tables that are not there, with their constraints."""
        for table in TABLES:
            if self._tables.version(table) is None:
                created = DeltaTable.create(
                    self._tables.uri(table),
                    schema=Schema.from_json(delta_schema_json(table.columns)),
                    partition_by=list(table.partition_by),
                    description=table.description,
                    configuration=TABLE_PROPERTIES,
                )
                for name, check in table.checks.items():
                    created.alter.add_constraint({name: check})

    def fence(self, table: TableContract) -> None:
        """Change the table's name in its metadata. Every write that has begun by now conflicts with that and never
        commits: a server may outlive the process that called it.

        Any change that Spark takes for none, such as an equal description, would not do.
        """
        with log_errors(table):
            opened = self._tables.open(table)
            opened.alter.set_table_name(f"{table.name}, fenced at version {opened.version() + 1}")

    def publish(
        self,
        table: TableContract,
        added: Sequence[NewFile],
        removed: Sequence[DataFile],
        metadata: CommitMetadata,
        transaction: str | None = None,
    ) -> None:
        """Put new data files into the place of others, in one commit. Neither: a commit that only carries metadata.

        `transaction` names what is committed once. Where the table has it, nothing is done; where it comes in between,
        this commit conflicts.
        """
        now = int(time.time() * 1000)
        delta = self._tables.open(table)
        if transaction and delta.transaction_version(transaction) is not None:
            return
        adds: list[AddAction | RemoveAction] = [
            AddAction(file.path, file.bytes, dict(file.partition), now, True, json.dumps(file.statistics))
            for file in added
        ]
        removes = [RemoveAction(file.path, True, now, file.bytes, dict(file.partition)) for file in removed]
        with _conflicts(table):
            delta.create_write_transaction(
                [*adds, *removes],
                "append",
                delta.schema(),
                partition_by=list(table.partition_by),
                commit_properties=_properties(metadata, transaction),
            )

    def overwrite(self, table: TableContract, rows: pa.RecordBatchReader, metadata: CommitMetadata) -> None:
        """Put the rows in the place of all that the table has."""
        self._write(table, rows, metadata)

    def replace_batch(self, table: TableContract, rows: pa.RecordBatchReader, metadata: CommitMetadata) -> None:
        """Put the rows in the place of those of the metadata's batch."""
        # A server that outlived its caller may be about to append the same batch: by the name of its transaction it
        # finds out that it comes too late.
        name = self._tables.transaction_of(table, metadata)
        self._write(table, rows, metadata, _of_batch(metadata), name)

    def delete_batch(self, table: TableContract, metadata: CommitMetadata) -> None:
        """Remove the rows of the metadata's batch."""
        with _conflicts(table):
            self._tables.open(table).delete(_of_batch(metadata), commit_properties=_properties(metadata))

    def merge(self, table: TableContract, rows: pa.RecordBatchReader, metadata: CommitMetadata, how: Merge) -> None:
        merger = self._tables.open(table).merge(
            source=rows,
            predicate=" and ".join(f"target.{key} = source.{key}" for key in how.keys),
            source_alias="source",
            target_alias="target",
            writer_properties=_writer_properties(table),
            commit_properties=_properties(metadata),
        )
        with _conflicts(table):
            (
                merger.when_matched_delete(predicate=how.delete_when)
                .when_matched_update_all()
                .when_not_matched_insert_all(predicate=f"not ({how.delete_when})")
                .execute()
            )

    def _write(
        self,
        table: TableContract,
        rows: pa.RecordBatchReader,
        metadata: CommitMetadata,
        predicate: str | None = None,
        transaction: str | None = None,
    ) -> None:
        with _conflicts(table):
            write_deltalake(
                self._tables.open(table),
                rows,
                mode="overwrite",
                predicate=predicate,
                writer_properties=_writer_properties(table),
                commit_properties=_properties(metadata, transaction),
            )


@contextmanager
def _conflicts(table: TableContract) -> Iterator[None]:
    """A commit that gives way to another one, as an error of ours."""
    try:
        yield
    except CommitFailedError as error:
        raise ConflictError(table.place, str(error)) from error


def _properties(metadata: CommitMetadata, transaction: str | None = None) -> CommitProperties:
    # Spark's DESCRIBE HISTORY shows metadata under this key only. No retries: the lock leaves nobody to conflict with.
    return CommitProperties(
        custom_metadata={"userMetadata": metadata.as_json()},
        app_transactions=[Transaction(transaction, 1)] if transaction else None,
        max_commit_retries=0,
    )


def _writer_properties(table: TableContract) -> WriterProperties:
    # Dictionaries of near-unique columns cost half the time of a write, and level 1 suits Zstandard best (measured).
    plain = ColumnProperties(dictionary_enabled=False)
    return WriterProperties(
        compression="ZSTD", compression_level=1, column_properties={name: plain for name in table.near_unique}
    )


def _of_batch(metadata: CommitMetadata) -> str:
    """What holds of the rows of the metadata's batch, in DataFusion's SQL."""
    batch_id = str(metadata.batch_id)
    if "'" in batch_id:
        raise ValueError("a batch id with a quote cannot be a literal")
    return f"batch_id = '{batch_id}'"
