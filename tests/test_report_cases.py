"""The report on lakes of every sort: without runs, failed, broken, hostile, at work."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest

from commands import returns, succeeded
from lake_reading import GOLD_BY_DATE_REASON, GOLD_BY_SKU_REASON
from pyspark_interview_project.report.gold import PLACES
from report_reading import OUTCOMES, lake_of, page_of, write_gold
from test_run_history import failed, record, with_feeds

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=http://evil.test/x onerror=alert(1)>',
    "</td></table></style><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; ' `",
    "datum.x || url(http://evil.test)",
    "MUG\u202egum\x1b[31m\n",
)
SHOWN_HOSTILE = (*HOSTILE[:-1], "MUG\\u202egum\\x1b[31m\\n")


def test_report_of_no_run_and_no_gold_says_so(tmp_path: Path) -> None:
    page = page_of(tmp_path)
    assert (page.headline, page.tables, page.lists) == ("There are no runs on record", {}, {})
    assert page.notes == [f"{name} is not there yet." for name in reversed(PLACES)]


def test_report_of_one_run(tmp_path: Path) -> None:
    page = page_of(lake_of(tmp_path / "lake", record(0)))
    assert page.headline == "The last run succeeded"
    assert page.table("law") == [
        [term, rows, "–"] for term, rows in zip(("read", *OUTCOMES), ("10", "5", "1", "1", "1", "2", "0"))
    ]
    assert page.verdicts == [f"read = {' + '.join(OUTCOMES)}."]
    assert page.table("reasons") == [["qty_missing", "2"], ["sku_missing", "1"]]
    assert page.table("runs") == [
        [*("2024-11-01 03:01:30", "succeeded", "0", "90.000", "10", "5", "1", "1", "1", "2", "0", "1", "run-0")]
    ]
    assert page.lists["warnings"] == ["odd"]


def test_report_of_a_failed_run_says_why_and_when_it_was_last_well(tmp_path: Path) -> None:
    page = page_of(lake_of(tmp_path / "lake", record(0), failed(1, error="gate quarantined_ratio failed", stages=[])))
    assert page.headline == "The last run failed"
    assert page.facts["why it failed"] == "gate quarantined_ratio failed"
    assert (page.facts["exit code"], page.facts["last good end"]) == ("3", "2024-11-01 03:01:30 UTC")
    assert [row[1] for row in page.table("runs")] == ["failed", "succeeded"]
    assert page.table("stages") != []


def test_report_of_only_failed_runs_has_no_good_end(tmp_path: Path) -> None:
    assert page_of(lake_of(tmp_path / "lake", failed(0))).facts["last good end"] == "none on record"


@pytest.mark.parametrize(
    ("term", "amounts", "verdict"),
    [
        ({"rows_inserted": 4}, {}, "The law does not hold: 1 rows and an amount of 0 are missing."),
        ({}, {"inserted": "5.00"}, "The law does not hold: 0 rows and an amount of 0.01 are missing."),
        ({"rows_updated": None}, {}, "The record does not say where every row ended."),
    ],
)
def test_report_says_where_the_law_does_not_hold(
    tmp_path: Path, term: dict[str, Any], amounts: dict[str, str], verdict: str
) -> None:
    broken = record(0)
    whole = {"read": "5.01", **dict.fromkeys(OUTCOMES, "0.00"), "inserted": "5.01"}
    broken["stages"][0] |= {**term, "amounts": whole | amounts if amounts else {}}
    assert page_of(lake_of(tmp_path / "lake", broken)).verdicts == [verdict]


def stopped_by_a_gate(day: int) -> dict[str, Any]:
    """The record of a run of which only what it read and rejected was settled."""
    stopped = failed(day)
    unsettled = dict.fromkeys(["rows_inserted", "rows_updated", "rows_superseded", "rows_duplicate"])
    amounts = {"read": "1000.00", "quarantined": "250.00"}
    stopped["stages"] = [stopped["stages"][0] | unsettled | {"rows": 0, "amounts": amounts}]
    return stopped


def test_report_of_a_run_that_a_gate_stopped_shows_no_term_as_counted_that_was_not(tmp_path: Path) -> None:
    page = page_of(lake_of(tmp_path / "lake", record(0), stopped_by_a_gate(1)))
    *not_counted, not_excluded = [[term, "–", "–"] for term in OUTCOMES if term != "quarantined"]
    assert page.table("law") == [["read", "10", "1,000.00"], *not_counted, ["quarantined", "2", "250.00"], not_excluded]
    assert page.verdicts == ["The run was stopped before every row had ended somewhere."]
    assert page.table("runs")[0][1:10] == ["failed", "3", "90.000", "10", "–", "–", "–", "–", "2"]


def test_report_of_a_record_from_before_there_were_feeds_keeps_the_law_for_its_amounts_too(tmp_path: Path) -> None:
    old = record(0)
    amounts = {term: "0.00" for term in OUTCOMES if term != "excluded"} | {"read": "5.01", "inserted": "5.01"}
    old["stages"][0] |= {"amounts": amounts}
    page = page_of(lake_of(tmp_path / "lake", old))
    assert page.verdicts == [f"read = {' + '.join(OUTCOMES)}, also for amounts."]
    assert page.table("law")[-1] == ["excluded", "0", "0.00"]


def test_report_of_a_run_that_set_files_aside_names_each_with_its_problem(tmp_path: Path) -> None:
    page = page_of(lake_of(tmp_path / "lake", with_feeds(0)))
    assert (page.headline, page.facts["exit code"]) == ("The last run succeeded; 1 landed file is set aside", "4")
    assert page.tables["rejected"] == [["file", "problem"], ["bronze/returns_raw/a.csv", "UTF-16"]]
    assert page.tables["ignored"] == [
        ["file", "problem"],
        *([f"bronze/returns_raw/{name}", "no known name"] for name in ("a.doc", "b.doc")),
    ]
    assert page.table("law")[0] == ["read", "13", "–"]
    assert page.table("law")[-1] == ["excluded", "3", "–"]
    assert page.table("warned") == [["fba_test_order", "4"], ["another odd", "2"], ["Odd Name", "1"]]
    ambiguous = "2 returns are ambiguous: two versions have one ingest_ts and differ. Most often the key is too short."
    assert ambiguous in page.notes
    assert page.table("runs")[0][1:11] == ["succeeded", "4", "90.000", "13", "5", "1", "1", "1", "2", "3"]


def test_report_of_many_files_set_aside_has_fifty_and_says_how_many_more_there_are(tmp_path: Path) -> None:
    many = [{"path": f"{number:04}.csv", "problem": "<b>"} for number in range(1051)]
    page = page_of(lake_of(tmp_path / "lake", with_feeds(0, files_rejected=many)))
    assert page.headline == "The last run succeeded; 1,051 landed files are set aside"
    assert page.table("rejected") == [[f"{number:04}.csv", "<b>"] for number in range(50)]
    assert "And 1,001 more files; the run record has them all." in page.notes


def test_report_shows_files_set_aside_until_a_run_has_looked_again(tmp_path: Path) -> None:
    locked_out = failed(1, exit_code=6, stages=[])
    page = page_of(lake_of(tmp_path / "locked out", with_feeds(0), locked_out))
    assert (page.headline, len(page.table("rejected"))) == ("The last run failed", 1)
    page = page_of(lake_of(tmp_path / "mended", with_feeds(0), record(1)))
    assert page.headline == "The last run succeeded"
    assert page.tables.keys() & {"rejected", "ignored"} == set()


def test_report_says_of_a_gate_that_was_not_judged_that_it_did_not_pass(tmp_path: Path) -> None:
    gate = {"name": "quarantined_ratio", "status": "not_judged", "value": 0.5, "limit": 0.25}
    page = page_of(lake_of(tmp_path / "lake", record(0, gates=[gate])))
    assert page.table("gates") == [["quarantined_ratio", "not_judged", "0.5", "0.25"]]
    note = "A gate that says not_judged had too little to judge: it neither passed nor failed."
    assert note in page.notes
    assert note not in page_of(lake_of(tmp_path / "judged", record(0))).notes


def test_report_names_broken_records_and_passes_them_over(tmp_path: Path) -> None:
    lake = lake_of(
        tmp_path / "lake",
        record(0),
        record(1, stages=[{"name": "x", "rows": 1, "duration_sec": 1, "amounts": {"read": 0.1}}]),
    )
    (lake / "metrics" / "runs" / "<b>torn.json").write_text("{")
    page = page_of(lake)
    assert page.headline == "The last run succeeded"
    assert page.lists["problems"] == [
        "<b>torn.json is no run record and is left out: is no JSON",
        "run-1.json is no run record and is left out: stages.0.amounts.read: Input should be a valid string",
    ]


def test_report_escapes_what_stands_in_records_and_gold(tmp_path: Path) -> None:
    hostile = record(0, error="x", warnings=list(HOSTILE), engine=HOSTILE[0], batch_id=HOSTILE[1], version=5)
    hostile["stages"][0]["quarantined_by_reason"] = {text: 9 - place for place, text in enumerate(HOSTILE)}
    hostile["stages"][0]["name"] = HOSTILE[2]
    hostile["gates"][0]["name"] = HOSTILE[0]
    hostile["tables"] = {HOSTILE[1]: {"version": 1, "rows": 1, "bytes": 1}}
    lake = lake_of(tmp_path / "lake", hostile)
    days = [(date(2026, 11, 1), text, 9 - place, 1, Decimal("0.01")) for place, text in enumerate(HOSTILE)]
    write_gold(lake, GOLD_BY_DATE_REASON, days)
    write_gold(lake, GOLD_BY_SKU_REASON, [(text, "r", *row[2:]) for (_, text, *_), row in zip(days, days, strict=True)])

    page = page_of(lake)

    assert page.lists["warnings"] == list(SHOWN_HOSTILE)
    for table in ("reasons", "returns_by_reason", "top_by_count"):
        assert [row[0] for row in page.table(table)][:7] == list(SHOWN_HOSTILE)
    assert page.tables["returns_over_time"][0][4:] == list(SHOWN_HOSTILE)
    assert page.table("gates")[0][0] == page.facts["engine"] == HOSTILE[0]
    assert page.table("stages")[0][0] == HOSTILE[2]
    assert (page.table("tables")[0][0], page.facts["batch"]) == (HOSTILE[1], HOSTILE[1])
    assert "version" not in page.facts
    assert "{{ 7 * 7 }}{% raw %}" in page.drawn["SKUs with most returns"]
    printed = succeeded(returns(lake, "report", "--text"))
    assert "\x1b" not in printed.stdout and "\u202e" not in printed.stdout
    assert [line for line in printed.lines if line.startswith("warning: ")] == [
        f"warning: {' '.join(text.split())}" for text in SHOWN_HOSTILE
    ]


def test_report_adds_the_largest_amounts_to_the_cent(tmp_path: Path) -> None:
    largest = Decimal("9" * 36 + ".99")
    write_gold(tmp_path, GOLD_BY_SKU_REASON, [("MUG", reason, 2**62, 1, largest) for reason in "abc"])
    (row,) = page_of(tmp_path).table("top_by_amount")
    with localcontext(prec=100):
        assert row == ["MUG", f"{3 * 2**62:,}", "3", f"{3 * largest:,}"]


def test_report_over_time_of_years_is_by_month_and_loses_nothing(tmp_path: Path) -> None:
    days = [date(1999, 12, 31), date(2021, 11, 30), date(2021, 12, 1), date(2026, 11, 1), date(2026, 11, 30)]
    reasons = [f"reason {number}" for number in range(9)]
    rows = [(day, reason, 1, 2, Decimal("0.10")) for day in days for reason in reasons]
    write_gold(tmp_path, GOLD_BY_DATE_REASON, rows)
    page = page_of(tmp_path)
    table = page.tables["returns_over_time"]
    assert table[0] == ["when", "returns", "pieces", "amount", *reasons[:7], "the other 2 reasons"]
    assert len(table) == 1 + 60 + 1
    assert table[1] == ["2026-11", "18", "36", "1.80", *["2"] * 7, "4"]
    assert table[2] == ["2026-10", "0", "0", "0.00", *["0"] * 8]
    assert table[60] == ["2021-12", "9", "18", "0.90", *["1"] * 7, "2"]
    assert table[61] == ["before 2021-12", "18", "36", "1.80", *["2"] * 7, "4"]


def test_report_of_more_reasons_than_it_shows_sums_the_rest(tmp_path: Path) -> None:
    rows = [(date(2026, 11, 1), f"r{number:02}", 100 - number, 1, Decimal("1.01")) for number in range(53)]
    write_gold(tmp_path, GOLD_BY_DATE_REASON, rows)
    table = page_of(tmp_path).table("returns_by_reason")
    assert table[49:] == [
        ["r49", "51", "1", "1.01"],
        ["the other 3 reasons", "147", "3", "3.03"],
        ["in all", f"{sum(row[2] for row in rows):,}", "53", "53.53"],
    ]


def test_report_of_gold_that_cannot_be_read_tells_of_it_and_of_all_else(tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "lake", record(0))
    write_gold(lake, GOLD_BY_SKU_REASON, [("MUG", "r", 1, 1, Decimal("1.00"))])
    write_gold(lake, GOLD_BY_DATE_REASON, [])
    for file in (lake / GOLD_BY_SKU_REASON).glob("*.parquet"):
        file.unlink()
    page = page_of(lake)
    assert [problem.split(":")[0] for problem in page.lists["problems"]] == [f"{GOLD_BY_SKU_REASON} cannot be read"]
    assert "gold_returns_by_date_reason is empty." in page.notes
    assert "law" in page.tables and "top_by_count" not in page.tables


def test_report_of_gold_tables_that_differ_says_so(tmp_path: Path) -> None:
    write_gold(tmp_path, GOLD_BY_SKU_REASON, [("MUG", "r", 1, 1, Decimal("1.00"))])
    write_gold(tmp_path, GOLD_BY_DATE_REASON, [(date(2026, 11, 1), "r", 1, 1, Decimal("1.01"))])
    (problem,) = page_of(tmp_path).lists["problems"]
    assert problem.startswith("the gold tables differ in their totals")


def test_report_while_a_run_is_between_the_gold_tables(tmp_path: Path, first_day: Path, second_day: Path) -> None:
    lake = shutil.copytree(second_day, tmp_path / "lake")
    for place in (GOLD_BY_DATE_REASON, "metrics"):  # the second run has not written these yet
        shutil.rmtree(lake / place)
        shutil.copytree(first_day / place, lake / place)
    page = page_of(lake)
    assert page.headline == "The last run succeeded"
    told = page.lists["problems"]
    assert told[0].startswith("the gold tables differ in their totals")
    assert [problem.split(": ")[1].split(",")[0] for problem in told[1:]] == ["a run is at work"]


def test_report_of_a_year_shows_the_last_thirty_runs(tmp_path: Path) -> None:
    page = page_of(lake_of(tmp_path / "lake", *(record(day) for day in range(365))))
    assert [row[-1] for row in page.table("runs")] == [f"run-{day}" for day in range(364, 334, -1)]
    assert "The last 30 of 365 runs on record, the newest first." in page.notes


def test_report_of_a_hostile_record_is_small_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    long = "<&'" * 20_000
    hostile = record(0, warnings=[f"{number} {long[:200]}" for number in range(40_000)], engine=long, error=long)
    hostile["stages"][0]["quarantined_by_reason"] = {f"r{number} {long[:200]}": 1 for number in range(5_000)}
    hostile["gates"] = [hostile["gates"][0] | {"name": f"{number}{long}"} for number in range(150)]
    lake = lake_of(tmp_path / "lake", hostile)
    for number in range(150):
        (lake / "metrics" / "runs" / f"torn-{number:03}.json").write_text("{")
    write_gold(lake, GOLD_BY_SKU_REASON, [(f"{number}{long}", long, 1, 1, Decimal("1.00")) for number in range(12)])
    page = page_of(lake)  # which looks at its size
    assert (len(page.lists["warnings"]), page.lists["warnings"][-1]) == (101, "and 39,900 more")
    assert (len(page.lists["problems"]), page.lists["problems"][-1]) == (101, "and 50 more")
    assert (len(page.table("reasons")), len(page.table("gates"))) == (100, 100)
    assert {"And 4,900 more rows.", "And 50 more rows."} <= set(page.notes)
    assert page.facts["engine"] == f"{long[:500]}… and 59,500 more characters"
    assert page.table("top_by_count")[0][0].endswith("more characters")


def test_report_of_a_run_that_is_not_at_its_end_is_on_the_last_one_that_was_and_says_so(tmp_path: Path) -> None:
    begun = record(2, complete=False, stages=record(2)["stages"][:1])
    page = page_of(lake_of(tmp_path / "lake", record(0), failed(1), begun))
    assert (page.headline, page.facts["run"]) == ("The last run failed", "run-1")
    assert page.lists["problems"] == [
        "run run-2 is at work, or was stopped between its stages: it has bronze_to_silver of 2024-11-03 03:01:30 UTC"
    ]
    assert [row[-1] for row in page.table("runs")] == ["run-1", "run-0"]
    later = page_of(lake_of(tmp_path / "other", begun, record(3)))
    assert "problems" not in later.lists


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--text", "--out", "x.html"), "--out: is for the page, --text prints; give one of them"),
        (("--out", "{lake}/gold/returns_by_sku_reason/x.html"), "where only the pipeline writes"),
        (("--out", "{lake}/metrics/../bronze/returns_raw/x.jsonl"), "where only the pipeline writes"),
        (("--out", "{lake}"), "is a directory; name a file"),
    ],
)
def test_report_refuses_where_it_must_not_write(tmp_path: Path, arguments: tuple[str, ...], problem: str) -> None:
    ended = returns(tmp_path, "report", *(argument.format(lake=tmp_path) for argument in arguments))
    assert ended.exit_code == 2
    assert len(ended.complaints) == 1 and problem in ended.complaints[0]
    assert list(tmp_path.rglob("*")) == []


def test_report_of_no_lake_is_refused_and_makes_none(tmp_path: Path) -> None:
    ended = returns(tmp_path / "none", "report")
    assert (ended.exit_code, ended.complaints) == (2, [f"error: data_root: there is no directory {tmp_path / 'none'}"])
    assert not (tmp_path / "none").exists()


def test_report_whose_records_cannot_be_read_leaves_the_old_one(tmp_path: Path) -> None:
    page_of(tmp_path)
    before = (tmp_path / "metrics" / "report.html").read_text()
    (tmp_path / "metrics" / "runs").write_text("no directory")
    assert returns(tmp_path, "report").exit_code == 5
    assert (tmp_path / "metrics" / "report.html").read_text() == before
    assert sorted(path.name for path in (tmp_path / "metrics").iterdir()) == ["report.html", "runs"]
