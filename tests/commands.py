"""Running the package's commands: in this process, or in one of their own as a person does.

`returns` and `module` run a command here, with the environment, streams, logs and signal handlers of a new process.
`process` starts a real one: for signals, kills, preloaded libraries and races. On Spark all commands that run here
share one session.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import IO, Any, TypeVar

import pytest

from pyspark_interview_project import cli, engine, logging_setup, stop_signals

REPOSITORY = Path(__file__).resolve().parents[1]
RETURNS = Path(sys.executable).with_name("returns")
ENGINE = os.environ.get("ENGINE") or "embedded"

_TIMEOUT_SECONDS = 300
_OUR_LOGGERS = (logging.getLogger(), logging.getLogger("pyspark_interview_project"))
# A JVM that ends with its command is faster without its second compiler.
_JVM_OF_ONE_COMMAND = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}

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
    return own | _JVM_OF_ONE_COMMAND | {"APP_ENV": "test", "DATA_ROOT": str(lake), "ENGINE": ENGINE} | more


# Tests that `make test-full` runs, and `make test` does not.
full = pytest.mark.full


def mostly_full(values: Iterable[Any], quick: int = 2) -> Sequence[Any]:
    """Values of parameters: the first ones for `make test`, all of them for `make test-full`."""
    of_each = [value if isinstance(value, tuple) else (value,) for value in values]
    return [pytest.param(*each, marks=[] if number < quick else full) for number, each in enumerate(of_each)]


# In this process ------------------------------------------------------------------------------------------------------


def returns(lake: Path, *arguments: str, **env: str) -> Ended:
    """`returns …` on a lake, in this process."""
    return _run_here([str(RETURNS), *arguments], lambda: cli.main(arguments), environment(lake, **env))


def module(lake: Path, name: str, *arguments: str, **env: str) -> Ended:
    """`python -m name …` on a lake, from the top of the checkout, in this process."""
    return _run_here([name, *arguments], lambda: _run_module(name), environment(lake, **env))


@contextmanager
def as_a_process(env: Mapping[str, str]) -> Iterator[None]:
    """Inside, this process is as a new one with this whole environment would be; behind it, it is as before.

    The engine is not chosen yet. Streams are not touched.
    """
    on_signal = {number: signal.getsignal(number) for number in stop_signals.EXIT_CODES}
    handlers, levels = _OUR_LOGGERS[0].handlers[:], [logger.level for logger in _OUR_LOGGERS]
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ).difference(env):
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        patch.chdir(REPOSITORY)
        patch.setattr(tempfile, "tempdir", None)  # Python looks at TMPDIR once
        patch.setattr(engine, "_chosen", None)
        patch.setattr(logging_setup, "_of_process", {"run_id": None})
        time.tzset()
        try:
            yield
        finally:
            _OUR_LOGGERS[0].handlers[:] = handlers
            for logger, level in zip(_OUR_LOGGERS, levels, strict=True):
                logger.setLevel(level)
            logging.captureWarnings(False)
            for number, handler in on_signal.items():
                signal.signal(number, handler)
    time.tzset()


@contextmanager
def on_engine(name: str) -> Iterator[None]:
    """Inside, this process runs the named engine, whatever it runs outside."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_chosen", None)
        engine.choose_engine(name)
        yield


@cache
def spark_session() -> Any:
    """The one Spark session of this process. Every lake and every command in it finds this session."""
    from pyspark_interview_project.config.settings import load_settings
    from pyspark_interview_project.engines.spark_session import open_session

    scratch = Path(tempfile.mkdtemp(prefix="returns-tests-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    settings = load_settings({"app_env": "test", "data_root": str(scratch)})
    return open_session(settings, scratch, scratch / "jvm.log").spark


def _run_here(argv: Sequence[str], command: Callable[[], object], env: Mapping[str, str]) -> Ended:
    if env["ENGINE"] == "spark":
        spark_session()
    with as_a_process(env), _streams_apart() as (stdout, stderr), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", list(argv))
        patch.setitem(sys.modules, "__main__", ModuleType("__main__"))  # else a command would be named after pytest
        exit_code = _exit_code_of(command)
    if env["ENGINE"] == "spark":
        spark_session().conf.set("spark.sql.session.timeZone", "UTC")
    if stop_signals.exit_code() == stop_signals.EXIT_CODES[signal.SIGINT]:
        raise KeyboardInterrupt  # whoever pressed Ctrl-C meant the tests
    return Ended(exit_code, _content(stdout), _content(stderr))


def _exit_code_of(command: Callable[[], object]) -> int:
    """What Python makes of the end of a program."""
    try:
        command()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except Exception:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _run_module(name: str) -> None:
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.syspath_prepend(str(REPOSITORY))
        warnings.simplefilter("ignore", RuntimeWarning)  # runpy says that the module is imported already: it is
        runpy.run_module(name, run_name="__main__", alter_sys=True)


@contextmanager
def _streams_apart() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Inside, stdin is empty, and stdout and stderr go to the yielded files: what libraries below Python write too."""
    sys.stdout.flush()
    sys.stderr.flush()
    with ExitStack() as opened, pytest.MonkeyPatch.context() as patch:
        streams: list[IO[bytes]] = []
        patch.setattr(sys, "stdin", opened.enter_context(open(os.devnull, encoding="utf-8")))
        for number, name, errors in ((1, "stdout", "strict"), (2, "stderr", "backslashreplace")):
            streams.append(tempfile.TemporaryFile())
            ours = os.dup(number)
            opened.callback(os.close, ours)
            opened.callback(os.dup2, ours, number)
            os.dup2(streams[-1].fileno(), number)
            text = open(number, "w", encoding="utf-8", errors=errors, closefd=False)
            opened.callback(text.close)
            patch.setattr(sys, name, text)
        yield streams[0], streams[1]


def _content(stream: IO[bytes]) -> str:
    with stream:
        stream.seek(0)
        return stream.read().decode()


# In a process of their own --------------------------------------------------------------------------------------------


def process(lake: Path, *arguments: str, **env: str) -> Ended:
    """`returns …` on a lake, in a process and a session of its own, which may be killed."""
    return run([RETURNS, *arguments], environment(lake, **env), in_own_session=True)


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
    ) as started:
        try:
            stdout, stderr = started.communicate(stdin, timeout=_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            if in_own_session:
                os.killpg(started.pid, signal.SIGKILL)
            started.kill()
            raise
    return Ended(started.returncode, stdout, stderr)


def at_once(*calls: Callable[[], T]) -> list[T]:
    """The results of calls that each wait for a process, two at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return [call.result() for call in [pool.submit(call) for call in calls]]


def succeeded(ended: Ended) -> Ended:
    """The command, which must have ended well; else its output is what the test fails with."""
    assert ended.exit_code == 0, ended.stderr
    return ended
