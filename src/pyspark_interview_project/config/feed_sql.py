"""The SQL that a feed may have: one expression, which is checked when the feed is loaded.

It is Spark's SQL, cut down to what feed_sql_kinds takes. What engines answer nearly alike is rewritten to what they
answer alike: `try_cast` stands behind a test of the text, `lower` and `upper` are for ASCII letters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from pyspark_interview_project.config.column_names import name_in_sql
from pyspark_interview_project.config.feed_sql_kinds import DIALECT, Check, Kind, RefusedSql, column_of

_MAX_CHARS = 2000
_LOWER, _UPPER = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Without a backslash: dialects differ in how a text literal has one. The match must be the whole text.
_PLAIN_NUMBER = "^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)"
_DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}"


@dataclass(frozen=True)
class FeedSql:
    """Checked SQL: as both engines run it, what it gives, and the columns that it reads, as they match: of each of
    `choices` a file must have one, because columns inside one coalesce stand in for each other."""

    text: str
    choices: tuple[tuple[str, ...], ...]
    kind: Kind | None  # None: it is null


def checked_sql(sql: str, wanted: Sequence[Kind], typed: Mapping[str, Kind] | None = None) -> FeedSql:
    """Check one expression. Without `typed` it reads a file's own columns, all text; else these and no others."""
    try:
        tree = _parsed(sql)
        kind = Check(typed).kind(tree)
        choices = _choices(tree)
        text = _rewritten(tree, typed).sql(dialect=DIALECT, comments=False)
    except RecursionError:
        raise RefusedSql("is nested too deeply") from None
    if kind is not None and kind not in wanted:
        raise RefusedSql(f"gives a {kind}, but a {' or a '.join(wanted)} is wanted")
    return FeedSql(text, choices, kind)


def _parsed(sql: str) -> exp.Expr:
    if len(sql) > _MAX_CHARS:
        raise RefusedSql(f"is longer than {_MAX_CHARS:,} characters")
    if unusual := re.search(r"[\\{}\x00-\x08\x0e-\x1f]", sql):
        raise RefusedSql(f"has the character {unusual[0]!r}, which engines read differently")
    try:
        tokens = sqlglot.tokenize(sql, read=DIALECT)
        trees = sqlglot.parse(sql, read=DIALECT)
    except SqlglotError as error:
        problem = error.errors[0]["description"] if isinstance(error, ParseError) and error.errors else str(error)
        raise RefusedSql(f"is no SQL expression: {' '.join(str(problem).split()).rstrip('.')}") from None
    if len(trees) != 1 or trees[0] is None or "SEMICOLON" in [token.token_type.name for token in tokens]:
        raise RefusedSql("must be one expression")
    kinds = [token.token_type.name for token in tokens]
    if ("STRING", "STRING") in zip(kinds, kinds[1:]):
        raise RefusedSql("""has two texts side by side; write a text with ' in it in double quotes: "it's\"""")
    return trees[0]


def _choices(tree: exp.Expr) -> tuple[tuple[str, ...], ...]:
    groups: dict[object, dict[str, None]] = {}
    for node in tree.find_all(exp.Column, bfs=False):
        name = column_of(node)
        groups.setdefault(node.find_ancestor(exp.Coalesce) or name, {})[name] = None
    return tuple(dict.fromkeys(tuple(group) for group in groups.values()))


def _rewritten(tree: exp.Expr, typed: Mapping[str, Kind] | None) -> exp.Expr:
    """The expression in the form that both engines read alike."""
    top = exp.Paren(this=tree)
    for node in reversed(list(tree.walk())):  # what is inside comes first
        replacement = _rewritten_node(node, typed)
        if replacement is not node:
            node.replace(replacement)
    return top.this  # type: ignore[no-any-return]


def _rewritten_node(node: exp.Expr, typed: Mapping[str, Kind] | None) -> exp.Expr:
    if isinstance(node, exp.Column):
        if typed is None:
            return exp.column(name_in_sql(column_of(node)))
        return exp.cast(node.copy(), "decimal(10,0)") if node.name == "qty" else node
    # A product of 32-bit numbers could be too large for one, which ends a job. So each number is a decimal.
    if isinstance(node, exp.Length):
        return exp.cast(node.copy(), "decimal(10,0)")
    if isinstance(node, exp.Literal) and node.is_int and not isinstance(node.parent, exp.Substring | exp.DataTypeParam):
        return exp.cast(node.copy(), "decimal(9,0)")
    if isinstance(node, exp.Lower | exp.Upper):
        letters = (_UPPER, _LOWER) if isinstance(node, exp.Lower) else (_LOWER, _UPPER)
        return exp.func("translate", node.this.copy(), *map(exp.Literal.string, letters), dialect=DIALECT)
    if isinstance(node, exp.Trim):
        return exp.Trim(this=node.this.copy(), expression=exp.Literal.string(" "), position="BOTH")
    if isinstance(node, exp.TryCast):
        is_date = node.to.this == exp.DataType.Type.DATE
        pattern = exp.Literal.string(_DAY if is_date else _PLAIN_NUMBER)
        text = node.this.copy()
        found = exp.func("regexp_extract", text, pattern, exp.Literal.number(0), dialect=DIALECT)
        is_whole: exp.Expr = exp.EQ(this=found, expression=text.copy())
        if is_date:  # engines disagree about the year 0000
            is_whole = exp.and_(is_whole, exp.GTE(this=text.copy(), expression=exp.Literal.string("0001-01-01")))
        return exp.Case().when(is_whole, node.copy())
    return node
