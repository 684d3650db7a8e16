"""What a run tells the person who started it, on stdout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark_interview_project.config import paths as places
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.metrics.run_record import NO_NEW_DATA, FileRecord, RunRecord, StageRecord
from pyspark_interview_project.schemas.outcomes import OUTCOMES, QUARANTINED
from pyspark_interview_project.schemas.tables import TABLES
from pyspark_interview_project.shown_text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_FILE_WIDTH = 160
_FILES_SHOWN = 20


def print_summary(record: RunRecord, paths: LakePaths, top_groups: Sequence[Mapping[str, Any]]) -> None:
    """Rows by outcome, reasons, the most returned SKUs (`top_groups`: rows of gold), seconds, where things are, and
    which files were not taken."""
    if record.status == NO_NEW_DATA:
        landed = printable(paths.place(places.LANDED))
        print(f"nothing new in {landed}; the tables are as they were")
        _print_files(record)
        return
    console = _console()
    stage = record.stage("bronze_to_silver")
    if stage is not None:
        console.print(_rows_of(stage))
        if stage.returns_ambiguous:
            found = f"{stage.returns_ambiguous:,} ambiguous: two versions have one ingest_ts and differ"
            print(f"{found}; most often the key is too short")
    groups = _table("most returned SKUs", "reason", "returns", "pieces", "amount")
    for group in top_groups:
        figures = (f"{group['return_count']:,}", f"{group['total_qty']:,}", f"{group['total_amount']:,}")
        groups.add_row(printable(group["sku"]), printable(group["reason"]), *figures)
    if top_groups:
        console.print(groups)
    print(f"the tables under {printable(paths.root)}:")
    tables = _table("place", "rows", "version")
    for table in TABLES:
        if facts := record.tables.get(table.name):
            tables.add_row(table.place, f"{facts.rows:,}", str(facts.version))
    console.print(tables)
    seconds = ", ".join(f"{stage.name} {stage.duration_sec:.1f} s" for stage in record.stages)
    print(f"{record.status}: {seconds}; run {record.run_id}")
    for warning in record.warnings:
        print(f"warning: {printable(warning)}")
    _print_files(record)


def _rows_of(stage: StageRecord) -> Table:
    """Rows and amounts by outcome; under it the rules for which rows were quarantined, or only warned of."""
    rows = _table("rows", "", "amount")
    rows.add_row("read", f"{stage.rows_read:,}", stage.amounts["read"])
    for outcome, number in stage.rows_by_term.items():
        rows.add_row(outcome, f"{number:,}", stage.amounts.get(outcome, ""))
        if outcome == QUARANTINED:
            for code, count in stage.quarantined_by_reason.items():
                rows.add_row(f"  {code}", f"{count:,}", "")
    if stage.warned_by_rule:
        rows.add_row("kept with a warning", "", "")
        for code, count in stage.warned_by_rule.items():
            rows.add_row(f"  {code}", f"{count:,}", "")
    return rows


def _print_files(record: RunRecord) -> None:
    """The landed files that were not taken, each with its problem."""
    _print_some("set aside", record.files_rejected)
    _print_some("ignored", record.files_ignored)


def _print_some(what: str, files: Sequence[FileRecord]) -> None:
    for file in files[:_FILES_SHOWN]:
        print(f"{what}: {printable(file.path)}: {printable(file.problem)}")
    if (rest := len(files) - _FILES_SHOWN) > 0:
        print(f"{what}: and {rest:,} more; the run record has them all")


def print_outcomes(rows_read: int, rows: Mapping[str, int], reasons: Mapping[str, int]) -> None:
    """The rows that a run would read, by outcome and reason."""
    console = _console()
    table = _table("rows", "")
    table.add_row("read", f"{rows_read:,}")
    for outcome in OUTCOMES:
        table.add_row(outcome, f"{rows[outcome]:,}")
        if outcome == QUARANTINED:
            for code, count in reasons.items():
                table.add_row(f"  {code}", f"{count:,}")
    console.print(table)


def _console() -> Console:
    """Stdout, as wide as the terminal; wide enough for every column where it is none. Text is shown as it is."""
    from rich.console import Console  # not needed to say that nothing is new

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    return console


def _table(*headings: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for position, heading in enumerate(headings):
        is_text = position == 0 or heading == "reason"
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=True)
    return table
