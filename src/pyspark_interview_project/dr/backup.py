"""Making a backup: take a snapshot, copy what the store does not have, and write the manifest last."""

from __future__ import annotations

import errno
import logging
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pyspark_interview_project import __version__
from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.at_once import at_once
from pyspark_interview_project.dr.backups import new_id, newest_readable, refuse_another_lake, write_manifest
from pyspark_interview_project.dr.contents import Contents, contents
from pyspark_interview_project.dr.manifest import FileEntry, Kind, Manifest, TableEntry
from pyspark_interview_project.dr.snapshot import Snapshot, pin
from pyspark_interview_project.dr.store import BackupStore
from pyspark_interview_project.dr.table_facts import numbers_in
from pyspark_interview_project.errors import DamageError, StorageError
from pyspark_interview_project.progress import Steps
from pyspark_interview_project.storage.files import LocalFiles, StoredFile

logger = logging.getLogger(__name__)

_PINS = 3
_KNOWN_AGAIN = ("data", "deletion_vector", "landed")

_Identity = tuple[str, int, int]


@dataclass
class Sent:
    """What a backup had to send: files and bytes that the store did not have."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Backup:
    """A backup that was made, and what was sent for it."""

    manifest: Manifest
    sent: Sent


def make_backup(root: Path, store: BackupStore, strategy: str | None, has_landed_files: bool, steps: Steps) -> Backup:
    """Back the lake under `root` up into the store.

    The lake may be written meanwhile: where a file vanishes another snapshot is taken, three in all. Raises
    StorageError where a file vanishes from each of them or the store cannot be written, DamageError where a table is
    broken, LockedError where another backup or prune is at work there, ConflictError where one was let in while this
    one stood still, ConfigurationError where the lake has no tables or the store is another lake's.
    """
    lake = LocalFiles(root.resolve())
    with store.locked("backup") as check:
        found = contents(store)
        copying = _Copying(lake, store, known_files(store, found), found.present, Sent())
        for attempt in range(1, _PINS + 1):
            steps.step("pinning versions that belong together")
            try:
                snapshot = pin(lake, has_landed_files)
                refuse_another_lake(store, found, snapshot.silver_id, str(lake.root))
                files = copying.copied(snapshot, steps)
            except FileNotFoundError as error:
                vanished = error.filename or str(error)
                logger.warning("%s vanished while it was backed up, pin %d of %d", vanished, attempt, _PINS)
                continue
            manifest = _manifest(snapshot, files, strategy, has_landed_files)
            write_manifest(store, manifest, check)
            return Backup(manifest, copying.sent)
    raise StorageError(
        str(vanished), f"vanished from each of {_PINS} pins; keep removed files longer (VACUUM), then back up again"
    )


def planned(root: Path, store: BackupStore, has_landed_files: bool) -> tuple[Snapshot, int, int]:
    """The snapshot that a backup would take now, and the files and bytes that it would send at most. Sends nothing."""
    lake = LocalFiles(root.resolve())
    snapshot, found = pin(lake, has_landed_files), contents(store)
    refuse_another_lake(store, found, snapshot.silver_id, str(lake.root))
    known = known_files(store, found)
    files = [(_head(lake, path), kind) for path, kind in snapshot.files.items()]
    to_send = [file.size for file, kind in files if _identity(file, kind) not in known]
    return snapshot, len(to_send), sum(to_send)


@dataclass(frozen=True)
class _Copying:
    """What it takes to copy files of a lake into a store: the files that are known again without being read, and the
    content that the store has (bytes by hash)."""

    lake: LocalFiles
    store: BackupStore
    known: Mapping[_Identity, FileEntry]
    there: dict[str, int]
    sent: Sent

    def copied(self, snapshot: Snapshot, steps: Steps) -> list[FileEntry]:
        """Copy what a snapshot has, logs behind all else, and return the entries of its manifest."""
        entries: list[FileEntry] = []
        sizes = snapshot.sizes_in_logs
        items = [(path, kind, sizes.get(path)) for path, kind in snapshot.files.items()]
        data = [item for item in items if item[1] != "log"]
        for entry in at_once(self._copy, data, self.store.parallel):
            entries.append(entry)
            steps.show(f"copying data: {len(entries)} of {len(items)} files")
        for item in items:
            if item[1] == "log":
                entries.append(self._copy(item))
                steps.show(f"copying logs: {len(entries)} of {len(items)} files")
        latest = [entry for entry in entries if entry.path == snapshot.latest_run_record]
        return [*entries, *(entry.model_copy(update={"path": paths.LATEST_RUN_RECORD}) for entry in latest)]

    def _copy(self, item: tuple[str, Kind, int | None]) -> FileEntry:
        path, kind, size_in_log = item
        file = _head(self.lake, path)
        identity = _identity(file, kind)
        if identity and (known := self.known.get(identity)):
            return known.model_copy(update={"modified_ns": file.modified_ns})
        if kind == "data":
            _refuse_damaged(self.lake, file, size_in_log)
        sha256, size, was_sent = self.store.add(lambda: self.lake.chunks(path), file.size, self.there)
        if _head(self.lake, path) != file:
            raise FileNotFoundError(errno.ENOENT, "it changed", path)  # as good as gone: pin again
        if was_sent:
            self.sent.files += 1
            self.sent.bytes += size
        return FileEntry(path=path, kind=kind, bytes=size, sha256=sha256, modified_ns=file.modified_ns)


def known_files(store: BackupStore, found: Contents) -> dict[_Identity, FileEntry]:
    """The files of the newest backup that are known again without being read, if the store has their content."""
    manifest, there = newest_readable(store, reversed(found.backups.values())), found.present
    return {
        (file.path, file.bytes, file.modified_ns if file.kind == "landed" else 0): file
        for file in (manifest.files if manifest else ())
        if file.kind in _KNOWN_AGAIN and there.get(file.sha256) == file.bytes
    }


def _identity(file: StoredFile, kind: Kind) -> _Identity | None:
    """What a file is known by again: a data file by its name, which a writer of Delta never uses again, and a landed
    file by its time too. Other files are small and are read each time."""
    return (file.path, file.size, file.modified_ns if kind == "landed" else 0) if kind in _KNOWN_AGAIN else None


def _head(lake: LocalFiles, path: str) -> StoredFile:
    file = lake.head(path)
    if file is not None and file.link:
        lake.real_place(path)  # raises where the link leads out of the lake
    if file is None or file.link:
        raise FileNotFoundError(errno.ENOENT, "it is gone", path)
    return file


def _refuse_damaged(lake: LocalFiles, file: StoredFile, size_in_log: int | None) -> None:
    """Raise DamageError for a data file that is not as long as its table says, or whose numbers cannot be read."""
    if file.size != size_in_log:
        raise DamageError(file.path, [f"has {file.size} bytes, and its table says {size_in_log}"])
    try:
        with pq.ParquetFile(lake.real_place(file.path)) as parquet:
            for _ in numbers_in(parquet):
                pass
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise DamageError(file.path, ["is no Parquet file that can be read; nothing was made of it"]) from error


def _manifest(snapshot: Snapshot, files: Iterable[FileEntry], strategy: str | None, has_landed_files: bool) -> Manifest:
    tables = {
        table: TableEntry(
            table_id=pinned.version.table_id,
            version=pinned.version.version,
            rows=pinned.version.rows,
            covers_silver=pinned.covers_silver,
        )
        for table, pinned in snapshot.tables.items()
    }
    return Manifest(
        id=new_id(snapshot.at),
        strategy=strategy,
        lake=str(snapshot.lake.root),
        snapshot_at=snapshot.at,
        finished_at=datetime.now(UTC),
        made_with=_made_with(),
        has_landed_files=has_landed_files,
        batches=len(snapshot.batches),
        batches_left_out=list(snapshot.batches_left_out),
        tables=tables,
        files=list(files),
    )


def _made_with() -> dict[str, str]:
    tools = {name: version_of(name) for name in ("deltalake", "obstore", "pyarrow")}
    return {"pyspark_interview_project": __version__, "python": platform.python_version(), **tools}
