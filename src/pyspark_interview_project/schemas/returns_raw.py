"""The raw record: what a landed file delivers of one return.

Engines ignore declared nullability when they read files. The rules of schemas/rules.py and the constraints of silver
enforce this contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark_interview_project.engine import StructType
from pyspark_interview_project.schemas.columns import Column, struct_type

if TYPE_CHECKING:
    returns_raw_schema: StructType

RAW_COLUMNS = (
    Column("return_id", "string", False, "key of the return; corrections carry the same one"),
    Column("order_id", "string", False, "order that the returned goods came from"),
    Column("customer_id", "string", True, "who returned them, where known"),
    Column("sku", "string", True, "stock keeping unit; upper case in silver"),
    Column("reason", "string", True, "why, in the customer's or the shop's words; lower case in silver"),
    Column("qty", "integer", True, "returned pieces, more than none"),
    Column(
        "amount", "double", True, "refund for the whole return, in the shop's currency; exact to the cent in silver"
    ),
    Column("return_date", "date", True, "calendar day of the return"),
    Column("ingest_ts", "timestamp", True, "when the source recorded this version; the greatest one wins"),
)
RAW_NAMES = tuple(column.name for column in RAW_COLUMNS)

# A file may say the currency of its amounts. It is judged and not kept: a lake has one.
CURRENCY = "currency"
DELIVERED_NAMES = (*RAW_NAMES, CURRENCY)

# Without one of these columns a file cannot have a good row. The others may be null, so a file may lack them.
REQUIRED_NAMES = ("return_id", "order_id", "sku", "qty", "amount", "return_date")


def __getattr__(name: str) -> Any:
    # Built on demand: a StructType belongs to an engine, and importing this module must not choose one.
    if name == "returns_raw_schema":
        return struct_type(RAW_COLUMNS)
    raise AttributeError(f"module {__name__} has no attribute {name}")
