"""Rules, their tests, runbook, dashboard, docs/metrics.md and compose.yaml: they name the same things, which exist."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from commands import REPOSITORY
from monitoring_files import (
    DASHBOARD,
    INFRA,
    METRICS_PAGE,
    PROMETHEUS,
    RULE_TESTS,
    RULES,
    RUNBOOK,
    known_metrics,
    metrics_in,
    panels,
    parsed,
    recorded_in,
    rows_of_the_metrics_page,
    rules,
    values_of,
)

ALERTS = sorted(rule["alert"] for rule in rules("alert"))
PAGES_WITH_METRICS = [*RULES, *RULE_TESTS, DASHBOARD, METRICS_PAGE, RUNBOOK]
COMPOSE = parsed(INFRA / "compose.yaml")
# Variables that compose puts in; without a default these must be given.
_VARIABLE = re.compile(r"\$\{[A-Z_]+[^}]*\}")


def alert_cases() -> list[dict[str, Any]]:
    return [case for path in RULE_TESTS for test in parsed(path)["tests"] for case in test["alert_rule_test"]]


def test_alerts_each_have_one_rule_a_firing_and_a_silent_test_and_a_section() -> None:
    assert len(ALERTS) == len(set(ALERTS)) > 0
    assert {case["alertname"] for case in alert_cases() if case["exp_alerts"]} == set(ALERTS)
    assert {case["alertname"] for case in alert_cases() if not case["exp_alerts"]} == set(ALERTS)
    sections = re.findall(r"^## (Returns\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(sections) == ALERTS


@pytest.mark.parametrize("rule", rules("alert"), ids=lambda rule: rule["alert"])
def test_alert_says_how_severe_it_is_what_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"Returns([A-Z][a-z]+)+", rule["alert"])
    assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"})
    assert "for" in rule
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"


def test_alert_on_an_age_has_one_on_the_absence_of_the_time() -> None:
    expressions = [rule["expr"] for rule in rules("alert")]
    ages = {name for text in expressions if "time()" in text for name in metrics_in(text)}
    answers = 'max_over_time(up{job="returns"}[1h]) == 1 unless on (job, instance) '
    absent = {name for text in expressions if " ".join(text.split()).startswith(answers) for name in metrics_in(text)}
    assert ages == absent and len(ages) == 3


@pytest.mark.parametrize("rule", rules("record"), ids=lambda rule: rule["record"])
def test_recorded_name_has_level_metric_and_operation(rule: dict[str, Any]) -> None:
    assert recorded_in(rule["record"]) == {rule["record"]}


@pytest.mark.parametrize("path", PAGES_WITH_METRICS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_page_names_only_metrics_that_exist(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert metrics_in(text) - known_metrics(tmp_path) == set()
    assert recorded_in(text) - {rule["record"] for rule in rules("record")} == set()


def test_dashboard_shows_every_metric(tmp_path: Path) -> None:
    assert known_metrics(tmp_path) - metrics_in(DASHBOARD.read_text(encoding="utf-8")) == set()


def test_metrics_page_is_the_catalogue_and_what_exporters_say_of_themselves(tmp_path: Path) -> None:
    page = METRICS_PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in page if line.startswith("| `")] == rows_of_the_metrics_page(tmp_path)


@pytest.mark.parametrize("panel", [p for p in panels() if p["type"] == "timeseries"], ids=lambda panel: panel["title"])
def test_trend_shows_runs_of_which_there_is_one_value_a_day(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        named = metrics_in(target["expr"]) | recorded_in(target["expr"])
        looked_back = re.findall(r"last_over_time\(([a-z0-9_:]+)\{[^}]*\}\[25h\]\)", target["expr"])
        assert named == set(looked_back) and named


def test_dashboard_is_one_of_provisioning() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert dashboard["uid"] == "returns-lakehouse" and "id" not in dashboard and "__inputs" not in dashboard
    assert dashboard["editable"] is False and dashboard["schemaVersion"] > 0
    sources = [item for item in dashboard["templating"]["list"] if item["type"] == "datasource"]
    assert [(source["name"], source["query"]) for source in sources] == [("datasource", "prometheus")]
    assert {source["uid"] for source in values_of("datasource", panels())} == {"${datasource}"}
    assert Counter(panel["title"] for panel in panels()).most_common(1)[0][1] == 1


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_panel_says_what_it_shows_and_in_what_unit(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".") and panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["targets"] and all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    place = panel["gridPos"]
    assert place["x"] + place["w"] <= 24


def test_panels_do_not_overlap() -> None:
    taken = Counter(
        (x, y)
        for place in values_of("gridPos", json.loads(DASHBOARD.read_text(encoding="utf-8")))
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    )
    assert set(taken.values()) == {1}


def test_dashboard_names_only_alerts_that_exist() -> None:
    assert set(re.findall(r"Returns[A-Z]\w+", DASHBOARD.read_text(encoding="utf-8"))) - set(ALERTS) == set()


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_compose_service_is_reachable_from_this_machine_only_and_mounts_what_exists(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["ports"] and all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert re.fullmatch(r"[a-z/-]+:[\w.]+", service["image"])
    for volume in service["volumes"]:
        source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
        if source.startswith("."):
            assert (INFRA / source).exists() and volume.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"] or _VARIABLE.fullmatch(source)


def test_configurations_name_each_other_as_compose_does() -> None:
    ports = {name: service["ports"][0].split(":")[-1] for name, service in COMPOSE["services"].items()}
    prometheus, alertmanager = parsed(PROMETHEUS), parsed(INFRA / "alertmanager" / "alertmanager.yml")
    (job,) = prometheus["scrape_configs"]
    assert job["job_name"] == "returns"
    scraped, told = ([target] for targets in values_of("targets", prometheus) for target in targets)
    assert (told, scraped) == ([f"exporter:{ports['exporter']}"], [f"alertmanager:{ports['alertmanager']}"])
    receivers = {receiver["name"] for receiver in alertmanager["receivers"]}
    assert set(values_of("receiver", alertmanager)) == receivers
    (source,) = parsed(INFRA / "grafana" / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    assert source["url"] == f"http://prometheus:{ports['prometheus']}"
    (provider,) = parsed(INFRA / "grafana" / "provisioning" / "dashboards" / "returns.yml")["providers"]
    mounted = [volume.split(":")[1] for volume in COMPOSE["services"]["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounted


def test_alertmanager_names_only_alerts_that_exist() -> None:
    matchers = values_of("target_matchers", parsed(INFRA / "alertmanager" / "alertmanager.yml"))
    patterns = [matcher.split("~")[-1].split("=")[-1].strip(' "') for each in matchers for matcher in each]
    sources = values_of("source_matchers", parsed(INFRA / "alertmanager" / "alertmanager.yml"))
    patterns += [matcher.split("=")[-1].strip() for each in sources for matcher in each]
    assert len(patterns) == 4
    assert [pattern for pattern in patterns if not any(re.fullmatch(pattern, alert) for alert in ALERTS)] == []
