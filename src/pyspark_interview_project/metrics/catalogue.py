"""The catalogue of metrics: each once, with its name, help, labels, and how it is read from what runs come to.

Names follow the conventions of Prometheus: https://prometheus.io/docs/practices/naming/. A metric of the last run is a
gauge; only what adds up over runs is a counter. Times are exported, never ages. No label is an id, a date or a path.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from pyspark_interview_project import __version__
from pyspark_interview_project.metrics.recorded_runs import RecordedRun, ends_in_order
from pyspark_interview_project.metrics.run_history import RunHistory
from pyspark_interview_project.metrics.run_record import FAILED, STATUSES

PREFIX = "returns_pipeline_"
JOB = "returns"  # of the scrape configuration

P = TypeVar("P")
Samples = Mapping[tuple[str, ...], float]  # values by the values of the labels


@dataclass(frozen=True)
class CatalogueEntry:
    """One metric. The name of a counter ends in _total, and its values never fall as runs are added."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[RunHistory], Samples]

    @property
    def kind(self) -> Literal["counter", "gauge"]:
        return "counter" if self.name.endswith("_total") else "gauge"

    def family(self, target_labels: Sequence[str] = ()) -> CounterMetricFamily | GaugeMetricFamily:
        """An empty family of this metric, to which samples are added. Labels of the target come first."""
        family = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        return family(PREFIX + self.name, self.help, labels=(*target_labels, *self.labels))


def _one(name: str, help: str, read: Callable[[RunHistory], float | None]) -> CatalogueEntry:
    """A metric without labels, which has no sample where there is no value."""
    return CatalogueEntry(name, help, (), lambda h: {} if (value := read(h)) is None else {(): float(value)})


def _last(name: str, help: str, read: Callable[[RecordedRun], float]) -> CatalogueEntry:
    """A metric of the last run."""
    return _one(name, help, lambda h: read(h.last) if h.last else None)


def _each(name: str, help: str, label: str, read: Callable[[RunHistory], Mapping[str, float]]) -> CatalogueEntry:
    """A metric with one label."""
    return CatalogueEntry(name, help, (label,), lambda h: {(key,): float(value) for key, value in read(h).items()})


def _of_each(
    label: str, parts: Callable[[RunHistory], Mapping[str, P]]
) -> Callable[[str, str, Callable[[P], float | None]], CatalogueEntry]:
    """What makes a metric with a value for each part, such as each stage, that has one."""

    def entry(name: str, help: str, read: Callable[[P], float | None]) -> CatalogueEntry:
        def values(history: RunHistory) -> Mapping[str, float]:
            found = {key: read(part) for key, part in parts(history).items()}
            return {key: value for key, value in found.items() if value is not None}

        return _each(name, help, label, values)

    return entry


_stage = _of_each("stage", lambda h: h.stages)
_gate = _of_each("gate", lambda h: h.gates)
_table = _of_each("table", lambda h: h.tables)
_drill = _of_each("strategy", lambda h: h.drills)


def _statuses(history: RunHistory) -> Mapping[str, float]:
    return {status: history.last.status == status for status in STATUSES} if history.last else {}


def _rows_of_last_stages(history: RunHistory) -> Samples:
    stages = history.stages.items()
    return {(name, outcome): float(rows) for name, stage in stages for outcome, rows in stage.rows_by_outcome.items()}


CATALOGUE: tuple[CatalogueEntry, ...] = (
    _each("runs_total", "Runs on record, by how they ended.", "status", lambda h: h.runs),
    CatalogueEntry(
        "rows_total",
        "Rows of runs that succeeded, and of batches that silver took before a run failed, by stage and outcome.",
        ("stage", "outcome"),
        lambda h: {key: float(rows) for key, rows in h.rows.items()},
    ),
    _each(
        "quarantined_reasons_total",
        "Reasons for which rows that rows_total counts were quarantined; a row may have several.",
        "reason",
        lambda h: h.quarantined,
    ),
    _each(
        "warned_rules_total",
        "Rules that only warn and that rows which rows_total counts break; a row may break several.",
        "rule",
        lambda h: h.warned,
    ),
    _one(
        "last_success_timestamp_seconds",
        "When the last run ended that succeeded or found nothing new.",
        lambda h: h.last_success,
    ),
    _one(
        "last_verification_failure_timestamp_seconds",
        "When the last run ended that found its own figures or tables wrong (exit code 7).",
        lambda h: h.last_verification_failure,
    ),
    _last("last_completion_timestamp_seconds", "When the last run ended, well or not.", lambda run: run.finished),
    _each("last_run_status", "1 for how the last run ended, 0 for the other ways.", "status", _statuses),
    _last("last_run_exit_code", "Exit code of the last run; README.md says what each means.", lambda r: r.exit_code),
    _last("last_run_warnings", "Warnings on the record of the last run.", lambda run: len(run.warnings)),
    _one(
        "last_run_files_rejected",
        "Landed files that are set aside because they cannot be taken, as of the last run that looked at them.",
        lambda h: h.files_rejected,
    ),
    _one(
        "last_run_files_ignored",
        "Landed files that are ignored because of their names, as of the last run that looked at them.",
        lambda h: h.files_ignored,
    ),
    _last("run_duration_seconds", "How long the last run took.", lambda run: run.seconds),
    _stage("stage_duration_seconds", "How long each stage took when it last ran.", lambda stage: stage.duration_sec),
    _stage("stage_rows_read", "Rows that each stage read when it last ran.", lambda stage: stage.rows_read),
    CatalogueEntry(
        "stage_rows",
        "Rows of each stage when it last ran, by where they ended.",
        ("stage", "outcome"),
        _rows_of_last_stages,
    ),
    _each(
        "quarantined_rows",
        "Rows that were quarantined for a reason when rows were last validated; a row may have several.",
        "reason",
        lambda h: h.last_quarantined,
    ),
    _each(
        "warned_rows",
        "Rows that were kept though they break a rule that only warns, when rows were last validated.",
        "rule",
        lambda h: h.last_warned,
    ),
    _stage(
        "stage_returns_ambiguous",
        "Returns of which each stage, when it last ran, read two versions with one ingest_ts that differ.",
        lambda stage: stage.returns_ambiguous,
    ),
    _gate("gate_value", "What each quality gate last measured.", lambda gate: gate.value),
    _gate("gate_limit", "Beyond which value each quality gate warns or fails.", lambda gate: gate.limit),
    _gate(
        "gate_passed",
        "1 for a quality gate that last passed, 0 for one that warned or failed, none for one that was not judged.",
        lambda gate: None if gate.status == "not_judged" else gate.status == "passed",
    ),
    _each(
        "table_last_change_timestamp_seconds",
        "When the last run ended that changed each table.",
        "table",
        lambda h: h.changed,
    ),
    _table("table_rows", "Rows of each table.", lambda table: table.rows),
    _table("table_bytes", "Bytes of the data files of each table's newest version.", lambda table: table.bytes),
    _table("table_version", "Newest version of each table.", lambda table: table.version),
    _each(
        "backup_last_success_timestamp_seconds",
        "When each backup strategy last succeeded.",
        "strategy",
        lambda h: h.backups,
    ),
    _each("backup_failed", "1 for a backup strategy that last failed.", "strategy", lambda h: h.failed_backups),
    _each(
        "backup_protected_until_timestamp_seconds",
        "When the newest verified backup of each strategy was pinned: what is newer would be lost.",
        "strategy",
        lambda h: h.protected_until,
    ),
    _drill(
        "drill_last_timestamp_seconds",
        "When the last recovery drill of each strategy ended, well or not.",
        lambda drill: drill.finished_at.timestamp(),
    ),
    _drill(
        "drill_failed",
        "1 for a strategy whose last drill failed or missed an objective.",
        lambda drill: drill.status == FAILED,
    ),
    _drill(
        "drill_rpo_seconds",
        "Recovery point that each strategy's last drill measured: how old what came back was.",
        lambda drill: drill.rpo_seconds,
    ),
    _drill(
        "drill_rto_seconds",
        "Recovery time that each strategy's last drill measured: from the loss to the first batch behind it.",
        lambda drill: drill.rto_seconds,
    ),
)


def families(history: RunHistory) -> Iterator[Metric]:
    """Every metric of the catalogue with its values now."""
    for entry in CATALOGUE:
        family = entry.family()
        for labels, value in entry.read(history).items():
            family.add_metric(labels, value)
        yield family


def build_info() -> Metric:
    """The version of the one who answers."""
    family = GaugeMetricFamily(
        PREFIX + "build_info", "Always 1; the labels say what answers.", labels=("version", "python")
    )
    family.add_metric((__version__, platform.python_version()), 1)
    return family


def history_families(runs: Iterable[RecordedRun], instance: str) -> Iterator[Metric]:
    """Every metric of the catalogue with the values that it had at the end of each run, and the times of those ends.

    Samples have the labels `job` and `instance`, as Prometheus gives them to what it scrapes: rules and panels use
    them. Where several runs ended at one time, the last of them gives the value.
    """
    seen: dict[str, dict[tuple[str, ...], dict[float, float]]] = {entry.name: {} for entry in CATALOGUE}
    history = RunHistory()
    for run in ends_in_order(runs):
        history.add(run)
        for entry in CATALOGUE:
            for labels, value in entry.read(history).items():
                seen[entry.name].setdefault(labels, {})[run.finished] = value
    for entry in CATALOGUE:
        family = entry.family(target_labels=("job", "instance"))
        for labels, values in seen[entry.name].items():
            for time, value in values.items():
                family.add_metric((JOB, instance, *labels), value, timestamp=time)
        yield family
