"""What becomes of the files of feed_files.py, worked out without the package, by what each shipped feed decided.

The bytes are read with Python alone, and each feed has a function of its own that is written by hand.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

Row = tuple[Any, ...]
# The values of a return before they are judged, or None for a record that is excluded.
Found = Mapping[str, Any] | None

_TIME = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class Landed:
    """A file of a feed. `path` is relative to the lake."""

    feed: str
    path: str
    content: bytes
    modified: datetime


@dataclass
class Expected:
    """What a lake must hold when the files have gone through it."""

    silver: dict[str, Row] = field(default_factory=dict)  # by return_id: the nine columns and the file
    quarantined: Counter[tuple[str, str | None, tuple[str, ...]]] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)  # by file
    excluded: Counter[str] = field(default_factory=Counter)  # by file
    duplicates: int = 0


def expected_of(files: Sequence[Landed]) -> Expected:
    """`files`: in the order in which they were delivered."""
    expected, versions = Expected(), dict[str, list[tuple[datetime, Row, str]]]()
    for file in files:
        for found in _FEEDS[file.feed](file.content):
            expected.read[file.path] += 1
            if found is None:
                expected.excluded[file.path] += 1
                continue
            row, codes = _judged(found, file.modified)
            if codes:
                expected.quarantined[file.path, row[0], codes] += 1
            else:
                versions.setdefault(row[0], []).append((row[-1], row, file.path))
    for return_id, each in versions.items():
        newest = max(time for time, _, _ in each)
        _, kept, path = [version for version in each if version[0] == newest][-1]
        expected.silver[return_id] = (*kept, path)
        expected.duplicates += sum(row == kept for _, row, _ in each) - 1
    return expected


def _judged(found: Mapping[str, Any], modified: datetime) -> tuple[Row, tuple[str, ...]]:
    """The nine columns as silver has them, and the codes of the rules that are broken."""
    text = {
        name: str(found.get(name) or "").strip() or None for name in ("return_id", "order_id", "customer_id", "sku")
    }
    codes = [f"{name}_missing" for name in ("return_id", "order_id", "sku") if text[name] is None]
    pieces, money = _number(found["qty"]), _number(found["amount"])
    if pieces is None or pieces != int(pieces):
        codes.append("qty_invalid")
    elif pieces <= 0:
        codes.append("qty_not_positive")
    if money is None:
        codes.append("amount_invalid")
    else:
        money = money.quantize(Decimal("0.01"), ROUND_HALF_UP)
        codes += ["amount_negative"] if money < 0 else []
    sku = text["sku"].upper() if text["sku"] else None
    reason = " ".join(str(found.get("reason") or "").lower().split()) or "unspecified"
    day, time = found["return_date"], found.get("ingest_ts", modified)
    return (text["return_id"], text["order_id"], text["customer_id"], sku, reason, pieces, money, day, time), tuple(
        codes
    )


def _number(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _day(text: str, *formats: str) -> date:
    """The day that stands there, in the first format that fits."""
    for format_ in formats:
        try:
            return datetime.strptime(text, format_).date()
        except ValueError:
            continue
    raise ValueError(text)


# Delimited ------------------------------------------------------------------------------------------------------------


def _text(content: bytes, other: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode(other)


def _tabbed(content: bytes) -> list[dict[str, str]]:
    header, *rows = [line.split("\t") for line in _text(content, "cp1252").split("\r\n") if line]
    return [dict(zip(header, row, strict=True)) for row in rows]


def _comma_separated(content: bytes, other: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_text(content, other), newline="")))


def _amazon_fba(content: bytes) -> Iterator[Found]:
    for row in _tabbed(content):
        if row.get("status", "").lower() == "cancelled":
            yield None
            continue
        yield {
            "return_id": f"{row['order-id']}|{row['license-plate-number']}|{row['return-date']}",
            "order_id": row["order-id"],
            "sku": row["sku"],
            "reason": row["reason"],
            "qty": row["quantity"],
            "amount": "0.00",
            "return_date": _day(row["return-date"], "%Y-%m-%dT%H:%M:%S%z", "%d-%m-%Y"),
        }


def _amazon_mfn(content: bytes) -> Iterator[Found]:
    for row in _tabbed(content):
        if row["Return request status"] in ("Denied", "Cancelled"):
            yield None
            continue
        yield {
            "return_id": f"{row['Amazon RMA ID']}|{row['Merchant SKU']}",
            "order_id": row["Order ID"],
            "sku": row["Merchant SKU"],
            "reason": row["Return Reason"],
            "qty": row["Return quantity"],
            "amount": row["Refunded Amount"],
            "return_date": _day(row["Return request date"], "%d-%b-%Y"),
        }


def _online_retail_ii(content: bytes) -> Iterator[Found]:
    for row in _comma_separated(content, "iso-8859-1"):
        invoice, price = row.get("Invoice") or row["InvoiceNo"], row.get("Price") or row["UnitPrice"]
        customer = row["Customer ID"] if "Customer ID" in row else row["CustomerID"]
        if not invoice.startswith("C") or row["StockCode"] in ("D", "M", "POST", "BANK CHARGES"):
            yield None
            continue
        pieces = -Decimal(row["Quantity"])
        yield {
            "return_id": "|".join([invoice, row["StockCode"], row["InvoiceDate"], row["Quantity"], price]),
            "order_id": invoice,
            "customer_id": customer.removesuffix(".0"),
            "sku": row["StockCode"],
            "qty": pieces,
            "amount": pieces * Decimal(price),
            "return_date": _day(row["InvoiceDate"], _TIME, "%m/%d/%Y %H:%M"),
        }


def _square_items(content: bytes) -> Iterator[Found]:
    for row in _comma_separated(content, "cp1252"):
        if row["Event Type"] != "Refund":
            yield None
            continue
        yield {
            "return_id": f"{row['Payment ID']}|{row['Token']}",
            "order_id": row["Transaction ID"],
            "customer_id": row["Customer ID"],
            "sku": row["SKU"] or row["Item"],
            "qty": -Decimal(row["Qty"]),
            "amount": -Decimal(row["Net Sales"].replace("$", "").replace(",", "")),
            "return_date": _day(row["Date"], "%Y-%m-%d", "%m/%d/%y"),
        }


def _stripe_refunds(content: bytes) -> Iterator[Found]:
    for row in _comma_separated(content, "cp1252"):
        if "Amount Refunded" not in row:  # the export of refunds
            of_refund = {"return_id": row["id"], "order_id": row["Charge"], "customer_id": row["Customer"], "qty": 1}
            of_refund |= {"sku": "REFUND", "reason": row["Reason"], "amount": row["Amount"]}
            of_refund["return_date"] = _day(row["Created (UTC)"], "%Y-%m-%d %H:%M")
            yield None if row["Status"] == "pending" else of_refund
            continue
        if row["Status"] == "Failed" or Decimal(row["Amount Refunded"]) == 0:
            yield None
            continue
        yield {
            "return_id": row["id"],
            "order_id": row["PaymentIntent ID"],
            "customer_id": row["Customer ID"],
            "sku": "REFUND",
            "qty": 1,
            "amount": row["Amount Refunded"],
            "return_date": _day(row["Refunded date (UTC)"], _TIME),
        }


# JSON -----------------------------------------------------------------------------------------------------------------


def _elements(content: bytes, *around: str) -> Iterator[dict[str, Any]]:
    """The elements of one array, of a document that has them at the end of `around`, or of lines."""
    try:
        documents = [json.loads(content, parse_float=Decimal)]
    except json.JSONDecodeError:
        documents = [json.loads(line, parse_float=Decimal) for line in content.splitlines()]
        around = ()
    for document in documents:
        for name in around:
            document = document[name] if isinstance(document, dict) else document
        yield from document if isinstance(document, list) else [document]


def _magento_credit_memos(content: bytes) -> Iterator[Found]:
    for memo in _elements(content, "items"):
        day, at = _day(memo["created_at"], _TIME), datetime.strptime(memo["updated_at"], _TIME).replace(tzinfo=UTC)
        of_memo = {"order_id": memo["order_id"], "return_date": day, "ingest_ts": at}
        if not memo["items"]:
            whole = {"return_id": f"{memo['increment_id']}|", "sku": "ADJUSTMENT", "qty": 1}
            yield {**of_memo, **whole, "amount": memo["adjustment"]}
        for item in memo["items"]:
            of_item = {"return_id": f"{memo['increment_id']}|{item['entity_id']}", "sku": item["sku"]}
            is_return = item["qty"] != 0
            amount = item["row_total_incl_tax"]
            yield {**of_memo, **of_item, "qty": item["qty"], "amount": amount} if is_return else None


def _sap_customer_returns(content: bytes) -> Iterator[Found]:
    names = ("d", "results") if b'"results"' in content else ("value",)
    for item in _elements(content, *names):
        day = item["to_CustomerReturn"]["CustomerReturnDate"]
        if day.startswith("/Date("):
            day = datetime.fromtimestamp(int(day[6:-2]) / 1000, UTC).strftime("%Y-%m-%d")
        yield {
            "return_id": f"{item['CustomerReturn']}|{item['CustomerReturnItem']}",
            "order_id": item["ReferenceSDDocument"],
            "customer_id": item["to_CustomerReturn"]["SoldToParty"],
            "sku": item["Material"],
            "reason": item["ReturnReason"],
            "qty": item["RequestedQuantity"],
            "amount": item["NetAmount"].strip("-"),
            "return_date": _day(day, "%Y-%m-%d"),
        }


def _shopify_refunds(content: bytes) -> Iterator[Found]:
    for refund in _elements(content, "refunds"):
        if not refund["refund_line_items"]:
            yield None
        for line in refund["refund_line_items"]:
            yield {
                "return_id": line["id"],
                "order_id": refund["order_id"],
                "sku": line["line_item"]["sku"],
                "reason": refund["note"],
                "qty": line["quantity"],
                "amount": line["subtotal"] + line["total_tax"],
                "return_date": _day(refund["processed_at"] or refund["created_at"], "%Y-%m-%dT%H:%M:%S%z"),
            }


def _woocommerce_refunds(content: bytes) -> Iterator[Found]:
    for refund in _elements(content):
        day = _day(refund["date_created"], "%Y-%m-%dT%H:%M:%S")
        of_refund = {"order_id": refund["parent_id"], "reason": refund["reason"], "return_date": day}
        if not refund["line_items"]:
            no_lines = {"return_id": f"{refund['id']}|", "sku": "NO-LINES", "qty": 1}
            yield {**of_refund, **no_lines, "amount": refund["amount"]}
        for line in refund["line_items"]:
            yield {
                **of_refund,
                "return_id": f"{refund['id']}|{line['id']}",
                "sku": line["sku"],
                "qty": str(line["quantity"]).removeprefix("-"),
                "amount": -(Decimal(line["total"]) + Decimal(line["total_tax"])),
            }


_FEEDS: Mapping[str, Callable[[bytes], Iterator[Found]]] = {
    function.__name__.removeprefix("_"): function
    for function in (
        *(_amazon_fba, _amazon_mfn, _online_retail_ii, _square_items, _stripe_refunds),
        *(_magento_credit_memos, _sap_customer_returns, _shopify_refunds, _woocommerce_refunds),
    )
}
