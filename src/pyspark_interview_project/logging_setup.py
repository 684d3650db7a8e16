"""JSON logs with a correlation id. The only place that adds handlers; modules only call logging.getLogger."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from traceback import format_tb
from typing import Any

from pythonjsonlogger.json import JsonFormatter
from rich.console import Console
from rich.logging import RichHandler

from pyspark_interview_project.shown_text import printable

_run_id: ContextVar[str | None] = ContextVar("run_id", default=None)
_stage: ContextVar[str | None] = ContextVar("stage", default=None)

# One console for log lines and the progress display, so that a line never tears the display.
console = Console(stderr=True)


class _Formatter(logging.Formatter):
    """How exceptions look in logs: without the messages of libraries, which quote values and whole addresses."""

    def formatException(self, ei: Any) -> str:
        error: BaseException | None = ei[1]
        parts: list[str] = []
        seen: list[BaseException] = []
        while error is not None and error not in seen:  # one that is raised from itself is its own cause
            seen.append(error)
            is_known = type(error).__module__.partition(".")[0] in ("builtins", __package__)
            said = f": {error}" if is_known else ""
            frames = "".join(format_tb(error.__traceback__))
            parts.insert(0, f"Traceback (most recent call last):\n{frames}{type(error).__qualname__}{said}")
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n\n".join(parts)


class _JsonFormatter(_Formatter, JsonFormatter):
    """One line of JSON, in ASCII: nothing in it ends a line or moves a cursor."""


class _PlainFormatter(_Formatter):
    """The message, with what a terminal would obey made visible."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(super().formatMessage(record))


class _Correlated(logging.Filter):
    """Adds run_id and stage to every record, those of libraries included."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.run_id, record.stage = _run_id.get(), _stage.get()
        return True


def is_for_a_person(app_env: str) -> bool:
    """Whether what goes to stderr is looked at by a person, at a terminal on a developer's machine."""
    return app_env == "dev" and sys.stderr.isatty()


def configure_logging(level: str, for_a_person: bool) -> None:
    """Send log lines to stderr: JSON with timestamp, level, logger, message, run_id, stage and the line's own fields.

    `for_a_person` (a terminal with APP_ENV=dev) makes them plain text. Called only by a main function.
    """
    handler: logging.Handler
    if for_a_person:
        handler = RichHandler(console=console, show_path=False, log_time_format="%H:%M:%S", markup=False)
        handler.setFormatter(_PlainFormatter("%(message)s"))
    else:
        handler = logging.StreamHandler(sys.stderr)
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
    root.setLevel(logging.WARNING)  # what libraries say below that is about themselves
    logging.getLogger(__package__).setLevel(level)


def set_run_id(run_id: str) -> None:
    """Put `run_id` into every later log line of this process."""
    _run_id.set(run_id)


@contextmanager
def stage_in_logs(name: str) -> Iterator[None]:
    """Put the stage's name into the log lines written inside."""
    token = _stage.set(name)
    try:
        yield
    finally:
        _stage.reset(token)
