"""The exporter as Prometheus meets it: a service, a run at work, a file, a gateway."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from commands import REPOSITORY, RETURNS, environment, returns, succeeded
from kills import FIRST_DAY, land_samples, waiting_at
from pyspark_interview_project.metrics.catalogue import PREFIX
from test_run_history import failed, record, write

PATIENCE_SECONDS = 60


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


def test_exporter_answers_with_the_records_as_they_are_now(lake: Path) -> None:
    runs, port = lake / "metrics" / "runs", free_port()
    with exporter(lake, port):
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


def test_exporter_restarted_gives_the_same_values(lake: Path) -> None:
    answers = []
    for _ in range(2):
        port = free_port()
        with exporter(lake, port):
            answers.append(samples(get(port, "/metrics")[1]))
    assert answers[0] == answers[1]


def test_exporter_whose_records_cannot_be_read_is_not_well_and_answers_all_the_same(lake: Path) -> None:
    port = free_port()
    (lake / "metrics" / "runs").rename(lake / "metrics" / "gone")
    (lake / "metrics" / "runs").write_text("no directory")
    with exporter(lake, port):
        assert get(port, "/healthz") == (503, "the records cannot be read\n")
        status, text = get(port, "/metrics")
        assert status == 200
        assert samples(text)["exporter_collect_errors_total"] == 2
        (lake / "metrics" / "runs").unlink()
        (lake / "metrics" / "gone").rename(lake / "metrics" / "runs")
        assert get(port, "/healthz") == (200, "ok\n")
        assert samples(get(port, "/metrics")[1])["runs_total succeeded"] == 1


def test_exporter_of_a_lake_without_runs_answers(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "bronze").mkdir()
    with exporter(tmp_path, port):
        assert get(port, "/healthz")[0] == 200
        assert samples(get(port, "/metrics")[1])["runs_total succeeded"] == 0


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_exporter_that_is_told_to_end_ends(lake: Path, number: int, exit_code: int) -> None:
    with exporter(lake, free_port()) as process:
        process.send_signal(number)
        assert process.wait(timeout=PATIENCE_SECONDS) == exit_code


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


def test_run_at_work_serves_metrics_to_many_and_stops_with_it(tmp_path: Path) -> None:
    lake, port = land_samples(tmp_path / "lake"), free_port()
    with waiting_at(lake, "after_judging", SERVE_METRICS="true", METRICS_PORT=str(port)) as process:
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: get(port, "/metrics"), range(100)))
        assert {status for status, _ in answers} == {200}
        assert {samples(text)["run_in_progress bronze_to_silver"] for _, text in answers} == {1}
        assert get(port, "/healthz") == (200, "ok\n")
        process.terminate()
        assert process.wait(timeout=PATIENCE_SECONDS) == 143
    with pytest.raises(urllib.error.URLError):
        get(port, "/metrics")


def test_run_whose_port_is_taken_takes_the_next_one(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        env = {"SERVE_METRICS": "true", "METRICS_PORT": str(port), "MAX_QUARANTINED_RATIO": "1"}
        ended = succeeded(returns(lake, "run", "--as-of", FIRST_DAY, **env))
    served = [line["message"] for line in ended.logs if "metrics are served" in line["message"]]
    assert len(served) == 1 and f":{port}/" not in served[0]


def test_run_that_is_told_not_to_serve_does_not(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    env = {"SERVE_METRICS": "true", "MAX_QUARANTINED_RATIO": "1"}
    ended = succeeded(returns(lake, "run", "--as-of", FIRST_DAY, "--no-serve-metrics", **env))
    assert [line for line in ended.logs if "metrics" in line["message"]] == []
