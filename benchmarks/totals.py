"""What a program made of the returns, in four numbers that must be the same for all programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
from deltalake import DeltaTable

_SUMS = "count(*), sum(return_count)::bigint, sum(total_qty)::bigint, sum(total_amount)::decimal(38, 2)"


class ResultsDiffer(Exception):
    """Programs that did the same job made different gold of it."""


@dataclass(frozen=True)
class Totals:
    """The sums of a gold table by article and reason; the amount is exact to the cent."""

    groups: int
    returns: int
    quantity: int
    amount: Decimal


def totals_of(gold: Path) -> Totals:
    """Read a gold table: a Delta table, a Parquet file, or the table `gold` of a DuckDB database."""
    if gold.is_dir():
        with duckdb.connect() as connection:
            connection.register("gold", DeltaTable(str(gold)).to_pyarrow_table())
            return _totals(connection, "gold")
    if gold.suffix == ".parquet":
        with duckdb.connect() as connection:
            return _totals(connection, f"read_parquet('{gold}')")
    with duckdb.connect(str(gold), read_only=True) as connection:
        return _totals(connection, "gold")


def assert_equal(totals: Mapping[str, Totals]) -> None:
    """Raise ResultsDiffer, showing all of them, unless all programs have the same totals."""
    if len(set(totals.values())) > 1:
        shown = [f"  {program}: {each}" for program, each in totals.items()]
        raise ResultsDiffer("\n".join(["the results differ:", *shown]))


def _totals(connection: duckdb.DuckDBPyConnection, relation: str) -> Totals:
    found = connection.execute(f"select {_SUMS} from {relation}").fetchone()
    assert found is not None
    return Totals(*found)
