"""Apache Spark: landed files, transforms and Delta tables through one session, classic, Connect or Databricks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import SparkSession

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.engines import spark_sql
from pyspark_interview_project.engines.base import Delivery
from pyspark_interview_project.engines.spark_errors import spark_errors
from pyspark_interview_project.engines.spark_parquet import no_glob
from pyspark_interview_project.engines.spark_reading import SparkReader
from pyspark_interview_project.engines.spark_session import OpenedSession, open_session
from pyspark_interview_project.errors import EngineError, UnreadableBatchError, VerificationError
from pyspark_interview_project.schemas.tables import TABLES, TableContract
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.layouts import Layouts
from pyspark_interview_project.storage.commits import CommitMetadata, Written
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.delta_writes import Merge

if TYPE_CHECKING:
    from pyspark_interview_project.config.feed_definition import Feed

_USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
# What Spark says where a file of the change feed was removed, by VACUUM for instance.
_FEED_IS_GONE = ("FILE_NOT_EXIST", "FileNotFoundException", "does not exist", "DELTA_VERSIONS_NOT_CONTIGUOUS")


class SparkEngine:
    """A lake through Spark. Implements `engines.base.Engine`."""

    def __init__(
        self,
        tables: DeltaTables,
        paths: LakePaths,
        settings: Settings,
        scratch: Path,
        output: Path,
        jvm_lock: Path | None = None,
    ) -> None:
        """What is materialized goes to a directory made in `scratch`; closing the engine removes it.

        `output` is the file that has what a JVM says. A JVM that is started for this lake holds the lock `jvm_lock`,
        which shows that it lives on when this process dies.
        """
        self._tables, self._paths, self._settings, self._scratch = tables, paths, settings, scratch
        self._output, self._jvm_lock = output, jvm_lock
        self._layouts = Layouts(paths, "spark")
        self._rows: dict[str, int] = {}
        self._names = 0
        self._opened: OpenedSession | None = None

    @cached_property
    def _spark(self) -> SparkSession:
        # Opened when it is first needed: a run that finds nothing new starts no JVM.
        local_dir = self._scratch if self._settings.scratch_dir else Path(tempfile.gettempdir())
        self._opened = open_session(self._settings, local_dir, self._output, self._jvm_lock)
        return self._opened.spark

    @cached_property
    def _materialized(self) -> Path:
        self._scratch.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self._scratch, prefix="rows-"))

    # Landed files

    def use_time_zone(self, name: str) -> None:
        self._spark.conf.set("spark.sql.session.timeZone", name)

    def read_landed(self, files: Sequence[LandedFile], feeds: Mapping[str, Feed]) -> list[Delivery]:
        self._rows.update(dict.fromkeys((file.path for file in files), 0))
        with self._spark_errors(str(self._scratch)):
            most_chars = self._settings.max_record_bytes
            reader = SparkReader(self._spark, self._paths, most_chars, self._layouts, self._rows)
            return reader.read(files, feeds, self.materialize)

    @property
    def unknown_columns(self) -> Mapping[str, Sequence[str]]:
        return self._layouts.unknown_columns

    def rows_delivered(self) -> Mapping[str, int]:
        return dict(self._rows)

    # Frames

    def frame(self, table: pa.Table) -> DataFrame:
        with self._spark_errors(self._paths.root):
            return self._spark.createDataFrame(table)

    def transform(self, transform: Callable[..., DataFrame], *arguments: Any) -> DataFrame:
        return transform(*arguments)

    def materialize(self, *frames: DataFrame) -> DataFrame:
        self._names += 1
        place = str(self._materialized / f"rows_{self._names}")
        with self._spark_errors(place):
            reduce(lambda one, other: one.unionByName(other), frames).write.parquet(place)
            return self._spark.read.parquet(no_glob(place))

    def fetch(self, frame: DataFrame) -> pa.Table:
        with self._spark_errors(self._paths.root):
            return frame.toArrow()

    def collect(self, frame: DataFrame) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.fetch(frame).to_pylist()  # a Row would have times in this machine's zone
        return rows

    # Tables

    def ensure_tables(self) -> None:
        for table in TABLES:
            if self._tables.version(table) is None:
                self._sql(table, spark_sql.create_table(table, self._tables.place(table)))
        self._tables.check_shapes()
        for table in TABLES:
            place = self._tables.place(table)
            if columns := self._tables.missing_columns(table):
                self._sql(table, spark_sql.add_columns(place, columns))
            for name, value in self._tables.missing_properties(table).items():
                self._sql(table, spark_sql.set_property(place, name, value))
            for name, check in self._tables.missing_checks(table).items():
                self._sql(table, spark_sql.add_constraint(place, name, check))

    def read(self, table: TableContract, version: int | None = None, days: Collection[date] | None = None) -> DataFrame:
        reader = self._spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        with self._spark_errors(table.place):
            rows = reader.load(self._tables.place(table))
            return rows if days is None else rows.filter(F.col(table.partition_by[0]).isin(list(days)))

    def changes(self, table: TableContract, since: int, until: int) -> DataFrame | None:
        reader = self._spark.read.format("delta").option("readChangeFeed", "true")
        reader = reader.option("startingVersion", since + 1).option("endingVersion", until)
        try:
            with self._spark_errors(table.place):
                return self.materialize(reader.load(self._tables.place(table)))
        except (EngineError, UnreadableBatchError) as error:
            if any(sign in f"{error} {error.__cause__}" for sign in _FEED_IS_GONE):
                return None
            raise

    def upsert(self, table: TableContract, rows: DataFrame, metadata: CommitMetadata, expected: Written) -> Written:
        if expected.inserted == expected.updated == 0:
            return Written(None)
        if expected.updated:
            written = self._merge_newest(table, rows, metadata)
        else:
            name = self._tables.transaction_of(table, metadata)
            written = self._write(table, rows, metadata, "append", transaction=name)
        if written.version is None and self._tables.commit_of_batch(table, str(metadata.batch_id)):
            return expected  # an earlier write of this batch came in between
        found = {"inserted": written.inserted, "updated": written.updated}
        wanted = {"inserted": expected.inserted, "updated": expected.updated}
        if found != wanted:
            raise VerificationError(table.place, wanted, found)
        return written

    def _merge_newest(self, table: TableContract, rows: DataFrame, metadata: CommitMetadata) -> Written:
        rows = self.materialize(rows)
        days = self.collect(
            rows.agg(
                F.min("return_date").alias("first"),
                F.max("return_date").alias("last"),
                F.min("silver_return_date").alias("first_replaced"),
                F.max("silver_return_date").alias("last_replaced"),
            )
        )[0]
        known = [day for day in days.values() if day is not None]
        on = (
            f"target.return_id = source.return_id and {spark_sql.between('target.return_date', min(known), max(known))}"
        )
        # A row that this batch wrote already is left alone, so that a repeated merge changes nothing.
        update = "when matched and target.batch_id <> source.batch_id then update set *"
        return self._merged(table, rows, metadata, on, f"{update} when not matched then insert *")

    def replace_batch(self, table: TableContract, rows: DataFrame | None, metadata: CommitMetadata) -> Written:
        batch = f"batch_id = {spark_sql.literal(str(metadata.batch_id))}"
        if rows is not None:
            written = self._write(table, rows, metadata, "overwrite", replace_where=batch)
            if written.version is not None:
                return written
        with self._spark_errors(table.place):
            if self.read(table).filter(batch).isEmpty():
                return Written(None)
        return self._run(table, metadata, f"delete from {spark_sql.name(self._tables.place(table))} where {batch}")

    def merge(self, table: TableContract, rows: DataFrame, metadata: CommitMetadata, how: Merge) -> Written:
        with self._spark_errors(table.place):
            if rows.isEmpty():
                return Written(None)
        on = " and ".join(f"target.{key} = source.{key}" for key in how.keys)
        return self._merged(
            table,
            rows,
            metadata,
            on,
            f"when matched and {how.delete_when} then delete when matched then update set * "
            f"when not matched and not ({how.delete_when}) then insert *",
        )

    def _merged(
        self, table: TableContract, rows: DataFrame, metadata: CommitMetadata, on: str, clauses: str
    ) -> Written:
        self._names += 1
        view, target = f"merged_rows_{self._names}", spark_sql.name(self._tables.place(table))
        with self._spark_errors(table.place):
            rows.select(*table.names).createOrReplaceTempView(view)
        try:
            statement = f"merge into {target} as target using {view} as source on {on} {clauses}"
            return self._run(table, metadata, statement)
        finally:
            self._spark.catalog.dropTempView(view)

    def overwrite(self, table: TableContract, rows: DataFrame, metadata: CommitMetadata) -> Written:
        return self._write(table, rows, metadata, "overwrite", may_be_empty=True)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
        if "_materialized" in vars(self):
            shutil.rmtree(self._materialized, ignore_errors=True)

    def _write(
        self,
        table: TableContract,
        rows: DataFrame,
        metadata: CommitMetadata,
        mode: str,
        replace_where: str | None = None,
        transaction: str | None = None,
        may_be_empty: bool = False,
    ) -> Written:
        with self._spark_errors(table.place):
            columns = rows.select(*table.names)
            if not may_be_empty and columns.isEmpty():
                return Written(None)
        if table.partition_by:
            columns = columns.repartition(*table.partition_by)  # else every task writes a file into every partition
        writer = columns.write.format("delta").mode(mode).option("userMetadata", metadata.as_json())
        if replace_where:
            writer = writer.option("replaceWhere", replace_where)
        if transaction:  # a server may be in the commit of a caller that died; a plain append never conflicts with it
            writer = writer.option("txnAppId", transaction).option("txnVersion", 1)
        return self._committed(table, metadata, lambda: writer.save(self._tables.place(table)))

    def _run(self, table: TableContract, metadata: CommitMetadata, statement: str) -> Written:
        """Run a statement that commits."""

        def run() -> None:
            with self._noted(metadata):
                self._spark.sql(statement).collect()

        return self._committed(table, metadata, run)

    def _committed(self, table: TableContract, metadata: CommitMetadata, write: Callable[[], None]) -> Written:
        def guarded() -> None:
            with self._spark_errors(table.place):
                write()

        return self._tables.committed(table, metadata, guarded)

    @contextmanager
    def _noted(self, metadata: CommitMetadata) -> Iterator[None]:
        """Give the commits of the SQL inside the metadata. Statements have no option for it, only the session has."""
        self._spark.conf.set(_USER_METADATA, metadata.as_json())
        try:
            yield
        finally:
            self._spark.conf.unset(_USER_METADATA)

    def _sql(self, table: TableContract, statement: str) -> None:
        with self._spark_errors(table.place):
            self._spark.sql(statement)

    def _spark_errors(self, place: str) -> AbstractContextManager[None]:
        return spark_errors(place, self._rows)
