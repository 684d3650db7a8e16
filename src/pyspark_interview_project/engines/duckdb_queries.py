"""Transforms as queries of DuckDB: SQLFrame writes each once, and the text is used again.

SQLFrame copies its whole query at each step, so it takes seconds to write what DuckDB runs in milliseconds. The text
depends on the transform's code, the columns that it reads and its other arguments only. Dates and texts among these
(a run's date, a batch's id) stand in it as placeholders and are filled in for each use. The texts for usual files come
with the code (`make queries`); where the code is not the one that they were written from, or a file is unusual,
SQLFrame writes them when they are needed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from functools import cache, cached_property
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa

from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.duckdb_sql import literal, sql_of

SHIPPED = Path(__file__).with_suffix(".json")
_CODE = Path(__file__).resolve().parents[1]
# What the texts depend on: the modules that write them, and the packages that turn them into DuckDB's SQL.
_WRITERS = ("transforms/*.py", "schemas/*.py", "engines/duckdb_queries.py", "engines/duckdb_sql.py")
_PACKAGES = ("sqlframe", "sqlglot")
# A brace that the query itself has stands there twice: constants of feeds may read like placeholders.
_PLACEHOLDER = re.compile(r"\{\{|\{rows ([0-9]+)\}|'\{text ([0-9]+)\}'")
# SQLFrame remembers the columns of a name, also of another connection, so a process uses no name twice.
_numbers = count(1)
_with_session: list[Queries] = []


def fresh_name() -> str:
    """A name that nothing has."""
    return f"rows_{next(_numbers)}"


class Query:
    """A frame of the embedded engine: a query of DuckDB. All other methods of a frame are SQLFrame's, on a view."""

    def __init__(self, queries: Queries, text: str, view: str | None = None) -> None:
        """`view`: the name of a view of the query, if there is one."""
        self._queries, self._text, self._view = queries, text, view

    def sql(self, **_: Any) -> str:
        """The query's text. It takes what SQLFrame's frames take here."""
        return self._text

    @cached_property
    def view(self) -> str:
        """The name of a view of this query."""
        return self._view or self._queries.create_view(self._text)

    @cached_property
    def described(self) -> list[tuple[str, str]]:
        """Each column with its type. DuckDB opens the files for it, so it is asked once."""
        return self._queries.describe(self.view)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # what Python asks of any object, copies and pickles among it
            raise AttributeError(name)
        return getattr(self._queries.session.table(self.view), name)


class _Placeholder(str):
    """Stands for a text, a date or an instant while a query is written."""

    def isoformat(self) -> str:
        return self


class Queries:
    """The frames of one connection to DuckDB."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, errors: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """`errors` is around what makes DuckDB look at a query while a transform is applied: it opens the files."""
        self._connection, self._errors = connection, errors
        self._session: Any = None

    @property
    def session(self) -> Any:
        """SQLFrame's session on the connection: it takes a third of a second to open, and few runs need it."""
        if self._session is None:
            from sqlframe.duckdb import DuckDBSession

            for other in _with_session[:]:  # SQLFrame has one session a process, whichever connection it is asked for
                other.close()
            _with_session.append(self)
            self._session = DuckDBSession(conn=self._connection)
        return self._session

    def close(self) -> None:
        if self._session is not None:
            self._session.stop()
            self._session = None
            _with_session.remove(self)

    def view(self, text: str) -> Query:
        """A frame of a query that DuckDB checks now."""
        name = self.create_view(text)
        return Query(self, f"select * from {name}", name)

    def stream(self, stream: pa.RecordBatchReader | pa.Table) -> Query:
        """A frame of Arrow batches, which of a stream can be read once."""
        name = f"{fresh_name()}_stream"
        self._connection.register(name, stream)
        return self.view(f"select * from {name}")

    def create_view(self, text: str) -> str:
        name = fresh_name()
        self._connection.execute(f"create view {name} as {text}")
        return name

    def describe(self, view: str) -> list[tuple[str, str]]:
        """The columns of a view, each with its type."""
        return [(name, type_) for name, type_, *_ in self._connection.execute(f"describe {view}").fetchall()]

    def transformed(self, transform: Callable[..., DataFrame], arguments: Sequence[Any]) -> Query:
        """What a transform makes of these frames and other arguments."""
        with self._errors():
            key = _key_of(transform, [_shape_of(argument) for argument in arguments])
            texts = _texts()
            if key not in texts:
                texts[key] = self._written(key, transform, arguments)

        def value(found: re.Match[str]) -> str:
            rows, text = found.groups()
            if found[0] == "{{":
                return "{"
            if rows is not None:
                return cast(str, arguments[int(rows)].view)
            given = arguments[int(text)]
            return literal(given if isinstance(given, str) else given.isoformat())

        return Query(self, _PLACEHOLDER.sub(value, texts[key]))

    def _written(self, key: str, transform: Callable[..., DataFrame], arguments: Sequence[Any]) -> str:
        """The text of the query with a placeholder for each frame, text and date."""
        given, views, texts = list(arguments), {}, {}
        for position, argument in enumerate(arguments):
            if isinstance(argument, Query):
                # A view of its own, so that a frame that is given twice has two names. The key is in it: SQLFrame names
                # its steps by it, and what is written again must be the same.
                view = views[position] = f"{key.replace(' ', '_')}_{position}"
                self._connection.execute(f"create or replace view {view} as select * from {argument.view}")
                given[position] = self.session.table(view)
            elif isinstance(argument, str | date):
                texts[position] = f"text {position} of {key}"  # no constant has the key that is made of it
                given[position] = _Placeholder(texts[position])
        written = sql_of(transform(*given))
        for text in texts.values():
            if not written.count(text) == written.count(f"'{text}'") > 0:
                raise TypeError(f"{transform.__name__} may use a text or a date of its arguments in a literal only")
        written = written.replace("{", "{{")
        for position, text in texts.items():
            written = written.replace(f"'{text}'", f"'{{text {position}}}'")
        for position, view in views.items():
            written = written.replace(f'"{view}"', f"{{rows {position}}}")
        return written


def ship(texts_of: Callable[[], object]) -> None:
    """Write the file of texts anew: those of all transforms that `texts_of` makes use of."""
    _texts().clear()
    texts_of()
    shipped = {"written_from": _digest_of_writers(), "texts": dict(sorted(_texts().items()))}
    SHIPPED.write_text(json.dumps(shipped, indent=1) + "\n")


@cache
def _texts() -> dict[str, str]:
    """The texts that this process knows, by key: those that came with the code, where they were written from it."""
    try:
        shipped = json.loads(SHIPPED.read_bytes())
        return dict(shipped["texts"]) if shipped["written_from"] == _digest_of_writers() else {}
    except (OSError, ValueError, KeyError):
        return {}  # they are written when they are needed


def _digest_of_writers() -> int:
    """A hash of the code and of the packages that write the texts. As a number: a scanner for secrets reports
    hexadecimal text."""
    digest = hashlib.sha256(" ".join(f"{package} {version(package)}" for package in _PACKAGES).encode())
    for module in sorted(path for pattern in _WRITERS for path in _CODE.glob(pattern)):
        digest.update(module.read_bytes())
    return int(digest.hexdigest()[:16], 16)


def _key_of(transform: Callable[..., DataFrame], shapes: Sequence[object]) -> str:
    described = repr((transform.__module__, transform.__qualname__, *shapes))
    return f"{transform.__name__} {hashlib.sha256(described.encode()).hexdigest()[:32]}"


def _shape_of(argument: Any) -> object:
    """The part of an argument that the query's text depends on."""
    if isinstance(argument, Query):
        return argument.described
    if isinstance(argument, str | date):
        return "text"
    if isinstance(argument, Mapping):
        return list(argument.items())
    if isinstance(argument, Sequence):
        return list(argument)
    if argument is None or isinstance(argument, int):
        return argument
    raise TypeError(f"a transform takes frames of the engine and plain values, not {type(argument).__name__}")
