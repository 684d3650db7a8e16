"""The choice of the engine, and the names that stand for its API."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pyspark_interview_project import engine
from pyspark_interview_project.errors import ConfigurationError


@pytest.fixture
def undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has not chosen yet."""
    monkeypatch.setattr(engine, "_chosen", None)


@pytest.mark.usefixtures("undecided")
def test_choose_engine_by_name_fixes_it() -> None:
    assert engine.choose_engine("embedded") == "embedded"
    assert engine.chosen_engine() == "embedded"


def test_choose_engine_auto_without_any_sign_of_spark_is_embedded() -> None:
    script = "from pyspark_interview_project.engine import choose_engine; print(choose_engine('auto'))"
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("SPARK", "DATABRICKS", "ENGINE"))
    }
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=clean)
    assert done.stdout == "embedded\n"


@pytest.mark.usefixtures("undecided")
def test_choose_engine_again_for_the_same_or_for_auto_is_fine() -> None:
    engine.choose_engine("embedded")
    assert (engine.choose_engine("embedded"), engine.choose_engine("auto")) == ("embedded", "embedded")


@pytest.mark.usefixtures("undecided")
@pytest.mark.parametrize("name", ["duckdb", "Embedded", ""])
def test_choose_engine_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        engine.choose_engine(name)
    assert (raised.value.subject, raised.value.exit_code) == ("engine", 2)


@pytest.mark.usefixtures("undecided")
def test_choose_engine_refused_name_leaves_the_process_undecided() -> None:
    with pytest.raises(ConfigurationError):
        engine.choose_engine("duckdb")
    assert engine._chosen is None


def test_choose_engine_other_than_the_one_that_runs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_chosen", "another")
    with pytest.raises(ConfigurationError) as raised:
        engine.choose_engine("embedded")
    assert raised.value.subject == "engine" and "already runs another" in raised.value.problem


def test_engine_names_are_the_modules_of_the_chosen_engine(engine_name: str) -> None:
    package = {"embedded": "sqlframe.duckdb", "spark": "pyspark.sql"}[engine_name]
    assert engine.functions.col.__module__.startswith(package.split(".")[0])
    assert engine.types.StringType.__module__.startswith(package.split(".")[0])
    assert engine.Window.partitionBy.__self__.__module__.startswith(package.split(".")[0])


def test_engine_names_without_such_an_attribute_say_so(engine_name: str) -> None:
    with pytest.raises(AttributeError):
        engine.functions.no_such_function  # noqa: B018


def test_engine_importing_transforms_and_schemas_chooses_none_and_loads_none() -> None:
    script = """
import pkgutil, sys
from importlib import import_module
from pyspark_interview_project import engine, schemas, transforms
for package in (schemas, transforms):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        import_module(module.name)
print(engine._chosen, sorted({"pyspark", "sqlframe", "duckdb"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "None []\n"
