"""Landed Parquet files as Spark frames, in their own types; by Arrow where Spark cannot read a type."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
from pyspark import cloudpickle
from pyspark.sql import SparkSession, types
from pyspark.sql.pandas.types import from_arrow_schema

import pyspark_interview_project
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.engine import Column, DataFrame
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.engines.base import Delivery
from pyspark_interview_project.schemas.returns_raw import DELIVERED_NAMES, RAW_NAMES
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.layouts import Layouts
from pyspark_interview_project.sources.parquet_batches import batch_schema, parquet_batches
from pyspark_interview_project.sources.parquet_layout import ParquetColumn, ParquetLayout
from pyspark_interview_project.transforms.normalise import Kind

# How Spark is to read what is stored. It takes a narrower integer for a wider one, and times as the numbers they are.
_TYPES: Mapping[str, types.DataType] = {
    "text": types.StringType(),
    **dict.fromkeys(("bytes", "uuid"), types.BinaryType()),
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), types.IntegerType()),
    **dict.fromkeys(("int64", "uint32"), types.LongType()),
    "uint64": types.DecimalType(20, 0),
    "float": types.FloatType(),
    "double": types.DoubleType(),
    "date32[day]": types.DateType(),
    **dict.fromkeys(("int96", "instant_ms", "instant_us"), types.TimestampType()),
    **dict.fromkeys(("local_ms", "local_us"), types.TimestampNTZType()),
    **dict.fromkeys(("instant_ns", "local_ns"), types.LongType()),
}
_DECIMAL = re.compile(r"\Adecimal128\(([0-9]+), ([0-9]+)\)\Z")


class ParquetReader:
    """Reads landed Parquet files into frames."""

    def __init__(self, spark: SparkSession, paths: LakePaths, layouts: Layouts, source_file: Callable[[], Column]):
        """`source_file` makes the column with the path of the file that a row comes from."""
        self._spark, self._paths, self._layouts, self._source_file = spark, paths, layouts, source_file

    def read(self, files: Sequence[LandedFile]) -> list[Delivery]:
        deliveries, in_utc = [], self._spark.conf.get("spark.sql.session.timeZone") == "UTC"
        for layout, group in self._layouts.parquet(files):
            kinds: dict[str, Kind] = {name: layout.kinds.get(name, "text") for name in RAW_NAMES}
            if kinds["ingest_ts"] == "local_timestamp" and in_utc:
                kinds["ingest_ts"] = "timestamp"  # no local time happens twice in UTC
            paths = [file.path for file in group]
            frame = self._by_arrow(paths) if layout.is_read_as_arrow else self._native(paths, layout)
            deliveries.append(Delivery(frame, kinds))
        return deliveries

    def _native(self, paths: Sequence[str], layout: ParquetLayout) -> DataFrame:
        # With its schema told, Spark looks into no file before it reads, and minds no column that is none of ours.
        schema = types.StructType(
            [types.StructField(column.own_name, _type_of(column)) for column in layout.columns.values()]
        )
        files = [no_glob(self._paths.place(path)) for path in paths]
        columns = [
            _value(name, layout.columns[name]).alias(name) if name in layout.columns else _nothing(name)
            for name in DELIVERED_NAMES
        ]
        record = (F.col("_metadata.row_index") + F.lit(1)).alias("source_record")
        frame = self._spark.read.schema(schema).parquet(*files).select(*columns, self._source_file(), record)
        return self._with_values_of_paths(frame, paths, layout) if layout.by_path else frame

    def _with_values_of_paths(self, frame: DataFrame, paths: Sequence[str], layout: ParquetLayout) -> DataFrame:
        """The frame with the columns that its files have from their directories."""
        names = sorted(layout.by_path)
        rows = [(path, *(self._layouts.parquet_layouts[path].by_path[name] for name in names)) for path in paths]
        ddl = ", ".join(["source_file string", *(f"{name} string" for name in names)])
        given = F.broadcast(self._spark.createDataFrame(rows, ddl))
        return frame.drop(*names).join(given, "source_file").select(*frame.columns)

    def _by_arrow(self, paths: Sequence[str]) -> DataFrame:
        # By value: the workers of a remote server need not have this package.
        cloudpickle.register_pickle_by_value(pyspark_interview_project)  # type: ignore[no-untyped-call]
        layouts = self._layouts.parquet_layouts
        files = [(self._paths.place(path), path, layouts[path]) for path in paths]
        schema = from_arrow_schema(batch_schema(files[0][2]), prefer_timestamp_ntz=True)

        def batches(numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in numbers:
                for number in batch.column(0).to_pylist():
                    place, path, layout = files[number]
                    yield from parquet_batches(Path(place), path, layout)

        return self._spark.range(0, len(files), 1, len(files)).mapInArrow(batches, schema)


def no_glob(path: str) -> str:
    """The path so that Hadoop takes no character of it for a pattern."""
    return re.sub(r"([*?\[\]{}\\])", r"\\\1", path)


def _type_of(column: ParquetColumn) -> types.DataType:
    if decimal := _DECIMAL.match(column.stored):
        return types.DecimalType(int(decimal[1]), int(decimal[2]))
    return types.LongType() if _is_shown_time(column) else _TYPES[column.stored]


def _is_shown_time(column: ParquetColumn) -> bool:
    """Whether it is a local time that stands for a day: what it shows counts, and no zone may come into it."""
    return column.kind == "timestamp" and column.stored.startswith("local")


def _nothing(name: str) -> Column:
    return F.lit(None).cast("string").alias(name)


def _value(name: str, column: ParquetColumn) -> Column:
    own = f"`{column.own_name.replace('`', '``')}`"
    value = F.col(own)
    if column.stored == "uuid":
        digits = F.lower(F.hex(value))
        parts = [F.substring(digits, start, length) for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))]
        return F.when(value.isNotNull(), F.concat_ws("-", *parts))
    if column.kind == "text":
        return _checked_utf8(name, value)
    # Of nanoseconds, what is finer than a microsecond is cut towards the past.
    micros = f"({own} div 1000 - if({own} % 1000 < 0, 1, 0))" if column.stored.endswith("_ns") else own
    if column.stored == "instant_ns" or (_is_shown_time(column) and column.stored != "local_ms"):
        return F.timestamp_micros(F.expr(micros))
    if _is_shown_time(column):
        return F.timestamp_millis(value)
    if column.stored == "local_ns":
        seconds = f"cast(cast({micros} as decimal(20,0)) / 1000000 as decimal(18,6))"
        return F.expr(f"timestamp_ntz'1970-01-01 00:00:00' + make_dt_interval(0, 0, 0, {seconds})")
    return value


def _checked_utf8(name: str, value: Column) -> Column:
    """A text; reading one that is not UTF-8 fails, as it does on the other engine."""
    problem = F.concat(F.lit(f"column {name} is not UTF-8 in "), F.col("_metadata.file_path"))
    text = value.cast("string")
    valid = value.isNull() | F.is_valid_utf8(text)
    return F.when(valid, text).otherwise(F.raise_error(problem))
