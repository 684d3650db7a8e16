"""The exporter as Prometheus meets it: a service, a run at work, a file, a gateway."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from subprocess import PIPE

import pytest
from prometheus_client.parser import text_string_to_metric_families

import lake_reading
from commands import REPOSITORY, RETURNS, environment, returns, succeeded
from kills import FIRST_DAY
from landing import land, row_of
from pyspark_interview_project.metrics import catalogue
from pyspark_interview_project.metrics.catalogue import CATALOGUE, PREFIX, CatalogueEntry
from pyspark_interview_project.metrics.metrics_exporter import (
    LOOPBACK,
    RunAtWork,
    RunRecordCollector,
    answering,
    metrics_served,
    server_of,
)
from test_run_history import failed, record, write

PATIENCE_SECONDS = 60
MANY_ROWS = 100_000


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def samples(text: str) -> dict[str, float]:
    """The samples of an answer but for those that tell of the answering itself."""
    return {
        " ".join([sample.name.removeprefix(PREFIX), *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("collect_duration_seconds")
    }


@contextmanager
def exporter(lake: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """`returns exporter` on a lake, from when it answers; killed at the end, if it has not ended."""
    command = [str(RETURNS), "exporter", "--port", str(port)]
    with subprocess.Popen(command, env=environment(lake), cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            assert any("metrics are served" in line for line in process.stderr)
            yield process
        finally:
            process.kill()


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake with the records of two runs, and nothing else."""
    (tmp_path / "lake" / "metrics").mkdir(parents=True)
    write(tmp_path / "lake" / "metrics" / "runs", record(0), failed(1))
    return tmp_path / "lake"


@contextmanager
def served(lake: Path) -> Iterator[int]:
    """The server of `returns exporter` on a lake, in this process; gives its port."""
    server = server_of(RunRecordCollector(lake / "metrics" / "runs"), LOOPBACK, 0)
    with answering(server):
        yield server.server_port


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_exporter_answers_from_the_records_alone_until_it_is_told_to_end(
    lake: Path, number: int, exit_code: int
) -> None:
    port = free_port()
    with served(lake) as another, exporter(lake, port) as process:
        assert samples(get(port, "/metrics")[1]) == samples(get(another, "/metrics")[1])
        process.send_signal(number)
        assert process.wait(timeout=PATIENCE_SECONDS) == exit_code


def test_exporter_answers_with_the_records_as_they_are_now(lake: Path) -> None:
    runs = lake / "metrics" / "runs"
    with served(lake) as port:
        status, text = get(port, "/metrics")
        assert status == 200
        before = samples(text)
        assert (before["runs_total succeeded"], before["runs_total failed"]) == (1, 1)
        assert before["table_rows silver_returns"] == 7
        assert all(len(line.split("} ")[-1].split()) <= 2 for line in text.splitlines() if line[0] != "#")  # no times

        write(runs, record(2))
        (runs / "broken.json").write_text("{")
        after = samples(get(port, "/metrics")[1])
        assert (after["runs_total succeeded"], after["exporter_broken_records"]) == (2, 1)
        assert [get(port, path)[0] for path in ("/healthz", "/", "/metrics/x", "/etc/passwd")] == [200, 404, 404, 404]


def test_exporter_whose_records_cannot_be_read_is_not_well_and_answers_all_the_same(lake: Path) -> None:
    (lake / "metrics" / "runs").rename(lake / "metrics" / "gone")
    (lake / "metrics" / "runs").write_text("no directory")
    with served(lake) as port:
        assert get(port, "/healthz") == (503, "the records cannot be read\n")
        status, text = get(port, "/metrics")
        assert status == 200
        assert samples(text)["exporter_collect_errors_total"] == 2
        (lake / "metrics" / "runs").unlink()
        (lake / "metrics" / "gone").rename(lake / "metrics" / "runs")
        assert get(port, "/healthz") == (200, "ok\n")
        assert samples(get(port, "/metrics")[1])["runs_total succeeded"] == 1


def test_exporter_of_a_lake_that_is_gone_is_not_well_until_it_is_back(lake: Path) -> None:
    away = lake.with_name("away")
    with served(lake) as port:
        assert get(port, "/healthz") == (200, "ok\n")
        lake.rename(away)
        assert get(port, "/healthz") == (503, "the records cannot be read\n")
        told = samples(get(port, "/metrics")[1])
        assert told["exporter_collect_errors_total"] == 2
        assert [name for name in told if name.startswith(("runs_total", "exporter_broken"))] == []
        away.rename(lake)
        assert get(port, "/healthz") == (200, "ok\n")


def test_exporter_of_hostile_records_answers_with_all_others(lake: Path) -> None:
    runs = lake / "metrics" / "runs"
    write(runs, record(2, exit_code=10**400), record(3, finished_at="9999-12-31T23:59:59-14:00"))
    (runs / "deep.json").write_text("[" * 100_000)
    (runs / "loop.json").symlink_to("loop.json")
    os.mkfifo(runs / "pipe.json")
    with served(lake) as port:
        status, text = get(port, "/metrics")
        assert (status, get(port, "/healthz")[0]) == (200, 200)
        told = samples(text)
        assert (told["runs_total succeeded"], told["runs_total failed"], told["exporter_broken_records"]) == (1, 1, 4)


def test_collect_that_fails_as_nobody_foresaw_is_counted_and_told(
    lake: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = CatalogueEntry("broken", "Never told.", (), lambda history: {(): 1 / 0})
    monkeypatch.setattr(catalogue, "CATALOGUE", (*CATALOGUE, broken))
    collector = RunRecordCollector(lake / "metrics" / "runs")
    told = {family.name: [sample.value for sample in family.samples] for family in collector.collect()}
    assert told[f"{PREFIX}exporter_collect_errors"] == [1]
    assert f"{PREFIX}runs" not in told
    assert collector.is_readable() is False
    assert [line.message for line in caplog.records] == ["the metrics of the run records cannot be told"] * 2


def test_exporter_of_a_lake_without_runs_answers(tmp_path: Path) -> None:
    (tmp_path / "bronze").mkdir()
    with served(tmp_path) as port:
        assert get(port, "/healthz")[0] == 200
        assert samples(get(port, "/metrics")[1])["runs_total succeeded"] == 0


def test_exporter_on_a_port_that_is_taken_exits_2(lake: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = returns(lake, "exporter", "--port", str(port))
    assert ended.exit_code == 2
    assert ended.complaints == [f"error: metrics_port: 127.0.0.1:{port} cannot be had: Address already in use"]


def test_exporter_textfile_is_written_whole(lake: Path, tmp_path: Path) -> None:
    target = tmp_path / "returns.prom"
    succeeded(returns(lake, "exporter", "--textfile", str(target)))
    assert samples(target.read_text())["runs_total failed"] == 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("returns")] == ["returns.prom"]


def test_exporter_textfile_that_no_collector_would_read_exits_2(lake: Path, tmp_path: Path) -> None:
    ended = returns(lake, "exporter", "--textfile", str(tmp_path / "returns.txt"))
    assert ended.exit_code == 2
    assert "returns.txt does not end in .prom" in ended.complaints[0]


@pytest.mark.parametrize("way", ["--textfile", "--pushgateway"])
def test_exporter_hands_nothing_over_where_the_records_cannot_be_read(lake: Path, tmp_path: Path, way: str) -> None:
    target = tmp_path / "returns.prom"
    target.write_text("as it was")
    (lake / "metrics").rename(tmp_path / "away")
    ended = returns(lake, "exporter", way, str(target) if way == "--textfile" else f"127.0.0.1:{free_port()}")
    problem = f"{lake}/metrics/runs: the run records cannot be read; nothing was handed over"
    assert (ended.exit_code, ended.complaints) == (5, [f"error: {problem}"])
    assert target.read_text() == "as it was"


class Gateway(BaseHTTPRequestHandler):
    """Takes what is pushed, and keeps it."""

    taken: list[tuple[str, str, str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.taken.append((self.command, self.path, body))
        self.send_response(202)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def test_exporter_pushes_to_a_gateway_for_the_job_as_a_whole(lake: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    succeeded(returns(lake, "exporter", "--pushgateway", f"127.0.0.1:{server.server_port}"))
    thread.join(timeout=PATIENCE_SECONDS)
    server.server_close()
    ((command, path, body),) = Gateway.taken
    assert (command, path) == ("POST", "/metrics/job/returns")  # no instance: it is not of one machine
    assert samples(body)["runs_total succeeded"] == 1


def test_exporter_whose_gateway_is_dead_warns_and_ends_well(lake: Path) -> None:
    ended = succeeded(returns(lake, "exporter", "--pushgateway", f"127.0.0.1:{free_port()}"))
    assert [line["message"] for line in ended.logs] == ["the Pushgateway took no metrics: URLError"]


def test_exporter_whose_gateway_speaks_no_http_warns_and_ends_well(lake: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer_with_nonsense, args=(server,))
        thread.start()
        ended = succeeded(returns(lake, "exporter", "--pushgateway", f"127.0.0.1:{server.getsockname()[1]}"))
        thread.join(timeout=PATIENCE_SECONDS)
    assert [line["message"] for line in ended.logs] == ["the Pushgateway took no metrics: BadStatusLine"]


def answer_with_nonsense(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"nonsense\r\n\r\n")


@pytest.mark.parametrize(
    "url", ["host:port", "http://a b:9091", "http://", "ftp://host:21", "host:99999", "http://[::1"]
)
def test_exporter_with_an_address_that_is_none_exits_2(lake: Path, url: str) -> None:
    ended = returns(lake, "exporter", "--pushgateway", url)
    assert ended.exit_code == 2
    assert len(ended.complaints) == 1
    assert ended.complaints[0].startswith(f"error: --pushgateway: {url} is no address")


def scraped_until_it_ends(port: int) -> list[tuple[int, str]]:
    """The answers of a server until there is none."""
    answers = []
    while True:
        try:
            answers.append(get(port, "/metrics"))
        except (OSError, HTTPException):  # nobody listens any more, or has ended in the middle of an answer
            return answers


@pytest.mark.full
def test_run_serves_a_hundred_at_once_while_it_works_and_ends_well(tmp_path: Path) -> None:
    lake, port = tmp_path / "lake", free_port()
    fields = ("O-1", None, "MUG", "damaged", "1", "10.00", "2026-03-01", None)
    land(lake / "bronze/returns_raw/a.jsonl", [row_of(f"R-{number}", *fields) for number in range(MANY_ROWS)])
    env = environment(lake, SERVE_METRICS="true", METRICS_PORT=str(port))
    command = [str(RETURNS), "run", "--as-of", FIRST_DAY]
    with subprocess.Popen(command, env=env, cwd=REPOSITORY, stdout=PIPE, stderr=PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("metrics are served" in line for line in process.stderr)
        drained = threading.Thread(target=process.stderr.read)
        drained.start()
        with ThreadPoolExecutor(100) as pool:
            answers = list(pool.map(scraped_until_it_ends, [port] * 100))
        assert process.wait(timeout=PATIENCE_SECONDS) == 0
        drained.join()
    assert all(answers), "each of the hundred was answered"
    assert {status for each in answers for status, _ in each} == {200}
    told = [samples(text) for each in answers for _, text in each]
    assert {"run_in_progress bronze_to_silver"} <= {name for one in told for name in one}
    assert {one["exporter_collect_errors_total"] for one in told} == {0}
    assert lake_reading.latest_run_record(lake)["stages"][0]["rows_inserted"] == MANY_ROWS


def test_metrics_of_a_run_are_served_to_many_and_end_with_it(lake: Path) -> None:
    runs, port = lake / "metrics" / "runs", free_port()
    with metrics_served(runs, LOOPBACK, port, RunAtWork(lambda: "bronze_to_silver")) as taken:
        assert taken == port
        with ThreadPoolExecutor(100) as pool:
            answers = list(pool.map(lambda _: get(port, "/metrics"), range(100)))
        assert {status for status, _ in answers} == {200}
        assert {samples(text)["run_in_progress bronze_to_silver"] for _, text in answers} == {1}
        assert get(port, "/healthz") == (200, "ok\n")
    with pytest.raises(urllib.error.URLError):
        get(port, "/metrics")


class Scraper(logging.Handler):
    """Scrapes a run when it logs that a stage begins; keeps the samples by stage."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.seen: dict[str, dict[str, float]] = {}

    def emit(self, line: logging.LogRecord) -> None:
        message = line.getMessage()
        if message.endswith(" started"):
            self.seen[message.removesuffix(" started")] = samples(get(self.port, "/metrics")[1])


def test_run_at_work_serves_its_stage_and_those_that_are_finished(tmp_path: Path) -> None:
    lake, scraper = tmp_path / "lake", Scraper(free_port())
    row = row_of("R-1", "O-1", None, "MUG", "damaged", "1", "10.00", "2026-03-01", None)
    land(lake / "bronze/returns_raw/a.jsonl", [row])
    env = {"SERVE_METRICS": "true", "METRICS_PORT": str(scraper.port)}
    logger = logging.getLogger("pyspark_interview_project.progress")
    logger.addHandler(scraper)
    try:
        succeeded(returns(lake, "run", "--as-of", FIRST_DAY, **env))
    finally:
        logger.removeHandler(scraper)
    told = scraper.seen["silver_to_gold"]
    assert told["run_in_progress silver_to_gold"] == 1
    assert told["stage_duration_seconds bronze_to_silver"] > 0
    outcomes = [told[name] for name in told if name.startswith("stage_rows ") and "bronze_to_silver" in name]
    assert told["stage_rows_read bronze_to_silver"] == sum(outcomes) > 0
    assert [name for name in told if name.startswith(("rows_total", "last_"))] == []  # it has not ended
    assert scraper.seen["bronze_to_silver"]["run_in_progress bronze_to_silver"] == 1


def test_run_whose_port_is_taken_serves_on_the_next_one(lake: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with metrics_served(lake / "metrics" / "runs", LOOPBACK, port, RunAtWork(lambda: None)) as found:
            assert found is not None and port < found < port + 10
            assert samples(get(found, "/metrics")[1])["runs_total succeeded"] == 1


def test_run_that_finds_no_port_goes_on_with_a_warning(lake: Path, caplog: pytest.LogCaptureFixture) -> None:
    with metrics_served(lake / "metrics" / "runs", LOOPBACK, 65536, RunAtWork(lambda: None)) as found:
        assert found is None
    assert [line.message for line in caplog.records] == ["metrics are not served: no port from 65536 to 65545 is free"]


def test_run_that_is_told_not_to_serve_does_not(tmp_path: Path) -> None:
    (tmp_path / "bronze" / "returns_raw").mkdir(parents=True)
    ended = succeeded(returns(tmp_path, "run", "--no-serve-metrics", SERVE_METRICS="true"))
    assert [line for line in ended.logs if "metrics" in line["message"]] == []
