"""Nothing leaks: what may identify a person, and secrets, are in the data of the tables and nowhere else.

Every such value carries a canary. After real commands it is looked for in all that they said and left: stdout, stderr
at its most talkative, records, batches, commits, names of files, what stands in scratch and temporary directories.
"""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

import lake_reading
from commands import Ended, returns, succeeded
from lake_reading import QUARANTINE, SILVER, TABLES
from landing import Row, csv_text, json_line, land, row_of, write_bytes, write_text
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.schemas.rules import REASON_CODES

LANDED = "bronze/returns_raw"
RUN = ("run", "--as-of", "2026-11-20")
PERSON, SECRET = "zq7Person", "zq7Secret"  # pragma: allowlist secret
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "DATABASE_URL": f"postgresql://etl:{SECRET}@db/returns",
    "TOKEN": SECRET,
}
SETTINGS = {"LOG_LEVEL": "DEBUG", "MAX_QUARANTINED_RATIO": "1", "CURRENCY": "EUR", **SECRETS}


def person(name: str, **changed: str | None) -> Row:
    """A good return of which each field that may identify somebody carries the canary, some of it changed."""
    ids = (f"{PERSON}-return-{name}", f"{PERSON}-order-{name}", f"{PERSON}-customer-{name}")
    good = row_of(*ids, "MUG", "damaged", "1", "10.00", "2026-11-18", "2026-11-19T08:00:00Z")
    return {**good, "note": f"{PERSON} called", **changed}


# Each breaks rules; together they break all that a row can break. What is invalid carries the canary too.
BROKEN: tuple[Mapping[str, str | None], ...] = (
    {"return_id": None, "order_id": None, "sku": None},
    {"qty": None, "amount": None, "return_date": None},
    dict.fromkeys(("qty", "amount", "return_date", "ingest_ts"), PERSON),
    {"qty": "0", "amount": "-1", "return_date": "1971-01-01"},
    {"return_id": "1.00045E+12", "ingest_ts": "9999-12-30T00:00:00Z", "currency": PERSON},
)

pytestmark = pytest.mark.full  # make test has the cores of these promises elsewhere
DIRTY = [person(f"broken-{number}", **changed) for number, changed in enumerate(BROKEN)]


def land_every_format(lake: Path, env: Mapping[str, str]) -> None:
    """Good rows, broken ones and corrupt lines in each format."""
    for name in ("a.jsonl", "b.json.gz", "c.csv", "d.csv.gz", "e.parquet"):
        land(lake / LANDED / name, [person(name), *DIRTY])
    corrupt = f'{{"customer_id": "{PERSON}", \n{PERSON}\n{{"customer_id": {{"name": "{PERSON}"}}}}\n'
    write_text(lake / LANDED / "f.ndjson", json_line(person("f")) + "\n" + corrupt)
    write_text(lake / LANDED / "g.csv", csv_text([person("g")]) + f'"{PERSON}\n{PERSON}"{PERSON},{PERSON}\n')


@dataclass(frozen=True)
class Scene:
    """A lake, what was run on it, and the directory that its commands had for temporary files."""

    lake: Path
    temporary: Path
    ended: tuple[Ended, ...]

    def outputs(self) -> dict[str, str]:
        """Everything that the commands said, and every file that is no data, by where it stands."""
        said = {f"{name} {number}": text for number, e in enumerate(self.ended) for name, text in _said(e).items()}
        files = [path for root in (self.lake, self.temporary, self.backups) for path in root.rglob("*")]
        names = {"names of files": "\n".join(str(path) for path in files)}
        return (
            said | names | {str(path): _content(path) for path in files if path.is_file() and not self._is_data(path)}
        )

    @property
    def backups(self) -> Path:
        """Where backups go whose strategy names no place."""
        return self.lake.with_name(f"{self.lake.name}_backups")

    def _is_data(self, path: Path) -> bool:
        if path.is_relative_to(self.backups / "objects"):
            return True  # copies of what the lake has, named by a hash
        in_table = any(path.is_relative_to(self.lake / place) for place in TABLES)
        is_of_table = path.suffix == ".parquet" or path.name.endswith(".parquet.crc")
        return path.is_relative_to(self.lake / LANDED) or (in_table and is_of_table)


def _said(ended: Ended) -> dict[str, str]:
    return {"stdout": ended.stdout, "stderr": ended.stderr}


def _content(path: Path) -> str:
    """A file as text. Of a table's log without the statistics: the least and greatest values of the data files beside
    it are a copy of data within the table, read by whoever may read the table and by nobody else."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    if "_delta_log" not in path.parts or path.name.startswith("."):
        return text
    return "\n".join(json.dumps(_without_statistics(json.loads(line))) for line in text.splitlines())


def _without_statistics(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_statistics(inner) for name, inner in value.items() if name != "stats"}
    return [_without_statistics(inner) for inner in value] if isinstance(value, list) else value


def leaks(scene: Scene) -> list[str]:
    """Where a canary is that must not be there."""
    return [where for where, text in scene.outputs().items() if PERSON in text or SECRET in text]


def staged(root: Path, *steps: Callable[[Path, Mapping[str, str]], Ended | None]) -> Scene:
    """Take the steps one after the other, on one lake."""
    temporary = root / "temporary"
    temporary.mkdir(parents=True)
    env = {**SETTINGS, "TMPDIR": str(temporary), "LINEAGE_URL": (root / "lake" / "ops" / "lineage.jsonl").as_uri()}
    ended = [step(root / "lake", env) for step in steps]
    return Scene(root / "lake", temporary, tuple(e for e in ended if e is not None))


def other(*arguments: str) -> Callable[[Path, Mapping[str, str]], Ended]:
    """A step that is another command than a run."""
    return lambda lake, env: returns(lake, *arguments, **env)


def export(lake: Path, env: Mapping[str, str]) -> Ended:
    return returns(lake, "exporter", "--textfile", f"{env['TMPDIR']}/returns.prom", **env)


def land_one_more(lake: Path, env: Mapping[str, str]) -> None:
    land(lake / LANDED / "h.jsonl", [person("planned")])


def run(lake: Path, env: Mapping[str, str], *more: str, **settings: str) -> Ended:
    return returns(lake, *RUN, *more, **{**env, **settings})


# Runs that end well, and one that the table refuses


def narrow(lake: Path, env: Mapping[str, str]) -> None:
    """Somebody sets a constraint of their own, and a row lands that breaks it: engines show such rows in full."""
    DeltaTable(str(lake / SILVER)).alter.add_constraint({"at_most_nine": "qty < 10"})
    land(lake / LANDED / "z.jsonl", [person("refused", qty="60")])


# Commands that show or keep what runs left.
WATCHING = {
    "report": other("report"),
    "exporter": export,
    "doctor": other("doctor"),
    "backup": other("dr", "backup"),
    "backup verify": other("dr", "verify"),
    "backup list": other("dr", "list"),
    "backup status": other("dr", "status"),
}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scene]:
    gate = {"MAX_QUARANTINED_RATIO": "0.1", "QUARANTINE_GATE_MIN_ROWS": "1"}
    steps = {
        "whole": (land_every_format, show, run, narrow, run),
        "others": (land_every_format, run, *WATCHING.values(), land_one_more, other("plan"), other("plan", "--commit")),
        "gate": (land_every_format, partial(run, **gate)),
        **{name: (partial(land_unreadable, name), partial(run, **UNREADABLE[name][1])) for name in UNREADABLE},
    }
    return {name: staged(tmp_path_factory.mktemp("scene"), *taken) for name, taken in steps.items()}


def show(lake: Path, env: Mapping[str, str]) -> Ended:
    return run(lake, env, "--dry-run")


def test_runs_that_end_well_tell_no_value_and_no_secret(scenes: dict[str, Scene]) -> None:
    scene = scenes["whole"]
    shown, first, _ = scene.ended
    succeeded(shown)
    succeeded(first)
    assert leaks(scene) == []
    # The canaries were there to be seen, and every rule had its row.
    assert all(row[0].startswith(PERSON) for row in lake_reading.rows(scene.lake, SILVER, ("customer_id",)))
    quarantined = lake_reading.rows(scene.lake, QUARANTINE, ("raw_record", "reasons"))
    assert all(PERSON in raw_record for raw_record, _ in quarantined)
    assert {code for _, reasons in quarantined for code in reasons} == set(REASON_CODES)
    assert "note" in first.stdout  # a column's name is no value


def test_row_that_the_table_refuses_is_not_shown(scenes: dict[str, Scene]) -> None:
    refused = scenes["whole"].ended[-1]
    assert (refused.exit_code, len(refused.complaints)) == (1, 1), refused.stderr
    assert [line["level"] for line in refused.logs].count("DEBUG") == 1  # where it came from
    record = lake_reading.latest_run_record(scenes["whole"].lake)
    assert (record["status"], record["error"]) == ("failed", refused.complaints[0].removeprefix("error: "))


def test_commands_that_watch_and_keep_tell_no_value_and_no_secret(scenes: dict[str, Scene]) -> None:
    scene = scenes["others"]
    ended = dict(zip(["run", *WATCHING, "plan", "plan --commit"], scene.ended, strict=True))
    for name in ended:
        if name != "doctor":  # how this machine is does not matter here
            succeeded(ended[name])
    assert leaks(scene) == []
    # Each said something, and what it left is among what was looked at.
    assert [name for name in ended if not ended[name].stdout and name != "exporter"] == []
    looked_at = " ".join(scene.outputs())
    for part in ("metrics/report.html", "returns.prom", "_backups/backups/", "manifest.json", "plan.json"):
        assert part in looked_at


def test_drill_tells_no_value_and_no_secret(tmp_path: Path) -> None:
    scene = staged(tmp_path, land_every_format, run, WATCHING["backup"], other("dr", "drill"))
    for ended in scene.ended:
        succeeded(ended)
    assert leaks(scene) == []


def test_outputs_are_all_looked_at(scenes: dict[str, Scene]) -> None:
    looked_at = " ".join(scenes["whole"].outputs())
    for part in (
        "stdout 0",
        "stderr 2",
        "ops/batches",
        "metrics/runs",
        "ops/lock",
        "ops/lineage.jsonl",
        f"{SILVER}/_delta_log",
    ):
        assert part in looked_at


def test_failing_gate_tells_no_value(scenes: dict[str, Scene]) -> None:
    (ended,) = scenes["gate"].ended
    assert (ended.exit_code, len(ended.complaints)) == (3, 1)
    assert leaks(scenes["gate"]) == []


# Files that cannot be read


def write_cut_gzip(path: Path) -> None:
    lines = "".join(f"{json_line(person(str(number)))}\n" for number in range(500))
    write_bytes(path, gzip.compress(lines.encode())[:-100])


def write_without_header(path: Path) -> None:
    write_text(path, "".join(csv_text([person(str(number))]).split("\n", 1)[1] for number in range(3)))


def write_long_line(path: Path) -> None:
    write_text(path, f"{json_line(person('long', note=PERSON * 500))}\n")


def write_damaged_pages(path: Path) -> None:
    land(path, [person(str(number)) for number in range(500)])
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 400 + content[404:])


def write_invalid_utf8(path: Path) -> None:
    """With quotes in the value: an engine's message puts it between quotes of its own."""
    value = f'{PERSON} said "{PERSON}\' \n{PERSON}"'.encode() + b"\xe9"
    offsets = struct.pack("<ii", 0, len(value))
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(offsets), pa.py_buffer(value)])
    land(path, [person("one")])
    table = pq.ParquetFile(path).read()
    pq.write_table(table.set_column(table.column_names.index("customer_id"), "customer_id", broken), path)


UNREADABLE: Mapping[str, tuple[Callable[[Path], None], Mapping[str, str]]] = {
    "cut.jsonl.gz": (write_cut_gzip, {}),
    "headless.csv": (write_without_header, {}),
    "long.jsonl": (write_long_line, {"MAX_RECORD_BYTES": "2048"}),
    "pages.parquet": (write_damaged_pages, {}),
    "utf8.parquet": (write_invalid_utf8, {}),
}


def land_unreadable(name: str, lake: Path, env: Mapping[str, str]) -> None:
    land(lake / LANDED / "good.jsonl", [person("good"), *DIRTY])
    UNREADABLE[name][0](lake / LANDED / name)


@pytest.mark.parametrize("name", UNREADABLE)
def test_file_that_cannot_be_read_tells_its_name_and_no_value(scenes: dict[str, Scene], name: str) -> None:
    (ended,) = scenes[name].ended
    assert ended.exit_code == 4, ended.stderr
    _, complaint = ended.complaints
    assert complaint.startswith(f"  {LANDED}/{name}: ")
    assert leaks(scenes[name]) == []


# Secrets in settings that are named in messages


@pytest.mark.parametrize(
    ("command", "root"),
    [("plan", f"abfss://lake@host/x;sig={SECRET}&v=1"), ("run", f"s3://etl:{SECRET}/{SECRET}@bucket/lake")],
)
def test_root_that_is_refused_is_named_without_its_secrets(tmp_path: Path, command: str, root: str) -> None:
    ended = returns(tmp_path, command, **{**SETTINGS, "DATA_ROOT": root})
    assert ended.exit_code == 2, ended.stderr
    (complaint,) = ended.complaints
    assert "***" in complaint and SECRET not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"sc://host:15002/;token={SECRET}", "sc://host:15002/;token=***"),
        (f"sc://user:{SECRET}@host:15002/;use_ssl=true", "sc://***@host:15002/;use_ssl=***"),
        (f"sc://host/;x-key={SECRET};token={SECRET}", "sc://host/;x-key=***;token=***"),
        (f"s3a://AKIA:{SECRET}/{SECRET}@bucket/x", "s3a://***@bucket/x"),
        ("/data/lake;v=1/user@host", "/data/lake;v=1/user@host"),
        ("file:///data/a=1/b.jsonl", "file:///data/a=1/b.jsonl"),
    ],
)
def test_message_of_an_error_has_addresses_without_their_secrets(address: str, shown: str) -> None:
    assert str(ConfigurationError("SPARK_REMOTE", f"{address} is down")) == f"SPARK_REMOTE: {shown} is down"
