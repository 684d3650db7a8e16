"""Bad input: every file of tests/corpus comes to what corpus/expected.json says of it, in any time zone of the machine.

A file's records are in silver or in quarantine, or the file is set aside with its records in no table, while the others
are taken.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lake_reading
from commands import REPOSITORY, Ended, returns, succeeded
from corpus_binary import COMPRESSED
from lake_reading import QUARANTINE, SILVER, TABLES
from landing import json_line, row_of, write_text
from make_corpus import CORPUS, make_corpus
from pyspark_interview_project.shown_text import printable

LANDED = "bronze/returns_raw"
EXPECTED: Mapping[str, Any] = json.loads((CORPUS / "expected.json").read_text(encoding="utf-8"))
READABLE = [name for name, outcome in EXPECTED.items() if "silver" in outcome]
IGNORED = [name for name, outcome in EXPECTED.items() if "ignored" in outcome]
SET_ASIDE = [name for name, outcome in EXPECTED.items() if "exit" in outcome]
FOUND_BY_PLAN = [name for name in SET_ASIDE if EXPECTED[name].get("found") != "when read"]

RUN = ("run", "--as-of", "2026-11-20")
ZONES = ("Europe/Berlin", "Pacific/Kiritimati", "America/Los_Angeles")
# In Berlin there are hours that do not exist and hours that come twice. Most of these rows are bad: no gate is to mind.
SETTINGS = {"SPARK_TZ": "Europe/Berlin", "MAX_QUARANTINED_RATIO": "1", "VOLUME_GATE": "off"}

SHOWN = ("return_id", "sku", "reason", "qty", "amount", "return_date", "ingest_ts")
GOOD_ROW = row_of("good-1", "O-1", None, "TENT-2P", None, "1", "5.00", "2026-11-11", None)
ROWS_OF_THE_GOOD_FILE = {place: int(place != QUARANTINE) for place in TABLES}


def landed(name: str) -> str:
    """The path of a landed file relative to the root of its lake."""
    return f"{LANDED}/{name}"


def shown(row: lake_reading.Row) -> list[Any]:
    """A row of SHOWN as it stands in expected.json."""
    *texts, qty, amount, return_date, ingest_ts = row
    moment = ingest_ts and ingest_ts.isoformat().replace("+00:00", "Z")
    return [*texts, qty, str(amount), return_date.isoformat(), moment]


# The corpus itself


def content(name: str, file: bytes) -> Any:
    """What two files must have in common to be the same: libraries pack, and write Parquet, each in its own way."""
    if name in COMPRESSED:
        return hashlib.sha256(gzip.decompress(file)).hexdigest()
    if name.endswith(".parquet.gz"):
        file = gzip.decompress(file)
    if not file.startswith(b"PAR1"):
        return file
    try:
        table = pq.ParquetFile(pa.BufferReader(file)).read()
        return str(table.schema), repr(table.to_pylist())
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        return type(error)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus, written anew."""
    directory = tmp_path_factory.mktemp("made")
    make_corpus(directory)
    return directory


def test_corpus_has_an_expected_outcome_for_each_of_its_files(made: Path) -> None:
    files = {path.name for path in CORPUS.iterdir()} - {"expected.json"}
    assert files == set(EXPECTED) == {path.name for path in made.iterdir()}
    assert len(files) >= 60
    assert f"| {len(files)} files, " in (REPOSITORY / "docs" / "verification.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EXPECTED)
def test_make_corpus_writes_the_committed_file(made: Path, name: str) -> None:
    assert content(name, (made / name).read_bytes()) == content(name, (CORPUS / name).read_bytes())


# Files that can be read


def run_in_zone(lake: Path, zone: str) -> Path:
    """A lake with all files that can be read, after one run on a machine in this time zone."""
    (lake / LANDED).mkdir(parents=True)
    for name in (*READABLE, *IGNORED):
        shutil.copyfile(CORPUS / name, lake / landed(name))
    succeeded(returns(lake, *RUN, TZ=zone, **SETTINGS))
    return lake


@pytest.fixture(scope="module")
def readable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_in_zone(tmp_path_factory.mktemp("readable") / "lake", ZONES[0])


@pytest.fixture(scope="module")
def outcomes(readable: Path) -> dict[str, dict[str, list[Any]]]:
    """What came of each file, in the form of expected.json."""
    lake = readable
    found: dict[str, dict[str, list[Any]]] = {landed(name): {"silver": [], "quarantine": []} for name in READABLE}
    for source_file, *row in lake_reading.rows(lake, SILVER, ("source_file", *SHOWN)):
        found[source_file]["silver"].append(shown(tuple(row)))
    for source_file, *row in lake_reading.rows(lake, QUARANTINE, ("source_file", "return_id", "reasons")):
        found[source_file]["quarantine"].append(row)
    return found


@pytest.mark.spark
@pytest.mark.parametrize("name", READABLE)
def test_readable_file_has_its_rows_in_silver_and_quarantine(
    outcomes: dict[str, dict[str, list[Any]]], name: str
) -> None:
    expected = {place: lake_reading.in_order(map(tuple, EXPECTED[name][place])) for place in ("silver", "quarantine")}
    found = {place: lake_reading.in_order(map(tuple, rows)) for place, rows in outcomes[landed(name)].items()}
    assert found == expected


@pytest.mark.spark
@pytest.mark.parametrize("name", READABLE)
def test_readable_file_is_warned_of_where_something_is_odd(readable: Path, name: str) -> None:
    warnings = lake_reading.latest_run_record(readable)["warnings"]
    own = [warning for warning in warnings if warning.startswith(f"{landed(name)} ")]
    assert len(own) == ("warns" in EXPECTED[name])
    assert EXPECTED[name].get("warns", "") in "".join(own)


@pytest.mark.full
@pytest.mark.spark
@pytest.mark.parametrize("zone", ZONES[1:])
def test_readable_files_make_the_same_tables_in_any_time_zone_of_the_machine(
    tmp_path: Path, readable: Path, zone: str
) -> None:
    there = run_in_zone(tmp_path / "lake", zone)
    assert lake_reading.comparable(there) == lake_reading.comparable(readable)


@pytest.mark.spark
def test_file_that_is_no_data_by_its_name_is_on_record_as_ignored(readable: Path) -> None:
    ignored = {file["path"]: file["problem"] for file in lake_reading.latest_run_record(readable)["files_ignored"]}
    assert ignored.keys() == set(map(landed, IGNORED))
    assert [name for name in IGNORED if not ignored[landed(name)].startswith(EXPECTED[name]["ignored"])] == []


# Files that cannot be taken. Those that need the same settings land together: none is in the way of another.


@dataclass(frozen=True)
class Refusal:
    """What happened to files that cannot be taken, beside a good one."""

    lake: Path
    names: tuple[str, ...]
    settings: Mapping[str, str]
    planned: Ended
    ended: Ended
    record: dict[str, Any]


def refuse(lake: Path, names: tuple[str, ...], settings: Mapping[str, str]) -> Refusal:
    write_text(lake / landed("good.jsonl"), json_line(GOOD_ROW) + "\n")
    for name in names:
        shutil.copyfile(CORPUS / name, lake / landed(name))
    planned, ended = returns(lake, "plan", **settings), returns(lake, *RUN, **settings)
    return Refusal(lake, names, settings, planned, ended, lake_reading.latest_run_record(lake))


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Refusal]:
    """By the name of each file, what happened to it and those that landed with it."""
    together: dict[str, list[str]] = {}
    for name in SET_ASIDE:
        together.setdefault(json.dumps(EXPECTED[name].get("settings", {})), []).append(name)
    found = {}
    for settings, names in together.items():
        lake = tmp_path_factory.mktemp("set_aside") / "lake"
        found.update(dict.fromkeys(names, refuse(lake, tuple(names), {**SETTINGS, **json.loads(settings)})))
    return found


def problem_in(lines: Sequence[str], start: str, name: str) -> str:
    """What the one line says that names the file."""
    (line,) = (line for line in lines if line.startswith(f"{start}{landed(name)}: "))
    return line.removeprefix(f"{start}{landed(name)}: ")


def assert_only_the_good_row_is_there(lake: Path) -> None:
    assert {place: len(rows) for place, rows in lake_reading.comparable(lake).items()} == ROWS_OF_THE_GOOD_FILE
    assert [row[0] for row in lake_reading.silver(lake)] == [GOOD_ROW["return_id"]]


@pytest.mark.spark
@pytest.mark.parametrize("name", SET_ASIDE)
def test_plan_says_of_a_file_that_it_is_set_aside_and_why(refusals: dict[str, Refusal], name: str) -> None:
    planned = refusals[name].planned
    assert planned.exit_code == 0, planned.stderr
    if name in FOUND_BY_PLAN:
        assert EXPECTED[name]["says"] in problem_in(planned.stdout.splitlines(), "set aside: ", name)
    else:
        assert f"set aside: {landed(name)}" not in planned.stdout


@pytest.mark.spark
@pytest.mark.parametrize("name", SET_ASIDE)
def test_run_beside_a_file_that_cannot_be_taken_exits_4_names_it_and_takes_the_others(
    refusals: dict[str, Refusal], name: str
) -> None:
    refusal = refusals[name]
    assert refusal.ended.exit_code == EXPECTED[name]["exit"]
    first, *rest = refusal.ended.complaints
    assert (len(rest), "set aside, all others are done" in first) == (len(refusal.names), True)
    problem = problem_in(rest, "  ", name)
    assert EXPECTED[name]["says"] in problem
    (on_record,) = (file["problem"] for file in refusal.record["files_rejected"] if file["path"] == landed(name))
    assert problem == printable(on_record.strip())
    assert [file["path"] for file in refusal.record["files"]] == [landed("good.jsonl")]
    assert_only_the_good_row_is_there(refusal.lake)


@pytest.mark.spark
def test_run_on_files_that_cannot_be_taken_does_nothing_where_the_settings_say_so(
    tmp_path: Path, refusals: dict[str, Refusal]
) -> None:
    refusal = refusals["csv_invalid_utf8.csv"]
    lake = tmp_path / "lake"
    shutil.copytree(refusal.lake / LANDED, lake / LANDED)
    ended = returns(lake, *RUN, **refusal.settings, UNREADABLE_FILES="fail")
    assert ended.exit_code == 4
    assert "unreadable, so nothing is done" in ended.complaints[0]
    named = [line.split(": ")[0].strip() for line in ended.complaints[1:]]
    assert named == sorted(landed(name) for name in refusal.names if name in FOUND_BY_PLAN)
    assert [place for place in TABLES if (lake / place).exists()] == []


@pytest.mark.spark
def test_run_with_the_files_skipped_or_moved_away_ends_well(tmp_path: Path, refusals: dict[str, Refusal]) -> None:
    refusal = refusals["csv_invalid_utf8.csv"]
    skipped = Path(shutil.copytree(refusal.lake, tmp_path / "skipped"))
    without = Path(shutil.copytree(refusal.lake, tmp_path / "without"))
    skip = [option for name in refusal.names for option in ("--skip-file", landed(name))]
    for name in refusal.names:
        (without / landed(name)).unlink()
    for lake, options in ((skipped, skip), (without, [])):
        ended = returns(lake, *RUN, *options, **refusal.settings)
        assert (ended.exit_code, ended.complaints) == (0, [])
        assert lake_reading.latest_run_record(lake)["files_rejected"] == []
        assert_only_the_good_row_is_there(lake)
