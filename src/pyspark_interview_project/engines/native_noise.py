"""What libraries below Python write to stderr by themselves, past every logger."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def native_noise_aside() -> Iterator[Path]:
    """Let everything that goes to the descriptor of stderr inside go to a file, which is yielded and removed behind.

    A process that starts inside keeps the file for its stderr.
    """
    descriptor, name = tempfile.mkstemp(prefix="returns-noise-", suffix=".log")
    ours = os.dup(2)
    try:
        os.dup2(descriptor, 2)
        yield Path(name)
    finally:
        os.dup2(ours, 2)
        os.close(ours)
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)
