"""Names, values and arguments that would be something else to SQL, a shell, a glob or a terminal: taken for what they
are, or refused with exit 2; and whatever is said of them stays on its line."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

import lake_reading
from commands import Ended, returns, succeeded
from lake_reading import QUARANTINE, SILVER
from landing import json_line, land, row_of, write_text

pytestmark = [pytest.mark.spark, pytest.mark.full]  # make test has the cores of these promises elsewhere

LANDED = "bronze/returns_raw"
AS_OF = ("--as-of", "2026-11-20")
ROOT = """it's "a" lake; `drop` $HOME {x,y} %s * é"""
NAMES = (
    "it's.jsonl",
    'dou"ble.csv',
    "back`tick; -- .parquet",
    "glob*?[a]{b,c}$HOME %s.jsonl",
    "two  blanks \\ and \\n.csv",
    "new\nline\r.jsonl",
    "escape\x1b[31m\x9b1m.parquet",
    "bidi\u202egpj\u200f.csv",
    "separators\u2028\u2029\x85.json",
    "'), (select 1)); drop view rows_1; --.parquet",
)
COLUMN = '"quo\'te"; select `1` \x1b[1m\u2028 --'
# Of Parquet, the name that DuckDB's reader is told to use for the file's own name.
PARQUET_COLUMN = "_file_that_was_read"
SKU, REASON = """'; DROP TABLE "X" -- [/X] :MUG:""", "[red]\x1b[31m''\u2028; {} %s $1 \\"
CUSTOMER = "C'\"`;\x1b]0;owned\x07"


def row(number: int, name: str) -> dict[str, str | None]:
    odd = row_of(f"R'{number}\"", "O;--", CUSTOMER, SKU, REASON, "1", "10.00", "2026-11-18", "2026-11-19T08:00:00Z")
    return {**odd, COLUMN: "x"} | ({PARQUET_COLUMN: "x"} if name.endswith(".parquet") else {})


@dataclass(frozen=True)
class Scene:
    """A lake under ROOT with a file of each of NAMES, what was planned of it, and how the run ended."""

    lake: Path
    planned: Ended
    ended: Ended


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    lake = tmp_path_factory.mktemp("injection") / ROOT
    for number, name in enumerate(NAMES):
        land(
            lake / LANDED / name,
            [row(number, name), {**row(number, name), "return_id": None, "order_id": f"'{number}"}],
        )
    write_text(lake / LANDED / "no\ndata\x1b[2J.txt", "x")
    settings = {"MAX_QUARANTINED_RATIO": "1", "LOG_LEVEL": "DEBUG"}
    planned = returns(lake, "plan", *AS_OF, "--skip-file", "a'b\x1b[31m\n", **settings)
    return Scene(lake, planned, returns(lake, "run", *AS_OF, "--skip-file", "a'b\x1b[31m\n", **settings))


def test_hostile_names_and_values_are_taken_for_what_they_are(scene: Scene) -> None:
    succeeded(scene.ended)
    moment = datetime(2026, 11, 19, 8, tzinfo=UTC)
    content = ("O;--", CUSTOMER, SKU, REASON, 1, Decimal("10.00"), date(2026, 11, 18), moment)
    files = [f"{LANDED}/{name}" for name in NAMES]
    assert lake_reading.rows(scene.lake, SILVER, (*lake_reading.CONTENT, "source_file")) == lake_reading.in_order(
        (f"R'{number}\"", *content, file) for number, file in enumerate(files)
    )
    assert lake_reading.gold_by_sku_reason(scene.lake) == [
        (SKU, REASON, len(NAMES), len(NAMES), 10 * Decimal(len(NAMES)))
    ]
    assert lake_reading.quarantined(scene.lake) == {(file, None, ("return_id_missing",)): 1 for file in files}
    raw = lake_reading.rows(scene.lake, QUARANTINE, ("source_file", "raw_record"))
    assert [json.loads(text)["customer_id"] for file, text in raw if not file.endswith(".csv")] == [CUSTOMER] * 7


def test_hostile_names_are_on_record_as_they_are(scene: Scene) -> None:
    record = lake_reading.latest_run_record(scene.lake)
    assert {file["path"]: file["rows"] for file in record["files"]} == {f"{LANDED}/{name}": 2 for name in NAMES}
    unknown = "has unknown columns, which stay in the landed file only:"
    assert sorted(record["warnings"]) == sorted(
        [
            *(
                f"{LANDED}/{name} {unknown} " + ", ".join(sorted(set(row(0, name)) - set(lake_reading.CONTENT)))
                for name in NAMES
            ),
            f"{LANDED}/no\ndata\x1b[2J.txt is ignored: its name claims none of the formats",
            "a'b\x1b[31m\n is to be skipped and not there",
        ]
    )


def test_hostile_names_stay_on_their_line_at_a_terminal(scene: Scene) -> None:
    succeeded(scene.planned)
    for ended in (scene.planned, scene.ended):
        assert_printable(ended.stdout)
    header, *lines = scene.planned.stdout.split("\n")
    files = [line for line in lines if line.startswith("  ")]
    assert (len(files), f"{len(NAMES)} files" in header) == (len(NAMES), True)
    for shown in (r"new\nline\r.jsonl", r"escape\x1b[31m\x9b1m.parquet", r"separators\u2028\u2029\x85.json"):
        assert [line for line in files if line.startswith(f"  {LANDED}/{shown}  ")] != []
    warnings = [line for line in scene.ended.stdout.split("\n") if line.startswith("warning: ")]
    assert len(warnings) == len(NAMES) + 2
    assert r"warning: a'b\x1b[31m\n is to be skipped and not there" in warnings
    (group,) = [line for line in scene.ended.stdout.split("\n") if line.startswith(SKU)]
    assert r"[red]\x1b[31m''\u2028; {} %s $1 " in group


def test_hostile_names_stay_in_one_line_of_json(scene: Scene) -> None:
    assert scene.ended.stderr.isascii()
    for line in scene.ended.stderr.splitlines():  # which also ends lines at \x85 and U+2028
        assert_printable(line)
        assert json.loads(line)["run_id"] is not None


def assert_printable(text: str) -> None:
    """Nothing in the text but signs that are seen, and line feeds."""
    assert [sign for sign in text if not sign.isprintable() and sign != "\n"] == []


# What is refused


@dataclass(frozen=True)
class Refused:
    """A command that must end with this exit code, one line that shows `shown`, and the lake as it was."""

    arguments: Sequence[str]
    shown: str
    env: Mapping[str, str]
    exit_code: int = 2


REFUSED = {
    "as_of": Refused(("run", "--as-of", "2026-11-20' or 1=1\x1b[2J"), r"2026-11-20' or 1=1\x1b[2J", {}),
    "run_id": Refused(("run", "--run-id", "x'; drop\nerror: forged\u202e"), r"x'; drop\nerror: forged\u202e", {}),
    "argument": Refused(("run", "more\nerror: forged\x1b[2J\u2028"), "forged", {}),
    "time_zone": Refused(("plan",), r"UTC'; drop table x; --\x1b", {"SPARK_TZ": "UTC'; drop table x; --\x1b"}),
    "memory": Refused(("plan",), "embedded_memory_limit", {"EMBEDDED_MEMORY_LIMIT": "1GB'; drop\x1b"}),
    "skip_files": Refused(("plan",), "skip_files", {"SKIP_FILES": "no\x1b list"}),
    "engine": Refused(("plan", "--engine", "e'\r\x1b[1A"), r"e'\r\x1b[1A", {}),
    "file": Refused(("plan",), rf"{LANDED}/cut\n\x1b[2J\x85.csv", {}, exit_code=4),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ended, list[str]]]:
    """How each ended, and what then stood at the top of its lake."""
    good = row_of("R-1", "O-1", None, "MUG", None, "1", "1", "2026-11-18", None)

    def refuse(name: str) -> tuple[Ended, list[str]]:
        lake = tmp_path_factory.mktemp("refused")
        write_text(lake / LANDED / "good.jsonl", f"{json_line(good)}\n")
        if name == "file":
            write_text(lake / LANDED / "cut\n\x1b[2J\x85.csv", "")
        ended = returns(lake, *REFUSED[name].arguments, **REFUSED[name].env)
        return ended, os.listdir(lake)

    return {name: refuse(name) for name in REFUSED}


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_argument_or_file_is_refused_in_one_line(
    refusals: dict[str, tuple[Ended, list[str]]], name: str
) -> None:
    ended, left = refusals[name]
    assert (ended.exit_code, left) == (REFUSED[name].exit_code, ["bronze"])
    (line,) = ended.stderr.splitlines()
    assert_printable(line)
    assert line.startswith("error: ") and REFUSED[name].shown in line
