"""The edge of every command: errors as one line on stderr with an exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import typer

from pyspark_interview_project import stop_signals
from pyspark_interview_project.errors import PipelineError
from pyspark_interview_project.logging_setup import set_trace
from pyspark_interview_project.shown_text import printable

logger = logging.getLogger(__name__)

# The parent of every error of usage. Typer brings a Click of its own and names only some of its classes.
_UsageError: Any = typer.BadParameter.__mro__[1]


def run_command(command: Callable[..., Any], argv: Sequence[str] | None = None) -> None:
    """Run one command as a program: parse `argv` (default: the process's), and end with an exit code if it fails.

    On success it returns: Databricks takes a SystemExit, even of 0, for a failure.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    run_app(app, argv)


def run_app(app: typer.Typer, argv: Sequence[str] | None = None) -> None:
    """Run an app of commands as run_command does."""
    with stop_signals.listening():
        set_trace(os.environ.get("TRACEPARENT"))
        try:
            ended = app(args=None if argv is None else list(argv), standalone_mode=False)
            if ended == 130:  # so Typer answers an interrupt, where Click would raise
                raise KeyboardInterrupt
        except BaseException as error:
            _end_by(error)


def _end_by(error: BaseException) -> NoReturn:
    """End the command because of an error: in one line where a person can act on it, else with the traceback."""
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
        said = _one_line(error)
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


def _one_line(error: PipelineError | OSError) -> str:
    text = str(error)
    if isinstance(error, OSError) and not isinstance(error, PipelineError) and error.filename:
        text = f"{error.filename}: {error.strerror}"
    return printable(text.strip())
