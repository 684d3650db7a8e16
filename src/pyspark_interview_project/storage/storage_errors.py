"""Errors of libraries about a storage that is full, denied or gone, as one error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark_interview_project import stop_signals
from pyspark_interview_project.errors import EngineError, PipelineError, StorageError

# What a library or the operating system says somewhere in its message -> what a person is told.
_SIGNS = {
    "No space left": "no space left on device",
    "Disk quota exceeded": "disk quota exceeded",
    "File too large": "a file would be larger than is allowed here",
    "Permission denied": "permission denied",
    "Read-only file system": "read-only file system",
    "Input/output error": "input/output error",
}


_MENDED = "what was committed stays, run again when that is mended"


def storage_error(place: str, error: BaseException, details: str | None = None) -> StorageError | None:
    """The StorageError for a library's error about the storage at `place`, with `details` if any; None for an error
    about something else."""
    said = str(error)
    problem = next((problem for sign, problem in _SIGNS.items() if sign in said), None)
    if problem is None:
        return None
    what = f"{problem}: {details}" if details else problem
    return StorageError(place, f"{what}; {_MENDED}")


@contextmanager
def engine_errors(engine: str, place: str, own: tuple[type[Exception], ...]) -> Iterator[None]:
    """Raise an engine's error as one of ours: a stop that was asked for meanwhile, else a StorageError naming `place`,
    else an EngineError for the engine's `own` errors. Others stay as they are.

    The values that an engine quotes are left out: delta-rs prints the rows that break a constraint.
    """
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:
        stop_signals.check()
        if problem := storage_error(place, error):
            raise problem from error
        if isinstance(error, own):
            raise EngineError(engine, f"{place}: {error}") from error
        raise
    stop_signals.check()  # an exception that a handler raises inside an engine's callback is lost
