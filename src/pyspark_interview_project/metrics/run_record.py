"""The run record: the one contract between the pipeline and everything that watches it.

The pipeline fills a `RunRecord` and writes it with `run_records`. Those who watch read the files with `recorded_runs`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import copy
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_serializer,
)

from pyspark_interview_project import __version__
from pyspark_interview_project.schemas.outcomes import EXCLUDED, OUTCOMES

Status = Literal["succeeded", "failed", "no_new_data"]
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
NO_NEW_DATA: Final = "no_new_data"
STATUSES: tuple[Status, ...] = (SUCCEEDED, FAILED, NO_NEW_DATA)
# Kinds of records that belong to no run of the pipeline. Watchers read only the part `dr` of such a record.
BACKUP, REPLICATION, DRILL = "backup", "replication", "drill"
RECOVERY_KINDS = (BACKUP, REPLICATION, DRILL)
# Times between these exist in each time zone.
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def utc_now() -> datetime:
    """The time now in UTC, to the millisecond."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _in_any_time_zone(moment: datetime) -> datetime:
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError("is no time of a run")
    return moment


def to_the_millisecond(moment: datetime) -> str:
    """The time as a record has it: in UTC, to the millisecond, with `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def or_else(default: Any) -> WrapValidator:
    """Take `default` for a value of another type. No metric depends on such a field, so the record still counts."""

    def validated(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError:
            return copy(default)

    return WrapValidator(validated)


Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Amount = Annotated[str, Field(pattern=r"\A-?[0-9]{1,60}(\.[0-9]{1,9})?\z")]
ExitCode = Annotated[int, Field(ge=0, le=255)]
_Time = Annotated[AwareDatetime, AfterValidator(_in_any_time_zone)]
Moment = Annotated[_Time, PlainSerializer(to_the_millisecond)]
Words = Annotated[str | None, or_else(None)]


class Part(BaseModel):
    """A part of a record. Keys that it does not know are ignored."""

    model_config = ConfigDict(extra="ignore")


class SparsePart(Part):
    """A part of a record that is written with the fields that it was given, and no others."""

    @model_serializer(mode="wrap")
    def _given(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if name in self.model_fields_set}


class StageRecord(SparsePart):
    """A stage of a run: rows written, seconds, and the terms of the law where the stage reads landed files.

    `files`: how many files the stage `plan` planned. `returns_ambiguous`: of how many returns two versions have one
    ingest_ts and differ. `warned_by_rule`: rows that were kept though they break a rule that only warns.

    The terms are null where a stage was stopped before they held. `amounts` are decimal text by term.
    """

    name: str
    rows: Count
    duration_sec: Seconds
    files: Count | None = None
    rows_read: Count | None = None
    rows_inserted: Count | None = None
    rows_updated: Count | None = None
    rows_superseded: Count | None = None
    rows_duplicate: Count | None = None
    rows_quarantined: Count | None = None
    rows_excluded: Count | None = None
    returns_ambiguous: Count | None = None
    amounts: dict[str, Amount] = {}
    quarantined_by_reason: dict[str, Count] = {}
    warned_by_rule: dict[str, Count] = {}
    rows_by_table: Annotated[dict[str, Count], or_else({})] = {}

    @property
    def rows_by_term(self) -> dict[str, int | None]:
        """Rows by outcome, as the law counts them; None for a term that the record does not have."""
        terms = {outcome: getattr(self, f"rows_{outcome}") for outcome in OUTCOMES}
        if "rows_excluded" not in self.model_fields_set and self.rows_duplicate is not None:
            terms[EXCLUDED] = 0  # a record from before there were feeds
        return terms

    @property
    def rows_by_outcome(self) -> Mapping[str, int]:
        """Rows by outcome, as far as they are known; of a stage that knows none, the rows that it wrote."""
        known = {outcome: rows for outcome, rows in self.rows_by_term.items() if rows is not None}
        return known or {"written": self.rows}

    @property
    def is_committed(self) -> bool:
        """Whether silver has what the stage counts: the terms are complete only behind the commit of the batch."""
        return None not in self.rows_by_term.values()


class GateRecord(Part):
    """The outcome of a quality gate. A `value` beyond `limit` warns or fails; of too few rows it is not judged."""

    name: str
    status: Literal["passed", "warned", "failed", "not_judged"]
    value: Number
    limit: Number


class FileRecord(Part):
    """A landed file that was not taken, and why: rejected, because it cannot be read, or ignored for its name."""

    path: str
    problem: str


class TableRecord(Part):
    """A table at the end of a run."""

    version: Count
    rows: Count
    bytes: Count


class RecoveryRecord(SparsePart):
    """How a backup, a replication or a drill of one strategy ended.

    `protected_until` is when its newest verified backup was pinned: nothing later is in that backup. Only a drill has
    `backup_id`, `rpo_seconds`, `rto_seconds` and the `seconds` of its steps.
    """

    backup: Words = None
    backup_id: Words = None
    bytes_sent: Annotated[Count | None, or_else(None)] = None
    files_sent: Annotated[Count | None, or_else(None)] = None
    protected_until: Annotated[_Time, PlainSerializer(datetime.isoformat)] | None = None
    rpo_seconds: Seconds | None = None
    rto_seconds: Seconds | None = None
    seconds: Annotated[dict[str, float], or_else({})] = {}
    status: Literal["succeeded", "failed"]
    exit_code: Annotated[int | None, or_else(None)] = None
    error: Words = None
    finished_at: Moment


class AttemptRecord(Part):
    """How a run ended before it was tried again under its id."""

    status: Status
    exit_code: ExitCode = 0
    error: Words = None
    finished_at: Moment
    stages: list[StageRecord] = []


class RunRecord(Part):
    """What one run did, in the order of the JSON.

    `files` are the landed files of its batches: path, bytes, rows, feed. `files_rejected` could not be taken, and make
    its exit code 4 although all others were. `complete` says that the run has ended, well or not;
    until then stages follow, each in a process of its own. `attempts` are earlier ends of a run that was tried again
    under its id.
    """

    run_id: Annotated[str, Field(pattern=r"\A[A-Za-z0-9._-]{1,128}\z")]  # becomes part of a file name
    app_env: Words
    engine: Words
    kind: str = "run"
    batch_id: Words = None
    status: Status = FAILED
    complete: bool = True
    started_at: Moment = Field(default_factory=utc_now)
    finished_at: Moment | None = None
    version: Words = __version__
    exit_code: ExitCode = 1
    error: Words = None
    as_of: Words = None
    files: Annotated[list[dict[str, Any]], or_else([])] = []
    files_rejected: Annotated[list[FileRecord], or_else([])] = []
    files_ignored: Annotated[list[FileRecord], or_else([])] = []
    gates: list[GateRecord] = []
    warnings: list[Annotated[str, or_else("(no text)")]] = []
    overrides: Annotated[dict[str, Any], or_else({})] = {}
    dr: dict[str, RecoveryRecord] = {}
    stages: list[StageRecord] = []
    tables: dict[str, TableRecord] = {}
    attempts: list[AttemptRecord] = []

    @property
    def ended(self) -> datetime:
        """When it ended; until it has, when it started."""
        return self.finished_at or self.started_at

    @property
    def has_looked(self) -> bool:
        """Whether it says which landed files cannot be taken. A run may fail before it has looked at them."""
        return self.status != FAILED or bool(self.files_rejected)

    def begin_again(self) -> None:
        """Extend the record. If the run had ended, that end becomes an attempt, so that no metric loses what it
        counted; the stages of a good end then stand in the attempt alone."""
        if self.complete:
            self.attempts.append(self.as_attempt())
        if self.complete and self.status == SUCCEEDED:
            self.stages = []

    def go_on(self) -> None:
        """A stage has succeeded and the run goes on: others follow, each in its own process."""
        self.status, self.complete = SUCCEEDED, False

    def end(self, status: Status) -> None:
        """The run has ended."""
        self.status, self.complete = status, True
        self.drop_repeated_attempt()

    def add_stage(self, stage: StageRecord) -> None:
        """Add a stage, in the place of an earlier one of its name."""
        stage.duration_sec = round(stage.duration_sec, 3)
        self.stages = [other for other in self.stages if other.name != stage.name] + [stage]

    def stage(self, name: str) -> StageRecord | None:
        """The stage of that name, if the run has had it."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def to_json(self) -> str:
        """The record as a file has it. Text that is no UTF-8, such as the name of a file in a warning, is escaped."""
        return json.dumps(self.model_dump(mode="json"), indent=1) + "\n"

    def as_attempt(self) -> AttemptRecord:
        """How the run ended, as one of its attempts."""
        return AttemptRecord(
            status=self.status,
            exit_code=self.exit_code,
            error=self.error,
            finished_at=self.ended,
            stages=list(self.stages),
        )

    def drop_repeated_attempt(self) -> None:
        """Each stage of a run finds out by itself that there is nothing new: that is one end, not several."""
        if self.status == NO_NEW_DATA and self.attempts and self.attempts[-1].status == NO_NEW_DATA:
            self.attempts.pop()
