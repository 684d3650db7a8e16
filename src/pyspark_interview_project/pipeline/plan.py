"""Planning: which landed files the next batch takes, and how far the one before it has come; `returns plan`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated

import typer

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.lake.batches import Batch, Batches
from pyspark_interview_project.lake.interface import Lake
from pyspark_interview_project.lake.landed import changed_files, find_landed, new_files
from pyspark_interview_project.metrics.run_record import NO_NEW_DATA, SUCCEEDED
from pyspark_interview_project.pipeline.command_line import AsOfOption, EngineOption, RunIdOption, run_command
from pyspark_interview_project.pipeline.execution import Execution, execution, looking, planning_day, stage
from pyspark_interview_project.schemas.tables import QUARANTINE, SILVER, TableContract

logger = logging.getLogger(__name__)

STAGE = "plan"


def draft_batch(paths: LakePaths, as_of: date, run_id: str) -> tuple[Batch | None, list[str]]:
    """The batch that the landed files not yet processed would make, None where there are none; and what is odd about
    the landed files, a sentence each. Writes nothing."""
    batches = Batches(paths)
    landing = find_landed(paths, as_of)
    known = batches.known_files()
    files = new_files(paths, landing, known)
    known_paths = {file.path for file in known}
    remarks = [f"{path} is ignored: {why}" for path, why in landing.ignored.items()]
    remarks += [
        f"{f.path} was replaced by other content; it is processed as new" for f in files if f.path in known_paths
    ]
    return (batches.draft(files, as_of, run_id) if files else None), remarks


def parts_in(lake: Lake, table: TableContract, batch_id: str) -> dict[int, int]:
    """The commits that a table has of a batch: part -> version."""
    if lake.version(table) is None:
        return {}
    notes = ((commit.version, commit.note) for commit in lake.commits(table))
    return {int(note.get("part", 1)): version for version, note in notes if note.get("batch_id") == batch_id}


def pending_batch(run: Execution) -> Batch | None:
    """The batch that was planned and is to be finished, with the same files, before any other.

    One whose files are not what they were is abandoned, on record, if silver has nothing of it, and needs none of them
    if silver has all of it. Raises UnreadableInputError, naming a file, if silver has a part of it.
    """
    batch = run.batches.pending()
    if batch is None:
        return None
    changed = changed_files(run.paths, batch.files)
    parts = parts_in(run.lake, SILVER, batch.batch_id) if changed and batch.counted else {}
    if not changed or (batch.counted and len(parts) == batch.counted.commits):
        logger.info("batch %s was planned and not finished; it goes first", batch.batch_id)
        return batch
    if parts:
        path, problem = next(iter(changed.items()))
        raise UnreadableInputError(path, f"{problem}, and silver has a part of its batch {batch.batch_id}")
    abandon(run, batch, changed)
    return None


def abandon(run: Execution, batch: Batch, problems: Mapping[str, str]) -> None:
    """Give up a batch of which silver has nothing: remove its quarantine slice and put down why."""
    why = "; ".join(f"{path}: {problem}" for path, problem in problems.items())
    if run.lake.version(QUARANTINE) is not None:
        run.lake.replace_slice(QUARANTINE, None, run.note(STAGE, batch.batch_id))
    run.batches.abandon(batch, run.run_id, why)
    run.warn(f"batch {batch.batch_id} is abandoned: {why}")


def planned_batch(run: Execution) -> Batch | None:
    """The batch to process next: the pending one, else a new one of the files not yet processed, written down."""
    if pending := pending_batch(run):
        return pending
    batch, remarks = draft_batch(run.paths, run.as_of, run.run_id)
    for remark in remarks:
        if remark not in run.record.warnings:
            run.warn(remark)
    if batch is not None:
        run.batches.plan(batch)
        logger.info("planned batch %s of %d files", batch.batch_id, len(batch.files))
    return batch


def print_files(batch: Batch | None, is_pending: bool, remarks: Sequence[str]) -> None:
    """Show what a batch takes, a file a line."""
    if batch is None:
        print("nothing new")
    else:
        state = "planned and not finished" if is_pending else "not planned yet"
        print(f"batch {batch.batch_id} of {batch.as_of.isoformat()}, {state}, {len(batch.files)} files:")
        for file in batch.files:
            print(f"  {file.path}  {file.size:,} bytes")
    for remark in remarks:
        print(f"warning: {remark}")


def plan(
    engine: EngineOption = None,
    as_of: AsOfOption = None,
    run_id: RunIdOption = None,
    commit: Annotated[bool, typer.Option("--commit", help="Write the batch down, for the next stage.")] = False,
) -> None:
    """Show the files that the next batch takes; with --commit, plan it."""
    options = {"engine": engine}
    if not commit:
        with looking(options) as (settings, _):
            pending = Batches(settings.paths).pending()
            draft, remarks = draft_batch(settings.paths, planning_day(settings, as_of), "shown")
            print_files(pending or draft, pending is not None, remarks)
        return
    with execution(options, as_of, run_id) as run, stage(run, STAGE) as figures:
        batch = planned_batch(run)
        run.record.status = SUCCEEDED if batch else NO_NEW_DATA
        run.record.batch_id = batch.batch_id if batch else None
        figures["files"] = len(batch.files) if batch else 0
        print_files(batch, True, [])


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m pyspark_interview_project.pipeline.plan`."""
    run_command(plan, argv)


if __name__ == "__main__":
    main()
