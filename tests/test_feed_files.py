"""Files of the shipped feeds, as their `read` says they are read: every record is sound, whatever the variant."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pytest

from feed_files import FEED_FILES, FEED_VARIANTS
from pyspark_interview_project.config.feeds import Feed, load_feeds, shipped_feeds
from pyspark_interview_project.sources.text_records import ReadOptions, read_records
from text_reading import told_layout

ROWS = 40
FEEDS = {feed.feed: feed for feed in load_feeds([shipped_feeds()])}


def options_of(feed: Feed) -> ReadOptions:
    said = feed.read
    assert said.format in ("delimited", "json")
    return ReadOptions(
        said.format,
        delimiter=said.delimiter,
        quote=said.quote,
        encodings=tuple(said.encoding or ["utf-8"]),
        records=tuple(said.records or []),
    )


def records_of(feed: Feed, content: bytes) -> list[dict[str, Any]]:
    options = options_of(feed)
    layout = told_layout(io.BytesIO(content), "a", options, feed.own_columns)
    if options.format == "delimited":
        assert feed.missing_columns(layout.names) == []
    batches = read_records(io.BytesIO(content), "a", options, layout)
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize(
    ("name", "variant"), [(name, variant) for name, few in FEED_VARIANTS.items() for variant in few], ids=str
)
def test_read_records_of_a_shipped_feeds_file_are_sound(name: str, variant: Mapping[str, Any]) -> None:
    feed, make = FEEDS[name], FEED_FILES[name][1]
    records = records_of(feed, make(3, ROWS, **variant))
    assert len(records) >= ROWS
    assert [record["problem"] for record in records] == [None] * len(records)
    filled = {column for record in records for column, value in record.items() if value}
    for column in feed.columns.mapped.values():
        assert all(filled.intersection(choice) for choice in column.choices[:1]) or column is feed.columns.reason


@pytest.mark.parametrize("name", [name for name, feed in FEEDS.items() if feed.read.format == "json"])
def test_read_records_of_json_are_the_same_in_all_layouts_and_alone(name: str) -> None:
    feed, make = FEEDS[name], FEED_FILES[name][1]
    beside = ("raw_record", "source_record")
    found = []
    for layout in ("pretty", "line", "lines", "array"):
        records = records_of(feed, make(5, ROWS, layout=layout))
        found.append([{key: value for key, value in record.items() if key not in beside} for record in records])
        for record in records:
            (alone,) = records_of(feed, record["raw_record"].encode())
            assert alone == {**record, "source_record": 1}
    assert found[0] and all(rows == found[0] for rows in found)
