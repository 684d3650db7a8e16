"""Which engine's PySpark API this process uses. All other modules take its names from here.

`functions` and `types` stand for modules, and `Window` for a class, of the chosen engine. A name is looked up when it
is used, so that a transform can be imported before the engine is chosen. `DataFrame`, `Column` and `StructType` are for
annotations only.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pyspark_interview_project.errors import ConfigurationError

__all__ = ["Column", "DataFrame", "StructType", "Window", "choose_engine", "chosen_engine", "functions", "types"]

# engine -> the package whose modules `functions` and `types` and whose classes `Window`, … have PySpark's meaning
_PACKAGES = {"embedded": "sqlframe.duckdb", "spark": "pyspark.sql"}
_chosen: str | None = None


def choose_engine(requested: str = "auto") -> str:
    """Choose the engine of this process and return its name. Later calls must ask for the same one, or for `auto`.

    Raises ConfigurationError where the engine is unknown, not installed, or another one is chosen already.
    """
    global _chosen
    wanted = (_chosen or _automatic()) if requested == "auto" else requested
    if wanted not in _PACKAGES:
        raise ConfigurationError("engine", f"must be one of {', '.join(_PACKAGES)} or auto, not {wanted}")
    if wanted == "spark" and find_spec("pyspark") is None:
        install = "pip install 'pyspark-interview-project[spark]'"
        raise ConfigurationError("engine", f"Spark is not installed; {install}, or use the embedded engine")
    if _chosen not in (None, wanted):
        raise ConfigurationError("engine", f"this process already runs {_chosen}; start another one for {wanted}")
    _chosen = wanted
    return wanted


def on_databricks() -> bool:
    """Whether this process runs where Databricks provides the session."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def _automatic() -> str:
    # A notebook imports transforms without any main function, so the environment is read here.
    has_session = (
        "pyspark.sql" in sys.modules and sys.modules["pyspark.sql"].SparkSession.getActiveSession() is not None
    )
    return "spark" if on_databricks() or os.environ.get("SPARK_REMOTE") or has_session else "embedded"


def chosen_engine() -> str:
    """The name of this process's engine; where none is chosen yet, one is chosen now."""
    return choose_engine()


class _Names:
    """Stands for one module of the engine's API, or for a class in it."""

    def __init__(self, module: str, name: str | None = None) -> None:
        self._module, self._name = module, name

    def __getattr__(self, attribute: str) -> Any:
        module = import_module(f"{_PACKAGES[chosen_engine()]}{self._module}")
        return getattr(getattr(module, self._name) if self._name else module, attribute)


if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Window, functions, types
    from pyspark.sql.types import StructType
else:
    functions, types, Window = _Names(".functions"), _Names(".types"), _Names("", "Window")
    DataFrame = Column = StructType = Any  # for annotations, which nothing evaluates
