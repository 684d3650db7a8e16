"""What a run that finds nothing new takes on a lake of many batches.

    python benchmarks/old_lake.py [--batches 2000] [--rounds 5] [--edition second] [--source SRC] [--keep LAKE]

The lake is made in seconds: the state of its batches, the tables' logs and the run records are written as that many
runs leave them, one small landed file each; the tables have no rows. `returns run` and `returns plan` are then timed,
each in a process of its own, and `returns --help` for what a process takes alone. `--edition first` writes the
batches as the first edition of the pipeline does, and `--source` times the code of another checkout.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from deltalake import DeltaTable

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.metrics.law import LawTerms
from pyspark_interview_project.metrics.run_record import SUCCEEDED, RunRecord, StageRecord
from pyspark_interview_project.pipeline.ledger import Batch, Checkpoint, Ledger, TablesAfter
from pyspark_interview_project.schemas.tables import GOLD_TABLES, QUARANTINE, SILVER, TABLES, TableContract
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.delta_writes import DeltaWrites
from pyspark_interview_project.storage.files import LocalFiles

AS_OF = date(2026, 11, 20)
_LANDED = b"return_id,order_id,sku,qty,amount,return_date\n"
# Delta writes a checkpoint every so many commits.
_COMMITS_PER_CHECKPOINT = 100
_FIGURES = {**LawTerms.none().as_record(), "quarantined_by_reason": {}, "files": []}


class _Undurable(LocalFiles):
    """Files that nobody waits for to be on the disk."""

    def put(self, path: str, content: Any, durable: bool = True) -> None:
        super().put(path, content, durable=False)


def made_lake(root: Path, batches: int, edition: str) -> None:
    """A lake as so many runs leave it, each of one file."""
    tables = DeltaTables(LakePaths.at(str(root)))
    DeltaWrites(tables).ensure()
    start = {table.name: tables.version(table) or 0 for table in TABLES}
    silver_id = tables.table_id(SILVER)
    files = _Undurable(root)
    ledger = Ledger(files)
    for number in range(1, batches + 1):
        run_id = str(UUID(int=number))
        batch = ledger.new_batch((_landed(root, number),), AS_OF, run_id, "UTC")
        ledger.plan(batch)
        checkpoint = Checkpoint(start[SILVER.name] + number - 1, 1, _FIGURES, silver_id)
        after = TablesAfter(silver_id, start[SILVER.name] + number, start[QUARANTINE.name] + number)
        if edition == "first":
            _end_as_the_first_edition_did(root, batch, checkpoint)
        else:
            ledger.commit(ledger.checkpoint(batch, checkpoint), run_id, after)
        note = {"run_id": run_id, "stage": "bronze_to_silver", "batch_id": batch.batch_id}
        of_gold = {"silver_version": after.silver, "silver_id": silver_id}
        for table in TABLES:
            said = note | {"stage": "silver_to_gold"} | of_gold if table in GOLD_TABLES else note | {"part": 1}
            _log(tables, table, start[table.name] + number, said)
            if number % _COMMITS_PER_CHECKPOINT == 0:
                DeltaTable(tables.uri(table)).create_checkpoint()
        record = _record(run_id, batch.batch_id)
        files.put(f"{paths.RUN_RECORDS}/20261120T080000.{number:06d}Z-{run_id}.json", record.to_json().encode())


def _landed(root: Path, number: int) -> LandedFile:
    path = f"{paths.LANDED}/{number:05d}.csv"
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(_LANDED)
    status = place.stat()
    return LandedFile(path, status.st_size, status.st_mtime_ns, hashlib.sha256(_LANDED).hexdigest())


def _end_as_the_first_edition_did(root: Path, batch: Batch, checkpoint: Checkpoint) -> None:
    counted = vars(checkpoint) | {"parts": []}
    ended = {"run_id": batch.planned_by, "at": batch.planned_at}
    for name, content in (("counted", counted), ("committed", ended)):
        place = root / paths.BATCHES / batch.batch_id / f"{name}.json"
        place.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _log(tables: DeltaTables, table: TableContract, version: int, note: dict[str, Any]) -> None:
    """A commit that changes no row."""
    info = {"timestamp": 1_795_000_000_000 + version, "operation": "WRITE", "userMetadata": json.dumps(note)}
    place = Path(tables.place(table), "_delta_log", f"{version:020d}.json")
    place.write_text(json.dumps({"commitInfo": info}) + "\n", encoding="utf-8")


def _record(run_id: str, batch_id: str) -> RunRecord:
    record = RunRecord(run_id=run_id, app_env="test", engine="embedded", batch_id=batch_id, as_of=AS_OF.isoformat())
    terms = {name: value for name, value in _FIGURES.items() if name != "files"}
    for name, figures in (("bronze_to_silver", terms), ("silver_to_gold", {})):
        record.add_stage(StageRecord.model_validate({"name": name, "rows": 0, "duration_sec": 0.1, **figures}))
    record.end(SUCCEEDED)
    record.exit_code, record.finished_at = 0, record.started_at
    return record


def timed(lake: Path, source: Path, arguments: Sequence[str]) -> tuple[float, float]:
    """The seconds that a command takes, by the clock and of processors. It must end well."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(source), "APP_ENV": "test", "DATA_ROOT": str(lake)}
    command = [sys.executable, "-m", "pyspark_interview_project", *arguments]
    began, before = time.perf_counter(), os.times()
    ended = subprocess.run(
        command, env=env | {"ENGINE": "embedded"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    seconds, after = time.perf_counter() - began, os.times()
    if ended.returncode != 0:
        sys.exit(f"{' '.join(arguments)} ended with {ended.returncode}: {ended.stderr}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--edition", choices=("first", "second"), default="second")
    parser.add_argument("--source", type=Path, default=Path(__file__).resolve().parents[1] / "src")
    parser.add_argument("--keep", type=Path, help="make the lake here and leave it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        lake = arguments.keep or Path(scratch, "lake")
        began = time.perf_counter()
        if not lake.exists():
            made_lake(lake, arguments.batches, arguments.edition)
        print(f"{arguments.batches} batches of the {arguments.edition} edition in {time.perf_counter() - began:.0f} s")
        for command in (["--help"], ["run", "--as-of", AS_OF.isoformat()], ["plan", "--as-of", AS_OF.isoformat()]):
            clock, processors = zip(*[timed(lake, arguments.source, command) for _ in range(arguments.rounds)])
            print(
                f"returns {command[0]:8} {min(clock):6.2f} s at best, {statistics.median(clock):6.2f} s at median; "
                f"{min(processors):6.2f} s of processors"
            )


if __name__ == "__main__":
    main()
