"""Prometheus and promtool as whoever watches the lake runs them. Both must be there: `make monitoring-tools`."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from commands import REPOSITORY

PATIENCE_SECONDS = 60
_BETWEEN_LOOKS_SECONDS = 0.1

T = TypeVar("T")


def promtool(*arguments: str | Path, stdin: str | None = None) -> str:
    """What promtool printed. It must have ended well, else that is what the test fails with."""
    command = ["promtool", *map(str, arguments)]
    ended = subprocess.run(command, input=stdin, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def comes_to(wanted: T, look: Callable[[], T]) -> None:
    """Look until what is seen is what is wanted; what is seen when patience ends is what the test fails with."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (seen := look()) != wanted and time.monotonic() < deadline:
        time.sleep(_BETWEEN_LOOKS_SECONDS)
    assert seen == wanted


class PrometheusServer:
    """A Prometheus that is at work on loopback."""

    def __init__(self, port: int) -> None:
        self._port = port

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/-/ready", timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False

    def query(self, expression: str, at: float | None = None) -> dict[str, float]:
        """What an expression comes to now, or then: values by labels, without those that every series of a job has."""
        asked = {"query": expression} | ({} if at is None else {"time": str(at)})
        url = f"http://127.0.0.1:{self._port}/api/v1/query?{urllib.parse.urlencode(asked)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            series = json.load(answer)["data"]["result"]
        shared = ("__name__", "job", "instance")
        return {
            " ".join(value for name, value in sorted(one["metric"].items()) if name not in shared): float(
                one["value"][1]
            )
            for one in series
        }

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {labels.split()[0] for labels in self.query('sum by (alertname) (ALERTS{alertstate="firing"})')}


@contextmanager
def prometheus(config: Path, data: Path, port: int) -> Iterator[PrometheusServer]:
    """Prometheus, from when it is ready; ended behind the body."""
    command = [
        *("prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}"),
        *(f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y", "--log.level=warn"),
    ]
    with subprocess.Popen(command) as process:
        try:
            server = PrometheusServer(port)
            comes_to(True, server.is_ready)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(timeout=PATIENCE_SECONDS)
            finally:
                process.kill()
