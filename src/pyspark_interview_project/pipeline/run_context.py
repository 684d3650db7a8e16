"""What every stage runs in: settings, engine, logs with the run's id, the lock, and the run record at the end."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from pyspark_interview_project import engine, faults, stop_signals
from pyspark_interview_project.command_line import exit_code_of
from pyspark_interview_project.config import paths as places
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.config.settings import Settings, load_settings
from pyspark_interview_project.engines.base import Lake
from pyspark_interview_project.engines.opening import open_lake
from pyspark_interview_project.errors import ConfigurationError, recordable
from pyspark_interview_project.logging_setup import configure_logging, is_for_a_person, set_run_id, stage_in_logs
from pyspark_interview_project.metrics.lineage import Dataset, Lineage, Statistics
from pyspark_interview_project.metrics.metrics_exporter import RunAtWork, metrics_served
from pyspark_interview_project.metrics.run_record import FAILED, RunRecord, StageRecord, TableRecord, utc_now
from pyspark_interview_project.metrics.run_records import RunRecords
from pyspark_interview_project.pipeline.ledger import Batches
from pyspark_interview_project.progress import Steps, steps
from pyspark_interview_project.schemas.returns_raw import RAW_COLUMNS
from pyspark_interview_project.schemas.tables import GOLD_TABLES, QUARANTINE, SILVER, TABLES, TableContract
from pyspark_interview_project.sources.discovery import landing_directory
from pyspark_interview_project.storage.commits import CommitMetadata
from pyspark_interview_project.storage.lease import Lease
from pyspark_interview_project.storage.lock import writing
from pyspark_interview_project.storage.places import check_places

logger = logging.getLogger(__name__)

LANDED_FILES = Dataset(places.LANDED, RAW_COLUMNS)
Held = Dataset | TableContract


@dataclass
class RunContext:
    """One process's part in a run."""

    settings: Settings
    run_id: str
    as_of: date
    record: RunRecord
    records: RunRecords
    lake: Lake
    steps: Steps
    lease: Lease | None = None
    accept_quarantined: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.lineage = Lineage(
            self.settings.lineage_url, self.paths.root, self.run_id, self.settings.app_env, self.environment, self.warn
        )

    @property
    def paths(self) -> LakePaths:
        return self.settings.paths

    @property
    def batches(self) -> Batches:
        return Batches(self.paths, self.check_lease)

    def check_lease(self) -> None:
        """Raise ConflictError where another run may have the lake by now. Called before each write of a table or of a
        batch's state, and behind the last one, so that no write behind which the lease was lost counts."""
        if self.lease is not None:
            self.lease.check()

    def note(self, stage: str, batch_id: str | None = None, **facts: int | str) -> CommitMetadata:
        """What a commit says of itself. Asked for just before it is made: with a lease, the lease is checked first."""
        self.check_lease()
        if self.lease is not None:
            facts["lease"] = self.lease.number
        return CommitMetadata(self.run_id, stage, batch_id, facts)

    def warn(self, *messages: str) -> None:
        """Log warnings and put them on record, each once in a run."""
        for message in messages:
            if message not in self.record.warnings:
                logger.warning(message)
                self.record.warnings.append(message)


def prepare(options: Mapping[str, Any]) -> Settings:
    """Settle settings, logs and engine. Called once in a process, by its main function."""
    settings = load_settings(options)
    configure_logging(settings.log_level, is_for_a_person(settings.app_env))
    engine.choose_engine(settings.wanted_engine)
    faults.arm(settings.fault)
    check_places(settings)
    return settings


def planning_day(settings: Settings, as_of: datetime | None) -> date:
    """The run's date: as given, else today in SPARK_TZ."""
    return as_of.date() if as_of else datetime.now(ZoneInfo(settings.spark_tz)).date()


def checked_run_id(run_id: str | None) -> str:
    """The given run id, or a new one. Raises ConfigurationError where the given one is no UUID."""
    try:
        return str(UUID(run_id)) if run_id else str(uuid4())
    except ValueError as error:
        raise ConfigurationError("--run-id", f"must be a UUID, not {run_id}") from error


@contextmanager
def execution(
    options: Mapping[str, Any],
    as_of: datetime | None,
    run_id: str | None,
    accept_quarantined: float | None = None,
) -> Iterator[RunContext]:
    """Run what is inside as (a part of) a run: under the lock, with a lake, and with a run record whatever happens."""
    settings = prepare(options)
    if accept_quarantined is not None and not 0 <= accept_quarantined <= 1:
        raise ConfigurationError("--accept-quarantined", f"must be a share from 0 to 1, not {accept_quarantined:g}")
    identity = checked_run_id(run_id)
    set_run_id(identity)
    landing_directory(settings.paths)  # before the lock: nothing is to be made in a place that is no lake
    records = run_records(settings)
    record = records.find(identity)
    if record is None:
        record = RunRecord(run_id=identity, app_env=settings.app_env, engine=engine.chosen_engine())
    else:
        record.begin_again()
    day = planning_day(settings, as_of)
    record.as_of = day.isoformat()
    if accept_quarantined is not None:
        record.overrides["accept_quarantined"] = accept_quarantined
    if settings.skip_files:
        record.overrides["skip_files"] = settings.skip_files
    with ExitStack() as ending:
        ending.enter_context(stop_signals.last_words(lambda: _put_on_record(records, record, SystemExit())))
        try:
            with (
                writing(settings.paths, identity, settings.lease_terms) as lease,
                open_lake(settings) as lake,
                steps(is_for_a_person(settings.app_env)) as shown_steps,
                _metrics_served(settings, shown_steps, record),
                ExitStack() as body,
            ):
                # From the end of the body to the record: a signal must not stop what puts the lake in order.
                body.callback(ending.enter_context, stop_signals.undisturbed())
                parts = (settings, identity, day, record, records, lake, shown_steps, lease)
                run = RunContext(*parts, accept_quarantined, os.environ)
                yield run
                for table in TABLES:
                    if lake.version(table) is not None:
                        record.tables[table.name] = TableRecord(**vars(lake.facts(table)))
            stop_signals.check()
        except BaseException as error:
            _put_on_record(records, record, error)
            if not is_for_a_person(settings.app_env):  # who is told by the one line behind all
                logger.error("%s", record.error, extra={"exit_code": record.exit_code})
            raise
        record.exit_code, record.error = 0, None
        _write(records, record)


def _put_on_record(records: RunRecords, record: RunRecord, error: BaseException) -> None:
    """Write the record of a run that failed. Where that fails too it is logged: the first error ends the run."""
    record.end(FAILED)
    record.exit_code, record.error = exit_code_of(error), recordable(error)
    try:
        _write(records, record)
    except (OSError, faults.InjectedFault) as failed:
        logger.error("the run record could not be written: %s", failed)


def _write(records: RunRecords, record: RunRecord) -> None:
    record.finished_at = utc_now()
    faults.reached("before_record")
    records.write(record)
    faults.reached("after_record")


def _metrics_served(settings: Settings, shown_steps: Steps, record: RunRecord) -> AbstractContextManager[int | None]:
    if not settings.serve_metrics:
        return nullcontext()
    records = Path(settings.paths.place(places.RUN_RECORDS))
    at_work = RunAtWork(lambda: shown_steps.at, lambda: record.stages)
    return metrics_served(records, settings.metrics_host, settings.metrics_port, at_work)


def run_records(settings: Settings) -> RunRecords:
    latest = settings.pipeline_metrics_json or settings.paths.place(places.LATEST_RUN_RECORD)
    return RunRecords(Path(settings.paths.place(places.RUN_RECORDS)), Path(latest))


@contextmanager
def looking(options: Mapping[str, Any]) -> Iterator[tuple[Settings, Lake]]:
    """A lake to look at: no lock, no record, nothing in it changes."""
    settings = prepare(options)
    set_run_id(str(uuid4()))
    with tempfile.TemporaryDirectory(prefix="returns-") as scratch, open_lake(settings, Path(scratch)) as lake:
        yield settings, lake


@contextmanager
def stage(
    run: RunContext, name: str, reads: Sequence[Held] = (), writes: Sequence[Held] = ()
) -> Iterator[dict[str, Any]]:
    """Time a stage and put it on record with what the body fills in: `rows`, and whatever more it has to say.

    `reads` and `writes` are for lineage.
    """
    figures: dict[str, Any] = {}
    files_before = len(run.record.files)
    inputs, outputs = ([Dataset(held.place, held.columns) for held in data] for data in (reads, writes))
    with stage_in_logs(name), run.lineage.emitted(name, inputs, outputs) as statistics:
        started = time.monotonic()
        run.steps.start(name)
        try:
            yield figures
        finally:
            seconds = time.monotonic() - started
            told = {"rows": 0} | figures | {"name": name, "duration_sec": seconds}
            run.record.add_stage(recorded := StageRecord.model_validate(told))
        statistics.update(statistics_of(recorded.model_dump(), run.record.files[files_before:]))
        run.steps.finish(name, seconds)


def statistics_of(recorded: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> Statistics:
    """What a stage read and wrote, by place, from what it put on record."""
    if "rows_read" in recorded:
        size = sum(file["bytes"] for file in files)
        return {
            LANDED_FILES.place: {"rowCount": recorded["rows_read"], "size": size, "fileCount": len(files)},
            SILVER.place: {"rowCount": recorded["rows"]},
            QUARANTINE.place: {"rowCount": recorded["rows_quarantined"]},
        }
    by_table = recorded.get("rows_by_table", {})
    return {table.place: {"rowCount": by_table[table.name]} for table in GOLD_TABLES if table.name in by_table}
