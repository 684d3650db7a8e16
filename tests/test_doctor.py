"""`returns doctor`: a line for each thing that a run needs, with what to do; it changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from commands import Ended, returns
from landing import land, row_of
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.config.settings import LeaseTerms
from pyspark_interview_project.doctor import lake_state, machine
from pyspark_interview_project.engines.spark_jars import JARS
from pyspark_interview_project.sources.rejected_files import RejectedFile, write_rejected
from pyspark_interview_project.storage.files import LocalFiles
from pyspark_interview_project.storage.lease import leased
from pyspark_interview_project.storage.lock import writing

PAIR = "pyspark 4.2.0 with delta-spark 4.4.0"
NAMES = [
    "settings",
    "engine",
    "java",
    "spark",
    "jars",
    "port",
    "data_root",
    "disk",
    "clock",
    "lock",
    "rejected",
    "backup",
]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    row = row_of("R-1", "O-1", None, "MUG", None, "2", "12.50", "2026-11-18", None)
    land(tmp_path / "lake" / "bronze" / "returns_raw" / "web.jsonl", [row])
    return tmp_path / "lake"


@pytest.fixture
def port() -> Iterator[int]:
    """A port that something listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


@pytest.fixture(autouse=True)
def java(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Java 17 that says what it is at once: most tests are of other things."""
    program = tmp_path_factory.mktemp("java") / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'openjdk version \"17.0.1\"' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(program.parents[1]))


def doctor(lake: Path, *options: str, **env: str) -> Ended:
    return returns(lake, "doctor", *options, **env)


def lines(ended: Ended) -> dict[str, tuple[str, str]]:
    """Outcome and text of each check, by its name."""
    found = [line.split(maxsplit=2) for line in ended.stdout.splitlines()]
    return {name: (outcome, text) for outcome, name, text in found}


def assert_failed(ended: Ended, name: str, text: str) -> None:
    """One check failed, and says this."""
    assert {check for check, (outcome, _) in lines(ended).items() if outcome == "fail"} == {name}, ended.stdout
    assert lines(ended)[name] == ("fail", text)
    complaint = f"error: doctor: 1 of {len(lines(ended))} checks failed: {name}"
    assert (ended.exit_code, ended.complaints) == (2, [complaint])


def everything_in(directory: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path.relative_to(directory)): (path.stat().st_mode, path.stat().st_mtime_ns, _content(path))
        for path in (directory, *directory.rglob("*"))
    }


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def record_backup(
    lake: Path, status: str, hours_ago: float, name: str = "nightly", kind: str = "run", **facts: str
) -> None:
    """Put a run on record whose backup ended so."""
    records = lake / "metrics" / "runs"
    records.mkdir(parents=True, exist_ok=True)
    ended = (datetime.now(UTC) - timedelta(hours=hours_ago)).isoformat()
    content = {
        "run_id": f"run-{name}-{hours_ago}",
        "kind": kind,
        "status": "succeeded",
        "started_at": ended,
        "finished_at": ended,
        "stages": [],
        "dr": {name: {"status": status, "finished_at": ended, **facts}},
    }
    (records / f"run-{name}-{hours_ago}.json").write_text(json.dumps(content), encoding="utf-8")


def test_doctor_where_all_is_well_has_a_line_for_each_check_and_ends_with_0(lake: Path) -> None:
    ended = doctor(lake)
    found = lines(ended)
    assert (ended.exit_code, ended.stderr, list(found)) == (0, "", NAMES)
    assert found["settings"] == ("ok", f"APP_ENV test, DATA_ROOT {lake}")
    assert found["engine"] == ("ok", "embedded (engine is embedded in the settings)")
    assert (found["java"], found["spark"]) == (("ok", "Java 17"), ("ok", PAIR))
    assert found["port"] == ("ok", "a run serves no metrics (serve_metrics is off)")
    assert found["data_root"] == ("ok", f"{lake} can be read and written by user id {os.geteuid()}")
    assert found["lock"] == ("ok", "free")
    assert found["rejected"] == ("ok", "no landed file is set aside")
    none = "there is no backup by the strategy local; returns dr backup makes one, returns dr drill proves it"
    assert found["backup"] == ("note", none)
    assert re.fullmatch(rf"[0-9.]+ GiB free at {re.escape(str(lake))}", found["disk"][1])
    today = datetime.now(UTC).date().isoformat()
    assert re.fullmatch(rf"{today}T\S+\+00:00, the run's date is {today}", found["clock"][1])


@pytest.mark.parametrize("has_run", [False, True])
def test_doctor_changes_nothing_in_the_lake(lake: Path, tmp_path: Path, first_day: Path, has_run: bool) -> None:
    (lake / "ops").mkdir()
    lake = shutil.copytree(first_day, tmp_path / "copy") if has_run else lake
    before = everything_in(lake)
    assert doctor(lake).exit_code == 0
    assert everything_in(lake) == before


# ------------------------------------------------------------------------------------------------- settings and engine
def test_doctor_of_a_wrong_setting_names_it_and_still_looks_at_the_machine(lake: Path) -> None:
    ended = doctor(lake, SPARK_TZ="Mars")
    assert_failed(
        ended,
        "settings",
        "spark_tz (environment): Value error, Mars is no time zone of the IANA database, not 'Mars'",
    )
    assert list(lines(ended)) == ["settings", "java", "spark", "jars"]


def test_doctor_of_several_wrong_settings_names_them_all(lake: Path) -> None:
    ended = doctor(lake, METRICS_PORT="0", SPARK_TZ="Mars", VOLUME_GATE="maybe")
    outcome, text = lines(ended)["settings"]
    assert outcome == "fail" and text.startswith("spark_tz (environment): ")
    assert text.endswith(", not 'Mars'; wrong too: metrics_port, volume_gate")


def test_doctor_of_an_unknown_engine_says_which_there_are(lake: Path) -> None:
    expected = "engine (option): Input should be 'embedded', 'spark' or 'auto', not 'duck'"
    assert_failed(doctor(lake, "--engine", "duck"), "settings", expected)


def test_doctor_shows_no_password_of_a_setting(lake: Path) -> None:
    with_password = "s3://somebody:hunter2@bucket/lake"  # pragma: allowlist secret
    ended = doctor(lake, DATA_ROOT=with_password)
    outcome, text = lines(ended)["settings"]
    assert outcome == "fail" and text.endswith(", not 's3://***@bucket/lake'")
    assert "hunter2" not in ended.stdout + ended.stderr


# ---------------------------------------------------------------------------------------------- Java, packages, jars
@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nowhere")


MISSING_JAVA = (
    "java: Spark needs it and there is none; install Java 17 or 21 (Debian: apt-get install openjdk-17-jre-headless), "
    "or use the embedded engine"
)


@pytest.mark.usefixtures("no_java")
def test_doctor_without_java_on_the_embedded_engine_is_a_note(lake: Path) -> None:
    ended = doctor(lake)
    assert lines(ended)["java"] == ("note", f"{MISSING_JAVA} (the embedded engine does without)")
    assert ended.exit_code == 0


@pytest.mark.usefixtures("no_java")
def test_doctor_without_java_on_a_connect_server_is_a_note(lake: Path) -> None:
    ended = doctor(lake, "--engine", "spark", SPARK_REMOTE="sc://localhost:15002")
    assert lines(ended)["java"] == ("note", f"{MISSING_JAVA} (the JVM is that of a server or of Databricks)")
    assert ended.exit_code == 0


@pytest.mark.usefixtures("no_java")
@pytest.mark.parametrize("env", [{}, {"SPARK_REMOTE": "local[2]"}])
def test_doctor_without_java_on_local_spark_says_what_to_install(lake: Path, env: dict[str, str]) -> None:
    ended = doctor(lake, "--engine", "spark", **env)
    assert lines(ended)["java"] == ("fail", MISSING_JAVA)
    assert ended.exit_code == 2


def test_doctor_of_missing_changed_and_right_jars_tells_them_apart(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "venv" / "share" / "pyspark_interview_project" / "jars"
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    contents = {artifact: artifact.encode() for artifact in JARS}
    for artifact, content in contents.items():
        monkeypatch.setitem(JARS, artifact, hashlib.sha256(content).hexdigest())

    def found() -> tuple[int, str, str]:
        ended = doctor(lake, "--engine", "spark")
        return ended.exit_code, *lines(ended)["jars"]

    fix = (
        "run 'make install' (or python -m pyspark_interview_project.engines.spark_jars), "
        "or use the embedded engine, which does without"
    )
    first, second = (f"{artifact}-4.4.0.jar" for artifact in JARS)
    assert found() == (2, "fail", f"{own / first}: is missing; {fix}")
    own.mkdir(parents=True)
    for artifact, content in contents.items():
        (own / f"{artifact}-4.4.0.jar").write_bytes(content)
    assert found() == (0, "ok", f"{first}, {second} as they should be")
    (own / second).write_bytes(b"other")
    assert found() == (2, "fail", f"{own / second}: is not the file it should be; {fix}")


@pytest.mark.parametrize(
    ("installed", "text"),
    [
        ({"pyspark": "4.2.1", "delta-spark": "4.4.0"}, "pyspark 4.2.1 with delta-spark 4.4.0"),
        ({"pyspark": "4.2.0", "delta-spark": "3.2.1"}, "pyspark 4.2.0 with delta-spark 3.2.1"),
        ({"pyspark": None, "delta-spark": None}, "pyspark missing with delta-spark missing"),
    ],
)
def test_pair_that_does_not_belong_together_is_named_with_the_one_that_does(
    monkeypatch: pytest.MonkeyPatch, installed: dict[str, str | None], text: str
) -> None:
    monkeypatch.setattr(machine, "_installed", installed.__getitem__)
    found = machine.paired_packages()
    fix = "pip install pyspark==4.2.0 delta-spark==4.4.0, or use the embedded engine"
    assert (found.outcome, found.text) == ("fail", f"{text} do not belong together; {fix}")


# ---------------------------------------------------------------------------------------------------------------- port
def test_doctor_of_a_taken_port_says_which_one_a_run_would_take(lake: Path, port: int) -> None:
    ended = doctor(lake, SERVE_METRICS="true", METRICS_PORT=str(port))
    outcome, text = lines(ended)["port"]
    said = re.fullmatch(
        rf"{port} is taken, a run would serve its metrics at ([0-9]+); "
        "for returns exporter end what listens there, or set METRICS_PORT",
        text,
    )
    assert outcome == "note" and said is not None and port < int(said[1]) < port + 10
    assert ended.exit_code == 0


def test_doctor_of_an_address_of_another_machine_says_what_to_set(lake: Path) -> None:
    assert_failed(
        doctor(lake, SERVE_METRICS="true", METRICS_HOST="192.0.2.1"),
        "port",
        "192.0.2.1 has none of 8000 to 8009 to offer: Cannot assign requested address; "
        "set METRICS_PORT or METRICS_HOST, or run with --no-serve-metrics",
    )


# ------------------------------------------------------------------------------------------- the places and disk
def test_doctor_without_landed_files_says_what_to_make(tmp_path: Path) -> None:
    landed = tmp_path / "bronze" / "returns_raw"
    expected = f"there is no {landed}; mkdir -p it and land files there, or set DATA_ROOT"
    assert_failed(doctor(tmp_path), "data_root", expected)
    assert list(tmp_path.iterdir()) == []


def test_doctor_of_a_lake_that_is_a_file_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("", encoding="utf-8")
    expected = f"{tmp_path / 'lake'} is no directory; set DATA_ROOT to the one that the lake is in"
    assert lines(doctor(tmp_path / "lake"))["data_root"] == ("fail", expected)


def test_doctor_of_a_uri_says_to_mount_it_and_does_not_look_into_it(lake: Path) -> None:
    ended = doctor(lake, DATA_ROOT="s3://bucket/lake")
    mount_it = "a lake is on a file system that Python can open; mount the place, or give a path"
    assert_failed(ended, "settings", f"data_root (environment): Value error, {mount_it}, not 's3://bucket/lake'")
    assert list(lines(ended)) == ["settings", "java", "spark", "jars"]


def test_doctor_of_a_link_out_of_the_lake_names_it(lake: Path, tmp_path: Path) -> None:
    (lake / "silver").mkdir()
    (lake / "silver" / "returns").symlink_to(tmp_path)
    assert_failed(doctor(lake), "data_root", f"silver/returns: a link takes it out of the lake, to {tmp_path}")


def test_doctor_of_places_that_are_denied_names_the_first_and_how_many(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # who runs the tests may be root, whom nothing is denied
    (lake / "ops").mkdir()
    (lake / "metrics").mkdir()
    denied = {str(lake / "ops"), str(lake / "metrics")}
    monkeypatch.setattr(lake_state.os, "access", lambda place, mode: not (mode & os.W_OK and str(place) in denied))
    found = lake_state.permissions(_situation(lake))
    fix = f"chown or chmod it for user id {os.geteuid()}, or mount it writable"
    assert (found.outcome, found.text) == ("fail", f"{lake / 'ops'} cannot be written (2 such in all); {fix}")


def test_doctor_of_a_full_disk_says_how_much_there_is(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage(lake))(2**40, 2**40 - 2**29, 2**29)
    monkeypatch.setattr(lake_state.shutil, "disk_usage", lambda place: usage)
    found = lake_state.disk(_situation(lake))
    fix = "make room, a run wants 1 GiB at least, or set SCRATCH_DIR elsewhere"
    assert (found.outcome, found.text) == ("fail", f"0.5 GiB free at {lake}; {fix}")


def _situation(lake: Path) -> lake_state.Situation:
    from conftest import _settings

    return lake_state.Situation(_settings(lake, "UTC"), "embedded", is_on_databricks=False)


# ------------------------------------------------------------------------------------------------- files set aside
def reject(lake: Path, *names: str) -> list[RejectedFile]:
    """Land files, and put on record that they were set aside."""
    rejected = []
    for number, name in enumerate(names):
        path = f"bronze/returns_raw/{name}"
        (lake / path).write_bytes(b"x" * number)
        found = (lake / path).stat()
        rejected.append(
            RejectedFile(path, number, found.st_mtime_ns, None, f"problem {number}", "2026-11-20T08:00:00Z")
        )
    write_rejected(LocalFiles(lake), rejected)
    return rejected


SET_ASIDE = "set aside, with which each run ends with 4:"
MEND = "mend, remove or skip (skip_files) each, then run again"


def test_doctor_of_files_set_aside_names_three_of_them_and_what_to_do(lake: Path) -> None:
    reject(lake, "a.csv")
    assert_failed(doctor(lake), "rejected", f"1 {SET_ASIDE} bronze/returns_raw/a.csv (problem 0); {MEND}")
    reject(lake, *(f"{name}.csv" for name in "abcde"))
    named = ", ".join(f"bronze/returns_raw/{name}.csv (problem {number})" for number, name in enumerate("abc"))
    expected = f"5 {SET_ASIDE} {named}, and 2 more in ops/rejected_files.json; {MEND}"
    assert_failed(doctor(lake), "rejected", expected)


def test_doctor_of_files_set_aside_that_changed_or_went_or_are_skipped_lets_them_rest(lake: Path) -> None:
    skipped, gone, mended = reject(lake, "a.csv", "b.csv", "c.csv")
    (lake / gone.path).unlink()
    (lake / mended.path).write_text("mended", encoding="utf-8")
    ended = doctor(lake, SKIP_FILES=json.dumps([skipped.path]))
    assert lines(ended)["rejected"] == (
        "note",
        "2 that were set aside have changed or are gone; the next run looks again",
    )
    assert ended.exit_code == 0


# ------------------------------------------------------------------------------------------ clock, lock and backups
def test_doctor_of_a_clock_behind_the_last_run_says_when_that_ended(lake: Path) -> None:
    record_backup(lake, "succeeded", hours_ago=-2)
    ended = doctor(lake)
    outcome, text = lines(ended)["clock"]
    said = re.fullmatch(
        r"it is (\S+), before the last run ended \((\S+)\); "
        r"set the clock \(timedatectl set-ntp true\), or give --as-of",
        text,
    )
    assert (outcome, ended.exit_code) == ("fail", 2) and said is not None
    # Both are whole seconds: within one and the same the difference is two hours exactly.
    behind = datetime.fromisoformat(said[2]) - datetime.fromisoformat(said[1])
    assert timedelta(hours=1.9) < behind <= timedelta(hours=2)


def test_doctor_of_a_lake_that_is_held_names_the_holder_and_holds_nobody_up(lake: Path) -> None:
    with writing(LakePaths(str(lake)), "run-1"):
        ended = doctor(lake)
    holder = f"{socket.gethostname()}:{os.getpid()}"
    outcome, text = lines(ended)["lock"]
    assert outcome == "note" and ended.exit_code == 0
    assert re.fullmatch(rf"{lake} is locked by {holder} since \S+; run again when it has ended", text)
    assert lines(doctor(lake))["lock"] == ("ok", "free")


def test_doctor_of_a_lease_that_is_held_names_the_holder(lake: Path, tmp_path: Path) -> None:
    url = f"file://{tmp_path / 'leases'}"
    assert lines(doctor(lake, LOCK_URL=url))["lock"] == ("ok", "free")
    assert not (tmp_path / "leases").exists()
    with leased(LeaseTerms(url, 60), str(lake), "run-1"):
        outcome, text = lines(doctor(lake, LOCK_URL=url))["lock"]
    assert (outcome, text.split(" since ")[0]) == (
        "note",
        f"{lake} is locked by {socket.gethostname()}:{os.getpid()}",
    )
    assert lines(doctor(lake, LOCK_URL=url))["lock"] == ("ok", "free")


@pytest.fixture
def strategies(tmp_path: Path) -> Path:
    """Where the strategy `nightly`, which may cost 26 hours, is configured, and `monthly-s3`, which may cost 800."""
    directory = tmp_path / "dr"
    for name, hours in (("nightly", 26), ("monthly-s3", 800)):
        content = {"to": str(tmp_path / name), "landed_files": True, "rpo_hours": hours, "rto_hours": 1}
        path = directory / "backup_strategies" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**content, "verify": True, "keep": {"days": 1, "last": 1}}), encoding="utf-8")
    return directory


def backups_of(lake: Path, strategies: Path) -> tuple[str, str]:
    settings = _situation(lake).settings.model_copy(update={"dr_config_dir": str(strategies)})
    found = lake_state.backups(lake_state.Situation(settings, "embedded", is_on_databricks=False))
    return found.outcome, found.text


def test_doctor_judges_the_backups_of_each_strategy_by_its_own_objective(lake: Path, strategies: Path) -> None:
    record_backup(lake, "succeeded", 100, "monthly-s3")
    record_backup(lake, "succeeded", 25, "nightly")
    assert backups_of(lake, strategies) == ("ok", "monthly-s3 100.0 hours ago, nightly 25.0 hours ago")
    (lake / "metrics" / "runs" / "run-nightly-25.json").unlink()
    record_backup(lake, "succeeded", 27, "nightly")
    expected = "nightly 27.0 hours ago, its RPO is 26; returns dr backup makes a new one"
    assert_failed(doctor(lake, DR_CONFIG_DIR=str(strategies)), "backup", expected)


def test_doctor_takes_a_verified_backup_to_cover_what_there_was_when_it_was_pinned(
    lake: Path, strategies: Path
) -> None:
    record_backup(lake, "succeeded", 1, "monthly-s3")
    pinned = (datetime.now(UTC) - timedelta(hours=30)).isoformat()
    record_backup(lake, "succeeded", 1, "nightly", protected_until=pinned)
    expected = "nightly 30.0 hours ago, its RPO is 26; returns dr backup makes a new one"
    assert backups_of(lake, strategies) == ("fail", expected)


def test_doctor_of_a_strategy_that_never_ran_says_how_to_run_it(lake: Path, strategies: Path) -> None:
    record_backup(lake, "succeeded", 1, "monthly-s3")
    record_backup(lake, "succeeded", 1, "nightly", kind="drill")  # which makes no backup that stays
    expected = "there is no backup by the strategy nightly; returns dr backup makes one, returns dr drill proves it"
    assert backups_of(lake, strategies) == ("note", expected)


def test_doctor_lets_a_strategy_rest_that_is_not_configured_any_more(lake: Path, strategies: Path) -> None:
    record_backup(lake, "succeeded", 1, "monthly-s3")
    record_backup(lake, "succeeded", 1, "nightly")
    record_backup(lake, "failed", 500, "weekly")
    expected = "monthly-s3 1.0 hours ago, nightly 1.0 hours ago (no strategy is configured any more for weekly)"
    assert backups_of(lake, strategies) == ("ok", expected)


def test_doctor_of_a_replication_wants_what_its_strategy_wants(lake: Path, strategies: Path) -> None:
    path = strategies / "replication_configs" / "second.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"strategy": "nightly", "to": str(lake.parent / "second")}), encoding="utf-8")
    for name in ("monthly-s3", "nightly"):
        record_backup(lake, "succeeded", 1, name)
    record_backup(lake, "succeeded", 27, "second")
    expected = "second 27.0 hours ago, its RPO is 26; returns dr replicate makes a new one"
    assert backups_of(lake, strategies) == ("fail", expected)


def test_doctor_of_a_wrong_strategy_names_file_and_key(lake: Path, strategies: Path) -> None:
    path = strategies / "backup_strategies" / "nightly.json"
    path.write_text(path.read_text(encoding="utf-8").replace("26", "0"), encoding="utf-8")
    assert_failed(
        doctor(lake, DR_CONFIG_DIR=str(strategies)), "backup", f"{path}: rpo_hours: Input should be greater than 0"
    )


def test_doctor_without_a_strategy_says_where_to_put_one(lake: Path, tmp_path: Path) -> None:
    (tmp_path / "dr").mkdir()
    expected = "no strategy is configured; put one into DR_CONFIG_DIR (docs/recovery.md)"
    assert backups_of(lake, tmp_path / "dr") == ("note", expected)


def test_doctor_of_a_backup_that_failed_last_says_so(lake: Path, strategies: Path) -> None:
    record_backup(lake, "succeeded", hours_ago=5)
    record_backup(lake, "failed", hours_ago=1)
    record_backup(lake, "succeeded", 1, "monthly-s3")
    expected = "nightly failed when last run; returns dr status says more, then run it again"
    assert backups_of(lake, strategies) == ("fail", expected)
