"""Run records as whoever watches needs them: read from files that nobody vouches for, and only as far as metrics go.

A record is this pipeline's, or has the bare form of other tools: `{"stages": [{"name", "rows", "duration_sec"}]}`.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import NAMESPACE_OID, uuid5

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pyspark_interview_project.metrics.law import OUTCOMES
from pyspark_interview_project.metrics.run_record import FAILED, NO_NEW_DATA, SUCCEEDED

STATUSES = (SUCCEEDED, FAILED, NO_NEW_DATA)

_Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Number = Annotated[float, Field(allow_inf_nan=False)]

_ExitCode = Annotated[int, Field(ge=0, le=255)]

# Clocks of machines differ, but not by more than this.
_MOST_AHEAD = timedelta(days=1)
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def _in_any_time_zone(moment: datetime) -> datetime:
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError("is no time of a run")
    return moment


_Moment = Annotated[AwareDatetime, AfterValidator(_in_any_time_zone)]
_Amount = Annotated[str, Field(pattern=r"\A-?[0-9]{1,60}(\.[0-9]{1,9})?\z")]
# Only to be shown: what is no text is left out, and nothing else of the record with it.
_Words = Annotated[str | None, BeforeValidator(lambda value: value if isinstance(value, str) else None)]
_Warning = Annotated[str, BeforeValidator(lambda value: value if isinstance(value, str) else "(no text)")]


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
    finished_at: _Moment
    protected_until: _Moment | None = None
    rpo_seconds: _Seconds | None = None
    rto_seconds: _Seconds | None = None


class AttemptFigures(_Figures):
    """How a run ended before it was tried again under its id."""

    status: Literal["succeeded", "failed", "no_new_data"]
    finished_at: _Moment
    exit_code: _ExitCode = 0
    error: _Words = None
    stages: list[StageFigures] = []


class RunFigures(_Figures):
    """A run. One that is not complete has stages to come, each in a process of its own."""

    run_id: Annotated[str, Field(pattern=r"\A[A-Za-z0-9._-]{1,128}\z")]  # becomes the name of a file
    status: Literal["succeeded", "failed", "no_new_data"]
    kind: str = "run"
    complete: bool = True
    started_at: _Moment
    finished_at: _Moment
    exit_code: _ExitCode = 0
    error: _Words = None
    as_of: _Words = None
    batch_id: _Words = None
    engine: _Words = None
    app_env: _Words = None
    version: _Words = None
    stages: list[StageFigures]
    gates: list[GateFigures] = []
    warnings: list[_Warning] = []
    tables: dict[str, TableFigures] = {}
    dr: dict[str, BackupFigures] = {}
    attempts: list[AttemptFigures] = []

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(0.0, (self.finished_at - self.started_at).total_seconds())

    @property
    def finished(self) -> float:
        """When it ended, in seconds since 1970."""
        return self.finished_at.timestamp()

    @property
    def latest_time(self) -> datetime:
        """The latest of all times in it."""
        of_backups = [(backup.finished_at, backup.protected_until or _EARLIEST) for backup in self.dr.values()]
        of_attempts = [attempt.finished_at for attempt in self.attempts]
        return max(self.started_at, self.finished_at, *of_attempts, *(time for two in of_backups for time in two))

    @property
    def ends(self) -> list[RunFigures]:
        """Each time that it ended, as a run of its own; the last one has what is on record but once. Of a run that is
        not complete the last one is no end."""
        earlier = [
            self.model_copy(
                update={name: getattr(attempt, name) for name in type(attempt).model_fields}
                | {"complete": True, "gates": [], "warnings": [], "tables": {}, "dr": {}, "attempts": []}
            )
            for attempt in self.attempts
        ]
        return [*earlier, self.model_copy(update={"attempts": []})] if earlier else [self]


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


_Stamp = tuple[int, int]


def record_files(directory: Path) -> dict[Path, _Stamp]:
    """The files of a directory that may be run records, in the order of their names, each with what changes when it
    does. Nothing that is no regular file, such as a pipe, which would never end.

    Raises OSError where the directory cannot be read.
    """
    stamps = {path: _stamp(path) for path in sorted(directory.iterdir()) if path.suffix == ".json"}
    return {path: stamp for path, stamp in stamps.items() if stamp is not None}


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None  # removed meanwhile
    except OSError:
        path.lstat()  # where this fails too, it is the directory that cannot be read
        return 0, 0  # reading the file says what is wrong with it
    return (status.st_mtime_ns, status.st_size) if stat.S_ISREG(status.st_mode) else None


class RecordedRuns:
    """The runs that a directory records. Each look reads what changed since the last one."""

    def __init__(self, directory: Path, most_ahead: timedelta | None = _MOST_AHEAD) -> None:
        """A record with a time that is more than `most_ahead` of now is taken for malformed; None: no record is."""
        self._directory, self._most_ahead = directory, most_ahead
        self._seen: dict[Path, tuple[_Stamp, RunFigures | MalformedRecord]] = {}

    def look(self) -> tuple[list[RunFigures], Mapping[str, str]]:
        """The runs, the earliest to end first, each once; and what is wrong with files that record none, by name.

        Raises OSError where the directory cannot be read.
        """
        found = {}
        for path, stamp in record_files(self._directory).items():
            known = self._seen.get(path)
            found[path] = known if known and known[0] == stamp else (stamp, _outcome(path))
        self._seen = found
        outcomes = {path.name: self._judged(outcome) for path, (_, outcome) in found.items()}
        malformed = {name: str(outcome) for name, outcome in outcomes.items() if isinstance(outcome, MalformedRecord)}
        return in_order(outcome for outcome in outcomes.values() if isinstance(outcome, RunFigures)), malformed

    def _judged(self, outcome: RunFigures | MalformedRecord) -> RunFigures | MalformedRecord:
        """What holds of it now: a time that is ahead is not so for ever."""
        try:
            if isinstance(outcome, RunFigures) and self._most_ahead is not None:
                check_times(outcome, self._most_ahead)
        except MalformedRecord as error:
            return error
        return outcome


def check_times(run: RunFigures, most_ahead: timedelta = _MOST_AHEAD) -> None:
    """Raise MalformedRecord where a time of the run is ahead of now: it would look fresh for as long as that."""
    if run.latest_time - datetime.now(UTC) > most_ahead:
        raise MalformedRecord("has a time that is yet to come")


def in_order(runs: Iterable[RunFigures]) -> list[RunFigures]:
    """The runs, the earliest to end first; of records of the same run the last to end."""
    by_end = sorted(runs, key=_by_end)
    return sorted({run.run_id: run for run in by_end}.values(), key=_by_end)


def ends_in_order(runs: Iterable[RunFigures]) -> list[RunFigures]:
    """Each end of each run as a run of its own, the earliest first."""
    return sorted((end for run in runs for end in run.ends), key=_by_end)


def _by_end(run: RunFigures) -> tuple[datetime, str]:
    return run.finished_at, run.run_id


def _outcome(path: Path) -> RunFigures | MalformedRecord:
    try:
        return read_run(path)
    except MalformedRecord as error:
        return error
