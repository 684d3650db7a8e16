"""The DAG in Airflow: what it is, what it calls, which failures it tries again. What `returns` does is a stub's here.

To start Airflow takes ten seconds, so that each fixture has several runs in it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

import pytest
from workers import stub_command

RunDag = Callable[..., dict[str, Any]]

TASKS = ("bronze", "silver", "gold", "finalize")
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
AT_ONCE = {task: {"retry_delay": 0.1} for task in TASKS}
NEEDS_A_PERSON = (2, 3, 4, 7, 126, 127)


@dataclass(frozen=True)
class Ran:
    """Runs of the DAG, and what the stub saw of them."""

    result: dict[str, Any]
    stub: Path

    @property
    def runs(self) -> list[dict[str, Any]]:
        return list(self.result["runs"])

    @property
    def calls(self) -> list[str]:
        return (self.stub / "calls").read_text().splitlines()

    @property
    def environment(self) -> dict[str, str]:
        """That of the last command."""
        lines = (self.stub / "environment").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def tries(self, run: int) -> list[list[Any]]:
        """State and number of tries of each task."""
        return [self.runs[run]["tasks"][task] for task in TASKS]


def ran(run_dag: RunDag, place: Path, ends: dict[str, Sequence[Any]], wanted: dict[str, Any], **variables: str) -> Ran:
    """Run what is wanted, with a stub each of whose commands ends as `ends` says, a try each, and then well."""
    stub = stub_command(place)
    for command, codes in ends.items():
        (stub / command).write_text("".join(f"{code}\n" for code in codes))
    variables |= {"RETURNS_COMMAND": str(stub / "returns"), "STUB": str(stub)}
    return Ran(run_dag(wanted, **variables), stub)


def moment(day: int) -> str:
    """When the run of a day of November is due, in UTC: when its interval ends."""
    return f"2026-11-{day + 1:02}T04:00:00+00:00"


def day_of_asking(run: dict[str, Any], time_zone: str) -> date:
    """The day, in that zone, from which on a run without a logical date was to run."""
    return datetime.fromisoformat(run["run_after"]).astimezone(ZoneInfo(time_zone)).date()


def calls_for(run: dict[str, Any], day: int | date, recovery: str = "") -> list[str]:
    """The commands of a run that goes well. `day`: one of November, or any."""
    run_id = uuid5(NAMESPACE_URL, f"airflow:returns_pipeline/{run['run_id']}")
    of_run = f"--as-of {date(2026, 11, day) if isinstance(day, int) else day} --run-id {run_id}"
    return [
        f"plan --commit {of_run}",
        f"bronze-to-silver {of_run}",
        f"silver-to-gold {of_run}",
        f"finalize {of_run} --ingest-metrics-json{recovery}",
        "report",
    ]


# Runs that go well

SETTINGS = {"DATA_ROOT": "/some/lake", "APP_ENV": "prod", "RETURNS_WITH_DR": "0"}
AIRFLOWS_OWN = {"AIRFLOW_CONN_SHOP": "a secret", "PYTHONPATH": "/of/airflow"}


@pytest.fixture(scope="module")
def quiet(run_dag: RunDag, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    wanted = {"scheduled_from": "2026-11-20T00:00:00+00:00", "runs": [moment(22), None]}
    return ran(run_dag, tmp_path_factory.mktemp("quiet"), {}, wanted, **SETTINGS, **AIRFLOWS_OWN)


def test_dag_imports_without_errors_within_a_second_and_without_an_engine(quiet: Ran) -> None:
    assert (quiet.result["import_errors"], quiet.result["imported"]) == ({}, [])
    assert quiet.result["parse_seconds"] < 1


def test_dag_is_what_it_is_said_to_be(quiet: Ran) -> None:
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

    assert quiet.result["dag"] == {
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


def test_scheduled_runs_have_intervals_of_a_day(quiet: Ran) -> None:
    starts = [f"2026-11-{day}T04:00:00+00:00" for day in (20, 21, 22, 23)]
    assert quiet.result["intervals"] == [list(interval) for interval in zip(starts, starts[1:], strict=False)]


def test_run_passes_its_day_and_one_run_id_and_one_without_logical_date_the_day_it_was_for(quiet: Ran) -> None:
    dated, undated = quiet.runs
    assert (dated["state"], undated["state"]) == ("success", "success")
    assert quiet.calls == calls_for(dated, 22) + calls_for(undated, day_of_asking(undated, "UTC"))
    assert dated["run_id"] != undated["run_id"]


def test_each_run_tells_those_who_wait_for_gold(quiet: Ran) -> None:
    assert quiet.result["asset_events"] == ["returns_gold", "returns_gold"]


def test_command_has_the_settings_and_nothing_of_airflow(quiet: Ran) -> None:
    found = quiet.environment
    assert {name: found.get(name) for name in SETTINGS} == SETTINGS
    assert [name for name in found if "AIRFLOW" in name or name in AIRFLOWS_OWN] == []
    assert not {"TRACEPARENT", "OPENLINEAGE_PARENT_ID"} & found.keys()


@pytest.fixture(scope="module")
def elsewhere(run_dag: RunDag, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """In Auckland, 04:00 of the 22nd is the 21st in UTC; with traces, lineage and backups."""
    wanted = {
        "runs": ["2026-11-22T15:00:00+00:00", None],
        "scheduled_from": "2026-04-03T15:00:00+00:00",
        "trace": [TRACE_ID, SPAN_ID],
    }
    lineage = {"AIRFLOW__OPENLINEAGE__TRANSPORT": '{"type": "console"}', "AIRFLOW__OPENLINEAGE__NAMESPACE": "shop"}
    place = tmp_path_factory.mktemp("elsewhere")
    return ran(run_dag, place, {}, wanted, SPARK_TZ="Pacific/Auckland", RETURNS_WITH_DR="1", **lineage)


def test_day_of_a_run_is_the_one_in_the_time_zone_of_the_pipeline_and_it_backs_up_if_told_to(elsewhere: Ran) -> None:
    dated, undated = elsewhere.runs
    theirs = day_of_asking(undated, "Pacific/Auckland")
    assert elsewhere.calls == [
        *calls_for(dated, 22, recovery=" --with-dr"),
        *calls_for(undated, theirs, recovery=" --with-dr"),
    ]


def test_scheduled_intervals_follow_the_clock_of_the_time_zone(elsewhere: Ran) -> None:
    # 04:00 there, where the clock is set back on the 5th of April
    starts = ["2026-04-03T15:00:00+00:00", *(f"2026-04-0{day}T16:00:00+00:00" for day in (4, 5, 6))]
    assert elsewhere.result["intervals"] == [list(interval) for interval in zip(starts, starts[1:], strict=False)]


def test_command_has_the_trace_of_the_task_and_its_run_in_lineage(elsewhere: Ran) -> None:
    found = elsewhere.environment
    assert found["TRACEPARENT"] == f"00-{TRACE_ID}-{SPAN_ID}-01"
    namespace, job, run_id = found["OPENLINEAGE_PARENT_ID"].split("/")
    assert (namespace, job) == ("shop", "returns_pipeline.finalize")
    assert f'"runId": "{run_id}"' in elsewhere.result["log"]  # the event that Airflow emits of the task


# Runs that fail


def test_failures_that_may_pass_are_tried_again_with_the_same_run_id(run_dag: RunDag, tmp_path: Path) -> None:
    ends: dict[str, Sequence[Any]] = {
        "plan": (5, 6),
        "bronze-to-silver": ("killed",),
        "silver-to-gold": (143,),
        "report": (1,),
    }
    retried = ran(run_dag, tmp_path, ends, {"runs": [moment(22)], "change": AT_ONCE})
    assert retried.runs[0]["state"] == "success"
    assert retried.tries(0) == [["success", tries] for tries in (3, 2, 2, 2)]
    plan, silver, gold, finalize, report = calls_for(retried.runs[0], 22)
    assert retried.calls == [plan] * 3 + [silver] * 2 + [gold] * 2 + [finalize, report] * 2


def test_files_set_aside_fail_finalize_alone_when_the_report_is_written(run_dag: RunDag, tmp_path: Path) -> None:
    ends: dict[str, Sequence[Any]] = {"finalize": (4, 4, 5), "report": (0, 5)}  # at last with a report tried again
    aside = ran(run_dag, tmp_path, ends, {"runs": [moment(22), moment(23)], "change": AT_ONCE})
    assert [aside.tries(number) for number in (0, 1)] == [
        [["success", 1]] * 3 + [["failed", 1]],
        [["success", 1]] * 3 + [["success", 3]],
    ]
    first, (*stages, finalize, report) = (calls_for(run, day) for run, day in zip(aside.runs, (22, 23), strict=True))
    assert aside.calls == [*first, *stages, finalize, report, finalize, finalize, report]
    assert aside.result["asset_events"] == ["returns_gold", "returns_gold"]


@contextmanager
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


def test_failure_that_needs_a_person_is_not_tried_again_and_the_webhook_is_told_once(
    run_dag: RunDag, tmp_path: Path
) -> None:
    days = range(1, 1 + len(NEEDS_A_PERSON))
    ends = {"plan": (5,), "bronze-to-silver": NEEDS_A_PERSON}  # a first try that may pass is no failure of the task
    with webhook() as (address, posted):
        wanted = {"runs": [moment(day) for day in days], "change": AT_ONCE}
        failed = ran(run_dag, tmp_path, ends, wanted, RETURNS_FAILURE_WEBHOOK=address)

    calls = [calls_for(run, day)[:2] for run, day in zip(failed.runs, days, strict=True)]
    assert failed.calls == [calls[0][0], *(call for of_run in calls for call in of_run)]
    assert [run["state"] for run in failed.runs] == ["failed"] * len(days)
    left = [["failed", 1], ["upstream_failed", 0], ["upstream_failed", 0]]
    assert [failed.tries(number) for number in range(len(days))] == [
        [["success", 2], *left],
        *[[["success", 1], *left] for _ in days[1:]],
    ]
    assert [message["text"].partition("; log ")[0] for message in posted] == [
        f"returns: task silver of {run['run_id']} failed: Bash command returned exit code {code}. Not tried again: "
        f"this needs a person. Run record {call[0].rpartition(' ')[2]}"
        for run, code, call in zip(failed.runs, NEEDS_A_PERSON, calls, strict=True)
    ]
    assert failed.result["asset_events"] == []


def test_task_that_keeps_failing_or_hanging_is_given_up_and_a_hanging_command_is_ended(
    run_dag: RunDag, tmp_path: Path
) -> None:
    wanted = {
        "runs": [moment(20), moment(21)],
        "change": {"bronze": {"retries": 1, "retry_delay": 0.1, "execution_timeout": 2.0}},
    }
    dead = "http://127.0.0.1:9/very-secret"
    ends = {"plan": (5, 5, "slow", "slow")}
    given_up = ran(run_dag, tmp_path, ends, wanted, RETURNS_FAILURE_WEBHOOK=dead)
    assert [given_up.tries(number)[0] for number in (0, 1)] == [["failed", 2], ["failed", 2]]
    failing, hanging = (calls_for(run, day)[0] for run, day in zip(given_up.runs, (20, 21), strict=True))
    assert given_up.calls == [failing, failing, hanging, "terminated", hanging, "terminated"]
    # A webhook that cannot be told changes nothing; its address may hold a key.
    log = given_up.result["log"]
    assert (log.count("RETURNS_FAILURE_WEBHOOK was not told: URLError"), log.count("very-secret")) == (2, 0)
