"""The landed files: which there are, and by what they are known again."""

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
from pyspark_interview_project.sources.preflight import screened_sha256, sha256_of

_FORMATS: Mapping[str, str] = {
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
}
_UNFINISHED = (".tmp", ".part", ".crc")
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
class Landing:
    """What stands under bronze: files with data as (path, size, modified_ns), and the paths of what is no data, though
    neither hidden nor marked as unfinished, each with why."""

    files: tuple[tuple[str, int, int], ...]
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


def find_landed(lake: LakePaths, as_of: date) -> Landing:
    """List the landed files, in the order of their paths, but those under a directory dt=… later than `as_of`.

    Raises ConfigurationError where the landing directory does not exist, and UnreadableInputError naming a file whose
    name is not UTF-8.
    """
    landing = landing_directory(lake)
    files, ignored = [], {}
    for path in sorted(_walk(landing, as_of)):
        relative = f"{paths.LANDED}/{path.relative_to(landing).as_posix()}"
        if not _is_utf8(relative):
            raise UnreadableInputError(ascii(relative), "its name is not UTF-8")
        if not path.is_file():
            ignored[relative] = "it is a link to a directory, or to nothing"
        elif path.is_symlink() and not path.resolve().is_relative_to(Path(lake.root).resolve()):
            raise ConfigurationError(relative, "it is a link out of the lake; land the file itself")
        elif format_of(relative):
            status = path.stat()
            files.append((relative, status.st_size, status.st_mtime_ns))
        else:
            ignored[relative] = "its name claims none of the formats"
    return Landing(tuple(files), ignored)


def _is_utf8(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _walk(directory: Path, as_of: date) -> Iterator[Path]:
    for entry in os.scandir(directory):
        if entry.name.startswith(("_", ".")) or entry.name.endswith(_UNFINISHED):
            continue
        if entry.is_dir(follow_symlinks=False):
            if not _landed_later(entry.name, as_of):
                yield from _walk(Path(entry.path), as_of)
        else:
            yield Path(entry.path)


def _landed_later(directory: str, as_of: date) -> bool:
    day = _LANDING_DAY.match(directory)
    try:
        return day is not None and date.fromisoformat(day[1]) > as_of
    except ValueError:  # dt=2026-02-30 names no day: a directory like any other
        return False


def new_files(
    lake: LakePaths, landed: Iterable[tuple[str, int, int]], known: Iterable[LandedFile], limits: LandingLimits
) -> Iterator[LandedFile]:
    """Those of the landed files (as in `Landing`) that are not known by path, size and content, one by one.

    A file is not hashed again where its path, size and modification time are known.
    Raises UnreadableInputError naming a file that cannot be read or is beyond the limits.
    """
    known = list(known)
    by_time = {(file.path, file.size, file.modified_ns) for file in known}
    by_content = {(file.path, file.size, file.sha256) for file in known}
    for path, size, modified_ns in landed:
        if (path, size, modified_ns) in by_time:
            continue
        sha256 = screened_sha256(Path(lake.place(path)), path, limits)
        if (path, size, sha256) not in by_content:
            yield LandedFile(path, size, modified_ns, sha256)


def changed_files(lake: LakePaths, files: Iterable[LandedFile]) -> dict[str, str]:
    """Those of the planned `files` that are no longer what was planned, each with what happened to it."""
    return {file.path: happened for file in files if (happened := _what_happened(lake, file))}


def _what_happened(lake: LakePaths, file: LandedFile) -> str | None:
    """What became of a planned file; None: it is as it was planned."""
    path = Path(lake.place(file.path))
    try:
        status = path.stat()
    except FileNotFoundError:
        return "it was planned and is gone"
    except OSError as error:  # a directory above it is a file by now, or a link leads to itself
        return f"it was planned and cannot be looked at: {error.strerror}"
    if (status.st_size, status.st_mtime_ns) == (file.size, file.modified_ns):
        return None
    try:
        is_same = status.st_size == file.size and sha256_of(path) == file.sha256
    except OSError as error:
        return f"it was planned and cannot be read: {error.strerror}"
    return None if is_same else "it was planned and has changed since"


def file_named(message: str, known: Iterable[str]) -> str | None:
    """Which of the known files, by their paths relative to the root, a message of an engine names; None: none of them.

    Its name alone is not enough: a file of ours may have it too, or a column, or a word of the message.
    """
    plain = unquote(message)  # as a URI the path is written in another way
    longest_first = sorted(known, key=len, reverse=True)  # a.csv stands in a.csv.gz
    return next((path for path in longest_first if path in message or path in plain), None)
