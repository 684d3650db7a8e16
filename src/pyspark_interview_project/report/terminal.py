"""A report in a terminal, for where there is no browser or no extra `report`."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pyspark_interview_project.report.contents import Report
from pyspark_interview_project.report.sections import Section, shown

_ROWS_SHOWN = 12
_FILE_WIDTH = 220


def print_report(report: Report) -> None:
    """Print the report on stdout: the figures of the page, but of long tables only the first rows."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    console.print(report.headline, style="bold")
    for name, value in report.facts.items():
        console.print(f"{name}: {shown(value)}", soft_wrap=True)
    for problem in report.problems:
        console.print(f"problem: {shown(problem)}", soft_wrap=True)
    for warning in report.warnings:
        console.print(f"warning: {shown(warning)}", soft_wrap=True)
    for section in report.sections:
        _print_section(console, section)


def _print_section(console: Console, section: Section) -> None:
    console.print(f"\n{section.title}", style="bold")
    if section.columns:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column in section.columns:
            is_number = column.kind == "number"
            # Text may be cut where a terminal is narrow, a number never is.
            table.add_column(
                Text(shown(column.heading)),
                justify="right" if is_number else "left",
                no_wrap=True,
                overflow="fold" if is_number else "ellipsis",
            )
        for row in section.rows[:_ROWS_SHOWN]:
            table.add_row(*(Text(shown(value)) for value in row))
        console.print(table)
    if len(section.rows) > _ROWS_SHOWN:
        console.print(f"and {len(section.rows) - _ROWS_SHOWN:,} more rows, on the page")
    for line in (section.verdict, *section.notes):
        if line:
            console.print(shown(line), soft_wrap=True)
