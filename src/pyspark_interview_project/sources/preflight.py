"""Screening a landed file before an engine reads it: its hash, and whether it stays within the limits.

A file is read in pieces, so that one that unpacks to more than any disk holds costs no memory here.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from pyspark_interview_project.config.settings import LandingLimits
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources.lines import open_gzip
from pyspark_interview_project.sources.parquet_size import decoded_bytes
from pyspark_interview_project.storage.files import CHUNK_BYTES, LocalFiles, sha256_and_size

# Below this a ratio says nothing: a small file of blanks is packed to a thousandth.
_RATIO_COUNTS_FROM_BYTES = 64 * 1024 * 1024


def screened_sha256(files: LocalFiles, path: str, limits: LandingLimits) -> str:
    """The SHA-256 of the file as it landed.

    Raises UnreadableInputError where it cannot be read or unpacked to its end, has a line longer than
    `limits.line_bytes`, or unpacks to more than `limits.unpacked_bytes` or `limits.unpacked_ratio` times its size.
    """
    try:
        if path.endswith(".parquet"):
            _check_parquet(files, path, limits)
        elif path.endswith(".gz"):
            _check_gzip(files, path, limits)
        else:
            digest = hashlib.sha256()
            _check_lines(_hashed(files.chunks(path), digest), path, limits)
            return digest.hexdigest()
        return sha256_and_size(files.chunks(path))[0]
    except (OSError, EOFError, zlib.error) as error:
        problem = (error.strerror if isinstance(error, OSError) else None) or f"cannot be read to its end: {error}"
        raise UnreadableInputError(path, problem) from error


def _hashed(chunks: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _check_lines(chunks: Iterable[bytes], path: str, limits: LandingLimits) -> None:
    """Read every chunk, and refuse a line that is too long."""
    begun = 0  # bytes of the line that the chunks so far have not ended
    for chunk in chunks:
        begun, longest = _lengths(chunk, begun, limits.line_bytes)
        if longest > limits.line_bytes:
            raise UnreadableInputError(path, f"has a line of more than {limits.line_bytes:,} bytes (max_line_bytes)")


def _lengths(chunk: bytes, begun: int, limit: int) -> tuple[int, int]:
    """The length of the line that a chunk leaves open, and of the longest line where one is beyond `limit`."""
    first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
    if first < 0:
        return begun + len(chunk), begun + len(chunk)
    left = len(chunk) - last - 1
    # A line inside a chunk is shorter than the chunk, so only a limit below that needs a look at these lines.
    inside = max(map(len, chunk[first + 1 : last].split(b"\n")), default=0) if limit < len(chunk) else 0
    return left, max(begun + first, inside, left)


def _check_gzip(files: LocalFiles, path: str, limits: LandingLimits) -> None:
    place = files.place(path)
    packed = place.stat().st_size

    def unpacked_chunks() -> Iterator[bytes]:
        unpacked = 0
        with open_gzip(place) as file:
            for chunk in iter(partial(file.read, CHUNK_BYTES), b""):
                unpacked += len(chunk)
                _check_unpacked(unpacked, packed, path, limits)
                yield chunk

    _check_lines(unpacked_chunks(), path, limits)


def _check_parquet(files: LocalFiles, path: str, limits: LandingLimits) -> None:
    place = files.place(path)
    try:
        metadata = pq.read_metadata(place)
        unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
        _check_unpacked(unpacked, place.stat().st_size, path, limits)
        # The ratio does not count here: a file of few different values may well decode to a thousand times its size.
        _check_bytes(decoded_bytes(place, metadata, limits.unpacked_bytes), path, limits)
    except pa.ArrowException:
        return  # the look at its columns says what is wrong with it


def _check_bytes(unpacked: int, path: str, limits: LandingLimits) -> None:
    if unpacked > limits.unpacked_bytes:
        raise UnreadableInputError(path, f"unpacks to more than {limits.unpacked_bytes:,} bytes (max_unpacked_bytes)")


def _check_unpacked(unpacked: int, packed: int, path: str, limits: LandingLimits) -> None:
    _check_bytes(unpacked, path, limits)
    if unpacked > _RATIO_COUNTS_FROM_BYTES and unpacked > packed * limits.unpacked_ratio:
        raise UnreadableInputError(
            path, f"unpacks to more than {limits.unpacked_ratio} times its size (max_unpacked_ratio)"
        )
