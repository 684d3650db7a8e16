"""What an engine says by itself is kept in a file; our own lines are never redirected."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import lake_reading
from pyspark_interview_project.engines.engine_output import output_kept
from pyspark_interview_project.errors import EngineError, StorageError
from running import Stopped, opened

PANIC = b"thread 'tokio-runtime-worker' panicked\n"


@contextmanager
def stderr_in(file: Path) -> Iterator[Path]:
    """Inside, stderr is a file as a process has it: descriptor 2, and sys.stderr over it."""
    ours = os.dup(2)
    with file.open("wb") as opened_file:
        os.dup2(opened_file.fileno(), 2)
    try:
        with (
            open(2, "w", encoding="utf-8", buffering=1, closefd=False) as stream,
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setattr(sys, "stderr", stream)
            yield file
    finally:
        os.dup2(ours, 2)
        os.close(ours)


def own_line(text: str) -> None:
    print(text, file=sys.stderr)


# The redirection -----------------------------------------------------------------------------------------------------


def test_native_output_goes_to_the_file_and_own_lines_to_stderr(tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "output.log"
    with stderr_in(tmp_path / "stderr") as stderr:
        own_line("before ß")
        with output_kept(kept):
            os.write(2, PANIC)
            own_line("meanwhile ß")
            os.system("echo of a child >&2")
        own_line("behind it")
        os.write(2, b"native behind it\n")
    assert stderr.read_text() == "before ß\nmeanwhile ß\nbehind it\nnative behind it\n"
    assert kept.read_bytes() == PANIC + b"of a child\n"


def test_file_that_nothing_was_written_to_is_removed(tmp_path: Path) -> None:
    with stderr_in(tmp_path / "stderr"), output_kept(tmp_path / "kept" / "output.log"):
        own_line("meanwhile")
    assert [*(tmp_path / "kept").iterdir()] == []


def test_redirection_ends_with_an_error(tmp_path: Path) -> None:
    with stderr_in(tmp_path / "stderr") as stderr:
        before = sys.stderr
        with pytest.raises(Stopped), output_kept(tmp_path / "output.log"):
            os.write(2, PANIC)
            raise Stopped
        own_line("behind it")
        assert sys.stderr is before
    assert stderr.read_text() == "behind it\n"
    assert (tmp_path / "output.log").read_bytes() == PANIC


def test_stderr_that_is_no_descriptor_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with output_kept(tmp_path / "output.log"):
        os.write(2, PANIC)
        own_line("meanwhile")
    assert (sys.stderr is stream, stream.getvalue()) == (True, "meanwhile\n")
    assert (tmp_path / "output.log").read_bytes() == PANIC


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    with stderr_in(tmp_path / "stderr"):
        before = len(os.listdir("/proc/self/fd"))
        with output_kept(tmp_path / "output.log"):
            own_line("meanwhile")
        assert len(os.listdir("/proc/self/fd")) == before


def test_reader_of_stderr_that_has_left_stops_nothing(tmp_path: Path) -> None:
    with stderr_in(tmp_path / "stderr") as stderr:
        readable, writable = os.pipe()
        os.close(readable)
        os.dup2(writable, 2)
        os.close(writable)
        with output_kept(tmp_path / "output.log"):
            own_line("to nobody")
            sys.stderr.flush()
            os.write(2, PANIC)
    assert (stderr.read_bytes(), (tmp_path / "output.log").read_bytes()) == (b"", PANIC)


# A run ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake in which nothing has landed."""
    (tmp_path / "lake" / "bronze" / "returns_raw").mkdir(parents=True)
    return tmp_path / "lake"


def outputs(lake: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (lake / "ops" / "engine_output").glob("*")}


def test_log_lines_of_a_run_are_not_lost_while_an_engine_writes(lake: Path, tmp_path: Path) -> None:
    with stderr_in(tmp_path / "stderr") as stderr, opened(lake):
        os.write(2, PANIC)
        logging.getLogger("pyspark_interview_project.test").info("meanwhile")
    assert '"message": "meanwhile"' in stderr.read_text()
    assert PANIC.decode() not in stderr.read_text()


def test_output_of_a_good_run_is_removed(lake: Path) -> None:
    with opened(lake):
        os.write(2, PANIC)
    assert outputs(lake) == {}


def test_output_of_a_run_that_an_engine_failed_is_kept_and_named(lake: Path) -> None:
    with pytest.raises(EngineError) as raised, opened(lake) as run:
        os.write(2, PANIC)
        raise EngineError("embedded engine", "it broke")
    place = f"ops/engine_output/{run.run_id}.log"
    said = f"embedded engine: it broke; what the engine said by itself is in {place}"
    assert (str(raised.value), lake_reading.latest_run_record(lake)["error"]) == (said, said)
    assert (lake / place).read_bytes() == PANIC


def test_engine_that_failed_without_a_word_is_named_alone(lake: Path) -> None:
    with pytest.raises(EngineError, match="^embedded engine: it broke$"), opened(lake):
        raise EngineError("embedded engine", "it broke")
    assert outputs(lake) == {}


@pytest.mark.parametrize(("error", "kept"), [(StorageError("a place", "is full"), 0), (Stopped(), 1)])
def test_output_is_kept_unless_the_error_says_all(lake: Path, error: Exception, kept: int) -> None:
    with pytest.raises(type(error)), opened(lake):
        os.write(2, PANIC)
        raise error
    assert [*outputs(lake).values()] == [PANIC] * kept


def test_only_the_twenty_newest_outputs_are_kept(lake: Path) -> None:
    directory = lake / "ops" / "engine_output"
    directory.mkdir(parents=True)
    for number in range(30):
        file = directory / f"{number:02d}.log"
        file.write_bytes(PANIC)
        os.utime(file, (1_700_000_000 + number, 1_700_000_000 + number))
    with pytest.raises(Stopped), opened(lake) as run:
        os.write(2, PANIC)
        raise Stopped
    assert sorted(outputs(lake)) == sorted([*(f"{number:02d}.log" for number in range(11, 30)), f"{run.run_id}.log"])
