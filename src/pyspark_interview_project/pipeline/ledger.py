"""The ledger: batches of landed files, written down before anything is done with them, and marked done last.

Each batch is a directory under ops/batches with small JSON files that a person can read: plan.json (its files),
checkpoint.json (what became of its rows, before silver takes them), then committed.json or abandoned.json. A summary
under ops/ledger stands for the older batches, so that a run reads what is new. Only the holder of the lake's lock
writes.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pyspark_interview_project.config import paths
from pyspark_interview_project.errors import DamageError
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.storage.files import Files

if TYPE_CHECKING:
    from pyspark_interview_project.config.feed_definition import Feed

logger = logging.getLogger(__name__)

PLANNED, COMMITTED, ABANDONED = "planned", "committed", "abandoned"
_PLAN, _CHECKPOINT = "plan", "checkpoint"
_FIRST_EDITIONS_CHECKPOINT = "counted"
_BATCHES_PER_SUMMARY = 32
_PUT_BACK = "put it back as it was, from a backup (returns dr restore), before the next run"


@dataclass(frozen=True)
class Checkpoint:
    """What a batch comes to, written down before silver takes it.

    `silver_version` and `silver_id` say which silver its rows were compared with. `commits` is how many commits silver
    takes it in: 1, or 0 where no row changes silver (the first edition took several). `figures` are the law's terms
    as the run record has them.
    """

    silver_version: int
    commits: int
    figures: Mapping[str, Any]
    silver_id: str | None = None


@dataclass(frozen=True)
class TablesAfter:
    """How the tables stood when a batch was done: the id of silver, and the versions of silver and quarantine. A null
    is not known: the first edition kept less."""

    silver_id: str | None
    silver: int
    quarantine: int | None = None


@dataclass(frozen=True)
class Batch:
    """A batch and how far it came. The id sorts by age.

    `spark_tz` is the time zone of its local times, and `feeds` are the feeds of its files by their names, whichever a
    later run has. `is_resumed`: it was read from the
    ledger, so another process may have been at work on it.
    """

    batch_id: str
    as_of: date
    planned_by: str
    planned_at: datetime
    files: tuple[LandedFile, ...]
    spark_tz: str | None = None
    feeds: Mapping[str, Feed] = field(default_factory=dict)
    state: str = PLANNED
    checkpoint: Checkpoint | None = None
    after: TablesAfter | None = None
    is_resumed: bool = field(default=False, compare=False)

    @property
    def number(self) -> int:
        return int(self.batch_id.partition("-")[0])

    @property
    def has_quarantined(self) -> bool:
        return bool(self.checkpoint and self.checkpoint.figures["rows_quarantined"])


@dataclass(frozen=True)
class _Summary:
    """What the batches up to number `through` left: known files, tables, and whether one of them quarantined rows."""

    through: int = 0
    files: tuple[LandedFile, ...] = ()
    last: tuple[str, TablesAfter] | None = None
    has_quarantined: bool = False


class Ledger:
    """The batches of one lake. What was read once is kept: only one process writes, and only through its ledger."""

    def __init__(self, files: Files, check: Callable[[], None] = lambda: None) -> None:
        """`check` is called before each write. It raises where this process may have lost the lake."""
        self._files, self._check = files, check

    def pending(self) -> Batch | None:
        """The batch that was planned and neither committed nor abandoned. There is at most one."""
        return next((batch for batch in self._batches.values() if batch.state == PLANNED), None)

    def known_files(self) -> list[LandedFile]:
        """The files of every committed batch."""
        newer = [file for batch in self._committed() for file in batch.files]
        return [*self._summary.files, *newer]

    def last_committed(self) -> tuple[str, TablesAfter] | None:
        """The newest committed batch of which the tables are known, and how they stood when it was done."""
        for batch in reversed(self._committed()):
            if batch.after is not None:
                return batch.batch_id, batch.after
        return self._summary.last

    def has_quarantined(self) -> bool:
        """Whether a committed batch put rows into quarantine."""
        return self._summary.has_quarantined or any(batch.has_quarantined for batch in self._committed())

    def check_complete(self, taken: Iterable[str]) -> None:
        """Raise DamageError where one of these batches, which tables have rows of, is not written down: its files would
        be taken again. The batches must be newer than `last_committed`."""
        known = self._batches.keys() | ({self._summary.last[0]} if self._summary.last else set())
        if lost := [batch_id for batch_id in taken if batch_id not in known]:
            said = [f"batch {each} is not there, but rows of it are in the tables; {_PUT_BACK}" for each in lost]
            raise DamageError(f"{self._files.url}/{paths.BATCHES}", said)

    def new_batch(
        self,
        files: tuple[LandedFile, ...],
        as_of: date,
        run_id: str,
        spark_tz: str | None = None,
        feeds: Mapping[str, Feed] | None = None,
    ) -> Batch:
        """The batch that `files` would make. It is not written down."""
        number = max([self._summary.through, *(batch.number for batch in self._batches.values())]) + 1
        content = json.dumps([[file.path, file.size, file.sha256] for file in files])
        batch_id = f"{number:06d}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
        return Batch(batch_id, as_of, run_id, datetime.now(UTC), files, spark_tz, feeds or {})

    def plan(self, batch: Batch) -> None:
        """Write the batch down as planned."""
        content = {
            "batch_id": batch.batch_id,
            "as_of": batch.as_of.isoformat(),
            "spark_tz": batch.spark_tz,
            "planned_by": batch.planned_by,
            "planned_at": batch.planned_at.isoformat(),
            "files": [asdict(file) for file in batch.files],
            "feeds": {
                name: {"hash": feed.definition_hash, "definition": feed.as_written()}
                for name, feed in batch.feeds.items()
            },
        }
        self._write(batch, _PLAN, content)

    def checkpoint(self, batch: Batch, checkpoint: Checkpoint) -> Batch:
        """Write down what the batch comes to."""
        return self._write(replace(batch, checkpoint=checkpoint), _CHECKPOINT, asdict(checkpoint))

    def commit(self, batch: Batch, run_id: str, after: TablesAfter) -> Batch:
        """Mark the batch done. Its files are known from now on."""
        content = {"run_id": run_id, "at": datetime.now(UTC).isoformat(), "after": asdict(after)}
        done = self._write(replace(batch, state=COMMITTED, after=after), COMMITTED, content)
        if len(self._batches) >= _BATCHES_PER_SUMMARY:
            self._sum_up((batch.batch_id, after))
        return done

    def abandon(self, batch: Batch, run_id: str, why: str) -> Batch:
        """Give the batch up, on record. Its files can be planned again."""
        content = {"run_id": run_id, "at": datetime.now(UTC).isoformat(), "why": why}
        return self._write(replace(batch, state=ABANDONED), ABANDONED, content)

    def _committed(self) -> list[Batch]:
        return [batch for batch in self._batches.values() if batch.state == COMMITTED]

    def _write(self, batch: Batch, name: str, content: Mapping[str, Any]) -> Batch:
        self._check()
        self._files.put(_path(batch.batch_id, name), (json.dumps(content, indent=1) + "\n").encode())
        self._batches[batch.batch_id] = batch
        return batch

    def _sum_up(self, last: tuple[str, TablesAfter]) -> None:
        """Write a summary of all batches there are, each of which is done, and remove the older summary."""
        newest = max(batch.number for batch in self._batches.values())
        summary = _Summary(newest, tuple(self.known_files()), last, self.has_quarantined())
        content = {
            "through": summary.through,
            "files": [list(asdict(file).values()) for file in summary.files],
            "last": [last[0], asdict(last[1])],
            "has_quarantined": summary.has_quarantined,
        }
        older = [file.path for file in self._files.list(paths.LEDGER)]
        path = f"{paths.LEDGER}/{newest:06d}.json"
        self._files.put(path, json.dumps(content).encode())
        self._files.delete(other for other in older if other != path)
        self._summary, self._batches = summary, {}

    @cached_property
    def _summary(self) -> _Summary:
        """The newest summary that can be read. It only spares reading: without one every batch is read."""
        for path in sorted((file.path for file in self._files.list(paths.LEDGER)), reverse=True):
            try:
                content = json.loads(self._files.read(path))
                batch_id, after = content["last"]
                return _Summary(
                    content["through"],
                    tuple(LandedFile(*file) for file in content["files"]),
                    (batch_id, TablesAfter(**after)),
                    content["has_quarantined"],
                )
            except (ValueError, TypeError, LookupError) as error:
                logger.warning("%s is no summary of batches (%s); each batch is read", path, type(error).__name__)
        return _Summary()

    @cached_property
    def _batches(self) -> dict[str, Batch]:
        """The batches behind the summary, the oldest first."""
        found: dict[str, set[str]] = {}
        for file in self._files.list(paths.BATCHES, enters=self._is_newer):
            batch_id, _, name = file.path.removeprefix(f"{paths.BATCHES}/").partition("/")
            found.setdefault(batch_id, set()).add(name.removesuffix(".json"))
        newer = [batch_id for batch_id in sorted(found) if _PLAN in found[batch_id] and self._is_newer(batch_id)]
        return {batch.batch_id: batch for batch in (self._read(batch_id, found[batch_id]) for batch_id in newer)}

    def _is_newer(self, directory: str) -> bool:
        """Whether the summary does not stand for the batch of a directory."""
        number = directory.removeprefix(f"{paths.BATCHES}/").partition("-")[0]
        return not number.isdecimal() or int(number) > self._summary.through

    def _read(self, batch_id: str, names: set[str]) -> Batch:
        path = _path(batch_id, _PLAN)
        try:
            plan = json.loads(self._files.read(path))
            batch = Batch(
                batch_id=plan["batch_id"],
                as_of=date.fromisoformat(plan["as_of"]),
                planned_by=plan["planned_by"],
                planned_at=datetime.fromisoformat(plan["planned_at"]),
                files=tuple(LandedFile(**file) for file in plan["files"]),
                spark_tz=plan.get("spark_tz"),
                feeds=_feeds(plan.get("feeds", {})),
                state=next((state for state in (COMMITTED, ABANDONED) if state in names), PLANNED),
                is_resumed=True,
            )
            for name in (_CHECKPOINT, _FIRST_EDITIONS_CHECKPOINT):
                if name in names:
                    path = _path(batch_id, name)
                    batch = replace(batch, checkpoint=_checkpoint(json.loads(self._files.read(path))))
                    break
            if batch.state == COMMITTED:
                path = _path(batch_id, COMMITTED)
                batch = replace(batch, after=_after(json.loads(self._files.read(path)), batch.checkpoint))
            return batch
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamageError(f"{self._files.url}/{path}", [f"is not what a run writes; {_PUT_BACK}"]) from error


def _path(batch_id: str, name: str) -> str:
    return f"{paths.BATCHES}/{batch_id}/{name}.json"


def _feeds(planned: Mapping[str, Any]) -> Mapping[str, Feed]:
    if not planned:
        return {}
    from pyspark_interview_project.config.feed_definition import Feed  # few batches need it, and it takes a while

    return {name: Feed.model_validate(feed["definition"]) for name, feed in planned.items()}


def _checkpoint(record: Mapping[str, Any]) -> Checkpoint:
    return Checkpoint(record["silver_version"], record["commits"], record["figures"], record.get("silver_id"))


def _after(record: Mapping[str, Any], checkpoint: Checkpoint | None) -> TablesAfter | None:
    """How the tables stood, as the record has it, or for the first edition as its checkpoint implies."""
    if "after" in record:
        return TablesAfter(**record["after"])
    if checkpoint is None or not checkpoint.commits:
        return None
    return TablesAfter(checkpoint.silver_id, checkpoint.silver_version + checkpoint.commits)
