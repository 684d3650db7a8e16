"""The manifest of a backup: what it holds and by which checksums, written last, with a checksum of its own.

{"checksum": sha256 of the JSON of "backup", "backup": {"format": 1, "id": …, "tables": …, "files": …}}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.delta_log import LOG, is_safe_path

FORMAT: Literal[1] = 1
_PLACES = (*paths.TABLES, paths.BATCHES, paths.RUN_RECORDS, paths.LANDED)

Kind = Literal["data", "deletion_vector", "log", "state", "landed"]
Count = Annotated[int, Field(ge=0)]
Sums = Mapping[str, str]


class BrokenManifest(Exception):
    """A manifest is not what was written, or asks for what must not be done; the message says which."""


class NewerFormat(Exception):
    """A manifest is of a format that this version does not know."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileEntry(_Strict):
    """A file of the lake, by its path relative to the root. Of a data file also its rows, and the sum of each of its
    columns of whole or decimal numbers, as decimal text."""

    path: str
    kind: Kind
    bytes: Count
    sha256: Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]
    modified_ns: Count
    rows: Count | None = None
    sums: dict[str, str] | None = None

    @field_validator("path")
    @classmethod
    def _in_a_place_of_the_lake(cls, path: str) -> str:
        if not is_safe_path(path) or not (
            path == paths.LATEST_RUN_RECORD or any(path.startswith(f"{place}/") for place in _PLACES)
        ):
            raise ValueError("is no path of a lake")
        return path

    @property
    def table(self) -> str | None:
        """The table that it is a file of."""
        return next((table for table in paths.TABLES if self.path.startswith(f"{table}/")), None)

    @property
    def log_name(self) -> str | None:
        """Its name in the log of its table; None for a file that is not of the log."""
        start = f"{self.table}/{LOG}/"
        return self.path.removeprefix(start) if self.path.startswith(start) else None


class TableEntry(_Strict):
    """A table as it was pinned. `rows` and `sums` are of what its data files store; `deleted_rows` of these are struck
    out by deletion vectors. `covers_silver`: the version of silver that a gold table was brought up to."""

    table_id: str
    version: Count
    rows: Count
    deleted_rows: Count = 0
    sums: dict[str, str]
    covers_silver: Count | None = None


class Manifest(_Strict):
    """What one backup holds. `cut_at` is when its versions were pinned: nothing later is in it."""

    format: Literal[1] = FORMAT
    id: Annotated[str, Field(pattern=r"\A[0-9]{8}T[0-9]{6}\.[0-9]{3}Z-[0-9a-f]{8}\z")]
    strategy: str | None
    lake: str
    cut_at: Annotated[AwareDatetime, Field(strict=False)]
    finished_at: Annotated[AwareDatetime, Field(strict=False)]
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

    def age_seconds(self, now: datetime) -> float:
        """How old what it holds is."""
        return max(0.0, (now - self.cut_at).total_seconds())


def in_order_of_copying(files: Iterable[FileEntry]) -> tuple[list[FileEntry], list[FileEntry]]:
    """The files that may be copied in any order, and then the logs, of each table in ascending order."""
    files = list(files)
    logs = [file for file in files if file.kind == "log"]
    return [file for file in files if file.kind != "log"], logs


def to_bytes(manifest: Manifest) -> bytes:
    content = manifest.model_dump(mode="json")
    return _text({"checksum": _checksum(content), "backup": content})


def from_bytes(backup_id: str, content: bytes) -> Manifest:
    """The manifest of this backup. Raises BrokenManifest, and NewerFormat."""
    try:
        envelope = json.loads(content)
        backup, checksum = envelope["backup"], envelope["checksum"]
        newer = backup["format"] > FORMAT
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BrokenManifest("is no manifest") from error
    if checksum != _checksum(backup):
        raise BrokenManifest("does not have the checksum that it states")
    if not newer and (content != _text(envelope) or len(envelope) != 2):
        raise BrokenManifest("has more or less in it than was written")
    if newer:
        raise NewerFormat(f"has format {backup['format']}, and this version knows formats up to {FORMAT}")
    try:
        manifest = Manifest.model_validate(backup)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise BrokenManifest(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
    if manifest.id != backup_id:
        raise BrokenManifest(f"is that of {manifest.id}")
    return manifest


def _text(envelope: Any) -> bytes:
    return json.dumps(envelope, indent=1).encode() + b"\n"


def _checksum(backup: Any) -> str:
    return hashlib.sha256(json.dumps(backup, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
