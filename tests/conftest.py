"""Fixtures for tests that hold on any engine: frames of literal rows, frames compared whole, lakes under tmp_path.

The environment variable ENGINE names the engine under test; a process has one. Columns are written as Spark writes
them, such as `return_id string, amount decimal(18,2), reasons array<string>`. In rows, dates, timestamps (UTC) and
decimals are text, so that they read as they look in a table.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

from commands import spark_session
from kills import FIRST_DAY, SECOND_DAY, compiled_library, land_samples, run_elsewhere
from object_stores import s3_server
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.config.settings import Settings, load_settings
from pyspark_interview_project.engine import choose_engine
from pyspark_interview_project.engines.base import Engine
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.delta_writes import DeltaWrites
from recovery import make_small_lake

# Behind a shell that put the tests into the background, Ctrl-C would be ignored by whatever they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

Row = tuple[Any, ...]
Columns = list[tuple[str, str]]
FrameOf = Callable[[Sequence[Row], str], Any]
AssertFrame = Callable[[Any, str, Sequence[Row]], None]
RecordsOf = Callable[[Any], list[dict[str, Any]]]

_COLUMN = re.compile(r"\s*(\w+)\s+([a-z_]+(?:\([0-9, ]+\)|<[a-z]+>)?)\s*(?:,|\Z)")


class Frames(Protocol):
    """An engine's way of making and reading small frames."""

    def make(self, rows: Sequence[Row], columns: Columns) -> Any:
        """A frame of Python values."""

    def read(self, frame: Any) -> tuple[Columns, list[Row]]:
        """The columns of a frame, each with its type, and its rows as Python values."""

    def set_time_zone(self, name: str) -> None:
        """The session's time zone from now on."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class LakeBench:
    """A lake under `root`, an engine on it, and frames of literal rows in the engine's own session."""

    engine: Engine
    tables: DeltaTables
    writes: DeltaWrites
    root: Path
    frame_of: FrameOf
    assert_frame: AssertFrame


class EmbeddedFrames:
    """Frames of SQLFrame over a DuckDB connection."""

    def __init__(self, connection: Any = None, queries: Any = None) -> None:
        """`connection` and `queries` are those of an open lake; without them, ones of our own."""
        import duckdb

        from pyspark_interview_project.engines.duckdb_queries import Queries

        self._connection = connection or duckdb.connect(
            config={"autoinstall_known_extensions": False, "TimeZone": "UTC"}
        )
        self._queries = queries or Queries(self._connection, nullcontext)
        self._frames_made = 0

    def make(self, rows: Sequence[Row], columns: Columns) -> Any:
        import pyarrow as pa

        # SQLFrame remembers the columns of a table by its name, so no name is used twice.
        self._frames_made += 1
        name = f"literal_{self._frames_made}"
        arrays = [pa.array([row[i] for row in rows], self._arrow_type(type_)) for i, (_, type_) in enumerate(columns)]
        self._connection.register(f"{name}_arrow", pa.table(arrays, names=[column for column, _ in columns]))
        self._connection.execute(f"create table {name} as select * from {name}_arrow")
        self._connection.unregister(f"{name}_arrow")
        return self._queries.session.table(name)

    def read(self, frame: Any) -> tuple[Columns, list[Row]]:
        arrow = self._connection.sql(frame.sql(dialect="duckdb", optimize=False)).to_arrow_table()
        for position, field in enumerate(arrow.schema):
            if self._type_name(field.type) == "timestamp":  # as UTC already here: elsewhere the first day has no Python
                arrow = arrow.set_column(position, field.name, arrow[position].cast(self._arrow_type("timestamp")))
        columns = [(field.name, self._type_name(field.type)) for field in arrow.schema]
        return columns, list(zip(*[column.to_pylist() for column in arrow.columns], strict=True))

    def set_time_zone(self, name: str) -> None:
        self._connection.execute(f"set TimeZone = '{name}'")

    def close(self) -> None:
        self._queries.close()
        self._connection.close()  # DuckDB complains at length of a connection that is open when Python ends

    @staticmethod
    def _arrow_type(name: str) -> Any:
        import pyarrow as pa

        if name.startswith("decimal"):
            return pa.decimal128(*[int(digits) for digits in re.findall("[0-9]+", name)])
        if name.startswith("array"):
            return pa.list_(EmbeddedFrames._arrow_type(name[6:-1]))
        return {
            "string": pa.string(),
            "boolean": pa.bool_(),
            "int": pa.int32(),
            "bigint": pa.int64(),
            "float": pa.float32(),
            "double": pa.float64(),
            "date": pa.date32(),
            "timestamp": pa.timestamp("us", "UTC"),
            "timestamp_ntz": pa.timestamp("us"),
        }[name]

    @staticmethod
    def _type_name(arrow_type: Any) -> str:
        import pyarrow as pa

        if pa.types.is_decimal(arrow_type):
            return f"decimal({arrow_type.precision},{arrow_type.scale})"
        if pa.types.is_list(arrow_type):
            return f"array<{EmbeddedFrames._type_name(arrow_type.value_type)}>"
        if pa.types.is_timestamp(arrow_type):
            return "timestamp" if arrow_type.tz else "timestamp_ntz"
        simple = {"bool": "boolean", "int32": "int", "int64": "bigint", "date32[day]": "date"}
        return simple.get(str(arrow_type), str(arrow_type))


@contextmanager
def _embedded_engine(tables: DeltaTables, root: Path, scratch: Path, time_zone: str) -> Iterator[tuple[Engine, Frames]]:
    from pyspark_interview_project.engines.duckdb import DuckDBEngine

    engine = DuckDBEngine(tables, LakePaths.at(str(root)), time_zone, "500MB", scratch)
    try:
        yield engine, EmbeddedFrames(engine._connection, engine._queries)
    finally:
        engine.close()


class SparkFrames:
    """Frames of the one Spark session of the suite."""

    def __init__(self) -> None:
        self._spark = spark_session()
        self.set_time_zone("UTC")

    def make(self, rows: Sequence[Row], columns: Columns) -> Any:
        return self._spark.createDataFrame(list(rows), ", ".join(f"{name} {type_}" for name, type_ in columns))

    def read(self, frame: Any) -> tuple[Columns, list[Row]]:
        arrow = frame.toArrow()
        for position, field in enumerate(arrow.schema):
            if str(field.type).startswith("timestamp") and field.type.tz:
                arrow = arrow.set_column(
                    position, field.name, arrow[position].cast(EmbeddedFrames._arrow_type("timestamp"))
                )
        return list(frame.dtypes), list(zip(*[column.to_pylist() for column in arrow.columns], strict=True))

    def set_time_zone(self, name: str) -> None:
        self._spark.conf.set("spark.sql.session.timeZone", name)

    def close(self) -> None:
        """The session stays for the next module: to start one takes seconds."""


@contextmanager
def _spark_engine(tables: DeltaTables, root: Path, scratch: Path, time_zone: str) -> Iterator[tuple[Engine, Frames]]:
    from pyspark_interview_project.engines.spark import SparkEngine

    frames = SparkFrames()
    settings = _settings(root, time_zone)
    engine = SparkEngine(tables, settings.paths, settings, scratch, scratch / "engine.log")
    try:
        frames.set_time_zone(time_zone)
        yield engine, frames
    finally:
        engine.close()


def _settings(root: Path, time_zone: str) -> Settings:
    return load_settings({"app_env": "test", "data_root": str(root), "spark_tz": time_zone})


# What an engine has to bring for the tests: frames of its own, and a lake with the frames of its session.
_FRAMES: dict[str, Callable[[], Frames]] = {"embedded": EmbeddedFrames, "spark": SparkFrames}
_ENGINES: dict[str, Callable[[DeltaTables, Path, Path, str], AbstractContextManager[tuple[Engine, Frames]]]] = {
    "embedded": _embedded_engine,
    "spark": _spark_engine,
}


@pytest.fixture(scope="session")
def publishing_faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """faults/publishing.c as a library for LD_PRELOAD."""
    return compiled_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="session")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples after the run of their first day. Many tests start from a copy of it; nobody changes it."""
    lake = land_samples(tmp_path_factory.mktemp("first_day") / "lake")
    run_elsewhere(lake, FIRST_DAY)
    return lake


@pytest.fixture(scope="session")
def second_day(tmp_path_factory: pytest.TempPathFactory, first_day: Path) -> Path:
    """The same after the run of the second day."""
    lake = tmp_path_factory.mktemp("second_day") / "lake"
    shutil.copytree(first_day, lake)
    run_elsewhere(lake, SECOND_DAY)
    return lake


@pytest.fixture(scope="session")
def small_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake of `recovery.make_small_lake`. Nobody changes it."""
    return make_small_lake(tmp_path_factory.mktemp("small") / "lake")


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of an S3 that has the bucket of `object_stores`."""
    with s3_server() as address:
        yield address


@pytest.fixture(scope="session")
def engine_name() -> str:
    """The engine under test."""
    return choose_engine(os.environ.get("ENGINE") or "embedded")


@pytest.fixture(scope="module")
def frames(engine_name: str) -> Iterator[Frames]:
    """The engine's session, for frames that belong to no lake. Not beside an open lake: a process has one session."""
    opened = _FRAMES[engine_name]()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def frame_of(frames: Frames) -> FrameOf:
    """`frame_of(rows, columns)`: a frame of literal rows."""
    return partial(_frame_of, frames)


@pytest.fixture(scope="module")
def assert_frame(frames: Frames) -> AssertFrame:
    """`assert_frame(frame, columns, rows)`: these columns in this order and types, these rows in any order."""
    return partial(_assert_frame, frames)


@pytest.fixture(scope="module")
def records_of(frames: Frames) -> RecordsOf:
    """`records_of(frame)`: the rows of a frame as dictionaries, in any order."""
    return partial(_records_of, frames)


@pytest.fixture
def in_time_zone(frames: Frames) -> Iterator[Callable[[str], None]]:
    """`in_time_zone(name)`: the session's time zone until the test ends."""
    yield frames.set_time_zone
    frames.set_time_zone("UTC")


@pytest.fixture
def open_bench(engine_name: str, tmp_path: Path) -> Callable[..., AbstractContextManager[LakeBench]]:
    """`with open_bench(root, time_zone="UTC") as bench`: the lake under `root`; one at a time."""

    @contextmanager
    def opened(root: Path, time_zone: str = "UTC") -> Iterator[LakeBench]:
        tables = DeltaTables(LakePaths.at(str(root)))
        with _ENGINES[engine_name](tables, root, tmp_path / "scratch", time_zone) as (engine, frames):
            of_frames = partial(_frame_of, frames), partial(_assert_frame, frames)
            yield LakeBench(engine, tables, DeltaWrites(tables), root, *of_frames)

    return opened


@pytest.fixture
def bench(open_bench: Callable[..., AbstractContextManager[LakeBench]], tmp_path: Path) -> Iterator[LakeBench]:
    """A lake under tmp_path / "lake", without tables, closed behind the test."""
    with open_bench(tmp_path / "lake") as opened:
        yield opened


def _frame_of(frames: Frames, rows: Sequence[Row], columns: str) -> Any:
    parsed = _columns(columns)
    return frames.make(_values(rows, parsed), parsed)


def _assert_frame(frames: Frames, frame: Any, columns: str, rows: Sequence[Row]) -> None:
    parsed = _columns(columns)
    found_columns, found_rows = frames.read(frame)
    assert found_columns == parsed
    assert _sorted(_plain(row) for row in found_rows) == _sorted(_values(rows, parsed))


def _records_of(frames: Frames, frame: Any) -> list[dict[str, Any]]:
    columns, rows = frames.read(frame)
    return [dict(zip([name for name, _ in columns], _plain(row), strict=True)) for row in rows]


def _columns(text: str) -> Columns:
    """The columns that `text` lists."""
    matches = list(_COLUMN.finditer(text))
    assert matches and "".join(match[0] for match in matches) == text, f"no list of columns: {text}"
    return [(match[1], match[2].replace(" ", "")) for match in matches]


def _values(rows: Sequence[Row], columns: Columns) -> list[Row]:
    """The rows with dates, timestamps and decimals made of their text."""
    return [tuple(_value(value, type_) for value, (_, type_) in zip(row, columns, strict=True)) for row in rows]


def _value(value: Any, type_: str) -> Any:
    if not isinstance(value, str) or type_ == "string":
        return value
    if type_ == "date":
        return date.fromisoformat(value)
    if type_ == "timestamp":
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if type_ == "timestamp_ntz":
        return datetime.fromisoformat(value)
    assert type_.startswith("decimal"), f"{value!r} is no {type_}"
    return Decimal(value)


def _plain(row: Row) -> Row:
    """The row in a form that compares and prints alike, whatever engine it came from."""
    return tuple(value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value for value in row)


def _sorted(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: [(value is not None, str(value)) for value in row])
