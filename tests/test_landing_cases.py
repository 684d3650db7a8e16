"""Any file that lands: the cases of landing_cases_*.py in a few lakes, with the exact outcome of each.

The first delivery and the second one share a lake. Cases of which nothing is accepted have one of their own: the gate
fails there. Each case alone is for `make test-full`, where the exit code of each is seen.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import lake_reading
import landing_cases_files
import landing_cases_json
import landing_cases_text
import landing_cases_values
from commands import ENGINE, Ended, returns
from lake_reading import CONTENT, QUARANTINE, SILVER
from landing import write_bytes
from landing_case import Bad, Case, Content, Row, bad, line, table, text

pytestmark = pytest.mark.spark

LANDED = "bronze/returns_raw"
SETTINGS = {"MAX_QUARANTINED_RATIO": "0.9", "VOLUME_GATE": "off"}
ALL: Mapping[str, Case] = {
    **landing_cases_text.CASES,
    **landing_cases_values.CASES,
    **landing_cases_json.CASES,
    **landing_cases_files.CASES,
}
_NOT_A_DATE = [line(f"R-{number}", return_date="11/12/2026") for number in range(99)]
# Kinds of which no row is accepted.
GATED: Mapping[str, Case] = {
    "99 rows of wrong dates": Case(
        {"d.csv": text(table(*_NOT_A_DATE))},
        quarantined=[bad(f"R-{number}", number + 1, "return_date_invalid") for number in range(99)],
    ),
    "one row of negative numbers": Case(
        {"uci.csv": text(table(line("R-1", qty="-12", amount="-35.40")))},
        quarantined=[bad("R-1", 1, "qty_not_positive", "amount_negative")],
    ),
    "ids of a spreadsheet": Case(
        {"x.csv": text(table(*[line("5.07739E+12", order_id=name) for name in "ABC"]))},
        quarantined=[bad("5.07739E+12", number, "return_id_invalid") for number in (1, 2, 3)],
    ),
    "a nested JSON object": Case(
        {"x.jsonl": text('{"return_id": "R-1", "sku": {}}\n')}, quarantined=[bad(None, 1, "corrupt_record")]
    ),
}
CASES = {**ALL, **GATED}
DIRECTORIES = {name: re.sub(r"\W+", "-", name) for name in CASES}
MARKS = {name: f"c{number}-" for number, name in enumerate(CASES)}


@dataclass
class Seen:
    """What runs made of the cases that landed in one lake, by their directories."""

    ended: list[Ended]
    records: list[dict[str, Any]]
    silver: dict[str, list[Row]]
    quarantined: dict[str, list[Bad]]

    def files(self, what: str, directory: str) -> dict[str, str]:
        """What the last run says of the files of a case."""
        said = {file["path"]: file["problem"] for file in self.records[-1][what]}
        return {path.split("/", 3)[3]: problem for path, problem in said.items() if path.split("/")[2] == directory}

    def warnings(self, directory: str) -> list[str]:
        told = [warning for record in self.records for warning in record["warnings"]]
        return [one for one in told if f"{LANDED}/{directory}/" in one and " is abandoned: " not in one]


def land(lake: Path, name: str, files: Mapping[str, Content]) -> None:
    for number, (path, content) in enumerate(files.items()):
        landed = write_bytes(lake / LANDED / DIRECTORIES[name] / path, content(MARKS[name]))
        os.utime(landed, (1_795_000_000 - number,) * 2)  # so that the first of them was delivered last
    for path in CASES[name].directories:
        (lake / LANDED / DIRECTORIES[name] / path).mkdir(parents=True, exist_ok=True)


def run(lake: Path) -> Ended:
    return returns(lake, "run", "--as-of", "2026-11-28", **SETTINGS)


def seen(lake: Path, ended: list[Ended]) -> Seen:
    silver: dict[str, list[Row]] = {}
    quarantined: dict[str, list[Bad]] = {}
    of_tables = ((SILVER, (*CONTENT, "source_record")), (QUARANTINE, ("return_id", "reasons", "source_record")))
    for place, columns in of_tables:
        found = (
            lake_reading.rows(lake, place, ("source_file", *columns)) if (lake / place / "_delta_log").exists() else []
        )
        for source_file, *values in found:
            directory = source_file.split("/")[2]
            if place == SILVER:
                silver.setdefault(directory, []).append(tuple(map(_shown, values[:-1])) + (values[-1],))
            else:
                quarantined.setdefault(directory, []).append((values[0], tuple(values[1]), values[2]))
    return Seen(ended, lake_reading.run_records(lake), silver, quarantined)


def _shown(value: Any) -> str | None:
    return None if value is None else str(value)


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    lake = tmp_path_factory.mktemp("cases") / "lake"
    for name, case in ALL.items():
        land(lake, name, case.files)
    first = run(lake)
    for name, case in ALL.items():
        land(lake, name, case.later)
    return seen(lake, [first, run(lake)])


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    lake = tmp_path_factory.mktemp("gated") / "lake"
    for name, case in GATED.items():
        land(lake, name, case.files)
    return seen(lake, [run(lake)])


@pytest.mark.parametrize("name", ALL)
def test_case_has_its_outcome(deliveries: Seen, name: str) -> None:
    assert_outcome(deliveries, name)


@pytest.mark.parametrize("name", GATED)
def test_case_of_which_nothing_is_accepted_is_in_quarantine_alone(gated: Seen, name: str) -> None:
    assert_outcome(gated, name)


def test_runs_end_as_their_worst_case_does(deliveries: Seen, gated: Seen) -> None:
    ended = [one.exit_code for one in (*deliveries.ended, *gated.ended)]
    assert ended == [4, 4, 3], [one.stderr[-2000:] for one in (*deliveries.ended, *gated.ended) if one.exit_code < 3]
    ambiguous = [stage.get("returns_ambiguous") or 0 for record in deliveries.records for stage in record["stages"]]
    assert sum(ambiguous) == sum(case.ambiguous for case in ALL.values())


def test_every_file_of_every_case_is_accounted_for(deliveries: Seen) -> None:
    for record in deliveries.records:
        (stage,) = (stage for stage in record["stages"] if stage["name"] == "bronze_to_silver")
        assert stage["rows_read"] == sum(file["rows"] for file in record["files"])
        outcomes = ("inserted", "updated", "superseded", "duplicate", "quarantined", "excluded")
        assert stage["rows_read"] == sum(stage[f"rows_{outcome}"] for outcome in outcomes)


@pytest.mark.full
@pytest.mark.embedded_only
@pytest.mark.parametrize("name", CASES)
def test_case_alone_ends_with_its_exit_code(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    (tmp_path / "lake" / LANDED).mkdir(parents=True)
    land(tmp_path / "lake", name, case.files)
    ended = [run(tmp_path / "lake")]
    if case.later:
        assert ended[0].exit_code in (0, 4), ended[0].stderr
        land(tmp_path / "lake", name, case.later)
        ended.append(run(tmp_path / "lake"))
    assert ended[-1].exit_code == case.exit_code, ended[-1].stderr
    assert_outcome(seen(tmp_path / "lake", ended), name)


def assert_outcome(found: Seen, name: str) -> None:
    case, directory, mark = CASES[name], DIRECTORIES[name], MARKS[name]
    if ENGINE == "spark" and case.on_spark:
        case = replace(case, silver=(), rejected=case.on_spark)
    shown = tuple(
        tuple(one.replace(mark, "R-") if isinstance(one, str) else one for one in row)
        for row in found.silver.get(directory, [])
    )
    rejected, ignored = found.files("files_rejected", directory), found.files("files_ignored", directory)
    assert in_order(shown) == in_order(case.silver), (rejected, found.quarantined.get(directory))
    bad_rows = [(one and one.replace(mark, "R-"), *row) for one, *row in found.quarantined.get(directory, [])]
    assert in_order(bad_rows) == in_order(case.quarantined)
    assert set(rejected) == set(case.rejected)
    for path, words in case.rejected.items():
        assert words in rejected[path]
        assert "\n" not in rejected[path]
    assert set(ignored) == set(case.ignored)
    warnings = found.warnings(directory)
    assert len(warnings) == len(case.warnings), warnings
    assert [words for words in case.warnings if not any(words in warning for warning in warnings)] == []


def in_order(rows: Any) -> list[Any]:
    return sorted(rows, key=repr)
