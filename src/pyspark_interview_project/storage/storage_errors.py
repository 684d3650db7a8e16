"""What the libraries below say of a storage that is full, denied or gone, as one error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark_interview_project import stop_signals
from pyspark_interview_project.errors import EngineError, PipelineError, StorageError

# What a person is told, by what an engine or the operating system says somewhere in its message.
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
    """The error naming `place` for what a library says of its storage, with its `details` where they are worth telling;
    None where it is about something else."""
    said = str(error)
    problem = next((problem for sign, problem in _SIGNS.items() if sign in said), None)
    if problem is None:
        return None
    what = f"{problem}: {details}" if details else problem
    return StorageError(place, f"{what}; {_MENDED}")


@contextmanager
def engine_errors(engine: str, place: str, own: tuple[type[Exception], ...]) -> Iterator[None]:
    """Raise what goes wrong in a call of an engine as an error of ours: the stop that was asked for meanwhile, else a
    StorageError naming `place`, else an EngineError for the engine's `own` errors; others stay as they are.

    What an engine says is told but for the values that it quotes: delta-rs prints the rows that break a constraint.
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
    stop_signals.check()  # an exception that a handler raises is lost where Python finds it in a callback
