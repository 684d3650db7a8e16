"""Apache Spark: landed files, transforms and Delta tables through one session, classic, Connect or Databricks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from functools import cached_property, partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import SparkSession

from pyspark_interview_project.config.paths import LANDED, LakePaths
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.engines import spark_sql
from pyspark_interview_project.engines.base import Delivery
from pyspark_interview_project.engines.duckdb_sql import arrow_schema
from pyspark_interview_project.engines.spark_commits import SparkCommits, delta_rs_errors
from pyspark_interview_project.engines.spark_errors import spark_errors
from pyspark_interview_project.engines.spark_notes import ReadingNotes
from pyspark_interview_project.engines.spark_parquet import no_glob
from pyspark_interview_project.engines.spark_reading import SparkReader
from pyspark_interview_project.engines.spark_rows import count_rows, distinct_days
from pyspark_interview_project.engines.spark_session import OpenedSession, open_session
from pyspark_interview_project.errors import EngineError, UnreadableBatchError, VerificationError
from pyspark_interview_project.schemas.tables import SILVER, TABLES, TableContract
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.landed_text import is_read_as_text
from pyspark_interview_project.sources.layouts import Layouts
from pyspark_interview_project.storage.commits import CommitMetadata, Written
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.delta_writes import DeltaWrites, Merge

if TYPE_CHECKING:
    from pyspark_interview_project.config.feed_definition import Feed

# A session for less than this, in files, is one for few rows.
_FEW_BYTES = 16 * 1024 * 1024
# So many rows go through memory into a table: a commit of Spark costs seven statements and rebuilds a snapshot.
_FEW_ROWS = 100_000
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
        self._writes = DeltaWrites(tables)
        self._output, self._jvm_lock = output, jvm_lock
        self._layouts = Layouts(paths, "spark")
        self._rows: dict[str, int] = {}
        self._notes: ReadingNotes | None = None
        self._counted: list[tuple[DataFrame, int | None]] = []
        self._names = self._landed_bytes = 0
        self._time_zone: str | None = None
        self._opened: OpenedSession | None = None

    @cached_property
    def _spark(self) -> SparkSession:
        # Opened when it is first needed: a run that finds nothing new starts no JVM.
        local_dir = self._scratch if self._settings.scratch_dir else Path(tempfile.gettempdir())
        few_rows = self._has_few_rows()
        self._opened = open_session(self._settings, local_dir, self._output, self._jvm_lock, few_rows)
        self._opened.suit(few_rows)
        if self._time_zone is not None:
            self.use_time_zone(self._time_zone)
        return self._opened.spark

    def _has_few_rows(self) -> bool:
        """Whether there is little to read, in landed files and in silver. Of a new lake all files are to be read."""
        if self._tables.version(SILVER) is None:
            landed = Path(self._paths.place(LANDED))
            return sum(file.stat().st_size for file in landed.rglob("*") if file.is_file()) < _FEW_BYTES
        return self._landed_bytes + self._tables.facts(SILVER).bytes < _FEW_BYTES

    @cached_property
    def _materialized(self) -> Path:
        self._scratch.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self._scratch, prefix="rows-"))

    @cached_property
    def _commits(self) -> SparkCommits:
        return SparkCommits(self._spark, self._tables, self._spark_errors)

    # Landed files

    def use_time_zone(self, name: str) -> None:
        self._time_zone = name
        if self._opened is not None:
            self._opened.spark.conf.set("spark.sql.session.timeZone", name)

    def read_landed(self, files: Sequence[LandedFile], feeds: Mapping[str, Feed]) -> list[Delivery]:
        self._rows.update(dict.fromkeys((file.path for file in files), 0))
        self._landed_bytes = sum(file.size for file in files)
        if self._opened is not None:
            self._opened.suit(self._has_few_rows())
        with self._spark_errors(str(self._scratch)):
            self._names += 1
            notes = self._materialized / f"notes_{self._names}"
            notes.mkdir()
            self._notes = ReadingNotes(str(notes), sum(map(is_read_as_text, files)))
            most_chars = self._settings.max_record_bytes
            reader = SparkReader(self._spark, self._paths, most_chars, self._layouts, str(notes))
            deliveries = reader.read(files, feeds)
            self._rows.update(self._layouts.parquet_rows)
            return deliveries

    @property
    def unknown_columns(self) -> Mapping[str, Sequence[str]]:
        return self._layouts.unknown_columns

    def rows_delivered(self) -> Mapping[str, int]:
        return dict(self._rows)

    # Frames

    def frame(self, table: pa.Table) -> DataFrame:
        with self._spark_errors(self._paths.root):
            rows = self._spark.createDataFrame(table)
        self._counted.append((rows, table.num_rows))
        return rows

    def transform(self, transform: Callable[..., DataFrame], *arguments: Any) -> DataFrame:
        return transform(*arguments)

    def materialize(self, *frames: DataFrame) -> DataFrame:
        self._names += 1
        self._last_place = place = str(self._materialized / f"rows_{self._names}")
        with self._spark_errors(place):
            reduce(lambda one, other: one.unionByName(other), frames).write.parquet(place)
            self._take_notes()
            rows = self._spark.read.parquet(no_glob(place))
        self._counted.append((rows, count_rows(place)))
        return rows

    def fetch(self, frame: DataFrame) -> pa.Table:
        with self._spark_errors(self._paths.root):
            rows = frame.toArrow()
        self._take_notes()
        return rows

    def collect(self, frame: DataFrame) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.fetch(frame).to_pylist()  # a Row would have times in this machine's zone
        return rows

    def _take_notes(self) -> None:
        if self._notes is not None:
            self._notes.take(self._rows, self._layouts)

    def _count(self, rows: DataFrame) -> int | None:
        """How many rows there are; None where only a run of the plan can tell."""
        return next((count for frame, count in self._counted if frame is rows), None)

    # Tables

    def ensure_tables(self) -> None:
        if any(self._tables.version(table) is None for table in TABLES):
            self._spark  # nothing is made in a lake on which Spark does not start
        # By delta-rs: a new lake would cost Spark a dozen statements.
        with delta_rs_errors(self._paths.root):
            self._writes.create()
        self._tables.check_shapes()
        for table in TABLES:
            with self._spark_errors(table.place):
                for statement in spark_sql.what_is_missing(self._tables, table):
                    self._spark.sql(statement)

    def read(self, table: TableContract, version: int | None = None, days: Collection[date] | None = None) -> DataFrame:
        if not table.partition_by and self._tables.facts(table, version).rows <= _FEW_ROWS:
            with delta_rs_errors(table.place):
                few = self._tables.open(table, version).to_pyarrow_table(columns=list(table.names))
            return self.frame(few if few.num_rows else arrow_schema(table).empty_table())
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
        name = self._tables.transaction_of(table, metadata)
        if expected.updated:
            source = self.materialize(rows)
            on, clauses = spark_sql.merge_of_newest(table, distinct_days(self._last_place, "silver_return_date"))
            written = self._commits.merge(table, source, metadata, on, clauses, name)
        else:
            written = self._commits.write(table, rows, metadata, "append", transaction=name)
        if written.version is None and self._tables.commit_of_batch(table, str(metadata.batch_id)):
            return expected  # an earlier write of this batch came in between
        wanted, found = ({"inserted": each.inserted, "updated": each.updated} for each in (expected, written))
        if found != wanted:
            raise VerificationError(table.place, wanted, found)
        return written

    def replace_batch(
        self, table: TableContract, rows: DataFrame | None, metadata: CommitMetadata, expected: int | None = None
    ) -> Written:
        is_there = self._tables.commit_of_batch(table, str(metadata.batch_id)) is not None
        if rows is None or not self._has_rows(table, rows, expected):
            delete = partial(self._writes.delete_batch, table, metadata)
            return self._commits.by_delta_rs(table, metadata, delete) if is_there else Written(None)
        if few := self._few(table, rows, expected):
            return self._commits.by_delta_rs(table, metadata, partial(self._writes.replace_batch, table, few, metadata))
        written = Written(None)
        if not is_there:
            name = self._tables.transaction_of(table, metadata)
            written = self._commits.write(table, rows, metadata, "append", transaction=name)
        if written.version is None:  # or an earlier write of this batch came in between
            batch = f"batch_id = {spark_sql.literal(str(metadata.batch_id))}"
            written = self._commits.write(table, rows, metadata, "overwrite", replace_where=batch)
        return written

    def _has_rows(self, table: TableContract, rows: DataFrame, expected: int | None) -> bool:
        count = self._count(rows) if expected is None else expected
        if count is not None:
            return count > 0
        with self._spark_errors(table.place):
            return not rows.isEmpty()

    def _few(self, table: TableContract, rows: DataFrame, expected: int | None = None) -> pa.RecordBatchReader | None:
        """Rows for a table in memory, where they are few."""
        count = self._count(rows) if expected is None else expected
        if count is None or count > _FEW_ROWS:
            return None
        return self.fetch(rows.select(*table.names)).cast(arrow_schema(table)).to_reader()

    def merge(self, table: TableContract, rows: DataFrame, metadata: CommitMetadata, how: Merge) -> Written:
        if not self._has_rows(table, rows, None):
            return Written(None)
        if few := self._few(table, rows):
            return self._commits.by_delta_rs(table, metadata, partial(self._writes.merge, table, few, metadata, how))
        on, clauses = spark_sql.merge_of_groups(how)
        return self._commits.merge(table, rows, metadata, on, clauses)

    def overwrite(self, table: TableContract, rows: DataFrame, metadata: CommitMetadata) -> Written:
        if few := self._few(table, rows):
            return self._commits.by_delta_rs(table, metadata, partial(self._writes.overwrite, table, few, metadata))
        return self._commits.write(table, rows, metadata, "overwrite")

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
        if "_materialized" in vars(self):
            shutil.rmtree(self._materialized, ignore_errors=True)

    def _spark_errors(self, place: str) -> AbstractContextManager[None]:
        return spark_errors(place, self._rows)
