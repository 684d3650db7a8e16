"""The feeds of a directory: read and checked. feed_choice says which one a file belongs to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError

from pyspark_interview_project.config.feed_choice import shipped_feeds
from pyspark_interview_project.config.feed_definition import Feed, FeedRule
from pyspark_interview_project.config.feed_source import WrongKey
from pyspark_interview_project.config.settings import StrictLoader
from pyspark_interview_project.errors import ConfigurationError

__all__ = ["Feed", "FeedRule", "load_feed", "load_feeds", "shipped_feeds"]

_SUFFIXES = (".yaml", ".yml")
_MAX_BYTES = 1 << 20  # a definition is a page long


def load_feed(path: Path, reserved_codes: Collection[str] = ()) -> Feed:
    """One definition. Raises ConfigurationError naming file, line and key."""
    return _loaded(path, reserved_codes)


def load_feeds(directories: Iterable[Path | str], reserved_codes: Collection[str] = ()) -> tuple[Feed, ...]:
    """Load every feed, directory by directory, in the order of file names.

    A feed takes the place of one of its name in a later directory, so that a shipped one can be replaced.
    `reserved_codes` are those of the package's own rules. Raises ConfigurationError naming file, line and key.
    """
    feeds: dict[str, Feed] = {}
    owners: dict[str, str] = {}
    for directory in map(Path, directories):
        found: dict[str, Path] = {}
        for path in _files_of(directory):
            feed = _loaded(path, reserved_codes)
            if feed.feed in found:
                raise ConfigurationError(f"{path}: feed", f"{found[feed.feed].name} has the name {feed.feed} too")
            found[feed.feed] = path
            if feed.feed in feeds:
                continue
            for rule in feed.rules:
                if owners.setdefault(rule.code, feed.feed) != feed.feed:
                    problem = f"{rule.code} is a code of the feed {owners[rule.code]} too; give each rule its own"
                    raise ConfigurationError(f"{path}: rules", problem)
            feeds[feed.feed] = feed
    return tuple(feeds.values())


def _files_of(directory: Path) -> list[Path]:
    try:
        entries = sorted(path for path in directory.iterdir() if not path.name.startswith("."))
    except OSError as error:
        problem = f"{error.strerror}; make the directory, or leave feeds_dir out"
        raise ConfigurationError(str(directory), problem) from error
    return [path for path in entries if path.suffix.lower() in _SUFFIXES]


def _loaded(path: Path, reserved_codes: Collection[str]) -> Feed:
    try:
        content = path.read_bytes()
        if len(content) > _MAX_BYTES:
            raise ConfigurationError(str(path), f"has {len(content):,} bytes; a feed has at most {_MAX_BYTES:,}")
        text = content.decode("utf-8")
    except OSError as error:
        raise ConfigurationError(str(path), error.strerror or "cannot be read") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{path}:{line}", "is not UTF-8; save it as UTF-8") from error
    top, values = _parsed(path, text)
    try:
        feed = Feed.model_validate(values)
    except ValidationError as error:
        faults = cast(list[dict[str, Any]], error.errors(include_url=False))
        # A key that is misspelt is also one that is missing.
        raise _error_of(path, top, min(faults, key=lambda fault: fault["type"] != "extra_forbidden")) from None
    for position, rule in enumerate(feed.rules):
        if rule.code in reserved_codes:
            line, _ = _place(top, ("rules", position, "code"))
            problem = f"{rule.code} is a code of the package; give the rule its own, such as {feed.feed}_…"
            raise ConfigurationError(f"{path}:{line}: rules.{position}.code", problem)
    return feed


def _parsed(path: Path, text: str) -> tuple[yaml.Node, Any]:
    """The nodes of the YAML, which know their lines, and its values."""
    loader = StrictLoader(text)
    try:
        top = loader.get_single_node()
        if not isinstance(top, yaml.MappingNode):
            raise ConfigurationError(f"{path}:1", "must be a mapping with the keys feed, files and columns")
        return top, loader.construct_document(top)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(str(error.problem or error.context).split())
        raise ConfigurationError(f"{path}:{mark.line + 1 if mark else 1}", f"is no YAML: {problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a day that is none is a ValueError
        raise ConfigurationError(f"{path}:1", f"is no YAML: {' '.join(str(error).split())}") from error
    finally:
        loader.dispose()


def _place(top: yaml.Node, location: Sequence[str | int]) -> tuple[int, list[str]]:
    """The line of what pydantic names, and the keys on the way that stand in the file."""
    node, line, keys = top, top.start_mark.line, []
    for step in location:
        if isinstance(node, yaml.MappingNode):
            following = next(((key, value) for key, value in node.value if key.value == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            following = (node.value[step], node.value[step])
        else:  # a step inside the short form of a mapping
            break
        keys.append(str(step))
        if following is None:
            break
        node, line = following[1], following[0].start_mark.line
    return line + 1, keys


def _error_of(path: Path, top: yaml.Node, fault: dict[str, Any]) -> ConfigurationError:
    error = fault.get("ctx", {}).get("error")
    line, keys = _place(top, [*fault["loc"], *([error.key] if isinstance(error, WrongKey) else [])])
    key = ".".join(keys)
    subject = f"{path}:{line}: {key}" if key else f"{path}:{line}"
    return ConfigurationError(subject, _problem(fault))


def _problem(fault: dict[str, Any]) -> str:
    kind, given = fault["type"], fault["input"]
    if kind == "missing":
        return "is missing; say where it comes from: a column of the file, {value: …} or {sql: …}"
    if kind == "extra_forbidden":
        return "is no key that is known here; look at its spelling, or take it out"
    if kind == "value_error":
        return str(fault["ctx"]["error"])
    if kind == "string_type":
        return f"must be a text, not {given!r}; put it in quotes"
    if kind in ("model_type", "model_attributes_type"):
        return f"must be a mapping of keys, not {given!r}"
    if kind == "string_pattern_mismatch":
        return f"must be lower-case letters, digits and _, such as shop_returns, not {given!r}"
    return f"{fault['msg'][0].lower()}{fault['msg'][1:]}, not {given!r}"
