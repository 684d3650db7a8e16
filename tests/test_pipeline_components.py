"""The transforms and the rules: literal rows in, literal rows out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from pyspark_interview_project.metrics import law
from pyspark_interview_project.pipeline.rules import CORRUPT_RECORD, REASON_CODES, RULES
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.transforms import versions
from pyspark_interview_project.transforms.aggregate import aggregate, changed_groups, largest_groups, totals
from pyspark_interview_project.transforms.judge import judge
from pyspark_interview_project.transforms.normalise import ACCEPTED_KINDS
from pyspark_interview_project.transforms.parts import Part, part_figures, rows_by_date, rows_of_part
from pyspark_interview_project.transforms.quarantine import quarantine_slice
from pyspark_interview_project.transforms.text_fields import records_from_lines, split_header

AS_OF = date(2026, 3, 10)

TEXT_COLUMNS = ", ".join(f"{name} string" for name in RAW_NAMES)
DELIVERED_TEXT = f"{TEXT_COLUMNS}, raw_record string, is_corrupt boolean, source_file string"
RETURN = (
    "return_id string, order_id string, customer_id string, sku string, reason string, "
    "qty int, amount decimal(18,2), return_date date, ingest_ts timestamp"
)
JUDGED = f"{RETURN}, reasons array<string>, raw_record string, source_file string"
ACCEPTED = f"{RETURN}, source_file string"
SETTLED = f"{RETURN}, source_file string, silver_return_date date, outcome string"
CONTESTED = "return_id string"

ALL_TEXT = dict.fromkeys(RAW_NAMES, "text")

# A good record as text, and the same one judged.
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


def judged_record(raw: str | None, codes: list[str] | None, **values: Any) -> dict[str, Any]:
    """A good record after judge, but for `values`; `raw` stays only with rejected ones."""
    return {**GOOD_VALUES, **values, "reasons": codes, "raw_record": raw if codes else None}


# Values of text ------------------------------------------------------------------------------------------------------
# (delivered, value after judge, codes)

WHITE_SPACE = "\t\n\x0b\f\r \u00a0"
# What Python, Java or Unicode also call white space or blank, and this package does not.
NO_WHITE_SPACE = "\x1c\x1f\x85\u1680\u2003\u2028\u200b\u3000\ufeff"

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
            *("2147483648", "-2147483649", "9" * 41, "2.5", "2.01", "1e1", ".0", ".", "+", "-", "--2", "+-2"),
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
    *[(blank, None, ["return_date_missing"]) for blank in BLANKS],
    *[
        (text, None, ["return_date_invalid"])
        for text in (
            *("2026-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "2026-01-32", "1900-02-29", "0000-01-01"),
            *("2026-1-5", "20260105", "2026/01/05", "05.01.2026", "01/05/2026", "2026-01", "2026", "26-01-05"),
            *("2026-01-05T00:00:00", "2026-01-05 00:00:00", "12026-01-05", "-2026-01-05", "+2026-01-05"),
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
    ("9999-12-30T23:59:59Z", utc("9999-12-30T23:59:59"), None),
    *[(blank, None, None) for blank in BLANKS],
    *[
        (text, None, ["ingest_ts_invalid"])
        for text in (
            *("2026-01-05T24:00:00Z", "2026-01-05T10:60:00Z", "2026-01-05T10:20:60Z", "2026-02-29T10:20:30Z"),
            *("2026-01-05T10:20", "2026-01-05T10:20Z", "2026-01-05", "10:20:30", "20260105T102030Z"),
            *("2026-01-05T10:20:30.Z", "2026-01-05T10:20:30,5Z", "2026-01-05t10:20:30Z", "2026-01-05T10:20:30z"),
            *("2026-01-05  10:20:30", "2026-01-05T10:20:30 Z", "2026-01-05T10:20:30 +02:00", "2026-01-05T1:20:30Z"),
            *("2026-01-05T10:20:30+02", "2026-01-05T10:20:30+0200", "2026-01-05T10:20:30+18:01"),
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
}
EDGES: dict[str, dict[str, Any]] = {
    "corrupt_record": {"is_corrupt": False},
    "return_id_missing": {"return_id": "-"},
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
    record = {**GOOD_TEXT, "raw_record": f"raw {name}", "is_corrupt": False, "source_file": name, **changes}
    return tuple(record.values())


@pytest.fixture(scope="module")
def judged_texts(frame_of: Any, records_of: Any) -> dict[str, dict[str, Any]]:
    """Every example of text in this file, judged in one pass: by its name, without its source_file."""
    rows = [
        text_row(f"{column} {delivered!r}", **{column: delivered})
        for column, examples in TEXTS.items()
        for delivered, _, _ in examples
    ]
    rows += [text_row(f"breaking {code}", **changes) for code, changes in BREAKING.items()]
    rows += [text_row(f"edge {code}", **changes) for code, changes in EDGES.items()]
    rows += [text_row("nulls", **NO_VALUES), text_row("everything", **EVERYTHING_WRONG)]
    rows += [text_row("corrupt nulls", **NO_VALUES, is_corrupt=True)]
    judged = records_of(judge(frame_of(rows, DELIVERED_TEXT), ALL_TEXT, AS_OF))
    assert len(judged) == len(rows)
    return {record.pop("source_file"): record for record in judged}


@pytest.mark.parametrize(
    ("column", "delivered", "value", "codes"),
    [(column, *example) for column, examples in TEXTS.items() for example in examples],
    ids=[f"{column}-{example[0]!a}" for column, examples in TEXTS.items() for example in examples],
)
def test_judge_text_value_is_typed_or_rejected(
    judged_texts: Mapping[str, Any], column: str, delivered: str | None, value: Any, codes: list[str] | None
) -> None:
    name = f"{column} {delivered!r}"
    assert judged_texts[name] == judged_record(f"raw {name}", codes, **{column: value})


@pytest.mark.parametrize("code", REASON_CODES)
def test_judge_row_that_breaks_one_rule_carries_its_code_alone(judged_texts: Mapping[str, Any], code: str) -> None:
    judged = judged_texts[f"breaking {code}"]
    assert (judged["reasons"], judged["raw_record"]) == ([code], f"raw breaking {code}")


@pytest.mark.parametrize("code", REASON_CODES)
def test_judge_row_at_the_edge_of_a_rule_passes(judged_texts: Mapping[str, Any], code: str) -> None:
    judged = judged_texts[f"edge {code}"]
    assert (judged["reasons"], judged["raw_record"]) == (None, None)


def test_rules_examples_produce_every_reason_code(judged_texts: Mapping[str, Any]) -> None:
    produced = {code for judged in judged_texts.values() for code in judged["reasons"] or ()}
    assert produced == set(REASON_CODES)


def test_rules_codes_are_the_documented_ones() -> None:
    assert REASON_CODES == (
        "corrupt_record",
        "return_id_missing",
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
    )


def test_rules_each_say_why_the_business_needs_them() -> None:
    assert [rule.code for rule in RULES if not rule.because] == []


def test_judge_row_of_all_nulls_carries_exactly_the_missing_codes(judged_texts: Mapping[str, Any]) -> None:
    missing = ["return_id_missing", "order_id_missing", "sku_missing", "qty_missing", "amount_missing"]
    expected = {**NO_VALUES, "reason": "unspecified", "reasons": [*missing, "return_date_missing"]}
    assert judged_texts["nulls"] == {**expected, "raw_record": "raw nulls"}


def test_judge_row_with_many_faults_carries_every_code_in_the_order_of_the_rules(
    judged_texts: Mapping[str, Any],
) -> None:
    assert judged_texts["everything"]["reasons"] == [
        "return_id_missing",
        "order_id_missing",
        "sku_missing",
        "qty_not_positive",
        "amount_negative",
        "return_date_out_of_range",
        "ingest_ts_invalid",
    ]


def test_judge_corrupt_record_is_judged_for_nothing_else(judged_texts: Mapping[str, Any]) -> None:
    judged = judged_texts["corrupt nulls"]
    assert (judged["reasons"], judged["raw_record"]) == ([CORRUPT_RECORD], "raw corrupt nulls")


def test_judge_text_delivery_has_silvers_types(frame_of: Any, assert_frame: Any) -> None:
    rows = [text_row("a.csv"), text_row("b.csv", amount="-1")]
    judged = judge(frame_of(rows, DELIVERED_TEXT), ALL_TEXT, AS_OF)
    good = ("R1", "O1", "C1", "MUG", "damaged", 2)
    day = ("2026-01-05", "2026-01-05T10:20:30")
    expected = [
        (*good, "10.00", *day, None, None, "a.csv"),
        (*good, "-1.00", *day, ["amount_negative"], "raw b.csv", "b.csv"),
    ]
    assert_frame(judged, JUDGED, expected)


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
    "UTC": [("2026-10-25T02:30:00", "2026-10-25T02:30:00")],
}
TIMES_WITH_OFFSET = [
    ("2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00"),
    ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00"),
    ("2026-10-25T01:30:00Z", "2026-10-25T01:30:00"),
]


@pytest.mark.parametrize("zone", LOCAL_TIMES)
def test_judge_local_time_text_takes_the_sessions_zone_and_the_earlier_offset(
    frame_of: Any, records_of: Any, in_time_zone: Callable[[str], None], zone: str
) -> None:
    in_time_zone(zone)
    texts = LOCAL_TIMES[zone] + TIMES_WITH_OFFSET
    delivery = frame_of([text_row(text, ingest_ts=text) for text, _ in texts], DELIVERED_TEXT)
    judged = {record["source_file"]: record["ingest_ts"] for record in records_of(judge(delivery, ALL_TEXT, AS_OF))}
    assert judged == {text: utc(instant) for text, instant in texts}


@pytest.mark.parametrize("zone", LOCAL_TIMES)
def test_judge_typed_local_time_takes_the_sessions_zone_and_the_earlier_offset(
    frame_of: Any, records_of: Any, in_time_zone: Callable[[str], None], zone: str
) -> None:
    in_time_zone(zone)
    columns = f"{TEXT_COLUMNS}, source_file string".replace("ingest_ts string", "ingest_ts timestamp_ntz")
    rows = [(*[*GOOD_TEXT.values()][:8], text, text) for text, _ in LOCAL_TIMES[zone]]
    kinds = {**ALL_TEXT, "ingest_ts": "local_timestamp"}
    judged = {r["source_file"]: r["ingest_ts"] for r in records_of(judge(frame_of(rows, columns), kinds, AS_OF))}
    assert judged == {text: utc(instant) for text, instant in LOCAL_TIMES[zone]}


# Typed deliveries ----------------------------------------------------------------------------------------------------
# column -> kind -> (type of the frame, examples of (delivered, value after judge, codes, raw_record's text))

NOT_A_NUMBER, INFINITY = float("nan"), float("inf")
TYPED: dict[str, dict[str, tuple[str, list[tuple[Any, Any, list[str] | None, str | None]]]]] = {
    "return_id": {
        "integer": ("bigint", [(42, "42", None, "42"), (-1, "-1", None, "-1"), (None, None, ["return_id_missing"], None)])
    },
    "order_id": {"integer": ("int", [(7, "7", None, "7"), (None, None, ["order_id_missing"], None)])},
    "customer_id": {"integer": ("bigint", [(2**40, "1099511627776", None, None), (None, None, None, None)])},
    "sku": {"integer": ("bigint", [(3, "3", None, "3"), (None, None, ["sku_missing"], None)])},
    "reason": {"integer": ("int", [(9, "9", None, "9"), (None, "unspecified", None, None)])},
    "qty": {
        "integer": (
            "bigint",
            [
                (1, 1, None, "1"),
                (2**31 - 1, 2**31 - 1, None, None),
                (2**31, None, ["qty_invalid"], "2147483648"),
                (0, 0, ["qty_not_positive"], "0"),
                (None, None, ["qty_missing"], None),
            ],
        ),
        "float": (
            "float",
            [
                (2.0, 2, None, None),
                (2.5, None, ["qty_invalid"], "2.5"),
                (NOT_A_NUMBER, None, ["qty_invalid"], None),
                (None, None, ["qty_missing"], None),
            ],
        ),
        "double": (
            "double",
            [
                (2.0, 2, None, None),
                (-0.0, 0, ["qty_not_positive"], "-0.0"),
                (2.000001, None, ["qty_invalid"], "2.000001"),
                (INFINITY, None, ["qty_invalid"], None),
                (None, None, ["qty_missing"], None),
            ],
        ),
        "decimal": (
            "decimal(20,2)",
            [
                ("2.00", 2, None, None),
                ("2.50", None, ["qty_invalid"], "2.50"),
                ("2147483648.00", None, ["qty_invalid"], "2147483648.00"),
                ("-3.00", -3, ["qty_not_positive"], "-3.00"),
                (None, None, ["qty_missing"], None),
            ],
        ),
    },
    "amount": {
        "integer": (
            "bigint",
            [
                (10, Decimal("10.00"), None, None),
                (0, Decimal("0.00"), None, None),
                (-1, Decimal("-1.00"), ["amount_negative"], "-1"),
                (10**12, None, ["amount_invalid"], "1000000000000"),
                (10**12 - 1, Decimal("999999999999.00"), None, None),
                (2**63 - 1, None, ["amount_invalid"], "9223372036854775807"),
                (None, None, ["amount_missing"], None),
            ],
        ),
        "float": (
            "float",
            [
                (0.5, Decimal("0.50"), None, None),
                (1.005, Decimal("1.00"), None, None),  # as float32 it is 1.00499999523…
                (-0.25, Decimal("-0.25"), ["amount_negative"], "-0.25"),
                (NOT_A_NUMBER, None, ["amount_invalid"], None),
                (None, None, ["amount_missing"], None),
            ],
        ),
        "double": (
            "double",
            [
                (1.005, Decimal("1.01"), None, None),  # as a binary fraction it is 1.00499999999999989…
                (10.1, Decimal("10.10"), None, None),
                (1e11, Decimal("100000000000.00"), None, None),
                (999999999999.99, Decimal("999999999999.99"), None, None),
                (-0.004, Decimal("0.00"), None, None),
                (-0.005, Decimal("-0.01"), ["amount_negative"], "-0.005"),
                (-1234.5, Decimal("-1234.50"), ["amount_negative"], "-1234.5"),
                (1e12, None, ["amount_invalid"], None),
                (1e300, None, ["amount_invalid"], None),
                (NOT_A_NUMBER, None, ["amount_invalid"], None),
                (-INFINITY, None, ["amount_invalid"], None),
                (None, None, ["amount_missing"], None),
            ],
        ),
        "decimal": (
            "decimal(20,4)",
            [
                ("10.0050", Decimal("10.01"), None, None),
                ("10.0049", Decimal("10.00"), None, None),
                ("-0.0049", Decimal("0.00"), None, None),
                ("-0.0050", Decimal("-0.01"), ["amount_negative"], "-0.0050"),
                ("999999999999.9949", Decimal("999999999999.99"), None, None),
                ("999999999999.9950", None, ["amount_invalid"], "999999999999.9950"),
                (None, None, ["amount_missing"], None),
            ],
        ),
    },
    "return_date": {
        "date": (
            "date",
            [
                ("1990-01-01", date(1990, 1, 1), None, None),
                ("2026-03-11", date(2026, 3, 11), None, None),
                ("2026-03-12", date(2026, 3, 12), ["return_date_out_of_range"], "2026-03-12"),
                ("1989-12-31", date(1989, 12, 31), ["return_date_out_of_range"], "1989-12-31"),
                (None, None, ["return_date_missing"], None),
            ],
        )
    },
    "ingest_ts": {
        "timestamp": (
            "timestamp",
            [("2026-01-05T10:20:30.123456", utc("2026-01-05T10:20:30.123456"), None, None), (None, None, None, None)],
        ),
        "local_timestamp": (
            "timestamp_ntz",
            [("2026-01-05T10:20:30.123456", utc("2026-01-05T10:20:30.123456"), None, None), (None, None, None, None)],
        ),
    },
}


@pytest.mark.parametrize(("column", "kind"), [(column, kind) for column, kinds in TYPED.items() for kind in kinds])
def test_judge_typed_value_is_settled_or_rejected(frame_of: Any, records_of: Any, column: str, kind: str) -> None:
    type_, examples = TYPED[column][kind]
    columns = f"{TEXT_COLUMNS}, source_file string".replace(f"{column} string", f"{column} {type_}")
    rows = [
        tuple({**GOOD_TEXT, column: delivered, "source_file": str(number)}.values())
        for number, (delivered, *_) in enumerate(examples)
    ]
    judged = {r.pop("source_file"): r for r in records_of(judge(frame_of(rows, columns), {**ALL_TEXT, column: kind}, AS_OF))}
    raw_values = {
        number: (record.pop("raw_record"), examples[int(number)][3]) for number, record in list(judged.items())
    }
    assert judged == {
        str(number): {**GOOD_VALUES, column: value, "reasons": codes}
        for number, (_, value, codes, _) in enumerate(examples)
    }
    for raw, text in raw_values.values():
        if text is not None and raw is not None:
            assert json.loads(raw) == {**GOOD_TEXT, column: text}


def test_judge_kinds_with_examples_are_all_that_a_delivery_may_have() -> None:
    assert {(column, kind) for column, kinds in ACCEPTED_KINDS.items() for kind in kinds} == {
        *((column, "text") for column in TEXTS),
        *((column, kind) for column, kinds in TYPED.items() for kind in kinds),
    }


ALL_TYPED = {
    **ALL_TEXT,
    "qty": "integer",
    "amount": "double",
    "return_date": "date",
    "ingest_ts": "timestamp",
}
TYPED_COLUMNS = (
    "return_id string, order_id string, customer_id string, sku string, reason string, qty bigint, amount double, "
    "return_date date, ingest_ts timestamp, source_file string"
)


def test_raw_record_of_typed_row_is_a_json_object_in_the_order_of_the_columns(frame_of: Any, records_of: Any) -> None:
    row = ("R1", "O1", None, "mug", None, 0, -1.5, "2026-01-05", "2026-01-05T10:20:30.000001", "f")
    [judged] = records_of(judge(frame_of([row], TYPED_COLUMNS), ALL_TYPED, AS_OF))
    assert judged["raw_record"] == (
        '{"return_id":"R1","order_id":"O1","sku":"mug","qty":"0","amount":"-1.5","return_date":"2026-01-05",'
        '"ingest_ts":"2026-01-05T10:20:30.000001Z"}'
    )


def test_raw_record_of_typed_row_of_nulls_is_an_empty_object(frame_of: Any, assert_frame: Any) -> None:
    judged = judge(frame_of([(*[None] * 9, "f")], TYPED_COLUMNS), ALL_TYPED, AS_OF)
    missing = ["return_id_missing", "order_id_missing", "sku_missing", "qty_missing", "amount_missing"]
    nulls = (*[None] * 4, "unspecified", *[None] * 4)
    assert_frame(judged, JUDGED, [(*nulls, [*missing, "return_date_missing"], "{}", "f")])


@pytest.mark.parametrize(
    ("text", "as_json"),
    [
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
    ],
    ids=ascii,
)
def test_raw_record_of_typed_row_escapes_text_as_json_wants(
    frame_of: Any, records_of: Any, text: str, as_json: str
) -> None:
    row = ("R1", "O1", text, "mug", None, None, None, "2026-01-05", None, "f")
    [judged] = records_of(judge(frame_of([row], TYPED_COLUMNS), ALL_TYPED, AS_OF))
    expected = f'{{"return_id":"R1","order_id":"O1","customer_id":{as_json},"sku":"mug","return_date":"2026-01-05"}}'
    assert judged["raw_record"] == expected


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        ("1970-01-01T00:00:00", "1970-01-01T00:00:00.000000Z"),
        ("1969-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999Z"),
        ("2026-01-05T23:59:59.000100", "2026-01-05T23:59:59.000100Z"),
        ("0001-01-01T00:00:00.000001", "0001-01-01T00:00:00.000001Z"),
        ("9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_raw_record_of_typed_timestamp_is_utc_whatever_the_sessions_zone(
    frame_of: Any, records_of: Any, in_time_zone: Callable[[str], None], instant: str, text: str
) -> None:
    in_time_zone("America/New_York")
    row = (*[None] * 8, instant, "f")
    [judged] = records_of(judge(frame_of([row], TYPED_COLUMNS), ALL_TYPED, AS_OF))
    assert judged["raw_record"] == f'{{"ingest_ts":"{text}"}}'
