"""The places of a lake, each relative to its root."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

from pyspark_interview_project.errors import RestoreRefusedError

LANDED = "bronze/returns_raw"
SILVER_RETURNS = "silver/returns"
QUARANTINED_RETURNS = "quarantine/returns"
GOLD_BY_SKU_REASON = "gold/returns_by_sku_reason"
GOLD_BY_DATE_REASON = "gold/returns_by_date_reason"
TABLES = (SILVER_RETURNS, QUARANTINED_RETURNS, GOLD_BY_SKU_REASON, GOLD_BY_DATE_REASON)
SCRATCH = "ops/scratch"
BATCHES = "ops/batches"
LEDGER = "ops/ledger"
ENGINE_OUTPUT = "ops/engine_output"
REJECTED_FILES = "ops/rejected_files.json"
GOLD_UNCHECKED = "ops/gold_unchecked"
LOCK = "ops/lock"
JVM_LOCK = "ops/lock_of_jvm"
RUN_RECORDS = "metrics/runs"
LATEST_RUN_RECORD = "metrics/pipeline_metrics.json"
REPORT = "metrics/report.html"
# Stands at the root of a lake until its restore is finished.
RESTORE_MARKER = "RESTORE_INCOMPLETE.json"

# Two letters at least: C: is a drive. One slash is enough: dbfs:/lake is a URI too.
_URI = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]+:/")
_THIS_MACHINE = ("", "localhost")


def is_uri(place: str) -> bool:
    """Whether a place is given as a URI, not as a path."""
    return bool(_URI.match(place))


def path_of_file_uri(uri: str) -> Path:
    """The path that a URI with the scheme `file` names. Raises ValueError where that is none of this machine."""
    address = urlparse(uri)
    if address.netloc not in _THIS_MACHINE:
        raise ValueError(f"{uri} is a path of the host {address.netloc}; a path of this machine is file:///path")
    return Path(unquote(address.path)).absolute()


@dataclass(frozen=True)
class LakePaths:
    """The places of the lake under `root`, which is an absolute local path or a URI without a slash at its end."""

    root: str

    @classmethod
    def at(cls, data_root: str) -> LakePaths:
        """Take DATA_ROOT as a person gives it: a path (relative to the working directory, `~` allowed) or a URI.

        Raises ValueError for a `file:` URI that names another machine.
        """
        if data_root.startswith("file:"):
            return cls(str(path_of_file_uri(data_root)))
        if is_uri(data_root):
            return cls(data_root.rstrip("/"))
        return cls(str(Path(data_root).expanduser().absolute()))

    @property
    def is_local(self) -> bool:
        return not is_uri(self.root)

    def place(self, relative: str) -> str:
        """The absolute path or URI of a place given relative to the root."""
        return f"{self.root}/{relative}"

    def refuse_half_restored(self) -> None:
        """Raise RestoreRefusedError where a restore was begun and not finished: anything may be missing there."""
        if Path(self.place(RESTORE_MARKER)).exists():
            raise RestoreRefusedError(
                self.root, "a restore into it was not finished; run returns dr restore again with the same --to"
            )
