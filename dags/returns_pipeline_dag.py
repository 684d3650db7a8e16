"""### Returns, from landed files to gold, every night

| Task | Command | What it does |
|---|---|---|
| `bronze` | `returns plan --commit` | sets aside landed files that cannot be taken, and writes the day's batch down |
| `silver` | `returns bronze-to-silver` | judges the batch into quarantine and silver |
| `gold` | `returns silver-to-gold` | brings gold up to silver; who waits for the asset `returns_gold` is told |
| `finalize` | `returns finalize` and `report` | takes in metrics, backs up if told to, reports |

A run takes the files that landed until the end of the day on which its data interval starts (`--as-of`), however late
it is; a run without a logical date, which has no interval, until that of the day from which on it was to run. All four
tasks write one run record, under one run id, and each try of a run has both again. Whatever ended a try, the next one
goes on from there.

A landed file that cannot be taken is set aside, and holds up no other: only `finalize` fails for it, with 4, when
tables, metrics, backup and report are done, and so does that of each later run until the file is mended, removed or
named in `skip_files`. There is nothing to clear: the next run looks again. (With `unreadable_files: fail` it is
`bronze` that fails, and nothing is done.)

A task whose command ended with 2 (settings), 3 (a quality gate), 4 (landed files) or 7 (wrong tables) needs a person
and is not tried again: the log names the thing and the next step. Mend it; then, but for the files above, clear the
task. Full or absent storage (5), a locked lake (6) and whatever kills a process may pass, and are tried again.

Environment of the worker: `RETURNS_COMMAND` is the path of the installed `returns`, in the pipeline's own environment;
every setting of the pipeline is a variable of its own (`DATA_ROOT`, `APP_ENV`, `ENGINE`, ...). `RETURNS_WITH_DR=1` adds
`--with-dr` to `returns finalize`. `RETURNS_FAILURE_WEBHOOK` is told of each failed task. `SPARK_TZ` is the time zone
of the days here too: scheduler and workers must agree on it.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import timedelta
from typing import Any
from urllib.request import Request, urlopen
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, chain
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

logger = logging.getLogger(__name__)

TIME_ZONE = os.environ.get("SPARK_TZ") or "UTC"
# Exit codes of `returns` that another try would only repeat, and the shell's for a command that is not there.
NEEDS_A_PERSON = (2, 3, 4, 7, 126, 127)
# With this `returns finalize` ends where landed files were set aside; all else is done, so there is a report to write.
FILES_SET_ASIDE = 4
# Variables that are Airflow's own: its secrets, and what would lead another Python into its packages.
AIRFLOW_ONLY = ("AIRFLOW", "_AIRFLOW", "__AIRFLOW", "PYTHON", "VIRTUAL_ENV")
WEBHOOK_SECONDS = 10

GOLD = Asset("returns_gold")


class ReturnsOperator(BashOperator):
    """Runs `returns`, which knows by its exit code whether another try makes sense."""

    def execute(self, context: Any) -> Any:
        try:
            return super().execute(context)
        except AirflowSkipException as skip:  # so BashOperator tells of the codes of skip_on_exit_code
            said = str(skip).removesuffix(" Skipping.")
            raise AirflowFailException(f"{said} Not tried again: this needs a person.") from None

    def get_env(self, context: Any) -> dict[str, str]:
        # Not by `env`: what stands there is rendered, kept in the database and shown.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(AIRFLOW_ONLY)}
        return inherited | identity_of(context["ti"])


def identity_of(task_instance: Any) -> dict[str, str]:
    """Who starts the command, where somebody asks: the trace of the task, and its run in OpenLineage."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    identity = {name.upper(): value for name, value in carrier.items()}
    try:
        from airflow.providers.openlineage import conf
        from airflow.providers.openlineage.plugins.macros import lineage_parent_id
    except ImportError:
        return identity
    return identity if conf.is_disabled() else identity | {"OPENLINEAGE_PARENT_ID": lineage_parent_id(task_instance)}


def run_id_of(dag_run: Any) -> str:
    """The pipeline's run id, a UUID, the same for all tasks of a DAG run and for all of their tries."""
    return str(uuid5(NAMESPACE_URL, f"airflow:{dag_run.dag_id}/{dag_run.run_id}"))


def run_options(dag_run: Any) -> str:
    """`--as-of` and `--run-id`, the same for all tasks and tries. The day is that on which the data interval starts; of
    a run without one that from which on it may run, as a try behind midnight would find another day in today."""
    day = (dag_run.data_interval_start or dag_run.run_after).astimezone(ZoneInfo(TIME_ZONE)).date()
    return f"--as-of {day} --run-id {run_id_of(dag_run)}"


def recovery_options() -> str:
    """`--with-dr`, if the worker's environment says so."""
    return " --with-dr" if os.environ.get("RETURNS_WITH_DR", "").lower() in ("1", "true", "yes") else ""


def tell_of_failure(context: Any) -> None:
    """Say which task failed for good, in the log and to RETURNS_FAILURE_WEBHOOK, as `{"text": ...}`, if that is set."""
    task_instance, run = context["ti"], context["dag_run"]
    text = (
        f"returns: task {task_instance.task_id} of {run.run_id} failed: {context.get('exception')} "
        f"Run record {run_id_of(run)}; log {task_instance.log_url}"
    )
    logger.error(text)
    if webhook := os.environ.get("RETURNS_FAILURE_WEBHOOK"):
        request = Request(webhook, json.dumps({"text": text}).encode(), {"Content-Type": "application/json"})
        try:
            with urlopen(request, timeout=WEBHOOK_SECONDS):
                pass
        except Exception as error:  # whatever it is: the task has failed already; the address may hold a key
            logger.error("RETURNS_FAILURE_WEBHOOK was not told: %s", type(error).__name__)


def returns(arguments: str) -> str:
    return f'"${{RETURNS_COMMAND:-returns}}" {arguments}'


def finalize_and_report() -> str:
    """A report also where files were set aside; then the code of `finalize` is that of the task."""
    return "\n".join(
        [
            returns("finalize {{ run_options(dag_run) }} --ingest-metrics-json{{ recovery_options() }}"),
            "ended=$?",
            f'if [ "$ended" = 0 ] || [ "$ended" = {FILES_SET_ASIDE} ]; then {returns("report")} || exit; fi',
            'exit "$ended"',
        ]
    )


with DAG(
    dag_id="returns_pipeline",
    description="Product returns, from landed files to gold",
    # With a data interval, which a bare cron string has not any more: from 04:00 of a day to 04:00 of the next. So the
    # day on which it starts is over, and no clock is changed at that hour.
    schedule=CronDataIntervalTimetable("0 4 * * *", timezone=TIME_ZONE),
    start_date=pendulum.datetime(2020, 1, 1, tz=TIME_ZONE),  # a run of a day before it would have no tasks
    catchup=False,  # a run takes whatever landed before it too, so a missed one is made up for
    max_active_runs=1,  # a lake has one writer
    dagrun_timeout=timedelta(hours=20),
    default_args={
        "owner": "returns",
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=30),
        "execution_timeout": timedelta(hours=1),
        "on_failure_callback": tell_of_failure,
        "skip_on_exit_code": NEEDS_A_PERSON,
        "do_xcom_push": False,  # of the output only the log has need
    },
    user_defined_macros={"run_options": run_options, "recovery_options": recovery_options},
    doc_md=__doc__,
    tags=["returns", "delta"],
) as returns_pipeline:
    bronze = ReturnsOperator(
        task_id="bronze",
        bash_command=returns("plan --commit {{ run_options(dag_run) }}"),
        doc_md="Sets aside landed files that cannot be taken, and plans the batch.",
    )
    silver = ReturnsOperator(
        task_id="silver",
        bash_command=returns("bronze-to-silver {{ run_options(dag_run) }}"),
        execution_timeout=timedelta(hours=4),
        doc_md="Judges the batch into quarantine and silver.",
    )
    gold = ReturnsOperator(
        task_id="gold",
        bash_command=returns("silver-to-gold {{ run_options(dag_run) }}"),
        execution_timeout=timedelta(hours=2),
        outlets=[GOLD],
        doc_md="Brings gold up to silver.",
    )
    finalize = ReturnsOperator(
        task_id="finalize",
        bash_command=finalize_and_report(),
        execution_timeout=timedelta(hours=4),
        doc_md="Takes metrics in, backs up if told to, reports; fails last where files were set aside.",
    )
    chain(bronze, silver, gold, finalize)
