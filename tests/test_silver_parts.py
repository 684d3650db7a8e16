"""Cutting a batch into the commits that silver takes it in."""

from __future__ import annotations

from datetime import date

import pytest

from pyspark_interview_project.pipeline.silver_parts import plan_parts
from pyspark_interview_project.transforms.parts import Part

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
