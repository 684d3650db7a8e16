"""Commits of Spark: rows appended to or put into the place of a table's, and statements such as MERGE."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pyarrow as pa
from deltalake.exceptions import DeltaError
from pyspark.sql import SparkSession

from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines import spark_sql
from pyspark_interview_project.schemas.tables import TableContract
from pyspark_interview_project.storage.commits import CommitMetadata, Written
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.storage_errors import engine_errors

_USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
# Under which name and version a log takes the commit of a statement once.
_TRANSACTION, _TRANSACTION_VERSION = "spark.databricks.delta.write.txnAppId", "spark.databricks.delta.write.txnVersion"


class SparkCommits:
    """Commits to the tables of one lake through one session."""

    def __init__(
        self, spark: SparkSession, tables: DeltaTables, errors: Callable[[str], AbstractContextManager[None]]
    ) -> None:
        """`errors`, of a place, is around all that Spark is asked to do there."""
        self._spark, self._tables, self._errors = spark, tables, errors
        self._views = 0

    def write(
        self,
        table: TableContract,
        rows: DataFrame,
        metadata: CommitMetadata,
        mode: str,
        replace_where: str | None = None,
        transaction: str | None = None,
    ) -> Written:
        """Write rows with a `mode` of Spark's writers; a `transaction` of this name is committed once."""
        with self._errors(table.place):
            columns = rows.select(*table.names)
        if table.partition_by:
            columns = columns.repartition(*table.partition_by)  # else every task writes a file into every partition
        writer = columns.write.format("delta").mode(mode).option("userMetadata", metadata.as_json())
        if replace_where:
            writer = writer.option("replaceWhere", replace_where)
        if transaction:  # a server may be in the commit of a caller that died; a plain append never conflicts with it
            writer = writer.option("txnAppId", transaction).option("txnVersion", 1)
        return self._committed(table, metadata, lambda: writer.save(self._tables.place(table)))

    def merge(
        self,
        table: TableContract,
        rows: DataFrame,
        metadata: CommitMetadata,
        on: str,
        clauses: str,
        transaction: str | None = None,
    ) -> Written:
        """Merge rows into a table: `on` and `clauses` are of target and source, as MERGE has them."""
        self._views += 1
        view, target = f"merged_rows_{self._views}", spark_sql.name(self._tables.place(table))
        with self._errors(table.place):
            rows.createOrReplaceTempView(view)
        try:
            statement = f"merge into {target} as target using {view} as source on {on} {clauses}"
            return self.run(table, metadata, statement, transaction)
        finally:
            self._spark.catalog.dropTempView(view)

    def run(
        self, table: TableContract, metadata: CommitMetadata, statement: str, transaction: str | None = None
    ) -> Written:
        """Run a statement that commits."""

        def execute() -> None:
            with self._noted(metadata, transaction):
                self._spark.sql(statement).collect()

        return self._committed(table, metadata, execute)

    def by_delta_rs(self, table: TableContract, metadata: CommitMetadata, write: Callable[[], None]) -> Written:
        """Run a write of delta-rs that makes one commit, or none."""

        def guarded() -> None:
            with delta_rs_errors(table.place):
                write()

        return self._tables.committed(table, metadata, guarded)

    def _committed(self, table: TableContract, metadata: CommitMetadata, write: Callable[[], None]) -> Written:
        def guarded() -> None:
            with self._errors(table.place):
                write()

        return self._tables.committed(table, metadata, guarded)

    @contextmanager
    def _noted(self, metadata: CommitMetadata, transaction: str | None) -> Iterator[None]:
        """Give the commits of the SQL inside the metadata. Statements have no option for it, only the session has."""
        try:
            self._spark.conf.set(_USER_METADATA, metadata.as_json())
            if transaction:
                self._spark.conf.set(_TRANSACTION, transaction)
                self._spark.conf.set(_TRANSACTION_VERSION, "1")
            yield
        finally:
            for name in (_USER_METADATA, _TRANSACTION, _TRANSACTION_VERSION):
                self._spark.conf.unset(name)


def delta_rs_errors(place: str) -> AbstractContextManager[None]:
    """What delta-rs says inside, or Arrow of its rows, as an error of ours that names `place`."""
    return engine_errors("delta-rs", place, (DeltaError, pa.ArrowException))
