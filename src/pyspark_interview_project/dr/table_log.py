"""What a version of a Delta table consists of: its data files, its deletion vectors, and the log files that say so.

deltalake replays the log, of any writer: commits, checkpoints whole or in parts or with sidecars. What it does not
tell is left to this module: the files of deletion vectors, which log files a version needs, and that no path leads out
of the table. See PROTOCOL.md of delta-io/delta.
"""

from __future__ import annotations

import base64
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from pyspark_interview_project.storage.commits import metadata_of

LOG = "_delta_log"
_SIDECARS = "_sidecars/"
_COMMIT = re.compile(r"\A([0-9]{20})\.json\Z")
_CHECKPOINT = re.compile(
    r"\A([0-9]{20})\.checkpoint(\.[0-9]{10}\.(?P<parts>[0-9]{10})|\.[0-9a-fA-F-]{36})?\.(parquet|json)\Z"
)
_OF_A_CHECKPOINT = ("add.path", "add.size", "add.stats", "add.deletionVector", "metaData.id")
_RFC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


class BrokenLog(Exception):
    """A log does not say what a version consists of, or names a file outside of its table."""


@dataclass(frozen=True)
class TableVersion:
    """A version of a table. Paths are relative to the table.

    `files` has the bytes of each data file. `rows` are those of the version, without deleted ones; None where the log
    does not say. `log_files` are all that a reader may need, in the order in which they are to be copied.
    """

    version: int
    table_id: str
    files: Mapping[str, int]
    deletion_vectors: tuple[str, ...]
    rows: int | None
    log_files: tuple[str, ...]


def newest_and_commits(table: Path) -> tuple[int, list[tuple[int, Mapping[str, Any]]]]:
    """The newest version of a table, and the commit metadata of each commit that its log has, the oldest first.

    Raises BrokenLog.
    """
    with _as_broken_log():
        opened = DeltaTable(table.as_uri())
        return opened.version(), [(entry["version"], metadata_of(entry)) for entry in reversed(opened.history())]


def table_version(version: int, names: Iterable[str], bring: Callable[[str, Path], object]) -> TableVersion:
    """What a table consists of at a version. `names` are those of its log files, relative to the log's directory;
    `bring` puts one of them at a path. Reads no data file. Raises BrokenLog, and what `bring` raises."""
    needed = log_files(names, version)
    with tempfile.TemporaryDirectory(prefix="returns-log-") as directory:
        log = Path(directory, LOG)
        (log / _SIDECARS).mkdir(parents=True)
        for name in needed:
            bring(name, log / name)
        # deltalake writes down the whole state as a checkpoint. A commit that changes nothing is added, so that the
        # checkpoint is a new file also where the log has one of this version.
        (log / f"{version + 1:020d}.json").write_text('{"commitInfo": {}}\n', encoding="utf-8")
        with _as_broken_log():
            DeltaTable(Path(directory).as_uri()).create_checkpoint()
            checkpoint = pq.ParquetFile(log / f"{version + 1:020d}.checkpoint.parquet")
            state = checkpoint.read(columns=list(_OF_A_CHECKPOINT)).to_pylist()
            added = [row["add"] for row in state if row["add"]]
            vectors = [add["deletionVector"] for add in added if add["deletionVector"]]
            stored = [json.loads(add["stats"] or "{}").get("numRecords") for add in added]
            return TableVersion(
                version=version,
                table_id=next(row["metaData"]["id"] for row in state if row["metaData"]),
                files={inside(add["path"]): add["size"] for add in added},
                deletion_vectors=tuple(sorted({path for vector in vectors if (path := _vector_path(vector))})),
                rows=None if None in stored else sum(stored) - sum(vector["cardinality"] for vector in vectors),
                log_files=tuple(f"{LOG}/{name}" for name in needed),
            )


def log_files(names: Iterable[str], version: int) -> list[str]:
    """The log files that a reader of a version may need: sidecars of checkpoints, the newest whole checkpoint, and the
    commits, the older ones too as far back as there is no gap, for they are the table's history."""
    commits: dict[int, str] = {}
    parts: dict[tuple[int, str], tuple[int, list[str]]] = {}
    sidecars = []
    for name in sorted(names):
        if commit := _COMMIT.match(name):
            commits[int(commit[1])] = name
        elif checkpoint := _CHECKPOINT.match(name):
            whole = int(checkpoint["parts"] or 1)
            parts.setdefault((int(checkpoint[1]), checkpoint["parts"] or name), (whole, []))[1].append(name)
        elif name.startswith(_SIDECARS):
            sidecars.append(name)
    # A checkpoint that lacks a part is being written, or was never finished.
    checkpoints = {of: found for (of, _), (whole, found) in parts.items() if len(found) == whole and of <= version}
    newest = max(checkpoints, default=-1)
    first = version + 1
    while first - 1 in commits:
        first -= 1
    if first > newest + 1:
        raise BrokenLog(f"{LOG}/{first - 1:020d}.json is missing")
    return [*sidecars, *checkpoints.get(newest, []), *(commits[number] for number in range(first, version + 1))]


def inside(encoded: str) -> str:
    """The path that a log names, relative to its table. Raises BrokenLog where it leads out of the table."""
    path = unquote(encoded)
    # A scheme may be s3:// as well as file:/; a drive letter or a colon in a partition's value is decoded from %3A.
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", encoded) or not is_safe_path(path):
        raise BrokenLog(f"names a file outside of the table: {path}")
    return path


def is_safe_path(path: str) -> bool:
    """Whether a relative path stays where it is put, on every system."""
    has_odd_signs = "\\" in path or "\x00" in path
    is_plain = all(part not in ("", ".", "..") for part in path.split("/"))
    return is_plain and not has_odd_signs and not PurePosixPath(path).is_absolute()


@contextmanager
def _as_broken_log() -> Iterator[None]:
    """What deltalake says of a log that it cannot read, as a BrokenLog. A file that vanished stays an OSError."""
    try:
        yield
    except (DeltaError, pa.ArrowException, ValueError, KeyError, StopIteration) as error:
        said = str(error).partition("\n")[0]
        raise BrokenLog(f"cannot be read: {said or type(error).__name__}") from error


def _vector_path(vector: Mapping[str, Any]) -> str | None:
    """The file of a deletion vector, relative to the table; None for one that stands in the log itself."""
    kind, where = vector["storageType"], vector["pathOrInlineDv"]
    if kind == "i":
        return None
    if kind == "u":  # an optional prefix that is a directory, then a UUID in 20 signs of Z85
        raw = base64.b85decode(where[-20:].translate(str.maketrans(_Z85, _RFC)))
        name = f"deletion_vector_{UUID(bytes=raw)}.bin"
        return inside(f"{where[:-20]}/{name}" if where[:-20] else name)
    raise BrokenLog(f"names a deletion vector by an absolute path, which a copy would not have: {where}")
