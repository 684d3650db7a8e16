"""Options that several commands have."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

EngineOption = Annotated[
    str | None,
    typer.Option("--engine", help="embedded, spark or auto; the settings' choice by default.", metavar="NAME"),
]
AsOfOption = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], metavar="DATE", help="The run's date; today in SPARK_TZ by default."),
]
RunIdOption = Annotated[
    str | None,
    typer.Option("--run-id", metavar="UUID", help="Correlation id; stages with the same one extend one run record."),
]
SkipFileOption = Annotated[
    list[str] | None,
    typer.Option(
        "--skip-file",
        metavar="PATH",
        help="Leave out a landed file, by its path relative to the root of the lake; goes on record. Repeatable.",
    ),
]
ServeMetricsOption = Annotated[
    bool | None,
    typer.Option("--serve-metrics/--no-serve-metrics", help="Serve metrics on METRICS_PORT while the run is at work."),
]
IngestMetricsOption = Annotated[
    bool,
    typer.Option("--ingest-metrics-json", help="At the end, take pipeline_metrics.json into the history of runs."),
]
AcceptQuarantinedOption = Annotated[
    float | None,
    typer.Option(
        "--accept-quarantined",
        metavar="RATIO",
        help="Let this run pass with up to this share of quarantined rows; goes on record.",
    ),
]
WithDrOption = Annotated[
    bool,
    typer.Option("--with-dr", help="Behind a good run, back the lake up by every strategy of DR_CONFIG_DIR."),
]
SimulateOption = Annotated[
    bool,
    typer.Option("--simulate", help="With --with-dr: say what each strategy would do, and do none of it."),
]
