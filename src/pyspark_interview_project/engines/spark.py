"""Apache Spark: landed files, transforms and Delta tables through one session, classic, Connect or Databricks."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, reduce
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from pyspark_interview_project import stop_signals
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.base import ALL_TEXT, Delivery
from pyspark_interview_project.engines.spark_reading import SparkReader, no_glob
from pyspark_interview_project.engines.spark_session import OpenedSession, cause_of, open_session
from pyspark_interview_project.errors import (
    ConfigurationError,
    ConflictError,
    EngineError,
    StorageError,
    UnreadableInputError,
)
from pyspark_interview_project.schemas.tables import TABLES, TableContract
from pyspark_interview_project.shown_text import without_values
from pyspark_interview_project.sources.discovery import LandedFile, file_named
from pyspark_interview_project.sources.layouts import Layouts, by_format
from pyspark_interview_project.storage.commits import CommitMetadata, TableCommit, TableFacts, Upsert, Written
from pyspark_interview_project.storage.delta_tables import TABLE_PROPERTIES, DeltaTables, transaction_of
from pyspark_interview_project.storage.storage_errors import storage_error

_USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
# How Delta begins the names of the errors by which a commit gives way to one that came before.
_CONFLICTS = ("DELTA_CONCURRENT", "DELTA_METADATA_CHANGED", "DELTA_PROTOCOL_CHANGED")
_SQL_TYPES = {"integer": "int", "long": "bigint"}


class SparkLake:
    """A lake through Spark. Implements `lake.interface.Lake`."""

    def __init__(self, paths: LakePaths, settings: Settings, scratch: Path, jvm_lock: Path | None = None) -> None:
        """What is staged goes to a directory made in `scratch`, which is removed when the lake is closed.

        A JVM that is started for this lake holds the lock `jvm_lock`, so that it is known to live on when we die.
        """
        if not paths.is_local:
            raise ConfigurationError("data_root", f"must be a path that Python can open too, not {paths.root}")
        self._paths, self._settings, self._scratch, self._jvm_lock = paths, settings, scratch, jvm_lock
        self._tables = DeltaTables(paths)
        self._layouts = Layouts(paths)
        self._rows: dict[str, int] = {}
        self._names = 0
        self._opened: OpenedSession | None = None

    @cached_property
    def _spark(self) -> SparkSession:
        # Opened when it is first needed: a run that finds nothing new starts no JVM.
        self._opened = open_session(self._settings, self._jvm_lock)
        return self._opened.spark

    @cached_property
    def _staging(self) -> Path:
        self._scratch.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self._scratch, prefix="staged-"))

    # Reading

    def use_time_zone(self, name: str) -> None:
        self._spark.conf.set("spark.sql.session.timeZone", name)

    def read_landed(self, files: Sequence[LandedFile]) -> list[Delivery]:
        self._rows.update(dict.fromkeys((file.path for file in files), 0))
        with self._spark_errors(str(self._scratch)):
            return self._read_landed(files)

    def _read_landed(self, files: Sequence[LandedFile]) -> list[Delivery]:
        formats = by_format(files)
        reader = SparkReader(self._spark, self._paths, self._layouts)
        texts = [reader.json_records(formats["json"])] if formats["json"] else []
        texts += [reader.csv_records(group, header) for header, group in self._layouts.csv(formats["csv"]).items()]
        typed = [reader.parquet(group, kinds) for kinds, group in self._layouts.parquet(formats["parquet"])]
        deliveries = []
        if texts:
            # Staged before it is validated, so that what was delivered is counted apart from what became of it.
            staged = self.stage(*texts)
            counts = staged.groupBy("source_file").count().collect()
            self._rows.update({row["source_file"]: row["count"] for row in counts})
            reader.note_unknown(staged)
            deliveries.append(Delivery(staged.drop("unknown_columns"), ALL_TEXT))
        self._rows.update(self._layouts.parquet_rows)
        return deliveries + typed

    @property
    def unknown_columns(self) -> Mapping[str, Sequence[str]]:
        return self._layouts.unknown_columns

    def rows_delivered(self) -> Mapping[str, int]:
        return dict(self._rows)

    # Frames

    def stage(self, *frames: DataFrame) -> DataFrame:
        self._names += 1
        place = str(self._staging / f"rows_{self._names}")
        with self._spark_errors(place):
            reduce(lambda one, other: one.unionByName(other), frames).write.parquet(place)
            return self._spark.read.parquet(no_glob(place))

    def collect(self, frame: DataFrame) -> list[dict[str, Any]]:
        with self._spark_errors(self._paths.root):
            rows: list[dict[str, Any]] = frame.toArrow().to_pylist()  # a Row would have times in this machine's zone
            return rows

    # Tables

    def ensure_tables(self) -> None:
        for table in TABLES:
            if self._tables.version(table) is None:
                self._create(table)
        self._tables.check_shapes()
        for table in TABLES:
            for name, value in self._tables.missing_properties(table).items():
                self._sql(table, f"alter table {self._name(table)} set tblproperties ('{name}' = {_literal(value)})")
            for name, check in self._tables.missing_checks(table).items():
                self._sql(table, f"alter table {self._name(table)} add constraint {name} check ({check})")

    def _create(self, table: TableContract) -> None:
        columns = ", ".join(
            f"`{column.name}` {_SQL_TYPES.get(column.type, column.type)} {'' if column.nullable else 'not null'} "
            f"comment {_literal(column.description)}"
            for column in table.columns
        )
        partitions = f"partitioned by ({', '.join(table.partition_by)})" if table.partition_by else ""
        # Created with its constraints: one commit, where an ALTER TABLE for each takes seconds.
        checks = {f"delta.constraints.{name}": check for name, check in table.checks.items()}
        properties = ", ".join(f"'{name}' = {_literal(value)}" for name, value in (TABLE_PROPERTIES | checks).items())
        self._sql(
            table,
            f"create table {self._name(table)} ({columns}) using delta {partitions} "
            f"comment {_literal(table.description)} tblproperties ({properties})",
        )

    def version(self, table: TableContract) -> int | None:
        return self._tables.version(table)

    def table_id(self, table: TableContract) -> str:
        return self._tables.table_id(table)

    def facts(self, table: TableContract, version: int | None = None) -> TableFacts:
        return self._tables.facts(table, version)

    def commits(self, table: TableContract) -> Iterator[TableCommit]:
        return self._tables.commits(table)

    def read(self, table: TableContract, version: int | None = None) -> DataFrame:
        reader = self._spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        with self._spark_errors(table.place):
            return reader.load(self._tables.place(table))

    def changes(self, table: TableContract, since: int, until: int) -> DataFrame | None:
        reader = self._spark.read.format("delta").option("readChangeFeed", "true")
        reader = reader.option("startingVersion", since + 1).option("endingVersion", until)
        try:
            return self.stage(reader.load(self._tables.place(table)))
        except (PySparkException, EngineError, StorageError, UnreadableInputError):
            return None

    def append(self, table: TableContract, rows: DataFrame, note: CommitMetadata) -> Written:
        return self._write(table, rows, note, "append")

    def overwrite(self, table: TableContract, rows: DataFrame, note: CommitMetadata) -> Written:
        return self._write(table, rows, note, "overwrite", may_be_empty=True)

    def replace_slice(self, table: TableContract, rows: DataFrame | None, note: CommitMetadata) -> Written:
        slice_of_batch = f"batch_id = {_literal(str(note.batch_id))}"
        if rows is not None:
            written = self._write(table, rows, note, "overwrite", replace_where=slice_of_batch)
            if written.version is not None:
                return written
        with self._spark_errors(table.place):
            if self.read(table).filter(slice_of_batch).isEmpty():
                return Written(None)
        return self._run(table, note, f"delete from {self._name(table)} where {slice_of_batch}")

    def merge(
        self, table: TableContract, rows: DataFrame, note: CommitMetadata, upsert: Upsert, within: Mapping[str, Any]
    ) -> Written:
        with self._spark_errors(table.place):
            return self._merge(table, rows, note, upsert, within)

    def _merge(
        self, table: TableContract, rows: DataFrame, note: CommitMetadata, upsert: Upsert, within: Mapping[str, Any]
    ) -> Written:
        source = rows.select(*table.names)
        if source.isEmpty():
            return Written(None)
        self._names += 1
        view = f"merged_rows_{self._names}"
        source.createOrReplaceTempView(view)
        conditions = [f"target.{key} = source.{key}" for key in upsert.keys]
        for name, (least, greatest) in within.items():
            conditions.append(f"target.{name} between date '{least}' and date '{greatest}'")
        delete = f"when matched and {upsert.delete_when} then delete " if upsert.delete_when else ""
        update = f" and {upsert.update_when}" if upsert.update_when else ""
        insert = f" and not ({upsert.delete_when})" if upsert.delete_when else ""
        try:
            return self._run(
                table,
                note,
                f"merge into {self._name(table)} as target using {view} as source on {' and '.join(conditions)} "
                f"{delete}when matched{update} then update set * when not matched{insert} then insert *",
            )
        finally:
            self._spark.catalog.dropTempView(view)

    def fence(self, table: TableContract) -> None:
        self._tables.fence(table)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
        if "_staging" in vars(self):
            shutil.rmtree(self._staging, ignore_errors=True)

    def _write(
        self,
        table: TableContract,
        rows: DataFrame,
        note: CommitMetadata,
        mode: str,
        replace_where: str | None = None,
        may_be_empty: bool = False,
    ) -> Written:
        with self._spark_errors(table.place):
            columns = rows.select(*table.names)
            if not may_be_empty and columns.isEmpty():
                return Written(None)
        if table.partition_by:
            columns = columns.repartition(*table.partition_by)  # else every task writes a file into every partition
        writer = columns.write.format("delta").mode(mode).option("userMetadata", json.dumps(note.as_metadata()))
        if replace_where:
            writer = writer.option("replaceWhere", replace_where)
        transaction = transaction_of(note) if mode == "append" else None
        if transaction:  # a server may be in the commit of a caller that died; a plain append never conflicts with it
            writer = writer.option("txnAppId", transaction[0]).option("txnVersion", transaction[1])

        def save() -> None:
            with self._spark_errors(table.place):
                writer.save(self._tables.place(table))

        written = self._tables.settled(table, note, save)
        skipped = self._tables.part_there(table, note) if transaction and written.version is None else None
        return skipped or written

    def _run(self, table: TableContract, note: CommitMetadata, statement: str) -> Written:
        """Run a statement that commits."""

        def run() -> None:
            with self._noted(note), self._spark_errors(table.place):
                self._spark.sql(statement).collect()

        return self._tables.settled(table, note, run)

    @contextmanager
    def _noted(self, note: CommitMetadata) -> Iterator[None]:
        """Give the commits of the SQL inside the note. Statements have no option for it, only the session has."""
        self._spark.conf.set(_USER_METADATA, json.dumps(note.as_metadata()))
        try:
            yield
        finally:
            self._spark.conf.unset(_USER_METADATA)

    def _sql(self, table: TableContract, statement: str) -> DataFrame:
        with self._spark_errors(table.place):
            return self._spark.sql(statement)

    def _name(self, table: TableContract) -> str:
        return "delta.`" + self._tables.place(table).replace("`", "``") + "`"

    @contextmanager
    def _spark_errors(self, place: str) -> Iterator[None]:
        """Spark's own errors as ours: the landed file that it could not read, or the place that it was at."""
        try:
            yield
        except (PySparkException, Py4JError, ConnectionError) as error:
            stop_signals.check()
            said = without_values(cause_of(error))
            if path := file_named(str(error), self._rows):
                raise UnreadableInputError(path, f"cannot be read to its end: {said}") from error
            if any(conflict in str(error) for conflict in _CONFLICTS):
                raise ConflictError(place, said) from error
            if problem := storage_error(place, error, said):
                raise problem from error
            raise EngineError("spark", f"{place}: {said}") from error
        stop_signals.check()  # an exception that a handler raises is lost where Python finds it in a callback


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
