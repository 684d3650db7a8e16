"""`returns ingest-metrics`: take run records, also of other tools, into the history of a lake, and write that history
for Prometheus."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import typer
from prometheus_client.openmetrics.exposition import generate_latest

from pyspark_interview_project.command_line import main_of, prepare
from pyspark_interview_project.errors import ConfigurationError, UnreadableInputError
from pyspark_interview_project.metrics.catalogue import history_families
from pyspark_interview_project.metrics.recorded_runs import (
    MalformedRecord,
    RecordedRun,
    check_times,
    read_run,
    record_files,
    runs_on_record,
)
from pyspark_interview_project.storage.files import LocalFiles

logger = logging.getLogger(__name__)

SHIPPED_TARGET = "exporter:8000"  # of infra/prometheus/prometheus.yml


@dataclass
class Ingested:
    """What became of the files: ids of runs that are new to the history and of runs that it knew; and for files that
    record no run, by name, what is wrong with them."""

    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    malformed: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{len(self.new)} runs ingested, {len(self.known)} known already, {len(self.malformed)} files malformed"


def ingest(source: Path, records: Path) -> Ingested:
    """Take the runs of `source`, a record or a directory of records, into the directory `records`, each once.

    A file that records no run is passed over, with a warning. Raises OSError.
    """
    known = {run.run_id for run in runs_on_record(records)[0]}
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
        LocalFiles(records).put(f"{began}-{run.run_id}.json", text.encode())
    return ingested


def _completed(run: RecordedRun, path: Path) -> str:
    """The record as the history has it: all that the file says, and for a bare record an id and times too.

    Raises MalformedRecord.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        whole = run.model_dump(mode="json", include={"run_id", "status", "started_at", "finished_at"}) | content
        return json.dumps(whole, indent=1) + "\n"
    except (ValueError, RecursionError) as error:
        raise MalformedRecord("is nested too deeply") from error


def write_openmetrics(records: Path, target: Path, instance: str = SHIPPED_TARGET) -> int:
    """Write the metrics as each run left them, with the time of its end, for `promtool tsdb create-blocks-from
    openmetrics`. Returns how many runs there are. Raises OSError.

    `instance` is the label by which Prometheus knows the exporter: with it, past and present are the same series.
    """
    runs, _ = runs_on_record(records)
    collector = SimpleNamespace(collect=lambda: history_families(runs, instance))
    LocalFiles(target.parent).put(target.name, generate_latest(collector))  # type: ignore[no-untyped-call]
    return len(runs)


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
    settings = prepare({})
    records, latest = settings.run_records, settings.latest_run_record
    has_history = records.is_dir() and bool(record_files(records))
    only_writes = source is None and openmetrics is not None and has_history and not latest.exists()
    source = source or latest
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


main = main_of(ingest_metrics)


if __name__ == "__main__":
    main()
