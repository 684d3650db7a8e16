"""One writer a lake."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.errors import LockedError
from pyspark_interview_project.storage import lock
from pyspark_interview_project.storage.lock import who_holds, writing


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_PATIENCE_SECONDS", 0.0)


@pytest.fixture
def lake(tmp_path: Path) -> LakePaths:
    return LakePaths(str(tmp_path))


def holder(lake: LakePaths) -> Path:
    return Path(lake.place("ops/lock_holder.json"))


def test_writing_says_who_holds_the_lake(lake: LakePaths) -> None:
    with writing(lake, "run-1"):
        found = json.loads(holder(lake).read_text())
    since = datetime.fromisoformat(found.pop("since"))
    assert found == {"host": socket.gethostname(), "pid": os.getpid(), "run_id": "run-1"}
    assert 0 <= (datetime.now(UTC) - since).total_seconds() < 60


def test_writing_a_lake_that_is_held_names_lake_and_holder(lake: LakePaths) -> None:
    with writing(lake, "run-1"), pytest.raises(LockedError) as raised, writing(lake, "run-2"):
        pass
    error = raised.value
    assert (error.lake, error.host, error.pid, error.exit_code) == (lake.root, socket.gethostname(), os.getpid(), 6)
    assert error.since is not None


@pytest.mark.parametrize("text", [None, "", "{", "{}", '{"host": "h", "pid": 1, "since": "soon"}'])
def test_writing_a_lake_whose_holder_cannot_be_read_is_refused_all_the_same(lake: LakePaths, text: str | None) -> None:
    with writing(lake, "run-1"):
        holder(lake).unlink()
        if text is not None:
            holder(lake).write_text(text)
        with pytest.raises(LockedError) as raised, writing(lake, "run-2"):
            pass
    assert (raised.value.host, raised.value.pid, raised.value.since) == ("another process", None, None)


def test_writing_again_after_the_end_is_free(lake: LakePaths) -> None:
    with writing(lake, "run-1"):
        pass
    assert not holder(lake).exists()
    with writing(lake, "run-2"):
        assert json.loads(holder(lake).read_text())["run_id"] == "run-2"


def test_writing_again_after_a_failure_is_free(lake: LakePaths) -> None:
    with pytest.raises(RuntimeError), writing(lake, "run-1"):
        raise RuntimeError
    with writing(lake, "run-2"):
        assert json.loads(holder(lake).read_text())["run_id"] == "run-2"


def test_writing_again_after_the_holder_died_is_free(lake: LakePaths) -> None:
    script = """
import os, sys
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.storage.lock import writing
with writing(LakePaths(sys.argv[1]), "run-1"):
    os._exit(9)
"""
    died = subprocess.run([sys.executable, "-c", script, lake.root], check=False)
    assert died.returncode == 9 and json.loads(holder(lake).read_text())["run_id"] == "run-1"
    with writing(lake, "run-2"):
        assert json.loads(holder(lake).read_text())["run_id"] == "run-2"


def test_writing_beside_the_jvm_of_a_holder_that_died_names_the_jvm(lake: LakePaths) -> None:
    """A process stands for the JVM: it has the lock as its stdout, as it inherits it."""
    jvm_lock = Path(lake.place("ops/lock_of_jvm"))
    jvm_lock.parent.mkdir(parents=True)
    holder(lake).write_text('{"host": "here", "pid": 1, "since": "2026-11-20T00:00:00+00:00"}')
    script = "import fcntl, sys; fcntl.flock(1, fcntl.LOCK_EX); print('held', file=sys.stderr, flush=True); input()"
    with (
        jvm_lock.open("w") as stdout,
        subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE, text=True
        ) as jvm,
    ):
        assert jvm.stdin and jvm.stderr and jvm.stderr.readline() == "held\n"
        with pytest.raises(LockedError) as raised, writing(lake, "run-2"):
            pass
        seen = who_holds(lake)
        jvm.stdin.write("\n")
    assert (raised.value.host, raised.value.pid) == (socket.gethostname(), jvm.pid)
    assert raised.value.since == datetime(2026, 11, 20, tzinfo=UTC)
    assert seen is not None and str(seen) == str(raised.value)


def test_writing_two_lakes_at_once_is_free(tmp_path: Path) -> None:
    one, other = LakePaths(str(tmp_path / "one")), LakePaths(str(tmp_path / "other"))
    with writing(one, "run-1"), writing(other, "run-2"):
        assert json.loads(holder(other).read_text())["run_id"] == "run-2"
