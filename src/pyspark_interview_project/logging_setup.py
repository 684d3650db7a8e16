"""JSON logs with a correlation id. The only place that adds handlers; modules only call logging.getLogger."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from traceback import format_tb
from typing import TYPE_CHECKING, Any

from pythonjsonlogger.json import JsonFormatter

from pyspark_interview_project.shown_text import printable

if TYPE_CHECKING:
    from rich.console import Console

# Kept for the process, not for a context: threads that renew a lock or serve metrics log lines of the run too.
_of_process: dict[str, str | None] = {"run_id": None}
_stage: ContextVar[str | None] = ContextVar("stage", default=None)
# Versions above 00 may have more behind the flags; ff is no version, and an id of zeros is none.
_TRACEPARENT = re.compile(
    r"\A(?!ff|00.{53}.)[0-9a-f]{2}-(?P<trace_id>(?!0{32})[0-9a-f]{32})-(?P<parent_span_id>(?!0{16})[0-9a-f]{16})"
    r"-[0-9a-f]{2}(-.*)?\Z"
)


@cache
def console() -> Console:
    """One console for log lines and the progress display, so that a line never tears the display."""
    from rich.console import Console  # only for a person: it takes a tenth of a small run

    return Console(stderr=True)


class _Formatter(logging.Formatter):
    """Formats exceptions without the messages of libraries, which quote values and whole addresses."""

    def formatException(self, ei: Any) -> str:
        error: BaseException | None = ei[1]
        parts: list[str] = []
        seen: list[BaseException] = []
        while error is not None and error not in seen:  # an error raised from itself is its own cause
            seen.append(error)
            is_known = type(error).__module__.partition(".")[0] in ("builtins", __package__)
            said = f": {error}" if is_known else ""
            frames = "".join(format_tb(error.__traceback__))
            parts.insert(0, f"Traceback (most recent call last):\n{frames}{type(error).__qualname__}{said}")
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n\n".join(parts)


class _JsonFormatter(_Formatter, JsonFormatter):
    """One line of JSON in ASCII: no value in it can end a line or move a cursor."""


class _PlainFormatter(_Formatter):
    """The message, in which characters that a terminal obeys are made visible."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(super().formatMessage(record))


class _StderrHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what sys.stderr is when a line is written: while an engine is open, that is another stream."""

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, stream: Any) -> None:
        """Nothing: logging sets it once, to what it was when the handler was made."""


class _Correlated(logging.Filter):
    """Adds run_id, stage and the trace, if there is one, to every log record, also to those of libraries."""

    def filter(self, record: logging.LogRecord) -> bool:
        vars(record).update(_of_process, stage=_stage.get())
        return True


def is_for_a_person(app_env: str) -> bool:
    """Whether a person reads stderr: at a terminal, with APP_ENV=dev."""
    return app_env == "dev" and sys.stderr.isatty()


def configure_logging(level: str, for_a_person: bool) -> None:
    """Send log lines to stderr: JSON with timestamp, level, logger, message, run_id, stage and the line's own fields.

    `for_a_person` (a terminal with APP_ENV=dev) makes them plain text. Called only by a main function.
    """
    handler: logging.Handler
    if for_a_person:
        from rich.logging import RichHandler

        handler = RichHandler(console=console(), show_path=False, log_time_format="%H:%M:%S", markup=False)
        handler.setFormatter(_PlainFormatter("%(message)s"))
    else:
        handler = _StderrHandler()
        handler.setFormatter(
            _JsonFormatter(
                "%(levelname)s %(name)s %(message)s %(run_id)s %(stage)s",
                timestamp="timestamp",
                rename_fields={"levelname": "level", "name": "logger"},
            )
        )
    handler.addFilter(_Correlated())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # below that, libraries log about themselves
    logging.getLogger(__package__).setLevel(level)
    logging.captureWarnings(True)  # Python's own warnings, which would have no run id


def set_run_id(run_id: str) -> None:
    """Put `run_id` into every later log line of this process."""
    _of_process["run_id"] = run_id


def set_trace(traceparent: str | None) -> None:
    """Put the trace of the process that started this one into every later log line, as trace_id and parent_span_id.

    `traceparent` has the format of W3C Trace Context. One of another format is ignored, as that standard demands.
    """
    for key in ("trace_id", "parent_span_id"):
        _of_process.pop(key, None)
    if parent := _TRACEPARENT.match(traceparent or ""):
        _of_process.update(parent.groupdict())


@contextmanager
def stage_in_logs(name: str) -> Iterator[None]:
    """Put the stage's name into the log lines written inside."""
    token = _stage.set(name)
    try:
        yield
    finally:
        _stage.reset(token)
