"""The console script `returns`: every command under one name."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Annotated

import typer

from pyspark_interview_project import __version__
from pyspark_interview_project.command_line import run_command

# The module and the function, or the app of more commands, of each command.
_COMMANDS = {
    "run": ("pipeline.run_pipeline", "run"),
    "plan": ("pipeline.plan", "plan"),
    "bronze-to-silver": ("pipeline.bronze_to_silver", "run_alone"),
    "silver-to-gold": ("pipeline.silver_to_gold", "run_alone"),
    "finalize": ("pipeline.finalize", "finalize"),
    "exporter": ("metrics.metrics_exporter", "exporter"),
    "ingest-metrics": ("metrics.ingest_pipeline_metrics", "ingest_metrics"),
    "report": ("report.command", "report"),
    "doctor": ("doctor.command", "doctor"),
    "feeds": ("pipeline.feeds", "app"),
    "dr": ("dr.dr_runner", "app"),
}


def app_of(names: Iterable[str] = _COMMANDS) -> typer.Typer:
    """The app of these commands. Their modules are loaded now."""
    app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(_options)
    for name in names:
        module, attribute = _COMMANDS[name]
        found = getattr(import_module(f"{__package__}.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(__version__)
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    pass


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command. Only its own modules are loaded: to load those of all takes longer than a run with nothing new."""
    named = (sys.argv[1:] if argv is None else argv)[:1]
    is_command = bool(named) and named[0] in _COMMANDS
    run_command(app_of(named if is_command else _COMMANDS), argv)


if __name__ == "__main__":
    main()
