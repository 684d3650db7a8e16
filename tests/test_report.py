"""The report on a lake that the pipeline made: its numbers are those of the run records and of gold, to the cent."""

from __future__ import annotations

import shutil
import sys
from collections import defaultdict
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest

import lake_reading
from commands import Ended, module, returns, succeeded
from kills import SECOND_DAY, run_whole
from pyspark_interview_project.report.gold import PLACES
from pyspark_interview_project.schemas.tables import GOLD_TABLES
from report_reading import OUTCOMES, Page, page_of

Measures = tuple[int, int, Decimal]


def figures(measures: Measures) -> list[str]:
    return [f"{value:,}" for value in measures]


def summed(rows: list[lake_reading.Row], column: int) -> dict[Any, Measures]:
    sums: defaultdict[Any, Measures] = defaultdict(lambda: (0, 0, Decimal("0.00")))
    with localcontext(prec=100):
        for row in rows:
            returns_, pieces, amount = sums[row[column]]
            sums[row[column]] = (returns_ + row[2], pieces + row[3], amount + row[4])
    return dict(sums)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, second_day: Path) -> Path:
    """A lake of three runs: two that read rows, and one that found nothing new."""
    lake = shutil.copytree(second_day, tmp_path_factory.mktemp("report") / "lake", symlinks=True)
    run_whole(lake, SECOND_DAY)
    return lake


@pytest.fixture(scope="module")
def page(lake: Path) -> Page:
    return page_of(lake)


def test_report_lies_in_the_lake_and_changes_nothing_else(lake: Path, page: Page) -> None:
    before = {path: path.stat().st_mtime_ns for path in lake.rglob("*") if path.name != "report.html"}
    assert (lake / "metrics" / "report.html").is_file()
    page_of(lake)
    after = {path: path.stat().st_mtime_ns for path in lake.rglob("*") if path.name != "report.html"}
    assert {path for path in after if after[path] != before.get(path)} <= {lake / "metrics"}
    assert after.keys() == before.keys()


def test_report_says_how_the_last_run_ended(lake: Path, page: Page) -> None:
    last = lake_reading.run_records(lake)[-1]
    assert page.headline == "The last run found nothing new"
    assert page.facts["run"] == last["run_id"]
    assert page.facts["exit code"] == "0"
    assert page.facts["date of the run"] == SECOND_DAY
    ended = last["finished_at"][:19].replace("T", " ")
    assert page.facts["ended"] == page.facts["last good end"] == f"{ended} UTC"
    assert page.lists.get("warnings", []) == last["warnings"]


def test_report_law_is_that_of_the_last_run_that_read_rows(lake: Path, page: Page) -> None:
    second = lake_reading.run_records(lake)[1]
    stage = next(stage for stage in second["stages"] if stage["name"] == "bronze_to_silver")
    assert stage["rows_read"] > 0
    expected = [["read", f"{stage['rows_read']:,}", f"{Decimal(stage['amounts']['read']):,}"]]
    expected += [[term, f"{stage[f'rows_{term}']:,}", f"{Decimal(stage['amounts'][term]):,}"] for term in OUTCOMES]
    assert page.tables["law"] == [["term", "rows", "amount"], *expected]
    assert page.verdicts == [f"read = {' + '.join(OUTCOMES)}, also for amounts."]
    assert any(second["run_id"] in note for note in page.notes)


def test_report_reasons_gates_stages_and_tables_are_the_record(lake: Path, page: Page) -> None:
    _, second, third = lake_reading.run_records(lake)
    silver = next(stage for stage in second["stages"] if stage["name"] == "bronze_to_silver")
    reasons = sorted(silver["quarantined_by_reason"].items(), key=lambda item: (-item[1], item[0]))
    assert reasons and page.table("reasons") == [[reason, f"{rows:,}"] for reason, rows in reasons]
    gates = [[gate["name"], gate["status"], f"{gate['value']:,}", f"{gate['limit']:,}"] for gate in second["gates"]]
    assert gates and page.table("gates") == gates
    assert page.table("stages") == [
        [
            stage["name"],
            f"{stage['duration_sec']:,.3f}",
            f"{stage['rows_read']:,}" if "rows_read" in stage else "–",
            f"{stage['rows']:,}",
        ]
        for stage in second["stages"]
    ]
    tables = [
        [name, *(f"{facts[of]:,}" for of in ("version", "rows", "bytes"))] for name, facts in third["tables"].items()
    ]
    assert page.table("tables") == tables
    assert {row[0]: row[2] for row in tables}["silver_returns"] == f"{len(lake_reading.silver(lake)):,}"


def test_report_runs_are_the_records_the_newest_first(lake: Path, page: Page) -> None:
    expected = []
    for found in reversed(lake_reading.run_records(lake)):
        stage = next((stage for stage in found["stages"] if stage.get("rows_read")), {})
        rows = [f"{stage.get(f'rows_{term}', 0):,}" for term in ("read", *OUTCOMES)]
        expected.append([found["status"], str(found["exit_code"]), *rows, str(len(found["warnings"])), found["run_id"]])
    assert [[*row[1:3], *row[4:]] for row in page.table("runs")] == expected
    assert len(expected) == 3


def test_report_gold_by_reason_and_over_time_is_gold(lake: Path, page: Page) -> None:
    gold = lake_reading.gold_by_date_reason(lake)
    by_reason = summed(gold, 1)
    reasons = sorted(by_reason, key=lambda reason: (-by_reason[reason][0], reason))
    in_all = summed([(None, None, *row[2:]) for row in gold], 0)[None]
    lines = [[reason, *figures(by_reason[reason])] for reason in reasons]
    assert page.table("returns_by_reason") == [*lines, ["in all", *figures(in_all)]]
    with_figures = [row for row in page.table("returns_over_time") if row[1] != "0"]
    months = summed([(day.isoformat()[:7], *row) for day, *row in gold], 0)
    days = summed([(day.isoformat(), *row) for day, *row in gold], 0)
    of_period = days if len(with_figures[0][0]) == 10 else months
    told = [row for row in with_figures if not row[0].startswith("before")]
    assert [row[:4] for row in told] == [[name, *figures(of_period[name])] for name in sorted(of_period, reverse=True)][
        : len(told)
    ]
    for position, reason in enumerate(page.tables["returns_over_time"][0][4:]):
        counts = sum(int(row[4 + position].replace(",", "")) for row in with_figures)
        rest = sum(by_reason[other][0] for other in reasons[7:])
        assert counts == (rest if reason.startswith("the other") else by_reason[reason][0])


@pytest.mark.parametrize(("table", "measure"), [("top_by_count", 0), ("top_by_amount", 2)])
def test_report_top_skus_are_those_of_gold(lake: Path, page: Page, table: str, measure: int) -> None:
    by_sku = summed(lake_reading.gold_by_sku_reason(lake), 0)
    order = sorted(by_sku, key=lambda sku: (-by_sku[sku][measure], -by_sku[sku][2 - measure], sku))
    assert page.table(table) == [[sku, *figures(by_sku[sku])] for sku in order[:10]]


def test_report_charts_have_the_figures_of_their_tables(page: Page) -> None:
    for title, table, column in (
        ("SKUs with most returns", "top_by_count", 1),
        ("SKUs with most refunds", "top_by_amount", 3),
    ):
        figures_shown = page.drawn[title][-10:]
        assert figures_shown == [row[column] for row in page.table(table)]


def test_report_text_has_the_numbers_of_the_page(lake: Path, page: Page) -> None:
    lines = succeeded(returns(lake, "report", "--text")).lines
    assert lines[0] == page.headline
    for name in ("law", "reasons", "gates", "stages", "tables", "runs", "top_by_count", "top_by_amount"):
        for row in page.table(name)[:12]:
            assert " ".join(" ".join(row).split()) in lines


@pytest.mark.parametrize("missing", ["jinja2", "vl_convert"])
def test_report_without_the_extra_is_printed_and_says_what_to_install(lake: Path, tmp_path: Path, missing: str) -> None:
    expected = succeeded(returns(lake, "report", "--text")).lines
    ended = succeeded(without_module(lake, missing))
    assert ended.lines == [*expected, "for this as a page with charts: pip install 'pyspark-interview-project[report]'"]
    refused = without_module(lake, missing, "--out", str(tmp_path / "x.html"))
    assert refused.exit_code == 2
    assert refused.complaints == [
        "error: --out: a page needs the extra report; pip install 'pyspark-interview-project[report]'"
    ]


def without_module(lake: Path, missing: str, *arguments: str) -> Ended:
    """`returns report` where an import fails as it does where nothing is installed."""
    with pytest.MonkeyPatch.context() as patch:
        for page in ("page", "charts"):
            patch.delitem(sys.modules, f"pyspark_interview_project.report.{page}", raising=False)
        patch.setitem(sys.modules, missing, None)
        return returns(lake, "report", *arguments)


def test_report_is_a_module_too(lake: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "page.html"
    succeeded(module(lake, "pyspark_interview_project.report.command", "--out", str(out)))
    assert Page(out).headline == "The last run found nothing new"


def test_report_knows_the_gold_tables_by_their_contracts() -> None:
    assert PLACES == {table.name: table.place for table in GOLD_TABLES}
