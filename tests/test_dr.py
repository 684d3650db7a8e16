"""Recovery as a person uses it: back up, verify, restore, and go on there; on a directory and on S3."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

import lake_reading
from commands import full, module, mostly_full, returns, succeeded
from independent_query import query
from kills import (
    FIRST_DAY,
    LANDED,
    SECOND_DAY,
    SETTINGS,
    land_one_more,
    land_samples,
    run_whole,
)
from object_stores import BUCKET, s3_environment
from pyspark_interview_project.config import paths
from pyspark_interview_project.config.settings import load_settings
from pyspark_interview_project.dr import protection
from pyspark_interview_project.dr.snapshot import pin
from pyspark_interview_project.pipeline.finalize import protect_run
from pyspark_interview_project.pipeline.run_context import run_records
from pyspark_interview_project.storage.files import LocalFiles
from recovery import dr, files_under, modified, write_replication, write_strategy

ID = re.compile(r"\A[0-9]{8}T[0-9]{6}\.[0-9]{3}Z-[0-9a-f]{8}\Z")


@dataclass(frozen=True)
class Place:
    """A store and the environment that its commands need."""

    url: str
    env: Mapping[str, str]


@pytest.fixture
def lake(small_lake: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_lake, tmp_path / "lake"))


@pytest.fixture(params=["directory", pytest.param("s3", marks=full)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "directory":
        return Place(str(tmp_path / "backups"), {})
    return Place(f"s3://{BUCKET}/{tmp_path.name}", s3_environment(request.getfixturevalue("s3")))


def backed_up(lake: Path, place: Place, *options: str) -> str:
    ended = succeeded(dr(lake, "backup", "--to", place.url, *options, **place.env))
    (backup_id,) = ended.stdout.splitlines()
    assert ID.match(backup_id)
    return backup_id


def sample(metrics: str, name: str) -> float:
    """The value of a metric for the strategy `nightly`."""
    start = f'returns_pipeline_{name}{{strategy="nightly"}} '
    (line,) = [line for line in metrics.splitlines() if line.startswith(start)]
    return float(line.removeprefix(start))


def test_restored_lake_is_the_same_and_goes_on(lake: Path, place: Place, tmp_path: Path) -> None:
    backup_id = backed_up(lake, place, "--landed-files")
    verified = succeeded(dr(lake, "verify", "--from", place.url, **place.env))
    assert verified.stdout.startswith(f"{backup_id} is whole: ")
    before = {path: content for path, content in files_under(lake).items() if not path.startswith("ops/lock")}
    times = {path: time for path, time in modified(lake).items() if path in before}
    target = tmp_path / "restored"

    succeeded(dr(lake, "restore", "--from", place.url, "--to", str(target), **place.env))

    # Everything but files of versions before, and all with the times that they had.
    back = files_under(target)
    assert {path: before[path] for path in back if path in before} == back
    assert {path: times[path] for path in back if path != "metrics/pipeline_metrics.json"} == {
        path: time for path, time in modified(target).items() if path != "metrics/pipeline_metrics.json"
    }
    assert lake_reading.everything(target) == lake_reading.everything(lake)
    # The same files again are nothing new, and the next file is taken as it would have been in the lake lost.
    assert "nothing new" in succeeded(returns(target, "plan", "--as-of", SECOND_DAY)).stdout
    for each in (lake, target):
        land_one_more(each)
        run_whole(each, SECOND_DAY)
    assert lake_reading.comparable(target) == lake_reading.comparable(lake)
    assert lake_reading.versions(target) == lake_reading.versions(lake)


def test_latest_record_of_a_restored_lake_is_that_of_the_last_run(lake: Path, tmp_path: Path) -> None:
    env = {"DR_CONFIG_DIR": str(write_strategy(tmp_path / "dr"))}
    for _ in range(2):  # the second backup has the record of the first, which began behind the last run
        succeeded(dr(lake, "backup", **env))
    assert lake_reading.run_records(lake)[-2]["kind"] == "backup"
    succeeded(dr(lake, "restore", "--to", str(tmp_path / "restored"), **env))
    assert lake_reading.latest_run_record(tmp_path / "restored") == lake_reading.latest_run_record(lake)


def test_latest_record_is_that_of_the_run_that_ended_last(lake: Path) -> None:
    records = sorted((lake / "metrics" / "runs").iterdir())
    long_run = lake_reading.read_json(records[0]) | {"finished_at": "2099-01-01T00:00:00.000Z"}
    records[0].write_text(json.dumps(long_run))
    snapshot = pin(LocalFiles(lake), has_landed_files=False)
    assert snapshot.latest_run_record == str(records[0].relative_to(lake))
    drill = long_run | {"kind": "drill", "finished_at": "2099-01-02T00:00:00.000Z"}
    records[1].write_text(json.dumps(drill))
    assert pin(LocalFiles(lake), has_landed_files=False).latest_run_record == str(records[0].relative_to(lake))


def test_lake_that_ended_with_7_does_so_behind_its_restore_too(lake: Path, tmp_path: Path) -> None:
    for place in (lake_reading.GOLD_BY_SKU_REASON, lake_reading.GOLD_BY_DATE_REASON):
        DeltaTable(lake / place).delete("reason = 'late'")
    (lake / paths.GOLD_UNCHECKED).write_text("left by the run that found the difference")
    store = Place(str(tmp_path / "backups"), {})
    backed_up(lake, store, "--landed-files")
    target = tmp_path / "restored"
    succeeded(dr(lake, "restore", "--from", store.url, "--to", str(target)))
    ended = returns(target, "run", "--as-of", SECOND_DAY, "--no-serve-metrics", **SETTINGS)
    assert ended.exit_code == 7
    assert ended.complaints[0].startswith(f"error: {lake_reading.GOLD_BY_SKU_REASON}: return_count is ")


def test_second_backup_sends_only_what_is_new(lake: Path, place: Place, tmp_path: Path) -> None:
    env = {**place.env, "DR_CONFIG_DIR": str(write_strategy(tmp_path / "dr", to=place.url))}
    succeeded(dr(lake, "backup", **env))
    succeeded(dr(lake, "backup", **env))
    first, second = [record["dr"]["nightly"] for record in lake_reading.run_records(lake) if record["kind"] == "backup"]
    record, *_ = sorted((lake / "metrics" / "runs").iterdir())[-2:]  # of the first backup: all that is new
    assert (second["files_sent"], second["bytes_sent"]) == (1, record.stat().st_size)
    assert first["files_sent"] > 20


def test_backup_by_a_strategy_is_on_record_and_in_the_metrics(lake: Path, tmp_path: Path) -> None:
    config = str(write_strategy(tmp_path / "dr"))
    backup_id = succeeded(dr(lake, "backup", DR_CONFIG_DIR=config)).stdout.strip()
    (record,) = [record for record in lake_reading.run_records(lake) if record["kind"] == "backup"]
    told = record["dr"]["nightly"]
    assert (record["status"], told["status"], told["backup"]) == ("succeeded", "succeeded", backup_id)
    assert lake_reading.latest_run_record(lake)["kind"] == "run"  # the latest of the pipeline stays
    succeeded(returns(lake, "exporter", "--textfile", str(tmp_path / "metrics.prom")))
    metrics = (tmp_path / "metrics.prom").read_text(encoding="utf-8")
    until = datetime.fromisoformat(told["protected_until"]).timestamp()
    assert sample(metrics, "backup_protected_until_timestamp_seconds") == until
    assert sample(metrics, "backup_failed") == 0
    status = succeeded(dr(lake, "status", DR_CONFIG_DIR=config))
    assert f"nightly: {backup_id} is verified" in status.stdout


def test_status_without_a_verified_backup_exits_3(lake: Path, tmp_path: Path) -> None:
    config = str(write_strategy(tmp_path / "dr", verify=False))
    succeeded(dr(lake, "backup", DR_CONFIG_DIR=config))
    ended = dr(lake, "status", DR_CONFIG_DIR=config)
    assert ended.exit_code == 3
    assert ended.complaints == [
        "error: strategy nightly: there is no verified backup; run returns dr backup and returns dr verify"
    ]
    succeeded(dr(lake, "verify", DR_CONFIG_DIR=config))
    succeeded(dr(lake, "status", DR_CONFIG_DIR=config))


def test_status_of_a_backup_older_than_the_rpo_exits_3(lake: Path, tmp_path: Path) -> None:
    config = str(write_strategy(tmp_path / "dr", rpo_hours=1e-9))
    succeeded(dr(lake, "backup", DR_CONFIG_DIR=config))
    ended = dr(lake, "status", DR_CONFIG_DIR=config)
    assert (ended.exit_code, ended.complaints) == (
        3,
        ["error: strategy nightly: a loss now would cost 0 h 0 min; run returns dr backup"],
    )


@full
@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_drill_passes_and_its_figures_are_in_the_metrics(
    lake: Path, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    env = s3_environment(request.getfixturevalue("s3")) if kind == "s3" else {}
    # Settings of the lake: the drill's own run leaves out the same files, and leaves the other places alone.
    (lake / LANDED / "broken.parquet").write_text("no Parquet file; runs of this lake leave it out")
    own = {
        "SKIP_FILES": json.dumps([f"{LANDED}/broken.parquet"]),
        "LINEAGE_URL": (tmp_path / "own" / "lineage.jsonl").as_uri(),
        "LOCK_URL": (tmp_path / "own" / "lock").as_uri(),
        "PIPELINE_METRICS_JSON": str(tmp_path / "own" / "metrics.json"),
        "SCRATCH_DIR": str(tmp_path / "own" / "scratch"),
    }
    to = f"s3://{BUCKET}/{tmp_path.name}" if kind == "s3" else None
    config = str(write_strategy(tmp_path / "dr", to=to))
    everything = lake_reading.everything(lake)
    ended = succeeded(dr(lake, "drill", "--scratch", str(tmp_path), DR_CONFIG_DIR=config, **own, **env))
    (record,) = [record for record in lake_reading.run_records(lake) if record["kind"] == "drill"]
    told = record["dr"]["nightly"]
    assert told["status"] == "succeeded" and told["rpo_seconds"] > 0 and told["rto_seconds"] > 0
    assert ended.stdout.startswith(f"{told['backup_id']} came back: ")
    succeeded(returns(lake, "exporter", "--textfile", str(tmp_path / "metrics.prom")))
    metrics = (tmp_path / "metrics.prom").read_text(encoding="utf-8")
    for name in ("rpo_seconds", "rto_seconds"):
        assert sample(metrics, f"drill_{name}") == told[name]
    assert lake_reading.everything(lake) == everything
    assert list(tmp_path.glob("returns-drill-*")) == []
    assert not (tmp_path / "own").exists()


@full
def test_drill_that_misses_its_objectives_exits_3_and_is_on_record(lake: Path, tmp_path: Path) -> None:
    config = str(write_strategy(tmp_path / "dr", rto_hours=1e-9))
    ended = dr(lake, "drill", DR_CONFIG_DIR=config)
    assert ended.exit_code == 3 and "the RTO was" in ended.complaints[0]
    (record,) = [record for record in lake_reading.run_records(lake) if record["kind"] == "drill"]
    told = record["dr"]["nightly"]
    assert (record["status"], told["status"], told["exit_code"]) == ("failed", "failed", 3)
    assert told["rto_seconds"] > 0


def test_run_with_dr_backs_up_and_replicates_behind_it(lake: Path, tmp_path: Path) -> None:
    land_one_more(lake)
    config = write_replication(write_strategy(tmp_path / "dr"), str(tmp_path / "elsewhere"))
    succeeded(returns(lake, "run", "--as-of", SECOND_DAY, "--with-dr", **SETTINGS, DR_CONFIG_DIR=str(config)))
    told = lake_reading.latest_run_record(lake)["dr"]
    assert {name: outcome["status"] for name, outcome in told.items()} == {
        "nightly": "succeeded",
        "second": "succeeded",
    }
    backup_id = told["nightly"]["backup"]
    # From the second store alone, after the first and the lake are gone.
    original = lake_reading.everything(lake)
    shutil.rmtree(lake)
    shutil.rmtree(tmp_path / "lake_backups")
    succeeded(dr(lake, "restore", "--from", str(tmp_path / "elsewhere"), "--backup", backup_id, "--to", str(lake)))
    assert lake_reading.everything(lake) == original
    expected = query(lake / LANDED, date.fromisoformat(SECOND_DAY))
    assert lake_reading.silver(lake) == expected.silver
    assert lake_reading.gold_by_sku_reason(lake) == expected.gold_by_sku_reason
    assert lake_reading.gold_by_date_reason(lake) == expected.gold_by_date_reason


@full
def test_run_with_dr_that_fails_there_is_a_good_run_with_a_failed_strategy(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    (tmp_path / "file").write_text("in the way")
    config = str(write_strategy(tmp_path / "dr", to=str(tmp_path / "file")))
    ended = succeeded(returns(lake, "run", "--as-of", FIRST_DAY, "--with-dr", **SETTINGS, DR_CONFIG_DIR=config))
    record = lake_reading.latest_run_record(lake)
    assert (record["status"], record["exit_code"], record["dr"]["nightly"]["status"]) == ("succeeded", 0, "failed")
    assert record["dr"]["nightly"]["exit_code"] == 5
    assert [line["level"] for line in ended.logs if "strategy nightly failed" in line["message"]] == ["ERROR"]


@pytest.mark.parametrize(
    ("failure", "code", "told"), [(KeyError("value"), 1, "KeyError"), (KeyboardInterrupt(), 130, "KeyboardInterrupt")]
)
def test_good_run_stays_on_record_whatever_a_strategy_meets(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, code: int, told: str
) -> None:
    def meet(*_: object) -> object:
        raise failure

    monkeypatch.setattr(protection, "run_backup", meet)
    config = str(write_strategy(tmp_path / "dr"))
    settings = load_settings({"app_env": "test", "data_root": str(lake), "dr_config_dir": config})
    record = run_records(settings).find(lake_reading.latest_run_record(lake)["run_id"])
    assert record is not None and record.dr == {}
    with suppress(KeyboardInterrupt):
        protect_run(settings, record, simulate=False)
    written = lake_reading.latest_run_record(lake)
    assert (written["status"], written["run_id"]) == ("succeeded", record.run_id)
    outcome = written["dr"]["nightly"]
    assert (outcome["status"], outcome["exit_code"], outcome["error"]) == ("failed", code, told)


@full
def test_simulate_behind_a_good_run_bears_a_store_out_of_reach(lake: Path, tmp_path: Path) -> None:
    config = write_replication(write_strategy(tmp_path / "dr", to=f"s3://{BUCKET}/gone"), str(tmp_path / "second"))
    env = {**SETTINGS, "DR_CONFIG_DIR": str(config), **s3_environment("http://127.0.0.1:9")}
    ended = succeeded(returns(lake, "run", "--as-of", SECOND_DAY, "--with-dr", "--simulate", **env))
    assert [line.split(":")[0] for line in ended.lines if "would" in line] == [
        "nightly would fail",
        "second would do nothing",
    ]


@full
def test_run_with_dr_and_simulate_says_what_it_would_do_and_does_not(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    config = str(write_strategy(tmp_path / "dr"))
    options = ("run", "--as-of", FIRST_DAY, "--with-dr", "--simulate")
    ended = succeeded(returns(lake, *options, **SETTINGS, DR_CONFIG_DIR=config))
    assert (
        f"nightly would back up silver/returns at version {lake_reading.version(lake, 'silver/returns')}"
        in ended.stdout
    )
    assert not (tmp_path / "lake_backups").exists()
    assert lake_reading.latest_run_record(lake)["dr"] == {}


@full
def test_finalize_with_dr_runs_the_strategies_behind_stages_that_ran_apart(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    run_id = "7d9ecf62-34c4-4b9f-9d8f-0f1ce1f2a1aa"
    for stage in ("bronze-to-silver", "silver-to-gold"):
        as_of = ("--as-of", FIRST_DAY) if stage == "bronze-to-silver" else ()
        succeeded(returns(lake, stage, *as_of, "--run-id", run_id, **SETTINGS))
    config = str(write_strategy(tmp_path / "dr"))
    succeeded(returns(lake, "finalize", "--run-id", run_id, "--with-dr", DR_CONFIG_DIR=config))
    assert lake_reading.latest_run_record(lake)["dr"]["nightly"]["status"] == "succeeded"


@full
def test_shipped_strategy_works_unedited(tmp_path: Path) -> None:
    lake = land_samples(tmp_path / "lake")
    options = ("--ingest-metrics-json", "--with-dr", "--as-of", FIRST_DAY)
    succeeded(module(lake, "src.pipeline.run_pipeline", *options, APP_ENV="dev", SERVE_METRICS="false", **SETTINGS))
    assert lake_reading.latest_run_record(lake)["dr"]["local"]["status"] == "succeeded"
    assert len(list((tmp_path / "lake_backups" / "backups").iterdir())) == 1


def test_replicate_to_a_store_out_of_reach_exits_5_and_leaves_the_backup_good(lake: Path, tmp_path: Path) -> None:
    config = str(write_replication(write_strategy(tmp_path / "dr"), f"s3://{BUCKET}/gone"))
    succeeded(dr(lake, "backup", DR_CONFIG_DIR=config))
    ended = dr(lake, "replicate", DR_CONFIG_DIR=config, **s3_environment("http://127.0.0.1:9"))
    assert ended.exit_code == 5 and f"s3://{BUCKET}/gone" in ended.complaints[0]
    succeeded(dr(lake, "verify", DR_CONFIG_DIR=config))
    (record,) = [record for record in lake_reading.run_records(lake) if record["kind"] == "replication"]
    assert record["dr"]["second"]["status"] == "failed"


@full
def test_replicate_adds_and_never_removes(lake: Path, place: Place, tmp_path: Path) -> None:
    config = str(write_replication(write_strategy(tmp_path / "dr"), place.url))
    env = {**place.env, "DR_CONFIG_DIR": config}
    first = succeeded(dr(lake, "backup", **env)).stdout.strip()
    succeeded(dr(lake, "replicate", **env))
    land_one_more(lake)
    run_whole(lake, SECOND_DAY)
    shutil.rmtree(tmp_path / "lake_backups")  # an attacker, or a mistake
    second = succeeded(dr(lake, "backup", **env)).stdout.strip()
    succeeded(dr(lake, "replicate", **env))
    listed = succeeded(dr(lake, "list", "--from", place.url, **place.env))
    assert [line.split()[0] for line in listed.lines[1:]] == [first, second]
    for number, backup_id in enumerate((first, second)):
        succeeded(dr(lake, "verify", "--from", place.url, "--backup", backup_id, **place.env))
        target = str(tmp_path / f"restored-{number}")
        succeeded(dr(lake, "restore", "--from", place.url, "--backup", backup_id, "--to", target, **place.env))


def test_one_store_that_fails_keeps_nothing_from_the_others(lake: Path, tmp_path: Path) -> None:
    config = write_strategy(tmp_path / "dr")
    for name, place in (("a", "file"), ("b", "b"), ("c", "c")):
        write_replication(config, str(tmp_path / place), name=name)
    (tmp_path / "file").write_text("in the way")
    env = {"DR_CONFIG_DIR": str(config)}
    backup_id = succeeded(dr(lake, "backup", **env)).stdout.strip()

    ended = dr(lake, "replicate", **env)
    assert (ended.exit_code, len(ended.complaints)) == (5, 1)
    assert [line.split(",")[0] for line in ended.lines] == [f"b: {backup_id}", f"c: {backup_id}"]
    shutil.rmtree(tmp_path / "b")
    ended = dr(lake, "status", **env)
    assert ended.exit_code == 5  # the worst: of b it is 3
    assert [line.split(" ")[0] for line in ended.complaints] == ["error:"] * 2
    assert [line.split("; ")[0] for line in ended.lines] == [
        f"nightly: {backup_id} is verified",
        "b: there is no backup that is whole",
        f"c: {backup_id} is there, not verified there",
    ]


@full
def test_second_store_is_pruned_by_what_its_strategy_keeps(lake: Path, tmp_path: Path) -> None:
    second = str(tmp_path / "second")
    config = write_replication(write_strategy(tmp_path / "dr", keep={"days": 0, "last": 1}), second)
    env = {"DR_CONFIG_DIR": str(config)}
    ids = []
    for _ in range(2):
        ids.append(succeeded(dr(lake, "backup", **env)).stdout.strip())
        succeeded(dr(lake, "replicate", **env))
    assert "would remove 0 backups" in dr(lake, "prune", "--replication", "second", **env).stdout  # none is verified
    succeeded(dr(lake, "verify", "--from", second, **env))
    succeeded(dr(lake, "prune", "--replication", "second", "--yes", **env))
    assert [line.split()[0] for line in dr(lake, "list", "--from", second, **env).lines[1:]] == ids[1:]
    assert [line.split()[0] for line in dr(lake, "list", **env).lines[1:]] == ids
    assert dr(lake, "prune", "--replication", "other", **env).exit_code == 2


@full
def test_store_of_another_lake_is_refused_and_still_restores(lake: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(lake, tmp_path / "other"))
    silver_id = DeltaTable(other / lake_reading.SILVER).metadata().id
    for entry in (other / lake_reading.SILVER / "_delta_log").glob("*.json"):
        entry.write_text(entry.read_text().replace(silver_id, "aaaaaaaa-0000-4000-8000-000000000000"))
    store = str(tmp_path / "store")
    env = {"DR_CONFIG_DIR": str(write_strategy(tmp_path / "dr", to=store, keep={"days": 0, "last": 1}))}
    backup_id = succeeded(dr(lake, "backup", **env)).stdout.strip()
    before = files_under(tmp_path / "store")
    for command in (("backup",), ("backup", "--simulate"), ("prune", "--yes")):
        ended = dr(other, *command, **env)
        assert (ended.exit_code, ended.stdout) == (2, "")
        assert ended.complaints[0].startswith(f"error: {store}: has backups of another lake ({lake}, silver ")
    assert files_under(tmp_path / "store") == before
    assert backup_id in succeeded(dr(other, "list", **env)).stdout
    succeeded(dr(other, "verify", **env))
    # A lake that was restored is the same lake, wherever it is.
    succeeded(dr(other, "restore", "--to", str(tmp_path / "restored"), **env))
    succeeded(dr(tmp_path / "restored", "backup", **env))


def test_files_of_backups_and_of_restores_have_the_rights_that_the_umask_leaves(lake: Path, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        succeeded(dr(lake, "backup", "--to", str(tmp_path / "store")))
        arguments = ("restore", "--from", str(tmp_path / "store"), "--to", str(tmp_path / "restored"))
        succeeded(dr(lake, *arguments))
    finally:
        os.umask(before)
    kept = [path for place in ("objects", "backups") for path in (tmp_path / "store" / place).rglob("*")]
    found = [path for path in [*kept, *(tmp_path / "restored").rglob("*")] if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o640}


@full
def test_prune_shows_then_removes_old_backups_and_keeps_the_last_verified(lake: Path, tmp_path: Path) -> None:
    config = str(write_strategy(tmp_path / "dr", verify=False, keep={"days": 0, "last": 1}))
    ids = []
    for number in range(3):
        ids.append(succeeded(dr(lake, "backup", DR_CONFIG_DIR=config)).stdout.strip())
        if number == 0:
            succeeded(dr(lake, "verify", DR_CONFIG_DIR=config))
    kept = [ids[0], ids[2]]
    before = files_under(tmp_path / "lake_backups")
    shown = succeeded(dr(lake, "prune", DR_CONFIG_DIR=config))
    assert shown.lines[0].startswith(ids[1]) and shown.lines[-1].startswith("would remove 1 backups")
    assert files_under(tmp_path / "lake_backups") == before
    succeeded(dr(lake, "prune", "--yes", DR_CONFIG_DIR=config))
    listed = succeeded(dr(lake, "list", DR_CONFIG_DIR=config))
    assert [line.split()[0] for line in listed.lines[1:]] == kept
    for backup_id in kept:
        succeeded(dr(lake, "verify", "--backup", backup_id, DR_CONFIG_DIR=config))


def test_restore_of_one_table_opens_at_its_version(lake: Path, tmp_path: Path) -> None:
    place = Place(str(tmp_path / "backups"), {})
    backed_up(lake, place)
    target = tmp_path / "restored"
    arguments = ("restore", "--from", place.url, "--to", str(target), "--table", lake_reading.QUARANTINE)
    shown = succeeded(dr(lake, *arguments, "--dry-run"))
    assert "would restore" in shown.stdout and not target.exists()
    succeeded(dr(lake, *arguments))
    assert [path.name for path in target.iterdir()] == ["quarantine"]
    assert lake_reading.rows(target, lake_reading.QUARANTINE) == lake_reading.rows(lake, lake_reading.QUARANTINE)


@pytest.mark.parametrize(
    "where", mostly_full(["lake/inside", "full", "lake", ".", "backups", "backups/inside", "link"])
)
def test_restore_over_in_or_above_anything_exits_8_and_writes_nothing(lake: Path, tmp_path: Path, where: str) -> None:
    place = Place(str(tmp_path / "backups"), {})
    backed_up(lake, place)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("somebody's")
    (tmp_path / "link").symlink_to(lake)
    before = files_under(tmp_path)
    ended = dr(lake, "restore", "--from", place.url, "--to", str(tmp_path / where))
    assert ended.exit_code == 8 and len(ended.complaints) == 1
    assert files_under(tmp_path) == before


@full
def test_commands_on_a_lake_that_is_half_restored_exit_8(lake: Path) -> None:
    (lake / "RESTORE_INCOMPLETE.json").write_text("{}")
    for command in (("run",), ("plan",), ("dr", "backup")):
        ended = returns(lake, *command)
        assert ended.exit_code == 8
        assert "a restore into it was not finished; run returns dr restore again" in ended.complaints[0]


def manifest_of(store: Path, backup_id: str) -> dict[str, Any]:
    content = json.loads((store / "backups" / backup_id / "manifest.json").read_text(encoding="utf-8"))
    backup: dict[str, Any] = content["backup"]
    return backup


def test_manifest_states_when_the_snapshot_was_taken_and_what_was_in_it(lake: Path, tmp_path: Path) -> None:
    began = datetime.now(UTC)
    backup_id = backed_up(lake, Place(str(tmp_path / "backups"), {}))
    manifest = manifest_of(tmp_path / "backups", backup_id)
    assert timedelta() <= datetime.fromisoformat(manifest["snapshot_at"]) - began < timedelta(minutes=2)
    for table, entry in manifest["tables"].items():
        facts = lake_reading.facts(lake, table)
        assert (entry["version"], entry["rows"]) == (facts["version"], facts["rows"])
    silver, gold = manifest["tables"]["silver/returns"], manifest["tables"]["gold/returns_by_sku_reason"]
    assert gold["covers_silver"] == silver["version"]
