"""The transforms and the rules: literal rows in, literal rows out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

import independent_query
from commands import mostly_full
from pyspark_interview_project.schemas.outcomes import DUPLICATE, INSERTED, SUPERSEDED, UPDATED
from pyspark_interview_project.schemas.returns_raw import DELIVERED_NAMES, RAW_NAMES
from pyspark_interview_project.schemas.rules import CORRUPT_RECORD, REASON_CODES, RULES
from pyspark_interview_project.transforms.aggregate import (
    aggregate,
    at_most,
    changed_groups,
    group_figures,
    largest_groups,
    totals,
)
from pyspark_interview_project.transforms.counts import (
    ambiguous_examples,
    count_ambiguous,
    count_outcomes,
    count_validated,
)
from pyspark_interview_project.transforms.deduplicate import (
    accepted,
    conflicting_returns,
    content_hash,
    dates_in_silver,
    deduplicate,
    upserts,
)
from pyspark_interview_project.transforms.normalise import ACCEPTED_KINDS
from pyspark_interview_project.transforms.quarantine import quarantine_slice
from pyspark_interview_project.transforms.validate import validate

AS_OF = date(2026, 3, 10)
LATEST = datetime(9999, 12, 30, 12, tzinfo=UTC)  # of ingest_ts

TEXT_COLUMNS = ", ".join(f"{name} string" for name in RAW_NAMES)
DELIVERED_TEXT = (
    f"{TEXT_COLUMNS}, currency string, raw_record string, is_corrupt boolean, source_file string, source_record bigint"
)
RETURN = (
    "return_id string, order_id string, customer_id string, sku string, reason string, "
    "qty int, amount decimal(18,2), return_date date, ingest_ts timestamp"
)
VALIDATED = (
    f"{RETURN}, reasons array<string>, warnings array<string>, is_excluded boolean, raw_record string, "
    "source_file string, source_record bigint"
)
ACCEPTED = f"{RETURN}, source_file string, source_record bigint"
DEDUPLICATED = (
    f"{RETURN}, source_file string, source_record bigint, silver_return_date date, is_ambiguous boolean, "
    "outcome string"
)
UPSERTED = (
    f"{RETURN}, batch_id string, source_file string, source_record bigint, outcome string, silver_return_date date"
)
CONFLICTING = "return_id string, silver_return_date date"

ALL_TEXT = dict.fromkeys(RAW_NAMES, "text")

# A good record as text, and the same one validated.
GOOD_TEXT = {
    "return_id": "R1",
    "order_id": "O1",
    "customer_id": "C1",
    "sku": "MUG",
    "reason": "damaged",
    "qty": "2",
    "amount": "10.00",
    "return_date": "2026-01-05",
    "ingest_ts": "2026-01-05T10:20:30Z",
}
GOOD_VALUES = {
    **GOOD_TEXT,
    "qty": 2,
    "amount": Decimal("10.00"),
    "return_date": date(2026, 1, 5),
    "ingest_ts": datetime(2026, 1, 5, 10, 20, 30, tzinfo=UTC),
}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def validated_record(raw: str | None, codes: list[str] | None, **values: Any) -> dict[str, Any]:
    """A good record after validate, but for `values`; `raw` stays only with rejected ones."""
    judged_as = {"reasons": codes, "warnings": None, "is_excluded": False, "raw_record": raw if codes else None}
    return {**GOOD_VALUES, **values, **judged_as}


def by_source_file(records: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Validated records by their source_file, each of which is the first record of its file."""
    assert {record.pop("source_record") for record in records} == {1}
    return {record.pop("source_file"): record for record in records}


# Values of text ------------------------------------------------------------------------------------------------------
# (delivered, value after validate, codes)

WHITE_SPACE = "\t\n\x0b\f\r \u00a0"
# What Python, Java or Unicode also call white space or blank, and this package does not.
NO_WHITE_SPACE = "\x1c\x1f\x85\u2028\u200b\ufeff"

KEYS = [
    ("R-1", "R-1", None),
    ("0", "0", None),
    ("r 1", "r 1", None),
    ("a\u00a0\tb", "a\u00a0\tb", None),
    ("ßaß", "ßaß", None),
    ("😀", "😀", None),
    (" ßx\u00a0 ", "ßx", None),
    ("'; drop table", "'; drop table", None),
    ("null", "null", None),
    *[(f"{blank}R1", "R1", None) for blank in WHITE_SPACE],
    *[(f"R1{blank}", "R1", None) for blank in WHITE_SPACE],
    (f"{WHITE_SPACE}R1{WHITE_SPACE}", "R1", None),
    *[(f"{other}R1{other}", f"{other}R1{other}", None) for other in NO_WHITE_SPACE],
    *[(f" {other} ", other, None) for other in NO_WHITE_SPACE],
]
BLANKS = ["", *WHITE_SPACE, WHITE_SPACE, None]
SKUS = [
    ("mug-blue_1", "MUG-BLUE_1", None),
    (" mug\u00a0", "MUG", None),
    ("a  b", "A  B", None),
    ("straße", "STRAßE", None),
    ("ﬁt", "ﬁT", None),
    ("ŉx", "ŉX", None),
    ("ıi", "ıI", None),
    ("éa", "éA", None),
    ("ǆ", "ǆ", None),
    ("azAZ{|`", "AZAZ{|`", None),
]
REASONS = [
    ("Damaged", "damaged", None),
    ("  Wrong \t\n SIZE ", "wrong size", None),
    ("A\u00a0\u00a0B\x0bC", "a b c", None),
    ("A B", "a b", None),
    ("A  B", "a b", None),
    ("ΟΔΟΣ", "ΟΔΟΣ", None),
    ("İI", "İi", None),
    ("ÄB", "Äb", None),
    ("\u212aK", "\u212ak", None),
    ("A\u2003B", "a\u2003b", None),
    ("azAZ[@]", "azaz[@]", None),
    *[(blank, "unspecified", None) for blank in BLANKS],
]
QTYS = [
    ("1", 1, None),
    ("2", 2, None),
    ("2.0", 2, None),
    ("2.", 2, None),
    ("+2", 2, None),
    (" 2 ", 2, None),
    ("002", 2, None),
    ("1e1", 10, None),
    ("1.5E+1", 15, None),
    ("20e-1", 2, None),
    ("2." + "0" * 50, 2, None),
    ("2147483647", 2147483647, None),
    ("0", 0, ["qty_not_positive"]),
    ("0.0", 0, ["qty_not_positive"]),
    ("-1", -1, ["qty_not_positive"]),
    ("-2147483648", -2147483648, ["qty_not_positive"]),
    *[(blank, None, ["qty_missing"]) for blank in BLANKS],
    *[
        (text, None, ["qty_invalid"])
        for text in (
            *(
                "2147483648",
                "-2147483649",
                "9" * 41,
                "2.5",
                "2.01",
                "15e-1",
                "1e10",
                "1e400",
                ".0",
                ".",
                "+",
                "-",
                "--2",
                "+-2",
            ),
            *("0x10", "1_000", "1,000", "2 0", "٣", "２", "two", "NaN", "inf", "true", "null", "2\u200b", "2\x00"),
        )
    ],
]
AMOUNTS = [
    ("0", Decimal("0.00"), None),
    ("-0", Decimal("0.00"), None),
    ("0.01", Decimal("0.01"), None),
    ("10", Decimal("10.00"), None),
    ("+10.5", Decimal("10.50"), None),
    (".5", Decimal("0.50"), None),
    ("5.", Decimal("5.00"), None),
    ("\u00a010.50\t", Decimal("10.50"), None),
    ("10.004", Decimal("10.00"), None),
    ("10.0049999999999999999999", Decimal("10.00"), None),
    ("10.005", Decimal("10.01"), None),
    ("1.005", Decimal("1.01"), None),
    ("1e2", Decimal("100.00"), None),
    ("1.5E+2", Decimal("150.00"), None),
    ("12345e-3", Decimal("12.35"), None),
    ("1e-5", Decimal("0.00"), None),
    ("-0.004", Decimal("0.00"), None),
    ("999999999999.99", Decimal("999999999999.99"), None),
    ("999999999999.994", Decimal("999999999999.99"), None),
    ("99999999999999e-2", Decimal("999999999999.99"), None),
    ("-0.005", Decimal("-0.01"), ["amount_negative"]),
    ("-0.01", Decimal("-0.01"), ["amount_negative"]),
    ("-999999999999.99", Decimal("-999999999999.99"), ["amount_negative"]),
    *[(blank, None, ["amount_missing"]) for blank in BLANKS],
    *[
        (text, None, ["amount_invalid"])
        for text in (
            *("999999999999.995", "1000000000000", "1e12", "-1e12", "-999999999999.995", "1e999", "9" * 60, "1e1000"),
            *("NaN", "inf", "-inf", "Infinity", "1,000", "1,5", "1_000", "$5", "5 EUR", "0x1p3", "1e", "e5", "."),
            *("1.2.3", "1 000", "٣.٥", "５", "--1", "+-1", "null", "true", "1d", "1f"),
        )
    ],
]
RETURN_DATES = [
    ("2026-01-05", date(2026, 1, 5), None),
    (" 2026-01-05\n", date(2026, 1, 5), None),
    ("2024-02-29", date(2024, 2, 29), None),
    ("1990-01-01", date(1990, 1, 1), None),
    ("2026-03-10", date(2026, 3, 10), None),
    ("2026-03-11", date(2026, 3, 11), None),
    ("2026-03-12", date(2026, 3, 12), ["return_date_out_of_range"]),
    ("1989-12-31", date(1989, 12, 31), ["return_date_out_of_range"]),
    ("0001-01-01", date(1, 1, 1), ["return_date_out_of_range"]),
    ("9999-12-31", date(9999, 12, 31), ["return_date_out_of_range"]),
    ("2026-01-05T00:00:00", date(2026, 1, 5), None),
    ("2026-01-05 00:00:00", date(2026, 1, 5), None),
    ("2026-01-05 00:00", date(2026, 1, 5), None),
    ("2026-01-05 00:00:00.000", date(2026, 1, 5), None),
    ("2026-01-05T00:00:00Z", date(2026, 1, 5), None),
    *[(blank, None, ["return_date_missing"]) for blank in BLANKS],
    *[
        (text, None, ["return_date_invalid"])
        for text in (
            *("2026-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "2026-01-32", "1900-02-29", "0000-01-01"),
            *("2026-1-5", "20260105", "2026/01/05", "05.01.2026", "01/05/2026", "2026-01", "2026", "26-01-05"),
            *(
                "2026-01-05T00:00:01",
                "2026-01-05 10:20:30",
                "2026-01-05T00:00:00+01:00",
                "12026-01-05",
                "-2026-01-05",
                "+2026-01-05",
            ),
            *("2026-01-05 BC", "epoch", "infinity", "today", "now", "٢٠٢٦-01-05", "2026-01-05Z", "46027"),
        )
    ],
]
INGEST_TIMES = [
    ("2026-01-05T10:20:30Z", utc("2026-01-05T10:20:30"), None),
    ("2026-01-05 10:20:30Z", utc("2026-01-05T10:20:30"), None),
    ("2026-01-05T10:20:30", utc("2026-01-05T10:20:30"), None),
    ("2026-01-05 10:20:30", utc("2026-01-05T10:20:30"), None),
    (" 2026-01-05 10:20:30\u00a0", utc("2026-01-05T10:20:30"), None),
    ("2026-01-05T10:20:30.5", utc("2026-01-05T10:20:30.500000"), None),
    ("2026-01-05T10:20:30.123456789Z", utc("2026-01-05T10:20:30.123456"), None),
    ("2026-01-05T10:20:30.9999999Z", utc("2026-01-05T10:20:30.999999"), None),
    ("2026-01-05T10:20:30.000000999Z", utc("2026-01-05T10:20:30"), None),
    ("2026-01-05T10:20:30+02:00", utc("2026-01-05T08:20:30"), None),
    ("2026-01-05T10:20:30-05:30", utc("2026-01-05T15:50:30"), None),
    ("2026-01-05 10:20:30.25+00:00", utc("2026-01-05T10:20:30.250000"), None),
    ("2026-01-05T10:20:30+18:00", utc("2026-01-04T16:20:30"), None),
    ("2026-01-05T10:20:30-18:00", utc("2026-01-06T04:20:30"), None),
    ("2026-01-05T00:00:00Z", utc("2026-01-05T00:00:00"), None),
    ("2026-01-05T23:59:59Z", utc("2026-01-05T23:59:59"), None),
    ("1969-12-31T23:59:59.999999Z", utc("1969-12-31T23:59:59.999999"), None),
    ("0001-01-02T00:00:00Z", utc("0001-01-02T00:00:00"), None),
    ("9999-12-30T12:00:00Z", utc("9999-12-30T12:00:00"), None),
    ("2026-01-05T10:20", utc("2026-01-05T10:20:00"), None),
    ("2026-01-05T10:20Z", utc("2026-01-05T10:20:00"), None),
    ("2026-01-05 10:20+0530", utc("2026-01-05T04:50:00"), None),
    ("20260105T102030Z", utc("2026-01-05T10:20:30"), None),
    ("20260105T1020", utc("2026-01-05T10:20:00"), None),
    ("20260105T102030.25+01", utc("2026-01-05T09:20:30.250000"), None),
    ("2026-01-05T10:20:30,5Z", utc("2026-01-05T10:20:30.500000"), None),
    ("2026-01-05T10:20:30 Z", utc("2026-01-05T10:20:30"), None),
    ("2026-01-05 10:20:30 UTC", utc("2026-01-05T10:20:30"), None),
    ("2026-01-05 10:20:30.123456 UTC", utc("2026-01-05T10:20:30.123456"), None),
    ("2026-01-05T10:20:30 +02:00", utc("2026-01-05T08:20:30"), None),
    ("2026-01-05 10:20:30 -0500", utc("2026-01-05T15:20:30"), None),
    ("2026-01-05T10:20:30+02", utc("2026-01-05T08:20:30"), None),
    ("2026-01-05T10:20:30+0200", utc("2026-01-05T08:20:30"), None),
    *[(blank, None, None) for blank in BLANKS],
    *[
        (text, None, ["ingest_ts_invalid"])
        for text in (
            *("2026-01-05T24:00:00Z", "2026-01-05T10:60:00Z", "2026-01-05T10:20:60Z", "2026-02-29T10:20:30Z"),
            *("2026-01-05", "10:20:30", "20260105", "20260105 102030Z", "20260105T10:20:30Z", "2026-01-05T102030Z"),
            *("2026-01-05T10:20:30.Z", "2026-01-05t10:20:30Z", "2026-01-05T10:20:30z", "2026-01-05T10:20.5Z"),
            *("2026-01-05  10:20:30", "2026-01-05T10:20:30  Z", "2026-01-05T1:20:30Z", "2026-01-05T10Z"),
            *("2026-01-05T10:20:30+18:01", "2026-01-05T10:20:30+2", "2026-01-05T10:20:30Z+02:00", "2026-0105T10:20Z"),
            *("2026-01-05T10:20:30 GMT", "2026-01-05T10:20:30 UTC+1", "20261305T102030Z", "20260105T252030Z"),
            *("2026-01-05T10:20:30+19:00", "2026-01-05T10:20:30+02:60", "2026-01-05T10:20:30 Europe/Berlin"),
            *("0000-01-01T00:00:00Z", "1767608430", "epoch", "infinity", "-infinity", "now", "today", "soon"),
        )
    ],
]
TEXTS = {
    "return_id": [*KEYS, *[(blank, None, ["return_id_missing"]) for blank in BLANKS]],
    "order_id": [*KEYS, *[(blank, None, ["order_id_missing"]) for blank in BLANKS]],
    "customer_id": [*KEYS, *[(blank, None, None) for blank in BLANKS]],
    "sku": [*SKUS, *[(blank, None, ["sku_missing"]) for blank in BLANKS]],
    "reason": REASONS,
    "qty": QTYS,
    "amount": AMOUNTS,
    "return_date": RETURN_DATES,
    "ingest_ts": INGEST_TIMES,
}

# Rules ---------------------------------------------------------------------------------------------------------------
# For each code a good record changed so that it breaks that rule alone, and one at the rule's edge that breaks none.

BREAKING: dict[str, dict[str, Any]] = {
    "corrupt_record": {"is_corrupt": True},
    "return_id_missing": {"return_id": None},
    "return_id_invalid": {"return_id": " 1.00045E+12 "},
    "order_id_missing": {"order_id": " "},
    "sku_missing": {"sku": "\u00a0"},
    "qty_missing": {"qty": None},
    "qty_invalid": {"qty": "2.5"},
    "qty_not_positive": {"qty": "0"},
    "amount_missing": {"amount": ""},
    "amount_invalid": {"amount": "1e12"},
    "amount_negative": {"amount": "-0.005"},
    "return_date_missing": {"return_date": "\t"},
    "return_date_invalid": {"return_date": "2026-02-29"},
    "return_date_out_of_range": {"return_date": "2026-03-12"},
    "ingest_ts_invalid": {"ingest_ts": "2026-01-05"},
    "ingest_ts_out_of_range": {"ingest_ts": "9999-12-30T12:00:00.000001Z"},
    "currency_unexpected": {"currency": "USD"},
}
EDGES: dict[str, dict[str, Any]] = {
    "corrupt_record": {"is_corrupt": False},
    "return_id_missing": {"return_id": "-"},
    "return_id_invalid": {"return_id": "5E12"},
    "order_id_missing": {"order_id": "0"},
    "sku_missing": {"sku": "."},
    "qty_missing": {"qty": " 1"},
    "qty_invalid": {"qty": "2147483647.0"},
    "qty_not_positive": {"qty": "1"},
    "amount_missing": {"amount": "0"},
    "amount_invalid": {"amount": "999999999999.994"},
    "amount_negative": {"amount": "-0.0049"},
    "return_date_missing": {"return_date": "1990-01-01"},
    "return_date_invalid": {"return_date": "2024-02-29"},
    "return_date_out_of_range": {"return_date": "2026-03-11"},
    "ingest_ts_invalid": {"ingest_ts": None},
    "ingest_ts_out_of_range": {"ingest_ts": "9999-12-30T12:00:00Z"},
    "currency_unexpected": {"currency": " eur "},
}
NO_VALUES: dict[str, Any] = dict.fromkeys(RAW_NAMES)
EVERYTHING_WRONG = {
    **NO_VALUES,
    "qty": "-1",
    "amount": "-1",
    "return_date": "1989-12-31",
    "ingest_ts": "soon",
}


def text_row(name: str, **changes: Any) -> tuple[Any, ...]:
    """The good record changed, as a delivery of text whose source_file is `name` and whose raw_record says so."""
    record = {**GOOD_TEXT, "currency": None, "raw_record": f"raw {name}", "is_corrupt": False, "source_file": name}
    record |= {"source_record": 1, **changes}
    return tuple(record.values())


@pytest.fixture(scope="module")
def validated_texts(frame_of: Any, records_of: Any) -> dict[str, dict[str, Any]]:
    """Every example of text in this file, validated in one pass: by its name, without its source_file."""
    rows = [
        text_row(f"{column} {delivered!r}", **{column: delivered})
        for column, examples in TEXTS.items()
        for delivered, _, _ in examples
    ]
    rows += [text_row(f"breaking {code}", **changes) for code, changes in BREAKING.items()]
    rows += [text_row(f"edge {code}", **changes) for code, changes in EDGES.items()]
    rows += [text_row("nulls", **NO_VALUES), text_row("everything", **EVERYTHING_WRONG)]
    rows += [text_row("corrupt nulls", **NO_VALUES, is_corrupt=True)]
    validated = records_of(validate(frame_of(rows, DELIVERED_TEXT), ALL_TEXT, AS_OF, LATEST, "EUR"))
    assert len(validated) == len(rows)
    return by_source_file(validated)


@pytest.mark.parametrize(
    ("column", "delivered", "value", "codes"),
    [(column, *example) for column, examples in TEXTS.items() for example in examples],
    ids=[f"{column}-{example[0]!a}" for column, examples in TEXTS.items() for example in examples],
)
def test_validate_text_value_is_typed_or_rejected(
    validated_texts: Mapping[str, Any], column: str, delivered: str | None, value: Any, codes: list[str] | None
) -> None:
    name = f"{column} {delivered!r}"
    assert validated_texts[name] == validated_record(f"raw {name}", codes, **{column: value})


@pytest.mark.parametrize("code", REASON_CODES)
def test_validate_row_that_breaks_one_rule_carries_its_code_alone(
    validated_texts: Mapping[str, Any], code: str
) -> None:
    validated = validated_texts[f"breaking {code}"]
    assert (validated["reasons"], validated["raw_record"]) == ([code], f"raw breaking {code}")


@pytest.mark.parametrize("code", REASON_CODES)
def test_validate_row_at_the_edge_of_a_rule_passes(validated_texts: Mapping[str, Any], code: str) -> None:
    validated = validated_texts[f"edge {code}"]
    assert (validated["reasons"], validated["raw_record"]) == (None, None)


@pytest.mark.parametrize("code", [code for code in REASON_CODES if code != CORRUPT_RECORD])
def test_rules_examples_are_judged_alike_by_the_independent_query(code: str) -> None:
    for changes, expected in ((BREAKING[code], (code,)), (EDGES[code], ())):
        texts = tuple({**GOOD_TEXT, "currency": None, **changes}[name] for name in DELIVERED_NAMES)
        planned_at = LATEST - timedelta(days=1)
        assert independent_query.validate(texts, AS_OF, "UTC", planned_at, "EUR")[1] == expected


def test_rules_examples_produce_every_reason_code(validated_texts: Mapping[str, Any]) -> None:
    produced = {code for validated in validated_texts.values() for code in validated["reasons"] or ()}
    assert produced == set(REASON_CODES)


def test_rules_codes_are_the_documented_ones() -> None:
    assert REASON_CODES == (
        "corrupt_record",
        "return_id_missing",
        "return_id_invalid",
        "order_id_missing",
        "sku_missing",
        "qty_missing",
        "qty_invalid",
        "qty_not_positive",
        "amount_missing",
        "amount_invalid",
        "amount_negative",
        "return_date_missing",
        "return_date_invalid",
        "return_date_out_of_range",
        "ingest_ts_invalid",
        "ingest_ts_out_of_range",
        "currency_unexpected",
    )


def test_rules_each_say_why_the_business_needs_them() -> None:
    assert [rule.code for rule in RULES if not rule.because] == []


def test_validate_row_of_all_nulls_carries_exactly_the_missing_codes(validated_texts: Mapping[str, Any]) -> None:
    missing = ["return_id_missing", "order_id_missing", "sku_missing", "qty_missing", "amount_missing"]
    expected = validated_record("raw nulls", [*missing, "return_date_missing"], **NO_VALUES | {"reason": "unspecified"})
    assert validated_texts["nulls"] == expected


def test_validate_row_with_many_faults_carries_every_code_in_the_order_of_the_rules(
    validated_texts: Mapping[str, Any],
) -> None:
    assert validated_texts["everything"]["reasons"] == [
        "return_id_missing",
        "order_id_missing",
        "sku_missing",
        "qty_not_positive",
        "amount_negative",
        "return_date_out_of_range",
        "ingest_ts_invalid",
    ]


def test_validate_corrupt_record_breaks_no_other_rule(validated_texts: Mapping[str, Any]) -> None:
    validated = validated_texts["corrupt nulls"]
    assert (validated["reasons"], validated["raw_record"]) == ([CORRUPT_RECORD], "raw corrupt nulls")


def test_validate_text_delivery_has_silvers_types(frame_of: Any, assert_frame: Any) -> None:
    rows = [text_row("a.csv"), text_row("b.csv", amount="-1", currency="EUR", source_record=2**40)]
    validated = validate(frame_of(rows, DELIVERED_TEXT), ALL_TEXT, AS_OF, LATEST)
    good = ("R1", "O1", "C1", "MUG", "damaged", 2)
    day = ("2026-01-05", "2026-01-05T10:20:30")
    expected = [
        judged((*good, "10.00", *day), source_file="a.csv"),
        (*judged((*good, "-1.00", *day), ["amount_negative"], "raw b.csv", "b.csv")[:-1], 2**40),
    ]
    assert_frame(validated, VALIDATED, expected)


def test_validate_currency_is_not_checked_where_the_lake_has_none(frame_of: Any, records_of: Any) -> None:
    rows = [text_row("a.csv", currency="USD")]
    [record] = records_of(validate(frame_of(rows, DELIVERED_TEXT), ALL_TEXT, AS_OF, LATEST))
    assert record["reasons"] is None


@pytest.mark.parametrize("currency", [None, "", "  ", "EUR", "eur"])
def test_validate_record_of_the_lakes_currency_or_of_none_passes(
    frame_of: Any, records_of: Any, currency: str | None
) -> None:
    rows = [text_row("a.csv", currency=currency)]
    [record] = records_of(validate(frame_of(rows, DELIVERED_TEXT), ALL_TEXT, AS_OF, LATEST, "EUR"))
    assert record["reasons"] is None


FEED_RULES = [
    ("of_test_orders", "order_id like 'TEST%'", "reject"),
    ("of_many", "qty > 10", "warn"),
    ("of_no_customer", "customer_id is null", "warn"),
]


def test_validate_rules_of_a_feed_reject_or_warn(frame_of: Any, assert_frame: Any) -> None:
    rows = [
        text_row("good"),
        text_row("test", order_id="TEST-1", qty="11"),
        text_row("many", qty="11", customer_id=None),
        text_row("both", order_id="TEST-1", qty="0"),
        text_row("corrupt", is_corrupt=True, order_id="TEST-1", qty="11"),
    ]
    validated = validate(frame_of(rows, DELIVERED_TEXT), ALL_TEXT, AS_OF, LATEST, None, FEED_RULES)
    expected = [
        judged(returned(), source_file="good"),
        judged(returned(order_id="TEST-1", qty=11), ["of_test_orders"], "raw test", "test"),
        judged(returned(qty=11, customer_id=None), source_file="many", warnings=["of_many", "of_no_customer"]),
        judged(returned(order_id="TEST-1", qty=0), ["qty_not_positive", "of_test_orders"], "raw both", "both"),
        judged(returned(order_id="TEST-1", qty=11), ["corrupt_record"], "raw corrupt", "corrupt"),
    ]
    assert_frame(validated, VALIDATED, expected)


def test_validate_row_that_a_feed_excludes_is_not_judged(frame_of: Any, assert_frame: Any) -> None:
    rows = [(*text_row("a"), True), (*text_row("b", qty="0", customer_id=None), True), (*text_row("c"), False)]
    frame = frame_of(rows, f"{DELIVERED_TEXT}, is_excluded boolean")
    validated = validate(frame, ALL_TEXT, AS_OF, LATEST, None, FEED_RULES)
    expected = [
        judged(returned(), source_file="a", is_excluded=True),
        judged(returned(qty=0, customer_id=None), source_file="b", is_excluded=True),
        judged(returned(), source_file="c"),
    ]
    assert_frame(validated, VALIDATED, expected)


# Local times ---------------------------------------------------------------------------------------------------------

LOCAL_TIMES = {
    "Europe/Berlin": [
        ("2026-01-05T10:20:30", "2026-01-05T09:20:30"),
        ("2026-07-05T10:20:30", "2026-07-05T08:20:30"),
        ("2026-10-25T01:59:59", "2026-10-24T23:59:59"),
        ("2026-10-25T02:00:00", "2026-10-25T00:00:00"),
        ("2026-10-25T02:59:59.999999", "2026-10-25T00:59:59.999999"),
        ("2026-10-25T03:00:00", "2026-10-25T02:00:00"),
        ("2026-03-29T01:59:59", "2026-03-29T00:59:59"),
        ("2026-03-29T03:00:00", "2026-03-29T01:00:00"),
    ],
    "Australia/Lord_Howe": [
        ("2026-04-05T01:29:59", "2026-04-04T14:29:59"),
        ("2026-04-05T01:45:00", "2026-04-04T14:45:00"),
        ("2026-04-05T02:00:00", "2026-04-04T15:30:00"),
    ],
    "Antarctica/Casey": [  # sets its clocks back by three hours, from +11 to +8
        ("2010-03-04T22:59:59", "2010-03-04T11:59:59"),
        ("2010-03-04T23:00:00", "2010-03-04T12:00:00"),
        ("2010-03-05T01:59:59", "2010-03-04T14:59:59"),
        ("2010-03-05T02:00:00", "2010-03-04T18:00:00"),
    ],
    "Antarctica/Vostok": [  # by seven, from +7
        ("1994-01-31T17:00:00", "1994-01-31T10:00:00"),
        ("1994-01-31T23:59:59", "1994-01-31T16:59:59"),
        ("1994-02-01T00:00:00", "1994-02-01T00:00:00"),
    ],
}
TIMES_WITH_OFFSET = [
    ("2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00"),
    ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00"),
    ("2026-10-25T01:30:00Z", "2026-10-25T01:30:00"),
]


@pytest.mark.parametrize("zone", mostly_full(LOCAL_TIMES))
def test_validate_local_time_text_takes_the_sessions_zone_and_the_earlier_offset(
    frame_of: Any, records_of: Any, in_time_zone: Callable[[str], None], zone: str
) -> None:
    in_time_zone(zone)
    texts = LOCAL_TIMES[zone] + TIMES_WITH_OFFSET
    delivery = frame_of([text_row(text, ingest_ts=text) for text, _ in texts], DELIVERED_TEXT)
    validated = {
        record["source_file"]: record["ingest_ts"] for record in records_of(validate(delivery, ALL_TEXT, AS_OF, LATEST))
    }
    assert validated == {text: utc(instant) for text, instant in texts}


@pytest.mark.parametrize("zone", mostly_full(LOCAL_TIMES))
def test_validate_typed_local_time_takes_the_sessions_zone_and_the_earlier_offset(
    frame_of: Any, records_of: Any, in_time_zone: Callable[[str], None], zone: str
) -> None:
    in_time_zone(zone)
    columns = f"{TEXT_COLUMNS}, source_file string, source_record bigint".replace(
        "ingest_ts string", "ingest_ts timestamp_ntz"
    )
    rows = [(*[*GOOD_TEXT.values()][:8], text, text, 1) for text, _ in LOCAL_TIMES[zone]]
    kinds = {**ALL_TEXT, "ingest_ts": "local_timestamp"}
    validated = {
        r["source_file"]: r["ingest_ts"] for r in records_of(validate(frame_of(rows, columns), kinds, AS_OF, LATEST))
    }
    assert validated == {text: utc(instant) for text, instant in LOCAL_TIMES[zone]}


# Typed deliveries ----------------------------------------------------------------------------------------------------
# column -> kind -> (type of the frame, examples of (delivered, validated value, codes)); the first is good

NOT_A_NUMBER, INFINITY = float("nan"), float("inf")
TYPED: dict[str, dict[str, tuple[str, list[tuple[Any, Any, list[str] | None]]]]] = {
    "return_id": {
        "integer": ("bigint", [(42, "42", None), (-1, "-1", None), (None, None, ["return_id_missing"])]),
        "float": (
            "float",
            [
                (17850.0, "17850", None),
                (2.0**24 - 1, "16777215", None),
                (2.0**24, "16777216.0", ["return_id_invalid"]),
                (None, None, ["return_id_missing"]),
            ],
        ),
        "double": (
            "double",
            [
                (17850.0, "17850", None),
                (-0.0, "0", None),
                (-7.0, "-7", None),
                (2.0**53 - 1, "9007199254740991", None),
                (2.0**53, "9007199254740992.0", ["return_id_invalid"]),
                (1.5e20, "1.5e20", ["return_id_invalid"]),
                (17850.5, "17850.5", ["return_id_invalid"]),
                (INFINITY, "Infinity", ["return_id_invalid"]),
                (NOT_A_NUMBER, None, ["return_id_missing"]),
                (None, None, ["return_id_missing"]),
            ],
        ),
        "decimal": (
            "decimal(20,2)",
            [
                ("17850.00", "17850", None),
                ("0.00", "0", None),
                ("100.00", "100", None),
                ("17850.50", "17850.5", None),
                (None, None, ["return_id_missing"]),
            ],
        ),
    },
    "order_id": {
        "integer": ("int", [(7, "7", None), (None, None, ["order_id_missing"])]),
        "float": ("float", [(7.0, "7", None), (NOT_A_NUMBER, None, ["order_id_missing"])]),
        "double": ("double", [(7.0, "7", None), (7.5, "7.5", None), (NOT_A_NUMBER, None, ["order_id_missing"])]),
        "decimal": ("decimal(38,0)", [("1" * 38, "1" * 38, None), ("10", "10", None)]),
    },
    "customer_id": {
        "integer": ("bigint", [(2**40, "1099511627776", None), (None, None, None)]),
        "float": ("float", [(17850.0, "17850", None), (None, None, None)]),
        "double": ("double", [(17850.0, "17850", None), (NOT_A_NUMBER, None, None), (None, None, None)]),
        "decimal": ("decimal(9,3)", [("17850.000", "17850", None), (None, None, None)]),
    },
    "sku": {
        "integer": ("bigint", [(3, "3", None), (None, None, ["sku_missing"])]),
        "float": ("float", [(3.0, "3", None), (None, None, ["sku_missing"])]),
        "double": ("double", [(3.0, "3", None), (1.5e20, "1.5E20", None), (None, None, ["sku_missing"])]),
        "decimal": ("decimal(9,3)", [("3.000", "3", None), (None, None, ["sku_missing"])]),
    },
    "reason": {"integer": ("int", [(9, "9", None), (None, "unspecified", None)])},
    "qty": {
        "integer": (
            "bigint",
            [
                (1, 1, None),
                (2**31 - 1, 2**31 - 1, None),
                (2**31, None, ["qty_invalid"]),
                (0, 0, ["qty_not_positive"]),
                (None, None, ["qty_missing"]),
            ],
        ),
        "float": (
            "float",
            [
                (2.0, 2, None),
                (2.5, None, ["qty_invalid"]),
                (NOT_A_NUMBER, None, ["qty_invalid"]),
                (None, None, ["qty_missing"]),
            ],
        ),
        "double": (
            "double",
            [
                (2.0, 2, None),
                (-0.0, 0, ["qty_not_positive"]),
                (2.000001, None, ["qty_invalid"]),
                (INFINITY, None, ["qty_invalid"]),
                (None, None, ["qty_missing"]),
            ],
        ),
        "decimal": (
            "decimal(20,2)",
            [
                ("2.00", 2, None),
                ("2.50", None, ["qty_invalid"]),
                ("2147483648.00", None, ["qty_invalid"]),
                ("-3.00", -3, ["qty_not_positive"]),
                (None, None, ["qty_missing"]),
            ],
        ),
    },
    "amount": {
        "integer": (
            "bigint",
            [
                (10, Decimal("10.00"), None),
                (0, Decimal("0.00"), None),
                (-1, Decimal("-1.00"), ["amount_negative"]),
                (10**12, None, ["amount_invalid"]),
                (10**12 - 1, Decimal("999999999999.00"), None),
                (2**63 - 1, None, ["amount_invalid"]),
                (None, None, ["amount_missing"]),
            ],
        ),
        "float": (
            "float",
            [
                (0.5, Decimal("0.50"), None),
                (1.005, Decimal("1.00"), None),  # the float32 is 1.00499999523…
                (-0.25, Decimal("-0.25"), ["amount_negative"]),
                (NOT_A_NUMBER, None, ["amount_invalid"]),
                (None, None, ["amount_missing"]),
            ],
        ),
        "double": (
            "double",
            [
                (1.005, Decimal("1.01"), None),  # the double is 1.00499999999999989…
                (10.1, Decimal("10.10"), None),
                (1e11, Decimal("100000000000.00"), None),
                (999999999999.99, Decimal("999999999999.99"), None),
                (-0.004, Decimal("0.00"), None),
                (-0.005, Decimal("-0.01"), ["amount_negative"]),
                (1e12, None, ["amount_invalid"]),
                (1e300, None, ["amount_invalid"]),
                (NOT_A_NUMBER, None, ["amount_invalid"]),
                (-INFINITY, None, ["amount_invalid"]),
                (None, None, ["amount_missing"]),
            ],
        ),
        "decimal": (
            "decimal(20,4)",
            [
                ("10.0050", Decimal("10.01"), None),
                ("10.0049", Decimal("10.00"), None),
                ("-0.0049", Decimal("0.00"), None),
                ("-0.0050", Decimal("-0.01"), ["amount_negative"]),
                ("999999999999.9949", Decimal("999999999999.99"), None),
                ("999999999999.9950", None, ["amount_invalid"]),
                (None, None, ["amount_missing"]),
            ],
        ),
    },
    "return_date": {
        "date": (
            "date",
            [
                ("1990-01-01", date(1990, 1, 1), None),
                ("2026-03-11", date(2026, 3, 11), None),
                ("2026-03-12", date(2026, 3, 12), ["return_date_out_of_range"]),
                ("1989-12-31", date(1989, 12, 31), ["return_date_out_of_range"]),
                (None, None, ["return_date_missing"]),
            ],
        ),
        "timestamp": (
            "timestamp",
            [
                ("2026-03-11T00:00:00", date(2026, 3, 11), None),
                ("2026-03-11T00:00:00.000001", None, ["return_date_invalid"]),
                ("2026-03-10T23:00:00", None, ["return_date_invalid"]),
                ("1969-12-31T00:00:00", date(1969, 12, 31), ["return_date_out_of_range"]),
                ("9999-12-31T00:00:00", date(9999, 12, 31), ["return_date_out_of_range"]),
                (None, None, ["return_date_missing"]),
            ],
        ),
    },
    "ingest_ts": {
        "timestamp": (
            "timestamp",
            [("2026-01-05T10:20:30.123456", utc("2026-01-05T10:20:30.123456"), None), (None, None, None)],
        ),
        "local_timestamp": (
            "timestamp_ntz",
            [("2026-01-05T10:20:30.123456", utc("2026-01-05T10:20:30.123456"), None), (None, None, None)],
        ),
    },
}
TYPED_EXAMPLES = [
    (column, kind, *example)
    for column, kinds in TYPED.items()
    for kind, (_, examples) in kinds.items()
    for example in examples
]
# Deliveries that have each kind of each column once: the n-th takes the n-th kind of a column, or its text.
TYPED_DELIVERIES = [
    {column: [*kinds][number] if number < len(kinds) else "text" for column, kinds in TYPED.items()}
    for number in range(max(len(kinds) for kinds in TYPED.values()))
]


def _goods(kinds: Mapping[str, str], position: int) -> dict[str, Any]:
    """The good record as a delivery of these kinds (position 0) or validated (1)."""
    text = GOOD_VALUES if position else GOOD_TEXT
    return {
        column: text[column] if kind == "text" else TYPED[column][kind][1][0][position]
        for column, kind in kinds.items()
    }


@pytest.fixture(scope="module")
def validated_typed(frame_of: Any, records_of: Any) -> dict[str, dict[str, Any]]:
    """Every typed example, validated with the other columns good: by column, kind and value."""
    validated: dict[str, dict[str, Any]] = {}
    for kinds in TYPED_DELIVERIES:
        types = {column: "string" if kind == "text" else TYPED[column][kind][0] for column, kind in kinds.items()}
        columns = ", ".join(f"{column} {type_}" for column, type_ in types.items())
        rows = [
            (*{**_goods(kinds, 0), column: delivered}.values(), f"{column} {kind} {delivered!r}", 1)
            for column, kind, delivered, _, _ in TYPED_EXAMPLES
            if kinds[column] == kind
        ]
        columns += ", source_file string, source_record bigint"
        validated |= by_source_file(records_of(validate(frame_of(rows, columns), kinds, AS_OF, LATEST)))
    return validated


@pytest.mark.parametrize(("column", "kind", "delivered", "value", "codes"), TYPED_EXAMPLES)
def test_validate_typed_value_is_taken_or_rejected(
    validated_typed: Mapping[str, Any], column: str, kind: str, delivered: Any, value: Any, codes: list[str] | None
) -> None:
    kinds = next(kinds for kinds in TYPED_DELIVERIES if kinds[column] == kind)
    validated = dict(validated_typed[f"{column} {kind} {delivered!r}"])
    has_raw_record = validated["raw_record"] is not None
    expected = validated_record(None, codes, **_goods(kinds, 1) | {column: value})
    assert {**validated, "raw_record": None} == expected
    assert has_raw_record == (codes is not None)


def test_validate_kinds_with_examples_are_all_that_a_delivery_may_have() -> None:
    assert {(column, kind) for column, kinds in ACCEPTED_KINDS.items() for kind in kinds} == {
        *((column, "text") for column in TEXTS),
        *((column, kind) for column, kinds in TYPED.items() for kind in kinds),
    }


TYPED_KINDS = {**ALL_TEXT, "qty": "integer", "amount": "double", "return_date": "date", "ingest_ts": "timestamp"}
TYPED_COLUMNS = (
    "return_id string, order_id string, customer_id string, sku string, reason string, qty bigint, amount double, "
    "return_date date, ingest_ts timestamp, source_file string, source_record bigint"
)
ESCAPES = [
    ('say "hi"', r'"say \"hi\""'),
    ("back\\slash", r'"back\\slash"'),
    ("tab\tline\nreturn\r", r'"tab\tline\nreturn\r"'),
    ("bell\b feed\f", r'"bell\b feed\f"'),
    ("\x00\x01\x1f", r'"\u0000\u0001\u001F"'),
    ("\x7f/é😀\u2028", '"\x7f/é😀\u2028"'),
    ("", '""'),
    (" padded ", '" padded "'),
    ("[x]", '"[x]"'),
    ("null", '"null"'),
]
INSTANTS = [
    ("1970-01-01T00:00:00", "1970-01-01T00:00:00.000000Z"),
    ("1969-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999Z"),
    ("2026-01-05T23:59:59.000100", "2026-01-05T23:59:59.000100Z"),
    ("0001-01-01T00:00:00.000001", "0001-01-01T00:00:00.000001Z"),
    ("9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999Z"),
]


@pytest.fixture(scope="module")
def raw_records(frames: Any, frame_of: Any, records_of: Any) -> dict[str, str]:
    """What the raw record of each typed example is, in a session far from UTC."""
    rows = [
        ("R1", "O1", None, "mug", None, 0, -1.5, "2026-01-05", "2026-01-05T10:20:30.000001", "all", 1),
        (*[None] * 9, "nulls", 1),
        *[(*[None] * 2, text, *[None] * 6, text, 1) for text, _ in ESCAPES],
        *[(*[None] * 8, instant, instant, 1) for instant, _ in INSTANTS],
    ]
    frames.set_time_zone("America/New_York")
    validated = records_of(validate(frame_of(rows, TYPED_COLUMNS), TYPED_KINDS, AS_OF, LATEST))
    frames.set_time_zone("UTC")
    return {record["source_file"]: record["raw_record"] for record in validated}


def test_raw_record_of_typed_row_is_a_json_object_in_the_order_of_the_columns(raw_records: Mapping[str, str]) -> None:
    assert raw_records["all"] == (
        '{"return_id":"R1","order_id":"O1","sku":"mug","qty":"0","amount":"-1.5","return_date":"2026-01-05",'
        '"ingest_ts":"2026-01-05T10:20:30.000001Z"}'
    )


def test_raw_record_of_typed_row_of_nulls_is_an_empty_object(raw_records: Mapping[str, str]) -> None:
    assert raw_records["nulls"] == "{}"


@pytest.mark.parametrize(("text", "as_json"), ESCAPES, ids=[ascii(text) for text, _ in ESCAPES])
def test_raw_record_of_typed_row_writes_text_as_json(raw_records: Mapping[str, str], text: str, as_json: str) -> None:
    assert raw_records[text] == f'{{"customer_id":{as_json}}}'
    assert json.loads(raw_records[text]) == {"customer_id": text}


@pytest.mark.parametrize(("instant", "text"), INSTANTS)
def test_raw_record_of_typed_timestamp_is_utc_whatever_the_sessions_zone(
    raw_records: Mapping[str, str], instant: str, text: str
) -> None:
    assert raw_records[instant] == f'{{"ingest_ts":"{text}"}}'


TYPED_RAW_VALUES = {
    "qty integer 2147483648": "2147483648",
    "qty float 2.5": "2.5",
    "qty double -0.0": "-0.0",
    "qty decimal '2.50'": "2.50",
    "amount integer -1": "-1",
    "amount float -0.25": "-0.25",
    "amount double -0.005": "-0.005",
    "amount decimal '999999999999.9950'": "999999999999.9950",
    "return_date date '1989-12-31'": "1989-12-31",
}


@pytest.mark.parametrize("example", TYPED_RAW_VALUES)
def test_raw_record_of_typed_row_keeps_the_value_as_it_was_delivered(
    validated_typed: Mapping[str, Any], example: str
) -> None:
    column = example.split()[0]
    assert json.loads(validated_typed[example]["raw_record"])[column] == TYPED_RAW_VALUES[example]


# Versions ------------------------------------------------------------------------------------------------------------


def returned(**changes: Any) -> tuple[Any, ...]:
    """A normalised return: the nine columns."""
    values = {
        "return_id": "R1",
        "order_id": "O1",
        "customer_id": "C1",
        "sku": "MUG",
        "reason": "damaged",
        "qty": 2,
        "amount": "10.00",
        "return_date": "2026-01-05",
        "ingest_ts": "2026-01-05T10:20:30",
    }
    return tuple({**values, **changes}.values())


def judged(
    values: Sequence[Any],
    codes: list[str] | None = None,
    raw: str | None = None,
    source_file: str = "a",
    warnings: list[str] | None = None,
    is_excluded: bool = False,
) -> tuple[Any, ...]:
    """A return as validate leaves it, of the first record of its file."""
    return (*values, codes, warnings, is_excluded, raw, source_file, 1)


def python_content_hash(row: Sequence[Any]) -> str:
    """The content hash as its description has it, in Python."""

    def text(name: str, value: Any) -> str:
        if name != "ingest_ts":
            return str(value)
        since_the_epoch = utc(value) - utc("1970-01-01")
        return str((since_the_epoch.days * 86_400 + since_the_epoch.seconds) * 10**6 + since_the_epoch.microseconds)

    texts = [None if value is None else text(name, value) for name, value in zip(RAW_NAMES, row, strict=True)]
    joined = "".join("-" if text is None else f"{len(text)}:{text}" for text in texts)
    return hashlib.sha256(joined.encode("utf-8")).hexdigest()


HASHED = [
    returned(),
    returned(return_id="R2", customer_id=None, ingest_ts=None),
    returned(return_id="ß😀e\u0301\u2028", sku="-", reason="3:abc"),
    returned(return_id="R3", amount="0.00", ingest_ts="1969-12-31T23:59:59.999999"),
    returned(return_id="R4", amount="999999999999.99", qty=2**31 - 1, return_date="0001-01-01"),
    returned(return_id="R5", customer_id="", order_id="1:12:34"),
]


def test_content_hash_equals_an_independent_computation(frame_of: Any, assert_frame: Any) -> None:
    hashed = frame_of(HASHED, RETURN).select("return_id", content_hash().alias("content_hash"))
    expected = [(row[0], python_content_hash(row)) for row in HASHED]
    assert_frame(hashed, "return_id string, content_hash string", expected)


def test_content_hash_tells_contents_apart_whose_joined_text_is_the_same(frame_of: Any, records_of: Any) -> None:
    alike = [
        returned(return_id="R", order_id="1O"),
        returned(return_id="R1", order_id="O"),
        returned(customer_id=None),
        returned(customer_id="-"),
        returned(customer_id=""),
        returned(ingest_ts=None),
    ]
    hashed = records_of(frame_of(alike, RETURN).select(content_hash().alias("content_hash")))
    assert len({record["content_hash"] for record in hashed}) == len(alike)


def test_accepted_keeps_the_rows_that_broke_no_rule(frame_of: Any, assert_frame: Any) -> None:
    validated = frame_of(
        [
            judged(returned(), source_file="f"),
            judged(returned(return_id="R2", qty=0), ["qty_not_positive"], "raw", "f"),
            judged(returned(return_id="R3", ingest_ts=None), source_file="g"),
            judged(returned(return_id="R4"), is_excluded=True),
            judged(returned(return_id="R5"), warnings=["of_many"]),
        ],
        VALIDATED,
    )
    expected = [
        (*returned(), "f", 1),
        (*returned(return_id="R3", ingest_ts=None), "g", 1),
        (*returned(return_id="R5"), "a", 1),
    ]
    assert_frame(accepted(validated), ACCEPTED, expected)


def _returns_of(*ids: str) -> list[tuple[Any, ...]]:
    return [(*returned(return_id=return_id), "f", 1) for return_id in ids]


def test_conflicting_returns_of_an_empty_silver_are_those_with_more_than_one_row(
    frame_of: Any, assert_frame: Any
) -> None:
    returns = frame_of(_returns_of("R1", "R2", "R2", "R3", "R3", "R3", "r1"), ACCEPTED)
    assert_frame(conflicting_returns(returns, None), CONFLICTING, [("R2", None), ("R3", None)])


def test_conflicting_returns_are_also_those_that_silver_has_each_once(frame_of: Any, assert_frame: Any) -> None:
    returns = frame_of(_returns_of("R1", "R2", "R2", "R3", "R5", "R5"), ACCEPTED)
    kept = {"R2": "2026-01-01", "R3": "2026-01-02", "R4": "2026-01-03"}
    silver = frame_of([returned(return_id=return_id, return_date=day) for return_id, day in kept.items()], RETURN)
    expected = [("R2", "2026-01-01"), ("R3", "2026-01-02"), ("R5", None)]
    assert_frame(conflicting_returns(returns, silver), CONFLICTING, expected)


def test_dates_in_silver_are_those_of_conflicting_returns_each_once(frame_of: Any, assert_frame: Any) -> None:
    rows = [("R1", "2026-01-01"), ("R2", "2026-01-02"), ("R3", "2026-01-01"), ("R4", None)]
    dates = dates_in_silver(frame_of(rows, CONFLICTING))
    assert_frame(dates, "silver_return_date date", [("2026-01-01",), ("2026-01-02",)])


EARLY, LATE = "2026-01-05T10:20:30", "2026-01-05T10:20:30.000001"


# The files in the order of their delivery, which is not that of their names.
FILES = [("c", 0), ("b", 1), ("a", 2)]
FILE_COLUMNS = "source_file string, delivery bigint"

# return_id -> versions in the batch as (changes, source_file, outcome, is_ambiguous), those of a file in the order of
# their records, and the version in silver (changes) or None
Version = tuple[dict[str, Any], str, str, bool]
NO_TIME: dict[str, Any] = {"ingest_ts": None}
CASES: dict[str, tuple[list[Version], dict[str, Any] | None]] = {
    "alone": ([({}, "a", INSERTED, False)], None),
    "newest wins": (
        [
            ({"ingest_ts": EARLY, "qty": 9}, "a", SUPERSEDED, False),
            ({"ingest_ts": LATE, "qty": 1}, "c", INSERTED, False),
            ({"ingest_ts": "2025-12-31T23:59:59"}, "b", SUPERSEDED, False),
        ],
        None,
    ),
    "null time is the oldest": (
        [(NO_TIME, "a", SUPERSEDED, False), ({"ingest_ts": "0001-01-02T00:00:00"}, "c", INSERTED, False)],
        None,
    ),
    "of equal times the later file wins": (
        [({"qty": 1}, "a", INSERTED, True), ({"qty": 2}, "c", SUPERSEDED, True)],
        None,
    ),
    "of equal times in one file the later record wins": (
        [({"qty": 2}, "a", SUPERSEDED, True), ({"qty": 1}, "a", INSERTED, True)],
        None,
    ),
    "a later file without times is a correction": (
        [({**NO_TIME, "qty": 9}, "a", INSERTED, False), (NO_TIME, "b", SUPERSEDED, False)],
        None,
    ),
    "in one file without times nobody can tell": (
        [({**NO_TIME, "qty": 9}, "a", SUPERSEDED, True), (NO_TIME, "a", INSERTED, True)],
        None,
    ),
    "one file without times beside another": (
        [
            (NO_TIME, "c", SUPERSEDED, False),
            ({**NO_TIME, "qty": 8}, "b", SUPERSEDED, True),
            ({**NO_TIME, "qty": 9}, "b", INSERTED, True),
        ],
        None,
    ),
    "two that nobody can tell lose to a third": (
        [
            ({"qty": 1}, "a", SUPERSEDED, True),
            ({"qty": 2}, "a", SUPERSEDED, True),
            ({"ingest_ts": LATE}, "c", INSERTED, False),
        ],
        None,
    ),
    "of equals the one delivered last is kept": (
        [({}, "b", DUPLICATE, False), ({}, "a", INSERTED, False), ({}, "c", DUPLICATE, False)],
        None,
    ),
    "equals in one file": ([({}, "a", DUPLICATE, False), ({}, "a", INSERTED, False)], None),
    "equals of a loser are superseded": (
        [
            ({"qty": 1}, "a", SUPERSEDED, False),
            ({"qty": 1}, "b", SUPERSEDED, False),
            ({"ingest_ts": LATE}, "c", INSERTED, False),
        ],
        None,
    ),
    "equal to silver leaves it": ([({}, "a", DUPLICATE, False), ({}, "b", DUPLICATE, False)], {}),
    "older than silver": ([({"ingest_ts": EARLY, "qty": 9}, "a", SUPERSEDED, False)], {"ingest_ts": LATE}),
    "null is older than silver": ([(NO_TIME, "a", SUPERSEDED, False)], {}),
    "newer than silver": ([({"ingest_ts": LATE, "qty": 9}, "a", UPDATED, False)], {}),
    "newer than silver with a null time": ([({}, "a", UPDATED, False)], NO_TIME),
    "newer in nothing but its time": ([({"ingest_ts": LATE}, "a", UPDATED, False)], {}),
    "newer with another date": ([({"ingest_ts": LATE, "return_date": "2026-02-28"}, "a", UPDATED, False)], {}),
    "newer beside one equal to silver": (
        [
            ({}, "a", SUPERSEDED, False),
            ({"ingest_ts": LATE}, "b", DUPLICATE, False),
            ({"ingest_ts": LATE}, "a", UPDATED, False),
        ],
        {},
    ),
    "as new as silver it is of a later batch and wins": ([({"sku": "A"}, "c", UPDATED, True)], {"sku": "B"}),
    "as new as silver, and then silver again": (
        [({"sku": "A"}, "c", SUPERSEDED, True), ({"sku": "B"}, "b", DUPLICATE, True)],
        {"sku": "B"},
    ),
    "without a time a later batch is a correction": ([({**NO_TIME, "qty": 9}, "a", UPDATED, False)], NO_TIME),
}


def _numbered(case: str) -> list[tuple[dict[str, Any], str, int, str, bool]]:
    """The versions of a case, each with its number in its file."""
    versions, _ = CASES[case]
    return [(*version[:2], number, *version[2:]) for number, version in enumerate(versions, 1)]


def _deduplicated_cases(frame_of: Any, backwards: bool) -> Any:
    step = -1 if backwards else 1
    batch = [
        (*returned(return_id=case, **changes), source_file, number)
        for case in CASES
        for changes, source_file, number, _, _ in _numbered(case)
    ][::step]
    silver = [returned(return_id=case, **kept) for case, (_, kept) in CASES.items() if kept is not None][::step]
    silver.append(returned(return_id="not conflicting"))
    conflicting = [(case, None) for case in CASES][::step]
    return deduplicate(
        frame_of([*batch, (*returned(return_id="not conflicting"), "a", 1)], ACCEPTED),
        frame_of(silver, RETURN),
        frame_of(conflicting, CONFLICTING),
        frame_of(FILES[::step], FILE_COLUMNS),
    )


def _expected_case(case: str) -> list[tuple[Any, ...]]:
    kept = CASES[case][1]
    silver_date = None if kept is None else dict(zip(RAW_NAMES, returned(**kept)))["return_date"]
    return [
        (*returned(return_id=case, **changes), source_file, number, silver_date, is_ambiguous, outcome)
        for changes, source_file, number, outcome, is_ambiguous in _numbered(case)
    ]


@pytest.fixture(scope="module")
def deduplicated_cases(frame_of: Any, records_of: Any) -> list[dict[str, Any]]:
    return list(records_of(_deduplicated_cases(frame_of, backwards=False)))


@pytest.mark.parametrize("case", CASES)
def test_deduplicate_versions_of_a_return_end_where_they_must(
    deduplicated_cases: list[dict[str, Any]], frame_of: Any, records_of: Any, case: str
) -> None:
    def order(record: Mapping[str, Any]) -> int:
        return int(record["source_record"])

    found = [record for record in deduplicated_cases if record["return_id"] == case]
    expected = records_of(frame_of(_expected_case(case), DEDUPLICATED))
    assert sorted(found, key=order) == sorted(expected, key=order)


def test_deduplicate_rows_in_another_order_end_in_the_same_places(frame_of: Any, assert_frame: Any) -> None:
    expected = [row for case in CASES for row in _expected_case(case)]
    assert_frame(_deduplicated_cases(frame_of, backwards=True), DEDUPLICATED, expected)


def test_deduplicate_without_silver_updates_nothing(frame_of: Any, assert_frame: Any) -> None:
    batch = [(*returned(), "a", 1), (*returned(ingest_ts=LATE), "b", 2)]
    files = frame_of(FILES, FILE_COLUMNS)
    deduplicated = deduplicate(frame_of(batch, ACCEPTED), None, frame_of([("R1", None)], CONFLICTING), files)
    expected = [
        (*returned(), "a", 1, None, False, SUPERSEDED),
        (*returned(ingest_ts=LATE), "b", 2, None, False, INSERTED),
    ]
    assert_frame(deduplicated, DEDUPLICATED, expected)


def _flagged(*rows: tuple[str, bool]) -> list[tuple[Any, ...]]:
    return [(*returned(return_id=return_id), "a", 1, None, flag, SUPERSEDED) for return_id, flag in rows]


def test_count_ambiguous_counts_returns_each_once(frame_of: Any, assert_frame: Any) -> None:
    rows = _flagged(("R1", True), ("R1", True), ("R1", False), ("R2", True), ("R3", False))
    assert_frame(count_ambiguous(frame_of(rows, DEDUPLICATED)), "returns bigint", [(2,)])


def test_ambiguous_examples_are_hashes_of_ids_each_once(frame_of: Any, assert_frame: Any) -> None:
    rows = _flagged(*((f"R{number}", number != 4) for number in (1, 1, 2, 3, 4)))
    hashes = sorted(hashlib.sha256(f"R{number}".encode()).hexdigest()[:12] for number in (1, 2, 3))
    examples = ambiguous_examples(frame_of(rows, DEDUPLICATED), 2)
    assert_frame(examples, "example string", [(each,) for each in hashes[:2]])


def test_upserts_are_the_rows_alone_and_the_deduplicated_that_silver_takes(frame_of: Any, assert_frame: Any) -> None:
    batch = [(*returned(return_id=return_id), "a", 1) for return_id in ("R1", "R2", "R3", "R4", "R5")]
    deduplicated = [
        (*returned(return_id="R2"), "a", 2, None, False, INSERTED),
        (*returned(return_id="R3"), "a", 3, "2026-01-01", True, UPDATED),
        (*returned(return_id="R4"), "a", 4, "2026-01-01", False, SUPERSEDED),
        (*returned(return_id="R5"), "a", 5, "2026-01-05", False, DUPLICATE),
    ]
    conflicting = frame_of([(return_id, None) for return_id in ("R2", "R3", "R4", "R5")], CONFLICTING)
    found = upserts(frame_of(batch, ACCEPTED), conflicting, frame_of(deduplicated, DEDUPLICATED), "B1")
    expected = [
        (*returned(return_id="R1"), "B1", "a", 1, INSERTED, None),
        (*returned(return_id="R2"), "B1", "a", 2, INSERTED, None),
        (*returned(return_id="R3"), "B1", "a", 3, UPDATED, "2026-01-01"),
    ]
    assert_frame(found, UPSERTED, expected)


COUNTED = (
    "source_file string, reasons array<string>, warnings array<string>, is_excluded boolean, is_conflicting boolean, "
    "rows bigint, amount decimal(38,2)"
)


def test_count_validated_counts_each_row_and_its_amount_once(frame_of: Any, assert_frame: Any) -> None:
    validated = frame_of(
        [
            judged(returned(return_id="R1", amount="0.10")),
            judged(returned(return_id="R2", amount="0.20")),
            judged(returned(return_id="R2", amount="0.40"), source_file="b"),
            *[judged(returned(return_id="R3", amount=amount)) for amount in ("1.00", "2.00", "4.00")],
            judged(returned(return_id="R4", amount="-8.00"), ["amount_negative"], "raw"),
            judged(returned(return_id="R1", amount="16.00", order_id=None), ["order_id_missing", "b"], "raw"),
            judged(returned(return_id=None, amount=None), ["corrupt_record"], "raw"),
            judged(returned(return_id="R1", amount="32.00"), is_excluded=True),
            judged(returned(return_id="R5", amount=None), is_excluded=True),
            judged(returned(return_id="R6", amount="64.00"), warnings=["w"]),
        ],
        VALIDATED,
    )
    expected = [
        ("a", None, None, False, False, 2, "0.30"),
        ("b", None, None, False, False, 1, "0.40"),
        ("a", None, None, False, True, 3, "7.00"),
        ("a", ["amount_negative"], None, False, False, 1, "-8.00"),
        ("a", ["order_id_missing", "b"], None, False, False, 1, "16.00"),
        ("a", ["corrupt_record"], None, False, False, 1, None),
        ("a", None, None, True, False, 2, "32.00"),
        ("a", None, ["w"], False, False, 1, "64.00"),
    ]
    assert_frame(count_validated(validated, frame_of([("R3", "2026-01-01")], CONFLICTING)), COUNTED, expected)


def test_count_validated_without_conflicting_returns_has_none(frame_of: Any, assert_frame: Any) -> None:
    validated = [judged(returned(return_id=return_id, amount="1.00")) for return_id in ("R1", "R1")]
    assert_frame(count_validated(frame_of(validated, VALIDATED)), COUNTED, [("a", None, None, False, False, 2, "2.00")])


def test_count_validated_amounts_beyond_eighteen_digits_are_exact(frame_of: Any, assert_frame: Any) -> None:
    validated = [judged(returned(return_id=f"R{i}", amount="9999999999999999.99")) for i in range(3)]
    counted = count_validated(frame_of(validated, VALIDATED), frame_of([], CONFLICTING))
    assert_frame(counted, COUNTED, [("a", None, None, False, False, 3, "29999999999999999.97")])


def test_count_outcomes_counts_each_conflicting_row_and_its_amount_once(frame_of: Any, assert_frame: Any) -> None:
    deduplicated = frame_of(
        [
            (*returned(return_id="R3", amount="1.00"), "a", 1, "2026-01-01", True, UPDATED),
            (*returned(return_id="R3", amount="2.00"), "a", 1, "2026-01-01", True, SUPERSEDED),
            (*returned(return_id="R3", amount="8.00"), "a", 1, "2026-01-01", False, SUPERSEDED),
            (*returned(return_id="R3", amount="4.00"), "a", 1, "2026-01-01", False, DUPLICATE),
        ],
        DEDUPLICATED,
    )
    expected = [(UPDATED, 1, "1.00", 1), (SUPERSEDED, 2, "10.00", 1), (DUPLICATE, 1, "4.00", 0)]
    outcomes = "outcome string, rows bigint, amount decimal(38,2), ambiguous bigint"
    assert_frame(count_outcomes(deduplicated), outcomes, expected)


# Quarantine ----------------------------------------------------------------------------------------------------------

QUARANTINED_AT = datetime(2026, 3, 10, 12, 30, 0, 123456, tzinfo=UTC)
REJECTED = ["sku_missing", "qty_invalid"]


def rejected_row(raw: str, source_file: str = "a", **changes: Any) -> tuple[Any, ...]:
    return judged(returned(**changes), REJECTED, raw, source_file)


def test_quarantine_slice_rejected_row_says_what_it_was_and_why(frame_of: Any, assert_frame: Any) -> None:
    validated = frame_of([rejected_row("raw"), judged(returned())], VALIDATED)
    without_id = quarantine_slice(validated, "B1", QUARANTINED_AT).drop("quarantine_id")
    columns = (
        "return_id string, return_date date, raw_record string, reasons array<string>, source_file string, "
        "source_record bigint, batch_id string, quarantined_at timestamp, attempts int"
    )
    at = "2026-03-10T12:30:00.123456"
    assert_frame(without_id, columns, [("R1", "2026-01-05", "raw", REJECTED, "a", 1, "B1", at, 1)])


def test_quarantine_slice_time_is_the_instant_whatever_the_sessions_zone(
    frame_of: Any, records_of: Any, in_time_zone: Callable[[str], None]
) -> None:
    in_time_zone("Asia/Tokyo")
    [row] = records_of(quarantine_slice(frame_of([rejected_row("raw")], VALIDATED), "B1", QUARANTINED_AT))
    assert row["quarantined_at"] == QUARANTINED_AT


def quarantine_ids(records_of: Any, validated: Any, batch_id: str = "B1") -> list[str]:
    return sorted(
        record["quarantine_id"] for record in records_of(quarantine_slice(validated, batch_id, QUARANTINED_AT))
    )


def test_quarantine_slice_repeated_validation_gives_the_same_ids(frame_of: Any, records_of: Any) -> None:
    rows = [rejected_row("raw"), rejected_row("raw"), rejected_row("other"), rejected_row("raw", "b")]
    first = quarantine_ids(records_of, frame_of(rows, VALIDATED))
    assert quarantine_ids(records_of, frame_of(rows[::-1], VALIDATED)) == first


def test_quarantine_slice_equal_records_have_ids_of_their_own(frame_of: Any, records_of: Any) -> None:
    rows = [rejected_row("raw"), rejected_row("raw"), rejected_row("other"), rejected_row("raw", "b")]
    assert len(set(quarantine_ids(records_of, frame_of(rows, VALIDATED)))) == 4


def test_quarantine_slice_same_record_in_another_batch_has_another_id(frame_of: Any, records_of: Any) -> None:
    validated = frame_of([rejected_row("raw")], VALIDATED)
    assert quarantine_ids(records_of, validated, "B1") != quarantine_ids(records_of, validated, "B2")


# Gold ----------------------------------------------------------------------------------------------------------------

BY_SKU = ("sku", "reason")
GOLD_BY_SKU = "sku string, reason string, return_count bigint, total_qty bigint, total_amount decimal(38,2)"
GOLD_BY_DATE = "return_date date, reason string, return_count bigint, total_qty bigint, total_amount decimal(38,2)"
CHANGES = f"_change_type string, {RETURN}"


def test_aggregate_sums_each_group_exactly(frame_of: Any, assert_frame: Any) -> None:
    returns = frame_of(
        [
            returned(return_id="R1", qty=2**31 - 1, amount="999999999999.99"),
            returned(return_id="R2", qty=2**31 - 1, amount="9999999999999999.99"),
            returned(return_id="R3", qty=1, amount="0.01", reason="late"),
            returned(return_id="R4", qty=1, amount="0.00", sku="LAMP"),
        ],
        RETURN,
    )
    expected = [
        ("MUG", "damaged", 2, 2**32 - 2, "10000999999999999.98"),
        ("MUG", "late", 1, 1, "0.01"),
        ("LAMP", "damaged", 1, 1, "0.00"),
    ]
    assert_frame(aggregate(returns, BY_SKU), GOLD_BY_SKU, expected)


def test_aggregate_by_date_has_a_row_for_each_date_and_reason(frame_of: Any, assert_frame: Any) -> None:
    returns = frame_of([returned(), returned(return_date="2026-01-06"), returned(sku="LAMP")], RETURN)
    columns = "return_date date, reason string, return_count bigint, total_qty bigint, total_amount decimal(38,2)"
    expected = [("2026-01-05", "damaged", 2, 4, "20.00"), ("2026-01-06", "damaged", 1, 2, "10.00")]
    assert_frame(aggregate(returns, ("return_date", "reason")), columns, expected)


def test_aggregate_of_nothing_is_nothing(frame_of: Any, assert_frame: Any) -> None:
    assert_frame(aggregate(frame_of([], RETURN), BY_SKU), GOLD_BY_SKU, [])


# name -> (changes of silver, gold as it is, groups that change)
CHANGED_GROUPS: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    "an insert makes a group": (
        [("insert", *returned())],
        [("LAMP", "late", 1, 1, "1.00")],
        [("MUG", "damaged", 1, 2, "10.00")],
    ),
    "an insert adds to a group": (
        [("insert", *returned())],
        [("MUG", "damaged", 5, 6, "70.00"), ("MUG", "late", 1, 1, "1.00")],
        [("MUG", "damaged", 6, 8, "80.00")],
    ),
    "an update changes its group": (
        [("update_preimage", *returned()), ("update_postimage", *returned(qty=3, amount="9.99"))],
        [("MUG", "damaged", 5, 6, "70.00")],
        [("MUG", "damaged", 5, 7, "69.99")],
    ),
    "an update moves between groups": (
        [("update_preimage", *returned()), ("update_postimage", *returned(sku="LAMP"))],
        [("MUG", "damaged", 5, 6, "70.00"), ("LAMP", "damaged", 1, 1, "1.00")],
        [("MUG", "damaged", 4, 4, "60.00"), ("LAMP", "damaged", 2, 3, "11.00")],
    ),
    "an emptied group has no returns left": (
        [("update_preimage", *returned()), ("update_postimage", *returned(reason="late"))],
        [("MUG", "damaged", 1, 2, "10.00")],
        [("MUG", "damaged", 0, 0, "0.00"), ("MUG", "late", 1, 2, "10.00")],
    ),
    "an update of nothing that gold shows changes no group": (
        [("update_preimage", *returned()), ("update_postimage", *returned(order_id="O2", ingest_ts=LATE))],
        [("MUG", "damaged", 5, 6, "70.00")],
        [],
    ),
    "updates that cancel out change no group": (
        [
            ("update_preimage", *returned(return_id="R1", qty=1)),
            ("update_postimage", *returned(return_id="R1", qty=2)),
            ("update_preimage", *returned(return_id="R2", qty=2)),
            ("update_postimage", *returned(return_id="R2", qty=1)),
        ],
        [("MUG", "damaged", 5, 6, "70.00")],
        [],
    ),
    "a change of the quantity alone counts": (
        [("update_preimage", *returned(qty=1)), ("update_postimage", *returned(qty=2))],
        [("MUG", "damaged", 5, 6, "70.00")],
        [("MUG", "damaged", 5, 7, "70.00")],
    ),
    "a delete leaves its group": (
        [("delete", *returned(qty=2**31 - 1))],
        [("MUG", "damaged", 2, 2**32 - 2, "70.00")],
        [("MUG", "damaged", 1, 2**31 - 1, "60.00")],
    ),
    "no changes change no group": ([], [("MUG", "damaged", 5, 6, "70.00")], []),
}


@pytest.fixture(scope="module")
def changed_by_case(frame_of: Any, records_of: Any) -> list[tuple[Any, ...]]:
    """The changed groups of all cases, from one change feed in which each case has skus of its own."""
    changes = [
        (change, *returned(**{**dict(zip(RAW_NAMES, row)), "sku": f"{case}: {row[3]}"}))
        for case, (case_changes, _, _) in CHANGED_GROUPS.items()
        for change, *row in case_changes
    ]
    gold = [(f"{case}: {sku}", *rest) for case, (_, groups, _) in CHANGED_GROUPS.items() for sku, *rest in groups]
    found = changed_groups(frame_of(changes, CHANGES), frame_of(gold, GOLD_BY_SKU), BY_SKU)
    return [tuple(record.values()) for record in records_of(found)]


@pytest.mark.parametrize("case", CHANGED_GROUPS)
def test_changed_groups_have_their_new_figures(changed_by_case: list[tuple[Any, ...]], case: str) -> None:
    found = [row for row in changed_by_case if row[0].startswith(f"{case}: ")]
    expected = [(f"{case}: {sku}", *counts, Decimal(amount)) for sku, *counts, amount in CHANGED_GROUPS[case][2]]
    assert sorted(found) == sorted(expected)


def test_changed_groups_have_the_columns_of_gold(frame_of: Any, assert_frame: Any) -> None:
    changes = frame_of([("insert", *returned())], CHANGES)
    expected = [("MUG", "damaged", 1, 2, "10.00")]
    assert_frame(changed_groups(changes, frame_of([], GOLD_BY_SKU), BY_SKU), GOLD_BY_SKU, expected)


TOTALS = "return_count bigint, total_qty bigint, total_amount decimal(38,2)"


def test_totals_sum_the_measures_of_each_table_in_their_order(frame_of: Any, records_of: Any) -> None:
    one = [("MUG", "damaged", 2, 3, "0.10"), ("LAMP", "late", 4, 5, "0.20")]
    other = [("2026-01-01", "damaged", 1, 1, "9.99")]
    names = ("return_count", "total_qty", "total_amount")
    expected = [dict(zip(names, values)) for values in ((6, 8, Decimal("0.30")), (1, 1, Decimal("9.99")))]
    assert records_of(totals(frame_of(one, GOLD_BY_SKU), frame_of(other, GOLD_BY_DATE))) == expected


def test_totals_of_no_groups_are_zeros(frame_of: Any, assert_frame: Any) -> None:
    none = totals(frame_of([], GOLD_BY_SKU), frame_of([], GOLD_BY_DATE))
    assert_frame(none, TOTALS, [(0, 0, "0.00"), (0, 0, "0.00")])


def test_at_most_are_all_groups_where_they_are_no_more(frame_of: Any, records_of: Any, assert_frame: Any) -> None:
    groups = [(sku, "x", 1, 1, "1.00") for sku in ("A", "B", "C")]
    assert_frame(at_most(frame_of(groups, GOLD_BY_SKU), 3), GOLD_BY_SKU, groups)
    assert len(records_of(at_most(frame_of(groups, GOLD_BY_SKU), 2))) == 2


def test_group_figures_count_the_groups_and_those_that_are_empty(frame_of: Any, assert_frame: Any) -> None:
    groups = [("A", "x", 0, 0, "0.00"), ("A", "y", 2, 3, "1.00"), ("B", "x", 0, 0, "0.00")]
    assert_frame(group_figures(frame_of(groups, GOLD_BY_SKU)), "groups bigint, emptied bigint", [(3, 2)])


def test_largest_groups_go_by_returns_then_amount_then_names(frame_of: Any, records_of: Any) -> None:
    gold = [
        ("A", "x", 1, 1, "999.00"),
        ("B", "y", 2, 1, "1.00"),
        ("B", "x", 2, 1, "1.00"),
        ("A", "z", 2, 1, "1.00"),
        ("C", "x", 2, 1, "5.00"),
    ]
    found = records_of(largest_groups(frame_of(gold, GOLD_BY_SKU), 4))
    assert [(group["sku"], group["reason"]) for group in found] == [("C", "x"), ("A", "z"), ("B", "x"), ("B", "y")]


@pytest.mark.parametrize("space", mostly_full(["\u3000", "\u1680", "\u2003"], 1), ids=ascii)
def test_validate_wide_space_is_no_white_space(frame_of: Any, records_of: Any, space: str) -> None:
    rows = [
        text_row("id", return_id=f"{space}R1{space}"),
        text_row("alone", order_id=f" {space} "),
        text_row("qty", qty=f"{space}2"),
    ]
    found = {r["source_file"]: r for r in records_of(validate(frame_of(rows, DELIVERED_TEXT), ALL_TEXT, AS_OF, LATEST))}
    assert (found["id"]["return_id"], found["alone"]["order_id"]) == (f"{space}R1{space}", space)
    assert found["qty"]["reasons"] == ["qty_invalid"]


def test_quarantine_ids_of_records_whose_joined_text_is_the_same_differ(frame_of: Any, records_of: Any) -> None:
    rows = [rejected_row("y.csv|1|x", "a.csv"), rejected_row("x", "a.csv|1|y.csv")]
    ids = {r["quarantine_id"] for r in records_of(quarantine_slice(frame_of(rows, VALIDATED), "B1", QUARANTINED_AT))}
    assert len(ids) == 2


def test_validate_local_time_in_a_zone_that_shifts_by_two_hours(
    frame_of: Any, records_of: Any, in_time_zone: Callable[[str], None]
) -> None:
    in_time_zone("Antarctica/Troll")
    [row] = records_of(
        validate(frame_of([text_row("t", ingest_ts="2026-10-25T02:30:00")], DELIVERED_TEXT), ALL_TEXT, AS_OF, LATEST)
    )
    assert row["ingest_ts"] == utc("2026-10-25T00:30:00")  # the earlier offset is +02:00
