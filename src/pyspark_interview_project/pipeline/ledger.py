"""Batches: sets of landed files, written down before anything is done with them and marked done last.

Each batch is a directory under ops/batches with small JSON files, so that a person can read what happened:
plan.json (its files), counted.json (what became of its rows, before silver takes any) and then committed.json or
abandoned.json. Each file is written whole or not at all, under the lock of the lake.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.errors import DamageError
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.storage.files import write_atomically
from pyspark_interview_project.transforms.parts import CountedPart, Part

_PUT_BACK = "put it back as it was, from a backup (returns dr restore), before the next run"
PLANNED, COMMITTED, ABANDONED = "planned", "committed", "abandoned"


@dataclass(frozen=True)
class Counted:
    """What a batch comes to, settled before silver takes a row of it.

    `silver_version` is the version of silver that its rows were validated against, `silver_id` the id of that table;
    `commits` is how many commits silver takes them in, `parts` what each of these has; `figures` are the terms of the
    law as the run record has them. A batch that was counted before ids and parts were kept has none.
    """

    silver_version: int
    commits: int
    figures: Mapping[str, Any]
    silver_id: str | None = None
    parts: tuple[CountedPart, ...] | None = None


@dataclass(frozen=True)
class Batch:
    """A batch and how far it has come. The id sorts by age and is the same for the same history of the same files.

    Its local times are of `spark_tz`, whichever zone a later run has; None: planned before the zone was kept.
    `is_resumed`: another process planned it, which may have been at it.
    """

    batch_id: str
    as_of: date
    planned_by: str
    planned_at: str
    files: tuple[LandedFile, ...]
    state: str = PLANNED
    counted: Counted | None = None
    spark_tz: str | None = None
    is_resumed: bool = field(default=False, compare=False)


class Batches:
    """The batches of one lake. Reading needs no lock; everything else does."""

    def __init__(self, lake: LakePaths, check: Callable[[], None] = lambda: None) -> None:
        """`check` is called before each write, and raises where the lake is not ours any more."""
        self._check = check
        self._directory = Path(lake.place(paths.BATCHES))

    def _directories(self) -> list[Path]:
        """The directory of each batch, the oldest first."""
        return sorted(plan.parent for plan in self._directory.glob("*/plan.json"))

    def all(self) -> Iterator[Batch]:
        """Every batch, the oldest first."""
        yield from map(self._read, self._directories())

    def check_complete(self, taken: Iterable[str]) -> None:
        """Raise DamageError where one of the batches that tables have taken, by their logs, is not written down here:
        its files would be taken for new."""
        there = {directory.name for directory in self._directories()}
        if lost := [batch_id for batch_id in taken if batch_id not in there]:
            said = [
                f"batch {batch_id} is not there, but rows of it are in the tables; {_PUT_BACK}" for batch_id in lost
            ]
            raise DamageError(str(self._directory), said)

    def pending(self) -> Batch | None:
        """The batch that was planned and neither committed nor abandoned. There is at most one."""
        return next((batch for batch in self.all() if batch.state == PLANNED), None)

    def last_in_silver(self) -> Batch | None:
        """The newest committed batch of which silver took rows."""
        for batch in map(self._read, reversed(self._directories())):
            if batch.state == COMMITTED and batch.counted and batch.counted.commits:
                return batch
        return None

    def known_files(self) -> list[LandedFile]:
        """The files of every committed batch."""
        return [file for batch in self.all() if batch.state == COMMITTED for file in batch.files]

    def draft(self, files: tuple[LandedFile, ...], as_of: date, run_id: str, spark_tz: str | None = None) -> Batch:
        """The batch that `files` would make, not written down."""
        sequence = len(self._directories()) + 1
        content = json.dumps([[file.path, file.size, file.sha256] for file in files])
        batch_id = f"{sequence:06d}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
        return Batch(batch_id, as_of, run_id, datetime.now(UTC).isoformat(), files, spark_tz=spark_tz)

    def plan(self, batch: Batch) -> None:
        """Write the batch down as planned."""
        self._write(
            batch,
            "plan",
            {
                "batch_id": batch.batch_id,
                "as_of": batch.as_of.isoformat(),
                "spark_tz": batch.spark_tz,
                "planned_by": batch.planned_by,
                "planned_at": batch.planned_at,
                "files": [asdict(file) for file in batch.files],
            },
        )

    def count(self, batch: Batch, counted: Counted) -> Batch:
        """Write down what the batch comes to, before silver takes any of it."""
        self._write(batch, "counted", _record_of(counted))
        return replace(batch, counted=counted)

    def commit(self, batch: Batch, run_id: str) -> Batch:
        """Mark the batch done. Its files are known from now on."""
        self._write(batch, COMMITTED, {"run_id": run_id, "at": datetime.now(UTC).isoformat()})
        return replace(batch, state=COMMITTED)

    def abandon(self, batch: Batch, run_id: str, why: str) -> Batch:
        """Give the batch up, on record. Its files can be planned again."""
        self._write(batch, ABANDONED, {"run_id": run_id, "at": datetime.now(UTC).isoformat(), "why": why})
        return replace(batch, state=ABANDONED)

    def _write(self, batch: Batch, name: str, content: Mapping[str, Any]) -> None:
        self._check()
        write_atomically(self._directory / batch.batch_id / f"{name}.json", json.dumps(content, indent=1) + "\n")

    def _read(self, directory: Path) -> Batch:
        file = directory / "plan.json"
        try:
            plan = json.loads(file.read_text(encoding="utf-8"))
            batch = Batch(
                batch_id=plan["batch_id"],
                as_of=date.fromisoformat(plan["as_of"]),
                planned_by=plan["planned_by"],
                planned_at=plan["planned_at"],
                files=tuple(LandedFile(**file) for file in plan["files"]),
                state=next((s for s in (COMMITTED, ABANDONED) if (directory / f"{s}.json").exists()), PLANNED),
                spark_tz=plan.get("spark_tz"),
                is_resumed=True,
            )
            file = directory / "counted.json"
            if file.exists():
                batch = replace(batch, counted=_counted(json.loads(file.read_text(encoding="utf-8"))))
            return batch
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamageError(str(file), [f"is not what a run writes; {_PUT_BACK}"]) from error


def _record_of(counted: Counted) -> dict[str, Any]:
    parts = [_record_of_part(part) for part in counted.parts or ()]
    known = {"silver_id": counted.silver_id, "parts": None if counted.parts is None else parts}
    return {
        "silver_version": counted.silver_version,
        "commits": counted.commits,
        "figures": counted.figures,
        **{name: value for name, value in known.items() if value is not None},
    }


def _record_of_part(counted: CountedPart) -> dict[str, Any]:
    part = counted.part
    return {
        "number": part.number,
        "first_date": part.first_date.isoformat(),
        "last_date": part.last_date.isoformat(),
        "first_share": part.first_share,
        "last_share": part.last_share,
        "inserted": counted.inserted,
        "updated": counted.updated,
    }


def _counted(record: Mapping[str, Any]) -> Counted:
    """What was counted; records written before there were ids and parts have none."""
    parts = record.get("parts")
    return Counted(
        record["silver_version"],
        record["commits"],
        record["figures"],
        record.get("silver_id"),
        None if parts is None else tuple(_part(part) for part in parts),
    )


def _part(record: Mapping[str, Any]) -> CountedPart:
    first, last = (date.fromisoformat(record[name]) for name in ("first_date", "last_date"))
    part = Part(record["number"], first, last, record["first_share"], record["last_share"])
    return CountedPart(part, record["inserted"], record["updated"])
