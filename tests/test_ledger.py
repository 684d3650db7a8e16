"""The ledger: batches written down before anything is done with them, marked done last, and summed up by and by."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pyspark_interview_project.errors import ConflictError, DamageError
from pyspark_interview_project.pipeline.ledger import (
    ABANDONED,
    COMMITTED,
    PLANNED,
    Batch,
    Checkpoint,
    Ledger,
    TablesAfter,
)
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.storage.files import LocalFiles

AS_OF = date(2026, 3, 10)
FILE = LandedFile("bronze/returns_raw/a.csv", 4, 1_700_000_000_123_456_789, "ab" * 32)
OTHER_FILE = LandedFile("bronze/returns_raw/ß [x].csv", 5, 2, "cd" * 32)
FIGURES = {"rows_read": 7, "rows_quarantined": 0, "amounts": {"read": "1.00"}}
CHECKPOINT = Checkpoint(silver_version=3, commits=1, figures=FIGURES, silver_id="5d0c")
AFTER = TablesAfter("5d0c", 4, 2)


class CountingFiles(LocalFiles):
    """Files that remember which of them were read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.were_read: list[str] = []

    def read(self, path: str) -> bytes:
        self.were_read.append(path)
        return super().read(path)


def opened(root: Path) -> Ledger:
    """The ledger of a lake as another process finds it."""
    return Ledger(LocalFiles(root))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return opened(tmp_path)


def plan(ledger: Ledger, *files: LandedFile) -> Batch:
    """A batch of the files, written down."""
    batch = ledger.new_batch(files, AS_OF, "run-1")
    ledger.plan(batch)
    return batch


def file_of(number: int) -> LandedFile:
    return replace(FILE, path=f"bronze/returns_raw/{number}.csv", sha256=f"{number:064x}")


def commit(ledger: Ledger, number: int, quarantined: int = 0) -> Batch:
    """A batch of one file, from its plan to its end."""
    figures = {**FIGURES, "rows_quarantined": quarantined}
    batch = ledger.checkpoint(plan(ledger, file_of(number)), replace(CHECKPOINT, figures=figures))
    return ledger.commit(batch, "run-1", TablesAfter("5d0c", number, number))


def written(root: Path, batch: Batch, name: str) -> Path:
    return root / "ops" / "batches" / batch.batch_id / f"{name}.json"


# New batches ---------------------------------------------------------------------------------------------------------


def test_ledger_of_a_new_lake_is_empty(ledger: Ledger, tmp_path: Path) -> None:
    assert (ledger.pending(), ledger.known_files(), ledger.last_committed(), ledger.has_quarantined()) == (
        None,
        [],
        None,
        False,
    )
    ledger.check_complete([])
    assert [*tmp_path.iterdir()] == []


def test_new_batch_writes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    batch = ledger.new_batch((FILE,), AS_OF, "run-1")
    assert ([*tmp_path.iterdir()], ledger.pending(), batch.is_resumed) == ([], None, False)


def test_new_batch_of_the_same_files_has_the_same_id_whenever_they_landed(ledger: Ledger) -> None:
    first = ledger.new_batch((FILE,), AS_OF, "run-1")
    later = ledger.new_batch((replace(FILE, modified_ns=9),), date(2026, 4, 1), "run-2")
    assert later.batch_id == first.batch_id


@pytest.mark.parametrize("change", [{"path": "b.csv"}, {"size": 5}, {"sha256": "00" * 32}])
def test_new_batch_of_other_files_has_another_id(ledger: Ledger, change: dict[str, Any]) -> None:
    other = ledger.new_batch((replace(FILE, **change),), AS_OF, "run-1")
    assert other.batch_id != ledger.new_batch((FILE,), AS_OF, "run-1").batch_id


def test_new_batch_ids_sort_by_age(ledger: Ledger, tmp_path: Path) -> None:
    ids = []
    for number in range(11):
        if number % 2:
            ledger = opened(tmp_path)
        batch = plan(ledger, FILE)
        ledger.abandon(batch, "run-1", "again")
        ids.append(batch.batch_id)
    assert [batch_id.partition("-")[0] for batch_id in ids] == [f"{number:06d}" for number in range(1, 12)]


def test_new_batch_id_is_a_number_and_a_hash_of_the_files(ledger: Ledger) -> None:
    for _ in range(2):
        plan(ledger, FILE)
    content = f'[["{FILE.path}", 4, "{FILE.sha256}"], ["bronze/returns_raw/\\u00df [x].csv", 5, "{OTHER_FILE.sha256}"]]'
    digits = hashlib.sha256(content.encode()).hexdigest()[:12]
    batch = ledger.new_batch((FILE, OTHER_FILE), AS_OF, "run-1")
    assert (batch.batch_id, batch.number) == (f"000003-{digits}", 3)


def test_new_batch_says_when_it_was_made_in_utc(ledger: Ledger) -> None:
    before = datetime.now(UTC)
    made = ledger.new_batch((FILE,), AS_OF, "run-1").planned_at
    assert (made.utcoffset(), before <= made <= datetime.now(UTC)) == (timedelta(0), True)


# From the plan to the end --------------------------------------------------------------------------------------------


def test_planned_batch_is_pending_in_this_process_and_the_next(ledger: Ledger, tmp_path: Path) -> None:
    batch = ledger.new_batch((FILE, OTHER_FILE), AS_OF, "run-1", "Europe/Berlin")
    ledger.plan(batch)
    for reader in (ledger, opened(tmp_path)):
        assert reader.pending() == batch
        assert (reader.known_files(), reader.last_committed(), reader.has_quarantined()) == ([], None, False)
    assert (batch.state, batch.as_of, batch.planned_by, batch.spark_tz) == (PLANNED, AS_OF, "run-1", "Europe/Berlin")


def test_batch_that_was_read_is_resumed_and_one_that_was_made_here_is_not(ledger: Ledger, tmp_path: Path) -> None:
    plan(ledger, FILE)
    resumed = [batch and batch.is_resumed for batch in (ledger.pending(), opened(tmp_path).pending())]
    assert resumed == [False, True]


def test_pending_batch_keeps_its_checkpoint(ledger: Ledger, tmp_path: Path) -> None:
    batch = ledger.checkpoint(plan(ledger, FILE), CHECKPOINT)
    assert batch.checkpoint == CHECKPOINT
    for reader in (ledger, opened(tmp_path)):
        assert reader.pending() == batch


def test_committed_batch_is_done_and_its_files_are_known(ledger: Ledger, tmp_path: Path) -> None:
    batch = ledger.checkpoint(plan(ledger, FILE, OTHER_FILE), CHECKPOINT)
    done = ledger.commit(batch, "run-2", AFTER)
    assert done == replace(batch, state=COMMITTED, after=AFTER)
    for reader in (ledger, opened(tmp_path)):
        assert (reader.pending(), reader.known_files()) == (None, [FILE, OTHER_FILE])
        assert reader.last_committed() == (batch.batch_id, AFTER)


def test_abandoned_batch_is_given_up_and_its_files_can_be_planned_again(ledger: Ledger, tmp_path: Path) -> None:
    batch = ledger.checkpoint(plan(ledger, FILE), replace(CHECKPOINT, figures={**FIGURES, "rows_quarantined": 3}))
    assert ledger.abandon(batch, "run-2", "a.csv is gone") == replace(batch, state=ABANDONED)
    for reader in (ledger, opened(tmp_path)):
        assert (reader.pending(), reader.known_files(), reader.last_committed()) == (None, [], None)
        assert reader.has_quarantined() is False
    again = plan(ledger, FILE)
    assert (ledger.pending(), again.number) == (again, 2)


def test_last_committed_is_the_newest_whatever_follows_it(ledger: Ledger, tmp_path: Path) -> None:
    commit(ledger, 1)
    second = commit(ledger, 2)
    ledger.abandon(plan(ledger, FILE), "run-1", "gone")
    plan(ledger, OTHER_FILE)
    for reader in (ledger, opened(tmp_path)):
        assert reader.last_committed() == (second.batch_id, TablesAfter("5d0c", 2, 2))
        assert reader.known_files() == [file_of(1), file_of(2)]


def test_has_quarantined_is_whether_any_committed_batch_did(ledger: Ledger, tmp_path: Path) -> None:
    commit(ledger, 1)
    assert (ledger.has_quarantined(), opened(tmp_path).has_quarantined()) == (False, False)
    commit(ledger, 2, quarantined=1)
    commit(ledger, 3)
    assert (ledger.has_quarantined(), opened(tmp_path).has_quarantined()) == (True, True)


def test_plan_of_one_lake_is_not_seen_in_another(ledger: Ledger, tmp_path: Path) -> None:
    plan(ledger, FILE)
    assert opened(tmp_path / "other").pending() is None


@pytest.mark.parametrize("step", ["plan", "checkpoint", "commit", "abandon"])
def test_each_write_is_checked_first(tmp_path: Path, step: str) -> None:
    lost = False

    def check() -> None:
        if lost:
            raise ConflictError("the lake", "another run has it")

    ledger = Ledger(LocalFiles(tmp_path), check)
    batch = ledger.new_batch((FILE,), AS_OF, "run-1")
    if step != "plan":
        ledger.plan(batch)
    before = (sorted(tmp_path.rglob("*")), ledger.pending())
    lost = True
    steps: dict[str, Callable[[], object]] = {
        "plan": lambda: ledger.plan(batch),
        "checkpoint": lambda: ledger.checkpoint(batch, CHECKPOINT),
        "commit": lambda: ledger.commit(batch, "run-1", AFTER),
        "abandon": lambda: ledger.abandon(batch, "run-1", "gone"),
    }
    with pytest.raises(ConflictError):
        steps[step]()
    assert (sorted(tmp_path.rglob("*")), ledger.pending()) == before


# What is written -----------------------------------------------------------------------------------------------------


def test_plan_is_written_for_a_person_to_read(ledger: Ledger, tmp_path: Path) -> None:
    batch = replace(ledger.new_batch((FILE,), AS_OF, "run-1", "UTC"), planned_at=datetime(2026, 3, 10, 12, tzinfo=UTC))
    ledger.plan(batch)
    lines = [
        "{",
        f' "batch_id": "{batch.batch_id}",',
        ' "as_of": "2026-03-10",',
        ' "spark_tz": "UTC",',
        ' "planned_by": "run-1",',
        ' "planned_at": "2026-03-10T12:00:00+00:00",',
        ' "files": [',
        "  {",
        f'   "path": "{FILE.path}",',
        '   "size": 4,',
        f'   "modified_ns": {FILE.modified_ns},',
        f'   "sha256": "{FILE.sha256}",',
        '   "feed": null,',
        '   "encoding": null',
        "  }",
        " ],",
        ' "feeds": {}',
        "}",
    ]
    assert written(tmp_path, batch, "plan").read_text().splitlines() == lines


def test_checkpoint_is_written_for_a_person_to_read(ledger: Ledger, tmp_path: Path) -> None:
    batch = ledger.checkpoint(plan(ledger, FILE), Checkpoint(3, 1, {"rows_read": 7}, "5d0c"))
    text = written(tmp_path, batch, "checkpoint").read_text()
    lines = ["{", ' "silver_version": 3,', ' "commits": 1,', ' "figures": {', '  "rows_read": 7', " },"]
    assert text == "\n".join([*lines, ' "silver_id": "5d0c"', "}", ""])


def ended(root: Path, batch: Batch, name: str) -> dict[str, Any]:
    """What the end of a batch says, with its time, which must be UTC and now, made a word."""
    record = json.loads(written(root, batch, name).read_text())
    at = datetime.fromisoformat(record["at"])
    assert (at.utcoffset(), abs(datetime.now(UTC) - at) < timedelta(hours=1)) == (timedelta(0), True)
    return {**record, "at": "now"}


def test_commit_says_on_record_who_and_when_and_how_the_tables_stand(ledger: Ledger, tmp_path: Path) -> None:
    batch = ledger.commit(plan(ledger, FILE), "run-2", AFTER)
    after = {"silver_id": "5d0c", "silver": 4, "quarantine": 2}
    assert ended(tmp_path, batch, "committed") == {"run_id": "run-2", "at": "now", "after": after}


def test_abandon_says_on_record_who_when_and_why(ledger: Ledger, tmp_path: Path) -> None:
    batch = ledger.abandon(plan(ledger, FILE), "run-2", "a.csv is gone")
    assert ended(tmp_path, batch, "abandoned") == {"run_id": "run-2", "at": "now", "why": "a.csv is gone"}


# What the first edition wrote ----------------------------------------------------------------------------------------


def written_by_the_first_edition(root: Path, batch: Batch, checkpoint: dict[str, Any] | None) -> None:
    """The files of a batch as the first edition has them: counted.json, and a committed.json without `after`."""
    plan = json.loads(written(root, batch, "plan").read_text())
    del plan["spark_tz"]
    written(root, batch, "plan").write_text(json.dumps(plan))
    written(root, batch, "checkpoint").unlink(missing_ok=True)
    if checkpoint is not None:
        written(root, batch, "counted").write_text(json.dumps(checkpoint))
    if written(root, batch, "committed").exists():
        written(root, batch, "committed").write_text(json.dumps({"run_id": "run-1", "at": "2026-03-10T12:00:00+00:00"}))


COUNTED = {"silver_version": 3, "commits": 2, "figures": FIGURES, "silver_id": "5d0c", "parts": [{"number": 1}]}


@pytest.mark.parametrize("silver_id", ["5d0c", None])
def test_pending_batch_of_the_first_edition_is_read(ledger: Ledger, tmp_path: Path, silver_id: str | None) -> None:
    batch = plan(ledger, FILE)
    counted = dict(COUNTED) if silver_id else {name: COUNTED[name] for name in ("silver_version", "commits", "figures")}
    written_by_the_first_edition(tmp_path, batch, counted)
    assert opened(tmp_path).pending() == replace(batch, checkpoint=Checkpoint(3, 2, FIGURES, silver_id))


@pytest.mark.parametrize(
    ("counted", "after"),
    [
        (COUNTED, TablesAfter("5d0c", 5)),
        ({name: COUNTED[name] for name in ("silver_version", "commits", "figures")}, TablesAfter(None, 5)),
        ({**COUNTED, "commits": 0}, None),
        (None, None),
    ],
    ids=["of_two_commits", "without_the_id_of_silver", "of_no_commit", "never_counted"],
)
def test_committed_batch_of_the_first_edition_says_by_its_count_how_silver_stood(
    ledger: Ledger, tmp_path: Path, counted: dict[str, Any] | None, after: TablesAfter | None
) -> None:
    batch = ledger.commit(plan(ledger, FILE), "run-1", AFTER)
    written_by_the_first_edition(tmp_path, batch, counted)
    reader = opened(tmp_path)
    assert reader.last_committed() == (None if after is None else (batch.batch_id, after))
    assert (reader.known_files(), reader.pending(), reader.has_quarantined()) == ([FILE], None, False)


def test_last_committed_goes_back_to_the_newest_of_which_the_tables_are_known(ledger: Ledger, tmp_path: Path) -> None:
    first, second = commit(ledger, 1), commit(ledger, 2)
    written_by_the_first_edition(tmp_path, second, {**COUNTED, "commits": 0})
    assert opened(tmp_path).last_committed() == (first.batch_id, TablesAfter("5d0c", 1, 1))


def test_checkpoint_of_today_counts_where_both_editions_wrote_one(ledger: Ledger, tmp_path: Path) -> None:
    batch = ledger.checkpoint(plan(ledger, FILE), CHECKPOINT)
    written(tmp_path, batch, "counted").write_text(json.dumps(COUNTED))
    assert opened(tmp_path).pending() == batch


# Damage --------------------------------------------------------------------------------------------------------------


def test_directory_whose_plan_was_not_finished_is_no_batch(ledger: Ledger, tmp_path: Path) -> None:
    torn = tmp_path / "ops" / "batches" / "000001-abc"
    torn.mkdir(parents=True)
    (torn / ".1f.tmp").write_text("{")
    (torn / "notes.txt").write_text("of a person")
    assert (ledger.pending(), ledger.known_files()) == (None, [])


NO_JSON = ("", "{", "\udce9")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[(name, text) for name in ("plan", "checkpoint", "counted", "committed") for text in NO_JSON],
        *[(name, text) for name in ("plan", "checkpoint", "counted") for text in ("[]", "{}", '{"files": 1}')],
        ("plan", '{"batch_id": "1", "as_of": "x", "planned_by": "", "planned_at": "", "files": []}'),
        ("plan", '{"batch_id": "1", "as_of": "2026-03-10", "planned_by": "", "planned_at": "x", "files": []}'),
        *[("committed", text) for text in ("3", '{"after": {}}', '{"after": 1}')],
    ],
)
def test_batch_whose_state_was_damaged_is_named(ledger: Ledger, tmp_path: Path, name: str, text: str) -> None:
    batch = ledger.commit(ledger.checkpoint(plan(ledger, FILE), CHECKPOINT), "run-1", AFTER)
    if name == "counted":
        written(tmp_path, batch, "checkpoint").unlink()
    damaged = written(tmp_path, batch, name)
    damaged.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DamageError) as raised:
        opened(tmp_path).pending()
    assert (raised.value.place, raised.value.exit_code) == (str(damaged), 7)
    said = "is not what a run writes; put it back as it was, from a backup (returns dr restore), before the next run"
    assert raised.value.findings == (said,)


def test_check_complete_batches_that_are_there_in_any_state_are_well(ledger: Ledger, tmp_path: Path) -> None:
    batches = [commit(ledger, 1), ledger.abandon(plan(ledger, FILE), "run-2", "gone"), plan(ledger, FILE)]
    for reader in (ledger, opened(tmp_path)):
        reader.check_complete([batch.batch_id for batch in batches])


def test_check_complete_names_each_batch_that_was_lost(ledger: Ledger, tmp_path: Path) -> None:
    there = plan(ledger, FILE)
    with pytest.raises(DamageError) as raised:
        ledger.check_complete([there.batch_id, "000007-abc", "000008-abc"])
    assert raised.value.place == str(tmp_path / "ops" / "batches")
    assert raised.value.findings == tuple(
        f"batch {each} is not there, but rows of it are in the tables; put it back as it was, from a backup "
        "(returns dr restore), before the next run"
        for each in ("000007-abc", "000008-abc")
    )


# The summary ---------------------------------------------------------------------------------------------------------

SUMMED_UP = 32


@pytest.fixture(scope="module")
def summed_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of 32 batches, one of them abandoned and the tenth with a quarantined row. Nobody changes it."""
    root = tmp_path_factory.mktemp("summed_up")
    ledger = opened(root)
    for number in range(1, SUMMED_UP + 1):
        if number == 20:
            ledger.abandon(plan(ledger, file_of(number)), "run-1", "gone")
        else:
            commit(ledger, number, quarantined=int(number == 10))
    return root


@pytest.fixture
def old_lake(summed_up: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(summed_up, tmp_path / "old"))


def summaries(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "ops" / "ledger").glob("*"))


def answers(root: Path) -> dict[str, Any]:
    """All that a ledger is asked, as another process hears it."""
    ledger = opened(root)
    return {
        "pending": ledger.pending(),
        "known_files": ledger.known_files(),
        "last_committed": ledger.last_committed(),
        "has_quarantined": ledger.has_quarantined(),
        "next": ledger.new_batch((FILE,), AS_OF, "run-1").batch_id,
    }


def read_by(root: Path) -> list[str]:
    """The files that a process reads which asks all of it."""
    files = CountingFiles(root)
    ledger = Ledger(files)
    ledger.pending(), ledger.known_files(), ledger.last_committed(), ledger.has_quarantined()
    ledger.new_batch((FILE,), AS_OF, "run-1")
    return sorted(files.were_read)


def test_summary_is_written_with_the_thirty_second_batch(summed_up: Path, tmp_path: Path) -> None:
    assert summaries(summed_up) == ["000032.json"]
    ledger = opened(tmp_path)
    for number in range(1, SUMMED_UP):
        commit(ledger, number)
    assert summaries(tmp_path) == []
    commit(ledger, SUMMED_UP)
    assert summaries(tmp_path) == ["000032.json"]


def test_summary_is_written_by_a_commit_only(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    for _ in range(SUMMED_UP + 1):
        ledger.abandon(plan(ledger, FILE), "run-1", "again")
    assert summaries(tmp_path) == []
    commit(ledger, 40)
    assert summaries(tmp_path) == ["000034.json"]


def test_summary_gives_the_answers_that_its_batches_give(old_lake: Path) -> None:
    expected = answers(old_lake)
    committed = [number for number in range(1, SUMMED_UP + 1) if number != 20]
    assert expected["known_files"] == [file_of(number) for number in committed]
    assert expected["last_committed"] is not None and expected["last_committed"][1] == TablesAfter("5d0c", 32, 32)
    assert (expected["pending"], expected["has_quarantined"]) == (None, True)
    assert expected["next"].startswith("000033-")
    shutil.rmtree(old_lake / "ops" / "ledger")
    assert answers(old_lake) == expected


def test_summary_spares_reading_the_batches_that_it_stands_for(old_lake: Path) -> None:
    assert read_by(old_lake) == ["ops/ledger/000032.json"]
    ledger = opened(old_lake)
    new = [commit(ledger, number) for number in (33, 34)]
    expected = [f"ops/batches/{batch.batch_id}/{name}.json" for batch in new for name in ("checkpoint", "committed")]
    expected += [f"ops/batches/{batch.batch_id}/plan.json" for batch in new] + ["ops/ledger/000032.json"]
    assert read_by(old_lake) == sorted(expected)


def test_batches_behind_a_summary_are_answered_for_with_it(old_lake: Path) -> None:
    ledger = opened(old_lake)
    done, pending = commit(ledger, 33), plan(ledger, FILE)
    expected = answers(old_lake)
    assert (expected["pending"], expected["known_files"][-2:]) == (pending, [file_of(32), file_of(33)])
    assert expected["last_committed"] == (done.batch_id, TablesAfter("5d0c", 33, 33))
    assert (expected["has_quarantined"], expected["next"][:7]) == (True, "000035-")
    shutil.rmtree(old_lake / "ops" / "ledger")
    assert answers(old_lake) == expected


def test_summary_takes_the_place_of_the_one_before_it(old_lake: Path) -> None:
    for number in range(33, 65):
        commit(opened(old_lake), number)
    assert (summaries(old_lake), read_by(old_lake)) == (["000064.json"], ["ops/ledger/000064.json"])
    expected = answers(old_lake)
    shutil.rmtree(old_lake / "ops" / "ledger")
    assert answers(old_lake) == expected


def test_process_of_many_batches_sums_up_once_in_thirty_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, put = CountingFiles(tmp_path), LocalFiles.put
    summed_up: list[str] = []

    def counting_put(to: LocalFiles, path: str, content: Any, durable: bool = True) -> None:
        if path.startswith("ops/ledger"):
            summed_up.append(path)
        put(to, path, content, durable)

    monkeypatch.setattr(LocalFiles, "put", counting_put)
    ledger = Ledger(files)
    for number in range(1, 97):
        batch = commit(ledger, number, quarantined=int(number == 10))
    assert summed_up == [f"ops/ledger/0000{through}.json" for through in (32, 64, 96)]
    assert files.were_read == []
    for reader in (ledger, opened(tmp_path)):
        assert reader.known_files() == [file_of(number) for number in range(1, 97)]
        assert reader.last_committed() == (batch.batch_id, TablesAfter("5d0c", 96, 96))
        assert (reader.pending(), reader.has_quarantined()) == (None, True)
        assert reader.new_batch((FILE,), AS_OF, "run-1").number == 97


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", "3", '{"through": 32}', "\udce9"]
    + [
        json.dumps({"through": 32, "files": files, "last": last, "has_quarantined": True})
        for files, last in (([["a"]], None), ([], ["000032-ab"]), ([], ["000032-ab", {}]), (None, None))
    ],
)
def test_summary_that_was_damaged_is_a_warning_and_each_batch_is_read(
    old_lake: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    expected = answers(old_lake)
    (old_lake / "ops" / "ledger" / "000032.json").write_bytes(text.encode(errors="surrogateescape"))
    caplog.clear()
    assert answers(old_lake) == expected
    [message] = caplog.messages
    assert message.startswith("ops/ledger/000032.json is no summary of batches (")
    assert message.endswith("); each batch is read")


def test_summary_that_was_damaged_leaves_the_one_before_it(old_lake: Path, caplog: pytest.LogCaptureFixture) -> None:
    commit(opened(old_lake), 33)
    expected = answers(old_lake)
    (old_lake / "ops" / "ledger" / "000033.json").write_text("{")
    assert answers(old_lake) == expected
    assert len(caplog.messages) == 1


def test_batch_before_the_end_of_the_summary_is_not_missed(old_lake: Path) -> None:
    last, _ = opened(old_lake).last_committed() or ("", None)
    for directory in (old_lake / "ops" / "batches").iterdir():
        shutil.rmtree(directory)
    opened(old_lake).check_complete([last])
    assert len(opened(old_lake).known_files()) == 31


def test_batch_that_is_lost_behind_the_end_of_the_summary_is_damage(old_lake: Path) -> None:
    ledger = opened(old_lake)
    lost, kept = commit(ledger, 33), commit(ledger, 34)
    shutil.rmtree(old_lake / "ops" / "batches" / lost.batch_id)
    with pytest.raises(DamageError) as raised:
        opened(old_lake).check_complete([lost.batch_id, kept.batch_id])
    assert [finding[: len(lost.batch_id) + 20] for finding in raised.value.findings] == [
        f"batch {lost.batch_id} is not there,"[: len(lost.batch_id) + 20]
    ]


def test_batch_whose_directory_has_no_number_is_read_whatever_the_summary_says(old_lake: Path) -> None:
    odd = old_lake / "ops" / "batches" / "by-hand"
    odd.mkdir()
    (odd / "plan.json").write_text("{")
    with pytest.raises(DamageError):
        opened(old_lake).pending()
