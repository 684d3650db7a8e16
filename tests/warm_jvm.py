"""A JVM for commands on Spark that are killed: it is warm, and outlives them.

To start a JVM and to warm it up takes three quarters of a run on Spark. A command that finds a gateway to one in its
environment, as Spark itself starts Python on a cluster, makes a Spark context of its own in it, and nothing else: when
it is killed, the context goes before the next command comes, with all that the JVM remembers of tables. Where the
pipeline has its points Spark is at rest, so that it makes no difference whether the JVM dies too; where a run is killed
in the midst of a commit the JVM has to die, and such commands start their own.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from forked_commands import ForkedCommands
from spark_commands import Answer, of_one_that_lasts

# What a run on Spark imports; the forked process has neither gateway nor session.
_IMPORTED = ("pyspark.sql", "pyspark.sql.functions", "pyspark_interview_project.engines.spark", "pyarrow.parquet")


class WarmJvm:
    """The JVM and the process that its commands are forked from; both are started by the first command."""

    def __init__(self) -> None:
        self._commands = ForkedCommands(_IMPORTED)
        self._process: subprocess.Popen[str] | None = None
        self._gateway: dict[str, str] = {}
        self._one_at_a_time = threading.Lock()

    def takes(self, env: Mapping[str, str]) -> bool:
        """Whether a command with this environment is the same in this JVM."""
        return self._commands.takes(env)

    def run(self, command: Sequence[str], env: Mapping[str, str], cwd: Path, timeout: float) -> Answer:
        """Exit code (negative: the signal that ended it), stdout and stderr."""
        with self._one_at_a_time:
            process = self._process = self._process or self._started(env)
            assert process.stdin is not None and process.stdout is not None
            print("clean up", file=process.stdin, flush=True)
            assert process.stdout.readline() == "clean\n"
            return self._commands.run(command, {**env, **self._gateway}, cwd, timeout)

    def _started(self, env: Mapping[str, str]) -> subprocess.Popen[str]:
        own = {name: value for name, value in of_one_that_lasts(env).items() if name != "FAULT"}
        process = subprocess.Popen(
            [sys.executable, __file__], env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        port, secret = process.stdout.readline().split()
        self._gateway = {"PYSPARK_GATEWAY_PORT": port, "PYSPARK_GATEWAY_SECRET": secret}
        atexit.register(self.close)
        return process

    def close(self) -> None:
        self._commands.close()
        if self._process is not None:
            self._process.communicate(timeout=60)
            self._process = None


def _hold() -> None:
    """Start a JVM as the package does, end its session, and keep the JVM until stdin ends."""
    from pyspark import SparkContext

    from pyspark_interview_project.config.settings import load_settings
    from pyspark_interview_project.engines.spark_session import open_session

    settings = load_settings({"app_env": "test", "data_root": os.environ["DATA_ROOT"]})
    open_session(settings).close()
    gateway: Any = SparkContext._gateway
    print(gateway.gateway_parameters.port, gateway.gateway_parameters.auth_token, flush=True)
    for _ in sys.stdin:
        _clean_up(gateway.jvm)
        print("clean", flush=True)


def _clean_up(jvm: Any) -> None:
    """End the context of a command that was killed; the next one finds a JVM that remembers no session and no table."""
    context = getattr(getattr(jvm.org.apache.spark, "SparkContext$"), "MODULE$").getActive()
    if context.isDefined():
        context.get().stop()
    sessions = jvm.org.apache.spark.sql.SparkSession
    sessions.clearActiveSession()
    sessions.clearDefaultSession()
    jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()


if __name__ == "__main__":
    _hold()
