"""Runs the DAG, by `dag.test()`, in Airflow's own environment; what came of it goes into a file as JSON.

`python dag_runs.py WANTED RESULT`: a JSON file of what is wanted (see `main`), and where the result goes. It shares
nothing with the package: Airflow's environment has neither it nor pytest.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import airflow.sdk  # noqa: F401  what Airflow itself takes to import is not the DAG's
from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.serialization.encoders import coerce_to_core_timetable
from airflow.timetables.base import TimeRestriction
from airflow.utils.session import create_session
from opentelemetry import trace

DAG_ID = "returns_pipeline"
HEAVY = ("pyspark", "duckdb", "deltalake", "pyarrow", "pandas", "pyspark_interview_project")


def main(wanted: dict[str, Any]) -> dict[str, Any]:
    """`dags`: the folder; `runs`: a logical date or null each; `change`: attributes of tasks to change, by task;
    `trace`: trace id and span id of the span that is around the runs."""
    started = time.monotonic()
    bag = DagBag(wanted["dags"])
    parse_seconds = time.monotonic() - started
    dag = bag.dags[DAG_ID]
    for task_id, attributes in wanted.get("change", {}).items():
        for name, value in attributes.items():
            setattr(dag.get_task(task_id), name, timedelta(seconds=value) if isinstance(value, float) else value)
    with around(wanted.get("trace")):
        runs = [outcome(dag, logical_date) for logical_date in wanted.get("runs", [])]
    with create_session() as session:
        events = [event.asset.name for event in session.query(AssetEvent)]
    return {
        "parse_seconds": parse_seconds,
        "import_errors": bag.import_errors,
        "imported": [name for name in HEAVY if name in sys.modules],
        "dag": described(dag),
        "intervals": scheduled_intervals(dag, wanted.get("scheduled_from")),
        "runs": runs,
        "asset_events": events,
    }


def around(ids: list[str] | None) -> AbstractContextManager[Any]:
    """A span of that trace, as a worker with tracing has one around a task."""
    if ids is None:
        return nullcontext()
    trace_id, span_id = (int(identity, 16) for identity in ids)
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    return trace.use_span(trace.NonRecordingSpan(trace.SpanContext(trace_id, span_id, False, flags)))


def outcome(dag: Any, logical_date: str | None) -> dict[str, Any]:
    run = dag.test(logical_date=datetime.fromisoformat(logical_date) if logical_date else None)
    instances = {instance.task_id: instance for instance in run.get_task_instances()}
    return {
        "state": str(run.state),
        "run_id": run.run_id,
        "run_after": run.run_after.isoformat(),
        "tasks": {task: [str(instances[task].state), instances[task].try_number] for task in sorted(instances)},
        "commands": {task: rendered(instances[task]) for task in sorted(instances)},
    }


def rendered(instance: Any) -> str | None:
    fields = RenderedTaskInstanceFields.get_templated_fields(instance)
    return fields["bash_command"] if fields else None


def described(dag: Any) -> dict[str, Any]:
    return {
        "timetable": type(dag.timetable).__name__,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "dagrun_timeout": dag.dagrun_timeout.total_seconds(),
        "documented": bool(dag.doc_md),
        "tasks": {
            task.task_id: {
                "upstream": sorted(task.upstream_task_ids),
                "retries": task.retries,
                "retry_delay": task.retry_delay.total_seconds(),
                "backoff": bool(task.retry_exponential_backoff),
                "timeout": task.execution_timeout.total_seconds(),
                "outlets": [outlet.name for outlet in task.outlets],
                "callbacks": [callback.__name__ for callback in task.on_failure_callback],
                "documented": bool(task.doc_md),
            }
            for task in dag.tasks
        },
    }


def scheduled_intervals(dag: Any, start: str | None) -> list[list[str]]:
    """The data intervals of the first three scheduled runs from a moment on."""
    if start is None:
        return []
    timetable, last, found = coerce_to_core_timetable(dag.timetable), None, []
    restriction = TimeRestriction(earliest=datetime.fromisoformat(start), latest=None, catchup=True)
    for _ in range(3):
        last = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction).data_interval
        found.append([last.start.isoformat(), last.end.isoformat()])
    return found


if __name__ == "__main__":
    wanted_file, result_file = sys.argv[1:]
    Path(result_file).write_text(json.dumps(main(json.loads(Path(wanted_file).read_text()))))
