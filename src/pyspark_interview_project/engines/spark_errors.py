"""What Spark says as an error of ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from pyspark_interview_project import stop_signals
from pyspark_interview_project.engines.spark_session import cause_of
from pyspark_interview_project.errors import ConflictError, EngineError, UnreadableBatchError, UnreadableInputError
from pyspark_interview_project.shown_text import without_values
from pyspark_interview_project.sources.discovery import file_named
from pyspark_interview_project.storage.storage_errors import storage_error

# How Delta begins the names of the errors by which a commit gives way to one that came before.
_CONFLICTS = ("DELTA_CONCURRENT", "DELTA_METADATA_CHANGED", "DELTA_PROTOCOL_CHANGED")


@contextmanager
def spark_errors(place: str, landed: Iterable[str]) -> Iterator[None]:
    """Spark's own errors as ours: that of a file among `landed` which it could not read, or of the place that it was
    at."""
    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        stop_signals.check()
        said = without_values(cause_of(error))
        if path := file_named(str(error), landed):
            told = UnreadableInputError.told_in(str(error), path)  # by a worker in Python
            unreadable = told or UnreadableInputError(path, f"cannot be read to its end: {said}")
            raise UnreadableBatchError({path: unreadable}) from error
        if any(conflict in str(error) for conflict in _CONFLICTS):
            raise ConflictError(place, said) from error
        if problem := storage_error(place, error, said):
            raise problem from error
        raise EngineError("spark", f"{place}: {said}") from error
    stop_signals.check()  # an exception that a handler raises is lost where Python finds it in a callback
