"""A snapshot of a lake that may be written meanwhile: versions of all tables that belong together.

It lies at a boundary of batches. Batches are looked at first, then silver, quarantine and gold. A table is taken at its
last version before any commit of a batch that was not settled, which means committed or abandoned. So a restored lake
never has a part of a batch: a batch that is left out is planned anew from its landed files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark_interview_project.config import paths
from pyspark_interview_project.dr import table_log
from pyspark_interview_project.dr.manifest import Kind
from pyspark_interview_project.dr.table_log import LOG, BrokenLog, TableVersion
from pyspark_interview_project.errors import ConfigurationError, DamageError
from pyspark_interview_project.metrics.run_record import RECOVERY_KINDS, RunRecord
from pyspark_interview_project.storage.files import UNFINISHED, LocalFiles, StoredFile

_PLAN = "plan.json"
_SETTLED = ("committed.json", "abandoned.json")


@dataclass(frozen=True)
class PinnedTable:
    """A table at its version in the snapshot, and the version of silver that a gold table covers."""

    version: TableVersion
    covers_silver: int | None


@dataclass(frozen=True)
class Snapshot:
    """What a backup is to hold. `files` are paths relative to the root with their kinds, logs ascending.

    `latest_run_record` is the path of the record of the pipeline's last run.
    """

    lake: LocalFiles
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

    @property
    def sizes_in_logs(self) -> Mapping[str, int]:
        """The bytes of each data file, as the log of its table has them."""
        return {
            f"{table}/{path}": size
            for table, pinned in self.tables.items()
            for path, size in pinned.version.files.items()
        }


def pin(lake: LocalFiles, has_landed_files: bool) -> Snapshot:
    """Take a snapshot. `lake` has its links resolved.

    Raises FileNotFoundError where a file vanished meanwhile (take another), StorageError or OSError where a directory
    cannot be listed, DamageError where a log is broken or leads out of its table, ConfigurationError where there is no
    silver table or a link leads out of the lake.
    """
    at = datetime.now(UTC)
    state = [file.path for file in _files_under(lake, paths.BATCHES)]
    settled, left_out = _batches(state)
    tables = _pinned_tables(lake, settled)
    files: dict[str, Kind] = {}
    for table, pinned in tables.items():
        files |= {f"{table}/{path}": "data" for path in sorted(pinned.version.files)}
        files |= {f"{table}/{path}": "deletion_vector" for path in pinned.version.deletion_vectors}
        files |= {f"{table}/{path}": "log" for path in pinned.version.log_files}
    files |= {path: "state" for path in state if path.split("/")[2] in settled}
    # Looked for after the tables were pinned: where it is gone, a run has compared this gold, or newer gold, meanwhile.
    if lake.head(paths.GOLD_UNCHECKED):
        files[paths.GOLD_UNCHECKED] = "state"
    records, latest = _run_records(lake, settled)
    files |= {path: "state" for path in records}
    if has_landed_files:
        files |= {file.path: "landed" for file in _files_under(lake, paths.LANDED)}
    return Snapshot(lake, at, tables, settled, left_out, files, latest)


def silver_id(lake: LocalFiles) -> str | None:
    """The id of the silver table of a lake that has its links resolved; None where there is none."""
    silver = _pinned(lake, paths.SILVER_RETURNS, lambda _: False)
    return silver.version.table_id if silver else None


def log_names(lake: LocalFiles, table: str) -> list[str]:
    """The files in the log of a table, relative to the log's directory. Raises ConfigurationError for a link out of
    the lake, which nothing may follow."""
    log = f"{table}/{LOG}"
    lake.real_place(log)
    files = list(lake.list(log))
    for file in files:
        if file.link:
            lake.real_place(file.path)
    return [file.path.removeprefix(f"{log}/") for file in files]


def version_in(lake: LocalFiles, table: str, version: int) -> TableVersion:
    """What a table of a lake consists of at a version. Raises BrokenLog, and OSError where a log file vanished."""
    log = lake.place(f"{table}/{LOG}")
    return table_log.table_version(version, log_names(lake, table), lambda name, link: link.symlink_to(log / name))


def _batches(state: Sequence[str]) -> tuple[list[str], list[str]]:
    """Ids of the settled batches up to the first that is not settled, and ids of the others."""
    settled: list[str] = []
    left_out: list[str] = []
    names: dict[str, set[str]] = {}
    for path in state:
        _, _, batch, *rest = path.split("/")
        names.setdefault(batch, set()).add("/".join(rest))
    for batch in sorted(batch for batch, found in names.items() if _PLAN in found):
        is_settled = not names[batch].isdisjoint(_SETTLED)
        (settled if is_settled and not left_out else left_out).append(batch)
    return settled, left_out


def _pinned_tables(lake: LocalFiles, settled: Sequence[str]) -> dict[str, PinnedTable]:
    def is_of_another_batch(metadata: Mapping[str, Any]) -> bool:
        return metadata.get("batch_id") is not None and metadata["batch_id"] not in settled

    silver = _pinned(lake, paths.SILVER_RETURNS, is_of_another_batch)
    if silver is None:
        raise ConfigurationError(str(lake.root), "has no silver table; run the pipeline first or set DATA_ROOT")
    limit = silver.version.version
    found = {paths.SILVER_RETURNS: silver}
    for table in (paths.GOLD_BY_SKU_REASON, paths.GOLD_BY_DATE_REASON):
        if gold := _pinned(lake, table, lambda metadata: (_covers_silver(metadata) or 0) > limit):
            found[table] = gold
    if quarantine := _pinned(lake, paths.QUARANTINED_RETURNS, is_of_another_batch):
        found[paths.QUARANTINED_RETURNS] = quarantine
    return found


def _covers_silver(metadata: Mapping[str, Any]) -> int | None:
    """The version of silver that a commit of gold covers, as it says."""
    version = metadata.get("silver_version")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool) or version < 0):
        raise BrokenLog(f"says to cover version {version} of silver")
    return version


def _pinned(lake: LocalFiles, table: str, is_behind: Callable[[Mapping[str, Any]], bool]) -> PinnedTable | None:
    """The table at its newest version before the first commit that lies behind the snapshot; None if there is none."""
    place = lake.real_place(table)
    if not (place / LOG).is_dir():
        return None
    try:
        if not log_names(lake, table):
            raise BrokenLog("has no commits")
        version, commits = table_log.newest_and_commits(place)
        covered = None
        for number, metadata in commits:
            if is_behind(metadata):
                version = number - 1
                break
            covered = covered if (covers := _covers_silver(metadata)) is None else covers
        return PinnedTable(version_in(lake, table, version), covered) if version >= 0 else None
    except BrokenLog as error:
        raise DamageError(table, [f"{error}; nothing was copied"]) from error


def _run_records(lake: LocalFiles, settled: Sequence[str]) -> tuple[list[str], str | None]:
    """The run records that the snapshot has, which are those of no batch that is left out, and the one of the
    pipeline's run that ended last."""
    records, runs = [], []
    for file in _files_under(lake, paths.RUN_RECORDS):
        content = _json(lake, file)
        batch = content.get("batch_id") if isinstance(content, dict) else None
        if batch is not None and batch not in settled:
            continue
        records.append(file.path)
        try:
            record = RunRecord.model_validate(content)
        except ValueError:  # another tool wrote it
            continue
        if record.kind not in RECOVERY_KINDS:
            runs.append((record.ended, record.run_id, file.path))
    return records, max(runs)[-1] if runs else None


def _json(lake: LocalFiles, file: StoredFile) -> Any:
    """What a file says; None where it is no JSON. An empty file may be a pipe, and to read that would never end."""
    try:
        return json.loads(lake.read(file.path)) if file.size else None
    except (ValueError, RecursionError):
        return None


def _files_under(lake: LocalFiles, place: str) -> list[StoredFile]:
    """The files of a place and of its directories in the order of their paths, without those that are hidden or being
    written. Raises ConfigurationError for a link to a directory or to nothing, but the pipeline ignores such among
    landed files."""
    found = []
    for file in lake.list(place):
        names = file.path.removeprefix(f"{place}/").split("/")
        if any(name.startswith((".", "_")) for name in names) or file.path.endswith(UNFINISHED):
            continue
        if file.link == "nowhere" and place == paths.LANDED:
            continue
        if file.link == "nowhere":
            raise ConfigurationError(file.path, f"a link takes it out of {lake.root}, or to a directory or nothing")
        found.append(file)
    return sorted(found, key=lambda file: file.path)
