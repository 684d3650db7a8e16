"""What recorded runs come to: totals, the last of each kind, when each table last changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from pyspark_interview_project.errors import VerificationError
from pyspark_interview_project.metrics.recorded_runs import (
    STATUSES,
    BackupFigures,
    GateFigures,
    RunFigures,
    StageFigures,
    TableFigures,
    ends_in_order,
)
from pyspark_interview_project.metrics.run_record import DRILL, FAILED, RECOVERY_KINDS, SUCCEEDED

# What a name of a record may look like to become a label, and how many different ones of a sort there may be.
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


class RunHistory:
    """What the runs added so far come to."""

    def __init__(self, runs: Iterable[RunFigures] = ()) -> None:
        self.last: RunFigures | None = None
        self.last_success: float | None = None
        self.last_verification_failure: float | None = None
        self.runs: Counter[str] = Counter(dict.fromkeys(STATUSES, 0))
        self.stages: dict[str, StageFigures] = {}
        self.rows: Counter[tuple[str, str]] = Counter()
        self.quarantined: Counter[str] = Counter()
        self.last_quarantined: dict[str, int] = {}
        self.gates: dict[str, GateFigures] = {}
        self.tables: dict[str, TableFigures] = {}
        self.changed: dict[str, float] = {}
        self.backups: dict[str, float] = {}
        self.failed_backups: dict[str, bool] = {}
        self.protected_until: dict[str, float] = {}
        self.drills: dict[str, BackupFigures] = {}
        self._stage_labels, self._reason_labels, self._gate_labels = _Labels(), _Labels(), _Labels()
        self._table_labels, self._backup_labels = _Labels(), _Labels()
        for end in ends_in_order(runs):
            self.add(end)

    def add(self, run: RunFigures) -> None:
        """Add the next end of a run, in the order of `ends_in_order`. Of what is no run of the pipeline, or not at its
        end, only what it says of recovery counts."""
        self._add_recovery(run)
        if run.kind in RECOVERY_KINDS or not run.complete:
            return
        self.last = run
        if run.exit_code == VerificationError.exit_code:
            self.last_verification_failure = run.finished
        self.runs[run.status] += 1
        if run.status != FAILED:
            self.last_success = run.finished
        for stage in run.stages:
            self._add_stage(stage, run.status == SUCCEEDED)
        self.gates.update({self._gate_labels.of(gate.name): gate for gate in run.gates})
        for name, figures in run.tables.items():
            table = self._table_labels.of(name)
            if table not in self.tables or self.tables[table].version != figures.version:
                self.changed[table] = run.finished
            self.tables[table] = figures

    def _add_recovery(self, run: RunFigures) -> None:
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

    def add_stages_at_work(self, stages: Iterable[StageFigures]) -> None:
        """Add stages of a run that is still at work: no total has them before it has ended well."""
        for stage in stages:
            self._add_stage(stage, counts=False)

    def _add_stage(self, stage: StageFigures, counts: bool) -> None:
        """`counts`: its rows are added to the totals; those of a failed run come again with the next one."""
        name = self._stage_labels.of(stage.name)
        self.stages[name] = stage
        reasons: Counter[str] = Counter()
        for reason, rows in stage.quarantined_by_reason.items():
            reasons[self._reason_labels.of(reason)] += rows
        if stage.rows_quarantined is not None:
            self.last_quarantined = {**dict.fromkeys(self.last_quarantined, 0), **reasons}
        if counts:
            self.quarantined.update(reasons)
            self.rows.update({(name, outcome): rows for outcome, rows in stage.rows_by_outcome.items()})
