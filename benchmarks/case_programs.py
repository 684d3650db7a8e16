"""The programs that are timed in each case. The package comes first, then what it is compared with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.cases import COPY, DELTA_RS, DUCKDB, FORMATS, GROWTHS, LARGE, POLARS, PYSPARK, Case
from benchmarks.data import Age
from benchmarks.programs import BASELINE, GOLD, Package, Program, call_peer, peer, peer_env
from benchmarks.totals import totals_of
from benchmarks.workplace import Workplace, copy_tables, fresh, land

_LANDED_BY_DAY = "dt=2025-11-10"
_Builder = Callable[[Case, Workplace, Package], list[Program]]


def programs_of(case: Case, workplace: Workplace, baseline: Path | None) -> list[Program]:
    """The programs of a case. `baseline`: the `src` of a revision that is timed too."""
    own = _BUILDERS[case.name](case, workplace, Package(case.engine))
    ours = own if case.has_peers else own[:1]
    return ours + (_BUILDERS[case.name](case, workplace, Package(case.engine, baseline))[:1] if baseline else [])


# Lakes ----------------------------------------------------------------------------------------------------------------


def _loaded_lake(workplace: Workplace, package: Package, millions: float) -> Path:
    """A lake that has taken a load; it is only copied. A very large one is loaded by the embedded engine, which takes
    less time; Spark goes on with it."""
    if millions >= LARGE:
        package = Package("embedded", package.source)

    def make(lake: Path) -> None:
        land(lake, workplace.load(millions))
        package.call(lake)

    return workplace.kept(_name_of_lake(package, millions), make)


def _name_of_lake(package: Package, millions: float) -> str:
    return f"lake-{package.name}-{package.engine}-{millions:g}"


def _copied_lake(source: Path, target: Path, package: Package) -> None:
    """A copy at which a run has looked once: inodes and change times that a lake may have noted are others now."""
    copy_tables(source, target)
    package.call(target)


def _run(
    package: Package, lake: Path, prepare: Callable[[], object], *, has_feeds: bool = False, **more: Any
) -> Program:
    """The package's run on a lake. Its gold is what the results of others are compared with."""
    env = package.env(lake, has_feeds=has_feeds)
    return Program(package.name, package.run(), env, prepare, lambda: totals_of(lake / GOLD), **more)


# Cases ----------------------------------------------------------------------------------------------------------------


def _first_load(case: Case, workplace: Workplace, package: Package) -> list[Program]:
    load = workplace.load(case.millions)
    name = _name_of_lake(package, case.millions)
    lake = workplace.root / name
    # The cases behind this one go on with the lake.
    ours = _run(package, lake, lambda: land(fresh(lake), load), when_done=lambda: workplace.keep(name))
    if case.engine == "spark":
        name_of_peer = f"pyspark-{case.millions:g}"
        plain = _peer_load(PYSPARK, "pyspark_first_load", load, workplace.root / name_of_peer, "gold", "parquet")
        return [ours, plain(when_done=lambda: workplace.keep(name_of_peer))]
    return [
        ours,
        _peer_load(DUCKDB, "duckdb_first_load", load, workplace.root / "duckdb", "gold.parquet", "parquet")(),
        _peer_load(POLARS, "polars_first_load", load, workplace.root / "polars", "gold.parquet")(),
    ]


def _peer_load(name: str, module: str, load: Path, output: Path, gold: str, *more: str) -> Callable[..., Program]:
    """A peer that loads into an empty place."""
    return partial(
        Program,
        name,
        peer(module, load, output, *more),
        peer_env(module),
        prepare=lambda: fresh(output),
        totals=lambda: totals_of(output / gold),
    )


def _daily(case: Case, workplace: Workplace, package: Package, age: Age = "recent") -> list[Program]:
    increment = workplace.increment(case.millions, age)
    loaded = _loaded_lake(workplace, package, case.millions)
    lake = workplace.root / f"daily-{package.name}"

    def prepare() -> None:
        _copied_lake(loaded, lake, package)
        land(lake, increment, _LANDED_BY_DAY)

    ours = _run(package, lake, prepare)
    if package.name == BASELINE or not case.has_peers:
        return [ours]
    load, size = workplace.load(case.millions), f"{case.millions:g}"
    if case.engine == "spark":
        tables = workplace.kept(f"pyspark-{size}", lambda at: call_peer("pyspark_first_load", load, at, "parquet"))
        return [ours, _peer_daily(PYSPARK, "pyspark_daily", [], increment, tables, workplace.root / "daily-pyspark")]
    tables = workplace.kept(f"deltars-{size}", lambda at: call_peer("deltars_daily", "load", load, at))
    database = workplace.kept(f"duckdb-{size}.db", lambda at: call_peer("duckdb_daily", "load", load, at))
    copied = workplace.root / "daily.db"
    return [
        ours,
        _peer_daily(DELTA_RS, "deltars_daily", ["merge"], increment, tables, workplace.root / "daily-deltars"),
        Program(
            DUCKDB,
            peer("duckdb_daily", "merge", increment, copied),
            peer_env("duckdb_daily"),
            prepare=lambda: shutil.copyfile(database, fresh(copied)),
            totals=lambda: totals_of(copied),
        ),
    ]


def _peer_daily(name: str, module: str, verb: list[str], increment: Path, tables: Path, copied: Path) -> Program:
    """A peer that takes an increment into a copy of its own tables."""
    return Program(
        name,
        peer(module, *verb, increment, copied),
        peer_env(module),
        prepare=lambda: copy_tables(tables, copied),
        totals=lambda: totals_of(copied / "gold"),
    )


def _nothing_new(case: Case, workplace: Workplace, package: Package) -> list[Program]:
    loaded = _loaded_lake(workplace, package, case.millions)
    lake = workplace.root / f"idle-{package.name}"

    def prepare() -> None:
        # Links that another program's lake got to the same landed files are a change to this one.
        if lake.exists():
            package.call(lake)
        else:
            _copied_lake(loaded, lake, package)

    return [_run(package, lake, prepare, when_done=lambda: fresh(lake))]


def _three_rows(case: Case, workplace: Workplace, package: Package) -> list[Program]:
    loaded, rows = _loaded_lake(workplace, package, case.millions), workplace.three_rows()
    lake = workplace.root / f"three-{package.name}"

    def prepare() -> None:
        _copied_lake(loaded, lake, package)
        land(lake, rows, _LANDED_BY_DAY)

    return [_run(package, lake, prepare, counts_statements=case.engine == "spark")]


def _format(case: Case, workplace: Workplace, package: Package) -> list[Program]:
    format_ = FORMATS[case.variant]
    text, lake = workplace.text(case.millions, format_), workplace.root / f"text-{package.name}"
    # The files lie in a directory of the feed's name, or of one that no feed has.
    ours = _run(package, lake, lambda: land(fresh(lake), text, format_), has_feeds=format_ == "export")
    output = workplace.root / "text-peer"
    if case.engine == "spark":
        return [ours, _peer_load(PYSPARK, "pyspark_first_load", text, output, "gold", format_)()]
    return [ours, _peer_load(DUCKDB, "duckdb_first_load", text, output, "gold.parquet", format_)()]


def _growth(case: Case, workplace: Workplace, package: Package) -> list[Program]:
    load = workplace.load(case.millions, **GROWTHS[case.variant])
    lake = workplace.root / f"growth-{package.name}"
    return [_run(package, lake, lambda: land(fresh(lake), load))]


def _backup(case: Case, workplace: Workplace, package: Package) -> list[Program]:
    lake = _loaded_lake(workplace, package, case.millions)
    store, copied = workplace.root / f"backup-{package.name}", workplace.root / "copied"
    command = [package.run()[0], "dr", "backup", "--to", store]
    return [
        Program(
            package.name,
            command,
            package.env(lake),
            prepare=lambda: fresh(store),
            check=lambda: package.call(lake, "dr", "verify", "--from", store),
            when_done=lambda: fresh(store),
        ),
        Program(
            COPY,
            peer("plain_copy", lake, copied),
            peer_env("plain_copy"),
            prepare=lambda: fresh(copied),
            when_done=lambda: fresh(copied),
        ),
    ]


_BUILDERS: Mapping[str, _Builder] = {
    "first-load": _first_load,
    "daily": _daily,
    "daily-old": partial(_daily, age="any"),
    "nothing-new": _nothing_new,
    "three-rows": _three_rows,
    "formats": _format,
    "backup": _backup,
    "growth": _growth,
}
