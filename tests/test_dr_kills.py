"""Backups, prunes and restores that are killed: nothing half done is taken for whole; run again they finish."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lake_reading
from commands import REPOSITORY, RETURNS, environment, returns
from kills import FIRST_DAY, SECOND_DAY, at_point, run_killed, run_whole
from object_stores import BUCKET, end_the_lease, misbehaving, s3_environment
from pyspark_interview_project.dr.contents import contents
from pyspark_interview_project.dr.store import DirectoryStore, open_store
from pyspark_interview_project.faults import POINTS, RECOVERY_POINTS
from recovery import back_up, bring_bronze, dr, restored, verify, write_strategy

# Points that are come by once for each file: in the midst of them.
PASSES = {"backup_in_data": 20, "backup_in_logs": 3, "restore_in_data": 20, "restore_in_logs": 3}
# Moments of a run at which a backup is made; the others in `make test-nightly`.
COMMON = ("after_silver_part", "after_gold_table")
# Points at which `make test` kills; at the others `make test-long` does.
QUICK = ("backup_in_data", "backup_before_manifest", "prune_after_manifests", "restore_in_logs")


@pytest.fixture
def first(first_day: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(first_day, tmp_path / "first"))


def killed(lake: Path, point: str, *arguments: str, **env: str) -> None:
    """A command of recovery that is killed at a point. It fails the test if it came to its end."""
    variables = environment(lake, FAULT=f"{point}:kill:{PASSES.get(point, 1)}", **env)
    process = subprocess.Popen(
        [RETURNS, "dr", *arguments],
        env=variables,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    said, _ = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, f"not killed at {point}: {said.decode()}"


def of(command: str) -> list[Any]:
    """The points of a command, those that are not quick marked as long."""
    points = [point for point in RECOVERY_POINTS if point.startswith(command)]
    return [pytest.param(point, marks=[] if point in QUICK else pytest.mark.long) for point in points]


def test_points_are_at_least_twelve() -> None:
    assert len(of("backup")) + len(of("prune")) + len(of("restore")) == len(RECOVERY_POINTS) >= 12


@pytest.mark.parametrize("point", of("backup"))
def test_backup_killed_is_no_backup_and_the_next_one_finishes(first: Path, tmp_path: Path, point: str) -> None:
    store = open_store(str(tmp_path / "store"))
    killed(first, point, "backup", "--to", str(store.root))
    is_done = point == "backup_after_manifest"
    found = contents(store)
    assert (len(found.backups), found.broken, found.strangers) == (int(is_done), {}, [])
    assert dr(first, "verify", "--from", str(store.root)).exit_code == (0 if is_done else 2)
    sent_before = len(found.objects)
    backup = back_up(first, store)
    assert backup.sent.files == len(contents(store).objects) - sent_before
    assert verify(store, backup).all == []
    assert not list(store.root.glob(".*.tmp"))


@pytest.mark.parametrize("point", of("prune"))
def test_prune_killed_leaves_whole_backups_and_the_next_one_finishes(first: Path, tmp_path: Path, point: str) -> None:
    env = {"DR_CONFIG_DIR": str(write_strategy(tmp_path / "dr", keep={"days": 0, "last": 1}))}
    env["DR_ROOT"] = str(tmp_path / "store")
    store = open_store(str(tmp_path / "store"))
    lake = tmp_path / "lake"
    shutil.copytree(first, lake)
    for day in (FIRST_DAY, SECOND_DAY):
        if day == SECOND_DAY:
            run_whole(lake, day)
        assert dr(lake, "backup", **env).exit_code == 0
    _, kept = contents(store).backups
    killed(lake, point, "prune", "--yes", **env)
    for backup_id in contents(store).backups:
        assert dr(lake, "verify", "--backup", backup_id, **env).exit_code == 0
    assert dr(lake, "prune", "--yes", **env).exit_code == 0
    assert list(contents(store).backups) == [kept]
    assert dr(lake, "verify", **env).exit_code == 0


@pytest.mark.parametrize("point", of("restore"))
def test_restore_killed_cannot_be_used_and_the_next_one_finishes(first: Path, tmp_path: Path, point: str) -> None:
    store = open_store(str(tmp_path / "store"))
    back_up(first, store, landed_files=True)
    target = tmp_path / "restored"
    arguments = ("restore", "--from", str(store.root), "--to", str(target))
    killed(first, point, *arguments)
    if point == "restore_in_data":
        assert returns(target, "run").exit_code == 8
    assert dr(target, "backup", "--to", str(tmp_path / "other")).exit_code == 8
    assert dr(first, *arguments).exit_code == 0
    assert lake_reading.everything(target) == lake_reading.everything(first)
    assert not (target / "RESTORE_INCOMPLETE.json").exists() and not (target / ".restoring").exists()


@pytest.mark.parametrize("point", ["restore_marked", pytest.param("restore_in_logs", marks=pytest.mark.long)])
def test_restore_into_the_place_of_the_lake_that_is_killed_is_finished_by_the_same_command(
    first: Path, tmp_path: Path, first_day: Path, point: str
) -> None:
    store = open_store(str(tmp_path / "store"))
    backup_id = back_up(first, store, landed_files=True).manifest.id
    shutil.rmtree(first)  # the lake is gone, and is to come back where it was, DATA_ROOT
    arguments = ("restore", "--from", str(store.root), "--to", str(first))
    killed(first, point, *arguments)
    for command in ("backup", "replicate", "drill", "prune"):
        assert dr(first, command).exit_code == 8
    assert backup_id in dr(first, "list", "--from", str(store.root)).stdout
    assert dr(first, "verify", "--from", str(store.root)).exit_code == 0
    ended = dr(first, *arguments)
    assert (ended.exit_code, ended.complaints) == (0, [])
    assert lake_reading.everything(first) == lake_reading.everything(first_day)
    assert dr(first, *arguments).exit_code == 8  # a whole lake is never restored over


@pytest.mark.long
def test_restore_interrupted_is_not_continued_by_that_of_another_backup(first: Path, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    back_up(first, store)
    other = back_up(first, store).manifest.id
    target = tmp_path / "restored"
    arguments = ("restore", "--from", str(store.root), "--to", str(target))
    killed(first, "restore_before_logs", *arguments)
    for more in (("--backup", min(contents(store).backups)), ("--table", lake_reading.SILVER)):
        assert dr(first, *arguments, *more).exit_code == 8
    assert dr(first, *arguments, "--backup", other).exit_code == 0


@pytest.fixture
def bucket(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, str]]]:
    """A place in an S3 behind a proxy that fails and drops answers, and the environment that finds it."""
    with misbehaving(s3) as (address, proxy):
        env = s3_environment(address)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        yield f"s3://{BUCKET}/{tmp_path.name}", env
        assert proxy.failed and proxy.lost


@pytest.mark.nightly
@pytest.mark.parametrize("point", ["backup_in_data", "backup_before_manifest", "backup_after_manifest"])
def test_backup_into_a_bucket_killed_is_no_backup_and_the_next_one_finishes(
    first: Path, bucket: tuple[str, dict[str, str]], point: str
) -> None:
    url, env = bucket
    killed(first, point, "backup", "--to", url, **env)
    is_done = point == "backup_after_manifest"
    found = contents(open_store(url))
    assert (len(found.backups), found.broken, found.strangers) == (int(is_done), {}, [])
    assert dr(first, "verify", "--from", url, **env).exit_code == (0 if is_done else 2)
    assert dr(first, "backup", "--to", url, **env).exit_code == 6  # until its lease is over
    end_the_lease(url)
    sent_before = len(found.objects)
    backup = back_up(first, open_store(url))
    assert backup.sent.files == len(contents(open_store(url)).objects) - sent_before
    assert verify(open_store(url), backup).all == []


@pytest.mark.nightly
@pytest.mark.parametrize("point", of("prune"))
def test_prune_of_a_bucket_killed_leaves_whole_backups_and_the_next_one_finishes(
    first: Path, tmp_path: Path, bucket: tuple[str, dict[str, str]], point: str
) -> None:
    url, env = bucket
    strategy = write_strategy(tmp_path / "dr", to=url, verify=False, keep={"days": 0, "last": 1})
    env = {**env, "DR_CONFIG_DIR": str(strategy)}
    store = open_store(url)
    back_up(first, store)
    (first / "metrics" / "runs" / next(os.walk(first / "metrics" / "runs"))[2][0]).unlink()  # named by the old one only
    kept = back_up(first, store)
    assert verify(store, kept).all == []
    killed(first, point, "prune", "--yes", **env)
    end_the_lease(url)
    for backup_id in contents(store).backups:
        assert dr(first, "verify", "--backup", backup_id, **env).exit_code == 0
    assert dr(first, "prune", "--yes", **env).exit_code == 0
    found = contents(store)
    assert (list(found.backups), found.missing) == ([kept.manifest.id], [])
    assert verify(store, kept).all == []


@pytest.mark.nightly
@pytest.mark.parametrize("point", ["restore_marked", "restore_in_data", "restore_in_logs", "restore_before_end"])
def test_restore_from_a_bucket_killed_cannot_be_used_and_the_next_one_finishes(
    first: Path, tmp_path: Path, bucket: tuple[str, dict[str, str]], point: str
) -> None:
    url, env = bucket
    back_up(first, open_store(url), landed_files=True)
    target = tmp_path / "restored"
    arguments = ("restore", "--from", url, "--to", str(target))
    killed(first, point, *arguments, **env)
    assert dr(target, "backup", "--to", str(tmp_path / "other")).exit_code == 8
    assert dr(first, *arguments, **env).exit_code == 0
    assert lake_reading.everything(target) == lake_reading.everything(first)


@pytest.mark.parametrize(
    "point", [pytest.param(point, marks=[] if point in COMMON else pytest.mark.nightly) for point in POINTS]
)
def test_backup_of_a_run_that_is_killed_restores_to_what_the_next_run_makes_whole(
    tmp_path: Path, first_day: Path, second_day: Path, point: str
) -> None:
    lake, store = tmp_path / "lake", open_store(str(tmp_path / "store"))
    shutil.copytree(first_day, lake)
    passes = 2 if point in ("after_silver_part", "before_silver_part") else 1
    run_killed(lake, SECOND_DAY, at_point(point, passes))
    backup = back_up(lake, store)
    assert verify(store, backup).all == []
    target = restored(store, backup, tmp_path / "restored")
    for table, entry in backup.manifest.tables.items():
        assert lake_reading.version(target, table) == entry.version
        assert len(lake_reading.rows(target, table)) == entry.rows
    assert {state for _, state in lake_reading.batch_states(target)} == {"committed"}
    bring_bronze(lake, target)
    run_whole(target, SECOND_DAY)
    assert lake_reading.comparable(target) == lake_reading.comparable(second_day)
    versions = lake_reading.everything(target)
    run_whole(target, SECOND_DAY)  # the same files again
    assert lake_reading.everything(target) == versions
