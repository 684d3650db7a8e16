"""The definition of a feed: how the files of one source become the columns of a return."""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.config.date_formats import date_format
from pyspark_interview_project.config.feed_sql import FeedSql, Kind, checked_sql

# What the SQL of a rule can name, with its kind: the columns of a validated return, as in schemas/rules.py.
RULE_COLUMNS: Mapping[str, Kind] = {
    **dict.fromkeys(("return_id", "order_id", "customer_id", "sku", "reason"), "text"),
    **dict.fromkeys(("qty", "amount"), "number"),
    **dict.fromkeys(("return_date", "as_of"), "date"),
    **dict.fromkeys(("qty_given", "amount_given", "return_date_given", "ingest_ts_given"), "condition"),
}
_NUMBERS, _TIMES = ("qty", "amount"), ("return_date", "ingest_ts")
# The keys of a mapping that belong to columns of one kind, and these columns.
_FOR = {
    **dict.fromkeys(("decimal", "thousands", "scale", "negate"), _NUMBERS),
    **dict.fromkeys(("format", "file"), _TIMES),
    "zone": ("ingest_ts",),
    "key": ("return_id", "order_id", "customer_id", "sku", "reason"),
}


# What the SQL of a column may give; all others are texts.
_NUMBER_OR_TEXT: tuple[Kind, ...] = ("number", "text")
_KINDS = {"qty": _NUMBER_OR_TEXT, "amount": _NUMBER_OR_TEXT, "return_date": ("date", "text")}


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Text = Annotated[str, Field(min_length=1)]
Char = Annotated[str, Field(min_length=1, max_length=1)]
Names = Annotated[list[Text], BeforeValidator(_as_list), Field(min_length=1)]  # the first that a file has is taken


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ReadOptions(_Strict):
    """How to read the files. Null is "as without a feed", but for `quote`, where it is "quotes are text"."""

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
                codecs.lookup(name)
            except LookupError:
                raise ValueError(f"{name} is no encoding that Python knows, such as utf-8, utf-16 or cp1252") from None
        return names

    @model_validator(mode="after")
    def _for_their_format(self) -> ReadOptions:
        only_delimited = {"delimiter", "quote", "null_values", "comment", "skip_lines"} & self.model_fields_set
        if self.format in ("json", "parquet") and only_delimited:
            raise ValueError(f"{min(only_delimited)} is for delimited text; take it out, or write format: delimited")
        if self.format != "json" and self.records:
            raise ValueError("records is for JSON; write format: json beside it")
        if self.delimiter and self.delimiter == self.quote:
            raise ValueError("delimiter and quote are the same character")
        return self


class Source(_Strict):
    """Where one column comes from: one of `from`, `key`, `value`, `file` and `sql`, and what is done to its text."""

    from_: Names | None = Field(default=None, alias="from")
    key: Annotated[list[Names], Field(min_length=2)] | None = None
    value: str | None = None
    file: Literal["modified", "landed_day"] | None = None
    sql: Text | None = None
    format: Names | None = None
    zone: str | None = None
    decimal: Char | None = None
    thousands: Char | None = None
    scale: Annotated[int, Field(ge=-18, le=18)] | None = None
    negate: bool | None = None

    @field_validator("format")
    @classmethod
    def _readable(cls, formats: list[str] | None) -> list[str] | None:
        for format_ in formats or []:
            date_format(format_)
        return formats

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str | None) -> str | None:
        if zone is not None and zone not in available_timezones() - {"localtime", "Factory"}:
            raise ValueError(f"{zone} is no time zone of the IANA database, such as Europe/Berlin")
        return zone

    @model_validator(mode="after")
    def _of_one_place(self) -> Source:
        places = [name for name in ("from", "key", "value", "file", "sql") if name in self.given]
        if len(places) != 1:
            raise ValueError(f"one of from, key, value, file and sql says where it comes from, not {places or 'none'}")
        if places[0] not in ("from", "sql") and (
            beside := self.given - {places[0]} - ({"zone"} if self.file else set())
        ):
            raise ValueError(f"{min(beside)} goes with from or sql, not with {places[0]}")
        if (self.decimal or ".") == self.thousands or {self.decimal, self.thousands} & set("0123456789+-"):
            raise ValueError("decimal and thousands are two marks, neither of them a digit or a sign")
        return self

    @property
    def given(self) -> set[str]:
        """The keys that were written, by their names in YAML."""
        return {name.rstrip("_") for name in self.model_fields_set if getattr(self, name) is not None}

    def columns_of_sql(self, column: str) -> tuple[str, ...]:
        """The file's columns that its SQL reads, as they match."""
        return _sql_for(self.sql, column).columns if self.sql else ()

    def plain(self, column: str) -> dict[str, Any]:
        """The source in plain values, names as they match, for this column of a return."""
        said = self.model_dump(include=self.given - {"key", "sql"})
        if self.from_:
            said["from"] = self.choices[0]
        if self.key:
            said["key"] = self.choices
        if self.sql:
            said |= {"sql": _sql_for(self.sql, column).text, "columns": list(self.columns_of_sql(column))}
        return said

    @property
    def choices(self) -> list[list[str]]:
        """The file's columns that it needs, as they match: of each list one."""
        names = [self.from_] if self.from_ else self.key or []
        return [[matching_name(name) for name in choice] for choice in names]


@cache
def _sql_for(sql: str, column: str) -> FeedSql:
    return checked_sql(sql, _KINDS.get(column, ("text",)))


def _as_source(value: object) -> object:
    return {"from": value} if isinstance(value, str | list) else value


Mapped = Annotated[Source, BeforeValidator(_as_source)]


class Columns(_Strict):
    """The columns of a return. Those without a default are the required ones of schemas/returns_raw.py."""

    return_id: Mapped
    order_id: Mapped
    customer_id: Mapped | None = None
    sku: Mapped
    reason: Mapped | None = None
    qty: Mapped
    amount: Mapped
    return_date: Mapped
    ingest_ts: Mapped | None = None
    currency: Mapped | None = None

    @field_validator("*")
    @classmethod
    def _fitting(cls, source: Source | None, info: ValidationInfo) -> Source | None:
        for key, columns in _FOR.items():
            if source and key in source.given and info.field_name not in columns:
                raise ValueError(f"{key} is for {', '.join(columns)}, not for {info.field_name}")
        if source and source.sql:
            _sql_for(source.sql, str(info.field_name))
        return source

    @property
    def mapped(self) -> dict[str, Source]:
        """The columns that the feed gives, in their order."""
        return {name: source for name in type(self).model_fields if (source := getattr(self, name)) is not None}


class FeedRule(_Strict):
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


class Feed(_Strict):
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
        said = self.model_dump(mode="json", by_alias=True, exclude_none=True) | {"quote": self.read.quote}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

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
            for choice in [*source.choices, *[[column] for column in source.columns_of_sql(name)]]
            if there.isdisjoint(choice)
        ]
        return list(dict.fromkeys(missing))

    @cached_property
    def mapping(self) -> dict[str, Any]:
        """The definition in plain values, as transforms/map_columns.py takes it."""
        where = checked_sql(self.where, ("condition",)) if self.where else None
        return {
            "columns": {name: source.plain(name) for name, source in self.columns.mapped.items()},
            "where": {"sql": where.text, "columns": list(where.columns)} if where else None,
            "names_differ_by_record": self.read.format == "json",
        }


@cache
def _expression(pattern: str) -> str:
    """A pattern of paths as a regular expression: `**` any directories, `*` and `?` within a name."""

    def of_name(part: str) -> str:
        return "".join({"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char) for char in part)

    *above, last = pattern.split("/")
    directories = ["(?:[^/]+/)*" if part == "**" else f"{of_name(part)}/" for part in above]
    return rf"\A{''.join(directories)}{'.+' if last == '**' else of_name(last)}\Z"
