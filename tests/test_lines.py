"""Cutting landed text files into records."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources import lines
from pyspark_interview_project.sources.lines import Line, read_lines

NAME = "bronze/returns_raw/a.csv"
# bytes of a file -> its records
FILES: dict[bytes, list[Line]] = {
    b"": [],
    b"\n": [],
    b"\n\n\r\n": [],
    b"a": [("a", True)],
    b"a\n": [("a", True)],
    b"a\nb": [("a", True), ("b", True)],
    b"a\r\nb\r\n": [("a", True), ("b", True)],
    b"a\n\n\nb\n\n": [("a", True), ("b", True)],
    b"a\rb\n": [("a\rb", True)],
    b"a\r\r\n": [("a\r", True)],
    b"  \n": [("  ", True)],
    b"\xef\xbb\xbfa\nb\n": [("a", True), ("b", True)],
    b"\xef\xbb\xbf": [],
    "ß😀\né\n".encode(): [("ß😀", True), ("é", True)],
    "a\u2028b\u0085c\x0bd\x0ce\x1ef\n".encode(): [("a\u2028b\u0085c\x0bd\x0ce\x1ef", True)],
    b"a\x00b\n": [("a\x00b", True)],
    b"a\xffb\nc\n": [("a\ufffdb", False), ("c", True)],
    b"c\n\xc3\n": [("c", True), ("\ufffd", False)],
    b"\xed\xa0\x80\n": [("\ufffd\ufffd\ufffd", False)],
    b"\xc0\xaf\n": [("\ufffd\ufffd", False)],
    b"\xff\r\n": [("\ufffd", False)],
}


def read(path: Path) -> list[Line]:
    return [line for block in read_lines(path, NAME) for line in block]


@pytest.mark.parametrize("content", FILES)
def test_read_lines_file_is_cut_into_its_records(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    assert read(tmp_path / "a.csv") == FILES[content]


@pytest.mark.parametrize("content", FILES)
def test_read_lines_gzipped_file_is_cut_into_the_same_records(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content))
    assert read(tmp_path / "a.csv.gz") == FILES[content]


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 5])
@pytest.mark.parametrize("content", FILES)
def test_read_lines_blocks_that_cut_lines_and_characters_give_the_same_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, block_bytes: int
) -> None:
    monkeypatch.setattr(lines, "_BLOCK_BYTES", block_bytes)
    (tmp_path / "a.csv").write_bytes(content)
    assert read(tmp_path / "a.csv") == FILES[content]


def test_read_lines_long_file_comes_in_more_than_one_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_BLOCK_BYTES", 4)
    (tmp_path / "a.csv").write_bytes(b"aa\nbb\ncc\n")
    assert len([block for block in read_lines(tmp_path / "a.csv", NAME) if block]) > 1


def test_read_lines_gzip_file_of_several_members_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a\nb") + gzip.compress(b"c\n"))
    assert read(tmp_path / "a.csv.gz") == [("a", True), ("bc", True)]


BROKEN = {
    "empty": b"",
    "no gzip": b"return_id,order_id\n",
    "cut short": gzip.compress(b"a\n" * 1000)[:-12],
    "cut in its checksum": gzip.compress(b"a\n")[:-2],
    "damaged": gzip.compress(bytes(range(256)) * 20)[:40] + b"\xff" * 40,
    "wrong checksum": gzip.compress(b"a\n")[:-8] + b"\x00" * 8,
    "text behind it": gzip.compress(b"a\n") + b"more",
}


@pytest.mark.parametrize("fault", BROKEN)
def test_read_lines_broken_gzip_file_is_refused_with_its_name(tmp_path: Path, fault: str) -> None:
    (tmp_path / "a.csv.gz").write_bytes(BROKEN[fault])
    with pytest.raises(UnreadableInputError) as raised:
        read(tmp_path / "a.csv.gz")
    assert (raised.value.path, raised.value.exit_code) == (NAME, 4)


def test_read_lines_file_that_is_not_there_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInputError) as raised:
        read(tmp_path / "a.csv")
    assert raised.value.path == NAME
