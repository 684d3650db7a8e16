"""A report as one HTML page that needs nothing else: no network, no script. Needs the extra `report`."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pyspark_interview_project.report.charts import as_svg
from pyspark_interview_project.report.contents import Report
from pyspark_interview_project.report.sections import shown


def as_page(report: Report) -> str:
    """The page. Every value in it is escaped; what a terminal or a browser would obey is shown as what it is."""
    environment = Environment(
        loader=PackageLoader(__package__, ""),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Markup: the SVG comes from a library that escapes the texts in it.
    drawn = {section.name: [Markup(as_svg(bars)) for bars in section.charts] for section in report.sections}
    return environment.get_template("page.html").render(report=report, drawn=drawn)


def _shown(value: Any) -> Any:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value
