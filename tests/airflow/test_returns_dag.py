"""The DAG in Airflow: what it is, what it calls, which failures it tries again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from workers import stubbed

RunDag = Callable[..., dict[str, Any]]

TASKS = ("bronze", "silver", "gold", "finalize")
# A scheduled run of that moment has the data interval from 04:00 of the day before.
MOMENT, DAY = "2026-11-23T04:00:00+00:00", "2026-11-22"
AT_ONCE = {task: {"retry_delay": 0.1} for task in TASKS}


def run_id_of(run: dict[str, Any]) -> str:
    return str(uuid5(NAMESPACE_URL, f"airflow:returns_pipeline/{run['run_id']}"))


def calls_of(stub: Path) -> list[str]:
    return (stub / "calls").read_text().splitlines()


def expected_calls(run: dict[str, Any], as_of: str = f"--as-of {DAY} ") -> list[str]:
    of_run = f"{as_of}--run-id {run_id_of(run)}"
    return [
        f"plan --commit {of_run}",
        f"bronze-to-silver {of_run}",
        f"silver-to-gold {of_run}",
        f"finalize --run-id {run_id_of(run)} --ingest-metrics-json",
        "report",
    ]


@pytest.fixture(scope="module")
def parsed(run_dag: RunDag) -> dict[str, Any]:
    return run_dag({"scheduled_from": "2026-11-20T00:00:00+00:00"})


def test_dag_imports_without_errors_within_a_second_and_without_an_engine(parsed: dict[str, Any]) -> None:
    assert (parsed["import_errors"], parsed["imported"]) == ({}, [])
    assert parsed["parse_seconds"] < 1


def test_dag_is_what_it_is_said_to_be(parsed: dict[str, Any]) -> None:
    def task(upstream: list[str], hours: int, outlets: list[str]) -> dict[str, Any]:
        return {
            "upstream": upstream,
            "retries": 3,
            "retry_delay": 300.0,
            "backoff": True,
            "timeout": hours * 3600.0,
            "outlets": outlets,
            "callbacks": ["tell_of_failure"],
            "documented": True,
        }

    assert parsed["dag"] == {
        "timetable": "CronDataIntervalTimetable",
        "catchup": False,
        "max_active_runs": 1,
        "dagrun_timeout": 20 * 3600.0,
        "documented": True,
        "tasks": {
            "bronze": task([], 1, []),
            "silver": task(["bronze"], 4, []),
            "gold": task(["silver"], 2, ["returns_gold"]),
            "finalize": task(["gold"], 4, []),
        },
    }


def test_scheduled_runs_have_intervals_of_a_day(parsed: dict[str, Any]) -> None:
    starts = [f"2026-11-{day}T04:00:00+00:00" for day in (20, 21, 22, 23)]
    assert parsed["intervals"] == [list(interval) for interval in zip(starts, starts[1:], strict=False)]


def test_scheduled_intervals_follow_the_clock_of_the_time_zone(run_dag: RunDag) -> None:
    result = run_dag({"scheduled_from": "2026-10-23T22:00:00+00:00"}, SPARK_TZ="Europe/Berlin")
    # 04:00 there, where the clock is set back on the 25th
    starts = ["2026-10-24T02:00:00+00:00", *(f"2026-10-{day}T03:00:00+00:00" for day in (25, 26, 27))]
    assert result["intervals"] == [list(interval) for interval in zip(starts, starts[1:], strict=False)]


def test_run_passes_its_day_and_one_run_id_and_one_without_logical_date_no_day(run_dag: RunDag, stub: Path) -> None:
    result = run_dag({"runs": [MOMENT, None]}, **stubbed(stub))
    dated, undated = result["runs"]
    assert (dated["state"], undated["state"]) == ("success", "success")
    assert calls_of(stub) == expected_calls(dated) + expected_calls(undated, as_of="")
    assert run_id_of(dated) != run_id_of(undated)
    assert result["asset_events"] == ["returns_gold", "returns_gold"]


def test_day_of_a_run_is_the_one_in_the_time_zone_of_the_pipeline(run_dag: RunDag, stub: Path) -> None:
    # The interval from 04:00 of the 22nd in Auckland began on the 21st in UTC.
    moment = "2026-11-22T15:00:00+00:00"
    (run,) = run_dag({"runs": [moment]}, **stubbed(stub, SPARK_TZ="Pacific/Auckland"))["runs"]
    assert calls_of(stub) == expected_calls(run)


@pytest.mark.parametrize(("variable", "option"), [("1", " --with-dr"), ("true", " --with-dr"), ("0", ""), ("", "")])
def test_finalize_backs_up_only_if_told_to(run_dag: RunDag, stub: Path, variable: str, option: str) -> None:
    (run,) = run_dag({"runs": [MOMENT]}, **stubbed(stub, RETURNS_WITH_DR=variable))["runs"]
    assert calls_of(stub)[-2] == f"finalize --run-id {run_id_of(run)} --ingest-metrics-json{option}"


def test_failures_that_may_pass_are_tried_again_with_the_same_run_id(run_dag: RunDag, stub: Path) -> None:
    ends = {"plan": "5\n6\n", "bronze-to-silver": "killed\n", "silver-to-gold": "143\n", "report": "1\n"}
    for command, codes in ends.items():
        (stub / command).write_text(codes)

    (run,) = run_dag({"runs": [MOMENT], "change": AT_ONCE}, **stubbed(stub))["runs"]

    assert run["state"] == "success"
    success = [["success", tries] for tries in (3, 2, 2, 2)]
    assert [run["tasks"][task] for task in TASKS] == success
    plan, silver, gold, finalize, report = expected_calls(run)
    assert calls_of(stub) == [plan] * 3 + [silver] * 2 + [gold] * 2 + [finalize, report] * 2


def test_task_that_fails_each_time_is_given_up(run_dag: RunDag, stub: Path) -> None:
    (stub / "plan").write_text("5\n" * 9)
    change = {"bronze": {"retries": 1, "retry_delay": 0.1}}
    (run,) = run_dag({"runs": [MOMENT], "change": change}, **stubbed(stub))["runs"]
    assert (run["state"], run["tasks"]["bronze"], calls_of(stub)) == ("failed", ["failed", 2], expected_calls(run)[:1] * 2)


@pytest.mark.parametrize("exit_code", [2, 3, 4, 7, 126, 127])
def test_failure_that_needs_a_person_is_not_tried_again(run_dag: RunDag, stub: Path, exit_code: int) -> None:
    (stub / "bronze-to-silver").write_text(f"{exit_code}\n")

    result = run_dag({"runs": [MOMENT], "change": AT_ONCE}, **stubbed(stub))

    (run,) = result["runs"]
    assert run["state"] == "failed"
    assert [run["tasks"][task] for task in TASKS] == [
        ["success", 1],
        ["failed", 1],
        ["upstream_failed", 0],
        ["upstream_failed", 0],
    ]
    assert calls_of(stub) == expected_calls(run)[:2]
    assert f"exit code {exit_code}. Not tried again: this needs a person." in result["log"]
    assert result["asset_events"] == []


def test_task_that_takes_too_long_ends_its_command(run_dag: RunDag, stub: Path) -> None:
    (stub / "plan").write_text("slow\n")
    change = {"bronze": {"execution_timeout": 2.0, "retries": 0}}
    (run,) = run_dag({"runs": [MOMENT], "change": change}, **stubbed(stub))["runs"]
    assert run["tasks"]["bronze"] == ["failed", 1]
    assert calls_of(stub) == [*expected_calls(run)[:1], "terminated"]


# What a command is told, and who is told of a failure


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """An address, and what was posted to it."""
    posted: list[dict[str, str]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", posted
    server.shutdown()
    thread.join()
    server.server_close()


def test_webhook_is_told_once_of_a_failure_and_not_of_a_try(
    run_dag: RunDag, stub: Path, webhook: tuple[str, list[dict[str, str]]]
) -> None:
    address, posted = webhook
    (stub / "plan").write_text("5\n")
    (stub / "silver-to-gold").write_text("3\n")

    result = run_dag({"runs": [MOMENT], "change": AT_ONCE}, **stubbed(stub, RETURNS_FAILURE_WEBHOOK=address))

    (run,) = result["runs"]
    (message,) = posted
    assert message["text"].startswith(
        f"returns: task gold of {run['run_id']} failed: Bash command returned exit code 3. Not tried again: this needs "
        f"a person. Run record {run_id_of(run)}; log http"
    )


def test_webhook_that_is_not_there_is_one_line_without_its_address(run_dag: RunDag, stub: Path) -> None:
    (stub / "plan").write_text("3\n")
    dead = "http://127.0.0.1:9/very-secret"
    result = run_dag({"runs": [MOMENT]}, **stubbed(stub, RETURNS_FAILURE_WEBHOOK=dead))
    assert result["runs"][0]["state"] == "failed"
    assert "RETURNS_FAILURE_WEBHOOK was not told: URLError" in result["log"]
    assert "very-secret" not in result["log"]


def environment_of_command(stub: Path) -> dict[str, str]:
    lines = (stub / "environment").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_command_has_the_settings_and_nothing_of_airflow(run_dag: RunDag, stub: Path) -> None:
    variables = {
        "DATA_ROOT": "/some/lake",
        "SPARK_TZ": "Europe/Berlin",
        "AIRFLOW_CONN_SHOP": "a secret",
        "PYTHONPATH": "/of/airflow",
    }
    run_dag({"runs": [MOMENT]}, **stubbed(stub, **variables))
    found = environment_of_command(stub)
    assert {name: found.get(name) for name in variables} == variables | {"AIRFLOW_CONN_SHOP": None, "PYTHONPATH": None}
    assert [name for name in found if "AIRFLOW" in name] == []
    assert not {"TRACEPARENT", "OPENLINEAGE_PARENT_ID"} & found.keys()


def test_command_has_the_trace_of_the_task_and_its_run_in_lineage(run_dag: RunDag, stub: Path) -> None:
    trace_id, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    lineage = {"AIRFLOW__OPENLINEAGE__TRANSPORT": '{"type": "console"}', "AIRFLOW__OPENLINEAGE__NAMESPACE": "shop"}
    result = run_dag({"runs": [MOMENT, None], "trace": [trace_id, span_id]}, **stubbed(stub, **lineage))
    assert [run["state"] for run in result["runs"]] == ["success", "success"]
    found = environment_of_command(stub)
    assert found["TRACEPARENT"] == f"00-{trace_id}-{span_id}-01"
    namespace, job, run_id = found["OPENLINEAGE_PARENT_ID"].split("/")
    assert (namespace, job) == ("shop", "returns_pipeline.finalize")
    assert f'"runId": "{run_id}"' in result["log"]  # the event that Airflow emits of the task
