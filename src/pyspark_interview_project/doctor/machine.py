"""Checks of the machine: Java, pyspark with delta-spark, the jars, the port of the metrics."""

from __future__ import annotations

import re
import socket
from importlib.metadata import PackageNotFoundError, requires, version

from pyspark_interview_project.doctor.findings import FAILED, NOTE, OK, Finding, Situation
from pyspark_interview_project.engines.java import checked_java
from pyspark_interview_project.engines.spark_jars import checked_jars
from pyspark_interview_project.metrics.metrics_exporter import PORTS_TRIED

_DISTRIBUTION = "pyspark-interview-project"
_PAIR = ("pyspark", "delta-spark")
_PINNED = re.compile(rf"\A({'|'.join(_PAIR)})(?:\[[^]]*\])?==([^;\s]+)")


def java() -> Finding:
    return Finding(OK, checked_java())


def paired_packages() -> Finding:
    """Whether pyspark and delta-spark are the pair that this package is made for: another one fails during a run."""
    pins = [pin for line in requires(_DISTRIBUTION) or [] if (pin := _PINNED.match(line))]
    wanted = {pin[1]: pin[2] for pin in pins}
    found = {name: _installed(name) for name in _PAIR}
    text = " with ".join(f"{name} {found[name] or 'missing'}" for name in _PAIR)
    if found == wanted:
        return Finding(OK, text)
    pair = " ".join(f"{name}=={wanted[name]}" for name in _PAIR)
    return Finding(FAILED, f"{text} do not belong together; pip install {pair}, or use the embedded engine")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def jars() -> Finding:
    return Finding(OK, f"{', '.join(path.name for path in checked_jars())} as they should be")


OF_SPARK = {"java": java, "spark": paired_packages, "jars": jars}


def port(situation: Situation) -> Finding:
    """Whether a run can serve its metrics, and whether the port of the exporter is free."""
    settings = situation.settings
    if not settings.serve_metrics:
        return Finding(OK, "a run serves no metrics (serve_metrics is off)")
    first, last = settings.metrics_port, min(settings.metrics_port + PORTS_TRIED - 1, 65535)
    for candidate in range(first, last + 1):
        problem = _problem_with(settings.metrics_host, candidate)
        if problem is None:
            if candidate == first:
                return Finding(OK, f"{settings.metrics_host}:{first} is free")
            taken = f"{first} is taken, a run would serve its metrics at {candidate}"
            return Finding(NOTE, f"{taken}; for returns exporter end what listens there, or set METRICS_PORT")
    fix = "set METRICS_PORT or METRICS_HOST, or run with --no-serve-metrics"
    return Finding(FAILED, f"{settings.metrics_host} has none of {first} to {last} to offer: {problem}; {fix}")


def _problem_with(host: str, number: int) -> str | None:
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server: a port just left is free
            probe.bind((host, number))
            probe.listen()
    except OSError as error:
        return error.strerror or str(error)
    return None
