"""Runs at the pipeline's own interface, in the process of the test: what is at hand there can be watched and broken."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from commands import ENGINE
from kills import LANDED, SECOND_DAY
from landing import land, row_of
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.config.settings import Settings, load_settings
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.metrics.run_record import RunRecord
from pyspark_interview_project.metrics.run_records import RunRecords
from pyspark_interview_project.pipeline.ledger import Ledger
from pyspark_interview_project.pipeline.run_context import RunContext, run_context
from pyspark_interview_project.pipeline.run_pipeline import run_stages
from pyspark_interview_project.progress import Steps
from pyspark_interview_project.sources.discovery import LandedFile, find_landed
from pyspark_interview_project.sources.new_files import NewFiles
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.files import LocalFiles

RUN_ID = "5b0c3a52-5a3e-4a0c-9a1d-0d6f6c7a9f11"
SILVER_COLUMNS = (
    "return_id string, order_id string, customer_id string, sku string, reason string, qty int, amount decimal(18,2), "
    "return_date date, ingest_ts timestamp, batch_id string, source_file string, source_record bigint"
)
UPSERT_COLUMNS = f"{SILVER_COLUMNS}, outcome string, silver_return_date date"
QUARANTINE_COLUMNS = (
    "quarantine_id string, return_id string, return_date date, raw_record string, reasons array<string>, "
    "source_file string, source_record bigint, batch_id string, quarantined_at timestamp, attempts int"
)
# The gates look at the history of a lake.
_NO_GATES = {"max_quarantined_ratio": 1.0, "volume_gate": "off"}


class Stopped(Exception):
    """A process died here."""


def settings_of(root: Path, **changes: Any) -> Settings:
    return load_settings({"app_env": "test", "data_root": str(root), **changes})


def screening(root: Path, as_of: date) -> NewFiles:
    """The landed files of a lake, as planning looks at them one by one."""
    listing = find_landed(LakePaths.at(str(root)), as_of)
    return NewFiles(LocalFiles(str(root)), listing.files, listing.rejected, [], settings_of(root))


def screened_files(root: Path, as_of: date) -> list[LandedFile]:
    """The landed files of a lake, as they are planned. Raises UnreadableInputError of one that cannot be taken."""
    new = screening(root, as_of)
    files = list(new)
    for file in new.rejected:
        raise UnreadableInputError(file.path, file.problem)
    return files


def context_of(tables: DeltaTables, engine: Any, root: Path, as_of: date) -> RunContext:
    """A run on a lake that is open, without the lock and without a record on disk."""
    record = RunRecord(run_id=RUN_ID, app_env="test", engine="any")
    records = RunRecords(root / "metrics" / "runs", root / "metrics" / "latest.json")
    return RunContext(settings_of(root), RUN_ID, as_of, record, records, tables, engine, Steps())


@contextmanager
def opened(lake: Path, as_of: str = SECOND_DAY, **settings: Any) -> Iterator[RunContext]:
    """`returns run` but for its stages: the lock, an engine, a record at the end."""
    options = {
        "app_env": "test",
        "data_root": str(lake),
        "engine": ENGINE,
        "serve_metrics": False,
        **_NO_GATES,
        **settings,
    }
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        with run_context(options, datetime.fromisoformat(as_of), None) as run:
            root.handlers += [handler for handler in handlers if handler not in root.handlers]
            yield run
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(False)


def run_here(lake: Path, as_of: str = SECOND_DAY, **settings: Any) -> RunRecord:
    """`returns run`; what goes wrong is raised."""
    with opened(lake, as_of, **settings) as run:
        run_stages(run)
    return run.record


def return_of(return_id: str, ingest_ts: str | None = "2026-11-20T08:00:00Z", **changes: str) -> dict[str, str | None]:
    """A good return, but for `changes`."""
    row = row_of(return_id, "O1", None, "MUG", "late", "1", "5.00", "2026-11-18", ingest_ts)
    return {**row, **changes}


def land_returns(lake: Path, name: str, *rows: dict[str, str | None]) -> None:
    land(lake / LANDED / f"{name}.jsonl", rows)


def land_three_files(lake: Path) -> Path:
    """Files of which each has something to do with the one before it: a correction, a duplicate, a rejected row."""
    early = "2026-11-19T08:00:00Z"
    land_returns(lake, "a", return_of("R1", early), return_of("R2"), return_of("R3", qty="0"))
    land_returns(lake, "b", return_of("R1", qty="2"), return_of("R2", early, qty="9"), return_of("R4"))
    land_returns(lake, "c", return_of("R1", qty="2"), return_of("R5"), return_of("R6", qty="-1"))
    return lake


def ledger_of(lake: Path) -> Ledger:
    """The ledger of a lake as it stands now."""
    return Ledger(LocalFiles(lake))
