"""Tasks on Databricks, as they run there: a plain script, given as text, in a process with a kernel's streams, in which
a Spark session may be. Databricks itself is not here."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import lake_reading
from commands import REPOSITORY, environment, returns, run, succeeded

SCRIPT = REPOSITORY / "databricks" / "returns_task.py"
LANDED = "bronze/returns_raw"
DAYS = ("2026-11-20", "2026-11-22")
SETTINGS = {"MAX_QUARANTINED_RATIO": "1", "APP_ENV": "test"}

# Runs tasks one after another as a kernel runs a script; of each, how it ended. No __file__, and no file behind stdout.
KERNEL = """
import io, json, sys, threading

source, tasks = json.load(sys.stdin)
said = sys.stdout

def run(parameters):
    sys.argv = ["returns_task.py", *parameters]
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    try:
        exec(compile(source, "<task>", "exec"), {"__name__": "__main__"})
    except BaseException as error:
        return [type(error).__name__, str(error), sys.stderr.getvalue()]
    return ["returned", sys.stdout.getvalue(), sys.stderr.getvalue()]

def run_all():
    ended.extend(run(parameters) for parameters in tasks)

ended = []
"""
# Only the main thread may set handlers of signals, and Spark's session is active only in the thread that made it.
IN_MAIN_THREAD = """
run_all()
"""
IN_A_THREAD = """
thread = threading.Thread(target=run_all)
thread.start()
thread.join()
"""
REPORT = """
print(json.dumps(ended), file=said)
"""
WITH_SESSION = """
import os, sys
from pyspark.sql import SparkSession
from pyspark_interview_project.engines.spark_jars import checked_jars

os.environ["PYSPARK_PYTHON"] = sys.executable
found = SparkSession.builder.master("local[2]").config(map={
    "spark.jars": ",".join(str(jar) for jar in checked_jars()),
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.session.timeZone": "Etc/UTC",
}).getOrCreate()
"""
STILL_THERE = """
assert found.range(3).count() == 3, "the session that was found was stopped"
"""


def tasks_of_a_run(lake: Path, job_run: str, as_of: str, **settings: str) -> list[list[str]]:
    """The parameters of the job's tasks with other settings."""
    job = json.loads((REPOSITORY / "databricks" / "returns_pipeline_job.json").read_text(encoding="utf-8"))
    references = {"{{job.run_id}}": job_run, "{{job.parameters.as_of}}": as_of}
    given = [f"{name}={value}" for name, value in (SETTINGS | {"DATA_ROOT": str(lake)} | settings).items()]
    tasks = []
    for task in job["tasks"]:
        parameters = [parameter for parameter in task["spark_python_task"]["parameters"] if "=" not in parameter]
        tasks.append([*given, *(references.get(parameter, parameter) for parameter in parameters)])
    return tasks


def run_in_kernel(program: str, tasks: list[list[str]], env: Mapping[str, str]) -> list[list[str]]:
    ended = succeeded(run([sys.executable, "-c", program], dict(env), stdin=json.dumps([SCRIPT.read_text(), tasks])))
    answers: list[list[str]] = json.loads(ended.stdout.splitlines()[-1])
    return answers


def of_process(lake: Path) -> dict[str, str]:
    """The environment of a task's process: it says nothing of the lake, nor of the engine."""
    return {name: value for name, value in environment(lake).items() if name not in ("DATA_ROOT", "ENGINE", "APP_ENV")}


@pytest.fixture
def lakes(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("tasks", "command"):
        shutil.copytree(REPOSITORY / "samples" / "returns", tmp_path / name / LANDED)
    return tmp_path / "tasks", tmp_path / "command"


def made_by_commands(lake: Path, days: Sequence[str]) -> dict[str, list[Any]]:
    for day in days:
        succeeded(returns(lake, "run", "--as-of", day, **SETTINGS, ENGINE="embedded"))
    return lake_reading.comparable(lake)


@pytest.mark.full
@pytest.mark.embedded_only
def test_tasks_return_and_make_the_tables_of_whole_runs(lakes: tuple[Path, Path]) -> None:
    lake, twin = lakes
    tasks = [task for day in DAYS for task in tasks_of_a_run(lake, day, day, ENGINE="embedded")]
    ended = run_in_kernel(KERNEL + IN_A_THREAD + REPORT, tasks, of_process(lake))
    assert [outcome for outcome, *_ in ended] == ["returned"] * 8, ended
    assert lake_reading.comparable(lake) == made_by_commands(twin, DAYS)
    records = lake_reading.run_records(lake)
    assert [[stage["name"] for stage in record["stages"]] for record in records] == [
        ["plan", "bronze_to_silver", "silver_to_gold"]
    ] * 2
    assert [record["as_of"] for record in records] == list(DAYS)


@pytest.mark.embedded_only
def test_task_that_fails_raises_and_says_with_what(tmp_path: Path) -> None:
    (tmp_path / LANDED).mkdir(parents=True)
    (tmp_path / LANDED / "broken.parquet").write_bytes(b"PAR1 no more")
    tasks = tasks_of_a_run(tmp_path, "1", "2026-11-20", ENGINE="embedded")
    unknown = [*tasks[0][:3], "no-such-command"]
    *taken, finalized, unknown_ended = run_in_kernel(
        KERNEL + IN_A_THREAD + REPORT, [*tasks, unknown], of_process(tmp_path)
    )
    assert {answer[0] for answer in taken} == {"returned"}  # a file that is set aside holds up no task but the last
    ended = [finalized, unknown_ended]
    assert [answer[:2] for answer in ended] == [
        ["RuntimeError", "returns finalize ended with exit code 4; why is on stderr"],
        ["RuntimeError", "returns no-such-command ended with exit code 2; why is on stderr"],
    ]
    assert "broken.parquet" in ended[0][2]


@pytest.mark.embedded_only  # it starts a session of its own
@pytest.mark.parametrize(
    ("days", "of_platform", "how"),
    [
        pytest.param(DAYS, {}, IN_MAIN_THREAD, id="a session", marks=pytest.mark.full),
        pytest.param(
            *(DAYS[:1], {"DATABRICKS_RUNTIME_VERSION": "17.3"}, IN_A_THREAD),
            id="Databricks' variable, in a thread",
            marks=pytest.mark.full,
        ),
    ],
)
def test_tasks_take_the_session_that_is_there_and_leave_it(
    lakes: tuple[Path, Path], days: tuple[str, ...], of_platform: dict[str, str], how: str
) -> None:
    lake, twin = lakes
    tasks = [task for day in days for task in tasks_of_a_run(lake, day, day)]
    env = of_process(lake) | of_platform
    ended = run_in_kernel(WITH_SESSION + KERNEL + how + STILL_THERE + REPORT, tasks, env)
    assert [outcome for outcome, *_ in ended] == ["returned"] * len(tasks), ended
    assert [record["engine"] for record in lake_reading.run_records(lake)] == ["spark"] * len(days)
    assert lake_reading.comparable(lake) == made_by_commands(twin, days)


@pytest.mark.parametrize(
    ("parameters", "settings", "command"),
    [
        (["plan"], {}, ["plan"]),
        (["DATA_ROOT=/a=b", "LOCK_URL=", "run", "A=1"], {"DATA_ROOT": "/a=b", "LOCK_URL": ""}, ["run", "A=1"]),
        (
            ["finalize", "--job-run", "7", "--ingest-metrics-json"],
            {},
            ["finalize", "--run-id", "da243277-cabc-5848-801c-53e3714b3c36", "--ingest-metrics-json"],
        ),
        (["finalize", "--job-run"], {}, ["finalize", "--job-run"]),
        ([], {}, []),
    ],
)
def test_parameters_are_settings_and_a_command(
    parameters: list[str], settings: dict[str, str], command: list[str]
) -> None:
    parse = runpy.run_path(str(SCRIPT))["settings_and_command"]
    assert parse(parameters) == (settings, command)
