"""One writer a lake: a lock of the operating system, which is free as soon as its holder is dead."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.config.settings import LeaseTerms
from pyspark_interview_project.errors import LockedError
from pyspark_interview_project.storage.files import LocalFiles

if TYPE_CHECKING:
    from pyspark_interview_project.storage.lease import Lease

_PATIENCE_SECONDS = 1.0
_BETWEEN_TRIES_SECONDS = 0.05
_HOLDER = f"{paths.LOCK}_holder.json"


@contextmanager
def writing(lake: LakePaths, run_id: str, lease: LeaseTerms | None = None) -> Iterator[Lease | None]:
    """Hold the lake's lock, and with `lease` also that of all machines that reach the lake.

    Raises LockedError, naming the holder, where another process holds it for one more second, or where the JVM of a
    killed run is still alive and may be in the middle of a commit. Other errors as `storage.lease.leased`.
    """
    files = LocalFiles(lake.root)
    files.place(paths.LOCK).parent.mkdir(parents=True, exist_ok=True)
    with _acquired(lake, paths.LOCK):
        with _acquired(lake, paths.JVM_LOCK):
            pass  # no JVM of a dead run is left
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "since": datetime.now(UTC).isoformat()}
        files.put(_HOLDER, f"{json.dumps(holder | {'run_id': run_id})}\n".encode())
        try:
            with _leased(lease, lake, run_id) if lease else nullcontext() as held:
                yield held
        finally:
            files.delete([_HOLDER])


def who_holds(lake: LakePaths) -> LockedError | None:
    """What a run would be told that wanted the lake now; None where it is free. Makes no file.

    Raises OSError where the lock cannot be looked at.
    """
    for name in (paths.LOCK, paths.JVM_LOCK):
        try:
            lock = os.open(lake.place(name), os.O_RDONLY)
        except FileNotFoundError:
            continue  # no run yet
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _locked_by(lake, name)
        finally:
            os.close(lock)
    return None


@contextmanager
def _acquired(lake: LakePaths, name: str) -> Iterator[None]:
    lock = acquired(Path(lake.place(name)), _PATIENCE_SECONDS)
    if lock is None:
        raise _locked_by(lake, name)
    try:
        yield
    finally:
        release(lock)


def acquired(place: Path, patience_seconds: float) -> int | None:
    """The descriptor of a file on which this process now has the operating system's lock, for `release`; None where
    another one keeps it for so long."""
    deadline = time.monotonic() + patience_seconds
    while True:
        lock = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_nlink:  # else somebody removed the file meanwhile: the next process makes another
                return lock
        except BlockingIOError:
            pass
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
        if time.monotonic() > deadline:
            return None
        time.sleep(_BETWEEN_TRIES_SECONDS)


def release(lock: int) -> None:
    """Let go of a lock. Explicitly: a process that was forked meanwhile has the descriptor too."""
    try:
        fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)


def _leased(terms: LeaseTerms, lake: LakePaths, run_id: str) -> AbstractContextManager[Lease]:
    from pyspark_interview_project.storage.lease import leased  # object stores, which few lakes have a lock in

    return leased(terms, lake.root, run_id)


def _locked_by(lake: LakePaths, name: str) -> LockedError:
    try:
        holder = json.loads(LocalFiles(lake.root).read(_HOLDER))
        host, pid, since = holder["host"], holder["pid"], datetime.fromisoformat(holder["since"])
    except (OSError, ValueError, KeyError):  # the holder has not written it yet
        host, pid, since = "another process", None, None
    if name == paths.JVM_LOCK and (jvm := _process_that_writes_to(Path(lake.place(name)))):
        host, pid = socket.gethostname(), jvm  # the holder is dead, its JVM is what a person must look at
    return LockedError(lake.root, host, pid, since)


def _process_that_writes_to(file: Path) -> int | None:
    """The process of this machine whose stdout is this file, where the operating system tells (Linux)."""
    for stdout in Path("/proc").glob("[0-9]*/fd/1"):
        with suppress(OSError):  # the process has just ended, or is another user's
            if stdout.samefile(file):
                return int(stdout.parts[2])
    return None
