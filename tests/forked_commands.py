"""Commands as processes of their own that are spared the start: forked from one that has everything imported.

A third of a short run is imports. What is forked has arguments, environment, working directory, streams, session and
signals of its own, as a new process has; what starts a new interpreter is tested where `commands.run` is used.
"""

from __future__ import annotations

import atexit
import os
import pickle
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from sqlglot.dialects import DIALECT_MODULE_NAMES

from spark_commands import Answer, exit_code_of

# What a run on the embedded engine imports only when it comes to it.
_IMPORTED_LATE = (
    "sqlframe.duckdb",
    "sqlframe.duckdb.functions",
    "pyspark_interview_project.engines.duckdb",
    "dateutil.parser",
    "pandas",  # Arrow asks for it where it is installed
    *(f"sqlglot.dialects.{name}" for name in DIALECT_MODULE_NAMES),  # SQLFrame looks at all of them
)
# What an interpreter or its linker reads as it starts, so that a fork would be too late.
_READ_AT_START = ("LD_", "LC_", "LANG", "PYTHON")


class ForkedCommands:
    """The process that others are forked from; started by the first command."""

    def __init__(self, imported: Sequence[str] = _IMPORTED_LATE) -> None:
        """`imported`: the modules that are there when a command begins, beside those of the command line."""
        self._imported = imported
        self._process: subprocess.Popen[str] | None = None
        self._directory: str | None = None
        self._starting = threading.Lock()

    def takes(self, env: Mapping[str, str]) -> bool:
        """Whether a command with this environment is the same when it is forked."""
        return all(os.environ.get(name) == value for name, value in env.items() if name.startswith(_READ_AT_START))

    def run(self, command: Sequence[str], env: Mapping[str, str], cwd: Path, timeout: float) -> Answer:
        """Exit code (negative: the signal that ended it), stdout and stderr of `returns …` or of `python -m …`."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self._address())
            with connection.makefile("wb") as request:
                pickle.dump((list(command), dict(env), str(cwd), timeout), request)
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as reply:
                answer: Answer | None = pickle.load(reply)
        if answer is None:
            raise subprocess.TimeoutExpired(list(command), timeout)
        return answer

    def _address(self) -> str:
        with self._starting:
            if self._process is None:
                self._directory = tempfile.mkdtemp(prefix="forked-")
                atexit.register(self.close)
                self._process = subprocess.Popen(
                    [sys.executable, __file__, f"{self._directory}/commands", *self._imported],
                    stdout=subprocess.PIPE,
                    text=True,
                )
                assert self._process.stdout is not None
                assert self._process.stdout.readline() == "listening\n"
            return f"{self._directory}/commands"

    def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()
            self._process = None
        if self._directory is not None:
            shutil.rmtree(self._directory)
            self._directory = None


def _listen(address: str, imported: Sequence[str]) -> None:
    from pyspark_interview_project import cli  # noqa: F401

    for module in imported:
        import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how an answer ended
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("listening", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    _answer(connection)


def _answer(connection: socket.socket) -> NoReturn:
    """Fork the command, wait for it, tell what it came to."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection.makefile("rb") as request:
        command, env, cwd, timeout = pickle.load(request)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = os.fork()
        if process == 0:
            connection.close()
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            _become(command, env, cwd)
        exit_code = _ended(process, timeout)
        streams = []
        for stream in (out, err):
            stream.seek(0)
            streams.append(stream.read().decode())
    with connection.makefile("wb") as reply:
        pickle.dump(None if exit_code is None else (exit_code, *streams), reply)
    os._exit(0)


def _ended(process: int, timeout: float) -> int | None:
    """The exit code of the process; None where it did not end in time, and was killed."""
    descriptor = os.pidfd_open(process)
    in_time = bool(select.select([descriptor], [], [], timeout)[0])
    if not in_time:
        os.killpg(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status) if in_time else None


def _become(command: Sequence[str], env: Mapping[str, str], cwd: str) -> NoReturn:
    """Be the command, to its end, as a process would that was started for it."""
    os.setsid()
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    sys.exit(exit_code_of(command))


if __name__ == "__main__":
    _listen(sys.argv[1], sys.argv[2:])
