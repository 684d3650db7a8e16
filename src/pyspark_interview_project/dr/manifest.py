"""The manifest of a backup: what it holds, by checksums. It is written last, and has a checksum of its own.

{"checksum": sha256 of the JSON of "backup", "backup": {"format": 2, "id": …, "tables": …, "files": …}}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.table_log import LOG, is_safe_path

FORMAT: Literal[2] = 2
_FILES = (paths.LATEST_RUN_RECORD, paths.GOLD_UNCHECKED)
_PLACES = (*paths.TABLES, paths.BATCHES, paths.RUN_RECORDS, paths.LANDED)

Kind = Literal["data", "deletion_vector", "log", "state", "landed"]
Count = Annotated[int, Field(ge=0)]
Time = Annotated[AwareDatetime, Field(strict=False)]


class BrokenManifest(Exception):
    """A manifest or summary is not what was written, or names a place outside of a lake; the message says which."""


class NewerFormat(Exception):
    """A manifest has a format that this version does not know."""


class Strict(BaseModel):
    """What is read from a file: nothing unknown, nothing of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileEntry(Strict):
    """A file of the lake, by its path relative to the root."""

    path: str
    kind: Kind
    bytes: Count
    sha256: Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]
    modified_ns: Count

    @field_validator("path")
    @classmethod
    def _in_a_place_of_the_lake(cls, path: str) -> str:
        if not is_safe_path(path) or not (path in _FILES or any(path.startswith(f"{place}/") for place in _PLACES)):
            raise ValueError("is no path of a lake")
        return path

    @property
    def table(self) -> str | None:
        """The table that the file belongs to."""
        return next((table for table in paths.TABLES if self.path.startswith(f"{table}/")), None)

    @property
    def log_name(self) -> str | None:
        """Its name in the log of its table; None for a file that is not in the log."""
        start = f"{self.table}/{LOG}/"
        return self.path.removeprefix(start) if self.path.startswith(start) else None


class TableEntry(Strict):
    """A table at its pinned version. `rows` are those of the version; null where its log does not say.
    `covers_silver`: the version of silver that a gold table covers."""

    table_id: str
    version: Count
    rows: Count | None
    covers_silver: Count | None = None


class OfABackup(Strict):
    """What a manifest and a summary have: `lake` is the root that was backed up; nothing later than `snapshot_at`, when
    its versions were pinned, is in the backup."""

    id: Annotated[str, Field(pattern=r"\A[0-9]{8}T[0-9]{6}\.[0-9]{3}Z-[0-9a-f]{8}\z")]
    lake: str
    snapshot_at: Time

    def age_seconds(self, now: datetime) -> float:
        """How old the snapshot is."""
        return max(0.0, (now - self.snapshot_at).total_seconds())


class Manifest(OfABackup):
    """What one backup holds."""

    format: Literal[2] = FORMAT
    strategy: str | None
    finished_at: Time
    made_with: dict[str, str]
    has_landed_files: bool
    batches: Count
    batches_left_out: list[str]
    tables: dict[str, TableEntry]
    files: list[FileEntry]

    @field_validator("tables")
    @classmethod
    def _tables_of_the_lake(cls, tables: dict[str, TableEntry]) -> dict[str, TableEntry]:
        if unknown := set(tables) - set(paths.TABLES):
            raise ValueError(f"{min(unknown)} is no table of a lake")
        return tables

    @field_validator("files")
    @classmethod
    def _each_path_once(cls, files: list[FileEntry]) -> list[FileEntry]:
        if len({file.path for file in files}) != len(files):
            raise ValueError("a path stands twice")
        return files

    def of_table(self, table: str) -> list[FileEntry]:
        return [file for file in self.files if file.table == table]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def silver_id(self) -> str | None:
        silver = self.tables.get(paths.SILVER_RETURNS)
        return silver.table_id if silver else None


def in_order_of_copying(files: Iterable[FileEntry]) -> tuple[list[FileEntry], list[FileEntry]]:
    """The files that may be copied in any order, and then the logs, those of each table in ascending order."""
    files = list(files)
    return [file for file in files if file.kind != "log"], [file for file in files if file.kind == "log"]


def to_bytes(manifest: Manifest) -> bytes:
    return sealed("backup", manifest.model_dump(mode="json"))


def from_bytes(backup_id: str, content: bytes) -> Manifest:
    """The manifest of this backup. Raises BrokenManifest, and NewerFormat."""
    backup = opened("backup", content)
    if backup["format"] == 1:
        backup = _from_format_1(backup)
    return validated(Manifest, backup_id, backup)


Model = TypeVar("Model", bound=OfABackup)


def validated(model: type[Model], backup_id: str, content: Any) -> Model:
    """A manifest or summary of this backup. Raises BrokenManifest."""
    try:
        found = model.model_validate(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise BrokenManifest(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
    if found.id != backup_id:
        raise BrokenManifest(f"is that of {found.id}")
    return found


def sealed(name: str, content: Any) -> bytes:
    """Content under a name with its checksum, as a file has it."""
    return json.dumps({"checksum": _checksum(content), name: content}, indent=1).encode() + b"\n"


def opened(name: str, content: bytes) -> Any:
    """What `sealed` was given as `name`."""
    try:
        envelope = json.loads(content)
        inner, checksum = envelope[name], envelope["checksum"]
        is_newer = name == "backup" and inner["format"] > FORMAT
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BrokenManifest("is no manifest") from error
    if checksum != _checksum(inner):
        raise BrokenManifest("does not have the checksum that it states")
    if is_newer:
        raise NewerFormat(f"has format {inner['format']}, and this version knows formats up to {FORMAT}")
    if content != sealed(name, inner):
        raise BrokenManifest("has more or less in it than was written")
    return inner


def _from_format_1(backup: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest of format 1 in this format. It had rows and sums of each data file, and told deleted rows apart."""
    try:
        files = [{key: value for key, value in file.items() if key not in ("rows", "sums")} for file in backup["files"]]
        tables = {
            name: {key: value for key, value in table.items() if key not in ("deleted_rows", "sums")}
            | {"rows": table["rows"] - table.get("deleted_rows", 0)}
            for name, table in backup["tables"].items()
        }
        kept = {key: value for key, value in backup.items() if key != "cut_at"}
        return kept | {"format": FORMAT, "snapshot_at": backup["cut_at"], "files": files, "tables": tables}
    except (AttributeError, KeyError, TypeError) as error:
        raise BrokenManifest("is no manifest") from error


def _checksum(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
