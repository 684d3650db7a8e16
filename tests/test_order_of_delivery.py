"""Which version of a return wins, however versions are split into files, landing days and batches.

The newest ingest_ts wins, none being the oldest; among equal ones the version delivered later: of a later batch, then
landing day, modification time, path and record. A few lines below work it out once more.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

import lake_reading
from commands import Ended, mostly_full, returns, succeeded
from lake_reading import SILVER
from landing import Row, land, row_of

LANDED = "bronze/returns_raw"
AS_OF = "2026-11-28"
RETURNS, VERSIONS, BATCHES = 200, 900, 3
TIMES = ("2026-11-19T08:00:00Z", "2026-11-19T08:00:00.000001Z", "2026-11-20T08:00:00Z", None)
DAYS = ("", "dt=2026-11-18/", "dt=2026-11-20/", "dt=2026-11-21/")
NAMES = ("a.csv", "a/z.jsonl", "b.parquet", "b2.csv.gz", "a b.ndjson")
OUTCOMES = ("inserted", "updated", "superseded", "duplicate", "quarantined", "excluded")


@dataclass(frozen=True)
class Version:
    """A version as it was delivered: where, and when its file was modified."""

    return_id: str
    amount: str
    ingest_ts: str | None
    batch: int
    day: str
    modified: int
    name: str
    record: int

    @property
    def path(self) -> str:
        return f"{LANDED}/{self.day}{self.batch}/{self.name}"

    @property
    def rank(self) -> tuple[str, int, str, int, str, int]:
        moment = (self.ingest_ts or "").replace("Z", "").ljust(26, ".")  # a fraction is later than none
        return moment, self.batch, self.day, self.modified, self.path, self.record


def split(seed: int) -> list[Version]:
    """Versions dealt to files at random. A file's modification time has nothing to do with its name or batch."""
    random_ = random.Random(seed)
    records: dict[tuple[int, str, str], int] = defaultdict(int)
    modified: dict[tuple[int, str, str], int] = {}
    versions = []
    for _ in range(VERSIONS):
        file = (random_.randrange(BATCHES), random_.choice(DAYS), random_.choice(NAMES))
        records[file] += 1
        at = modified.setdefault(file, 1_795_000_000 + random_.randrange(6))
        return_id, amount = f"R-{random_.randrange(RETURNS)}", f"{random_.randrange(4)}.50"
        batch, day, name = file
        versions.append(Version(return_id, amount, random_.choice(TIMES), batch, day, at, name, records[file]))
    return versions


def land_batch(lake: Path, versions: list[Version]) -> None:
    files: dict[str, list[Version]] = defaultdict(list)
    for version in versions:
        files[version.path].append(version)
    in_any_order = sorted(files, key=lambda path: path[::-1])
    for path in in_any_order:
        land(lake / path, [row(version) for version in files[path]])
        os.utime(lake / path, (files[path][0].modified,) * 2)


def row(version: Version) -> Row:
    return row_of(version.return_id, "O", None, "MUG", None, "1", version.amount, "2026-11-18", version.ingest_ts)


def winners(versions: list[Version]) -> list[tuple[str, Decimal, str, int]]:
    """Of each return the version of the highest rank. Of equal content in later batches the first to come stays."""
    kept: dict[str, Version] = {}
    for batch in range(BATCHES):
        best: dict[str, Version] = {}
        for version in (one for one in versions if one.batch == batch):
            if version.return_id not in best or version.rank > best[version.return_id].rank:
                best[version.return_id] = version
        for return_id, version in best.items():
            before = kept.get(return_id)
            is_same = before and (before.amount, before.ingest_ts) == (version.amount, version.ingest_ts)
            if before is None or (version.rank > before.rank and not is_same):
                kept[return_id] = version
    return sorted((one.return_id, Decimal(one.amount), one.path, one.record) for one in kept.values())


@pytest.mark.embedded_only
@pytest.mark.parametrize("seed", mostly_full(range(8), quick=1))
def test_newest_then_latest_delivered_version_wins(tmp_path: Path, seed: int) -> None:
    lake, versions = tmp_path / "lake", split(seed)
    for batch in range(BATCHES):
        land_batch(lake, [version for version in versions if version.batch == batch])
        succeeded(run(lake))
        so_far = [version for version in versions if version.batch <= batch]
        found = lake_reading.rows(lake, SILVER, ("return_id", "amount", "source_file", "source_record"))
        assert found == winners(so_far)
        assert_law_holds(lake, len(so_far))
    before = lake_reading.everything(lake)
    succeeded(run(lake))
    assert lake_reading.everything(lake) == before


def test_batches_of_a_backlog_are_taken_as_it_was_delivered(tmp_path: Path) -> None:
    """Not by their paths: the file of the later day is in the later batch."""
    late = Version("R-1", "2.50", None, 0, "a/dt=2026-11-21/", 1, "x.csv", 1)
    early = Version("R-1", "1.50", None, 0, "b/dt=2026-11-20/", 2, "x.csv", 1)
    land_batch(tmp_path / "lake", [late, early])
    succeeded(run(tmp_path / "lake", MAX_BATCH_BYTES="1"))
    assert len(lake_reading.batch_states(tmp_path / "lake")) == 2
    found = lake_reading.rows(tmp_path / "lake", SILVER, ("amount", "source_file"))
    assert found == [(Decimal("2.50"), late.path)]


@pytest.mark.embedded_only
@pytest.mark.full
@pytest.mark.parametrize("seed", range(3))
def test_batches_that_a_run_makes_of_one_landing_give_the_same_returns(tmp_path: Path, seed: int) -> None:
    """A run that takes small batches one behind the other ends with the winners by landing day and time."""
    lake, versions = tmp_path / "lake", split(seed)
    land_batch(lake, versions)
    succeeded(run(lake, MAX_BATCH_BYTES="4000"))
    assert len(lake_reading.batch_states(lake)) > BATCHES
    found = lake_reading.rows(lake, SILVER, ("return_id", "amount"))
    best: dict[str, Version] = {}
    for version in sorted(versions, key=lambda one: (one.rank[0], one.rank[2:])):
        best[version.return_id] = version
    assert found == sorted((one.return_id, Decimal(one.amount)) for one in best.values())


def run(lake: Path, **settings: str) -> Ended:
    return returns(lake, "run", "--as-of", AS_OF, VOLUME_GATE="off", LOG_LEVEL="ERROR", **settings)


def assert_law_holds(lake: Path, delivered: int) -> None:
    stages = [stage for record in lake_reading.run_records(lake) for stage in record["stages"] if "rows_read" in stage]
    for stage in stages:
        assert stage["rows_read"] == sum(stage[f"rows_{outcome}"] for outcome in OUTCOMES)
        amounts = {name: Decimal(amount) for name, amount in stage["amounts"].items()}
        assert amounts["read"] == sum(amounts[outcome] for outcome in OUTCOMES)
    assert sum(stage["rows_read"] for stage in stages) == delivered
    assert sum(stage["rows_inserted"] for stage in stages) == len(lake_reading.rows(lake, SILVER, ("return_id",)))
