"""The mapping of a source's own columns: literal rows in, literal rows out; each shipped feed on real-shaped rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any

import pytest

from conftest import Frames, RecordsOf
from pyspark_interview_project.config.column_names import matching_name, name_in_sql
from pyspark_interview_project.config.feed_sql_kinds import SHARED_FUNCTIONS
from pyspark_interview_project.config.feeds import Feed, load_feeds, shipped_feeds
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.transforms.map_columns import CARRIED, map_columns
from pyspark_interview_project.transforms.validate import validate

Row = Sequence[Any]
Map = Callable[..., list[dict[str, Any]]]

LATEST = datetime(9999, 12, 30, 12, tzinfo=UTC)  # of ingest_ts
PLAIN = {name: name for name in ("return_id", "order_id", "sku", "qty", "amount", "return_date")}


def feed_of(columns: Mapping[str, Any], **keys: Any) -> Feed:
    """A feed that takes the required columns from those of their names, but for `columns`."""
    return Feed.model_validate({"feed": "shop", "files": "shop/**", "columns": {**PLAIN, **columns}, **keys})


@pytest.fixture(scope="module")
def mapped(frames: Frames, records_of: RecordsOf) -> Map:
    """`mapped(feed, header, rows)`: what the feed makes of the rows of a file with this header. Names of CARRIED are
    those of facts, all others those of the file's own columns."""

    def of(feed: Feed, header: Sequence[str], rows: Sequence[Row]) -> list[dict[str, Any]]:
        names = [name if name in CARRIED else name_in_sql(matching_name(name)) for name in header]
        columns = [(name, "boolean" if name == "is_corrupt" else "string") for name in names]
        return records_of(map_columns(frames.make([tuple(row) for row in rows], columns), feed.mapping))

    return of


def returns(*rows: Row, names: Sequence[str] = (*RAW_NAMES, "is_excluded")) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in rows]


# Where a value comes from --------------------------------------------------------------------------------------------


def test_map_columns_names_match_without_case_blanks_and_hyphens(mapped: Map) -> None:
    feed = feed_of({"order_id": "ORDER-ID", "sku": ["article", "Item.SKU", "qty"], "customer_id": "buyer"})
    header = ["Return ID", "order id", "Item.sku", "Qty", "Amount", "return-date", "ingest_ts", '{rows 0}"']
    found = mapped(feed, header, [["R1", " O 1 ", None, "1", "2.50", "2026-01-05", "late", "red"]])
    assert found == returns(["R1", " O 1 ", None, None, None, "1", "2.50", "2026-01-05", None, False])


def test_map_columns_names_of_json_differ_by_record(mapped: Map) -> None:
    feed = feed_of({"sku": ["article", "item.sku"]}, read={"format": "json"})
    header = ["return_id", "order_id", "article", "item.sku", "qty", "amount", "return_date"]
    rows = [["R1", "O1", "A", "B", "1", "1", "d"], ["R2", "O1", None, "B", "1", "1", "d"]]
    assert [row["sku"] for row in mapped(feed, header, rows)] == ["A", "B"]


def test_map_columns_key_joins_parts_so_that_no_two_are_alike(mapped: Map) -> None:
    feed = feed_of({"return_id": {"key": ["a", ["b", "b2"], "c"]}, "reason": {"key": ["no", "none"]}})
    rows = [
        ["1", "2", "3"],
        [" 1\t", "2|3", None],
        ["1|2", "3", ""],
        ["1\\", "2", "|"],
        ["1\\|2", "\\\\", None],
        [None, "2", None],
        [None, " ", ""],
    ]
    found = mapped(feed, ["A", "B2", "C"], rows)
    assert [(row["return_id"], row["reason"]) for row in found] == [
        ("1|2|3", None),
        ("1|2\\|3|", None),
        ("1\\|2|3|", None),
        ("1\\\\|2|\\|", None),
        ("1\\\\\\|2|\\\\\\\\|", None),
        ("|2|", None),
        (None, None),
    ]


def test_map_columns_facts_of_the_record_and_its_file_are_carried(mapped: Map) -> None:
    feed = feed_of(
        {
            "amount": {"value": "0.00"},
            "return_date": {"file": "modified"},
            "ingest_ts": {"file": "landed_day"},
            "currency": {"value": "EUR"},
        },
        where="coalesce(kind, '') = 'R'",
    )
    facts = ["raw_record", "is_corrupt", "source_file", "source_record", "modified_at", "landed_day"]
    header = [
        "source_file",
        "order_id",
        "kind",
        "raw_record",
        "is_corrupt",
        "source_record",
        "modified_at",
        "landed_day",
    ]
    rows = [
        ["f", "O1", "R", "O1,R", False, "1", "2026-01-05T23:30:00+01:00", "2026-01-06"],
        ["f", None, None, '"O', True, "2", "2026-01-05T23:30:00+01:00", None],
    ]
    assert mapped(feed, header, rows) == returns(
        *[
            [None, "O1", None, None, None, None, "0.00", "2026-01-05", "2026-01-06T00:00:00", "EUR", False]
            + ["O1,R", False, "f", "1", "2026-01-05T23:30:00+01:00", "2026-01-06"],
            [None, None, None, None, None, None, "0.00", "2026-01-05", None, "EUR", False]
            + ['"O', True, "f", "2", "2026-01-05T23:30:00+01:00", None],
        ],
        names=[*RAW_NAMES, "currency", "is_excluded", *facts],
    )
    found = mapped(feed_of({"return_date": {"file": "landed_day"}, "ingest_ts": {"file": "modified"}}), ["x"], [["1"]])
    assert [(row["return_date"], row["ingest_ts"]) for row in found] == [(None, None)]


@pytest.mark.parametrize(
    ("where", "excluded"),
    [
        ("lower(trim(Status)) <> 'cancelled'", [False, True, True, False, False]),
        ("status = 'Open'", [False, True, True, True, False]),
        ("other = 'x'", [False] * 5),
    ],
)
def test_map_columns_row_is_excluded_where_the_condition_is_false(
    mapped: Map, where: str, excluded: list[bool]
) -> None:
    rows = [["Open"], ["CANCELLED "], [" cancelled"], [""], [None]]
    found = mapped(feed_of({}, where=where), ["status"], rows)
    assert [row["is_excluded"] for row in found] == excluded


def test_map_columns_sql_reads_the_files_own_columns_as_text(mapped: Map) -> None:
    feed = feed_of(
        {
            "return_id": {"sql": "case when id like 'C%' then concat('R-', id) else id || '?' end"},
            "order_id": {"sql": "\"it's '\" || `Order No`"},
            "customer_id": {"sql": "replace(buyer, '.0', '')"},
            "sku": {"sql": "coalesce(nullif(trim(sku), ''), upper(name))"},
            "reason": {"sql": "if(length(why) > 3, substring(why, 1, 3), lower(why))"},
            "qty": {"sql": "-try_cast(pieces as decimal(18,0))"},
            "amount": {"sql": "abs(try_cast(pieces as decimal(18,2)) * try_cast(price as decimal(18,4)))"},
            "return_date": {"sql": "try_cast(day as date)"},
        }
    )
    header = ["ID", "order-no", "Buyer", "SKU", "Name", "Why", "Pieces", "Price", "Day"]
    rows = [
        ["C1", "7", "16321.0", "a", "straße", "Damaged", "-2", "1.5", "2026-01-05"],
        ["D1", None, None, "  ", "straße", "OLÄ", "1_000", "1", "2026-13-05"],
        [None, "7", "", None, None, None, "9" * 30, "1e3", "0000-01-01"],
    ]
    assert mapped(feed, header, rows) == returns(
        ["R-C1", "it's '7", "16321", "a", "Dam", "2", "3.000000", "2026-01-05", None, False],
        ["D1?", None, None, "STRAßE", "olÄ", None, None, None, None, False],
        [None, "it's '7", "", None, None, None, None, None, None, False],
    )


def test_map_columns_every_shared_function_is_known_to_the_engine(mapped: Map) -> None:
    calls = {
        "abs": "case when abs(-1) = 1 then 'y' end",
        "coalesce": "coalesce(null, a)",
        "concat": "concat(a, a)",
        "length": "case when length(a) = 2 then 'y' end",
        "lower": "lower(a)",
        "nullif": "nullif(a, 'Ab')",
        "replace": "replace(a, 'A', 'xy')",
        "substring": "substring(a, 2)",
        "trim": "trim('  ' || a || ' ')",
        "try_cast": "case when try_cast('1.50' as decimal(18,2)) = 1.5 then 'y' end",
        "upper": "upper(a)",
    }
    assert tuple(calls) == SHARED_FUNCTIONS
    texts = " || '|' || ".join(f"coalesce({call}, '-')" for call in calls.values())
    [row] = mapped(feed_of({"sku": {"sql": texts}}), ["a"], [["Ab"]])
    assert row["sku"] == "y|Ab|AbAb|y|ab|-|xyb|b|Ab|y|AB"


# Dates and times -----------------------------------------------------------------------------------------------------

# (delivered, return_date, ingest_ts)
DATES = [
    ("05-01-2026", "2026-01-05", "2026-01-05T00:00:00"),
    (" 5-1-2026\u00a0", "2026-01-05", "2026-01-05T00:00:00"),
    ("31-02-2026", "2026-02-31", "2026-02-31T00:00:00"),
    ("09-Sep-2026", "2026-09-09", "2026-09-09T00:00:00"),
    ("31-dEC-2026", "2026-12-31", "2026-12-31T00:00:00"),
    ("1/2/26 8:05", "2026-01-02", "2026-01-02T08:05:00"),
    ("12/31/69 23:59", "1969-12-31", "1969-12-31T23:59:00"),
    ("2026-01-05T15:31:40+00:00", "2026-01-05", "2026-01-05T15:31:40+00:00"),
    ("2026-01-05T15:31:40-0530", "2026-01-05", "2026-01-05T15:31:40-05:30"),
    ("2026-01-05T15:31:40+02", "2026-01-05", "2026-01-05T15:31:40+02:00"),
    ("2026-01-05T15:31:40Z", "2026-01-05", "2026-01-05T15:31:40Z"),
    ("2026-01-05T15:31:40.25UTC", "2026-01-05", "2026-01-05T15:31:40.25Z"),
    ("20260105", "2026-01-05", "2026-01-05T00:00:00"),
    ("/Date(1762819200000)/", "2025-11-11", "2025-11-11T00:00:00.000000Z"),
    ("/Date(-1)/", "1969-12-31", "1969-12-31T23:59:59.999000Z"),
    ("@1762819261", "2025-11-11", "2025-11-11T00:01:01.000000Z"),
    # None of the formats: as it was delivered.
    ("2026105", "2026105", "2026105"),
    ("32-01-2026", "32-01-2026", "32-01-2026"),
    ("05-13-2026", "05-13-2026", "05-13-2026"),
    ("05-01-2026 x", "05-01-2026 x", "05-01-2026 x"),
    ("05-01-2026\n05-01-2026", "05-01-2026\n05-01-2026", "05-01-2026\n05-01-2026"),
    ("2026-01-05T24:00:00Z", "2026-01-05T24:00:00Z", "2026-01-05T24:00:00Z"),
    ("09-Sept-2026", "09-Sept-2026", "09-Sept-2026"),
    ("٠٥-01-2026", "٠٥-01-2026", "٠٥-01-2026"),
    (" ", None, None),
    (None, None, None),
]
FORMATS = [
    "%d-%m-%Y",
    "%d-%b-%Y",
    "%m/%d/%y %H:%M",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "%Y%m%d",
    "/Date(%Q)/",
    "@%s",
]


def test_map_columns_dates_are_read_by_their_formats_alone(mapped: Map) -> None:
    by_format = {"from": "day", "format": FORMATS}
    found = mapped(feed_of({"return_date": by_format, "ingest_ts": by_format}), ["day"], [[case[0]] for case in DATES])
    assert [(row["return_date"], row["ingest_ts"]) for row in found] == [case[1:] for case in DATES]


def test_map_columns_first_format_that_matches_decides(mapped: Map) -> None:
    day_first, month_first = "%d/%m/%Y", "%m/%d/%Y"
    feed = feed_of(
        {
            "return_date": {"from": "day", "format": [day_first, month_first]},
            "ingest_ts": {"from": "day", "format": [month_first, day_first]},
        }
    )
    found = mapped(feed, ["day"], [["01/02/2026"], ["1/2/2026"], ["31/12/2026"]])
    assert [(row["return_date"], row["ingest_ts"]) for row in found] == [
        ("2026-02-01", "2026-01-02T00:00:00"),
        ("2026-02-01", "2026-01-02T00:00:00"),
        ("2026-12-31", "2026-12-31T00:00:00"),
    ]


def test_map_columns_local_times_are_those_of_the_zone(mapped: Map) -> None:
    feed = feed_of({"ingest_ts": {"from": "at", "zone": "Europe/Berlin"}})
    cases = [
        ("2026-01-05T10:20:30", "2026-01-05T09:20:30Z"),
        ("2026-07-05 10:20", "2026-07-05T08:20:00Z"),
        ("2026-07-05T10:20:30.5", "2026-07-05T08:20:30.5Z"),
        ("2026-10-25T01:59:59", "2026-10-24T23:59:59Z"),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),  # it happens twice
        ("2026-10-25T03:00:00", "2026-10-25T02:00:00Z"),
        ("2026-07-05T10:20:30+05:00", "2026-07-05T10:20:30+05:00"),
        ("2026-07-05T10:20:30Z", "2026-07-05T10:20:30Z"),
        ("2026-02-30T10:20:30", "2026-02-30T10:20:30"),
        ("2026-07-05", "2026-07-05"),
        ("soon", "soon"),
        (None, None),
    ]
    found = mapped(feed, ["at"], [[delivered] for delivered, _ in cases])
    assert [row["ingest_ts"] for row in found] == [expected for _, expected in cases]


def test_map_columns_zone_goes_with_a_format(mapped: Map) -> None:
    feed = feed_of(
        {"ingest_ts": {"from": "at", "format": ["%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M %z"], "zone": "Asia/Tokyo"}}
    )
    found = mapped(feed, ["at"], [["01.03.2026 08:30"], ["01.03.2026 08:30 +0100"]])
    assert [row["ingest_ts"] for row in found] == ["2026-02-28T23:30:00Z", "2026-03-01T08:30:00+01:00"]


# Numbers -------------------------------------------------------------------------------------------------------------

NUMBERS: list[tuple[dict[str, Any], list[tuple[str | None, str | None]]]] = [
    (
        {"decimal": ","},
        [
            ("5,50", "5.50"),
            (" -1234,5\t", "-1234.5"),
            ("+7", "7"),
            (",5", ".5"),
            ("5,", "5."),
            ("007", "007"),
            ("0,00", "0.00"),
            ("5.50", "? 5.50"),  # as it stands it would be another number
            ("1.234,56", "? 1.234,56"),
            ("1,2,3", "? 1,2,3"),
            ("1E3", "? 1E3"),
            ("-", "? -"),
            (",", "? ,"),
            ("٣", "? ٣"),
            ("5,5\n5,5", "? 5,5\n5,5"),
            ("", None),
            (None, None),
        ],
    ),
    (
        {"decimal": ",", "thousands": "."},
        [
            ("1.234.567,8", "1234567.8"),
            ("1.234", "1234"),
            ("1234,5", "1234.5"),
            ("1.23", "? 1.23"),
            ("1.2345", "? 1.2345"),
            ("1234.567", "? 1234.567"),
            (".123", "? .123"),
        ],
    ),
    ({"thousands": "'"}, [("1'234.50", "1234.50"), ("12.5", "12.5"), ("1,5", "? 1,5")]),
    ({"thousands": "\u00a0", "decimal": ","}, [("1\u00a0234,50", "1234.50")]),
    (
        {"scale": -2},
        [
            ("12345", "00123.45"),
            ("5", "0.05"),
            ("-50", "-00.50"),
            ("0", "0.00"),
            ("1.5", "0.015"),
            ("123456789012345678901234567890", "001234567890123456789012345678.90"),
            ("1,000", "? 1,000"),
            ("12.3.4", "? 12.3.4"),
        ],
    ),
    (
        {"scale": 3},
        [("1.5", "1500."), ("0.0015", "0001.5"), ("12", "12000."), ("-.5", "-500."), ("1.23456", "1234.56")],
    ),
    ({"negate": True}, [("-2.0", "2.0"), ("2", "-2"), ("+2", "-2"), ("0", "-0"), ("'-70", "? '-70")]),
    ({"negate": True, "decimal": ",", "scale": -2}, [("-1234,5", "0012.345"), ("1", "-0.01")]),
]


# Two forms at a time: an engine takes longer to write a query than to run it.
PAIRS = list(zip(NUMBERS[::2], NUMBERS[1::2], strict=True))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0][0]} {pair[1][0]}")
def test_map_columns_numbers_have_the_form_of_the_feed_or_are_marked(mapped: Map, pair: tuple[Any, Any]) -> None:
    (first_keys, first_cases), (second_keys, second_cases) = pair
    feed = feed_of({"qty": {"from": "a", **first_keys}, "amount": {"from": "b", **second_keys}})
    cases = list(zip_longest(first_cases, second_cases, fillvalue=(None, None)))
    found = mapped(feed, ["a", "b"], [[first[0], second[0]] for first, second in cases])
    assert [(row["qty"], row["amount"]) for row in found] == [(first[1], second[1]) for first, second in cases]


def test_map_columns_number_without_a_form_is_as_it_was_delivered(mapped: Map) -> None:
    texts = ["1,5", " 1.50 ", "x", "", None]
    found = mapped(feed_of({}), ["amount"], [[text] for text in texts])
    assert [row["amount"] for row in found] == texts


def test_validate_what_a_feed_cannot_read_is_rejected_with_its_reason(frames: Frames, records_of: RecordsOf) -> None:
    feed = feed_of(
        {
            "amount": {"from": "amount", "decimal": ","},
            "qty": {"from": "qty", "negate": True},
            "return_date": {"from": "return_date", "format": "%d.%m.%Y"},
            "ingest_ts": {"from": "ingest_ts", "zone": "Europe/Berlin"},
        }
    )
    names = [*RAW_NAMES, "raw_record", "source_file"]
    header = [name if name in CARRIED else name_in_sql(name) for name in names]
    rows = [
        ("R1", "O1", None, "A", None, "-2", "1,50", "05.01.2026", "2026-01-05T10:00:00", "1", "f", 1),
        ("R2", "O1", None, "A", None, "2", "1.50", "31.02.2026", "10:00", "2", "f", 2),
        ("R3", "O1", None, "A", None, "two", "", "2026/01/05", None, "3", "f", 3),
    ]
    columns = [*[(name, "string") for name in header], ("source_record", "bigint"), ("is_corrupt", "boolean")]
    records = frames.make([(*row, False) for row in rows], columns)
    judged = validate(map_columns(records, feed.mapping), dict.fromkeys(RAW_NAMES, "text"), date(2026, 3, 1), LATEST)
    found = {row["return_id"]: row for row in records_of(judged)}
    assert {key: row["reasons"] for key, row in found.items()} == {
        "R1": None,
        "R2": ["qty_not_positive", "amount_invalid", "return_date_invalid", "ingest_ts_invalid"],
        "R3": ["qty_invalid", "amount_missing", "return_date_invalid"],
    }
    assert [found["R1"][name] for name in ("qty", "amount", "return_date", "ingest_ts")] == [
        2,
        Decimal("1.50"),
        date(2026, 1, 5),
        datetime(2026, 1, 5, 9, tzinfo=UTC),
    ]


# Shipped feeds -------------------------------------------------------------------------------------------------------
# (header, rows, what becomes of them: the nine columns, is_excluded, and currency where the feed maps it)

AT = "2026-03-02T04:05:06Z"  # when the files were modified
SHIPPED: dict[str, tuple[Sequence[str], Sequence[Row], Sequence[Row]]] = {
    "amazon_fba": (
        ["return-date", "order-id", "sku", "asin", "product-name", "quantity", "reason", "status"]
        + ["license-plate-number", "customer-comments"],
        [
            ["2025-06-05T15:31:40+00:00", "111-1", "mug", "B0", 'Mug 3" "blue"', "1", "DEFECTIVE"]
            + ["Unit returned to inventory", "LPN1", "it | broke"],
            ["06-05-2025", "111-2", "lamp", "B1", "Lamp", "2", "UNWANTED_ITEM", "Cancelled", None, None],
        ],
        [
            [
                "111-1|LPN1|2025-06-05T15:31:40+00:00",
                "111-1",
                None,
                "mug",
                "DEFECTIVE",
                "1",
                "0.00",
                "2025-06-05",
                AT,
                False,
            ],
            ["111-2||06-05-2025", "111-2", None, "lamp", "UNWANTED_ITEM", "2", "0.00", "2025-05-06", AT, True],
        ],
    ),
    "amazon_mfn": (
        ["Order ID", "Order date", "Return request date", "Return request status", "Amazon RMA ID", "Merchant SKU"]
        + ["Return quantity", "Return Reason", "Refunded Amount", "Currency code", "Order Item ID"],
        [
            [
                "222-1",
                "01-Sep-2026",
                "09-Sep-2026",
                "Approved",
                "D1",
                "mug",
                "1",
                "AMZ-PG-BAD-DESC",
                "12.5",
                "EUR",
                "7",
            ],
            ["222-1", "01-Sep-2026", "2026-09-10", "Denied", "D1", "lamp", "2", "CR-SWITCHEROO", None, "EUR", "8"],
        ],
        [
            ["D1|mug", "222-1", None, "mug", "AMZ-PG-BAD-DESC", "1", "12.5", "2026-09-09", AT, False, "EUR"],
            ["D1|lamp", "222-1", None, "lamp", "CR-SWITCHEROO", "2", None, "2026-09-10", AT, True, "EUR"],
        ],
    ),
    "shopify_refunds": (
        ["id", "order_id", "created_at", "processed_at", "note", "refund_line_items.id", "refund_line_items.quantity"]
        + ["refund_line_items.subtotal", "refund_line_items.total_tax", "refund_line_items.line_item.sku"],
        [
            [
                "5",
                "45",
                "2026-11-11T10:00:00-05:00",
                "2026-11-10T23:30:00-05:00",
                "broke",
                "1",
                "1",
                "195.67",
                "3.98",
                "A",
            ],
            ["5", "45", "2026-11-11T10:00:00-05:00", None, None, "2", "2", "10", None, "B"],
            ["6", "46", "2026-11-12T10:00:00Z", "2026-11-12T10:00:00Z", "shipping", None, None, None, None, None],
            ["7", "47", "2026-11-12T10:00:00Z", None, None, "3", "1", "10.00", "free", "C"],
        ],
        [
            ["1", "45", None, "A", "broke", "1", "199.6500", "2026-11-10", AT, False],
            ["2", "45", None, "B", None, "2", "10.0000", "2026-11-11", AT, False],
            [None, "46", None, None, "shipping", None, None, "2026-11-12", AT, True],
            ["3", "47", None, "C", None, "1", None, "2026-11-12", AT, False],
        ],
    ),
    "woocommerce_refunds": (
        [
            "id",
            "parent_id",
            "date_created",
            "amount",
            "reason",
            "line_items.id",
            "line_items.sku",
            "line_items.quantity",
        ]
        + ["line_items.total", "line_items.total_tax"],
        [
            ["726", "723", "2026-03-01T10:18:24", "29.34", "Too small", "314", "mug", "-3", "-23.85", "-5.49"],
            ["727", "723", "2026-03-01T10:18:24", "10.00", "", None, None, None, None, None],
        ],
        [
            ["726|314", "723", None, "mug", "Too small", "3", "29.3400", "2026-03-01", AT, False],
            ["727|", "723", None, "NO-LINES", "", "1", "10.0000", "2026-03-01", AT, False],
        ],
    ),
    "stripe_refunds": (
        [
            "id",
            "Created date (UTC)",
            "Amount",
            "Amount Refunded",
            "Refunded date (UTC)",
            "Currency",
            "Status",
            "Customer ID",
        ],
        [
            ["py_1", "2026-02-27 23:00:00", "30.00", "12.50", "2026-03-01 23:59:00", "eur", "Refunded", "cus_1"],
            ["py_2", "2026-02-27 23:00:00", "30.00", "0.00", None, "eur", "Paid", "cus_1"],
            ["py_3", "2026-02-27 23:00:00", "30.00", "5,00", "2026-03-01 08:00", "eur", "Failed ", None],
        ],
        [
            ["py_1", "py_1", "cus_1", "REFUND", None, "1", "12.50", "2026-03-01", AT, False, "eur"],
            ["py_2", "py_2", "cus_1", "REFUND", None, "1", "0.00", None, AT, True, "eur"],
            ["py_3", "py_3", None, "REFUND", None, "1", "5,00", "2026-03-01", AT, True, "eur"],
        ],
    ),
    "square_items": (
        [
            "Date",
            "Time",
            "Time Zone",
            "Item",
            "Qty",
            "SKU",
            "Gross Sales",
            "Net Sales",
            "Payment ID",
            "Event Type",
            "Token",
        ],
        [
            ["2026-03-01", "10:00:00", "Eastern Time", "Mug", "-1.0", "", "-$45.00", "-$40.50", "P1", "Refund", "T1"],
            ["3/1/26", "10:00:00", "Eastern Time", "Lamp", "-2", "lamp", "-$1,245.00", None, "P2", "Refund", "T2"],
            [
                "03/02/2026",
                "10:00:00",
                "Eastern Time",
                "Lamp",
                "2",
                "lamp",
                "$1,245.00",
                "$1,245.00",
                "P3",
                "Payment",
                "T2",
            ],
        ],
        [
            ["P1|T1", "P1", None, "Mug", None, "1.0", "40.50", "2026-03-01", AT, False],
            ["P2|T2", "P2", None, "lamp", None, "2", "1245.00", "2026-03-01", AT, False],
            ["P3|T2", "P3", None, "lamp", None, "-2", "-1245.00", "2026-03-02", AT, True],
        ],
    ),
    "magento_credit_memos": (
        [
            "increment_id",
            "order_id",
            "created_at",
            "updated_at",
            "adjustment",
            "items.entity_id",
            "items.sku",
            "items.qty",
        ]
        + ["items.row_total", "items.row_total_incl_tax"],
        [
            ["1001", "7", "2026-03-01 23:30:00", "2026-03-02 00:10:00", "0", "1", "mug", "2", "20.00", "23.80"],
            ["1001", "7", "2026-03-01 23:30:00", "2026-03-02 00:10:00", "0", "2", "lamp", "0", "0", None],
            ["1002", "7", "2026-03-01 23:30:00", None, "5.5", None, None, None, None, None],
            ["1003", "7", "2026-03-01 23:30:00", None, "0", "3", "lamp", "1.0000", "9.99", None],
        ],
        [
            ["1001|1", "7", None, "mug", None, "2", "23.80", "2026-03-01", "2026-03-02T00:10:00Z", False],
            ["1001|2", "7", None, "lamp", None, "0", "0", "2026-03-01", "2026-03-02T00:10:00Z", True],
            ["1002|", "7", None, "ADJUSTMENT", None, "1", "5.5", "2026-03-01", "2026-03-01T23:30:00Z", False],
            ["1003|3", "7", None, "lamp", None, "1.0000", "9.99", "2026-03-01", "2026-03-01T23:30:00Z", False],
        ],
    ),
    "sap_customer_returns": (
        ["CustomerReturn", "CustomerReturnItem", "Material", "RequestedQuantity", "NetAmount", "TransactionCurrency"]
        + [
            "ReferenceSDDocument",
            "ReturnReason",
            "to_CustomerReturn.CustomerReturnDate",
            "to_CustomerReturn.SoldToParty",
        ],
        [
            ["60000001", "10", "TG11", "1.000", "123.00-", "EUR", "4711", "001", "/Date(1762819200000)/", "17100001"],
            ["60000001", "20", "TG12", "2", "50.00", "EUR", "4711", None, "2025-11-11", None],
        ],
        [
            ["60000001|10", "4711", "17100001", "TG11", "001", "1.000", "123.00", "2025-11-11", AT, False, "EUR"],
            ["60000001|20", "4711", None, "TG12", None, "2", "50.00", "2025-11-11", AT, False, "EUR"],
        ],
    ),
    "online_retail_ii": (
        ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"],
        [
            ["C489449", "22087", "PAPER BUNTING", "-12", "2009-12-01 10:33:00", "2.95", "16321.0", "Australia"],
            ["C489450", "21166", "COOK £ SIGN", "-1", "12/1/2010 8:26", "1.95", None, "Australia"],
            ["C489451", "M", "Manual", "-1", "01-12-2010 08:26", "9.99", "16321", "France"],
            ["489434", "85048", "LIGHTS", "12", "2009-12-01 07:45:00", "6.95", "13085", "United Kingdom"],
        ],
        [
            ["C489449|22087|2009-12-01 10:33:00|-12|2.95", "C489449", "16321", "22087", None, "12", "35.40000000"]
            + ["2009-12-01", AT, False],
            ["C489450|21166|12/1/2010 8:26|-1|1.95", "C489450", None, "21166", None, "1", "1.95000000"]
            + ["2010-12-01", AT, False],
            ["C489451|M|01-12-2010 08:26|-1|9.99", "C489451", "16321", "M", None, "1", "9.99000000"]
            + ["2010-12-01", AT, True],
            ["489434|85048|2009-12-01 07:45:00|12|6.95", "489434", "13085", "85048", None, "-12", "-83.40000000"]
            + ["2009-12-01", AT, True],
        ],
    ),
}


@pytest.fixture(scope="module")
def feeds() -> dict[str, Feed]:
    return {feed.feed: feed for feed in load_feeds([shipped_feeds()])}


def test_shipped_feeds_each_have_rows_here(feeds: dict[str, Feed]) -> None:
    assert set(SHIPPED) == set(feeds)


@pytest.mark.parametrize("name", SHIPPED)
def test_map_columns_shipped_feed_takes_real_shaped_rows(mapped: Map, feeds: dict[str, Feed], name: str) -> None:
    header, rows, expected = SHIPPED[name]
    names = [*RAW_NAMES, "is_excluded", *(["currency"] if "currency" in feeds[name].columns.mapped else [])]
    assert feeds[name].missing_columns(header) == []
    found = mapped(feeds[name], [*header, "modified_at"], [[*row, AT] for row in rows])
    assert [{column: row[column] for column in names} for row in found] == returns(*expected, names=names)


def test_map_columns_fba_file_without_status_excludes_nothing(mapped: Map, feeds: dict[str, Feed]) -> None:
    header = ["return-date", "order-id", "sku", "quantity", "license-plate-number"]
    found = mapped(feeds["amazon_fba"], header, [["06-05-2025", "111-2", "lamp", "2", "LPN2"]])
    assert found == returns(
        ["111-2|LPN2|06-05-2025", "111-2", None, "lamp", None, "2", "0.00", "2025-05-06", None, False]
    )


def test_map_columns_square_file_of_few_columns_is_taken(mapped: Map, feeds: dict[str, Feed]) -> None:
    header = ["Date", "Item", "Qty", "SKU", "Gross Sales", "Payment ID", "Event Type"]
    assert feeds["square_items"].missing_columns(header) == []
    found = mapped(feeds["square_items"], header, [["2026-03-01", "Mug", "-1.0", "", "-$45.00", "P1", "Refund"]])
    assert found == returns(["P1|Mug", "P1", None, "Mug", None, "1.0", "45.00", "2026-03-01", None, False])
