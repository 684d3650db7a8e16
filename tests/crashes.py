"""Moments of a run: before and behind each call of storage, of the engine, of a table's commit and of the run records.

The product knows nothing of this: the methods of its classes are wrapped from outside. A copy of a lake at a moment is
what a kill at that moment would leave, to the file. So one run gives the lakes of all kills that it can meet.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from pyspark_interview_project.engines.duckdb import DuckDBEngine
from pyspark_interview_project.metrics.run_records import RunRecords
from pyspark_interview_project.schemas.tables import TableContract
from pyspark_interview_project.storage.delta_writes import DeltaWrites
from pyspark_interview_project.storage.files import LocalFiles

BEFORE, BEHIND = "before", "behind"

_FILES = ("put", "put_if_absent", "update", "delete")
_ENGINE = ("ensure_tables", "materialize", "upsert", "replace_batch", "merge", "overwrite")
_COMMITS = ("ensure", "publish", "overwrite", "replace_batch", "delete_batch", "merge", "fence")
# In the names of files: batches and runs, which have another one each time.
_IDS = re.compile(r"^[0-9]{6}(?=\.json$)|^[0-9TZ.]+-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=\.json$)")


@dataclass(frozen=True)
class Moment:
    """Before or behind a call, such as `put plan.json`, `upsert silver_returns` or, of delta-rs that an engine calls,
    `commit publish silver_returns`. `passes`: which such call it is."""

    when: str
    call: str
    passes: int = 1

    def __str__(self) -> str:
        return f"{self.when} {self.call}" + (f", pass {self.passes}" if self.passes > 1 else "")

    @staticmethod
    def of(text: str) -> Moment:
        """The moment that `text` names as `str` does."""
        named, _, passes = text.partition(", pass ")
        when, _, call = named.partition(" ")
        return Moment(when, call, int(passes or 1))


At = Callable[[Moment], object]


@contextmanager
def watched(at: At) -> Iterator[None]:
    """Inside, `at` is called at each moment. What it raises, the call raises."""
    seen: Counter[tuple[str, str]] = Counter()

    def moment(when: str, call: str) -> None:
        seen[when, call] += 1
        at(Moment(when, call, seen[when, call]))

    with pytest.MonkeyPatch.context() as patch:
        for owner, names in _watched_methods().items():
            for name in names:
                label = f"commit {name}" if owner is DeltaWrites else name
                patch.setattr(owner, name, _wrapped(getattr(owner, name), label, moment))
        yield


def _watched_methods() -> dict[type[Any], tuple[str, ...]]:
    methods: dict[type[Any], tuple[str, ...]] = {
        LocalFiles: _FILES,
        DuckDBEngine: _ENGINE,
        DeltaWrites: _COMMITS,
        RunRecords: ("write",),
    }
    try:
        from pyspark_interview_project.engines.spark import SparkEngine
    except ImportError:  # Spark is not installed
        return methods
    return methods | {SparkEngine: _ENGINE}


def _wrapped(method: Callable[..., Any], name: str, moment: Callable[[str, str], None]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Any, *arguments: Any, **options: Any) -> Any:
        if name == "delete" and arguments:
            arguments = (list(arguments[0]),)  # it may be an iterator
        what = f"{name} {_what(arguments)}".strip()
        moment(BEFORE, what)
        answer = method(self, *arguments, **options)
        moment(BEHIND, what)
        return answer

    return call


def _what(arguments: tuple[Any, ...]) -> str:
    """What a call is about: a table, or a file by its name without ids."""
    about = arguments[0] if arguments else None
    if isinstance(about, list):
        about = about[0] if about else None
    if isinstance(about, TableContract):
        return about.name
    return _IDS.sub("*", Path(about).name) if isinstance(about, str) else ""


# What tests do at moments ---------------------------------------------------------------------------------------------


def images(
    root: Path, to: Path, action: Callable[[], object], wanted: Callable[[Moment], bool] = lambda moment: True
) -> dict[Moment, Path]:
    """Run `action` once. The copies of `root` at the wanted moments, each as a kill at that moment would leave it."""
    taken: dict[Moment, Path] = {}

    def copy(moment: Moment) -> None:
        if wanted(moment):
            taken[moment] = Path(shutil.copytree(root, to / f"{len(taken):03d}" / root.name, symlinks=True))

    with watched(copy):
        action()
    return taken


def image(root: Path, to: Path, action: Callable[[], object], moment: str) -> Path:
    """The copy of `root` at one moment of `action`."""
    wanted = Moment.of(moment)
    taken = images(root, to, action, lambda each: each == wanted)
    assert wanted in taken, f"the action has no moment {moment!r}"
    return taken[wanted]


@contextmanager
def at(moment: str, do: Callable[[], object]) -> Iterator[None]:
    """Inside, `do` is called at one moment, which must come. What it raises, the call raises."""
    wanted, came = Moment.of(moment), []

    def here(each: Moment) -> None:
        if each == wanted:
            came.append(each)
            do()

    with watched(here):
        yield
    assert came, f"there was no moment {moment!r}"


@contextmanager
def failing(moment: str, error: BaseException) -> Iterator[None]:
    """Inside, the call at this moment fails with `error`. Behind the call: it was done, and its answer got lost."""

    def fail() -> None:
        raise error

    with at(moment, fail):
        yield
