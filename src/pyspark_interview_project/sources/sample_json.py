"""The first records of a JSON file whose feed nobody has written yet: at which path they stand, and their columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import Any

from pyspark_interview_project.sources.json_documents import NoRecords, RecordTooLong
from pyspark_interview_project.sources.json_one_document import documents
from pyspark_interview_project.sources.sample_names import required_targets

MAX_RECORD_CHARS = 16 * 1024 * 1024
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str)
_MAX_DEPTH = 3  # of the lists that are looked for
_MAX_STEPS = 8  # of the names of columns
_DOCUMENTS_FOR_PATH = 50

# A record: its values by the name of their path.
Sampled = Mapping[str, str | None]


def sampled_json(blocks: Iterator[str], max_records: int, max_chars: int) -> tuple[str, list[Sampled]]:
    """The path of the records, and the first of them. There are none where the text has no JSON object."""
    objects = []
    read = 0
    with suppress(NoRecords, RecordTooLong):
        for record in chain.from_iterable(documents(blocks, MAX_RECORD_CHARS)):
            read += len(record.text)
            if record.members is not None:
                objects.append(_DECODER.decode(record.text.strip()))
            if len(objects) >= max_records or read > max_chars:
                break
    path = _path_of(objects[:_DOCUMENTS_FOR_PATH])
    return path, list(islice(_records(objects, path), max_records))


def _path_of(objects: Sequence[Any]) -> str:
    """The path under which most of a return's columns have names that are known; of equal ones the shortest."""
    before = ["", *_lists_in(objects)]
    paths = [f"{name}[]" for name in before]
    for name in before:
        paths += [f"{name}[].{behind}" for behind in _lists_in(_elements(objects, name))]

    def known(path: str) -> tuple[int, int]:
        names = dict.fromkeys(chain.from_iterable(islice(_records(objects, path), 200)))
        return len(required_targets(names)), -len([step for step in path.replace("[]", "").split(".") if step])

    return max(paths, key=known)


def _lists_in(objects: Iterable[Any], depth: int = 1) -> list[str]:
    """The paths of lists of objects inside objects."""
    found: dict[str, None] = {}
    for one in objects:
        for key, value in one.items() if isinstance(one, dict) else ():
            if isinstance(value, list) and any(isinstance(member, dict) for member in value):
                found[key] = None
            elif isinstance(value, dict) and depth < _MAX_DEPTH:
                found.update(dict.fromkeys(f"{key}.{name}" for name in _lists_in([value], depth + 1)))
    return list(found)


def _elements(objects: Iterable[Any], before: str) -> list[Any]:
    if not before:
        return list(objects)
    found = (_at(one, before) for one in objects)
    return [element for elements in found if isinstance(elements, list) for element in elements]


def _records(objects: Iterable[Any], path: str) -> Iterator[dict[str, str | None]]:
    before, _, behind = path.partition("[]")
    behind = behind.removeprefix(".")
    for element in _elements(objects, before):
        values = dict(_flat(element, "", behind))
        members = _at(element, behind) if behind else None
        for member in members if isinstance(members, list) and members else [{}]:
            yield {**values, **dict(_flat(member, f"{behind}.", ""))}


def _at(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _flat(value: Any, before: str, leave_out: str) -> Iterator[tuple[str, str | None]]:
    for key, member in value.items() if isinstance(value, dict) else ():
        name = before + key
        if isinstance(member, dict) and before.count(".") < _MAX_STEPS:
            yield from _flat(member, f"{name}.", leave_out)
        elif not isinstance(member, list | dict) and name != leave_out:
            yield name, {None: None, True: "true", False: "false"}.get(member, member)
