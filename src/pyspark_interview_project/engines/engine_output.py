"""What engines write to stderr by themselves, past every logger: kept in a file, apart from our own lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark_interview_project.command_line import may_lose_its_reader


@contextmanager
def output_kept(file: Path) -> Iterator[None]:
    """Let what goes to the descriptor of stderr inside go to a file: panics of delta-rs, all that a JVM says.

    Our own log lines and messages go through `sys.stderr`, which stays where it was. A process that starts inside keeps
    the file as its stderr. A file that nothing was written to is removed.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    before, stderr = os.dup(2), sys.stderr
    ours = None
    if _is_descriptor_2(stderr):
        ours = open(os.dup(2), "w", encoding=stderr.encoding, errors="backslashreplace", buffering=1)
        sys.stderr = may_lose_its_reader(ours)
    kept = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(kept, 2)
    os.close(kept)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        sys.stderr.flush()
        sys.stderr = stderr
        if ours is not None:
            ours.close()
        if file.exists() and file.stat().st_size == 0:
            file.unlink()


def _is_descriptor_2(stream: object) -> bool:
    try:
        return stream.fileno() == 2  # type: ignore[attr-defined,no-any-return]
    except (AttributeError, OSError, ValueError):  # a stream of a test or of a notebook
        return False
