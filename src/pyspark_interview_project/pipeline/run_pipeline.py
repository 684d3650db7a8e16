"""The main job: plan the batch, bronze to silver, silver to gold, and the run record; `returns run`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from pyspark_interview_project.command_line import run_command
from pyspark_interview_project.metrics.run_record import NO_NEW_DATA, SUCCEEDED
from pyspark_interview_project.pipeline.bronze_to_silver import bronze_to_silver, classify
from pyspark_interview_project.pipeline.checks import check_tables_are_the_same
from pyspark_interview_project.pipeline.finalize import check_recovery, ingest_latest, protect_run
from pyspark_interview_project.pipeline.ledger import Batches
from pyspark_interview_project.pipeline.options import (
    AcceptQuarantinedOption,
    AsOfOption,
    EngineOption,
    IngestMetricsOption,
    RunIdOption,
    ServeMetricsOption,
    SimulateOption,
    SkipFileOption,
    WithDrOption,
)
from pyspark_interview_project.pipeline.plan import check_batches, draft_batch, print_files
from pyspark_interview_project.pipeline.run_context import RunContext, execution, looking, planning_day
from pyspark_interview_project.pipeline.silver_to_gold import silver_to_gold
from pyspark_interview_project.pipeline.summary import print_outcomes, print_summary
from pyspark_interview_project.pipeline.watermark import is_current
from pyspark_interview_project.schemas.tables import GOLD_BY_SKU_REASON, SILVER
from pyspark_interview_project.transforms.aggregate import largest_groups

logger = logging.getLogger(__name__)

_MOST_RETURNED = 5


def run(
    engine: EngineOption = None,
    as_of: AsOfOption = None,
    run_id: RunIdOption = None,
    accept_quarantined: AcceptQuarantinedOption = None,
    skip_file: SkipFileOption = None,
    serve_metrics: ServeMetricsOption = None,
    ingest_metrics_json: IngestMetricsOption = False,
    with_dr: WithDrOption = False,
    simulate: SimulateOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the files and the rows by outcome; change nothing.")
    ] = False,
) -> None:
    """Take the landed returns through bronze, silver and gold."""
    options = {"engine": engine, "skip_files": skip_file, "serve_metrics": serve_metrics}
    if dry_run:
        _show(options, as_of)
        return
    check_recovery(options, with_dr, simulate)
    with execution(options, as_of, run_id, accept_quarantined) as this_run:
        groups = run_stages(this_run)
    if with_dr:
        protect_run(this_run.settings, this_run.record, simulate)
    if ingest_metrics_json:
        ingest_latest(this_run.settings)
    print_summary(this_run.record, this_run.paths, groups)


def run_stages(this_run: RunContext) -> list[dict[str, Any]]:
    """Run what there is to do, and say in the record whether there was anything. Returns the most returned SKUs."""
    record = this_run.record
    draft = None
    if this_run.batches.pending() is None:
        draft = draft_batch(this_run.settings, this_run.as_of, this_run.run_id)
        check_tables_are_the_same(this_run.lake, this_run.batches)
        if draft.batch is None and is_current(this_run.lake, this_run.paths):
            this_run.warn(*draft.remarks)
            record.end(NO_NEW_DATA)
            logger.info("nothing new to process")
            return []
    bronze_to_silver(this_run, draft)
    silver_to_gold(this_run)
    record.end(SUCCEEDED)
    if this_run.lake.version(GOLD_BY_SKU_REASON) is None:
        return []
    return this_run.lake.collect(largest_groups(this_run.lake.read(GOLD_BY_SKU_REASON), _MOST_RETURNED))


def _show(options: dict[str, Any], as_of: datetime | None) -> None:
    with looking(options) as (settings, lake):
        batches = Batches(settings.paths)
        check_batches(lake, batches)
        pending = batches.pending()
        draft = draft_batch(settings, planning_day(settings, as_of), "dry run")
        batch = pending or draft.batch
        print_files(batch, pending is not None, draft.remarks)
        if batch is not None:
            lake.use_time_zone(batch.spark_tz or settings.spark_tz)
            classified = classify(lake, batch.files, batch.as_of, lake.version(SILVER))
            print_outcomes(classified.terms.rows_read, classified.terms.rows, classified.quarantined_by_reason)


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m pyspark_interview_project.pipeline.run_pipeline`."""
    run_command(run, argv)


if __name__ == "__main__":
    main()
