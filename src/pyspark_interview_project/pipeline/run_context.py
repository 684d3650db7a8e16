"""What every stage runs in: settings, the lock, an engine, the ledger, and the run record at the end."""

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
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pyspark_interview_project import engine as engine_api
from pyspark_interview_project import stop_signals
from pyspark_interview_project.command_line import checked_run_id, exit_code_of, prepare
from pyspark_interview_project.config import paths as places
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.engines.base import Engine
from pyspark_interview_project.engines.opening import open_engine
from pyspark_interview_project.errors import ConfigurationError, EngineError, PipelineError, StorageError, recordable
from pyspark_interview_project.logging_setup import is_for_a_person, stage_in_logs
from pyspark_interview_project.metrics.lineage import Dataset, Lineage, Statistics
from pyspark_interview_project.metrics.run_record import FAILED, RunRecord, StageRecord, TableRecord, utc_now
from pyspark_interview_project.metrics.run_records import RunRecords
from pyspark_interview_project.pipeline.ledger import Ledger
from pyspark_interview_project.progress import Steps, steps
from pyspark_interview_project.schemas.returns_raw import RAW_COLUMNS
from pyspark_interview_project.schemas.tables import GOLD_TABLES, QUARANTINE, SILVER, TABLES, TableContract
from pyspark_interview_project.sources.discovery import landing_directory
from pyspark_interview_project.storage.commits import CommitMetadata
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.delta_writes import DeltaWrites
from pyspark_interview_project.storage.files import LocalFiles
from pyspark_interview_project.storage.lock import writing
from pyspark_interview_project.storage.places import check_places

if TYPE_CHECKING:
    from pyspark_interview_project.storage.lease import Lease

logger = logging.getLogger(__name__)

LANDED_FILES = Dataset(places.LANDED, RAW_COLUMNS)
_KEPT_OUTPUTS = 20


@dataclass
class RunContext:
    """One process's part in a run."""

    settings: Settings
    run_id: str
    as_of: date
    record: RunRecord
    records: RunRecords
    tables: DeltaTables
    engine: Engine
    steps: Steps
    lease: Lease | None = None
    accept_quarantined: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    # Landed files that could not be read for now: why, by path.
    unreadable: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = LocalFiles(self.paths.root)
        self.writes = DeltaWrites(self.tables)
        self.ledger = Ledger(self.files, self.check_lease)
        self.lineage = Lineage(
            self.settings.lineage_url, self.paths.root, self.run_id, self.settings.app_env, self.environment, self.warn
        )

    @property
    def paths(self) -> LakePaths:
        return self.settings.paths

    def check_lease(self) -> None:
        """Raise ConflictError where another run may have the lake. It is called before each write of a table or of the
        ledger, and after the last one: a write during which the lease was lost must not count."""
        if self.lease is not None:
            self.lease.check()

    def metadata(self, stage: str, batch_id: str | None = None, **facts: int | str) -> CommitMetadata:
        """What a commit says of itself. Ask for it just before the commit: it checks the lease first."""
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


@dataclass(frozen=True)
class LakeView:
    """A lake to look at: nothing in it changes."""

    settings: Settings
    tables: DeltaTables
    engine: Engine
    ledger: Ledger


def planning_day(settings: Settings, as_of: datetime | None) -> date:
    """The run's date: as given, else today in SPARK_TZ."""
    return as_of.date() if as_of else datetime.now(ZoneInfo(settings.spark_tz)).date()


@contextmanager
def lake_view(options: Mapping[str, Any]) -> Iterator[LakeView]:
    """Open a lake to look at: without its lock, without a run record."""
    settings = _prepare(options, None)
    tables = DeltaTables(settings.paths)
    with tempfile.TemporaryDirectory(prefix="returns-") as scratch:
        with open_engine(settings, tables, Path(scratch, "engine.log"), Path(scratch)) as engine:
            yield LakeView(settings, tables, engine, Ledger(LocalFiles(settings.paths.root)))


@contextmanager
def run_context(
    options: Mapping[str, Any],
    as_of: datetime | None,
    run_id: str | None,
    accept_quarantined: float | None = None,
) -> Iterator[RunContext]:
    """Run the body as a run, or as a part of one: under the lock, with an engine, and with a run record however it
    ends."""
    identity = checked_run_id(run_id)
    settings = _prepare(options, identity)
    if accept_quarantined is not None and not 0 <= accept_quarantined <= 1:
        raise ConfigurationError("--accept-quarantined", f"must be a share from 0 to 1, not {accept_quarantined:g}")
    landing_directory(settings.paths)  # before the lock: nothing is to be made in a place that is no lake
    records = run_records(settings)
    day = planning_day(settings, as_of)
    record = _record_of(records, settings, identity, day, accept_quarantined)
    with ExitStack() as ending:
        ending.enter_context(stop_signals.last_words(lambda: _put_on_record(records, record, SystemExit())))
        try:
            with _opened(settings, identity, record) as (lease, tables, engine, shown_steps), ExitStack() as body:
                # From here to the record a signal must not stop what puts the lake in order.
                body.callback(ending.enter_context, stop_signals.undisturbed())
                parts = (settings, identity, day, record, records, tables, engine, shown_steps, lease)
                yield RunContext(*parts, accept_quarantined, os.environ)
                for table in TABLES:
                    if tables.version(table) is not None:
                        record.tables[table.name] = TableRecord(**vars(tables.facts(table)))
            stop_signals.check()
        except BaseException as error:
            _put_on_record(records, record, error)
            if not is_for_a_person(settings.app_env):  # a person reads the one line at the end
                logger.error("%s", record.error, extra={"exit_code": record.exit_code})
            raise
        record.exit_code, record.error = 0, None
        _write(records, record)


def _prepare(options: Mapping[str, Any], run_id: str | None) -> Settings:
    settings = prepare(options, run_id)
    engine_api.choose_engine(settings.wanted_engine)
    check_places(settings)
    return settings


def _record_of(
    records: RunRecords, settings: Settings, run_id: str, day: date, accept_quarantined: float | None
) -> RunRecord:
    """The record that this process extends: that of the run id, or a new one."""
    record = records.find(run_id)
    if record is None:
        record = RunRecord(run_id=run_id, app_env=settings.app_env, engine=engine_api.chosen_engine())
    else:
        record.begin_again()
    record.as_of = day.isoformat()
    if accept_quarantined is not None:
        record.overrides["accept_quarantined"] = accept_quarantined
    if settings.skip_files:
        record.overrides["skip_files"] = settings.skip_files
    return record


@contextmanager
def _opened(
    settings: Settings, run_id: str, record: RunRecord
) -> Iterator[tuple[Lease | None, DeltaTables, Engine, Steps]]:
    """The lock, then the engine, and whatever watches the run."""
    tables = DeltaTables(settings.paths)
    with writing(settings.paths, run_id, settings.lease_terms) as lease:
        output = _output_file(settings.paths, run_id)
        try:
            with (
                open_engine(settings, tables, output) as engine,
                steps(is_for_a_person(settings.app_env)) as shown_steps,
                _metrics_served(settings, shown_steps, record),
            ):
                yield lease, tables, engine, shown_steps
        except EngineError as error:
            if output.exists():
                error.add(f"what the engine said by itself is in {output.relative_to(settings.paths.root)}")
            raise
        except PipelineError:  # it says all there is to say
            output.unlink(missing_ok=True)
            raise
        output.unlink(missing_ok=True)


def _output_file(paths: LakePaths, run_id: str) -> Path:
    """The file for what the engine says by itself. It stays when the run fails; with it the newest of them are kept."""
    directory = Path(paths.place(places.ENGINE_OUTPUT))
    kept = sorted(directory.glob("*.log"), key=lambda file: file.stat().st_mtime, reverse=True)
    for old in kept[_KEPT_OUTPUTS - 1 :]:
        old.unlink(missing_ok=True)
    return directory / f"{run_id}.log"


def _put_on_record(records: RunRecords, record: RunRecord, error: BaseException) -> None:
    """Write the record of a run that failed. Where that fails too it is logged: the first error ends the run."""
    record.end(FAILED)
    record.exit_code, record.error = exit_code_of(error), recordable(error)
    try:
        _write(records, record)
    except (OSError, StorageError) as failed:
        logger.error("the run record could not be written: %s", failed)


def _write(records: RunRecords, record: RunRecord) -> None:
    record.finished_at = utc_now()
    records.write(record)


def _metrics_served(settings: Settings, shown_steps: Steps, record: RunRecord) -> AbstractContextManager[int | None]:
    if not settings.serve_metrics:
        return nullcontext()
    from pyspark_interview_project.metrics.metrics_exporter import RunAtWork, metrics_served  # it takes a while

    at_work = RunAtWork(lambda: shown_steps.at, lambda: record.stages)
    return metrics_served(settings.run_records, settings.metrics_host, settings.metrics_port, at_work)


def run_records(settings: Settings) -> RunRecords:
    return RunRecords(settings.run_records, settings.latest_run_record)


@contextmanager
def stage(
    run: RunContext,
    name: str,
    reads: Sequence[Dataset | TableContract] = (),
    writes: Sequence[Dataset | TableContract] = (),
) -> Iterator[dict[str, Any]]:
    """Time a stage and put it on record with the figures that the body fills in: `rows`, and whatever more there is.

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
