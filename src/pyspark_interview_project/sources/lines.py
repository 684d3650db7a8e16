"""Cutting landed text files into lines: of UTF-8, each ended by LF or CR LF, each one record."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from pyspark_interview_project.errors import UnreadableInputError

_BLOCK_BYTES = 4 * 1024 * 1024
BYTE_ORDER_MARK = "\ufeff"

# A line without its end, and whether it is UTF-8. Where it is not, U+FFFD stands for what cannot be decoded.
Line = tuple[str, bool]


def read_lines(path: Path, name: str) -> Iterator[list[Line]]:
    """The lines of a text file (`.gz`: unpacked), in blocks, without empty lines and without byte-order marks.

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


def decoded_line(line: bytes) -> Line | None:
    """One line, given without its LF; None where it is empty."""
    text, is_utf8 = _text_of(line)
    text = _without_ends(text)
    return (text, is_utf8) if text else None


def open_gzip(path: Path) -> IO[bytes]:
    """The unpacked content of a file. Raises EOFError where the file is empty, which Python takes for no content."""
    if path.stat().st_size == 0:
        raise EOFError("an empty file is no gzip file")
    return cast(IO[bytes], gzip.open(path, "rb"))


def _opened(path: Path) -> IO[bytes]:
    return open_gzip(path) if path.suffix == ".gz" else path.open("rb")


def _decoded(block: bytes) -> list[Line]:
    try:
        lines = [(text, True) for text in block.decode("utf-8").split("\n")]
    except UnicodeDecodeError:
        lines = [_text_of(line) for line in block.split(b"\n")]
    return [(text, is_utf8) for line, is_utf8 in lines if (text := _without_ends(line))]


def _without_ends(text: str) -> str:
    return text.removesuffix("\r").lstrip(BYTE_ORDER_MARK)


def _text_of(line: bytes) -> Line:
    try:
        return line.decode("utf-8"), True
    except UnicodeDecodeError:
        return line.decode("utf-8", errors="replace"), False
