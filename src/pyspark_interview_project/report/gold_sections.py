"""The sections on gold: what is being returned, why, when, and for how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import cast

from pyspark_interview_project.report.gold import BY_DATE, BY_SKU, Gold, GoldRow, Measures, grouped, in_all
from pyspark_interview_project.report.sections import Bars, Column, Section, Series

TOP_SKUS = 10
REASONS_SHOWN = 50
_REASONS_WITH_COLOUR = 7
_MOST_DAYS = 62
_MOST_MONTHS = 60
_MEASURE_COLUMNS = (Column("returns"), Column("pieces"), Column("amount"))


def gold_sections(gold: Gold) -> list[Section]:
    """The sections on gold. For a table that is missing or empty, one section says so."""
    sections = []
    for name, of_rows in ((BY_DATE, _by_date), (BY_SKU, _by_sku)):
        if gold.rows.get(name):
            sections += of_rows(gold.rows[name], f"From {name}, version {gold.versions[name]}; it counts all returns.")
        elif not any(name.removeprefix("gold_") in problem for problem in gold.problems):
            state = "is empty" if name in gold.rows else "is not there yet"
            sections.append(Section(name, "Gold", (), (), (f"{name} {state}.",)))
    return sections


def _figures(measures: Measures) -> tuple[str, str, str]:
    return f"{measures.returns:,}", f"{measures.pieces:,}", f"{measures.amount:,}"


def _by_date(rows: Sequence[GoldRow], source: str) -> list[Section]:
    by_reason = grouped(rows, lambda row: row.reason)
    reasons = sorted(by_reason, key=lambda reason: (-by_reason[reason].returns, reason))
    return [_over_time(rows, reasons, source), _by_reason(by_reason, reasons, source)]


def _by_reason(by_reason: Mapping[str, Measures], reasons: Sequence[str], source: str) -> Section:
    table = [(reason, *_figures(by_reason[reason])) for reason in reasons[:REASONS_SHOWN]]
    if rest := reasons[REASONS_SHOWN:]:
        table.append((f"the other {len(rest):,} reasons", *_figures(in_all(by_reason[reason] for reason in rest))))
    table.append(("in all", *_figures(in_all(by_reason.values()))))
    columns = (Column("reason", "text"), *_MEASURE_COLUMNS)
    return Section("returns_by_reason", "Returns by reason", columns, table, (source,))


def _over_time(rows: Sequence[GoldRow], reasons: Sequence[str], source: str) -> Section:
    days = [cast(date, row.key) for row in rows]
    periods, period_of = _periods(min(days), max(days))
    coloured, rest = reasons[:_REASONS_WITH_COLOUR], reasons[_REASONS_WITH_COLOUR:]
    # By position, not by name: a reason may have the name that stands for the rest.
    place = {reason: position for position, reason in enumerate(coloured)}
    by_period = grouped(rows, lambda row: period_of(cast(date, row.key)))
    by_both = grouped(rows, lambda row: (period_of(cast(date, row.key)), place.get(row.reason, len(coloured))))
    names = [*coloured, f"the other {len(rest):,} reasons"] if rest else list(coloured)

    def returns(period: str, position: int) -> int:
        return by_both.get((period, position), Measures()).returns

    earlier = [period for period in by_period if period not in set(periods)]
    table = [
        (
            period,
            *_figures(by_period.get(period, Measures())),
            *(f"{returns(period, position):,}" for position in range(len(names))),
        )
        for period in [*reversed(periods), *earlier]
    ]
    series = [
        Series(
            name,
            f"hue-{position}" if position < len(coloured) else "idle",
            [float(returns(period, position)) for period in periods],
        )
        for position, name in enumerate(names)
    ]
    columns = (Column("when", "text"), *_MEASURE_COLUMNS, *(Column(name) for name in names))
    chart = Bars("Returns by reason over time", periods, series, is_wide=True)
    notes = [source, "By the date of the return; what came before the first bar is in the last line."]
    return Section(
        "returns_over_time", "Returns over time", columns, table, notes if earlier else [source], (chart,), is_wide=True
    )


def _periods(first: date, last: date) -> tuple[list[str], Callable[[date], str]]:
    """The periods from first to last: days, or months where there are too many days, and then only the newest months.

    Returns them with a function that gives the period of a day; all days before the periods have one of their own.
    """
    if (last - first).days < _MOST_DAYS:
        days = [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
        return days, lambda day: day.isoformat()
    newest = last.year * 12 + last.month - 1
    oldest = max(first.year * 12 + first.month - 1, newest - _MOST_MONTHS + 1)
    months = [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(oldest, newest + 1)]

    def month_of(day: date) -> str:
        number = day.year * 12 + day.month - 1
        return months[number - oldest] if number >= oldest else f"before {months[0]}"

    return months, month_of


def _by_sku(rows: Sequence[GoldRow], source: str) -> list[Section]:
    by_sku = {str(sku): measures for sku, measures in grouped(rows, lambda row: row.key).items()}
    by_count = sorted(by_sku, key=lambda sku: (-by_sku[sku].returns, -by_sku[sku].amount, sku))[:TOP_SKUS]
    by_amount = sorted(by_sku, key=lambda sku: (-by_sku[sku].amount, -by_sku[sku].returns, sku))[:TOP_SKUS]
    note = f"{source} {len(by_sku):,} SKUs."
    return [
        _top("top_by_count", "SKUs with most returns", by_count, by_sku, note, lambda measures: measures.returns),
        _top("top_by_amount", "SKUs with most refunds", by_amount, by_sku, note, lambda measures: measures.amount),
    ]


def _top(
    name: str,
    title: str,
    skus: Sequence[str],
    by_sku: Mapping[str, Measures],
    note: str,
    of: Callable[[Measures], object],
) -> Section:
    measured = [of(by_sku[sku]) for sku in skus]
    bars = Series(title, "hue-0", [float(str(value)) for value in measured])
    chart = Bars(title, skus, (bars,), [f"{value:,}" for value in measured])
    columns = (Column("SKU", "text"), *_MEASURE_COLUMNS)
    return Section(name, title, columns, [(sku, *_figures(by_sku[sku])) for sku in skus], (note,), (chart,))
