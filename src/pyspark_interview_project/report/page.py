"""A report as one HTML page, which needs no network and no script. To make it needs the extra `report`."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pyspark_interview_project.report.charts import as_svg
from pyspark_interview_project.report.contents import Report
from pyspark_interview_project.report.sections import shown


def as_page(report: Report) -> str:
    """The page. All values in it are escaped, so that a browser shows them and obeys none."""
    environment = Environment(
        loader=PackageLoader(__package__, ""),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The library that draws the SVG has escaped its texts.
    drawn = {section.name: [Markup(as_svg(bars)) for bars in section.charts] for section in report.sections}
    return environment.get_template("page.html").render(report=report, drawn=drawn)


def _shown(value: Any) -> Any:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value
