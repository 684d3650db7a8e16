"""Commands on Spark, one after another in one process that keeps its session: to start one takes longer than a test.

What a process of its own does is tested in test_spark.py. Here a command gets its arguments, environment, working
directory, stdout and stderr as a new process would; only what Python and the JVM have loaded stays.
"""

from __future__ import annotations

import atexit
import os
import pickle
import runpy
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, cast

from in_process import as_before

Answer = tuple[int, str, str]

# A JVM that ends with its command is faster without its second compiler; one that lasts is not.
JVM_OF_ONE_COMMAND = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}


def of_one_that_lasts(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command for a JVM that many commands share."""
    return {name: value for name, value in env.items() if name not in JVM_OF_ONE_COMMAND}


class SparkCommands:
    """The process that runs the commands; started by the first one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._one_at_a_time = threading.Lock()

    def run(self, command: Sequence[str], env: Mapping[str, str], cwd: Path, timeout: float) -> Answer:
        """Exit code, stdout and stderr of `returns …` or of `python -m …`."""
        with self._one_at_a_time:
            process = self._process = self._process or self._started(env)
            stdin, stdout = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
            timer = threading.Timer(timeout, process.kill)
            timer.start()
            try:
                pickle.dump((list(command), dict(env), str(cwd)), stdin)
                stdin.flush()
                answer: Answer = pickle.load(stdout)
                return answer
            finally:
                timer.cancel()

    def _started(self, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        atexit.register(self.close)
        return subprocess.Popen(
            [sys.executable, __file__], env=of_one_that_lasts(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def close(self) -> None:
        if self._process is not None:
            cast(IO[bytes], self._process.stdin).close()
            self._process.wait(timeout=60)
            cast(IO[bytes], self._process.stdout).close()
            self._process = None


def _serve() -> None:
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    while True:
        try:
            command, env, cwd = pickle.load(requests)
        except EOFError:
            return
        pickle.dump(_run(command, env, cwd), answers)
        answers.flush()


def _run(command: Sequence[str], env: Mapping[str, str], cwd: str) -> Answer:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        ours = [(number, os.dup(number)) for number in (1, 2)]
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        try:
            with as_before():  # the next command has the logs of a new process, until it settles its own
                exit_code = exit_code_of(command)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, descriptor in ours:
                os.dup2(descriptor, number)
                os.close(descriptor)
        return exit_code, *(_content(stream) for stream in (out, err))


def _content(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode()


def exit_code_of(command: Sequence[str]) -> int:
    """Run `returns …` or `python -m …` in this process, as if it had been started for it."""
    program, *arguments = command
    sys.argv = [program, *arguments]
    try:
        if arguments[:1] == ["-m"]:
            sys.path[0] = os.getcwd()
            sys.argv = arguments[1:]
            with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # it was imported before: so it was
                runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            from pyspark_interview_project import cli

            cli.main(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    _serve()
