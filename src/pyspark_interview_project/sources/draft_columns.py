"""The columns of a drafted feed: which of a file's columns play which of a return, by their names and values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import Any, NamedTuple

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.config.feed_sql import checked_sql
from pyspark_interview_project.config.feed_sql_kinds import RefusedSql
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES, REQUIRED_NAMES
from pyspark_interview_project.sources.sample_files import Sample
from pyspark_interview_project.sources.sample_names import candidates, is_price_of_one
from pyspark_interview_project.sources.sample_values import are_whole, dates_of, is_double, numbers_of

_STATES = ("status", "event_type", "return_request_status", "refund_status")
_NO_RETURNS = ("cancelled", "canceled", "denied", "failed", "pending", "rejected", "declined")
_KEY_PARTS = ("order_id", "sku", "return_date", "qty", "amount")


class Decided(NamedTuple):
    """A value of a definition. It is missing where only a person can tell it."""

    value: Any
    is_sure: bool = True
    is_missing: bool = False


_MISSING = Decided(None, False, True)


def drafted_columns(sample: Sample) -> tuple[dict[str, Decided], Decided | None]:
    """The part `columns` of a definition, and its `where` if there seems to be need of one."""
    played: dict[str, str] = {}
    columns: dict[str, Decided] = {}
    mixed: str | None = None
    for target in (*RAW_NAMES, "currency"):
        if target == "return_id":
            continue
        found, column = _drafted(target, sample)
        if column:
            played[target] = column
        if found:
            columns[target] = found
    for target in ("qty", "amount"):
        numbers = numbers_of(sample.values[played[target]]) if target in played else None
        if numbers and numbers.is_mixed and mixed is None:
            mixed = played[target]
    if "amount" in played and "qty" in played and is_price_of_one(played["amount"]):
        columns["amount"] = _product(columns["qty"], played["qty"], played["amount"])
    columns["return_id"] = drafted_id(sample, played)
    where = _where(sample, mixed)
    return {target: columns[target] for target in (*RAW_NAMES, "currency") if target in columns}, where


def _drafted(target: str, sample: Sample) -> tuple[Decided | None, str | None]:
    """What a definition says of a column, and the file's column that plays it."""
    behind = sample.path.partition("[].")[2]
    found_names = candidates(target, sample.names, behind)
    for column, is_sure in found_names:
        values = sample.values[column]
        if not values:
            continue
        if found := decided_for(target, column, values):
            is_misplaced = bool(behind) and target in ("sku", "qty", "amount") and not column.startswith(behind)
            lacks_some = target in REQUIRED_NAMES and len(values) < len(sample.records)
            doubts = not is_sure or is_misplaced or lacks_some
            return found._replace(is_sure=found.is_sure and not doubts), column
    if named := next((column for column, is_sure in found_names if is_sure and sample.values[column]), None):
        return Decided(named, False), named  # its values have no form that is known
    absent = {
        "qty": Decided({"value": "1"}, False),
        "amount": Decided({"value": "0.00"}, False),
        "ingest_ts": Decided({"file": "modified"}),
    }
    return absent.get(target, _MISSING if target in REQUIRED_NAMES else None), None


def decided_for(target: str, column: str, values: Sequence[str]) -> Decided | None:
    """What a definition says of a column that plays this one; None where its values do not fit."""
    if target in ("return_date", "ingest_ts"):
        dates = dates_of(values)
        if dates is None:
            return None
        if list(dates.formats) == ["%Y-%m-%d"]:
            return Decided(column)
        if target == "ingest_ts" and all(one.startswith("%Y-%m-%d") and "%H" in one for one in dates.formats):
            return Decided(column, all("%z" in one for one in dates.formats))  # local times may need a zone
        formats: Any = list(dates.formats) if len(dates.formats) > 1 else dates.formats[0]
        return Decided({"from": column, "format": formats}, dates.is_sure)
    if target in ("qty", "amount"):
        numbers = numbers_of(values)
        if numbers is None or (target == "qty" and not are_whole(values)):
            return None
        keys = {**numbers.keys, **({"negate": True} if numbers.are_negative else {})}
        if numbers.without:
            is_sure = numbers.is_sure and not numbers.are_negative
            return _by_sql(column, f"replace({in_sql(column)}, '{numbers.without}', '')", is_sure, keys)
        return Decided({"from": column, **keys} if keys else column, numbers.is_sure and not numbers.are_negative)
    if target != "reason" and is_double(values):
        return _by_sql(column, f"replace({in_sql(column)}, '.0', '')", False)
    return Decided(column)


def drafted_id(sample: Sample, played: dict[str, str]) -> Decided:
    """A column that has another value in each record, else the first few columns that do so together."""
    behind = sample.path.partition("[].")[2]
    found = candidates("return_id", sample.names, behind)
    for column, is_sure in found:
        if sample.is_unique(column):
            return Decided(column, is_sure)
    lines = [column for column, _ in candidates("line", sample.names, behind)]
    parts = list(dict.fromkeys([*(column for column, _ in found), *lines, *_parts(played)]))
    for key in _keys(parts):
        if sample.are_apart(key):
            return Decided({"key": list(key)}, False)
    return Decided({"key": parts}, False) if len(parts) > 1 else _MISSING


def _parts(played: dict[str, str]) -> Iterator[str]:
    return (played[target] for target in _KEY_PARTS if target in played)


def _keys(parts: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for size in range(2, 6):
        yield from combinations(parts[:8], size)


def _by_sql(column: str, sql: str, is_sure: bool, keys: Mapping[str, Any] = MappingProxyType({})) -> Decided:
    """A column by way of SQL; as it is, where SQL cannot have its name."""
    return Decided({"sql": sql, **keys}, is_sure) if _is_sql(sql) else Decided(column, False)


def _is_sql(sql: str) -> bool:
    try:
        return bool(checked_sql(sql, ("text", "number", "condition")))
    except RefusedSql:
        return False


def _where(sample: Sample, mixed: str | None) -> Decided | None:
    """Which rows are returns, where a column of states or of signs says that not all are."""
    sql = next(filter(_is_sql, _conditions(sample, mixed)), None)
    return Decided(sql, False) if sql else None


def _conditions(sample: Sample, mixed: str | None) -> Iterator[str]:
    for column in sample.names:
        if matching_name(column.rpartition(".")[2]) not in _STATES:
            continue
        states = {value.strip().lower() for value in sample.values[column]}
        if "refund" in states and len(states) > 1:
            yield f"lower(trim({in_sql(column)})) = 'refund'"
        if others := [f"'{state}'" for state in _NO_RETURNS if state in states]:
            yield f"lower(trim({in_sql(column)})) not in ({', '.join(others)})"
    if mixed:
        yield f"try_cast({in_sql(mixed)} as decimal(18,4)) < 0"


def in_sql(column: str) -> str:
    """The name of a file's column in the SQL of a feed."""
    name = matching_name(column)
    try:
        is_plain = checked_sql(name, ("text",)).choices == ((name,),)
    except RefusedSql:
        is_plain = False
    return name if is_plain else f"`{column}`"


def _product(qty: Decided, pieces: str, price: str) -> Decided:
    sign = "-" if isinstance(qty.value, dict) and qty.value.get("negate") else ""
    factors = " * ".join(f"try_cast({in_sql(column)} as decimal(18,4))" for column in (pieces, price))
    return _by_sql(price, f"{sign}{factors}", False)
