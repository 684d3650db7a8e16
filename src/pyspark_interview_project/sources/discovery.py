"""The landed files: which there are, which of them are new, and which are not what was planned."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import unquote

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.storage.files import UNFINISHED, Files, LocalFiles, StoredFile, sha256_and_size

Format = Literal["delimited", "json", "parquet"]
_FORMATS: Mapping[str, Format] = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), "delimited"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), "json"),
    **dict.fromkeys((".parquet", ".parq", ".pq"), "parquet"),
}
_PACKINGS = (".gz", ".gzip", ".bz2", ".xz", ".zst")
AnyFile = TypeVar("AnyFile", "LandedFile", StoredFile)
_LANDING_DAY = re.compile(r"\Adt=([0-9]{4}-[0-9]{2}-[0-9]{2})\Z")


@dataclass(frozen=True)
class LandedFile:
    """A file as it was planned. `path` is relative to the root of the lake; `modified_ns` is its modification time.

    `feed` is the name of the feed that it belongs to, if it has one, and `encoding` that of its text.
    """

    path: str
    size: int
    modified_ns: int
    sha256: str
    feed: str | None = None
    encoding: str | None = None

    @property
    def landed_day(self) -> str | None:
        """The day of the directory dt=… that it landed in, as YYYY-MM-DD."""
        return _landed_day(self.path)


@dataclass(frozen=True)
class Listing:
    """What stands under bronze: the files with data, and the paths of the others, each with why it is ignored, or
    rejected because it cannot be opened as what its name claims.

    Hidden files, and files marked as unfinished, are in none of them.
    """

    files: tuple[StoredFile, ...]
    ignored: Mapping[str, str]
    rejected: Mapping[str, str] = field(default_factory=dict)


def format_of(path: str) -> Format | None:
    """The format that a file's name claims, in any case; None where it is no data."""
    plain, extension = os.path.splitext(path.rsplit("/", 1)[-1].lower())
    is_packed = extension in _PACKINGS
    found = _FORMATS.get(os.path.splitext(plain)[1] if is_packed else extension)
    return None if found == "parquet" and is_packed else found


def in_order_of_delivery(files: Iterable[AnyFile]) -> list[AnyFile]:
    """The files from the one that was delivered first to the last: by landing day, modification time and path."""
    return sorted(files, key=lambda file: (_landed_day(file.path) or "", file.modified_ns, file.path))


def _landed_day(path: str) -> str | None:
    days = [day for part in path.split("/")[:-1] if (day := _day_of(part))]
    return days[-1].isoformat() if days else None


def landing_directory(lake: LakePaths) -> Path:
    """Where files land. Raises ConfigurationError where there is no such directory."""
    landing = Path(lake.place(paths.LANDED))
    if not landing.is_dir():
        raise ConfigurationError(str(landing), "there is no such directory; land files there or set DATA_ROOT")
    return landing


def find_landed(lake: LakePaths, as_of: date) -> Listing:
    """List the landed files in the order of their paths, without those in a directory dt=… later than `as_of`.

    Raises ConfigurationError where the landing directory does not exist.
    """
    landing_directory(lake)
    files, ignored, rejected = [], {}, {}
    landed = LocalFiles(lake.root).list(paths.LANDED, enters=lambda directory: _is_visible(f"{directory}/", as_of))
    for file in sorted(landed, key=lambda file: file.path.split("/")):
        if not _is_visible(file.path, as_of):
            continue
        shown = _readable(file.path)
        if file.link == "nowhere":
            ignored[shown] = "it is a link to a directory, or to nothing"
        elif format_of(file.path) is None:
            ignored[shown] = _of_no_format(file.path)
        elif shown != file.path:
            rejected[shown] = "its name is not UTF-8; give it another one"
        elif file.link == "outside":
            rejected[shown] = "it is a link out of the lake; land the file itself"
        else:
            files.append(file)
    return Listing(tuple(files), ignored, rejected)


def _of_no_format(path: str) -> str:
    extension = os.path.splitext(path.rsplit("/", 1)[-1])[1]
    names = " ".join(_FORMATS)
    found = f"its name ends with {extension}" if extension else "its name has no extension"
    return f"{found}; taken are {names}, text also behind {' '.join(_PACKINGS)}"


def _is_visible(path: str, as_of: date) -> bool:
    """Whether a file is there for a run of this day: not hidden, not unfinished, not in a directory of a later day."""
    *directories, name = path.removeprefix(f"{paths.LANDED}/").split("/")
    if any(part.startswith(("_", ".")) or part.endswith(UNFINISHED) for part in (*directories, name)):
        return False
    return not any(_is_of_a_later_day(directory, as_of) for directory in directories)


def _is_of_a_later_day(directory: str, as_of: date) -> bool:
    day = _day_of(directory)
    return day is not None and day > as_of


def _day_of(directory: str) -> date | None:
    day = _LANDING_DAY.match(directory)
    try:
        return date.fromisoformat(day[1]) if day else None
    except ValueError:  # dt=2026-02-30 names no day and is a directory like any other
        return None


def _readable(path: str) -> str:
    r"""The path with \xe9 and the like for bytes that are not UTF-8."""
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")


def changed_files(lake: LakePaths, files: Iterable[LandedFile]) -> dict[str, str]:
    """Those of the planned `files` that are not what was planned, each with what happened to it."""
    stored = LocalFiles(lake.root)
    return {file.path: change for file in files if (change := _change(stored, file))}


def _change(stored: Files, file: LandedFile) -> str | None:
    """What became of a planned file; None where it is as it was planned."""
    try:
        now = stored.head(file.path)
        if now is None or now.link:
            return "it was planned and is gone"
        if (now.size, now.modified_ns) == (file.size, file.modified_ns):
            return None
        is_same = now.size == file.size and sha256_and_size(stored.chunks(file.path))[0] == file.sha256
    except OSError as error:
        return f"it was planned and cannot be read: {error.strerror}"
    return None if is_same else "it was planned and has changed since"


def file_named(message: str, known: Iterable[str]) -> str | None:
    """Which of the known files, by their paths relative to the root, a message of an engine names; None: none of them.

    A file's name without its directories is not enough: it may be that of another file, of a column, or any word.
    """
    plain = unquote(message)  # a URI writes the path in another way
    longest_first = sorted(known, key=len, reverse=True)  # a.csv is part of a.csv.gz
    return next((path for path in longest_first if path in message or path in plain), None)
