"""Commands run in the process of the test: for tests that are many, or whose code must be at hand."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def as_before() -> Iterator[pytest.MonkeyPatch]:
    """A main function sets up logs and signals for its process; put ours back behind it. Environment by the yielded."""
    root, ours = logging.getLogger(), logging.getLogger("pyspark_interview_project")
    handlers, levels, on_sigterm = root.handlers[:], (root.level, ours.level), signal.getsignal(signal.SIGTERM)
    try:
        with pytest.MonkeyPatch.context() as environment:
            yield environment
    finally:
        root.handlers[:] = handlers
        for logger, level in zip((root, ours), levels, strict=True):
            logger.setLevel(level)
        signal.signal(signal.SIGTERM, on_sigterm)
