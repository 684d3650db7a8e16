"""The pipeline through its command line, in processes of its own: what it prints, leaves and ends with."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version as installed_version
from os import getpid
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lake_reading
from commands import ENGINE, REPOSITORY, Ended, environment, module, mostly_full, returns, run, succeeded
from lake_reading import GOLD_BY_SKU_REASON, QUARANTINE, SILVER, TABLES
from landing import csv_text, json_line, land, row_of, write_text
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.storage.lock import writing

LANDED = "bronze/returns_raw"
FIRST_DAY, SECOND_DAY = "2026-11-20", "2026-11-21"
FIRST_FILE, LATE_FILE = f"{LANDED}/dt=2026-11-20/web.jsonl", f"{LANDED}/late.json"
SECOND_FILE = f"{LANDED}/dt=2026-11-21/store.csv"

FIRST_ROWS = (
    row_of("R-1", "O-1", "C-1", "mug-red", "Damaged", "1", "10.00", "2026-11-18", "2026-11-19T08:00:00Z"),
    row_of("R-2", "O-1", None, "MUG-RED", "damaged", "2", "20.50", "2026-11-18", "2026-11-19T08:00:00Z"),
    row_of("R-3", "O-2", "C-3", "LAMP-01", "wrong size", "1", "99.99", "2026-11-12", "2026-11-19T09:00:00Z"),
    row_of("R-4", "O-3", "C-4", "SOCKS-M", None, "3", "15.00", "2026-11-19", "2026-11-19T10:00:00Z"),
    row_of("R-5", "O-4", "C-5", "SOCKS-M", "damaged", "0", "7.00", "2026-11-19", "2026-11-19T11:00:00Z"),
)
LATE_ROW = row_of("R-6", "O-5", "C-6", "TENT-2P", "changed mind", "1", "120.00", "2026-11-10", None)
SECOND_ROWS = (
    # a correction of the amount; one that moves its return to another sku, reason and date, from a date that no other
    # row is near; an older version; the same content once more; a new return
    row_of("R-1", "O-1", "C-1", "MUG-RED", "damaged", "1", "12.00", "2026-11-18", "2026-11-21T08:00:00Z"),
    row_of("R-3", "O-2", "C-3", "LAMP-02", "damaged", "1", "99.99", "2026-11-20", "2026-11-21T08:00:00Z"),
    row_of("R-2", "O-1", "C-2", "MUG-RED", "damaged", "2", "1.00", "2026-11-18", "2026-11-01T08:00:00Z"),
    row_of("R-4", "O-3", "C-4", "socks-m", None, "3.0", "15", "2026-11-19", "2026-11-19T11:00:00+01:00"),
    row_of("R-7", "O-6", "C-7", "MUG-RED", "damaged", "1", "9.50", "2026-11-20", "2026-11-21T08:00:00Z"),
)


def utc(day: int, hour: int) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def day(number: int) -> date:
    return date(2026, 11, number)


SILVER_AFTER_FIRST_DAY = [
    ("R-1", "O-1", "C-1", "MUG-RED", "damaged", 1, Decimal("10.00"), day(18), utc(19, 8)),
    ("R-2", "O-1", None, "MUG-RED", "damaged", 2, Decimal("20.50"), day(18), utc(19, 8)),
    ("R-3", "O-2", "C-3", "LAMP-01", "wrong size", 1, Decimal("99.99"), day(12), utc(19, 9)),
    ("R-4", "O-3", "C-4", "SOCKS-M", "unspecified", 3, Decimal("15.00"), day(19), utc(19, 10)),
    ("R-6", "O-5", "C-6", "TENT-2P", "changed mind", 1, Decimal("120.00"), day(10), None),
]
GOLD_AFTER_FIRST_DAY = (
    [
        ("LAMP-01", "wrong size", 1, 1, Decimal("99.99")),
        ("MUG-RED", "damaged", 2, 3, Decimal("30.50")),
        ("SOCKS-M", "unspecified", 1, 3, Decimal("15.00")),
        ("TENT-2P", "changed mind", 1, 1, Decimal("120.00")),
    ],
    [
        (day(10), "changed mind", 1, 1, Decimal("120.00")),
        (day(12), "wrong size", 1, 1, Decimal("99.99")),
        (day(18), "damaged", 2, 3, Decimal("30.50")),
        (day(19), "unspecified", 1, 3, Decimal("15.00")),
    ],
)
SILVER_AFTER_SECOND_DAY = [
    ("R-1", "O-1", "C-1", "MUG-RED", "damaged", 1, Decimal("12.00"), day(18), utc(21, 8)),
    ("R-2", "O-1", None, "MUG-RED", "damaged", 2, Decimal("20.50"), day(18), utc(19, 8)),
    ("R-3", "O-2", "C-3", "LAMP-02", "damaged", 1, Decimal("99.99"), day(20), utc(21, 8)),
    ("R-4", "O-3", "C-4", "SOCKS-M", "unspecified", 3, Decimal("15.00"), day(19), utc(19, 10)),
    ("R-6", "O-5", "C-6", "TENT-2P", "changed mind", 1, Decimal("120.00"), day(10), None),
    ("R-7", "O-6", "C-7", "MUG-RED", "damaged", 1, Decimal("9.50"), day(20), utc(21, 8)),
]
GOLD_AFTER_SECOND_DAY = (
    [
        ("LAMP-02", "damaged", 1, 1, Decimal("99.99")),
        ("MUG-RED", "damaged", 3, 4, Decimal("42.00")),
        ("SOCKS-M", "unspecified", 1, 3, Decimal("15.00")),
        ("TENT-2P", "changed mind", 1, 1, Decimal("120.00")),
    ],
    [
        (day(10), "changed mind", 1, 1, Decimal("120.00")),
        (day(18), "damaged", 2, 3, Decimal("32.50")),
        (day(19), "unspecified", 1, 3, Decimal("15.00")),
        (day(20), "damaged", 2, 2, Decimal("109.49")),
    ],
)


@dataclass(frozen=True)
class Scene:
    """A lake and the commands that were run on it, in their order."""

    lake: Path
    ended: tuple[Ended, ...]


def land_first_day(lake: Path) -> Path:
    """Land the first day, and beside it files that are no data by their names."""
    land(lake / FIRST_FILE, FIRST_ROWS, as_native=True)
    land(lake / LATE_FILE, [LATE_ROW])
    no_data = json_line(row_of("R-9", "O-9", None, "NO-DATA", None, "1", "1", "2026-11-18", None))
    for name in ("_x.jsonl", ".x.jsonl", "x.jsonl.tmp", "x.jsonl.part", "x.jsonl.crc", "_half/x.jsonl"):
        write_text(lake / LANDED / "dt=2026-11-20" / name, no_data)
    write_text(lake / LANDED / "notes.doc", "who called whom")
    return lake


def land_both_days(lake: Path) -> Path:
    land_first_day(lake)
    land(lake / SECOND_FILE, SECOND_ROWS)
    return lake


def gold(lake: Path) -> tuple[list[lake_reading.Row], list[lake_reading.Row]]:
    return lake_reading.gold_by_sku_reason(lake), lake_reading.gold_by_date_reason(lake)


def tree(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file and directory under `root` with its modification time, size and content."""
    return {
        str(path.relative_to(root)): (
            path.stat().st_mtime_ns,
            path.stat().st_size if path.is_file() else 0,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in [root, *root.rglob("*")]
    }


def copy_of(lake: Path, to: Path) -> Path:
    """A copy, with modification times, as a restored lake has them."""
    return Path(shutil.copytree(lake, to))


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Both days are landed, and the run of the first one is done. Copy its lake before changing it."""
    lake = land_both_days(tmp_path_factory.mktemp("shop") / "lake")
    return Scene(lake, (succeeded(returns(lake, "run", "--as-of", FIRST_DAY)),))


@pytest.fixture(scope="module")
def second_day(first_day: Scene, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Copied to another place after the first day, then run for the second. Copy its lake before changing it."""
    lake = copy_of(first_day.lake, tmp_path_factory.mktemp("shop") / "lake")
    return Scene(lake, (succeeded(returns(lake, "run", "--as-of", SECOND_DAY)),))


# The sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    lake = tmp_path_factory.mktemp("sample")
    shutil.copytree(REPOSITORY / "samples" / "returns", lake / LANDED)
    return Scene(lake, (succeeded(returns(lake, "run", "--as-of", "2026-11-23")),))


SAMPLE_REASONS = {
    "corrupt_record": 22,
    "amount_invalid": 8,
    "qty_invalid": 6,
    "sku_missing": 6,
    "ingest_ts_invalid": 5,
    "order_id_missing": 5,
    "return_date_invalid": 5,
    "return_id_missing": 5,
    "amount_missing": 4,
    "amount_negative": 4,
    "qty_not_positive": 4,
    "return_date_missing": 4,
    "return_date_out_of_range": 4,
    "qty_missing": 3,
}


@pytest.mark.spark
def test_run_on_sample_fills_every_table(sample: Scene) -> None:
    rows = {place: len(lake_reading.rows(sample.lake, place)) for place in TABLES}
    assert rows == {
        "silver/returns": 296,
        "quarantine/returns": 69,
        "gold/returns_by_sku_reason": 74,
        "gold/returns_by_date_reason": 242,
    }


@pytest.mark.spark
def test_run_on_sample_accounts_for_every_row_in_the_run_record(sample: Scene) -> None:
    record = lake_reading.latest_run_record(sample.lake)
    stage = next(stage for stage in record["stages"] if stage["name"] == "bronze_to_silver")
    del stage["duration_sec"]
    assert stage == {
        "name": "bronze_to_silver",
        "rows": 296,
        "rows_read": 404,
        "rows_inserted": 296,
        "rows_updated": 0,
        "rows_superseded": 25,
        "rows_duplicate": 14,
        "rows_quarantined": 69,
        "rows_excluded": 0,
        "returns_ambiguous": 6,
        "quarantined_by_reason": SAMPLE_REASONS,
        "warned_by_rule": {},
        "amounts": {
            "read": "1000000033776.81",
            "inserted": "1000000030011.03",
            "updated": "0.00",
            "superseded": "1988.11",
            "duplicate": "1347.43",
            "quarantined": "430.24",
            "excluded": "0.00",
        },
    }


@pytest.mark.spark
def test_run_on_sample_tells_rows_reasons_skus_and_places(sample: Scene) -> None:
    shown = sample.ended[0].lines
    expected = [
        "read 404 1000000033776.81",
        "inserted 296 1000000030011.03",
        "updated 0 0.00",
        "superseded 25 1988.11",
        "duplicate 14 1347.43",
        "quarantined 69 430.24",
        *(f"{code} {count}" for code, count in SAMPLE_REASONS.items()),
        "excluded 0 0.00",
        "MUG-BLUE damaged 39 2,147,483,705 1,000,000,000,707.90",
        "MUG-RED damaged 9 24 1,249.95",
        "SOCKS-M wrong size 8 20 1,171.48",
        "SOCKS-M changed mind 7 15 710.41",
        "LAMP-01 damaged 7 17 482.88",
    ]
    assert [line for line in shown if line in expected] == expected
    text = sample.ended[0].stdout
    assert str(sample.lake) in text
    assert [place for place in TABLES if place not in text] == []
    assert lake_reading.latest_run_record(sample.lake)["run_id"] in text


@pytest.mark.spark
def test_run_logs_json_lines_with_one_run_id(sample: Scene) -> None:
    ended = sample.ended[0]
    assert ended.complaints == []
    assert [
        line for line in ended.logs if {"timestamp", "level", "logger", "message", "run_id", "stage"} - set(line)
    ] == []
    assert {line["run_id"] for line in ended.logs} == {lake_reading.latest_run_record(sample.lake)["run_id"]}
    assert {line["stage"] for line in ended.logs} >= {"bronze_to_silver", "silver_to_gold"}
    assert {line["level"] for line in ended.logs} == {"INFO", "WARNING"}
    moments = [datetime.fromisoformat(line["timestamp"]) for line in ended.logs]
    assert moments == sorted(moments)
    assert {moment.utcoffset() for moment in moments} == {utc(1, 0).utcoffset()}


@pytest.mark.spark
def test_second_run_finds_nothing_new_and_changes_no_table(sample: Scene, tmp_path: Path) -> None:
    lake = copy_of(sample.lake, tmp_path / "lake")
    before = lake_reading.everything(lake)

    ended = returns(lake, "run", "--as-of", "2026-11-23")

    assert ended.exit_code == 0
    assert ended.lines == [f"nothing new in {lake}/{LANDED}; the tables are as they were"]
    assert lake_reading.everything(lake) == before
    first, second = lake_reading.run_records(lake)
    assert (first["status"], second["status"], second["exit_code"]) == ("succeeded", "no_new_data", 0)
    assert second["tables"] == first["tables"]
    assert lake_reading.latest_run_record(lake) == second


# Two days of a small shop


@pytest.mark.spark
def test_first_run_makes_silver_and_gold_of_the_landed_files(first_day: Scene) -> None:
    assert lake_reading.silver(first_day.lake) == SILVER_AFTER_FIRST_DAY
    assert gold(first_day.lake) == GOLD_AFTER_FIRST_DAY


@pytest.mark.spark
def test_first_run_notes_batch_and_source_file_in_silver(first_day: Scene) -> None:
    ((batch, state),) = lake_reading.batch_states(first_day.lake)
    assert state == "committed"
    assert lake_reading.rows(first_day.lake, SILVER, ("return_id", "batch_id", "source_file")) == [
        ("R-1", batch, FIRST_FILE),
        ("R-2", batch, FIRST_FILE),
        ("R-3", batch, FIRST_FILE),
        ("R-4", batch, FIRST_FILE),
        ("R-6", batch, LATE_FILE),
    ]


@pytest.mark.spark
def test_first_run_keeps_rejected_record_with_its_reasons(first_day: Scene) -> None:
    record = lake_reading.latest_run_record(first_day.lake)
    names = ("return_id", "return_date", "raw_record", "reasons", "source_file", "batch_id", "attempts")
    rejected = json_line(FIRST_ROWS[4], as_native=True)
    assert lake_reading.rows(first_day.lake, QUARANTINE, names) == [
        ("R-5", day(19), rejected, ["qty_not_positive"], FIRST_FILE, record["batch_id"], 1)
    ]
    ((quarantine_id, quarantined_at),) = lake_reading.rows(
        first_day.lake, QUARANTINE, ("quarantine_id", "quarantined_at")
    )
    assert quarantine_id
    began, finished = (datetime.fromisoformat(record[name]) for name in ("started_at", "finished_at"))
    assert began <= quarantined_at <= finished


@pytest.mark.spark
def test_first_run_leaves_a_whole_run_record(first_day: Scene) -> None:
    lake = first_day.lake
    record = lake_reading.latest_run_record(lake)
    ((batch, _),) = lake_reading.batch_states(lake)
    assert str(UUID(record.pop("run_id"))) in first_day.ended[0].stdout
    began, finished = (datetime.fromisoformat(record.pop(name)) for name in ("started_at", "finished_at"))
    assert began < finished
    durations = [stage.pop("duration_sec") for stage in record["stages"]]
    assert all(0 < duration < (finished - began).total_seconds() + 0.001 for duration in durations)
    assert record == {
        "app_env": "test",
        "engine": ENGINE,
        "version": installed_version("pyspark-interview-project"),
        "kind": "run",
        "batch_id": batch,
        "status": "succeeded",
        "complete": True,
        "exit_code": 0,
        "error": None,
        "as_of": FIRST_DAY,
        "files": [
            {"path": FIRST_FILE, "bytes": (lake / FIRST_FILE).stat().st_size, "rows": 5, "feed": None},
            {"path": LATE_FILE, "bytes": (lake / LATE_FILE).stat().st_size, "rows": 1, "feed": None},
        ],
        "gates": [{"name": "quarantined_ratio", "status": "not_judged", "value": 1 / 6, "limit": 0.2}],
        "files_rejected": [],
        "files_ignored": [
            {
                "path": f"{LANDED}/notes.doc",
                "problem": "its name ends with .doc; taken are .csv .tsv .txt .json .jsonl .ndjson .parquet .parq .pq, "
                "text also behind .gz .gzip .bz2 .xz .zst",
            }
        ],
        "warnings": [],
        "overrides": {},
        "dr": {},
        "stages": [
            {
                "name": "bronze_to_silver",
                "rows": 5,
                "rows_read": 6,
                "rows_inserted": 5,
                "rows_updated": 0,
                "rows_superseded": 0,
                "rows_duplicate": 0,
                "rows_quarantined": 1,
                "rows_excluded": 0,
                "returns_ambiguous": 0,
                "quarantined_by_reason": {"qty_not_positive": 1},
                "warned_by_rule": {},
                "amounts": {
                    "read": "272.49",
                    "inserted": "265.49",
                    "updated": "0.00",
                    "superseded": "0.00",
                    "duplicate": "0.00",
                    "quarantined": "7.00",
                    "excluded": "0.00",
                },
            },
            {
                "name": "silver_to_gold",
                "rows": 8,
                "rows_by_table": {"gold_returns_by_sku_reason": 4, "gold_returns_by_date_reason": 4},
            },
        ],
        "tables": {
            "silver_returns": lake_reading.facts(lake, SILVER),
            "quarantine_returns": lake_reading.facts(lake, QUARANTINE),
            "gold_returns_by_sku_reason": lake_reading.facts(lake, GOLD_BY_SKU_REASON),
            "gold_returns_by_date_reason": lake_reading.facts(lake, "gold/returns_by_date_reason"),
        },
        "attempts": [],
    }
    assert [path.name.endswith(".json") for path in (lake / "metrics" / "runs").iterdir()] == [True]


@pytest.mark.spark
def test_every_commit_of_rows_carries_run_and_batch(second_day: Scene) -> None:
    records = lake_reading.run_records(second_day.lake)
    runs = [(record["run_id"], record["batch_id"]) for record in reversed(records)]
    of_tables = {
        place: [(note["run_id"], note["batch_id"]) for note in lake_reading.commit_notes(second_day.lake, place)]
        for place in TABLES
    }
    assert len(set(runs)) == 2
    # The second batch has nothing for quarantine, and a write of no rows makes no commit.
    assert of_tables == {place: runs[1:] if place == QUARANTINE else runs for place in TABLES}


@pytest.mark.spark
def test_gold_commits_carry_the_silver_version_that_they_cover(second_day: Scene) -> None:
    notes = lake_reading.commit_notes(second_day.lake, GOLD_BY_SKU_REASON)
    newest = lake_reading.version(second_day.lake, SILVER)
    assert [note["silver_version"] for note in notes] == [newest, newest - 1]


@pytest.mark.spark
def test_increment_applies_corrections_to_silver(second_day: Scene) -> None:
    assert lake_reading.silver(second_day.lake) == SILVER_AFTER_SECOND_DAY


@pytest.mark.spark
def test_increment_moves_corrected_returns_between_gold_groups(second_day: Scene) -> None:
    assert gold(second_day.lake) == GOLD_AFTER_SECOND_DAY


@pytest.mark.spark
def test_increment_counts_each_row_by_what_became_of_it(second_day: Scene) -> None:
    record = lake_reading.latest_run_record(second_day.lake)
    for stage in record["stages"]:
        del stage["duration_sec"]
    assert record["files"] == [
        {"path": SECOND_FILE, "bytes": (second_day.lake / SECOND_FILE).stat().st_size, "rows": 5, "feed": None}
    ]
    assert record["stages"] == [
        {
            "name": "bronze_to_silver",
            "rows": 3,
            "rows_read": 5,
            "rows_inserted": 1,
            "rows_updated": 2,
            "rows_superseded": 1,
            "rows_duplicate": 1,
            "rows_quarantined": 0,
            "rows_excluded": 0,
            "returns_ambiguous": 0,
            "warned_by_rule": {},
            "quarantined_by_reason": {},
            "amounts": {
                "read": "137.49",
                "inserted": "9.50",
                "updated": "111.99",
                "superseded": "1.00",
                "duplicate": "15.00",
                "quarantined": "0.00",
                "excluded": "0.00",
            },
        },
        {
            # of each table one group is emptied, one new and one changed
            "name": "silver_to_gold",
            "rows": 6,
            "rows_by_table": {"gold_returns_by_sku_reason": 3, "gold_returns_by_date_reason": 3},
        },
    ]


@pytest.mark.spark
def test_gold_of_increments_equals_gold_built_anew(second_day: Scene, tmp_path: Path) -> None:
    lake = copy_of(second_day.lake, tmp_path / "lake")
    shutil.rmtree(lake / "gold")

    ended = returns(lake, "run", "--as-of", SECOND_DAY)

    assert ended.exit_code == 0
    assert gold(lake) == gold(second_day.lake)
    assert lake_reading.version(lake, SILVER) == lake_reading.version(second_day.lake, SILVER)


@pytest.mark.spark
def test_moved_lake_knows_its_files_again(second_day: Scene, tmp_path: Path) -> None:
    lake = copy_of(second_day.lake, tmp_path / "moved")
    for path in (lake / LANDED).rglob("*"):
        path.touch()  # a copy without modification times: the content is what tells

    ended = returns(lake, "run", "--as-of", SECOND_DAY)

    assert ended.exit_code == 0
    assert ended.lines[0] == f"nothing new in {lake}/{LANDED}; the tables are as they were"
    assert lake_reading.everything(lake) == lake_reading.everything(second_day.lake)


@pytest.mark.spark
def test_replaced_file_is_processed_as_new_and_reported(first_day: Scene, tmp_path: Path) -> None:
    lake = copy_of(first_day.lake, tmp_path / "lake")
    land(lake / LATE_FILE, [row_of("R-8", "O-8", None, "TENT-2P", None, "1", "5.00", "2026-11-11", None)])

    ended = returns(lake, "run", "--as-of", FIRST_DAY)

    assert ended.exit_code == 0
    newcomer = ("R-8", "O-8", None, "TENT-2P", "unspecified", 1, Decimal("5.00"), day(11), None)
    assert lake_reading.silver(lake) == [*SILVER_AFTER_FIRST_DAY, newcomer]
    record = lake_reading.latest_run_record(lake)
    assert [file["path"] for file in record["files"]] == [LATE_FILE]
    assert f"{LATE_FILE} was replaced by other content; it is processed as new" in record["warnings"]


# Stages apart, and the names under which commands are known


STAGES_APART: Mapping[str, Sequence[Callable[..., Ended]]] = {
    "returns": (
        lambda lake, *more: returns(lake, "plan", "--commit", *more),
        lambda lake, *more: returns(lake, "bronze-to-silver", *more),
        lambda lake, *more: returns(lake, "silver-to-gold", *more),
    ),
    "package": (
        lambda lake, *more: module(lake, "pyspark_interview_project.pipeline.plan", "--commit", *more),
        lambda lake, *more: module(lake, "pyspark_interview_project.pipeline.bronze_to_silver", *more),
        lambda lake, *more: module(lake, "pyspark_interview_project.pipeline.silver_to_gold", *more),
    ),
    "src": (
        lambda lake, *more: python_m(lake, "src.pipeline.bronze_to_silver", *more),
        lambda lake, *more: python_m(lake, "src.pipeline.silver_to_gold", *more),
    ),
}


def python_m(lake: Path, name: str, *arguments: str) -> Ended:
    """`python -m name …` in a process of its own."""
    return run([sys.executable, "-m", name, *arguments], environment(lake))


def run_apart(lake: Path, stages: Sequence[Callable[..., Ended]]) -> Scene:
    land_both_days(lake)
    options = ("--as-of", FIRST_DAY, "--run-id", str(uuid4()))
    return Scene(lake, tuple(stage(lake, *options) for stage in stages))


@pytest.fixture(scope="module", params=["returns", "src", pytest.param("package", marks=pytest.mark.full)])
def apart(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Scene]:
    """The first day by stages apart, under one run id; the names that people use for them, and what came of it."""
    names = request.param
    return names, run_apart(tmp_path_factory.mktemp("apart") / names, STAGES_APART[names])


def test_stages_apart_make_the_tables_of_one_run(apart: tuple[str, Scene]) -> None:
    names, scene = apart
    assert [(ended.exit_code, ended.complaints) for ended in scene.ended] == [(0, [])] * len(STAGES_APART[names])
    assert lake_reading.silver(scene.lake) == SILVER_AFTER_FIRST_DAY
    assert gold(scene.lake) == GOLD_AFTER_FIRST_DAY
    assert lake_reading.quarantined(scene.lake) == Counter({(FIRST_FILE, "R-5", ("qty_not_positive",)): 1})


def test_stages_apart_with_one_run_id_extend_one_record(apart: tuple[str, Scene], first_day: Scene) -> None:
    names, scene = apart
    (record,) = lake_reading.run_records(scene.lake)
    assert lake_reading.latest_run_record(scene.lake) == record
    logged = {line["run_id"] for ended in scene.ended for line in ended.logs}
    assert logged == {record["run_id"]}
    whole = lake_reading.latest_run_record(first_day.lake)
    same = ("status", "exit_code", "as_of", "batch_id", "files", "gates", "overrides")
    assert {name: record[name] for name in same} == {name: whole[name] for name in same}
    stages = {stage["name"]: stage for stage in record["stages"]}
    assert list(stages) == (["plan"] if names != "src" else []) + ["bronze_to_silver", "silver_to_gold"]
    for expected in whole["stages"]:
        assert stages[expected["name"]] | {"duration_sec": 0} == expected | {"duration_sec": 0}


@pytest.mark.spark
def test_plan_without_commit_shows_files_and_writes_nothing(first_day: Scene) -> None:
    before = tree(first_day.lake)

    ended = returns(first_day.lake, "plan", "--as-of", SECOND_DAY)

    assert ended.exit_code == 0
    size = (first_day.lake / SECOND_FILE).stat().st_size
    assert f"{SECOND_FILE} {size:,} bytes" in ended.lines
    assert tree(first_day.lake) == before


def test_plan_of_a_batch_that_is_pending_is_not_hindered_by_a_later_file_that_is_bad(tmp_path: Path) -> None:
    lake = land_both_days(tmp_path / "lake")
    (lake / LANDED / "notes.doc").unlink()
    planned = succeeded(returns(lake, "plan", "--commit", "--as-of", FIRST_DAY))
    (lake / LANDED / "bad.csv").write_text("no,columns,of,ours\n")

    again = succeeded(returns(lake, "plan", "--commit", "--as-of", FIRST_DAY))

    assert again.lines == planned.lines


RUNS: Mapping[str, Callable[..., Ended]] = {
    "pyspark_interview_project": lambda lake, *more: python_m(lake, "pyspark_interview_project", "run", *more),
    "src.pipeline.run_pipeline": lambda lake, *more: module(lake, "src.pipeline.run_pipeline", *more),
    "pyspark_interview_project.cli": lambda lake, *more: module(lake, "pyspark_interview_project.cli", "run", *more),
    "pyspark_interview_project.pipeline.run_pipeline": lambda lake, *more: module(
        lake, "pyspark_interview_project.pipeline.run_pipeline", *more
    ),
}


@pytest.mark.parametrize("name", mostly_full(RUNS, 2))
def test_python_m_runs_the_pipeline(tmp_path: Path, name: str) -> None:
    lake = land_both_days(tmp_path / "lake")
    ended = RUNS[name](lake, "--as-of", FIRST_DAY)
    assert (ended.exit_code, ended.complaints) == (0, []), ended.stderr
    assert lake_reading.silver(lake) == SILVER_AFTER_FIRST_DAY
    assert gold(lake) == GOLD_AFTER_FIRST_DAY


# Looking without touching


def dry_run(lake: Path, as_of: str) -> tuple[Ended, bool]:
    before = tree(lake)
    ended = returns(lake, "run", "--dry-run", "--as-of", as_of)
    return ended, tree(lake) == before


@pytest.fixture(scope="module")
def dry_runs(first_day: Scene, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Ended, bool]]:
    """On a lake without tables, and on one with tables: how it ended, and whether the lake was left as it was."""
    root = tmp_path_factory.mktemp("dry")
    without, with_tables = land_first_day(root / "without"), copy_of(first_day.lake, root / "with")
    return [dry_run(without, FIRST_DAY), dry_run(with_tables, SECOND_DAY)]


def test_dry_run_without_tables_shows_rows_by_outcome_and_changes_nothing(dry_runs: list[tuple[Ended, bool]]) -> None:
    ended, is_unchanged = dry_runs[0]
    assert (ended.exit_code, ended.complaints, is_unchanged) == (0, [], True)
    outcomes = ("read", "inserted", "updated", "superseded", "duplicate", "quarantined", "qty_not_positive", "excluded")
    assert [line for line in ended.lines if line.startswith(outcomes)] == [
        "read 6",
        "inserted 5",
        "updated 0",
        "superseded 0",
        "duplicate 0",
        "quarantined 1",
        "qty_not_positive 1",
        "excluded 0",
    ]
    assert [line.split()[0] for line in ended.lines if line.startswith(LANDED)] == [FIRST_FILE, LATE_FILE]


def test_dry_run_of_increment_shows_rows_by_outcome_and_changes_nothing(dry_runs: list[tuple[Ended, bool]]) -> None:
    ended, is_unchanged = dry_runs[1]
    assert (ended.exit_code, ended.complaints, is_unchanged) == (0, [], True)
    outcomes = ("read", "inserted", "updated", "superseded", "duplicate", "quarantined", "excluded")
    assert [line for line in ended.lines if line.startswith(outcomes)] == [
        "read 5",
        "inserted 1",
        "updated 2",
        "superseded 1",
        "duplicate 1",
        "quarantined 0",
        "excluded 0",
    ]
    assert [line.split()[0] for line in ended.lines if line.startswith(LANDED)] == [SECOND_FILE]


# Wrong usage


@dataclass(frozen=True)
class Mistake:
    """A command that must not start, and what its one line names."""

    arguments: tuple[str, ...]
    named: tuple[str, ...]
    env: Mapping[str, str]


def mistake(*arguments: str, named: Sequence[str], **env: str) -> Mistake:
    return Mistake(arguments, tuple(named), env)


MISTAKES = {
    "app_env": mistake("run", APP_ENV="nope", named=("APP_ENV", "nope", "dev, test, prod")),
    "time_zone": mistake("run", SPARK_TZ="Mars/Olympus", named=("spark_tz", "environment", "Mars/Olympus")),
    "engine": mistake("run", ENGINE="nope", named=("engine", "environment", "nope")),
    "log_level": mistake("run", LOG_LEVEL="LOUD", named=("log_level", "environment", "LOUD")),
    "engine_option": mistake("run", "--engine", "nope", named=("engine", "option", "nope")),
    "as_of": mistake("run", "--as-of", "31/12/24", named=("--as-of", "31/12/24")),
    "run_id": mistake("run", "--run-id", "x", named=("--run-id", "x")),
    "ratio": mistake("run", "--accept-quarantined", "2", named=("--accept-quarantined", "2")),
    "unknown_option": mistake("run", "--nope", named=("--nope",)),
    "unknown_command": mistake("nope", named=("nope",)),
    "stage_option": mistake("silver-to-gold", "--dry-run", named=("--dry-run",)),
}


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ended, bool]]:
    """How each mistake ended, and whether its lake was left as it was."""
    root = tmp_path_factory.mktemp("mistakes")

    def make(name: str) -> tuple[Ended, bool]:
        lake = land_first_day(root / name)
        before = tree(lake)
        ended = returns(lake, *MISTAKES[name].arguments, **MISTAKES[name].env)
        return ended, tree(lake) == before

    return {name: make(name) for name in MISTAKES}


@pytest.mark.parametrize("name", list(MISTAKES))
def test_wrong_usage_exits_2_with_one_line_and_starts_nothing(
    mistakes: dict[str, tuple[Ended, bool]], name: str
) -> None:
    ended, is_unchanged = mistakes[name]
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert [word for word in MISTAKES[name].named if word not in ended.stderr] == []
    assert ended.stdout == ""
    assert is_unchanged


def test_run_without_landing_directory_exits_2_and_makes_nothing(tmp_path: Path) -> None:
    ended = returns(tmp_path, "run")
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert str(tmp_path / LANDED) in line
    assert "DATA_ROOT" in line
    assert list(tmp_path.iterdir()) == []


def test_run_on_empty_landing_directory_exits_0_with_nothing_new(tmp_path: Path) -> None:
    (tmp_path / LANDED).mkdir(parents=True)
    ended = returns(tmp_path, "run")
    assert ended.exit_code == 0
    assert ended.complaints == []
    assert ended.lines == [f"nothing new in {tmp_path}/{LANDED}; the tables are as they were"]
    assert lake_reading.latest_run_record(tmp_path)["status"] == "no_new_data"


# Unreadable files


GOOD_FILE = f"{LANDED}/good.jsonl"
GOOD_ROW = row_of("R-8", "O-8", None, "TENT-2P", None, "1", "5.00", "2026-11-11", None)
GOOD_RETURN = ("R-8", "O-8", None, "TENT-2P", "unspecified", 1, Decimal("5.00"), day(11), None)


def write_truncated_gzip(path: Path) -> None:
    write_text(
        path, "".join(json_line({**row, "return_id": f"T-{i}"}) + "\n" for i in range(200) for row in FIRST_ROWS)
    )
    path.write_bytes(path.read_bytes()[:-100])


def write_csv_without_sku(path: Path) -> None:
    write_text(path, csv_text(SECOND_ROWS, [name for name in SECOND_ROWS[0] if name != "sku"]))


def write_parquet_without_qty(path: Path) -> None:
    land(path, [{name: value for name, value in row.items() if name != "qty"} for row in SECOND_ROWS])


UNREADABLE: Mapping[str, tuple[Callable[[Path], Any], Sequence[str]]] = {
    "truncated.jsonl.gz": (write_truncated_gzip, ()),
    "text.parquet": (lambda path: write_text(path, "this is no Parquet"), ()),
    "narrow.parquet": (write_parquet_without_qty, ("column qty",)),
    "narrow.csv": (write_csv_without_sku, ("column sku",)),
    "empty.csv": (lambda path: write_text(path, ""), ("header",)),
}


@dataclass(frozen=True)
class Refusal:
    """A run that met a file that cannot be taken beside a good one: how it ended, its record and silver; and how the
    next run ended, after the file was moved away."""

    ended: Ended
    record: dict[str, Any]
    silver: list[lake_reading.Row]
    next_ended: Ended
    next_record: dict[str, Any]
    lake: Path


@pytest.fixture(scope="module")
def refusals(first_day: Scene, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Refusal]:
    root = tmp_path_factory.mktemp("unreadable")

    def meet(name: str) -> Refusal:
        lake = copy_of(first_day.lake, root / name)
        bad = lake / LANDED / name
        UNREADABLE[name][0](bad)
        land(lake / GOOD_FILE, [GOOD_ROW])
        ended = returns(lake, "run", "--as-of", FIRST_DAY)
        record, silver = lake_reading.latest_run_record(lake), lake_reading.silver(lake)
        bad.rename(root / f"away-{name}")
        next_ended = returns(lake, "run", "--as-of", FIRST_DAY)
        return Refusal(ended, record, silver, next_ended, lake_reading.latest_run_record(lake), lake)

    return {name: meet(name) for name in UNREADABLE}


@pytest.mark.parametrize("name", list(UNREADABLE))
def test_file_that_cannot_be_taken_exits_4_is_named_and_the_others_are_taken(
    refusals: dict[str, Refusal], name: str
) -> None:
    refusal = refusals[name]
    assert refusal.ended.exit_code == 4
    first, line = refusal.ended.complaints
    message = "1 landed file was set aside, all others are done; mend, remove or skip (skip_files) each, then run again"
    assert first == f"error: {message}"
    assert [word for word in (f"  {LANDED}/{name}: ", *UNREADABLE[name][1]) if word not in line] == []
    record = refusal.record
    assert [record[key] for key in ("status", "exit_code", "error")] == ["succeeded", 4, message]
    assert [file["path"] for file in record["files"]] == [GOOD_FILE]
    assert [file["path"] for file in record["files_rejected"]] == [f"{LANDED}/{name}"]
    assert refusal.silver == [*SILVER_AFTER_FIRST_DAY, GOOD_RETURN]


@pytest.mark.parametrize("name", list(UNREADABLE))
def test_run_after_file_that_cannot_be_taken_is_gone_has_nothing_to_do(refusals: dict[str, Refusal], name: str) -> None:
    refusal = refusals[name]
    assert (refusal.next_ended.exit_code, refusal.next_ended.complaints) == (0, [])
    assert (refusal.next_record["status"], refusal.next_record["files_rejected"]) == ("no_new_data", [])
    assert [state for _, state in lake_reading.batch_states(refusal.lake)] == ["committed", "committed"]


# Quality gates


def bulk_rows(good: int, bad: int) -> list[dict[str, str | None]]:
    """So many good rows, and so many without a sku, of which every tenth has no qty either."""

    def bulk_row(number: int, sku: str | None, qty: str | None) -> dict[str, str | None]:
        return dict(row_of(f"B-{number:03d}", "O-1", None, sku, "bulk", qty, "1.00", "2026-11-11", None))

    bad_rows = [bulk_row(number, None, "0" if number % 10 == 0 else "1") for number in range(bad)]
    return bad_rows + [bulk_row(number, "BULK", "1") for number in range(bad, bad + good)]


@dataclass(frozen=True)
class Stopped:
    """A run that a gate stopped, and the next one, which went through."""

    before: dict[str, tuple[int, list[lake_reading.Row]]]
    ended: Ended
    after: dict[str, tuple[int, list[lake_reading.Row]]]
    record: dict[str, Any]
    batches: list[tuple[str, str]]
    next_ended: Ended
    lake: Path


def stop_at_share(lake: Path) -> Stopped:
    land(lake / LANDED / "bulk.jsonl", bulk_rows(good=70, bad=30))
    before = lake_reading.everything(lake)
    ended = returns(lake, "run", "--as-of", FIRST_DAY)
    after, record = lake_reading.everything(lake), lake_reading.latest_run_record(lake)
    batches = lake_reading.batch_states(lake)
    next_ended = returns(lake, "run", "--as-of", FIRST_DAY, "--accept-quarantined", "0.30")
    return Stopped(before, ended, after, record, batches, next_ended, lake)


def stop_at_volume(lake: Path) -> Stopped:
    (only,) = (lake / "metrics" / "runs").iterdir()
    record = lake_reading.read_json(only)
    for number in range(1, 6):  # six runs of six rows each: what is usual here
        run_id = str(uuid4())
        only.with_name(f"2025010{number}T000000.000Z-{run_id}.json").write_text(
            json.dumps(record | {"run_id": run_id}), encoding="utf-8"
        )
    land(lake / LANDED / "bulk.jsonl", bulk_rows(good=100, bad=0))
    before = lake_reading.everything(lake)
    ended = returns(lake, "run", "--as-of", FIRST_DAY, VOLUME_GATE="fail")
    after, record = lake_reading.everything(lake), lake_reading.latest_run_record(lake)
    batches = lake_reading.batch_states(lake)
    next_ended = returns(lake, "run", "--as-of", FIRST_DAY, VOLUME_GATE="warn")
    return Stopped(before, ended, after, record, batches, next_ended, lake)


@pytest.fixture(scope="module")
def stopped(first_day: Scene, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stopped]:
    root = tmp_path_factory.mktemp("gates")
    return {
        "quarantined_ratio": stop_at_share(copy_of(first_day.lake, root / "share")),
        "volume": stop_at_volume(copy_of(first_day.lake, root / "volume")),
    }


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ("quarantined_ratio", ("0.3", "0.2", "sku_missing (30), qty_not_positive (3)", "--accept-quarantined 0.30")),
        ("volume", ("volume", "VOLUME_GATE=warn")),
    ],
)
def test_failing_gate_exits_3_and_leaves_silver_and_gold_unchanged(
    stopped: dict[str, Stopped], gate: str, words: Sequence[str]
) -> None:
    stop = stopped[gate]
    assert stop.ended.exit_code == 3
    (line,) = stop.ended.complaints
    assert [word for word in words if word not in line] == []
    assert {place: stop.after[place] for place in TABLES if place != QUARANTINE} == {
        place: stop.before[place] for place in TABLES if place != QUARANTINE
    }
    assert [state for _, state in stop.batches] == ["committed", "planned"]
    record = stop.record
    assert (record["status"], record["exit_code"], record["batch_id"]) == ("failed", 3, stop.batches[1][0])
    assert [g["name"] for g in record["gates"] if g["status"] == "failed"] == [gate]


def test_failing_share_gate_leaves_rejected_rows_in_quarantine(stopped: dict[str, Stopped]) -> None:
    stop = stopped["quarantined_ratio"]
    (kept,) = stop.before[QUARANTINE][1]
    added = [row for row in stop.after[QUARANTINE][1] if row != kept]
    assert len(added) == 30


def test_failing_gate_leaves_on_record_what_was_read_and_rejected_and_nothing_else_as_counted(
    stopped: dict[str, Stopped],
) -> None:
    (stage,) = stopped["quarantined_ratio"].record["stages"]
    assert stage.pop("duration_sec") > 0
    assert stage == {
        "name": "bronze_to_silver",
        "rows": 0,
        "rows_read": 100,
        **dict.fromkeys(["rows_inserted", "rows_updated", "rows_superseded", "rows_duplicate", "rows_excluded"]),
        "rows_quarantined": 30,
        "rows_excluded": 0,
        "returns_ambiguous": 0,
        "warned_by_rule": {},
        "amounts": {"read": "100.00", "quarantined": "30.00", "excluded": "0.00"},
        "quarantined_by_reason": {"sku_missing": 30, "qty_not_positive": 3},
    }


def test_accepted_share_lets_the_same_batch_pass_and_is_on_record(stopped: dict[str, Stopped]) -> None:
    stop = stopped["quarantined_ratio"]
    assert stop.next_ended.exit_code == 0
    record = lake_reading.latest_run_record(stop.lake)
    assert (record["status"], record["batch_id"]) == ("succeeded", stop.batches[1][0])
    assert record["overrides"] == {"accept_quarantined": 0.3}
    assert record["gates"] == [{"name": "quarantined_ratio", "status": "passed", "value": 0.3, "limit": 0.3}]
    assert [state for _, state in lake_reading.batch_states(stop.lake)] == ["committed", "committed"]
    assert ("BULK", "bulk", 70, 70, Decimal("70.00")) in lake_reading.gold_by_sku_reason(stop.lake)
    reasons = Counter(codes for _, _, codes in lake_reading.quarantined(stop.lake).elements())
    assert reasons == {("qty_not_positive",): 1, ("sku_missing",): 27, ("sku_missing", "qty_not_positive"): 3}


def test_unusual_volume_that_only_warns_passes_and_is_on_record(stopped: dict[str, Stopped]) -> None:
    stop = stopped["volume"]
    assert stop.next_ended.exit_code == 0
    record = lake_reading.latest_run_record(stop.lake)
    assert (record["status"], record["batch_id"]) == ("succeeded", stop.batches[1][0])
    # 94 rows from the median of 6; equal volumes deviate by one row
    assert {"name": "volume", "status": "warned", "value": 94.0, "limit": 5.0} in record["gates"]
    assert len([warning for warning in record["warnings"] if "94.0 deviations" in warning]) == 1
    assert ("BULK", "bulk", 100, 100, Decimal("100.00")) in lake_reading.gold_by_sku_reason(stop.lake)


# The lock


@pytest.mark.spark
def test_locked_lake_exits_6_within_five_seconds_and_names_the_holder(first_day: Scene, tmp_path: Path) -> None:
    lake = copy_of(first_day.lake, tmp_path / "lake")
    before = lake_reading.everything(lake)
    with writing(LakePaths.at(str(lake)), str(uuid4())):
        since = lake_reading.read_json(lake / "ops" / "lock_holder.json")["since"]
        started = time.monotonic()

        ended = returns(lake, "run", "--as-of", SECOND_DAY)

        seconds = time.monotonic() - started
    assert ended.exit_code == 6
    (line,) = ended.complaints
    assert [word for word in (str(lake), f"{socket.gethostname()}:{getpid()}", since) if word not in line] == []
    assert seconds < 5
    assert lake_reading.everything(lake) == before


# Time zones


ZONED_ROWS = [
    row_of("Z-1", "O-1", None, "MUG", None, "1", "1.00", "2026-07-01", "2026-07-01T12:00:00"),
    row_of("Z-2", "O-1", None, "MUG", None, "1", "1.00", "2026-07-01", "2026-01-15 12:00:00.5"),
    row_of("Z-3", "O-1", None, "MUG", None, "1", "1.00", "2026-07-01", "2026-10-25T02:30:00"),
    row_of("Z-4", "O-1", None, "MUG", None, "1", "1.00", "2026-07-01", "2026-07-01T12:00:00+02:00"),
]


def land_zoned(lake: Path) -> Path:
    """Timestamps with and without an offset, as text and as native ones without a zone."""
    land(lake / LANDED / "text.jsonl", ZONED_ROWS)
    moments = [datetime(2026, 7, 1, 12), datetime(2026, 10, 25, 2, 30)]
    columns = {name: pa.array([value, value]) for name, value in ZONED_ROWS[0].items() if value}
    columns |= {"return_id": pa.array(["P-1", "P-2"]), "ingest_ts": pa.array(moments, pa.timestamp("us"))}
    pq.write_table(pa.table(columns), lake / LANDED / "native.parquet")
    return lake


@pytest.fixture(scope="module")
def zoned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scene]:
    """The same files read in two zones; the machine's own zone is another one."""
    root = tmp_path_factory.mktemp("zones")
    lakes = {zone: land_zoned(root / zone) for zone in ("Europe/Berlin", "Asia/Tokyo")}
    for zone, lake in lakes.items():
        succeeded(returns(lake, "run", "--as-of", "2026-11-23", SPARK_TZ=zone, TZ="America/Los_Angeles"))
    return {zone: Scene(lake, ()) for zone, lake in lakes.items()}


@pytest.mark.parametrize(
    ("zone", "moments"),
    [
        (
            "Europe/Berlin",
            {
                "P-1": "2026-07-01T10:00:00+00:00",
                "P-2": "2026-10-25T00:30:00+00:00",  # this local time happens twice, and the earlier one counts
                "Z-1": "2026-07-01T10:00:00+00:00",
                "Z-2": "2026-01-15T11:00:00.500000+00:00",
                "Z-3": "2026-10-25T00:30:00+00:00",
                "Z-4": "2026-07-01T10:00:00+00:00",
            },
        ),
        (
            "Asia/Tokyo",
            {
                "P-1": "2026-07-01T03:00:00+00:00",
                "P-2": "2026-10-24T17:30:00+00:00",
                "Z-1": "2026-07-01T03:00:00+00:00",
                "Z-2": "2026-01-15T03:00:00.500000+00:00",
                "Z-3": "2026-10-24T17:30:00+00:00",
                "Z-4": "2026-07-01T10:00:00+00:00",
            },
        ),
    ],
)
def test_timestamp_without_offset_is_read_in_spark_tz(
    zoned: dict[str, Scene], zone: str, moments: Mapping[str, str]
) -> None:
    read = lake_reading.rows(zoned[zone].lake, SILVER, ("return_id", "ingest_ts", "return_date"))
    assert read == [(name, datetime.fromisoformat(text), date(2026, 7, 1)) for name, text in moments.items()]


# The embedded engine's promise


def test_embedded_engine_imports_no_pyspark_and_starts_no_java(tmp_path: Path) -> None:
    lake = land_first_day(tmp_path / "lake")
    java = tmp_path / "java_home" / "bin" / "java"
    write_text(java, f"#!/bin/sh\ntouch {tmp_path}/java-was-started\n").chmod(0o755)
    program = (
        "import json, sys\n"
        "from pyspark_interview_project.pipeline.run_pipeline import main\n"
        f"main(['--as-of', '{FIRST_DAY}'])\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))\n"
    )
    env = environment(lake, ENGINE="embedded", JAVA_HOME=str(java.parents[1]))

    ended = run([sys.executable, "-c", program], env | {"PATH": f"{java.parent}:{env['PATH']}"})

    assert ended.exit_code == 0, ended.stderr
    imported = set(json.loads(ended.stdout.splitlines()[-1]))
    # A usual file needs no query that SQLFrame would have to write.
    assert imported & {"pyspark", "py4j", "delta", "duckdb", "sqlframe"} == {"duckdb"}
    assert not (tmp_path / "java-was-started").exists()
    assert lake_reading.silver(lake) == SILVER_AFTER_FIRST_DAY
