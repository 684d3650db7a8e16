"""The log of a Delta table, read by itself: which files a version is made of, and which log files say so.

Written for tables of any writer: paths are decoded and must stay in the table, deletion vectors are files too, and
checkpoints may be whole, in parts, or have sidecars. See PROTOCOL.md of delta-io/delta.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

LOG = "_delta_log"
_COMMIT = re.compile(r"\A([0-9]{20})\.json\Z")
_CHECKPOINT = re.compile(
    r"\A([0-9]{20})\.checkpoint(\.[0-9]{10}\.(?P<parts>[0-9]{10})|\.[0-9a-fA-F-]{36})?\.(parquet|json)\Z"
)
_SIDECARS = "_sidecars"
_ACTIONS = ("add", "remove", "metaData", "protocol", "sidecar")


class BrokenLog(Exception):
    """A log does not say what a version is made of, or says something that must not be followed."""


@dataclass(frozen=True)
class DataFile:
    """A data file of a version, by its path relative to the table. `rows` are those stored in it, if the log says;
    `deletion_vector` is the path of the file that has its deleted rows, `deleted_rows` how many these are."""

    path: str
    size: int
    rows: int | None
    deletion_vector: str | None = None
    deleted_rows: int = 0


@dataclass(frozen=True)
class TableVersion:
    """One version of a table. `log_files` are all that a reader of it may need, by their paths relative to the table,
    in the order in which they are to be copied."""

    version: int
    table_id: str
    files: Mapping[str, DataFile]
    log_files: tuple[str, ...]

    @property
    def deletion_vectors(self) -> list[str]:
        return sorted({file.deletion_vector for file in self.files.values() if file.deletion_vector})


@dataclass
class LogListing:
    """The files of a log directory: commits and checkpoints (each the names of its parts) by their version."""

    commits: dict[int, str] = field(default_factory=dict)
    checkpoints: dict[int, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Iterable[str]) -> LogListing:
        """Take apart names relative to the log directory; what is neither commit nor checkpoint is left out."""
        listing = cls()
        parts: dict[tuple[int, str], tuple[int, list[str]]] = {}
        for name in sorted(names):
            if commit := _COMMIT.match(name):
                listing.commits[int(commit[1])] = name
            elif checkpoint := _CHECKPOINT.match(name):
                version, whole = int(checkpoint[1]), int(checkpoint["parts"] or 1)
                parts.setdefault((version, checkpoint["parts"] or name), (whole, []))[1].append(name)
        for (version, _), (whole, found) in parts.items():
            if len(found) == whole:  # else one that is being written, or was never finished
                listing.checkpoints.setdefault(version, found)
        return listing


@contextmanager
def _told_as_broken(what: str) -> Iterator[None]:
    """An entry of another shape than any writer makes is damage, whatever it does to who reads it."""
    try:
        yield
    except (KeyError, AttributeError, TypeError, ValueError, IndexError, OverflowError, RecursionError) as error:
        raise BrokenLog(f"{what} has an entry that is none of Delta's ({type(error).__name__})") from error


def newest_version(listing: LogListing) -> int:
    """The newest version that a log has. Raises BrokenLog where it has none."""
    if not listing.commits and not listing.checkpoints:
        raise BrokenLog("has no commits")
    return max([*listing.commits, *listing.checkpoints])


def commit_notes(listing: LogListing, read: Callable[[str], bytes]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """What each commit that the log still has says of itself (`CommitMetadata.as_metadata`), the oldest first."""
    for version, name in sorted(listing.commits.items()):
        content = read(name)
        with _told_as_broken(f"{LOG}/{name}"):
            note = _note(_actions_of_commit(name, content))
        yield version, note


def table_version(listing: LogListing, version: int, read: Callable[[str], bytes]) -> TableVersion:
    """What the table is made of at `version`. `read` gives the content of a file of the log, by its name there.

    Raises BrokenLog where the log does not say so from one end to the other.
    """
    start = max((checkpoint for checkpoint in listing.checkpoints if checkpoint <= version), default=None)
    names = list(listing.checkpoints[start]) if start is not None else []
    first = 0 if start is None else start + 1
    state = _State()
    sidecars: list[str] = []
    for name in names:
        content = read(name)
        with _told_as_broken(f"{LOG}/{name}"):
            for action in _checkpoint_actions(name, content):
                if sidecar := action.get("sidecar"):
                    sidecars.append(f"{_SIDECARS}/{_plain_name(sidecar['path'])}")
                else:
                    state.apply(action)
    for name in sidecars:
        content = read(name)
        with _told_as_broken(f"{LOG}/{name}"):
            for action in _checkpoint_actions(name, content):
                state.apply(action)
    for number in range(first, version + 1):
        if number not in listing.commits:
            raise BrokenLog(f"{LOG}/{number:020d}.json is missing")
        name = listing.commits[number]
        content = read(name)
        with _told_as_broken(f"{LOG}/{name}"):
            for action in _actions_of_commit(name, content):
                state.apply(action)
    if state.table_id is None or not state.has_protocol:
        raise BrokenLog("says nothing of the table's schema or protocol")
    # Older commits are kept too, as far back as they go without a gap: a table's history is in them.
    oldest = version if version in listing.commits else version + 1
    while oldest - 1 in listing.commits:
        oldest -= 1
    commits = [listing.commits[number] for number in range(oldest, version + 1)]
    logs = tuple(f"{LOG}/{name}" for name in (*sidecars, *names, *commits))
    return TableVersion(version, state.table_id, state.live(), logs)


class _State:
    """The replay of a log: the newest action of each file counts."""

    def __init__(self) -> None:
        self._live: dict[tuple[str, str | None], DataFile] = {}
        self.table_id: str | None = None
        self.has_protocol = False

    def apply(self, action: Mapping[str, Any]) -> None:
        if added := action.get("add"):
            file, identity = _data_file(added)
            self._live[(file.path, identity)] = file
        elif removed := action.get("remove"):
            self._live.pop((inside(removed["path"]), _vector_identity(removed.get("deletionVector"))), None)
        elif metadata := action.get("metaData"):
            if not isinstance(metadata["id"], str):
                raise TypeError
            self.table_id = metadata["id"]
        elif action.get("protocol"):
            self.has_protocol = True

    def live(self) -> dict[str, DataFile]:
        return {file.path: file for file in self._live.values()}


def inside(encoded: str) -> str:
    """The path that a log names, relative to its table. Raises BrokenLog where it leads out of the table."""
    path = unquote(encoded)
    # A scheme may be s3:// as well as file:/; a drive letter or a colon in a partition's value is decoded from %3A.
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", encoded) or not is_safe_path(path):
        raise BrokenLog(f"names a file outside of the table: {path}")
    return path


def is_safe_path(path: str) -> bool:
    """Whether a relative path stays where it is put, on every system."""
    parts = path.split("/")
    plain = PurePosixPath(path)
    return (
        bool(path)
        and not plain.is_absolute()
        and "\\" not in path
        and "\x00" not in path
        and all(part not in ("", ".", "..") for part in parts)
    )


def _plain_name(path: str) -> str:
    name = unquote(path)
    if "/" in name or not is_safe_path(name):
        raise BrokenLog(f"names a sidecar outside of its directory: {name}")
    return name


def _data_file(added: Mapping[str, Any]) -> tuple[DataFile, str | None]:
    vector = added.get("deletionVector")
    statistics = json.loads(added.get("stats") or "{}")
    file = DataFile(
        path=inside(added["path"]),
        size=int(added["size"]),
        rows=statistics.get("numRecords"),
        deletion_vector=_vector_path(vector) if vector else None,
        deleted_rows=int(vector["cardinality"]) if vector else 0,
    )
    if file.size < 0 or file.deleted_rows < 0:
        raise ValueError
    return file, _vector_identity(vector)


def _vector_identity(vector: Mapping[str, Any] | None) -> str | None:
    if not vector:
        return None
    return f"{vector['storageType']}{vector['pathOrInlineDv']}@{vector.get('offset')}"


def _vector_path(vector: Mapping[str, Any]) -> str | None:
    """The file of a deletion vector, relative to the table; None for one that stands in the log itself."""
    kind, where = vector["storageType"], vector["pathOrInlineDv"]
    if kind == "i":
        return None
    if kind == "u":  # an optional prefix that is a directory, then a UUID in 20 signs of Z85
        name = f"deletion_vector_{UUID(bytes=_from_z85(where[-20:]))}.bin"
        return inside(f"{where[:-20]}/{name}" if where[:-20] else name)
    raise BrokenLog(f"names a deletion vector by an absolute path, which a copy would not have: {where}")


_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_TO_BASE85 = str.maketrans(
    _Z85, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
)


def _from_z85(text: str) -> bytes:
    try:
        return base64.b85decode(text.translate(_TO_BASE85))
    except ValueError as error:
        raise BrokenLog(f"names a deletion vector by what is no UUID: {text}") from error


def _actions_of_commit(name: str, content: bytes) -> list[dict[str, Any]]:
    try:
        actions = [json.loads(line) for line in content.splitlines() if line.strip()]
    except ValueError as error:
        raise BrokenLog(f"{LOG}/{name} is no JSON") from error
    if not actions or not all(isinstance(action, dict) for action in actions):
        raise BrokenLog(f"{LOG}/{name} has no actions")
    return actions


def _checkpoint_actions(name: str, content: bytes) -> Iterator[Mapping[str, Any]]:
    if name.endswith(".json"):
        yield from _actions_of_commit(name, content)
        return
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        wanted = [action for action in _ACTIONS if action in file.schema_arrow.names]
        for batch in file.iter_batches(columns=_leaves(file, wanted)):
            for row in batch.to_pylist():
                action = {key: _without_maps(value) for key, value in row.items() if value is not None}
                if action:
                    yield action
    except (pa.ArrowException, OSError) as error:  # the latter of content that does not unpack
        raise BrokenLog(f"{LOG}/{name} is no checkpoint") from error


def _leaves(file: pq.ParquetFile, actions: Sequence[str]) -> list[str]:
    """The columns of these actions but the parsed statistics and partition values, which may be of any type."""
    paths = [file.schema.column(index).path for index in range(len(file.schema))]
    return [path for path in paths if path.split(".")[0] in actions and "_parsed" not in path]


def _without_maps(value: Any) -> Any:
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


def _note(actions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    info: Mapping[str, Any] = next((a["commitInfo"] for a in actions if a.get("commitInfo")), {})
    try:
        note = json.loads(info.get("userMetadata") or "{}")
    except (ValueError, TypeError):  # a commit of somebody else
        return {}
    return note if isinstance(note, dict) else {}
