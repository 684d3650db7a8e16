"""Bad input: every file of tests/corpus comes to what corpus/expected.json says of it, in any time zone of the machine.

A file's rows are in silver or in quarantine, or the run ends with exit 4 and names it, with its rows in no table.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Mapping
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

LANDED = "bronze/returns_raw"
EXPECTED: Mapping[str, Any] = json.loads((CORPUS / "expected.json").read_text(encoding="utf-8"))
READABLE = [name for name, outcome in EXPECTED.items() if "exit" not in outcome]
UNREADABLE = [name for name, outcome in EXPECTED.items() if "exit" in outcome]
FOUND_BY_PLAN = [name for name in UNREADABLE if EXPECTED[name].get("found") != "when read"]

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
    for name in READABLE:
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


# Files that cannot be read


@dataclass(frozen=True)
class Refusal:
    """What happened to a file that cannot be read, beside a good one."""

    lake: Path
    planned: Ended | None
    ended: Ended
    after: dict[str, list[Any]]


@dataclass(frozen=True)
class Recovery:
    """What a run then made of the same lake with the file skipped, and of a copy with the file moved away."""

    skipped: Ended
    record: dict[str, Any]
    after_skipped: dict[str, list[Any]]
    moved_away: Ended
    after_moved_away: dict[str, list[Any]]


def tables(lake: Path) -> dict[str, list[Any]]:
    """The rows of every table that is there, without the time at which one was quarantined."""
    there = [place for place in TABLES if (lake / place / "_delta_log").is_dir()]
    return lake_reading.comparable(lake) if there == list(TABLES) else dict.fromkeys(there, ["not all tables"])


def settings_for(name: str) -> dict[str, str]:
    return {**SETTINGS, **EXPECTED[name].get("settings", {})}


def refuse(lake: Path, name: str) -> Refusal:
    write_text(lake / landed("good.jsonl"), json_line(GOOD_ROW) + "\n")
    shutil.copyfile(CORPUS / name, lake / landed(name))
    planned = returns(lake, "plan", **settings_for(name)) if name in FOUND_BY_PLAN else None
    ended = returns(lake, *RUN, **settings_for(name))
    return Refusal(lake, planned, ended, tables(lake))


def recover(lake: Path, name: str) -> Recovery:
    without = Path(shutil.copytree(lake, lake.with_name("without")))
    (without / landed(name)).rename(without / name)
    skipped = returns(lake, *RUN, "--skip-file", landed(name), **settings_for(name))
    record = lake_reading.latest_run_record(lake)
    moved_away = returns(without, *RUN, **settings_for(name))
    return Recovery(skipped, record, tables(lake), moved_away, tables(without))


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Refusal]:
    return {name: refuse(tmp_path_factory.mktemp("unreadable") / "lake", name) for name in UNREADABLE}


def assert_names_it(ended: Ended, name: str) -> None:
    """The command ended with one line that names the file and says what is wrong with it."""
    assert ended.exit_code == EXPECTED[name]["exit"], ended.stderr
    (line,) = ended.complaints
    assert landed(name) in line
    assert EXPECTED[name]["says"] in line.replace(landed(name), "")


def assert_recovered(recovery: Recovery, name: str) -> None:
    """Without the file, skipped on record or moved away, the other file is processed and nothing else is."""
    succeeded(recovery.skipped)
    assert recovery.record["overrides"] == {"skip_files": [landed(name)]}
    assert f"{landed(name)} is skipped" in recovery.record["warnings"]
    assert [file["path"] for file in recovery.record["files"]] == [landed("good.jsonl")]
    assert {place: len(rows) for place, rows in recovery.after_skipped.items()} == ROWS_OF_THE_GOOD_FILE
    assert GOOD_ROW["return_id"] in recovery.after_skipped[SILVER][0]
    succeeded(recovery.moved_away)
    assert recovery.after_moved_away == recovery.after_skipped


@pytest.mark.spark
@pytest.mark.parametrize("name", FOUND_BY_PLAN)
def test_plan_of_unreadable_file_exits_4_and_names_it(refusals: dict[str, Refusal], name: str) -> None:
    planned = refusals[name].planned
    assert planned is not None
    assert_names_it(planned, name)


@pytest.mark.spark
@pytest.mark.parametrize("name", UNREADABLE)
def test_run_on_unreadable_file_exits_4_names_it_and_writes_no_row(refusals: dict[str, Refusal], name: str) -> None:
    assert_names_it(refusals[name].ended, name)
    assert [rows for rows in refusals[name].after.values() if rows] == []


@pytest.mark.full
@pytest.mark.parametrize("name", UNREADABLE)
def test_run_without_unreadable_file_takes_the_other_file(refusals: dict[str, Refusal], name: str) -> None:
    assert_recovered(recover(refusals[name].lake, name), name)
