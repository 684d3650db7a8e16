"""The main job: plan the batch, bronze to silver, silver to gold, and the run record; `returns run`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pyspark_interview_project.command_line import main_of
from pyspark_interview_project.errors import RejectedFilesError, UnreadableBatchError, UnreadableInputError
from pyspark_interview_project.metrics.law import LawTerms
from pyspark_interview_project.metrics.run_record import NO_NEW_DATA, SUCCEEDED
from pyspark_interview_project.pipeline.checks import check_tables_stand
from pyspark_interview_project.pipeline.finalize import (
    check_recovery,
    ingest_latest,
    protect_run,
    put_rejected_files_on_record,
)
from pyspark_interview_project.pipeline.ledger import Batch
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
from pyspark_interview_project.pipeline.plan import is_in_silver, plan_batch, print_plan, put_on_record, shown_plan
from pyspark_interview_project.pipeline.run_context import LakeView, RunContext, lake_view, planning_day, run_context
from pyspark_interview_project.pipeline.summary import print_outcomes, print_summary
from pyspark_interview_project.pipeline.watermark import is_current
from pyspark_interview_project.schemas.tables import GOLD_BY_SKU_REASON, SILVER

if TYPE_CHECKING:
    from pyspark_interview_project.pipeline.classification import ClassifiedBatch

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
    with run_context(options, as_of, run_id, accept_quarantined) as this_run:
        groups = run_stages(this_run)
    rejected = put_rejected_files_on_record(this_run.settings, this_run.record)
    if with_dr:
        protect_run(this_run.settings, this_run.record, simulate)
    if ingest_metrics_json:
        ingest_latest(this_run.settings)
    print_summary(this_run.record, this_run.paths, groups)
    if rejected is not None:
        raise rejected


def run_stages(this_run: RunContext) -> list[dict[str, Any]]:
    """Run what there is to do, and say in the record whether there was anything. Returns the most returned SKUs."""
    record, planned = this_run.record, None
    if this_run.ledger.pending() is None:
        planned = plan_batch(this_run.settings, this_run.ledger, this_run.as_of, this_run.run_id)
        check_tables_stand(this_run.tables, this_run.ledger)
        if planned.batch is None and is_current(this_run.tables, this_run.files):
            put_on_record(this_run, planned)
            record.end(NO_NEW_DATA)
            logger.info("nothing new to process")
            return []
    # Not before there is something to do: with these comes Arrow, which takes a while to load.
    from pyspark_interview_project.pipeline.bronze_to_silver import bronze_to_silver
    from pyspark_interview_project.pipeline.silver_to_gold import silver_to_gold
    from pyspark_interview_project.transforms.aggregate import largest_groups

    bronze_to_silver(this_run, planned)
    silver_to_gold(this_run)
    record.end(SUCCEEDED)
    if this_run.tables.version(GOLD_BY_SKU_REASON) is None:
        return []
    return this_run.engine.collect(
        this_run.engine.transform(largest_groups, this_run.engine.read(GOLD_BY_SKU_REASON), _MOST_RETURNED)
    )


def _show(options: dict[str, Any], as_of: datetime | None) -> None:
    """Show the next batch and what would become of its rows. Changes nothing, and ends as a run would."""
    with lake_view(options) as view:
        planned = shown_plan(view, planning_day(view.settings, as_of))
        batch = planned.batch
        outcome = None
        rejected = {file.path: file.problem for file in planned.rejected}
        if batch is not None and batch.checkpoint is not None and is_in_silver(view.tables, batch):
            figures = batch.checkpoint.figures
            outcome = LawTerms.from_record(figures), figures["quarantined_by_reason"]
        elif batch is not None:
            view.engine.use_time_zone(batch.spark_tz or view.settings.spark_tz)
            classified, unreadable = _classified(view, batch)
            rejected.update({path: error.problem for path, error in unreadable.items()})
            outcome = classified.terms, classified.quarantined_by_reason
        is_pending = view.ledger.pending() is not None
    print_plan(planned, is_pending)
    if outcome is not None:
        terms, reasons = outcome
        print_outcomes(terms.rows_read, terms.rows, reasons)
    if rejected:
        raise RejectedFilesError(rejected)


def _classified(view: LakeView, batch: Batch) -> tuple[ClassifiedBatch, Mapping[str, UnreadableInputError]]:
    """The batch without the files that turn out to be unreadable, and those."""
    from pyspark_interview_project.pipeline.classification import classify

    unreadable: dict[str, UnreadableInputError] = {}
    while True:
        files = tuple(file for file in batch.files if file.path not in unreadable)
        try:
            version = view.tables.version(SILVER)
            readable = replace(batch, files=files)
            return classify(view.engine, view.tables, readable, version, view.settings.currency), unreadable
        except UnreadableBatchError as error:
            unreadable.update(error.problems)


main = main_of(run)

if __name__ == "__main__":
    main()
