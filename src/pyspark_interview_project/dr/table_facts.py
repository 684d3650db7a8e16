"""What data files hold, and whether tables open as they were pinned."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pyspark_interview_project.dr import delta_log
from pyspark_interview_project.dr.delta_log import LOG, BrokenLog, LogListing, TableVersion
from pyspark_interview_project.dr.manifest import FileEntry, Manifest, TableEntry


class Unopenable(Exception):
    """A data file is no Parquet file, or a table does not open; the message says why."""


@dataclass(frozen=True)
class FileFacts:
    """Rows of a data file, and the sums of its numeric columns as decimal text."""

    rows: int
    sums: dict[str, str]


def file_facts(file: Path | IO[bytes]) -> FileFacts:
    """Read a data file. Raises Unopenable, and OSError."""
    try:
        with pq.ParquetFile(file) as parquet:
            names = [f.name for f in parquet.schema_arrow if pa.types.is_decimal(f.type) or pa.types.is_integer(f.type)]
            sums = dict.fromkeys(names, Decimal(0))
            for batch in parquet.iter_batches(columns=names, use_threads=False) if names else ():
                for name in names:
                    sums[name] += Decimal(pc.sum(batch.column(name)).as_py() or 0)
            return FileFacts(parquet.metadata.num_rows, {name: f"{total:f}" for name, total in sums.items()})
    except pa.ArrowException as error:
        raise Unopenable("is no Parquet file that can be read") from error


def sums_of(facts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The sums of several files together."""
    totals: dict[str, Decimal] = {}
    for sums in facts:
        for name, value in sums.items():
            totals[name] = totals.get(name, Decimal(0)) + Decimal(value)
    return {name: f"{total:f}" for name, total in sorted(totals.items())}


def table_entry(version: TableVersion, data: Iterable[FileEntry], covers_silver: int | None) -> TableEntry:
    """The manifest's entry of a table from those of its data files."""
    data = list(data)
    return TableEntry(
        table_id=version.table_id,
        version=version.version,
        rows=sum(file.rows or 0 for file in data),
        deleted_rows=sum(file.deleted_rows for file in version.files.values()),
        sums=sums_of(file.sums or {} for file in data),
        covers_silver=covers_silver,
    )


def findings_of_table(manifest: Manifest, table: str, read_log: Callable[[FileEntry], bytes]) -> Iterator[str]:
    """What is wrong with a table according to its log: the files of the pinned version must be those of the manifest,
    and delta-rs must open it at just that version. Reads no data file."""
    entry, files = manifest.tables[table], manifest.of_table(table)
    logs = {file.log_name: file for file in files if file.log_name}
    try:
        contents = {name: read_log(file) for name, file in logs.items()}
        listing = LogListing.of(contents)
        newest = delta_log.newest_version(listing)
        if newest != entry.version:
            yield f"{table}: its log ends with version {newest}, not {entry.version}"
            return
        version = delta_log.table_version(listing, entry.version, contents.__getitem__)
    except (BrokenLog, KeyError) as error:
        yield f"{table}: its log {error}"
        return
    named = {f"{table}/{path}" for path in (*version.files, *version.deletion_vectors, *version.log_files)}
    held = {file.path for file in files}
    yield from (
        f"{path}: the log of version {entry.version} names it, and the manifest does not"
        for path in sorted(named - held)
    )
    yield from (
        f"{path}: the manifest names it, and the log of version {entry.version} does not"
        for path in sorted(held - named)
    )
    data = [file for file in files if file.kind == "data"]
    if table_entry(version, data, entry.covers_silver) != entry:
        yield f"{table}: rows, sums or id of its files and its log are not those that the manifest states"
    with _log_alone(table, contents) as place:
        if problem := opening_problem(place, entry.version, {path.removeprefix(f"{table}/") for path in version.files}):
            yield f"{table}: {problem}"


def opening_problem(place: Path, version: int, data_files: set[str]) -> str | None:
    """What keeps delta-rs from opening the table in this place at its newest version, which must be this one, with
    these data files; None where nothing does."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable(place.as_uri())
        opened = table.version()
        added = pa.table(table.get_add_actions(flatten=True))
    except (DeltaError, OSError, ValueError) as error:
        return f"does not open: {str(error).partition(chr(10))[0] or type(error).__name__}"
    if opened != version:
        return f"opens at version {opened}, not {version}"
    if {unquote(path) for path in added.column("path").to_pylist()} != data_files:
        return f"opens at version {version} with other data files"
    return None


@contextmanager
def _log_alone(table: str, contents: Mapping[str, bytes]) -> Iterator[Path]:
    """A directory that has the log of a table and nothing else."""
    directory = Path(tempfile.mkdtemp(prefix="returns-log-"))
    try:
        for name, content in contents.items():
            path = directory / LOG / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def facts_of_tables(root: Path, versions: Mapping[str, int]) -> dict[str, Any]:
    """What tables hold when delta-rs opens them under `root` at these versions: rows, and the sums of their columns."""
    from deltalake import DeltaTable

    found = {}
    for table, version in versions.items():
        opened = DeltaTable((root / table).as_uri(), version=version)
        facts = [
            file_facts(root / table / unquote(path))
            for path in pa.table(opened.get_add_actions(flatten=True)).column("path").to_pylist()
        ]
        found[table] = {
            "version": opened.version(),
            "rows": sum(f.rows for f in facts),
            "sums": sums_of(f.sums for f in facts),
        }
    return found


def main(argv: list[str]) -> None:
    """`python -m pyspark_interview_project.dr.table_facts ROOT VERSIONS`: what tables hold, as JSON, for a drill."""
    root, versions = argv
    print(json.dumps(facts_of_tables(Path(root), json.loads(versions))))


if __name__ == "__main__":
    main(sys.argv[1:])
