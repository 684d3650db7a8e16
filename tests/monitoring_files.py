"""What the files of monitoring say: alerts, metrics, pages; and what docs/metrics.md must say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from commands import REPOSITORY
from pyspark_interview_project.metrics.catalogue import CATALOGUE, PREFIX
from pyspark_interview_project.metrics.metrics_exporter import RunAtWork, RunRecordCollector

INFRA = REPOSITORY / "infra"
RULES = sorted((INFRA / "prometheus" / "rules").glob("*.yml"))
RULE_TESTS = sorted((INFRA / "prometheus" / "tests").glob("*.yml"))
PROMETHEUS = INFRA / "prometheus" / "prometheus.yml"
DASHBOARD = INFRA / "grafana" / "dashboards" / "returns.json"
METRICS_PAGE = REPOSITORY / "docs" / "metrics.md"
RUNBOOK = REPOSITORY / "docs" / "runbook.md"

# A metric, but not where it is part of a recorded name.
_METRIC = re.compile(rf"(?<![\w:]){PREFIX}\w+(?![\w:*])")
_RECORDED = re.compile(rf"\b[a-z]+:{PREFIX}\w+:\w+\b")


def parsed(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules(kind: str) -> list[dict[str, Any]]:
    """The rules of a kind, "alert" or "record"."""
    return [rule for path in RULES for group in parsed(path)["groups"] for rule in group["rules"] if kind in rule]


def metrics_in(text: str) -> set[str]:
    return set(_METRIC.findall(text))


def recorded_in(text: str) -> set[str]:
    return set(_RECORDED.findall(text))


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard that show something."""
    return [panel for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"] if panel["type"] != "row"]


def values_of(name: str, node: Any) -> Iterator[Any]:
    """Every value that stands under a name, however deep."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == name:
                yield value
            yield from values_of(name, value)
    elif isinstance(node, list):
        for item in node:
            yield from values_of(name, item)


def _row(name: str, kind: str, labels: Iterable[str], meaning: str) -> str:
    return f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {meaning} |"


def rows_of_the_metrics_page(records: Path) -> list[str]:
    """Metric, type, labels and meaning: those of the catalogue, then what an exporter or a run says of itself.

    `records` is a directory without records: what is said nonetheless has its labels in its samples.
    """
    of_runs = [_row(PREFIX + entry.name, entry.kind, entry.labels, entry.help) for entry in CATALOGUE]
    collected = list(RunRecordCollector(records, RunAtWork(lambda: "bronze_to_silver")).collect())
    of_itself = [
        _row(family.samples[0].name, family.type, family.samples[0].labels, family.documentation)
        for family in collected[len(CATALOGUE) :]
    ]
    return of_runs + of_itself


def known_metrics(records: Path) -> set[str]:
    return {row.split("`")[1] for row in rows_of_the_metrics_page(records)}
