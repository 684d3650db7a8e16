"""The job on Databricks as files: what the Jobs API takes, what it does not check, and what serverless forbids."""

from __future__ import annotations

import ast
import json
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from databricks.sdk.service.jobs import JobSettings

from commands import REPOSITORY, as_a_process
from pyspark_interview_project import __version__, cli
from pyspark_interview_project.config.settings import Settings, load_settings

DATABRICKS = REPOSITORY / "databricks"
WORKSPACE = "/Workspace/Shared/returns"  # where docs/databricks.md puts a copy of this repository's files
FILES = {"job_cluster": "returns_pipeline_job.json", "serverless": "returns_pipeline_serverless_job.json"}
STAGES = {"bronze": "plan", "silver": "bronze-to-silver", "gold": "silver-to-gold", "finalize": "finalize"}
WHEEL = f"pyspark_interview_project-{__version__}-py3-none-any.whl"
# What Databricks puts in for a reference.
REFERENCES = {
    "{{job.parameters.data_root}}": "/Volumes/main/returns/lakehouse",
    "{{job.parameters.as_of}}": "2026-11-20",
    "{{job.run_id}}": "550315892394120",
}


def job_of(form: str) -> dict[str, Any]:
    job: dict[str, Any] = json.loads((DATABRICKS / FILES[form]).read_text(encoding="utf-8"))
    return job


def bundle() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DATABRICKS / "databricks.yml").read_text(encoding="utf-8"))
    return content


@pytest.fixture(params=FILES)
def job(request: pytest.FixtureRequest) -> dict[str, Any]:
    return job_of(request.param)


def parameters_of(task: dict[str, Any]) -> list[str]:
    """The parameters of a task as they reach it."""
    given = []
    for parameter in task["spark_python_task"]["parameters"]:
        for reference, value in REFERENCES.items():
            parameter = parameter.replace(reference, value)
        given.append(parameter)
    return given


# What the Jobs API would take. The SDK drops what it does not know without a word, so that only a round trip tells.


def test_job_is_what_the_sdk_makes_of_it(job: dict[str, Any]) -> None:
    assert JobSettings.from_dict(job).as_dict() == job


@pytest.mark.parametrize(
    "misspell",
    [
        lambda job: job.update(max_concurent_runs=job.pop("max_concurrent_runs")),
        lambda job: job["schedule"].update(pause_status="PAUZED"),
        lambda job: job["tasks"][0].update(max_retry=job["tasks"][0].pop("max_retries")),
    ],
    ids=["a key", "a value", "a key of a task"],
)
def test_round_trip_notices_a_misspelling(job: dict[str, Any], misspell: Callable[[dict[str, Any]], None]) -> None:
    misspell(job)
    assert JobSettings.from_dict(job).as_dict() != job


def test_stages_follow_one_another(job: dict[str, Any]) -> None:
    tasks = job["tasks"]
    assert [task["task_key"] for task in tasks] == list(STAGES)
    before = [[needed["task_key"] for needed in task.get("depends_on", [])] for task in tasks]
    assert before == [[], ["bronze"], ["silver"], ["gold"]]


def test_tasks_are_tried_again_and_come_to_an_end(job: dict[str, Any]) -> None:
    retries = {
        (task["max_retries"], task["min_retry_interval_millis"], task["retry_on_timeout"]) for task in job["tasks"]
    }
    assert retries == {(2, 300_000, True)}
    assert [task["timeout_seconds"] for task in job["tasks"]] == [3600, 14400, 7200, 7200]
    assert sum(task["timeout_seconds"] for task in job["tasks"]) <= job["timeout_seconds"]


def test_job_runs_one_at_a_time_and_tells_of_failures(job: dict[str, Any]) -> None:
    assert (job["max_concurrent_runs"], job["queue"]) == (1, {"enabled": True})
    assert list(job["email_notifications"]) == ["on_failure", "on_duration_warning_threshold_exceeded"]
    assert all(job["email_notifications"].values())


def test_job_on_a_cluster_runs_daily_and_the_one_that_serverless_would_refuse_does_not() -> None:
    daily = {"quartz_cron_expression": "0 0 4 * * ?", "timezone_id": "UTC"}  # of Quartz: seconds first
    assert {form: job_of(form)["schedule"] for form in FILES} == {
        "job_cluster": {**daily, "pause_status": "UNPAUSED"},
        "serverless": {**daily, "pause_status": "PAUSED"},
    }


def test_tasks_have_one_sort_of_computer_which_is_defined_and_the_wheel_of_this_version() -> None:
    on_cluster, serverless = job_of("job_cluster"), job_of("serverless")
    wheel = f"{WORKSPACE}/dist/{WHEEL}"

    (cluster,) = on_cluster["job_clusters"]
    assert cluster["new_cluster"] == {
        "spark_version": "17.3.x-scala2.13",
        "node_type_id": "i3.xlarge",
        "num_workers": 2,
        "data_security_mode": "SINGLE_USER",
        # Spark generates methods that a JVM leaves to its interpreter otherwise.
        "spark_conf": {
            f"spark.{process}.extraJavaOptions": "-XX:-DontCompileHugeMethods" for process in ("driver", "executor")
        },
    }
    assert {task["job_cluster_key"] for task in on_cluster["tasks"]} == {cluster["job_cluster_key"]}
    # Libraries cannot be declared in a shared job cluster.
    assert [task["libraries"] for task in on_cluster["tasks"]] == [[{"whl": wheel}]] * len(STAGES)

    (environment,) = serverless["environments"]
    assert {task["environment_key"] for task in serverless["tasks"]} == {environment["environment_key"]}
    assert environment["spec"] == {"environment_version": "5", "dependencies": [wheel]}

    kinds = {"job_cluster_key", "environment_key", "new_cluster", "existing_cluster_id"}
    for task in on_cluster["tasks"] + serverless["tasks"]:
        assert len(kinds & task.keys()) == 1


def test_both_forms_are_the_same_but_for_the_computers_and_whether_they_are_scheduled() -> None:
    def common(job: dict[str, Any]) -> dict[str, Any]:
        own = {"job_clusters", "environments", "schedule"}
        tasks = [
            {key: task[key] for key in task.keys() - {"job_cluster_key", "libraries", "environment_key"}}
            for task in job["tasks"]
        ]
        return {key: value for key, value in job.items() if key not in own} | {"tasks": tasks}

    assert common(job_of("job_cluster")) == common(job_of("serverless"))


@pytest.mark.parametrize("target", FILES)
def test_bundle_makes_the_same_job(target: str) -> None:
    content = bundle()
    (shared,), (own,) = (
        part["resources"]["jobs"].values() for part in (content, content["targets"][target])
    )  # as the CLI joins them: tasks by their key
    tasks = [{**task, **of_target} for task, of_target in zip(shared["tasks"], own["tasks"], strict=True)]
    text = json.dumps({**shared, **own, "tasks": tasks})
    for name, variable in content["variables"].items():
        text = text.replace(f"${{var.{name}}}", variable["default"])
    text = text.replace("../dist/*.whl", f"{WORKSPACE}/dist/{WHEEL}")
    text = text.replace("./returns_task.py", f"{WORKSPACE}/databricks/returns_task.py")
    assert json.loads(text) == job_of(target)


def test_bundle_builds_the_wheel_by_a_target_of_make_and_has_one_default_target() -> None:
    content = bundle()
    (artifact,) = content["artifacts"].values()
    _, target = artifact["build"].split()
    assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name, of_target in content["targets"].items() if of_target.get("default")] == ["job_cluster"]


# What the tasks run


def test_python_files_exist(job: dict[str, Any]) -> None:
    files = {task["spark_python_task"]["python_file"] for task in job["tasks"]}
    assert [name for name in files if not (REPOSITORY / Path(name).relative_to(WORKSPACE)).is_file()] == []


def test_parameters_are_settings_and_the_commands_of_the_stages_with_options_that_exist(
    job: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    parse = runpy.run_path(str(DATABRICKS / "returns_task.py"))["settings_and_command"]
    run_ids = set()
    for task in job["tasks"]:
        settings, command = parse(parameters_of(task))
        assert {name.lower() for name in settings} <= Settings.model_fields.keys()
        assert settings["DATA_ROOT"] == "/Volumes/main/returns/lakehouse"
        with as_a_process(settings):
            assert load_settings({}).wanted_engine == "spark"  # what APP_ENV=prod says
            cli.main([*command, "--help"])  # it wins over running; what is no command or no option fails before it
        assert command[0] == STAGES[task["task_key"]]
        assert f" {command[0]} [OPTIONS]" in capsys.readouterr().out
        run_ids.add(command[command.index("--run-id") + 1])
        assert command[command.index("--as-of") + 1] == "2026-11-20"
    assert len(run_ids) == 1


def test_references_are_known_and_job_parameters_are_declared(job: dict[str, Any]) -> None:
    used = {
        reference
        for task in job["tasks"]
        for parameter in task["spark_python_task"]["parameters"]
        for reference in re.findall(r"\{\{.*?\}\}", parameter)
    }
    assert used == set(REFERENCES)
    declared = {f"{{{{job.parameters.{parameter['name']}}}}}" for parameter in job["parameters"]}
    assert declared == used - {"{{job.run_id}}"}


# What serverless compute forbids, by Databricks' documentation

FORBIDDEN = {"sparkContext", "rdd", "_jvm", "_jsc", "_jdf", "_sc", "_jsparkSession"} | {
    *(
        "cache",
        "persist",
        "unpersist",
        "setCheckpointDir",
        "localCheckpoint",
        "cacheTable",
        "uncacheTable",
        "clearCache",
    ),
    *("createGlobalTempView", "createOrReplaceGlobalTempView"),
}
SETTABLE = {
    "spark.databricks.execution.timeout",
    "spark.sql.ansi.enabled",
    "spark.sql.files.maxPartitionBytes",
    "spark.sql.legacy.timeParserPolicy",
    "spark.sql.session.timeZone",
    "spark.sql.shuffle.partitions",
}


def files_that_run_there() -> list[Path]:
    return [*sorted((REPOSITORY / "src" / "pyspark_interview_project").rglob("*.py")), *DATABRICKS.glob("*.py")]


def forbidden_in(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in FORBIDDEN:
            yield node.attr
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"global_temp|(?i:\bcache (?:lazy )?table\b)|dbfs:/", node.value)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("spark.sparkContext.setLogLevel('INFO')", ["sparkContext"]),
        ("frame.rdd.isEmpty()", ["rdd"]),
        ("frame.cache().count()", ["cache"]),
        ("spark.sql('Cache Table x')", ["Cache Table"]),
        ("spark.table(f'global_temp.{name}')", ["global_temp"]),
        ("frame.createOrReplaceTempView('x')", []),
    ],
)
def test_what_is_forbidden_is_found(source: str, found: list[str]) -> None:
    assert list(forbidden_in(source)) == found


def test_files_that_run_there_use_nothing_that_serverless_forbids() -> None:
    files = files_that_run_there()
    found = {path.name: list(forbidden_in(path.read_text(encoding="utf-8"))) for path in files}
    assert {name: uses for name, uses in found.items() if uses} == {}


def test_settings_of_a_session_there_are_those_that_serverless_lets_one_set(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspark_interview_project.engines import spark_session

    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "client.5")
    settings = load_settings({"app_env": "prod"})
    assert spark_session._per_session(settings).keys() <= SETTABLE


def test_only_the_note_of_a_merge_sets_what_serverless_refuses() -> None:
    """The one known gap, for which the serverless job is paused: a merge has no option for its note and for the name of
    its transaction, only the session has one, which Databricks documents as not supported there ("Enrich tables with
    custom metadata")."""
    setting_one = []
    for path in files_that_run_there():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "set":
                if isinstance(node.func.value, ast.Attribute) and node.func.value.attr == "conf":
                    setting_one.append((path.name, ast.unparse(node.args[0])))
    time_zone = ("spark.py", "'spark.sql.session.timeZone'")  # which serverless takes
    of_a_merge = [("spark_commits.py", name) for name in ("_TRANSACTION", "_TRANSACTION_VERSION", "_USER_METADATA")]
    # Those of spark_session.py: what _per_session has, and what suits a session that was started here.
    assert sorted(setting_one) == [time_zone, *of_a_merge, *[("spark_session.py", "name")] * 2]
