"""Silver, gold and reasons of the landed files, worked out independently of the package: plain Python, no engine.

    result = query(Path("lake/bronze/returns_raw"), as_of=datetime.date(2026, 11, 23))

It follows the design's words, shares no code with the package, and reads Parquet with pyarrow, all else by hand. Of
text it knows what the tests write: no feeds, no JSON that is broken over several lines.
"""

from __future__ import annotations

import bz2
import datetime
import decimal
import gzip
import json
import lzma
import math
import re
import sys
import zlib
import zoneinfo
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = ("return_id", "order_id", "customer_id", "sku", "reason", "qty", "amount", "return_date", "ingest_ts")
DELIVERED = (*COLUMNS, "currency")
REQUIRED = ("return_id", "order_id", "sku", "qty", "amount", "return_date")  # a file may lack the others
FORMATS = {
    **dict.fromkeys(("csv", "tsv", "txt"), "delimited"),
    **dict.fromkeys(("json", "jsonl", "ndjson"), "json"),
    **dict.fromkeys(("parquet", "parq", "pq"), "parquet"),
}
PACKINGS = ("gz", "gzip", "bz2", "xz")
NO_VALUES = ("NULL", "null", "\\N")
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
SEPARATOR_LINE = re.compile('"?sep=(.)"?', re.IGNORECASE)
TO_UPPER = {low: low - 32 for low in range(ord("a"), ord("z") + 1)}
TO_LOWER = {low - 32: low for low in TO_UPPER}


class RejectedFile(Exception):
    """The file cannot be taken; none of its records counts."""


class _Corrupt(Exception):
    """The text is no record."""


@dataclass
class Result:
    """What the design says the lake holds; silver and gold are sorted and made of plain values."""

    silver: list[tuple[Any, ...]] = field(default_factory=list)  # nine columns; ingest_ts aware, in UTC
    gold_by_sku_reason: list[tuple[Any, ...]] = field(default_factory=list)  # sku, reason, count, qty, amount
    gold_by_date_reason: list[tuple[Any, ...]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    quarantine: list[tuple[str, str | None, tuple[str, ...]]] = field(default_factory=list)  # file, return_id, codes
    rows_read: int = 0
    superseded: int = 0
    duplicate: int = 0
    ambiguous: int = 0  # of one batch: returns
    rejected: dict[str, str] = field(default_factory=dict)  # why, by file


# ---------------------------------------------------------------------------------------------------------------- files
def format_of(name: str) -> str | None:
    """The format that a name claims."""
    parts = name.lower().split(".")
    is_packed = parts[-1] in PACKINGS
    claimed = FORMATS.get((parts[:-1] if is_packed else parts)[-1])
    return None if len(parts) < 2 + is_packed or (is_packed and claimed == "parquet") else claimed


def days_of(path: Path, bronze: Path) -> list[datetime.date]:
    """The days of the directories dt=…"""
    named = [part[3:] for part in path.relative_to(bronze).parts[:-1] if part.startswith("dt=")]
    return [day for day in map(parse_date, named) if day is not None]


def landed_files(bronze: Path, as_of: datetime.date | None) -> list[Path]:
    taken = []
    for path in sorted(bronze.rglob("*")):
        if not path.is_file() or path.name[0] in "_." or format_of(path.name) is None:
            continue
        if as_of is None or all(day <= as_of for day in days_of(path, bronze)):
            taken.append(path)
    return taken


def text_of(path: Path) -> str:
    """The whole text, without a byte-order mark at its start."""
    content = path.read_bytes()
    try:
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        elif content.startswith(b"BZh"):
            content = bz2.decompress(content)
        elif content.startswith(b"\xfd7zXZ"):
            content = lzma.decompress(content)
    except (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise RejectedFile("it cannot be unpacked") from error
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise RejectedFile("no encoding reads it") from error
    if "\0" in text:
        raise RejectedFile("it is binary")
    return text.lstrip("\ufeff")


def matching(name: str) -> str:
    """A column's name as it is compared with others."""
    return name.strip(WHITE).lower().replace(" ", "_").replace("-", "_")


# A record is a tuple of ten texts (None is null), or None where it is corrupt.
Texts = tuple[str | None, ...] | None


def records_of(path: Path) -> Iterator[Texts]:
    format_ = format_of(path.name)
    if format_ == "parquet":
        yield from parquet_records(path)
    elif format_ == "delimited":
        yield from delimited_records(text_of(path))
    else:
        yield from json_records(text_of(path))


def split_records(text: str, delimiter: str) -> Iterator[tuple[str, list[str] | None]]:
    """The records of a text by RFC 4180: each as it stands there, and its fields; None where its quoting is broken."""
    if '"' not in text:
        for line in re.split("\r\n|\r|\n", text):
            yield line, line.split(delimiter)
        return
    at, size = 0, len(text)
    while at < size:
        start, fields, is_sound = at, list[str](), True
        while True:
            begin = at
            while text[at : at + 1] == " " and delimiter != " ":
                at += 1
            if text[at : at + 1] == '"':
                value, at = _quoted(text, at + 1)
                while text[at : at + 1] == " " and delimiter != " ":
                    at += 1
                fields.append(value)
                if at < size and text[at] not in f"{delimiter}\r\n":
                    is_sound = False
                    at = _end_of_field(text, at, delimiter)
            else:
                at = _end_of_field(text, at, delimiter)
                fields.append(text[begin:at])
            if text[at : at + 1] != delimiter:
                break
            at += 1
        yield text[start:at], fields if is_sound else None
        at += 2 if text[at : at + 2] == "\r\n" else 1


def _quoted(text: str, at: int) -> tuple[str, int]:
    """The text inside quotes, from behind the first one, and where the text behind the last one begins."""
    parts = []
    while True:
        end = text.find('"', at)
        if end < 0:
            raise RejectedFile("a quote does not close")
        parts.append(text[at:end])
        if text[end + 1 : end + 2] != '"':
            return '"'.join(parts), end + 1
        at = end + 2


def _end_of_field(text: str, at: int, delimiter: str) -> int:
    while at < len(text) and text[at] not in f"{delimiter}\r\n":
        at += 1
    return at


def delimited_records(text: str) -> Iterator[Texts]:
    delimiters = [",", ";", "\t", "|"]
    while first := re.match("([^\r\n]*)(\r\n|\r|\n)", text):
        separator = SEPARATOR_LINE.fullmatch(first[1])
        if first[1].strip() and separator is None:
            break
        delimiters = [separator[1]] if separator else delimiters
        text = text[first.end() :]

    def header_by(delimiter: str) -> list[str]:
        # Quotes may hold line ends, but under a wrong delimiter they need not close.
        try:
            return next(split_records(text, delimiter), ("", []))[1] or []
        except RejectedFile:
            return []

    def named(delimiter: str) -> tuple[int, int]:
        header = header_by(delimiter)
        return len({matching(name) for name in header}.intersection(DELIVERED)), len(header)

    delimiter = max(delimiters, key=named)
    header = header_by(delimiter)
    names = [matching(name) for name in header]
    while names and not names[-1]:
        names.pop()
    require_columns(names)
    places = [names.index(name) if name in names else None for name in DELIVERED]
    records = split_records(text, delimiter)
    next(records)
    for record, fields in records:
        if record.startswith("\ufeff"):
            record, fields = next(split_records(record.lstrip("\ufeff"), delimiter), ("", None))
        if not record or fields == header:
            continue
        while fields and len(fields) > len(names) and (len(fields) <= len(header) or not fields[-1]):
            fields.pop()
        if fields is None or len(fields) != len(names):
            yield None
            continue
        values = [None if place is None else fields[place] for place in places]
        yield tuple(None if value in NO_VALUES else value for value in values)


def require_columns(names: list[str]) -> None:
    if missing := [name for name in REQUIRED if name not in names]:
        raise RejectedFile(f"{missing[0]} is missing")
    if len(set(names)) < len(names):
        raise RejectedFile("two columns have one name")


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


def json_records(text: str) -> Iterator[Texts]:
    """The objects of an array, or of a text in which they stand a line each, behind each other, or over lines."""
    if text.lstrip().startswith("["):
        try:
            elements = _DECODER.decode(text)
        except (ValueError, RecursionError, _Corrupt) as error:
            raise RejectedFile("its array cannot be read") from error
        yield from (json_values(element) for element in elements)
        return
    at = 0
    while at < len(text):
        begin, end_of_line = at, text.find("\n", at) if "\n" in text[at:] else len(text)
        while text[at : at + 1] in (" ", "\t", "\r", "\ufeff"):
            at += 1
        if text[at : at + 1] in ("\n", ""):
            at += 1
            continue
        try:
            value, behind = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError, _Corrupt):
            value, behind = None, begin
        found = json_values(value)
        while text[behind : behind + 1] in (" ", "\t", "\r") and behind < len(text):
            behind += 1
        if found is not None and text[behind : behind + 1] == "{":
            yield found
            at = behind
        elif found is not None and text[behind : behind + 1] in ("\n", ""):
            yield found
            at = behind + 1
        else:  # text behind an object makes it corrupt, up to the end of its line
            yield None
            at = (text.find("\n", behind) if "\n" in text[behind:] else len(text)) if behind > begin else end_of_line
            at += 1


def json_values(value: Any) -> Texts:
    if not isinstance(value, dict) or _has_lone_surrogate(value):
        return None
    members = [(matching(key), cell) for key, cell in value.items()]
    texts: list[str | None] = []
    for name in DELIVERED:
        cells = [cell for key, cell in members if key == name]
        if len(cells) > 1 or isinstance(cells[0] if cells else None, dict | list):
            return None
        cell = cells[0] if cells else None
        texts.append(("true" if cell else "false") if isinstance(cell, bool) else cell)
    return tuple(texts)


def parquet_records(path: Path) -> Iterator[Texts]:
    table = pq.ParquetFile(path).read()
    table = table.rename_columns([matching(name) for name in table.column_names])
    require_columns(table.column_names)
    columns: list[list[str | None]] = []
    for name in DELIVERED:
        if name not in table.column_names:
            columns.append([None] * table.num_rows)
            continue
        column = table.column(name)
        if pa.types.is_timestamp(column.type):
            aware = column.type.tz is not None
            micros = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False).cast(pa.int64()).to_pylist()
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
    texts: tuple[str | None, ...],
    as_of: datetime.date,
    tz: str,
    planned_at: datetime.datetime,
    lake_currency: str | None = None,
) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """The nine normalised values (unreadable ones None) and the reason codes."""
    trimmed = [None if text is None else text.strip(WHITE) or None for text in texts]
    return_id, order_id, customer_id, sku, reason, qty_text, amount_text, date_text, ingest_text, currency = trimmed
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
    if currency is not None and lake_currency is not None and currency.upper() != lake_currency:
        codes.append("currency_unexpected")
    sku = None if sku is None else sku.translate(TO_UPPER)
    reason = "unspecified" if reason is None else INNER_WHITE.sub(" ", reason).translate(TO_LOWER)
    return (return_id, order_id, customer_id, sku, reason, qty, amount, date, ingest_ts), tuple(codes)


def micros_since_epoch(instant: datetime.datetime) -> int:
    return (instant - EPOCH) // datetime.timedelta(microseconds=1)


@dataclass(frozen=True)
class Version:
    """A version of a return: the nine values, and when it was delivered."""

    row: tuple[Any, ...]
    delivered: tuple[int, str, int, str]  # batch, landing day, modification time, path
    number: int

    @property
    def rank(self) -> tuple[bool, int, tuple[int, str, int, str], int]:
        """The greatest one is kept."""
        ingest_ts = self.row[8]
        micros = 0 if ingest_ts is None else micros_since_epoch(ingest_ts)
        return ingest_ts is not None, micros, self.delivered, self.number


def is_ambiguous(versions: list[Version]) -> bool:
    """Whether two versions have one time and other content. Without a time a later file is a correction."""
    contents: dict[Any, set[Any]] = {}
    for version in versions:
        moment = version.row[8]
        contents.setdefault((moment, version.delivered if moment is None else None), set()).add(version.row)
    return any(len(rows) > 1 for rows in contents.values())


# ---------------------------------------------------------------------------------------------------------------- query
def query(
    bronze: Path,
    as_of: datetime.date,
    tz: str = "UTC",
    batches: Sequence[Sequence[Path]] | None = None,
    currency: str | None = None,
) -> Result:
    """What the landed files make of an empty lake, in one batch or in `batches`.

    tz: the zone of timestamps without one (SPARK_TZ). superseded and duplicate are those of one batch.
    """
    result, planned_at = Result(), datetime.datetime.now(datetime.timezone.utc)
    versions: dict[str, list[Version]] = {}
    for batch, paths in enumerate([landed_files(bronze, as_of)] if batches is None else batches):
        for path in paths:
            source = path.relative_to(bronze).as_posix()
            try:
                found = list(records_of(path))
            except RejectedFile as rejected:
                result.rejected[source] = str(rejected)
                continue
            result.rows_read += len(found)
            days = days_of(path, bronze)
            delivered = (batch, days[-1].isoformat() if days else "", path.stat().st_mtime_ns, source)
            for number, texts in enumerate(found, 1):
                if texts is None:
                    result.quarantine.append((source, None, ("corrupt_record",)))
                    continue
                row, codes = validate(texts, as_of, tz, planned_at, currency)
                if codes:
                    result.quarantine.append((source, row[0], codes))
                else:
                    versions.setdefault(row[0], []).append(Version(row, delivered, number))
    for _, _, codes in result.quarantine:
        result.reasons.update(codes)
    for _, rows in sorted(versions.items()):
        kept = max(rows, key=lambda version: version.rank).row
        equal = sum(version.row == kept for version in rows)
        result.silver.append(kept)
        result.duplicate += equal - 1
        result.superseded += len(rows) - equal
        result.ambiguous += is_ambiguous(rows)
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
    for path, why in result.rejected.items():
        print(f"set aside: {path}: {why}")


if __name__ == "__main__":
    main()
