"""A drill: the proof that the lake comes back. It backs up, verifies, restores into a scratch place, reads every table
there in a new process, and lets the pipeline take a batch there; timed against the strategy's objectives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.backup import make_backup
from pyspark_interview_project.dr.manifest import Manifest
from pyspark_interview_project.dr.restore import plan_restore, restore
from pyspark_interview_project.dr.store import BackupStore
from pyspark_interview_project.dr.strategies import BackupStrategy
from pyspark_interview_project.dr.table_facts import facts_of_tables
from pyspark_interview_project.dr.verify import verify_and_note
from pyspark_interview_project.errors import DamageError
from pyspark_interview_project.metrics.lineage import API_KEY, NAMESPACE, PARENT_ID
from pyspark_interview_project.progress import Steps

_PACKAGE = "pyspark_interview_project"
# They belong to the run that holds the drill, and to whoever started that.
_NOT_HANDED_ON = ("TRACEPARENT", PARENT_ID, NAMESPACE, API_KEY)


@dataclass(frozen=True)
class DrillFigures:
    """What a drill measured: the age of the snapshot when it could first be restored, and the time from then until the
    pipeline had taken a batch in the restored lake. `seconds` are those of each step."""

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
    root: Path,
    store: BackupStore,
    name: str,
    strategy: BackupStrategy,
    scratch: Path | None,
    skip_files: Sequence[str],
    steps: Steps,
) -> DrillFigures:
    """Run a drill and clean up after it. `scratch` is where the lake is restored, by default the system's place;
    `skip_files` are the landed files that runs of the lake leave out.

    Raises DamageError where the restored lake differs or does not go on, and what the steps raise.
    """
    place = Path(tempfile.mkdtemp(prefix="returns-drill-", dir=scratch))
    lake, clock = place / "lake", _Clock()
    try:
        manifest = make_backup(root, store, name, strategy.landed_files, steps).manifest
        clock.lap("backup")
        verify_and_note(store, manifest, steps)
        clock.lap("verify")
        rpo_seconds = manifest.age_seconds(datetime.now(UTC))  # from here on, a loss of the lake costs what is newer
        versions = {table: entry.version for table, entry in manifest.tables.items()}
        expected = facts_of_tables(root, versions)
        clock.lap("read")
        lost = time.monotonic()
        restore(store, plan_restore(store, manifest, lake, None, [root]), steps)
        clock.lap("restore")
        env = _environment(lake, skip_files)
        steps.step("reading the restored tables in a new process")
        _compare(expected, lake, env)
        clock.lap("compare")
        steps.step("running a batch in the restored lake")
        _run_a_batch(lake, manifest, env)
        rto_seconds = time.monotonic() - lost
        clock.lap("run")
        return DrillFigures(manifest.id, round(rpo_seconds, 3), round(rto_seconds, 3), clock.laps)
    finally:
        shutil.rmtree(place, ignore_errors=True)


class _Clock:
    """The seconds of each step."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = round(now - self._since, 3)
        self._since = now


def _compare(expected: Mapping[str, Mapping[str, Any]], lake: Path, env: Mapping[str, str]) -> None:
    """Raise DamageError unless a new process reads in the restored lake what the lake holds at the same versions."""
    versions = {table: facts["version"] for table, facts in expected.items()}
    found = json.loads(_output("dr.table_facts", str(lake), json.dumps(versions), lake=lake, env=env))
    for table, facts in expected.items():
        if found.get(table) != facts:
            raise DamageError(table, [f"restored, it holds {found.get(table)}, not {facts}"])


def _run_a_batch(lake: Path, manifest: Manifest, env: Mapping[str, str]) -> None:
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
        _output("pipeline.run_pipeline", "--engine", "embedded", "--no-serve-metrics", lake=lake, env=env)
        record = json.loads((lake / paths.LATEST_RUN_RECORD).read_text(encoding="utf-8"))
        stages: list[dict[str, Any]] = [stage for stage in record["stages"] if stage.get("rows_read")]
        got = {"status": record["status"], "has_read_rows": bool(stages)}
        if got != expected:
            raise DamageError(str(lake), [f"a run in the restored lake came to {got}, not {expected}"])


def _environment(lake: Path, skip_files: Sequence[str]) -> dict[str, str]:
    """The environment of commands in the restored lake. All that a YAML file or the environment may say of where the
    lake has its lock, record, scratch files and lineage is said anew."""
    beside = lake.parent
    return {name: value for name, value in os.environ.items() if name not in _NOT_HANDED_ON} | {
        "DATA_ROOT": str(lake),
        "VOLUME_GATE": "off",
        "MAX_QUARANTINED_RATIO": "1",
        "PIPELINE_METRICS_JSON": str(lake / paths.LATEST_RUN_RECORD),
        "SCRATCH_DIR": str(lake / paths.SCRATCH),
        "LOCK_URL": (beside / "lock").as_uri(),
        "LINEAGE_URL": (beside / "lineage.jsonl").as_uri(),
        "SKIP_FILES": json.dumps(list(skip_files)),
    }


def _output(module: str, *arguments: str, lake: Path, env: Mapping[str, str]) -> str:
    command = [sys.executable, "-m", f"{_PACKAGE}.{module}", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise DamageError(str(lake), [f"{module} ended with {done.returncode} in the restored lake: {said}"])
    return done.stdout
