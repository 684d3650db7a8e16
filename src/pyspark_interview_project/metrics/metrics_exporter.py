"""`returns exporter`: metrics for Prometheus, made from the run records.

A run at work serves them, a service of its own does, or they are handed over once; all use the same catalogue. Each
scrape reads the records anew. So a restart changes no value, and no run is too short to be seen.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Annotated, Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import typer
from prometheus_client import CollectorRegistry, make_wsgi_app, pushadd_to_gateway, write_to_textfile
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pyspark_interview_project.command_line import main_of, prepare
from pyspark_interview_project.config import paths
from pyspark_interview_project.errors import ConfigurationError, StorageError
from pyspark_interview_project.metrics.catalogue import JOB, PREFIX, build_info, families
from pyspark_interview_project.metrics.recorded_runs import RecordedRun, RecordedRuns
from pyspark_interview_project.metrics.run_history import RunHistory
from pyspark_interview_project.metrics.run_record import StageRecord

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
PORTS_TRIED = 10
_PUSH_TIMEOUT_SECONDS = 5.0
# How often the server of a run looks whether it is to end.
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class RunAtWork:
    """What a run says of itself before its record is written: the stage at work, and the stages that are finished, as
    the record will have them."""

    stage: Callable[[], str | None]
    finished_stages: Callable[[], Sequence[StageRecord]] = tuple


def is_lake_of(records: Path) -> bool:
    """Whether there is a lake around `records`, a directory that the first run makes."""
    root = Path(str(records).removesuffix(paths.RUN_RECORDS))
    return records.parent.is_dir() or (root / paths.LANDED).parent.is_dir()


class RunRecordCollector(Collector):
    """Collects the metrics of the catalogue from a directory of run records, and metrics of the collecting itself."""

    def __init__(self, records: Path, run: RunAtWork | None = None) -> None:
        """`run` is the run at work in this process, if there is one."""
        self._directory, self._records, self._run = records, RecordedRuns(records), run
        self._errors = 0
        self._told: set[str] = set()
        self._one_at_a_time = threading.Lock()

    def describe(self) -> Sequence[Metric]:
        """Nothing: it takes the records to know what there is."""
        return []

    def collect(self) -> Iterator[Metric]:
        with self._one_at_a_time:
            started = time.monotonic()
            found = self._look()
            yield from found[0] if found else ()
            yield build_info()
            if self._run is not None:
                yield self._in_progress(self._run.stage())
            broken = None if found is None else found[1]
            yield _gauge("exporter_broken_records", "Files among the records that are none.", broken)
            name, told = "exporter_collect_errors_total", "How often this process could not read the records."
            yield CounterMetricFamily(PREFIX + name, told, self._errors)
            seconds = time.monotonic() - started
            yield _gauge("exporter_collect_duration_seconds", "How long this collection took.", seconds)

    def is_readable(self) -> bool:
        """Whether the records can be read."""
        with self._one_at_a_time:
            return self._look() is not None

    def _look(self) -> tuple[list[Metric], int] | None:
        """The metrics of the catalogue, and how many files are no records; None where the records cannot be read."""
        try:
            runs, malformed = self._recorded()
            history = RunHistory(runs)
            if self._run is not None:
                history.add_stages_at_work(self._run.finished_stages())
            found = list(families(history))
        except OSError as error:
            self._errors += 1
            logger.warning("the run records cannot be read: %s", error.strerror)
            return None
        except Exception:  # whatever it is, a scrape must say that something is wrong; a 500 would not
            self._errors += 1
            logger.exception("the metrics of the run records cannot be told")
            return None
        for name in malformed.keys() - self._told:
            logger.warning("%s is no run record: %s", name, malformed[name])
        self._told = set(malformed)
        return found, len(malformed)

    def _recorded(self) -> tuple[list[RecordedRun], Mapping[str, str]]:
        try:
            return self._records.look()
        except FileNotFoundError:
            if not is_lake_of(self._directory):  # not mounted, moved away, or another DATA_ROOT
                raise
            return [], {}  # no run yet

    @staticmethod
    def _in_progress(stage: str | None) -> Metric:
        family = GaugeMetricFamily(PREFIX + "run_in_progress", "1 for the stage that a run is at.", labels=("stage",))
        if stage is not None:
            family.add_metric((stage,), 1)
        return family


def _gauge(name: str, documentation: str, value: float | None) -> Metric:
    return GaugeMetricFamily(PREFIX + name, documentation, value)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_port = False  # never share a port with another process


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: there is a scrape every few seconds."""


def _registry(collector: RunRecordCollector) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry


def _application(collector: RunRecordCollector) -> Callable[..., Any]:
    metrics = make_wsgi_app(_registry(collector))

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return metrics(environ, start_response)
        if path == "/healthz":
            is_well = collector.is_readable()
            status, text = ("200 OK", "ok") if is_well else ("503 Service Unavailable", "the records cannot be read")
        else:
            status, text = "404 Not Found", "there are /metrics and /healthz"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{text}\n".encode()]

    return answer


def server_of(collector: RunRecordCollector, host: str, port: int) -> WSGIServer:
    """A server of /metrics and /healthz that has its port and waits to be started. Raises OSError, OverflowError."""
    return make_server(host, port, _application(collector), server_class=_Server, handler_class=_QuietHandler)


@contextmanager
def metrics_served(records: Path, host: str, port: int, run: RunAtWork) -> Iterator[int | None]:
    """Serve /metrics and /healthz while the body runs, on `port` or one of the next nine. Gives the port.

    If none of them is free, the run goes on: that is a warning, and None.
    """
    server = None
    for candidate in range(port, port + PORTS_TRIED):
        try:
            server = server_of(RunRecordCollector(records, run), host, candidate)
            break
        except (OSError, OverflowError):
            continue
    if server is None:
        logger.warning("metrics are not served: no port from %d to %d is free", port, port + PORTS_TRIED - 1)
        yield None
        return
    logger.info("metrics are served at http://%s:%d/metrics", host, server.server_port)
    with answering(server):
        yield server.server_port


@contextmanager
def answering(server: WSGIServer) -> Iterator[None]:
    """Let a server answer, in a thread of its own, while the body runs."""
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def serve(records: Path, host: str, port: int) -> None:
    """Serve /metrics and /healthz on this port alone, until the process is told to end.

    Raises ConfigurationError where the port cannot be had.
    """
    try:
        server = server_of(RunRecordCollector(records), host, port)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError("metrics_port", f"{host}:{port} cannot be had: {reason}") from error
    logger.info("metrics are served at http://%s:%d/metrics", host, server.server_port)
    try:
        server.serve_forever()
    finally:
        server.server_close()


def write_textfile(records: Path, target: Path) -> None:
    """Write the metrics for the textfile collector of a node exporter, whole or not at all.

    Raises OSError, and StorageError where the records cannot be read: then an earlier file stays.
    """
    write_to_textfile(str(target), _readable_registry(records))


def push(records: Path, gateway: str) -> bool:
    """Hand the metrics to a Pushgateway. Returns whether it took them; if it did not, that is a warning.

    Raises StorageError where the records cannot be read: then what was pushed earlier stays.
    """
    registry = _readable_registry(records)
    try:
        pushadd_to_gateway(gateway, job=JOB, registry=registry, timeout=_PUSH_TIMEOUT_SECONDS)
    except (OSError, HTTPException) as error:
        logger.warning("the Pushgateway took no metrics: %s", type(error).__name__)
        return False
    return True


def _readable_registry(records: Path) -> CollectorRegistry:
    collector = RunRecordCollector(records)
    if not collector.is_readable():
        raise StorageError(str(records), "the run records cannot be read; nothing was handed over")
    return _registry(collector)


def checked_gateway(url: str) -> str:
    """`url`, if it is the address of a Pushgateway. Raises ConfigurationError where it is none."""
    try:
        address = urlsplit(url if "://" in url else f"http://{url}")
        _ = address.port  # raises ValueError where it is none
    except ValueError as error:
        raise ConfigurationError("--pushgateway", f"{url} is no address: {error}") from error
    if address.scheme not in ("http", "https") or not address.hostname or re.search(r"[\x00-\x20\x7f]", url):
        raise ConfigurationError("--pushgateway", f"{url} is no address such as http://host:9091")
    return url


def exporter(
    port: Annotated[int | None, typer.Option("--port", help="Port to serve on; METRICS_PORT by default.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to serve on; loopback by default.")] = None,
    textfile: Annotated[
        Path | None,
        typer.Option("--textfile", metavar="PATH", help="Write the metrics to a file that ends in .prom, and end."),
    ] = None,
    pushgateway: Annotated[
        str | None, typer.Option("--pushgateway", metavar="URL", help="Hand the metrics to a Pushgateway, and end.")
    ] = None,
) -> None:
    """Serve the metrics of all runs on record until told to end; or hand them over once."""
    settings = prepare({"metrics_port": port, "metrics_host": host})
    records = settings.run_records
    if textfile is not None:
        if textfile.suffix != ".prom":
            raise ConfigurationError("--textfile", f"{textfile} does not end in .prom, so that no collector reads it")
        write_textfile(records, textfile)
    if pushgateway is not None:
        push(records, checked_gateway(pushgateway))
    if textfile is None and pushgateway is None:
        serve(records, settings.metrics_host, settings.metrics_port)


main = main_of(exporter)


if __name__ == "__main__":
    main()
