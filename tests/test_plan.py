"""Planning: which landed files the next batch takes, what becomes of one that was not finished, `returns plan`."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import lake_reading
from commands import Ended, returns
from conftest import LakeBench
from kills import FIRST_DAY
from landing import COLUMNS
from landing import land as land_rows
from landing import row_of, write_text
from pyspark_interview_project.errors import DamageError, VerificationError
from pyspark_interview_project.pipeline.checks import check_ledger_complete
from pyspark_interview_project.pipeline.ledger import ABANDONED, COMMITTED, Batch, Checkpoint, Ledger, TablesAfter
from pyspark_interview_project.pipeline.plan import (
    BatchPlan,
    is_in_silver,
    next_batch,
    pending_batch,
    plan_batch,
)
from pyspark_interview_project.pipeline.run_context import RunContext
from pyspark_interview_project.schemas.tables import QUARANTINE, SILVER, TABLES, TableContract
from pyspark_interview_project.sources import preflight
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.storage.commits import CommitMetadata, Written
from pyspark_interview_project.storage.files import StoredFile
from running import (
    QUARANTINE_COLUMNS,
    RUN_ID,
    UPSERT_COLUMNS,
    context_of,
    land_three_files,
    ledger_of,
    run_here,
    settings_of,
)

LANDED = "bronze/returns_raw"
A, B, C = (f"{LANDED}/{name}" for name in ("a.csv", "b.csv", "c.csv"))
AS_OF = date(2026, 3, 10)
HEADER = ",".join(COLUMNS)
TAKEN = "taken are .csv .tsv .txt .json .jsonl .ndjson .parquet .parq .pq, text also behind .gz .gzip .bz2 .xz .zst"
NO_COLUMNS = (
    "columns sku, qty, amount, return_date are missing in its header, which is return_id, order_id; it looks separated "
    "by a comma; wanted are return_id, order_id, customer_id, sku, reason, qty, amount, return_date, ingest_ts; a feed "
    "says how other columns become ours; returns feeds draft writes one to start from"
)
CHECKPOINT = Checkpoint(0, 1, {"rows_quarantined": 0})


def land(root: Path, path: str, text: str = f"{HEADER}\n") -> str:
    write_text(root / path, text)
    return path


def of_size(size: int) -> str:
    """Text of a table that has so many bytes and no record."""
    return f"{HEADER}\n".ljust(size, "\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A lake in which nothing has landed."""
    (tmp_path / "lake" / LANDED).mkdir(parents=True)
    return tmp_path / "lake"


def paths_of(batch: Batch | None) -> list[str] | None:
    return None if batch is None else [file.path for file in batch.files]


def planned(root: Path, **changes: Any) -> tuple[list[str] | None, list[str], bool]:
    """The paths of the batch that the landed files would make, what is odd about them, and whether others wait."""
    plan = plan_batch(settings_of(root, **changes), ledger_of(root), AS_OF, RUN_ID)
    return paths_of(plan.batch), [*plan.remarks], plan.leaves_files


def written_down(ledger: Ledger, root: Path, **changes: Any) -> Batch:
    """The batch that the landed files make, planned."""
    batch = plan_batch(settings_of(root, **changes), ledger, AS_OF, RUN_ID).batch
    assert batch is not None
    ledger.plan(batch)
    return batch


# New batches ---------------------------------------------------------------------------------------------------------


def test_plan_batch_of_landed_files_is_what_the_ledger_makes_of_them(root: Path) -> None:
    land(root, A)
    settings = settings_of(root, spark_tz="Asia/Tokyo")
    batch = plan_batch(settings, ledger_of(root), AS_OF, RUN_ID).batch
    status, sha256 = (root / A).stat(), hashlib.sha256(f"{HEADER}\n".encode()).hexdigest()
    file = LandedFile(A, status.st_size, status.st_mtime_ns, sha256, None, "utf-8")
    expected = ledger_of(root).new_batch((file,), AS_OF, RUN_ID, "Asia/Tokyo")
    assert batch is not None and replace(batch, planned_at=expected.planned_at) == expected


def test_plan_batch_of_nothing_landed_is_none(root: Path) -> None:
    assert planned(root) == (None, [], False)


def test_plan_batch_files_of_later_days_are_left_out(root: Path) -> None:
    day, later = (land(root, f"{LANDED}/dt=2026-03-{day}/a.csv") for day in (10, 11))
    assert planned(root) == ([day], [], False)


def test_plan_batch_files_of_committed_batches_are_left_out_those_of_others_are_not(root: Path) -> None:
    ledger = ledger_of(root)
    for path in (A, B):
        land(root, path)
        batch = written_down(ledger, root)
        if path == A:
            ledger.commit(batch, RUN_ID, TablesAfter("id", 1, 1))
        else:
            ledger.abandon(batch, RUN_ID, "gone")
    land(root, C)
    assert planned(root) == ([B, C], [], False)


def test_plan_batch_odd_files_are_remarked_on(root: Path) -> None:
    land(root, A)
    ledger = ledger_of(root)
    ledger.commit(written_down(ledger, root), RUN_ID, TablesAfter("id", 1, 1))
    land(root, A, f"{HEADER}\n{HEADER}\n")
    land(root, B)
    land(root, C)
    assert planned(root, skip_files=[B, f"{LANDED}/gone.csv"]) == (
        [A, C],
        [
            f"{B} is skipped",
            f"{LANDED}/gone.csv is to be skipped and not there",
            f"{A} was replaced by other content; it is processed as new",
        ],
        False,
    )


def test_plan_batch_of_skipped_files_alone_is_none(root: Path) -> None:
    land(root, A)
    assert planned(root, skip_files=[A]) == (None, [f"{A} is skipped"], False)


@pytest.mark.parametrize(
    ("most_bytes", "paths", "leaves_files"),
    [
        (1, [A], True),
        (100, [A], True),
        (299, [A], True),
        (300, [A, B], True),
        (599, [A, B], True),
        (600, [A, B, C], False),
        (1000, [A, B, C], False),
    ],
)
def test_plan_batch_takes_whole_files_in_order_up_to_the_limit_and_at_least_one(
    root: Path, most_bytes: int, paths: list[str], leaves_files: bool
) -> None:
    for path, size in ((A, 100), (B, 200), (C, 300)):
        land(root, path, of_size(size))
    assert planned(root, max_batch_bytes=most_bytes) == (paths, [], leaves_files)


def test_plan_batch_file_that_is_larger_than_the_limit_is_alone(root: Path) -> None:
    ledger = ledger_of(root)
    for path, size in ((A, 100), (B, 301), (C, 100)):
        land(root, path, of_size(size))
    batches = []
    for _ in range(3):
        batch = written_down(ledger, root, max_batch_bytes=300)
        batches.append(paths_of(batch))
        ledger.commit(batch, RUN_ID, TablesAfter("id", 1, 1))
    assert (batches, planned(root, max_batch_bytes=300)) == ([[A], [B], [C]], (None, [], False))


def test_plan_batch_looks_at_the_content_of_no_more_files_than_it_needs(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of thousands of files that landed at once, the first batch hashes its own and the one that is too many."""
    for path in (A, B, C, f"{LANDED}/d.csv"):
        land(root, path, of_size(100))
    hashed: list[str] = []
    real = preflight.screened

    def counting(files: Any, file: StoredFile, feed: Any, limits: Any) -> LandedFile:
        hashed.append(file.path)
        return real(files, file, feed, limits)

    monkeypatch.setattr(preflight, "screened", counting)
    assert planned(root, max_batch_bytes=200) == ([A, B], [], True)
    assert hashed == [A, B, C]


def test_plan_batch_remarks_on_a_replaced_file_in_the_batch_that_takes_it(root: Path) -> None:
    for path in (A, B):
        land(root, path, of_size(100))
    ledger = ledger_of(root)
    ledger.commit(written_down(ledger, root), RUN_ID, TablesAfter("id", 1, 1))
    for path in (A, B):
        land(root, path, of_size(101))
    replaced = f"{A} was replaced by other content; it is processed as new"
    assert planned(root, max_batch_bytes=101) == ([A], [replaced], True)


@pytest.fixture(scope="module")
def of_one_batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake whose files were taken in one batch. Nobody changes it."""
    lake = land_three_files(tmp_path_factory.mktemp("of_one_batch") / "lake")
    run_here(lake, FIRST_DAY)
    return lake


def test_run_takes_batches_until_nothing_is_left_and_makes_the_tables_of_one_batch(
    of_one_batch: Path, tmp_path: Path
) -> None:
    several = land_three_files(tmp_path / "lake")
    record = run_here(several, FIRST_DAY, max_batch_bytes=1)
    batches = lake_reading.batch_states(several)
    assert [state for _, state in batches] == [COMMITTED] * 3
    assert (record.status, record.batch_id) == ("succeeded", batches[-1][0])
    assert record.files == lake_reading.latest_run_record(of_one_batch)["files"]
    figures = {
        "rows": 5,
        "rows_read": 9,
        "rows_inserted": 4,
        "rows_updated": 1,
        "rows_superseded": 1,
        "rows_duplicate": 1,
        "rows_quarantined": 2,
        "rows_excluded": 0,
        "returns_ambiguous": 0,
        "quarantined_by_reason": {"qty_not_positive": 2},
        "amounts": {
            "read": "45.00",
            "inserted": "20.00",
            "updated": "5.00",
            "superseded": "5.00",
            "duplicate": "5.00",
            "quarantined": "10.00",
            "excluded": "0.00",
        },
    }
    bronze = record.stages[0].model_dump(exclude_unset=True)
    assert {name: bronze[name] for name in figures} == figures

    def tables(lake: Path) -> dict[str, list[lake_reading.Row]]:
        columns = {
            # In one batch the last of equal versions is kept, from another batch it changes nothing: no source_file.
            lake_reading.SILVER: lake_reading.CONTENT,
            lake_reading.QUARANTINE: ("return_id", "raw_record", "reasons", "source_file", "source_record"),
            lake_reading.GOLD_BY_SKU_REASON: None,
            lake_reading.GOLD_BY_DATE_REASON: None,
        }
        return {place: lake_reading.rows(lake, place, names) for place, names in columns.items()}

    assert tables(several) == tables(of_one_batch)
    assert [row[5] for row in lake_reading.silver(several)] == [2, 1, 1, 1]


# What silver has of a batch ------------------------------------------------------------------------------------------


@pytest.fixture
def run(bench: LakeBench, root: Path) -> RunContext:
    """A run on the lake of `bench` and `root`."""
    return context_of(bench.tables, bench.engine, root, AS_OF)


def landed_and_planned(run: RunContext, *paths: str) -> Batch:
    """A batch of newly landed files, written down, as by a run that is tried again under its id."""
    for path in paths:
        land(run_root(run), path)
    return written_down(run.ledger, run_root(run))


def run_root(run: RunContext) -> Path:
    return Path(run.paths.root)


def put_into_silver(bench: LakeBench, batch_id: str | None, return_id: str = "R1") -> int:
    """Put a return of a batch into silver; the version that this makes."""
    version = upserted(bench, batch_id, return_id).version
    assert version is not None
    return version


def upserted(bench: LakeBench, batch_id: str | None, return_id: str) -> Written:
    values = (return_id, "O1", None, "MUG", "late", 1, "1.00", "2026-01-05", None, batch_id or "none", A, 1)
    rows = bench.frame_of([(*values, "inserted", None)], UPSERT_COLUMNS)
    return bench.engine.upsert(SILVER, rows, CommitMetadata(RUN_ID, "bronze_to_silver", batch_id), Written(None, 1))


def quarantine(bench: LakeBench, *batch_ids: str) -> None:
    for batch_id in batch_ids:
        row = (f"Q-{batch_id}", None, None, "raw", ["sku_missing"], A, 1, batch_id, "2026-03-10T12:00:00", 1)
        metadata = CommitMetadata(RUN_ID, "bronze_to_silver", batch_id)
        bench.engine.replace_batch(QUARANTINE, bench.frame_of([row], QUARANTINE_COLUMNS), metadata)


def checkpointed(bench: LakeBench, run: RunContext, batch: Batch, commits: int = 1) -> Batch:
    """The batch with a checkpoint against silver as it stands."""
    bench.engine.ensure_tables()
    version = bench.tables.version(SILVER)
    assert version is not None
    return run.ledger.checkpoint(batch, replace(CHECKPOINT, silver_version=version, commits=commits))


def test_is_in_silver_without_a_checkpoint_is_false(run: RunContext, bench: LakeBench) -> None:
    batch = landed_and_planned(run, A)
    bench.engine.ensure_tables()
    put_into_silver(bench, batch.batch_id)
    assert is_in_silver(bench.tables, batch) is False


def test_is_in_silver_where_there_is_no_silver_is_false_but_for_a_batch_that_changes_none(
    run: RunContext, bench: LakeBench
) -> None:
    batch = landed_and_planned(run, A)
    assert [
        is_in_silver(bench.tables, replace(batch, checkpoint=replace(CHECKPOINT, commits=commits)))
        for commits in (1, 0)
    ] == [False, True]


def test_is_in_silver_is_whether_its_commit_stands_behind_the_checkpoint(run: RunContext, bench: LakeBench) -> None:
    batch = landed_and_planned(run, A)
    bench.engine.ensure_tables()
    put_into_silver(bench, batch.batch_id)  # a run of this id that was restored away before the checkpoint
    batch = checkpointed(bench, run, batch)
    put_into_silver(bench, "another", "R2")
    assert is_in_silver(bench.tables, batch) is False
    checkpoint = replace(batch.checkpoint or CHECKPOINT, silver_version=0)
    assert is_in_silver(bench.tables, replace(batch, checkpoint=checkpoint)) is True


def test_is_in_silver_of_a_commit_that_a_restore_undid_is_false(run: RunContext, bench: LakeBench) -> None:
    batch = checkpointed(bench, run, landed_and_planned(run, A))
    version = put_into_silver(bench, batch.batch_id)
    assert is_in_silver(bench.tables, batch) is True
    bench.tables.open(SILVER).restore(version - 1)
    assert is_in_silver(bench.tables, batch) is False


def test_batch_whose_commit_a_restore_undid_is_put_into_silver_again_and_only_once(bench: LakeBench) -> None:
    bench.engine.ensure_tables()
    for _ in range(2):
        version = put_into_silver(bench, "B1")
        bench.tables.open(SILVER).restore(version - 1)
    put_into_silver(bench, "B1")
    assert upserted(bench, "B1", "R2").version is None
    bench.assert_frame(bench.engine.read(SILVER).select("return_id"), "return_id string", [("R1",)])


def commit_of_the_first_edition(bench: LakeBench, batch_id: str, part: int) -> None:
    """A commit of one part of a batch."""
    bench.writes.publish(SILVER, [], [], CommitMetadata(RUN_ID, "bronze_to_silver", batch_id, {"part": part}))


def test_is_in_silver_of_a_batch_of_the_first_edition_is_whether_all_its_parts_are(
    run: RunContext, bench: LakeBench
) -> None:
    batch = checkpointed(bench, run, landed_and_planned(run, A), commits=2)
    assert is_in_silver(bench.tables, batch) is False
    commit_of_the_first_edition(bench, batch.batch_id, 1)
    with pytest.raises(VerificationError) as raised:
        is_in_silver(bench.tables, batch)
    assert raised.value.exit_code == 7
    assert str(raised.value) == (
        f"batch {batch.batch_id}: commits is 1, not 2; silver has a part of it: run it to its end with the version of "
        "the pipeline that began it"
    )
    commit_of_the_first_edition(bench, batch.batch_id, 2)
    assert is_in_silver(bench.tables, batch) is True


# The batch that was not finished -------------------------------------------------------------------------------------


def test_pending_batch_of_a_lake_without_one_is_none(run: RunContext) -> None:
    assert (pending_batch(run), run.record.warnings) == (None, [])


def test_pending_batch_whose_files_are_as_planned_goes_first(run: RunContext, caplog: pytest.LogCaptureFixture) -> None:
    batch = landed_and_planned(run, A)
    land(run_root(run), B)
    with caplog.at_level(logging.INFO):
        assert pending_batch(run) == batch
    assert caplog.messages == [f"batch {batch.batch_id} was planned and not finished; it goes first"]
    assert run.record.warnings == []


def ends_of(run: RunContext) -> list[tuple[str, str]]:
    return lake_reading.batch_states(run_root(run))


def test_pending_batch_whose_files_are_not_what_they_were_is_abandoned(run: RunContext) -> None:
    batch = landed_and_planned(run, A, B, C)
    (run_root(run) / A).unlink()
    land(run_root(run), C, "other content")
    run.settings = settings_of(run_root(run), skip_files=[B])

    assert pending_batch(run) is None

    why = f"{A}: it was planned and is gone; {C}: it was planned and has changed since; {B}: it is to be skipped"
    assert (ends_of(run), run.ledger.pending()) == ([(batch.batch_id, ABANDONED)], None)
    record = json.loads((run_root(run) / "ops" / "batches" / batch.batch_id / "abandoned.json").read_text())
    assert (record["run_id"], record["why"]) == (RUN_ID, why)
    assert run.record.warnings == [f"batch {batch.batch_id} is abandoned: {why}"]


def test_pending_batch_that_is_abandoned_takes_its_quarantine_slice_along(run: RunContext, bench: LakeBench) -> None:
    batch = checkpointed(bench, run, landed_and_planned(run, A))
    quarantine(bench, batch.batch_id, "another")
    put_into_silver(bench, "another")
    (run_root(run) / A).unlink()

    assert pending_batch(run) is None

    kept = bench.engine.read(QUARANTINE).select("quarantine_id")
    bench.assert_frame(kept, "quarantine_id string", [("Q-another",)])
    newest = next(iter(bench.tables.commits(QUARANTINE)))
    assert newest.metadata == {"run_id": RUN_ID, "stage": "plan", "batch_id": batch.batch_id}


@pytest.mark.parametrize(
    ("is_resumed", "has_checkpoint", "fenced"),
    [
        (False, False, set()),
        (True, False, {QUARANTINE.name}),
        (True, True, {QUARANTINE.name, SILVER.name}),
        (False, True, {SILVER.name}),
    ],
)
def test_pending_batch_that_is_abandoned_is_fenced_where_it_may_have_been_in_a_commit(
    run: RunContext,
    bench: LakeBench,
    monkeypatch: pytest.MonkeyPatch,
    is_resumed: bool,
    has_checkpoint: bool,
    fenced: set[str],
) -> None:
    bench.engine.ensure_tables()
    batch = landed_and_planned(run, A)
    if has_checkpoint:
        checkpointed(bench, run, batch)
    if is_resumed:
        run.ledger = ledger_of(run_root(run))
    asked: list[str] = []
    fence, check = run.writes.fence, run.check_lease

    def fence_on_record(table: TableContract) -> None:
        asked.append(table.name)
        fence(table)

    def check_on_record() -> None:
        asked.append("lease")
        check()

    monkeypatch.setattr(run.writes, "fence", fence_on_record)
    monkeypatch.setattr(run, "check_lease", check_on_record)
    before = {table.name: bench.tables.version(table) for table in TABLES}
    (run_root(run) / A).unlink()
    assert pending_batch(run) is None
    changed = {table.name for table in TABLES if bench.tables.version(table) != before[table.name]}
    assert changed == fenced
    assert [asked[asked.index(name) - 1] for name in sorted(fenced)] == ["lease"] * len(fenced)


def test_pending_batch_whose_commit_comes_when_it_is_about_to_be_abandoned_is_kept(
    run: RunContext, bench: LakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = checkpointed(bench, run, landed_and_planned(run, A))
    quarantine(bench, batch.batch_id)
    (run_root(run) / A).unlink()
    fence = run.writes.fence

    def fence_behind_a_late_commit(table: TableContract) -> None:
        if table is SILVER:
            put_into_silver(bench, batch.batch_id)
        fence(table)

    monkeypatch.setattr(run.writes, "fence", fence_behind_a_late_commit)
    assert pending_batch(run) == batch
    assert (ends_of(run), run.record.warnings) == ([(batch.batch_id, "planned")], [])
    assert bench.tables.facts(QUARANTINE).rows == 1


def test_pending_batch_that_silver_has_needs_no_files(run: RunContext, bench: LakeBench) -> None:
    batch = checkpointed(bench, run, landed_and_planned(run, A))
    put_into_silver(bench, batch.batch_id)
    (run_root(run) / A).unlink()
    assert pending_batch(run) == batch


def test_pending_batch_of_the_first_edition_that_silver_has_a_part_of_stays_as_it_is(
    run: RunContext, bench: LakeBench
) -> None:
    batch = checkpointed(bench, run, landed_and_planned(run, A, B), commits=2)
    commit_of_the_first_edition(bench, batch.batch_id, 1)
    (run_root(run) / B).unlink()
    with pytest.raises(VerificationError, match="run it to its end with the version of the pipeline that began it"):
        pending_batch(run)
    assert ends_of(run) == [(batch.batch_id, "planned")]


# The next batch ------------------------------------------------------------------------------------------------------


def test_next_batch_is_the_pending_one_before_any_other(run: RunContext) -> None:
    batch = landed_and_planned(run, A)
    land(run_root(run), B)
    assert next_batch(run) == batch
    assert ends_of(run) == [(batch.batch_id, "planned")]


def test_next_batch_of_new_files_is_written_down(run: RunContext, caplog: pytest.LogCaptureFixture) -> None:
    for path in (A, B):
        land(run_root(run), path)
    with caplog.at_level(logging.INFO):
        batch = next_batch(run)
    assert batch is not None
    assert ledger_of(run_root(run)).pending() == batch
    assert (paths_of(batch), batch.as_of, batch.planned_by) == ([A, B], AS_OF, RUN_ID)
    assert caplog.messages == [f"planned batch {batch.batch_id} of 2 files"]


def test_next_batch_takes_what_was_just_planned(run: RunContext) -> None:
    land(run_root(run), A)
    planned = plan_batch(run.settings, run.ledger, AS_OF, RUN_ID)
    land(run_root(run), B)
    assert planned.batch is not None and next_batch(run, planned) == planned.batch
    assert ends_of(run) == [(planned.batch.batch_id, "planned")]


def test_next_batch_of_nothing_new_writes_nothing(run: RunContext) -> None:
    assert (next_batch(run), ends_of(run)) == (None, [])


def test_next_batch_puts_remarks_on_record_once(run: RunContext, caplog: pytest.LogCaptureFixture) -> None:
    run.record.warnings = ["one"]
    assert next_batch(run, BatchPlan(None, ["one", "two", "two"])) is None
    assert run.record.warnings == ["one", "two"]
    assert caplog.messages == ["two"]


@pytest.mark.parametrize("table", [SILVER, QUARANTINE])
def test_next_batch_is_not_planned_where_a_batch_of_a_table_is_written_down_nowhere(
    run: RunContext, bench: LakeBench, table: TableContract
) -> None:
    bench.engine.ensure_tables()
    lost = ("000001-lost", "000002-lost")
    if table is SILVER:
        for number, batch_id in enumerate(lost):
            put_into_silver(bench, batch_id, f"R{number}")
    else:
        quarantine(bench, *lost)
    land(run_root(run), A)
    with pytest.raises(DamageError) as raised:
        next_batch(run)
    assert raised.value.place == str(run_root(run) / "ops" / "batches")
    named = [finding.split(" is not there, but rows of it are in the tables")[0] for finding in raised.value.findings]
    assert (named, ends_of(run)) == ([f"batch {batch_id}" for batch_id in reversed(lost)], [])


def test_check_ledger_complete_of_tables_whose_batches_are_all_there_passes(run: RunContext, bench: LakeBench) -> None:
    check_ledger_complete(bench.tables, run.ledger)  # there are no tables yet
    batch = landed_and_planned(run, A)
    bench.engine.ensure_tables()
    put_into_silver(bench, batch.batch_id)
    put_into_silver(bench, None, "R2")
    quarantine(bench, batch.batch_id)
    check_ledger_complete(bench.tables, run.ledger)


def test_check_ledger_complete_looks_behind_the_last_batch_only(run: RunContext, bench: LakeBench) -> None:
    bench.engine.ensure_tables()
    silver = put_into_silver(bench, "000001-lost")
    quarantine(bench, "000001-lost")
    batch = landed_and_planned(run, A)
    run.ledger.commit(batch, RUN_ID, TablesAfter("id", silver, bench.tables.version(QUARANTINE)))
    check_ledger_complete(bench.tables, run.ledger)
    put_into_silver(bench, "000003-lost", "R3")
    with pytest.raises(DamageError, match="batch 000003-lost is not there"):
        check_ledger_complete(bench.tables, run.ledger)


# The command ---------------------------------------------------------------------------------------------------------


def shown(ended: Ended) -> tuple[int, list[str], list[str]]:
    """The exit code, what was printed and what a person was told."""
    return ended.exit_code, ended.stdout.splitlines(), ended.complaints


def record_of(root: Path) -> dict[str, Any]:
    return lake_reading.latest_run_record(root)


def test_plan_shows_the_files_and_writes_nothing(root: Path) -> None:
    land_rows(root / A, [row_of("R1", "O1", "C1", "MUG", "late", "1", "1.00", "2026-01-05", None)] * 40)
    land(root, f"{LANDED}/b.csv", "return_id,order_id\n")
    land(root, f"{LANDED}/notes.doc")
    before = sorted(root.rglob("*"))
    batch = plan_batch(settings_of(root), ledger_of(root), AS_OF, RUN_ID).batch
    size = (root / A).stat().st_size
    assert batch is not None and size >= 1000
    assert shown(returns(root, "plan", "--as-of", "2026-03-09")) == (
        0,
        [
            f"batch {batch.batch_id} of 2026-03-09, not planned yet, 1 files:",
            f"  {A}  {size:,} bytes",
            f"set aside: {B}: {NO_COLUMNS}",
            f"ignored: {LANDED}/notes.doc: its name ends with .doc; {TAKEN}",
        ],
        [],
    )
    assert sorted(root.rglob("*")) == before


def test_plan_of_nothing_new_says_so(root: Path) -> None:
    land(root, A)
    assert shown(returns(root, "plan", "--skip-file", A)) == (0, ["nothing new", f"warning: {A} is skipped"], [])


def test_plan_leaves_out_files_of_days_after_the_given_one(root: Path) -> None:
    land(root, f"{LANDED}/dt=2026-03-10/a.csv")
    assert shown(returns(root, "plan", "--as-of", "2026-03-09")) == (0, ["nothing new"], [])


@pytest.mark.parametrize("more", [[], ["--commit"]])
def test_plan_says_that_files_are_left_for_the_next_batch(root: Path, more: list[str]) -> None:
    land(root, A)
    land(root, B)
    ended = returns(root, "plan", *more, MAX_BATCH_BYTES=str(len(HEADER) + 1))
    lines = ended.stdout.splitlines()
    assert (ended.exit_code, lines[1:]) == (
        0,
        [f"  {A}  {len(HEADER) + 1} bytes", "more new files are left for the next batch"],
    )


def test_plan_shows_the_batch_that_was_not_finished(root: Path) -> None:
    land(root, A)
    land(root, B)
    first = returns(root, "plan", "--commit", "--as-of", "2026-03-09")
    land(root, C)
    batch = ledger_of(root).pending()
    assert batch is not None
    lines = [f"batch {batch.batch_id} of 2026-03-09, planned and not finished, 2 files:"]
    lines += [f"  {path}  {len(HEADER) + 1} bytes" for path in (A, B)]
    assert shown(first)[:2] == (0, lines)
    assert shown(returns(root, "plan", "--as-of", "2026-03-10")) == (0, lines, [])


def test_plan_with_commit_writes_batch_and_record(root: Path) -> None:
    land(root, A)
    land(root, B)
    returns(root, "plan", "--commit", "--as-of", "2026-03-10", "--run-id", RUN_ID, "--skip-file", B)
    batch, record = ledger_of(root).pending(), record_of(root)
    assert batch is not None
    assert (paths_of(batch), batch.as_of, batch.planned_by, batch.spark_tz) == ([A], AS_OF, RUN_ID, "UTC")
    [stage] = record["stages"]
    assert {**stage, "duration_sec": 0} == {"name": "plan", "rows": 0, "duration_sec": 0, "files": 1}
    assert {name: record[name] for name in ("run_id", "status", "complete", "batch_id", "as_of", "warnings")} == {
        "run_id": RUN_ID,
        "status": "succeeded",
        "complete": False,
        "batch_id": batch.batch_id,
        "as_of": "2026-03-10",
        "warnings": [f"{B} is skipped"],
    }


def test_plan_with_commit_of_nothing_new_is_on_record(root: Path) -> None:
    ended = returns(root, "plan", "--commit")
    record = record_of(root)
    [stage] = record["stages"]
    assert {**stage, "duration_sec": 0} == {"name": "plan", "rows": 0, "duration_sec": 0, "files": 0}
    assert (ended.lines, record["status"], record["batch_id"]) == (["nothing new"], "no_new_data", None)
    assert record["complete"] is True
    assert str(UUID(record["run_id"])) == record["run_id"]


@pytest.mark.parametrize("more", [[], ["--commit"]])
def test_plan_of_a_file_that_cannot_be_taken_says_why_and_ends_well(root: Path, more: list[str]) -> None:
    """The stage `finalize` fails for it, and `returns run` does: the others are not to be held up."""
    land(root, A, "return_id,order_id\n")
    assert shown(returns(root, "plan", *more)) == (0, ["nothing new", f"set aside: {A}: {NO_COLUMNS}"], [])
    assert ledger_of(root).pending() is None


@pytest.mark.parametrize("more", [[], ["--commit"]])
def test_plan_of_a_file_that_cannot_be_taken_is_exit_4_where_nothing_is_done_then(root: Path, more: list[str]) -> None:
    land(root, A, "return_id,order_id\n")
    land(root, B)
    ended = returns(root, "plan", *more, UNREADABLE_FILES="fail")
    said = (
        "error: 1 landed file was unreadable, so nothing is done; mend, remove or skip (skip_files) each, "
        "then run again"
    )
    assert shown(ended) == (4, [], [said, f"  {A}: {NO_COLUMNS}"])
    assert ledger_of(root).pending() is None


@pytest.mark.parametrize("more", [[], ["--commit"]])
def test_plan_with_an_engine_that_there_is_not_is_refused(root: Path, more: list[str]) -> None:
    ended = returns(root, "plan", "--engine", "none", *more)
    assert (ended.exit_code, ended.lines, [line[:24] for line in ended.complaints]) == (
        2,
        [],
        ["error: engine (option): "],
    )
    assert not (root / "metrics").exists()


# Figures of a pending batch ------------------------------------------------------------------------------------------


def test_dry_run_of_a_batch_that_silver_has_shows_the_figures_of_its_checkpoint(
    of_one_batch: Path, tmp_path: Path
) -> None:
    """Its rows are in silver: compared with that, each would be a duplicate."""
    lake = Path(shutil.copytree(of_one_batch, tmp_path / "lake"))
    [(batch_id, _)] = lake_reading.batch_states(lake)
    (lake / "ops" / "batches" / batch_id / "committed.json").unlink()
    ended = returns(lake, "run", "--dry-run", "--as-of", FIRST_DAY)
    outcomes = ["read 9", "inserted 4", "updated 0", "superseded 2", "duplicate 1", "quarantined 2"]
    assert (ended.exit_code, ended.lines[4:]) == (0, ["rows", *outcomes, "qty_not_positive 2", "excluded 0"])
    assert lake_reading.batch_states(lake) == [(batch_id, "planned")]
