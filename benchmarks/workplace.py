"""Where a benchmark works: the data of its cases, and lakes that are loaded once and copied for each round."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks import data
from benchmarks.data import Age, TextFormat

BRONZE = "bronze/returns_raw"


class Workplace:
    """A directory with one entry for each thing that cases share. Each is made when it is first asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._made: set[str] = set()

    def kept(self, name: str, make: Callable[[Path], object]) -> Path:
        """The entry of this name; `make` makes it at its place if it is not there yet."""
        place = self.root / name
        if name not in self._made:
            make(fresh(place))
            self._made.add(name)
        return place

    def keep(self, name: str) -> None:
        """Say that what stands at this name is whole."""
        self._made.add(name)

    def load(self, millions: float, files: int = data.FILES_PER_LOAD, dates: int = data.DATES) -> Path:
        """The Parquet files of a first load."""
        usual = (files, dates) == (data.FILES_PER_LOAD, data.DATES)
        name = f"load-{millions:g}" if usual else f"load-{millions:g}-{files}-{dates}"
        return self.kept(name, lambda place: data.write_load(round(millions * 1_000_000), place, files, dates))

    def text(self, millions: float, format_: TextFormat) -> Path:
        """The same load as text."""
        load = self.load(millions)
        return self.kept(f"load-{millions:g}-{format_}", lambda place: data.write_text(load, place, format_))

    def increment(self, millions: float, age: Age) -> Path:
        """A day's increment to that load."""
        load = self.load(millions)
        name = f"increment-{millions:g}-{age}"
        return self.kept(name, lambda place: data.write_increment(load, place / "increment.parquet", age))

    def three_rows(self) -> Path:
        """A file of three returns."""
        return self.kept("three-rows", data.write_three_rows)


def fresh(place: Path) -> Path:
    """The place, with nothing at it."""
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    return place


def land(lake: Path, directory: Path, under: str = "") -> None:
    """Land the files of a directory in a lake, as links: a lake never changes what has landed."""
    target = lake / BRONZE / under
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(directory.iterdir()):
        os.link(file, target / file.name)


def copy_tables(source: Path, target: Path) -> Path:
    """Copy a lake or a directory of tables. Landed files and data files are never written again, so they are linked."""

    def link_or_copy(name: str, copy: str) -> str:
        of_bronze = Path(name).is_relative_to(source / "bronze")
        if of_bronze or name.endswith(".parquet") and "_delta_log" not in name:
            os.link(name, copy)
        else:
            shutil.copy2(name, copy)
        return copy

    shutil.copytree(source, fresh(target), copy_function=link_or_copy)
    return target
