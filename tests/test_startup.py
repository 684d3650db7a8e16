"""What a command loads: a run that finds nothing new is to be over before an engine would be loaded."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from commands import environment, run
from landing import land, row_of

DAY = "2026-11-20"
RETURN = row_of("R1", "O1", None, "MUG", "late", "1", "5.00", "2026-11-18", "2026-11-20T08:00:00Z")
# The libraries of engines, of rows, of people's terminals, of metrics and of object stores.
HEAVY = ("duckdb", "pyspark", "py4j", "sqlframe", "sqlglot", "pyarrow", "numpy", "pandas", "rich", "obstore")
SCRIPT = """
import json, sys
from pyspark_interview_project.cli import main
main(sys.argv[2:])
loaded = {name.partition(".")[0] for name in sys.modules}
open(sys.argv[1], "w").write(json.dumps(sorted(loaded)))
"""


def loaded_by(lake: Path, *arguments: str) -> set[str]:
    """The top packages that a process has loaded when its command has ended well."""
    told = lake / "loaded.json"
    command = [sys.executable, "-c", SCRIPT, str(told), *arguments]
    ended = run(command, environment(lake, SERVE_METRICS="false"))
    assert ended.exit_code == 0, ended.stderr
    return set(json.loads(told.read_text()))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake that has taken all that landed in it."""
    lake = tmp_path_factory.mktemp("startup") / "lake"
    land(lake / "bronze" / "returns_raw" / "a.jsonl", [RETURN])
    assert "duckdb" in loaded_by(lake, "run", "--engine", "embedded", "--as-of", DAY)
    return lake


@pytest.mark.parametrize("engine", ["embedded", "spark"])
def test_run_with_nothing_new_loads_no_engine_and_nothing_else_that_is_heavy(lake: Path, engine: str) -> None:
    loaded = loaded_by(lake, "run", "--engine", engine, "--as-of", DAY)
    assert "deltalake" in loaded  # it has looked at the tables
    assert loaded & set(HEAVY) == set()


def test_few_rows_are_taken_without_building_a_query_anew(lake: Path) -> None:
    land(lake / "bronze" / "returns_raw" / "b.jsonl", [{**RETURN, "return_id": "R2"}])
    loaded = loaded_by(lake, "run", "--engine", "embedded", "--as-of", DAY)
    assert loaded & {"duckdb", "sqlframe", "sqlglot", "pyspark"} == {"duckdb"}


@pytest.mark.parametrize(("command", "own"), [("exporter", "prometheus_client"), ("silver-to-gold", "deltalake")])
def test_command_loads_its_own_modules_alone(tmp_path: Path, command: str, own: str) -> None:
    loaded = loaded_by(tmp_path, command, "--help")
    assert loaded & {"prometheus_client", "deltalake"} == {own}


def test_columns_of_few_texts_are_made_without_pandas_and_without_functions_of_arrow() -> None:
    script = """
import sys
from pyspark_interview_project.sources.text_arrays import *
texts = text_array(["NULL", "a", None])
(without,) = without_texts(frozenset(["NULL"]), [texts])
made = [texts, without, are_there(without), array_of_one_value("b", 2), array_of_one_value(None, 2)]
print([array.to_pylist() for array in made], sorted({"pandas", "pyarrow.compute"} & sys.modules.keys()))
"""
    ended = run([sys.executable, "-c", script], environment(Path()))
    texts = [["NULL", "a", None], [None, "a", None], [False, True, False], ["b", "b"], [None, None]]
    assert (ended.stdout, ended.stderr) == (f"{texts} []\n", "")
