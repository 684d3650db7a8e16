"""Running the configured strategies, and recording how each ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from pyspark_interview_project.command_line import exit_code_of
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.dr.backup import make_backup, planned
from pyspark_interview_project.dr.contents import contents
from pyspark_interview_project.dr.replicate import newest_verified, replicate
from pyspark_interview_project.dr.strategies import Strategies
from pyspark_interview_project.dr.verify import verify_and_note
from pyspark_interview_project.errors import PipelineError, recordable
from pyspark_interview_project.logging_setup import stage_in_logs
from pyspark_interview_project.metrics.run_record import FAILED, SUCCEEDED, RecoveryRecord, RunRecord, utc_now
from pyspark_interview_project.metrics.run_records import RunRecords
from pyspark_interview_project.progress import Steps

logger = logging.getLogger(__name__)

NO_ENGINE = "none"


def run_backup(strategies: Strategies, name: str, steps: Steps) -> dict[str, Any]:
    """Back the lake up by a strategy, and verify the backup if the strategy says so. Returns facts for the record."""
    strategy = strategies.backups[name]
    store = strategies.store(strategy)
    backup = make_backup(strategies.lake, store, name, strategy.landed_files, steps)
    facts = {"backup": backup.manifest.id, "bytes_sent": backup.sent.bytes, "files_sent": backup.sent.files}
    if strategy.verify:
        verify_and_note(store, backup.manifest, steps)
        facts["protected_until"] = backup.manifest.snapshot_at.isoformat()
    return facts


def run_replication(strategies: Strategies, name: str, steps: Steps) -> dict[str, Any]:
    """Bring a second store up to the newest verified backup. Returns facts for the record."""
    replication = strategies.replications[name]
    primary = strategies.store(strategies.backups[replication.strategy])
    done = replicate(primary, strategies.store(replication), steps)
    until = done.manifest.snapshot_at.isoformat()
    return {"backup": done.manifest.id, "bytes_sent": done.bytes, "files_sent": done.files, "protected_until": until}


def protect(settings: Settings, record: RunRecord, steps: Steps) -> None:
    """Run every strategy after a good run, and record how each ended. A failure of one does not undo the run."""
    try:
        strategies = Strategies(settings)
    except Exception as error:  # they were checked before the run, and may have changed since
        _note_failure(record, "strategies", error)
        return
    work: dict[str, Callable[[Strategies, str, Steps], dict[str, Any]]] = {
        **dict.fromkeys(strategies.backups, run_backup),
        **dict.fromkeys(strategies.replications, run_replication),
    }
    for name, run in work.items():
        started = time.monotonic()
        steps.start(name)
        try:
            with stage_in_logs(name), on_record(record, name) as facts:
                facts.update(run(strategies, name, steps))
        except Exception as error:  # whatever it is: the run was good
            _note_failure(record, f"strategy {name}", error)
        steps.finish(name, time.monotonic() - started)


def _note_failure(record: RunRecord, what: str, error: Exception) -> None:
    is_foreseen = isinstance(error, (PipelineError, OSError))
    record.warnings.append(f"{what} failed: {recordable(error)}")
    logger.error("%s failed: %s", what, recordable(error), exc_info=None if is_foreseen else error)


@contextmanager
def on_record(record: RunRecord, name: str) -> Iterator[dict[str, Any]]:
    """Record how the body ended, with the facts that it fills in."""
    facts: dict[str, Any] = {}
    try:
        yield facts
    except BaseException as error:
        failure = {"exit_code": exit_code_of(error), "error": recordable(error)}
        told = facts | failure | {"status": FAILED, "finished_at": utc_now()}
        record.dr[name] = RecoveryRecord.model_validate(told)
        raise
    record.dr[name] = RecoveryRecord.model_validate(facts | {"status": SUCCEEDED, "finished_at": utc_now()})


@contextmanager
def recorded(settings: Settings, kind: str, name: str) -> Iterator[dict[str, Any]]:
    """Write a record of its own for a strategy that runs by itself, however it ends."""
    records = RunRecords(settings.run_records)
    record = RunRecord(run_id=str(uuid4()), app_env=settings.app_env, engine=NO_ENGINE, kind=kind)
    try:
        with on_record(record, name) as facts:
            yield facts
        record.status, record.exit_code = SUCCEEDED, 0
    except BaseException as error:
        record.exit_code, record.error = exit_code_of(error), record.dr[name].error
        raise
    finally:
        record.finished_at = utc_now()
        records.keep(record)


def simulate(settings: Settings) -> list[str]:
    """What every strategy would do now, a sentence each. Changes nothing, takes no lock, and raises nothing, as the run
    before it was good."""
    try:
        strategies = Strategies(settings)
    except Exception as error:
        return [f"strategies would fail: {recordable(error)}"]
    work: dict[str, Callable[[Strategies, str], str]] = {
        **dict.fromkeys(strategies.backups, simulated_backup),
        **dict.fromkeys(strategies.replications, simulated_replication),
    }
    return [_simulated(strategies, name, simulated) for name, simulated in work.items()]


def _simulated(strategies: Strategies, name: str, simulated: Callable[[Strategies, str], str]) -> str:
    try:
        return simulated(strategies, name)
    except Exception as error:
        logger.warning("what strategy %s would do is not known: %s", name, recordable(error))
        return f"{name} would fail: {recordable(error)}"


def simulated_backup(strategies: Strategies, name: str) -> str:
    strategy = strategies.backups[name]
    store = strategies.store(strategy)
    snapshot, files, size = planned(strategies.lake, store, strategy.landed_files)
    versions = ", ".join(f"{table} at version {pinned.version.version}" for table, pinned in snapshot.tables.items())
    verified = ", and read them back" if strategy.verify else ""
    to_send = f"at most {files} of {len(snapshot.files)} files, {size:,} bytes"
    return f"{name} would back up {versions} to {store.url}: send {to_send}{verified}"


def simulated_replication(strategies: Strategies, name: str) -> str:
    replication = strategies.replications[name]
    primary = strategies.store(strategies.backups[replication.strategy])
    secondary = strategies.store(replication)
    try:
        manifest = newest_verified(primary)
    except PipelineError as error:
        return f"{name} would do nothing: {error}"
    there = contents(secondary).objects
    missing = {entry.sha256: entry.bytes for entry in manifest.files if entry.sha256 not in there}
    to_send = f"{len(missing)} files, {sum(missing.values()):,} bytes of backup {manifest.id}"
    return f"{name} would send {to_send} to {secondary.url}"
