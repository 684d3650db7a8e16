"""Gold: what is being returned, why, and for how much; from all of silver or from its changes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark_interview_project.engine import Column, DataFrame
from pyspark_interview_project.engine import functions as F

_TYPES = {"return_count": "long", "total_qty": "long", "total_amount": "decimal(38,2)"}
_DELETING = ("delete", "update_preimage")


def aggregate(returns: DataFrame, by: Sequence[str]) -> DataFrame:
    """Silver's rows per group: the columns of `by`, return_count and total_qty (long), total_amount (decimal(38,2))."""
    return _summed(returns.withColumn("sign", F.lit(1)), by)


def changed_groups(changes: DataFrame, gold: DataFrame, by: Sequence[str]) -> DataFrame:
    """The groups whose figures a change of silver changes, with their new figures.

    Reads:   changes (silver's change feed: _change_type and silver's columns), gold (the table as it is).
    Returns: the columns of gold, one row for each such group; an emptied group has return_count 0 and must be deleted.
    """
    signed = changes.withColumn(
        "sign", F.when(F.col("_change_type").isin(list(_DELETING)), F.lit(-1)).otherwise(F.lit(1))
    )
    moved = _summed(signed, by).filter("return_count <> 0 or total_qty <> 0 or total_amount <> 0")
    before = gold.join(moved.select(*by), on=list(by), how="left_semi").select(*by, *_TYPES)
    both = before.unionByName(moved)
    return both.groupBy(*by).agg(*[_total(F.col(name), name) for name in _TYPES])


def at_most(groups: DataFrame, most: int) -> DataFrame:
    """Any `most` of the groups, or all where they are no more."""
    return groups.limit(most)


def group_figures(groups: DataFrame) -> DataFrame:
    """One row: groups, the number of groups, and emptied, how many of them are empty (both long)."""
    emptied = F.count(F.when(F.col("return_count") == F.lit(0), F.lit(1)))
    return groups.agg(F.count(F.lit(1)).alias("groups"), emptied.alias("emptied"))


def _summed(signed: DataFrame, by: Sequence[str]) -> DataFrame:
    sign = F.col("sign")
    return signed.groupBy(*by).agg(
        _total(sign, "return_count"),
        _total(F.col("qty") * sign, "total_qty"),
        _total(F.col("amount") * sign, "total_amount"),
    )


def _total(column: Column, name: str) -> Column:
    return F.sum(column).cast(_TYPES[name]).alias(name)


def totals(*tables: DataFrame) -> DataFrame:
    """A row for each of these gold tables, in their order: the measures summed over all groups, zeros where there are
    none."""
    rows = [_summed_up(table).withColumn("position", F.lit(position)) for position, table in enumerate(tables)]
    return reduce(lambda one, other: one.unionByName(other), rows).orderBy("position").select(*_TYPES)


def _summed_up(gold: DataFrame) -> DataFrame:
    return gold.agg(
        *[F.coalesce(_total(F.col(name), name), F.lit(0).cast(_TYPES[name])).alias(name) for name in _TYPES]
    )


def largest_groups(gold: DataFrame, groups: int) -> DataFrame:
    """The groups with the most returns: among equals the larger amount first, then by sku and reason."""
    order = [F.col("return_count").desc(), F.col("total_amount").desc(), F.col("sku").asc(), F.col("reason").asc()]
    return gold.orderBy(*order).limit(groups)
