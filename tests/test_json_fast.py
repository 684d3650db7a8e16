"""The fast way through JSON records: the same records and errors as by the definition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyspark_interview_project.sources import json_fast
from pyspark_interview_project.sources.json_documents import JsonRecord, NoRecords, RecordTooLong, json_records
from pyspark_interview_project.sources.json_fast import fast_json_records

Reader = Callable[[Iterable[str], int], Iterator[list[JsonRecord]]]
Outcome = tuple[list[JsonRecord], object]

LINES = [
    '{"a": 1, "b": "x"}\n',
    '{"a": 1.10, "b": null}\r\n',
    '{"a": true, "b": false}\n',
    '{"b": -0, "a": 1E5}\n',
    "{}\n",
    '{"a": 1, "a": 2}\n',
    '{"a": 1}{"b": 2}\n',
    '{"a": 1},\n',
    '{"a": NaN}\n',
    '{"a": {"a": 1}, "b": []}\n',
    '{"a": "a", "b": "\\u00e9"}\n',
    '{"\\u0061": 1, "a": 2}\n',
    '{"a": "\\ud800"}\n',
    '{"a": "{"}\n',
    '{"a": "x',
    '{"a": [1,\n',
    '{\n  "a": 1,\n  "b":\n  {"c": 2}\n}\n',
    '{\n"a":\n{\n"b": 1}}\n',
    ' {"a": 1}\n',
    ' {"a": "\\u00e9"}\n',
    '{"a": 1} \n',
    '\ufeff{"a": 1}\n',
    "\n",
    "[1]\n",
    "[\n",
    "]\n",
    "x\n",
    '"}\n',
    "\r",
    "\\\n",
]


def outcome(reader: Reader, blocks: Iterable[str], max_chars: int) -> Outcome:
    found: list[JsonRecord] = []
    try:
        for records in reader(blocks, max_chars):
            found += records
    except (NoRecords, RecordTooLong) as error:
        return found, (type(error), str(error))
    return found, None


@given(
    st.lists(st.sampled_from(LINES) | st.sampled_from(LINES[:4]), max_size=8),
    st.sampled_from([1, 7, 50, 1_000]),
    st.sampled_from([12, 25, 1_000]),
    st.sampled_from([10, 40, 1_000]),
    st.sampled_from([30, 1_000]),
)
@settings(max_examples=300, deadline=None)
def test_fast_json_records_any_text_gives_what_the_definition_gives(
    lines: list[str], block: int, max_chars: int, piece: int, waiting: int
) -> None:
    text = "".join(lines)
    blocks = [text[at : at + block] for at in range(0, len(text), block)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_fast, "_PIECE_CHARS", piece)
        patch.setattr(json_fast, "_MAX_WAITING_CHARS", waiting)
        assert outcome(fast_json_records, blocks, max_chars) == outcome(json_records, blocks, max_chars)


@pytest.mark.parametrize("line", [*LINES[:5], LINES[10]])
def test_fast_json_records_usual_lines_need_no_definition(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = outcome(json_records, [line * 3], 1_000)
    monkeypatch.setattr(json_fast, "json_records", None)
    assert outcome(fast_json_records, [line * 3], 1_000) == expected
