"""Files of the shipped feeds as shops and marketplaces export them, with made-up content: a function a feed.

Each takes a seed and how many rows (JSON: documents' elements) there are, and gives the file's bytes.
"""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

_REASONS = ("DEFECTIVE", "UNWANTED_ITEM", "NOT_AS_DESCRIBED", "ORDERED_WRONG_ITEM", "QUALITY_UNACCEPTABLE")
_WORDS = ("Mug", "Lamp", "Kettle", "Chair", "Cushion", "Bottle", "Clock", "Basket")
_START = datetime(2026, 1, 3, 8, 15, 30, tzinfo=UTC)


def _times(random_: random.Random, count: int) -> list[datetime]:
    """Later and later times, over more than a month: so that some days are greater than 12."""
    times = [_START + timedelta(minutes=random_.randint(0, 60 * 24 * 80)) for _ in range(count)]
    return sorted(times)


def _money(random_: random.Random) -> str:
    return f"{random_.randint(100, 250_000) / 100:.2f}"


def _delimited(
    header: Sequence[str], rows: Sequence[Sequence[str]], delimiter: str = ",", encoding: str = "utf-8"
) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows([header, *rows])
    return text.getvalue().encode(encoding)


def _tabs(header: Sequence[str], rows: Sequence[Sequence[str]], encoding: str) -> bytes:
    """Tab-separated text in which quotes are text."""
    return "".join("\t".join(row) + "\r\n" for row in [header, *rows]).encode(encoding)


def _without(
    header: Sequence[str], rows: Sequence[Sequence[str]], names: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    kept = [number for number, name in enumerate(header) if name not in names]
    return [header[number] for number in kept], [[row[number] for number in kept] for row in rows]


def amazon_fba(seed: int, count: int, encoding: str = "cp1252", without: Sequence[str] = ()) -> bytes:
    """Both forms of dates, quotes that are text, one unit a line, some orders with two units of one SKU."""
    random_ = random.Random(seed)
    header = ["return-date", "order-id", "sku", "asin", "fnsku", "product-name", "quantity", "fulfillment-center-id"]
    header += ["detailed-disposition", "reason", "status", "license-plate-number", "customer-comments"]
    rows: list[list[str]] = []
    for number, time in enumerate(_times(random_, count)):
        word = random_.choice(_WORDS)
        date = time.strftime("%d-%m-%Y") if number % 4 == 3 else time.isoformat()
        order = rows[-1][1] if number % 5 == 1 else f"{random_.randint(100, 999)}-{number:07}"
        comment = random_.choice(["", '"It broke" on the way', "zu groß – nicht wie beschrieben", "too big"])
        rows.append(
            [date, order, f"{word.upper()}-{number % 7}", f"B0{number:08}", f"X00{number:07}"]
            + [f'"Deluxe" {word} 3"', "1", "LEJ1", random_.choice(["SELLABLE", "CUSTOMER_DAMAGED"])]
            + [random_.choice(_REASONS), "Unit returned to inventory", f"LPN{number:09}", comment]
        )
    if encoding == "utf-8" or "customer-comments" not in without:
        rows[0][-1] = "abîmé"
    return _tabs(*_without(header, rows, without), encoding)


def amazon_mfn(seed: int, count: int, encoding: str = "utf-8", item_id: bool = True) -> bytes:
    """An RMA of several SKUs; denied and cancelled requests; with or without the column that was added."""
    random_ = random.Random(seed)
    header = ["Order ID", "Order date", "Return request date", "Return request status", "Amazon RMA ID"]
    header += ["Merchant RMA ID", "Label type", "Label cost", "Currency code", "Return carrier", "Tracking ID"]
    header += ["Label to be paid by", "A-to-Z Claim", "Is prime", "ASIN", "Merchant SKU", "Item Name"]
    header += ["Return quantity", "Return Reason", "In policy", "Return type", "Resolution", "Order Amount"]
    header += ["Order quantity", "Refunded Amount", *(["Order Item ID"] if item_id else [])]
    rows = []
    for number, time in enumerate(_times(random_, count)):
        rma = number - number % 3 if number % 3 < 2 else number
        state = ("Approved", "Approved", "Denied", "Cancelled", "Approved")[number % 5]
        money = _money(random_)
        rows.append(
            [f"303-{rma:07}", (time - timedelta(9)).strftime("%d-%b-%Y"), time.strftime("%d-%b-%Y"), state]
            + [f"D{rma:06}RRMA", "", "AmazonUnPaidLabel", "0.00", "EUR", "DHL", "", "Customer", "N", "N"]
            + [f"B0{number:08}", f"SKU-{number % 11:03}", f'Lampe 12" {number}', str(1 + number % 2)]
            + [random_.choice(["AMZ-PG-BAD-DESC", "CR-SWITCHEROO"]), "Y", "C-Returns", "StandardRefund", money]
            + ["2", money if state == "Approved" else "", *([f"{number:011}"] if item_id else [])]
        )
    return _tabs(header, rows, encoding)


def _json(elements: Sequence[Mapping[str, Any]], around: Callable[[Any], Any], layout: str) -> bytes:
    """`layout`: pretty (one document), line (the same on one line), lines (an element a line), array."""
    if layout == "lines":
        return "".join(json.dumps(element) + "\n" for element in elements).encode()
    whole = list(elements) if layout == "array" else around(list(elements))
    return json.dumps(whole, indent=2 if layout == "pretty" else None).encode()


def shopify_refunds(seed: int, count: int, layout: str = "pretty") -> bytes:
    """Refunds of several lines, some without lines, some never processed."""
    random_ = random.Random(seed)
    refunds = []
    for number, time in enumerate(_times(random_, count)):
        lines = [
            {
                "id": 100_000 + 10 * number + line,
                "line_item_id": 7 * number + line,
                "quantity": 1 + line,
                "restock_type": "return",
                "subtotal": float(_money(random_)),
                "total_tax": 3.98,
                "subtotal_set": {"shop_money": {"amount": _money(random_), "currency_code": "USD"}},
                "line_item": {"id": 7 * number + line, "sku": f"SKU-{number}-{line}", "price": "199.00", "quantity": 3},
            }
            for line in range(number % 4)
        ]
        at = time.strftime("%Y-%m-%dT%H:%M:%S-05:00")
        refunds.append(
            {
                "id": 500_000 + number,
                "order_id": 450_000 + number // 2,
                "created_at": at,
                "note": random_.choice(["it broke", "wrong size", ""]),
                "user_id": 548_380_009,
                "processed_at": at if number % 5 else None,
                "refund_line_items": lines,
                "transactions": [{"id": number, "amount": _money(random_), "kind": "refund", "currency": "USD"}],
                "order_adjustments": [],
            }
        )
    return _json(refunds, lambda elements: {"refunds": elements}, layout)


def woocommerce_refunds(seed: int, count: int, layout: str = "array") -> bytes:
    """Negative lines, some refunds without lines."""
    random_ = random.Random(seed)
    refunds = [
        {
            "id": 700 + number,
            "parent_id": 600 + number // 2,
            "date_created": time.strftime("%Y-%m-%dT%H:%M:%S"),
            "amount": _money(random_),
            "reason": random_.choice(["Too small", "", "Broken"]),
            "refunded_by": 1,
            "meta_data": [],
            "line_items": [
                {
                    "id": 3_000 + 10 * number + line,
                    "name": random_.choice(_WORDS),
                    "product_id": 40 + line,
                    "quantity": -1 - line,
                    "total": f"-{_money(random_)}",
                    "total_tax": "-5.49",
                    "sku": f"mug-{number}-{line}",
                    "price": 7.95,
                }
                for line in range(number % 3)
            ],
        }
        for number, time in enumerate(_times(random_, count))
    ]
    return _json(refunds, lambda elements: elements, layout)


def magento_credit_memos(seed: int, count: int, layout: str = "line") -> bytes:
    """Memos of several items, some of no pieces; adjustments without items."""
    random_ = random.Random(seed)
    memos = [
        {
            "adjustment": 5.5 if number % 4 == 0 else 0,
            "base_grand_total": 25.5,
            "created_at": time.strftime("%Y-%m-%d %H:%M:%S"),
            "updated_at": (time + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S"),
            "entity_id": 1 + number,
            "increment_id": f"{number:09}",
            "order_id": 70 + number,
            "state": 2,
            "items": [
                {
                    "entity_id": 90 + 10 * number + line,
                    "name": random_.choice(_WORDS),
                    "order_item_id": 10 * number + line,
                    "qty": line % 3,
                    "sku": f"SKU-{number}-{line}",
                    "price": 20,
                    "row_total": 20.0 * (line % 3),
                    "row_total_incl_tax": 23.8 * (line % 3),
                }
                for line in range(1, 1 + number % 4)
            ],
            "comments": [],
        }
        for number, time in enumerate(_times(random_, count))
    ]
    return _json(memos, lambda elements: {"items": elements, "search_criteria": {}, "total_count": count}, layout)


def sap_customer_returns(seed: int, count: int, layout: str = "line", version: int = 2) -> bytes:
    """OData 2 or 4: a minus behind or before numbers, dates since 1970 or as days."""
    random_ = random.Random(seed)
    items = []
    for number, time in enumerate(_times(random_, count)):
        header = 60_000_000 + number // 2
        day = time.replace(hour=0, minute=0, second=0)
        money = _money(random_)
        items.append(
            {
                "CustomerReturn": str(header),
                "CustomerReturnItem": str(10 + 10 * (number % 2)),
                "Material": f"TG{number % 9:02}",
                "RequestedQuantity": f"{1 + number % 3}.000",
                "RequestedQuantityUnit": "PC",
                "NetAmount": f"{money}-" if version == 2 else money,
                "TransactionCurrency": "EUR",
                "ReferenceSDDocument": str(4_711 + number // 2),
                "ReturnReason": f"{number % 4:03}",
                "to_CustomerReturn": {
                    "CustomerReturn": str(header),
                    "SoldToParty": f"1710000{number % 5}",
                    "CustomerReturnDate": (
                        f"/Date({int(day.timestamp()) * 1000})/" if version == 2 else f"{day:%Y-%m-%d}"
                    ),
                },
            }
        )
    around = {2: lambda elements: {"d": {"results": elements}}, 4: lambda elements: {"value": elements}}
    return _json(items, around[version], layout)


def stripe_refunds(seed: int, count: int, encoding: str = "utf-8", of_refunds: bool = False) -> bytes:
    """Payments with what was refunded of them; `of_refunds`: the other export, which has other names for the same."""
    random_ = random.Random(seed)
    if of_refunds:
        refunds = [
            [f"re_{number:06}", time.strftime("%Y-%m-%d %H:%M"), _money(random_), "eur"]
            + ["pending" if number % 5 == 2 else "succeeded", random_.choice(["", "duplicate"]), f"cus_{number % 9}"]
            + ["" if number % 4 == 3 else f"ch_{number:06}"]
            for number, time in enumerate(_times(random_, count))
        ]
        names = ["id", "Created (UTC)", "Amount", "Currency", "Status", "Reason", "Customer", "Charge"]
        return _delimited(names, refunds, encoding=encoding)
    header = ["id", "Created date (UTC)", "Amount", "Amount Refunded", "Currency", "Captured", "Fee", "Status"]
    header += ["Description", "Customer ID", "Customer Email", "Refunded date (UTC)", "PaymentIntent ID"]
    rows = []
    for number, time in enumerate(_times(random_, count)):
        is_refunded = number % 3 != 1
        money = _money(random_)
        rows.append(
            [f"py_{number:06}", (time - timedelta(3)).strftime("%Y-%m-%d %H:%M:%S"), money]
            + [money if is_refunded else "0.00", "eur", "true", "0.55"]
            + ["Failed" if number % 10 == 6 else "Refunded" if is_refunded else "Paid", 'An order, with "words"']
            + [f"cus_{number % 9}", "a@b.example", time.strftime("%Y-%m-%d %H:%M:%S") if is_refunded else ""]
            + [f"pi_{number:06}"]
        )
    return _delimited(header, rows, encoding=encoding)


def square_items(seed: int, count: int, encoding: str = "utf-8", iso_dates: bool = False) -> bytes:
    """Sales and refunds; money with signs and thousands; SKUs that are blank."""
    random_ = random.Random(seed)
    header = ["Date", "Time", "Time Zone", "Category", "Item", "Qty", "Price Point Name", "SKU", "Modifiers Applied"]
    header += ["Gross Sales", "Discounts", "Net Sales", "Tax", "Transaction ID", "Payment ID", "Device Name", "Notes"]
    header += ["Event Type", "Location", "Customer ID", "Token"]
    rows = []
    for number, time in enumerate(_times(random_, count)):
        sign, quantity = ("-", "-1.0") if number % 3 == 0 else ("", "1.0")
        money = f"{sign}${random_.randint(100, 250_000) / 100:,.2f}"
        rows.append(
            [time.strftime("%Y-%m-%d" if iso_dates else "%m/%d/%y"), time.strftime("%H:%M:%S"), "Eastern Time (US)"]
            + ["Kitchen", random_.choice(_WORDS), quantity, "Regular", "" if number % 4 == 1 else f"SQ-{number % 8}"]
            + ["", money, "$0.00", money, f"{sign}$0.00", f"TX{number // 2:05}", f"PAY{number // 2:05}", "Register 1"]
            + ["", "Refund" if sign else "Payment", "Main Street", f"CUST{number % 6}", f"TOKEN{number:05}"]
        )
    return _delimited(header, rows, encoding=encoding)


def online_retail_ii(seed: int, count: int, encoding: str = "iso-8859-1", first_edition: bool = False) -> bytes:
    """Sales, and returns whose invoices begin with C; equal lines that stand twice; codes that are no goods."""
    random_ = random.Random(seed)
    header = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
    if first_edition:
        header = ["InvoiceNo", *header[1:5], "UnitPrice", "CustomerID", "Country"]
    rows: list[list[str]] = []
    for number, time in enumerate(_times(random_, count)):
        is_return = number % 3 == 0
        date = (
            f"{time.month}/{time.day}/{time.year} {time.hour}:{time:%M}"
            if first_edition
            else f"{time:%Y-%m-%d %H:%M:%S}"
        )
        code = "M" if number % 9 == 3 else f"{22_000 + number % 12}"
        row = [f"{'C' if is_return else ''}{489_000 + number // 2}", code, f"{random_.choice(_WORDS).upper()} £ SIGN"]
        row += [str(random_.randint(1, 20) * (-1 if is_return else 1)), date, f"{random_.randint(10, 2_000) / 100:.2f}"]
        rows.append([*row, "" if number % 5 == 4 else "16321.0", "United Kingdom"])
        if number % 10 == 9:
            rows.append(rows[-1])
    return _delimited(header, rows[:count], encoding=encoding)


# feed -> the end of its files' names, and what makes them
FEED_FILES: Mapping[str, tuple[str, Callable[..., bytes]]] = {
    "amazon_fba": ("txt", amazon_fba),
    "amazon_mfn": ("txt", amazon_mfn),
    "magento_credit_memos": ("json", magento_credit_memos),
    "online_retail_ii": ("csv", online_retail_ii),
    "sap_customer_returns": ("json", sap_customer_returns),
    "shopify_refunds": ("json", shopify_refunds),
    "square_items": ("csv", square_items),
    "stripe_refunds": ("csv", stripe_refunds),
    "woocommerce_refunds": ("json", woocommerce_refunds),
}

# feed -> the variants of its files, as the arguments of its function
FEED_VARIANTS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "amazon_fba": [{}, {"encoding": "utf-8"}, {"without": ["status"]}, {"without": ["customer-comments"]}],
    "amazon_mfn": [{}, {"item_id": False}, {"encoding": "cp1252"}],
    "magento_credit_memos": [{}, {"layout": "pretty"}, {"layout": "lines"}],
    "online_retail_ii": [{}, {"first_edition": True}, {"encoding": "utf-8"}],
    "sap_customer_returns": [{}, {"version": 4}, {"layout": "lines"}, {"layout": "pretty"}, {"layout": "array"}],
    "shopify_refunds": [{}, {"layout": "line"}, {"layout": "lines"}, {"layout": "array"}],
    "square_items": [{}, {"iso_dates": True}, {"encoding": "cp1252"}],
    "stripe_refunds": [{}, {"encoding": "cp1252"}, {"of_refunds": True}],
    "woocommerce_refunds": [{}, {"layout": "lines"}, {"layout": "pretty"}],
}
