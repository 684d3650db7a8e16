"""The law of the run: every row that is read ends in exactly one outcome, and so does its amount."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pyspark_interview_project.errors import VerificationError
from pyspark_interview_project.schemas.outcomes import OUTCOMES


@dataclass(frozen=True)
class LawTerms:
    """The terms of the law: rows and amounts that were read, and those that ended in each of OUTCOMES.

    Amounts are sums over the rows whose amount is readable, in the currency of the shop.
    """

    rows_read: int
    rows: Mapping[str, int]
    amount_read: Decimal
    amounts: Mapping[str, Decimal]

    @classmethod
    def none(cls) -> LawTerms:
        """The terms of a run that read nothing."""
        zero = Decimal("0.00")
        return cls(0, dict.fromkeys(OUTCOMES, 0), zero, dict.fromkeys(OUTCOMES, zero))

    def __add__(self, other: LawTerms) -> LawTerms:
        return LawTerms(
            self.rows_read + other.rows_read,
            {outcome: self.rows[outcome] + other.rows[outcome] for outcome in OUTCOMES},
            self.amount_read + other.amount_read,
            {outcome: self.amounts[outcome] + other.amounts[outcome] for outcome in OUTCOMES},
        )

    def check(self) -> None:
        """Raise VerificationError, saying which term is off, unless the law holds."""
        expected = {"rows_read": sum(self.rows.values()), "amount_read": sum(self.amounts.values(), Decimal("0.00"))}
        if expected != (found := {"rows_read": self.rows_read, "amount_read": self.amount_read}):
            terms = ", ".join(f"{outcome} {self.rows[outcome]}" for outcome in OUTCOMES)
            raise VerificationError(f"the law of the run ({terms})", expected, found)

    def as_record(self) -> dict[str, Any]:
        """The terms as a stage of the run record has them: counts as numbers, amounts as decimal text."""
        return {
            "rows_read": self.rows_read,
            **{f"rows_{outcome}": self.rows[outcome] for outcome in OUTCOMES},
            "amounts": {
                "read": str(self.amount_read),
                **{outcome: str(self.amounts[outcome]) for outcome in OUTCOMES},
            },
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> LawTerms:
        """The terms back from what as_record made of them. A term that an older record does not have is nothing."""
        return cls(
            record["rows_read"],
            {outcome: record.get(f"rows_{outcome}", 0) for outcome in OUTCOMES},
            Decimal(record["amounts"]["read"]),
            {outcome: Decimal(record["amounts"].get(outcome, "0.00")) for outcome in OUTCOMES},
        )
