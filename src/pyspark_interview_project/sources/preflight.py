"""Screening a landed file before it is planned: its hash, whether it can be taken, and within which limits it stays.

A file is read in pieces, so that one that unpacks to more than any disk holds costs no memory here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark_interview_project.config.settings import LandingLimits
from pyspark_interview_project.engine import chosen_engine
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources.discovery import LandedFile, format_of
from pyspark_interview_project.sources.landed_text import read_options
from pyspark_interview_project.sources.text_look import check_columns
from pyspark_interview_project.sources.text_opening import encoding_of
from pyspark_interview_project.storage.files import LocalFiles, StoredFile, sha256_and_size

if TYPE_CHECKING:
    from pyspark_interview_project.config.feed_definition import Feed

# Below this a ratio says nothing: a small file of blanks is packed to a thousandth.
_RATIO_COUNTS_FROM_BYTES = 64 * 1024 * 1024


def screened(files: LocalFiles, file: StoredFile, feed: Feed | None, limits: LandingLimits) -> LandedFile:
    """The file as it can be planned.

    Raises UnreadableInputError where it cannot be taken: it cannot be read or unpacked to its end, is no text or table
    of its format, lacks a required column, or unpacks to more than `limits.unpacked_bytes` or `limits.unpacked_ratio`
    times its size.
    """
    path, place = file.path, Path(files.place(file.path))
    encoding = None
    try:
        sha256, size = sha256_and_size(files.chunks(path))
        if format_of(path) == "parquet":
            _check_parquet(place, path, feed, limits)
        else:
            options = read_options(path, feed, limits.record_bytes)
            encoding = encoding_of(place, path, options.encodings, _limited(path, size, limits))
            check_columns(place, path, options, encoding, feed)
    except (OSError, EOFError, zlib.error) as error:
        fault = error.strerror if isinstance(error, OSError) else None
        raise UnreadableInputError(path, fault or f"cannot be read to its end: {error}", bool(fault)) from error
    return LandedFile(path, file.size, file.modified_ns, sha256, feed.feed if feed else None, encoding)


def _limited(path: str, packed: int, limits: LandingLimits) -> Callable[[int], None]:
    """What counts unpacked bytes, and refuses a file that has too many."""
    unpacked = 0

    def count(size: int) -> None:
        nonlocal unpacked
        unpacked += size
        if unpacked > packed:  # a file that is not packed has just its bytes
            _check_unpacked(unpacked, packed, path, limits)

    return count


def _check_parquet(place: Path, path: str, feed: Feed | None, limits: LandingLimits) -> None:
    # Loaded for Parquet only: a small run of text is over in the time that this takes.
    from pyspark_interview_project.sources.parquet_layout import parquet_layout
    from pyspark_interview_project.sources.parquet_text import parquet_columns
    from pyspark_interview_project.sources.path_columns import path_columns

    _check_parquet_size(place, path, limits)
    if feed is None:
        parquet_layout(place, path, chosen_engine())
    elif missing := feed.missing_columns([*parquet_columns(place, path), *path_columns(path, feed.own_columns)]):
        raise UnreadableInputError(path, f"it lacks {', '.join(missing)}, which the feed {feed.feed} reads")


def _check_parquet_size(place: Path, path: str, limits: LandingLimits) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pyspark_interview_project.sources.parquet_size import decoded_bytes

    try:
        metadata = pq.read_metadata(place)
        unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
        _check_unpacked(unpacked, place.stat().st_size, path, limits)
        # The ratio does not count here: a file of few different values may well decode to a thousand times its size.
        _check_bytes(decoded_bytes(place, metadata, limits.unpacked_bytes), path, limits)
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.strerror:  # the storage's; others are of Arrow's making
            raise
        # The look at its columns says what is wrong with it.


def _check_bytes(unpacked: int, path: str, limits: LandingLimits) -> None:
    if unpacked > limits.unpacked_bytes:
        raise UnreadableInputError(path, f"unpacks to more than {limits.unpacked_bytes:,} bytes (max_unpacked_bytes)")


def _check_unpacked(unpacked: int, packed: int, path: str, limits: LandingLimits) -> None:
    _check_bytes(unpacked, path, limits)
    if unpacked > _RATIO_COUNTS_FROM_BYTES and unpacked > packed * limits.unpacked_ratio:
        raise UnreadableInputError(
            path, f"unpacks to more than {limits.unpacked_ratio} times its size (max_unpacked_ratio)"
        )
