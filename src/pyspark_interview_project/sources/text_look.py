"""A first look at a landed text file: whether it has the columns that are wanted, and if not, what it looks like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.schemas.returns_raw import DELIVERED_NAMES, RAW_NAMES, REQUIRED_NAMES
from pyspark_interview_project.sources.delimited import RefusedText, records
from pyspark_interview_project.sources.json_documents import json_records
from pyspark_interview_project.sources.path_columns import path_columns
from pyspark_interview_project.sources.required_columns import are, lacking
from pyspark_interview_project.sources.text_layout import (
    Layout,
    ReadOptions,
    below_head,
    dialect_of,
    layout_of,
    looks_like_json,
)
from pyspark_interview_project.sources.text_opening import decoded_blocks

if TYPE_CHECKING:
    from pyspark_interview_project.config.feed_definition import Feed

_MOST_NAMES = 30  # of a header that are shown
_LONGEST_NAME = 40
_DECIMAL_COMMA = re.compile(r"\s*[+-]?([0-9]{1,3}([. ][0-9]{3})+|[0-9]+),[0-9]{1,2}\s*\Z")
_VALUE = re.compile(r"\s*[+-]?[0-9][0-9 .,:/TZ+-]*\Z|[^@]*@[^@]*\.")  # a number, a date, an address: no name
_LOOKED_AT = 200  # records
_LOOKED_INTO = 4  # blocks: millions of blank lines hold no record
_DELIMITERS = {",": "a comma", ";": "`;`", "\t": "a tab", "|": "`|`"}
_MARKUP = "like XML or HTML; export the table as CSV"
_ADVICE = "a feed says how other columns become ours; returns feeds draft writes one to start from"


def check_columns(place: Path, path: str, options: ReadOptions, encoding: str, feed: Feed | None) -> None:
    """Raise UnreadableInputError where a file has no table with the columns that are wanted: ours, or those that its
    feed reads. The message has all that are missing, the header as it is, and what it looks like."""
    wanted = feed.own_columns if feed else DELIVERED_NAMES
    layout = layout_of(place, path, options, wanted, encoding)
    in_path = path_columns(path, wanted)
    if options.format == "json":
        if feed is None:
            _check_keys(path, _start_of(place, path, encoding), in_path)
        return
    there = [*layout.names, *in_path]
    missing = feed.missing_columns(there) if feed else lacking(there)
    if missing:
        raise UnreadableInputError(path, _missing(missing, layout, feed))
    if feed is None and _amounts_have_commas(place, path, options, layout):
        separated = f"is separated by {_shown_delimiter(layout)} and " if layout.delimiter != "," else ""
        raise UnreadableInputError(
            path,
            f"it {separated}has amounts with a decimal comma; "
            '`amount: {from: amount, decimal: ","}` of a feed takes it',
        )


def _missing(missing: Sequence[str], layout: Layout, feed: Feed | None) -> str:
    # What is a record instead of a header is not told.
    if json := looks_like_json(layout.header[0] if layout.header else ""):
        return f"{are(missing)} missing: it looks {json}"
    if any(map(_VALUE.match, layout.header)):
        said = f"{are(missing)} missing: it has no header, its first line is a record"
        return f"{said}; put a line with the names of the columns above it, or export it with its header"
    said = f"{are(missing)} missing in its header, which is {_shown(layout.header)}"
    looks = _looks_like(layout)
    if looks is None and len(layout.header) > 1:
        looks = f"separated by {_shown_delimiter(layout)}"
    advice = f"correct the feed {feed.feed}, or the file" if feed else f"wanted are {', '.join(RAW_NAMES)}; {_ADVICE}"
    return "; ".join([said, *([f"it looks {looks}"] if looks else []), advice])


def _shown(header: Sequence[str]) -> str:
    names = [name.strip()[:_LONGEST_NAME] for name in header]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _shown_delimiter(layout: Layout) -> str:
    return _DELIMITERS.get(layout.delimiter or "", repr(layout.delimiter))


def _looks_like(layout: Layout) -> str | None:
    """What a header looks like that is none, with what takes the file."""
    first = layout.header[0].strip() if layout.header else ""
    if first.startswith("<"):
        return _MARKUP
    if first.startswith(("#", "//", "--")):
        mark = first[:1] if first.startswith("#") else first[:2]
        return f'as if line 1 were a comment; `read: {{comment: "{mark}"}}` of a feed leaves such lines out'
    return None


def _start_of(place: Path, path: str, encoding: str) -> str:
    with closing(decoded_blocks(place, path, encoding)) as blocks:
        return next(blocks, "")


def _check_keys(path: str, start: str, in_path: Iterable[str]) -> None:
    """Raise UnreadableInputError where the first objects of a JSON file have none of the required columns."""
    found = []
    with suppress(ValueError):  # the start may end inside an array
        for batch in json_records([start], len(start) + 1):
            found += [record.members for record in batch if record.members is not None]
    keys = list(dict.fromkeys(key for members in found[:_LOOKED_AT] for key in members))
    if keys and {*map(matching_name, keys), *in_path}.isdisjoint(REQUIRED_NAMES):
        problem = f"its objects have none of the wanted columns {', '.join(RAW_NAMES)}; their keys are {_shown(keys)}"
        raise UnreadableInputError(path, f"{problem}; {_ADVICE}")
    if not keys and (looks := _looks_like_a_table(start)):
        raise UnreadableInputError(path, f"it has no JSON object at its start; it looks {looks}")


def _looks_like_a_table(start: str) -> str | None:
    """What a text looks like that is no JSON: markup, or delimited text under a header of ours."""
    first = start.lstrip().partition("\n")[0].replace('"', "")
    if first.startswith("<"):
        return _MARKUP
    for delimiter, shown in _DELIMITERS.items():
        if len({*map(matching_name, first.split(delimiter))}.intersection(REQUIRED_NAMES)) > 1:
            return f"like CSV, separated by {shown}; name it .csv, or write `read: {{format: delimited}}` in a feed"
    return None


def _amounts_have_commas(place: Path, path: str, options: ReadOptions, layout: Layout) -> bool:
    """Whether the first records have amounts, and each with a decimal comma."""
    assert layout.delimiter is not None
    position = layout.names.index("amount") if "amount" in layout.names else None
    if position is None:
        return False
    with closing(decoded_blocks(place, path, layout.encoding)) as blocks, suppress(RefusedText):
        _, below = below_head(islice(blocks, _LOOKED_INTO), options)
        read = records(below, dialect_of(path, layout.delimiter, options), options.max_record_chars)
        rows = [record.fields for record in islice((record for batch in read for record in batch), 1, _LOOKED_AT)]
        amounts = [row[position].strip() for row in rows if row is not None and len(row) > position]
        given = [amount for amount in amounts if amount and amount not in options.null_values]
        return bool(given) and all(map(_DECIMAL_COMMA.match, given))
    return False
