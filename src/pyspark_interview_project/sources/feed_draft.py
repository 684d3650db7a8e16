"""The draft of a feed, from a look at one of its files: what could be told, and marked what a person must decide."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.config.feed_definition import Feed
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources.draft_columns import Decided, drafted_columns
from pyspark_interview_project.sources.draft_guide import guide_for, guided
from pyspark_interview_project.sources.sample_files import Sample, sample_of
from pyspark_interview_project.sources.text_opening import encoding_of

_MARK = "  # ?"
_NOT_IN_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Draft:
    """The text of a definition, what it says, and the keys of which a person must decide, such as columns.amount."""

    text: str
    definition: Mapping[str, Any]
    uncertain: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        return {"text": self.text, "definition": dict(self.definition), "uncertain": list(self.uncertain)}


def draft_feed(source: Path, name: str, feeds: Sequence[Feed]) -> Draft:
    """Look at a file, and draft the definition of its feed. `name` is its path relative to bronze/returns_raw.

    Where one of `feeds` can take the file, its decisions are taken over. Every line that ends with `# ?` is for a
    person to decide. A required column that nothing in the file plays is left empty, so that the draft does not load
    before somebody has decided. Raises UnreadableInputError naming the file `name` where it has no records.
    """
    sample = sample_of(source, name)
    guide = guide_for(sample, feeds)
    reading, columns, rest = _drafted(sample) if guide is None else guided(sample, guide, _reads(source, name, guide))
    feed, files = _place_of(name)
    lines = [f"# Drafted from {name}. A line that ends with # ? is for you to decide."]
    if guide:
        lines.append(f"# It looks like the shipped feed {guide.feed}, whose decisions stand here.")
    lines += [f"feed: {feed}", f"files: {_flow(files)}"]
    lines += _lines("read", reading) + _lines("columns", columns)
    for key, decided in rest.items():
        lines.append(f"{key}: {_flow(decided.value)}{'' if decided.is_sure else _MARK}")
    text = "\n".join(lines) + "\n"
    uncertain = [
        *(f"read.{key}" for key, one in reading.items() if not one.is_sure),
        *(f"columns.{key}" for key, one in columns.items() if not one.is_sure),
        *(key for key, one in rest.items() if not one.is_sure),
    ]
    return Draft(text, yaml.safe_load(text), uncertain)


def _reads(source: Path, name: str, guide: Feed) -> bool:
    """Whether one of a feed's encodings is that of a text file."""
    try:
        return bool(encoding_of(source, name, guide.read.encoding or ["utf-8"]))
    except UnreadableInputError:
        return False


def _drafted(sample: Sample) -> tuple[Mapping[str, Decided], Mapping[str, Decided], Mapping[str, Decided]]:
    columns, where = drafted_columns(sample)
    return drafted_reading(sample), columns, {"where": where} if where else {}


def drafted_reading(sample: Sample) -> dict[str, Decided]:
    """The part `read` of a definition. What a reader finds out by itself is left out."""
    reading = {"format": Decided(sample.format)}
    if sample.format == "json" and sample.path != "[]":
        before, _, behind = sample.path.partition("[]")
        # Each record must also be readable alone.
        reading["records"] = Decided([sample.path, f"[]{behind}"] if before else sample.path)
    if sample.format == "delimited" and sample.delimiter != ",":
        reading["delimiter"] = Decided(sample.delimiter)
    if sample.encoding in ("cp1252", "iso-8859-1"):
        reading["encoding"] = Decided(["utf-8", sample.encoding], False)
    if not sample.quotes:
        reading["quote"] = Decided(None, False)
    if sample.comment:
        reading["comment"] = Decided(sample.comment, False)
    if sample.skip_lines:
        reading["skip_lines"] = Decided(sample.skip_lines, False)
    return reading


def _place_of(name: str) -> tuple[str, str]:
    """The name of a feed and the pattern of its files, from the path of one of them."""
    *directories, last = re.sub(r"[*?\\]", "?", name).split("/")  # these mean something in a pattern
    own = [part for part in directories if part and "=" not in part and part not in (".", "..")]
    if own:
        return _as_feed(own[-1]), f"**/{own[-1]}/**"
    stem, _, ending = last.partition(".")
    alike = re.sub(r"[0-9][0-9_.-]*", "*", stem)
    return _as_feed(stem), f"**/{alike}{'' if alike.endswith('*') else '*'}{f'.{ending}' if ending else ''}"


def _as_feed(name: str) -> str:
    word = re.sub(r"_[0-9_]*\Z", "", _NOT_IN_NAME.sub("_", matching_name(name)).strip("_"))
    return (word if word[:1].isalpha() else f"feed_{word}".rstrip("_"))[:63]


def _lines(key: str, part: Mapping[str, Decided]) -> list[str]:
    lines = [f"{key}:"]
    for name, decided in part.items():
        if decided.is_missing:
            lines.append(f"  {name}:  # no column was found: write one, or {{value: …}} or {{sql: …}}{_MARK}")
        else:
            lines.append(f"  {name}: {_flow(decided.value)}{'' if decided.is_sure else _MARK}")
    return lines


def _flow(value: object) -> str:
    """A value in YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
