"""The first look at a landed text file: it has the columns that are wanted, or what it looks like and what takes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyspark_interview_project.config.feed_definition import Feed
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources.landed_text import read_options
from pyspark_interview_project.sources.text_look import check_columns

HEADER = "return_id,order_id,sku,qty,amount,return_date"
GOOD = "R-1,O-1,MUG,1,5.00,2026-11-18"
WANTED = "wanted are return_id, order_id, customer_id, sku, reason, qty, amount, return_date, ingest_ts"
ADVICE = "a feed says how other columns become ours; returns feeds draft writes one to start from"
ALL = "columns return_id, order_id, sku, qty, amount, return_date are missing"


def look(directory: Path, name: str, text: str, feed: Feed | None = None) -> None:
    """Raises UnreadableInputError where the file cannot be taken."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    check_columns(path, name, read_options(name, feed, 1000), "utf-8", feed)


def problem(directory: Path, name: str, text: str, feed: Feed | None = None) -> str:
    with pytest.raises(UnreadableInputError) as raised:
        look(directory, name, text, feed)
    assert (raised.value.path, raised.value.may_pass) == (name, False)
    return raised.value.problem


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", f"{HEADER}\n{GOOD}\n"),
        ("a.csv", HEADER),
        ("a.txt", HEADER.replace(",", "\t")),
        ("a.csv", f"sep=|\n{HEADER.replace(',', '|')}\n"),
        ("a.csv", " Return-ID ,order id,SKU,Qty,Amount,return_date"),
        ("qty=2/sku=MUG/a.csv", "return_id,order_id,amount,return_date"),
        ("a.csv", f'{HEADER}\nR-1,O-1,MUG,1,"5,00",2026-11-18\n{GOOD}\n'),  # only one has a decimal comma
        ("a.csv", f"{HEADER}\nR-1,O-1,MUG,1,,2026-11-18\nR-1,O-1,MUG,1,NULL,2026-11-18\n"),
        ("a.csv", f"{HEADER}\n" + "\n" * 300 + f"{GOOD}\n"),
        ("a.json", ""),
        ("a.json", '{"Return-Id": "R-1"}'),
        ("a.json", '{"number": 1} {"note": 2, "sku": "MUG"}'),
        ("a.json", "no JSON"),
        ("sku=MUG/a.json", '{"number": 1}'),
    ],
)
def test_check_columns_of_a_file_that_can_be_taken_is_silent(tmp_path: Path, name: str, text: str) -> None:
    look(tmp_path, name, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "return_id;order_id;Artikel;qty;amount;return_date\n",
            "column sku is missing in its header, which is return_id, order_id, Artikel, qty, amount, return_date; it "
            f"looks separated by `;`; {WANTED}; {ADVICE}",
        ),
        ("nothing\n", f"{ALL} in its header, which is nothing; {WANTED}; {ADVICE}"),
        ('{"a": 1}\n', "it looks like JSON; name it .json, or write `read: {format: json}` in a feed"),
        (
            '[{"return_id":"R-1"},\n',
            f"{ALL}: it looks like a JSON array; name it .json, or write `read: {{format: json}}` in a feed",
        ),
        (
            "<html>\n",
            f"{ALL} in its header, which is <html>; it looks like XML or HTML; export the table as CSV; {WANTED}; "
            f"{ADVICE}",
        ),
        (
            f"# by ERP\n{HEADER}\n",
            f'{ALL} in its header, which is # by ERP; it looks as if line 1 were a comment; `read: {{comment: "#"}}` '
            f"of a feed leaves such lines out; {WANTED}; {ADVICE}",
        ),
        (
            f'{HEADER}\nR-1,O-1,MUG,1,"1.234,50",2026-11-18\nR-2,O-1,MUG,1,"5,0",2026-11-18\n',
            'it has amounts with a decimal comma; `amount: {from: amount, decimal: ","}` of a feed takes it',
        ),
        (
            f"{HEADER}\n{GOOD}\n".replace(",", ";").replace("5.00", "5,00"),
            "it is separated by `;` and has amounts with a decimal comma; "
            '`amount: {from: amount, decimal: ","}` of a feed takes it',
        ),
    ],
    ids=["semicolons", "one word", "JSON", "array", "HTML", "comment", "decimal commas", "both"],
)
def test_check_columns_says_what_a_file_looks_like(tmp_path: Path, text: str, expected: str) -> None:
    found = problem(tmp_path, "a.csv", text)
    if expected.startswith("it looks like JSON"):
        assert expected in found
    else:
        assert found == expected


@pytest.mark.parametrize("first", [GOOD, "Erika Mustermann,7", "erika@example.org,x", "x,2026-11-18 08:00"])
def test_check_columns_of_a_file_without_a_header_tells_no_value_of_it(tmp_path: Path, first: str) -> None:
    assert problem(tmp_path, "a.csv", f"{first}\n{GOOD}\n") == (
        f"{ALL}: it has no header, its first line is a record; put a line with the names of the columns above it, or "
        "export it with its header"
    )


def test_check_columns_shows_thirty_names_of_a_long_header_and_cuts_long_ones(tmp_path: Path) -> None:
    header = ",".join(["n" * 50, *(f"column {number}x" for number in range(40))])
    shown = ", ".join(["n" * 40, *(f"column {number}x" for number in range(29))])
    assert f"which is {shown} and 11 more;" in problem(tmp_path, "a.csv", f"{header}\n")


def test_check_columns_of_json_with_none_of_our_keys_names_those_it_has(tmp_path: Path) -> None:
    assert problem(tmp_path, "a.json", '[{"id": 1, "lines": []},\n{"id": 2, "Note": "x"}]') == (
        f"its objects have none of the wanted columns {WANTED.removeprefix('wanted are ')}; their keys are id, lines, "
        f"Note; {ADVICE}"
    )


def test_check_columns_of_a_feed_are_those_that_it_reads(tmp_path: Path) -> None:
    columns = {name: {"value": "1"} for name in ("order_id", "qty", "amount", "return_date")}
    feed = Feed.model_validate(
        {"feed": "shop", "files": "*.csv", "columns": {**columns, "return_id": "number", "sku": ["ean", "article"]}}
    )
    look(tmp_path, "a.csv", "Number,article\n", feed)
    found = problem(tmp_path, "a.csv", "Number,name\n", feed)
    assert found.endswith("; correct the feed shop, or the file")
    assert "missing in its header, which is Number, name;" in found
