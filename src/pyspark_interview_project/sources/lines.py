"""Cutting landed text files into records: one record is one line, of UTF-8, ended by LF or CR LF."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from pyspark_interview_project.errors import UnreadableInputError

_BLOCK_BYTES = 4 * 1024 * 1024
BYTE_ORDER_MARK = "\ufeff"

# A record's text without its line end, and whether it is UTF-8; where it is not, U+FFFD stands for what is unreadable.
Line = tuple[str, bool]


def read_lines(path: Path, name: str) -> Iterator[list[Line]]:
    """The records of a text file (`.gz`: unpacked), in blocks. Empty lines are none; byte-order marks are dropped.

    Raises UnreadableInputError naming the file `name` where it cannot be read or unpacked to its end.
    """
    try:
        with _opened(path) as file:
            rest = b""
            while block := file.read(_BLOCK_BYTES):
                whole, line_feed, rest = (rest + block).rpartition(b"\n")
                if line_feed:
                    yield _decoded(whole)
            yield _decoded(rest)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableInputError(name, f"cannot be read to its end: {error}") from error


def _opened(path: Path) -> IO[bytes]:
    if path.suffix != ".gz":
        return path.open("rb")
    if path.stat().st_size == 0:
        raise EOFError("an empty file is no gzip file")
    return cast(IO[bytes], gzip.open(path, "rb"))


def _decoded(block: bytes) -> list[Line]:
    try:
        lines = [(text, True) for text in block.decode("utf-8").split("\n")]
    except UnicodeDecodeError:
        lines = [_text_of(line) for line in block.split(b"\n")]
    cleaned = ((_without_ends(text), is_utf8) for text, is_utf8 in lines)
    return [line for line in cleaned if line[0]]


def decoded_line(line: bytes) -> Line | None:
    """One line, given without its LF; None where it is empty."""
    text, is_utf8 = _text_of(line)
    cleaned = _without_ends(text)
    return (cleaned, is_utf8) if cleaned else None


def _without_ends(text: str) -> str:
    return text.removesuffix("\r").lstrip(BYTE_ORDER_MARK)


def _text_of(line: bytes) -> Line:
    try:
        return line.decode("utf-8"), True
    except UnicodeDecodeError:
        return line.decode("utf-8", errors="replace"), False
