"""Raw returns as sources deliver them, with their dirt. The same arguments always give the same rows.

In a load are about 2 % repeated ids, 0.2 % rows without an id, padded text in any case, null and negative quantities
and amounts, 301 return dates, 5,001 articles with a long tail and eight reasons. No two rows have one ingest_ts.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Literal

import duckdb

# The day of each run: no date of the data lies behind it.
AS_OF = date(2025, 11, 20)
LAST_DATE, DATES = date(2025, 10, 28), 301
INCREMENT_ROWS, CORRECTED_PERCENT = 100_000, 5
# How many of the last dates a daily increment corrects; the others are for increments that correct any return.
RECENT_DATES = 30
FILES_PER_LOAD = 4

Age = Literal["recent", "any"]
TextFormat = Literal["csv", "jsonl", "export"]

_LOADED_AT, _INCREMENT_AT = "timestamp '2025-11-01'", "timestamp '2025-11-10'"
# `draw(row, k)` is between 0 and 1; each k is a lot of its own. With hash(i, k) one draw would tell the others.
_MACRO = "create or replace temp macro draw(i, k) as hash(i * 16 + k) / 18446744073709551616.0"
_IS_VALID = """
    trim(coalesce(return_id, '')) <> '' and trim(coalesce(sku, '')) <> ''
    and return_date is not null and amount >= 0 and qty > 0
"""


def write_load(rows: int, directory: Path, files: int = FILES_PER_LOAD, dates: int = DATES) -> Path:
    """Write so many raw returns, of so many dates, as Parquet files of equal size. The directory."""
    directory.mkdir(parents=True)
    any_date = f"case when draw(i, 10) >= 0.001 then date '{LAST_DATE}' - (draw(i, 10) * {dates - 1})::int end"
    with duckdb.connect() as connection:
        connection.execute(_MACRO)
        for number in range(files):
            first, behind = rows * number // files, rows * (number + 1) // files
            content = _rows(first, behind, f"(i * 7919) % {rows}", any_date, _LOADED_AT)
            _copy(connection, content, directory / f"part-{number}.parquet")
    return directory


def write_increment(load: Path, path: Path, age: Age, rows: int = INCREMENT_ROWS) -> Path:
    """Write what a day adds to a load, as one Parquet file: new returns of three days, dirt and all, and corrections.

    Only returns that a load has in a valid version are corrected; their dates stay. A correction has another amount,
    quantity and reason. `age`: whether it is of a return of the last 30 dates of the load, or of any.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    corrections = rows * CORRECTED_PERCENT // 100
    with duckdb.connect() as connection:
        connection.execute(_MACRO)
        connection.execute(f"create temp view loaded as select * from read_parquet('{load}/*.parquet')")
        ((first,),) = connection.execute("select count(*) from loaded").fetchall()
        connection.execute(f"create temp table corrections as {_corrections(corrections, age)}")
        behind = first + rows - corrections
        three_dates = f"date '{LAST_DATE}' - 1 + (draw(i, 10) * 3)::int % 3"
        new = _rows(first, behind, f"{first} + (i * 7919) % {rows - corrections}", three_dates, _INCREMENT_AT)
        _copy(connection, f"{new} union all by name from corrections", path)
    return path


def write_text(load: Path, directory: Path, format_: TextFormat) -> Path:
    """Write a load as text, file by file: CSV, JSON Lines, or the export that the feed of the benchmarks takes."""
    directory.mkdir(parents=True)
    options = "format json" if format_ == "jsonl" else f"format csv, header, delimiter '{_DELIMITERS[format_]}'"
    suffix = "jsonl" if format_ == "jsonl" else "csv"
    with duckdb.connect() as connection:
        for file in sorted(load.glob("*.parquet")):
            select = _EXPORT if format_ == "export" else "select *"
            target = directory / f"{file.stem}.{suffix}"
            connection.execute(f"copy ({select} from read_parquet('{file}')) to '{target}' ({options})")
    return directory


def write_three_rows(directory: Path) -> Path:
    """Write a CSV file of three returns, as a person would."""
    directory.mkdir(parents=True)
    lines = ["return_id,order_id,customer_id,sku,reason,qty,amount,return_date,ingest_ts"]
    for number in range(1, 4):
        lines.append(
            f"T{number},O{number},C1,SKU-{number},damaged,1,{number}9.90,2025-10-28,2025-11-10T08:00:0{number}Z"
        )
    (directory / "three.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return directory


_DELIMITERS = {"csv": ",", "export": ";"}
_EXPORT = """
    select return_id as "Return No", order_id as "Order No", customer_id as Customer, sku as Article, reason as Comment,
        qty as Quantity, replace(amount::varchar, '.', ',') as Total, strftime(return_date, '%d.%m.%Y') as Booked,
        ingest_ts as Changed
"""


def _rows(first: int, behind: int, repeated: str, return_date: str, since: str) -> str:
    """The query of rows with the numbers from `first` on; `repeated` is the number whose id a row may repeat."""
    return f"""
        select
            case when draw(i, 1) >= 0.002 then
                ' R' || lpad((case when draw(i, 2) < 0.02 then {repeated} else i end)::varchar, 10, '0')
                || if(draw(i, 3) < 0.1, '  ', '')
            end as return_id,
            'O' || lpad((i // 2)::varchar, 10, '0') as order_id,
            if(draw(i, 4) < 0.05, null, 'C' || lpad((i * 31 % 500000)::varchar, 7, '0')) as customer_id,
            case
                when draw(i, 5) < 0.003 then ''
                when draw(i, 5) < 0.1 then ' sku-' || (pow(draw(i, 6), 3) * 5000)::int || ' '
                else 'SKU-' || (pow(draw(i, 6), 3) * 5000)::int
            end as sku,
            ['damaged', 'Wrong Size', ' not as described', 'changed mind', 'DEFECTIVE', 'late delivery', 'other', null]
                [1 + (draw(i, 7) * 8)::int % 8] as reason,
            case when draw(i, 8) < 0.004 then -1 when draw(i, 8) >= 0.006 then 1 + (draw(i, 8) * 5)::int end as qty,
            case
                when draw(i, 9) < 0.004 then -5.0
                when draw(i, 9) >= 0.008 then round(draw(i, 9) * 500, 2)
            end as amount,
            {return_date} as return_date,
            {since} + to_seconds(i % 86400) + to_microseconds(i // 86400) as ingest_ts
        from range({first}, {behind}) as numbers(i)
    """


def _corrections(count: int, age: Age) -> str:
    """The query of corrections of what a lake keeps: of each return the valid version with the last ingest_ts."""
    since = f"date '{LAST_DATE}' - {RECENT_DATES - 1}" if age == "recent" else "date '0001-01-01'"
    return f"""
        with candidates as (
            select distinct trim(return_id) as id from loaded where return_date >= {since} and {_IS_VALID}
            order by hash(id) limit {2 * count}
        ),
        kept as (
            select * from loaded where trim(return_id) in (from candidates) and {_IS_VALID}
            qualify row_number() over (partition by trim(return_id) order by ingest_ts desc) = 1
        )
        select * replace (
            qty + 1 as qty, round(amount + 1.25, 2) as amount, 'Corrected ' as reason,
            {_INCREMENT_AT} + interval 12 hours + to_microseconds(row_number() over (order by return_id)) as ingest_ts
        )
        from kept where return_date >= {since} order by hash(return_id) limit {count}
    """


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    connection.execute(f"copy ({query}) to '{path}' (format parquet, compression snappy)")
    os.utime(path, (1_762_800_000, 1_762_800_000))
