"""Transforms as queries of DuckDB: SQLFrame writes each once, and the text is used again.

SQLFrame copies its whole query at each step, so it takes seconds to write what DuckDB runs in milliseconds. The text
depends on the transform's code, the columns that it reads and its other arguments only. Dates and texts among these
(a run's date, a batch's id) are put in afterwards. The texts for usual files come with the code (`make queries`); where
the code is not the one that they were written from, or a file is unusual, SQLFrame writes them when they are needed.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa

from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.duckdb_sql import literal

_CODE = Path(__file__).resolve().parents[1]
# What the texts depend on: the modules that write them, and the packages that turn them into DuckDB's SQL.
_WRITERS = ("transforms", "schemas")
_PACKAGES = ("sqlframe", "sqlglot")
SHIPPED = Path(__file__).with_suffix(".json")
_PLACEHOLDER = re.compile(r"\{rows ([0-9]+)\}|'\{text ([0-9]+)\}'")


class Query:
    """A frame of the embedded engine: a query of DuckDB. What else a frame can do, SQLFrame does with its rows."""

    def __init__(self, queries: Queries, text: str, view: str | None = None) -> None:
        """`view`: the name under which DuckDB knows it already."""
        self._queries, self._text, self._view = queries, text, view

    def sql(self, **_: Any) -> str:
        """The query's text. It takes what SQLFrame's frames take here."""
        return self._text

    @cached_property
    def view(self) -> str:
        """The name of a view of this query."""
        return self._view or self._queries.create_view(self._text)

    def through(self, transform: Callable[..., DataFrame], *arguments: Any, **named: Any) -> DataFrame:
        """The frame that the transform makes of its arguments, this one among them."""
        bound = inspect.signature(transform).bind(*arguments, **named)
        return cast(DataFrame, self._queries.transformed(transform, bound.args))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queries.session.table(self.view), name)


class _Placeholder(str):
    """Stands for a text, a date or an instant while a query is written."""

    def isoformat(self) -> str:
        return self


class Queries:
    """The frames of one connection to DuckDB."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._names = 0
        self._session: Any = None

    @property
    def session(self) -> Any:
        """SQLFrame's session on the connection: it takes a third of a second to open, and few runs need it."""
        if self._session is None:
            from sqlframe.duckdb import DuckDBSession

            self._session = DuckDBSession(conn=self._connection)
        return self._session

    def close(self) -> None:
        if self._session is not None:
            self._session.stop()

    def fresh_name(self) -> str:
        # SQLFrame remembers the columns of a name, so no name is used twice.
        self._names += 1
        return f"rows_{self._names}"

    def view(self, text: str) -> Query:
        """A frame of a query that DuckDB checks now."""
        name = self.create_view(text)
        return Query(self, f"select * from {name}", name)

    def stream(self, stream: pa.RecordBatchReader) -> Query:
        """A frame of Arrow batches, which can be read once."""
        name = f"{self.fresh_name()}_stream"
        self._connection.register(name, stream)
        return self.view(f"select * from {name}")

    def create_view(self, text: str) -> str:
        name = self.fresh_name()
        self._connection.execute(f"create view {name} as {text}")
        return name

    def transformed(self, transform: Callable[..., DataFrame], arguments: Sequence[Any]) -> Query:
        """What a transform makes of these frames and other arguments."""
        key = _key_of(transform, [self._shape_of(argument) for argument in arguments])
        texts = _texts()
        if key not in texts:
            texts[key] = self._written(transform, arguments)

        def value(found: re.Match[str]) -> str:
            rows, text = found.groups()
            if rows is not None:
                return cast(str, arguments[int(rows)].view)
            given = arguments[int(text)]
            return literal(given if isinstance(given, str) else given.isoformat())

        return Query(self, _PLACEHOLDER.sub(value, texts[key]))

    def _shape_of(self, argument: Any) -> object:
        """What the text of a query depends on, of one argument."""
        if isinstance(argument, Query):
            columns = self._connection.execute(f"describe {argument.view}").fetchall()
            return [(name, type_) for name, type_, *_ in columns]
        if isinstance(argument, str | date):
            return "text"
        if isinstance(argument, Mapping):
            return sorted(argument.items())
        return list(argument) if isinstance(argument, Sequence) else argument

    def _written(self, transform: Callable[..., DataFrame], arguments: Sequence[Any]) -> str:
        """The text of the query with a placeholder for each frame, text and date."""
        given = list(arguments)
        for position, argument in enumerate(arguments):
            if isinstance(argument, Query):
                given[position] = self.session.table(argument.view)
            elif isinstance(argument, str | date):
                given[position] = _Placeholder(f"{{text {position}}}")
        text = cast(Any, transform(*given)).sql(dialect="duckdb", optimize=False, pretty=False)
        for position, argument in enumerate(arguments):
            if isinstance(argument, Query):
                text = re.sub(rf'"{argument.view}"', f"{{rows {position}}}", text)
        return cast(str, text)


@cache
def _texts() -> dict[str, str]:
    """The texts that this process knows, by key: those that came with the code, where they were written from it."""
    try:
        shipped = json.loads(SHIPPED.read_bytes())
    except FileNotFoundError:
        return {}
    return dict(shipped["texts"]) if shipped["written_from"] == _digest_of_writers() else {}


def ship(texts_of: Callable[[], object]) -> None:
    """Write the file of texts anew: those of all transforms that `texts_of` makes use of."""
    _texts().clear()
    texts_of()
    shipped = {"written_from": _digest_of_writers(), "texts": dict(sorted(_texts().items()))}
    SHIPPED.write_text(json.dumps(shipped, indent=1) + "\n")


def _digest_of_writers() -> int:
    """A number: a text of such digits would look like a secret."""
    digest = hashlib.sha256(" ".join(f"{package} {version(package)}" for package in _PACKAGES).encode())
    for module in sorted(path for package in _WRITERS for path in (_CODE / package).glob("*.py")):
        digest.update(module.read_bytes())
    return int(digest.hexdigest()[:16], 16)


def _key_of(transform: Callable[..., DataFrame], shapes: Sequence[object]) -> str:
    described = repr((transform.__module__, transform.__qualname__, *shapes))
    return f"{transform.__name__} {hashlib.sha256(described.encode()).hexdigest()[:32]}"
