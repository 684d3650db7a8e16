"""Small files that are there whole or not at all, and many files that outlive a crash of the machine."""

from __future__ import annotations

import ctypes
import os
import tempfile
from pathlib import Path
from uuid import uuid4


def write_atomically(path: Path, text: str) -> None:
    """Write `text` so that a reader sees the old file or the new one, also after a crash of the machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def new_file(directory: Path, suffix: str = "") -> tuple[int, str]:
    """A new hidden file as tempfile.mkstemp makes one, but with the rights that the umask leaves, as any other file."""
    path = directory / f".{uuid4().hex}{suffix}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666), str(path)


def sync_file_system(directory: Path) -> None:
    """Return when all that was written to the directory's file system outlives a crash of the machine.

    One call for thousands of files, which one by one take minutes. Where there is no syncfs (macOS) the system is asked
    to write everything, and need not have done so when it answers. Raises OSError.
    """
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(directory))
    finally:
        os.close(descriptor)
