"""What the SQL of a feed may have, and of which kind each part of it is.

Taken is what both engines answer alike and without an error, whatever the values are. Engines cast between texts,
numbers and dates in their own ways, so a part of one kind where another is wanted is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

from sqlglot import exp

from pyspark_interview_project.config.column_names import matching_name

Kind = Literal["text", "number", "date", "timestamp", "condition"]

# The functions that both engines share. Beside them: case, if, in, between, like, is null, and, or, not, comparisons,
# `||`, `+`, `-` and `*`. Not here: division (by zero, and of whole numbers), regular expressions (two dialects), casts
# that can fail, anything that depends on the time or the session.
SHARED_FUNCTIONS = (
    "abs",
    "coalesce",
    "concat",
    "length",
    "lower",
    "nullif",
    "replace",
    "substring",
    "trim",
    "try_cast",
    "upper",
)
DIALECT = "spark"
_NUMBER = re.compile(r"\A[0-9]{1,9}(\.[0-9]{1,9})?\Z")
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ)
# Node -> the kind of all its parts, and its own kind.
_PLAIN_NODES: Mapping[type, tuple[Kind, Kind]] = {
    exp.Neg: ("number", "number"),
    exp.Abs: ("number", "number"),
    exp.Add: ("number", "number"),
    exp.Sub: ("number", "number"),
    exp.And: ("condition", "condition"),
    exp.Or: ("condition", "condition"),
    exp.Not: ("condition", "condition"),
    exp.Concat: ("text", "text"),
    exp.DPipe: ("text", "text"),
    exp.Lower: ("text", "text"),
    exp.Upper: ("text", "text"),
    exp.Length: ("text", "number"),
}


class RefusedSql(ValueError):
    """The SQL is not taken; the message says why and what is."""


def column_of(node: exp.Column) -> str:
    return matching_name(".".join(part.name for part in node.parts))


class Check:
    """Infers kinds and refuses what the engines do not share."""

    def __init__(self, typed: Mapping[str, Kind] | None) -> None:
        self._typed = typed

    def kind(self, node: exp.Expr) -> Kind | None:
        if type(node) in _PLAIN_NODES:
            wanted, own = _PLAIN_NODES[type(node)]
            for part in node.iter_expressions():
                self._of(part, wanted)
            return own
        if isinstance(node, _COMPARISONS):
            self._alike([node.left, node.right])
            return "condition"
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None or node.args.get("query"):
            raise RefusedSql(self._refusal(node))
        found: Kind | None = method(node)
        return found

    @staticmethod
    def _refusal(node: exp.Expr) -> str:
        if isinstance(node, exp.Query) or node.find(exp.Query):
            return "has a query in it; it must be one expression on the columns of the row"
        what = node.name if isinstance(node, exp.Anonymous) else node.sql(dialect=DIALECT)[:60]
        return f"has {what}, which the engines do not share; they share {', '.join(SHARED_FUNCTIONS)}"

    def _of(self, node: exp.Expr, wanted: Kind) -> None:
        kind = self.kind(node)
        if kind not in (wanted, None):
            advice = "; write try_cast(… as decimal(18,2))" if (wanted, kind) == ("number", "text") else ""
            raise RefusedSql(f"{node.sql(dialect=DIALECT)[:60]} is a {kind}, but a {wanted} is wanted there{advice}")

    def _alike(self, nodes: Sequence[exp.Expr | None]) -> Kind | None:
        kinds = {node: self.kind(node) for node in nodes if node is not None}
        found = [kind for kind in kinds.values() if kind is not None]
        for node in kinds:
            if found:
                self._of(node, found[0])
        return found[0] if found else None

    def _column(self, node: exp.Column) -> Kind:
        if isinstance(node.this, exp.Star):
            raise RefusedSql("has *, which is no column")
        if self._typed is None:
            return "text"
        if node.sql(dialect=DIALECT) not in self._typed:
            raise RefusedSql(f"has {column_of(node)}, which is no column of a return: {', '.join(self._typed)}")
        return self._typed[node.name]

    def _literal(self, node: exp.Literal) -> Kind:
        if not node.is_string and not _NUMBER.match(node.name):
            raise RefusedSql(f"has the number {node.name}; up to 9 digits before and behind the point are taken")
        return "text" if node.is_string else "number"

    def _null(self, node: exp.Null) -> None:
        return None

    def _boolean(self, node: exp.Boolean) -> Kind:
        return "condition"

    def _paren(self, node: exp.Paren) -> Kind | None:
        return self.kind(node.this)

    def _mul(self, node: exp.Mul) -> Kind:
        for part in (node.left, node.right):
            self._of(part, "number")
            if part.find(exp.Mul):
                raise RefusedSql("multiplies more than two numbers, of which not all digits can be kept")
        return "number"

    def _is(self, node: exp.Is) -> Kind:
        if not isinstance(node.expression, exp.Null):
            raise RefusedSql("has an `is` without null")
        self.kind(node.this)
        return "condition"

    def _in(self, node: exp.In) -> Kind:
        if not node.expressions:
            raise RefusedSql(self._refusal(node))
        self._alike([node.this, *node.expressions])
        return "condition"

    def _between(self, node: exp.Between) -> Kind:
        if node.args.get("symmetric"):
            raise RefusedSql(self._refusal(node))
        self._alike([node.this, node.args["low"], node.args["high"]])
        return "condition"

    def _like(self, node: exp.Like) -> Kind:
        self._of(node.this, "text")
        if not node.expression.is_string:
            raise RefusedSql("has a pattern of like that is no text in quotes")
        return "condition"

    def _case(self, node: exp.Case) -> Kind | None:
        for branch in node.args["ifs"]:
            if node.this:
                self._alike([node.this, branch.this])
            else:
                self._of(branch.this, "condition")
        return self._alike([*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default")])

    def _if(self, node: exp.If) -> Kind | None:
        self._of(node.this, "condition")
        return self._alike([node.args["true"], node.args.get("false")])

    def _coalesce(self, node: exp.Coalesce) -> Kind | None:
        return self._alike([node.this, *node.expressions])

    def _nullif(self, node: exp.Nullif) -> Kind | None:
        return self._alike([node.this, node.expression])

    def _trim(self, node: exp.Trim) -> Kind:
        if node.expression or node.args.get("position"):
            raise RefusedSql("has a trim of other characters than blanks")
        self._of(node.this, "text")
        return "text"

    def _replace(self, node: exp.Replace) -> Kind:
        for part in node.iter_expressions():
            self._of(part, "text")
        if not (node.expression.is_string and node.expression.name):
            raise RefusedSql("has a replace of something that is no text in quotes")
        return "text"

    def _substring(self, node: exp.Substring) -> Kind:
        self._of(node.this, "text")
        for part in (node.args["start"], node.args.get("length")):
            if part is not None and not (part.is_int and isinstance(part, exp.Literal) and int(part.name) > 0):
                raise RefusedSql("has a substring of which a position or length is no number from 1 on")
        return "text"

    def _trycast(self, node: exp.TryCast) -> Kind | None:
        self._of(node.this, "text")
        type_name = node.to.sql(dialect=DIALECT).lower().replace(" ", "")
        if type_name == "date":
            return "date"
        found = re.match(r"\Adecimal\(([0-9]{1,2}),([0-9]{1,2})\)\Z", type_name)
        if not found or not int(found[2]) <= int(found[1]) <= 18:
            raise RefusedSql(f"has a cast to {type_name}; write decimal(18,2), with at most 18 digits, or date")
        return "number"

    def _cast(self, node: exp.Cast) -> Kind:
        try:
            if node.this.is_string and node.to.this == exp.DataType.Type.DATE and date.fromisoformat(node.this.name):
                return "date"
        except ValueError:
            pass
        raise RefusedSql("has a cast that can fail; write try_cast, or a day as date '2026-01-31'")
