"""Run records as whoever watches needs them: read from files that nobody vouches for, and only as far as metrics go.

A record is this pipeline's, or has the bare form of other tools: `{"stages": [{"name", "rows", "duration_sec"}]}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import NAMESPACE_OID, uuid5

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pyspark_interview_project.metrics.law import OUTCOMES
from pyspark_interview_project.metrics.run_record import FAILED, NO_NEW_DATA, SUCCEEDED

STATUSES = (SUCCEEDED, FAILED, NO_NEW_DATA)

_Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Number = Annotated[float, Field(allow_inf_nan=False)]

_Amount = Annotated[str, Field(pattern=r"\A-?[0-9]{1,60}(\.[0-9]{1,9})?\z")]
# Only to be shown: what is no text is left out, and nothing else of the record with it.
_Words = Annotated[str | None, BeforeValidator(lambda value: value if isinstance(value, str) else None)]


class MalformedRecord(ValueError):
    """A file is no run record; the message says why, without quoting it."""


class _Figures(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class StageFigures(_Figures):
    """A stage. Of rows by outcome it has what the record has."""

    name: str
    rows: _Count
    duration_sec: _Seconds
    rows_read: _Count | None = None
    rows_inserted: _Count | None = None
    rows_updated: _Count | None = None
    rows_superseded: _Count | None = None
    rows_duplicate: _Count | None = None
    rows_quarantined: _Count | None = None
    quarantined_by_reason: dict[str, _Count] = {}
    amounts: dict[str, _Amount] = {}

    @property
    def rows_by_outcome(self) -> Mapping[str, int]:
        """Rows by where they ended; of a stage that says no more, those that it wrote."""
        told = {outcome: getattr(self, f"rows_{outcome}") for outcome in OUTCOMES}
        return {outcome: rows for outcome, rows in told.items() if rows is not None} or {"written": self.rows}


class GateFigures(_Figures):
    """A quality gate."""

    name: str
    status: Literal["passed", "warned", "failed"]
    value: _Number
    limit: _Number


class TableFigures(_Figures):
    """A table at the end of a run."""

    version: _Count
    rows: _Count
    bytes: _Count


class BackupFigures(_Figures):
    """A strategy of backup or replication that ran, behind a run or by itself, and what a drill of it measured.
    `protected_until` is when its newest verified backup was pinned: nothing later is in it."""

    status: Literal["succeeded", "failed"]
    finished_at: AwareDatetime
    protected_until: AwareDatetime | None = None
    rpo_seconds: _Seconds | None = None
    rto_seconds: _Seconds | None = None


class RunFigures(_Figures):
    """A run."""

    run_id: Annotated[str, Field(pattern=r"\A[A-Za-z0-9._-]{1,128}\z")]  # becomes the name of a file
    status: Literal["succeeded", "failed", "no_new_data"]
    kind: str = "run"
    started_at: AwareDatetime
    finished_at: AwareDatetime
    exit_code: int = 0
    error: _Words = None
    as_of: _Words = None
    batch_id: _Words = None
    engine: _Words = None
    app_env: _Words = None
    version: _Words = None
    stages: list[StageFigures]
    gates: list[GateFigures] = []
    warnings: list[Any] = []
    tables: dict[str, TableFigures] = {}
    dr: dict[str, BackupFigures] = {}

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(0.0, (self.finished_at - self.started_at).total_seconds())

    @property
    def finished(self) -> float:
        """When it ended, in seconds since 1970."""
        return self.finished_at.timestamp()


def read_run(path: Path) -> RunFigures:
    """The run that a file records. Raises MalformedRecord, saying why, where it records none.

    A bare record has no id and no times: its id is made of its content, and it ended when the file was written.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        content = json.loads(text)
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise MalformedRecord(f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise MalformedRecord("is no JSON") from error
    if not isinstance(content, dict):
        raise MalformedRecord("is no JSON object")
    try:
        return RunFigures.model_validate(content if "run_id" in content else _completed(content, text, written))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, fault["loc"])) or "record"
        raise MalformedRecord(f"{place}: {fault['msg']}") from error


def _completed(bare: Mapping[str, Any], text: str, written: datetime) -> dict[str, Any]:
    stages = BareRecord.model_validate(bare).stages
    return {
        "run_id": str(uuid5(NAMESPACE_OID, text)),
        "status": SUCCEEDED,
        "started_at": written - timedelta(seconds=min(sum(stage.duration_sec for stage in stages), 10**9)),
        "finished_at": written,
        "stages": bare["stages"],
    }


class BareRecord(_Figures):
    """What other tools write."""

    stages: list[StageFigures]


class RecordedRuns:
    """The runs that a directory records. Each look reads what changed since the last one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen: dict[Path, tuple[tuple[int, int], RunFigures | MalformedRecord]] = {}

    def look(self) -> tuple[list[RunFigures], Mapping[str, str]]:
        """The runs, the earliest to end first, each once; and what is wrong with files that record none, by name.

        Raises OSError where the directory cannot be read.
        """
        found = {}
        for path in sorted(path for path in self._directory.iterdir() if path.suffix == ".json"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # removed meanwhile
            stamp = (status.st_mtime_ns, status.st_size)
            known = self._seen.get(path)
            found[path] = known if known and known[0] == stamp else (stamp, _outcome(path))
        self._seen = found
        outcomes = {path.name: outcome for path, (_, outcome) in found.items()}
        malformed = {name: str(outcome) for name, outcome in outcomes.items() if isinstance(outcome, MalformedRecord)}
        return in_order(outcome for outcome in outcomes.values() if isinstance(outcome, RunFigures)), malformed


def in_order(runs: Iterable[RunFigures]) -> list[RunFigures]:
    """The runs, the earliest to end first; of records of the same run the last to end."""
    by_end = sorted(runs, key=lambda run: (run.finished_at, run.run_id))
    return sorted({run.run_id: run for run in by_end}.values(), key=lambda run: (run.finished_at, run.run_id))


def _outcome(path: Path) -> RunFigures | MalformedRecord:
    try:
        return read_run(path)
    except MalformedRecord as error:
        return error
