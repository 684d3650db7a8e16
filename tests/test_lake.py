"""The lake on tiny files and tables: what is read, what is written, what is refused."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from conftest import LakeBench
from pyspark_interview_project.engines.base import Delivery
from pyspark_interview_project.errors import ConfigurationError, UnreadableBatchError, VerificationError
from pyspark_interview_project.schemas.returns_raw import DELIVERED_NAMES, RAW_NAMES
from pyspark_interview_project.schemas.tables import GOLD_BY_SKU_REASON, GOLD_TABLES, QUARANTINE, SILVER, TABLES
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.storage.commits import CommitMetadata, TableCommit, Written
from pyspark_interview_project.storage.delta_writes import Merge
from running import QUARANTINE_COLUMNS, SILVER_COLUMNS, screened_files

OpenBench = Callable[..., AbstractContextManager[LakeBench]]

pytestmark = pytest.mark.spark

TEXT = ", ".join(
    [
        *(f"{name} string" for name in DELIVERED_NAMES),
        "raw_record string, is_corrupt boolean, source_file string, source_record bigint",
    ]
)
GOLD_COLUMNS = "sku string, reason string, return_count bigint, total_qty bigint, total_amount decimal(38,2)"
NOTE = CommitMetadata("run-1", "bronze_to_silver", "B1")
TYPED_KINDS = {
    **dict.fromkeys(RAW_NAMES, "text"),
    "qty": "integer",
    "amount": "double",
    "return_date": "date",
    "ingest_ts": "timestamp",
}
CSV_HEADER = "return_id,order_id,sku,qty,amount,return_date"


# Landed files --------------------------------------------------------------------------------------------------------


def land(bench: LakeBench, name: str, content: bytes | str | dict[str, Any]) -> str:
    """Land a text file, or a Parquet file of Arrow arrays; return its path relative to the root of the lake."""
    path = bench.root / "bronze" / "returns_raw" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        pq.write_table(pa.table(content), path)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return f"bronze/returns_raw/{name}"


def landed(bench: LakeBench) -> list[LandedFile]:
    return screened_files(bench.root, date(2026, 3, 10))


def delivered(bench: LakeBench) -> list[Delivery]:
    return bench.engine.read_landed(landed(bench), {})


def text_of(bench: LakeBench) -> Any:
    """What landed as text, staged."""
    [delivery] = delivered(bench)
    assert delivery.kinds == dict.fromkeys(RAW_NAMES, "text")
    return bench.engine.materialize(delivery.frame)


def text_row(raw: str, path: str, number: int, is_corrupt: bool = False, **values: str) -> tuple[Any, ...]:
    return (*({**dict.fromkeys(DELIVERED_NAMES), **values}.values()), raw, is_corrupt, path, number)


def corrupt_rows(records: list[str], path: str) -> list[tuple[Any, ...]]:
    return [text_row(record, path, number, is_corrupt=True) for number, record in enumerate(records, 1)]


def parquet_columns(**changes: Any) -> dict[str, Any]:
    """The Arrow arrays of one typed return."""
    columns = {
        "return_id": pa.array(["R1"]),
        "order_id": pa.array(["O1"]),
        "customer_id": pa.array([None], pa.string()),
        "sku": pa.array(["mug"]),
        "reason": pa.array(["late"]),
        "qty": pa.array([2], pa.int32()),
        "amount": pa.array([1.5]),
        "return_date": pa.array([date(2026, 1, 5)]),
        "ingest_ts": pa.array([1_767_608_430_000_001], pa.timestamp("us", "UTC")),
    }
    return {name: array for name, array in (columns | changes).items() if array is not None}


def typed_record(path: str, **changes: Any) -> dict[str, Any]:
    """What parquet_columns() deliver, as values."""
    return {
        "return_id": "R1",
        "order_id": "O1",
        "customer_id": None,
        "sku": "mug",
        "reason": "late",
        "qty": 2,
        "amount": 1.5,
        "return_date": date(2026, 1, 5),
        "ingest_ts": datetime(2026, 1, 5, 10, 20, 30, 1, UTC),
        "currency": None,
        **changes,
        "source_file": path,
        "source_record": 1,
    }


def typed_records(bench: LakeBench) -> list[dict[str, Any]]:
    """What landed as Parquet of one kind, staged; in the order of the files."""
    records = []
    for delivery in delivered(bench):
        assert delivery.kinds == TYPED_KINDS
        records += bench.engine.collect(bench.engine.materialize(delivery.frame))
    return sorted(records, key=lambda record: str(record["source_file"]))


def test_read_landed_nothing_delivers_nothing(bench: LakeBench) -> None:
    assert bench.engine.read_landed([], {}) == []


def test_read_landed_json_lines_are_text_as_delivered(bench: LakeBench) -> None:
    line = '{"qty": 2.0, "return_id": " R1 ", "amount": 1.10, "reason": null, "sku": true, "note": {"x": [1]}}'
    path = land(bench, "a.jsonl", f"{line}\r\n\n")
    expected = text_row(line, path, 1, return_id=" R1 ", sku="true", qty="2.0", amount="1.10")
    bench.assert_frame(text_of(bench), TEXT, [expected])


def test_read_landed_json_lines_that_are_broken_are_kept_as_corrupt(bench: LakeBench) -> None:
    lines = ['{"return_id": "R1"', '["R1"]', '{"return_id": "R1", "sku": [2]}', '{"return_id": {"x": 1}}', "text"]
    path = land(bench, "a.json", "\n".join(lines))
    bench.assert_frame(text_of(bench), TEXT, corrupt_rows(lines, path))


@pytest.mark.parametrize(
    "content",
    [
        '{"return_id": "R1"} {"return_id": "R2"}\n',
        '{\n "return_id": "R1"\n}\n{\n "return_id": "R2"\n}',
        '[{"return_id": "R1"},\n {"return_id": "R2"}]',
    ],
    ids=["one behind the other", "pretty-printed", "array"],
)
def test_read_landed_json_of_any_layout_has_its_objects(bench: LakeBench, content: str) -> None:
    path = land(bench, "a.json", content)
    records = bench.engine.collect(text_of(bench))
    assert [(row["return_id"], row["source_record"]) for row in records] == [("R1", 1), ("R2", 2)]
    assert bench.engine.rows_delivered() == {path: 2}


def test_read_landed_csv_columns_go_by_their_names(bench: LakeBench) -> None:
    path = land(bench, "a.csv", "\ufeffqty,note,return_date,amount,sku,order_id,return_id\r\n2,x,d,1,s,o,r\r\n")
    expected = text_row(
        "2,x,d,1,s,o,r", path, 1, qty="2", return_date="d", amount="1", sku="s", order_id="o", return_id="r"
    )
    bench.assert_frame(text_of(bench), TEXT, [expected])


def test_read_landed_csv_records_that_are_broken_are_kept_as_corrupt(bench: LakeBench) -> None:
    records = ["R1,O1", 'R1,O1,"s"s,2,1,d', 'R1,O1,"s\nR2,O2"s,2,1,d', "R1,O1,s,2,1,d,more"]
    path = land(bench, "a.csv", "\n".join([CSV_HEADER, *records]))
    bench.assert_frame(text_of(bench), TEXT, corrupt_rows(records, path))


def test_read_landed_csv_field_in_quotes_holds_line_breaks(bench: LakeBench) -> None:
    record = 'R1,O1,"s\r\nR2,O2,s",2,1,d'
    path = land(bench, "a.csv", f"{CSV_HEADER}\r\n{record}\r\nR3,O3,s,NULL,,d\r\n")
    good = {"sku": "s\r\nR2,O2,s", "qty": "2", "amount": "1", "return_date": "d"}
    expected = [
        text_row(record, path, 1, return_id="R1", order_id="O1", **good),
        text_row("R3,O3,s,NULL,,d", path, 2, return_id="R3", order_id="O3", sku="s", amount="", return_date="d"),
    ]
    bench.assert_frame(text_of(bench), TEXT, expected)


def test_read_landed_csv_header_that_stands_again_is_no_record(bench: LakeBench) -> None:
    path = land(bench, "a.csv", f"{CSV_HEADER}\nR1,O1,s,2,1,d\n{CSV_HEADER}\n")
    good = dict(zip(CSV_HEADER.split(","), ("R1", "O1", "s", "2", "1", "d")))
    bench.assert_frame(text_of(bench), TEXT, [text_row("R1,O1,s,2,1,d", path, 1, **good)])
    assert bench.engine.rows_delivered() == {path: 1}


@pytest.mark.parametrize("content", [CSV_HEADER, f"{CSV_HEADER}\n\n"])
def test_read_landed_csv_of_a_header_alone_has_no_records(bench: LakeBench, content: str) -> None:
    path = land(bench, "a.csv", content)
    bench.assert_frame(text_of(bench), TEXT, [])
    assert bench.engine.rows_delivered() == {path: 0}


def test_read_landed_csv_names_of_columns_match_in_any_case_and_with_blanks(bench: LakeBench) -> None:
    path = land(bench, "a.csv", "Return ID,ORDER-ID, sku ,Qty,amount,return_date\nR1,O1,s,2,1,d\n")
    good = dict(zip(CSV_HEADER.split(","), ("R1", "O1", "s", "2", "1", "d")))
    bench.assert_frame(text_of(bench), TEXT, [text_row("R1,O1,s,2,1,d", path, 1, **good)])


def test_read_landed_text_of_several_files_and_formats_is_one_delivery(bench: LakeBench) -> None:
    good = dict(zip(CSV_HEADER.split(","), ("R1", "O1", "s", "2", "1", "d")))
    zipped = land(bench, "x/a.csv.gz", gzip.compress(f"{CSV_HEADER}\nR1,O1,s,2,1,d\n".encode()))
    other = land(bench, "b.csv", "return_date,amount,qty,sku,order_id,return_id\nd,1,2,s,O1,R1\n")
    lines = land(bench, "c.ndjson", '{"return_id": "R1"}\n{"return_id": "R2"}')
    expected = [
        text_row("R1,O1,s,2,1,d", zipped, 1, **good),
        text_row("d,1,2,s,O1,R1", other, 1, **good),
        text_row('{"return_id": "R1"}', lines, 1, return_id="R1"),
        text_row('{"return_id": "R2"}', lines, 2, return_id="R2"),
    ]
    bench.assert_frame(text_of(bench), TEXT, expected)
    assert bench.engine.rows_delivered() == {zipped: 1, other: 1, lines: 2}


@pytest.mark.parametrize("name", ["a.jsonl.gz", "Permission denied.jsonl.gz"])
def test_read_landed_gzip_file_cut_short_since_it_was_planned_is_named_when_it_is_read(
    bench: LakeBench, name: str
) -> None:
    content = gzip.compress(b'{"return_id": "R1"}\n' * 100)
    path = land(bench, name, content)
    land(bench, "good.jsonl", '{"return_id": "R2"}\n')
    planned = landed(bench)
    land(bench, name, content[:-9])
    with pytest.raises(UnreadableBatchError) as raised:
        [delivery] = bench.engine.read_landed(planned, {})
        bench.engine.materialize(delivery.frame)
    assert {path: error.may_pass for path, error in raised.value.problems.items()} == {path: False}


def test_read_landed_columns_that_are_none_of_ours_are_told_of_by_file(bench: LakeBench) -> None:
    lines = land(bench, "a.jsonl", '{"return_id": "R1", "note": 1}\n{"Qty": 2, "note": 3}\n')
    table = land(bench, "b.csv", f"{CSV_HEADER},colour\n")
    typed = land(bench, "c.parquet", parquet_columns(shop=pa.array([1])))
    land(bench, "d.jsonl", '{"return_id": "R1"}\n')
    bench.engine.materialize(delivered(bench)[0].frame)
    assert bench.engine.unknown_columns == {lines: ("note",), table: ("colour",), typed: ("shop",)}


def test_read_landed_parquet_keeps_its_values(bench: LakeBench) -> None:
    path = land(bench, "a.parquet", parquet_columns())
    assert typed_records(bench) == [typed_record(path)]
    assert bench.engine.rows_delivered() == {path: 1}


def test_read_landed_parquet_without_an_optional_column_has_nulls_there(bench: LakeBench) -> None:
    path = land(bench, "a.parquet", parquet_columns(reason=None))
    assert typed_records(bench) == [typed_record(path, reason=None)]


def test_read_landed_parquet_of_the_same_kinds_is_read_by_the_names_of_its_columns(bench: LakeBench) -> None:
    one = land(bench, "a.parquet", parquet_columns(note=pa.array(["x"])))
    other = land(bench, "b.parquet", dict(reversed(parquet_columns(sku=pa.array(["lamp"])).items())))
    assert typed_records(bench) == [typed_record(one), typed_record(other, sku="lamp")]


@pytest.mark.parametrize(
    ("column", "arrays", "values"),
    [
        ("qty", [pa.array([2], pa.int32()), pa.array([2**31], pa.int64())], [2, 2**31]),
        ("qty", [pa.array([2], pa.uint8()), pa.array([-3], pa.int16())], [2, -3]),
        ("return_id", [pa.array(["R1"]), pa.array(["R2"], pa.large_string())], ["R1", "R2"]),
        ("sku", [pa.array(["mug"]), pa.array(["lamp"]).dictionary_encode()], ["mug", "lamp"]),
        (
            "ingest_ts",
            [pa.array([1], pa.timestamp("ms", "UTC")), pa.array([1], pa.timestamp("us", "Asia/Tokyo"))],
            [datetime(1970, 1, 1, 0, 0, 0, 1000, UTC), datetime(1970, 1, 1, 0, 0, 0, 1, UTC)],
        ),
    ],
    ids=["wider integers", "unsigned and signed", "large text", "dictionary", "finer times"],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_read_landed_parquet_of_one_kind_in_several_types_keeps_every_value(
    bench: LakeBench, column: str, arrays: list[Any], values: list[Any], backwards: bool
) -> None:
    names = ("b.parquet", "a.parquet") if backwards else ("a.parquet", "b.parquet")
    paths = [land(bench, name, parquet_columns(**{column: array})) for name, array in zip(names, arrays)]
    expected = [typed_record(path, **{column: value}) for path, value in zip(paths, values)]
    assert typed_records(bench) == sorted(expected, key=lambda record: str(record["source_file"]))


@pytest.mark.parametrize("backwards", [False, True])
def test_read_landed_parquet_decimals_of_several_scales_keep_every_digit(bench: LakeBench, backwards: bool) -> None:
    names = ("b.parquet", "a.parquet") if backwards else ("a.parquet", "b.parquet")
    amounts = [Decimal("1"), Decimal("123456789012.3450")]
    types = [pa.decimal128(5, 0), pa.decimal128(20, 4)]
    paths = [
        land(bench, name, parquet_columns(amount=pa.array([amount], type_)))
        for name, amount, type_ in zip(names, amounts, types)
    ]
    found = {
        record["source_file"]: record["amount"]
        for delivery in delivered(bench)
        for record in bench.engine.collect(bench.engine.materialize(delivery.frame))
    }
    assert found == dict(zip(paths, amounts))


@pytest.mark.parametrize("other", ["filename", "source_file", "raw_record", "is_corrupt", "x y\"z'"])
@pytest.mark.parametrize("is_first", [False, True])
def test_read_landed_parquet_column_of_another_name_is_never_taken_for_ours(
    bench: LakeBench, other: str, is_first: bool
) -> None:
    foreign = {other: pa.array([99])}
    path = land(bench, "a.parquet", {**foreign, **parquet_columns()} if is_first else {**parquet_columns(), **foreign})
    assert typed_records(bench) == [typed_record(path)]
    assert bench.engine.unknown_columns == {path: (other,)}


def test_read_landed_parquet_of_other_kinds_is_a_delivery_of_its_own(bench: LakeBench) -> None:
    land(bench, "a.parquet", parquet_columns())
    land(bench, "b.parquet", parquet_columns(amount=pa.array(["1.5"])))
    assert sorted(delivery.kinds["amount"] for delivery in delivered(bench)) == ["double", "text"]


def test_read_landed_parquet_directory_that_looks_like_a_partition_adds_nothing(bench: LakeBench) -> None:
    path = land(bench, "qty=7/dt=2026-01-01/a.parquet", parquet_columns())
    assert typed_records(bench) == [typed_record(path)]


ODD_NAMES = [
    "a b",
    "d'e",
    'q"uote',
    "[x]",
    "*",
    "?",
    "50%20",
    "#1",
    "é😀",
    "a\\b",
    "semi;colon",
    "{x,y}",
    "$HOME",
    "=1",
]


def test_read_landed_files_with_odd_names_are_read_and_named(bench: LakeBench) -> None:
    lines = [land(bench, f"{odd}/{odd}.jsonl", '{"return_id": "R1"}') for odd in ODD_NAMES]
    tables = [land(bench, f"{odd}/{odd}.csv", f"{CSV_HEADER}\n") for odd in ODD_NAMES]
    typed = [land(bench, f"{odd}/{odd}.parquet", parquet_columns()) for odd in ODD_NAMES]
    texts, parquet = delivered(bench)
    expected = [text_row('{"return_id": "R1"}', path, 1, return_id="R1") for path in lines]
    bench.assert_frame(texts.frame, TEXT, expected)
    found = {record["source_file"]: record for record in bench.engine.collect(parquet.frame)}
    assert found == {path: typed_record(path) for path in typed}
    counts = {**dict.fromkeys(lines, 1), **dict.fromkeys(tables, 0), **dict.fromkeys(typed, 1)}
    assert bench.engine.rows_delivered() == counts


def test_read_landed_name_with_a_pattern_reads_no_other_file(bench: LakeBench) -> None:
    land(bench, "a[bc]*.parquet", parquet_columns())
    land(bench, "ab1.parquet", parquet_columns(return_id=pa.array(["other"])))
    [file] = [file for file in landed(bench) if "[" in file.path]
    [delivery] = bench.engine.read_landed([file], {})
    assert bench.engine.collect(delivery.frame) == [typed_record(file.path)]


def test_stage_frames_of_the_same_columns_are_one_that_can_be_read_again(bench: LakeBench) -> None:
    one, other = bench.frame_of([("a", 1)], "x string, n int"), bench.frame_of([("b", None)], "x string, n int")
    staged = bench.engine.materialize(one, other)
    for _ in range(2):
        bench.assert_frame(staged, "x string, n int", [("a", 1), ("b", None)])


def test_collect_gives_the_rows_as_dictionaries(bench: LakeBench) -> None:
    frame = bench.frame_of([("a", date(2026, 1, 5))], "x string, day date")
    assert bench.engine.collect(frame) == [{"x": "a", "day": date(2026, 1, 5)}]


# Tables --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@pytest.fixture
def tables(bench: LakeBench, made_once: Path) -> LakeBench:
    """A lake whose tables are there and empty. They are made by the first test and copied for the others."""
    made = made_once / "lake"
    if not made.exists():
        bench.engine.ensure_tables()
        shutil.copytree(bench.root, made)
    else:
        shutil.copytree(made, bench.root, dirs_exist_ok=True)
    return bench


def silver_row(return_id: str = "R1", batch_id: str = "B1", **changes: Any) -> tuple[Any, ...]:
    values = {
        "return_id": return_id,
        "order_id": "O1",
        "customer_id": None,
        "sku": "MUG",
        "reason": "late",
        "qty": 2,
        "amount": "1.50",
        "return_date": "2026-01-05",
        "ingest_ts": "2026-01-05T10:20:30.000001",
        "batch_id": batch_id,
        "source_file": "bronze/returns_raw/ß.csv",
        "source_record": 7,
    }
    return tuple((values | changes).values())


def silver_frame(bench: LakeBench, *rows: tuple[Any, ...]) -> Any:
    return bench.frame_of(rows, SILVER_COLUMNS)


def put(
    bench: LakeBench, *rows: tuple[Any, ...], metadata: CommitMetadata, replacing: Mapping[str, str] | None = None
) -> Written:
    """Upsert rows into silver. `replacing`: the return_ids that silver has, each with the date it has them under."""
    old = replacing or {}
    outcomes = [("updated", old[row[0]]) if row[0] in old else ("inserted", None) for row in rows]
    frame = bench.frame_of(
        [(*row, *outcome) for row, outcome in zip(rows, outcomes)],
        f"{SILVER_COLUMNS}, outcome string, silver_return_date date",
    )
    expected = Written(None, inserted=len(rows) - len(old), updated=len(old))
    return bench.engine.upsert(SILVER, frame, metadata, expected)


def quarantined_row(key: str, batch_id: str) -> tuple[Any, ...]:
    at = "2026-03-10T12:00:00.000001"
    return (key, None, None, "raw 'ß", ["sku_missing", "qty_invalid"], "f", 7, batch_id, at, 1)


def quarantine_frame(bench: LakeBench, *rows: tuple[Any, ...]) -> Any:
    return bench.frame_of(rows, QUARANTINE_COLUMNS)


def note(batch_id: str, **facts: int | str) -> CommitMetadata:
    return CommitMetadata("run-1", "bronze_to_silver", batch_id, facts)


def version(bench: LakeBench, table: Any = SILVER) -> int:
    found = bench.tables.version(table)
    assert found is not None
    return found


def test_version_of_a_table_that_is_not_there_is_none(bench: LakeBench) -> None:
    assert [bench.tables.version(table) for table in TABLES] == [None] * len(TABLES)


def test_ensure_tables_makes_every_table_empty_and_as_its_contract_says(bench: LakeBench) -> None:
    bench.engine.ensure_tables()
    bench.assert_frame(bench.engine.read(SILVER), SILVER_COLUMNS, [])
    bench.assert_frame(bench.engine.read(QUARANTINE), QUARANTINE_COLUMNS, [])
    bench.assert_frame(bench.engine.read(GOLD_BY_SKU_REASON), GOLD_COLUMNS, [])
    assert [bench.tables.facts(table).rows for table in TABLES] == [0] * len(TABLES)


def test_ensure_tables_again_changes_nothing(tables: LakeBench) -> None:
    before = [tables.tables.version(table) for table in TABLES]
    tables.engine.ensure_tables()
    assert [tables.tables.version(table) for table in TABLES] == before


def test_ensure_tables_set_what_both_engines_need(tables: LakeBench) -> None:
    for table in TABLES:
        log = (tables.root / table.place / "_delta_log" / f"{0:020d}.json").read_text()
        [metadata] = [json.loads(line)["metaData"] for line in log.splitlines() if "metaData" in line]
        assert metadata["configuration"]["delta.enableChangeDataFeed"] == "true"
        assert metadata["configuration"]["delta.enableDeletionVectors"] == "false"
        assert metadata["configuration"]["delta.columnMapping.mode"] == "none"
        assert metadata["partitionColumns"] == list(table.partition_by)


def test_upsert_of_new_rows_they_are_there_with_version_metadata_and_facts(tables: LakeBench) -> None:
    before = version(tables)
    rows = [silver_row(), silver_row("R2", customer_id="C1", return_date="2024-02-29", ingest_ts=None)]
    assert put(tables, *rows, metadata=NOTE) == Written(before + 1, inserted=2)
    tables.assert_frame(tables.engine.read(SILVER), SILVER_COLUMNS, rows)
    facts = tables.tables.facts(SILVER)
    files = [*(tables.root / "silver" / "returns").glob("return_date=*/*.parquet")]
    assert (facts.version, facts.rows, facts.bytes) == (before + 1, 2, sum(file.stat().st_size for file in files))
    expected = {"run_id": "run-1", "stage": "bronze_to_silver", "batch_id": "B1"}
    newest = next(tables.tables.commits(SILVER))
    assert newest == TableCommit(before + 1, expected, "WRITE", keeps_rows=False, undone=False)


def test_upsert_of_new_rows_into_a_table_with_rows_adds_them(tables: LakeBench) -> None:
    put(tables, silver_row("R1"), metadata=note("B1"))
    assert put(tables, silver_row("R2", "B2"), metadata=note("B2")) == Written(version(tables), inserted=1)
    tables.assert_frame(tables.engine.read(SILVER), SILVER_COLUMNS, [silver_row("R1"), silver_row("R2", "B2")])


def test_upsert_of_a_batch_that_another_writer_committed_first_adds_no_row(tables: LakeBench) -> None:
    put(tables, silver_row("R1", "B0"), metadata=note("B0"))
    late = DeltaTable(str(tables.root / "silver" / "returns"))
    metadata = {"userMetadata": json.dumps(note("B1").as_record())}
    write_deltalake(
        late,
        late.to_pyarrow_table(),
        mode="append",
        commit_properties=CommitProperties(custom_metadata=metadata, app_transactions=[Transaction("B1", 1)]),
    )
    assert put(tables, silver_row("R2", "B1"), metadata=note("B1")) == Written(None, inserted=1)
    tables.assert_frame(tables.engine.read(SILVER), SILVER_COLUMNS, [silver_row("R1", "B0")] * 2)


def test_upsert_of_no_rows_makes_no_commit(tables: LakeBench) -> None:
    before = version(tables)
    assert put(tables, metadata=NOTE) == Written(None)
    assert version(tables) == before


@pytest.mark.parametrize(
    "changes", [{"qty": 0}, {"amount": "-0.01"}, {"sku": None}, {"order_id": None}, {"reason": None}, {"qty": None}]
)
def test_upsert_of_rows_that_break_the_contract_is_refused_and_changes_nothing(
    tables: LakeBench, changes: dict[str, Any]
) -> None:
    before = version(tables)
    with pytest.raises(Exception, match="(?i)constraint|invariant|null|validation"):
        put(tables, silver_row("R2"), silver_row(**changes), metadata=NOTE)
    assert (version(tables), tables.tables.facts(SILVER).rows) == (before, 0)


def test_upsert_of_rows_that_break_a_constraint_of_others_is_refused_and_changes_nothing(tables: LakeBench) -> None:
    DeltaTable(tables.root / SILVER.place).alter.add_constraint({"at_most_nine": "qty < 10"})
    before = version(tables)
    with pytest.raises(Exception, match="at_most_nine"):
        put(tables, silver_row("R2"), silver_row("R3", qty=60), metadata=NOTE)
    assert (version(tables), tables.tables.facts(SILVER).rows) == (before, 0)
    assert put(tables, silver_row("R2"), metadata=note("B2")).inserted == 1


def test_upsert_of_rows_at_the_edge_of_the_contract_is_taken(tables: LakeBench) -> None:
    row = silver_row(qty=1, amount="0.00", customer_id=None, ingest_ts=None)
    assert put(tables, row, metadata=NOTE).inserted == 1


def test_read_older_version_is_as_it_was(tables: LakeBench) -> None:
    first = put(tables, silver_row(), metadata=NOTE).version
    put(tables, silver_row("R2"), metadata=note("B2"))
    tables.assert_frame(tables.engine.read(SILVER, first), SILVER_COLUMNS, [silver_row()])
    assert (tables.tables.facts(SILVER, first).rows, tables.tables.facts(SILVER).rows) == (1, 2)


DAY = "2026-01-05"


def test_upsert_replaces_what_it_knows_and_adds_the_rest_in_one_commit(tables: LakeBench) -> None:
    put(tables, silver_row("R1"), silver_row("R2"), silver_row("R9", return_date="2026-02-01"), metadata=note("B1"))
    before = version(tables)
    untouched = {file.path for file in tables.tables.files(SILVER) if file.partition["return_date"] == "2026-02-01"}
    rows = [silver_row("R2", "B2", qty=9), silver_row("R3", "B2")]
    written = put(tables, *rows, metadata=note("B2"), replacing={"R2": DAY})
    assert written == Written(before + 1, inserted=1, updated=1)
    kept = [silver_row("R1"), silver_row("R9", return_date="2026-02-01")]
    tables.assert_frame(tables.engine.read(SILVER), SILVER_COLUMNS, [*kept, *rows])
    assert untouched <= {file.path for file in tables.tables.files(SILVER)}
    newest = next(tables.tables.commits(SILVER))
    expected = {"run_id": "run-1", "stage": "bronze_to_silver", "batch_id": "B2"}
    assert (newest.version, newest.metadata, newest.keeps_rows) == (before + 1, expected, False)


def test_upsert_of_a_correction_of_the_date_moves_the_row_to_another_partition(tables: LakeBench) -> None:
    put(tables, silver_row(), silver_row("R2"), metadata=note("B1"))
    moved = silver_row("R1", "B2", return_date="2026-02-28")
    written = put(tables, moved, metadata=note("B2"), replacing={"R1": DAY})
    assert (written.inserted, written.updated) == (0, 1)
    tables.assert_frame(tables.engine.read(SILVER), SILVER_COLUMNS, [moved, silver_row("R2")])


def test_upsert_of_other_rows_than_expected_is_refused(tables: LakeBench) -> None:
    put(tables, silver_row("R1"), metadata=note("B1"))
    with pytest.raises(VerificationError) as refused:
        put(tables, silver_row("R7", "B2"), metadata=note("B2"), replacing={"R7": DAY})  # silver has no R7
    assert refused.value.subject == "silver/returns"


def test_merge_with_a_condition_of_deletion_deletes_such_rows(tables: LakeBench) -> None:
    gold = [("MUG", "late", 2, 3, "1.00"), ("LAMP", "late", 1, 1, "2.00"), ("TENT", "late", 1, 1, "4.00")]
    tables.engine.overwrite(GOLD_BY_SKU_REASON, tables.frame_of(gold, GOLD_COLUMNS), note("B1"))
    changed = [
        ("MUG", "late", 3, 4, "1.50"),
        ("LAMP", "late", 0, 0, "0.00"),
        ("NEW", "late", 1, 1, "8.00"),
    ]
    how = Merge(keys=("sku", "reason"), delete_when="source.return_count = 0")
    written = tables.engine.merge(GOLD_BY_SKU_REASON, tables.frame_of(changed, GOLD_COLUMNS), note("B2"), how)
    assert (written.inserted, written.updated, written.deleted) == (1, 1, 1)
    tables.assert_frame(tables.engine.read(GOLD_BY_SKU_REASON), GOLD_COLUMNS, [changed[0], changed[2], gold[2]])


def test_replace_batch_twice_leaves_the_rows_of_the_batch_once(tables: LakeBench) -> None:
    other = quarantined_row("Q9", "B0")
    tables.engine.replace_batch(QUARANTINE, quarantine_frame(tables, other), note("B0"))
    rows = [quarantined_row("Q1", "B1"), quarantined_row("Q2", "B1")]
    for _ in range(2):
        written = tables.engine.replace_batch(QUARANTINE, quarantine_frame(tables, *rows), note("B1"))
        assert (written.version, written.inserted) == (version(tables, QUARANTINE), 2)
    tables.assert_frame(tables.engine.read(QUARANTINE), QUARANTINE_COLUMNS, [other, *rows])


@pytest.mark.parametrize("rows", [None, ()], ids=["none", "empty"])
def test_replace_batch_by_nothing_removes_the_rows_of_the_batch(tables: LakeBench, rows: tuple[()] | None) -> None:
    kept, removed = quarantined_row("Q1", "B1"), quarantined_row("Q2", "B2")
    tables.engine.replace_batch(QUARANTINE, quarantine_frame(tables, kept), note("B1"))
    tables.engine.replace_batch(QUARANTINE, quarantine_frame(tables, removed), note("B2"))
    nothing = None if rows is None else quarantine_frame(tables)
    written = tables.engine.replace_batch(QUARANTINE, nothing, note("B2"))
    assert written == Written(version(tables, QUARANTINE), deleted=1)
    tables.assert_frame(tables.engine.read(QUARANTINE), QUARANTINE_COLUMNS, [kept])


def test_replace_batch_that_is_not_there_by_nothing_changes_no_row(tables: LakeBench) -> None:
    kept = quarantined_row("Q1", "B1")
    tables.engine.replace_batch(QUARANTINE, quarantine_frame(tables, kept), note("B1"))
    assert tables.engine.replace_batch(QUARANTINE, None, note("B2")) == Written(None)
    tables.assert_frame(tables.engine.read(QUARANTINE), QUARANTINE_COLUMNS, [kept])


def test_overwrite_puts_the_rows_in_the_place_of_all(tables: LakeBench) -> None:
    first, second = [("MUG", "late", 2, 3, "1.00"), ("LAMP", "late", 1, 1, "2.00")], [("MUG", "odd", 1, 1, "4.00")]
    for rows in (first, second):
        written = tables.engine.overwrite(GOLD_BY_SKU_REASON, tables.frame_of(rows, GOLD_COLUMNS), note("B1"))
        assert (written.version, written.inserted) == (version(tables, GOLD_BY_SKU_REASON), len(rows))
    tables.assert_frame(tables.engine.read(GOLD_BY_SKU_REASON), GOLD_COLUMNS, second)


def test_overwrite_by_no_rows_empties_the_table(tables: LakeBench) -> None:
    tables.engine.overwrite(GOLD_BY_SKU_REASON, tables.frame_of([("M", "x", 1, 1, "1.00")], GOLD_COLUMNS), note("B1"))
    tables.engine.overwrite(GOLD_BY_SKU_REASON, tables.frame_of([], GOLD_COLUMNS), note("B2"))
    tables.assert_frame(tables.engine.read(GOLD_BY_SKU_REASON), GOLD_COLUMNS, [])


def net_changes(bench: LakeBench, since: int, until: int) -> Counter[tuple[Any, ...]]:
    """How often each row came (positive) or left (negative); rows that only moved from file to file cancel out."""
    changes = bench.engine.changes(SILVER, since, until)
    assert changes is not None
    net: Counter[tuple[Any, ...]] = Counter()
    for row in bench.engine.collect(changes):
        sign = -1 if row["_change_type"] in ("delete", "update_preimage") else 1
        net[tuple(str(row[name]) for name in ("return_id", "return_date", "batch_id"))] += sign
    return Counter({row: count for row, count in net.items() if count})


def test_changes_are_the_rows_that_left_and_those_that_came(tables: LakeBench) -> None:
    start = version(tables)
    put(tables, silver_row("R1"), silver_row("R2"), metadata=note("B1"))
    appended = version(tables)
    put(
        tables,
        silver_row("R2", "B2", return_date="2026-02-28"),
        silver_row("R3", "B2"),
        metadata=note("B2"),
        replacing={"R2": DAY},
    )
    left, moved, new = ("R2", DAY, "B1"), ("R2", "2026-02-28", "B2"), ("R3", DAY, "B2")
    assert net_changes(tables, start, appended) == {("R1", DAY, "B1"): 1, left: 1}
    assert net_changes(tables, appended, version(tables)) == {left: -1, moved: 1, new: 1}
    assert net_changes(tables, start, version(tables)) == {("R1", DAY, "B1"): 1, moved: 1, new: 1}


def test_changes_whose_files_are_gone_are_none(tables: LakeBench) -> None:
    start = version(tables)
    put(tables, silver_row(), metadata=note("B1"))
    gone = [*(tables.root / "silver" / "returns").glob("return_date=*/*.parquet")]
    put(tables, silver_row(batch_id="B2"), metadata=note("B2"), replacing={"R1": DAY})
    for place in [*gone, *(tables.root / "silver" / "returns" / "_change_data").rglob("*.parquet")]:
        place.unlink()
    assert tables.engine.changes(SILVER, start + 1, version(tables)) is None


def test_commits_come_the_newest_first_with_an_empty_note_for_those_of_others(tables: LakeBench) -> None:
    made = version(tables)
    put(tables, silver_row(), metadata=note("B1", part=1))
    put(tables, silver_row("R2"), metadata=note("B2", part=2))
    commits = [*tables.tables.commits(SILVER)]
    assert [commit.version for commit in commits] == [*range(made + 2, -1, -1)]
    assert [commit.metadata.get("part") for commit in commits] == [2, 1, *[None] * (made + 1)]
    assert commits[-1] == TableCommit(0, {}, "CREATE TABLE", keeps_rows=True)


def test_commits_of_a_table_that_went_on_or_was_made_anew_are_those_of_now(tables: LakeBench) -> None:
    made = [*tables.tables.commits(SILVER)]
    shutil.copytree(tables.root / SILVER.place, tables.root / "aside")
    for number in (1, 2):
        put(tables, silver_row(f"R{number}"), metadata=note(f"B{number}", part=number))
    parts = [commit.metadata.get("part") for commit in tables.tables.commits(SILVER)]
    assert parts == [2, 1, *[None] * len(made)]
    shutil.rmtree(tables.root / SILVER.place)
    shutil.move(tables.root / "aside", tables.root / SILVER.place)
    assert [*tables.tables.commits(SILVER)] == made
    shutil.rmtree(tables.root / SILVER.place)
    tables.engine.ensure_tables()
    put(tables, silver_row(), metadata=note("B2"))
    put(tables, silver_row(), metadata=note("B3"))
    assert [commit.metadata.get("batch_id") for commit in tables.tables.commits(SILVER)][:2] == ["B3", "B2"]


def test_commits_that_a_restore_undid_are_said_to_be_undone_until_the_next_restore(tables: LakeBench) -> None:
    first = put(tables, silver_row(), metadata=note("B1", part=1)).version
    second = put(tables, silver_row("R2"), metadata=note("B2", part=2)).version
    assert first is not None and second == first + 1

    def undone() -> list[int]:
        return [commit.version for commit in tables.tables.commits(SILVER) if commit.undone]

    def restore(target: int | datetime) -> None:
        DeltaTable(tables.root / SILVER.place).restore(target)

    restore(first)
    assert undone() == [second]
    restore(second)  # which undoes the first RESTORE
    assert undone() == [second + 1]
    of_first = next(e for e in DeltaTable(tables.root / SILVER.place).history() if e["version"] == first)["timestamp"]
    restore(datetime.fromtimestamp(of_first / 1000, UTC))  # no version is said, so that nobody knows
    assert undone() == [*range(second + 2, -1, -1)]


def test_commits_that_change_no_row_are_said_to_keep_the_rows(tables: LakeBench) -> None:
    for one in ("R1", "R2"):
        put(tables, silver_row(one), metadata=note(f"of {one}"))
    table = DeltaTable(tables.root / SILVER.place)
    table.optimize.compact()
    table.alter.set_table_properties({"delta.logRetentionDuration": "interval 60 days"})
    table.delete("return_id = 'R2'")
    commits = [*tables.tables.commits(SILVER)]
    expected = [("DELETE", False), ("SET TBLPROPERTIES", True), ("OPTIMIZE", True), ("WRITE", False)]
    assert [(commit.operation, commit.keeps_rows) for commit in commits[:4]] == expected


def late_append(table: DeltaTable, rows: pa.Table) -> None:
    write_deltalake(table, rows, mode="append", commit_properties=CommitProperties(max_commit_retries=5))


def late_merge(table: DeltaTable, rows: pa.Table) -> None:
    merger = table.merge(rows, "target.return_id = source.return_id", "source", "target")
    merger.when_not_matched_insert_all().execute()


def late_replacement(table: DeltaTable, rows: pa.Table) -> None:
    write_deltalake(table, rows, mode="overwrite", predicate="batch_id = 'B2'")


@pytest.mark.parametrize("write", [late_append, late_merge, late_replacement])
def test_fence_lets_no_write_commit_that_began_before_it(
    tables: LakeBench, write: Callable[[DeltaTable, pa.Table], None]
) -> None:
    rows = [silver_row("R1"), silver_row("R2", "B2")]
    for row, batch_id in zip(rows, ("B1", "B2")):
        put(tables, row, metadata=note(batch_id))
    begun = DeltaTable(tables.root / SILVER.place)
    late = begun.to_pyarrow_table()
    late = late.set_column(0, "return_id", pa.array(["R3", "R4"])).set_column(9, "batch_id", pa.array(["B2", "B2"]))
    before = version(tables)
    protocol = begun.protocol()
    tables.writes.fence(SILVER)
    with pytest.raises(CommitFailedError, match="(?i)metadata"):
        write(begun, late)
    tables.assert_frame(tables.engine.read(SILVER), SILVER_COLUMNS, rows)
    assert version(tables) == before + 1
    assert next(tables.tables.commits(SILVER)).keeps_rows
    fenced = DeltaTable(tables.root / SILVER.place)
    assert fenced.metadata().name == f"silver_returns, fenced at version {before + 1}"
    assert fenced.protocol().min_reader_version == protocol.min_reader_version
    assert (fenced.metadata().configuration, fenced.metadata().description) == (
        begun.metadata().configuration,
        begun.metadata().description,
    )
    assert put(tables, silver_row("R3"), metadata=note("B3")).inserted == 1


# What is refused -----------------------------------------------------------------------------------------------------


def rewrite_metadata(root: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change silver's metadata as another writer would have made the table."""
    log = root / "silver" / "returns" / "_delta_log"
    for checksum in {*log.glob("*.crc"), *log.glob(".*.crc")}:
        checksum.unlink()  # some writers repeat the metadata there
    for path in log.glob("*.json"):
        actions = [json.loads(line) for line in path.read_text().splitlines()]
        for action in actions:
            if "metaData" in action:
                change(action["metaData"])
        path.write_text("".join(json.dumps(action) + "\n" for action in actions))


def set_property(name: str, value: str) -> Callable[[dict[str, Any]], None]:
    return lambda metadata: metadata["configuration"].__setitem__(name, value)


def change_fields(change: Callable[[list[dict[str, Any]]], None]) -> Callable[[dict[str, Any]], None]:
    def changed(metadata: dict[str, Any]) -> None:
        schema = json.loads(metadata["schemaString"])
        change(schema["fields"])
        metadata["schemaString"] = json.dumps(schema)

    return changed


FOREIGN = {"name": "colour", "type": "string", "nullable": True, "metadata": {}}


@pytest.mark.parametrize(
    ("change", "part_of_problem"),
    [
        (set_property("delta.enableDeletionVectors", "true"), "delta.enableDeletionVectors"),
        (set_property("delta.enableRowTracking", "true"), "delta.enableRowTracking"),
        (set_property("delta.enableInCommitTimestamps", "true"), "delta.enableInCommitTimestamps"),
        (set_property("delta.columnMapping.mode", "name"), "column mapping"),
        (change_fields(lambda fields: fields.append(FOREIGN)), "colour"),
        (change_fields(lambda fields: fields.pop(0)), "lacks"),
    ],
    ids=["deletion vectors", "row tracking", "in-commit timestamps", "column mapping", "foreign column", "too few"],
)
def test_ensure_tables_table_that_is_not_as_its_contract_says_is_refused_with_its_name(
    tables: LakeBench, change: Callable[[dict[str, Any]], None], part_of_problem: str
) -> None:
    rewrite_metadata(tables.root, change)
    with pytest.raises(ConfigurationError) as raised:
        tables.engine.ensure_tables()
    assert raised.value.subject == "silver/returns" and part_of_problem in raised.value.problem


def test_ensure_tables_sets_the_cleaning_of_logs_off_where_it_was_not(tables: LakeBench) -> None:
    DeltaTable(tables.root / SILVER.place).alter.set_table_properties({"delta.enableExpiredLogCleanup": "true"})
    tables.engine.ensure_tables()
    configuration = DeltaTable(tables.root / SILVER.place).metadata().configuration
    assert configuration["delta.enableExpiredLogCleanup"] == "false"
    before = version(tables)
    tables.engine.ensure_tables()
    assert version(tables) == before


def test_ensure_tables_table_half_made_gets_the_constraints_it_lacks(tables: LakeBench) -> None:
    log = tables.root / "silver" / "returns" / "_delta_log"
    for path in log.iterdir():
        if path.is_file() and path.name != f"{0:020d}.json":
            path.unlink()
    tables.engine.ensure_tables()
    with pytest.raises(Exception, match="(?i)constraint|invariant|validation"):
        put(tables, silver_row(qty=0), metadata=NOTE)
    assert tables.tables.facts(SILVER).rows == 0


# Where a lake can be -------------------------------------------------------------------------------------------------

ODD_ROOTS = ["d'e", "a*b", "a b", 'q"uote', "é😀", "qty=7", "return_date=1999-01-01"]


@pytest.mark.parametrize("odd", ODD_ROOTS)
def test_lake_under_a_root_with_an_odd_name_works(
    open_bench: OpenBench, made_once: Path, tmp_path: Path, odd: str
) -> None:
    with open_bench(tmp_path / odd / "lake") as bench:
        bench.engine.ensure_tables()
        path = land(bench, "a.parquet", parquet_columns())
        assert typed_records(bench) == [typed_record(path)]
        start = version(bench)
        put(bench, silver_row("R1"), metadata=note("B1"))
        rows = [silver_row("R1", "B2", qty=9), silver_row("R2", "B2")]
        put(bench, *rows, metadata=note("B2"), replacing={"R1": DAY})
        bench.assert_frame(bench.engine.read(SILVER), SILVER_COLUMNS, rows)
        assert net_changes(bench, start, start + 1) == {("R1", DAY, "B1"): 1}
    assert (tmp_path / odd / "lake" / "silver" / "returns" / "_delta_log").is_dir()


def test_lake_that_was_moved_still_has_its_rows(open_bench: OpenBench, tmp_path: Path) -> None:
    with open_bench(tmp_path / "here") as bench:
        bench.engine.ensure_tables()
        put(bench, silver_row(), metadata=NOTE)
    (tmp_path / "here").rename(tmp_path / "there")
    with open_bench(tmp_path / "there") as bench:
        bench.assert_frame(bench.engine.read(SILVER), SILVER_COLUMNS, [silver_row()])


def test_lake_of_another_time_zone_keeps_every_instant(open_bench: OpenBench, tmp_path: Path) -> None:
    with open_bench(tmp_path / "lake", time_zone="Asia/Tokyo") as bench:
        bench.engine.ensure_tables()
        put(bench, silver_row(), metadata=NOTE)
        bench.assert_frame(bench.engine.read(SILVER), SILVER_COLUMNS, [silver_row()])


def as_written_with_int96(root: Path) -> None:
    """Make the data files of silver what other writers make of them: their instants as INT96, a type without a zone."""
    log = root / SILVER.place / "_delta_log"
    for commit in log.glob("*.json"):
        actions = [json.loads(line) for line in commit.read_text(encoding="utf-8").splitlines()]
        for action in actions:
            if "add" in action:
                file = root / SILVER.place / action["add"]["path"]
                pq.write_table(pq.read_table(file, partitioning=None), file, use_deprecated_int96_timestamps=True)
                action["add"]["size"] = file.stat().st_size
        commit.write_text("\n".join(map(json.dumps, actions)), encoding="utf-8")
    for checksum in (root / SILVER.place).glob("**/*.crc"):
        checksum.unlink()  # Spark's, of the files as they were


def test_lake_with_files_of_int96_keeps_every_instant(open_bench: OpenBench, tmp_path: Path) -> None:
    with open_bench(tmp_path / "lake", time_zone="Europe/Berlin") as bench:
        bench.engine.ensure_tables()
        put(bench, silver_row("R1"), metadata=NOTE)
    as_written_with_int96(tmp_path / "lake")

    with open_bench(tmp_path / "lake", time_zone="Europe/Berlin") as bench:
        appended = put(bench, silver_row("R2"), metadata=note("B2"))
        bench.assert_frame(bench.engine.read(SILVER), SILVER_COLUMNS, [silver_row("R1"), silver_row("R2")])
        changes = bench.engine.changes(SILVER, 0, appended.version or 0)
        assert changes is not None
        bench.assert_frame(changes.select(*SILVER.names), SILVER_COLUMNS, [silver_row("R1"), silver_row("R2")])

        corrected = silver_row("R1", batch_id="B2", qty=9)
        put(bench, corrected, metadata=note("B3"), replacing={"R1": DAY})
        bench.assert_frame(bench.engine.read(SILVER), SILVER_COLUMNS, [corrected, silver_row("R2")])


def test_close_leaves_nothing_in_the_scratch_directory(open_bench: OpenBench, tmp_path: Path) -> None:
    with open_bench(tmp_path / "lake") as bench:
        bench.engine.materialize(bench.frame_of([("a",)], "x string"))
        assert [*(tmp_path / "scratch").iterdir()] != []
    assert [*(tmp_path / "scratch").iterdir()] == []


def test_tables_of_a_lake_are_the_documented_places(tables: LakeBench) -> None:
    places = {path.parent.relative_to(tables.root).as_posix() for path in tables.root.rglob("_delta_log")}
    assert places == {SILVER.place, QUARANTINE.place, *(table.place for table in GOLD_TABLES)}
