"""What a snapshot takes while a lake is written, compacted and vacuumed, and which files of a log make a version."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

import lake_reading
from commands import full, process, succeeded
from deletion_vectors import table_with_deletion_vectors
from kills import FIRST_DAY, LANDED, SETTINGS, land_samples, run_elsewhere
from landing import land, row_of
from pyspark_interview_project.config import paths
from pyspark_interview_project.dr import backup as backup_module
from pyspark_interview_project.dr.prune import prune
from pyspark_interview_project.dr.snapshot import pin, version_in
from pyspark_interview_project.dr.store import open_store
from pyspark_interview_project.dr.table_log import BrokenLog, log_files, newest_and_commits
from pyspark_interview_project.errors import StorageError
from pyspark_interview_project.schemas.tables import TABLES
from pyspark_interview_project.storage.files import LocalFiles
from recovery import back_up, dr, files_under, restored, verify


@pytest.fixture
def lake(small_lake: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_lake, tmp_path / "lake"))


def test_tables_of_paths_are_those_of_the_contracts() -> None:
    assert {table.place for table in TABLES} == set(paths.TABLES)


def files_by_delta_rs(lake: Path, table: str, version: int) -> set[str]:
    return {uri.split(f"{table}/", 1)[1] for uri in DeltaTable(str(lake / table), version=version).file_uris()}


@pytest.mark.parametrize("table", paths.TABLES)
def test_every_version_is_made_of_the_files_that_delta_rs_names(lake: Path, table: str) -> None:
    opened = DeltaTable(str(lake / table))
    opened.optimize.compact()
    opened.create_checkpoint()
    opened.delete("reason = 'nothing'" if table != paths.QUARANTINED_RETURNS else "attempts = 7")
    newest, commits = newest_and_commits(lake / table)
    assert newest == DeltaTable(str(lake / table)).version() == commits[-1][0]
    for version in range(newest + 1):
        made_of = version_in(LocalFiles(lake), table, version)
        assert set(made_of.files) == files_by_delta_rs(lake, table, version)
        assert made_of.rows == DeltaTable(str(lake / table), version=version).to_pyarrow_table().num_rows


def test_version_behind_a_checkpoint_needs_no_commit_before_it(lake: Path, tmp_path: Path) -> None:
    table = DeltaTable(str(lake / paths.SILVER_RETURNS))
    table.create_checkpoint()
    for entry in (lake / paths.SILVER_RETURNS / "_delta_log").glob("*.json"):
        if int(entry.stem) < table.version():
            entry.unlink()
    store = open_store(str(tmp_path / "store"))
    backup = back_up(lake, store)
    target = restored(store, backup, tmp_path / "restored")
    names = sorted(path.name for path in (target / paths.SILVER_RETURNS / "_delta_log").iterdir())
    assert names == [f"{table.version():020d}.checkpoint.parquet", f"{table.version():020d}.json"]
    assert lake_reading.everything(target) == lake_reading.everything(lake)


def only_a_checkpoint(table: Path) -> tuple[Path, pa.Table]:
    """The log of a table with its checkpoint alone, and the actions in that."""
    opened = DeltaTable(str(table))
    opened.create_checkpoint()
    log = table / "_delta_log"
    for entry in [*log.glob("*.json"), log / "_last_checkpoint"]:
        entry.unlink()
    (checkpoint,) = log.glob("*.checkpoint.parquet")
    return checkpoint, pq.read_table(checkpoint)


def test_checkpoint_in_parts_is_read_backed_up_and_restored(lake: Path, tmp_path: Path) -> None:
    place = paths.SILVER_RETURNS
    expected, version = lake_reading.everything(lake), lake_reading.version(lake, place)
    files = files_by_delta_rs(lake, place, version)
    checkpoint, actions = only_a_checkpoint(lake / place)
    parts, size = 3, -(-actions.num_rows // 3)
    for part in range(parts):
        name = f"{version:020d}.checkpoint.{part + 1:010d}.{parts:010d}.parquet"
        pq.write_table(actions.slice(part * size, size), checkpoint.with_name(name))
    checkpoint.unlink()

    made_of = version_in(LocalFiles(lake), place, version)
    assert set(made_of.files) == files and len(made_of.log_files) == parts
    store = open_store(str(tmp_path / "store"))
    backup = back_up(lake, store)
    assert verify(store, backup).all == []
    assert lake_reading.everything(restored(store, backup, tmp_path / "restored")) == expected


def test_checkpoint_with_sidecars_is_made_of_what_they_say(lake: Path) -> None:
    """As writers of the second sort of checkpoint leave it: the table's own in JSON, its files in Parquet beside."""
    place, log = paths.SILVER_RETURNS, lake / paths.SILVER_RETURNS / "_delta_log"
    version = lake_reading.version(lake, place)
    files, metadata = files_by_delta_rs(lake, place, version), DeltaTable(str(lake / place)).metadata()
    first = [json.loads(line) for line in (log / f"{0:020d}.json").read_text().splitlines()]
    (described,) = [action for action in first if "metaData" in action]
    feature = ["v2Checkpoint"]
    checkpoint, actions = only_a_checkpoint(lake / place)
    adds = actions.filter(pc.is_valid(actions["add"])).select(["add"])
    (log / "_sidecars").mkdir()
    half = adds.num_rows // 2
    names = ["11111111-0000-0000-0000-000000000001.parquet", "11111111-0000-0000-0000-000000000002.parquet"]
    pq.write_table(adds.slice(0, half), log / "_sidecars" / names[0])
    pq.write_table(adds.slice(half), log / "_sidecars" / names[1])
    top = [
        {"checkpointMetadata": {"version": version}},
        {
            "protocol": {
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": feature,
                "writerFeatures": feature,
            }
        },
        described,
        *(
            {"sidecar": {"path": name, "sizeInBytes": (log / "_sidecars" / name).stat().st_size, "modificationTime": 0}}
            for name in names
        ),
    ]
    name = f"{version:020d}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json"
    (log / name).write_text("".join(json.dumps(action) + "\n" for action in top))
    checkpoint.unlink()

    snapshot = pin(LocalFiles(lake), has_landed_files=False)
    pinned = snapshot.tables[place].version
    assert (pinned.version, pinned.table_id, set(pinned.files)) == (version, metadata.id, files)
    assert pinned.log_files == tuple(f"_delta_log/{each}" for each in (*(f"_sidecars/{n}" for n in names), name))
    assert {path for path, kind in snapshot.files.items() if kind == "log"} >= {
        f"{place}/{n}" for n in pinned.log_files
    }


def test_gap_in_a_log_is_broken() -> None:
    with pytest.raises(BrokenLog, match="00000000000000000001.json is missing"):
        log_files([f"{version:020d}.json" for version in (0, 2)], 2)


def test_checkpoint_that_lacks_a_part_is_none() -> None:
    names = [f"{3:020d}.checkpoint.{part:010d}.{3:010d}.parquet" for part in (1, 2)]
    with pytest.raises(BrokenLog, match="00000000000000000003.json is missing"):
        log_files(names, 3)
    names.append(f"{3:020d}.checkpoint.{3:010d}.{3:010d}.parquet")
    assert log_files(names, 3) == sorted(names)


def test_deletion_vectors_are_files_of_their_version(tmp_path: Path) -> None:
    table_with_deletion_vectors(tmp_path / "table")
    before, after = [version_in(LocalFiles(tmp_path), "table", version) for version in (0, 1)]
    assert (before.deletion_vectors, before.rows) == ((), 9)
    assert after.deletion_vectors == (
        "ab/deletion_vector_ab84d017-f92a-4da2-878a-16b20b737862.bin",
        "deletion_vector_11111111-2222-3333-4444-555555555555.bin",
    )
    assert after.rows == 9 - 4


def test_commits_of_a_batch_that_is_not_settled_lie_behind_the_snapshot(lake: Path) -> None:
    shutil.rmtree(max((lake / paths.BATCHES).iterdir()))
    (batch,) = (lake / paths.BATCHES).iterdir()
    (batch / "committed.json").unlink()
    snapshot = pin(LocalFiles(lake), has_landed_files=False)
    assert snapshot.batches == [] and snapshot.batches_left_out == [batch.name]
    assert all(not pinned.version.files for pinned in snapshot.tables.values())
    assert snapshot.tables[paths.GOLD_BY_SKU_REASON].covers_silver is None
    assert not [path for path in snapshot.files if path.startswith((paths.BATCHES, paths.RUN_RECORDS))]


def unlistable(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """A directory that may be entered and not listed, as for a user without rights; tests may run as root."""
    for name in ("scandir", "listdir"):
        original = getattr(os, name)

        def refuse(path: object = ".", original: Any = original) -> object:
            if isinstance(path, str | os.PathLike) and Path(path).resolve() == directory.resolve():
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return original(path)

        monkeypatch.setattr(os, name, refuse)


@pytest.mark.parametrize("place", [paths.BATCHES, f"{paths.BATCHES}/*", paths.RUN_RECORDS, paths.LANDED])
def test_place_that_may_not_be_listed_is_no_empty_one(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    directory = min(lake.glob(place))
    unlistable(monkeypatch, directory)
    ended = dr(lake, "backup", "--to", str(tmp_path / "store"), "--landed-files")
    assert ended.exit_code == 5
    (complaint,) = ended.complaints
    assert complaint.startswith(f"error: {directory}: ")
    monkeypatch.undo()
    assert not (tmp_path / "store" / "backups").exists()


def test_prune_of_a_store_that_may_not_be_listed_removes_nothing(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(str(tmp_path / "store"))
    backup = back_up(lake, store)
    verify(store, backup)
    for path in (tmp_path / "store" / "objects").rglob("*"):
        os.utime(path, (0, 0))  # old enough to be removed where no backup names it
    shutil.rmtree(tmp_path / "store" / "verified")
    before = files_under(tmp_path / "store")
    unlistable(monkeypatch, tmp_path / "store" / "backups" / backup.manifest.id)
    with pytest.raises(StorageError, match="cannot be listed"):
        prune(store, days=0, last=1)
    monkeypatch.undo()
    assert files_under(tmp_path / "store") == before


@full
def test_gold_that_is_behind_silver_is_taken_as_it_is_and_caught_up_by_the_next_run(lake: Path, tmp_path: Path) -> None:
    newest = max((lake / paths.GOLD_BY_SKU_REASON / "_delta_log").glob("*.json"))
    newest.unlink()
    store = open_store(str(tmp_path / "store"))
    target = restored(store, back_up(lake, store), tmp_path / "restored")
    shutil.copytree(lake / LANDED, target / LANDED, dirs_exist_ok=True)
    run_elsewhere(lake, FIRST_DAY)
    run_elsewhere(target, FIRST_DAY)
    assert lake_reading.comparable(target) == lake_reading.comparable(lake)


def test_file_that_vanishes_from_every_pin_ends_with_a_storage_error(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = []

    def pin_and_lose(root: LocalFiles, has_landed_files: bool) -> object:
        snapshot = pin(root, has_landed_files)
        pins.append(snapshot)
        gone, *_ = sorted(path for path in snapshot.files if path.endswith(".parquet"))
        (lake / gone).unlink(missing_ok=True)
        return snapshot

    monkeypatch.setattr(backup_module, "pin", pin_and_lose)
    store = open_store(str(tmp_path / "store"))
    with pytest.raises(StorageError) as raised:
        back_up(lake, store)
    assert raised.value.exit_code == 5 and "vanished from each of 3 pins" in str(raised.value)
    assert len(pins) == 3 and not (tmp_path / "store" / "backups").exists()


def test_file_that_vanishes_once_means_a_new_pin(lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = DeltaTable(str(lake / paths.SILVER_RETURNS))
    pins = []

    def pin_before_a_vacuum(root: LocalFiles, has_landed_files: bool) -> object:
        snapshot = pin(root, has_landed_files)
        pins.append(snapshot.tables[paths.SILVER_RETURNS].version.version)
        if len(pins) == 1:
            table.delete("qty >= 0")
            table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
        return snapshot

    monkeypatch.setattr(backup_module, "pin", pin_before_a_vacuum)
    store = open_store(str(tmp_path / "store"))
    backup = back_up(lake, store)
    assert len(pins) == 2 and backup.manifest.tables[paths.SILVER_RETURNS].version == pins[1] > pins[0]
    assert verify(store, backup).all == []


@full
def test_twenty_backups_beside_a_writer_that_also_compacts_and_vacuums(tmp_path: Path) -> None:
    """Each must be equal to the versions that it pinned; what these held is asked of the writer's own history."""
    lake, store = land_samples(tmp_path / "lake"), open_store(str(tmp_path / "store"))
    run_elsewhere(lake, FIRST_DAY)
    held: dict[tuple[str, int], list[lake_reading.Row]] = {}
    ended, failures = threading.Event(), []

    def remember() -> None:
        for table in paths.TABLES:
            version = lake_reading.version(lake, table)
            for each in range(version, max(-1, version - 4), -1):
                if (table, each) not in held:
                    opened = DeltaTable(str(lake / table), version=each)
                    columns = opened.to_pyarrow_table().columns
                    held[table, each] = lake_reading.in_order(zip(*[c.to_pylist() for c in columns], strict=True))

    rounds: list[int] = []

    def write() -> None:
        remember()
        while not ended.is_set():
            number = len(rounds) + 1
            day = (datetime(2026, 1, 1) + timedelta(days=number)).date().isoformat()
            rows = [
                row_of(f"R-{number}-{i}", "O-1", None, "MUG", "damaged", "1", "5.00", day, f"{day}T08:00:00Z")
                for i in range(5)
            ]
            land(lake / LANDED / f"{number}.jsonl", rows)
            try:
                succeeded(process(lake, "run", "--as-of", FIRST_DAY, "--no-serve-metrics", **SETTINGS))
                remember()
                for table in paths.TABLES:
                    opened = DeltaTable(str(lake / table))
                    opened.optimize.compact()
                    remember()
                    opened.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
                rounds.append(number)
            except BaseException as error:
                failures.append(error)
                raise

    writer = threading.Thread(target=write)
    writer.start()
    backups = []
    try:
        while len(backups) < 20 and writer.is_alive():
            if len(rounds) < len(backups) // 4:
                continue  # for the writer to have something new
            try:
                backups.append(back_up(lake, store))
            except StorageError as error:  # vacuumed at once, three times: told, and no backup
                assert "vanished from each of 3 pins" in str(error)
    finally:
        ended.set()
        writer.join()
    assert failures == []
    assert len({json.dumps(b.manifest.tables["silver/returns"].version) for b in backups}) > 3
    for number, backup in enumerate(backups):
        assert verify(store, backup).all == []
        target = restored(store, backup, tmp_path / f"restored-{number}")
        for table, entry in backup.manifest.tables.items():
            assert lake_reading.version(target, table) == entry.version
            assert lake_reading.rows(target, table) == held[table, entry.version]
