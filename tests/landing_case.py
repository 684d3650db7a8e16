"""One kind of delivery: the files of a directory of its own, and what must become of each record and each file.

Ids of returns are written `R-…`; each case gets others, so that many cases can land in one lake.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from landing import COLUMNS

# What a file contains, given what stands for `R-` in this case.
Content = Callable[[str], bytes]
Row = tuple[str | int | None, ...]  # the nine columns of silver as text, then source_record
Bad = tuple[str | None, tuple[str, ...], int]  # return_id, reasons, source_record

DEFAULTS = dict(
    zip(COLUMNS, ("R-1", "O-1", "C-1", "MUG", "damaged", "1", "5.50", "2026-11-11", "2026-11-12T08:00:00Z"))
)
HEADER = ",".join(COLUMNS)


@dataclass(frozen=True)
class Case:
    """Files by their paths in the directory of the case, and what comes of them.

    `later` are files that land behind the first run, also in the place of those that were there. Of `silver` and
    `quarantined` all rows are named, of `rejected` words of each problem, of `warnings` words of each warning that
    names a file of the case. `ambiguous`: returns with versions of one ingest_ts that differ.
    """

    files: Mapping[str, Content]
    silver: Sequence[Row] = ()
    quarantined: Sequence[Bad] = ()
    rejected: Mapping[str, str] = field(default_factory=dict)
    ignored: Sequence[str] = ()
    warnings: Sequence[str] = ()
    ambiguous: int = 0
    later: Mapping[str, Content] = field(default_factory=dict)
    directories: Sequence[str] = ()  # empty ones
    on_spark: Mapping[str, str] = field(default_factory=dict)  # what only Spark rejects: then nothing is in silver

    @property
    def exit_code(self) -> int:
        """How a run ends that finds this case alone."""
        if self.quarantined and not self.silver:
            return 3
        return 4 if self.rejected else 0


def raw(content: bytes) -> Content:
    return lambda mark: content


def text(
    content: str,
    encoding: str = "utf-8",
    pack: Callable[[bytes], bytes] = bytes,
    before: bytes = b"",
    behind: bytes = b"",
) -> Content:
    """A text file: encoded, with bytes before and behind it, then packed."""
    return lambda mark: pack(before + content.replace("R-", mark).encode(encoding) + behind)


def line(return_id: str = "R-1", delimiter: str = ",", **changes: str | None) -> str:
    """A good row of delimited text as it stands, without a line end. None leaves the column out."""
    row = {**DEFAULTS, "return_id": return_id, **changes}
    return delimiter.join(value for value in row.values() if value is not None)


def table(*lines: str, header: str = HEADER, end: str = "\n") -> str:
    return "".join(f"{one}{end}" for one in (header, *lines))


def kept(return_id: str = "R-1", record: int = 1, **changes: str | None) -> Row:
    """The row of silver that a good row gives."""
    moment = "2026-11-12 08:00:00+00:00"
    return (*{**DEFAULTS, "ingest_ts": moment, "return_id": return_id, **changes}.values(), record)


def bad(return_id: str | None, record: int, *reasons: str) -> Bad:
    return return_id, reasons, record


ONE, TWO = table(line()), table(line(), line("R-2"))
BOTH = (kept(), kept("R-2", 2))
_NATIVE = pa.schema(
    [
        *((name, pa.string()) for name in COLUMNS[:5]),
        ("qty", pa.int64()),
        ("amount", pa.float64()),
        ("return_date", pa.date32()),
        ("ingest_ts", pa.timestamp("us", "UTC")),
    ]
)
NATIVE: Mapping[str, Any] = {
    **{name: DEFAULTS[name] for name in COLUMNS[:5]},
    "qty": 1,
    "amount": 5.5,
    "return_date": 20768,  # days: 2026-11-11
    "ingest_ts": 1_794_470_400_000_000,  # microseconds: 2026-11-12 08:00
}


def parquet(
    rows: Sequence[Mapping[str, Any]] = ({},), types: Mapping[str, pa.DataType | None] | None = None, **options: Any
) -> Content:
    """A Parquet file: good rows but for these values, native types but for these. None leaves a column out."""
    changed = types or {}

    def written(mark: str) -> bytes:
        arrays = {}
        for column in _NATIVE:
            type_ = changed.get(column.name, column.type)
            if type_ is not None:
                values = [row.get(column.name, NATIVE[column.name]) for row in rows]
                arrays[column.name] = _array([_marked(value, mark) for value in values], type_)
        to = io.BytesIO()
        pq.write_table(pa.table(arrays), to, **options)
        return to.getvalue()

    return written


def _marked(value: Any, mark: str) -> Any:
    return value.replace("R-", mark) if isinstance(value, str) else value


def _array(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        bits = pa.int32() if type_ == pa.date32() else pa.int64()
        return pa.array(values, bits).cast(type_)
    return pa.array(values, type_)


def quoted_by_python(rows: Sequence[Sequence[str]], **dialect: Any) -> str:
    to = io.StringIO(newline="")
    csv.writer(to, **dialect).writerows(rows)
    return to.getvalue()


def zst(content: bytes) -> bytes:
    return bytes(pa.compress(content, "zstd", asbytes=True))


def cut(pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """The packing without its last bytes."""
    return lambda content: pack(content)[:-6]


def members(pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Two packed parts, one behind the other, of which the first ends inside a record."""
    return lambda content: pack(content[: len(content) // 2]) + pack(content[len(content) // 2 :])


PACKINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "gz": lambda content: gzip.compress(content, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zst,
}
