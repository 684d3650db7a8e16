"""`returns report`: the report on a lake, as a page or in a terminal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pyspark_interview_project.command_line import main_of, prepare
from pyspark_interview_project.config import paths
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.metrics.recorded_runs import runs_on_record
from pyspark_interview_project.report.contents import Report, report_of
from pyspark_interview_project.report.gold import PLACES, read_gold
from pyspark_interview_project.report.terminal import print_report
from pyspark_interview_project.shown_text import printable
from pyspark_interview_project.storage.files import LocalFiles

_OF_THE_EXTRA = ("jinja2", "markupsafe", "vl_convert")
_HOW_TO_GET_IT = "pip install 'pyspark-interview-project[report]'"
_NOT_IN = (paths.LANDED, paths.SILVER_RETURNS, paths.QUARANTINED_RETURNS, *PLACES.values(), "ops", paths.RUN_RECORDS)


def make_report(settings: Settings) -> Report:
    """The report on the lake as it is now. It takes no lock, so a run may be at work meanwhile.

    Raises ConfigurationError where there is no lake, and OSError where its records cannot be read.
    """
    root = Path(settings.paths.root)
    if not settings.paths.is_local or not root.is_dir():
        raise ConfigurationError("data_root", f"there is no directory {settings.paths.root}")
    runs, malformed = runs_on_record(settings.run_records)
    return report_of(settings.paths, runs, malformed, read_gold(settings.paths), datetime.now(UTC))


def report(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PATH", help="Where the page goes; metrics/report.html in the lake by default."),
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Print a summary instead of writing a page.")] = False,
) -> None:
    """Write a page on the last runs and on gold, or print a summary where the extra `report` is not installed."""
    settings = prepare({})
    if text and out is not None:
        raise ConfigurationError("--out", "is for the page, --text prints; give one of them")
    as_page = None if text else _page_maker()
    if as_page is None:
        if out is not None:  # there will be no such file
            raise ConfigurationError("--out", f"a page needs the extra report; {_HOW_TO_GET_IT}")
        print_report(make_report(settings))
        if not text:
            print(f"for this as a page with charts: {_HOW_TO_GET_IT}")
        return
    target = out if out is not None else Path(settings.paths.place(paths.REPORT))
    _check_target(settings, target)
    LocalFiles(target.parent).put(target.name, as_page(make_report(settings)).encode())
    print(f"the report is at {printable(str(target.absolute()))}")


def _page_maker() -> Callable[[Report], str] | None:
    """The function that makes a page; None where the extra is not installed."""
    try:
        from pyspark_interview_project.report.page import as_page
    except ModuleNotFoundError as error:
        if error.name not in _OF_THE_EXTRA:
            raise
        return None
    return as_page


def _check_target(settings: Settings, target: Path) -> None:
    if target.is_dir():
        raise ConfigurationError("--out", f"{target} is a directory; name a file")
    for place in _NOT_IN:
        if target.resolve().is_relative_to(Path(settings.paths.place(place)).resolve()):
            raise ConfigurationError("--out", f"{target} is in {place}, where only the pipeline writes")


main = main_of(report)


if __name__ == "__main__":
    main()
