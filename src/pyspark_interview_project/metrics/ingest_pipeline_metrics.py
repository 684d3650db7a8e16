"""Run records of this pipeline and of other tools into the history of a lake, and that history for Prometheus;
`returns ingest-metrics`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from pyspark_interview_project.command_line import run_command
from pyspark_interview_project.config import paths
from pyspark_interview_project.config.settings import Settings, load_settings
from pyspark_interview_project.errors import ConfigurationError, UnreadableInputError
from pyspark_interview_project.logging_setup import configure_logging, is_for_a_person
from pyspark_interview_project.metrics.catalogue import history_families
from pyspark_interview_project.metrics.recorded_runs import (
    MalformedRecord,
    RecordedRun,
    RecordedRuns,
    check_times,
    read_run,
    record_files,
)
from pyspark_interview_project.storage.files import write_atomically

logger = logging.getLogger(__name__)

SHIPPED_TARGET = "exporter:8000"  # of infra/prometheus/prometheus.yml


@dataclass
class Ingested:
    """What became of the files: ids of runs that are new to the history, of those that it knew, and what is wrong with
    files that record no run, by name."""

    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    malformed: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{len(self.new)} runs ingested, {len(self.known)} known already, {len(self.malformed)} files malformed"


def ingest(source: Path, records: Path) -> Ingested:
    """Take the runs that `source` records, a file or a directory of them, into the directory `records`, each once.

    A file that records no run is told of and passed over. Raises OSError.
    """
    known = {run.run_id for run in RecordedRuns(records).look()[0]} if records.is_dir() else set()
    ingested = Ingested()
    for path in record_files(source) if source.is_dir() else [source]:
        try:
            run = read_run(path)
            check_times(run)
            text = _completed(run, path)
        except MalformedRecord as error:
            ingested.malformed[path.name] = str(error)
            logger.warning("%s is no run record: %s", path.name, error)
            continue
        if run.run_id in known:
            ingested.known.append(run.run_id)
            continue
        known.add(run.run_id)
        ingested.new.append(run.run_id)
        began = run.started_at.strftime("%Y%m%dT%H%M%S")
        write_atomically(records / f"{began}-{run.run_id}.json", text)
    return ingested


def _completed(run: RecordedRun, path: Path) -> str:
    """The record of a run as the history has it. What the metrics do not know of stays; a bare record gets what makes
    it one of a run. Raises MalformedRecord."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        whole = run.model_dump(mode="json", include={"run_id", "status", "started_at", "finished_at"}) | content
        return json.dumps(whole, indent=1) + "\n"
    except (ValueError, RecursionError) as error:
        raise MalformedRecord("is nested too deeply") from error


class _History(Collector):
    def __init__(self, runs: Sequence[RecordedRun], instance: str) -> None:
        self._runs, self._instance = runs, instance

    def collect(self) -> Iterator[Metric]:
        return history_families(self._runs, self._instance)


def write_openmetrics(records: Path, target: Path, instance: str = SHIPPED_TARGET) -> int:
    """Write the metrics of every run with the time at which it ended, as `promtool tsdb create-blocks-from openmetrics`
    takes them. Returns how many runs there are. Raises OSError.

    `instance` is the label of that name which Prometheus gives to what it scrapes, so that past and present are the
    same series.
    """
    runs, _ = RecordedRuns(records).look() if records.is_dir() else ([], {})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_History(runs, instance))
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    write_atomically(target, text.decode())
    return len(runs)


def latest_record(settings: Settings) -> Path:
    """Where the record of the latest run goes."""
    return Path(settings.pipeline_metrics_json or settings.paths.place(paths.LATEST_RUN_RECORD))


def ingest_metrics(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH]", help="A run record, or a directory of them; the latest one by default."),
    ] = None,
    openmetrics: Annotated[
        Path | None,
        typer.Option("--openmetrics", metavar="OUT", help="Write the history with its times, for promtool."),
    ] = None,
    instance: Annotated[
        str,
        typer.Option("--instance", metavar="HOST:PORT", help="The exporter as Prometheus has it, for --openmetrics."),
    ] = SHIPPED_TARGET,
) -> None:
    """Take run records into the history, each run once; with --openmetrics, write that history out."""
    settings = load_settings({})
    configure_logging(settings.log_level, is_for_a_person(settings.app_env))
    records = Path(settings.paths.place(paths.RUN_RECORDS))
    has_history = records.is_dir() and bool(record_files(records))
    only_writes = source is None and openmetrics is not None and has_history and not latest_record(settings).exists()
    source = source or latest_record(settings)
    if not only_writes and not source.exists():
        raise ConfigurationError(str(source), "there is no such file or directory")
    ingested = Ingested() if only_writes else ingest(source, records)
    print(ingested)
    if openmetrics is not None:
        print(f"{write_openmetrics(records, openmetrics, instance)} runs written to {openmetrics}")
    if ingested.malformed:
        name, problem = next(iter(ingested.malformed.items()))
        others = f" (and {len(ingested.malformed) - 1} more files)" if len(ingested.malformed) > 1 else ""
        raise UnreadableInputError(name, f"is no run record: {problem}{others}")


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m pyspark_interview_project.metrics.ingest_pipeline_metrics`."""
    run_command(ingest_metrics, argv)


if __name__ == "__main__":
    main()
