"""Taking JSON records out of a text, in each of the four layouts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspark_interview_project.sources.json_documents import JsonRecord, NoRecords, RecordTooLong, json_records
from pyspark_interview_project.sources.json_lines import members_of, strict_decoder

MAX_CHARS = 100_000
NOT_CLOSED = "the JSON array that begins in line {} is not closed"
TEXT_BEHIND = "text follows in line {} behind the JSON array that begins in line {}"


def record(text: str, *nested: str, **members: str | None) -> JsonRecord:
    return JsonRecord(text, members, frozenset(nested))


def corrupt(text: str) -> JsonRecord:
    return JsonRecord(text, None, frozenset())


A, B = record('{"a": 1}', a="1"), record('{"b": "2"}', b="2")
PRETTY = '{\n  "a": 1,\n  "b": {\n    "c": 2\n  }\n}'
PRETTY_CUT = '{\n  "a": [\n    {\n      "c": 1\n    }\n  ],'
MONGO = '{"_id": {"$oid": "5f"}, "amount": {"$numberDecimal": "5.50"}, "sku": "MUG"}'

# kind -> the text, its records, and the problem with which it ends
TEXTS: dict[str, tuple[str, list[JsonRecord], str | None]] = {
    "empty": ("", [], None),
    "blanks only": (" \n\t\r\n", [], None),
    "one object a line": ('{"a": 1}\n{"b": "2"}\n', [A, B], None),
    "no line end at the end": ('{"a": 1}\n{"b": "2"}', [A, B], None),
    "CR LF": ('{"a": 1}\r\n{"b": "2"}\r\n', [A, B], None),
    "a lone CR is a blank": ('{"a": 1}\r{"b": "2"}', [A, B], None),
    "blank lines": ('\n \t\n{"a": 1}\r\n\r\n{"b": "2"}\n\n', [A, B], None),
    "blanks around an object": (' {"a": 1} \n', [record(' {"a": 1} ', a="1")], None),
    "byte-order marks": ('\ufeff{"a": 1}\n\ufeff{"b": "2"}', [A, B], None),
    "lines that are no objects": (
        '{"a": 1}\n[1]\nx, {"b": 1}\n"{"\n1 \n',
        [A, *map(corrupt, ("[1]", 'x, {"b": 1}', '"{"', "1 "))],
        None,
    ),
    "values": (
        '{"a": null, "b": true, "c": 1.10, "d": [1], "e": {}}',
        [
            record(
                '{"a": null, "b": true, "c": 1.10, "d": [1], "e": {}}',
                "d",
                "e",
                a=None,
                b="true",
                c="1.10",
                d=None,
                e=None,
            )
        ],
        None,
    ),
    "Mongo's extended JSON": (MONGO, [record(MONGO, "_id", "amount", _id=None, amount=None, sku="MUG")], None),
    "a key stands twice": ('{"a": 1, "a": 1}\n{"a": 1}', [corrupt('{"a": 1, "a": 1}'), A], None),
    "NaN": ('{"a": NaN}\n{"a": 1}', [corrupt('{"a": NaN}'), A], None),
    "single quotes": ("{'a': 1}\n" + '{"a": 1}', [corrupt("{'a': 1}"), A], None),
    "half of a surrogate pair": ('{"a": "\\ud83d"}\n{"a": 1}', [corrupt('{"a": "\\ud83d"}'), A], None),
    "two objects on a line": ('{"a": 1}{"b": "2"}\n{"a": 1} \t{"b": "2"}\n', [A, B, A, B], None),
    "a corrupt object and others on a line": ('{"a": }{"a": 1}{x}\n', [corrupt('{"a": }'), A, corrupt("{x}")], None),
    "text behind objects on a line": (
        '{"a": 1} x {"b": "2"}\n{"a": 1}{"b": 1},\n',
        [corrupt('{"a": 1} x {"b": "2"}'), A, corrupt('{"b": 1},')],
        None,
    ),
    "over several lines": (PRETTY + "\n" + PRETTY, [record(PRETTY, "b", a="1", b=None)] * 2, None),
    "over several lines with CR LF": (
        PRETTY.replace("\n", "\r\n") + "\r\n",
        [record(PRETTY.replace("\n", "\r\n"), "b", a="1", b=None)],
        None,
    ),
    "over several lines, the next on its last line": (
        PRETTY + '{"b": "2"}',
        [record(PRETTY, "b", a="1", b=None), B],
        None,
    ),
    "over several lines, text behind": (PRETTY + ",\n" + '{"a": 1}', [corrupt(PRETTY + ","), A], None),
    "an open object, then good lines": (
        '{"a": 1,\n{"a": 1}\n{"b": {"c": 1,\n{"b": "2"}',
        [corrupt('{"a": 1,'), A, corrupt('{"b": {"c": 1,'), B],
        None,
    ),
    "an open string, then good lines": ('{"a": "x\n{"a": 1}\n{"b": "2"}', [corrupt('{"a": "x'), A, B], None),
    "a file cut in a line": ('{"a": 1}\n{"b": "2', [A, corrupt('{"b": "2')], None),
    "a file cut in an object over several lines": (
        '{"a": 1}\n' + PRETTY_CUT,
        [A, *map(corrupt, PRETTY_CUT.split("\n"))],
        None,
    ),
    "objects nested in a broken one, then a good line": (
        PRETTY_CUT + '\n{"a": 1}\n {"b": 1}',
        [*map(corrupt, PRETTY_CUT.split("\n")), A, record(' {"b": 1}', b="1")],
        None,
    ),
    "braces in strings": (
        '{"a": "}{"}{"a": "{"}\n{\n"a": "}\\n{"\n}',
        [record('{"a": "}{"}', a="}{"), record('{"a": "{"}', a="{"), record('{\n"a": "}\\n{"\n}', a="}\n{")],
        None,
    ),
    "escaped quotes": (
        r'{"a": "\"}{\\"}{"a": "\\\"{"}',
        [record(r'{"a": "\"}{\\"}', a='"}{\\'), record(r'{"a": "\\\"{"}', a='\\"{')],
        None,
    ),
    "an array on one line": ('[{"a": 1},{"b": "2"}]', [A, B], None),
    "an array, an element a line": ('[{"a": 1},\n{"b": "2"}]\n', [A, B], None),
    "an array in lines of its own": ('\n [\r\n{"a": 1} ,\r\n{"b": "2"}\r\n] \r\n', [A, B], None),
    "a pretty-printed array": (
        f"[\n{PRETTY},\n{PRETTY}\n]",
        [record(PRETTY, "b", a="1", b=None)] * 2,
        None,
    ),
    "an empty array": ("[ ]", [], None),
    "a comma at the end of an array": ('[{"a": 1},\n]', [A], None),
    "elements that are no objects": (
        '[1, "],", [{"a": 1}, [2]], null, {"a": 1}]',
        [*map(corrupt, ("1", '"],"', '[{"a": 1}, [2]]', "null")), A],
        None,
    ),
    "corrupt elements": (
        '[{"a": NaN}, {"a": 1, "a": 1}, {"a": [}, {"a": 1} x, {"a": 1}]',
        [*map(corrupt, ('{"a": NaN}', '{"a": 1, "a": 1}', '{"a": [}', '{"a": 1} x')), A],
        None,
    ),
    "braces and brackets in strings of an array": (
        r'[{"a": "}],[{\"\\"},{"a": 1}]',
        [record(r'{"a": "}],[{\"\\"}', a='}],[{"\\'), A],
        None,
    ),
    "an open array": ('\n[{"a": 1},', [A], NOT_CLOSED.format(2)),
    "a file cut in an element": ('[{"a": 1},\n{"b": ', [A, corrupt('{"b":')], NOT_CLOSED.format(1)),
    "a bracket only": ("[", [], NOT_CLOSED.format(1)),
    "text behind an array": ('[{"a": 1}]\n\n{"b": "2"}', [A], TEXT_BEHIND.format(3, 1)),
    "two arrays": ('[{"a": 1}]\n[{"b": "2"}]', [A], TEXT_BEHIND.format(2, 1)),
}


def taken(blocks: Sequence[str], max_chars: int = MAX_CHARS) -> tuple[list[JsonRecord], str | None]:
    """The records of a text, and the problem with which it ends."""
    records: list[JsonRecord] = []
    try:
        for batch in json_records(blocks, max_chars):
            records += batch
    except NoRecords as error:
        return records, error.problem
    except RecordTooLong as error:
        assert error.record == len(records) + 1
        return records, f"record {error.record} in line {error.line}"
    return records, None


@pytest.mark.parametrize("kind", TEXTS)
def test_json_records_of_a_text_are_these_however_it_is_cut(kind: str) -> None:
    text, *expected = TEXTS[kind]
    assert taken([text]) == tuple(expected)
    assert taken(list(text)) == tuple(expected)
    for place in range(len(text)):
        assert taken([text[:place], "", text[place:]]) == tuple(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}\n{"b": "2"}\n', ([A], "record 2 in line 2")),
        ('{"a": 1}\nlong text\n', ([A], "record 2 in line 2")),
        ('{"a": 1}{"a": 1}{"a": 1}\n{"a": 1}', ([A] * 4, None)),
        ('{"a": 1} x', ([], "record 1 in line 1")),
        ('{"a": 1}\r{"a": 1}', ([], "record 1 in line 1")),
        ('{"a": 1}' + " " * 9 + '{"a": 1}', ([], "record 1 in line 1")),
        ('{"a":\n\n\n1}\n{"a": 1}', ([corrupt('{"a":'), corrupt("1}"), A], None)),
        ('[\n{"a": 1},\n{"b": "2"}]', ([A], "record 2 in line 3")),
        ('[{"a": 1}' + " " * 9 + "]", ([], "record 1 in line 1")),
        ('[{"a": "' + "x" * 99, ([], "record 1 in line 1")),
        ('[{"a": 1},' + " " * 99 + '{"a": 1}]', ([A, A], None)),
    ],
)
def test_json_records_longer_than_the_maximum_are_refused(text: str, expected: object) -> None:
    assert taken([text], max_chars=8) == expected
    assert taken(list(text), max_chars=8) == expected


def test_json_records_of_an_endless_text_are_handed_out_on_the_way() -> None:
    endless = itertools.chain(["["], itertools.repeat('{"a": 1},' * 1000))
    batches = json_records(endless, MAX_CHARS)
    first, second = next(batches), next(batches)
    assert set(map(len, (first, second))) < set(range(1_000, 50_000))
    assert all(one == A for one in first + second)


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
NUMBERS = st.one_of(st.integers(), st.decimals(allow_nan=False, allow_infinity=False, places=3).map(float))
VALUES = st.one_of(
    ANY_TEXT,
    st.text('"\\{}[],:\n', max_size=6),
    NUMBERS,
    st.none(),
    st.booleans(),
    st.recursive(
        st.none() | ANY_TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
        max_leaves=4,
    ),
)
OBJECTS = st.lists(st.dictionaries(ANY_TEXT | st.text('"\\{}', max_size=3), VALUES, max_size=5), max_size=5)
Written = Callable[[object], str]
COMPACT: st.SearchStrategy[Written] = st.builds(
    lambda is_ascii, separators: lambda value: json.dumps(value, ensure_ascii=is_ascii, separators=separators),
    st.booleans(),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")]),
)
INDENTED: st.SearchStrategy[Written] = st.builds(
    lambda is_ascii, indent: lambda value: json.dumps(value, ensure_ascii=is_ascii, indent=indent),
    st.booleans(),
    st.sampled_from([1, 2, 4, "\t"]),
)
LINE_ENDS = st.sampled_from(["\n", "\r\n"])
PLACES = st.lists(st.integers(0, 400), max_size=8)


def cut(text: str, places: Sequence[int]) -> list[str]:
    """The text in blocks. A place is counted modulo its length."""
    bounds = sorted(place % (len(text) + 1) for place in places)
    return [text[start:end] for start, end in zip([0, *bounds], [*bounds, len(text)])]


def as_records(objects: Sequence[Mapping[str, object]], written: Written) -> list[JsonRecord]:
    """The objects as records that were written in this way."""
    found = [(text := written(one), members_of(text, strict_decoder())) for one in objects]
    return [JsonRecord(text, *of) for text, of in found if of]


def in_order(records: Sequence[JsonRecord]) -> list[tuple[str, list[tuple[str, str | None]], frozenset[str]]]:
    return [(text, list(members.items()), nested) for text, members, nested in records if members is not None]


@settings(max_examples=60, deadline=None)
@given(OBJECTS, COMPACT, LINE_ENDS, PLACES)
def test_json_records_written_one_a_line_come_back(
    objects: list[dict[str, object]], written: Written, end: str, places: list[int]
) -> None:
    expected = as_records(objects, written)
    found, problem = taken(cut(end.join(one.text for one in expected), places))
    assert (in_order(found), problem) == (in_order(expected), None)


@settings(max_examples=60, deadline=None)
@given(OBJECTS, COMPACT, st.sampled_from(["", " ", "\t \r"]), PLACES)
def test_json_records_written_one_behind_the_other_come_back(
    objects: list[dict[str, object]], written: Written, blanks: str, places: list[int]
) -> None:
    expected = as_records(objects, written)
    found, problem = taken(cut(blanks.join(one.text for one in expected), places))
    assert (in_order(found), problem) == (in_order(expected), None)


@settings(max_examples=60, deadline=None)
@given(OBJECTS, INDENTED, st.sampled_from(["", " ", "\n", "\r\n\n"]), PLACES)
def test_json_records_written_over_several_lines_come_back(
    objects: list[dict[str, object]], written: Written, blanks: str, places: list[int]
) -> None:
    expected = as_records(objects, written)
    found, problem = taken(cut(blanks.join(one.text for one in expected), places))
    assert (in_order(found), problem) == (in_order(expected), None)


@settings(max_examples=60, deadline=None)
@given(OBJECTS, COMPACT | INDENTED, st.sampled_from([",", ", ", ",\n", "\r\n, "]), PLACES)
def test_json_records_written_as_an_array_come_back(
    objects: list[dict[str, object]], written: Written, comma: str, places: list[int]
) -> None:
    expected = as_records(objects, written)
    found, problem = taken(cut("[" + comma.join(one.text for one in expected) + "]", places))
    assert (in_order(found), problem) == (in_order(expected), None)


@settings(max_examples=60, deadline=None)
@given(OBJECTS, INDENTED, PLACES)
def test_json_records_of_a_pretty_printed_array_have_its_members(
    objects: list[dict[str, object]], written: Written, places: list[int]
) -> None:
    found, problem = taken(cut(written(objects), places))
    expected = [json.loads(written(one), parse_float=str, parse_int=str) for one in objects]
    assert problem is None
    assert [json.loads(one.text, parse_float=str, parse_int=str) for one in found] == expected


PIECES = ['"', "{", "}", "[", "]", ",", "\n", "\r", " ", "\\", "x", '{"a":1}', '{"a":', '"}', "\n{", "\ufeff", '"\n']
NASTY = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["", "[", "{"]), NASTY, PLACES, st.sampled_from([1, 7, 12, MAX_CHARS]))
def test_json_records_of_any_text_do_not_depend_on_its_blocks(
    start: str, text: str, places: list[int], max_chars: int
) -> None:
    found = taken([start + text], max_chars)
    assert taken(cut(start + text, places), max_chars) == found
    assert taken(list(start + text), max_chars) == found
    assert all(len(one.text) <= max_chars for one in found[0])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["", "[", "{"]), NASTY)
def test_json_records_of_any_text_leave_nothing_out(start: str, text: str) -> None:
    rest = start + text
    is_array = rest.lstrip(" \n\r\ufeff").startswith("[")
    between = " \n\r\ufeff" + ("[]," if is_array else "")
    records, problem = taken([rest])
    for one in records:
        before, found, rest = rest.partition(one.text)
        assert found and not before.strip(between)
    assert problem is not None or not rest.strip(between)


GOOD_LINES = st.sampled_from(
    [' {"a": 1}', '{"a": "x}{\\\\", "b": [{"c": null}]}', '{"a": {"b": {"c": "\\""}}, "d": 1}', "{}"]
)
CUT_LINES = st.builds(lambda line, end: line[: end % len(line)], GOOD_LINES, st.integers(0, 50))
LINES = st.lists(
    GOOD_LINES.map(str.lstrip) | CUT_LINES.map(str.lstrip) | st.text("x[]:, \r'é", max_size=5).map("x".__add__)
)


@settings(max_examples=200, deadline=None)
@given(LINES, LINE_ENDS, PLACES)
def test_json_records_of_lines_good_or_cut_are_those_of_each_line(
    lines: list[str], end: str, places: list[int]
) -> None:
    lines = [line.rstrip("\r") for line in lines]
    found, problem = taken(cut(end.join(lines), places))
    each = [JsonRecord(line, *(members_of(line, strict_decoder()) or (None, frozenset()))) for line in lines if line]
    assert (found, problem) == (each, None)
