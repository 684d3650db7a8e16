"""Landed files as Spark frames: text by the one reader in Python workers, Parquet by spark_parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark import cloudpickle
from pyspark.sql import SparkSession

import pyspark_interview_project
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.engine import Column, DataFrame
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.engines.base import ALL_TEXT, Delivery
from pyspark_interview_project.engines.spark_notes import ReadingNote, leave_note
from pyspark_interview_project.engines.spark_parquet import ParquetReader
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.landed_text import (
    TextFile,
    is_read_as_text,
    record_schema,
    text_batches,
    text_files,
)
from pyspark_interview_project.sources.layouts import Layouts
from pyspark_interview_project.transforms.map_columns import map_columns

if TYPE_CHECKING:
    from pyspark_interview_project.config.feed_definition import Feed

_BYTES_PER_TASK = 8 * 1024 * 1024  # a task costs a third of a second, a core reads as much in less
_MOST_TASKS = 2000
_DDL_TYPES = {pa.string(): "string", pa.bool_(): "boolean", pa.int64(): "bigint"}


class SparkReader:
    """Reads landed files through one session. Workers note in `notes` what they find in files of text."""

    def __init__(
        self, spark: SparkSession, paths: LakePaths, max_record_chars: int, layouts: Layouts, notes: str
    ) -> None:
        self._spark, self._paths, self._max_record_chars = spark, paths, max_record_chars
        self._layouts, self._notes = layouts, notes

    def read(self, files: Sequence[LandedFile], feeds: Mapping[str, Feed]) -> list[Delivery]:
        """The records of the files. What was delivered as text is counted by the workers that read it, apart from what
        becomes of it. Raises UnreadableBatchError."""
        texts = text_files(files, feeds, self._paths.place, self._max_record_chars)
        sizes = {file.path: file.size for file in files}
        deliveries = []
        for name, group in texts.items():
            records = self._text(group, sizes)
            deliveries.append(Delivery(map_columns(records, feeds[name].mapping) if name else records, ALL_TEXT, name))
        tables = [file for file in files if not is_read_as_text(file)]
        return deliveries + ParquetReader(self._spark, self._paths, self._layouts, self._source_file).read(tables)

    def _text(self, files: Sequence[TextFile], sizes: Mapping[str, int]) -> DataFrame:
        """The records of text files with the same columns, read in tasks of about as many bytes each."""
        tasks = _tasks(files, sizes)
        # By value: the workers of a remote server need not have this package.
        cloudpickle.register_pickle_by_value(pyspark_interview_project)  # type: ignore[no-untyped-call]
        schema = _plain_schema(files[0])
        ddl = ", ".join(f"`{field.name}` {_DDL_TYPES[field.type]}" for field in schema)
        notes = self._notes

        def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                for task in batch.column(0).to_pylist():
                    for file in tasks[task]:
                        yield from _noted_batches(file, schema, notes)

        return self._spark.range(0, len(tasks), 1, len(tasks)).mapInArrow(read, ddl)

    def _source_file(self) -> Column:
        """The file's path relative to the root of the lake: Spark knows it as a URI."""
        # url_decode takes a plus for a blank, as forms write it; in a path it is a plus.
        path = F.url_decode(F.replace(F.col("_metadata.file_path"), F.lit("+"), F.lit("%2B")))
        root = F.lit(f"{self._paths.root}/")
        return F.substring(path, F.instr(path, root) + F.length(root), F.length(path)).alias("source_file")


def _tasks(files: Sequence[TextFile], sizes: Mapping[str, int]) -> list[list[TextFile]]:
    """The files in groups of about as many bytes each. A file is read by one task."""
    count = min(len(files), _MOST_TASKS, 1 + sum(sizes[file.path] for file in files) // _BYTES_PER_TASK)
    tasks: list[list[TextFile]] = [[] for _ in range(count)]
    loads = [0] * count
    for file in sorted(files, key=lambda file: sizes[file.path], reverse=True):
        lightest = loads.index(min(loads))
        tasks[lightest].append(file)
        loads[lightest] += sizes[file.path] + 1
    return tasks


def _plain_schema(file: TextFile) -> pa.Schema:
    """The columns of text_batches without dictionaries, which Spark does not take."""
    return pa.schema(
        [
            (field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type)
            for field in record_schema(file.columns, file.has_feed)
        ]
    )


def _noted_batches(file: TextFile, schema: pa.Schema, notes: str) -> Iterator[pa.RecordBatch]:
    """The records of a file, in a Python worker, which notes what it found when it has read them all."""
    rows, unknown = 0, list[str]()
    failure: UnreadableInputError | None = None
    try:
        for batch in text_batches(file, unknown.extend):
            rows += batch.num_rows
            columns = [column.cast(field.type) for column, field in zip(batch.columns, schema)]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
    except UnreadableInputError as error:
        failure = error
    problem, may_pass = (failure.problem, failure.may_pass) if failure else (None, False)
    leave_note(notes, ReadingNote(file.path, rows, unknown, problem, may_pass))
