"""Summaries of backups: what looks at all backups reads them instead of manifests, and says the same without them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.contents import contents, manifest_name, summary_name
from pyspark_interview_project.dr.store import BackupStore, object_name, open_store
from pyspark_interview_project.dr.summary import Summary
from recovery import back_up, dr, verify, write_strategy


@pytest.fixture(scope="module")
def lake(small_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(small_lake, tmp_path_factory.mktemp("summaries") / "lake"))


@pytest.fixture(scope="module")
def filled(lake: Path) -> BackupStore:
    """Three backups, of which the first two are verified, and the second alone has a file that the others have not."""
    store, mine = open_store(f"{lake}_backups"), lake / paths.RUN_RECORDS / "20261124T000000Z-mine.json"
    verify(store, back_up(lake, store))
    mine.write_text('{"batch_id": null}')
    verify(store, back_up(lake, store))
    mine.unlink()
    back_up(lake, store)
    return store


@pytest.fixture
def store(filled: BackupStore, tmp_path: Path) -> BackupStore:
    """A copy of it, with the times of its files, that a test may change."""
    return open_store(str(shutil.copytree(filled.url, tmp_path / "store")))


def listed(lake: Path, store: BackupStore) -> list[str]:
    """What `returns dr list` says of each backup, without its age."""
    ended = dr(lake, "list", "--from", store.url)
    assert ended.exit_code == 0, ended.stderr
    return [f"{line.split()[0]} {line.split(' min ')[-1]}" for line in ended.lines[1:]]


def only_of(store: BackupStore, backup_id: str) -> str:
    """The hash of the content that only this backup names."""
    (sha256,) = contents(store).of_no_backup(without=[backup_id])
    return sha256


def test_list_and_status_read_no_manifest_that_they_do_not_tell_of(
    lake: Path, store: BackupStore, tmp_path: Path
) -> None:
    expected, (_, second, _) = listed(lake, store), contents(store).backups
    for backup_id in contents(store).backups:
        if backup_id != second:
            size = len(store.read(manifest_name(backup_id)))
            store.write(manifest_name(backup_id), b"?" * size)
    assert listed(lake, store) == expected
    env = {"DR_CONFIG_DIR": str(write_strategy(tmp_path / "dr", to=store.url))}
    assert dr(lake, "status", **env).stdout.startswith(f"nightly: {second} is verified; ")
    # Status never answers for a manifest that cannot be read, and what removes or verifies reads all of them.
    store.write(manifest_name(second), b"?" * len(store.read(manifest_name(second))))
    assert dr(lake, "status", **env).exit_code == 3
    assert dr(lake, "prune", **env).exit_code == dr(lake, "verify", **env).exit_code == 7
    assert contents(store, read_manifests=True).backups == {}


def test_backups_without_a_summary_or_with_a_broken_one_are_listed_by_their_manifests(
    lake: Path, store: BackupStore
) -> None:
    expected, (first, second, third) = listed(lake, store), contents(store).backups
    store.files.delete([summary_name(first)])
    store.write(summary_name(second), store.read(summary_name(third)))
    store.write(summary_name(third), store.read(summary_name(third)).replace(b"0", b"1"))
    assert listed(lake, store) == expected
    assert contents(store).backups == contents(store, read_manifests=True).backups


def test_backup_whose_manifest_is_cut_short_is_listed_as_broken(lake: Path, store: BackupStore) -> None:
    *others, last = contents(store).backups
    store.write(manifest_name(last), store.read(manifest_name(last))[:-100])
    found = contents(store)
    assert (list(found.backups), found.broken) == (others, {last: "is no manifest"})
    assert listed(lake, store)[-1] == f"{last} {last} cannot be used: its manifest is no manifest"


@pytest.mark.parametrize("is_gone", [True, False])
def test_content_that_is_gone_or_cut_short_is_seen_without_reading_a_manifest(
    lake: Path, store: BackupStore, is_gone: bool
) -> None:
    first, second, third = contents(store).backups
    name = object_name(only_of(store, second))
    if is_gone:
        store.files.delete([name])
    else:
        store.write(name, store.read(name)[:-1])
    found = contents(store)
    assert [found.is_bad(backup_id) for backup_id in (first, second, third)] == [False, True, False]
    states = [line.partition(": ")[2] for line in listed(lake, store)]
    assert states == ["", "damaged or incomplete since", ""]


def test_summary_is_made_of_its_manifest_and_read_again_as_it_was(lake: Path, store: BackupStore) -> None:
    for backup_id, summary in contents(store, read_manifests=True).backups.items():
        assert Summary.from_bytes(backup_id, store.read(summary_name(backup_id))) == summary
        assert len(summary.content_keys) == len(set(summary.content_keys)) < summary.files
