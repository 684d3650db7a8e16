"""A look at the beginning of a file whose feed nobody has written yet: how it is to be read, and its first records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources.delimited import Dialect, Record, RefusedText, records
from pyspark_interview_project.sources.sample_json import MAX_RECORD_CHARS, Sampled, sampled_json
from pyspark_interview_project.sources.sample_names import required_targets
from pyspark_interview_project.sources.text_opening import decoded_blocks, encoding_of

MAX_RECORDS = 2_000
_MAX_CHARS = 1024 * 1024
_ENCODINGS = ("utf-8", "cp1252", "iso-8859-1")  # the last one reads any bytes
_DELIMITERS = (",", ";", "\t", "|")
_PIECE = 16 * 1024
_NULLS = ("", "NULL", "null", "\\N")
_SEPARATOR_LINE = re.compile(r'(?i)"?sep=[^\r\n]"?\r?\n')
_PARQUET = (b"PAR1", re.compile(r"(?i)\.(?:parquet|parq|pq)\Z"))


@dataclass(frozen=True)
class Sample:
    """`path` is that of the records in JSON. `quotes` is false where quotes are text."""

    format: Literal["delimited", "json", "parquet"]
    names: Sequence[str]
    records: Sequence[Sampled]
    encoding: str = "utf-8"
    delimiter: str | None = None
    quotes: bool = True
    comment: str | None = None
    skip_lines: int = 0
    path: str = "[]"
    values: Mapping[str, Sequence[str]] = field(init=False)

    def __post_init__(self) -> None:
        values = {name: [value for one in self.records if (value := one.get(name))] for name in self.names}
        object.__setattr__(self, "values", values)

    def is_unique(self, *columns: str) -> bool:
        """Whether these columns have values in every record, and never the same ones in records that differ."""
        return all(len(self.values[name]) == len(self.records) for name in columns) and self.are_apart(columns)

    def are_apart(self, columns: Sequence[str]) -> bool:
        """Whether these columns together never have the same values, or none, in records that differ."""
        distinct = {tuple(one.get(name) for name in self.names) for one in self.records}
        places = [self.names.index(name) for name in columns]
        return len({tuple(one[place] for place in places) for one in distinct}) == len(distinct)


def sample_of(source: Path, name: str) -> Sample:
    """Look at a file. Raises UnreadableInputError naming the file `name` where it cannot be read, or has no records."""
    with source.open("rb") as file:
        start = file.read(4)
    found: Sample | None
    if start == _PARQUET[0] or _PARQUET[1].search(name):
        found = _of_parquet(source, name)
    else:
        encoding = encoding_of(source, name, _ENCODINGS)
        with closing(decoded_blocks(source, name, encoding)) as blocks:
            first = next(blocks, "")
            found = _of_json(_from(first, blocks), encoding) if first.lstrip()[:1] in ("{", "[") else None
        if found is None:
            found = _of_delimited(source, name, encoding)
    found = _with_directories(found, name)
    if not found.records:
        raise UnreadableInputError(name, "it has no records to look at; draft a feed from a file that has some")
    return found


def _with_directories(sample: Sample, name: str) -> Sample:
    """The sample with the columns that only directories `name=value` give."""
    parts = [part.split("=", 1) for part in name.split("/")[:-1] if "=" in part and not part.startswith("dt=")]
    there = set(map(matching_name, sample.names))
    given = {key: unquote(value) for key, value in parts if matching_name(key) not in there}
    records = [{**one, **given} for one in sample.records]
    return replace(sample, names=[*sample.names, *given], records=records) if given else sample


def _from(first: str, blocks: Iterator[str]) -> Iterator[str]:
    yield first
    yield from blocks


def _of_json(blocks: Iterator[str], encoding: str) -> Sample | None:
    path, found = sampled_json(blocks, MAX_RECORDS, _MAX_CHARS)
    names = list(dict.fromkeys(name for one in found for name in one))
    cleaned = [{name: value if value and value.strip() else None for name, value in one.items()} for one in found]
    return Sample("json", names, cleaned, encoding, path=path) if found else None


def _of_parquet(source: Path, name: str) -> Sample:
    try:
        file = pq.ParquetFile(source)
        batch = next(file.iter_batches(MAX_RECORDS), None)
        rows = [] if batch is None else pa.Table.from_batches([batch]).flatten().to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise UnreadableInputError(name, f"it is no readable Parquet: {error}") from error
    texts = [{key: None if value is None else _text(value) for key, value in row.items()} for row in rows]
    return Sample("parquet", list(texts[0]) if texts else [], texts)


def _text(value: object) -> str:
    if isinstance(value, datetime) and value.tzinfo is None and value.time() == time.min:
        value = value.date()  # as a reader of Parquet takes it
    return value.isoformat() if isinstance(value, date) else str(value)


def _of_delimited(source: Path, name: str, encoding: str) -> Sample:
    with closing(decoded_blocks(source, name, encoding)) as blocks:
        text = ""
        is_whole = True
        for block in blocks:
            text += block
            if len(text) >= _MAX_CHARS:
                is_whole = False
                break
    if found := _SEPARATOR_LINE.match(text):
        text = text[found.end() :]
    if not is_whole:
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    readings = [
        reading
        for delimiter in _DELIMITERS
        for quote in ('"', None)
        if (reading := _reading(text, Dialect(delimiter, quote), encoding, is_whole))
    ]
    if not readings:
        raise UnreadableInputError(name, "it has no table that can be told: no delimiter gives two columns")
    # Quotes are text only where taking them for quotes gives fewer sound records.
    return max(readings, key=lambda one: one[0])[1]


def _reading(text: str, dialect: Dialect, encoding: str, is_whole: bool) -> tuple[tuple[Any, ...], Sample] | None:
    """The text by a dialect, and how well it fits: greater is better."""
    found: list[Record] = []
    faults = 0
    try:
        for few in records((text[at : at + _PIECE] for at in range(0, len(text), _PIECE)), dialect, MAX_RECORD_CHARS):
            found += few
            if len(found) > MAX_RECORDS:
                break
    except RefusedText:  # of a text that was cut it says little
        faults = len(found) + 1 if is_whole else 1
    found = [one for one in found if one.text.strip()]
    comment = "#" if found and found[0].text.startswith("#") else None
    widths = Counter(len(one.fields) for one in found if one.fields is not None)
    if not widths:
        return None
    width = max(widths, key=lambda size: (widths[size] if size > 1 else 0, size))
    ends = {one.fields[-1] for one in found if one.fields is not None and len(one.fields) == width}
    if ends == {""} and len(found[0].fields or ()) == width - 1:
        width -= 1  # a delimiter stands at the end of rows only
    if width < 2:
        return None
    at = next(number for number, one in enumerate(found) if one.fields is not None and len(one.fields) >= width)
    header = list(found[at].fields or ())
    while header and not header[-1].strip():
        header.pop()
    above = [one for one in found[:at] if not (comment and one.text.startswith(comment))]
    rows = [one.fields for one in found[at + 1 :] if not (comment and one.text.startswith(comment))]
    sound = [row for row in rows if row is not None and len(row) >= len(header)]
    names = [column.strip() or f"unnamed_{number}" for number, column in enumerate(header, 1)]
    sampled = [
        {key: None if value.strip() in _NULLS else value.strip() for key, value in zip(names, row)}
        for row in sound[:MAX_RECORDS]
    ]
    sample = Sample(
        "delimited",
        list(dict.fromkeys(names)),
        sampled,
        encoding,
        dialect.delimiter,
        dialect.quote is not None,
        comment,
        _line_of(text, found[at].text) if above else 0,
    )
    unsound = len(rows) - len(sound) + faults
    fit = (len(required_targets(names)), -unsound, len(names), dialect.quote is not None)
    return fit, sample


def _line_of(text: str, record: str) -> int:
    return text[: text.index(record)].count("\n")
