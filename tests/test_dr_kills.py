"""Backups, prunes and restores that are killed: nothing half done is taken for whole; run again they finish.

Most kills are in this process, before or behind a call that writes. A few are SIGKILLs of a process of its own.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import lake_reading
from commands import RETURNS, environment, full, mostly_full, returns, run
from kills import SECOND_DAY, killed_before_log, land_one_more, run_whole
from object_stores import BUCKET, end_the_lease, misbehaving, s3_environment
from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.contents import contents, manifest_name
from pyspark_interview_project.dr.prune import prune
from pyspark_interview_project.dr.store import BackupStore, open_store
from recovery import Crash, Killed, back_up, bring_bronze, crashing, dr, files_under, restored, verify

# Of the calls that write these, counted from the first (1) or the last (-1), are those at which `make test` kills.
QUICK_BACKUP = (1, -4, -2, -1)
QUICK_PRUNE = (2, -1)
QUICK_RESTORE = (1, 9, -2, -1)


@pytest.fixture
def lake(small_lake: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_lake, tmp_path / "lake"))


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a store is: a directory, or a bucket behind a network that fails and drops answers."""
    if request.param == "directory":
        yield str(tmp_path / "store")
        return
    with misbehaving(request.getfixturevalue("s3")) as (address, proxy), pytest.MonkeyPatch.context() as patch:
        for name, value in s3_environment(address).items():
            patch.setenv(name, value)
        yield f"s3://{BUCKET}/{tmp_path.name}"
        assert proxy.failed and proxy.lost


IN_EACH_PLACE = pytest.mark.parametrize(
    ("url", "scope"),
    mostly_full([("directory", "quick"), ("directory", "all"), ("s3", "quick")], quick=1),
    indirect=["url"],
)


def crashes(whole: Crash, quick: tuple[int, ...], scope: str) -> Iterator[Crash]:
    """Crashes before and behind the quick ones, or all, of the calls that a whole pass made."""
    few = [at if at > 0 else whole.calls + 1 + at for at in quick]
    for at in few if scope == "quick" else range(1, whole.calls + 1):
        yield Crash(at, is_behind=False)
        yield Crash(at, is_behind=True)


class Fresh:
    """A fresh place for each crash of a test."""

    def __init__(self, url: str) -> None:
        self._url, self._number = url, 0

    def __call__(self) -> str:
        self._number += 1
        return f"{self._url}-{self._number}"


@IN_EACH_PLACE
def test_backup_killed_is_no_backup_and_the_next_one_finishes(lake: Path, url: str, scope: str) -> None:
    fresh, whole = Fresh(url), Crash()
    back_up(lake, BackupStore(crashing(fresh(), whole)), landed_files=True)
    for crash in crashes(whole, QUICK_BACKUP, scope):
        place = fresh()
        with pytest.raises(Killed):
            back_up(lake, BackupStore(crashing(place, crash)), landed_files=True)
        found = contents(open_store(place))
        is_done = crash.at == whole.calls or (crash.at == whole.calls - 1 and crash.is_behind)
        assert (len(found.backups), found.broken, found.strangers) == (int(is_done), {}, []), crash
        sent_before = len(found.objects)
        backup = back_up(lake, open_store(place), landed_files=True)
        assert backup.sent.files == len(contents(open_store(place)).objects) - sent_before
        assert verify(open_store(place), backup).all == []


@full
@IN_EACH_PLACE
def test_prune_killed_leaves_whole_backups_and_the_next_one_finishes(lake: Path, url: str, scope: str) -> None:
    mine = lake / paths.RUN_RECORDS / "20261124T000000Z-mine.json"

    def pruned(files: BackupStore, place: str) -> str:
        """An old backup that names content of its own is pruned. Returns the id of the one that is kept."""
        mine.write_text('{"batch_id": null}')
        back_up(lake, open_store(place))
        mine.unlink()
        kept = back_up(lake, open_store(place))
        assert verify(open_store(place), kept).all == []
        prune(files, days=0, last=1)
        return kept.manifest.id

    fresh, whole = Fresh(url), Crash()
    place = fresh()
    pruned(BackupStore(crashing(place, whole)), place)
    for crash in crashes(whole, QUICK_PRUNE, scope):
        place = fresh()
        with pytest.raises(Killed):
            pruned(BackupStore(crashing(place, crash)), place)
        store = open_store(place)
        found = contents(store, read_manifests=True)
        assert (found.broken, found.missing, found.strangers) == ({}, [], [])
        kept = found.verified_backups[0].id
        assert [found.is_bad(backup_id) for backup_id in found.backups] == [False] * len(found.backups)
        prune(store, days=0, last=1)
        assert list(contents(store).backups) == [kept]
        names = {name.split("/")[0] for name in files_under(Path(place))} if "://" not in place else set()
        assert names <= {"backups", "lock", "objects", "verified"}
        assert {file.path for file in store.list("backups")} == {manifest_name(kept), f"backups/{kept}/summary.json"}


@IN_EACH_PLACE
def test_restore_killed_cannot_be_used_and_the_next_one_finishes(
    lake: Path, url: str, tmp_path: Path, scope: str
) -> None:
    store = open_store(url)
    backup = back_up(lake, store, landed_files=True)
    fresh, whole = Fresh(str(tmp_path / "restored")), Crash()
    expected = files_under(restored(store, backup, Path(fresh()), whole))
    for crash in crashes(whole, QUICK_RESTORE, scope):
        target = Path(fresh())
        with pytest.raises(Killed):
            restored(store, backup, target, crash)
        is_begun = crash.at > 1 or crash.is_behind
        is_done = crash.at == whole.calls or (crash.at == whole.calls - 1 and crash.is_behind)
        assert (target / paths.RESTORE_MARKER).exists() == (is_begun and not is_done)
        if is_begun and not is_done:
            (target / ".killed.tmp").write_text("left by a write that was killed")
            assert dr(target, "backup", "--to", str(tmp_path / "other")).exit_code == 8
        if not is_done:
            restored(store, backup, target)
        assert files_under(target) == expected
    assert lake_reading.everything(target) == lake_reading.everything(lake)


def test_restore_into_the_place_of_the_lake_that_is_killed_is_finished_by_the_same_command(
    lake: Path, tmp_path: Path, small_lake: Path
) -> None:
    store = open_store(str(tmp_path / "store"))
    backup = back_up(lake, store, landed_files=True)
    shutil.rmtree(lake)  # the lake is gone, and is to come back where it was, DATA_ROOT
    with pytest.raises(Killed):
        restored(store, backup, lake, Crash(12))
    for command in ("backup", "replicate", "drill", "prune"):
        assert dr(lake, command).exit_code == 8
    assert returns(lake, "run").exit_code == 8
    assert backup.manifest.id in dr(lake, "list", "--from", store.url).stdout
    assert dr(lake, "verify", "--from", store.url).exit_code == 0
    arguments = ("restore", "--from", store.url, "--to", str(lake))
    ended = dr(lake, *arguments)
    assert (ended.exit_code, ended.complaints) == (0, [])
    assert lake_reading.everything(lake) == lake_reading.everything(small_lake)
    assert dr(lake, *arguments).exit_code == 8  # a whole lake is never restored over


def test_restore_interrupted_is_not_continued_by_that_of_another_backup(lake: Path, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    backup, other = back_up(lake, store), back_up(lake, store)
    target = tmp_path / "restored"
    with pytest.raises(Killed):
        restored(store, other, target, Crash(12))
    arguments = ("restore", "--from", store.url, "--to", str(target))
    for more in (("--backup", backup.manifest.id), ("--table", lake_reading.SILVER)):
        assert dr(lake, *arguments, *more).exit_code == 8
    assert dr(lake, *arguments, "--backup", other.manifest.id).exit_code == 0


def sigkilled(lake: Path, library: Path, pattern: str, nth: int, *arguments: str) -> None:
    """A command of recovery that is killed before the n-th file that matches gets its name."""
    fault = {"LD_PRELOAD": str(library), "FAULT_AT": f"before:kill:{nth}:{pattern}"}
    ended = run([RETURNS, "dr", *arguments], environment(lake, **fault), in_own_session=True)
    assert ended.exit_code == -signal.SIGKILL, ended


@full
@pytest.mark.parametrize(("pattern", "nth"), [("*/objects/*", 9), ("*/manifest.json", 1)])
def test_backup_in_a_process_that_is_killed_leaves_nothing_behind_the_next_one(
    lake: Path, tmp_path: Path, publishing_faults: Path, pattern: str, nth: int
) -> None:
    store = open_store(str(tmp_path / "store"))
    sigkilled(lake, publishing_faults, pattern, nth, "backup", "--to", store.url)
    assert contents(store).backups == {}
    assert list((tmp_path / "store").rglob(".*.tmp"))
    assert verify(store, back_up(lake, store)).all == []
    assert list((tmp_path / "store").rglob(".*.tmp")) == []


@full
def test_restore_in_a_process_that_is_killed_leaves_nothing_behind_the_next_one(
    lake: Path, tmp_path: Path, publishing_faults: Path
) -> None:
    store, target = open_store(str(tmp_path / "store")), tmp_path / "restored"
    back_up(lake, store, landed_files=True)
    arguments = ("restore", "--from", store.url, "--to", str(target))
    sigkilled(lake, publishing_faults, f"{target}/*/_delta_log/*", 3, *arguments)
    assert dr(lake, *arguments).exit_code == 0
    assert lake_reading.everything(target) == lake_reading.everything(lake)
    assert list(target.rglob(".*")) == []


@full
def test_bucket_is_locked_until_the_lease_of_its_holder_is_over(
    lake: Path, tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, env = f"s3://{BUCKET}/{tmp_path.name}", s3_environment(s3)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with open_store(url).locked("backup"):
        assert dr(lake, "backup", "--to", url, **env).exit_code == 6
        end_the_lease(url)
        assert dr(lake, "backup", "--to", url, **env).exit_code == 0


@full
def test_backup_of_a_batch_that_is_not_done_restores_to_what_the_next_run_makes_whole(
    lake: Path, small_lake: Path, tmp_path: Path
) -> None:
    (max((lake / paths.BATCHES).iterdir()) / "committed.json").unlink()  # as a run leaves it that is killed before
    store = open_store(str(tmp_path / "store"))
    backup = back_up(lake, store)
    assert (backup.manifest.batches, len(backup.manifest.batches_left_out)) == (1, 1)
    assert backup.manifest.tables[paths.SILVER_RETURNS].rows == 3
    assert verify(store, backup).all == []
    target = restored(store, backup, tmp_path / "restored")
    for table, entry in backup.manifest.tables.items():
        assert lake_reading.version(target, table) == entry.version
        assert len(lake_reading.rows(target, table)) == entry.rows
    assert {state for _, state in lake_reading.batch_states(target)} == {"committed"}
    bring_bronze(lake, target)
    run_whole(target, SECOND_DAY)
    assert lake_reading.comparable(target) == lake_reading.comparable(small_lake)
    versions = lake_reading.everything(target)
    run_whole(target, SECOND_DAY)  # the same files again
    assert lake_reading.everything(target) == versions


@full
@pytest.mark.parametrize("table", [table for table in paths.TABLES if table != paths.QUARANTINED_RETURNS])
def test_backup_of_a_run_that_is_killed_restores_to_what_the_next_run_makes_whole(
    lake: Path, tmp_path: Path, publishing_faults: Path, table: str
) -> None:
    land_one_more(lake)
    whole = Path(shutil.copytree(lake, tmp_path / "whole"))
    run_whole(whole, SECOND_DAY)
    killed_before_log(lake, SECOND_DAY, table, publishing_faults)
    store = open_store(str(tmp_path / "store"))
    backup = back_up(lake, store)
    assert verify(store, backup).all == []
    target = restored(store, backup, tmp_path / "restored")
    bring_bronze(lake, target)
    run_whole(target, SECOND_DAY)
    assert lake_reading.comparable(target) == lake_reading.comparable(whole)
