"""A worker of Airflow as the tests have one: its environment, and what stands for the installed `returns`."""

from __future__ import annotations

import os
from pathlib import Path

from commands import REPOSITORY, RETURNS
from landing import write_text

AIRFLOW = REPOSITORY / ".venv-airflow" / "bin"
DAGS = REPOSITORY / "dags"

# Puts down its arguments and its environment, and ends as the file named after the command says, a line a try.
STUB = """#!/bin/bash
printf '%s\\n' "$*" >> "$STUB/calls"
env > "$STUB/environment"
ends="$STUB/$1"
[ -s "$ends" ] || exit 0
end=$(head -n 1 "$ends")
sed -i 1d "$ends"
case $end in
killed) kill -KILL $$ ;;
slow)
    trap 'echo terminated >> "$STUB/calls"; exit 143' TERM
    sleep 60 &
    wait
    ;;
*) exit "$end" ;;
esac
"""


def airflow_environment(home: Path) -> dict[str, str]:
    """The environment of a worker, of which nothing is the pipeline's."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    }


def stub_command(place: Path) -> Path:
    """A command that stands for `returns`, in a directory of its own; what it was called with is in `calls` there."""
    directory = place / "a stub"  # with a space: a path may have one
    write_text(directory / "returns", STUB).chmod(0o755)
    return directory


def pipeline_command(place: Path, before: str = "") -> str:
    """The installed command as a worker finds it: by its path. `before`: lines of a shell that come first."""
    path = f"export PYTHONPATH='{os.environ['PYTHONPATH']}'\n" if "PYTHONPATH" in os.environ else ""
    program = f"#!/bin/bash\n{path}{before}exec '{RETURNS}' \"$@\"\n"
    command = write_text(place / "returns", program)
    command.chmod(0o755)
    return str(command)
