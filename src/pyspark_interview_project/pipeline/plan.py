"""Planning: which landed files the next batch takes, and how far the one before it has come; `returns plan`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

import typer

from pyspark_interview_project import faults
from pyspark_interview_project.command_line import run_command
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.engines.base import Lake
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.metrics.run_record import NO_NEW_DATA
from pyspark_interview_project.pipeline.ledger import Batch, Batches
from pyspark_interview_project.pipeline.options import AsOfOption, EngineOption, RunIdOption, SkipFileOption
from pyspark_interview_project.pipeline.run_context import (
    LANDED_FILES,
    RunContext,
    execution,
    looking,
    planning_day,
    stage,
)
from pyspark_interview_project.pipeline.watermark import is_current
from pyspark_interview_project.schemas.tables import QUARANTINE, SILVER, TableContract
from pyspark_interview_project.shown_text import printable
from pyspark_interview_project.sources.discovery import changed_files, find_landed, new_files
from pyspark_interview_project.sources.layouts import check_layouts

logger = logging.getLogger(__name__)

STAGE = "plan"


@dataclass(frozen=True)
class Draft:
    """The batch that the landed files not yet processed would make (None: there are none), and what is odd about the
    landed files, a sentence each."""

    batch: Batch | None
    remarks: Sequence[str]


def draft_batch(settings: Settings, as_of: date, run_id: str) -> Draft:
    """Look at the landed files. Writes nothing. Raises UnreadableInputError naming a file that cannot be taken."""
    batches = Batches(settings.paths)
    landing = find_landed(settings.paths, as_of)
    known = batches.known_files()
    taken = [file for file in landing.files if file.path not in settings.skip_files]
    files = new_files(settings.paths, taken, known, settings.landing_limits)
    known_paths = {file.path for file in known}
    remarks = [f"{path} is ignored: {why}" for path, why in landing.ignored.items()]
    landed = {file.path for file in landing.files}
    remarks += [
        f"{path} is {'skipped' if path in landed else 'to be skipped and not there'}" for path in settings.skip_files
    ]
    remarks += [
        f"{f.path} was replaced by other content; it is processed as new" for f in files if f.path in known_paths
    ]
    return Draft(batches.draft(files, as_of, run_id, settings.spark_tz) if files else None, remarks)


def _readable_draft(settings: Settings, as_of: date, run_id: str) -> Draft:
    """A draft of files whose headers and footers were looked at too."""
    draft = draft_batch(settings, as_of, run_id)
    check_layouts(settings.paths, draft.batch.files if draft.batch else ())
    return draft


def parts_in(lake: Lake, table: TableContract, batch_id: str) -> dict[int, int]:
    """The commits that a table has of a batch: part -> version."""
    if lake.version(table) is None:
        return {}
    notes = ((commit.version, commit.note) for commit in lake.commits(table) if not commit.undone)
    return {int(note.get("part", 1)): version for version, note in notes if note.get("batch_id") == batch_id}


def go_on_or_end(run: RunContext, has_work: bool) -> None:
    """Say in the record of a stage that ran apart whether there is anything for the next ones."""
    if has_work or not is_current(run.lake, run.paths):
        run.record.go_on()
    else:
        run.record.end(NO_NEW_DATA)


def check_batches(lake: Lake, batches: Batches) -> None:
    """Raise DamageError where the state of a batch was lost that silver or quarantine has: it would be taken again."""
    tables = [table for table in (SILVER, QUARANTINE) if lake.version(table) is not None]
    taken = {commit.note.get("batch_id"): None for table in tables for commit in lake.commits(table)}
    batches.check_complete(batch_id for batch_id in taken if batch_id is not None)


def pending_batch(run: RunContext) -> Batch | None:
    """The batch that was planned and is to be finished, with the same files, before any other.

    One whose files are not what they were is abandoned, on record, if silver has nothing of it, and needs none of them
    if silver has all of it. Raises UnreadableInputError, naming a file, if silver has a part of it.
    """
    batch = run.batches.pending()
    if batch is None:
        return None
    changed = changed_files(run.paths, batch.files)
    changed |= {file.path: "it is to be skipped" for file in batch.files if file.path in run.settings.skip_files}
    parts = parts_in(run.lake, SILVER, batch.batch_id) if changed and batch.counted else {}
    if not changed or (batch.counted and len(parts) == batch.counted.commits):
        logger.info("batch %s was planned and not finished; it goes first", batch.batch_id)
        return batch
    abandon(run, batch, changed)
    return None


def abandon(run: RunContext, batch: Batch, problems: Mapping[str, str]) -> None:
    """Give up a batch of which silver has nothing: remove its quarantine slice and put down why.

    Where another process was at it, a server whose caller died may be in a commit of it: the tables are fenced first.
    Raises UnreadableInputError if silver has a part of it.
    """
    _check_untouched(run, batch, problems)
    for table, may_be_written in ((QUARANTINE, batch.is_resumed), (SILVER, batch.counted is not None)):
        if may_be_written and run.lake.version(table) is not None:
            run.check_lease()
            run.lake.fence(table)
    _check_untouched(run, batch, problems)
    why = "; ".join(f"{path}: {problem}" for path, problem in problems.items())
    if run.lake.version(QUARANTINE) is not None:
        run.lake.replace_slice(QUARANTINE, None, run.note(STAGE, batch.batch_id))
    run.batches.abandon(batch, run.run_id, why)
    run.warn(f"batch {batch.batch_id} is abandoned: {why}")


def _check_untouched(run: RunContext, batch: Batch, problems: Mapping[str, str]) -> None:
    if batch.counted and parts_in(run.lake, SILVER, batch.batch_id):
        path, problem = next(iter(problems.items()))
        raise UnreadableInputError(
            path, f"{problem}, and silver has a part of its batch {batch.batch_id}; it is to be put back"
        )


def planned_batch(run: RunContext, draft: Draft | None = None) -> Batch | None:
    """The batch to process next: the pending one, else a new one of the files not yet processed, written down.

    `draft` is what was seen of the landed files just before, so that they are not hashed again.
    """
    if pending := pending_batch(run):
        return pending
    check_batches(run.lake, run.batches)
    draft = draft or draft_batch(run.settings, run.as_of, run.run_id)
    run.warn(*draft.remarks)
    if draft.batch is not None:
        faults.reached("before_plan")
        run.batches.plan(draft.batch)
        faults.reached("after_plan")
        logger.info("planned batch %s of %d files", draft.batch.batch_id, len(draft.batch.files))
    return draft.batch


def print_files(batch: Batch | None, is_pending: bool, remarks: Sequence[str]) -> None:
    """Show what a batch takes, a file a line."""
    if batch is None:
        print("nothing new")
    else:
        state = "planned and not finished" if is_pending else "not planned yet"
        print(f"batch {batch.batch_id} of {batch.as_of.isoformat()}, {state}, {len(batch.files)} files:")
        for file in batch.files:
            print(f"  {printable(file.path)}  {file.size:,} bytes")
    for remark in remarks:
        print(f"warning: {printable(remark)}")


def plan(
    engine: EngineOption = None,
    as_of: AsOfOption = None,
    run_id: RunIdOption = None,
    skip_file: SkipFileOption = None,
    commit: Annotated[bool, typer.Option("--commit", help="Write the batch down, for the next stage.")] = False,
) -> None:
    """Show the files that the next batch takes; with --commit, plan it."""
    options = {"engine": engine, "skip_files": skip_file}
    if not commit:
        with looking(options) as (settings, lake):
            batches = Batches(settings.paths)
            check_batches(lake, batches)
            pending = batches.pending()
            draft = _readable_draft(settings, planning_day(settings, as_of), "shown")
            print_files(pending or draft.batch, pending is not None, draft.remarks)
        return
    with execution(options, as_of, run_id) as run, stage(run, STAGE, reads=[LANDED_FILES]) as figures:
        batch = pending_batch(run) or planned_batch(run, _readable_draft(run.settings, run.as_of, run.run_id))
        go_on_or_end(run, batch is not None)
        run.record.batch_id = batch.batch_id if batch else None
        figures["files"] = len(batch.files) if batch else 0
        print_files(batch, True, [])


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m pyspark_interview_project.pipeline.plan`."""
    run_command(plan, argv)


if __name__ == "__main__":
    main()
