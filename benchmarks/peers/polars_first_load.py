"""The first load as a Polars user would write it: clean, keep the latest of each return, partition, aggregate.

python -m benchmarks.peers.polars_first_load LANDED OUTPUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

_BROKEN = {
    "return_id_missing": pl.col("return_id").fill_null("") == "",
    "sku_missing": pl.col("sku").fill_null("") == "",
    "return_date_missing": pl.col("return_date").is_null(),
    "amount_missing": pl.col("amount").is_null(),
    "amount_negative": pl.col("amount") < 0,
    "qty_missing": pl.col("qty").is_null(),
    "qty_not_positive": pl.col("qty") <= 0,
}


def main(directory: str, output: str) -> None:
    target = Path(output)
    target.mkdir(parents=True)
    judged = (
        pl.scan_parquet(f"{directory}/*.parquet")
        .with_columns(pl.col("return_id", "order_id", "customer_id", "sku", "reason").str.strip_chars())
        .with_columns(
            pl.col("sku").str.to_uppercase(),
            pl.col("reason").str.to_lowercase().fill_null("unspecified"),
            pl.col("amount").cast(pl.Decimal(18, 2)),
        )
        .with_columns(
            broken=pl.coalesce(
                pl.when(condition).then(pl.lit(code)).otherwise(pl.lit(None, pl.String))
                for code, condition in _BROKEN.items()
            )
        )
        .collect(engine="streaming")
    )
    good = judged.filter(pl.col("broken").is_null()).drop("broken")
    silver = good.sort("ingest_ts", descending=True).unique("return_id", keep="first")
    silver.write_parquet(target / "silver", partition_by="return_date")
    judged.filter(pl.col("broken").is_not_null()).write_parquet(target / "quarantine.parquet")
    totals = (pl.len().alias("return_count"), pl.sum("qty").alias("total_qty"), pl.sum("amount").alias("total_amount"))
    silver.group_by("sku", "reason").agg(*totals).write_parquet(target / "gold.parquet")


if __name__ == "__main__":
    main(*sys.argv[1:])
