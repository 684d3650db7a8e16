"""Land real-shaped returns: a TPC-DS return table as files of the three formats under DATA_ROOT/bronze/returns_raw.

usage: python samples/land_tpcds_returns.py DATA_ROOT [--table catalog_returns|web_returns] [--scale 1]

`tpcgen-cli` makes the tables, DuckDB maps them to the nine columns of `returns_raw`. The same table and scale give the
same files on every run, so a landing that was killed is simply done again.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import duckdb

MARKER_NAME = "_landed.json"  # written last; a leading underscore means "not data" to the pipeline
DIMENSION_TABLES = ("item", "reason", "date_dim", "customer")


class LandingError(Exception):
    """The landing failed; the message is one line or the generator's own words."""


class ScaleMismatchError(LandingError):
    """The place already holds the same table at another scale: a wrong request, nothing was started."""


@dataclass(frozen=True)
class ReturnTable:
    """How one TPC-DS return table names what we need."""

    prefix: str  # of its columns
    id_prefix: str  # of our return_id
    amount_column: str


RETURN_TABLES = {
    "catalog_returns": ReturnTable(prefix="cr", id_prefix="CR", amount_column="cr_return_amount"),
    "web_returns": ReturnTable(prefix="wr", id_prefix="WR", amount_column="wr_return_amt"),
}

# The rows of an order go to one file: order number modulo the number of files is the file's place in this list.
LANDED_FILE_NAMES = (
    "returns-0.parquet",
    "returns-1.parquet",
    "returns-2.jsonl",
    "returns-3.jsonl.gz",
    "returns-4.csv",
    "returns-5.csv.gz",
)


def landing_directory(data_root: Path, table: str) -> Path:
    """Return where the files of this table land. No dt= directory: what lands is the same on any day."""
    return data_root / "bronze" / "returns_raw" / f"tpcds_{table}"


def landed_rows(data_root: Path, table: str, scale: float) -> int | None:
    """Return the number of rows if this table is completely landed at this scale, else None.

    Raises: ScaleMismatchError if it is completely landed at another scale.
    """
    directory = landing_directory(data_root, table)
    try:
        marker = json.loads((directory / MARKER_NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if marker["scale"] != scale:
        raise ScaleMismatchError(f"{directory} holds scale {marker['scale']:g}: use another DATA_ROOT or remove it")
    complete = all((directory / name).is_file() for name in LANDED_FILE_NAMES)
    return int(marker["rows"]) if complete else None


def land(data_root: Path, table: str = "catalog_returns", scale: float = 1.0) -> list[Path]:
    """Land one TPC-DS return table and return its files, in order. Landed already: returns them and does nothing.

    Columns: return_id, order_id, customer_id, sku, reason (text), qty (pieces), amount (US dollars), return_date,
    ingest_ts (UTC). Nulls of the source stay nulls.
    Raises:  LandingError if tpcgen-cli is missing or fails, or if the mapping changed the number of rows.
    """
    directory = landing_directory(data_root, table)
    files = [directory / name for name in LANDED_FILE_NAMES]
    if landed_rows(data_root, table, scale) is not None:
        return files
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tpcds_") as generated:
        generate_tables(Path(generated), table, scale)
        with duckdb.connect() as connection:
            rows = map_returns(connection, Path(generated), table)
            for place, file in enumerate(files):
                write_file(connection, place, file)
    write_marker(directory, table, scale, rows)
    return files


def generate_tables(directory: Path, table: str, scale: float) -> None:
    """Write the return table and its dimensions as <directory>/<table>.parquet with tpcgen-cli."""
    generator = find_generator()
    tables = ",".join((table, *DIMENSION_TABLES))
    command = [generator, "tpcds", "parquet", "--quiet", "-s", f"{scale:g}", f"--tables={tables}"]
    outcome = subprocess.run([*command, f"--output-dir={directory}"], capture_output=True, text=True)
    if outcome.returncode != 0:
        message = outcome.stderr.strip() or outcome.stdout.strip() or "no message"
        raise LandingError(f"tpcgen-cli failed (exit {outcome.returncode}): {message}")


def find_generator() -> str:
    """Return the path of tpcgen-cli: the one beside this Python, else the one on PATH."""
    generator = shutil.which("tpcgen-cli", path=str(Path(sys.executable).parent)) or shutil.which("tpcgen-cli")
    if generator is None:
        raise LandingError("tpcgen-cli is missing: install it beside this Python with `pip install tpcgen-cli`")
    return generator


def map_returns(connection: duckdb.DuckDBPyConnection, generated: Path, table: str) -> int:
    """Create the table mapped_returns (the nine columns, and two numbers to order by) and return its number of rows.

    amount is decimal(7,2) in US dollars, ingest_ts a timestamp in UTC without a zone: the formats write each their way.
    """
    names = RETURN_TABLES[table]
    prefix = names.prefix

    def source(name: str) -> str:
        return "read_parquet('" + str(generated / f"{name}.parquet").replace("'", "''") + "')"

    # Every join is by surrogate key, the primary key of its table. An item has several keys over time (its history) but
    # each key stands for one version of it, so that no row multiplies. The time key is the second of the day.
    connection.execute(f"""
        create table mapped_returns as
        select
            '{names.id_prefix}-' || {prefix}_order_number || '-' || {prefix}_item_sk       as return_id,
            {prefix}_order_number::varchar                                                as order_id,
            c_customer_id                                                                 as customer_id,
            i_item_id                                                                     as sku,
            r_reason_desc                                                                 as reason,
            {prefix}_return_quantity::integer                                             as qty,
            {names.amount_column}                                                         as amount,
            d_date                                                                        as return_date,
            d_date + to_seconds({prefix}_returned_time_sk)                                as ingest_ts,
            {prefix}_order_number                                                         as order_number,
            {prefix}_item_sk                                                              as item_number
        from {source(table)}
        left join {source('item')} on i_item_sk = {prefix}_item_sk
        left join {source('reason')} on r_reason_sk = {prefix}_reason_sk
        left join {source('date_dim')} on d_date_sk = {prefix}_returned_date_sk
        left join {source('customer')} on c_customer_sk = {prefix}_returning_customer_sk
        """)
    rows_generated = count_rows(connection, source(table))
    rows_mapped = count_rows(connection, "mapped_returns")
    if rows_mapped != rows_generated:
        raise LandingError(f"{table} has {rows_generated} rows, but {rows_mapped} were mapped")
    return rows_mapped


def count_rows(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Return the number of rows of a table or table function."""
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    assert row is not None
    return int(row[0])


def write_file(connection: duckdb.DuckDBPyConnection, place: int, file: Path) -> None:
    """Write the rows of one place to a file, by way of a .tmp name, so that a file that has its name is complete.

    Parquet: amount double, ingest_ts microseconds UTC. CSV and JSON Lines: amount a decimal number, ingest_ts ISO 8601
    with T and Z; null is an empty field in CSV and null in JSON.
    """
    if ".parquet" in file.suffixes:
        amount, ingest_ts = "amount::double", "ingest_ts at time zone 'UTC'"
        options = "format parquet, compression snappy"
    else:
        amount, ingest_ts = "amount", "strftime(ingest_ts, '%Y-%m-%dT%H:%M:%SZ')"
        options = "format csv, header true" if ".csv" in file.suffixes else "format json, array false"
        options += ", compression none"  # DuckDB would guess gzip from the name; compress_in_place does it repeatably
    written = file.with_name(file.name + ".tmp")
    connection.execute(f"""
        copy (
            select return_id, order_id, customer_id, sku, reason, qty, {amount} as amount, return_date,
                   {ingest_ts} as ingest_ts
            from mapped_returns
            where order_number % {len(LANDED_FILE_NAMES)} = {place}
            order by order_number, item_number
        ) to '{str(written).replace("'", "''")}' ({options})
        """)
    if file.suffix == ".gz":
        compress_in_place(written)
    written.replace(file)


def compress_in_place(file: Path) -> None:
    """Replace a file's content by its gzip form, without name and time in it: equal input gives equal output."""
    content = file.read_bytes()
    with file.open("wb") as target, gzip.GzipFile("", "wb", compresslevel=6, fileobj=target, mtime=0) as packed:
        packed.write(content)


def write_marker(directory: Path, table: str, scale: float, rows: int) -> None:
    """Write down, last of all, that the set is complete."""
    written = directory / (MARKER_NAME + ".tmp")
    written.write_text(json.dumps({"table": table, "scale": scale, "rows": rows}) + "\n", encoding="utf-8")
    written.replace(directory / MARKER_NAME)


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def positive_number(text: str) -> float:
    """Read a scale factor."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line; bad usage is one line and exit 2."""
    parser = OneLineParser(description="Land a TPC-DS return table under DATA_ROOT/bronze/returns_raw.")
    parser.add_argument("data_root", metavar="DATA_ROOT", type=Path, help="root of the lake, a local directory")
    parser.add_argument("--table", choices=list(RETURN_TABLES), default="catalog_returns", help="default: %(default)s")
    parser.add_argument("--scale", type=positive_number, default=1.0, help="TPC-DS scale factor, default: 1")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Land what the command line asks for and return the exit code: 0 landed, 1 failed, 2 wrong usage."""
    options = parse_arguments(arguments)
    started = time.monotonic()
    try:
        rows_before = landed_rows(options.data_root, options.table, options.scale)
        files = land(options.data_root, options.table, options.scale)
        rows = landed_rows(options.data_root, options.table, options.scale)
    except ScaleMismatchError as error:
        print(error, file=sys.stderr)
        return 2
    except (LandingError, OSError, duckdb.Error) as error:
        print(error, file=sys.stderr)
        return 1
    what = f"{rows:,} rows of TPC-DS {options.table} in {len(files)} files in {files[0].parent}"
    if rows_before is None:
        print(f"landed {what}, {time.monotonic() - started:.1f} s")
    else:
        print(f"already landed: {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
