"""A drill: the proof that the lake comes back. Backup, verification, restore into a scratch place, a look at every
table there by a new process, and a batch that the pipeline takes there; timed against the strategy's objectives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.backup import make_backup
from pyspark_interview_project.dr.manifest import Manifest
from pyspark_interview_project.dr.restore import plan_restore, restore
from pyspark_interview_project.dr.store import Store
from pyspark_interview_project.dr.strategies import BackupStrategy
from pyspark_interview_project.dr.verify import verify_and_note
from pyspark_interview_project.errors import DamageError
from pyspark_interview_project.metrics.lineage import API_KEY, NAMESPACE, PARENT_ID
from pyspark_interview_project.progress import Steps

_PACKAGE = "pyspark_interview_project"
# Of the run that holds the drill, and of whoever started that.
_NOT_HANDED_ON = ("FAULT", "TRACEPARENT", PARENT_ID, NAMESPACE, API_KEY)


@dataclass(frozen=True)
class DrillFigures:
    """What a drill measured: the age of what the backup holds when it could first be restored, and the time from then
    until the pipeline had taken a batch in the restored lake. `seconds` are those of its steps."""

    backup_id: str
    rpo_seconds: float
    rto_seconds: float
    seconds: Mapping[str, float]

    def missed(self, strategy: BackupStrategy) -> list[str]:
        """The objectives that were not kept, a sentence each."""
        limits = {"RPO": (self.rpo_seconds, strategy.rpo_hours), "RTO": (self.rto_seconds, strategy.rto_hours)}
        return [
            f"the {name} was {seconds:.0f} s, and is to be at most {hours * 3600:.0f} s"
            for name, (seconds, hours) in limits.items()
            if seconds > hours * 3600
        ]


def drill(
    root: Path, store: Store, name: str, strategy: BackupStrategy, scratch: Path | None, steps: Steps
) -> DrillFigures:
    """Run a drill and clean up behind it; `scratch` is where the lake is restored, by default the system's place.

    Raises DamageError where something is not what it was, and what its steps raise.
    """
    place = Path(tempfile.mkdtemp(prefix="returns-drill-", dir=scratch))
    try:
        return _drill(root, store, name, strategy, place / "lake", steps)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _drill(root: Path, store: Store, name: str, strategy: BackupStrategy, lake: Path, steps: Steps) -> DrillFigures:
    clock = _Clock()
    manifest = make_backup(root, store, name, strategy.landed_files, steps).manifest
    clock.lap("backup")
    verify_and_note(store, manifest, steps)
    clock.lap("verify")
    rpo_seconds = manifest.age_seconds(datetime.now(UTC))  # from here on, a loss of the lake costs what is newer
    lost = time.monotonic()
    restore(store, plan_restore(store, manifest, lake, None, [root]), steps)
    clock.lap("restore")
    steps.step("opening the restored tables in a new process")
    _compare(manifest, lake)
    clock.lap("compare")
    steps.step("running a batch in the restored lake")
    _run_a_batch(lake, manifest)
    rto_seconds = time.monotonic() - lost
    clock.lap("run")
    return DrillFigures(manifest.id, round(rpo_seconds, 3), round(rto_seconds, 3), clock.laps)


class _Clock:
    """The seconds of each step."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = round(now - self._since, 3)
        self._since = now


def _compare(manifest: Manifest, lake: Path) -> None:
    """What a new process reads must be what the backup was made of."""
    versions = {table: entry.version for table, entry in manifest.tables.items()}
    found = json.loads(_output("dr.table_facts", str(lake), json.dumps(versions), lake=lake))
    expected = {t: {"version": e.version, "rows": e.rows, "sums": e.sums} for t, e in manifest.tables.items()}
    if wrong := [table for table in expected if found.get(table) != expected[table]]:
        raise DamageError(wrong[0], [f"restored, it holds {found.get(wrong[0])}, not {expected[wrong[0]]}"])


def _run_a_batch(lake: Path, manifest: Manifest) -> None:
    """Land one new return, let the pipeline take it, and see that a second run finds nothing new."""
    landed = lake / paths.LANDED / f"drill-{manifest.id}.jsonl"
    today = datetime.now(UTC)
    record = {
        "return_id": f"drill-{manifest.id}",
        "order_id": "drill",
        "sku": "DRILL",
        "reason": "drill",
        "qty": 1,
        "amount": "1.00",
        "return_date": today.date().isoformat(),
        "ingest_ts": today.isoformat(),
    }
    landed.write_text(json.dumps(record) + "\n", encoding="utf-8")
    for status, has_read_rows in (("succeeded", True), ("no_new_data", False)):
        expected = {"status": status, "has_read_rows": has_read_rows}
        _output("pipeline.run_pipeline", "--engine", "embedded", "--no-serve-metrics", lake=lake)
        record = json.loads((lake / paths.LATEST_RUN_RECORD).read_text(encoding="utf-8"))
        stages: list[dict[str, Any]] = [stage for stage in record["stages"] if stage.get("rows_read")]
        got = {"status": record["status"], "has_read_rows": bool(stages)}
        if got != expected:
            raise DamageError(str(lake), [f"a run in the restored lake came to {got}, not {expected}"])


def _settings_of_the_scratch_lake(lake: Path) -> dict[str, str]:
    """Everything that a YAML file or the environment may say of the lake under test is said anew of the one restored:
    where its lock, its record, its scratch files and its lineage are."""
    beside = lake.parent
    return {
        "DATA_ROOT": str(lake),
        "VOLUME_GATE": "off",
        "MAX_QUARANTINED_RATIO": "1",
        "PIPELINE_METRICS_JSON": str(lake / paths.LATEST_RUN_RECORD),
        "SCRATCH_DIR": str(lake / paths.SCRATCH),
        "LOCK_URL": (beside / "lock").as_uri(),
        "LINEAGE_URL": (beside / "lineage.jsonl").as_uri(),
        "SKIP_FILES": "[]",
    }


def _output(module: str, *arguments: str, lake: Path) -> str:
    env = {name: value for name, value in os.environ.items() if name not in _NOT_HANDED_ON}
    env |= _settings_of_the_scratch_lake(lake)
    command = [sys.executable, "-m", f"{_PACKAGE}.{module}", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise DamageError(str(lake), [f"{module} ended with {done.returncode} in the restored lake: {said}"])
    return done.stdout
