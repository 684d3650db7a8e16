"""What every command does first and last: settings and logs at its start; an exit code, and one line, at a failure."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID, uuid4

import typer

from pyspark_interview_project import stop_signals
from pyspark_interview_project.config.settings import Settings, load_settings
from pyspark_interview_project.errors import ConfigurationError, PipelineError
from pyspark_interview_project.logging_setup import configure_logging, is_for_a_person, set_run_id, set_trace
from pyspark_interview_project.shown_text import printable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

logger = logging.getLogger(__name__)

# The parent of every error of usage. Typer brings a Click of its own and names only some of its classes.
_UsageError: Any = typer.BadParameter.__mro__[1]


def prepare(options: Mapping[str, Any], run_id: str | None = None) -> Settings:
    """Load the settings and configure the logs, whose lines then have the run id. Each command calls it first.

    `options` are those of the command line, by setting; `run_id` is a UUID, by default a new one.
    Raises ConfigurationError naming the setting or option that is wrong.
    """
    settings = load_settings(options)
    configure_logging(settings.log_level, is_for_a_person(settings.app_env))
    set_run_id(checked_run_id(run_id))
    return settings


def checked_run_id(run_id: str | None) -> str:
    """The given run id, or a new one. Raises ConfigurationError where the given one is no UUID."""
    try:
        return str(UUID(run_id)) if run_id else str(uuid4())
    except ValueError as error:
        raise ConfigurationError("--run-id", f"must be a UUID, not {run_id}") from error


def main_of(command: Callable[..., Any]) -> Callable[..., None]:
    """The `main` of a module: run_command for `command`, which is a function or a Typer app."""
    return partial(run_command, command)


def run_command(command: Callable[..., Any], argv: Sequence[str] | None = None) -> None:
    """Run a command, or an app of them, as a program: parse `argv` (default: the process's), exit if it fails.

    On success it returns: Databricks takes a SystemExit, even of 0, for a failure.
    """
    if isinstance(command, typer.Typer):
        app = command
    else:
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(command)
    with stop_signals.listening(), _readers_may_leave():
        set_trace(os.environ.get("TRACEPARENT"))
        try:
            ended = app(args=None if argv is None else list(argv), standalone_mode=False)
            if ended == 130:  # Typer's answer to an interrupt, where Click would raise
                raise KeyboardInterrupt
            sys.stdout.flush()
        except BaseException as error:
            _end_by(error)


class _Stream(io.FileIO):
    """A standard stream. Behind a reader that has closed its end, as `head` does, what is written is dropped. Another
    failure, such as a full disk, is raised once."""

    has_failed = False

    def write(self, data: ReadableBuffer, /) -> int:
        if not self.has_failed:
            try:
                return super().write(data)
            except BrokenPipeError:
                self.has_failed = True
            except OSError:
                self.has_failed = True
                raise
        return memoryview(data).nbytes


@contextmanager
def _readers_may_leave() -> Iterator[None]:
    """Let the command go on where nobody reads stdout or stderr any more: it has more to do than to print."""
    before = (sys.stdout, sys.stderr)
    sys.stdout, sys.stderr = map(may_lose_its_reader, before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def may_lose_its_reader(stream: Any) -> Any:
    """The stream over a _Stream, where it is a file of the operating system; others as they are. Keep the stream: when
    it is closed, so is the one over it."""
    buffer = getattr(stream, "buffer", None)
    is_buffered = isinstance(buffer, io.BufferedWriter)
    if not isinstance(buffer.raw if is_buffered else buffer, io.FileIO):  # type: ignore[union-attr]
        return stream
    stream.flush()
    raw = _Stream(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw) if is_buffered else raw,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _end_by(error: BaseException) -> NoReturn:
    """End the command because of an error: in one line where a person can act on it (of several files in a line each),
    else with the traceback."""
    if stop_signals.exit_code() is not None or isinstance(error, (KeyboardInterrupt, typer.Abort)):
        # An engine may have made any error of the stop: what counts is that one was asked for.
        said = f"{stop_signals.description() or 'interrupted'}; run again, it goes on where it stopped"
    elif isinstance(error, _UsageError) and type(error).__name__ == "NoArgsIsHelpError":
        error.show()  # a call without a command: the help
        sys.exit(2)
    elif isinstance(error, _UsageError):
        program = error.ctx.command_path if error.ctx else "returns"
        said = f"{printable(error.format_message())} (see {program} --help)"
    elif isinstance(error, (PipelineError, OSError)):
        # A person's mistake or a full disk: what and where, not how we got there.
        said = "\n".join(_lines_of(error))
    else:
        raise error
    print(f"error: {said}", file=sys.stderr)
    logger.debug("ended by %s", type(error).__name__, exc_info=error)
    sys.exit(exit_code_of(error))


def exit_code_of(error: BaseException) -> int:
    """The exit code that a command ends with because of `error`."""
    stopped = stop_signals.exit_code()
    if stopped is not None:
        return stopped
    if isinstance(error, PipelineError):
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return 130
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, _UsageError):
        return 2
    return 5 if isinstance(error, OSError) else 1


def _lines_of(error: PipelineError | OSError) -> list[str]:
    if isinstance(error, PipelineError):
        return [printable(line.rstrip()) for line in error.lines]
    return [printable(f"{error.filename}: {error.strerror}" if error.filename else str(error).strip())]
