"""A task on Databricks: `returns`, told by parameters what the environment and the caller tell it elsewhere.

Parameters are, in this order: `NAME=VALUE` of settings, as for `env`; a command of `returns` with its options. For
`--job-run ID` in them stands `--run-id UUID`, a UUID that is the same for every task, try and repair of that job run.

Databricks runs this file as a plain script in a process with a Spark session, and takes an exception for a failure,
SystemExit of any code among them; so it returns, or raises one that says what happened.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

from pyspark_interview_project.cli import main

SETTING = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)", re.DOTALL)


def settings_and_command(parameters: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The parameters as the variables of an environment, and the arguments of `returns`."""
    settings: dict[str, str] = {}
    command = list(parameters)
    while command and (setting := SETTING.fullmatch(command[0])):
        settings[setting[1]] = setting[2]
        del command[0]
    if "--job-run" in command[:-1]:
        option = command.index("--job-run")
        command[option : option + 2] = ["--run-id", str(uuid5(NAMESPACE_URL, f"databricks:{command[option + 1]}"))]
    return settings, command


def run_task(parameters: Sequence[str]) -> None:
    """Run a command of `returns`. Raises RuntimeError, naming its exit code, where it does not end well."""
    settings, command = settings_and_command(parameters)
    os.environ.update(settings)
    try:
        main(command)
    except SystemExit as ended:
        if ended.code:
            failure = f"returns {' '.join(command[:1])} ended with exit code {ended.code}; why is on stderr"
            raise RuntimeError(failure) from None


if __name__ == "__main__":
    run_task(sys.argv[1:])
