"""Planning: which landed files the next batch takes, what becomes of one that was not finished, `returns plan`."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from commands import as_a_process
from conftest import LakeBench
from landing import COLUMNS
from landing import land as land_rows
from landing import row_of, write_text
from pyspark_interview_project import faults
from pyspark_interview_project.config.settings import Settings, load_settings
from pyspark_interview_project.errors import DamageError, UnreadableInputError
from pyspark_interview_project.metrics.run_record import RunRecord
from pyspark_interview_project.metrics.run_records import RunRecords
from pyspark_interview_project.pipeline import plan
from pyspark_interview_project.pipeline.ledger import ABANDONED, PLANNED, Batch, Batches, Counted
from pyspark_interview_project.pipeline.plan import (
    Draft,
    check_batches,
    draft_batch,
    parts_in,
    pending_batch,
    planned_batch,
)
from pyspark_interview_project.pipeline.run_context import RunContext
from pyspark_interview_project.progress import Steps
from pyspark_interview_project.schemas.tables import QUARANTINE, SILVER, TABLES, TableContract
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.storage.commits import CommitMetadata

LANDED = "bronze/returns_raw"
A, B, C = (f"{LANDED}/{name}" for name in ("a.csv", "b.csv", "c.csv"))
AS_OF = date(2026, 3, 10)
RUN_ID = "5b0c3a52-5a3e-4a0c-9a1d-0d6f6c7a9f11"
HEADER = ",".join(COLUMNS)
SILVER_COLUMNS = (
    "return_id string, order_id string, customer_id string, sku string, reason string, qty int, amount decimal(18,2), "
    "return_date date, ingest_ts timestamp, batch_id string, source_file string"
)
QUARANTINE_COLUMNS = (
    "quarantine_id string, return_id string, return_date date, raw_record string, reasons array<string>, "
    "source_file string, batch_id string, quarantined_at timestamp, attempts int"
)


def settings_of(root: Path, **changes: Any) -> Settings:
    return load_settings({"app_env": "test", "data_root": str(root), **changes})


def land(root: Path, path: str, text: str = f"{HEADER}\n") -> str:
    write_text(root / path, text)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A lake in which nothing has landed."""
    (tmp_path / "lake" / LANDED).mkdir(parents=True)
    return tmp_path / "lake"


def paths_of(batch: Batch | None) -> list[str] | None:
    return None if batch is None else [file.path for file in batch.files]


def drafted(root: Path, **changes: Any) -> tuple[list[str] | None, list[str]]:
    """The paths of the batch that the landed files would make, and what is odd about them."""
    draft = draft_batch(settings_of(root, **changes), AS_OF, RUN_ID)
    return paths_of(draft.batch), [*draft.remarks]


# Drafts --------------------------------------------------------------------------------------------------------------


def test_draft_batch_of_landed_files_is_what_batches_make_of_them(root: Path) -> None:
    land(root, A, "text")
    draft = draft_batch(settings_of(root), AS_OF, RUN_ID)
    modified_ns = (root / A).stat().st_mtime_ns
    file = LandedFile(A, 4, modified_ns, hashlib.sha256(b"text").hexdigest())
    assert draft.batch is not None
    expected = Batches(settings_of(root).paths).draft((file,), AS_OF, RUN_ID, "UTC")
    assert replace(draft.batch, planned_at="") == replace(expected, planned_at="")


def test_draft_batch_of_nothing_landed_is_none(root: Path) -> None:
    assert drafted(root) == (None, [])


def test_draft_batch_files_of_later_days_are_left_out(root: Path) -> None:
    day, later = (land(root, f"{LANDED}/dt=2026-03-{day}/a.csv") for day in (10, 11))
    assert drafted(root) == ([day], [])


def test_draft_batch_files_of_committed_batches_are_left_out_those_of_others_are_not(root: Path) -> None:
    batches = Batches(settings_of(root).paths)
    for path in (A, B):
        land(root, path)
        batch = draft_batch(settings_of(root), AS_OF, RUN_ID).batch
        assert batch is not None
        batches.plan(batch)
        if path == A:
            batches.commit(batch, RUN_ID)
    land(root, C)
    assert drafted(root) == ([B, C], [])


def test_draft_batch_odd_files_are_remarked_on(root: Path) -> None:
    batches = Batches(settings_of(root).paths)
    land(root, A, "text")
    batch = draft_batch(settings_of(root), AS_OF, RUN_ID).batch
    assert batch is not None
    batches.plan(batch)
    batches.commit(batch, RUN_ID)
    land(root, A, "other text")
    land(root, B)
    land(root, C)
    land(root, f"{LANDED}/notes.txt")
    assert drafted(root, skip_files=[B, f"{LANDED}/gone.csv"]) == (
        [A, C],
        [
            f"{LANDED}/notes.txt is ignored: its name claims none of the formats",
            f"{B} is skipped",
            f"{LANDED}/gone.csv is to be skipped and not there",
            f"{A} was replaced by other content; it is processed as new",
        ],
    )


def test_draft_batch_of_skipped_files_alone_is_none(root: Path) -> None:
    land(root, A)
    assert drafted(root, skip_files=[A]) == (None, [f"{A} is skipped"])


def test_draft_batch_file_beyond_the_settings_limits_is_named(root: Path) -> None:
    land(root, A, "x" * 1025)
    with pytest.raises(UnreadableInputError) as raised:
        draft_batch(settings_of(root, max_line_bytes=1024), AS_OF, RUN_ID)
    assert (raised.value.path, raised.value.problem) == (A, "has a line of more than 1,024 bytes (max_line_bytes)")


# Batches that were not finished --------------------------------------------------------------------------------------


@pytest.fixture
def run(bench: LakeBench, root: Path) -> RunContext:
    """A run on the lake of `bench` and `root`."""
    settings = settings_of(root)
    record = RunRecord(run_id=RUN_ID, app_env="test", engine="any")
    records = RunRecords(root / "metrics" / "runs", root / "metrics" / "latest.json")
    return RunContext(settings, RUN_ID, AS_OF, record, records, bench.lake, Steps())


def planned(run: RunContext, *paths: str) -> Batch:
    """A batch of newly landed files, written down, as by a run that is tried again under its id."""
    for path in paths:
        land(run_root(run), path)
    batch = draft_batch(run.settings, AS_OF, RUN_ID).batch
    assert batch is not None
    run.batches.plan(batch)
    return batch


def run_root(run: RunContext) -> Path:
    return Path(run.paths.root)


def counted(run: RunContext, batch: Batch, commits: int) -> Batch:
    return run.batches.count(batch, Counted(silver_version=0, commits=commits, figures={}))


def put_into_silver(bench: LakeBench, note: CommitMetadata) -> int:
    """Append a return to silver; the version that this makes."""
    values = ("R1", "O1", None, "MUG", "late", 1, "1.00", "2026-01-05", None, note.batch_id or "none", A)
    version = bench.lake.append(SILVER, bench.frame_of([values], SILVER_COLUMNS), note).version
    assert version is not None
    return version


def quarantine(bench: LakeBench, *batch_ids: str) -> None:
    for batch_id in batch_ids:
        row = (f"Q-{batch_id}", None, None, "raw", ["sku_missing"], A, batch_id, "2026-03-10T12:00:00", 1)
        note = CommitMetadata(RUN_ID, "bronze_to_silver", batch_id)
        bench.lake.append(QUARANTINE, bench.frame_of([row], QUARANTINE_COLUMNS), note)


def test_parts_in_a_table_that_is_not_there_are_none(bench: LakeBench) -> None:
    assert parts_in(bench.lake, SILVER, "B1") == {}


def test_parts_in_a_table_are_the_batchs_commits_by_part(bench: LakeBench) -> None:
    bench.lake.ensure_tables()
    versions = [
        put_into_silver(bench, CommitMetadata(RUN_ID, "bronze_to_silver", batch_id, facts))
        for batch_id, facts in (("B1", {}), ("B2", {"part": 1}), ("B1", {"part": 2}), (None, {}))
    ]
    assert parts_in(bench.lake, SILVER, "B1") == {1: versions[0], 2: versions[2]}
    assert parts_in(bench.lake, SILVER, "B2") == {1: versions[1]}
    assert parts_in(bench.lake, SILVER, "B3") == {}


def test_check_batches_of_tables_whose_batches_are_all_there_passes(run: RunContext, bench: LakeBench) -> None:
    check_batches(bench.lake, run.batches)  # there are no tables yet
    batch = planned(run, A)
    bench.lake.ensure_tables()
    put_into_silver(bench, CommitMetadata(RUN_ID, "bronze_to_silver", batch.batch_id, {"part": 1}))
    quarantine(bench, batch.batch_id)
    check_batches(bench.lake, run.batches)


@pytest.mark.parametrize("table", [SILVER, QUARANTINE])
def test_check_batches_names_each_batch_that_a_table_has_and_that_is_written_down_nowhere(
    run: RunContext, bench: LakeBench, table: TableContract
) -> None:
    bench.lake.ensure_tables()
    for batch_id in ("000001-lost", "000002-lost"):
        if table is SILVER:
            put_into_silver(bench, CommitMetadata(RUN_ID, "bronze_to_silver", batch_id, {"part": 1}))
        else:
            quarantine(bench, batch_id)
    with pytest.raises(DamageError) as raised:
        check_batches(bench.lake, run.batches)
    assert raised.value.place == str(run_root(run) / "ops" / "batches")
    lost = [finding.split(" is not there, but rows of it are in the tables")[0] for finding in raised.value.findings]
    assert lost == ["batch 000002-lost", "batch 000001-lost"]


def test_pending_batch_of_a_lake_without_one_is_none(run: RunContext) -> None:
    assert (pending_batch(run), run.record.warnings) == (None, [])


def test_pending_batch_whose_files_are_as_planned_goes_first(run: RunContext, caplog: pytest.LogCaptureFixture) -> None:
    batch = planned(run, A)
    land(run_root(run), B)
    with caplog.at_level(logging.INFO):
        assert pending_batch(run) == batch
    assert caplog.messages == [f"batch {batch.batch_id} was planned and not finished; it goes first"]
    assert run.record.warnings == []


def test_pending_batch_whose_files_are_not_what_they_were_is_abandoned(run: RunContext) -> None:
    batch = planned(run, A, B, C)
    (run_root(run) / A).unlink()
    land(run_root(run), C, "other content")
    run.settings = settings_of(run_root(run), skip_files=[B])

    assert pending_batch(run) is None

    why = f"{A}: it was planned and is gone; {C}: it was planned and has changed since; {B}: it is to be skipped"
    assert [*run.batches.all()] == [replace(batch, state=ABANDONED)]
    record = json.loads((run_root(run) / "ops" / "batches" / batch.batch_id / "abandoned.json").read_text())
    assert (record["run_id"], record["why"]) == (RUN_ID, why)
    assert run.record.warnings == [f"batch {batch.batch_id} is abandoned: {why}"]


def test_pending_batch_that_is_abandoned_takes_its_quarantine_slice_along(run: RunContext, bench: LakeBench) -> None:
    batch = counted(run, planned(run, A), commits=1)
    bench.lake.ensure_tables()
    quarantine(bench, batch.batch_id, "another")
    put_into_silver(bench, CommitMetadata(RUN_ID, "bronze_to_silver", "another", {"part": 1}))
    (run_root(run) / A).unlink()

    assert pending_batch(run) is None

    bench.assert_frame(bench.lake.read(QUARANTINE).select("quarantine_id"), "quarantine_id string", [("Q-another",)])
    newest = next(iter(bench.lake.commits(QUARANTINE)))
    assert newest.note == {"run_id": RUN_ID, "stage": "plan", "batch_id": batch.batch_id}


def test_pending_batch_that_is_abandoned_is_fenced_where_it_may_have_been_in_a_commit(
    run: RunContext, bench: LakeBench
) -> None:
    bench.lake.ensure_tables()
    for path, expected in ((A, {QUARANTINE.name}), (B, {QUARANTINE.name, SILVER.name})):
        batch = planned(run, path)
        if path == B:
            counted(run, batch, commits=1)
        before = {table.name: bench.lake.version(table) for table in TABLES}
        (run_root(run) / path).unlink()
        assert pending_batch(run) is None
        assert {table.name for table in TABLES if bench.lake.version(table) != before[table.name]} == expected


def test_pending_batch_whose_part_comes_to_silver_when_it_is_about_to_be_abandoned_names_the_file_that_is_gone(
    run: RunContext, bench: LakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = counted(run, planned(run, A), commits=2)
    bench.lake.ensure_tables()
    (run_root(run) / A).unlink()
    fence = bench.lake.fence

    def fence_behind_a_late_commit(table: TableContract) -> None:
        if table is SILVER:
            put_into_silver(bench, CommitMetadata(RUN_ID, "bronze_to_silver", batch.batch_id, {"part": 1}))
        fence(table)

    monkeypatch.setattr(bench.lake, "fence", fence_behind_a_late_commit)
    with pytest.raises(UnreadableInputError, match="silver has a part of its batch"):
        pending_batch(run)
    assert [batch.state for batch in run.batches.all()] == [PLANNED]


def test_pending_batch_of_which_silver_has_all_needs_no_files(run: RunContext, bench: LakeBench) -> None:
    batch = counted(run, planned(run, A), commits=2)
    bench.lake.ensure_tables()
    for part in (1, 2):
        put_into_silver(bench, CommitMetadata(RUN_ID, "bronze_to_silver", batch.batch_id, {"part": part}))
    (run_root(run) / A).unlink()
    assert pending_batch(run) == batch


def test_pending_batch_of_which_silver_has_a_part_names_a_file_that_is_gone(run: RunContext, bench: LakeBench) -> None:
    batch = counted(run, planned(run, A, B), commits=2)
    bench.lake.ensure_tables()
    put_into_silver(bench, CommitMetadata(RUN_ID, "bronze_to_silver", batch.batch_id, {"part": 1}))
    (run_root(run) / B).unlink()
    with pytest.raises(UnreadableInputError) as raised:
        pending_batch(run)
    problem = f"it was planned and is gone, and silver has a part of its batch {batch.batch_id}; it is to be put back"
    assert (raised.value.path, raised.value.problem) == (B, problem)
    assert run.batches.pending() == batch


# The next batch ------------------------------------------------------------------------------------------------------


def test_planned_batch_is_the_pending_one_before_any_other(run: RunContext) -> None:
    batch = planned(run, A)
    land(run_root(run), B)
    assert planned_batch(run) == batch
    assert [*run.batches.all()] == [batch]


def test_planned_batch_of_new_files_is_written_down(run: RunContext, caplog: pytest.LogCaptureFixture) -> None:
    for path in (A, B):
        land(run_root(run), path)
    with caplog.at_level(logging.INFO):
        batch = planned_batch(run)
    assert batch is not None
    assert [*run.batches.all()] == [batch]
    assert (paths_of(batch), batch.as_of, batch.planned_by) == ([A, B], AS_OF, RUN_ID)
    assert caplog.messages == [f"planned batch {batch.batch_id} of 2 files"]


def test_planned_batch_of_a_draft_takes_what_was_seen_then(run: RunContext) -> None:
    land(run_root(run), A)
    draft = draft_batch(run.settings, AS_OF, RUN_ID)
    land(run_root(run), B)
    assert planned_batch(run, draft) == draft.batch
    assert [*run.batches.all()] == [draft.batch]


def test_planned_batch_of_nothing_new_writes_nothing(run: RunContext) -> None:
    assert planned_batch(run) is None
    assert [*run.batches.all()] == []


def test_planned_batch_remarks_go_on_record_once(run: RunContext, caplog: pytest.LogCaptureFixture) -> None:
    run.record.warnings = ["one"]
    assert planned_batch(run, Draft(None, ["one", "two", "two"])) is None
    assert run.record.warnings == ["one", "two"]
    assert caplog.messages == ["two"]


@pytest.mark.parametrize(("point", "states"), [("before_plan", []), ("after_plan", [PLANNED])])
def test_planned_batch_can_be_interrupted_on_either_side_of_the_plan(
    run: RunContext, point: str, states: list[str]
) -> None:
    land(run_root(run), A)
    faults.arm(f"{point}:raise")
    try:
        with pytest.raises(faults.InjectedFault):
            planned_batch(run)
    finally:
        faults.arm(None)
    assert [batch.state for batch in run.batches.all()] == states


# The command ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """What a command showed, and the record that it left (None: none)."""

    exit_code: int
    lines: list[str]
    complaints: list[str]
    record: dict[str, Any] | None


PlanCommand = Callable[..., Shown]


@pytest.fixture
def plan_command(root: Path, engine_name: str, capsys: pytest.CaptureFixture[str]) -> Iterator[PlanCommand]:
    """`plan_command(*arguments)`: `returns plan` on the lake of `root`, in this process."""

    def ended(arguments: Sequence[str]) -> int:
        try:
            plan.main(arguments)
        except SystemExit as ended:
            assert isinstance(ended.code, int)
            return ended.code
        return 0

    def command(*arguments: str) -> Shown:
        exit_code = ended(arguments)
        shown = capsys.readouterr()
        record = root / "metrics" / "pipeline_metrics.json"
        complaints = [line for line in shown.err.splitlines() if not line.startswith("{")]
        written = json.loads(record.read_text()) if record.exists() else None
        return Shown(exit_code, shown.out.splitlines(), complaints, written)

    with as_a_process({"APP_ENV": "test", "DATA_ROOT": str(root), "ENGINE": engine_name}):
        yield command


def test_plan_shows_the_files_and_writes_nothing(root: Path, plan_command: PlanCommand) -> None:
    land_rows(root / A, [row_of("R1", "O1", "C1", "MUG", "late", "1", "1.00", "2026-01-05", None)] * 40)
    land(root, f"{LANDED}/notes.txt")
    before = sorted(root.rglob("*"))
    shown = plan_command("--as-of", "2026-03-09")
    batch = draft_batch(settings_of(root), AS_OF, RUN_ID).batch
    assert batch is not None
    assert shown == Shown(
        0,
        [
            f"batch {batch.batch_id} of 2026-03-09, not planned yet, 1 files:",
            f"  {A}  {(root / A).stat().st_size:,} bytes",
            f"warning: {LANDED}/notes.txt is ignored: its name claims none of the formats",
        ],
        [],
        None,
    )
    assert "," in shown.lines[1] and sorted(root.rglob("*")) == before


def test_plan_of_nothing_new_says_so(root: Path, plan_command: PlanCommand) -> None:
    land(root, A)
    assert plan_command("--skip-file", A) == Shown(0, ["nothing new", f"warning: {A} is skipped"], [], None)


def test_plan_leaves_out_files_of_days_after_the_given_one(root: Path, plan_command: PlanCommand) -> None:
    land(root, f"{LANDED}/dt=2026-03-10/a.csv")
    assert plan_command("--as-of", "2026-03-09").lines == ["nothing new"]


def test_plan_shows_the_batch_that_was_not_finished(root: Path, plan_command: PlanCommand) -> None:
    land(root, A)
    land(root, B)
    first = plan_command("--commit", "--as-of", "2026-03-09")
    land(root, C)
    batch = Batches(settings_of(root).paths).pending()
    assert batch is not None
    lines = [f"batch {batch.batch_id} of 2026-03-09, planned and not finished, 2 files:"]
    lines += [f"  {path}  {len(HEADER) + 1} bytes" for path in (A, B)]
    assert (first.exit_code, first.lines) == (0, lines)
    assert plan_command("--as-of", "2026-03-10").lines == lines


def test_plan_with_commit_writes_batch_and_record(root: Path, plan_command: PlanCommand) -> None:
    land(root, A)
    land(root, B)
    shown = plan_command("--commit", "--as-of", "2026-03-10", "--run-id", RUN_ID, "--skip-file", B)
    batch = Batches(settings_of(root).paths).pending()
    assert batch is not None and shown.record is not None
    assert (paths_of(batch), batch.as_of, batch.planned_by) == ([A], AS_OF, RUN_ID)
    [stage] = shown.record["stages"]
    assert {**stage, "duration_sec": 0} == {"name": "plan", "rows": 0, "duration_sec": 0, "files": 1}
    assert {name: shown.record[name] for name in ("run_id", "status", "complete", "batch_id", "as_of", "warnings")} == {
        "run_id": RUN_ID,
        "status": "succeeded",
        "complete": False,
        "batch_id": batch.batch_id,
        "as_of": "2026-03-10",
        "warnings": [f"{B} is skipped"],
    }


def test_plan_with_commit_of_nothing_new_is_on_record(plan_command: PlanCommand) -> None:
    shown = plan_command("--commit")
    assert shown.record is not None
    [stage] = shown.record["stages"]
    assert {**stage, "duration_sec": 0} == {"name": "plan", "rows": 0, "duration_sec": 0, "files": 0}
    assert (shown.lines, shown.record["status"], shown.record["batch_id"]) == (["nothing new"], "no_new_data", None)
    assert shown.record["complete"] is True
    assert str(UUID(shown.record["run_id"])) == shown.record["run_id"]


@pytest.mark.parametrize("more", [[], ["--commit"]])
def test_plan_of_a_file_without_a_column_names_it(root: Path, plan_command: PlanCommand, more: list[str]) -> None:
    land(root, A, "return_id,order_id\n")
    shown = plan_command(*more)
    assert (shown.exit_code, shown.lines) == (4, [])
    assert shown.complaints == [f"error: {UnreadableInputError(A, 'column sku is missing in its header')}"]
    assert Batches(settings_of(root).paths).pending() is None


@pytest.mark.parametrize("more", [[], ["--commit"]])
def test_plan_with_an_engine_that_there_is_not_is_refused(plan_command: PlanCommand, more: list[str]) -> None:
    shown = plan_command("--engine", "none", *more)
    assert (shown.exit_code, shown.lines, shown.record) == (2, [], None)
    assert [line[:24] for line in shown.complaints] == ["error: engine (option): "]
