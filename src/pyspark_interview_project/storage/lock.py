"""One writer a lake: a lock of the operating system, which a dead holder frees by dying."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.config.settings import LeaseTerms
from pyspark_interview_project.errors import LockedError
from pyspark_interview_project.storage.files import write_atomically
from pyspark_interview_project.storage.lease import Lease, leased

_PATIENCE_SECONDS = 1.0


@contextmanager
def writing(lake: LakePaths, run_id: str, lease: LeaseTerms | None = None) -> Iterator[Lease | None]:
    """Hold the lake's lock, and with `lease` that of all machines that reach the lake.

    Raises LockedError, naming the holder, where another process has it for a second, or where the JVM of a run that
    was killed is still there and may be in the middle of a commit. Other errors as `lake.lease.leased`.
    """
    place, holder_file = Path(lake.place(paths.LOCK)), _holder_file(lake)
    place.parent.mkdir(parents=True, exist_ok=True)
    with _acquired(place, lake):
        with _acquired(Path(lake.place(paths.JVM_LOCK)), lake):
            pass  # no JVM of a run that died is left
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "since": datetime.now(UTC).isoformat()}
        write_atomically(holder_file, json.dumps(holder | {"run_id": run_id}) + "\n")
        try:
            with leased(lease, lake.root, run_id) if lease else nullcontext() as taken:
                yield taken
        finally:
            holder_file.unlink(missing_ok=True)


def who_holds(lake: LakePaths) -> LockedError | None:
    """What a run would be told that wanted the lake now; None where it is free. Only looks, and makes no file.

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
            return _locked_by(lake, Path(lake.place(name)))
        finally:
            os.close(lock)
    return None


def _holder_file(lake: LakePaths) -> Path:
    return Path(lake.place(f"{paths.LOCK}_holder.json"))


@contextmanager
def _acquired(place: Path, lake: LakePaths) -> Iterator[None]:
    lock = FileLock(place)
    try:
        lock.acquire(timeout=_PATIENCE_SECONDS)
    except Timeout as error:
        raise _locked_by(lake, place) from error
    try:
        yield
    finally:
        lock.release()


def _locked_by(lake: LakePaths, place: Path) -> LockedError:
    try:
        holder = json.loads(_holder_file(lake).read_text(encoding="utf-8"))
        host, pid, since = holder["host"], holder["pid"], datetime.fromisoformat(holder["since"])
    except (OSError, ValueError, KeyError):  # the holder is just writing it
        host, pid, since = "another process", None, None
    if place == Path(lake.place(paths.JVM_LOCK)) and (jvm := _process_that_writes_to(place)):
        host, pid = socket.gethostname(), jvm  # the holder is dead, and what it started is what one has to look at
    return LockedError(lake.root, host, pid, since)


def _process_that_writes_to(file: Path) -> int | None:
    """The process of this machine whose stdout the file is, where the operating system tells (Linux)."""
    for stdout in Path("/proc").glob("[0-9]*/fd/1"):
        with suppress(OSError):  # it has just ended, or is another user's
            if stdout.samefile(file):
                return int(stdout.parts[2])
    return None
