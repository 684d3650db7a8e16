"""Prometheus itself on what this package gives it: metrics, rules, three runs as they happen, a year of records."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from commands import returns, succeeded
from kills import FIRST_DAY, SECOND_DAY, land_samples
from monitoring_files import METRICS_PAGE, PROMETHEUS, RULE_TESTS, RULES, panels, parsed
from prometheus_server import comes_to, prometheus, promtool
from pyspark_interview_project.metrics.catalogue import PREFIX
from test_metrics_exporter import exporter, free_port
from test_run_history import BEGAN, DAY, FINISHED, failed, record, write

pytestmark = pytest.mark.full

ALL = "1"  # as max_quarantined_ratio
_DAYS = 365


def served(lake: Path, target: Path) -> str:
    succeeded(returns(lake, "exporter", "--textfile", str(target)))
    return target.read_text()


def test_promtool_finds_nothing_wrong_with_the_metrics(tmp_path: Path) -> None:
    backup = {"nightly": {"status": "succeeded", "finished_at": BEGAN.isoformat()}}
    (tmp_path / "metrics").mkdir()
    write(tmp_path / "metrics" / "runs", record(0, dr=backup), failed(1))
    text = served(tmp_path, tmp_path / "returns.prom")
    assert f"{PREFIX}backup_failed" in text
    assert promtool("check", "metrics", stdin=text) == ""


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    said = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)
    assert said.count("SUCCESS") == len(RULES) > 0


def test_promtool_finds_nothing_wrong_with_the_configuration() -> None:
    assert promtool("check", "config", PROMETHEUS).count("SUCCESS") == 2 + len(RULES)  # rules found, configuration


def test_promtool_finds_nothing_wrong_with_the_configurations_of_the_metrics_page(tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", METRICS_PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for number, block in enumerate(blocks):
        (tmp_path / f"{number}.yml").write_text(block)
    assert promtool("check", "config", *sorted(tmp_path.glob("*.yml"))).count("SUCCESS") == len(blocks) == 3


def test_alerts_fire_and_are_silent_as_they_must() -> None:
    assert promtool("test", "rules", *RULE_TESTS).count("SUCCESS") == len(RULE_TESTS)


def hasty_copy(directory: Path, exporter_port: int) -> Path:
    """The configuration as it is, but for where the exporter is, how often things happen, and how long alerts wait."""
    (directory / "rules").mkdir(parents=True)
    for path in RULES:
        groups = parsed(path)
        for group in groups["groups"]:
            for rule in group["rules"]:
                rule.pop("for", None)
        (directory / "rules" / path.name).write_text(yaml.safe_dump(groups))
    config = parsed(PROMETHEUS)
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{exporter_port}"]}]
    del config["alerting"]
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    return directory / "prometheus.yml"


def test_prometheus_sees_three_runs_of_which_one_fails(tmp_path: Path) -> None:
    lake, port = land_samples(tmp_path / "lake"), free_port()
    config = hasty_copy(tmp_path / "config", port)
    # No run has been, and there are no backups in this lake.
    before = {"ReturnsPipelineSuccessAbsent", "ReturnsTableChangeAbsent", "ReturnsBackupAbsent"}
    with prometheus(config, tmp_path / "data", free_port()) as server:
        with exporter(lake, port):
            comes_to(before, server.firing)

            succeeded(returns(lake, "run", "--as-of", FIRST_DAY, MAX_QUARANTINED_RATIO=ALL, VOLUME_GATE="off"))
            comes_to({"failed": 0, "no_new_data": 0, "succeeded": 1}, lambda: server.query(f"{PREFIX}runs_total"))
            first = json.loads((lake / "metrics" / "pipeline_metrics.json").read_text())
            silver = first["stages"][0]
            read, rejected = silver["rows_read"], silver["rows_quarantined"]
            assert server.query(f'{PREFIX}stage_rows_read{{stage="bronze_to_silver"}}') == {"bronze_to_silver": read}
            ended = {"bronze_to_silver": read}
            comes_to(ended, lambda: server.query(f"stage:{PREFIX}stage_rows:sum"))
            share, rounded = f"stage:{PREFIX}stage_rows_quarantined:ratio", round(rejected / read, 9)
            comes_to({"bronze_to_silver": rounded}, lambda: {k: round(v, 9) for k, v in server.query(share).items()})
            comes_to({"ReturnsBackupAbsent"}, server.firing)

            refused = returns(
                lake, "run", "--as-of", SECOND_DAY, MAX_QUARANTINED_RATIO="0", QUARANTINE_GATE_MIN_ROWS="1"
            )
            assert refused.exit_code == 3
            comes_to({"failed": 1, "no_new_data": 0, "succeeded": 1}, lambda: server.query(f"{PREFIX}runs_total"))
            assert server.query(f"{PREFIX}last_run_exit_code") == {"": 3}
            good = datetime.fromisoformat(first["finished_at"]).timestamp()
            assert server.query(f"{PREFIX}last_success_timestamp_seconds") == pytest.approx({"": good})
            # Against a limit of 0 the share may be high too: that depends on how many rows the second batch has.
            fired = {"ReturnsBackupAbsent", "ReturnsRunFailed"}
            comes_to(fired, lambda: server.firing() - {"ReturnsQuarantineShareHigh"})

            succeeded(returns(lake, "run", "--as-of", SECOND_DAY, MAX_QUARANTINED_RATIO=ALL, VOLUME_GATE="off"))
            comes_to({"failed": 1, "no_new_data": 0, "succeeded": 2}, lambda: server.query(f"{PREFIX}runs_total"))
            comes_to({"ReturnsBackupAbsent"}, server.firing)
        comes_to({"ReturnsExporterDown"}, lambda: server.firing() & {"ReturnsExporterDown"})


def test_prometheus_answers_from_a_year_of_records(tmp_path: Path) -> None:
    year = []
    for day in range(_DAYS):
        tables = {"silver_returns": {"version": day, "rows": day, "bytes": 100 * day}}
        # In the past: Prometheus wants no blocks of the last three hours.
        year.append((failed if day % 7 == 6 else record)(day - _DAYS, run_id=f"run-{day}", tables=tables))
    records, lake = write(tmp_path / "records", *year), tmp_path / "lake"
    told = succeeded(returns(lake, "ingest-metrics", str(records), "--openmetrics", str(tmp_path / "history.om")))
    assert told.lines[0] == f"{_DAYS} runs ingested, 0 known already, 0 files malformed"

    promtool(
        *("tsdb", "create-blocks-from", "--max-block-duration=800h", "openmetrics"),
        *(tmp_path / "history.om", tmp_path / "data"),
    )
    (tmp_path / "prometheus.yml").write_text("global: {}\n")
    good = sum(one["status"] == "succeeded" for one in year)
    last = FINISHED - DAY
    with prometheus(tmp_path / "prometheus.yml", tmp_path / "data", free_port()) as server:
        assert server.query(f"count_over_time({PREFIX}last_completion_timestamp_seconds[400d])", last) == {"": _DAYS}
        assert server.query(f"{PREFIX}runs_total", last) == {
            "succeeded": good,
            "failed": _DAYS - good,
            "no_new_data": 0,
        }
        assert server.query(f'{PREFIX}rows_total{{stage="bronze_to_silver"}}', last) == {
            "inserted bronze_to_silver": 5 * good,
            "updated bronze_to_silver": good,
            "superseded bronze_to_silver": good,
            "duplicate bronze_to_silver": good,
            "quarantined bronze_to_silver": 2 * good,
            "excluded bronze_to_silver": 0,
        }
        read = f'sum_over_time({PREFIX}stage_rows_read{{stage="bronze_to_silver"}}[400d])'
        assert server.query(read, last) == {"bronze_to_silver": 10 * _DAYS}
        size = f"sum_over_time({PREFIX}table_bytes[400d])"
        assert server.query(size, last) == {"silver_returns": 100 * sum(range(_DAYS))}
        middle = last - 100 * DAY
        assert server.query(f"{PREFIX}table_rows", middle) == {"silver_returns": _DAYS - 1 - 100}
        assert server.query(f"{PREFIX}table_rows", middle + DAY / 2) == {}  # nothing was seen at noon
        (panel,) = [panel for panel in panels() if panel["title"] == "Rows"]
        shown = server.query(panel["targets"][0]["expr"], middle + DAY / 2)
        assert shown == {"silver_returns": _DAYS - 1 - 100}
