"""A disk that is full, denied or read-only: exit 5 naming the place, the last version readable, the next run heals.

Here the operating system says so, to delta-rs, DuckDB and the JVM too (faults/publishing.c). What the pipeline makes of
a full disk at each of its own calls is in test_crashes.py.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import lake_reading
from commands import mostly_full, process, returns
from kills import FIRST_DAY, SECOND_DAY, SETTINGS, land_samples, run_elsewhere, run_whole

# When which files of a run meet the fault, mostly as they get their names, and the place that the message must name.
PLACES = {
    "plan": ("before", "*/ops/batches/*/plan.json", "ops/batches"),
    "quarantine log": ("before", "*/quarantine/returns/_delta_log/*.json", "quarantine/returns"),
    "counts": ("before", "*/ops/batches/*/checkpoint.json", "ops/batches"),
    "silver files": ("write", "*/silver/returns/*.parquet", "silver/returns"),  # DuckDB writes it under its own name
    "silver log": ("before", "*/silver/returns/_delta_log/*.json", "silver/returns"),
    "end of the batch": ("before", "*/ops/batches/*/committed.json", "ops/batches"),
    "gold files": ("before", "*/gold/returns_by_sku_reason/*.parquet", "gold/returns_by_sku_reason"),
    "gold log": ("before", "*/gold/returns_by_date_reason/_delta_log/*.json", "gold/returns_by_date_reason"),
    "record": ("before", "*/metrics/runs/*.json", "metrics/runs"),
}
SAYS = {"ENOSPC": "no space left", "EACCES": "permission denied", "EROFS": "read-only file system"}


@pytest.mark.embedded_only  # Hadoop copies a file that it cannot rename
@pytest.mark.parametrize(
    ("place", "what"),
    mostly_full(
        [
            ("silver log", "ENOSPC"),
            *((place, "ENOSPC") for place in PLACES if place != "silver log"),
            ("quarantine log", "EACCES"),
            ("gold files", "EROFS"),
        ],
        1,
    ),
    ids=lambda value: value.replace(" ", "_"),
)
def test_run_on_a_storage_that_fails_exits_5_and_the_next_run_heals(
    tmp_path: Path, first_day: Path, second_day: Path, publishing_faults: Path, place: str, what: str
) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(first_day, lake)
    when, pattern, named = PLACES[place]
    fault = {"LD_PRELOAD": str(publishing_faults), "FAULT_AT": f"{when}:{what}:1:{pattern}"}

    ended = process(lake, "run", "--as-of", SECOND_DAY, **SETTINGS, **fault)

    assert ended.exit_code == 5, ended.stderr
    (complaint,) = ended.complaints
    assert named in complaint and SAYS[what] in complaint.lower()
    for table in lake_reading.TABLES:
        assert lake_reading.rows(lake, table) != []  # readable, at its last version
    run_whole(lake, SECOND_DAY)
    assert lake_reading.comparable(lake) == lake_reading.comparable(second_day)


@pytest.mark.full
@pytest.mark.parametrize(
    ("when", "what", "place"),
    [
        ("write", "ENOSPC", "ops/scratch"),
        ("write", "ENOSPC", "silver/returns"),
        pytest.param("write", "ENOSPC", "silver/returns/_delta_log", marks=pytest.mark.spark),
        ("create", "EACCES", "quarantine/returns"),
        ("create", "EROFS", "gold/returns_by_sku_reason/_delta_log"),
        ("open", "EACCES", "ops/scratch/rows-*/rows_"),
        ("open", "EACCES", "silver/returns/_delta_log"),
        ("open", "EACCES", "silver/returns/return_date="),
    ],
)
def test_run_on_a_directory_that_takes_or_gives_no_file_exits_5_and_the_next_run_heals(
    tmp_path: Path, first_day: Path, second_day: Path, publishing_faults: Path, when: str, what: str, place: str
) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(first_day, lake)
    fault = {"LD_PRELOAD": str(publishing_faults), "FAULT_AT": f"{when}:{what}:1:{lake}/{place}*"}
    ended = process(lake, "run", "--as-of", SECOND_DAY, **SETTINGS, **fault)
    assert ended.exit_code == 5, ended.stderr
    (complaint,) = ended.complaints
    named = re.split("/_delta_log|/return_date=|/rows-", place)[0]
    assert named in complaint and SAYS[what] in complaint.lower()
    for table in lake_reading.TABLES:
        assert lake_reading.rows(lake, table) != []
    run_elsewhere(lake, SECOND_DAY)
    assert lake_reading.comparable(lake) == lake_reading.comparable(second_day)


@pytest.mark.full
@pytest.mark.embedded_only  # Hadoop's own rename does not ask
@pytest.mark.parametrize("place", lake_reading.TABLES)
def test_run_whose_commits_land_and_are_reported_as_failed_goes_by_the_log(
    tmp_path: Path, first_day: Path, second_day: Path, publishing_faults: Path, place: str
) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(first_day, lake)
    fault = {"LD_PRELOAD": str(publishing_faults), "FAULT_AT": f"after:EIO:1:*/{place}/_delta_log/*.json"}
    ended = process(lake, "run", "--as-of", SECOND_DAY, **SETTINGS, **fault)
    assert (ended.exit_code, ended.complaints) == (0, [])
    lost = [line["message"] for line in ended.logs if "got lost" in line["message"]]
    commits = lake_reading.version(lake, place) - lake_reading.version(first_day, place)
    assert len(lost) == commits > 0 and all(place in message for message in lost)
    assert lake_reading.comparable(lake) == lake_reading.comparable(second_day)
    assert lake_reading.versions(lake) == lake_reading.versions(second_day)


@pytest.mark.full
@pytest.mark.parametrize("landed_only", [False, True])
def test_run_on_a_root_that_takes_nothing_exits_5_and_changes_nothing(
    tmp_path: Path, first_day: Path, second_day: Path, publishing_faults: Path, landed_only: bool
) -> None:
    lake = tmp_path / "lake"
    if landed_only:
        land_samples(lake)
    else:
        shutil.copytree(first_day, lake)
    before = all_files(lake)
    fault = {"LD_PRELOAD": str(publishing_faults), "FAULT_AT": f"create:EROFS:1:{lake}/*"}
    ended = process(lake, "run", "--as-of", SECOND_DAY, **SETTINGS, **fault)
    assert ended.exit_code == 5, ended.stderr
    (complaint,) = ended.complaints
    assert str(lake / "ops") in complaint and SAYS["EROFS"] in complaint.lower()
    assert all_files(lake) == before
    for day in (FIRST_DAY, SECOND_DAY) if landed_only else (SECOND_DAY,):
        run_elsewhere(lake, day)
    assert lake_reading.comparable(lake) == lake_reading.comparable(second_day)


def all_files(lake: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in lake.rglob("*")}


@pytest.mark.full
@pytest.mark.embedded_only
def test_run_that_failed_and_cannot_write_its_record_ends_by_what_it_failed_by(
    tmp_path: Path, first_day: Path, publishing_faults: Path
) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(first_day, lake)
    fault = {"LD_PRELOAD": str(publishing_faults), "FAULT_AT": "before:ENOSPC:1:*/metrics/runs/*.json"}
    gate = {"MAX_QUARANTINED_RATIO": "0", "QUARANTINE_GATE_MIN_ROWS": "1"}
    ended = process(lake, "run", "--as-of", SECOND_DAY, **{**SETTINGS, **gate, **fault})
    assert ended.exit_code == 3, ended.stderr
    (complaint,) = ended.complaints
    assert "gate quarantined_ratio failed" in complaint
    of_the_record, of_the_run = [line["message"] for line in ended.logs if line["level"] == "ERROR"]
    assert of_the_record.startswith("the run record could not be written: ") and "No space left" in of_the_record
    assert complaint == f"error: {of_the_run}"


@pytest.mark.full
@pytest.mark.parametrize("lost", ["000001-*/plan.json", "000001-*", ""])
def test_run_on_a_lake_whose_batches_were_lost_exits_7_and_takes_no_file_again(
    tmp_path: Path, first_day: Path, second_day: Path, lost: str
) -> None:
    lake, kept = tmp_path / "lake", tmp_path / "kept"
    shutil.copytree(first_day, lake)
    batches = lake / "ops" / "batches"
    for place in batches.glob(lost) if lost else [batches]:
        place.rename(kept)
        moved_from = place
    for command in (["run"], ["run", "--dry-run"], ["plan"], ["plan", "--commit"], ["bronze-to-silver"]):
        ended = returns(lake, *command, "--as-of", SECOND_DAY, **SETTINGS)
        assert ended.exit_code == 7, ended.stderr
        (complaint,) = ended.complaints
        assert f"{batches}: batch 000001-" in complaint and "from a backup" in complaint
    assert lake_reading.comparable(lake) == lake_reading.comparable(first_day)
    assert batches.exists() == bool(lost)

    kept.rename(moved_from)
    run_elsewhere(lake, SECOND_DAY)
    assert lake_reading.comparable(lake) == lake_reading.comparable(second_day)


def test_run_on_a_lake_with_a_damaged_plan_exits_7_and_names_it(tmp_path: Path, first_day: Path) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(first_day, lake)
    (plan,) = (lake / "ops" / "batches").glob("*/plan.json")
    plan.write_text("{", encoding="utf-8")
    ended = returns(lake, "run", "--as-of", SECOND_DAY, **SETTINGS)
    assert (ended.exit_code, len(ended.complaints)) == (7, 1), ended.stderr
    assert f"{plan}: is not what a run writes" in ended.complaints[0]
