"""The gold tables, read with delta-rs alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext
from pathlib import Path
from typing import NamedTuple, TypeVar

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.report.sections import EXACT_DIGITS
from pyspark_interview_project.shown_text import without_secrets, without_values

# By their names in run records. The contracts of tables in schemas/ know an engine, so they are not used here.
BY_SKU, BY_DATE = "gold_returns_by_sku_reason", "gold_returns_by_date_reason"
PLACES = {BY_SKU: paths.GOLD_BY_SKU_REASON, BY_DATE: paths.GOLD_BY_DATE_REASON}
_MEASURES = ("return_count", "total_qty", "total_amount")

Key = TypeVar("Key", bound=Hashable)


class Measures(NamedTuple):
    """The number of returns, of returned pieces, and the amount refunded."""

    returns: int = 0
    pieces: int = 0
    amount: Decimal = Decimal("0.00")


class GoldRow(NamedTuple):
    """A row of gold. `key` is a SKU or a day."""

    key: str | date
    reason: str
    measures: Measures


@dataclass
class Gold:
    """Rows and version of each gold table that can be read, by its name, and the problems with others."""

    rows: dict[str, list[GoldRow]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def total(self, name: str) -> Measures:
        return in_all(row.measures for row in self.rows[name])


def read_gold(lake: LakePaths) -> Gold:
    """Gold as it is now. A missing table is left out; one that cannot be read is a problem."""
    gold = Gold()
    for name, place in PLACES.items():
        key = "sku" if name == BY_SKU else "return_date"
        try:
            table = DeltaTable(Path(lake.place(place)).as_uri())
            content = table.to_pyarrow_table(columns=[key, "reason", *_MEASURES])
        except TableNotFoundError:
            continue
        except (DeltaError, OSError, pa.ArrowException, KeyError, ValueError) as error:
            gold.problems.append(f"{place} cannot be read: {without_secrets(without_values(str(error)))}")
            continue
        gold.versions[name] = table.version()
        columns = [content.column(column).to_pylist() for column in (key, "reason", *_MEASURES)]
        gold.rows[name] = [
            GoldRow(value, reason, Measures(returns, pieces, amount))
            for value, reason, returns, pieces, amount in zip(*columns, strict=True)
        ]
    if len(gold.rows) == len(PLACES) and gold.total(BY_SKU) != gold.total(BY_DATE):
        gold.problems.append(
            "the gold tables differ in their totals: a run is at work, or one was stopped between them"
        )
    return gold


def in_all(measures: Iterable[Measures]) -> Measures:
    """The exact sum."""
    returns, pieces, amount = 0, 0, Decimal("0.00")
    with localcontext(prec=EXACT_DIGITS):
        for one in measures:
            returns += one.returns
            pieces += one.pieces
            amount += one.amount
    return Measures(returns, pieces, amount)


def grouped(rows: Iterable[GoldRow], by: Callable[[GoldRow], Key]) -> dict[Key, Measures]:
    """The sums of the rows for each value of `by`."""
    groups: defaultdict[Key, list[Measures]] = defaultdict(list)
    for row in rows:
        groups[by(row)].append(row.measures)
    return {key: in_all(measures) for key, measures in groups.items()}
