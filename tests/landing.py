"""Writers of landed files: rows of the nine columns of returns_raw as JSON Lines, CSV or Parquet, text also gzipped.

In a row every value is text as a source would deliver it, or None. A column that no row has is left out of the file.
"""

from __future__ import annotations

import datetime
import gzip
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = ("return_id", "order_id", "customer_id", "sku", "reason", "qty", "amount", "return_date", "ingest_ts")

Row = Mapping[str, str | None]

_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NUMBER_COLUMNS = ("qty", "amount")
_NEEDS_QUOTES = re.compile('[",\r\n]')


def row_of(*values: str | None) -> Row:
    """A row from the values of the nine columns, in their order."""
    return dict(zip(COLUMNS, values, strict=True))


def land(path: Path, rows: Sequence[Row], *, as_native: bool = False) -> Path:
    """Write a landed file of the format that its name claims.

    `as_native`: numbers of JSON are no strings, and columns of Parquet have native types where each value fits one.
    """
    format_ = path.name.removesuffix(".gz").rsplit(".", 1)[-1]
    if format_ == "parquet":
        write_parquet(path, rows, as_native=as_native)
    elif format_ == "csv":
        write_text(path, csv_text(rows))
    else:
        write_text(path, "".join(f"{json_line(row, as_native=as_native)}\n" for row in rows))
    return path


def write_text(path: Path, text: str) -> Path:
    """Write a text file, gzipped where its name says so."""
    content = text.encode("utf-8")
    return write_bytes(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def json_line(row: Row, *, as_native: bool = False) -> str:
    """The row as one JSON object, its numbers as they are written in the row."""
    members = []
    for name, value in row.items():
        is_number = as_native and name in _NUMBER_COLUMNS and value is not None and _JSON_NUMBER.fullmatch(value)
        members.append(f"{json.dumps(name)}: {value if is_number else json.dumps(value)}")
    return "{" + ", ".join(members) + "}"


def csv_text(rows: Sequence[Row], names: Sequence[str] | None = None) -> str:
    """The rows under a header; null is an empty field. `names`: the columns, in the order of the file."""
    header = list(names or _names_of(rows))
    lines = [header, *([row.get(name) or "" for name in header] for row in rows)]
    return "".join(",".join(_csv_field(value) for value in line) + "\n" for line in lines)


def write_parquet(path: Path, rows: Sequence[Row], *, as_native: bool = False) -> None:
    """Write the rows as Parquet, each column as text or, if wanted and possible, in its native type."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: [row.get(name) for row in rows] for name in _names_of(rows)}
    arrays = {name: _array(name, values, as_native) for name, values in columns.items()}
    pq.write_table(pa.table(arrays), path)


def _names_of(rows: Sequence[Row]) -> list[str]:
    delivered = {name for row in rows for name in row}
    return [name for name in COLUMNS if name in delivered] + sorted(delivered.difference(COLUMNS))


def _csv_field(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if _NEEDS_QUOTES.search(value) else value


# A native value for each text that it stands for exactly; ValueError for any other text.
def _whole_number(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise ValueError(text)
    return int(text)


def _double(text: str) -> float:
    if not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,3})?", text):
        raise ValueError(text)
    return float(text)


def _instant(text: str) -> datetime.datetime:
    if not text.endswith("Z"):
        raise ValueError(text)
    return datetime.datetime.fromisoformat(text)


_NATIVE: Mapping[str, tuple[Callable[[str], Any], pa.DataType]] = {
    "qty": (_whole_number, pa.int64()),
    "amount": (_double, pa.float64()),
    "return_date": (datetime.date.fromisoformat, pa.date32()),
    "ingest_ts": (_instant, pa.timestamp("us", "UTC")),
}


def _array(name: str, values: Sequence[str | None], as_native: bool) -> pa.Array:
    if as_native and name in _NATIVE:
        convert, arrow_type = _NATIVE[name]
        try:
            return pa.array([None if value is None else convert(value) for value in values], arrow_type)
        except ValueError:
            pass
    return pa.array(values, pa.string())
