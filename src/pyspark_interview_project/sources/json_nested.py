"""Records of JSON by their path: the members of lists inside documents, such as `refunds[].refund_line_items`.

Up to `[]` a path leads to a list of elements; without steps before it each JSON record of the file is an element.
Behind `[]` it leads to a list in each element, whose members are the records; an element of which that list is missing
or empty is one record too. Columns have the names of their paths from the element, with dots between.

The text of a record is its element with the list cut down to its one member, all as it was delivered. So it can be read
again alone, where `[]` with the same steps behind is a path of the feed too, and gives the same row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.sources.json_columns import CorruptObject, ObjectColumns, check_apart
from pyspark_interview_project.sources.json_documents import JsonRecord
from pyspark_interview_project.sources.json_places import Place, items_at, start_of_nested, value_at

NO_OBJECT = "not one strict JSON object"
_MAX_REPEATED_CHARS = 256 * 1024 * 1024  # of an element beside its list, in the texts of all its records
_BATCH_CHARS = 256 * 1024


class JsonRow(NamedTuple):
    """A record as it was delivered, its values by column, and what is wrong with it: then it has no values."""

    text: str
    values: Mapping[str, str | None]
    problem: str | None


class _Path(NamedTuple):
    """`a.b[].c` in steps, as they match."""

    before: tuple[str, ...]
    behind: tuple[str, ...]

    @property
    def list_name(self) -> str:
        return ".".join(self.behind)


def rows_by_path(
    records: Iterable[Sequence[JsonRecord]],
    names: Sequence[str],
    paths: Sequence[str],
    note_unknown: Callable[[Iterable[str]], None] | None = None,
) -> Iterator[list[JsonRow]]:
    """The rows of JSON records in lists that are not empty.

    `names` are the wanted columns as they match; of `paths` each document is read by the first that it has.
    `note_unknown` is given the names of keys that are neither on a path nor wanted, once each.
    """
    reader = _Reader(names, paths, note_unknown)
    rows: list[JsonRow] = []
    chars = 0
    for record in (record for few in records for record in few):
        for row in reader.rows(record):
            rows.append(row)
            chars += len(row.text)
            if chars > _BATCH_CHARS:
                yield rows
                rows, chars = [], 0
    if rows:
        yield rows


class _Reader:
    def __init__(
        self, names: Sequence[str], paths: Sequence[str], note_unknown: Callable[[Iterable[str]], None] | None
    ) -> None:
        self._paths = [_path(path) for path in paths]
        self._no_path = f"it has no list at {' or '.join(path.partition('[]')[0] for path in paths)}"
        lists = [".".join(steps) for path in self._paths for steps in path if steps]
        self._key_of = lru_cache(1_024)(_key_of)  # not of the module: it is sent to workers by value
        self._columns = ObjectColumns(names, lists, note_unknown)

    def rows(self, record: JsonRecord) -> Iterator[JsonRow]:
        if record.members is None:
            yield JsonRow(record.text, {}, NO_OBJECT)
            return
        try:
            document = value_at(record.text, 0)
            path, keys = self._path_of(document.value)
        except (CorruptObject, RecursionError) as error:
            yield _corrupt(record.text, error)
            return
        if not path.before:
            whole = Place(document.value, 0, len(record.text))
            yield from self._rows_of_element(record.text, whole, path)
            return
        for element in items_at(record.text, start_of_nested(record.text, 0, keys))[0]:
            yield from self._rows_of_element(record.text, element, path)

    def _path_of(self, document: dict[str, Any]) -> tuple[_Path, Sequence[str]]:
        """The path by which a document is read, and the keys that lead to its list of elements.

        Two paths can fit: by `items[].items` and `[].items` a document has elements in `items`, and so has each element
        when it is alone. So a path fits best where an element has the list behind `[]`; where nothing tells, an object
        that has columns itself is an element.
        """
        possible = []
        for path in self._paths:
            keys, elements = self._found(document, path.before) if path.before else ([], [document])
            if not isinstance(elements, list):
                continue
            possible.append((path, keys))
            if not path.behind:
                return path, keys
            if not elements:
                is_best = not self._columns.has_values(document)
            elif any(self._has_list(element, path.behind) for element in elements):
                is_best = bool(path.before) or self._columns.has_values(document)
            else:
                is_best = False
            if is_best:
                return path, keys
        if not possible:
            raise CorruptObject(self._no_path)
        return possible[0]

    def _rows_of_element(self, text: str, element: Place, path: _Path) -> Iterator[JsonRow]:
        delivered = text[element.start : element.end]
        try:
            if not isinstance(element.value, dict):
                raise CorruptObject(f"an element of {'.'.join(path.before)} is no object")
            values = self._columns.texts(text, element.start, element.value)
            keys, members = self._found(element.value, path.behind) if path.behind else ([], None)
            if members is not None and not isinstance(members, list):
                raise CorruptObject(f"{path.list_name} is no list")
        except (CorruptObject, RecursionError) as error:
            yield _corrupt(delivered, error)
            return
        if not members:
            yield JsonRow(delivered, values, None)
            return
        start = start_of_nested(text, element.start, keys)
        places, end = items_at(text, start)
        repeated = start - element.start + element.end - end
        if repeated * len(places) > _MAX_REPEATED_CHARS:
            problem = f"its {len(places):,} members in {path.list_name} would each repeat {repeated:,} characters"
            yield JsonRow(delivered, {}, problem)
            return
        before, behind = f"{text[element.start : start]}[", f"]{text[end : element.end]}"
        for member in places:
            one = f"{before}{text[member.start : member.end]}{behind}"
            try:
                yield JsonRow(one, self._values_of_member(text, member, path, values), None)
            except (CorruptObject, RecursionError) as error:
                yield _corrupt(one, error)

    def _values_of_member(
        self, text: str, member: Place, path: _Path, beside: Mapping[str, str | None]
    ) -> Mapping[str, str | None]:
        if not isinstance(member.value, dict):
            raise CorruptObject(f"a member of {path.list_name} is no object")
        values = self._columns.texts(text, member.start, member.value, f"{path.list_name}.")
        check_apart(beside, values)
        return {**beside, **values}

    def _found(self, value: Any, steps: Sequence[str]) -> tuple[list[str], Any]:
        """The keys that lead along a path, and the value there; None where there is none. Raises CorruptObject."""
        keys: list[str] = []
        for step in steps:
            key = self._key_of(tuple(value), step) if isinstance(value, dict) else None
            if key is None:
                return keys, None
            keys.append(key)
            value = value[key]
        return keys, value

    def _has_list(self, element: Any, steps: Sequence[str]) -> bool:
        try:
            return isinstance(self._found(element, steps)[1], list)
        except CorruptObject:
            return False


def _path(text: str) -> _Path:
    before, _, behind = text.partition("[]")
    return _Path(*(tuple(matching_name(step) for step in part.split(".") if step) for part in (before, behind)))


def _key_of(keys: tuple[str, ...], step: str) -> str | None:
    named = [key for key in keys if matching_name(key) == step]
    if len(named) > 1:
        raise CorruptObject(f"two keys named {step}")
    return named[0] if named else None


def _corrupt(text: str, error: Exception) -> JsonRow:
    return JsonRow(text, {}, str(error) if isinstance(error, CorruptObject) else "nested too deeply")
