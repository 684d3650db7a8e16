"""Files by their paths, in a local directory or an object store, behind one small interface.

Whatever touches a file of a lake or of a store of backups goes through `Files`: landed files, state under ops/, run
records, locks, backups. A file is there whole or not at all, and its path is relative to the root.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol
from uuid import uuid4

from pyspark_interview_project.errors import ConfigurationError, StorageError

CHUNK_BYTES = 1 << 20
_TEMPORARY = ".tmp"
# How files end that others have not finished writing.
UNFINISHED = (".tmp", ".part", ".crc")
# Local work is hashing: with more threads than processors it took twice as long (measured).
_PARALLEL_ON_A_DISK = min(8, os.cpu_count() or 1)

Content = bytes | Iterable[bytes]
Change = Callable[[bytes | None], bytes | None]
Enters = Callable[[str], bool]


@dataclass(frozen=True)
class StoredFile:
    """A file: its path relative to the root, its bytes, and its modification time in nanoseconds since 1970.

    `link` tells of what cannot be read as a file: a symbolic link to a directory or to nothing, or a pipe or device
    (`nowhere`), or a link out of the root (`outside`).
    """

    path: str
    size: int
    modified_ns: int
    link: Literal["nowhere", "outside"] | None = None


class Files(Protocol):
    """Files under one root. Each method raises StorageError or OSError where the place cannot be read or written."""

    url: str
    parallel: int  # how many reads or writes pay at the same time

    def list(self, prefix: str = "", enters: Enters | None = None) -> Iterator[StoredFile]:
        """The files under a directory, in any order; nothing where there is no such directory.

        `enters` is asked for the path of each directory below: False spares its listing. It is a hint, which a store
        without directories need not follow.
        """
        ...

    def head(self, path: str) -> StoredFile | None:
        """One file; None where there is none."""
        ...

    def chunks(self, path: str) -> Iterator[bytes]:
        """The content of a file, piece by piece. Raises FileNotFoundError."""
        ...

    def read(self, path: str) -> bytes:
        """The content of a small file. Raises FileNotFoundError."""
        ...

    def put(self, path: str, content: Content, durable: bool = True) -> None:
        """Write a file in the place of one of that path. It outlives a crash of the machine when this returns, or with
        `durable=False` when `sync` does."""
        ...

    def put_if_absent(self, path: str, content: bytes) -> bool:
        """Write a file where there is none. Whether it was written: of several writers one hears True."""
        ...

    def update(self, path: str, change: Change) -> None:
        """Put `change(content)` in the place of the content (None: there is no file; or, as a result: leave it). No
        write through `update` comes between the reading and the writing."""
        ...

    def delete(self, paths: Iterable[str]) -> None:
        """Remove files. One that is not there is no error."""
        ...

    def sync(self) -> None:
        """Return when all that was written outlives a crash of the machine."""
        ...


class LocalFiles:
    """Files in a local directory. Implements `Files`."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self.url, self.parallel = str(self.root), _PARALLEL_ON_A_DISK

    def place(self, path: str) -> Path:
        """Where a file is, for libraries that open it themselves."""
        return self.root / path

    def real_place(self, path: str) -> Path:
        """The same with its links resolved. Raises ConfigurationError where one leads out of the root."""
        real = Path(os.path.realpath(self.root / path))
        if not real.is_relative_to(self.root.resolve()):
            raise ConfigurationError(path, f"a link takes it out of {self.root}, to {real}")
        return real

    def list(self, prefix: str = "", enters: Enters | None = None) -> Iterator[StoredFile]:
        real_root = self.root.resolve()
        for directory, directories, names in os.walk(self.root / prefix, onerror=_refuse):
            relative = Path(directory).relative_to(self.root).as_posix()
            start = "" if relative == "." else f"{relative}/"
            if enters is not None:
                directories[:] = [name for name in directories if enters(f"{start}{name}")]
            for name in sorted(names):
                if not _is_temporary(name) and (found := _stored(Path(directory, name), f"{start}{name}", real_root)):
                    yield found
            for name in sorted(name for name in directories if Path(directory, name).is_symlink()):
                yield StoredFile(f"{start}{name}", 0, 0, "nowhere")

    def head(self, path: str) -> StoredFile | None:
        return _stored(self.root / path, path, self.root.resolve())

    def chunks(self, path: str) -> Iterator[bytes]:
        descriptor = os.open(self.real_place(path), os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def read(self, path: str) -> bytes:
        return b"".join(self.chunks(path))

    def put(self, path: str, content: Content, durable: bool = True) -> None:
        place = self.root / path
        with _written(place, content, durable) as temporary:
            os.replace(temporary, place)
        if durable:
            _sync_directory(place.parent)

    def put_if_absent(self, path: str, content: bytes) -> bool:
        place = self.root / path
        with _written(place, content, durable=True) as temporary:
            try:
                os.link(temporary, place)  # a rename would replace a file that is there
            except FileExistsError:
                return False
        _sync_directory(place.parent)
        return True

    def update(self, path: str, change: Change) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(place.with_name(f".{place.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = place.read_bytes() if place.exists() else None
            if (after := change(before)) is not None:
                self.put(path, after)
        finally:
            os.close(lock)

    def delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            (self.root / path).unlink(missing_ok=True)

    def sync(self) -> None:
        """One call for thousands of files, which take minutes one by one."""
        syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if syncfs is None:  # macOS
            os.sync()
            return
        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            if syncfs(descriptor) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(self.root))
        finally:
            os.close(descriptor)

    def remove_unfinished(self) -> None:
        """Remove what killed writers left. Only for a process that holds the lock of all writers."""
        for directory, _, names in os.walk(self.root):
            for name in filter(_is_temporary, names):
                Path(directory, name).unlink(missing_ok=True)


def sha256_and_size(chunks: Iterable[bytes]) -> tuple[str, int]:
    """The SHA-256 and the size of content."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def _is_temporary(name: str) -> bool:
    return name.startswith(".") and name.endswith(_TEMPORARY)


def _refuse(error: OSError) -> None:
    """os.walk passes over a directory that it may not list; a file in it must not be taken for gone."""
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise StorageError(str(error.filename), f"cannot be listed: {error.strerror}") from error


def _stored(place: Path, path: str, real_root: Path) -> StoredFile | None:
    try:
        status = place.lstat()
        if stat.S_ISLNK(status.st_mode):
            if not place.is_file():
                return StoredFile(path, 0, 0, "nowhere")
            if not place.resolve().is_relative_to(real_root):
                return StoredFile(path, 0, 0, "outside")
            status = place.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):  # to open a pipe would wait for its writer
        return StoredFile(path, 0, 0, "nowhere")
    return StoredFile(path, status.st_size, status.st_mtime_ns)


@contextmanager
def _written(place: Path, content: Content, durable: bool) -> Iterator[Path]:
    """The content in a new hidden file beside `place`, with the rights that the umask leaves."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{uuid4().hex}{_TEMPORARY}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            for chunk in [content] if isinstance(content, bytes) else content:
                view = memoryview(chunk)
                while view:  # an unbuffered write may take a part
                    view = view[file.write(view) :]
            if durable:
                os.fsync(file.fileno())
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
