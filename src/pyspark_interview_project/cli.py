"""The console script `returns`: every command under one name."""

from __future__ import annotations

from typing import Annotated

import typer

from pyspark_interview_project import __version__
from pyspark_interview_project.command_line import main_of
from pyspark_interview_project.doctor import command as doctor_command
from pyspark_interview_project.dr import dr_runner
from pyspark_interview_project.metrics import ingest_pipeline_metrics, metrics_exporter
from pyspark_interview_project.pipeline import bronze_to_silver, feeds, finalize, plan, run_pipeline, silver_to_gold
from pyspark_interview_project.report import command as report_command

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.command("run")(run_pipeline.run)
app.command("plan")(plan.plan)
app.command("bronze-to-silver")(bronze_to_silver.run_alone)
app.command("silver-to-gold")(silver_to_gold.run_alone)
app.command("finalize")(finalize.finalize)
app.command("exporter")(metrics_exporter.exporter)
app.command("ingest-metrics")(ingest_pipeline_metrics.ingest_metrics)
app.command("report")(report_command.report)
app.command("doctor")(doctor_command.doctor)
app.add_typer(feeds.app, name="feeds")
app.add_typer(dr_runner.app, name="dr")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    pass


main = main_of(app)

if __name__ == "__main__":
    main()
