"""The tables of the lake: columns, partitions, constraints. A table is added here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pyspark_interview_project.config import paths
from pyspark_interview_project.schemas.columns import Column

_BATCH_ID = Column("batch_id", "string", False, "batch that wrote this row")
_SOURCE_FILE = Column("source_file", "string", False, "landed file it came from, relative to the root of the lake")


_SOURCE_RECORD = Column("source_record", "long", True, "its number in that file, from 1; null in rows of old versions")


@dataclass(frozen=True)
class TableContract:
    """A Delta table: `place` is relative to the root of the lake; `checks`, by name, compare plain columns."""

    name: str
    place: str
    description: str
    columns: tuple[Column, ...]
    partition_by: tuple[str, ...] = ()
    checks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    near_unique: tuple[str, ...] = ()  # columns for which a dictionary costs more than it saves

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


SILVER = TableContract(
    name="silver_returns",
    place=paths.SILVER_RETURNS,
    description="Each return once: the newest version that passed every rule",
    columns=(
        Column("return_id", "string", False, "key of the return"),
        Column("order_id", "string", False, "order that the returned goods came from"),
        Column("customer_id", "string", True, "who returned them, where known"),
        Column("sku", "string", False, "stock keeping unit, upper case"),
        Column("reason", "string", False, "why, lower case; unspecified where none was given"),
        Column("qty", "integer", False, "returned pieces"),
        Column("amount", "decimal(18,2)", False, "refund for the whole return, in the shop's currency"),
        Column("return_date", "date", False, "calendar day of the return"),
        Column("ingest_ts", "timestamp", True, "when the source recorded this version, UTC"),
        _BATCH_ID,
        _SOURCE_FILE,
        _SOURCE_RECORD,
    ),
    partition_by=("return_date",),
    checks=MappingProxyType({"qty_positive": "qty > 0", "amount_not_negative": "amount >= 0"}),
    near_unique=("return_id", "order_id", "customer_id", "ingest_ts"),
)

QUARANTINE = TableContract(
    name="quarantine_returns",
    place=paths.QUARANTINED_RETURNS,
    description="Every rejected record as it was delivered, with the reasons; never deduplicated",
    columns=(
        Column("quarantine_id", "string", False, "key of the rejected record"),
        Column("return_id", "string", True, "key of the return, where readable"),
        Column("return_date", "date", True, "calendar day of the return, where readable"),
        Column("raw_record", "string", False, "the delivered text; for Parquet a JSON object of our columns as text"),
        Column("reasons", "array<string>", False, "every reason code that applies"),
        _SOURCE_FILE,
        _SOURCE_RECORD,
        _BATCH_ID,
        Column("quarantined_at", "timestamp", False, "when it was rejected, UTC"),
        Column("attempts", "integer", False, "how often it was validated"),
    ),
    near_unique=("quarantine_id", "return_id", "raw_record"),
)


def _gold(name: str, place: str, by: Column, description: str) -> TableContract:
    return TableContract(
        name=name,
        place=place,
        description=description,
        columns=(
            by,
            Column("reason", "string", False, "why the goods came back"),
            Column("return_count", "long", False, "number of returns"),
            Column("total_qty", "long", False, "returned pieces"),
            Column("total_amount", "decimal(38,2)", False, "refunds, in the shop's currency"),
        ),
    )


GOLD_BY_SKU_REASON = _gold(
    "gold_returns_by_sku_reason",
    paths.GOLD_BY_SKU_REASON,
    Column("sku", "string", False, "stock keeping unit"),
    "What is being returned, why, and for how much",
)
GOLD_BY_DATE_REASON = _gold(
    "gold_returns_by_date_reason",
    paths.GOLD_BY_DATE_REASON,
    Column("return_date", "date", False, "calendar day of the returns"),
    "When it is being returned, why, and for how much",
)
GOLD_TABLES = (GOLD_BY_SKU_REASON, GOLD_BY_DATE_REASON)
TABLES = (SILVER, QUARANTINE, *GOLD_TABLES)
