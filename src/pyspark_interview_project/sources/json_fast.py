"""A fast way through JSON records, beside its definition in `json_documents`: one strict object a line, proven in lots.

Outside of an array every line that begins with `{` begins a record, so a text can be cut there. What is not proven is
left to the definition. So this module can be deleted without changing a record or an error.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from pyspark_interview_project.sources.json_documents import JsonRecord, RecordTooLong, json_records
from pyspark_interview_project.sources.json_lines import Members, members_of, refuse_constant, strict_decoder
from pyspark_interview_project.sources.text_opening import BYTE_ORDER_MARK

_PIECE_CHARS = 64 * 1024
_MAX_WAITING_CHARS = 1024 * 1024  # without a place to cut: the definition reads on alone
_MAX_SHAPES = 100
_PLAIN_VALUES = {str, type(None), bool}
_NOTHING_NESTED: frozenset[str] = frozenset()


def fast_json_records(blocks: Iterable[str], max_chars: int) -> Iterator[list[JsonRecord]]:
    """The records that `json_documents.json_records` gives, with the same errors, but sooner."""
    return _Reader(max_chars).read(blocks)


class _Reader:
    def __init__(self, max_chars: int) -> None:
        self._max_chars = max_chars
        self._records = self._lines = 0  # before the part that is read
        self._strict = strict_decoder()
        # It makes plain dictionaries, so that no Python code runs for an object. A key that stands twice is lost in it.
        self._plain = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=refuse_constant)

    def read(self, blocks: Iterable[str]) -> Iterator[list[JsonRecord]]:
        pieces = (block[at : at + _PIECE_CHARS] for block in blocks for at in range(0, len(block), _PIECE_CHARS))
        text = next(pieces, "")
        if not text.lstrip(f" \t\r\n{BYTE_ORDER_MARK}").startswith("{"):
            yield from json_records(chain((text,), pieces), self._max_chars)
            return
        for piece in pieces:
            if end := text.rfind("\n{") + 1:
                yield from self._part(text[:end])
            text = text[end:] + piece
            if len(text) > _MAX_WAITING_CHARS:
                yield from self._by_definition(chain((text,), pieces))
                return
        yield from self._part(text)

    def _part(self, text: str) -> Iterator[list[JsonRecord]]:
        found = self._proven(text)
        for records in self._by_definition((text,)) if found is None else (found,):
            yield records
            self._records += len(records)
        self._lines += text.count("\n")

    def _by_definition(self, blocks: Iterable[str]) -> Iterator[list[JsonRecord]]:
        records, lines = self._records, self._lines
        try:
            yield from json_records(blocks, self._max_chars)
        except RecordTooLong as error:
            raise RecordTooLong(records + error.record, lines + error.line, self._max_chars) from error

    def _proven(self, text: str) -> list[JsonRecord] | None:
        """The records of a text of whole lines; None where one may be anything but a strict object on a line."""
        lines = text.split("\n")
        if "\r" in text:
            lines = [line.removesuffix("\r") for line in lines]
        lines = list(filter(None, lines))
        if len(text) > self._max_chars and max(map(len, lines), default=0) > self._max_chars:
            return None
        if "\\" not in text:
            members = self._members(lines, text)
            return None if members is None else [JsonRecord(*one, _NOTHING_NESTED) for one in zip(lines, members)]
        plain = [line for line in lines if "\\" not in line]
        members = self._members(plain, "\n".join(plain))
        if members is None:
            return None
        in_order = iter(members)
        records = []
        for line in lines:
            found = members_of(line, self._strict) if "\\" in line else (next(in_order), _NOTHING_NESTED)
            if found is None:
                return None
            records.append(JsonRecord(line, *found))
        return records

    def _members(self, lines: Sequence[str], text: str) -> Sequence[Members] | None:
        """The members of objects without a backslash, one a line of this text; None where that is not proven."""
        try:
            found = [self._plain.raw_decode(line) for line in lines]
        except (ValueError, RecursionError):
            return None
        objects = [value for value, _ in found]
        if [end for _, end in found] != list(map(len, lines)) or not set(map(type, objects)) <= {dict}:
            return None
        kinds = set(map(type, chain.from_iterable(map(dict.values, objects))))
        if not kinds <= _PLAIN_VALUES or not _is_each_key_single(objects, text):
            return None
        if bool in kinds:
            return [{key: _as_text(value) for key, value in members.items()} for members in objects]
        return objects


def _is_each_key_single(objects: Sequence[Members], text: str) -> bool:
    """Whether no object has a key twice. Without backslashes a key stands in the text as it is, once an object."""
    shapes = Counter(map(tuple, objects))
    if len(shapes) > _MAX_SHAPES:
        return False
    keys = Counter[str]()
    for shape, times in shapes.items():
        keys.update(dict.fromkeys(shape, times))
    return len(keys) <= _MAX_SHAPES and all(text.count(f'"{key}"') == times for key, times in keys.items())


def _as_text(value: str | bool | None) -> str | None:
    return value if value is None or isinstance(value, str) else "true" if value else "false"
