"""The types, names and places in which landed Parquet has our columns: the same returns on either engine, whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import LakeBench
from pyspark_interview_project.errors import UnreadableBatchError, UnreadableInputError
from pyspark_interview_project.sources.landed_tables import tables_of
from pyspark_interview_project.sources.parquet_codecs import unreadable_codec
from pyspark_interview_project.sources.parquet_layout import parquet_layout
from pyspark_interview_project.sources.parquet_size import decoded_bytes
from pyspark_interview_project.sources.path_columns import path_columns
from pyspark_interview_project.storage.files import LocalFiles
from pyspark_interview_project.transforms.validate import validate
from running import screened_files

OpenBench = Callable[..., AbstractContextManager[LakeBench]]
Row = Mapping[str, Any]

LANDED = "bronze/returns_raw"
AS_OF = date(2026, 11, 23)
LATEST = datetime(2026, 11, 24, 12, tzinfo=UTC)
MOMENT = datetime(2026, 11, 12, 8, tzinfo=UTC)
MOMENT_NS = int(MOMENT.timestamp()) * 10**9
DAY_NS = int(datetime(2026, 11, 11, tzinfo=UTC).timestamp()) * 10**9

GOOD: Mapping[str, Any] = {
    "return_id": "R-1",
    "order_id": "O-1",
    "customer_id": "C-1",
    "sku": "MUG",
    "reason": "damaged",
    "qty": 2,
    "amount": Decimal("5.50"),
    "return_date": date(2026, 11, 11),
    "ingest_ts": MOMENT,
}
TYPES: Mapping[str, pa.DataType] = {
    **dict.fromkeys(("return_id", "order_id", "customer_id", "sku", "reason"), pa.string()),
    "qty": pa.int32(),
    "amount": pa.decimal128(9, 2),
    "return_date": pa.date32(),
    "ingest_ts": pa.timestamp("us", "UTC"),
}


def land(root: Path, name: str, arrays: Mapping[str, pa.Array | None], **how: Any) -> str:
    """Land a file of as many good returns as an array has values, with the arrays in place of their columns; None: the
    file has no such column. Returns its path in the lake."""
    rows = next((len(array) for array in arrays.values() if array is not None), 1)
    columns = {name: pa.array([GOOD[name]] * rows, type_) for name, type_ in TYPES.items() if name not in arrays}
    columns |= {name: array for name, array in arrays.items() if array is not None}
    place = root / LANDED / name
    place.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(list(columns.values()), list(columns)), place, **how)
    return f"{LANDED}/{name}"


def delivered(bench: LakeBench) -> list[Any]:
    return bench.engine.read_landed(screened_files(bench.root, AS_OF), {})


def judged(bench: LakeBench) -> dict[str, list[Row]]:
    """What is landed, validated: by file below the landing directory, in the order of the rows in the file."""
    frames = [
        bench.engine.transform(validate, delivery.frame, delivery.kinds, AS_OF, LATEST) for delivery in delivered(bench)
    ]
    found: dict[str, list[Row]] = {}
    for row in sorted(bench.engine.collect(bench.engine.materialize(*frames)), key=lambda row: row["source_record"]):
        rows = found.setdefault(row.pop("source_file").removeprefix(f"{LANDED}/"), [])
        assert row.pop("source_record") == len(rows) + 1
        assert (row.pop("warnings"), row.pop("is_excluded")) == (None, False)
        rows.append(row)
    return found


def taken(**changes: Any) -> Row:
    return {**GOOD, "reasons": None, "raw_record": None, **changes}


def values_of(found: Mapping[str, Sequence[Row]], column: str) -> dict[str, list[Any]]:
    """The values of one column by file, where all else in a row is good; with its reasons where it is rejected."""
    values: dict[str, list[Any]] = {}
    for name, rows in found.items():
        for row in rows:
            others = {key: value for key, value in row.items() if key not in (column, "reasons", "raw_record")}
            assert others == {key: value for key, value in GOOD.items() if key != column}, name
            value, reasons = row[column], row["reasons"]
            values.setdefault(name, []).append((value, *reasons) if reasons else value)
    return values


# Types ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_read_landed_times_of_any_unit_are_cut_to_microseconds(
    open_bench: OpenBench, tmp_path: Path, zone: str
) -> None:
    numbers = [MOMENT_NS, MOMENT_NS + 999, MOMENT_NS + 1001, -1, -1000, -1001, None]
    instants = [
        MOMENT,
        MOMENT,
        MOMENT.replace(microsecond=1),
        *(datetime(1969, 12, 31, 23, 59, 59, micros, UTC) for micros in (999_999, 999_999, 999_998)),
        None,
    ]
    land(tmp_path, "instant_ns.parquet", {"ingest_ts": pa.array(numbers, pa.timestamp("ns", "UTC"))})
    land(
        tmp_path,
        "int96.parquet",
        {"ingest_ts": pa.array(numbers, pa.timestamp("ns"))},
        use_deprecated_int96_timestamps=True,
    )
    land(tmp_path, "local_ns.parquet", {"ingest_ts": pa.array(numbers[:3], pa.timestamp("ns"))})
    seconds = [MOMENT_NS // 10**9]
    land(tmp_path, "instant_s.parquet", {"ingest_ts": pa.array(seconds, pa.timestamp("s", "Asia/Tokyo"))})
    land(tmp_path, "local_s.parquet", {"ingest_ts": pa.array(seconds, pa.timestamp("s"))})
    ends = [2**63 - 1, -(2**63) + 1]
    land(tmp_path, "ends.parquet", {"ingest_ts": pa.array(ends, pa.timestamp("ns", "UTC"))})
    with open_bench(tmp_path, time_zone=zone) as bench:
        found = values_of(judged(bench), "ingest_ts")
    hour = 7 if zone == "Europe/Berlin" else 8  # winter time
    local = [instant.replace(hour=hour) for instant in instants[:3] if instant]
    assert found == {
        "instant_ns.parquet": instants,
        "int96.parquet": instants,
        "local_ns.parquet": local,
        "instant_s.parquet": [MOMENT],
        "local_s.parquet": local[:1],
        "ends.parquet": [
            (datetime(2262, 4, 11, 23, 47, 16, 854_775, UTC), "ingest_ts_out_of_range"),
            datetime(1677, 9, 21, 0, 12, 43, 145_224, UTC),
        ],
    }


@pytest.mark.parametrize("zone", ["UTC", "Australia/Lord_Howe", "America/Los_Angeles"])
def test_read_landed_time_at_midnight_is_a_day_in_any_zone(open_bench: OpenBench, tmp_path: Path, zone: str) -> None:
    numbers = [DAY_NS, DAY_NS + 3_600 * 10**9, DAY_NS - 10**9, DAY_NS + 999, None]
    for unit, per_unit in (("ms", 10**6), ("us", 10**3), ("ns", 1)):
        units = [number if number is None else number // per_unit for number in numbers]
        land(tmp_path, f"instant_{unit}.parquet", {"return_date": pa.array(units, pa.timestamp(unit, "UTC"))})
        land(tmp_path, f"local_{unit}.parquet", {"return_date": pa.array(units, pa.timestamp(unit))})
    land(
        tmp_path,
        "int96.parquet",
        {"return_date": pa.array(numbers, pa.timestamp("ns"))},
        use_deprecated_int96_timestamps=True,
    )
    land(tmp_path, "date64.parquet", {"return_date": pa.array([GOOD["return_date"]], pa.date64())})
    with open_bench(tmp_path, time_zone=zone) as bench:
        rows = judged(bench)
    found = values_of(rows, "return_date")
    day, invalid = GOOD["return_date"], (None, "return_date_invalid")
    names = [f"{kind}_{unit}.parquet" for kind in ("instant", "local") for unit in ("ms", "us", "ns")]
    days = [day, invalid, invalid, day, (None, "return_date_missing")]
    assert found == {**dict.fromkeys([*names, "int96.parquet"], days), "date64.parquet": [day]}
    shown = {name: '"return_date":"2026-11-11T01:00:00.000000Z"' in rows[name][1]["raw_record"] for name in names}
    assert shown == dict.fromkeys(names, True)


IDS = {
    "float.parquet": (pa.array([17850.0, 16777215.0, -3.0, None], pa.float32()), ["17850", "16777215", "-3"]),
    "double.parquet": (pa.array([17850.0, 9007199254740991.0, 0.0, None]), ["17850", "9007199254740991", "0"]),
    "decimal.parquet": (
        pa.array([Decimal("17850.00"), Decimal("0.00"), Decimal("1.50"), None], pa.decimal128(20, 2)),
        ["17850", "0", "1.5"],
    ),
    "decimal32.parquet": (pa.array([Decimal("17850"), Decimal("100"), None], pa.decimal32(7, 0)), ["17850", "100"]),
    "wide.parquet": (
        pa.array([Decimal("17850.000"), Decimal("9" * 40), Decimal("-0.500"), None], pa.decimal256(60, 3)),
        ["17850", "9" * 40, "-0.5"],
    ),
    "uint64.parquet": (pa.array([2**64 - 1, 7, None], pa.uint64()), ["18446744073709551615", "7"]),
    "uint8.parquet": (pa.array([255, None], pa.uint8()), ["255"]),
    "binary.parquet": (pa.array([b"A-1", "É".encode(), b" x ", None], pa.binary()), ["A-1", "É", "x"]),
    "large_binary.parquet": (pa.array([b"A-1", None], pa.large_binary()), ["A-1"]),
    "binary_view.parquet": (pa.array([b"A-1", None], pa.binary_view()), ["A-1"]),
    "of_one_length.parquet": (pa.array([b"A-10", b"B-2 ", None], pa.binary(4)), ["A-10", "B-2"]),
    "string_view.parquet": (pa.array(["A-1", None], pa.string_view()), ["A-1"]),
    "json.parquet": (pa.array(["17", None], pa.json_()), ["17"]),
    "coded.parquet": (pa.array(["A-1", None]).dictionary_encode(), ["A-1"]),
    "coded_binary.parquet": (pa.array([b"A-1", None]).dictionary_encode(), ["A-1"]),
    "coded_integer.parquet": (pa.array([17850, None]).dictionary_encode(), ["17850"]),
    "uuid.parquet": (
        pa.array([UUID("0123ABCD-4567-89ab-cdef-0123456789ab").bytes, None], pa.uuid()),
        ["0123abcd-4567-89ab-cdef-0123456789ab"],
    ),
}


@pytest.mark.parametrize(
    ("column", "stored"),
    [
        pytest.param("return_id", True, id="with the schema of Arrow"),
        pytest.param("customer_id", False, id="without", marks=pytest.mark.full),
    ],
)
def test_read_landed_ids_of_any_type_are_their_text(bench: LakeBench, column: str, stored: bool) -> None:
    for name, (array, _) in IDS.items():
        land(bench.root, name, {column: array}, store_schema=stored)
    nothing = (None, "return_id_missing") if column == "return_id" else None
    expected = {name: [*values, nothing] for name, (_, values) in IDS.items()}
    assert values_of(judged(bench), column) == expected


def test_read_landed_number_that_is_no_whole_one_is_no_return_id_and_another_id_as_it_is(bench: LakeBench) -> None:
    doubles = pa.array([17850.5, 2.0**53, 1.5e20, float("inf"), float("nan")], from_pandas=False)
    land(bench.root, "return_id.parquet", {"return_id": doubles})
    land(bench.root, "sku.parquet", {"sku": doubles})
    rows = judged(bench)
    texts = ["17850.5", "9007199254740992.0", "1.5e20", "Infinity"]
    assert values_of({"f": rows["return_id.parquet"]}, "return_id")["f"] == [
        *((text, "return_id_invalid") for text in texts),
        (None, "return_id_missing"),
    ]
    assert values_of({"f": rows["sku.parquet"]}, "sku")["f"] == [*map(str.upper, texts), (None, "sku_missing")]


def test_read_landed_decimals_beyond_38_digits_are_numbers(bench: LakeBench) -> None:
    amounts = ["10.005", "-0.004", "999999999999.99499", "1" + "0" * 30, "0", "0.00000000000000000001"]
    array = pa.array([Decimal(amount) for amount in amounts], pa.decimal256(60, 20))
    land(bench.root, "amount.parquet", {"amount": array, "qty": pa.array([Decimal("2")] * 6, pa.decimal256(50, 4))})
    land(bench.root, "narrow.parquet", {"amount": pa.array([Decimal("10.005")], pa.decimal256(20, 3))})
    found = judged(bench)
    *taken_ones, refused, zero, little = found["amount.parquet"]
    assert taken_ones == [taken(amount=Decimal(amount)) for amount in ("10.01", "0.00", "999999999999.99")]
    assert (refused["amount"], refused["reasons"]) == (None, ["amount_invalid"])
    assert f'"qty":"2.0000","amount":"1{"0" * 30}.{"0" * 20}"' in refused["raw_record"]
    assert [zero, little] == [taken(amount=Decimal("0.00"))] * 2
    assert found["narrow.parquet"] == [taken(amount=Decimal("10.01"))]


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("binary", pa.array([b"caf\xe9"])),
        ("of one length", pa.array([b"caf\xe9"], pa.binary(4))),
        ("string", pa.Array.from_buffers(pa.string(), 1, pa.array([b"caf\xe9"]).buffers())),
    ],
)
@pytest.mark.parametrize("by_arrow", [False, True])
def test_read_landed_text_that_is_not_utf8_rejects_its_file(
    bench: LakeBench, name: str, array: pa.Array, by_arrow: bool
) -> None:
    wide = {"amount": pa.array([Decimal("1")], pa.decimal256(50, 2))} if by_arrow else {}
    path = land(bench.root, f"{name}.parquet", {"sku": array, **wide})
    with pytest.raises(UnreadableBatchError) as refused:
        judged(bench)
    assert list(refused.value.problems) == [path]
    problem = refused.value.problems[path].problem
    assert "UTF" in problem
    assert problem.count("read to its end") <= 1


# Names and places -----------------------------------------------------------------------------------------------------


def test_read_landed_columns_match_whatever_their_case_blanks_and_hyphens(bench: LakeBench) -> None:
    names = ("Return-ID", " ORDER ID ", "Customer_Id", "SKU", "reason ", "Qty", "AMOUNT", "Return Date", "ingest-ts")
    arrays: dict[str, Any] = {name: pa.array([GOOD[name]], type_) for name, type_ in TYPES.items()}
    renamed = {**dict.fromkeys(arrays), **dict(zip(names, arrays.values()))}
    others = {'no "te`': pa.array([1]), "NOTE.x": pa.array([2]), "note.X": pa.array([3])}
    path = land(bench.root, "a.parquet", {**others, **renamed})
    land(bench.root, "b.parquet", {"Qty": pa.array([3], pa.int32()), "qty": None})
    found = judged(bench)
    assert found == {"a.parquet": [taken()], "b.parquet": [taken(qty=3)]}
    assert bench.engine.unknown_columns == {path: tuple(sorted(others))}


@pytest.mark.parametrize("other", ["QTY", " qty", "Qty\t"])
def test_read_landed_two_columns_of_one_name_reject_the_file_with_both(bench: LakeBench, other: str) -> None:
    path = land(bench.root, "a.parquet", {other: pa.array([9])})
    with pytest.raises(UnreadableInputError) as refused:
        delivered(bench)
    assert refused.value.path == path
    assert refused.value.problem == f"its columns 'qty', {other!r} have one name, qty; leave or rename all but one"


def test_read_landed_names_all_missing_columns_at_once_and_what_there_is(bench: LakeBench) -> None:
    names = ["return_id", "order_id", "sku", "qty", "amount", "return_date", "customer_id", "reason", "ingest_ts"]
    own = {f"Name {number}": pa.array([1]) for number in range(25)}
    land(bench.root, "a.parquet", {**own, **dict.fromkeys(names), "QTY": pa.array([1])})
    with pytest.raises(UnreadableInputError) as refused:
        delivered(bench)
    shown = ", ".join(list(own)[:20])
    missing = "return_id, order_id, sku, amount, return_date"
    assert refused.value.problem == f"columns {missing} are missing; it has {shown}, …"


def test_read_landed_directories_give_the_columns_that_a_file_lacks(bench: LakeBench) -> None:
    lacking: dict[str, pa.Array | None] = {"reason": None, "return_date": None}
    land(bench.root, "Return-Date=2026-11-11/reason=wrong%20size/a.parquet", lacking)
    land(bench.root, "Return-Date=2026-11-10/reason=it%27s%2Bso/a.parquet", lacking)
    land(bench.root, "return_date=2026-11-09/reason=__HIVE_DEFAULT_PARTITION__/a.parquet", lacking)
    land(
        bench.root,
        "return_date=soon/reason=x/wide.parquet",
        {**lacking, "qty": pa.array([Decimal(2)], pa.decimal256(50, 0))},
    )
    land(bench.root, "return_date=2020-01-01/qty=9/dt=2026-11-01/amount/path=1/a.parquet", {"path": pa.array([1])})
    untyped = {"reason": pa.nulls(1)}
    land(bench.root, "reason=of%20a%20directory/untyped.parquet", untyped)
    assert judged(bench) == {
        "Return-Date=2026-11-11/reason=wrong%20size/a.parquet": [taken(reason="wrong size")],
        "Return-Date=2026-11-10/reason=it%27s%2Bso/a.parquet": [
            taken(reason="it's+so", return_date=date(2026, 11, 10))
        ],
        "return_date=2026-11-09/reason=__HIVE_DEFAULT_PARTITION__/a.parquet": [
            taken(reason="unspecified", return_date=date(2026, 11, 9))
        ],
        "return_date=soon/reason=x/wide.parquet": [
            taken(
                reason="x",
                return_date=None,
                reasons=["return_date_invalid"],
                raw_record='{"return_id":"R-1","order_id":"O-1","customer_id":"C-1","sku":"MUG","reason":"x","qty":"2",'
                '"amount":"5.50","return_date":"soon","ingest_ts":"2026-11-12T08:00:00.000000Z"}',
            )
        ],
        "return_date=2020-01-01/qty=9/dt=2026-11-01/amount/path=1/a.parquet": [taken()],
        "reason=of%20a%20directory/untyped.parquet": [taken(reason="of a directory")],
    }


def test_path_columns_are_ours_alone_and_decoded() -> None:
    assert path_columns(f"{LANDED}/return_date=2026-11-11/Reason=wrong%20size/a=b.parquet") == {
        "return_date": "2026-11-11",
        "reason": "wrong size",
    }
    assert path_columns(f"{LANDED}/dt=2026-11-11/year=2026/=x/qty/currency=EUR/sku=a=b/a.csv") == {
        "currency": "EUR",
        "sku": "a=b",
    }
    assert path_columns(f"{LANDED}/sku=A/sku=B/reason=__HIVE_DEFAULT_PARTITION__/customer_id=/a.csv") == {
        "sku": "B",
        "reason": None,
        "customer_id": "",
    }
    assert path_columns(f"{LANDED}/Customer%20ID=a%2Bb+c/reason=caf%E9/a.csv") == {
        "customer_id": "a+b+c",
        "reason": "caf%E9",
    }
    assert path_columns("sku=A") == {}


def test_read_landed_currency_is_text_and_stands_in_the_raw_record(bench: LakeBench) -> None:
    land(bench.root, "a.parquet", {"Currency": pa.array(["EUR", None]), "qty": pa.array([0, 0])})
    land(bench.root, "currency=USD/b.parquet", {"amount": pa.array([Decimal(1)], pa.decimal256(50, 2))})
    land(bench.root, "c.parquet", {})
    frames = [bench.engine.materialize(delivery.frame.select("currency")) for delivery in delivered(bench)]
    found = [row["currency"] for frame in frames for row in bench.engine.collect(frame)]
    assert sorted(map(str, found)) == ["EUR", "None", "None", "USD"]
    records = [row["raw_record"] for row in judged(bench)["a.parquet"]]
    assert [record.count('"currency":"EUR"}') for record in records] == [1, 0]


def test_read_landed_currency_that_is_no_text_rejects_the_file(bench: LakeBench) -> None:
    land(bench.root, "a.parquet", {"currency": pa.array([978])})
    with pytest.raises(UnreadableInputError) as refused:
        delivered(bench)
    assert refused.value.problem == "column currency is int64, which cannot be read as currency"


def test_read_landed_records_are_numbered_in_their_file_whatever_its_columns(bench: LakeBench) -> None:
    rows = 150_000
    ids = [str(number) for number in range(1, rows + 1)]
    own = {
        "File_Row_Number": pa.array(ids),
        "filename": pa.array(ids),
        "_metadata": pa.array(ids),
        "given": pa.array(ids),
    }
    names = ["plain.parquet", "own.parquet", "wide.parquet", "reason=x/by_path.parquet"]
    land(bench.root, names[0], {"return_id": pa.array(ids)}, row_group_size=1000)
    land(bench.root, names[1], {"return_id": pa.array(ids), **own}, row_group_size=70_000)
    wide = pa.array([Decimal(1)] * rows, pa.decimal256(50, 2))
    land(bench.root, names[2], {"return_id": pa.array(ids), "amount": wide}, row_group_size=70_000)
    land(bench.root, names[3], {"return_id": pa.array(ids), "reason": None}, row_group_size=1000)
    found: dict[str, int] = {}
    for delivery in delivered(bench):
        frame = bench.engine.materialize(delivery.frame)
        right = frame.filter("cast(source_record as string) = return_id").groupBy("source_file").count()
        found |= {row["source_file"]: row["count"] for row in bench.engine.collect(right)}
    assert found == {f"{LANDED}/{name}": rows for name in names}


# Forms that an engine lacks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["snappy", "gzip", "zstd", "lz4", "none"])
def test_read_landed_codecs_that_both_engines_have_are_read(bench: LakeBench, codec: str) -> None:
    land(bench.root, "a.parquet", {}, compression=codec)
    assert judged(bench) == {"a.parquet": [taken()]}


def test_read_landed_form_that_the_engine_lacks_is_named(bench: LakeBench, engine_name: str) -> None:
    amounts = {"amount": pa.array([5.5])}
    brotli = land(bench.root, "brotli.parquet", {}, compression="brotli")
    split = {"use_dictionary": False, "column_encoding": {"amount": "BYTE_STREAM_SPLIT"}}
    encoded = land(bench.root, "encoded.parquet", amounts, **split)
    # What no engine looks at does not count.
    beside = land(bench.root, "beside.parquet", {"note": pa.array([1])}, compression={"note": "brotli"})
    assert unreadable_codec(pq.read_metadata(bench.root / beside), "spark") is None
    if engine_name == "embedded":
        assert judged(bench) == dict.fromkeys(["brotli.parquet", "encoded.parquet", "beside.parquet"], [taken()])
    with pytest.raises(UnreadableInputError) as refused:
        parquet_layout(bench.root / brotli, brotli, "spark")
    assert refused.value.problem == (
        "is packed with BROTLI, which the engine spark cannot read; write it with zstd or snappy, or run with "
        "ENGINE=embedded"
    )
    with pytest.raises(UnreadableInputError) as refused:
        parquet_layout(bench.root / encoded, encoded, "spark")
    assert refused.value.problem == (
        "column amount is encoded as BYTE_STREAM_SPLIT, which the engine spark cannot read; write it plain or with a "
        "dictionary, or run with ENGINE=embedded"
    )
    if engine_name == "spark":
        with pytest.raises(UnreadableInputError):
            delivered(bench)
        for path in (brotli, encoded):
            (bench.root / path).unlink()
        assert judged(bench) == {"beside.parquet": [taken()]}


def test_unreadable_codec_that_no_engine_has_names_no_engine_to_run_with(tmp_path: Path) -> None:
    path = tmp_path / land(tmp_path, "a.parquet", {}, compression="lz4", use_dictionary=False)
    # Each column chunk names its codec behind its path: LZ4_RAW is 7, LZO is 3.
    content = path.read_bytes().replace(b"\x18\x03qty\x15\x0e", b"\x18\x03qty\x15\x06")
    path.write_bytes(content)
    for engine_name in ("embedded", "spark"):
        assert unreadable_codec(pq.read_metadata(path), engine_name) == (
            f"is packed with LZO, which the engine {engine_name} cannot read; write it with zstd or snappy"
        )


@pytest.mark.parametrize(
    ("log", "kind", "mark"),
    [
        ("_delta_log/00000000000000000000.json", "a Delta", "_delta_log"),
        (".hoodie/hoodie.properties", "a Hudi", ".hoodie"),
        ("metadata/v1.metadata.json", "an Iceberg", "metadata"),
    ],
)
def test_tables_of_names_the_files_below_a_tables_directory_and_no_others(
    tmp_path: Path, log: str, kind: str, mark: str
) -> None:
    for name in (f"shop/erp_returns/{log}", "shop/erp/metadata/notes.json", "_delta_log"):
        place = tmp_path / LANDED / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("{}")
    names = ["shop/erp_returns/a.parquet", "shop/erp_returns/reason=x/b.parquet", "shop/erp/c.parquet", "d.parquet"]
    problem = (
        f"it belongs to {kind} table (its {mark} is in shop/erp_returns); its files are not deliveries: export the "
        "table's rows, or land a copy written from it"
    )
    found = tables_of(LocalFiles(tmp_path), [f"{LANDED}/{name}" for name in names])
    assert found == {f"{LANDED}/{name}": problem for name in names[:2]}


def test_tables_of_sees_a_table_that_is_the_landing_directory_itself(tmp_path: Path) -> None:
    (tmp_path / LANDED / "_delta_log").mkdir(parents=True)
    (tmp_path / LANDED / "_delta_log" / "00000000000000000000.json").write_text("{}")
    [problem] = tables_of(LocalFiles(tmp_path), [f"{LANDED}/a.parquet"]).values()
    assert problem.startswith(f"it belongs to a Delta table (its _delta_log is in {LANDED}); ")


# Size -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", [pa.string(), pa.binary(), pa.string_view(), pa.large_binary(), pa.json_()], ids=str)
@pytest.mark.parametrize("encoding", ["dictionary", "DELTA_BYTE_ARRAY"])
def test_decoded_bytes_counts_our_columns_whatever_their_names_and_types(
    tmp_path: Path, type_: pa.DataType, encoding: str
) -> None:
    texts = pa.array(["X" * 1000] * 500).cast(type_ if type_ != pa.json_() else pa.string()).cast(type_)
    how = {} if encoding == "dictionary" else {"use_dictionary": False, "column_encoding": {" Customer-ID": encoding}}
    path = tmp_path / land(tmp_path, "a.parquet", {" Customer-ID": texts, "customer_id": None, "note": texts}, **how)
    sizes = [decoded_bytes(path, pq.read_metadata(path), enough) for enough in (499_999, 600_000)]
    assert sizes[0] > 499_999
    assert sizes[1] <= 600_000
