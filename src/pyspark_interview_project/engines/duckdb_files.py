"""Data files of a Delta table written by DuckDB: write, audit, and then publish them in one commit.

The method is Netflix's write-audit-publish. A file that no commit names is garbage that no reader sees, so a run that
is killed before the commit has changed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from pyspark_interview_project.engines.duckdb_sql import FILE_COLUMN, literal, parquet_of, quoted, rows_of
from pyspark_interview_project.errors import EngineError, VerificationError
from pyspark_interview_project.schemas.outcomes import UPDATED
from pyspark_interview_project.schemas.tables import TableContract
from pyspark_interview_project.storage.commits import Written
from pyspark_interview_project.storage.delta_tables import DataFile
from pyspark_interview_project.storage.delta_writes import NewFile

# Columns whose least and greatest values go into the log, where readers skip files by them. No personal data, and no
# decimals: JSON readers take numbers as doubles, which do not hold 18 digits.
_SKIPPED_BY = ("return_id", "sku", "qty")
_LONGEST_IN_LOG = 64
_KEY = "return_id"
# Where a row comes from. Most batches have one file, or a few.
_OF_FEW_VALUES = ("batch_id", "source_file")
_MOST_ENUMERATED = 200
_ROWS_WORTH_ENUMERATIONS = 500_000


def replaced_files(
    connection: duckdb.DuckDBPyConnection, table: TableContract, files: Sequence[DataFile], upserts: str
) -> list[DataFile]:
    """The data files that hold a row which an upsert replaces. `upserts` is a relation with outcome and, of replaced
    rows, silver_return_date."""
    if not files:
        return []
    updated = f"select {_KEY}, silver_return_date from {upserts} where outcome = '{UPDATED}'"
    days = {
        str(day) for (day,) in connection.execute(f"select distinct silver_return_date from ({updated})").fetchall()
    }
    candidates = {file.place: file for file in files if file.partition["return_date"] in days}
    if not candidates:
        return []
    holding = connection.execute(
        f"select distinct {FILE_COLUMN} from {parquet_of(list(candidates))} semi join ({updated}) using ({_KEY})"
    )
    return [candidates[place] for (place,) in holding.fetchall()]


def write_files(
    connection: duckdb.DuckDBPyConnection,
    table: TableContract,
    directory: str,
    upserts: str,
    replaced: Sequence[DataFile],
    rows: int,
) -> list[NewFile]:
    """Write the upserts, about as many as `rows`, and what stays of the replaced files as new data files into the
    table's directory."""
    names = ", ".join(quoted(name) for name in table.names)
    written_rows = f"select {names} from {upserts}"
    if replaced:
        kept = rows_of(table, [file.place for file in replaced])
        updated = f"select {_KEY} from {upserts} where outcome = '{UPDATED}'"
        written_rows += f" union all select {names} from ({kept}) anti join ({updated}) using ({_KEY})"
    enums = _enums(connection, written_rows) if rows >= _ROWS_WORTH_ENUMERATIONS else {}
    columns = ", ".join(enums.get(name, quoted(name)) for name in table.names)
    partition = ", ".join(table.partition_by)
    written = connection.execute(
        f"copy (select {columns} from ({written_rows})) to {literal(directory)} (format parquet, "
        f"partition_by ({partition}), compression zstd, compression_level 1, overwrite_or_ignore true, "
        "filename_pattern 'part-{uuid}', return_stats)"
    )
    figures = [column[0] for column in written.description or ()]
    return [_new_file(table, directory, dict(zip(figures, row))) for row in written.fetchall()]


def _enums(connection: duckdb.DuckDBPyConnection, rows: str) -> dict[str, str]:
    """Columns with few values as enumerations, by name: DuckDB parts such rows into files in two thirds of the time
    that the same text takes (measured). In the files they are text."""
    enums = {}
    found = connection.execute(f"select distinct {', '.join(_OF_FEW_VALUES)} from ({rows})").fetchall()
    for name, values in zip(_OF_FEW_VALUES, zip(*found)):
        distinct = sorted({value for value in values if value is not None})
        if 0 < len(distinct) <= _MOST_ENUMERATED:
            listed = ", ".join(literal(value) for value in distinct)
            enums[name] = f"cast({quoted(name)} as enum({listed})) as {quoted(name)}"
    return enums


def audit_files(
    connection: duckdb.DuckDBPyConnection,
    table: TableContract,
    directory: str,
    new: Sequence[NewFile],
    replaced: Sequence[DataFile],
    expected: Written,
    constraints: Mapping[str, str],
) -> None:
    """Raise VerificationError unless the new files hold just the expected rows more than those that they replace, and
    EngineError where a row breaks a constraint of the table."""
    found = {"inserted": sum(file.rows for file in new) - sum(file.rows for file in replaced)}
    if expected.inserted != found["inserted"]:
        raise VerificationError(table.place, {"inserted": expected.inserted}, found)
    nulls = {
        column.name: sum(file.statistics["nullCount"].get(column.name, 0) for file in new)
        for column in table.columns
        if not column.nullable
    }
    broken = {f"{name} is not null": count for name, count in nulls.items()}
    files = [f"{directory}/{file.path}" for file in new]
    for name, check in constraints.items():
        query = f"select count(*) from ({rows_of(table, files)}) where not ({check})"
        [(broken[f"{name}: {check}"],)] = connection.execute(query).fetchall()
    if said := [f"constraint {check} is broken by {count} rows" for check, count in broken.items() if count]:
        raise EngineError("embedded engine", f"{table.place}: {'; '.join(said)}")


def _new_file(table: TableContract, directory: str, written: Mapping[str, Any]) -> NewFile:
    columns = {name.strip('"'): figures for name, figures in written["column_statistics"].items()}
    least, greatest, nulls = {}, {}, {}
    for column in table.columns:
        figures = columns.get(column.name)
        if figures is None:
            continue  # a partition's value stands in the path
        nulls[column.name] = int(figures["null_count"])
        bounds = figures.get("min"), figures.get("max")
        is_exact = figures.get("min_is_exact") == figures.get("max_is_exact") == "true"
        if column.name in _SKIPPED_BY and is_exact and all(len(bound) <= _LONGEST_IN_LOG for bound in bounds):
            least[column.name], greatest[column.name] = (_json_value(column.type, bound) for bound in bounds)
    statistics = {"numRecords": written["count"], "minValues": least, "maxValues": greatest, "nullCount": nulls}
    path = written["filename"].removeprefix(f"{directory}/")
    return NewFile(path, written["file_size_bytes"], dict(written["partition_keys"]), statistics)


def _json_value(type_name: str, text: str) -> str | int:
    return int(text) if type_name == "integer" else text
