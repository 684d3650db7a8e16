"""The run record: the one contract between the pipeline and everything that watches it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyspark_interview_project import __version__
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.storage.files import write_atomically

SUCCEEDED, FAILED, NO_NEW_DATA = "succeeded", "failed", "no_new_data"
# Kinds of records that are of no run of the pipeline: what is left of them is their part `dr`.
BACKUP, REPLICATION, DRILL = "backup", "replication", "drill"
RECOVERY_KINDS = (BACKUP, REPLICATION, DRILL)
_OF_AN_ATTEMPT = ("status", "exit_code", "error", "finished_at", "stages")


def utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class RunRecord:
    """What one run did, in the order of the JSON. `stages` are dictionaries with name, rows, duration_sec and more.

    `complete` says that the run is at its end, well or not; until then stages of it are to come, each in a process of
    its own. `attempts` are how the run ended earlier, if it was tried again under its id.
    """

    run_id: str
    app_env: str
    engine: str
    kind: str = "run"
    batch_id: str | None = None
    status: str = FAILED
    complete: bool = True
    started_at: str = field(default_factory=utc_now)
    finished_at: str | None = None
    version: str = __version__
    exit_code: int = 1
    error: str | None = None
    as_of: str | None = None
    files: list[dict[str, Any]] = field(default_factory=list)
    gates: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    overrides: dict[str, Any] = field(default_factory=dict)
    dr: dict[str, Any] = field(default_factory=dict)
    stages: list[dict[str, Any]] = field(default_factory=list)
    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def begin_again(self) -> None:
        """Extend the record. If the run was at its end, that stays among its attempts, so that nothing that was counted
        of it is taken back; stages of a good end are not counted twice."""
        if self.complete:
            self.attempts.append({name: getattr(self, name) for name in _OF_AN_ATTEMPT})
        if self.complete and self.status == SUCCEEDED:
            self.stages = []

    def go_on(self) -> None:
        """A stage has succeeded, and the run is not at its end: others follow, each in its own process."""
        self.status, self.complete = SUCCEEDED, False

    def end(self, status: str) -> None:
        """The run is at its end."""
        if status == NO_NEW_DATA and self.attempts and self.attempts[-1]["status"] == NO_NEW_DATA:
            self.attempts.pop()  # each stage of a run finds out by itself that there is nothing new
        self.status, self.complete = status, True

    def add_stage(self, name: str, rows: int, duration_sec: float, more: Mapping[str, Any] | None = None) -> None:
        """Add a stage, in the place of an earlier attempt at it."""
        stage = {"name": name, "rows": rows, "duration_sec": round(duration_sec, 3), **(more or {})}
        self.stages = [other for other in self.stages if other["name"] != name] + [stage]

    def stage(self, name: str) -> dict[str, Any] | None:
        return next((stage for stage in self.stages if stage["name"] == name), None)

    def to_json(self) -> str:
        return json.dumps(vars(self), indent=1) + "\n"


class RunRecords:
    """The run records of a lake: a directory with all of them, and a file with the latest."""

    def __init__(self, directory: Path, latest: Path) -> None:
        self._directory, self._latest = directory, latest

    def find(self, run_id: str) -> RunRecord | None:
        """The record of a run, if there is one: stages of one run, each in its own process, extend the same record.

        Raises ConfigurationError where it is none that a stage of ours could extend.
        """
        found = next(self._directory.glob(f"*-{run_id}.json"), None)
        try:
            return RunRecord(**json.loads(found.read_text(encoding="utf-8"))) if found else None
        except (ValueError, TypeError) as error:
            raise ConfigurationError("--run-id", f"{run_id} is on record, but not by this pipeline") from error

    def write(self, record: RunRecord) -> None:
        """Write the record, whole or not at all, among all and as the latest."""
        self.keep(record)
        write_atomically(self._latest, record.to_json())

    def keep(self, record: RunRecord) -> None:
        """Write the record among all only: it is of something else than the pipeline."""
        began = record.started_at.replace("-", "").replace(":", "")
        write_atomically(self._directory / f"{began}-{record.run_id}.json", record.to_json())

    def last_volumes(self, runs: int) -> list[int]:
        """The rows read by the last good runs that read any, the newest first. Broken records are passed over."""
        volumes: list[int] = []
        for path in sorted(self._directory.glob("*.json"), reverse=True):
            if len(volumes) == runs:
                break
            if not path.is_file():  # a pipe would never end
                continue
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
                if record["status"] == SUCCEEDED and record["kind"] == "run":
                    volumes += [stage["rows_read"] for stage in record["stages"] if stage.get("rows_read")]
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue
        return volumes[:runs]
