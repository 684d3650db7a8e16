"""A store of backups: content under its SHA-256, and small files with names, in a directory or a bucket.

Content is never changed, and content that a store has need not be sent again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyspark_interview_project.config.settings import LeaseTerms
from pyspark_interview_project.errors import LockedError, StorageError
from pyspark_interview_project.storage.files import Files, LocalFiles, StoredFile, sha256_and_size
from pyspark_interview_project.storage.lease import leased
from pyspark_interview_project.storage.lock import acquired, release
from pyspark_interview_project.storage.object_files import is_in_a_bucket, open_files

# Content up to this size is read once and kept in memory. Larger content is read twice: for its hash, and to send it.
_IN_MEMORY_BYTES = 16 << 20
_LOCK = "lock"
_LEASE_SECONDS = 30
_PATIENCE_SECONDS = 2

Chunks = Callable[[], Iterator[bytes]]
Check = Callable[[], None]


def object_name(sha256: str) -> str:
    """The name of the content with this hash."""
    return f"objects/{sha256[:2]}/{sha256}"


def unchanged(chunks: Iterable[bytes], sha256: str, error: Exception) -> Iterator[bytes]:
    """The chunks. Raises `error` behind the last one if they do not have this hash, so that no file is made of them."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != sha256:
        raise error


class BackupStore:
    """Backups in a place. Reading and writing raises StorageError or OSError naming the place."""

    def __init__(self, files: Files, options: Mapping[str, Any] | None = None) -> None:
        """`options` are obstore's for the bucket, for the lock there."""
        self.files, self._options = files, dict(options or {})
        self.url, self.parallel = files.url, files.parallel

    @property
    def directory(self) -> Path | None:
        """Where it is on this machine; None for a bucket."""
        return None if is_in_a_bucket(self.url) else Path(self.url)

    def add(self, chunks: Chunks, size: int, there: MutableMapping[str, int]) -> tuple[str, int, bool]:
        """Store content of about this size under its SHA-256, unless `there` (sizes by hash) has it; then it has.

        `chunks` may be called twice. Returns hash, size, and whether the content was sent. Raises StorageError or
        OSError, also where the second reading gives other content than the first.
        """
        content = b"".join(chunks()) if size <= _IN_MEMORY_BYTES else None
        sha256, size = sha256_and_size(chunks() if content is None else [content])
        if there.get(sha256) == size:
            return sha256, size, False
        changed = OSError(f"a file changed while it was sent to {self.url}")
        sent = unchanged(chunks(), sha256, changed) if content is None else content
        self.files.put(object_name(sha256), sent, durable=False)
        there[sha256] = size
        return sha256, size, True

    def content(self, sha256: str) -> Iterator[bytes]:
        """The content with this hash, as the store has it. Raises FileNotFoundError."""
        return self.files.chunks(object_name(sha256))

    def read(self, name: str) -> bytes:
        """A small file. Raises FileNotFoundError."""
        return self.files.read(name)

    def write(self, name: str, content: bytes) -> None:
        """Write a small file, which outlives a crash of the machine when this returns."""
        self.files.put(name, content, durable=False)
        self.files.sync()

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        """All files under a directory but those of the lock, in any order."""
        if self.directory is not None and self.directory.exists() and not self.directory.is_dir():
            raise StorageError(self.url, "is no directory")
        return (file for file in self.files.list(prefix) if file.path.partition("/")[0] != _LOCK)

    @contextmanager
    def locked(self, purpose: str) -> Iterator[Check]:
        """Keep other backups and prunes out of the store.

        Yields a check that raises ConflictError where another process took the lock over, which happens in a bucket
        while this process stands still. It is called before each step that the other would not expect. Raises
        LockedError where another process has the lock for two seconds.
        """
        if self.directory is None:
            if self.url.startswith("memory:"):
                yield _still_ours
                return
            terms = LeaseTerms(f"{self.url}/{_LOCK}", _LEASE_SECONDS, self._options)
            with leased(terms, self.url, purpose) as lease:
                yield lease.check
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        lock = acquired(self.directory / _LOCK, _PATIENCE_SECONDS)
        if lock is None:
            raise LockedError(self.url, "another backup or prune", None, None)
        try:
            LocalFiles(self.directory).remove_unfinished()
            yield _still_ours
        finally:
            release(lock)


def open_store(url: str, options: Mapping[str, Any] | None = None) -> BackupStore:
    """The store at a local path, a `file:///` URL or a URL of a bucket. `options` are obstore's for the bucket.

    Raises ConfigurationError where the URL names no place.
    """
    return BackupStore(open_files(url, options), options)


def _still_ours() -> None:
    """The lock of an operating system goes to nobody else while its holder lives."""
