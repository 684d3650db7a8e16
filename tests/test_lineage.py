"""Lineage: what each stage read and wrote, as OpenLineage events in a file or at an endpoint; no harm to any run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from deltalake import DeltaTable

import lake_reading
from commands import Ended, returns, succeeded
from lake_reading import TABLES
from landing import COLUMNS, land, row_of, write_text
from lineage_endpoint import Endpoint, answer, answer_never_ending, endpoint
from pyspark_interview_project.config.settings import load_settings
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.metrics import lineage
from pyspark_interview_project.metrics.lineage import Caller, Dataset, Lineage
from pyspark_interview_project.storage.places import check_places
from report_reading import page_of
from test_metrics_exporter import free_port

LANDED = "bronze/returns_raw"
RUN, PLAN = ("run", "--as-of", "2026-11-20"), ("plan", "--commit")
CALLER_RUN, RUN_ID = "0af76519-16cd-43dd-8448-eb211c80319c", "3c9f6cfd-5f0c-4d3b-9d2f-0b8a6f1f0c11"
STAGE = ("bronze-to-silver", "--as-of", "2026-11-20", "--run-id", RUN_ID)
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"  # pragma: allowlist secret
KEY, PASSWORD = "zq7Key", "zq7Password"  # pragma: allowlist secret
GATE = {"MAX_QUARANTINED_RATIO": "0.1", "QUARANTINE_GATE_MIN_ROWS": "1"}

Event = dict[str, Any]


# Whole runs, through the command line


@dataclass(frozen=True)
class Scene:
    """A lake, the commands that were run on it, and the events that they emitted."""

    lake: Path
    ended: tuple[Ended, ...]
    events: list[Event]

    @property
    def warnings(self) -> list[str]:
        """The warnings in the logs."""
        return [line["message"] for ended in self.ended for line in ended.logs if line["level"] == "WARNING"]


def scene(lake: Path, *commands: tuple[str, ...], found: Endpoint | None = None, **env: str) -> Scene:
    """Commands on a lake of seven rows, one of them bad. Without an endpoint their events go to a file."""
    good = [
        row_of(f"R-{n}", "O-1", "C-1", "MUG", "damaged", "1", "10.00", "2026-11-18", "2026-11-19T08:00:00Z")
        for n in range(5)
    ]
    land(lake / LANDED / "dt=2026-11-19" / "web.jsonl", good)
    land(lake / LANDED / "store.csv", [good[0], {**good[0], "return_id": "R-9", "qty": "zq7Value"}])
    file = lake.parent / "lineage of" / f"{lake.name}.jsonl"
    ended = tuple(returns(lake, *command, **{"LINEAGE_URL": file.as_uri(), **env}) for command in commands)
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return Scene(lake, ended, [event for _, _, event in found.sent] if found else [json.loads(line) for line in lines])


@pytest.fixture(scope="module")
def good_endpoint() -> Iterator[Endpoint]:
    with endpoint() as found:
        yield found


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory, good_endpoint: Endpoint) -> dict[str, Scene]:
    root = tmp_path_factory.mktemp("lineage")
    called = {"TRACEPARENT": f"00-{TRACE}-{SPAN}-01", "OPENLINEAGE_PARENT_ID": f"af/dag.task/{CALLER_RUN}"}
    to_endpoint = {"LINEAGE_URL": good_endpoint.url, "OPENLINEAGE_API_KEY": KEY, "OPENLINEAGE_NAMESPACE": "shop"}
    gate = {**GATE, **to_endpoint, "OPENLINEAGE_PARENT_ID": "nobody/knows/\x1b[2J"}
    dead = f"http://etl:{PASSWORD}@127.0.0.1:{free_port()}/?token={PASSWORD}"
    found = {
        "good": scene(root / "good", RUN, RUN, LOG_LEVEL="DEBUG", **called),
        "gate": scene(root / "gate", STAGE, found=good_endpoint, **gate),
        "dead": scene(root / "dead", PLAN, LINEAGE_URL=dead),
    }
    with pytest.MonkeyPatch.context() as patch, endpoint(answer_never_ending) as slow:
        patch.setattr(lineage, "_DEADLINE_SECONDS", 0.5)
        found["slow"] = scene(root / "slow", PLAN, LINEAGE_URL=slow.url)
        patch.setitem(sys.modules, "openlineage.client", None)  # as if it were not installed
        found["extra"] = scene(root / "extra", PLAN)
    return found


# What the events say


def plain(value: Any) -> Any:
    """A part of an event without where its form is written down, and without what is empty."""
    if isinstance(value, dict):
        kept = {name: plain(inner) for name, inner in value.items() if name not in ("_producer", "_schemaURL")}
        return {name: inner for name, inner in kept.items() if inner not in ({}, [])}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def content(event: Event) -> Event:
    """The event without its time and form, which are as the specification has them; of a schema names and types."""
    assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
    assert event["producer"].startswith("pkg:pypi/pyspark-interview-project@")
    assert event["schemaURL"].startswith("https://openlineage.io/spec/2-")
    found: Event = plain({name: event[name] for name in event.keys() - {"eventTime", "producer", "schemaURL"}})
    for held in [*found["inputs"], *found["outputs"]]:
        (fields,) = held.pop("facets").pop("schema").values()
        assert all(set(column) == {"name", "type", "description"} and column["description"] for column in fields)
        held["columns"] = [(column["name"], column["type"]) for column in fields]
    return found


def dataset(lake: Path, place: str) -> Event:
    """A dataset as an event has it; a table's columns are those that it has on disk."""
    columns = list(zip(COLUMNS, ("string",) * 5 + ("integer", "double", "date", "timestamp"), strict=True))
    if place in TABLES:
        types = {c.name: json.loads(c.type.to_json()) for c in DeltaTable(str(lake / place)).schema().fields}
        columns = [(n, t if isinstance(t, str) else f"array<{t['elementType']}>") for n, t in types.items()]
    return {"namespace": "file", "name": f"{lake}/{place}", "columns": columns}


def expected_events(lake: Path, run_id: str, namespace: str, **caller: Any) -> list[Event]:
    """Start and end of both stages of a run that read seven rows, of which silver took five and one was bad."""

    def event(state: str, stage: str, inputs: list[Event], outputs: list[Event]) -> Event:
        parent = {"run": {"runId": run_id}, "job": {"namespace": namespace, "name": "returns"}, **caller}
        run = {"runId": str(uuid5(UUID(run_id), stage)), "facets": {"parent": parent}}
        job = {"namespace": namespace, "name": stage}
        return {"eventType": state, "run": run, "job": job, "inputs": inputs, "outputs": outputs}

    def written(held: Event, rows: int) -> Event:
        return held | {"outputFacets": {"outputStatistics": {"rowCount": rows}}}

    landed, silver, quarantine, *gold = (dataset(lake, place) for place in (LANDED, *TABLES))
    size = sum(path.stat().st_size for path in (lake / LANDED).rglob("*.*") if path.is_file())
    read = landed | {"inputFacets": {"inputStatistics": {"rowCount": 7, "size": size, "fileCount": 2}}}
    return [
        event("START", "bronze_to_silver", [landed], [silver, quarantine]),
        event("COMPLETE", "bronze_to_silver", [read], [written(silver, 5), written(quarantine, 1)]),
        event("START", "silver_to_gold", [silver], gold),
        event("COMPLETE", "silver_to_gold", [silver], [written(table, 1) for table in gold]),
    ]


def test_good_run_emits_each_stage_below_itself_and_its_caller(scenes: dict[str, Scene]) -> None:
    good = scenes["good"]
    first, second = lake_reading.run_records(good.lake)
    root = {"run": {"runId": CALLER_RUN}, "job": {"namespace": "af", "name": "dag.task"}}
    # The second run had nothing to do, so it emitted nothing.
    assert [record["status"] for record in (first, second)] == ["succeeded", "no_new_data"]
    assert [content(e) for e in good.events] == expected_events(good.lake, first["run_id"], "returns-test", root=root)
    assert good.warnings == first["warnings"] == []


def test_every_line_commit_event_and_the_report_have_the_run_id_of_the_record(scenes: dict[str, Scene]) -> None:
    good = scenes["good"]
    run_ids = [record["run_id"] for record in lake_reading.run_records(good.lake)]
    assert len(set(run_ids)) == 2
    for ended, run_id in zip(good.ended, run_ids, strict=True):
        lines = {(line["run_id"], line["trace_id"], line["parent_span_id"]) for line in succeeded(ended).logs}
        assert (lines, ended.complaints) == ({(run_id, TRACE, SPAN)}, [])
    noted = {note["run_id"] for place in TABLES for note in lake_reading.commit_notes(good.lake, place)}
    assert noted == {event["run"]["facets"]["parent"]["run"]["runId"] for event in good.events} == {run_ids[0]}
    page = page_of(good.lake)
    assert (page.facts["run"], [row[-1] for row in page.table("runs")]) == (run_ids[1], run_ids[::-1])


def test_stage_that_a_gate_stops_fails_at_the_endpoint_without_a_value_or_what_nobody_counted(
    scenes: dict[str, Scene], good_endpoint: Endpoint
) -> None:
    gate = scenes["gate"]
    (ended,), record, (started, failed) = gate.ended, lake_reading.latest_run_record(gate.lake), gate.events
    error = failed["run"]["facets"].pop("errorMessage")
    assert (ended.exit_code, plain(error)) == (3, {"message": record["error"], "programmingLanguage": "PYTHON"})
    assert content(started) == expected_events(gate.lake, RUN_ID, "shop")[0]
    assert content(failed) == content(started) | {"eventType": "FAIL"}
    no_caller = "OPENLINEAGE_PARENT_ID is not namespace/job/run-id, so lineage is emitted without it"
    assert gate.warnings == record["warnings"] == [no_caller]
    assert {(path, headers["Authorization"], headers["Content-Type"]) for path, headers, _ in good_endpoint.sent} == {
        ("/api/v1/lineage", f"Bearer {KEY}", "application/json")
    }
    said = ended.stdout + ended.stderr + json.dumps([record, error, *gate.events])
    assert [secret for secret in ("zq7Value", KEY, "nobody/knows") if secret in said] == []


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("dead", "no lineage to http://***@127.0.0.1:{port}/?token=***: "),
        ("slow", "no lineage to http://127.0.0.1:{port}: TimeoutError"),
        ("extra", "no lineage to {uri}: the extra is not installed: pip install 'pyspark-interview-project[lineage]'"),
    ],
)
def test_lineage_that_cannot_be_is_one_warning_of_a_run_that_succeeds(
    scenes: dict[str, Scene], name: str, warning: str
) -> None:
    failed = scenes[name]
    ended, record = succeeded(failed.ended[0]), lake_reading.latest_run_record(failed.lake)
    (said,) = failed.warnings
    uri = (failed.lake.parent / "lineage of" / "extra.jsonl").as_uri()
    port = said.partition("127.0.0.1:")[2].partition("/")[0].partition(":")[0]
    assert said.startswith(warning.format(port=port, uri=uri))
    assert (record["status"], record["warnings"], failed.events) == ("succeeded", [said], [])
    assert PASSWORD not in ended.stderr + ended.stdout + json.dumps(record)


# In this process


def emitted(url: str | None, error: Exception | None = None, **environment: str) -> list[str]:
    """Emit the events of one stage. Returns the warnings."""
    warnings: list[str] = []
    of_run = Lineage(url, "/lake", RUN_ID, "test", environment, warnings.append)
    with suppress(KeyError), of_run.emitted("stage", [Dataset("in", ())], [Dataset("out", ())]):
        if error:
            raise error
    return warnings


def test_endpoint_with_a_path_is_sent_to_that_path_without_a_key_that_there_is_not() -> None:
    with endpoint() as found:
        assert emitted(f"{found.url}/own/path?team=returns") == []
    assert [path for path, _, _ in found.sent] == ["/own/path?team=returns"] * 2
    assert all("Authorization" not in headers for _, headers, _ in found.sent)


@pytest.mark.parametrize(
    ("how", "why"), [(partial(answer, 500), "HTTPError"), (answer_never_ending, "TimeoutError")], ids=["500", "hangs"]
)
def test_hostile_endpoint_is_asked_once_and_given_up_behind_the_deadline(
    monkeypatch: pytest.MonkeyPatch, how: Any, why: str
) -> None:
    monkeypatch.setattr(lineage, "_DEADLINE_SECONDS", 0.5)
    with endpoint(how) as found:
        assert emitted(found.url) == [f"no lineage to {found.url}: {why}"]
    assert len(found.sent) == 1


def test_file_that_cannot_be_written_is_one_warning(tmp_path: Path) -> None:
    assert emitted(tmp_path.as_uri()) == [f"no lineage to {tmp_path.as_uri()}: IsADirectoryError"]
    url = (write_text(tmp_path / "file", "") / "events.jsonl").as_uri()
    assert emitted(url) == [f"no lineage to {url}: FileExistsError"]


def test_failure_of_others_is_told_by_its_name_alone(tmp_path: Path) -> None:
    assert emitted((tmp_path / "events.jsonl").as_uri(), KeyError("zq7Value")) == []
    _, failed = (json.loads(line) for line in (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines())
    assert failed["run"]["facets"]["errorMessage"]["message"] == "KeyError"


def test_without_the_setting_the_library_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openlineage.client", None)  # whoever imports it fails
    assert emitted(None, OPENLINEAGE_URL="http://127.0.0.1", OPENLINEAGE_PARENT_ID="hostile") == []
    assert len(emitted("file:///events.jsonl")) == 1


@pytest.mark.parametrize(
    ("parent_id", "caller"),
    [
        (f"af/dag.task/{CALLER_RUN}", Caller("af", "dag.task", CALLER_RUN)),
        (f"http://af:8080/x/dag.task/{CALLER_RUN}", Caller("http://af:8080/x", "dag.task", CALLER_RUN)),
        (f"my team/a job/{CALLER_RUN}", Caller("my team", "a job", CALLER_RUN)),
        *(
            (f"{parent}/{CALLER_RUN}", None)
            for parent in ("job", "/job", " /job", "af/", "af/ ", "a\x1b[2J/b", "a\n/b")
        ),
        *((f"af/dag.task/{run_id}", None) for run_id in ("", "manual__2026-11-20", f"{CALLER_RUN}\n")),
        *((parent_id, None) for parent_id in ("", "//", CALLER_RUN, f"a\udcff/dag.task/{CALLER_RUN}")),
    ],
)
def test_caller_of_takes_only_namespace_job_and_run_id(parent_id: str, caller: Caller | None) -> None:
    assert Caller.of(parent_id) == caller


FILES = ("events.jsonl", "file:", "file:///", "file://host/e", "file:///a/../e", "file:///a/%2e%2e/e", "file:///a%00b")
HOSTS = ("ftp://host/x", "http://", "http://:80", "http://host:port", "http://host:99999", "http://[")


@pytest.mark.parametrize("url", [*FILES, *HOSTS, f"ftp://etl:{PASSWORD}@host"])
def test_setting_that_is_no_place_is_exit_2(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\Alineage_url \(option\)") as raised:
        load_settings({"data_root": str(tmp_path), "lineage_url": url})
    assert PASSWORD not in str(raised.value)


def test_file_among_the_landed_files_is_exit_2(tmp_path: Path) -> None:
    url = (tmp_path / LANDED / "events.jsonl").as_uri()
    with pytest.raises(ConfigurationError, match=r"\Alineage_url: "):
        check_places(load_settings({"data_root": str(tmp_path), "lineage_url": url}))
