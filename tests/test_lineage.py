"""Lineage: what each stage read and wrote, as OpenLineage events in a file or at an endpoint; no harm to any run."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from deltalake import DeltaTable

import lake_reading
from commands import Ended, at_once, environment, returns, run, succeeded
from lake_reading import GOLD_BY_DATE_REASON, GOLD_BY_SKU_REASON, QUARANTINE, SILVER, TABLES
from landing import COLUMNS, land, row_of, write_text
from pyspark_interview_project.config.settings import load_settings
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.metrics.lineage import Caller, Files, Lineage

LANDED = "bronze/returns_raw"
RUN = ("run", "--as-of", "2026-11-20")
CALLER_RUN, RUN_ID = "0af76519-16cd-43dd-8448-eb211c80319c", "3c9f6cfd-5f0c-4d3b-9d2f-0b8a6f1f0c11"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"  # pragma: allowlist secret
KEY, PASSWORD = "zq7Key", "zq7Password"  # pragma: allowlist secret
GATE = {"MAX_QUARANTINED_RATIO": "0.1", "QUARANTINE_GATE_MIN_ROWS": "1"}

Event = dict[str, Any]


# An endpoint


@dataclass
class Endpoint:
    """What an endpoint at `url` was sent: path, headers and body of each request."""

    url: str
    sent: list[tuple[str, Mapping[str, str], Event]] = field(default_factory=list)


def answer_never_ending(handler: BaseHTTPRequestHandler) -> None:
    """Byte by byte: no timeout between two of them is ever reached."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    with suppress(OSError):
        while True:
            handler.wfile.write(b".")
            time.sleep(0.2)


def answer(status: int, handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@contextmanager
def endpoint(how: Callable[[BaseHTTPRequestHandler], None] = partial(answer, 201)) -> Iterator[Endpoint]:
    """An endpoint on this machine, which answers as it is told."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.sent.append((self.path, dict(self.headers), json.loads(body)))
            how(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found = Endpoint(f"http://127.0.0.1:{server.server_port}")
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield found
        finally:
            server.shutdown()
            serving.join()


def dead_address() -> str:
    """Host and port of an endpoint that is gone."""
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{gone.getsockname()[1]}"


# Runs


@dataclass(frozen=True)
class Scene:
    """A lake, and the commands that were run on it."""

    lake: Path
    ended: tuple[Ended, ...]

    @property
    def record(self) -> dict[str, Any]:
        return lake_reading.latest_run_record(self.lake)

    @property
    def events(self) -> list[Event]:
        """The events in its file."""
        return [json.loads(line) for line in events_file(self.lake).read_text(encoding="utf-8").splitlines()]

    @property
    def warnings(self) -> list[str]:
        """The warnings in the logs."""
        lines = [line for ended in self.ended for line in ended.logs]
        return [line["message"] for line in lines if line["level"] != "INFO"]


def events_file(lake: Path) -> Path:
    return lake.parent / "lineage of" / f"{lake.name}.jsonl"


def to_file(lake: Path) -> dict[str, str]:
    return {"LINEAGE_URL": events_file(lake).as_uri()}


def land_returns(lake: Path) -> None:
    good = [
        row_of(f"R-{n}", "O-1", "C-1", "MUG", "damaged", "1", "10.00", "2026-11-18", "2026-11-19T08:00:00Z")
        for n in range(5)
    ]
    land(lake / LANDED / "dt=2026-11-19" / "web.jsonl", good)
    land(lake / LANDED / "store.csv", [good[0], {**good[0], "return_id": "R-9", "qty": "zq7Value"}])


def scene(lake: Path, *commands: Callable[[Path], Ended]) -> Scene:
    land_returns(lake)
    return Scene(lake, tuple(command(lake) for command in commands))


def told(lake: Path, *arguments: str, **env: str) -> Ended:
    """A command that tells its lineage to a file."""
    return returns(lake, *arguments, **{**to_file(lake), **env})


def without_the_extra(lake: Path) -> Ended:
    """A plan, which is a stage too, that finds an `openlineage` without what the library has in it."""
    write_text(lake.parent / "shadow" / "openlineage" / "__init__.py", "")
    path = [str(lake.parent / "shadow"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return told(lake, "plan", "--commit", PYTHONPATH=os.pathsep.join(path))


def with_unreadable(lake: Path) -> Ended:
    write_text(lake / LANDED / "headless.csv", "zq7Value,1\n")
    return told(lake, *RUN)


def where_nobody_asks(lake: Path) -> Ended:
    """A run without the setting, which says at its end whether the library was imported."""
    script = (
        "import sys; from pyspark_interview_project.cli import main; main(sys.argv[1:]); "
        "print([name for name in sys.modules if name.partition('.')[0] == 'openlineage'])"
    )
    env = environment(lake, OPENLINEAGE_URL=f"http://{dead_address()}", OPENLINEAGE_PARENT_ID="hostile")
    return run([sys.executable, "-c", script, *RUN], env, lake)


@pytest.fixture(scope="module")
def good_endpoint() -> Iterator[Endpoint]:
    with endpoint() as found:
        yield found


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory, good_endpoint: Endpoint) -> Iterator[dict[str, Scene]]:
    good = partial(told, TRACEPARENT=f"00-{TRACE}-{SPAN}-01", OPENLINEAGE_PARENT_ID=f"af/dag.task/{CALLER_RUN}")
    sent = partial(returns, LINEAGE_URL=good_endpoint.url, OPENLINEAGE_API_KEY=KEY, OPENLINEAGE_NAMESPACE="shop")
    apart = ("--as-of", "2026-11-20", "--run-id", RUN_ID)
    with endpoint(answer_never_ending) as slow:
        commands: dict[str, list[Callable[[Path], Ended]]] = {
            "slow": [lambda lake: returns(lake, "plan", "--commit", LINEAGE_URL=slow.url)],
            "good": [lambda lake: good(lake, *RUN)] * 2,
            "gate": [lambda lake: told(lake, *RUN, **GATE, OPENLINEAGE_PARENT_ID="nobody/knows/\x1b[2J")],
            "unreadable": [with_unreadable],
            "sent": [
                lambda lake: sent(lake, "bronze-to-silver", *apart),
                lambda lake: sent(lake, "silver-to-gold", *apart),
            ],
            "dead": [lambda lake: returns(lake, *RUN, LINEAGE_URL=f"http://etl:{PASSWORD}@{dead_address()}")],
            "off": [where_nobody_asks],
            "extra": [without_the_extra],
        }
        root = tmp_path_factory.mktemp("lineage")
        calls = [partial(scene, root / name, *made) for name, made in commands.items()]
        yield dict(zip(commands, at_once(*calls), strict=True))


# What the events say


def plain(value: Any) -> Any:
    """A part of an event without where its form is written down, and without what is empty."""
    if isinstance(value, dict):
        kept = {name: plain(inner) for name, inner in value.items() if name not in ("_producer", "_schemaURL")}
        return {name: inner for name, inner in kept.items() if inner not in ({}, [])}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def content(event: Event) -> Event:
    """The event without its time and form; of a schema the names and types of columns."""
    found: Event = plain({name: inner for name, inner in event.items() if name not in FORM})
    for held in [*found["inputs"], *found.get("outputs", [])]:
        (fields,) = held.pop("facets").pop("schema").values()
        assert all(set(column) == {"name", "type", "description"} and column["description"] for column in fields)
        held["columns"] = [(column["name"], column["type"]) for column in fields]
    return found


FORM = ("eventTime", "producer", "schemaURL")
RAW_TYPES = ("string",) * 5 + ("integer", "double", "date", "timestamp")


def dataset(lake: Path, place: str, **more: Any) -> Event:
    """A dataset as an event has it; a table's columns are those that it has on disk."""
    columns = list(zip(COLUMNS, RAW_TYPES, strict=True))
    if place in TABLES:
        columns = [(c.name, _type_name(c.type)) for c in DeltaTable(str(lake / place)).schema().fields]
    return {"namespace": "file", "name": f"{lake}/{place}", "columns": columns, **more}


def _type_name(delta_type: Any) -> str:
    described = json.loads(delta_type.to_json())
    return described if isinstance(described, str) else f"array<{described['elementType']}>"


def event_of(state: str, stage: str, run_id: str, inputs: Any, outputs: Any, namespace: str) -> Event:
    """An event of a run that nobody called."""
    parent = {"run": {"runId": run_id}, "job": {"namespace": namespace, "name": "returns"}}
    return {
        "eventType": state,
        "run": {"runId": str(uuid5(UUID(run_id), stage)), "facets": {"parent": parent}},
        "job": {"namespace": namespace, "name": stage},
        "inputs": inputs,
        "outputs": outputs,
    }


def rows_read(rows: int, size: int, files: int) -> Event:
    return {"inputFacets": {"inputStatistics": {"rowCount": rows, "size": size, "fileCount": files}}}


def rows_written(rows: int) -> Event:
    return {"outputFacets": {"outputStatistics": {"rowCount": rows}}}


def events_of_a_good_run(lake: Path, run_id: str, namespace: str = "returns-test") -> list[Event]:
    size = sum(path.stat().st_size for path in (lake / LANDED).rglob("*.*") if path.is_file())
    landed, silver, quarantine = dataset(lake, LANDED), dataset(lake, SILVER), dataset(lake, QUARANTINE)
    gold = [dataset(lake, GOLD_BY_SKU_REASON), dataset(lake, GOLD_BY_DATE_REASON)]
    event = partial(event_of, run_id=run_id, namespace=namespace)
    counted = [silver | rows_written(5), quarantine | rows_written(1)]
    return [
        event("START", "bronze_to_silver", inputs=[landed], outputs=[silver, quarantine]),
        event("COMPLETE", "bronze_to_silver", inputs=[landed | rows_read(7, size, 2)], outputs=counted),
        event("START", "silver_to_gold", inputs=[silver], outputs=gold),
        event("COMPLETE", "silver_to_gold", inputs=[silver], outputs=[table | rows_written(1) for table in gold]),
    ]


def test_good_run_tells_of_each_stage_and_of_its_caller(scenes: dict[str, Scene]) -> None:
    good = scenes["good"]
    for ended in good.ended:
        succeeded(ended)
    first, second = lake_reading.run_records(good.lake)
    expected = events_of_a_good_run(good.lake, first["run_id"])
    for event in expected:
        event["run"]["facets"]["parent"]["root"] = {
            "run": {"runId": CALLER_RUN},
            "job": {"namespace": "af", "name": "dag.task"},
        }
    # The second run had nothing to do, so it told nothing.
    assert second["status"] == "no_new_data"
    assert [content(event) for event in good.events] == expected
    assert first["warnings"] == []


def test_counts_of_events_are_those_of_the_record(scenes: dict[str, Scene]) -> None:
    record = lake_reading.run_records(scenes["good"].lake)[0]
    _, to_silver, _, to_gold = scenes["good"].events
    silver, gold = record["stages"]
    read = to_silver["inputs"][0]["inputFacets"]["inputStatistics"]
    assert (read["rowCount"], read["size"], read["fileCount"]) == (
        silver["rows_read"],
        sum(file["bytes"] for file in record["files"]),
        len(record["files"]),
    )
    assert written(to_silver) == [silver["rows"], silver["rows_quarantined"]]
    assert written(to_gold) == list(gold["rows_by_table"].values())


def written(event: Event) -> list[int]:
    return [output["outputFacets"]["outputStatistics"]["rowCount"] for output in event["outputs"]]


def facets_of(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every facet in an event: what says by itself where its form is written down."""
    if isinstance(value, dict):
        if "_schemaURL" in value:
            yield value
        for inner in value.values():
            yield from facets_of(inner)
    for inner in value if isinstance(value, list) else []:
        yield from facets_of(inner)


def test_events_have_the_form_of_the_specification(scenes: dict[str, Scene]) -> None:
    producer = scenes["good"].events[0]["producer"]
    assert producer.startswith("pkg:pypi/pyspark-interview-project@")
    for name in ("good", "gate", "unreadable"):
        times = [datetime.fromisoformat(event["eventTime"]) for event in scenes[name].events]
        assert times == sorted(times) and all(moment.tzinfo is not None for moment in times)
        for event in scenes[name].events:
            assert event["schemaURL"].startswith("https://openlineage.io/spec/2-")
            assert event["schemaURL"].endswith("/OpenLineage.json#/$defs/RunEvent")
            facets = list(facets_of(event))
            assert facets and {facet["_producer"] for facet in facets} | {event["producer"]} == {producer}
            assert all(facet["_schemaURL"].startswith("https://openlineage.io/spec/facets/") for facet in facets)


def test_one_run_id_is_in_logs_record_commits_and_events_with_the_trace_of_the_caller(
    scenes: dict[str, Scene],
) -> None:
    good = scenes["good"]
    records = lake_reading.run_records(good.lake)
    assert len({record["run_id"] for record in records}) == 2
    for ended, record in zip(good.ended, records, strict=True):
        assert len(ended.logs) > 0 and ended.complaints == []
        assert {(line["run_id"], line["trace_id"], line["parent_span_id"]) for line in ended.logs} == {
            (record["run_id"], TRACE, SPAN)
        }
    notes = [note for place in TABLES for note in lake_reading.commit_notes(good.lake, place)]
    assert len(notes) >= len(TABLES)
    assert {note["run_id"] for note in notes} == {records[0]["run_id"]}
    parents = [event["run"]["facets"]["parent"]["run"]["runId"] for event in good.events]
    assert parents == [records[0]["run_id"]] * 4


@pytest.mark.parametrize(("name", "exit_code"), [("gate", 3), ("unreadable", 4)])
def test_run_that_fails_tells_of_it_without_a_value(scenes: dict[str, Scene], name: str, exit_code: int) -> None:
    failed = scenes[name]
    assert failed.ended[0].exit_code == exit_code, failed.ended[0].stderr
    started, ended = failed.events
    error = ended["run"]["facets"].pop("errorMessage")
    assert plain(error) == {"message": failed.record["error"], "programmingLanguage": "PYTHON"}
    assert (started["eventType"], ended["eventType"]) == ("START", "FAIL")
    # Nothing but the state and the time tells them apart: without counts, for what was written is not known.
    assert content(ended) == content(started) | {"eventType": "FAIL"}
    text = events_file(failed.lake).read_text(encoding="utf-8")
    assert "zq7Value" not in text


def test_caller_that_is_none_is_one_warning_without_what_it_said(scenes: dict[str, Scene]) -> None:
    gate = scenes["gate"]
    assert gate.warnings == ["OPENLINEAGE_PARENT_ID is not namespace/job/run-id, so lineage is told without it"]
    assert gate.record["warnings"] == gate.warnings
    assert "root" not in gate.events[0]["run"]["facets"]["parent"]
    assert "nobody/knows" not in gate.ended[0].stderr + events_file(gate.lake).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("parent", "caller"),
    [
        (f"af/dag.task/{CALLER_RUN}", Caller("af", "dag.task", CALLER_RUN)),
        (f"http://af:8080/x/dag.task/{CALLER_RUN}", Caller("http://af:8080/x", "dag.task", CALLER_RUN)),
        (f"my team/a job/{CALLER_RUN}", Caller("my team", "a job", CALLER_RUN)),
        (f"dag.task/{CALLER_RUN}", None),
        (f"/dag.task/{CALLER_RUN}", None),
        (f" /dag.task/{CALLER_RUN}", None),
        (f"af//{CALLER_RUN}", None),
        (f"af/ /{CALLER_RUN}", None),
        (CALLER_RUN, None),
        ("af/dag.task/manual__2026-11-20", None),
        ("af/dag.task/", None),
        ("", None),
        ("//", None),
        (f"af/dag.task/{CALLER_RUN.replace('-', '')}", None),
        (f"af/dag.task/{{{CALLER_RUN}}}", None),
        (f"af/dag.task/{CALLER_RUN}\n", None),
        (f"af/dag\x1b[2J/{CALLER_RUN}", None),
        (f"af/dag\ntask/{CALLER_RUN}", None),
        (f"a\udcff/dag.task/{CALLER_RUN}", None),
    ],
)
def test_caller_of_takes_only_namespace_job_and_run_id(parent: str, caller: Caller | None) -> None:
    assert Caller.of(parent) == caller


# Where they go


def test_endpoint_is_sent_the_events_of_stages_in_processes_of_their_own(
    scenes: dict[str, Scene], good_endpoint: Endpoint
) -> None:
    sent = scenes["sent"]
    for ended in sent.ended:
        succeeded(ended)
        assert KEY not in ended.stderr + ended.stdout
    expected = events_of_a_good_run(sent.lake, RUN_ID, namespace="shop")
    assert [content(event) for _, _, event in good_endpoint.sent] == expected
    assert {(path, headers["Authorization"], headers["Content-Type"]) for path, headers, _ in good_endpoint.sent} == {
        ("/api/v1/lineage", f"Bearer {KEY}", "application/json")
    }
    assert sent.warnings == [] and sent.record["run_id"] == RUN_ID


def tell(url: str, error: Exception | None = None, **environment: str) -> list[str]:
    """Tell of one stage, in this process. Returns the warnings."""
    warnings: list[str] = []
    lineage = Lineage(url, "/lake", RUN_ID, "test", environment, warnings.append)
    with suppress(KeyError), lineage.told("stage", [Files("in", ())], [Files("out", ())]):
        if error:
            raise error
    return warnings


def test_endpoint_with_a_path_is_sent_to_that_path() -> None:
    with endpoint() as found:
        assert tell(f"{found.url}/own/path?team=returns") == []
    assert [path for path, _, _ in found.sent] == ["/own/path?team=returns"] * 2
    assert all("Authorization" not in headers for _, headers, _ in found.sent)


def test_endpoint_that_refuses_is_one_warning_and_asked_once() -> None:
    with endpoint(partial(answer, 503)) as found:
        assert tell(found.url, OPENLINEAGE_API_KEY=KEY) == [f"no lineage to {found.url}: HTTPError"]
    assert len(found.sent) == 1


@pytest.mark.parametrize("name", ["dead", "slow"])
def test_endpoint_that_does_not_answer_is_one_warning(scenes: dict[str, Scene], name: str) -> None:
    ended = succeeded(scenes[name].ended[0])
    (warning,) = scenes[name].warnings
    assert warning.startswith("no lineage to http://") and scenes[name].record["warnings"] == [warning]
    assert scenes[name].record["status"] == "succeeded"
    if name == "dead":
        assert "http://***@127.0.0.1" in warning and PASSWORD not in ended.stderr + ended.stdout
        assert PASSWORD not in json.dumps(scenes[name].record)


def test_file_that_cannot_be_written_is_one_warning(tmp_path: Path) -> None:
    assert tell(tmp_path.as_uri()) == [f"no lineage to {tmp_path.as_uri()}: IsADirectoryError"]
    write_text(tmp_path / "file", "")
    url = (tmp_path / "file" / "events.jsonl").as_uri()
    assert tell(url) == [f"no lineage to {url}: FileExistsError"]


def test_failure_of_others_is_told_by_its_name_alone(tmp_path: Path) -> None:
    assert tell((tmp_path / "events.jsonl").as_uri(), KeyError("zq7Value")) == []
    _, failed = (json.loads(line) for line in (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines())
    assert failed["run"]["facets"]["errorMessage"]["message"] == "KeyError"


def test_places_in_an_object_store_are_named_by_their_address(tmp_path: Path) -> None:
    lineage = Lineage((tmp_path / "e").as_uri(), "s3://bucket/some/lake", RUN_ID, "test", {}, pytest.fail)
    with lineage.told("stage", [Files("in", ())], []):
        pass
    event = json.loads((tmp_path / "e").read_text(encoding="utf-8").splitlines()[0])
    assert (event["inputs"][0]["namespace"], event["inputs"][0]["name"]) == ("s3://bucket", "some/lake/in")


def test_without_the_setting_nothing_is_imported_or_written(scenes: dict[str, Scene]) -> None:
    off = scenes["off"]
    assert succeeded(off.ended[0]).lines[-1] == "[]"
    assert off.warnings == [] and not events_file(off.lake).exists()


def test_without_the_extra_a_run_succeeds_with_a_warning_that_names_it(scenes: dict[str, Scene]) -> None:
    extra = scenes["extra"]
    succeeded(extra.ended[0])
    (warning,) = extra.warnings
    assert "pip install 'pyspark-interview-project[lineage]'" in warning
    assert extra.record["status"] == "succeeded" and not events_file(extra.lake).exists()


@pytest.mark.parametrize(
    "url",
    [
        "events.jsonl",
        "/events.jsonl",
        "file:",
        "file:///",
        "file://host/events.jsonl",
        "file:///a/../events.jsonl",
        "file:///a/%2e%2e/events.jsonl",
        "file:///a%00b",
        "ftp://host/x",
        "kafka://host",
        "http://",
        "http://:80",
        "http://host:port",
        "http://host:99999",
        f"ftp://etl:{PASSWORD}@host",
        "http://[",
    ],
)
def test_setting_that_is_no_place_is_exit_2(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings({"data_root": str(tmp_path), "lineage_url": url})
    assert str(raised.value).startswith("lineage_url (option)") and PASSWORD not in str(raised.value)


def test_file_among_the_landed_files_is_exit_2(tmp_path: Path) -> None:
    land_returns(tmp_path / "lake")
    ended = returns(tmp_path / "lake", *RUN, LINEAGE_URL=(tmp_path / "lake" / LANDED / "events.jsonl").as_uri())
    assert ended.exit_code == 2 and ended.complaints[0].startswith("error: lineage_url: ")
