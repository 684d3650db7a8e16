"""Files that cannot be taken: each is set aside, the others are taken, and every run says so until it is mended."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import lake_reading
from commands import returns
from kills import LANDED
from landing import csv_text, write_text
from pyspark_interview_project.config.paths import REJECTED_FILES
from pyspark_interview_project.engines import duckdb_reading
from pyspark_interview_project.errors import RejectedFilesError, UnreadableInputError
from pyspark_interview_project.pipeline.ledger import ABANDONED, COMMITTED
from pyspark_interview_project.sources.landed_text import TextFile, text_batches
from running import land_returns, return_of, run_here

AS_OF = ("--as-of", "2026-11-23")
BAD, GOOD = f"{LANDED}/bad.csv", f"{LANDED}/good.jsonl"
NO_SKU = csv_text([return_of("R-bad")]).replace("sku", "product")
PROBLEM = (
    "column sku is missing in its header, which is return_id, order_id, customer_id, product, reason, qty, amount, "
    "return_date, ingest_ts; it looks separated by a comma; wanted are return_id, order_id, customer_id, sku, reason, "
    "qty, amount, return_date, ingest_ts; a feed says how other columns become ours; returns feeds draft writes one to "
    "start from"
)
ONE_SET_ASIDE = (
    "1 landed file was set aside, all others are done; mend, remove or skip (skip_files) each, then run again"
)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A file that cannot be taken, beside a good one."""
    root = tmp_path / "lake"
    write_text(root / BAD, NO_SKU)
    land_returns(root, "good", return_of("R-good"))
    return root


def ids(lake: Path) -> list[str]:
    return [row[0] for row in lake_reading.silver(lake)]


def states(lake: Path) -> list[str]:
    return [state for _, state in lake_reading.batch_states(lake)]


def kept(lake: Path) -> dict[str, str]:
    """The problems on record under ops/, by path."""
    return {file["path"]: file["problem"] for file in json.loads((lake / REJECTED_FILES).read_text())}


def run(lake: Path, *options: str, **env: str) -> tuple[int, list[str], dict[str, Any]]:
    """The exit code of a run, what a person was told, and its record."""
    ended = returns(lake, "run", *AS_OF, *options, **env)
    return ended.exit_code, ended.complaints, lake_reading.latest_run_record(lake)


def test_run_takes_the_others_and_ends_with_exit_4_until_the_file_is_mended(lake: Path) -> None:
    told = [f"error: {ONE_SET_ASIDE}", f"  {BAD}: {PROBLEM}"]
    for status in ("succeeded", "no_new_data"):
        exit_code, complaints, record = run(lake)
        assert (exit_code, complaints) == (4, told)
        assert [record[key] for key in ("status", "exit_code", "error")] == [status, 4, ONE_SET_ASIDE]
        assert record["files_rejected"] == [{"path": BAD, "problem": PROBLEM}]
        assert (ids(lake), kept(lake)) == (["R-good"], {BAD: PROBLEM})
    gold = [row[2] for row in lake_reading.gold_by_sku_reason(lake)]
    assert gold == [1]  # gold is finished

    write_text(lake / BAD, csv_text([return_of("R-bad")]))
    exit_code, complaints, record = run(lake)
    assert (exit_code, complaints, record["files_rejected"]) == (0, [], [])
    assert (ids(lake), kept(lake)) == (["R-bad", "R-good"], {})


def test_run_on_nothing_but_files_that_cannot_be_taken_ends_with_exit_4(lake: Path) -> None:
    (lake / GOOD).unlink()
    exit_code, complaints, record = run(lake)
    assert (exit_code, len(complaints), record["status"]) == (4, 2, "no_new_data")
    assert kept(lake) == {BAD: PROBLEM}


@pytest.mark.parametrize("how", ["removed", "skipped"])
def test_file_that_is_removed_or_skipped_is_on_record_no_more(lake: Path, how: str) -> None:
    run_here(lake)
    if how == "removed":
        (lake / BAD).unlink()
    record = run_here(lake, skip_files=[BAD] if how == "skipped" else [])
    assert (record.files_rejected, kept(lake), ids(lake)) == ([], {}, ["R-good"])
    assert record.warnings == ([f"{BAD} is skipped"] if how == "skipped" else [])


def test_file_that_cannot_even_be_opened_can_be_skipped(lake: Path) -> None:
    (lake / BAD).unlink()
    (lake / BAD).symlink_to("/etc/hostname")
    assert [file.path for file in run_here(lake).files_rejected] == [BAD]
    record = run_here(lake, skip_files=[BAD])
    assert (record.files_rejected, kept(lake), record.warnings) == ([], {}, [f"{BAD} is skipped"])


def test_lines_of_a_run_name_every_file(lake: Path) -> None:
    write_text(lake / LANDED / "empty.csv", "")
    exit_code, complaints, _ = run(lake)
    assert (exit_code, complaints) == (
        4,
        [
            "error: 2 landed files were set aside, all others are done; mend, remove or skip (skip_files) each, "
            "then run again",
            f"  {BAD}: {PROBLEM}",
            f"  {LANDED}/empty.csv: it has no header: it is empty, or has only blank lines and comments",
        ],
    )


def test_dry_run_shows_the_others_changes_nothing_and_ends_as_a_run_would(lake: Path) -> None:
    ended = returns(lake, "run", "--dry-run", *AS_OF)
    assert (ended.exit_code, ended.complaints) == (4, [f"error: {ONE_SET_ASIDE}", f"  {BAD}: {PROBLEM}"])
    assert "inserted 1" in ended.lines and f"set aside: {BAD}: {PROBLEM}" in ended.stdout.splitlines()
    assert sorted(path.name for path in lake.iterdir()) == ["bronze"]


def test_run_does_nothing_where_the_settings_say_so(lake: Path) -> None:
    exit_code, complaints, record = run(lake, UNREADABLE_FILES="fail")
    message = (
        "1 landed file was unreadable, so nothing is done; mend, remove or skip (skip_files) each, " "then run again"
    )
    assert (exit_code, complaints) == (4, [f"error: {message}", f"  {BAD}: {PROBLEM}"])
    assert [record[key] for key in ("status", "exit_code", "error")] == ["failed", 4, message]
    assert (states(lake), (lake / "silver").exists()) == ([], False)


def test_stages_apart_end_well_and_the_last_but_finalize_leaves_it_on_record(lake: Path) -> None:
    """Else a scheduler would hold up the others for one file."""
    run_id = "3c9f6cfd-5f0c-4d3b-9d2f-0b8a6f1f0c11"
    for stage in (["plan", "--commit"], ["bronze-to-silver"], ["silver-to-gold"]):
        ended = returns(lake, *stage, *AS_OF, "--run-id", run_id)
        assert (ended.exit_code, ended.complaints) == (0, [])
    record = lake_reading.latest_run_record(lake)
    assert record["files_rejected"] == [{"path": BAD, "problem": PROBLEM}]
    assert [record[key] for key in ("status", "exit_code", "error", "complete")] == ["succeeded", 0, None, True]
    assert ids(lake) == ["R-good"]


# Faults that planning does not meet ---------------------------------------------------------------------------------

Fault = Callable[[TextFile], Iterator[pa.RecordBatch]]


@pytest.fixture
def broken_in_the_middle(lake: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """`broken_in_the_middle(may_pass)`: bad.csv has a record, and then cannot be read on."""
    write_text(lake / BAD, csv_text([return_of("R-bad")]))

    def break_(may_pass: bool) -> None:
        def broken(file: TextFile, note_unknown: Any) -> Iterator[pa.RecordBatch]:
            yield from text_batches(file, note_unknown)
            if file.path == BAD:
                raise UnreadableInputError(file.path, "Input/output error" if may_pass else "it is torn", may_pass)

        monkeypatch.setattr(duckdb_reading, "text_batches", broken)

    return break_


@pytest.mark.embedded_only
def test_file_that_breaks_while_it_is_read_is_set_aside_and_the_run_goes_on(
    lake: Path, broken_in_the_middle: Callable[[bool], None]
) -> None:
    broken_in_the_middle(False)
    record = run_here(lake)
    assert (states(lake), ids(lake)) == ([ABANDONED, COMMITTED], ["R-good"])
    assert [file["path"] for file in record.files] == [GOOD]
    assert [(file.path, file.problem) for file in record.files_rejected] == [(BAD, "it is torn")]
    assert kept(lake) == {BAD: "it is torn"}
    assert record.stages[0].rows_read == 1

    again = run_here(lake)
    assert (again.status, states(lake)) == ("no_new_data", [ABANDONED, COMMITTED])
    assert [file.path for file in again.files_rejected] == [BAD]


@pytest.mark.embedded_only
def test_file_that_storage_could_not_read_for_now_is_taken_by_the_next_run(
    lake: Path, broken_in_the_middle: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_in_the_middle(True)
    record = run_here(lake)
    assert [(file.path, file.problem) for file in record.files_rejected] == [(BAD, "Input/output error")]
    assert ids(lake) == ["R-good"]
    monkeypatch.undo()
    record = run_here(lake)
    assert (record.files_rejected, ids(lake), kept(lake)) == ([], ["R-bad", "R-good"], {})


@pytest.mark.embedded_only
def test_file_that_breaks_while_it_is_read_stops_the_run_where_the_settings_say_so(
    lake: Path, broken_in_the_middle: Callable[[bool], None]
) -> None:
    broken_in_the_middle(False)
    with pytest.raises(RejectedFilesError) as raised:
        run_here(lake, unreadable_files="fail")
    assert raised.value.problems == {BAD: "it is torn"}
    assert (states(lake), ids(lake)) == ([ABANDONED], [])


def test_record_too_long_and_a_quote_that_stays_open_are_met_behind_the_plan_and_named(lake: Path) -> None:
    header, good = csv_text([return_of("R-1")]).splitlines()
    write_text(lake / BAD, f'{header}\n{good}\nR-2,"O1,,MUG,late,1,5.00,2026-11-18,\n' + good * 40 + "\n")
    write_text(lake / LANDED / "long.csv.gz", f"{header}\n{good}\n{'x' * 2000}\n")
    exit_code, complaints, _ = run(lake, MAX_RECORD_BYTES="1024")
    assert (exit_code, ids(lake)) == (4, ["R-good"])
    assert complaints[1:] == [
        f"  {BAD}: a quote opens in line 3 (record 2) and does not close within 1,024 characters; "
        "`read: {quote: null}` of a feed takes files whose quotes are text",
        f"  {LANDED}/long.csv.gz: record 2, which begins in line 3, is longer than 1,024 characters; raise "
        "max_record_bytes to take it",
    ]
    exit_code, complaints, _ = run(lake, MAX_RECORD_BYTES="4096")
    assert (exit_code, [line.split(":")[0].strip() for line in complaints[1:]]) == (4, [BAD])
    assert ids(lake) == ["R-1", "R-good"]  # long.csv.gz was looked at again: a limit is another one


def test_gzip_file_whose_tail_is_broken_is_set_aside_before_a_record_counts(lake: Path) -> None:
    content = gzip.compress(csv_text([return_of(f"R-{number}") for number in range(500)]).encode())
    (lake / BAD).rename(lake / f"{BAD}.gz")
    (lake / f"{BAD}.gz").write_bytes(content[:-4] + b"\0\0\0\0")
    record = run_here(lake)
    assert [file.path for file in record.files_rejected] == [f"{BAD}.gz"]
    assert "cannot be unpacked to its end" in record.files_rejected[0].problem
    assert (ids(lake), states(lake)) == (["R-good"], [COMMITTED])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_file_that_may_not_be_read_is_set_aside_with_the_systems_words(lake: Path) -> None:
    write_text(lake / BAD, csv_text([return_of("R-bad")])).chmod(0)
    record = run_here(lake)
    assert [(file.path, file.problem) for file in record.files_rejected] == [(BAD, "Permission denied")]
