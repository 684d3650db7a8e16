"""Silver, gold and reasons of the landed files, worked out independently of the package: plain Python, no engine.

    result = query(Path("lake/bronze/returns_raw"), as_of=datetime.date(2026, 11, 23))

It follows the design's words, shares no code with the package, and reads Parquet with pyarrow, all else by hand.
One batch into an empty lake. Raises MissingColumnError where the design says exit 4.
"""

from __future__ import annotations

import datetime
import decimal
import gzip
import hashlib
import json
import math
import re
import sys
import zoneinfo
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = ("return_id", "order_id", "customer_id", "sku", "reason", "qty", "amount", "return_date", "ingest_ts")
REQUIRED = ("return_id", "order_id", "sku", "qty", "amount", "return_date")  # a file may lack the others
SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".parquet", ".jsonl.gz", ".ndjson.gz", ".json.gz", ".csv.gz")
WHITE = "\t\n\x0b\f\r \u00a0"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

INTEGER = re.compile(r"[+-]?[0-9]+(\.0*)?")  # with an exponent any number may be one: the value says
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
WITH_EXPONENT = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})[eE][+-]?[0-9]{1,3}")
SMALL_WITH_EXPONENT = re.compile(r"[+-]?[0-9]{1,9}(?:\.[0-9]{0,9})?[eE][+-]?0?[0-9]")
DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})([T ]00:00(:00([.,]0+)?)?Z?)?")
TIMESTAMPS = [
    re.compile(form + r"(?: ?(Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?))?")
    for form in (
        r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?",
        r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})(?:([0-9]{2})(?:[.,]([0-9]+))?)?",
    )
]
ROUNDED = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*[eE][+-]?|[eE][+-])[0-9]+")
INNER_WHITE = re.compile("[" + WHITE + "]+")
CSV_FIELD = re.compile(r'"((?:[^"]|"")*)"|([^",]*)')
TO_UPPER = {low: low - 32 for low in range(ord("a"), ord("z") + 1)}
TO_LOWER = {low - 32: low for low in TO_UPPER}


class MissingColumnError(Exception):
    """A file lacks a required column (exit 4)."""


class _Corrupt(Exception):
    """The line is no record."""


@dataclass
class Result:
    """What the design says the lake holds after one batch; silver and gold are sorted and made of plain values."""

    silver: list[tuple[Any, ...]] = field(default_factory=list)  # nine columns; ingest_ts aware, in UTC
    gold_by_sku_reason: list[tuple[Any, ...]] = field(default_factory=list)  # sku, reason, count, qty, amount
    gold_by_date_reason: list[tuple[Any, ...]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    quarantine: list[tuple[str, str | None, tuple[str, ...]]] = field(default_factory=list)  # file, return_id, codes
    rows_read: int = 0
    superseded: int = 0
    duplicate: int = 0


# ---------------------------------------------------------------------------------------------------------------- files
def landed_files(bronze: Path, as_of: datetime.date | None) -> list[Path]:
    taken = []
    for path in sorted(bronze.rglob("*")):
        parts = path.relative_to(bronze).parts
        if not path.is_file() or path.name[0] in "_." or not path.name.endswith(SUFFIXES):
            continue
        days = [parse_date(part[3:]) for part in parts[:-1] if part.startswith("dt=")]
        if as_of is not None and any(day is not None and day > as_of for day in days):
            continue
        taken.append(path)
    return taken


def lines_of(path: Path) -> Iterator[str | None]:
    """The lines without their ends and byte-order marks, empty ones left out; None for one that is not UTF-8."""
    content = path.read_bytes()
    if path.name.endswith(".gz"):
        content = gzip.decompress(content)
    for line in content.split(b"\n"):
        line = line.removesuffix(b"\r").removeprefix(b"\xef\xbb\xbf")
        if line:
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError:
                yield None


# A record is a tuple of nine texts (None is null), or None where the line is corrupt.
def records_of(path: Path, tz: str) -> Iterator[tuple[str | None, ...] | None]:
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        yield from parquet_records(path)
    elif name.endswith(".csv"):
        yield from csv_records(path)
    else:
        for line in lines_of(path):
            yield None if line is None else json_record(line)


def split_csv(line: str) -> list[str]:
    if '"' not in line:
        return line.split(",")
    fields, at = [], 0
    while True:
        found = CSV_FIELD.match(line, at)
        assert found is not None  # its second form matches nothing at all
        fields.append(found[2] if found[1] is None else found[1].replace('""', '"'))
        at = found.end()
        if at == len(line):
            return fields
        if line[at] != ",":
            raise _Corrupt
        at += 1


def csv_records(path: Path) -> Iterator[tuple[str | None, ...] | None]:
    lines = lines_of(path)
    header = next(lines, None)
    names = [] if header is None else [name.strip(WHITE) for name in split_csv(header)]
    require_columns(path, names)
    places = [names.index(name) if name in names else None for name in COLUMNS]
    for line in lines:
        if line == header:
            continue
        try:
            if line is None:
                raise _Corrupt
            fields = split_csv(line)
            if len(fields) != len(names):
                raise _Corrupt
        except _Corrupt:
            yield None
            continue
        yield tuple(None if place is None else fields[place] for place in places)


def require_columns(path: Path, names: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise MissingColumnError(f"{path}: {missing[0]}")


class _NumberText(str):
    """A number as it was delivered."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Corrupt
    return members


def _refuse(_: str) -> Any:
    raise _Corrupt


def _has_lone_surrogate(value: Any) -> bool:
    if isinstance(value, str):
        return any("\ud800" <= sign <= "\udfff" for sign in value)
    if isinstance(value, dict):
        return any(_has_lone_surrogate(key) or _has_lone_surrogate(inner) for key, inner in value.items())
    return isinstance(value, list) and any(_has_lone_surrogate(inner) for inner in value)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_refuse, parse_int=_NumberText, parse_float=_NumberText, strict=True
)


def json_record(line: str) -> tuple[str | None, ...] | None:
    try:
        value = _DECODER.decode(line)
    except (ValueError, RecursionError, _Corrupt):
        return None
    if not isinstance(value, dict) or ("\\u" in line and _has_lone_surrogate(value)):
        return None
    texts: list[str | None] = []
    for name in COLUMNS:
        cell = value.get(name)
        if isinstance(cell, dict | list):
            return None
        texts.append(("true" if cell else "false") if isinstance(cell, bool) else cell)
    return tuple(texts)


def parquet_records(path: Path) -> Iterator[tuple[str | None, ...]]:
    table = pq.ParquetFile(path).read()
    require_columns(path, table.column_names)
    columns: list[list[str | None]] = []
    for name in COLUMNS:
        if name not in table.column_names:
            columns.append([None] * table.num_rows)
            continue
        column = table.column(name)
        if pa.types.is_timestamp(column.type):
            if column.type.unit == "ns":
                raise ValueError(f"{path}: {name} has nanoseconds")
            aware = column.type.tz is not None
            micros = column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64()).to_pylist()
            columns.append([None if value is None else _timestamp_text(value, aware) for value in micros])
        else:
            columns.append([_native_text(value) for value in column.to_pylist()])
    yield from zip(*columns, strict=True)


def _timestamp_text(micros: int, aware: bool) -> str:
    text = (EPOCH + datetime.timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S.%f").rjust(26, "0")
    return text + ("Z" if aware else "")


def _native_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else "not finite"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int):
        return str(value)
    if type(value) is datetime.date:
        return value.isoformat()
    raise ValueError(f"a Parquet type that is not read: {type(value)}")


# --------------------------------------------------------------------------------------------------------------- values
def parse_qty(text: str) -> int | None:
    if INTEGER.fullmatch(text) is None and SMALL_WITH_EXPONENT.fullmatch(text) is None:
        return None
    number = Decimal(text)  # exact, whatever its length
    if number and (number.adjusted() > 9 or number != number.to_integral_value()):
        return None
    return int(number) if -(2**31) <= number < 2**31 else None


def parse_amount(text: str) -> Decimal | None:
    if NUMBER.fullmatch(text) is None or ("e" in text.lower() and WITH_EXPONENT.fullmatch(text) is None):
        return None
    number = Decimal(text)  # exact, whatever its length
    if number and number.adjusted() >= 12:
        return None
    cents = number.quantize(Decimal("0.01"), rounding=decimal.ROUND_HALF_UP, context=decimal.Context(prec=40))
    if abs(cents) >= 10**12:
        return None
    return cents if cents else Decimal("0.00")


@lru_cache(maxsize=100_000)
def parse_date(text: str) -> datetime.date | None:
    found = DATE.fullmatch(text)
    if found is None:
        return None
    try:
        return datetime.date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def parse_timestamp(text: str, tz: str) -> datetime.datetime | None:
    found = next((match for form in TIMESTAMPS if (match := form.fullmatch(text))), None)
    if found is None:
        return None
    year, month, day_of_month, hour, minute, second, fraction, zone = found.groups()
    day, second = f"{year}-{month}-{day_of_month}", second or "00"
    date, offset = parse_date(day), offset_minutes(zone)
    if date is None or not "0001-01-02" <= day < "9999-12-31" or int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        return None
    if offset is not None and abs(offset) > 18 * 60:
        return None
    micros = int((fraction or "0").ljust(6, "0")[:6])
    local = datetime.datetime(date.year, date.month, date.day, int(hour), int(minute), int(second), micros)
    if offset is None:  # fold=0, the default, is the earlier of two
        return local.replace(tzinfo=zoneinfo.ZoneInfo(tz)).astimezone(datetime.timezone.utc)
    return (local - datetime.timedelta(minutes=offset)).replace(tzinfo=datetime.timezone.utc)


def offset_minutes(zone: str | None) -> int | None:
    """None where there is no zone; more than any zone has where its minutes are none."""
    if zone is None or zone in ("Z", "UTC"):
        return None if zone is None else 0
    minutes = int(zone[3:].removeprefix(":") or "0")
    return int(zone[0] + "1") * (int(zone[1:3]) * 60 + minutes) if minutes < 60 else 24 * 60


# ---------------------------------------------------------------------------------------------------------------- rules
def validate(
    texts: tuple[str | None, ...], as_of: datetime.date, tz: str, planned_at: datetime.datetime
) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """The nine normalised values (unreadable ones None) and the reason codes."""
    trimmed = [None if text is None else text.strip(WHITE) or None for text in texts]
    return_id, order_id, customer_id, sku, reason, qty_text, amount_text, date_text, ingest_text = trimmed
    codes = []
    if return_id is None:
        codes.append("return_id_missing")
    elif ROUNDED.fullmatch(return_id):
        codes.append("return_id_invalid")
    if order_id is None:
        codes.append("order_id_missing")
    if sku is None:
        codes.append("sku_missing")
    qty = None if qty_text is None else parse_qty(qty_text)
    if qty_text is None:
        codes.append("qty_missing")
    elif qty is None:
        codes.append("qty_invalid")
    elif qty <= 0:
        codes.append("qty_not_positive")
    amount = None if amount_text is None else parse_amount(amount_text)
    if amount_text is None:
        codes.append("amount_missing")
    elif amount is None:
        codes.append("amount_invalid")
    elif amount < 0:
        codes.append("amount_negative")
    date = None if date_text is None else parse_date(date_text)
    if date_text is None:
        codes.append("return_date_missing")
    elif date is None:
        codes.append("return_date_invalid")
    elif not datetime.date(1990, 1, 1) <= date <= as_of + datetime.timedelta(days=1):
        codes.append("return_date_out_of_range")
    ingest_ts = None if ingest_text is None else parse_timestamp(ingest_text, tz)
    if ingest_text is not None and ingest_ts is None:
        codes.append("ingest_ts_invalid")
    if ingest_ts is not None and ingest_ts > planned_at + datetime.timedelta(days=1):
        codes.append("ingest_ts_out_of_range")
    sku = None if sku is None else sku.translate(TO_UPPER)
    reason = "unspecified" if reason is None else INNER_WHITE.sub(" ", reason).translate(TO_LOWER)
    return (return_id, order_id, customer_id, sku, reason, qty, amount, date, ingest_ts), tuple(codes)


def micros_since_epoch(instant: datetime.datetime) -> int:
    return (instant - EPOCH) // datetime.timedelta(microseconds=1)


def content_hash(row: tuple[Any, ...]) -> str:
    *texts, qty, amount, date, ingest_ts = row
    parts = [
        *texts,
        str(qty),
        format(amount, ".2f"),
        date.isoformat(),
        None if ingest_ts is None else str(micros_since_epoch(ingest_ts)),
    ]
    encoded = "".join("-" if part is None else f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(encoded.encode("utf-8")).hexdigest()


def newest(versions: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    def rank(row: tuple[Any, ...]) -> tuple[bool, int, str]:
        ingest_ts = row[8]
        return (ingest_ts is not None, 0 if ingest_ts is None else micros_since_epoch(ingest_ts), content_hash(row))

    return versions[0] if len(versions) == 1 else max(versions, key=rank)


# ---------------------------------------------------------------------------------------------------------------- query
def query(bronze: Path, as_of: datetime.date, tz: str = "UTC") -> Result:
    """What one batch of all landed files makes of an empty lake. tz: the zone of timestamps without one (SPARK_TZ)."""
    result, planned_at = Result(), datetime.datetime.now(datetime.timezone.utc)
    versions: dict[str, list[tuple[Any, ...]]] = {}
    for path in landed_files(bronze, as_of):
        source = path.relative_to(bronze).as_posix()
        for texts in records_of(path, tz):
            result.rows_read += 1
            if texts is None:
                result.quarantine.append((source, None, ("corrupt_record",)))
                continue
            row, codes = validate(texts, as_of, tz, planned_at)
            if codes:
                result.quarantine.append((source, row[0], codes))
            else:
                versions.setdefault(row[0], []).append(row)
    for _, _, codes in result.quarantine:
        result.reasons.update(codes)
    for _, rows in sorted(versions.items()):
        kept = newest(rows)
        equal = sum(row == kept for row in rows)
        result.silver.append(kept)
        result.duplicate += equal - 1
        result.superseded += len(rows) - equal
    result.gold_by_sku_reason = aggregate(result.silver, 3)
    result.gold_by_date_reason = aggregate(result.silver, 7)
    return result


def aggregate(silver: list[tuple[Any, ...]], key_column: int) -> list[tuple[Any, ...]]:
    groups: dict[tuple[Any, str], list[Any]] = {}
    for row in silver:
        sums = groups.setdefault((row[key_column], row[4]), [0, 0, Decimal("0.00")])
        sums[0] += 1
        sums[1] += row[5]
        sums[2] += row[6]
    return [(*key, *sums) for key, sums in sorted(groups.items())]


def main() -> None:
    """`python tests/independent_query.py LANDING_DIRECTORY [AS_OF]`: what a run should have printed."""
    result = query(Path(sys.argv[1]), datetime.date.fromisoformat(sys.argv[2] if len(sys.argv) > 2 else "2026-11-23"))
    quarantined = len(result.quarantine)
    print(f"rows read {result.rows_read}: inserted {len(result.silver)}, superseded {result.superseded}, ", end="")
    print(f"duplicate {result.duplicate}, quarantined {quarantined}")
    print(f"gold: {len(result.gold_by_sku_reason)} by sku, {len(result.gold_by_date_reason)} by date")
    print(f"total amount {sum(row[6] for row in result.silver)}, total qty {sum(row[5] for row in result.silver)}")
    for code, count in sorted(result.reasons.items()):
        print(f"  {code} {count}")


if __name__ == "__main__":
    main()
