"""Running the package's commands as a person does: each in its own process, with an environment that is spelled out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from forked_commands import ForkedCommands
from spark_commands import JVM_OF_ONE_COMMAND, SparkCommands
from warm_jvm import WarmJvm

REPOSITORY = Path(__file__).resolve().parents[1]
RETURNS = Path(sys.executable).with_name("returns")
ENGINE = os.environ.get("ENGINE") or "embedded"

_TIMEOUT_SECONDS = 300
_SPARK, _FORKED, _WARM_JVM = SparkCommands(), ForkedCommands(), WarmJvm()

T = TypeVar("T")


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        """What it printed: lines without their padding, columns apart by one space."""
        return [" ".join(line.split()) for line in self.stdout.splitlines() if line.strip()]

    @property
    def logs(self) -> list[dict[str, Any]]:
        """The JSON lines of stderr."""
        return [json.loads(line) for line in self.stderr.splitlines() if line.startswith("{")]

    @property
    def complaints(self) -> list[str]:
        """The other lines of stderr: what a person is told."""
        return [line for line in self.stderr.splitlines() if line.strip() and not line.startswith("{")]


def environment(lake: Path, **more: str) -> dict[str, str]:
    """The whole environment of a command that works on `lake`. Of our own only what a process needs is in it."""
    needed = ("HOME", "PATH", "JAVA_HOME", "SPARK_CONF_DIR", "PYTHONPATH")
    own = {name: os.environ[name] for name in needed if name in os.environ}
    return own | JVM_OF_ONE_COMMAND | {"APP_ENV": "test", "DATA_ROOT": str(lake), "ENGINE": ENGINE} | more


def run(
    command: Sequence[str | Path],
    env: dict[str, str],
    cwd: Path = REPOSITORY,
    stdin: str | None = None,
    in_own_session: bool = False,
) -> Ended:
    """Run a program to its end, in a process of its own; `stdin`: what it can read."""
    with subprocess.Popen(
        [str(argument) for argument in command],
        env=env,
        cwd=cwd,
        stdin=None if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=in_own_session,
    ) as process:
        try:
            stdout, stderr = process.communicate(stdin, timeout=_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            if in_own_session:
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            raise
    return Ended(process.returncode, stdout, stderr)


def returns(lake: Path, *arguments: str, **env: str) -> Ended:
    """`returns …` on a lake."""
    return _run_warm([str(RETURNS), *arguments], environment(lake, **env))


def module(lake: Path, name: str, *arguments: str, **env: str) -> Ended:
    """`python -m name …` on a lake, from the top of the checkout."""
    return _run_warm([sys.executable, "-m", name, *arguments], environment(lake, **env))


def returns_apart(lake: Path, *arguments: str, **env: str) -> Ended:
    """`returns …` on a lake in a process and a session of its own, which may be killed, on Spark too."""
    return _run_apart([str(RETURNS), *arguments], environment(lake, **env))


def _run_warm(command: Sequence[str], env: dict[str, str]) -> Ended:
    """Run a command of the package; on Spark in the process that keeps a session for all of them."""
    if env["ENGINE"] == "spark":
        return Ended(*_SPARK.run(command, env, REPOSITORY, _TIMEOUT_SECONDS))
    return _run_apart(command, env)


def _run_apart(command: Sequence[str], env: dict[str, str]) -> Ended:
    """Run a command in a process and a session of its own: where it comes to the same, a fork of one that has
    everything imported, on Spark with a JVM that is there."""
    forked = _WARM_JVM if env["ENGINE"] == "spark" else _FORKED
    if forked.takes(env):
        return Ended(*forked.run(command, env, REPOSITORY, _TIMEOUT_SECONDS))
    return run(command, env, in_own_session=True)


def succeeded(ended: Ended) -> Ended:
    """The command, which must have ended well; else its output is what the test fails with."""
    assert ended.exit_code == 0, ended.stderr
    return ended


def at_once(*calls: Callable[[], T]) -> list[T]:
    """The results of calls that have nothing to do with each other, two at a time: most of a command is waiting."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return [call.result() for call in [pool.submit(call) for call in calls]]
