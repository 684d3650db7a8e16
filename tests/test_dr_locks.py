"""Backups, prunes and verifications that meet in one store: none leaves a backup that lacks something, or jams it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from commands import RETURNS, environment, full, run
from object_stores import BUCKET, end_the_lease, s3_environment
from pyspark_interview_project.config import paths
from pyspark_interview_project.dr import prune as prune_module
from pyspark_interview_project.dr.backup import make_backup
from pyspark_interview_project.dr.backups import write_verification
from pyspark_interview_project.dr.contents import contents, verification_name
from pyspark_interview_project.dr.prune import plan_prune, prune
from pyspark_interview_project.dr.store import BackupStore, object_name, open_store
from pyspark_interview_project.errors import ConflictError, StorageError
from pyspark_interview_project.progress import Steps
from pyspark_interview_project.storage.files import LocalFiles
from recovery import back_up, dr, verify


class Meanwhile(Steps):
    """Steps during which something else happens, once, when this message begins."""

    def __init__(self, message: str, what: Callable[[], object]) -> None:
        super().__init__()
        self._message, self._what = message, what

    def show(self, message: str) -> None:
        if message.startswith(self._message):
            self._message = "never again"
            self._what()


@pytest.fixture
def lake(small_lake: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_lake, tmp_path / "lake"))


@pytest.fixture
def bucket(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BackupStore:
    for name, value in s3_environment(s3).items():
        monkeypatch.setenv(name, value)
    return open_store(f"s3://{BUCKET}/{tmp_path.name}")


@full
def test_backup_that_stood_still_while_a_prune_took_the_lock_over_makes_none(lake: Path, bucket: BackupStore) -> None:
    """The prune removes an old backup, and with it content that the new backup has found in the store."""
    again = lake / paths.RUN_RECORDS / "20261124T000000Z-mine.json"
    again.write_text('{"batch_id": null}')
    back_up(lake, bucket)
    again.unlink()
    kept = back_up(lake, bucket)
    assert verify(bucket, kept).all == []
    again.write_text('{"batch_id": null}')

    def prune_elsewhere() -> None:
        end_the_lease(bucket.url)
        assert len(prune(open_store(bucket.url), days=0, last=1).backups) == 1

    with pytest.raises(ConflictError) as raised:
        make_backup(lake, bucket, None, False, Meanwhile("copying logs", prune_elsewhere))
    assert raised.value.exit_code == 6
    assert list(contents(bucket).backups) == [kept.manifest.id]
    complete = back_up(lake, bucket)
    assert verify(bucket, complete).all == []


@full
def test_prune_that_stood_still_removes_nothing_once_another_has_the_lock(
    lake: Path, bucket: BackupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(lake, bucket)
    verify(bucket, back_up(lake, bucket))
    before = {entry.path for entry in bucket.list()}

    def taken_over_first(*arguments: Any) -> object:
        end_the_lease(bucket.url)
        with open_store(bucket.url).locked("backup"):
            pass
        return plan_prune(*arguments)

    monkeypatch.setattr(prune_module, "plan_prune", taken_over_first)
    with pytest.raises(ConflictError):
        prune(bucket, days=0, last=1)
    assert {entry.path for entry in bucket.list()} == before


def test_backup_whose_content_is_removed_before_its_manifest_makes_none(lake: Path, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))

    def remove_one() -> None:
        name, *_ = sorted(entry.path for entry in store.list("objects"))
        store.files.delete([name])

    with pytest.raises(StorageError) as raised:
        make_backup(lake, store, None, False, Meanwhile("copying logs", remove_one))
    assert raised.value.exit_code == 5 and "has no more what was sent to it" in str(raised.value)
    assert contents(store).backups == {}
    assert verify(store, back_up(lake, store)).all == []


def test_verification_of_a_backup_that_is_pruned_meanwhile_leaves_nothing_behind(lake: Path, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    old, kept = back_up(lake, store), back_up(lake, store)
    assert verify(store, kept).all == []
    prune(store, days=0, last=1)
    write_verification(store, old.manifest.id, [], [])  # one that had begun to read before
    found = contents(store)
    assert (found.missing, list(found.verified)) == ([], [kept.manifest.id])
    assert verify(store, kept).all == []
    assert prune(store, days=0, last=1).backups == []


def test_verification_written_while_its_backup_is_pruned_is_removed_with_it(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment between: it finds its backup still there, and the prune has removed verifications already."""
    store = open_store(str(tmp_path / "store"))
    old, kept = back_up(lake, store), back_up(lake, store)
    assert verify(store, kept).all == []
    deleted: list[list[str]] = []

    class Racing(LocalFiles):
        def delete(self, paths: Iterable[str]) -> None:
            gone = list(paths)
            super().delete(gone)
            if not deleted:
                write_verification(store, old.manifest.id, [], [])
                assert store.files.head(verification_name(old.manifest.id))
            deleted.append(gone)

    prune(BackupStore(Racing(store.url)), days=0, last=1)
    assert (contents(store).missing, list(contents(store).verified)) == ([], [kept.manifest.id])


@full
@pytest.mark.parametrize("is_whole", [True, False])
def test_verify_that_may_not_write_says_what_it_found_and_warns(
    lake: Path, tmp_path: Path, publishing_faults: Path, is_whole: bool
) -> None:
    store = open_store(str(tmp_path / "store"))
    backup = back_up(lake, store).manifest
    if not is_whole:
        (Path(store.url) / object_name(backup.files[0].sha256)).unlink()
    fault = {"LD_PRELOAD": str(publishing_faults), "FAULT_AT": "before:EROFS:1:*/store/verified/*"}
    ended = run([RETURNS, "dr", "verify", "--from", store.url], environment(lake, **fault))
    assert contents(store).verified == {}
    warnings = [line["message"] for line in ended.logs if line["level"] == "WARNING"]
    assert [line.split(": ")[0] for line in warnings] == [
        "the store was not told, so that the backup does not count as verified"
    ]
    if is_whole:
        assert (ended.exit_code, ended.stdout.split(":")[0]) == (0, f"{backup.id} is whole")
        assert dr(lake, "list", "--from", store.url).lines[1].endswith("never")
    else:
        assert ended.exit_code == 7 and ended.stdout.startswith(f"{backup.files[0].path}: is not in the store")
