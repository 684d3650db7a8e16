"""The run records of a lake: where they are kept, and how several processes write the record of one run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import TypeVar

from pyspark_interview_project.config.settings import CLOCK_TOLERANCE
from pyspark_interview_project.errors import ConfigurationError, StorageError
from pyspark_interview_project.metrics.run_record import SUCCEEDED, RunRecord, to_the_millisecond, utc_now
from pyspark_interview_project.storage.files import LocalFiles

T = TypeVar("T")


def joined(one: RunRecord, other: RunRecord) -> RunRecord:
    """What two processes know of the same run, as if the one that ended last had extended the record of the other.

    It does not matter which of them is `one`, nor whether one knows the other's end already. Of two records of the same
    end `other` is the newer.
    """
    first, last = sorted((one, other), key=lambda record: record.ended)
    whole = last.model_copy(deep=True)
    ends = [*first.attempts, *([first.as_attempt()] if first.complete else []), *last.attempts]
    by_time = {attempt.finished_at: attempt for attempt in ends if attempt.finished_at != last.ended}
    whole.attempts = [by_time[time] for time in sorted(by_time)]
    whole.drop_repeated_attempt()
    if not (first.complete and first.status == SUCCEEDED):
        whole.stages = [stage for stage in first.stages if last.stage(stage.name) is None] + whole.stages
    whole.started_at = min(first.started_at, last.started_at)
    whole.batch_id, whole.as_of = last.batch_id or first.batch_id, last.as_of or first.as_of
    whole.files = _union(first.files, last.files)
    if first.has_looked and not last.has_looked:
        whole.files_rejected, whole.files_ignored = first.files_rejected, first.files_ignored
    whole.gates = _union(first.gates, last.gates)
    whole.warnings = _union(first.warnings, last.warnings)
    whole.overrides = first.overrides | last.overrides
    whole.tables = first.tables | last.tables
    strategies = sorted([*first.dr.items(), *last.dr.items()], key=lambda item: item[1].finished_at)
    whole.dr = dict(strategies)
    return whole


def _union(first: list[T], last: list[T]) -> list[T]:
    return [item for item in first if item not in last] + last


class RunRecords:
    """The run records of a lake: a directory with all of them, and a file with the latest.

    A run has one file, whichever of its processes write it. The latest is only replaced by a record that ended later.
    """

    def __init__(self, directory: Path, latest: Path | None = None) -> None:
        self._files, self._latest = LocalFiles(directory), latest

    def find(self, run_id: str) -> RunRecord | None:
        """The record of a run, if there is one: stages of one run, each in its own process, extend the same record.

        Raises ConfigurationError where another tool wrote it, so that no stage of ours can extend it.
        """
        names = self._names_of(run_id)
        if names and not (records := self._records(names)):
            raise ConfigurationError("--run-id", f"{run_id} is on record, but not by this pipeline")
        return reduce(joined, records.values()) if names else None

    def write(self, record: RunRecord) -> None:
        """Write the record among all, and as the latest unless one is there that ended later.

        Both are done under one lock, so that processes which write at the same time lose nothing of each other's.
        """
        latest = self._latest
        assert latest is not None

        def changed(content: bytes | None) -> bytes | None:
            whole = self._kept(record)
            return whole.to_json().encode() if _ended_later(whole, content, latest) else None

        try:
            LocalFiles(latest.parent).update(latest.name, changed)
        except (OSError, StorageError):
            self._kept(record)  # the history needs no latest record
            raise

    def keep(self, record: RunRecord) -> None:
        """Write the record among all only: it is of no run of the pipeline."""
        self._kept(record)

    def last_volumes(self, runs: int) -> list[int]:
        """The rows read by the last good runs that read any, the newest first. Broken records are passed over."""
        volumes: list[int] = []
        for name in sorted(self._names(), reverse=True):
            if len(volumes) >= runs:
                break
            record = self._record(name)
            if record is not None and record.status == SUCCEEDED and record.kind == "run":
                volumes += [stage.rows_read for stage in record.stages if stage.rows_read]
        return volumes[:runs]

    def _kept(self, record: RunRecord) -> RunRecord:
        """Write the record among all, joined with what other processes wrote of its run. Returns what stands there."""
        others = self._records(self._names_of(record.run_id))
        whole = reduce(joined, [*others.values(), record])
        began = to_the_millisecond(record.started_at).replace("-", "").replace(":", "")
        name, *surplus = [*others] or [f"{began}-{record.run_id}.json"]
        self._files.put(name, whole.to_json().encode())
        self._files.delete(surplus)
        return whole

    def _names(self) -> list[str]:
        """The files that may be records. An empty one may be a pipe, and to read that would never end."""
        files = [file for file in self._files.list() if file.size]
        return [file.path for file in files if file.path.endswith(".json") and "/" not in file.path]

    def _names_of(self, run_id: str) -> list[str]:
        return sorted(name for name in self._names() if name.partition("-")[2] == f"{run_id}.json")

    def _records(self, names: Iterable[str]) -> dict[str, RunRecord]:
        """The records of this pipeline among the files of these names."""
        return {name: record for name in names if (record := self._record(name))}

    def _record(self, name: str) -> RunRecord | None:
        try:
            return RunRecord.model_validate(json.loads(self._files.read(name)))
        except (FileNotFoundError, ValueError, RecursionError):
            return None


def _ended_later(record: RunRecord, content: bytes | None, latest: Path) -> bool:
    """Whether a record ended after the one that is the latest. One of another tool ended when its file was written."""
    if content is None:
        return True
    try:
        other = RunRecord.model_validate(json.loads(content))
        ended, run_id = other.ended, other.run_id
    except (ValueError, RecursionError):
        ended, run_id = datetime.fromtimestamp(latest.stat().st_mtime, UTC), ""
    if ended > utc_now() + CLOCK_TOLERANCE:  # by a clock that was wrong
        return True
    return (record.ended, record.run_id) >= (ended, run_id)
