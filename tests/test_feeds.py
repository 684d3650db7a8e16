"""Definitions of feeds: what is taken, what is refused with file, line and key, and which files a feed takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyspark_interview_project.config.column_names import matching_name, name_in_sql
from pyspark_interview_project.config.date_formats import date_format
from pyspark_interview_project.config.feed_choice import FeedChoice
from pyspark_interview_project.config.feed_source import Columns
from pyspark_interview_project.config.feed_sql import checked_sql
from pyspark_interview_project.config.feed_sql_kinds import SHARED_FUNCTIONS, RefusedSql
from pyspark_interview_project.config.feeds import Feed, load_feeds, shipped_feeds
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES, REQUIRED_NAMES
from pyspark_interview_project.schemas.rules import REASON_CODES

FBA = r"""feed: amazon_fba
files: "amazon_fba/**"
read: {format: delimited, delimiter: "\t", encoding: [utf-8, cp1252], quote: null}
columns:
  return_id: {key: [order-id, license-plate-number, return-date]}     # several columns as one id
  order_id: order-id
  sku: sku
  amount: {value: "0.00"}
  qty: quantity
  return_date: {from: return-date, format: ["%Y-%m-%dT%H:%M:%S%z", "%d-%m-%Y"]}
  ingest_ts: {file: modified}
where: "lower(status) <> 'cancelled'"
rules: [{code: fba_test_order, broken_when: "order_id like 'TEST%'", because: "a test", severity: reject}]
"""
LOWER_STATUS = "TRANSLATE(own_status, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')"
# Each line is one key, so that a test can replace it and know its line.
WHOLE = """feed: shop
files: "shop/*.csv"
read:
  format: delimited
  delimiter: ";"
  encoding: cp1252
  quote: "'"
  null_values: ["-"]
  comment: "#"
  skip_lines: 2
columns:
  return_id: RMA
  order_id: [Order, Order No]
  sku: Article
  qty: {from: Pieces, negate: true}
  amount: {from: Refund, decimal: ",", thousands: "."}
  return_date: {from: Day, format: "%d.%m.%Y"}
  ingest_ts: {from: Changed, zone: Europe/Berlin}
  reason: {sql: "trim(why)"}
where: "kind = 'R'"
rules:
  - code: shop_gift
    broken_when: "amount = 0"
    because: "gifts are free"
    severity: warn
"""


def written(directory: Path, text: str, name: str = "shop.yaml") -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def loaded(directory: Path, text: str) -> Feed:
    written(directory, text)
    [feed] = load_feeds([directory])
    return feed


def test_load_feeds_example_of_the_design_has_all_that_it_says(tmp_path: Path) -> None:
    feed = loaded(tmp_path, FBA)
    assert (feed.feed, feed.files) == ("amazon_fba", "amazon_fba/**")
    assert feed.read.model_dump() == {
        "format": "delimited",
        "delimiter": "\t",
        "encoding": ["utf-8", "cp1252"],
        "quote": None,
        "null_values": None,
        "comment": None,
        "skip_lines": 0,
        "records": None,
    }
    assert feed.mapping == {
        "columns": {
            "return_id": {"key": [["order_id"], ["license_plate_number"], ["return_date"]]},
            "order_id": {"from": ["order_id"]},
            "sku": {"from": ["sku"]},
            "qty": {"from": ["quantity"]},
            "amount": {"value": "0.00"},
            "return_date": {"from": ["return_date"], "format": ["%Y-%m-%dT%H:%M:%S%z", "%d-%m-%Y"]},
            "ingest_ts": {"file": "modified"},
        },
        "where": f"{LOWER_STATUS} <> 'cancelled'",
        "own_columns": ["order_id", "license_plate_number", "return_date", "sku", "quantity", "status"],
        "names_differ_by_record": False,
    }
    assert [rule.model_dump() for rule in feed.rules] == [
        {
            "code": "fba_test_order",
            "broken_when": "order_id like 'TEST%'",
            "because": "a test",
            "severity": "reject",
        }
    ]
    assert [rule.sql for rule in feed.rules] == ["order_id LIKE 'TEST%'"]


def test_load_feeds_every_key_is_taken(tmp_path: Path) -> None:
    feed = loaded(tmp_path, WHOLE)
    assert feed.read.model_dump(exclude={"format", "records"}) == {
        "delimiter": ";",
        "encoding": ["cp1252"],
        "quote": "'",
        "null_values": ["-"],
        "comment": "#",
        "skip_lines": 2,
    }
    assert feed.mapping["columns"] == {
        "return_id": {"from": ["rma"]},
        "order_id": {"from": ["order", "order_no"]},
        "sku": {"from": ["article"]},
        "reason": {"sql": "TRIM(BOTH ' ' FROM own_why)"},
        "qty": {"from": ["pieces"], "negate": True},
        "amount": {"from": ["refund"], "decimal": ",", "thousands": "."},
        "return_date": {"from": ["day"], "format": ["%d.%m.%Y"]},
        "ingest_ts": {"from": ["changed"], "zone": "Europe/Berlin"},
    }
    assert feed.rules[0].severity == "warn"


# (a line of WHOLE, what stands there instead, the line and key that are named, what is said)
WRONG = [
    ("feed: shop", "feed: My Shop", "1: feed", "lower-case letters"),
    ("feed: shop", "feed: 7", "1: feed", "must be a text, not 7; put it in quotes"),
    ('files: "shop/*.csv"', 'files: "/shop/*.csv"', "2: files", "below bronze/returns_raw"),
    ('files: "shop/*.csv"', 'files: "../*.csv"', "2: files", "below bronze/returns_raw"),
    ('files: "shop/*.csv"', 'files: "shop**"', "2: files", "alone between slashes"),
    ('files: "shop/*.csv"', "files: [a, b]", "2: files", "must be a text"),
    ('files: "shop/*.csv"', "", "1: files", "is missing"),
    ("  format: delimited", "  format: excel", "4: read.format", "'delimited', 'json' or 'parquet', not 'excel'"),
    ("  format: delimited", "  format: json", "9: read.comment", "is for delimited text"),
    ('  delimiter: ";"', '  delimiter: ";;"', "5: read.delimiter", "at most 1 character"),
    ("  encoding: cp1252", "  encoding: cp12525", "6: read.encoding", "cp12525 is no encoding"),
    ("  encoding: cp1252", "  encoding: hex", "6: read.encoding", "hex is no encoding"),
    ("""  quote: "'\"""", '  quote: ";"', "7: read.quote", "is the delimiter too"),
    ('  null_values: ["-"]', "  null_values: [0]", "8: read.null_values.0", "must be a text, not 0"),
    ('  comment: "#"', '  comment: ""', "9: read.comment", "at least 1 character"),
    ("  skip_lines: 2", "  skip_lines: -1", "10: read.skip_lines", "greater than or equal to 0"),
    ("  skip_lines: 2", '  skip_lines: "2"', "10: read.skip_lines", "valid integer"),
    ("  skip_lines: 2", '  records: "[]"', "10: read.records", "format: json"),
    ("  skip_lines: 2", "  header: 1", "10: read.header", "is no key"),
    ("  return_id: RMA", "  rma: RMA", "12: columns.rma", "is no key"),
    ("  return_id: RMA", "  return_id: {key: [RMA]}", "12: columns.return_id.key", "at least 2 items"),
    ("  return_id: RMA", "  return_id: {value: 5}", "12: columns.return_id.value", "must be a text, not 5"),
    ("  return_id: RMA", "  return_id: {file: name}", "12: columns.return_id.file", "'modified' or 'landed_day'"),
    ("  return_id: RMA", "  return_id: {}", "12: columns.return_id", "does not say where it comes from"),
    ("  return_id: RMA", "  return_id:", "12: columns.return_id", "must be a mapping"),
    ("  return_id: RMA", "  return_id: {from: RMA, scale: 2}", "12: columns.return_id.scale", "qty, amount"),
    ("  return_id: RMA", "  return_id: {from: RMA, value: x}", "12: columns.return_id.value", "beside from"),
    ("  return_id: RMA", "  return_id: {file: modified}", "12: columns.return_id.file", "return_date, ingest_ts"),
    ("  order_id: [Order, Order No]", "  order_id: []", "13: columns.order_id", "at least 1 item"),
    ("  order_id: [Order, Order No]", "  order_id: [1]", "13: columns.order_id", "must be a text"),
    ("  sku: Article", "", "11: columns.sku", "is missing; say where it comes from"),
    ("  sku: Article", '  sku: {sql: "sha1(a)"}', "14: columns.sku.sql", "do not share; they share abs, coalesce"),
    ("  sku: Article", '  sku: {sql: "length(a)"}', "14: columns.sku.sql", "gives a number, but a text is wanted"),
    ("  qty: {from: Pieces, negate: true}", '  qty: {from: a, negate: "yes"}', "15: columns.qty.negate", "boolean"),
    ("  qty: {from: Pieces, negate: true}", "  qty: {value: '1', negate: true}", "15: columns.qty.negate", "from or"),
    ("  qty: {from: Pieces, negate: true}", "  qty: {from: a, scale: 2.5}", "15: columns.qty.scale", "integer"),
    ("  qty: {from: Pieces, negate: true}", "  qty: {from: a, scale: 19}", "15: columns.qty.scale", "equal to 18"),
    (
        '  amount: {from: Refund, decimal: ",", thousands: "."}',
        '  amount: {from: a, thousands: "."}',
        "16: columns.amount.thousands",
        "is the same mark as decimal",
    ),
    (
        '  amount: {from: Refund, decimal: ",", thousands: "."}',
        '  amount: {from: a, decimal: "0"}',
        "16: columns.amount.decimal",
        "not a digit",
    ),
    (
        '  return_date: {from: Day, format: "%d.%m.%Y"}',
        "  return_date: {from: a, format: '%d.%q'}",
        "17: columns.return_date.format",
        "%q is no directive",
    ),
    (
        "  ingest_ts: {from: Changed, zone: Europe/Berlin}",
        "  ingest_ts: {from: Changed, zone: CEST}",
        "18: columns.ingest_ts.zone",
        "CEST is no time zone",
    ),
    (
        '  return_date: {from: Day, format: "%d.%m.%Y"}',
        "  return_date: {from: a, zone: UTC}",
        "17: columns.return_date.zone",
        "is for ingest_ts, not for return_date",
    ),
    ('  reason: {sql: "trim(why)"}', '  reason: {sql: "a; b"}', "19: columns.reason.sql", "one expression"),
    ("""where: "kind = 'R'\"""", 'where: "kind"', "20: where", "gives a text, but a condition is wanted"),
    ("""where: "kind = 'R'\"""", 'when: "kind"', "20: when", "is no key"),
    ("  - code: shop_gift", "  - code: Gift", "22: rules.0.code", "lower-case letters"),
    ('    broken_when: "amount = 0"', '    broken_when: "refund = 0"', "23: rules.0.broken_when", "no column of a"),
    ('    broken_when: "amount = 0"', "    broken_when: \"amount = '0'\"", "23: rules.0.broken_when", "is a text"),
    ('    because: "gifts are free"', "", "22: rules.0.because", "is missing"),
    ("    severity: warn", "    severity: error", "25: rules.0.severity", "'reject' or 'warn'"),
    ("rules:", "rules: {}", "22", "is no YAML"),
    ("feed: shop", "feed: *x", "1", "aliases are not taken"),
    ("feed: shop", "feed: shop\nfeed: shop", "1", "key feed stands twice"),
]


@pytest.mark.parametrize(("line", "instead", "place", "problem"), WRONG, ids=[case[1].strip() for case in WRONG])
def test_load_feeds_wrong_definition_names_file_line_and_key(
    tmp_path: Path, line: str, instead: str, place: str, problem: str
) -> None:
    assert WHOLE.count(f"{line}\n") == 1
    path = written(tmp_path, WHOLE.replace(f"{line}\n", f"{instead}\n"))
    with pytest.raises(ConfigurationError) as caught:
        load_feeds([tmp_path])
    assert caught.value.subject == f"{path}:{place}"
    assert problem in caught.value.problem
    assert "\n" not in str(caught.value)


def test_load_feeds_required_columns_are_those_of_the_raw_schema() -> None:
    names = list(Columns.model_fields)
    assert names == [*RAW_NAMES, "currency"]
    assert tuple(name for name in names if Columns.model_fields[name].is_required()) == REQUIRED_NAMES


def test_load_feeds_file_that_is_no_mapping_or_no_text_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "- feed")
    with pytest.raises(ConfigurationError, match=f"{path}:1: must be a mapping"):
        load_feeds([tmp_path])
    path.write_bytes(b"feed: shop\nfiles: \xe9")
    with pytest.raises(ConfigurationError, match=f"{path}:2: is not UTF-8"):
        load_feeds([tmp_path])


def test_load_feeds_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no_feeds: No such file or directory; make the directory"):
        load_feeds([tmp_path / "no_feeds"])


def test_load_feeds_other_and_hidden_files_are_none(tmp_path: Path) -> None:
    written(tmp_path, "no feed", "README.md")
    written(tmp_path, "no feed", ".shop.yaml")
    written(tmp_path, WHOLE, "shop.YML")
    assert [feed.feed for feed in load_feeds([tmp_path])] == ["shop"]


def test_load_feeds_name_that_stands_twice_in_a_directory_is_refused(tmp_path: Path) -> None:
    written(tmp_path, WHOLE, "a.yaml")
    written(tmp_path, WHOLE, "b.yaml")
    with pytest.raises(ConfigurationError, match="b.yaml: feed: a.yaml has the name shop too"):
        load_feeds([tmp_path])


def test_load_feeds_feed_of_an_earlier_directory_replaces_one_of_its_name(tmp_path: Path) -> None:
    written(tmp_path / "mine", WHOLE)
    written(tmp_path / "shipped", WHOLE.replace("shop/*.csv", "other/*.csv"))
    written(tmp_path / "shipped", FBA, "fba.yaml")
    feeds = load_feeds([tmp_path / "mine", tmp_path / "shipped"])
    assert [(feed.feed, feed.files) for feed in feeds] == [("shop", "shop/*.csv"), ("amazon_fba", "amazon_fba/**")]


def test_load_feeds_code_of_the_package_or_of_another_feed_is_refused(tmp_path: Path) -> None:
    written(tmp_path, WHOLE.replace("shop_gift", "sku_missing"))
    with pytest.raises(ConfigurationError, match="shop.yaml:22: rules.0.code: sku_missing is a code of the package"):
        load_feeds([tmp_path], reserved_codes=["sku_missing"])
    written(tmp_path, WHOLE.replace("shop_gift", "fba_test_order"))
    written(tmp_path, FBA, "a.yaml")
    with pytest.raises(ConfigurationError, match="shop.yaml: rules: fba_test_order is a code of the feed amazon_fba"):
        load_feeds([tmp_path])


def test_load_feeds_two_rules_with_one_code_are_refused(tmp_path: Path) -> None:
    rule = "  - {code: shop_gift, broken_when: 'qty > 9', because: x, severity: warn}\n"
    path = written(tmp_path, WHOLE + rule)
    with pytest.raises(ConfigurationError, match=f"{path}:21: rules: two rules have the code shop_gift"):
        load_feeds([tmp_path])


def test_definition_hash_is_of_what_is_said_not_of_how(tmp_path: Path) -> None:
    first = loaded(tmp_path, WHOLE).definition_hash
    again = "# a comment\n" + WHOLE.replace("  qty: {from: Pieces, negate: true}\n", "").replace(
        "columns:\n", "columns:\n  qty:\n    negate: true\n    from: [Pieces]\n"
    )
    assert loaded(tmp_path, again).definition_hash == first
    other = WHOLE.replace("""quote: "'\"""", "quote: null")
    assert len({first, loaded(tmp_path, other).definition_hash, loaded(tmp_path, FBA).definition_hash}) == 3


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("shop/**", ["shop/a.csv", "shop/dt=2026-01-01/x/a.csv"], ["a.csv", "shop", "my/shop/a.csv", "shop2/a.csv"]),
        ("**/shop/**", ["shop/a.csv", "x/shop/a.csv", "x/y/shop/z/a.csv"], ["shop.csv", "x/myshop/a.csv"]),
        ("**/*.csv", ["a.csv", "x/a.csv", "x/y/.csv"], ["a.csv.gz", "x/acsv"]),
        ("shop/*.csv", ["shop/a.csv", "shop/a+b (1).csv"], ["shop/x/a.csv", "shop/a.CSV"]),
        ("**", ["a", "x/a\nb"], []),
        ("a?.[b]+", ["ax.[b]+"], ["a/.[b]+", "a.[b]+", "axx.b"]),
        ("x/**/y/*", ["x/y/a", "x/1/2/y/a"], ["x/ya", "x/y/1/a"]),
    ],
)
def test_takes_pattern_decides_by_the_path(tmp_path: Path, pattern: str, taken: list[str], left: list[str]) -> None:
    feed = loaded(tmp_path, WHOLE.replace("shop/*.csv", pattern))
    assert [path for path in [*taken, *left] if feed.takes(path)] == taken


def test_feed_of_first_feed_that_matches_takes_the_file_and_own_ones_go_first(tmp_path: Path) -> None:
    written(tmp_path, WHOLE.replace("shop/*.csv", "**/x.csv"), "1.yaml")
    written(tmp_path, FBA, "2.yaml")
    choice = FeedChoice(str(tmp_path), REASON_CODES)
    paths = ["amazon_fba/x.csv", "amazon_fba/y.csv", "stripe_refunds/y.csv", "y.csv"]
    found = [choice.feed_of(f"bronze/returns_raw/{path}") for path in paths]
    assert [feed and feed.feed for feed in found] == ["shop", "amazon_fba", "stripe_refunds", None]


def test_missing_columns_names_all_that_the_required_ones_need(tmp_path: Path) -> None:
    text = WHOLE.replace("sku: Article", """sku: {sql: "coalesce(nullif(Article, ''), ean)"}""")
    feed = loaded(tmp_path, text)
    assert feed.missing_columns([]) == ["rma", "order or order_no", "article or ean", "pieces", "refund", "day"]
    assert feed.missing_columns([" rma ", "ORDER-NO", "EAN", "Pieces", "Refund", "Day"]) == []


def test_shipped_feeds_load_and_take_the_files_of_their_directories() -> None:
    feeds = load_feeds([shipped_feeds()])
    assert [feed.feed for feed in feeds] == [
        "amazon_fba",
        "amazon_mfn",
        "magento_credit_memos",
        "online_retail_ii",
        "sap_customer_returns",
        "shopify_refunds",
        "square_items",
        "stripe_refunds",
        "woocommerce_refunds",
    ]
    choice = FeedChoice(None, REASON_CODES)
    for feed in feeds:
        for path in (f"{feed.feed}/dt=2026-01-01/a.csv", f"dt=2026-01-01/{feed.feed}/a.csv"):
            assert choice.feed_of(f"bronze/returns_raw/{path}") == feed
    assert choice.feed_of("bronze/returns_raw/partner.csv") is None


@pytest.mark.parametrize("name", [path.name for path in sorted(shipped_feeds().glob("*.yaml"))])
def test_shipped_feed_begins_with_where_its_files_come_from_and_what_was_decided(name: str) -> None:
    lines = (shipped_feeds() / name).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ") and lines[1].startswith("# Decided: ") and lines[2] == f"feed: {name[:-5]}"
    assert max(map(len, lines)) <= 120


# SQL -----------------------------------------------------------------------------------------------------------------

NUMBER = "'^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)'"
TAKEN = [
    ("status", "own_status", ("status",)),
    ("`Order ID` like 'C%'", "own_order_5f_id LIKE 'C%'", ("order_id",)),
    ("refund_line_items.line_item.sku is null", "own_refund_5f_line_5f_items_2e_line_5f_item_2e_sku IS NULL", None),
    ("a || '-' || b", "own_a || '-' || own_b", ("a", "b")),
    ("concat(a, '|', b)", "CONCAT(own_a, '|', own_b)", ("a", "b")),
    (
        "upper(trim(a)) in ('X')",
        "TRANSLATE(TRIM(BOTH ' ' FROM own_a), 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') IN ('X')",
        ("a",),
    ),
    (
        "-try_cast(a as decimal(18,2)) * 2",
        f"-CASE WHEN REGEXP_EXTRACT(own_a, {NUMBER}, 0) = own_a THEN TRY_CAST(own_a AS DECIMAL(18, 2)) END * "
        "CAST(2 AS DECIMAL(9, 0))",
        ("a",),
    ),
    (
        "try_cast(a as date) >= date '2026-01-31'",
        "CASE WHEN REGEXP_EXTRACT(own_a, '^[0-9]{4}-[0-9]{2}-[0-9]{2}', 0) = own_a AND own_a >= '0001-01-01' "
        "THEN TRY_CAST(own_a AS DATE) END >= CAST('2026-01-31' AS DATE)",
        ("a",),
    ),
    ("a not between 'x' and 'y' or not b = \"it's\"", "NOT own_a BETWEEN 'x' AND 'y' OR NOT own_b = 'it\\'s'", None),
    ("case a when 'x' then null else substring(b, 2, 3) end", None, None),
    ("if(length(a) > 3, replace(a, '$', ''), nullif(b, 'x'))", None, None),
    ("case when true then abs(1.5) else -3 end", "CASE WHEN TRUE THEN ABS(1.5) ELSE -CAST(3 AS DECIMAL(9, 0)) END", ()),
    (
        "length(a) * 2 > 1",
        "CAST(LENGTH(own_a) AS DECIMAL(10, 0)) * CAST(2 AS DECIMAL(9, 0)) > CAST(1 AS DECIMAL(9, 0))",
        ("a",),
    ),
    ("a -- behind it\n", "own_a", ("a",)),
]


@pytest.mark.parametrize(("sql", "text", "columns"), TAKEN, ids=[case[0] for case in TAKEN])
def test_checked_sql_shared_sql_is_taken(sql: str, text: str | None, columns: tuple[str, ...] | None) -> None:
    found = checked_sql(sql, ("text", "number", "condition"))
    if text is not None:
        assert found.text == text
    if columns is not None:
        assert found.choices == tuple((name,) for name in columns)


REFUSED = [
    ("", "must be one expression"),
    ("a; b", "must be one expression"),
    ("a;", "must be one expression"),
    ("a = ", "is no SQL expression"),
    ("a b", "has a AS b"),
    ("select a", "has a query in it"),
    ("(select 1) = 1", "has a query in it"),
    ("a in (select b from c)", "has a query in it"),
    ("exists(select 1)", "has a query in it"),
    ("drop table returns", "which the engines do not share"),
    ("sha1(a) = 'x'", "which the engines do not share"),
    ("my_function(a)", "has my_function, which the engines do not share"),
    ("rand() > 0", "has RAND(), which the engines do not share"),
    ("current_date", "which the engines do not share"),
    ("upper(a) over ()", "which the engines do not share"),
    ("a rlike 'x'", "which the engines do not share"),
    ("a / b", "which the engines do not share"),
    ("a in unnest(b)", "which the engines do not share"),
    ("sum(a) > 1", "which the engines do not share"),
    ("?", "which the engines do not share"),
    ("a.*", "has *"),
    ("count(*) = 1", "which the engines do not share"),
    ("a = 5", "5 is a number, but a text is wanted there"),
    ("order-id = 'x'", "order is a text, but a number is wanted there"),  # a minus
    ("a + b", "a is a text, but a number is wanted there; write try_cast"),
    ("coalesce(a, 0)", "0 is a number"),
    ("case when a then b end", "a is a text, but a condition is wanted there"),
    ("cast(a as int)", "has a cast to int; write decimal(18,2)"),
    ("date '2026-02-30'", "has a cast that can fail"),
    ("try_cast(a as int)", "write decimal(18,2)"),
    ("try_cast(a as decimal(38,2))", "at most 18 digits"),
    ("try_cast(a as timestamp)", "write decimal(18,2)"),
    ("1 * 2 * 3", "multiplies more than two numbers"),
    ("1e5", "has the number 1e5"),
    ("12345678901", "up to 9 digits"),
    ("a like b", "a pattern of like that is no text"),
    ("a like 'x' escape '!'", "which the engines do not share"),
    ("a is true", "has an `is` without null"),
    ("substring(a, 0)", "no number from 1 on"),
    ("replace(a, '', 'x')", "has a replace of something"),
    ("trim('x' from a)", "other characters than blanks"),
    ("'it''s'", "two texts side by side"),
    (r"a = 'x\'", "engines read differently"),
    ("a = '{rows 0}'", "engines read differently"),
    ("(" * 900 + "a" + ")" * 900, "is nested too deeply"),
    ("a = '" + "x" * 2000 + "'", "is longer than 2,000 characters"),
]


@pytest.mark.parametrize(("sql", "problem"), REFUSED, ids=[case[0][:40] for case in REFUSED])
def test_checked_sql_anything_else_is_refused_with_the_reason(sql: str, problem: str) -> None:
    with pytest.raises(RefusedSql) as caught:
        checked_sql(sql, ("text", "number", "condition"))
    assert problem in str(caught.value)


@pytest.mark.parametrize("function", SHARED_FUNCTIONS)
def test_checked_sql_every_shared_function_is_taken(function: str) -> None:
    arguments = {
        "abs": "1",
        "coalesce": "a, b",
        "concat": "a, b",
        "nullif": "a, b",
        "replace": "a, 'x', 'y'",
        "substring": "a, 1, 2",
        "try_cast": "a as date",
    }
    assert checked_sql(f"{function}({arguments.get(function, 'a')})", ("text", "number", "date")).kind is not None


def test_checked_sql_of_a_rule_reads_the_columns_of_a_validated_return(tmp_path: Path) -> None:
    feed = loaded(tmp_path, WHOLE.replace("amount = 0", "amount * qty > 100 and return_date < as_of and qty_given"))
    assert feed.rules[0].sql == (
        "amount * CAST(qty AS DECIMAL(10, 0)) > CAST(100 AS DECIMAL(9, 0)) AND return_date < as_of AND qty_given"
    )


# Names and formats ---------------------------------------------------------------------------------------------------


def test_matching_name_ignores_case_blanks_and_hyphens() -> None:
    names = [" Order ID\t", "order-id", "ORDER_ID", "order\u00a0id", "Orderid"]
    assert [matching_name(name) for name in names] == ["order_id"] * 4 + ["orderid"]


def test_name_in_sql_is_another_one_for_every_name() -> None:
    names = ["a_b", "a.b", "a_2e_b", "ab", "ä", "a(b)"]
    assert len({name_in_sql(name) for name in names}) == len(names)
    assert all(name_in_sql(name).isidentifier() and name_in_sql(name).isascii() for name in names)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("%d-%m", "needs one of %Y and %y"),
        ("%Y-%m", "needs %d"),
        ("%d %b %m %Y", "needs one of %m and %b"),
        ("%Y%Y-%m-%d", "has %Y twice"),
        ("%s %z", "needs no directive beside"),
        ("%I:%M", "%I is no directive here; there are %Y, %y"),
        ("%", "% is no directive"),
        ("", "needs one of %Y and %y"),
    ],
)
def test_date_format_that_says_no_day_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace("+", r"\+")):
        date_format(text)
