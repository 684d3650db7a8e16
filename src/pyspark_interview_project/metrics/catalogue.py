"""The catalogue of metrics: each once, with its name, help, labels, and how it is read from what runs come to.

Names follow the conventions of Prometheus: https://prometheus.io/docs/practices/naming/. A metric of the last run is a
gauge; only what adds up over runs is a counter. Times are exported, never ages. No label is an id, a date or a path.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from pyspark_interview_project import __version__
from pyspark_interview_project.metrics.recorded_runs import RecordedRun, ends_in_order
from pyspark_interview_project.metrics.run_history import RunHistory
from pyspark_interview_project.metrics.run_record import FAILED, STATUSES

PREFIX = "returns_pipeline_"
JOB = "returns"  # of the scrape configuration

Samples = Mapping[tuple[str, ...], float]


@dataclass(frozen=True)
class CatalogueEntry:
    """One metric. A counter's name ends in _total, and its values never go back as runs are added."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[RunHistory], Samples]

    @property
    def kind(self) -> Literal["counter", "gauge"]:
        return "counter" if self.name.endswith("_total") else "gauge"

    def family(self, of_the_target: Sequence[str] = ()) -> CounterMetricFamily | GaugeMetricFamily:
        """An empty family of this metric, to which samples are added; their labels begin with those of the target."""
        family = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        return family(PREFIX + self.name, self.help, labels=(*of_the_target, *self.labels))


def _one(value: float | None) -> Samples:
    return {} if value is None else {(): float(value)}


def _by(values: Mapping[str, float]) -> Samples:
    return {(name,): float(value) for name, value in values.items()}


def _last_status(history: RunHistory) -> Samples:
    return _by({status: history.last.status == status for status in STATUSES}) if history.last else {}


def _rows_of_last_stages(history: RunHistory) -> Samples:
    return {
        (name, outcome): float(rows)
        for name, stage in history.stages.items()
        for outcome, rows in stage.rows_by_outcome.items()
    }


def _rows_read(history: RunHistory) -> Samples:
    return _by({name: stage.rows_read for name, stage in history.stages.items() if stage.rows_read is not None})


CATALOGUE: tuple[CatalogueEntry, ...] = (
    CatalogueEntry("runs_total", "Runs on record, by how they ended.", ("status",), lambda h: _by(h.runs)),
    CatalogueEntry(
        "rows_total",
        "Rows of runs that succeeded, by stage and by where they ended.",
        ("stage", "outcome"),
        lambda h: {key: float(rows) for key, rows in h.rows.items()},
    ),
    CatalogueEntry(
        "quarantined_reasons_total",
        "Reasons for which rows of runs that succeeded were quarantined; a row may have several.",
        ("reason",),
        lambda h: _by(h.quarantined),
    ),
    CatalogueEntry(
        "last_success_timestamp_seconds",
        "When the last run ended that succeeded or found nothing new.",
        (),
        lambda h: _one(h.last_success),
    ),
    CatalogueEntry(
        "last_verification_failure_timestamp_seconds",
        "When the last run ended that found its own figures or tables wrong (exit code 7).",
        (),
        lambda h: _one(h.last_verification_failure),
    ),
    CatalogueEntry(
        "last_completion_timestamp_seconds",
        "When the last run ended, well or not.",
        (),
        lambda h: _one(h.last.finished if h.last else None),
    ),
    CatalogueEntry("last_run_status", "1 for how the last run ended, 0 for the other ways.", ("status",), _last_status),
    CatalogueEntry(
        "last_run_exit_code",
        "Exit code of the last run; README.md says what each means.",
        (),
        lambda h: _one(h.last.exit_code if h.last else None),
    ),
    CatalogueEntry(
        "last_run_warnings",
        "Warnings on the record of the last run.",
        (),
        lambda h: _one(len(h.last.warnings) if h.last else None),
    ),
    CatalogueEntry(
        "run_duration_seconds",
        "How long the last run took.",
        (),
        lambda h: _one(h.last.seconds if h.last else None),
    ),
    CatalogueEntry(
        "stage_duration_seconds",
        "How long each stage took when it last ran.",
        ("stage",),
        lambda h: _by({name: stage.duration_sec for name, stage in h.stages.items()}),
    ),
    CatalogueEntry("stage_rows_read", "Rows that each stage read when it last ran.", ("stage",), _rows_read),
    CatalogueEntry(
        "stage_rows",
        "Rows of each stage when it last ran, by where they ended.",
        ("stage", "outcome"),
        _rows_of_last_stages,
    ),
    CatalogueEntry(
        "quarantined_rows",
        "Rows that were quarantined for a reason when rows were last validated; a row may have several.",
        ("reason",),
        lambda h: _by(h.last_quarantined),
    ),
    CatalogueEntry(
        "gate_value",
        "What each quality gate last measured.",
        ("gate",),
        lambda h: _by({name: gate.value for name, gate in h.gates.items()}),
    ),
    CatalogueEntry(
        "gate_limit",
        "Beyond which value each quality gate warns or fails.",
        ("gate",),
        lambda h: _by({name: gate.limit for name, gate in h.gates.items()}),
    ),
    CatalogueEntry(
        "gate_passed",
        "1 for a quality gate that last passed, 0 for one that warned or failed.",
        ("gate",),
        lambda h: _by({name: gate.status == "passed" for name, gate in h.gates.items()}),
    ),
    CatalogueEntry(
        "table_last_change_timestamp_seconds",
        "When the last run ended that changed each table.",
        ("table",),
        lambda h: _by(h.changed),
    ),
    CatalogueEntry(
        "table_rows",
        "Rows of each table.",
        ("table",),
        lambda h: _by({name: table.rows for name, table in h.tables.items()}),
    ),
    CatalogueEntry(
        "table_bytes",
        "Bytes of the data files of each table's newest version.",
        ("table",),
        lambda h: _by({name: table.bytes for name, table in h.tables.items()}),
    ),
    CatalogueEntry(
        "table_version",
        "Newest version of each table.",
        ("table",),
        lambda h: _by({name: table.version for name, table in h.tables.items()}),
    ),
    CatalogueEntry(
        "backup_last_success_timestamp_seconds",
        "When each backup strategy last succeeded.",
        ("strategy",),
        lambda h: _by(h.backups),
    ),
    CatalogueEntry(
        "backup_failed",
        "1 for a backup strategy that last failed.",
        ("strategy",),
        lambda h: _by(h.failed_backups),
    ),
    CatalogueEntry(
        "backup_protected_until_timestamp_seconds",
        "When the newest verified backup of each strategy was pinned: what is newer would be lost.",
        ("strategy",),
        lambda h: _by(h.protected_until),
    ),
    CatalogueEntry(
        "drill_last_timestamp_seconds",
        "When the last recovery drill of each strategy ended, well or not.",
        ("strategy",),
        lambda h: _by({name: drill.finished_at.timestamp() for name, drill in h.drills.items()}),
    ),
    CatalogueEntry(
        "drill_failed",
        "1 for a strategy whose last drill failed or missed an objective.",
        ("strategy",),
        lambda h: _by({name: drill.status == FAILED for name, drill in h.drills.items()}),
    ),
    CatalogueEntry(
        "drill_rpo_seconds",
        "Recovery point that each strategy's last drill measured: how old what came back was.",
        ("strategy",),
        lambda h: _by({name: d.rpo_seconds for name, d in h.drills.items() if d.rpo_seconds is not None}),
    ),
    CatalogueEntry(
        "drill_rto_seconds",
        "Recovery time that each strategy's last drill measured: from the loss to the first batch behind it.",
        ("strategy",),
        lambda h: _by({name: d.rto_seconds for name, d in h.drills.items() if d.rto_seconds is not None}),
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
    """Of what version the one who answers is."""
    family = GaugeMetricFamily(
        PREFIX + "build_info", "Always 1; the labels say what answers.", labels=("version", "python")
    )
    family.add_metric((__version__, platform.python_version()), 1)
    return family


def history_families(runs: Iterable[RecordedRun], instance: str) -> Iterator[Metric]:
    """Every metric of the catalogue with the values that it had when each of the runs ended, and those times; with the
    labels that Prometheus gives to what it scrapes, by which rules and panels go.

    Of one time there is one value: that of the last run to end then.
    """
    seen: dict[str, dict[tuple[str, ...], dict[float, float]]] = {entry.name: {} for entry in CATALOGUE}
    history = RunHistory()
    for run in ends_in_order(runs):
        history.add(run)
        for entry in CATALOGUE:
            for labels, value in entry.read(history).items():
                seen[entry.name].setdefault(labels, {})[run.finished] = value
    for entry in CATALOGUE:
        family = entry.family(of_the_target=("job", "instance"))
        for labels, values in seen[entry.name].items():
            for time, value in values.items():
                family.add_metric((JOB, instance, *labels), value, timestamp=time)
        yield family
