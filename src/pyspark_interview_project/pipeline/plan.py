"""Planning: which landed files the next batch takes, and how far the batch before it came; `returns plan`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated

import typer

from pyspark_interview_project.command_line import main_of
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.errors import RejectedFilesError, UnreadableInputError, VerificationError
from pyspark_interview_project.metrics.run_record import NO_NEW_DATA, FileRecord
from pyspark_interview_project.pipeline.checks import check_ledger_complete
from pyspark_interview_project.pipeline.ledger import Batch, Ledger
from pyspark_interview_project.pipeline.options import AsOfOption, EngineOption, RunIdOption, SkipFileOption
from pyspark_interview_project.pipeline.run_context import (
    LANDED_FILES,
    LakeView,
    RunContext,
    lake_view,
    planning_day,
    run_context,
    stage,
)
from pyspark_interview_project.pipeline.watermark import is_current
from pyspark_interview_project.schemas.tables import QUARANTINE, SILVER
from pyspark_interview_project.shown_text import printable
from pyspark_interview_project.sources.discovery import LandedFile, changed_files, find_landed, in_order_of_delivery
from pyspark_interview_project.sources.new_files import NewFiles
from pyspark_interview_project.sources.rejected_files import (
    RejectedFile,
    judged_by,
    read_rejected,
    rejected,
    write_rejected,
)
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.files import LocalFiles

logger = logging.getLogger(__name__)

STAGE = "plan"


@dataclass(frozen=True)
class BatchPlan:
    """The batch that the landed files would make (None: no file is new), and a remark on each that is odd.

    `leaves_files`: more new files wait for the batches after it. `rejected` cannot be taken, `ignored` (why, by path)
    are no data by their names.
    """

    batch: Batch | None
    remarks: Sequence[str] = ()
    leaves_files: bool = False
    rejected: Sequence[RejectedFile] = ()
    ignored: Mapping[str, str] = field(default_factory=dict)


def plan_batch(
    settings: Settings, ledger: Ledger, as_of: date, run_id: str, unreadable: Mapping[str, str] | None = None
) -> BatchPlan:
    """Look at the landed files and plan a batch of the new ones, up to max_batch_bytes. Writes nothing.

    `unreadable` are files that a run has tried in vain: why, by path. Raises RejectedFilesError where a file cannot be
    taken and unreadable_files says that nothing is done then.
    """
    landing = find_landed(settings.paths, as_of)
    known = ledger.known_files()
    refused = {**landing.rejected, **(unreadable or {})}
    refused = {path: problem for path, problem in refused.items() if path not in settings.skip_files}
    wanted = [file for file in landing.files if file.path not in settings.skip_files and file.path not in refused]
    # A backlog that takes several batches comes to silver as it was delivered: a later batch wins.
    wanted = in_order_of_delivery(wanted)
    new = NewFiles(LocalFiles(settings.paths.root), wanted, refused, known, settings)
    is_strict = settings.unreadable_files == "fail"
    files, leaves_files = _up_to(settings.max_batch_bytes, list(new) if is_strict else new)
    files = tuple(sorted(files, key=lambda file: file.path.split("/")))
    if new.rejected and is_strict:
        raise RejectedFilesError({file.path: file.problem for file in new.rejected}, others_are_done=False)
    known_paths = {file.path for file in known}
    landed_paths = {*(file.path for file in landing.files), *landing.rejected}
    remarks = [
        f"{path} is {'skipped' if path in landed_paths else 'to be skipped and not there'}"
        for path in settings.skip_files
    ]
    remarks += [
        f"{file.path} was replaced by other content; it is processed as new"
        for file in files
        if file.path in known_paths
    ]
    feeds = {feed.feed: feed for feed in new.feeds if feed.feed in {file.feed for file in files}}
    batch = ledger.new_batch(files, as_of, run_id, settings.spark_tz, feeds) if files else None
    return BatchPlan(batch, remarks, leaves_files, new.rejected, landing.ignored)


def _up_to(most_bytes: int, new: Iterable[LandedFile]) -> tuple[tuple[LandedFile, ...], bool]:
    """The first files that stay within `most_bytes` together, at least one, and whether there are more."""
    taken: list[LandedFile] = []
    bytes_taken = 0
    for file in new:
        bytes_taken += file.size
        if taken and bytes_taken > most_bytes:
            return tuple(taken), True
        taken.append(file)
    return tuple(taken), False


def put_on_record(run: RunContext, planned: BatchPlan) -> None:
    """Put what was found beside the batch on the record of the run, and the rejected files under ops/."""
    run.warn(*planned.remarks)
    told = {file.path for file in run.record.files_rejected}
    for file in planned.rejected:
        if file.path not in told:
            logger.warning("%s is set aside: %s", file.path, file.problem)
    run.record.files_rejected = [FileRecord(path=file.path, problem=file.problem) for file in planned.rejected]
    run.record.files_ignored = [FileRecord(path=path, problem=why) for path, why in planned.ignored.items()]
    if read_rejected(run.files) != tuple(planned.rejected):
        run.check_lease()
        write_rejected(run.files, planned.rejected)


def set_aside(run: RunContext, batch: Batch, problems: Mapping[str, UnreadableInputError]) -> None:
    """Put files of a batch among the rejected ones: reading them failed. A fault that may pass counts for this run."""
    run.unreadable.update({path: error.problem for path, error in problems.items() if error.may_pass})
    limits = run.settings.landing_limits
    found = {
        file.path: rejected(file, problems[file.path], judged_by(batch.feeds[file.feed] if file.feed else None, limits))
        for file in batch.files
        if file.path in problems and not problems[file.path].may_pass
    }
    run.check_lease()
    before = {file.path: file for file in read_rejected(run.files)}
    write_rejected(run.files, {**before, **found}.values())


def is_in_silver(tables: DeltaTables, batch: Batch) -> bool:
    """Whether silver has all that it takes of a batch. Then the batch needs no file any more.

    Raises VerificationError where it has a part, which only the first edition can finish.
    """
    checkpoint = batch.checkpoint
    if checkpoint is None:
        return False
    if checkpoint.commits == 0:
        return True
    if tables.version(SILVER) is None:
        return False
    commits = tables.commits(SILVER, since=checkpoint.silver_version)
    found = len([c for c in commits if c.batch_id == batch.batch_id and not c.undone])
    if 0 < found < checkpoint.commits:
        raise VerificationError(
            f"batch {batch.batch_id}",
            {"commits": checkpoint.commits},
            {"commits": found},
            "silver has a part of it: run it to its end with the version of the pipeline that began it",
        )
    return found > 0


def pending_batch(run: RunContext) -> Batch | None:
    """The batch that was planned and is to be finished before any other, with the same files.

    Where its files are not what they were and silver does not have it yet, it is abandoned on record.
    """
    batch = run.ledger.pending()
    if batch is None:
        return None
    changed = changed_files(run.paths, batch.files)
    changed |= {file.path: "it is to be skipped" for file in batch.files if file.path in run.settings.skip_files}
    if changed and not is_in_silver(run.tables, batch) and abandon(run, batch, changed):
        return None
    logger.info("batch %s was planned and not finished; it goes first", batch.batch_id)
    return batch


def abandon(run: RunContext, batch: Batch, problems: Mapping[str, str]) -> bool:
    """Give up a batch that silver does not have: remove its rows from quarantine and put down why. False where silver
    turns out to have it.

    Where another process was at work on it, a server whose caller died may be in a commit of it. So the tables are
    fenced first: from then on the commit is either in the log or never comes.
    """
    for table, may_be_written in ((QUARANTINE, batch.is_resumed), (SILVER, batch.checkpoint is not None)):
        if may_be_written and run.tables.version(table) is not None:
            run.check_lease()
            run.writes.fence(table)
    if is_in_silver(run.tables, batch):
        return False
    why = "; ".join(f"{path}: {problem}" for path, problem in problems.items())
    if run.tables.version(QUARANTINE) is not None:
        run.engine.replace_batch(QUARANTINE, None, run.metadata(STAGE, batch.batch_id))
    run.ledger.abandon(batch, run.run_id, why)
    run.warn(f"batch {batch.batch_id} is abandoned: {why}")
    return True


def next_batch(run: RunContext, planned: BatchPlan | None = None) -> Batch | None:
    """The batch to process next: the pending one, else a new one, written down. None: there is nothing to do.

    `planned` is what was just planned, so that files are not hashed again.
    """
    if pending := pending_batch(run):
        return pending
    check_ledger_complete(run.tables, run.ledger)
    planned = planned or plan_batch(run.settings, run.ledger, run.as_of, run.run_id, run.unreadable)
    put_on_record(run, planned)
    if planned.batch is not None:
        run.ledger.plan(planned.batch)
        logger.info("planned batch %s of %d files", planned.batch.batch_id, len(planned.batch.files))
    return planned.batch


def go_on_or_end(run: RunContext, has_work: bool) -> None:
    """Say in the record of a stage that ran apart whether there is anything for the next stages."""
    if has_work or not is_current(run.tables, run.files):
        run.record.go_on()
    else:
        run.record.end(NO_NEW_DATA)


def shown_plan(view: LakeView, as_of: date) -> BatchPlan:
    """What a run would take first, for a person: the pending batch, else the one that would be planned."""
    check_ledger_complete(view.tables, view.ledger)
    pending = view.ledger.pending()
    return BatchPlan(pending) if pending else plan_batch(view.settings, view.ledger, as_of, "shown")


def print_plan(planned: BatchPlan, is_planned: bool) -> None:
    """Show what a batch takes, a file a line. `is_planned`: it is written down."""
    batch = planned.batch
    if batch is None:
        print("nothing new")
    else:
        state = "planned and not finished" if is_planned else "not planned yet"
        print(f"batch {batch.batch_id} of {batch.as_of.isoformat()}, {state}, {len(batch.files)} files:")
        for file in batch.files:
            print(f"  {printable(file.path)}  {file.size:,} bytes")
    if planned.leaves_files:
        print("more new files are left for the next batch")
    for refused in planned.rejected:
        print(f"set aside: {printable(refused.path)}: {printable(refused.problem)}")
    for path, why in planned.ignored.items():
        print(f"ignored: {printable(path)}: {printable(why)}")
    for remark in planned.remarks:
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
        with lake_view(options) as view:
            planned = shown_plan(view, planning_day(view.settings, as_of))
            is_pending = view.ledger.pending() is not None
        print_plan(planned, is_pending)
        return
    with run_context(options, as_of, run_id) as run, stage(run, STAGE, reads=[LANDED_FILES]) as figures:
        planned = BatchPlan(pending_batch(run))
        if planned.batch is None:
            planned = plan_batch(run.settings, run.ledger, run.as_of, run.run_id)
            next_batch(run, planned)
        batch = planned.batch
        go_on_or_end(run, batch is not None)
        run.record.batch_id = batch.batch_id if batch else None
        figures["files"] = len(batch.files) if batch else 0
    print_plan(planned, is_planned=True)


main = main_of(plan)

if __name__ == "__main__":
    main()
