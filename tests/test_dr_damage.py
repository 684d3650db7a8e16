"""Damage to a backup: whatever is flipped, cut, deleted, swapped or added, in whichever sort of object, is found."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from commands import full, mostly_full
from deletion_vectors import table_with_deletion_vectors
from object_stores import BUCKET, misbehaving, s3_environment
from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.backup import Backup
from pyspark_interview_project.dr.contents import contents, manifest_name
from pyspark_interview_project.dr.manifest import FileEntry
from pyspark_interview_project.dr.prune import plan_prune
from pyspark_interview_project.dr.replicate import newest_verified
from pyspark_interview_project.dr.store import BackupStore, object_name, open_store
from pyspark_interview_project.errors import DamageError, RestoreRefusedError
from recovery import back_up, dr, files_under, live_file, restored, verify


@dataclass(frozen=True)
class Kept:
    """A backup in a store of its own."""

    store: BackupStore
    backup: Backup
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def manifest(self) -> str:
        return manifest_name(self.backup.manifest.id)

    def two_of(self, sort: str) -> tuple[FileEntry, FileEntry]:
        one, other, *_ = {e.sha256: e for e in self.backup.manifest.files if SORTS[sort](e)}.values()
        return one, other


SORTS: dict[str, Callable[[FileEntry], bool]] = {
    "data": lambda entry: entry.kind == "data",
    "deletion vector": lambda entry: entry.kind == "deletion_vector",
    "log": lambda entry: entry.kind == "log" and entry.path.endswith(".json"),
    "checkpoint": lambda entry: ".checkpoint." in entry.path,
    "state": lambda entry: entry.kind == "state",
    "landed": lambda entry: entry.kind == "landed",
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, small_lake: Path) -> Path:
    """A lake with checkpoints, in which somebody else's writer left deletion vectors in quarantine."""
    lake = Path(shutil.copytree(small_lake, tmp_path_factory.mktemp("damage") / "lake"))
    from deltalake import DeltaTable

    for table in (paths.SILVER_RETURNS, paths.GOLD_BY_SKU_REASON):
        DeltaTable(str(lake / table)).create_checkpoint()
    shutil.rmtree(lake / paths.QUARANTINED_RETURNS)
    table_with_deletion_vectors(lake / paths.QUARANTINED_RETURNS)
    return lake


@pytest.fixture(scope="module")
def whole(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    store = open_store(str(tmp_path_factory.mktemp("store")))
    backup = back_up(lake, store, landed_files=True)
    assert verify(store, backup).all == []
    return Kept(store, backup)


@pytest.fixture(params=["directory", pytest.param("s3", marks=full)])
def kept(request: pytest.FixtureRequest, whole: Kept, tmp_path: Path) -> Iterator[Kept]:
    """A copy of it that may be damaged: in a directory, and in an S3 behind a proxy that fails and drops answers."""
    if request.param == "directory":
        assert whole.store.directory is not None
        shutil.copytree(whole.store.directory, tmp_path / "store")
        yield Kept(open_store(str(tmp_path / "store")), whole.backup)
        return
    s3 = request.getfixturevalue("s3")
    with misbehaving(s3) as (address, proxy), pytest.MonkeyPatch.context() as patch:
        env = s3_environment(address)
        for name, value in env.items():
            patch.setenv(name, value)
        store = open_store(f"s3://{BUCKET}/{tmp_path.name}")
        for entry in whole.store.list():
            store.write(entry.path, whole.store.read(entry.path))
        yield Kept(store, whole.backup, env)
        assert proxy.failed and proxy.lost


def flip(store: BackupStore, name: str, other: str) -> None:
    content = bytearray(store.read(name))
    content[len(content) // 2] ^= 0x10
    store.write(name, bytes(content))


def truncate(store: BackupStore, name: str, other: str) -> None:
    store.write(name, store.read(name)[:-1])


def empty(store: BackupStore, name: str, other: str) -> None:
    store.write(name, b"")


def delete(store: BackupStore, name: str, other: str) -> None:
    store.files.delete([name])


def swap(store: BackupStore, name: str, other: str) -> None:
    one, two = store.read(name), store.read(other)
    store.write(name, two)
    store.write(other, one)


Damage = Callable[[BackupStore, str, str], None]
DAMAGES = (flip, truncate, empty, delete, swap)


@pytest.mark.parametrize(
    ("sort", "damage"),
    mostly_full(sorted(product(SORTS, DAMAGES), key=lambda each: each[0] != "data" and each[1] is not flip), quick=10),
    ids=lambda value: getattr(value, "__name__", value),
)
def test_verify_finds_damage_to_every_sort_of_object_and_names_all_of_it(
    kept: Kept, tmp_path: Path, sort: str, damage: Damage
) -> None:
    one, other = kept.two_of(sort)
    damage(kept.store, object_name(one.sha256), object_name(other.sha256))
    hurt = {one.sha256, other.sha256} if damage is swap else {one.sha256}
    findings = verify(kept.store, kept.backup)
    assert findings.damaged == hurt
    same_content = {entry.path for entry in kept.backup.manifest.files if entry.sha256 in hurt}
    assert {finding.split(": ")[0] for finding in findings.backup} >= same_content
    with pytest.raises((DamageError, RestoreRefusedError)):
        restored(kept.store, kept.backup, tmp_path / "restored")
    target = tmp_path / "restored"
    assert not target.exists() or (target / paths.RESTORE_MARKER).exists()


@pytest.mark.parametrize("damage", mostly_full(DAMAGES), ids=lambda damage: damage.__name__)
def test_verify_finds_damage_to_a_manifest(kept: Kept, lake: Path, damage: Damage) -> None:
    second = back_up(lake, kept.store, landed_files=True)
    verify(kept.store, second)
    damage(kept.store, kept.manifest, Kept(kept.store, second).manifest)
    backup_id = kept.backup.manifest.id
    for arguments in (("--backup", backup_id), ()):
        ended = dr(lake, "verify", "--from", kept.store.url, *arguments, **kept.env)
        assert ended.exit_code == 7
        assert f"backups/{backup_id}/manifest.json" in ended.stdout + ended.stderr
    arguments = ("--from", kept.store.url, "--backup", backup_id, "--to", str(lake / "../new"))
    ended = dr(lake, "restore", *arguments, **kept.env)
    assert ended.exit_code == 7 and not (lake / "../new").exists()


@pytest.mark.parametrize("name", ["objects/ab/notes.txt", "backups/readme", "left/behind", f"objects/aa/{'a' * 64}"])
def test_verify_finds_what_was_added(kept: Kept, name: str) -> None:
    kept.store.write(name, b"added")
    findings = verify(kept.store, kept.backup)
    assert findings.backup == []
    (finding,) = findings.store
    assert finding.startswith(f"{name}: ")


def test_verify_lists_all_damage_and_says_what_is_still_restorable(kept: Kept, lake: Path, tmp_path: Path) -> None:
    silver = [e for e in kept.backup.manifest.files if e.kind == "data" and e.table == paths.SILVER_RETURNS][:5]
    for entry in silver:
        flip(kept.store, object_name(entry.sha256), "")
    ended = dr(lake, "verify", "--from", kept.store.url, **kept.env)
    assert ended.exit_code == 7
    *found, restorable = ended.stdout.splitlines()
    assert [line.split(": ")[0] for line in found] == sorted(entry.path for entry in silver)
    whole = ", ".join(table for table in kept.backup.manifest.tables if table != paths.SILVER_RETURNS)
    assert f"of backup {kept.backup.manifest.id} restorable: {whole}" in restorable
    for table in whole.split(", "):
        arguments = ("--from", kept.store.url, "--to", str(tmp_path / table.replace("/", "-")), "--table", table)
        assert dr(lake, "restore", *arguments, **kept.env).exit_code == 0


def test_damage_that_a_verification_found_is_mended_by_the_next_backup(kept: Kept, lake: Path) -> None:
    one, other = kept.two_of("data")
    swap(kept.store, object_name(one.sha256), object_name(other.sha256))
    assert verify(kept.store, kept.backup).damaged == {one.sha256, other.sha256}
    assert contents(kept.store).damaged == {one.sha256, other.sha256}
    mended = back_up(lake, kept.store, landed_files=True)
    assert mended.sent.files == 2
    assert verify(kept.store, mended).all == verify(kept.store, kept.backup).all == []


@pytest.mark.parametrize("damage", mostly_full([flip, delete, truncate], 1), ids=lambda damage: damage.__name__)
def test_damage_that_another_backups_verification_found_ends_what_it_shares(
    lake: Path, tmp_path: Path, damage: Damage
) -> None:
    """Two of three backups share a file that the first does not have; it is damaged after one was verified."""
    changing, store = Path(shutil.copytree(lake, tmp_path / "lake")), open_store(str(tmp_path / "store"))
    first = back_up(changing, store)
    assert verify(store, first).all == []
    (changing / paths.RUN_RECORDS / "20261124T000000Z-mine.json").write_text('{"batch_id": null}')
    second = back_up(changing, store)
    assert verify(store, second).all == []
    third = back_up(changing, store)
    (shared,) = {f.sha256 for f in second.manifest.files} - {f.sha256 for f in first.manifest.files}
    damage(store, object_name(shared), "")
    assert verify(store, third).damaged == {shared}

    found = contents(store)
    ids = [backup.manifest.id for backup in (first, second, third)]
    assert list(found.backups) == ids
    assert [found.is_verified(backup_id) for backup_id in ids] == [True, False, False]
    assert [backup.id for backup in found.verified_backups] == [first.manifest.id]
    arguments = ("--from", store.url)
    assert f"last verified before: {ids[0]}" in dr(lake, "verify", *arguments).stdout
    second_line = dr(lake, "list", *arguments).lines[2]
    assert second_line.startswith(ids[1]) and second_line.endswith("damaged or incomplete since")
    assert newest_verified(store) == first.manifest  # what is replicated
    plan = plan_prune(found, days=0, last=1, now=datetime.now(UTC) + timedelta(days=2))
    assert [backup.id for backup in plan.backups] == [ids[1]]

    # Sent again by the next backup, it is what the second has been verified with.
    back_up(changing, store)
    assert contents(store).is_verified(ids[1])


def test_good_verification_behind_one_that_found_damage_counts(lake: Path, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    first, second = back_up(lake, store), back_up(lake, store)
    shared = Path(store.url) / object_name(first.manifest.files[0].sha256)
    content = shared.read_bytes()
    flip(store, object_name(first.manifest.files[0].sha256), "")
    assert verify(store, first).backup != []
    shared.write_bytes(content)
    os.utime(shared, (0, 0))  # not sent again: a disk that misread once
    assert verify(store, second).all == []
    found = contents(store)
    assert (found.is_verified(first.manifest.id), found.is_verified(second.manifest.id)) == (False, True)


def test_backup_of_a_damaged_lake_exits_7_and_leaves_none(lake: Path, tmp_path: Path) -> None:
    hurt = tmp_path / "lake"
    shutil.copytree(lake, hurt)
    path = live_file(hurt, paths.SILVER_RETURNS)
    content = path.read_bytes()
    path.write_bytes(content[:-100] + bytes(100))
    ended = dr(hurt, "backup", "--to", str(tmp_path / "store"))
    assert ended.exit_code == 7
    assert ended.complaints == [
        f"error: {path.relative_to(hurt)}: is no Parquet file that can be read; nothing was made of it"
    ]
    assert not (tmp_path / "store" / "backups").exists()


def test_newer_format_exits_8(kept: Kept, lake: Path, tmp_path: Path) -> None:
    from pyspark_interview_project.dr.manifest import _checksum

    envelope = json.loads(kept.store.read(kept.manifest))
    envelope["backup"]["format"] = 3
    envelope["checksum"] = _checksum(envelope["backup"])
    kept.store.write(kept.manifest, json.dumps(envelope).encode())
    ended = dr(lake, "restore", "--from", kept.store.url, "--to", str(tmp_path / "restored"), **kept.env)
    assert ended.exit_code == 8
    assert "has format 3, and this version knows formats up to 2; restore with the version that made it" in ended.stderr


def test_deletion_vectors_are_restored_with_their_table(kept: Kept, tmp_path: Path) -> None:
    target = restored(kept.store, kept.backup, tmp_path / "restored")
    vectors = [path for path in files_under(target, paths.QUARANTINED_RETURNS) if path.endswith(".bin")]
    assert len(vectors) == 2 and any("/ab/" in path for path in vectors)
    entry = kept.backup.manifest.tables[paths.QUARANTINED_RETURNS]
    assert (entry.version, entry.rows) == (1, 9 - 4)
