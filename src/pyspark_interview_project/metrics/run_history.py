"""What recorded runs come to: totals, the last of each kind, and when each table last changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from pyspark_interview_project.errors import VerificationError
from pyspark_interview_project.metrics.recorded_runs import RecordedRun, ends_in_order
from pyspark_interview_project.metrics.run_record import (
    DRILL,
    FAILED,
    RECOVERY_KINDS,
    STATUSES,
    SUCCEEDED,
    GateRecord,
    RecoveryRecord,
    StageRecord,
    TableRecord,
)

# A name in a record becomes a label only if it looks like this, and only so many different names of a sort do.
_LABEL = re.compile(r"\A[a-z][a-z0-9_]{0,63}\Z")
_MOST_LABELS = 40
OTHER = "other"


class _Labels:
    """Names of one sort as labels: few and harmless, whatever stands in the records."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def of(self, name: str) -> str:
        if name not in self._known and (len(self._known) == _MOST_LABELS or not _LABEL.match(name)):
            return OTHER
        self._known.add(name)
        return name


def _by_label(rows: Mapping[str, int], labels: _Labels) -> Counter[str]:
    """Rows by the labels of their names: several names may have the label `other`."""
    by_label: Counter[str] = Counter()
    for name, number in rows.items():
        by_label[labels.of(name)] += number
    return by_label


class RunHistory:
    """What the runs added so far come to."""

    def __init__(self, runs: Iterable[RecordedRun] = ()) -> None:
        self.last: RecordedRun | None = None
        self.last_success: float | None = None
        self.last_verification_failure: float | None = None
        self.runs: Counter[str] = Counter(dict.fromkeys(STATUSES, 0))
        self.stages: dict[str, StageRecord] = {}
        self.rows: Counter[tuple[str, str]] = Counter()
        self.quarantined: Counter[str] = Counter()
        self.last_quarantined: dict[str, int] = {}
        self.warned: Counter[str] = Counter()
        self.last_warned: dict[str, int] = {}
        self.files_rejected: int | None = None
        self.files_ignored: int | None = None
        self.gates: dict[str, GateRecord] = {}
        self.tables: dict[str, TableRecord] = {}
        self.changed: dict[str, float] = {}
        self.backups: dict[str, float] = {}
        self.failed_backups: dict[str, bool] = {}
        self.protected_until: dict[str, float] = {}
        self.drills: dict[str, RecoveryRecord] = {}
        self._counted: dict[str, list[StageRecord]] = {}  # by run id
        self._stage_labels, self._reason_labels, self._rule_labels = _Labels(), _Labels(), _Labels()
        self._gate_labels, self._table_labels, self._backup_labels = _Labels(), _Labels(), _Labels()
        for end in ends_in_order(runs):
            self.add(end)

    def add(self, run: RecordedRun) -> None:
        """Add the next end of a run, in the order of `ends_in_order`. Of a run that has not ended, and of a record that
        is of no run of the pipeline, only what it says of recovery counts."""
        self._add_recovery(run)
        if run.kind in RECOVERY_KINDS or not run.complete:
            return
        self.last = run
        if run.exit_code == VerificationError.exit_code:
            self.last_verification_failure = run.finished
        self.runs[run.status] += 1
        if run.status != FAILED:
            self.last_success = run.finished
        if run.has_looked:
            self.files_rejected, self.files_ignored = len(run.files_rejected), len(run.files_ignored)
        for stage in run.stages:
            self._add_stage(stage, counts=self._is_to_count(run, stage))
        self.gates.update({self._gate_labels.of(gate.name): gate for gate in run.gates})
        for name, figures in run.tables.items():
            table = self._table_labels.of(name)
            if table not in self.tables or self.tables[table].version != figures.version:
                self.changed[table] = run.finished
            self.tables[table] = figures

    def _add_recovery(self, run: RecordedRun) -> None:
        for name, backup in run.dr.items():
            strategy = self._backup_labels.of(name)
            if backup.protected_until is not None:
                self.protected_until[strategy] = backup.protected_until.timestamp()
            if run.kind == DRILL:
                self.drills[strategy] = backup
                continue
            self.failed_backups[strategy] = backup.status == FAILED
            if backup.status == SUCCEEDED:
                self.backups[strategy] = backup.finished_at.timestamp()

    def _is_to_count(self, run: RecordedRun, stage: StageRecord) -> bool:
        """Whether the totals take the rows of a stage: the run succeeded, or silver had taken them before it failed.

        A run that is tried again has such a stage once more: in the attempt that failed and at its last end.
        """
        counted = self._counted.setdefault(run.run_id, [])
        if stage in counted or not (run.status == SUCCEEDED or stage.is_committed):
            return False
        counted.append(stage)
        return True

    def add_stages_at_work(self, stages: Iterable[StageRecord]) -> None:
        """Add stages of a run that is still at work. No total has them before it ends."""
        for stage in stages:
            self._add_stage(stage, counts=False)

    def _add_stage(self, stage: StageRecord, counts: bool) -> None:
        name = self._stage_labels.of(stage.name)
        self.stages[name] = stage
        reasons = _by_label(stage.quarantined_by_reason, self._reason_labels)
        rules = _by_label(stage.warned_by_rule, self._rule_labels)
        if stage.rows_quarantined is not None:
            self.last_quarantined = {**dict.fromkeys(self.last_quarantined, 0), **reasons}
            self.last_warned = {**dict.fromkeys(self.last_warned, 0), **rules}
        if counts:
            self.quarantined.update(reasons)
            self.warned.update(rules)
            self.rows.update({(name, outcome): rows for outcome, rows in stage.rows_by_outcome.items()})
