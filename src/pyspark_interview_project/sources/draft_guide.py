"""A shipped feed as the guide of a draft: its decisions hold as long as the file does not say otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.config.feed_definition import Feed
from pyspark_interview_project.sources.draft_columns import Decided, decided_for, drafted_columns
from pyspark_interview_project.sources.sample_files import Sample
from pyspark_interview_project.sources.sample_names import candidates
from pyspark_interview_project.sources.sample_values import dates_of, fit_formats

_Part = Mapping[str, Decided]


def guide_for(sample: Sample, feeds: Sequence[Feed]) -> Feed | None:
    """The feed that can take the file, and reads most of its columns."""
    there = set(map(matching_name, sample.names))
    fitting = [
        feed
        for feed in feeds
        if (feed.read.format or sample.format) == sample.format
        and (sample.format != "json" or sample.path in (feed.read.records or ["[]"]))
        and not feed.missing_columns(sample.names)
        and not _ignores_columns(sample, feed)
    ]
    return max(fitting, key=lambda feed: len(there.intersection(feed.own_columns)), default=None)


def _ignores_columns(sample: Sample, feed: Feed) -> bool:
    """Whether a feed has a constant for what a column of the file says by its name: then it only happens to fit."""
    constants = [target for target, source in feed.columns.mapped.items() if source.value is not None]
    return any(is_sure for target in constants for _, is_sure in candidates(target, sample.names))


def guided(sample: Sample, guide: Feed, is_encoding_known: bool) -> tuple[_Part, _Part, _Part]:
    """The parts `read` and `columns` of a definition, and the others, as the guide has them, and marked where the file
    says otherwise."""
    said = guide.model_dump(mode="json", by_alias=True, exclude_unset=True)
    reading = {key: Decided(_short(value)) for key, value in said.get("read", {}).items()}
    seen: dict[str, Any] = {}
    if sample.format != "parquet" and not is_encoding_known:
        seen["encoding"] = [*(guide.read.encoding or ["utf-8"]), sample.encoding]
    if sample.format == "delimited":
        if guide.read.delimiter not in (None, sample.delimiter):
            seen["delimiter"] = sample.delimiter
            if sample.quotes and guide.read.quote is None:  # it is another form of the export
                seen["quote"] = '"'
        if not sample.quotes and guide.read.quote:
            seen["quote"] = None
        if sample.skip_lines != guide.read.skip_lines:
            seen["skip_lines"] = sample.skip_lines
        if sample.comment not in (None, guide.read.comment):
            seen["comment"] = sample.comment
    reading.update({key: Decided(value, False) for key, value in seen.items()})
    columns = {
        name: _guided(name, source, sample, bool(guide.where))
        for name, source in said["columns"].items()
        if source is not None
    }
    rest = {key: Decided(said[key]) for key in ("where", "rules") if said.get(key)}
    return reading, columns, rest


def _guided(target: str, source: dict[str, Any], sample: Sample, has_where: bool) -> Decided:
    source = {key: _short(value) if key != "key" else _short_key(value) for key, value in source.items()}
    value: Any = source["from"] if list(source) == ["from"] else source
    if "from" in source:
        there = {matching_name(name): name for name in sample.names}
        choice = [source["from"]] if isinstance(source["from"], str) else source["from"]
        column = next((there[one] for one in map(matching_name, choice) if one in there), None)
        values = sample.values[column] if column else []
        formats = [source["format"]] if isinstance(source.get("format"), str) else source.get("format", [])
        if column and formats and not fit_formats(formats, values):
            dates = dates_of(values)
            more = [one for one in dates.formats if one not in formats] if dates else []
            return Decided({**source, "format": [*formats, *more]}, False)
        if column and target in ("qty", "amount") and not formats:
            seen = decided_for(target, column, values) if values else None
            keys = {key: one for key, one in source.items() if key != "from"}
            if seen and isinstance(seen.value, dict) and not _agree(keys, seen.value):
                return Decided({"from": source["from"], **keys, **_only_keys(seen.value)}, False)
    if "key" in source:
        there = {matching_name(name): name for name in sample.names}
        parts = [next((there[one] for one in choice if one in there), None) for choice in _choices(source["key"])]
        return Decided(value, sample.are_apart([part for part in parts if part]))
    if target == "return_id" and isinstance(value, str):
        column = _own(value, sample)
        # Records without an id may be those that its `where` leaves out.
        with_id = replace(sample, records=[one for one in sample.records if one.get(column)]) if has_where else sample
        if not with_id.is_unique(column):
            return drafted_columns(sample)[0]["return_id"]
    return Decided(value)


def _agree(keys: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    """Whether a guide reads numbers of the form that was seen. Signs are its decision."""
    return "sql" not in seen and all(keys.get(key) == seen.get(key) for key in ("decimal", "thousands"))


def _only_keys(seen: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in seen.items() if key in ("decimal", "thousands")}


def _own(name: str, sample: Sample) -> str:
    return next(column for column in sample.names if matching_name(column) == matching_name(name))


def _choices(key: Sequence[Any]) -> list[list[str]]:
    return [[matching_name(name) for name in ([part] if isinstance(part, str) else part)] for part in key]


def _short(value: Any) -> Any:
    """A list of one text as the text, as people write it."""
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) else value


def _short_key(parts: Sequence[Any]) -> list[Any]:
    return [_short(part) for part in parts]
