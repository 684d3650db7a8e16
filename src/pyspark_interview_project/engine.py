"""Whose PySpark API this process uses. The only module that imports one; everything else takes the names from here.

`functions`, `Window` and `types` stand for the modules and the class of the chosen engine. They are looked up when they
are used, so that a transform can be imported before the engine is chosen.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pyspark_interview_project.errors import ConfigurationError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Window, functions, types

__all__ = ["Column", "DataFrame", "Window", "choose_engine", "chosen_engine", "functions", "types"]

# engine -> the package whose modules `functions` and `types` and whose classes `Window`, … have PySpark's meaning
_PACKAGES = {"embedded": "sqlframe.duckdb"}
_AUTOMATIC = "embedded"
_chosen: str | None = None


def choose_engine(requested: str = "auto") -> str:
    """Fix the engine of this process and return its name. Later calls must ask for the same one, or for `auto`."""
    global _chosen
    wanted = (_chosen or _AUTOMATIC) if requested == "auto" else requested
    if wanted not in _PACKAGES:
        raise ConfigurationError("engine", f"must be one of {', '.join(_PACKAGES)} or auto, not {wanted}")
    if _chosen not in (None, wanted):
        raise ConfigurationError("engine", f"this process already runs {_chosen}; start another one for {wanted}")
    _chosen = wanted
    return wanted


def chosen_engine() -> str:
    """The name of this process's engine, chosen now if it was not before."""
    return choose_engine()


if not TYPE_CHECKING:

    class _Names:
        """Stands for one module or class of the engine's API."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, attribute: str) -> Any:
            package = _PACKAGES[chosen_engine()]
            holder = getattr(import_module(package), "Window") if self._name == "Window" else None
            return getattr(holder or import_module(f"{package}.{self._name}"), attribute)

    functions, types, Window = _Names("functions"), _Names("types"), _Names("Window")

    def __getattr__(name: str) -> Any:
        if name in ("DataFrame", "Column"):
            package = import_module(_PACKAGES[chosen_engine()])
            return getattr(package, name, None) or getattr(package, f"DuckDB{name}")
        raise AttributeError(name)
