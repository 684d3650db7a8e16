"""The helper that runs commands in this process: what they see is as in a new one, and nothing of them stays."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from commands import REPOSITORY, Ended, as_a_process, environment, module, process, returns, run
from kills import FIRST_DAY, land_samples
from pyspark_interview_project import engine, logging_setup


def state() -> dict[str, Any]:
    """All of this process that a command changes for itself."""
    root, ours = logging.getLogger(), logging.getLogger("pyspark_interview_project")
    return {
        "environment": dict(os.environ),
        "directory": os.getcwd(),
        "arguments": sys.argv,
        "streams": (sys.stdin, sys.stdout, sys.stderr, [os.fstat(number) for number in (0, 1, 2)]),
        "logs": (root.handlers[:], root.level, ours.level, dict(logging_setup._of_process)),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        "engine": engine._chosen,
        "zone": time.tzname,
        "scratch": tempfile.gettempdir(),
    }


@pytest.mark.parametrize(
    ("arguments", "exit_code"), [(("run", "--as-of", FIRST_DAY), 0), (("run", "--as-of", "never"), 2), (("--help",), 0)]
)
def test_command_leaves_the_process_as_it_was(tmp_path: Path, arguments: tuple[str, ...], exit_code: int) -> None:
    lake = land_samples(tmp_path / "lake")
    before = state()
    assert returns(lake, *arguments, TZ="Asia/Tokyo", TMPDIR=str(tmp_path)).exit_code == exit_code
    assert state() == before


def test_command_has_the_environment_that_is_spelled_out_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_TZ", "Nowhere/Nothing")
    variables = environment(tmp_path, TZ="Asia/Tokyo")
    with as_a_process(variables):
        assert (dict(os.environ), os.getcwd(), time.tzname[0]) == (variables, str(REPOSITORY), "JST")


@pytest.mark.full
def test_command_that_runs_here_ends_as_in_a_process_of_its_own(tmp_path: Path) -> None:
    def shown(ended: Ended) -> tuple[int, str, list[str], list[tuple[Any, ...]]]:
        logged = [(line["level"], line["logger"], line["run_id"], line.get("exit_code")) for line in ended.logs]
        return ended.exit_code, ended.stdout, ended.complaints, logged

    lake = land_samples(tmp_path / "lake")
    run_id = "3c9f6cfd-5f0c-4d3b-9d2f-0b8a6f1f0c11"
    for arguments in [
        ("plan", "--as-of", FIRST_DAY),
        ("plan", "--as-of", "never"),
        ("silver-to-gold", "--run-id", run_id, "--as-of", FIRST_DAY),
    ]:
        assert shown(returns(lake, *arguments)) == shown(process(lake, *arguments))


def test_module_that_runs_here_ends_as_in_a_process_of_its_own(tmp_path: Path) -> None:
    name = "src.pipeline.silver_to_gold"
    apart = run([sys.executable, "-m", name, "--help"], environment(tmp_path))
    assert module(tmp_path, name, "--help") == apart


def test_what_a_command_says_below_python_is_heard() -> None:
    from commands import _run_here

    def command() -> None:
        os.write(1, b"out ")
        print("last")
        os.write(2, b"err\n")
        raise RuntimeError("bug")

    ended = _run_here(["returns"], command, environment(Path("nowhere")))
    assert (ended.exit_code, ended.stdout) == (1, "out last\n")
    assert ended.complaints[0] == "err" and ended.complaints[-1] == "RuntimeError: bug"
