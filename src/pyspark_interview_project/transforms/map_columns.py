"""Mapping: a source's own columns become the delivered columns of a return, as its feed says.

Values stay text; feed_values brings them into the forms that validation reads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from pyspark_interview_project.config.column_names import first_in_sql, name_in_sql
from pyspark_interview_project.engine import Column, DataFrame
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.transforms.feed_values import (
    NUMBER_KEYS,
    with_dates,
    with_numbers,
    with_time_zone,
)
from pyspark_interview_project.transforms.normalise import clean_value

# What readers put beside a file's own columns, where they have it: facts of the record and of its file.
CARRIED = ("raw_record", "is_corrupt", "source_file", "source_record", "modified_at", "landed_day")


def map_columns(records: DataFrame, feed: Mapping[str, Any]) -> DataFrame:
    """Make the delivered columns of a return from a source's own columns.

    Reads:   the file's own columns (string), each under name_in_sql of its matching_name, so that no name in a file can
             be one of ours or be read as SQL; only those of Feed.own_columns are needed. Files that have different ones
             may be in one frame: then it has what a reader picked of Feed.alternatives, under first_in_sql. Of CARRIED
             those that there are (modified_at: ISO 8601 with offset, landed_day: YYYY-MM-DD, both string). `feed` is
             Feed.mapping.
    Returns: the nine columns of returns_raw as text (null where the feed or the file has none), then currency where the
             feed maps it, is_excluded (boolean: the feed's `where` is false), and those of CARRIED that there were.
    """
    sources: Mapping[str, Mapping[str, Any]] = feed["columns"]
    where = feed["where"]
    names = [*RAW_NAMES, *[name for name in sources if name not in RAW_NAMES]]
    there = set(records.columns)
    carried = [F.col(name) for name in CARRIED if name in there]

    def first(choice: Sequence[str], value: Callable[[str], Column] = F.col) -> Column:
        """The first of these columns that the file has; of JSON, whose records differ, that the record has."""
        if first_in_sql(choice) in there:
            return value(first_in_sql(choice))
        found = [value(name) for name in map(name_in_sql, choice) if name in there] or [_no_text()]
        return F.coalesce(*found) if feed["names_differ_by_record"] else found[0]

    def picked(name: str, source: Mapping[str, Any]) -> Column:
        """The text that a source names, as it was delivered."""
        if "from" in source:
            return first(source["from"])
        if "key" in source:
            return _key([first(choice, lambda part: clean_value(part, "text")) for choice in source["key"]])
        if "sql" in source:
            return F.expr(source["sql"]).cast("string")
        return F.lit(source["value"]) if "value" in source else _of_file(name, source["file"], there)

    # SQL may name columns that the file lacks.
    wanted = list(map(name_in_sql, feed["own_columns"]))
    picked_by_reader = [F.col(name) for name in records.columns if name not in (*wanted, *CARRIED)]
    own = [F.col(name) if name in there else _no_text().alias(name) for name in wanted]
    whole = records.select(*own, *picked_by_reader, *carried)
    # Where nobody can tell whether it is a return, the row stays and is judged.
    is_return = F.coalesce(F.expr(where), F.lit(True)) if where else F.lit(True)
    is_excluded = ~is_return & ~F.col("is_corrupt") if "is_corrupt" in there else ~is_return
    frame = whole.select(
        *[(picked(name, sources[name]) if name in sources else _no_text()).alias(name) for name in names],
        is_excluded.alias("is_excluded"),
        *carried,
    )
    numbers = {name: source for name, source in sources.items() if NUMBER_KEYS & source.keys()}
    formats = {name: source["format"] for name, source in sources.items() if "format" in source}
    zone = sources.get("ingest_ts", {}).get("zone")
    changed = {*numbers, *formats, *(["ingest_ts"] if zone else [])}
    if changed:
        cleaned = [
            (clean_value(name, "text") if name in changed else F.col(name)).alias(name) for name in frame.columns
        ]
        frame = frame.select(*cleaned)
    return with_time_zone(with_numbers(with_dates(frame, formats), numbers), zone)


def _no_text() -> Column:
    return F.lit(None).cast("string")


def _of_file(name: str, fact: str, delivered: Collection[str]) -> Column:
    """A fact of the file. A day has no time, and of a time return_date takes the day."""
    column = {"modified": "modified_at", "landed_day": "landed_day"}[fact]
    if column not in delivered:
        return _no_text()
    if name == "return_date":
        return F.substring(F.col(column), 1, 10)
    return F.col(column) if fact == "modified" else F.concat(F.col(column), F.lit("T00:00:00"))


def _key(parts: Sequence[Column]) -> Column:
    """Several columns as one id. Different parts never make the same id; without any part there is none."""
    escaped = [F.replace(F.replace(part, F.lit("\\"), F.lit("\\\\")), F.lit("|"), F.lit("\\|")) for part in parts]
    joined = [F.coalesce(part, F.lit("")) for part in escaped]
    separated = [piece for part in joined for piece in (F.lit("|"), part)][1:]
    return F.when(F.coalesce(*parts).isNotNull(), F.concat(*separated))
