"""What a file says is only ever a value: text in quotes, names of columns, files and directories, constants of feeds.

None of it becomes a record, a header, SQL or a path, and nothing outside the lake is written.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

import lake_reading
from commands import Ended, returns
from lake_reading import QUARANTINE, SILVER
from landing import COLUMNS, write_text
from reader_records import ENCODINGS
from reading import COLUMNS as REQUIRED
from reading import feed_of, read

LANDED = "bronze/returns_raw"
ROW = ("R-666", "O-9", "C-9", "MUG", "x", "1", "9999.00", "2026-11-11")
GOOD = ("R-1", "O-1", "C-1", "MUG", "x", "1", "5.50", "2026-11-11")

# What would be something else if it were not a value.
WORDS = (
    "{rows 0}",
    "'{text 0}'",
    "{text 1}",
    "{{text 0}}",
    "{",
    "'); drop view rows_1; --",
    "'); copy (select 1) to '{outside}/pwned.csv'; --",
    "\"; attach '{outside}/pwned.db' as x; --",
    "' || read_text('{outside}/secret') || '",
    "`id` $(touch {outside}/pwned) ; ${HOME}",
    "../../outside/pwned",
    "%2e%2e%2f%2e%2e%2fpwned",
    "*?[a-z]{a,b}",
    "\x1b]0;owned\x07\u202e\u2028",
    "\\'; \\\" --",
    "__HIVE_DEFAULT_PARTITION__x",
    "=cmd|'/c calc'!A0",
)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_text_in_quotes_is_no_record_and_no_header(delimiter: str, encoding: str, end: str) -> None:
    phantom = delimiter.join(ROW)
    header = delimiter.join(REQUIRED)
    sign = "\ufeff" if "utf" in encoding else ""
    notes = [
        f"{end}{phantom}{end}",
        f"{header}{end}{phantom}",
        f'a ""{end}{phantom}',
        f'{end}"{phantom.replace(delimiter, chr(34) + delimiter + chr(34))}"{end}',
        f"sep={delimiter}{end}{phantom}",
        f"{end}#{phantom}",
        f"{sign}{end}{sign}{phantom}{end}",
        f"\\{end}{phantom}\\",
        f"'{end}{phantom}'",
        json.dumps(dict(zip(COLUMNS, ROW))),
    ]
    rows = [(f"R-{number}", *GOOD[1:4], note, *GOOD[5:]) for number, note in enumerate(notes)]
    to = io.StringIO(newline="")
    csv.writer(to, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator=end).writerows([REQUIRED, *rows])
    feed = None if encoding.startswith("utf-8") or "mark" in encoding else feed_of(encoding=[encoding])
    came = read(ENCODINGS[encoding](to.getvalue()), "a.csv", feed)
    assert [one.values for one in came] == rows


@pytest.mark.parametrize("fault", ['x"y"', '"x"y', "'\"", '"x" "y"'])
def test_text_in_quotes_behind_a_fault_is_no_record(fault: str) -> None:
    phantom = ",".join(ROW)
    bad = f'R-1,{fault},"mail:\n{phantom}\n",x,x,1,5.50,2026-11-11'
    came = read(f"{','.join(REQUIRED)}\n{bad}\n{','.join(GOOD)}\n".encode())
    assert [one.values[0] for one in came if not one.is_corrupt and one.values[0] != "R-1"] == []
    assert [one.raw for one in came] == [bad, ",".join(GOOD)]


# A whole run


@dataclass(frozen=True)
class Scene:
    lake: Path
    ended: Ended
    words: tuple[str, ...]


_TEXTS = ("order_id", "customer_id", "sku", "reason")  # the columns of a feed that get a word each


def _feed(number: int, words: Sequence[str]) -> str:
    """A feed of which columns of the file have these words for names, and columns of ours have them as constants."""
    names = [f"Id {word}" for word in words]
    mapped = {name: {"value": word} for name, word in zip(_TEXTS, words)}
    columns = {
        "return_id": {"key": [*names, "n"]},
        **mapped,
        "qty": "qty",
        "amount": {"value": "1"},
        "return_date": "day",
    }
    definition = {"feed": f"hostile_{number}", "files": f"by feed/{number}/**", "columns": columns, "where": "n <> 'x'"}
    return json.dumps(definition)  # which is YAML


def _fours(words: Sequence[str]) -> list[tuple[str, ...]]:
    """The words four by four, some of them twice."""
    return [tuple(words[(at + step) % len(words)] for step in range(4)) for at in range(0, len(words), 4)]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    root = tmp_path_factory.mktemp("security")
    lake, outside, feeds = root / "lake", root / "outside", root / "feeds"
    write_text(outside / "secret", "secret")
    words = tuple(word.replace("{outside}", str(outside)) for word in WORDS)
    for number, word in enumerate(words):
        _land_one(lake, number, word)
    for number, four in enumerate(_fours(words)):
        write_text(feeds / f"f{number}.yaml", _feed(number, four))
        header = [*(f"Id {word}" for word in four), "n", "qty", "day"]
        rows = [[*"abcd", name, "1", "2026-11-11"] for name in (f"v{number}", "x")]
        write_text(lake / LANDED / "by feed" / str(number) / "a.csv", _table(header, *rows))
    before = _tree(root, lake)
    settings = {"FEEDS_DIR": str(feeds), "VOLUME_GATE": "off", "MAX_QUARANTINED_RATIO": "1"}
    ended = returns(lake, "run", "--as-of", "2026-11-28", **settings)
    assert _tree(root, lake) == before
    yield Scene(lake, ended, words)


def _tree(root: Path, lake: Path) -> dict[str, bytes]:
    found = [path for path in root.rglob("*") if path.is_file() and not path.is_relative_to(lake)]
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def _table(header: list[str], *rows: list[str]) -> str:
    to = io.StringIO(newline="")
    csv.writer(to).writerows([header, *rows])
    return to.getvalue()


def _land_one(lake: Path, number: int, word: str) -> None:
    """The word as a value, a column, a file, a directory and the value of a directory, and behind a feed."""
    landed = lake / LANDED
    one = [f"W{number}", word, word, word, word, "1", "5.50", "2026-11-11", ""]
    rejected = [f"Q{number}", word, word, word, word, word, word, word, word]
    write_text(landed / f"values-{number}.csv", _table(list(COLUMNS), one, rejected))
    write_text(landed / f"values-{number}.jsonl", json.dumps(dict(zip(COLUMNS, [f"J{number}", *one[1:]]))) + "\n")
    named = _table([*COLUMNS, word], [f"C{number}", *one[1:], "x"])
    write_text(landed / f"column-{number}.csv", named)
    safe = word.replace("/", "∕")
    write_text(landed / "files" / f"x{safe}.csv", _table(list(COLUMNS), [f"F{number}", *one[1:]]))
    write_text(landed / f"d{safe}" / "a.csv", _table(list(COLUMNS), [f"D{number}", *one[1:]]))
    hive = f"reason={quote(word, safe='')}"
    for directory in {hive, f"reason={safe}"}:
        id_ = f"H{number}" if directory == hive else f"U{number}"
        without = [name for name in COLUMNS if name != "reason"]
        write_text(landed / directory / f"{number}.csv", _table(without, [id_, *one[1:4], *one[5:]]))


def _lower(word: str) -> str:
    """A reason as silver has it: its ASCII letters lowered, its white space one blank."""
    return "".join(sign.lower() if sign.isascii() else sign for sign in word)


def _upper(word: str) -> str:
    return "".join(sign.upper() if sign.isascii() else sign for sign in word)


def test_words_of_files_are_values_and_nothing_else(scene: Scene) -> None:
    assert scene.ended.exit_code == 0, scene.ended.stderr[-3000:]
    found = dict(
        (row[0], row[1:]) for row in lake_reading.rows(scene.lake, SILVER, ("return_id", "order_id", "sku", "reason"))
    )
    for number, word in enumerate(scene.words):
        for kind in "WJCFDH":
            assert found.pop(f"{kind}{number}") == (word, _upper(word), _lower(word)), (kind, word)
        if quote(word, safe="") != word.replace("/", "∕"):
            assert found.pop(f"U{number}")[0] == word
    assert sorted(found) == [f"a|b|c|d|v{number}" for number in range(len(_fours(scene.words)))]


def test_constants_of_feeds_are_values(scene: Scene) -> None:
    found = {row[0]: row[1:] for row in lake_reading.rows(scene.lake, SILVER, ("return_id", *_TEXTS))}
    for number, (order_id, customer_id, sku, reason) in enumerate(_fours(scene.words)):
        assert found[f"a|b|c|d|v{number}"] == (order_id, customer_id, _upper(sku), _lower(reason))


def test_words_are_in_quarantine_as_they_were_delivered(scene: Scene) -> None:
    raw = lake_reading.rows(scene.lake, QUARANTINE, ("return_id", "raw_record"))
    assert len(raw) == len(scene.words)
    delivered = {f"Q{number}": word for number, word in enumerate(scene.words)}
    assert {id_: next(csv.reader([text]))[1] for id_, text in raw} == delivered


def test_only_the_lake_is_written_and_only_where_it_should_be(scene: Scene) -> None:
    assert set(os.listdir(scene.lake)) <= {"bronze", "silver", "gold", "quarantine", "metrics", "ops", "logs"}
    landed = [path for path in (scene.lake / LANDED).rglob("*") if path.is_file()]
    assert not [path for path in landed if "pwned" in path.name and not path.name.endswith(".csv")]
    assert not list(scene.lake.parent.rglob("pwned")) and not list(scene.lake.parent.rglob("pwned.db"))
