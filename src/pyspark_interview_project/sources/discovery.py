"""The landed files: which there are, which of them are new, and which are not what was planned."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import unquote

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.config.settings import LandingLimits
from pyspark_interview_project.errors import ConfigurationError, UnreadableInputError
from pyspark_interview_project.sources.preflight import screened_sha256
from pyspark_interview_project.storage.files import UNFINISHED, Files, LocalFiles, StoredFile, sha256_and_size

_FORMATS: Mapping[str, str] = {
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
}
_LANDING_DAY = re.compile(r"\Adt=([0-9]{4}-[0-9]{2}-[0-9]{2})\Z")


@dataclass(frozen=True)
class LandedFile:
    """A file as it was planned. `path` is relative to the root of the lake; `modified_ns` is its modification time."""

    path: str
    size: int
    modified_ns: int
    sha256: str

    @property
    def format(self) -> str:
        """json, csv or parquet."""
        found = format_of(self.path)
        assert found is not None, self.path
        return found

    @property
    def is_gzipped(self) -> bool:
        return self.path.endswith(".gz")


@dataclass(frozen=True)
class Listing:
    """What stands under bronze: the files with data, and the paths of the others, each with why it is ignored.

    Hidden files, and files marked as unfinished, are in neither.
    """

    files: tuple[StoredFile, ...]
    ignored: Mapping[str, str]


def format_of(path: str) -> str | None:
    """The format that a file's name claims; None where it is no data."""
    name = path.rsplit("/", 1)[-1]
    plain = name.removesuffix(".gz")
    found = _FORMATS.get(os.path.splitext(plain)[1])
    return None if found == "parquet" and plain != name else found


def landing_directory(lake: LakePaths) -> Path:
    """Where files land. Raises ConfigurationError where there is no such directory."""
    landing = Path(lake.place(paths.LANDED))
    if not landing.is_dir():
        raise ConfigurationError(str(landing), "there is no such directory; land files there or set DATA_ROOT")
    return landing


def find_landed(lake: LakePaths, as_of: date) -> Listing:
    """List the landed files in the order of their paths, without those in a directory dt=… later than `as_of`.

    Raises ConfigurationError where the landing directory does not exist or a link leads out of the lake, and
    UnreadableInputError for a file with data whose name is not UTF-8.
    """
    landing_directory(lake)
    files, ignored = [], {}
    landed = LocalFiles(lake.root).list(paths.LANDED, enters=lambda directory: _is_visible(f"{directory}/", as_of))
    for file in sorted(landed, key=lambda file: file.path.split("/")):
        if not _is_visible(file.path, as_of):
            continue
        shown = _readable(file.path)
        if file.link == "nowhere":
            ignored[shown] = "it is a link to a directory, or to nothing"
        elif format_of(file.path) is None:
            ignored[shown] = "its name claims none of the formats"
        elif shown != file.path:
            raise UnreadableInputError(shown, "its name is not UTF-8")
        elif file.link == "outside":
            raise ConfigurationError(file.path, "it is a link out of the lake; land the file itself")
        else:
            files.append(file)
    return Listing(tuple(files), ignored)


def _is_visible(path: str, as_of: date) -> bool:
    """Whether a file is there for a run of this day: not hidden, not unfinished, not in a directory of a later day."""
    *directories, name = path.removeprefix(f"{paths.LANDED}/").split("/")
    if any(part.startswith(("_", ".")) or part.endswith(UNFINISHED) for part in (*directories, name)):
        return False
    return not any(_is_of_a_later_day(directory, as_of) for directory in directories)


def _is_of_a_later_day(directory: str, as_of: date) -> bool:
    day = _LANDING_DAY.match(directory)
    try:
        return day is not None and date.fromisoformat(day[1]) > as_of
    except ValueError:  # dt=2026-02-30 names no day and is a directory like any other
        return False


def _readable(path: str) -> str:
    r"""The path with \xe9 and the like for bytes that are not UTF-8."""
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")


def new_files(
    lake: LakePaths, landed: Iterable[StoredFile], known: Iterable[LandedFile], limits: LandingLimits
) -> Iterator[LandedFile]:
    """Those of the landed files that are not known by path, size and content, one by one.

    A file is not hashed again where its path, size and modification time are known.
    Raises UnreadableInputError naming a file that cannot be read or is beyond the limits.
    """
    known = list(known)
    by_time = {(file.path, file.size, file.modified_ns) for file in known}
    by_content = {(file.path, file.size, file.sha256) for file in known}
    stored = LocalFiles(lake.root)
    for file in landed:
        if (file.path, file.size, file.modified_ns) in by_time:
            continue
        sha256 = screened_sha256(stored, file.path, limits)
        if (file.path, file.size, sha256) not in by_content:
            yield LandedFile(file.path, file.size, file.modified_ns, sha256)


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
