"""The console script `returns`: every command under one name."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from pyspark_interview_project.command_line import run_app
from pyspark_interview_project.dr import dr_runner
from pyspark_interview_project.metrics import ingest_pipeline_metrics, metrics_exporter
from pyspark_interview_project.pipeline import bronze_to_silver, finalize, plan, run_pipeline, silver_to_gold
from pyspark_interview_project.report import command as report_command

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.callback()(lambda: None)
app.command("run")(run_pipeline.run)
app.command("plan")(plan.plan)
app.command("bronze-to-silver")(bronze_to_silver.run_alone)
app.command("silver-to-gold")(silver_to_gold.run_alone)
app.command("finalize")(finalize.finalize)
app.command("exporter")(metrics_exporter.exporter)
app.command("ingest-metrics")(ingest_pipeline_metrics.ingest_metrics)
app.command("report")(report_command.report)
app.add_typer(dr_runner.app, name="dr")


def main(argv: Sequence[str] | None = None) -> None:
    """`returns`."""
    run_app(app, argv)


if __name__ == "__main__":
    main()
