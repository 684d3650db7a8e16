"""Nobody can tell which engine wrote a lake: the same landed bytes give the same records, verdicts and tables on both.

Both engines run in this process, one after the other. Hypothesis makes the values one by one, and they are
compared in bulk, because a job of Spark's takes as long for one as for thousands. How many there are: hostile_values.
Every counterexample that was ever found is a case in parity_cases.json.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import mostly_full, on_engine
from conftest import LakeBench
from hostile_lines import CSV_HEADERS, JSON_LINES, csv_lines
from hostile_values import (
    EXAMPLES,
    SEED,
    SHAPES,
    TYPES,
    USUAL,
    examples_of,
    text_records,
    typed_records,
)
from landing import COLUMNS, write_bytes
from pyspark_interview_project import engine
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.engines.base import Engine
from pyspark_interview_project.engines.duckdb import DuckDBEngine
from pyspark_interview_project.errors import UnreadableBatchError
from pyspark_interview_project.schemas.returns_raw import DELIVERED_NAMES, RAW_NAMES
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.transforms.deduplicate import content_hash
from pyspark_interview_project.transforms.validate import validate
from running import screening

Rows = list[dict[str, Any]]

OpenBench = Callable[..., AbstractContextManager[LakeBench]]

REMEDY = f"repeat with PARITY_SEED={SEED} PARITY_EXAMPLES={EXAMPLES}; a case for parity_cases.json"
CASES = json.loads(Path(__file__).with_name("parity_cases.json").read_text(encoding="utf-8"))

LANDED = "bronze/returns_raw"
ZONES = ("Australia/Lord_Howe", "UTC", "Europe/Berlin")
AS_OF = date(2026, 11, 23)
LATEST = datetime(2026, 11, 24, 12, tzinfo=UTC)  # of ingest_ts
LAKE_CURRENCY = "EUR"
ORIGIN = ("source_file", "source_record")
ROWS_AT_ONCE = 5000
LINES_IN_A_FILE = 2


# Both engines ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Read:
    """What one engine made of the landed files: the records of text as they were read; every record, validated, with
    its content's hash; why files were not taken, by path."""

    records: Rows
    validated: Rows
    problems: Mapping[str, str]


def read_and_validate(lake: Engine, root: Path) -> Read:
    """Plan the landed files, read and validate them: in the way of a run, without the files that cannot be taken."""
    new = screening(root, AS_OF)
    files = list(new)
    problems = {file.path: file.problem for file in new.rejected}
    while True:
        try:
            records, validated = _rows_of(lake, files)
        except UnreadableBatchError as error:
            found = {path: unreadable.problem for path, unreadable in error.problems.items()}
            assert found.keys() <= {file.path for file in files}
            problems |= found
            files = [file for file in files if file.path not in found]
        else:
            return Read(records, validated, problems)


def _rows_of(lake: Engine, files: Sequence[LandedFile]) -> tuple[Rows, Rows]:
    """The records of text, and all records, validated.

    Dates and times come as numbers since the epoch: not every one of them is one of Python's.
    """
    F = engine.functions  # a name of this module would choose an engine when pytest looks at it
    records: Rows = []
    validated: Rows = []
    for delivery in lake.read_landed(files, {}):
        frame = delivery.frame
        if "raw_record" in frame.columns:
            frame = lake.materialize(frame)
            records += lake.collect(frame.select(*DELIVERED_NAMES, "raw_record", "is_corrupt", *ORIGIN))
        rows = validate(frame, delivery.kinds, AS_OF, LATEST, LAKE_CURRENCY)
        validated += lake.collect(
            rows.select(
                *[name for name in RAW_NAMES if name not in ("return_date", "ingest_ts")],
                F.date_diff(F.col("return_date"), F.lit("1970-01-01").cast("date")).alias("return_date"),
                F.unix_micros(F.col("ingest_ts")).alias("ingest_ts"),
                *("reasons", "raw_record", *ORIGIN),
                content_hash().alias("content_hash"),
            )
        )
    return records, validated


Compare = Callable[..., Read]


@pytest.fixture
def assert_alike(open_bench: OpenBench, engine_name: str, tmp_path: Path) -> Compare:
    """`assert_alike(root, time_zone, without_raw_record=())`: both engines read and validate the landed files alike.

    Returns what they read. Rows of the return_ids in `without_raw_record` are compared without it.
    """
    assert engine_name == "spark", "run with ENGINE=spark"

    def alike(root: Path, time_zone: str, without_raw_record: frozenset[str] = frozenset()) -> Read:
        with open_bench(root, time_zone=time_zone) as bench:
            ours = read_and_validate(bench.engine, root)
        paths = LakePaths.at(str(root))
        embedded = DuckDBEngine(DeltaTables(paths), paths, time_zone, "500MB", tmp_path)
        with on_engine("embedded"), closing(embedded):
            theirs = read_and_validate(embedded, root)
        assert ours.problems == theirs.problems, REMEDY
        assert_same(ours.records, theirs.records, f"records, {time_zone}")
        for row in (*ours.validated, *theirs.validated):
            if row["return_id"] in without_raw_record:
                row["raw_record"] = None
        assert_same(ours.validated, theirs.validated, f"validated rows, {time_zone}")
        return ours

    return alike


def assert_same(spark: Rows, embedded: Rows, what: str) -> None:
    ours, theirs = Counter(map(_flat, spark)), Counter(map(_flat, embedded))
    if ours != theirs:
        only_ours, only_theirs = (
            sorted((one - two).elements(), key=repr) for one, two in ((ours, theirs), (theirs, ours))
        )
        shown = [_difference(*pair) for pair in zip_longest(only_ours, only_theirs, fillvalue=())]
        pytest.fail(f"{what}: {len(shown)} differ; {REMEDY}\n" + "\n".join(shown[:20]), pytrace=False)


def _flat(row: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in row.items())


def _difference(spark: tuple[tuple[str, Any], ...], embedded: tuple[tuple[str, Any], ...]) -> str:
    ours, theirs = dict(spark), dict(embedded)
    fields = [f"{name}: spark {ours.get(name)!r}, embedded {theirs.get(name)!r}" for name in ours | theirs]
    differing = [field for field, name in zip(fields, ours | theirs) if ours.get(name) != theirs.get(name)]
    return "; ".join([*differing, f"in {ours or theirs}"])


# Values ---------------------------------------------------------------------------------------------------------------


def land_typed(path: Path, types: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Land rows of typed values as Parquet. Returns the return_ids of those whose doubles Java 17 writes at length.

    Of a double of 10^16 and more, or below 10^-4, Java 17 may print more digits than tell it from its neighbours; Java
    19 and the others do not. The great are no amounts and the small are 0.00 however they are written, so only the raw
    record of a rejected row may show it.
    """
    arrays = {}
    for name in COLUMNS:
        arrow_type = TYPES[types.get(name, "string")][0]
        values = [row[name] for row in rows]
        if pa.types.is_date(arrow_type) or pa.types.is_timestamp(arrow_type):
            storage = pa.array(values, pa.int32() if pa.types.is_date(arrow_type) else pa.int64())
            arrays[name] = storage.cast(arrow_type)
        else:
            arrays[name] = pa.array(values, arrow_type)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(arrays), path)
    return frozenset(
        row["return_id"]
        for row in rows
        if any(isinstance(value, float) and not (1e-4 <= abs(value) < 1e16) for value in row.values())
    )


def numbered(rows: Sequence[dict[str, Any]], name: Callable[[int], str]) -> list[dict[str, Any]]:
    """The rows with their number as the value of one column, so that a row that differs can be found."""
    return [{**row, name(number): f"R-{number}"} for number, row in enumerate(rows)]


@pytest.mark.parametrize("time_zone", mostly_full(ZONES, 1))
def test_validate_hostile_text_gives_the_same_rows(tmp_path: Path, assert_alike: Compare, time_zone: str) -> None:
    found = examples_of(text_records(), -(-EXAMPLES // len(ZONES)), series=ZONES.index(time_zone))
    for start in range(0, len(found), ROWS_AT_ONCE):
        root = tmp_path / str(start)
        rows = numbered(found[start : start + ROWS_AT_ONCE], lambda number: ("return_id", "customer_id")[number % 2])
        land_typed(root / LANDED / "text.parquet", {}, rows)

        assert len(assert_alike(root, time_zone).validated) == len(rows)
        shutil.rmtree(root)


@pytest.mark.parametrize("time_zone", mostly_full(ZONES, 1))
def test_validate_hostile_typed_values_gives_the_same_rows(
    tmp_path: Path, assert_alike: Compare, time_zone: str
) -> None:
    long_in_java: frozenset[str] = frozenset()
    rows_landed = 0
    for number in range(ZONES.index(time_zone), len(SHAPES), len(ZONES)):
        rows = examples_of(typed_records(SHAPES[number]), -(-EXAMPLES // len(SHAPES)), series=number)
        rows = [{**row, "return_id": f"R-{number}-{place}"} for place, row in enumerate(rows)]
        long_in_java |= land_typed(tmp_path / LANDED / f"{number}.parquet", SHAPES[number], rows)
        rows_landed += len(rows)

    assert len(assert_alike(tmp_path, time_zone, long_in_java).validated) == rows_landed


# Lines ----------------------------------------------------------------------------------------------------------------


def land_lines(root: Path, name: str, lines: Sequence[bytes], header: bytes = b"") -> None:
    """Land lines in files of a few: a line that makes a file one that cannot be taken takes no more with it."""
    number, suffix = name.split(".")
    for start in range(0, len(lines), LINES_IN_A_FILE):
        write_bytes(
            root / LANDED / f"{number}-{start}.{suffix}", header + b"".join(lines[start : start + LINES_IN_A_FILE])
        )


def assert_most_is_read(read: Read, lines: int) -> None:
    assert len(read.validated) == len(read.records) > lines / 2
    assert {record["is_corrupt"] for record in read.records} == {True, False}
    assert read.problems


def test_read_landed_hostile_json_lines_gives_the_same_records(tmp_path: Path, assert_alike: Compare) -> None:
    lines = examples_of(JSON_LINES, EXAMPLES // 2)
    land_lines(tmp_path, "0.jsonl", lines)
    assert_most_is_read(assert_alike(tmp_path, "Europe/Berlin"), len(lines))


def test_read_landed_hostile_csv_lines_gives_the_same_records(tmp_path: Path, assert_alike: Compare) -> None:
    rows_landed = 0
    for number, header in enumerate(CSV_HEADERS):
        lines = examples_of(csv_lines(header), EXAMPLES // 2 // len(CSV_HEADERS), series=number)
        land_lines(tmp_path, f"{number}.csv", lines, header + b"\n")
        rows_landed += len(lines)
    assert_most_is_read(assert_alike(tmp_path, "Europe/Berlin"), rows_landed)


# Cases found before ---------------------------------------------------------------------------------------------------

# How a value that is no text stands in parity_cases.json: as text too.
VALUE_OF: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("float", "double"), float),
    "decimal": Decimal,
    **dict.fromkeys(("date", "timestamp_us", "timestamp_ms", "local_us", "local_ms"), int),
}


@pytest.mark.parametrize("time_zone", sorted({case["time_zone"] for case in CASES["values"]}))
def test_validate_cases_found_before_give_the_same_rows(tmp_path: Path, assert_alike: Compare, time_zone: str) -> None:
    long_in_java: frozenset[str] = frozenset()
    rows_landed = 0
    for number, case in enumerate(case for case in CASES["values"] if case["time_zone"] == time_zone):
        values = [VALUE_OF.get(case["type"].partition("(")[0], str)(value) for value in case["values"]]
        # Each twice: as it is, and in a row that is rejected in any case, so that its raw record is seen too.
        rows = [{**USUAL, "sku": sku, case["column"]: value} for value in values for sku in ("MUG", None)]
        rows = [{**row, "return_id": f"R-{number}-{place}"} for place, row in enumerate(rows)]
        place = tmp_path / LANDED / f"{number}.parquet"
        long_in_java |= land_typed(place, {case["column"]: case["type"]}, rows)
        rows_landed += len(rows)

    assert len(assert_alike(tmp_path, time_zone, long_in_java).validated) == rows_landed


def test_read_landed_cases_found_before_give_the_same_records(tmp_path: Path, assert_alike: Compare) -> None:
    for number, case in enumerate(CASES["files"]):
        write_bytes(tmp_path / LANDED / str(number) / case["name"], case["bytes"].encode("latin-1"))

    read = assert_alike(tmp_path, "UTC")

    found = Counter(record["source_file"] for record in read.records)
    expected = {f"{LANDED}/{number}/{case['name']}": case["records"] for number, case in enumerate(CASES["files"])}
    assert found == Counter(expected)  # none of a file that cannot be taken
    assert read.problems.keys() == {path for path, records in expected.items() if records == 0}
