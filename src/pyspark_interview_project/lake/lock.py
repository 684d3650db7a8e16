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
    """Hold the lake's lock. Raises LockedError, naming the holder, where another process has it for two seconds."""
    place = Path(lake.place(paths.LOCK))
    holder_file = place.with_name(f"{place.name}_holder.json")
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place)
    try:
        lock.acquire(timeout=_PATIENCE_SECONDS)
    except Timeout as error:
        raise _locked_by(lake, holder_file) from error
    try:
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "since": datetime.now(UTC).isoformat()}
        write_atomically(holder_file, json.dumps(holder | {"run_id": run_id}) + "\n")
        yield
    finally:
        holder_file.unlink(missing_ok=True)
        lock.release()


def _locked_by(lake: LakePaths, holder_file: Path) -> LockedError:
    try:
        holder = json.loads(holder_file.read_text(encoding="utf-8"))
        return LockedError(lake.root, holder["host"], holder["pid"], datetime.fromisoformat(holder["since"]))
    except (OSError, ValueError, KeyError):  # the holder is just writing it
        return LockedError(lake.root, "another process", None, None)
