"""The values of JSON objects by column: the names of columns are the paths of their values, with dots between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.sources.json_places import nested_text

_MAX_SHAPES = 1_000  # of objects, and of unknown keys: no more are remembered, however many a file has


class CorruptObject(ValueError):
    """The object is a corrupt record; the message says why."""


class _Plan(NamedTuple):
    """What the keys of an object are for: keys and columns, keys and names that begin those of columns below them."""

    columns: Sequence[tuple[str, str]]
    above_columns: Sequence[tuple[str, str]]
    problem: str | None


class ObjectColumns:
    """Finds the columns `names`, which are as they match. Most objects have the keys of one before.

    `lists` are names of lists that are read apart. `note_unknown` is given the names of keys that are for nothing.
    """

    def __init__(
        self, names: Sequence[str], lists: Iterable[str], note_unknown: Callable[[Iterable[str]], None] | None
    ) -> None:
        self._names, self._note_unknown = frozenset(names), note_unknown
        self._all_names = [*names, *(f"{name}." for name in lists)]
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self._noted: set[str] = set()

    def texts(self, text: str, at: int, value: dict[str, Any], before: str = "") -> dict[str, str | None]:
        """The values of the object that begins at `at` in a text, or behind the blanks there, as text.

        Nested values are as they stand there, without the blanks between their parts. `before` begins the names of all
        columns. Raises CorruptObject.
        """
        values: dict[str, str | None] = {}
        for name, (found, keys) in self._values(value, before, ()).items():
            if found is None or isinstance(found, str):
                values[name] = found
            elif isinstance(found, bool):
                values[name] = "true" if found else "false"
            else:
                values[name] = nested_text(text, at, keys)
        return values

    def has_values(self, value: dict[str, Any]) -> bool:
        """Whether an object has a column itself: not in a list or object in it."""
        columns = self._plan_of("", value).columns
        return any(not isinstance(value[key], list | dict) for key, _ in columns)

    def _values(
        self, value: dict[str, Any], before: str, above: tuple[str, ...]
    ) -> dict[str, tuple[Any, tuple[str, ...]]]:
        plan = self._plan_of(before, value)
        if plan.problem:
            raise CorruptObject(plan.problem)
        values = {name: (value[key], (*above, key)) for key, name in plan.columns}
        for key, name in plan.above_columns:
            if isinstance(member := value[key], dict):
                below = self._values(member, f"{name}.", (*above, key))
                check_apart(values, below)
                values.update(below)
        return values

    def _plan_of(self, before: str, value: dict[str, Any]) -> _Plan:
        return self._plans.get((before, *value)) or self._plan(before, tuple(value))

    def _plan(self, before: str, keys: tuple[str, ...]) -> _Plan:
        named = [(key, before + matching_name(key)) for key in keys]
        columns = [(key, name) for key, name in named if name in self._names]
        above = [(key, name) for key, name in named if any(one.startswith(f"{name}.") for one in self._all_names)]
        used = dict([*columns, *above])
        twice = next((name for name, count in Counter(used.values()).items() if count > 1), None)
        plan = _Plan(columns, above, twice and f"two keys named {twice}")
        if len(self._plans) < _MAX_SHAPES:
            self._plans[before, *keys] = plan
        new = [name for key in keys if key not in used and (name := before + key) not in self._noted]
        new = new[: _MAX_SHAPES - len(self._noted)]
        if self._note_unknown and new:
            self._noted.update(new)
            self._note_unknown(new)
        return plan


def check_apart(values: Collection[str], others: Iterable[str]) -> None:
    """Raise CorruptObject where a column is among both."""
    if twice := next((name for name in others if name in values), None):
        raise CorruptObject(f"two keys named {twice}")
