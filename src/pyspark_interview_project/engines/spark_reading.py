"""Landed files as Spark frames: text by line, with the raw line kept; Parquet in its own types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce

import pyarrow as pa
from pyspark import cloudpickle
from pyspark.sql import SparkSession

import pyspark_interview_project
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.engine import Column, DataFrame
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.engines.base import ALL_TEXT, Delivery
from pyspark_interview_project.engines.spark_parquet import ParquetReader, no_glob
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.json_lines import json_record, strict_decoder
from pyspark_interview_project.sources.layouts import Layouts, by_format
from pyspark_interview_project.sources.lines import BYTE_ORDER_MARK, decoded_line
from pyspark_interview_project.transforms.text_fields import records_from_lines

_RECORD_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in (*RAW_NAMES, "raw_record")),
        ("is_corrupt", pa.bool_()),
        ("source_file", pa.string()),
        ("unknown_columns", pa.list_(pa.string())),
    ]
)
_RECORD_DDL = (
    ", ".join(f"{name} string" for name in (*RAW_NAMES, "raw_record"))
    + ", is_corrupt boolean, source_file string, unknown_columns array<string>"
)


class SparkReader:
    """Reads landed files through one session, and counts the records of each in `rows`."""

    def __init__(self, spark: SparkSession, paths: LakePaths, layouts: Layouts, rows: dict[str, int]) -> None:
        self._spark, self._paths, self._layouts, self._rows = spark, paths, layouts, rows

    def read(self, files: Sequence[LandedFile], materialize: Callable[..., DataFrame]) -> list[Delivery]:
        """The records of the files. Text is materialized before it is validated, so that what was delivered is counted
        apart from what became of it."""
        formats = by_format(files)
        texts = [self._json_records(formats["json"])] if formats["json"] else []
        texts += [self._csv_records(group, header) for header, group in self._layouts.csv(formats["csv"]).items()]
        typed = ParquetReader(self._spark, self._paths, self._layouts, self._source_file).read(formats["parquet"])
        deliveries = []
        if texts:
            records = materialize(*texts)
            counts = records.groupBy("source_file").count().collect()
            self._rows.update({row["source_file"]: row["count"] for row in counts})
            self._note_unknown(records)
            deliveries.append(Delivery(records.drop("unknown_columns"), ALL_TEXT))
        self._rows.update(self._layouts.parquet_rows)
        return deliveries + typed

    def _json_records(self, files: Sequence[LandedFile]) -> DataFrame:
        """The records of JSON Lines files: the nine columns as text, raw_record, is_corrupt, source_file,
        unknown_columns."""
        for file in files:
            self._layouts.check_gzip(file)
        # By value: the workers of a remote server need not have this package.
        cloudpickle.register_pickle_by_value(pyspark_interview_project)  # type: ignore[no-untyped-call]
        lines = self._lines(files).select(F.col("value").cast("binary").alias("value"), "source_file")
        return lines.mapInArrow(_json_batches, _RECORD_DDL)

    def _csv_records(self, files: Sequence[LandedFile], header: Sequence[str]) -> DataFrame:
        """The records of CSV files with one header, with the same columns."""
        records = records_from_lines(self._csv_lines(files), header)
        return records.withColumn("unknown_columns", F.lit(None).cast("array<string>"))

    def _note_unknown(self, records: DataFrame) -> None:
        """Remember which keys of JSON files are none of ours."""
        keys = records.select("source_file", F.explode("unknown_columns").alias("key")).distinct().collect()
        for path in {row["source_file"] for row in keys}:
            self._layouts.note_unknown(path, sorted(row["key"] for row in keys if row["source_file"] == path))

    def _csv_lines(self, files: Sequence[LandedFile]) -> DataFrame:
        lines = [self._csv_lines_below(header, group) for header, group in self._by_header_line(files).items()]
        return reduce(lambda one, other: one.unionByName(other), lines)

    def _by_header_line(self, files: Sequence[LandedFile]) -> Mapping[str, list[LandedFile]]:
        groups: dict[str, list[LandedFile]] = {}
        for file in files:
            groups.setdefault(self._layouts.header_line(file), []).append(file)
        return groups

    def _csv_lines_below(self, header: str, files: Sequence[LandedFile]) -> DataFrame:
        text = F.regexp_replace(F.make_valid_utf8("value"), r"\r\z", "")
        lines = self._lines(files).select(
            F.regexp_replace(text, rf"\A{BYTE_ORDER_MARK}+", "").alias("raw_record"),
            (~F.is_valid_utf8("value")).alias("is_corrupt"),
            "source_file",
        )
        return lines.filter((F.col("raw_record") != F.lit("")) & (F.col("raw_record") != F.lit(header)))

    def _lines(self, files: Sequence[LandedFile]) -> DataFrame:
        # Only LF ends a line here: by default Spark would also take a lone CR for an end.
        paths = [no_glob(str(self._layouts.local(file))) for file in files]
        return self._spark.read.text(paths, lineSep="\n").select("value", self._source_file())

    def _source_file(self) -> Column:
        """The file's path relative to the root of the lake: Spark knows it as a URI."""
        # url_decode takes a plus for a blank, as forms write it; in a path it is a plus.
        path = F.url_decode(F.replace(F.col("_metadata.file_path"), F.lit("+"), F.lit("%2B")))
        root = F.lit(f"{self._paths.root}/")
        return F.substring(path, F.instr(path, root) + F.length(root), F.length(path)).alias("source_file")


def _json_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Take JSON lines apart, in a Python worker: `value` (binary) and `source_file` in, records of _RECORD_DDL out."""
    decoder = strict_decoder()
    for batch in batches:
        rows = []
        for value, source_file in zip(batch.column("value").to_pylist(), batch.column("source_file").to_pylist()):
            if line := decoded_line(value):
                unknown: dict[str, None] = {}
                rows.append((*json_record(*line, decoder, unknown), source_file, list(unknown) or None))
        columns = [[row[position] for row in rows] for position in range(len(_RECORD_SCHEMA))]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, _RECORD_SCHEMA)]
        yield pa.RecordBatch.from_arrays(arrays, schema=_RECORD_SCHEMA)
