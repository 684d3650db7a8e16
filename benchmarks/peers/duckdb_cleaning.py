"""The job's rules as a DuckDB user would write them: one query that says of each raw row what is wrong with it."""

from __future__ import annotations

from pathlib import Path

COLUMNS = ("return_id", "order_id", "customer_id", "sku", "reason", "qty", "amount", "return_date", "ingest_ts")
GOLD = "sku, reason, count(*) as return_count, sum(qty) as total_qty, sum(amount) as total_amount"

# The first that holds is the reason.
_BROKEN = {
    "return_id_missing": "nullif(trim(return_id), '') is null",
    "sku_missing": "nullif(trim(sku), '') is null",
    "return_date_missing": "return_date is null",
    "amount_missing": "amount is null",
    "amount_negative": "amount < 0",
    "qty_missing": "qty is null",
    "qty_not_positive": "qty <= 0",
}
_EXPORT = """(
    select "Return No" as return_id, "Order No" as order_id, Customer as customer_id, Article as sku, Comment as reason,
        Quantity::int as qty, replace(Total, ',', '.')::double as amount,
        strptime(Booked, '%d.%m.%Y')::date as return_date, Changed::timestamp as ingest_ts
    from read_csv('{directory}/*.csv', delim = ';', quote = '"', escape = '"', header = true, all_varchar = true)
)"""
_TYPES = """{
    return_id: 'varchar', order_id: 'varchar', customer_id: 'varchar', sku: 'varchar', reason: 'varchar', qty: 'int',
    amount: 'double', return_date: 'date', ingest_ts: 'timestamp'
}"""


def landed(directory: Path, format_: str) -> str:
    """What stands behind `from` to read the files of a directory.

    In text where quotes are rare, DuckDB's guess is that there are none; so it is told.
    """
    if format_ == "export":
        return _EXPORT.format(directory=directory)
    return {
        "parquet": f"read_parquet('{directory}/*.parquet')",
        "csv": f"""read_csv('{directory}/*.csv', quote = '"', escape = '"', header = true, columns = {_TYPES})""",
        "jsonl": f"read_json('{directory}/*.jsonl', format = 'newline_delimited', columns = {_TYPES})",
    }[format_]


def judged(relation: str) -> str:
    """The query of all rows, normalised; `broken` is the reason of a row that cannot be taken, else null."""
    cases = " ".join(f"when {condition} then '{code}'" for code, condition in _BROKEN.items())
    return f"""
        select trim(return_id) as return_id, trim(order_id) as order_id, trim(customer_id) as customer_id,
            upper(trim(sku)) as sku, lower(trim(coalesce(reason, 'unspecified'))) as reason, qty,
            amount::decimal(18, 2) as amount, return_date, ingest_ts, case {cases} end as broken
        from {relation}
    """


def latest(judged_rows: str) -> str:
    """The query of the newest good version of each return."""
    return f"""
        select {', '.join(COLUMNS)} from {judged_rows} where broken is null
        qualify row_number() over (partition by return_id order by ingest_ts desc, amount desc, order_id desc) = 1
    """
