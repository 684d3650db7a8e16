"""What Spark's own writers make of records comes back equal through our reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from commands import spark_session
from reader_records import PHANTOM, Record
from reading import COLUMNS, read

pytestmark = pytest.mark.spark

NOTES = (
    "plain",
    "",
    " blanks ",
    'a "quote"',
    'ends with "',
    '"',
    "comma, semicolon; tab\t bar|",
    f"two\nlines{PHANTOM}",
    "CR\rLF\r\nend",
    "back\\slash",
    'back\\"slash',
    "\\N",
    "返品 \U0001f4a5 é \u2028",
    '{"return_id": "R-666"}',
    "#",
    "'",
)
RECORDS = [(f"R-{number}", "O", note, "MUG", note, "1", "5.50", "2026-11-11") for number, note in enumerate(NOTES)]


Row = tuple[str | None, ...]


def parts(records: Sequence[Record], directory: Path, format_: str, **options: str) -> list[Row]:
    """The records that a directory written by Spark has, in the order of their ids, corrupt ones as None."""
    frame = spark_session().createDataFrame(list(records), ", ".join(f"{name} string" for name in COLUMNS))
    frame.repartition(2).write.format(format_).options(**options).save(str(directory))
    found = [path for path in directory.iterdir() if path.name.startswith("part-")]
    assert len(found) == 2
    rows = [one.values for path in found for one in read(path.read_bytes(), path.name)]
    return sorted(rows, key=lambda row: int(row[0][2:]) if row[0] else -1)


@pytest.mark.parametrize("packing", ["none", "gzip", "bzip2"])
@pytest.mark.parametrize("delimiter", [",", "|", "\t"])
def test_csv_with_doubled_quotes_comes_back_equal(tmp_path: Path, delimiter: str, packing: str) -> None:
    spaces = {"ignoreLeadingWhiteSpace": "false", "ignoreTrailingWhiteSpace": "false"}
    options = {"header": "true", "escape": '"', "sep": delimiter, "compression": packing, **spaces}
    wanted = [tuple(None if value == "\\N" else value for value in record) for record in RECORDS]
    assert parts(RECORDS, tmp_path / "out", "csv", **options) == wanted


def test_csv_as_spark_writes_it_by_default_is_equal_or_corrupt(tmp_path: Path) -> None:
    """By default it writes a quote as backslash and quote: such records are corrupt, and all others as delivered."""
    found = parts(RECORDS, tmp_path / "out", "csv", header="true")
    sound = {str(row[0]): row for row in found if row[0] is not None}
    trimmed = {record[0]: tuple(value.strip(" \r\n") for value in record) for record in RECORDS}
    for id_, row in sound.items():
        assert row == tuple(None if value == "\\N" else value for value in trimmed[id_])
    with_quotes = {record[0] for record in RECORDS if '"' in record[2]}
    assert set(sound) == set(trimmed) - with_quotes


@pytest.mark.parametrize("packing", ["none", "gzip", "bzip2"])
def test_json_comes_back_equal(tmp_path: Path, packing: str) -> None:
    assert parts(RECORDS, tmp_path / "out", "json", compression=packing) == RECORDS
