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

from pyspark_interview_project.config.settings import LandingLimits
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources.preflight import screened_sha256
from pyspark_interview_project.storage.files import LocalFiles

MEBIBYTE = 2**20


def limits(line_bytes: int = 2**30, unpacked_bytes: int = 2**40, unpacked_ratio: int = 10**6) -> LandingLimits:
    return LandingLimits(line_bytes, unpacked_bytes, unpacked_ratio)


def screened(path: Path, given: LandingLimits) -> str:
    return screened_sha256(LocalFiles(path.parent), path.name, given)


def refused(path: Path, given: LandingLimits) -> str:
    """What is said of a file that is not taken."""
    with pytest.raises(UnreadableInputError) as raised:
        screened(path, given)
    assert (raised.value.path, raised.value.exit_code) == (path.name, 4)
    return raised.value.problem


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz"])
@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo\n", b"x" * (3 * MEBIBYTE)], ids=len)
def test_screened_sha256_is_the_hash_of_the_file_as_it_landed(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert screened(path, limits()) == hashlib.sha256(path.read_bytes()).hexdigest()


LONG = 5000


@pytest.mark.parametrize("before", [b"", b"short\n", b"y\n" * MEBIBYTE, b"y\n" * (MEBIBYTE // 2 - 1000)], ids=len)
@pytest.mark.parametrize("behind", [b"", b"\n", b"\nshort\n", b"\n" + b"y\n" * MEBIBYTE], ids=len)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_screened_sha256_line_beyond_the_limit_is_refused_wherever_it_stands(
    tmp_path: Path, before: bytes, behind: bytes, packed: bool
) -> None:
    path = tmp_path / ("a.csv.gz" if packed else "a.csv")
    content = before + b"x" * LONG + behind
    path.write_bytes(gzip.compress(content, compresslevel=1) if packed else content)
    assert screened(path, limits(line_bytes=LONG)) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert refused(path, limits(line_bytes=LONG - 1)) == "has a line of more than 4,999 bytes (max_line_bytes)"


def test_screened_sha256_line_of_several_blocks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"short\n" + b"x" * (3 * MEBIBYTE) + b"\nshort")
    screened(path, limits(line_bytes=3 * MEBIBYTE))
    assert "has a line of more than" in refused(path, limits(line_bytes=3 * MEBIBYTE - 1))


def test_screened_sha256_gzip_beyond_the_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"line\n" * 1000))
    screened(path, limits(unpacked_bytes=5000))
    assert refused(path, limits(unpacked_bytes=4999)) == "unpacks to more than 4,999 bytes (max_unpacked_bytes)"


def test_screened_sha256_gzip_beyond_the_ratio_is_refused_from_64_mebibytes_on(tmp_path: Path) -> None:
    small, large = tmp_path / "small.csv.gz", tmp_path / "large.csv.gz"
    member = gzip.compress(b"\n" * MEBIBYTE)
    small.write_bytes(member * 64)
    large.write_bytes(member * 66)
    screened(small, limits(unpacked_ratio=200))
    assert refused(large, limits(unpacked_ratio=200)) == "unpacks to more than 200 times its size (max_unpacked_ratio)"
    screened(large, limits(unpacked_ratio=2000))


@pytest.mark.parametrize("cut", [0, 5, 100, -1])
def test_screened_sha256_gzip_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(bytes(range(256)) * 10)[:cut])
    assert refused(path, limits()).startswith("cannot be read to its end")


def test_screened_sha256_gzip_of_several_members_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a" * 30) + gzip.compress(b"b" * 30))
    screened(path, limits(line_bytes=60))
    assert "has a line" in refused(path, limits(line_bytes=59))


def test_screened_sha256_parquet_beyond_the_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"qty": pa.array(range(10_000), pa.int64())}), path, use_dictionary=False)
    screened(path, limits(unpacked_bytes=100_000))
    assert "unpacks to more than" in refused(path, limits(unpacked_bytes=80_000))


ROWS = 30_000
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
def test_screened_sha256_parquet_is_measured_as_it_is_decoded(tmp_path: Path, name: str) -> None:
    column, decoded, how = BOMBS[name]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"reason": column}), path, **how)
    assert path.stat().st_size < 60_000 < decoded
    screened(path, limits(unpacked_bytes=decoded))
    problem = f"unpacks to more than {decoded - 1:,} bytes (max_unpacked_bytes)"
    assert refused(path, limits(unpacked_bytes=decoded - 1)) == problem


def test_screened_sha256_parquet_column_of_others_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"note": pa.array([LONG_TEXT] * ROWS), "qty": pa.array([1] * ROWS)}), path)
    assert screened(path, limits(unpacked_bytes=ROWS * 8)) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_screened_sha256_parquet_of_no_rows_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"reason": pa.array([], pa.string())}), path)
    assert screened(path, limits(unpacked_bytes=1024)) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_screened_sha256_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "a.csv", limits()) == "No such file or directory"
