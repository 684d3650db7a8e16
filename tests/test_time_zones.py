"""Local times that happened twice, in every time zone, with Python's zoneinfo as the judge."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from pyspark_interview_project.transforms.normalise import parse_value, resolve_local_time

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
STEP, A_SECOND, A_MICROSECOND = timedelta(days=5), timedelta(seconds=1), timedelta(microseconds=1)
# The database of DuckDB has other rules for these than that of Python: names of offsets, and the hours in one country.
OTHER_RULES = {"EET", "Europe/Chisinau", "Europe/Tiraspol", "MET", "WET"}


def offset(at: datetime, zone: ZoneInfo) -> timedelta:
    found = at.astimezone(zone).utcoffset()
    assert found is not None
    return found


def set_back(zone: ZoneInfo) -> Iterator[tuple[datetime, timedelta]]:
    """When the clocks of a zone were set back, and by how much."""
    at = FIRST
    while at < LAST:
        before, after = at, at + STEP
        while offset(before, zone) != offset(after, zone) and after - before > A_SECOND:
            middle = before + (after - before) // A_SECOND // 2 * A_SECOND
            before, after = (middle, after) if offset(middle, zone) == offset(before, zone) else (before, middle)
        if (by := offset(before, zone) - offset(after, zone)) > timedelta(0):
            yield after, by
        at += STEP


def repeated_times(zone: ZoneInfo) -> dict[str, datetime]:
    """Local times from before the clocks were set back to behind it, each with the first instant that shows it."""
    times = {}
    for at, by in set_back(zone):
        first = at.astimezone(zone).replace(tzinfo=None)
        for local in (first - A_SECOND, first, first + by / 2, first + by - A_MICROSECOND, first + by):
            times[local.isoformat()] = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return times


@pytest.mark.full
@pytest.mark.embedded_only
def test_local_times_that_happened_twice_take_the_earlier_offset_in_every_zone(
    frame_of: Any, records_of: Any, in_time_zone: Any
) -> None:
    wrong: dict[str, list[str]] = {}
    seen = set()
    for name in sorted(available_timezones() - {"Factory", "localtime"}):
        expected = repeated_times(ZoneInfo(name))
        if not expected or (rules := tuple(expected.items())) in seen:
            continue
        seen.add(rules)
        in_time_zone(name)
        texts = frame_of([(text, text) for text in expected], "given string, ingest_ts string")
        read = texts.select("given", "ingest_ts", parse_value("ingest_ts", "text").alias("instant"))
        found = records_of(read.select("given", resolve_local_time("ingest_ts", "instant", "text").alias("resolved")))
        if off := [row["given"] for row in found if row["resolved"] != expected[row["given"]]]:
            wrong[name] = off
    assert {name: off for name, off in wrong.items() if name not in OTHER_RULES} == {}
    assert len(seen) > 200
