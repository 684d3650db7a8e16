"""What a lake holds, as plain Python rows: read with deltalake and pyarrow alone, without the package."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

Row = tuple[Any, ...]

SILVER = "silver/returns"
QUARANTINE = "quarantine/returns"
GOLD_BY_SKU_REASON = "gold/returns_by_sku_reason"
GOLD_BY_DATE_REASON = "gold/returns_by_date_reason"
TABLES = (SILVER, QUARANTINE, GOLD_BY_SKU_REASON, GOLD_BY_DATE_REASON)

CONTENT = ("return_id", "order_id", "customer_id", "sku", "reason", "qty", "amount", "return_date", "ingest_ts")
MEASURES = ("return_count", "total_qty", "total_amount")


def rows(root: Path, place: str, names: Sequence[str] | None = None) -> list[Row]:
    """The rows of a table, sorted; `names`: of these columns, in this order."""
    table = DeltaTable(str(root / place)).to_pyarrow_table(columns=list(names) if names else None)
    return in_order(zip(*[column.to_pylist() for column in table.columns], strict=True))


def silver(root: Path) -> list[Row]:
    """The nine columns of silver; ingest_ts in UTC."""
    return rows(root, SILVER, CONTENT)


def gold_by_sku_reason(root: Path) -> list[Row]:
    return rows(root, GOLD_BY_SKU_REASON, ("sku", "reason", *MEASURES))


def gold_by_date_reason(root: Path) -> list[Row]:
    return rows(root, GOLD_BY_DATE_REASON, ("return_date", "reason", *MEASURES))


def quarantined(root: Path) -> Counter[tuple[str, str | None, tuple[str, ...]]]:
    """How often quarantine has each (source_file, return_id, reason codes)."""
    found = rows(root, QUARANTINE, ("source_file", "return_id", "reasons"))
    return Counter((source_file, return_id, tuple(codes)) for source_file, return_id, codes in found)


def everything(root: Path) -> dict[str, tuple[int, list[Row]]]:
    """Version and rows of every table: equal before and after what must change none of them."""
    return {place: (version(root, place), rows(root, place)) for place in TABLES}


def comparable(root: Path) -> dict[str, list[Row]]:
    """The rows of every table, all columns but the time at which a row was quarantined."""
    return {place: rows(root, place, _comparable_columns(root, place)) for place in TABLES}


def _comparable_columns(root: Path, place: str) -> list[str]:
    return sorted({field.name for field in DeltaTable(str(root / place)).schema().fields} - {"quarantined_at"})


def version(root: Path, place: str) -> int:
    return DeltaTable(str(root / place)).version()


def versions(root: Path) -> dict[str, int]:
    return {place: version(root, place) for place in TABLES}


def facts(root: Path, place: str) -> dict[str, int]:
    """Version, rows and bytes of a table, as the run record states them."""
    table = DeltaTable(str(root / place))
    sizes = [Path(uri.removeprefix("file://")).stat().st_size for uri in table.file_uris()]
    return {"version": table.version(), "rows": len(rows(root, place)), "bytes": sum(sizes)}


def commit_notes(root: Path, place: str) -> list[dict[str, Any]]:
    """What the pipeline's commits of a table say of themselves, the newest first; commits of others left out."""
    history = DeltaTable(str(root / place)).history()
    return [json.loads(entry["userMetadata"]) for entry in history if "userMetadata" in entry]


def latest_run_record(root: Path) -> dict[str, Any]:
    return read_json(root / "metrics" / "pipeline_metrics.json")


def run_records(root: Path) -> list[dict[str, Any]]:
    """Every run record, the oldest first."""
    return [read_json(path) for path in sorted((root / "metrics" / "runs").glob("*.json"))]


def batch_states(root: Path) -> list[tuple[str, str]]:
    """(batch id, planned, committed or abandoned) of every batch, the oldest first."""
    states = []
    for plan in sorted((root / "ops" / "batches").glob("*/plan.json")):
        ended = [name for name in ("committed", "abandoned") if plan.with_name(f"{name}.json").exists()]
        states.append((plan.parent.name, ended[0] if ended else "planned"))
    return states


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def in_order(unordered: Any) -> list[Row]:
    """The rows sorted, nulls first."""
    return sorted(unordered, key=lambda row: [(value is not None, value) for value in row])
