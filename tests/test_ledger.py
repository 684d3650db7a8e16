"""Batches: written down before anything is done with them, marked done last."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.errors import DamageError
from pyspark_interview_project.pipeline.ledger import ABANDONED, COMMITTED, PLANNED, Batch, Batches, Counted
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.transforms.parts import CountedPart, Part

AS_OF = date(2026, 3, 10)
FILE = LandedFile("bronze/returns_raw/a.csv", 4, 1_700_000_000_123_456_789, "ab" * 32)
OTHER_FILE = LandedFile("bronze/returns_raw/ß [x].csv", 5, 2, "cd" * 32)
COUNTED = Counted(silver_version=3, commits=2, figures={"rows_read": 7, "amounts": {"read": "1.00"}})


@pytest.fixture
def batches(tmp_path: Path) -> Batches:
    return Batches(LakePaths(str(tmp_path)))


def plan(batches: Batches, *files: LandedFile) -> Batch:
    """Draft a batch of the files and write it down."""
    batch = batches.draft(files, AS_OF, "run-1")
    batches.plan(batch)
    return batch


def test_batches_of_a_new_lake_are_none(batches: Batches) -> None:
    assert ([*batches.all()], batches.pending(), batches.known_files()) == ([], None, [])


def test_draft_writes_nothing(batches: Batches, tmp_path: Path) -> None:
    batches.draft((FILE,), AS_OF, "run-1")
    assert [*tmp_path.iterdir()] == []


def test_draft_of_the_same_files_has_the_same_id_whenever_they_landed(batches: Batches) -> None:
    first = batches.draft((FILE,), AS_OF, "run-1")
    later = batches.draft((replace(FILE, modified_ns=9),), date(2026, 4, 1), "run-2")
    assert later.batch_id == first.batch_id


@pytest.mark.parametrize("change", [{"path": "b.csv"}, {"size": 5}, {"sha256": "00" * 32}])
def test_draft_of_other_files_has_another_id(batches: Batches, change: dict[str, str]) -> None:
    other = batches.draft((replace(FILE, **change),), AS_OF, "run-1")
    assert other.batch_id != batches.draft((FILE,), AS_OF, "run-1").batch_id


def test_draft_ids_sort_by_age(batches: Batches) -> None:
    ids = []
    for _ in range(11):
        batch = plan(batches, FILE)
        batches.abandon(batch, "run-1", "again")
        ids.append(batch.batch_id)
    assert ids == sorted(ids) and len({*ids}) == 11 and ids[0].startswith("000001-")


def test_draft_id_is_a_sequence_number_and_a_hash_of_the_files(batches: Batches) -> None:
    for _ in range(2):
        plan(batches, FILE)
    content = f'[["{FILE.path}", 4, "{FILE.sha256}"], ["bronze/returns_raw/\\u00df [x].csv", 5, "{OTHER_FILE.sha256}"]]'
    digits = hashlib.sha256(content.encode()).hexdigest()[:12]
    assert batches.draft((FILE, OTHER_FILE), AS_OF, "run-1").batch_id == f"000003-{digits}"


def test_draft_says_when_it_was_made_in_utc(batches: Batches) -> None:
    before = datetime.now(UTC)
    made = datetime.fromisoformat(batches.draft((FILE,), AS_OF, "run-1").planned_at)
    assert (made.utcoffset(), before <= made <= datetime.now(UTC)) == (timedelta(0), True)


def test_plan_batch_is_read_back_as_it_was_written(batches: Batches) -> None:
    batch = plan(batches, FILE, OTHER_FILE)
    assert [*batches.all()] == [batch]
    assert (batch.state, batch.as_of, batch.planned_by, batch.counted) == (PLANNED, AS_OF, "run-1", None)


def test_pending_is_the_batch_that_is_only_planned(batches: Batches) -> None:
    batch = plan(batches, FILE)
    assert batches.pending() == batch


def test_pending_keeps_what_was_counted(batches: Batches) -> None:
    counted = batches.count(plan(batches, FILE), COUNTED)
    assert counted.counted == COUNTED
    assert batches.pending() == counted


def test_pending_keeps_the_parts_the_silver_and_the_zone(batches: Batches) -> None:
    parts = (
        CountedPart(Part(1, date(2026, 1, 5), date(2026, 1, 6)), inserted=3, updated=0),
        CountedPart(Part(2, date(2026, 1, 7), date(2026, 1, 7), "03", "7f"), inserted=0, updated=2),
    )
    batch = batches.draft((FILE,), AS_OF, "run-1", "Europe/Berlin")
    batches.plan(batch)
    counted = batches.count(batch, replace(COUNTED, silver_id="5d0c", parts=parts))
    assert batches.pending() == counted
    assert counted.counted and (counted.counted.parts, counted.spark_tz) == (parts, "Europe/Berlin")


def test_pending_of_no_parts_is_not_one_that_kept_none(batches: Batches) -> None:
    counted = batches.count(plan(batches, FILE), Counted(3, 0, {}, "5d0c", parts=()))
    assert batches.pending() == counted


def test_pending_that_was_planned_before_zones_were_kept_has_none(batches: Batches, tmp_path: Path) -> None:
    file = tmp_path / "ops" / "batches" / plan(batches, FILE).batch_id / "plan.json"
    record = json.loads(file.read_text())
    del record["spark_tz"]
    file.write_text(json.dumps(record))
    pending = batches.pending()
    assert pending is not None and pending.spark_tz is None


def test_last_in_silver_is_the_newest_committed_batch_with_rows_there(batches: Batches) -> None:
    assert batches.last_in_silver() is None
    first = batches.commit(batches.count(plan(batches, FILE), COUNTED), "run-1")
    batches.commit(batches.count(plan(batches, OTHER_FILE), replace(COUNTED, commits=0)), "run-1")
    batches.abandon(batches.count(plan(batches, FILE), COUNTED), "run-1", "gone")
    batches.count(plan(batches, FILE), COUNTED)
    assert batches.last_in_silver() == first


def test_commit_batch_is_done_and_its_files_are_known(batches: Batches) -> None:
    done = batches.commit(plan(batches, FILE, OTHER_FILE), "run-2")
    assert (done.state, batches.pending(), batches.known_files()) == (COMMITTED, None, [FILE, OTHER_FILE])
    assert [batch.state for batch in batches.all()] == [COMMITTED]


def test_abandon_batch_is_given_up_and_its_files_can_be_planned_again(batches: Batches) -> None:
    given_up = batches.abandon(plan(batches, FILE), "run-2", "a.csv is gone")
    assert (given_up.state, batches.pending(), batches.known_files()) == (ABANDONED, None, [])
    assert plan(batches, FILE) == batches.pending()


def written(tmp_path: Path, batch: Batch, name: str) -> dict[str, Any]:
    """What a file of the batch says, with its time, which must be UTC and now, made a word."""
    record = json.loads((tmp_path / "ops" / "batches" / batch.batch_id / name).read_text())
    at = datetime.fromisoformat(record["at"])
    assert (at.utcoffset(), abs(datetime.now(UTC) - at) < timedelta(hours=1)) == (timedelta(0), True)
    return {**record, "at": "now"}


def test_commit_says_on_record_who_and_when(batches: Batches, tmp_path: Path) -> None:
    batch = batches.commit(plan(batches, FILE), "run-2")
    assert written(tmp_path, batch, "committed.json") == {"run_id": "run-2", "at": "now"}


def test_abandon_says_on_record_who_when_and_why(batches: Batches, tmp_path: Path) -> None:
    batch = batches.abandon(plan(batches, FILE), "run-2", "a.csv is gone")
    expected = {"run_id": "run-2", "at": "now", "why": "a.csv is gone"}
    assert written(tmp_path, batch, "abandoned.json") == expected


def test_count_is_written_for_a_person_to_read(batches: Batches, tmp_path: Path) -> None:
    batch = batches.count(plan(batches, FILE), Counted(silver_version=3, commits=2, figures={"rows_read": 7}))
    text = (tmp_path / "ops" / "batches" / batch.batch_id / "counted.json").read_text()
    assert text == '{\n "silver_version": 3,\n "commits": 2,\n "figures": {\n  "rows_read": 7\n }\n}\n'


def test_all_batches_come_the_oldest_first(batches: Batches) -> None:
    first = batches.commit(plan(batches, OTHER_FILE), "run-1")
    second = batches.abandon(plan(batches, FILE), "run-2", "gone")
    third = plan(batches, FILE)
    assert [*batches.all()] == [first, second, third]


def test_all_batches_leave_out_a_directory_whose_plan_was_not_finished(batches: Batches, tmp_path: Path) -> None:
    torn = tmp_path / "ops" / "batches" / "000001-abc"
    torn.mkdir(parents=True)
    (torn / ".plan.json.x1.tmp").write_text("{")
    assert ([*batches.all()], batches.pending()) == ([], None)


def test_plan_of_one_lake_is_not_seen_in_another(batches: Batches, tmp_path: Path) -> None:
    plan(batches, FILE)
    assert [*Batches(LakePaths(str(tmp_path / "other"))).all()] == []


@pytest.mark.parametrize("name", ["plan.json", "counted.json"])
@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"files": 1}', "\udce9"])
def test_batch_whose_state_was_damaged_is_named(batches: Batches, tmp_path: Path, name: str, text: str) -> None:
    batch = batches.count(plan(batches, FILE), COUNTED)
    file = tmp_path / "ops" / "batches" / batch.batch_id / name
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DamageError) as raised:
        batches.pending()
    assert (raised.value.place, raised.value.exit_code) == (str(file), 7)
    assert "from a backup" in str(raised.value)


def test_check_complete_batches_that_are_there_in_any_state_are_well(batches: Batches) -> None:
    first = batches.commit(plan(batches, OTHER_FILE), "run-1")
    second = batches.abandon(plan(batches, FILE), "run-2", "gone")
    third = plan(batches, FILE)
    batches.check_complete([first.batch_id, second.batch_id, third.batch_id])


def test_check_complete_batch_that_was_lost_is_named(batches: Batches, tmp_path: Path) -> None:
    there = plan(batches, FILE)
    with pytest.raises(DamageError) as raised:
        batches.check_complete([there.batch_id, "000007-abc", "000008-abc"])
    assert (raised.value.place, len(raised.value.findings)) == (str(tmp_path / "ops" / "batches"), 2)
    assert "batch 000007-abc is not there" in str(raised.value)
