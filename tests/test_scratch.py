"""Where rows are materialized: what a killed run left is removed by the next run of the same lake, and of no other."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from commands import returns, succeeded
from pyspark_interview_project.engines.duckdb import DuckDBEngine
from running import Stopped, land_returns, opened, return_of


def lake_at(place: Path) -> Path:
    """A lake in which one return has landed."""
    land_returns(place, "a", return_of("R1"))
    return place


def close_only(engine: DuckDBEngine) -> None:
    """Close the engine and tidy nothing up."""
    engine._opened.close()
    engine._queries.close()
    engine._connection.close()


def killed(lake: Path, patch: pytest.MonkeyPatch, **settings: Any) -> set[Path]:
    """A run that is killed while rows are materialized; the files that it leaves in scratch directories."""
    with patch.context() as inner:
        inner.setattr(DuckDBEngine, "close", close_only)
        inner.setattr(tempfile.TemporaryDirectory, "cleanup", lambda directory: None)
        inner.setattr(tempfile.TemporaryDirectory, "_cleanup", lambda *_, **__: None)
        with pytest.raises(Stopped), opened(lake, **settings) as run:
            frame = run.engine._view("select 1 as one")  # type: ignore[attr-defined]
            run.engine.materialize(frame)
            raise Stopped
    return files_in(Path(settings.get("scratch_dir") or lake / "ops" / "scratch"))


def files_in(directory: Path) -> set[Path]:
    return {path for path in directory.rglob("*") if path.is_file()}


def test_next_run_removes_what_a_killed_one_left_in_the_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = lake_at(tmp_path / "lake")
    assert len(killed(lake, monkeypatch)) == 1
    with opened(lake):
        assert files_in(lake / "ops" / "scratch") == set()


def test_next_run_removes_what_a_killed_one_of_its_lake_left_in_scratch_dir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    lake, other = lake_at(tmp_path / "lake"), lake_at(tmp_path / "other")
    left = killed(lake, monkeypatch, scratch_dir=str(scratch))
    of_other = killed(other, monkeypatch, scratch_dir=str(scratch)) - left
    someone_elses = scratch / "notes.txt"
    someone_elses.write_text("of a person")
    assert (len(left), len(of_other)) == (1, 1)
    with opened(lake, scratch_dir=str(scratch)):
        assert files_in(scratch) == {*of_other, someone_elses}
    assert not (lake / "ops" / "scratch").exists()


def test_look_at_a_lake_leaves_alone_what_a_run_materialized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no lock: the run may still be at work."""
    scratch = tmp_path / "scratch"
    lake = lake_at(tmp_path / "lake")
    left = killed(lake, monkeypatch, scratch_dir=str(scratch))
    succeeded(returns(lake, "run", "--dry-run", SCRATCH_DIR=str(scratch)))
    assert files_in(scratch) == left


def test_run_leaves_nothing_in_its_scratch(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    with opened(lake) as run:
        run.engine.materialize(run.engine._view("select 1 as one"))  # type: ignore[attr-defined]
        assert len(files_in(lake / "ops" / "scratch")) == 1
    assert files_in(lake / "ops" / "scratch") == set()
    shutil.rmtree(lake / "ops" / "scratch")
