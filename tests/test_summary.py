"""What a run prints at its end: rows by outcome, rules, and the landed files that were not taken."""

from __future__ import annotations

from typing import Any

import pytest

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.metrics.run_record import NO_NEW_DATA, FileRecord, RunRecord, StageRecord
from pyspark_interview_project.pipeline.summary import print_summary

SILVER: dict[str, Any] = {
    **{"name": "bronze_to_silver", "rows": 6, "duration_sec": 1.5, "rows_read": 1213, "rows_inserted": 1205},
    **{"rows_updated": 1, "rows_superseded": 1, "rows_duplicate": 1, "rows_quarantined": 2, "rows_excluded": 3},
    "quarantined_by_reason": {"qty_missing": 2},
    "amounts": {
        **{"read": "12.00", "inserted": "9.00", "updated": "1.00", "superseded": "0.00", "duplicate": "0.00"},
        **{"quarantined": "0.50", "excluded": "1.50"},
    },
}


def printed(capsys: pytest.CaptureFixture[str], silver: dict[str, Any] = SILVER, **facts: Any) -> list[str]:
    """The lines of a summary, each with single blanks."""
    stages = [StageRecord.model_validate(silver)]
    record = RunRecord(
        run_id="run-1", app_env="test", engine="embedded", **{"status": "succeeded", "stages": stages} | facts
    )
    print_summary(record, LakePaths("/lake"), [])
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


LAST = ["the tables under /lake:", "place rows version", "succeeded: bronze_to_silver 1.5 s; run run-1"]


def test_summary_has_every_outcome_with_its_rules(capsys: pytest.CaptureFixture[str]) -> None:
    silver = SILVER | {"returns_ambiguous": 2, "warned_by_rule": {"fba_test_order": 4}}
    assert printed(capsys, silver) == [
        "rows amount",
        "read 1,213 12.00",
        "inserted 1,205 9.00",
        "updated 1 1.00",
        "superseded 1 0.00",
        "duplicate 1 0.00",
        "quarantined 2 0.50",
        "qty_missing 2",
        "excluded 3 1.50",
        "kept with a warning",
        "fba_test_order 4",
        "2 ambiguous: two versions have one ingest_ts and differ; most often the key is too short",
        *LAST,
    ]


def test_summary_of_a_run_without_them_names_neither_warnings_nor_ambiguous_returns_nor_files(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = printed(capsys, SILVER | {"returns_ambiguous": 0})
    assert lines[-5:] == ["qty_missing 2", "excluded 3 1.50", *LAST]


FILES = {
    "files_rejected": [FileRecord(path="a\x1b.csv", problem="UTF-16\n")],
    "files_ignored": [FileRecord(path="a.doc", problem="no known name")],
}
TOLD = ["set aside: a\\x1b.csv: UTF-16\\n", "ignored: a.doc: no known name"]


def test_summary_names_the_files_that_were_not_taken_last(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, warnings=["odd"], **FILES)[-3:] == ["warning: odd", *TOLD]


def test_summary_of_a_run_with_nothing_new_names_them_too(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = "nothing new in /lake/bronze/returns_raw; the tables are as they were"
    assert printed(capsys, status=NO_NEW_DATA, stages=[], **FILES) == [nothing, *TOLD]


def test_summary_of_many_files_has_twenty_of_each_sort_and_says_how_many_more_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    many = [FileRecord(path=f"{number:04}.csv", problem="UTF-16") for number in range(1021)]
    lines = printed(capsys, files_rejected=many, files_ignored=many[:21])
    assert lines[-42:] == [
        *(f"set aside: {number:04}.csv: UTF-16" for number in range(20)),
        "set aside: and 1,001 more; the run record has them all",
        *(f"ignored: {number:04}.csv: UTF-16" for number in range(20)),
        "ignored: and 1 more; the run record has them all",
    ]
