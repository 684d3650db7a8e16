"""Landed files looked over before an engine reads them: their hash, and the limits that they must keep."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyspark_interview_project.config.feed_definition import Feed
from pyspark_interview_project.config.settings import LandingLimits
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.schemas.returns_raw import REQUIRED_NAMES
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.preflight import screened
from pyspark_interview_project.storage.files import LocalFiles, StoredFile

MEBIBYTE = 2**20


COLUMNS = "return_id,order_id,sku,qty,amount,return_date\n"
HEADER = COLUMNS.encode()


def limits(record_bytes: int = 2**30, unpacked_bytes: int = 2**40, unpacked_ratio: int = 10**6) -> LandingLimits:
    return LandingLimits(record_bytes, unpacked_bytes, unpacked_ratio)


def taken(path: Path, given: LandingLimits) -> LandedFile:
    files = LocalFiles(path.parent)
    found = files.head(path.name) or StoredFile(path.name, 0, 0)
    return screened(files, found, None, given)


def refused(path: Path, given: LandingLimits) -> str:
    """What is said of a file that is not taken."""
    with pytest.raises(UnreadableInputError) as raised:
        taken(path, given)
    assert (raised.value.path, raised.value.exit_code) == (path.name, 4)
    return raised.value.problem


@pytest.mark.parametrize(
    ("name", "encoding", "content"),
    [
        ("a.jsonl", "utf-8", b""),
        ("a.jsonl", "utf-8", b'{"return_id": "R-1"}\n'),
        ("a.csv", "utf-8", HEADER),
        ("a.csv", "utf-8", HEADER + b"x\n" * (3 * MEBIBYTE)),
        ("a.csv.gz", "utf-8", HEADER),
        ("a.csv", "utf-8", b"\xef\xbb\xbf" + HEADER),
        ("a.csv", "utf-16-le", b"\xff\xfe" + COLUMNS.encode("utf-16-le")),
        ("a.csv", "utf-16-be", b"\xfe\xff" + COLUMNS.encode("utf-16-be")),
    ],
)
def test_screened_file_is_planned_with_its_hash_as_it_landed_and_its_encoding(
    tmp_path: Path, name: str, encoding: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    status = path.stat()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert taken(path, limits()) == LandedFile(name, status.st_size, status.st_mtime_ns, sha256, None, encoding)


def test_screened_file_of_a_feed_is_planned_with_it(tmp_path: Path) -> None:
    feed = Feed.model_validate(
        {
            "feed": "shop",
            "files": "*.csv",
            "read": {"encoding": ["utf-8", "cp1252"]},
            "columns": {name: {"value": "1"} for name in ("order_id", "sku", "qty", "amount", "return_date")}
            | {"return_id": "number"},
        }
    )
    path = tmp_path / "a.csv"
    path.write_bytes("number,café\n7,x\n".encode("cp1252"))
    files = LocalFiles(tmp_path)
    found = files.head("a.csv")
    assert found is not None
    landed = screened(files, found, feed, limits())
    assert (landed.feed, landed.encoding) == ("shop", "cp1252")


def test_screened_text_that_no_encoding_reads_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER + b"R-1,caf\xe9\n")
    assert refused(path, limits()) == (
        "its text is not utf-8 at byte offset 53; `read: {encoding: …}` of a feed takes files of other encodings, "
        "such as cp1252"
    )


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv"])
def test_screened_gzip_beyond_the_bytes_is_refused_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(HEADER + b"l" * (5000 - len(HEADER))))
    taken(path, limits(unpacked_bytes=5000))
    assert refused(path, limits(unpacked_bytes=4999)) == "unpacks to more than 4,999 bytes (max_unpacked_bytes)"


def test_screened_file_that_is_not_packed_has_no_such_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER + b"l" * 5000)
    assert taken(path, limits(unpacked_bytes=1024)).size == len(HEADER) + 5000


def test_screened_gzip_beyond_the_ratio_is_refused_from_64_mebibytes_on(tmp_path: Path) -> None:
    small, large = tmp_path / "small.csv.gz", tmp_path / "large.csv.gz"
    head, member = gzip.compress(HEADER), gzip.compress((b"x" * 1023 + b"\n") * 1024)
    small.write_bytes(head + member * 63)
    large.write_bytes(head + member * 66)
    taken(small, limits(unpacked_ratio=200))
    assert refused(large, limits(unpacked_ratio=200)) == "unpacks to more than 200 times its size (max_unpacked_ratio)"
    taken(large, limits(unpacked_ratio=2000))


@pytest.mark.parametrize("cut", [5, 100, -1])
def test_screened_gzip_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(HEADER + bytes(range(32, 127)) * 10)[:cut])
    problem = refused(path, limits())
    assert problem.startswith("it is packed with gzip and cannot be unpacked to its end (")
    assert problem.endswith("); fetch it again")


def test_screened_file_of_no_bytes_that_claims_to_be_packed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"")
    assert refused(path, limits()) == "it is empty, though its name says that it is packed; fetch it again"


def test_screened_gzip_of_several_members_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(HEADER) + gzip.compress(b"a" * 3000))
    taken(path, limits(unpacked_bytes=len(HEADER) + 3000))
    assert "unpacks to more" in refused(path, limits(unpacked_bytes=len(HEADER) + 2999))


def test_screened_parquet_beyond_the_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    nulls = nulls_of_required(10_000)
    table = pa.table({**nulls, "qty": pa.array(range(10_000), pa.int64())})
    pq.write_table(table, path, use_dictionary=False)
    taken(path, limits(unpacked_bytes=300_000))
    assert "unpacks to more than" in refused(path, limits(unpacked_bytes=250_000))


ROWS = 30_000
BYTES_OF_REQUIRED = len(REQUIRED_NAMES) * ROWS * 4


def nulls_of_required(rows: int) -> dict[str, pa.Array]:
    """The columns that a file must have, without a value."""
    return {name: pa.nulls(rows, pa.string()) for name in REQUIRED_NAMES}


LONG_TEXT = "x" * 1000
TEXT_BYTES = ROWS * (4 + len(LONG_TEXT))
# Files of a few kilobytes that say the same text, or that there is none, in every row, and what they are decoded.
BOMBS: Mapping[str, tuple[pa.Array, int, Mapping[str, Any]]] = {
    "dictionary": (pa.array([LONG_TEXT] * ROWS), TEXT_BYTES, {}),
    "dictionary_type": (pa.array([LONG_TEXT] * ROWS).dictionary_encode(), TEXT_BYTES, {}),
    "large_text": (pa.array([LONG_TEXT] * ROWS, pa.large_string()), TEXT_BYTES, {"row_group_size": 10_000}),
    "prefixes": (
        pa.array([LONG_TEXT] * ROWS),
        TEXT_BYTES,
        {"use_dictionary": False, "column_encoding": {"reason": "DELTA_BYTE_ARRAY"}, "data_page_version": "2.0"},
    ),
    "nulls": (pa.nulls(ROWS, pa.string()), ROWS * 4, {}),
    "numbers": (pa.array([7] * ROWS), ROWS * 8, {}),
    "one_long_text": (pa.array([LONG_TEXT] + ["short"] * (ROWS - 1)), ROWS * 9 + 995, {}),
}


@pytest.mark.parametrize("name", BOMBS)
def test_screened_parquet_is_measured_as_it_is_decoded(tmp_path: Path, name: str) -> None:
    column, decoded, how = BOMBS[name]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({**nulls_of_required(ROWS), "reason": column}), path, **how)
    decoded += BYTES_OF_REQUIRED
    assert path.stat().st_size < 60_000 < decoded
    taken(path, limits(unpacked_bytes=decoded))
    problem = f"unpacks to more than {decoded - 1:,} bytes (max_unpacked_bytes)"
    assert refused(path, limits(unpacked_bytes=decoded - 1)) == problem


def test_screened_parquet_column_of_others_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {**nulls_of_required(ROWS), "note": pa.array([LONG_TEXT] * ROWS)}
    pq.write_table(pa.table(columns), path)
    assert taken(path, limits(unpacked_bytes=BYTES_OF_REQUIRED)).size == path.stat().st_size


def test_screened_parquet_of_no_rows_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(nulls_of_required(0)), path)
    assert taken(path, limits(unpacked_bytes=1024)).size == path.stat().st_size


def test_screened_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInputError) as raised:
        taken(tmp_path / "a.csv", limits())
    assert (raised.value.problem, raised.value.may_pass) == ("No such file or directory", True)
