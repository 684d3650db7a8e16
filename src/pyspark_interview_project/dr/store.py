"""Where backups are kept: a local directory, an object store, or memory, behind one small interface.

A store holds objects by name. What is backed up is named by the SHA-256 of its content, so an object is never changed,
and one that is there need not be sent again. An object is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlparse

from filelock import FileLock, Timeout

from pyspark_interview_project.config.settings import LeaseTerms
from pyspark_interview_project.dr.at_once import ON_A_DISK, OVER_A_NETWORK
from pyspark_interview_project.errors import ConfigurationError, LockedError, StorageError
from pyspark_interview_project.storage.files import new_file, sync_file_system

CHUNK_BYTES = 1 << 20
# What is no larger is taken into memory once, hashed and sent; what is larger is read twice.
_IN_MEMORY_BYTES = 16 << 20
_LOCK = "lock"
_BUCKETS = ("s3", "gs", "az")
_KINDS_OF_PLACE = "backups are kept in a directory or at s3://, gs:// or az://"
_TEMPORARY = ".*.tmp"
_LEASE_SECONDS = 30
_RETRIES = {
    "max_retries": 6,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2},
}
# Read in one request each: one for the whole of a large object would run into the time that a request may take.
_RANGE_BYTES = 8 << 20

OpenChunks = Callable[[], Iterator[bytes]]
Check = Callable[[], None]


@dataclass(frozen=True)
class StoredObject:
    """An object of a store: its name, bytes, and when it was written."""

    name: str
    size: int
    modified: datetime


class MissingObject(Exception):
    """A store has no object of that name."""


class Store(Protocol):
    """Objects by name. Every method raises StorageError, naming the store, where it cannot be read or written."""

    url: str
    at_once: int  # how many objects it pays to read or write at a time

    def add(self, open_chunks: OpenChunks, size: int) -> str:
        """Store content under its SHA-256, which is returned. `open_chunks` may be called twice."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a small object, in the place of one of that name."""
        ...

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of an object. Raises MissingObject."""
        ...

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects under a prefix, which ends with a slash, in any order."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects, in any order."""
        ...

    def settle(self) -> None:
        """Return when all that was written outlives a crash of the machine."""
        ...

    def locked(self, purpose: str) -> AbstractContextManager[Check]:
        """Keep other backups and prunes out. Yields what raises ConflictError where another was let in meanwhile, as
        it is while this process stands still: to be called before what the other would not expect. Raises LockedError.
        """
        ...


def object_name(sha256: str) -> str:
    """The name of the object that has the content of this hash."""
    return f"objects/{sha256[:2]}/{sha256}"


def read_object(store: Store, name: str) -> bytes:
    """The whole of a small object. Raises MissingObject."""
    return b"".join(store.chunks(name))


def file_chunks(path: Path) -> Iterator[bytes]:
    """The content of a local file, never through a link in the place of the file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def walked(directory: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """As os.walk, which passes over what it may not list: here this raises StorageError. What is not there is empty."""

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise StorageError(str(error.filename), f"cannot be listed: {error.strerror}") from error

    return os.walk(directory, onerror=refuse)


class DirectoryStore:
    """A store in a local directory. Each file is written under a temporary name."""

    def __init__(self, root: Path) -> None:
        self.url, self.root, self.at_once = str(root), root, ON_A_DISK

    def add(self, open_chunks: OpenChunks, size: int) -> str:
        digest = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for chunk in open_chunks():
                digest.update(chunk)
                yield chunk

        with self._written(hashed()) as temporary:
            os.replace(temporary, self._file(object_name(digest.hexdigest())))
        return digest.hexdigest()

    def write(self, name: str, content: bytes) -> None:
        with self._written([content]) as temporary:
            os.replace(temporary, self._file(name))
        self.settle()

    def chunks(self, name: str) -> Iterator[bytes]:
        try:
            yield from file_chunks(self.root / name)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise MissingObject(name) from error

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        for directory, _, names in walked(self.root / prefix):
            for name in names:
                path = Path(directory, name)
                relative = path.relative_to(self.root).as_posix()
                if path.parent == self.root and (name == _LOCK or path.match(_TEMPORARY)):
                    continue
                try:
                    status = path.lstat()
                except FileNotFoundError:
                    continue
                yield StoredObject(relative, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            (self.root / name).unlink(missing_ok=True)

    def settle(self) -> None:
        sync_file_system(self.root)

    @contextmanager
    def locked(self, purpose: str) -> Iterator[Check]:
        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / _LOCK)
        try:
            lock.acquire(timeout=2)
        except Timeout as error:
            raise LockedError(self.url, "another backup or prune", None, None) from error
        try:
            for left_by_a_dead_process in self.root.glob(_TEMPORARY):
                left_by_a_dead_process.unlink(missing_ok=True)
            yield _always_ours
        finally:
            lock.release()

    def _file(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def _written(self, chunks: Iterable[bytes]) -> Iterator[str]:
        """The chunks in a file of a temporary name, which is to be renamed."""
        self.root.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = new_file(self.root, ".tmp")
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                for chunk in chunks:
                    view = memoryview(chunk)
                    while view:  # an unbuffered write may take a part
                        view = view[file.write(view) :]
            yield temporary
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


class ObjectStore:
    """A store in a bucket, or for tests in memory (`memory:///`), through obstore. Its credentials come by obstore's
    usual chain: the environment, a web identity, a container's or a machine's role."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        import obstore
        from obstore.exceptions import BaseError, NotFoundError
        from obstore.store import from_url

        self.url, self._obstore, self._errors, self._not_found = url, obstore, BaseError, NotFoundError
        self._options, self.at_once = options, OVER_A_NETWORK
        how = {} if url.startswith("memory:") else {"retry_config": _RETRIES, **options}
        try:
            self._store: Any = from_url(url, **how)
        except (BaseError, ValueError, OSError) as error:
            raise ConfigurationError(url, f"names no store: {_first_line(error)}") from error

    def add(self, open_chunks: OpenChunks, size: int) -> str:
        digest = hashlib.sha256()
        if size <= _IN_MEMORY_BYTES:
            content = b"".join(open_chunks())
            digest.update(content)
            self.write(object_name(digest.hexdigest()), content)
            return digest.hexdigest()
        for chunk in open_chunks():
            digest.update(chunk)
        with self._store_errors():
            self._obstore.put(
                self._store, object_name(digest.hexdigest()), _unchanged(open_chunks(), digest.hexdigest(), self.url)
            )
        return digest.hexdigest()

    def write(self, name: str, content: bytes) -> None:
        with self._store_errors():
            self._obstore.put(self._store, name, content, use_multipart=False)

    def chunks(self, name: str) -> Iterator[bytes]:
        with self._store_errors():
            try:
                found = self._obstore.get(self._store, name)
                size = found.meta["size"]
                if size <= _RANGE_BYTES:
                    yield bytes(found.bytes())
                    return
                for start in range(0, size, _RANGE_BYTES):
                    length = min(_RANGE_BYTES, size - start)
                    yield bytes(self._obstore.get_range(self._store, name, start=start, length=length))
            except (self._not_found, FileNotFoundError) as error:
                raise MissingObject(name) from error

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        with self._store_errors():
            for page in self._obstore.list(self._store, prefix or None):
                for entry in page:
                    if not entry["path"].startswith(f"{_LOCK}/"):
                        yield StoredObject(entry["path"], entry["size"], entry["last_modified"])

    def delete(self, names: Iterable[str]) -> None:
        with self._store_errors(), suppress(self._not_found, FileNotFoundError):
            self._obstore.delete(self._store, list(names))

    def settle(self) -> None:
        """Nothing: an object that was put is kept."""

    @contextmanager
    def locked(self, purpose: str) -> Iterator[Check]:
        from pyspark_interview_project.storage.lease import leased

        if self.url.startswith("memory:"):
            yield _always_ours
            return
        with leased(LeaseTerms(f"{self.url}/{_LOCK}", _LEASE_SECONDS, self._options), self.url, purpose) as lease:
            yield lease.check

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        try:
            yield
        except (self._errors, OSError) as error:
            raise StorageError(self.url, _first_line(error)) from error


def open_store(url: str, options: dict[str, Any] | None = None) -> Store:
    """The store at a local path, a `file://` URL or one of a bucket: `s3://`, `gs://`, `az://`.

    `options` are obstore's for the kind of bucket. Raises ConfigurationError where the URL names no store.
    """
    place = settled_place(url)
    return ObjectStore(place, options or {}) if is_in_a_bucket(place) else DirectoryStore(Path(place))


def settled_place(url: str) -> str:
    """The one way to write the place that a URL or a local path names: a path with its links resolved, or a URL of a
    bucket with no slash too many. Raises ConfigurationError where it names none that backups can be kept in."""
    scheme, separator, rest = url.partition("://")
    if not separator and not url.startswith("file:"):
        return str(Path(url).expanduser().resolve())
    if url.startswith("file:"):
        address = urlparse(url)
        if address.netloc not in ("", "localhost") or not address.path.startswith("/"):
            raise ConfigurationError(url, "names no place: it must be file:///path")
        return str(Path(unquote(address.path)).resolve())
    if scheme not in _BUCKETS:
        raise ConfigurationError(url, f"{_KINDS_OF_PLACE}, and {scheme}:// is neither")
    bucket, *parts = rest.split("/")
    parts = [part for part in parts if part]
    is_plain = rest.isprintable() and not any(sign in rest for sign in "@?#%\\ ")
    if not bucket or not is_plain or {".", ".."} & {bucket, *parts}:
        raise ConfigurationError(url, f"names no place in a bucket: it must be {scheme}://bucket/path")
    return "/".join([f"{scheme}://{bucket}", *parts])


def is_in_a_bucket(place: str) -> bool:
    return "://" in place


def _unchanged(chunks: Iterable[bytes], sha256: str, url: str) -> Iterator[bytes]:
    """The chunks; their end fails where they are not the content that was hashed before, so that nothing is stored."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != sha256:
        raise OSError(f"a file changed while it was sent to {url}")


def _always_ours() -> None:
    """The lock of an operating system, or of memory, goes to nobody else while its holder lives."""


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0]
