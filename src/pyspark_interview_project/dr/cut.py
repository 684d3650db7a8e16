"""One consistent cut through a lake that may be written meanwhile: versions of all tables that belong together.

The cut is at a boundary of batches. Batches are looked at first, then silver, quarantine and gold; whatever a table has
got since of a batch that was not settled (committed or abandoned) then lies behind the cut. So a restored lake never
has a part of a batch: a batch left out is planned anew from its landed files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyspark_interview_project.config import paths
from pyspark_interview_project.dr import delta_log
from pyspark_interview_project.dr.delta_log import LOG, BrokenLog, LogListing, TableVersion
from pyspark_interview_project.dr.manifest import Kind
from pyspark_interview_project.dr.store import file_chunks, walked
from pyspark_interview_project.errors import ConfigurationError, DamageError

_UNFINISHED = (".tmp", ".part", ".crc")
_PLAN = "plan.json"
_SETTLED = ("committed.json", "abandoned.json")


@dataclass(frozen=True)
class PinnedTable:
    """A table at its version of the cut."""

    version: TableVersion
    covers_silver: int | None


@dataclass(frozen=True)
class Cut:
    """What a backup is to hold. `files` are paths relative to the root with their kinds, logs ascending."""

    root: Path
    at: datetime
    tables: Mapping[str, PinnedTable]
    batches: Sequence[str]
    batches_left_out: Sequence[str]
    files: Mapping[str, Kind]
    latest_run_record: str | None

    @property
    def silver_id(self) -> str:
        """The id of the silver table, which is that of the lake: a restored one keeps it."""
        return self.tables[paths.SILVER_RETURNS].version.table_id


def pin(root: Path, has_landed_files: bool) -> Cut:
    """Pin the lake under `root`, which has its links resolved.

    Raises FileNotFoundError where a file vanished meanwhile (pin again), StorageError and OSError where a directory may
    not be listed, DamageError where a log is broken or leads out
    of its table, ConfigurationError where there is no table or a link leads out of the lake.
    """
    at = datetime.now(UTC)
    settled, left_out = _batches(root)
    tables: dict[str, PinnedTable] = {}
    silver = _pinned(root, paths.SILVER_RETURNS, lambda note: _is_of_another_batch(note, settled))
    if silver is None:
        raise ConfigurationError(str(root), "has no silver table; run the pipeline first or set DATA_ROOT")
    tables[paths.SILVER_RETURNS] = silver
    limit = silver.version.version
    for table in (paths.GOLD_BY_SKU_REASON, paths.GOLD_BY_DATE_REASON):
        if gold := _pinned(root, table, lambda note: (_covers_silver(note) or 0) > limit):
            tables[table] = gold
    quarantine = _pinned(root, paths.QUARANTINED_RETURNS, lambda note: _is_of_another_batch(note, settled))
    if quarantine is not None:
        tables[paths.QUARANTINED_RETURNS] = quarantine

    files: dict[str, Kind] = {}
    for table, pinned in tables.items():
        files |= {f"{table}/{path}": "data" for path in sorted(pinned.version.files)}
        files |= {f"{table}/{path}": "deletion_vector" for path in pinned.version.deletion_vectors}
        files |= {f"{table}/{path}": "log" for path in pinned.version.log_files}
    for batch in settled:
        files |= {path: "state" for path in _files_under(root, f"{paths.BATCHES}/{batch}")}
    records = [path for path in _files_under(root, paths.RUN_RECORDS) if _belongs(root / path, settled)]
    files |= {path: "state" for path in records}
    if has_landed_files:
        files |= {path: "landed" for path in _files_under(root, paths.LANDED)}
    return Cut(root, at, tables, settled, left_out, files, max(records, default=None))


def checked_file(root: Path, path: str) -> Path:
    """A file of the lake, by its path relative to the root. Raises ConfigurationError where a link leads out of it."""
    real = Path(os.path.realpath(root / path))
    if not real.is_relative_to(root):
        raise ConfigurationError(path, f"a link takes it out of the lake, to {real}")
    return real


def read_file(root: Path, path: str) -> bytes:
    return b"".join(file_chunks(checked_file(root, path)))


def log_listing(root: Path, table: str) -> LogListing:
    """What the log of a table has. Raises FileNotFoundError where there is no such table."""
    directory = checked_file(root, f"{table}/{LOG}")
    return LogListing.of(os.listdir(directory))


def silver_id(root: Path) -> str | None:
    """The id of the silver table of the lake under `root`, which has its links resolved; None where there is none."""
    silver = _pinned(root, paths.SILVER_RETURNS, lambda note: False)
    return silver.version.table_id if silver else None


def _batches(root: Path) -> tuple[list[str], list[str]]:
    """Ids of the settled batches up to the first that is not, and of the others."""
    settled: list[str] = []
    left_out: list[str] = []
    for batch in _listed(root / paths.BATCHES):
        names = _listed(root / paths.BATCHES / batch)
        if _PLAN in names:
            is_settled = any(name in names for name in _SETTLED)
            (settled if is_settled and not left_out else left_out).append(batch)
    return settled, left_out


def _listed(directory: Path) -> list[str]:
    """The names in a directory, none where there is no such. Raises OSError where it may not be listed."""
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_of_another_batch(note: Mapping[str, Any], settled: Sequence[str]) -> bool:
    return note.get("batch_id") is not None and note["batch_id"] not in settled


def _covers_silver(note: Mapping[str, Any]) -> int | None:
    """The version of silver that a commit of gold says to cover."""
    version = note.get("silver_version")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool) or version < 0):
        raise BrokenLog(f"says to cover version {version} of silver")
    return version


def _pinned(root: Path, table: str, is_behind: Callable[[Mapping[str, Any]], bool]) -> PinnedTable | None:
    """The table at its newest version before the first commit that is behind the cut; None where there is none."""

    def read(name: str) -> bytes:
        return read_file(root, f"{table}/{LOG}/{name}")

    try:
        listing = log_listing(root, table)
    except FileNotFoundError:
        return None
    try:
        version, covered = delta_log.newest_version(listing), None
        for number, note in delta_log.commit_notes(listing, read):
            if is_behind(note):
                version = number - 1
                break
            covered = covered if (covers := _covers_silver(note)) is None else covers
        if version < 0:
            return None
        return PinnedTable(delta_log.table_version(listing, version, read), covered)
    except BrokenLog as error:
        raise DamageError(table, [f"{error}; nothing was copied"]) from error


def _belongs(record: Path, settled: Sequence[str]) -> bool:
    """Whether a run record is of a run that the cut has: not of a batch left out."""
    try:
        batch = json.loads(record.read_bytes()).get("batch_id")
    except (ValueError, AttributeError):
        return True  # somebody else's; nothing of it is ours to validate
    return batch is None or batch in settled


def _files_under(root: Path, place: str) -> list[str]:
    """The files of a place and of its directories, but those that are hidden or being written."""
    found = []
    for directory, directories, names in walked(checked_file(root, place)):
        directories[:] = sorted(name for name in directories if not name.startswith((".", "_")))
        relative = Path(directory).relative_to(root).as_posix()
        kept = [name for name in sorted(names) if not name.startswith((".", "_")) and not name.endswith(_UNFINISHED)]
        found += [f"{relative}/{name}" for name in kept]
    return found
