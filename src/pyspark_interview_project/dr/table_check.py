"""Whether the tables of a backup are what its manifest says, and whether restored tables open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from pyspark_interview_project.dr.manifest import FileEntry, Manifest
from pyspark_interview_project.dr.table_log import BrokenLog, table_version


def findings_of_table(manifest: Manifest, table: str, read: Callable[[FileEntry], bytes]) -> Iterator[str]:
    """What is wrong with a table of a backup: its log must say that the pinned version consists of the files that the
    manifest has. `read` gives the content of a log file. Reads no data file. Raises what `read` raises."""
    entry, files = manifest.tables[table], manifest.of_table(table)
    logs = {file.log_name: file for file in files if file.log_name}
    try:
        version = table_version(entry.version, logs, lambda name, place: place.write_bytes(read(logs[name])))
    except BrokenLog as error:
        yield f"{table}: its log {error}"
        return
    named = {f"{table}/{path}" for path in (*version.files, *version.deletion_vectors, *version.log_files)}
    held = {file.path for file in files}
    for path in sorted(named - held):
        yield f"{path}: the log of version {entry.version} names it, and the manifest does not"
    for path in sorted(held - named):
        yield f"{path}: the manifest names it, and the log of version {entry.version} does not"
    is_of_so_many_rows = None in (version.rows, entry.rows) or version.rows == entry.rows
    if version.table_id != entry.table_id or not is_of_so_many_rows:
        yield f"{table}: the id or the rows of its log are not those that the manifest states"


def opening_problem(root: Path, manifest: Manifest, table: str) -> str | None:
    """What keeps deltalake from opening a restored table under `root` at its pinned version with its data files; None
    where nothing does."""
    entry = manifest.tables[table]
    try:
        opened = DeltaTable((root / table).as_uri())
        added = pa.table(opened.get_add_actions()).column("path").to_pylist()
    except (DeltaError, OSError, ValueError) as error:
        return f"{table}: does not open: {str(error).partition(chr(10))[0] or type(error).__name__}"
    if opened.version() != entry.version:
        return f"{table}: opens at version {opened.version()}, not {entry.version}"
    if {f"{table}/{unquote(path)}" for path in added} != {f.path for f in manifest.of_table(table) if f.kind == "data"}:
        return f"{table}: opens at version {entry.version} with other data files"
    return None
