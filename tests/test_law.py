"""The law of the run: every row that is read ends in exactly one place, and so does its amount."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from pyspark_interview_project.errors import VerificationError
from pyspark_interview_project.metrics.law import LawTerms
from pyspark_interview_project.schemas.outcomes import OUTCOMES

AMOUNTS = ("10.00", "20.00", "0.10", "0.20", "-0.30", "7.00")
LAWFUL = LawTerms(
    rows_read=21,
    rows=dict(zip(OUTCOMES, (1, 2, 3, 4, 5, 6), strict=True)),
    amount_read=Decimal("37.00"),
    amounts=dict(zip(OUTCOMES, map(Decimal, AMOUNTS), strict=True)),
)


def test_law_terms_are_in_the_documented_order() -> None:
    assert OUTCOMES == ("inserted", "updated", "superseded", "duplicate", "quarantined", "excluded")


def test_check_of_terms_that_add_up_is_silent() -> None:
    assert LAWFUL.check() is None  # type: ignore[func-returns-value]


def test_check_of_a_run_that_read_nothing_is_silent() -> None:
    assert LawTerms.none().check() is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_check_with_one_row_lost_says_what_was_read_and_what_ended_somewhere(outcome: str) -> None:
    off = replace(LAWFUL, rows={**LAWFUL.rows, outcome: LAWFUL.rows[outcome] - 1})
    with pytest.raises(VerificationError) as raised:
        off.check()
    assert raised.value.exit_code == 7
    assert raised.value.expected == {"rows_read": 20, "amount_read": Decimal("37.00")}
    assert raised.value.found == {"rows_read": 21, "amount_read": Decimal("37.00")}
    assert "rows_read is 21, not 20" in str(raised.value)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_check_with_one_cent_lost_is_off_though_the_rows_add_up(outcome: str) -> None:
    off = replace(LAWFUL, amounts={**LAWFUL.amounts, outcome: LAWFUL.amounts[outcome] - Decimal("0.01")})
    with pytest.raises(VerificationError) as raised:
        off.check()
    assert "amount_read is 37.00, not 36.99" in str(raised.value)


def test_check_with_a_row_counted_twice_is_off() -> None:
    with pytest.raises(VerificationError):
        replace(LAWFUL, rows={**LAWFUL.rows, "duplicate": 5}).check()


def test_add_sums_every_term() -> None:
    assert LAWFUL + LAWFUL == LawTerms(
        rows_read=42,
        rows=dict(zip(OUTCOMES, (2, 4, 6, 8, 10, 12), strict=True)),
        amount_read=Decimal("74.00"),
        amounts=dict(zip(OUTCOMES, map(Decimal, ("20.00", "40.00", "0.20", "0.40", "-0.60", "14.00")), strict=True)),
    )


def test_add_of_nothing_changes_nothing() -> None:
    assert LawTerms.none() + LAWFUL == LAWFUL


def test_as_record_has_counts_as_numbers_and_amounts_as_text() -> None:
    assert LAWFUL.as_record() == {
        "rows_read": 21,
        "rows_inserted": 1,
        "rows_updated": 2,
        "rows_superseded": 3,
        "rows_duplicate": 4,
        "rows_quarantined": 5,
        "rows_excluded": 6,
        "amounts": {
            "read": "37.00",
            "inserted": "10.00",
            "updated": "20.00",
            "superseded": "0.10",
            "duplicate": "0.20",
            "quarantined": "-0.30",
            "excluded": "7.00",
        },
    }


def test_from_record_gives_the_terms_back() -> None:
    assert LawTerms.from_record(LAWFUL.as_record()) == LAWFUL


def test_from_record_of_the_first_edition_has_nothing_excluded() -> None:
    written = LawTerms.none().as_record()
    del written["rows_excluded"], written["amounts"]["excluded"]
    assert LawTerms.from_record(written) == LawTerms.none()
