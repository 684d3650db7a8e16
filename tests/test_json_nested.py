"""Records of JSON by their path: their values, their texts, and that those read alone give the same rows."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspark_interview_project.sources import json_nested
from pyspark_interview_project.sources.text_records import ReadOptions, read_records
from text_reading import told_layout

Row = tuple[Any, ...]  # the values, raw_record, problem

SHOPIFY = ("refunds[].lines", "[].lines")
MAGENTO = ("items[].items", "[].items")
SAP = ("d.results[]", "value[]", "[]")
WANTED = ("id", "note", "lines.id", "lines.item.sku")
NONE = (None, None, None, None)


@dataclass(frozen=True)
class Case:
    content: str
    rows: Sequence[Row]
    paths: tuple[str, ...] = SHOPIFY
    names: tuple[str, ...] = WANTED
    unknown: Sequence[str] | None = None


def rows_of(content: str, paths: tuple[str, ...], names: Sequence[str], unknown: list[str] | None = None) -> list[Row]:
    options = ReadOptions("json", records=paths)
    source = io.BytesIO(content.encode())
    layout = told_layout(source, "a.json", options, names)
    rows: list[Row] = []
    for batch in read_records(source, "a.json", options, layout, None if unknown is None else unknown.extend):
        *columns, texts, are_corrupt, problems, numbers = (column.to_pylist() for column in batch.columns)
        assert are_corrupt == [problem is not None for problem in problems]
        assert numbers == list(range(len(rows) + 1, len(rows) + 1 + len(numbers)))
        rows += zip(*columns, texts, problems)
    return rows


ONE = '{"id": 1, "lines": [{"id": 10, "item": {"sku": "A"}}]}'
TWO = '{"id":2, "note":"x" ,"lines" : [ {"id":1.10,"item":{"sku":"B"}} , {"id": 1E5} ] , "z": 1}'
TWO_CUT = (
    '{"id":2, "note":"x" ,"lines" : [{"id":1.10,"item":{"sku":"B"}}] , "z": 1}',
    '{"id":2, "note":"x" ,"lines" : [{"id": 1E5}] , "z": 1}',
)
THREE = '{"id": 3, "lines": []}'
FOUR = '{"id": 4}'
ROWS: list[Row] = [
    ("1", None, "10", "A", ONE, None),
    ("2", "x", "1.10", "B", TWO_CUT[0], None),
    ("2", "x", "1E5", None, TWO_CUT[1], None),
    ("3", None, None, None, THREE, None),
    ("4", None, None, None, FOUR, None),
]
PRETTY = '{\n  "id": 1,\n  "lines": [\n    {\n      "id": 10\n    },\n    {\n      "id": 11\n    }\n  ]\n}'
PRETTY_CUT = '{\n  "id": 1,\n  "lines": [{\n      "id": %s\n    }]\n}'
MEMO = '{"id": 7, "items": [{"id": 1}]}'
EMPTY_MEMO = '{"id": 8, "items": []}'
MEMOS = ("id", "items.id")
GIVEN = '{"id": 123456789012345678901234567890, "note": true, "lines": [{"id": -0, "item": {"sku": "a\\u00e9\\n"}}]}'
NESTED = '{"id": [1.10 , "a b"], "note": {"x": {}, "y" : "\\" "}, "lines": [{"id": [ ], "item": {"sku": {"a": 1E5 }}}]}'
OTHER_NAMES = '{"ID": 1, "Lines": [{"Id": 10, "ITEM": {"Sku": "A"}}]}'
DEEP = '{"id": 1, "lines": ' + "[" * 100_000 + "]" * 100_000 + "}"


def corrupt(text: str, problem: str, width: int = 4) -> Row:
    return (*[None] * width, text, problem)


# kind -> the content and its rows
CASES = {
    "document on one line": Case(f'{{"refunds": [{ONE}, {TWO},{THREE},{FOUR}]}}', ROWS, unknown=["z"]),
    "documents, one a line": Case(
        f'{{"refunds": [{ONE}, {TWO}]}}\n{{"refunds":[]}}\n{{"refunds":[{THREE},{FOUR}]}}', ROWS, unknown=["z"]
    ),
    "an element a line": Case("\n".join([ONE, TWO, THREE, FOUR]), ROWS, unknown=["z"]),
    "array of elements": Case(f"[{ONE},\n{TWO}, {THREE}, {FOUR}]", ROWS, unknown=["z"]),
    "array of documents": Case(f'[{{"refunds": [{ONE}, {TWO}]}}, {{"refunds":[{THREE},{FOUR}]}}]', ROWS, unknown=["z"]),
    "pretty-printed element": Case(
        PRETTY,
        [
            ("1", None, "10", None, PRETTY_CUT % 10, None),
            ("1", None, "11", None, PRETTY_CUT % 11, None),
        ],
    ),
    "pretty-printed document": Case(
        '{\n "total": 1,\n "refunds": [\n  {\n   "id": 1,\n   "lines": [\n    {"id": 10},\n    {"id": 11}\n   ]\n  }\n'
        " ]\n}",
        [
            ("1", None, "10", None, '{\n   "id": 1,\n   "lines": [{"id": 10}]\n  }', None),
            ("1", None, "11", None, '{\n   "id": 1,\n   "lines": [{"id": 11}]\n  }', None),
        ],
    ),
    "lines that are not indented": Case(
        f'{{"refunds": [\n{ONE},\n{TWO},\n{THREE},\n{FOUR}\n]}}\n', ROWS, unknown=["z"]
    ),
    "lines that are not indented, and a broken document": Case(
        f'{{"refunds": [\n{ONE}\n{FOUR}\n]}}\n',
        [corrupt('{"refunds": [', "not one strict JSON object"), ROWS[0], ROWS[4]]
        + [corrupt("]}", "not one strict JSON object")],
    ),
    "null list": Case('{"id": 1, "lines": null}', [("1", None, None, None, '{"id": 1, "lines": null}', None)]),
    "values": Case(GIVEN, [("123456789012345678901234567890", "true", "-0", "aé\n", GIVEN, None)]),
    "nested values": Case(NESTED, [('[1.10,"a b"]', '{"x":{},"y":"\\" "}', "[]", '{"a":1E5}', NESTED, None)]),
    "names match": Case(OTHER_NAMES, [("1", None, "10", "A", OTHER_NAMES, None)]),
    "names with dots": Case(
        '{"id": 1, "lines": [{"id": 2, "item.sku": "A"}]}',
        [("1", None, "2", "A", '{"id": 1, "lines": [{"id": 2, "item.sku": "A"}]}', None)],
    ),
    "unknown keys": Case(
        '{"id": 1, "x": {"y": 1}, "lines": [{"id": 2, "w": 1, "item": {"v": 1}}]}',
        [("1", None, "2", None, '{"id": 1, "x": {"y": 1}, "lines": [{"id": 2, "w": 1, "item": {"v": 1}}]}', None)],
        unknown=["x", "lines.w", "lines.item.v"],
    ),
    "a document that is not strict": Case(
        '{"refunds": [{"id": 1, "lines": [{"id": 1, "id": 2}]}]}\n{"id": NaN}\n' + ONE,
        [
            corrupt('{"refunds": [{"id": 1, "lines": [{"id": 1, "id": 2}]}]}', "not one strict JSON object"),
            corrupt('{"id": NaN}', "not one strict JSON object"),
            ROWS[0],
        ],
    ),
    "elements and members that are no objects": Case(
        '{"refunds": [5, {"id": 1, "lines": [null, {"id": 2}, "x"]}, null]}',
        [
            corrupt("5", "an element of refunds is no object"),
            corrupt('{"id": 1, "lines": [null]}', "a member of lines is no object"),
            ("1", None, "2", None, '{"id": 1, "lines": [{"id": 2}]}', None),
            corrupt('{"id": 1, "lines": ["x"]}', "a member of lines is no object"),
            corrupt("null", "an element of refunds is no object"),
        ],
    ),
    "a list that is none": Case('{"id": 1, "lines": {}}', [corrupt('{"id": 1, "lines": {}}', "lines is no list")]),
    "two keys that are one column": Case(
        '{"id": 1, "ID": 2}\n{"id": 1, "lines": [{"id": 1, "item": {"sku": 1, "SKU": 2}}, {"id": 3}]}\n'
        '{"lines": [], "Lines": []}\n{"Refunds": [], "refunds": []}\n{"lines.id": 1, "lines": [{"id": 2}]}',
        [
            corrupt('{"id": 1, "ID": 2}', "two keys named id"),
            corrupt('{"id": 1, "lines": [{"id": 1, "item": {"sku": 1, "SKU": 2}}]}', "two keys named lines.item.sku"),
            ("1", None, "3", None, '{"id": 1, "lines": [{"id": 3}]}', None),
            corrupt('{"lines": [], "Lines": []}', "two keys named lines"),
            corrupt('{"Refunds": [], "refunds": []}', "two keys named refunds"),
            corrupt('{"lines.id": 1, "lines": [{"id": 2}]}', "two keys named lines.id"),
        ],
    ),
    "no path fits": Case(
        '{"errors": "Not Found"}\n{"refunds": null}\n{"refunds": [{"id": 1}]}',
        [
            corrupt('{"errors": "Not Found"}', "it has no list at data.refunds or refunds"),
            corrupt('{"refunds": null}', "it has no list at data.refunds or refunds"),
            ("1", None, None, None, '{"id": 1}', None),
        ],
        ("data.refunds[].lines", "refunds[].lines"),
    ),
    "elements without lists in a document": Case(f'{{"refunds": [{FOUR}]}}', [("4", None, None, None, FOUR, None)]),
    "lists of one name: a document": Case(
        f'{{"items": [{MEMO}, {EMPTY_MEMO}], "total_count": 2}}',
        [("7", "1", MEMO, None), ("8", None, EMPTY_MEMO, None)],
        MAGENTO,
        MEMOS,
    ),
    "lists of one name: elements": Case(
        f"{MEMO}\n{EMPTY_MEMO}", [("7", "1", MEMO, None), ("8", None, EMPTY_MEMO, None)], MAGENTO, MEMOS
    ),
    "lists of one name: an empty document": Case('{"items": []}', [], MAGENTO, MEMOS),
    "lists of one name: a document of empty elements": Case(
        f'{{"items": [{FOUR}]}}', [("4", None, FOUR, None)], MAGENTO, MEMOS
    ),
    "OData 2": Case('{"d": {"results": [{"a": {"b": 1}}]}}', [("1", '{"a": {"b": 1}}', None)], SAP, ("a.b",)),
    "OData 4": Case('{"value": [{"a": {"b": 1}}]}', [("1", '{"a": {"b": 1}}', None)], SAP, ("a.b",)),
    "OData item": Case('{"a": {"b": 1}}', [("1", '{"a": {"b": 1}}', None)], SAP, ("a.b",)),
    "a list below others": Case(
        '{"id": 1, "to": {"items": {"results": [{"b": 1}, {"b": 2}]}}}',
        [
            ("1", "1", '{"id": 1, "to": {"items": {"results": [{"b": 1}]}}}', None),
            ("1", "2", '{"id": 1, "to": {"items": {"results": [{"b": 2}]}}}', None),
        ],
        ("[].to.items.results",),
        ("id", "to.items.results.b"),
    ),
    "columns with dots need no path": Case('{"a": {"b": 1}}', [("1", '{"a": {"b": 1}}', None)], (), ("a.b",)),
    "an object and what is in it": Case(
        '{"a": {"b": 1}}', [('{"b":1}', "1", '{"a": {"b": 1}}', None)], ("[]",), ("a", "a.b")
    ),
    "nested too deeply": Case(DEEP, [corrupt(DEEP, "not one strict JSON object")]),
}


@pytest.mark.parametrize("kind", CASES)
def test_read_records_json_of_kind_gives_the_rows_of_its_path(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[kind]
    unknown: list[str] = []
    assert rows_of(case.content, case.paths, case.names, unknown) == list(case.rows)
    if case.unknown is not None:
        assert unknown == case.unknown
    monkeypatch.setattr(json_nested, "_BATCH_CHARS", 0)
    assert rows_of(case.content, case.paths, case.names) == list(case.rows)


@pytest.mark.parametrize("kind", [kind for kind, case in CASES.items() if case.paths and kind != "no path fits"])
def test_read_records_text_of_a_json_row_read_alone_gives_the_same_row(kind: str) -> None:
    case = CASES[kind]
    for row in rows_of(case.content, case.paths, case.names):
        (again,) = rows_of(row[-2], case.paths, case.names)
        assert again[:-1] == row[:-1]
        assert (again[-1] is None) == (row[-1] is None)


def test_read_records_element_that_too_many_members_would_repeat_is_corrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_nested, "_MAX_REPEATED_CHARS", 2 * len('{"id": 1, "lines": }'))
    two = '{"id": 1, "lines": [{}, {}]}'
    three = '{"id": 1, "lines": [{}, {}, {}]}'
    problem = "its 3 members in lines would each repeat 20 characters"
    rows = rows_of(f"{two}\n{three}", SHOPIFY, WANTED)
    assert [row[-2:] for row in rows] == [*[('{"id": 1, "lines": [{}]}', None)] * 2, (three, problem)]


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff\ue000"), max_size=5
) | st.sampled_from(['"lines"', '[{"id": 1}]', "}", "{", "]", ",", ":", '\\"', "\\", "\n"])
NUMBERS = st.sampled_from(["1.10", "1E5", "-0", "12345678901234567890", "0.1e-7"]).map(lambda text: f"\ue000{text}")
VALUE = st.recursive(
    st.none() | st.booleans() | TEXT | NUMBERS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
NUMBER = re.compile(r'"(?:\ue000|\\ue000)([^"]*)"')
LINE = st.fixed_dictionaries(
    {}, optional={"id": VALUE, "item": st.fixed_dictionaries({}, optional={"sku": VALUE}), "lines": VALUE, "x": VALUE}
)
REFUND = st.fixed_dictionaries(
    {"id": TEXT}, optional={"x": VALUE, "lines": st.lists(LINE | NUMBERS, max_size=3), "note": VALUE, "item": VALUE}
)


def written(value: object, **layout: Any) -> str:
    """The value as JSON, where a text that begins with U+E000 is a number as it is written behind that."""
    return NUMBER.sub(r"\1", json.dumps(value, ensure_ascii=bool(layout.pop("ascii", False)), **layout))


@given(st.lists(REFUND, min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_read_records_rows_are_the_same_whatever_the_layout(refunds: list[dict[str, Any]]) -> None:
    layouts = [
        written({"refunds": refunds}),
        written({"refunds": refunds}, indent=2),
        '{"refunds": [\n' + ",\n".join(map(written, refunds)) + "\n]}\n",
        written({"refunds": refunds}, indent=0),
        written({"refunds": refunds}, indent="\t", separators=(",", " : ")),
        written({"refunds": refunds}, ascii=True),
        "\n".join(written({"refunds": [refund]}) for refund in refunds),
        "".join(written(refund, indent=1) for refund in refunds),
        written(refunds),
        written(refunds, indent=4),
        "\r\n".join(written(refund, separators=(",", ":")) for refund in refunds),
    ]
    found = [rows_of(layout, SHOPIFY, WANTED) for layout in layouts]
    width = len(WANTED)
    for rows in found:
        assert len(rows) == sum(max(1, len(refund.get("lines", []))) for refund in refunds)
        assert [(row[0], row[-1]) for row in rows] == [(row[0], row[-1]) for row in found[0]]
        for row in rows:
            (again,) = rows_of(row[width], SHOPIFY, WANTED)
            assert again == row
    for number, rows in enumerate(found):
        if number != 5:  # escapes in nested values stay as they were delivered
            assert [row[:width] for row in rows] == [row[:width] for row in found[0]]
