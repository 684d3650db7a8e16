"""Cutting a batch into the commits that silver takes it in."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from conftest import LakeBench
from pyspark_interview_project.errors import VerificationError
from pyspark_interview_project.pipeline.silver_parts import (
    PartWrite,
    SilverWrite,
    plan_parts,
    plan_silver_write,
    write_part,
)
from pyspark_interview_project.schemas.tables import SILVER
from pyspark_interview_project.storage.commits import CommitMetadata, Written
from pyspark_interview_project.transforms.parts import CountedPart, Part
from test_lake import SILVER_COLUMNS, silver_row

MONDAY, TUESDAY, WEDNESDAY, FRIDAY = (date(2026, 1, day) for day in (5, 6, 7, 9))


def test_plan_parts_of_no_rows_are_none() -> None:
    assert plan_parts({}, {}, 10) == []


def test_plan_parts_dates_that_fit_together_are_one_part() -> None:
    assert plan_parts({MONDAY: 4, TUESDAY: 3, FRIDAY: 3}, {}, 10) == [Part(1, MONDAY, FRIDAY)]


def test_plan_parts_date_that_would_be_too_much_starts_the_next_part() -> None:
    parts = plan_parts({MONDAY: 4, TUESDAY: 3, FRIDAY: 4}, {}, 10)
    assert parts == [Part(1, MONDAY, TUESDAY), Part(2, FRIDAY, FRIDAY)]


def test_plan_parts_go_by_date_not_by_the_order_of_the_counts() -> None:
    parts = plan_parts({FRIDAY: 6, MONDAY: 6, TUESDAY: 4}, {}, 10)
    assert parts == [Part(1, MONDAY, TUESDAY), Part(2, FRIDAY, FRIDAY)]


def test_plan_parts_date_of_just_the_limit_is_not_cut() -> None:
    assert plan_parts({MONDAY: 10, TUESDAY: 10}, {}, 10) == [Part(1, MONDAY, MONDAY), Part(2, TUESDAY, TUESDAY)]


def test_plan_parts_date_above_the_limit_is_cut_by_shares_of_which_none_is_empty() -> None:
    shares = {"c0": 2, "03": 6, "7f": 4, "80": 6, "ff": 3}
    assert plan_parts({MONDAY: 21}, {MONDAY: shares}, 10) == [
        Part(1, MONDAY, MONDAY, "03", "7f"),
        Part(2, MONDAY, MONDAY, "80", "c0"),
        Part(3, MONDAY, MONDAY, "ff", "ff"),
    ]


def test_plan_parts_share_above_the_limit_is_one_part() -> None:
    assert plan_parts({MONDAY: 25}, {MONDAY: {"03": 1, "7f": 23, "80": 1}}, 10) == [
        Part(1, MONDAY, MONDAY, "03", "03"),
        Part(2, MONDAY, MONDAY, "7f", "7f"),
        Part(3, MONDAY, MONDAY, "80", "80"),
    ]


def test_plan_parts_large_date_among_small_ones_stands_alone() -> None:
    by_date = {MONDAY: 1, TUESDAY: 20, WEDNESDAY: 1, FRIDAY: 1}
    assert plan_parts(by_date, {TUESDAY: {"00": 10, "aa": 10}}, 10) == [
        Part(1, MONDAY, MONDAY),
        Part(2, TUESDAY, TUESDAY, "00", "00"),
        Part(3, TUESDAY, TUESDAY, "aa", "aa"),
        Part(4, WEDNESDAY, FRIDAY),
    ]


@pytest.mark.parametrize("rows_per_part", [1, 2, 3, 7, 10, 100])
def test_plan_parts_take_every_row_once_and_none_is_empty(rows_per_part: int) -> None:
    of_wednesday = {"00": 1, "3f": 9, "7f": 5, "80": 5, "aa": 1, "ff": 9}
    by_date = {MONDAY: 5, TUESDAY: 1, WEDNESDAY: 30, FRIDAY: 2}
    by_share = {MONDAY: {"10": 2, "20": 3}, WEDNESDAY: of_wednesday, FRIDAY: {"00": 1, "ff": 1}}
    large = {day: shares for day, shares in by_share.items() if by_date[day] > rows_per_part}
    parts = plan_parts(by_date, large, rows_per_part)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    rows = [(day, share) for day in by_date for share in by_share.get(day, {"55": 1})]
    taken = [
        [
            (day, share)
            for day, share in rows
            if part.first_date <= day <= part.last_date and part.first_share <= share <= part.last_share
        ]
        for part in parts
    ]
    assert sorted(row for part in taken for row in part) == sorted(rows)
    assert all(taken)


# Silver as it is written ---------------------------------------------------------------------------------------------

WINNERS = f"{SILVER_COLUMNS.replace('batch_id string, ', '')}, silver_return_date date, outcome string"
LONG_AGO, LATER = date(2025, 6, 1), date(2026, 2, 1)


def in_silver(return_id: str, day: date, batch_id: str) -> tuple[Any, ...]:
    return silver_row(return_id, batch_id, return_date=day.isoformat())


def winner(return_id: str, day: date, replaces: date | None = None) -> tuple[Any, ...]:
    """A new return, or a version of one that silver has with the date that it replaces."""
    *row, _, source_file = in_silver(return_id, day, "none yet")
    return (*row, source_file, replaces and replaces.isoformat(), "updated" if replaces else "inserted")


def note_of(batch_id: str, number: int) -> CommitMetadata:
    return CommitMetadata("run-1", "bronze_to_silver", batch_id, {"part": number})


def planned(bench: LakeBench, *upserts: tuple[Any, ...], limit: int = 10, **begun: Any) -> SilverWrite:
    return plan_silver_write(bench.lake, bench.frame_of(upserts, WINNERS), bench.lake.version(SILVER), limit, **begun)


@pytest.fixture
def filled(bench: LakeBench) -> LakeBench:
    """A lake whose silver has two returns of batch B0."""
    bench.lake.ensure_tables()
    rows = [in_silver("R1", LONG_AGO, "B0"), in_silver("R2", LATER, "B0")]
    bench.lake.append(SILVER, bench.frame_of(rows, SILVER_COLUMNS), note_of("B0", 1))
    return bench


def test_plan_silver_write_into_an_empty_silver_is_one_append_however_much_it_is(bench: LakeBench) -> None:
    bench.lake.ensure_tables()
    write = planned(bench, *[winner(f"R{n}", day) for n, day in enumerate([FRIDAY, MONDAY, TUESDAY])], limit=1)
    assert write.appends and write.rows == {"inserted": 3, "updated": 0}
    assert write.parts == [PartWrite(CountedPart(Part(1, MONDAY, FRIDAY), 3, 0), (MONDAY, FRIDAY))]


def test_plan_silver_write_of_no_winners_has_no_parts(filled: LakeBench) -> None:
    write = planned(filled)
    assert (write.counted, write.rows) == ((), {"inserted": 0, "updated": 0})


def test_plan_silver_write_without_a_silver_has_no_parts_either(bench: LakeBench) -> None:
    write = planned(bench)
    assert (write.appends, write.counted) == (True, ())


def test_plan_silver_write_goes_by_the_silver_that_the_batch_was_classified_against(filled: LakeBench) -> None:
    upserts = filled.frame_of([winner("R3", MONDAY), winner("R4", TUESDAY)], WINNERS)
    newest = filled.lake.version(SILVER)
    assert newest is not None
    appends = [plan_silver_write(filled.lake, upserts, version, 1).appends for version in (newest - 1, newest)]
    assert appends == [True, False]


def test_plan_silver_write_date_of_just_the_limit_is_one_part_with_every_share(filled: LakeBench) -> None:
    write = planned(filled, winner("R3", MONDAY), winner("R4", MONDAY), limit=2)
    assert [part.part for part in write.counted] == [Part(1, MONDAY, MONDAY, "00", "ff")]


def test_plan_silver_write_parts_reach_to_what_their_rows_replace(filled: LakeBench) -> None:
    write = planned(filled, winner("R1", MONDAY, LONG_AGO), winner("R3", TUESDAY), winner("R2", FRIDAY, LATER), limit=2)
    assert not write.appends and write.rows == {"inserted": 1, "updated": 2}
    assert write.parts == [
        PartWrite(CountedPart(Part(1, MONDAY, TUESDAY), 1, 1), (LONG_AGO, TUESDAY)),
        PartWrite(CountedPart(Part(2, FRIDAY, FRIDAY), 0, 1), (FRIDAY, LATER)),
    ]


def test_plan_silver_write_cuts_a_date_that_is_too_large_by_shares(filled: LakeBench) -> None:
    ids = sorted((f"N{n}" for n in range(6)), key=lambda one: hashlib.sha256(one.encode()).hexdigest())
    shares = [hashlib.sha256(one.encode()).hexdigest()[:2] for one in ids]
    assert sorted(set(shares)) == shares
    days = [(one, TUESDAY) for one in ids] + [("M1", MONDAY), ("W1", WEDNESDAY)]
    write = planned(filled, *[winner(*one) for one in days], limit=4)
    assert [part.part for part in write.counted] == [
        Part(1, MONDAY, MONDAY),
        Part(2, TUESDAY, TUESDAY, shares[0], shares[3]),
        Part(3, TUESDAY, TUESDAY, shares[4], shares[5]),
        Part(4, WEDNESDAY, WEDNESDAY),
    ]
    assert [part.inserted for part in write.counted] == [1, 4, 2, 1]


def test_plan_silver_write_of_a_batch_begun_keeps_its_parts_also_one_that_has_no_rows_by_now(filled: LakeBench) -> None:
    begun = [CountedPart(Part(1, MONDAY, TUESDAY), 9, 9), CountedPart(Part(2, FRIDAY, FRIDAY), 9, 9)]
    write = planned(filled, winner("R3", MONDAY), winner("R4", TUESDAY), limit=1, begun=begun)
    assert write.parts == [
        PartWrite(CountedPart(Part(1, MONDAY, TUESDAY), 2, 0), (MONDAY, TUESDAY)),
        PartWrite(CountedPart(Part(2, FRIDAY, FRIDAY), 0, 0), (FRIDAY, FRIDAY)),
    ]


def test_write_part_appends_or_merges_and_says_what_silver_did(bench: LakeBench) -> None:
    bench.lake.ensure_tables()
    first = planned(bench, winner("R1", MONDAY), winner("R2", TUESDAY))
    written = write_part(bench.lake, first, first.parts[0], note_of("B1", 1))
    assert written == Written(bench.lake.version(SILVER), inserted=2)

    second = planned(bench, winner("R2", FRIDAY, TUESDAY), winner("R3", MONDAY), limit=1)
    for part in second.parts:
        write_part(bench.lake, second, part, note_of("B2", part.counted.part.number))
    expected = [in_silver("R1", MONDAY, "B1"), in_silver("R2", FRIDAY, "B2"), in_silver("R3", MONDAY, "B2")]
    bench.assert_frame(bench.lake.read(SILVER), SILVER_COLUMNS, expected)


def test_write_part_that_silver_has_already_is_appended_once(
    bench: LakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.lake.ensure_tables()
    write = planned(bench, winner("R1", MONDAY), winner("R2", TUESDAY))
    with caplog.at_level("INFO"):
        first, again = (write_part(bench.lake, write, write.parts[0], note_of("B1", 1)) for _ in range(2))
    assert again == replace(first, was_there=True)
    assert caplog.messages == [f"silver {how} part 1: 2 inserted, 0 updated" for how in ("took", "had")]
    bench.assert_frame(
        bench.lake.read(SILVER), SILVER_COLUMNS, [in_silver("R1", MONDAY, "B1"), in_silver("R2", TUESDAY, "B1")]
    )


def test_write_part_of_which_silver_takes_less_than_was_counted_fails_naming_both(filled: LakeBench) -> None:
    write = planned(filled, winner("R1", MONDAY, LONG_AGO), winner("R3", TUESDAY))
    counted = replace(write.parts[0].counted, inserted=2, updated=0)
    with pytest.raises(VerificationError) as raised:
        write_part(filled.lake, write, replace(write.parts[0], counted=counted), note_of("B1", 1))
    assert (raised.value.subject, raised.value.expected) == (SILVER.place, {"inserted": 2, "updated": 0})
    assert raised.value.found == {"inserted": 1, "updated": 1}
