"""Run records as those who watch read them: from files that nobody vouches for, and only as far as metrics go.

A record is this pipeline's, or has the bare form of other tools: `{"stages": [{"name", "rows", "duration_sec"}]}`.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from pydantic import ValidationError

from pyspark_interview_project.metrics.run_record import (
    SUCCEEDED,
    AttemptRecord,
    ExitCode,
    Moment,
    Part,
    RunRecord,
    StageRecord,
    Status,
    Words,
)

# Clocks of machines differ, but by less than this.
_MOST_AHEAD = timedelta(days=1)


class MalformedRecord(ValueError):
    """A file is no run record; the message says why, without quoting it."""


class RecordedRun(RunRecord):
    """A run as a file records it. What a new record assumes, such as its status, a file must say or leaves open."""

    status: Status
    started_at: Moment
    finished_at: Moment
    stages: list[StageRecord]
    exit_code: ExitCode = 0
    app_env: Words = None
    engine: Words = None
    version: Words = None

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
        recovery = [time for part in self.dr.values() for time in (part.finished_at, part.protected_until) if time]
        return max([self.started_at, self.finished_at, *(end.finished_at for end in self.attempts), *recovery])

    @property
    def ends(self) -> list[RecordedRun]:
        """Each end of the run as a run of its own. The last one has all that is recorded once; of a run that is not
        complete it is no end."""
        once = {"complete": True, "gates": [], "warnings": [], "tables": {}, "dr": {}, "attempts": []}
        once |= {"files_rejected": [], "files_ignored": []}
        fields = AttemptRecord.model_fields
        earlier = [
            self.model_copy(update=once | {name: getattr(attempt, name) for name in fields})
            for attempt in self.attempts
        ]
        return [*earlier, self.model_copy(update={"attempts": []})] if earlier else [self]


class _BareRecord(Part):
    """What other tools write."""

    stages: list[StageRecord]


def read_run(path: Path) -> RecordedRun:
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
        return RecordedRun.model_validate(content if "run_id" in content else _completed(content, text, written))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, fault["loc"])) or "record"
        raise MalformedRecord(f"{place}: {fault['msg']}") from error


def _completed(bare: Mapping[str, Any], text: str, written: datetime) -> dict[str, Any]:
    """A bare record with what makes it the record of a run."""
    stages = _BareRecord.model_validate(bare).stages
    return {
        "run_id": str(uuid5(NAMESPACE_OID, text)),
        "status": SUCCEEDED,
        "started_at": written - timedelta(seconds=min(sum(stage.duration_sec for stage in stages), 10**9)),
        "finished_at": written,
        "stages": bare["stages"],
    }


_Stamp = tuple[int, int]
_Read = RecordedRun | MalformedRecord


def record_files(directory: Path) -> dict[Path, _Stamp]:
    """The files of a directory that may be run records, in the order of their names. Each has a stamp that changes
    when the file does. What is no regular file is left out: to read a pipe would never end.

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
    """The runs that a directory records. Each look reads only what changed since the last one."""

    def __init__(self, directory: Path, most_ahead: timedelta | None = _MOST_AHEAD) -> None:
        """A record with a time further ahead of now than `most_ahead` is malformed; None: it may have any time."""
        self._directory, self._most_ahead = directory, most_ahead
        self._seen: dict[Path, tuple[_Stamp, _Read]] = {}

    def look(self) -> tuple[list[RecordedRun], Mapping[str, str]]:
        """The runs, the earliest to end first, each once; and by name what is wrong with files that record none.

        Raises OSError where the directory cannot be read.
        """
        seen, self._seen = self._seen, {}
        runs, malformed = [], {}
        for path, stamp in record_files(self._directory).items():
            known = seen.get(path)
            read = known[1] if known and known[0] == stamp else _read(path)
            self._seen[path] = stamp, read
            try:
                runs.append(self._checked(read))
            except MalformedRecord as error:
                malformed[path.name] = str(error)
        return in_order(runs), malformed

    def _checked(self, read: _Read) -> RecordedRun:
        """The run, if it is one at this time of day: what is ahead now will not be later. Raises MalformedRecord."""
        if isinstance(read, MalformedRecord):
            raise read
        if self._most_ahead is not None:
            check_times(read, self._most_ahead)
        return read


def runs_on_record(
    directory: Path, most_ahead: timedelta | None = _MOST_AHEAD
) -> tuple[list[RecordedRun], Mapping[str, str]]:
    """What one look at a directory of records finds; nothing where there is no such directory."""
    return RecordedRuns(directory, most_ahead).look() if directory.exists() else ([], {})


def _read(path: Path) -> _Read:
    try:
        return read_run(path)
    except MalformedRecord as error:
        return error


def check_times(run: RecordedRun, most_ahead: timedelta = _MOST_AHEAD) -> None:
    """Raise MalformedRecord where a time of the run is ahead of now: until then it would look fresh."""
    if run.latest_time - datetime.now(UTC) > most_ahead:
        raise MalformedRecord("has a time that is yet to come")


def in_order(runs: Iterable[RecordedRun]) -> list[RecordedRun]:
    """The runs, the earliest to end first. Of several records of one run the last to end counts."""
    by_end = sorted(runs, key=_by_end)
    return sorted({run.run_id: run for run in by_end}.values(), key=_by_end)


def ends_in_order(runs: Iterable[RecordedRun]) -> list[RecordedRun]:
    """Each end of each run as a run of its own, the earliest first."""
    return sorted((end for run in runs for end in run.ends), key=_by_end)


def _by_end(run: RecordedRun) -> tuple[datetime, str]:
    return run.finished_at, run.run_id
