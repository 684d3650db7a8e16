"""What comes behind the stages of a run, for those who run these apart: `returns finalize`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from pyspark_interview_project.command_line import checked_run_id, main_of, prepare
from pyspark_interview_project.config.settings import Settings, load_settings
from pyspark_interview_project.errors import ConfigurationError, RejectedFilesError
from pyspark_interview_project.logging_setup import is_for_a_person
from pyspark_interview_project.metrics.run_record import FAILED, RunRecord
from pyspark_interview_project.pipeline.options import (
    EngineOption,
    IngestMetricsOption,
    SimulateOption,
    WithDrOption,
)
from pyspark_interview_project.pipeline.run_context import run_records
from pyspark_interview_project.progress import steps
from pyspark_interview_project.shown_text import printable

logger = logging.getLogger(__name__)

RunsDateOption = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], metavar="DATE", help="The date that the run must be of, if given."),
]


def ingest_latest(settings: Settings) -> None:
    """Take the latest run record into the history. What is wrong with it is a warning: the run is done."""
    from pyspark_interview_project.metrics.ingest_pipeline_metrics import ingest  # not every run needs it

    ingested = ingest(settings.latest_run_record, settings.run_records)
    logger.info("%s", ingested)


def check_recovery(options: Mapping[str, Any], with_dr: bool, simulate: bool) -> None:
    """Raise ConfigurationError where the strategies are wrong, before anything is done."""
    if simulate and not with_dr:
        raise ConfigurationError("--simulate", "goes with --with-dr")
    if with_dr:
        from pyspark_interview_project.dr.strategies import Strategies  # not every run needs it

        Strategies(load_settings(options)).need_one()


def protect_run(settings: Settings, record: RunRecord, simulate: bool) -> None:
    """Run the strategies behind a run, or say what they would do. What fails there does not undo the run: it is on the
    record and on stderr."""
    from pyspark_interview_project.dr import protection

    if simulate:
        for sentence in protection.simulate(settings):
            print(printable(sentence))
        return
    try:
        with steps(is_for_a_person(settings.app_env)) as shown_steps:
            protection.protect(settings, record, shown_steps)
    finally:  # an interrupt too is to be on the record
        run_records(settings).write(record)
    for name, outcome in record.dr.items():
        print(printable(f"{name}: {outcome.error or outcome.backup}"))


def put_rejected_files_on_record(settings: Settings, record: RunRecord) -> RejectedFilesError | None:
    """Where a good run set landed files aside: write into its record that it ends with that, and return the error to
    raise when all else is done. Metrics and recovery take the record as it is then."""
    if record.status == FAILED or not record.files_rejected:
        return None
    error = RejectedFilesError({file.path: file.problem for file in record.files_rejected})
    record.exit_code, record.error = error.exit_code, str(error)
    run_records(settings).write(record)
    return error


def finalize(
    run_id: Annotated[str, typer.Option("--run-id", metavar="UUID", help="The run whose stages have all ended.")],
    as_of: RunsDateOption = None,
    engine: EngineOption = None,
    ingest_metrics_json: IngestMetricsOption = False,
    with_dr: WithDrOption = False,
    simulate: SimulateOption = False,
) -> None:
    """Do for stages that ran apart what a whole run does at its end: it ends with 4 where they set landed files aside.

    It works on records, whatever the engine is.
    """
    options = {"engine": engine}
    identity = checked_run_id(run_id)
    settings = prepare(options, identity)
    record = run_records(settings).find(identity)
    if record is None:
        raise ConfigurationError("--run-id", f"there is no record of a run {identity}")
    if as_of is not None and record.as_of is not None and as_of.date().isoformat() != record.as_of:
        raise ConfigurationError(
            "--as-of", f"run {identity} is of {record.as_of}; give that day, or the run id of yours"
        )
    check_recovery(options, with_dr, simulate)
    if with_dr:
        if record.status == FAILED:
            raise ConfigurationError("--with-dr", f"run {identity} failed; strategies run behind a good run")
        if not record.complete:
            raise ConfigurationError(
                "--with-dr", f"run {identity} is not at its end; returns silver-to-gold is to come"
            )
    rejected = put_rejected_files_on_record(settings, record)
    if with_dr:
        protect_run(settings, record, simulate)
    if ingest_metrics_json:
        ingest_latest(settings)
    print(f"run {identity} is finalized")
    if rejected is not None:
        raise rejected


main = main_of(finalize)

if __name__ == "__main__":
    main()
