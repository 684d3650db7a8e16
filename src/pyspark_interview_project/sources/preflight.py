"""Looking over a landed file before an engine reads it: its hash, and whether it stays within the limits.

A file is streamed, so that one that unpacks to more than any disk costs no memory here.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from pyspark_interview_project.config.settings import LandingLimits
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources.parquet_size import decoded_bytes

_BLOCK_BYTES = 1024 * 1024
# Below this a ratio says nothing: a small file of blanks packs a thousand to one.
_RATIO_COUNTS_FROM_BYTES = 64 * 1024 * 1024


def screened_sha256(path: Path, name: str, limits: LandingLimits) -> str:
    """The SHA-256 of the file as it landed.

    Raises UnreadableInputError naming the file `name` where it cannot be read or unpacked to its end, has a line longer
    than `limits.line_bytes`, or unpacks to more than `limits.unpacked_bytes` or `limits.unpacked_ratio` times its size.
    """
    try:
        if name.endswith(".parquet"):
            _check_parquet(path, name, limits)
            return sha256_of(path)
        if not name.endswith(".gz"):
            with path.open("rb") as file:
                return _sha256_of_lines(file, name, limits)
        size = path.stat().st_size
        if size == 0:
            raise EOFError("an empty file is no gzip file")
        digest = sha256_of(path)
        with gzip.open(path, "rb") as unpacked:
            _check_lines(_bounded(_blocks(unpacked), size, name, limits), name, limits)
        return digest
    except (OSError, EOFError, zlib.error) as error:
        problem = (error.strerror if isinstance(error, OSError) else None) or f"cannot be read to its end: {error}"
        raise UnreadableInputError(name, problem) from error


def _blocks(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTES):
        yield block


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_of_lines(file: IO[bytes], name: str, limits: LandingLimits) -> str:
    digest = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for block in _blocks(file):
            digest.update(block)
            yield block

    _check_lines(hashed(), name, limits)
    return digest.hexdigest()


def _check_lines(blocks: Iterator[bytes], name: str, limits: LandingLimits) -> None:
    """Read every block, and refuse a line that is too long."""
    begun = 0  # bytes of the line that the blocks so far have not ended
    for block in blocks:
        begun, longest = _lengths(block, begun, limits.line_bytes)
        if longest > limits.line_bytes:
            raise UnreadableInputError(name, f"has a line of more than {limits.line_bytes:,} bytes (max_line_bytes)")


def _lengths(block: bytes, begun: int, limit: int) -> tuple[int, int]:
    """The length of the line that a block leaves open, and that of its longest one where that is beyond `limit`."""
    first, last = block.find(b"\n"), block.rfind(b"\n")
    if first < 0:
        return begun + len(block), begun + len(block)
    left = len(block) - last - 1
    # Lines inside of a block are shorter than it, so they are looked at only where the limit is too.
    inside = max(map(len, block[first + 1 : last].split(b"\n")), default=0) if limit < len(block) else 0
    return left, max(begun + first, inside, left)


def _bounded(blocks: Iterator[bytes], packed: int, name: str, limits: LandingLimits) -> Iterator[bytes]:
    unpacked = 0
    for block in blocks:
        unpacked += len(block)
        _check_unpacked(unpacked, packed, name, limits)
        yield block


def _check_bytes(unpacked: int, name: str, limits: LandingLimits) -> None:
    if unpacked > limits.unpacked_bytes:
        raise UnreadableInputError(name, f"unpacks to more than {limits.unpacked_bytes:,} bytes (max_unpacked_bytes)")


def _check_unpacked(unpacked: int, packed: int, name: str, limits: LandingLimits) -> None:
    _check_bytes(unpacked, name, limits)
    if unpacked > _RATIO_COUNTS_FROM_BYTES and unpacked > packed * limits.unpacked_ratio:
        raise UnreadableInputError(
            name, f"unpacks to more than {limits.unpacked_ratio} times its size (max_unpacked_ratio)"
        )


def _check_parquet(path: Path, name: str, limits: LandingLimits) -> None:
    try:
        metadata = pq.read_metadata(path)
        unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
        _check_unpacked(unpacked, path.stat().st_size, name, limits)
        # The ratio is not for this: a file of few different values may well be a thousandth of what it says.
        _check_bytes(decoded_bytes(path, metadata, limits.unpacked_bytes), name, limits)
    except pa.ArrowException:
        return  # what is wrong with it is said when its columns are looked at
