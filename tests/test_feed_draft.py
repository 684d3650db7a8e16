"""Drafts of feeds: what a look at a file tells, what is left to a person, how drafts differ from shipped feeds."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feed_files import FEED_FILES, FEED_VARIANTS
from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.config.feeds import Feed, load_feeds, shipped_feeds
from pyspark_interview_project.errors import ConfigurationError, UnreadableInputError
from pyspark_interview_project.schemas.returns_raw import REQUIRED_NAMES
from pyspark_interview_project.sources.feed_draft import Draft, draft_feed
from pyspark_interview_project.sources.sample_values import dates_of, numbers_of

ROWS = 30


@pytest.fixture(scope="module")
def shipped() -> dict[str, Feed]:
    return {feed.feed: feed for feed in load_feeds([shipped_feeds()])}


def drafted(directory: Path, content: bytes, name: str, feeds: Sequence[Feed] = ()) -> Draft:
    path = directory / name.rpartition("/")[2]
    path.write_bytes(content)
    draft = draft_feed(path, name, feeds)
    marked = [line for line in draft.text.splitlines() if line.endswith("  # ?")]
    assert len(marked) == len(draft.uncertain)
    assert set(draft.as_json()) == {"text", "definition", "uncertain"}
    return draft


def loaded(directory: Path, draft: Draft) -> Feed:
    feeds = directory / "feeds"
    feeds.mkdir(exist_ok=True)
    (feeds / "a.yaml").write_text(draft.text, encoding="utf-8")
    (feed,) = load_feeds([feeds])
    return feed


def said(feed: Mapping[str, Any]) -> dict[str, Any]:
    """What a definition says by key: read.encoding, columns.amount, where."""
    found = {key: value for key, value in feed.items() if key not in ("read", "columns") and value}
    for part in ("read", "columns"):
        found.update({f"{part}.{key}": value for key, value in feed.get(part, {}).items()})
    return found


def differences(draft: Mapping[str, Any], feed: Feed) -> set[str]:
    found, shipped = said(draft), said(feed.model_dump(mode="json", by_alias=True, exclude_unset=True))
    return {key for key in found.keys() | shipped.keys() if found.get(key, "-") != shipped.get(key, "-")}


# feed -> the keys of a draft by looking alone that differ from the shipped one: those that it marks; those of which the
# shipped feed knows more variants than this file shows, or tells less; those that no look at this file tells.
Keys = set[str]
LOOKED: dict[str, tuple[Keys, Keys, Keys]] = {
    "amazon_fba": ({"columns.return_id"}, set(), {"where"}),
    "amazon_mfn": ({"columns.return_id", "where"}, {"columns.return_date"}, {"read.encoding", "read.quote"}),
    "magento_credit_memos": (
        {f"columns.{name}" for name in ("return_id", "sku", "qty", "amount", "ingest_ts")},
        set(),
        {"where"},
    ),
    "online_retail_ii": (
        {"read.encoding", "where"}
        | {f"columns.{name}" for name in ("return_id", "order_id", "customer_id", "amount", "return_date")},
        set(),
        set(),
    ),
    "sap_customer_returns": ({"columns.qty", "columns.amount"}, {"read.records", "columns.return_date"}, set()),
    "shopify_refunds": (
        {f"columns.{name}" for name in ("return_id", "customer_id", "amount", "return_date")},
        {"columns.currency"},
        {"where"},
    ),
    "square_items": (
        {f"columns.{name}" for name in ("return_id", "order_id", "sku", "amount", "return_date")},
        set(),
        {"read.encoding"},
    ),
    "stripe_refunds": (
        {f"columns.{name}" for name in ("order_id", "sku", "return_date")} | {"where"},
        {"columns.customer_id", "columns.amount"},
        {"columns.reason", "read.encoding"},
    ),
    "woocommerce_refunds": (
        {f"columns.{name}" for name in ("return_id", "order_id", "sku", "qty", "amount")},
        set(),
        set(),
    ),
}


@pytest.mark.parametrize("name", sorted(LOOKED))
def test_draft_feed_by_looking_alone_differs_from_the_shipped_feed_in_these_keys(
    tmp_path: Path, shipped: dict[str, Feed], name: str
) -> None:
    ending, make = FEED_FILES[name]
    draft = drafted(tmp_path, make(1, ROWS), f"{name}/dt=2026-01-01/a.{ending}")
    marked, narrower, lacking = LOOKED[name]
    differing = differences(whole(draft), shipped[name])
    assert differing == marked | narrower | lacking
    assert marked <= set(draft.uncertain)
    assert not (narrower | lacking) & set(draft.uncertain)
    assert not lacking & said(draft.definition).keys()
    if name == "stripe_refunds":  # its sku is for a person to decide
        with pytest.raises(ConfigurationError, match="columns.sku"):
            loaded(tmp_path, draft)
    else:
        assert loaded(tmp_path, draft).takes(f"{name}/dt=2026-01-01/a.{ending}")


def whole(draft: Draft) -> Mapping[str, Any]:
    """The definition in the long form that a feed has: names in lists, sources as mappings."""
    columns = {key: value for key, value in draft.definition["columns"].items() if value is not None}
    filled = {**draft.definition, "columns": {**dict.fromkeys(REQUIRED_NAMES, {"value": "?"}), **columns}}
    return Feed.model_validate(filled).model_dump(mode="json", by_alias=True, exclude_unset=True)


CASES = [(name, variant) for name, variants in FEED_VARIANTS.items() for variant in variants]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("name", "variant"), CASES, ids=str)
def test_draft_feed_of_a_shipped_feeds_file_is_the_shipped_feed(
    tmp_path: Path, shipped: dict[str, Feed], name: str, variant: Mapping[str, Any], seed: int
) -> None:
    ending, make = FEED_FILES[name]
    draft = drafted(tmp_path, make(seed, ROWS, **variant), f"{name}/a.{ending}", list(shipped.values()))
    assert draft.uncertain == []
    assert f"the shipped feed {name}," in draft.text
    assert loaded(tmp_path, draft).definition_hash == shipped[name].definition_hash


CONTRADICTIONS = {
    "a date in another form": ("refunded date", b"-0", b"/0", {"columns.return_date"}),
    "decimal commas": ("amounts", b"12.50", b'"1.112,50"', {"columns.amount"}),
    "an id that stands twice": ("ids", b"py_2", b"py_1", {"columns.return_id"}),
    "another encoding": ("bytes", b"note", b"\x81", {"read.encoding"}),
}
STRIPE = b"""id,Amount Refunded,Amount,Refunded date (UTC),Currency,Status,Description
py_1,12.50,12.50,2026-03-01 10:00:00,eur,Refunded,note
py_2,12.50,12.50,2026-03-02 10:00:00,eur,Refunded,
"""


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_draft_feed_file_that_a_shipped_feed_would_misread_is_marked(
    tmp_path: Path, shipped: dict[str, Feed], kind: str
) -> None:
    _, old, new, keys = CONTRADICTIONS[kind]
    draft = drafted(tmp_path, STRIPE.replace(old, new), "a.csv", [shipped["stripe_refunds"]])
    assert set(draft.uncertain) == keys == differences(whole(draft), shipped["stripe_refunds"]) - {"feed", "files"}
    loaded(tmp_path, draft)


ERP = """Retouren 2026;;
# Stand 11.01.2026

Retouren-Nr;Auftrag;Artikelnummer;Menge;Betrag;Retourendatum;Grund;Waehrung
R1;A1;100;1;1.234,50;05.01.2026;defekt;EUR
R2;A1;101;2;3,00;13.01.2026;größe;EUR
"""
TABS = "# export\nRMA\tOrder No\tSKU\tQty\tRefund\tAmount\tReturn Date\r\nR1\tO1\tA\t1\tx\t€5.50\t05/01/2026\r\n"
OURS = "return_id,order_id,customer_id,sku,reason,qty,amount,return_date,ingest_ts\n"

# kind -> the file's content and name, the definition, and what is uncertain in it
DRAFTS: dict[str, tuple[bytes, str, Mapping[str, Any], Sequence[str]]] = {
    "our own columns": (
        f"{OURS}R1,O1,C1,A,torn,1,5.50,2026-01-05,2026-01-05T10:00:00Z\n".encode(),
        "returns_2026-01-05.csv",
        {
            "feed": "returns",
            "files": "**/returns_*.csv",
            "read": {"format": "delimited"},
            "columns": {name: name for name in OURS.strip().split(",")},
        },
        [],
    ),
    "an ERP system": (
        ERP.encode("cp1252"),
        "erp/dt=2026-01-20/RETOUREN.CSV",
        {
            "feed": "erp",
            "files": "**/erp/**",
            "read": {"format": "delimited", "delimiter": ";", "encoding": ["utf-8", "cp1252"], "skip_lines": 3},
            "columns": {
                "return_id": "Retouren-Nr",
                "order_id": "Auftrag",
                "sku": "Artikelnummer",
                "reason": "Grund",
                "qty": "Menge",
                "amount": {"from": "Betrag", "decimal": ",", "thousands": "."},
                "return_date": {"from": "Retourendatum", "format": "%d.%m.%Y"},
                "ingest_ts": {"file": "modified"},
                "currency": "Waehrung",
            },
        },
        ["read.encoding", "read.skip_lines", "columns.sku"],
    ),
    "UTF-16, tabs, day and month, a comment": (
        TABS.encode("utf-16"),
        "shop/a.txt",
        {
            "feed": "shop",
            "files": "**/shop/**",
            "read": {"format": "delimited", "delimiter": "\t", "comment": "#"},
            "columns": {
                "return_id": "RMA",
                "order_id": "Order No",
                "sku": "SKU",
                "qty": "Qty",
                "amount": {"sql": "replace(amount, '€', '')"},
                "return_date": {"from": "Return Date", "format": "%m/%d/%Y"},
                "ingest_ts": {"file": "modified"},
            },
        },
        ["read.comment", "columns.return_date"],
    ),
    "MongoDB's export": (
        b'{"_id": {"$oid": "5f"}, "order_id": 5, "sku": "A", "qty": {"$numberInt": "2"}, "amount": '
        b'{"$numberDecimal": "5.50"}, "return_date": "2026-01-05", "updatedAt": {"$date": "2026-01-05T10:00:00Z"}}',
        "mongo/a.json",
        {
            "feed": "mongo",
            "files": "**/mongo/**",
            "read": {"format": "json"},
            "columns": {
                "return_id": "_id.$oid",
                "order_id": "order_id",
                "sku": "sku",
                "qty": "qty.$numberInt",
                "amount": "amount.$numberDecimal",
                "return_date": "return_date",
                "ingest_ts": "updatedAt.$date",
            },
        },
        ["columns.return_id"],
    ),
    "values of no form, directories, delimiters at the end of rows": (
        b"return_id,order_id,customer_id,sku,qty,amount,ingest_ts\nR1,O1,C1,A,two,5.50,2026-01-05T10:00:00Z,\n",
        "shop/return_date=2026-01-05/reason=a%20b/a.csv",
        {
            "feed": "shop",
            "files": "**/shop/**",
            "read": {"format": "delimited"},
            "columns": {name: name for name in OURS.strip().split(",")},
        },
        ["columns.qty"],
    ),
    "another form of a shipped feed's file": (
        b'"return-date","order-id","sku","quantity","reason","status","license-plate-number","asin"\n'
        b'"2026-01-05T15:31:40+00:00","1","A","1","DEFECTIVE","a, b","LPN1","B0"\n',
        "fba/a.csv",
        {
            "feed": "fba",
            "files": "**/fba/**",
            "read": {"format": "delimited", "delimiter": ",", "encoding": ["utf-8", "cp1252"], "quote": '"'},
            "columns": {
                "return_id": {"key": ["order-id", "license-plate-number", "return-date"]},
                "order_id": "order-id",
                "sku": "sku",
                "reason": "reason",
                "qty": "quantity",
                "amount": {"value": "0.00"},
                "return_date": {"from": "return-date", "format": ["%Y-%m-%dT%H:%M:%S%z", "%d-%m-%Y"]},
                "ingest_ts": {"file": "modified"},
            },
            "where": "lower(status) <> 'cancelled'",
        },
        ["read.delimiter", "read.quote"],
    ),
    "nothing that is known": (
        b"a,b\n1,2\n",
        "2026/x.csv",
        {
            "feed": "feed_2026",
            "files": "**/2026/**",
            "read": {"format": "delimited"},
            "columns": {
                "return_id": None,
                "order_id": None,
                "sku": None,
                "qty": {"value": "1"},
                "amount": {"value": "0.00"},
                "return_date": None,
                "ingest_ts": {"file": "modified"},
            },
        },
        [f"columns.{name}" for name in ("return_id", "order_id", "sku", "qty", "amount", "return_date")],
    ),
    "JSON in lines, epochs, updates": (
        b'{"returnId": "R1", "order": {"orderId": 5}, "sku": "A", "qty": 2.0, "refundAmount": 1.5, '
        b'"returnedAt": 1762819200, "updatedAt": "2026-01-05T10:00:00+01:00"}\n',
        "app/a.jsonl",
        {
            "feed": "app",
            "files": "**/app/**",
            "read": {"format": "json"},
            "columns": {
                "return_id": "returnId",
                "order_id": "order.orderId",
                "sku": "sku",
                "qty": "qty",
                "amount": "refundAmount",
                "return_date": {"from": "returnedAt", "format": "%s"},
                "ingest_ts": "updatedAt",
            },
        },
        [],
    ),
}


@pytest.mark.parametrize("kind", DRAFTS)
def test_draft_feed_of_a_file_of_kind_says(tmp_path: Path, shipped: dict[str, Feed], kind: str) -> None:
    content, name, definition, uncertain = DRAFTS[kind]
    draft = drafted(tmp_path, content, name, list(shipped.values()))
    assert draft.definition == definition
    assert draft.uncertain == uncertain
    if None not in definition["columns"].values():
        assert loaded(tmp_path, draft).missing_columns(OWN[kind]) == []


OWN = {
    "MongoDB's export": ["_id.$oid", "order_id", "sku", "qty.$numberInt", "amount.$numberDecimal", "return_date"],
    "values of no form, directories, delimiters at the end of rows": OURS.strip().split(","),
    "another form of a shipped feed's file": ["return-date", "order-id", "sku", "quantity", "license-plate-number"],
    "an ERP system": ["Retouren-Nr", "Auftrag", "Artikelnummer", "Menge", "Betrag", "Retourendatum"],
    "our own columns": OURS.strip().split(","),
    "UTF-16, tabs, day and month, a comment": ["RMA", "Order No", "SKU", "Qty", "Amount", "Return Date"],
    "JSON in lines, epochs, updates": ["returnId", "order.orderId", "sku", "qty", "refundAmount", "returnedAt"],
}


def test_draft_feed_of_a_file_that_a_feed_of_constants_happens_to_fit_has_no_guide(
    tmp_path: Path, shipped: dict[str, Feed]
) -> None:
    content = b"id,sku,qty,amount,created\nR1,A,2,5.50,2026-03-01\n"
    draft = drafted(tmp_path, content, "shop/a.csv", list(shipped.values()))
    assert shipped["stripe_refunds"].missing_columns(["id", "sku", "qty", "amount", "created"]) == []
    assert draft.definition["columns"]["sku"] == "sku"


KNOWN = st.sampled_from(["rma", "Order ID", "sku", "qty", "amount", "price", "date", "updated_at", "status", "id"])
ODD = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), max_size=4)
NAME = st.tuples(ODD | st.just(""), KNOWN | ODD, ODD | st.just("")).map("".join)
CELL = st.sampled_from(["1", "-2.50", "$3", "1.234,5", "16.0", "R1", "2026-01-05", "05/06/26", "refund", "denied", ""])


@given(st.lists(NAME, min_size=2, max_size=7, unique_by=matching_name), st.data(), st.sampled_from(",;\t|"))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_draft_feed_of_any_table_loads_where_all_required_columns_were_found(
    tmp_path: Path, shipped: dict[str, Feed], header: list[str], data: st.DataObject, delimiter: str
) -> None:
    rows = data.draw(st.lists(st.lists(CELL, min_size=len(header), max_size=len(header)), min_size=1, max_size=4))
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([header, *rows])
    try:
        draft = drafted(tmp_path, text.getvalue().encode(), f"{data.draw(ODD)}/a.csv", list(shipped.values()))
    except UnreadableInputError:
        return
    if None not in draft.definition["columns"].values():
        loaded(tmp_path, draft)
    else:
        with pytest.raises(ConfigurationError):
            loaded(tmp_path, draft)


def test_draft_feed_of_parquet_has_no_reading_of_text(tmp_path: Path) -> None:
    table = pa.table({"Return ID": ["R1"], "Order ID": [5], "sku": ["A"], "qty": [1.0], "amount": [5.5], "x": [None]})
    content = io.BytesIO()
    pq.write_table(table, content)
    draft = drafted(tmp_path, content.getvalue(), "shop/a.parquet")
    assert draft.definition["read"] == {"format": "parquet"}
    assert draft.definition["columns"]["return_id"] == "Return ID"
    assert draft.uncertain == ["columns.return_date"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no table"),
        (b"id,sku\n", "no records"),
        (b"x\ny\n", "no table"),
        (b"a\0b", "UTF-16"),
        (b"PAR1", "Parquet"),
    ],
)
def test_draft_feed_of_a_file_without_records_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableInputError, match=problem):
        draft_feed(path, "shop/a.csv", ())


@pytest.mark.parametrize(
    ("values", "formats", "is_sure"),
    [
        (["2026-01-05"], ["%Y-%m-%d"], True),
        (["05/01/2026", "13/01/2026"], ["%d/%m/%Y"], True),
        (["05/01/2026", "01/13/2026"], ["%m/%d/%Y"], True),
        (["05-01-2026"], ["%d-%m-%Y"], False),
        (["09-Sep-2026"], ["%d-%b-%Y"], True),
        (["1762819200000"], ["%Q"], True),
        (["20260105"], ["%Y%m%d"], True),
        (["2026-01-05", *["05.01.2026"] * 3], ["%d.%m.%Y", "%Y-%m-%d"], True),
        (["12345"], None, None),
        ([], None, None),
    ],
)
def test_dates_of_values_have_formats(values: list[str], formats: list[str] | None, is_sure: bool | None) -> None:
    found = dates_of(values)
    assert (
        (None, None) == (formats, is_sure)
        if found is None
        else (list(found.formats), found.is_sure)
        == (
            formats,
            is_sure,
        )
    )


@pytest.mark.parametrize(
    ("values", "keys", "without", "is_negative", "is_sure"),
    [
        (["1.10", "-2"], {}, None, True, True),
        (["1,234.50", "3"], {"thousands": ","}, None, False, True),
        (["1,234"], {"thousands": ","}, None, False, False),
        (["1.234,50", "3"], {"decimal": ",", "thousands": "."}, None, False, True),
        (["1,5"], {"decimal": ","}, None, False, True),
        (["-$1,234.50", "-$1.00"], {"thousands": ","}, "$", True, True),
        (["123.00-"], {}, "-", False, False),
    ],
)
def test_numbers_of_values_have_marks(
    values: list[str], keys: dict[str, str], without: str | None, is_negative: bool, is_sure: bool
) -> None:
    found = numbers_of(values)
    assert found and (found.keys, found.without, found.are_negative, found.is_sure) == (
        keys,
        without,
        is_negative,
        is_sure,
    )
