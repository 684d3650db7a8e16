"""What comes behind the stages of a run, for those who run these apart: `returns finalize`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pyspark_interview_project.command_line import run_command
from pyspark_interview_project.config import paths as places
from pyspark_interview_project.config.settings import Settings, load_settings
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.logging_setup import configure_logging, is_for_a_person, set_run_id
from pyspark_interview_project.metrics.ingest_pipeline_metrics import ingest, latest_record
from pyspark_interview_project.pipeline.execution import checked_run_id, run_records
from pyspark_interview_project.pipeline.options import IngestMetricsOption

logger = logging.getLogger(__name__)


def ingest_latest(settings: Settings) -> None:
    """Take the latest run record into the history. What is wrong with it is a warning: the run is done."""
    ingested = ingest(latest_record(settings), Path(settings.paths.place(places.RUN_RECORDS)))
    logger.info("%s", ingested)


def finalize(
    run_id: Annotated[str, typer.Option("--run-id", metavar="UUID", help="The run whose stages have all ended.")],
    ingest_metrics_json: IngestMetricsOption = False,
) -> None:
    """Do for stages that ran apart what a whole run does at its end."""
    settings = load_settings({})
    configure_logging(settings.log_level, is_for_a_person(settings.app_env))
    identity = checked_run_id(run_id)
    set_run_id(identity)
    if run_records(settings).find(identity) is None:
        raise ConfigurationError("--run-id", f"there is no record of a run {identity}")
    if ingest_metrics_json:
        ingest_latest(settings)
    print(f"run {identity} is finalized")


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m pyspark_interview_project.pipeline.finalize`."""
    run_command(finalize, argv)


if __name__ == "__main__":
    main()
