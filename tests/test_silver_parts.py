"""Cutting a batch into the commits that silver takes it in."""

from __future__ import annotations

from datetime import date

import pytest

from pyspark_interview_project.pipeline.silver_parts import plan_parts
from pyspark_interview_project.transforms.parts import Part

MONDAY, TUESDAY, WEDNESDAY, FRIDAY = (date(2026, 1, day) for day in (5, 6, 7, 9))


def test_plan_parts_of_no_rows_are_none() -> None:
    assert plan_parts({}, 10) == []


def test_plan_parts_dates_that_fit_together_are_one_part() -> None:
    assert plan_parts({MONDAY: 4, TUESDAY: 3, FRIDAY: 3}, 10) == [Part(1, MONDAY, FRIDAY)]


def test_plan_parts_date_that_would_be_too_much_starts_the_next_part() -> None:
    parts = plan_parts({MONDAY: 4, TUESDAY: 3, FRIDAY: 4}, 10)
    assert parts == [Part(1, MONDAY, TUESDAY), Part(2, FRIDAY, FRIDAY)]


def test_plan_parts_go_by_date_not_by_the_order_of_the_counts() -> None:
    assert plan_parts({FRIDAY: 6, MONDAY: 6, TUESDAY: 4}, 10) == [Part(1, MONDAY, TUESDAY), Part(2, FRIDAY, FRIDAY)]


def test_plan_parts_date_of_just_the_limit_is_not_cut() -> None:
    assert plan_parts({MONDAY: 10, TUESDAY: 10}, 10) == [Part(1, MONDAY, MONDAY), Part(2, TUESDAY, TUESDAY)]


def test_plan_parts_date_above_the_limit_is_cut_into_equal_shares_of_hashes() -> None:
    assert plan_parts({MONDAY: 21}, 10) == [
        Part(1, MONDAY, MONDAY, "00", "55"),
        Part(2, MONDAY, MONDAY, "55", "aa"),
        Part(3, MONDAY, MONDAY, "aa", None),
    ]


def test_plan_parts_date_one_row_above_the_limit_is_cut_in_two() -> None:
    assert plan_parts({MONDAY: 11}, 10) == [
        Part(1, MONDAY, MONDAY, "00", "80"),
        Part(2, MONDAY, MONDAY, "80", None),
    ]


def test_plan_parts_large_date_among_small_ones_stands_alone() -> None:
    assert plan_parts({MONDAY: 1, TUESDAY: 20, WEDNESDAY: 1, FRIDAY: 1}, 10) == [
        Part(1, MONDAY, MONDAY),
        Part(2, TUESDAY, TUESDAY, "00", "80"),
        Part(3, TUESDAY, TUESDAY, "80", None),
        Part(4, WEDNESDAY, FRIDAY),
    ]


def test_plan_parts_of_one_date_are_256_at_most() -> None:
    parts = plan_parts({MONDAY: 10_000}, 1)
    assert [(part.least, part.below) for part in parts] == [
        *((f"{share:02x}", f"{share + 1:02x}") for share in range(255)),
        ("ff", None),
    ]


@pytest.mark.parametrize("rows_per_part", [1, 2, 3, 7, 10, 100])
def test_plan_parts_take_every_row_once(rows_per_part: int) -> None:
    rows_by_date = {MONDAY: 5, TUESDAY: 1, WEDNESDAY: 30, FRIDAY: 2}
    parts = plan_parts(rows_by_date, rows_per_part)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    for day in rows_by_date:
        for digits in ("00", "3f", "7f", "80", "aa", "ff"):
            taking = [
                part
                for part in parts
                if part.first_date <= day <= part.last_date and part.least <= digits < (part.below or "g")
            ]
            assert len(taking) == 1, (day, digits)
