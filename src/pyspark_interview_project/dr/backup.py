"""Making a backup: pin a cut, copy what the store does not have, and write the manifest last."""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path

from pyspark_interview_project import __version__
from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.at_once import at_once
from pyspark_interview_project.dr.backups import Contents, contents, new_id, refuse_another_lake, write_manifest
from pyspark_interview_project.dr.cut import Cut, checked_file, pin
from pyspark_interview_project.dr.manifest import FileEntry, Kind, Manifest
from pyspark_interview_project.dr.store import Check, Store, file_chunks
from pyspark_interview_project.dr.table_facts import FileFacts, Unopenable, file_facts, table_entry
from pyspark_interview_project.errors import DamageError, StorageError
from pyspark_interview_project.progress import Steps

logger = logging.getLogger(__name__)

_PINS = 3
_IN_MEMORY_BYTES = 16 << 20
_KNOWN_AGAIN = ("data", "deletion_vector", "landed")

_Identity = tuple[str, int, int]


@dataclass
class Sent:
    """What a backup had to send: files and bytes that the store did not have."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Backup:
    """A backup that was made, and what it took."""

    manifest: Manifest
    sent: Sent


def make_backup(root: Path, store: Store, strategy: str | None, has_landed_files: bool, steps: Steps) -> Backup:
    """Back the lake under `root` up into the store.

    The lake may be written meanwhile: a file that vanishes means a new pin, three in all. Raises StorageError where a
    file vanishes from each of them or the store cannot be written, DamageError where a table is broken, LockedError
    where another backup or prune is at work there, ConflictError where one was let in while this one stood still,
    ConfigurationError where the lake has no tables or the store is another lake's.
    """
    root = root.resolve()
    with store.locked("backup") as check:
        found = contents(store)
        sent = Sent()
        for attempt in range(1, _PINS + 1):
            steps.step("pinning versions that belong together")
            try:
                cut = pin(root, has_landed_files)
                refuse_another_lake(store, found, cut.silver_id, str(root))
                return _copied(cut, store, found, strategy, has_landed_files, sent, steps, check)
            except FileNotFoundError as error:
                vanished = error.filename or str(error)
                logger.warning("%s vanished while it was backed up, pin %d of %d", vanished, attempt, _PINS)
    raise StorageError(
        str(vanished), f"vanished from each of {_PINS} pins; keep removed files longer (VACUUM), then back up again"
    )


def planned(root: Path, store: Store, has_landed_files: bool) -> tuple[Cut, int, int]:
    """The cut that a backup would take now, and the files and bytes that it would send at most. Sends nothing."""
    cut, found = pin(root.resolve(), has_landed_files), contents(store)
    refuse_another_lake(store, found, cut.silver_id, str(cut.root))
    known = known_files(found)
    statuses = {path: checked_file(cut.root, path).stat() for path in cut.files}
    to_send = [
        status.st_size for path, status in statuses.items() if _identity(path, cut.files[path], status) not in known
    ]
    return cut, len(to_send), sum(to_send)


def _copied(
    cut: Cut,
    store: Store,
    found: Contents,
    strategy: str | None,
    has_landed_files: bool,
    sent: Sent,
    steps: Steps,
    check: Check,
) -> Backup:
    source = _Source(cut, store, found, sent)
    copied: list[FileEntry] = []
    data = [(path, kind) for path, kind in cut.files.items() if kind != "log"]
    logs = [(path, kind) for path, kind in cut.files.items() if kind == "log"]
    for entry in at_once(source.copy, data, store.at_once):
        copied.append(entry)
        steps.show(f"copying data: {len(copied)} of {len(cut.files)} files")
    for item in logs:
        copied.append(source.copy(item))
        steps.show(f"copying logs: {len(copied)} of {len(cut.files)} files")
    if cut.latest_run_record is not None:  # of the runs that the cut has, the latest is the last
        record = next(entry for entry in copied if entry.path == cut.latest_run_record)
        copied.append(record.model_copy(update={"path": paths.LATEST_RUN_RECORD}))
    by_table = {table: [e for e in copied if e.table == table and e.kind == "data"] for table in cut.tables}
    manifest = Manifest(
        id=new_id(cut.at),
        strategy=strategy,
        lake=str(cut.root),
        cut_at=cut.at,
        finished_at=datetime.now(UTC),
        made_with=_made_with(),
        has_landed_files=has_landed_files,
        batches=len(cut.batches),
        batches_left_out=list(cut.batches_left_out),
        tables={
            table: table_entry(pinned.version, by_table[table], pinned.covers_silver)
            for table, pinned in cut.tables.items()
        },
        files=copied,
    )
    write_manifest(store, manifest, check)
    return Backup(manifest, sent)


class _Source:
    """The files of a cut, sent to a store unless it has them."""

    def __init__(self, cut: Cut, store: Store, found: Contents, sent: Sent) -> None:
        self._cut, self._store, self._sent = cut, store, sent
        self._present = found.present
        self._known = known_files(found)
        self._log_sizes = {
            f"{table}/{file.path}": file.size
            for table, pinned in cut.tables.items()
            for file in pinned.version.files.values()
        }

    def copy(self, item: tuple[str, Kind]) -> FileEntry:
        path, kind = item
        file = checked_file(self._cut.root, path)
        status = file.stat()
        if kind in _KNOWN_AGAIN and (known := self._known.get(_identity(path, kind, status))):
            return known.model_copy(update={"kind": kind, "modified_ns": status.st_mtime_ns})
        if status.st_size != self._log_sizes.get(path, status.st_size):
            raise DamageError(path, [f"has {status.st_size} bytes, and its table says {self._log_sizes[path]}"])
        try:
            size, sha256, facts = self._sent_content(file, status.st_size, kind)
        except Unopenable as error:
            raise DamageError(path, [f"{error}; nothing was made of it"]) from error
        if (file.stat().st_size, file.stat().st_mtime_ns) != (status.st_size, status.st_mtime_ns):
            raise FileNotFoundError(errno.ENOENT, "it changed", path)  # as good as gone: pin again
        rows, sums = (facts.rows, facts.sums) if facts else (None, None)
        return FileEntry(
            path=path, kind=kind, bytes=size, sha256=sha256, modified_ns=status.st_mtime_ns, rows=rows, sums=sums
        )

    def _sent_content(self, file: Path, size: int, kind: Kind) -> tuple[int, str, FileFacts | None]:
        if size > _IN_MEMORY_BYTES:
            sha256 = self._store.add(lambda: file_chunks(file), size)
            self._count(size)
            return size, sha256, file_facts(file) if kind == "data" else None
        content = b"".join(file_chunks(file))
        facts = file_facts(io.BytesIO(content)) if kind == "data" else None
        sha256 = hashlib.sha256(content).hexdigest()
        if self._present.get(sha256) != len(content):
            self._store.add(lambda: iter([content]), len(content))
            self._present[sha256] = len(content)
            self._count(len(content))
        return len(content), sha256, facts

    def _count(self, size: int) -> None:
        self._sent.files += 1
        self._sent.bytes += size


def known_files(found: Contents) -> dict[_Identity, FileEntry]:
    """The files whose content a store has, by what they are known again by without being read."""
    there = found.present
    return {
        (file.path, file.bytes, file.modified_ns if file.kind == "landed" else 0): file
        for backup in found.backups.values()
        for file in backup.files
        if file.kind in _KNOWN_AGAIN and there.get(file.sha256) == file.bytes
    }


def _identity(path: str, kind: Kind, status: os.stat_result) -> _Identity:
    """Data files are known by their names, which a writer of Delta never uses again; landed files by their times too,
    as planning knows them. What else there is is small and is read."""
    return path, status.st_size, status.st_mtime_ns if kind == "landed" else 0


def _made_with() -> dict[str, str]:
    tools = {name: version_of(name) for name in ("deltalake", "obstore", "pyarrow")}
    return {"pyspark_interview_project": __version__, "python": platform.python_version(), **tools}
