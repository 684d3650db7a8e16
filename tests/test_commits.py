"""Commits: what ours say of themselves, and what a log's entries say of everybody's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pyspark_interview_project.storage.commits import (
    CommitMetadata,
    TableCommit,
    Written,
    commits_of,
    metadata_of,
    restored_version,
    written_by,
)


def test_metadata_is_a_flat_record_and_json() -> None:
    metadata = CommitMetadata("run-1", "silver_to_gold", None, {"silver_version": 3, "silver_id": "5d0c"})
    record = {"run_id": "run-1", "stage": "silver_to_gold", "batch_id": None, "silver_version": 3, "silver_id": "5d0c"}
    assert (metadata.as_record(), json.loads(metadata.as_json())) == (record, record)
    plain = CommitMetadata("run-1", "bronze_to_silver", "B1")
    assert plain.as_record() == {"run_id": "run-1", "stage": "bronze_to_silver", "batch_id": "B1"}


@pytest.mark.parametrize(
    ("entry", "metadata"),
    [
        ({"userMetadata": '{"run_id": "run-1"}'}, {"run_id": "run-1"}),
        ({}, {}),
        ({"userMetadata": None}, {}),
        ({"userMetadata": ""}, {}),
        ({"userMetadata": "of a person"}, {}),
        ({"userMetadata": "[1]"}, {}),
        ({"userMetadata": '"text"'}, {}),
    ],
)
def test_metadata_of_a_commit_of_others_is_empty(entry: dict[str, Any], metadata: dict[str, Any]) -> None:
    assert metadata_of(entry) == metadata


def entry(version: int, operation: str | None = "WRITE", **more: Any) -> dict[str, Any]:
    return {"version": version, "operation": operation, **more}


def restore(version: int, to: object) -> dict[str, Any]:
    return entry(version, "RESTORE", operationParameters={"version": to})


def standing(history: list[dict[str, Any]]) -> list[int]:
    return [commit.version for commit in commits_of(history) if not commit.undone]


def test_commits_of_nothing_are_none() -> None:
    assert [*commits_of([])] == []


def test_commits_say_what_they_did_and_whether_rows_stayed() -> None:
    history = [
        entry(3, "OPTIMIZE"),
        entry(2, userMetadata='{"batch_id": "B1"}'),
        entry(1, "ADD CONSTRAINT"),
        entry(0, None),
    ]
    assert [*commits_of(history)] == [
        TableCommit(3, {}, "OPTIMIZE", keeps_rows=True, undone=False),
        TableCommit(2, {"batch_id": "B1"}, "WRITE", keeps_rows=False, undone=False),
        TableCommit(1, {}, "ADD CONSTRAINT", keeps_rows=True, undone=False),
        TableCommit(0, {}, "", keeps_rows=False, undone=False),
    ]


@pytest.mark.parametrize(
    ("history", "versions"),
    [
        ([entry(2), entry(1), entry(0)], [2, 1, 0]),
        ([restore(3, 1), entry(2), entry(1), entry(0)], [3, 1, 0]),
        ([entry(4), restore(3, 1), entry(2), entry(1), entry(0)], [4, 3, 1, 0]),
        # Undone, and stands again.
        ([restore(4, 2), restore(3, 1), entry(2), entry(1), entry(0)], [4, 2, 1, 0]),
        # A restore that was undone itself undoes nothing.
        ([restore(5, 3), restore(4, 0), entry(3), restore(2, 0), entry(1), entry(0)], [5, 3, 2, 0]),
        ([restore(2, None), entry(1), entry(0)], [2]),
    ],
)
def test_commits_between_a_restore_and_its_version_are_undone(
    history: list[dict[str, Any]], versions: list[int]
) -> None:
    assert standing(history) == versions


@pytest.mark.parametrize(
    ("parameters", "version"),
    [
        ({"version": 3}, 3),
        ({"version": "12"}, 12),
        ({"version": None, "datetime": "2026-01-05"}, -1),
        ({}, -1),
        (None, -1),
    ],
)
def test_restored_version_of_a_restore_by_time_is_not_known(parameters: dict[str, Any] | None, version: int) -> None:
    assert restored_version({"version": 5, "operation": "RESTORE", "operationParameters": parameters}) == version


@pytest.mark.parametrize(
    ("metrics", "written"),
    [
        (None, Written(7)),
        ({}, Written(7)),
        ({"num_added_rows": 3}, Written(7, inserted=3)),
        ({"numOutputRows": "3"}, Written(7, inserted=3)),
        ({"num_deleted_rows": 2}, Written(7, deleted=2)),
        ({"numDeletedRows": "2"}, Written(7, deleted=2)),
        (
            {"num_target_rows_inserted": 1, "num_target_rows_updated": 2, "num_target_rows_deleted": 3},
            Written(7, inserted=1, updated=2, deleted=3),
        ),
        (
            {
                "numTargetRowsInserted": "1",
                "numTargetRowsUpdated": "2",
                "numTargetRowsDeleted": "3",
                "numOutputRows": "9",
            },
            Written(7, inserted=1, updated=2, deleted=3),
        ),
    ],
)
def test_written_is_what_either_engine_counted(metrics: dict[str, Any] | None, written: Written) -> None:
    assert written_by({"version": 7, "operationMetrics": metrics}) == written
