"""Taking one line of JSON apart."""

from __future__ import annotations

import pytest

from pyspark_interview_project.sources.json_lines import members_of, strict_decoder

# line -> its members as text
FLAT: dict[str, dict[str, str | None]] = {
    "{}": {},
    '{"a": "x", "b": ""}': {"a": "x", "b": ""},
    ' \t{"a" : "x"}\r ': {"a": "x"},
    '{"a": null}': {"a": None},
    '{"a": true, "b": false}': {"a": "true", "b": "false"},
    '{"a": 1}': {"a": "1"},
    '{"a": 1.10}': {"a": "1.10"},
    '{"a": -0}': {"a": "-0"},
    '{"a": 1E+2}': {"a": "1E+2"},
    '{"a": 10.005000000000000000000000000001}': {"a": "10.005000000000000000000000000001"},
    '{"a": 1e400}': {"a": "1e400"},
    f'{{"a": {"9" * 5000}}}': {"a": "9" * 5000},
    r'{"a": "\"\\\/\b\f\n\r\t\u00e9"}': {"a": '"\\/\b\f\n\r\té'},
    r'{"a": "\ud83d\ude00"}': {"a": "😀"},
    r'{"a": "\u0000"}': {"a": "\x00"},
    '{"a": "ß😀\u2028\x7f"}': {"a": "ß😀\u2028\x7f"},
    '{"": "x"}': {"": "x"},
    '{"a": "x", "A": "y"}': {"a": "x", "A": "y"},
    '{"a": "NaN"}': {"a": "NaN"},
    r'{"\u0061": "x"}': {"a": "x"},
}
# line -> members, keys of those that are nested
NESTED: dict[str, tuple[dict[str, str | None], set[str]]] = {
    '{"a": [1, 2], "b": "x"}': ({"a": None, "b": "x"}, {"a"}),
    '{"a": {"c": 1}}': ({"a": None}, {"a"}),
    '{"a": [], "b": {}}': ({"a": None, "b": None}, {"a", "b"}),
}
NOT_STRICT = [
    "",
    " ",
    "[]",
    '["a"]',
    '"a"',
    "1",
    "null",
    "{",
    '{"a": 1',
    '{"a": 1} x',
    '{"a": 1}{"b": 2}',
    '{"a": 1},',
    '{"a": 1,}',
    "{'a': 1}",
    "{a: 1}",
    "{\"a\": 'x'}",
    '{"a" 1}',
    '{"a": }',
    '{"a": NaN}',
    '{"a": Infinity}',
    '{"a": -Infinity}',
    '{"a": [NaN]}',
    '{"a": 01}',
    '{"a": +1}',
    '{"a": .5}',
    '{"a": 1.}',
    '{"a": 0x10}',
    '{"a": 1_000}',
    '{"a": True}',
    '{"a": None}',
    '{"a": "x\ty"}',
    '{"a": "x\x00y"}',
    r'{"a": "\x41"}',
    r'{"a": "\u12"}',
    '{"a": 1, "a": 1}',
    '{"a": 1, "b": 2, "a": 3}',
    r'{"a": 1, "\u0061": 2}',
    r'{"a": "\ud83d"}',
    r'{"a": "\ude00\ud83d"}',
    r'{"\ud83d": 1}',
    '{"a": 1} // comment',
    '\ufeff{"a": 1}',
    '\u00a0{"a": 1}',
    '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
]


def short(line: str) -> str:
    return ascii(line[:40])


@pytest.mark.parametrize("line", FLAT, ids=short)
def test_members_of_a_strict_object_are_its_values_as_text(line: str) -> None:
    assert members_of(line, strict_decoder()) == (FLAT[line], frozenset())


@pytest.mark.parametrize("line", NESTED, ids=short)
def test_members_of_an_object_with_nested_values_name_their_keys(line: str) -> None:
    assert members_of(line, strict_decoder()) == NESTED[line]


@pytest.mark.parametrize("line", NOT_STRICT, ids=short)
def test_members_of_anything_but_one_strict_object_are_none(line: str) -> None:
    assert members_of(line, strict_decoder()) is None
