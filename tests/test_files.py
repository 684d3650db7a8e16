"""Small files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyspark_interview_project.storage.files import write_atomically


def test_write_atomically_new_file_is_written_with_its_directories(tmp_path: Path) -> None:
    path = tmp_path / "ops" / "deep" / "plan.json"
    write_atomically(path, "ß\n")
    assert path.read_bytes() == "ß\n".encode()


def test_write_atomically_existing_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("a longer text than the new one")
    write_atomically(path, "new")
    assert path.read_text() == "new"


def test_write_atomically_leaves_nothing_else_behind(tmp_path: Path) -> None:
    write_atomically(tmp_path / "plan.json", "text")
    assert [entry.name for entry in tmp_path.iterdir()] == ["plan.json"]


def test_write_atomically_file_can_be_read_by_everybody(tmp_path: Path) -> None:
    write_atomically(tmp_path / "plan.json", "text")
    assert (tmp_path / "plan.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_write_atomically_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    path = tmp_path / "plan.json"
    path.write_text("old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {"plan.json": "old"}


def test_write_atomically_reaches_the_disk_before_it_takes_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append("fsync"), fsync(descriptor))[1])
    monkeypatch.setattr(os, "replace", lambda *paths: (steps.append("replace"), replace(*paths))[1])
    write_atomically(tmp_path / "plan.json", "text")
    assert steps == ["fsync", "replace", "fsync"]
