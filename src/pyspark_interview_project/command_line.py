"""The edge of every command: errors as one line on stderr with an exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, NoReturn

import typer

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
    _end_on_sigterm()
    set_trace(os.environ.get("TRACEPARENT"))
    try:
        ended = app(args=None if argv is None else list(argv), standalone_mode=False)
        if ended == 130:  # so Typer answers an interrupt, where Click would raise
            raise KeyboardInterrupt
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()  # a call without a command: the help
        else:
            program = error.ctx.command_path if error.ctx else "returns"
            print(f"error: {printable(error.format_message())} (see {program} --help)", file=sys.stderr)
        sys.exit(2)
    except (PipelineError, OSError) as error:
        # A person's mistake or a full disk: what and where, not how we got there.
        print(f"error: {_one_line(error)}", file=sys.stderr)
        logger.debug("ended by %s", type(error).__name__, exc_info=True)
        sys.exit(exit_code_of(error))
    except (KeyboardInterrupt, typer.Abort):
        print("error: interrupted; run again, it goes on where it stopped", file=sys.stderr)
        sys.exit(130)


def exit_code_of(error: BaseException) -> int:
    """The exit code that a command ends with because of `error`."""
    if isinstance(error, PipelineError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    return 5 if isinstance(error, OSError) else 1


def _one_line(error: PipelineError | OSError) -> str:
    text = str(error)
    if isinstance(error, OSError) and not isinstance(error, PipelineError) and error.filename:
        text = f"{error.filename}: {error.strerror}"
    return printable(text.strip())


def _end_on_sigterm() -> None:
    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(143)

    # Elsewhere Python takes no handlers: a platform may run a script in a thread of its own.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, end)
