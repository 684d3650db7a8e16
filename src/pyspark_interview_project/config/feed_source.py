"""Where the columns of a return come from: the part `columns` of a feed's definition."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.config.date_formats import date_format
from pyspark_interview_project.config.feed_sql import FeedSql, checked_sql
from pyspark_interview_project.config.feed_sql_kinds import Kind, RefusedSql

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


class Strict(BaseModel):
    """What is read from a file: nothing unknown, nothing of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class WrongKey(ValueError):
    """What is wrong with one key of a mapping, where only more than the key tells."""

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        super().__init__(problem)


class Source(Strict):
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
        if not places:
            raise ValueError("does not say where it comes from; write one of from, key, value, file and sql")
        if len(places) > 1:
            raise WrongKey(places[1], f"stands beside {places[0]}; take one of the two out")
        on_text = {"from", "sql", *(["zone", "file"] if self.file else [])}
        if places[0] not in ("from", "sql") and (beside := self.given - on_text - set(places)):
            raise WrongKey(min(beside), f"goes with from or sql, not with {places[0]}")
        if self.thousands == (self.decimal or "."):
            raise WrongKey("thousands", "is the same mark as decimal; without the key, decimal is a point")
        for key in ("decimal", "thousands"):
            if (getattr(self, key) or "x") in "0123456789+-":
                raise WrongKey(key, "must be a mark, not a digit or a sign")
        return self

    @property
    def given(self) -> set[str]:
        """The keys that were written, by their names in YAML."""
        return {name.rstrip("_") for name in self.model_fields_set if getattr(self, name) is not None}

    @property
    def choices(self) -> list[list[str]]:
        """The file's columns that it needs, as they match: of each list one."""
        names = [self.from_] if self.from_ else self.key or []
        return [[matching_name(name) for name in choice] for choice in names]

    def choices_in_sql(self, column: str) -> tuple[tuple[str, ...], ...]:
        """The same of its SQL, for this column of a return."""
        return _sql_for(self.sql, column).choices if self.sql else ()

    def plain(self, column: str) -> dict[str, Any]:
        """The source in plain values, names as they match, for this column of a return."""
        said = self.model_dump(include=self.given - {"key", "sql"})
        if self.from_:
            said["from"] = self.choices[0]
        if self.key:
            said["key"] = self.choices
        if self.sql:
            said["sql"] = _sql_for(self.sql, column).text
        return said


@cache
def _sql_for(sql: str, column: str) -> FeedSql:
    return checked_sql(sql, _KINDS.get(column, ("text",)))


def _as_source(value: object) -> object:
    return {"from": value} if isinstance(value, str | list) else value


Mapped = Annotated[Source, BeforeValidator(_as_source)]


class Columns(Strict):
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
                raise WrongKey(key, f"is for {', '.join(columns)}, not for {info.field_name}")
        if source and source.sql:
            try:
                _sql_for(source.sql, str(info.field_name))
            except RefusedSql as error:
                raise WrongKey("sql", str(error)) from None
        return source

    @property
    def mapped(self) -> dict[str, Source]:
        """The columns that the feed gives, in their order."""
        return {name: source for name in type(self).model_fields if (source := getattr(self, name)) is not None}
