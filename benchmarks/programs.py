"""The programs that are timed: the package's command line, at this or another revision, and its peers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import data
from benchmarks.totals import Totals
from pyspark_interview_project.engines.spark_jars import checked_jars

REPOSITORY = Path(__file__).resolve().parents[1]
RETURNS, BASELINE = "returns", "baseline"
GOLD = "gold/returns_by_sku_reason"

_RETURNS_COMMAND = Path(sys.executable).with_name("returns")
_FEEDS = Path(__file__).with_name("feeds")
# What a program needs of the environment; nothing else of it reaches one.
_INHERITED = ("HOME", "JAVA_HOME", "LANG", "LC_ALL", "PATH", "TMPDIR")


def _nothing() -> None: ...


@dataclass(frozen=True)
class Program:
    """One of the programs of a case, ready to be run in each round.

    `prepare` brings everything to where the program starts from; it is not timed. `totals` reads what was made; `check`
    raises an exception if something else is wrong with it. With `counts_statements` its SQL executions are counted,
    in one more run.
    """

    name: str
    command: Sequence[str | Path]
    env: Mapping[str, str]
    prepare: Callable[[], object]
    totals: Callable[[], Totals] | None = None
    check: Callable[[], object] = _nothing
    counts_statements: bool = False
    when_done: Callable[[], object] = field(default=_nothing)


@dataclass(frozen=True)
class Package:
    """The package with one engine. `source` is the `src` of another checkout, whose code is then run."""

    engine: str
    source: Path | None = None

    @property
    def name(self) -> str:
        return BASELINE if self.source else RETURNS

    def run(self) -> list[str | Path]:
        """The command that takes what has landed."""
        return [_RETURNS_COMMAND, "run", "--engine", self.engine, "--as-of", data.AS_OF.isoformat()]

    def env(self, lake: Path, has_feeds: bool = False) -> dict[str, str]:
        """The environment of a command on a lake. A run that needs no feed of its own must not pay for one."""
        of_feeds = {"FEEDS_DIR": str(_FEEDS)} if has_feeds else {}
        of_source = {"PYTHONPATH": str(self.source)} if self.source else {}
        return inherited() | of_source | of_feeds | {"DATA_ROOT": str(lake)}

    def call(self, lake: Path, *arguments: str | Path) -> None:
        """Run a command outside of any timing; `run` if no arguments are given."""
        command = [_RETURNS_COMMAND, *arguments] if arguments else self.run()
        ended = subprocess.run(command, env=self.env(lake), cwd=REPOSITORY, capture_output=True, text=True)
        if ended.returncode != 0:
            raise RuntimeError(f"{command} on {lake} ended with {ended.returncode}: {ended.stderr[-2000:]}")


def peer(module: str, *arguments: str | Path) -> list[str | Path]:
    """The command of a peer."""
    return [sys.executable, "-m", f"benchmarks.peers.{module}", *arguments]


def peer_env(module: str) -> dict[str, str]:
    """The environment of a peer. One of Spark gets the same two jars as the package has."""
    jars = {"DELTA_JARS": ",".join(map(str, checked_jars()))} if module.startswith("pyspark") else {}
    return inherited() | jars


def call_peer(module: str, *arguments: str | Path) -> None:
    """Run a peer outside of any timing."""
    subprocess.run(peer(module, *arguments), env=peer_env(module), cwd=REPOSITORY, check=True, capture_output=True)


def inherited() -> dict[str, str]:
    """What a program gets of this process's environment."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


@contextmanager
def revision_checked_out(revision: str, place: Path) -> Iterator[Path]:
    """The `src` of another revision of this repository, in a worktree that is there only inside."""
    git = ["git", "-C", str(REPOSITORY), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(place), revision], check=True)
    try:
        yield place / "src"
    finally:
        subprocess.run([*git, "remove", "--force", str(place)], check=True)
