"""One writer a lake: a lock of the operating system, which a dead holder frees by dying."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.durable_files import write_atomically
from pyspark_interview_project.errors import LockedError

_PATIENCE_SECONDS = 2.0


@contextmanager
def writing(lake: LakePaths, run_id: str) -> Iterator[None]:
    """Hold the lake's lock.

    Raises LockedError, naming the holder, where another process has it for two seconds, or where the JVM of a run that
    was killed is still there and may be in the middle of a commit.
    """
    place = Path(lake.place(paths.LOCK))
    holder_file = place.with_name(f"{place.name}_holder.json")
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place)
    try:
        lock.acquire(timeout=_PATIENCE_SECONDS)
    except Timeout as error:
        raise _locked_by(lake, holder_file) from error
    try:
        _wait_for_orphaned_jvm(lake, holder_file)
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "since": datetime.now(UTC).isoformat()}
        write_atomically(holder_file, json.dumps(holder | {"run_id": run_id}) + "\n")
        try:
            yield
        finally:
            holder_file.unlink(missing_ok=True)
    finally:
        lock.release()


def _wait_for_orphaned_jvm(lake: LakePaths, holder_file: Path) -> None:
    try:
        with FileLock(lake.place(paths.JVM_LOCK), timeout=_PATIENCE_SECONDS):
            pass
    except Timeout as error:
        raise _locked_by(lake, holder_file) from error


def _locked_by(lake: LakePaths, holder_file: Path) -> LockedError:
    try:
        holder = json.loads(holder_file.read_text(encoding="utf-8"))
        return LockedError(lake.root, holder["host"], holder["pid"], datetime.fromisoformat(holder["since"]))
    except (OSError, ValueError, KeyError):  # the holder is just writing it
        return LockedError(lake.root, "another process", None, None)
