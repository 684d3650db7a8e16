"""The definition of a feed: how the files of one source become the columns of a return."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.config.feed_source import Char, Columns, Names, Strict, Text, WrongKey
from pyspark_interview_project.config.feed_sql import FeedSql, checked_sql
from pyspark_interview_project.config.feed_sql_kinds import Kind

# What the SQL of a rule can name, with its kind: the columns of a validated return, as in schemas/rules.py.
RULE_COLUMNS: Mapping[str, Kind] = {
    **dict.fromkeys(("return_id", "order_id", "customer_id", "sku", "reason"), "text"),
    **dict.fromkeys(("qty", "amount"), "number"),
    **dict.fromkeys(("return_date", "as_of"), "date"),
    **dict.fromkeys(("qty_given", "amount_given", "return_date_given", "ingest_ts_given"), "condition"),
}
_RECORDS = re.compile(r"\A([\w.-]+)?\[\](\.[\w.-]+)?\Z")


class ReadOptions(Strict):
    """How to read the files. Null is "as without a feed", but for `quote`, where it is "quotes are text".

    `records` is the path of the records in a JSON document, or several: the first that a document has. Up to `[]` it
    leads to a list of elements (nothing before it: each object of the file is one), and behind it to a list in each
    element: its members are records then, and an element of which it is empty is one too. Columns have the names of
    their paths from the element, with dots between: `created_at`, `refund_line_items.line_item.sku`.
    """

    format: Literal["delimited", "json", "parquet"] | None = None
    delimiter: Char | None = None
    encoding: Names | None = None
    quote: Char | None = '"'
    null_values: list[str] | None = None
    comment: Text | None = None
    skip_lines: Annotated[int, Field(ge=0)] = 0
    records: Names | None = None

    @field_validator("encoding")
    @classmethod
    def _known(cls, names: list[str] | None) -> list[str] | None:
        for name in names or []:
            try:
                "".encode(name)
            except LookupError:
                raise ValueError(f"{name} is no encoding that Python knows, such as utf-8, utf-16 or cp1252") from None
        return names

    @field_validator("records")
    @classmethod
    def _path(cls, paths: list[str] | None) -> list[str] | None:
        for path in paths or []:
            if not _RECORDS.match(path):
                raise ValueError(f"{path} is no path of records, such as refunds[].refund_line_items, items[] or []")
        return paths

    @model_validator(mode="after")
    def _for_their_format(self) -> ReadOptions:
        only_delimited = {"delimiter", "quote", "null_values", "comment", "skip_lines"} & self.model_fields_set
        if self.format in ("json", "parquet") and only_delimited:
            raise WrongKey(min(only_delimited), "is for delimited text; take it out, or write format: delimited")
        if self.format != "json" and self.records:
            raise WrongKey("records", "is for JSON; write format: json beside it")
        if self.delimiter and self.delimiter == self.quote:
            raise WrongKey("quote", "is the delimiter too; quote: null says that quotes are text")
        return self


class FeedRule(Strict):
    """A rule of one feed: as those of schemas/rules.py, but one of severity `warn` is counted and the row is kept."""

    code: Annotated[str, Field(pattern=r"\A[a-z][a-z0-9_]{2,62}\z")]
    broken_when: Text
    because: Text
    severity: Literal["reject", "warn"]

    @field_validator("broken_when")
    @classmethod
    def _checked(cls, sql: str) -> str:
        checked_sql(sql, ("condition",), RULE_COLUMNS)
        return sql

    @property
    def sql(self) -> str:
        """`broken_when` as both engines read it, on the columns of a validated return."""
        return checked_sql(self.broken_when, ("condition",), RULE_COLUMNS).text


class Feed(Strict):
    """The definition of one feed. `files` is a pattern relative to bronze/returns_raw."""

    feed: Annotated[str, Field(pattern=r"\A[a-z][a-z0-9_]{0,62}\z")]
    files: Text
    read: ReadOptions = ReadOptions()
    columns: Columns
    where: Text | None = None
    rules: list[FeedRule] = []

    @field_validator("files")
    @classmethod
    def _relative(cls, pattern: str) -> str:
        if any(part in ("", ".", "..") for part in pattern.split("/")) or "\\" in pattern:
            raise ValueError("must be a path below bronze/returns_raw, such as shop/** or **/shop/*.csv")
        if any("**" in part and part != "**" for part in pattern.split("/")):
            raise ValueError("** stands for directories and is alone between slashes; * stands for a part of a name")
        return pattern

    @field_validator("where")
    @classmethod
    def _checked(cls, sql: str | None) -> str | None:
        if sql is not None:
            checked_sql(sql, ("condition",))
        return sql

    @field_validator("rules")
    @classmethod
    def _apart(cls, rules: list[FeedRule]) -> list[FeedRule]:
        codes = [rule.code for rule in rules]
        if twice := [code for code in codes if codes.count(code) > 1]:
            raise ValueError(f"two rules have the code {twice[0]}; give each its own")
        return rules

    @cached_property
    def definition_hash(self) -> str:
        """Of what the definition says: a comment or the order of keys does not change it."""
        said = self.as_written()
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def as_written(self) -> dict[str, Any]:
        """The definition as plain values, from which Feed.model_validate makes it again."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def takes(self, path: str) -> bool:
        """Whether a file is of this feed, by its path relative to bronze/returns_raw."""
        return re.match(_expression(self.files), path, re.DOTALL) is not None  # re keeps what it has compiled

    def missing_columns(self, header: Iterable[str]) -> list[str]:
        """What a file with this header lacks for the required columns: a name, or the names of which one would do."""
        there = {matching_name(name) for name in header}
        missing = [
            " or ".join(choice)
            for name, source in self.columns.mapped.items()
            if Columns.model_fields[name].is_required()
            for choice in [*source.choices, *source.choices_in_sql(name)]
            if there.isdisjoint(choice)
        ]
        return list(dict.fromkeys(missing))

    @cached_property
    def own_columns(self) -> tuple[str, ...]:
        """The file's own columns that the feed reads, as they match. A reader needs to bring no others."""
        choices = [
            choice
            for name, source in self.columns.mapped.items()
            for choice in [*source.choices, *source.choices_in_sql(name)]
        ]
        choices += self._where.choices if self._where else ()
        return tuple(dict.fromkeys(name for choice in choices for name in choice))

    @cached_property
    def alternatives(self) -> tuple[tuple[str, ...], ...]:
        """The names, as they match, of which a reader picks the first that a file has. Of JSON each record has its own,
        and the mapping picks."""
        if self.read.format == "json":
            return ()
        choices = [tuple(choice) for source in self.columns.mapped.values() for choice in source.choices]
        return tuple(dict.fromkeys(choice for choice in choices if len(choice) > 1))

    @cached_property
    def mapping(self) -> dict[str, Any]:
        """The definition in plain values, as transforms/map_columns.py takes it."""
        return {
            "columns": {name: source.plain(name) for name, source in self.columns.mapped.items()},
            "where": self._where.text if self._where else None,
            "own_columns": list(self.own_columns),
            "names_differ_by_record": self.read.format == "json",
        }

    @cached_property
    def _where(self) -> FeedSql | None:
        return checked_sql(self.where, ("condition",)) if self.where else None


@cache
def _expression(pattern: str) -> str:
    """A pattern of paths as a regular expression: `**` any directories, `*` and `?` within a name."""

    def of_name(part: str) -> str:
        return "".join({"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char) for char in part)

    *above, last = pattern.split("/")
    directories = ["(?:[^/]+/)*" if part == "**" else f"{of_name(part)}/" for part in above]
    return rf"\A{''.join(directories)}{'.+' if last == '**' else of_name(last)}\Z"
