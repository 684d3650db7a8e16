"""Delimited text as columns: the same records and errors as by the definition, and columns where these are due."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyspark_interview_project.sources import delimited_columns
from pyspark_interview_project.sources.delimited import Dialect, Record, RefusedText, records
from pyspark_interview_project.sources.delimited_columns import ColumnReader, Columns

COMMA = Dialect()
Outcome = list[Record] | tuple[type[RefusedText], int, int]

PROVEN = {
    "without quotes": "1,a\n2, b c \n",
    "CR LF": "1,a\r\n2,b\r\n",
    "blank lines": "\n1,a\n\n\n2,b\n",
    "all quoted": '"1","a"\n"2","b"\n',
    "quoted delimiters and line ends": '1,"a,\r\nb\nc\rd"\n"2",x\n',
    "doubled quotes": '1,"a ""b"""\n"",""""\n',
    "fields without text": ",\n1,\n,a\n",
    "text like no value": "NULL,null\nNA,nan\n\\N,#N/A\n",
    "blanks and other white space": " ,\t\n\u2028,\x0b\x85\n",
}
LEFT = {
    "fewer fields": "1,a\n2\n",
    "more fields": "1,a\n2,b,c\n",
    "lone CR": "1,a\r2,b\n",
    "lone CR beside quotes": '1,"a"\r2,b\n',
    "text behind a quote": '1,"a"b\n',
    "quote in a field": '1,a"b\n1,a"b\n',
    "quote in a field behind quotes": '"1",x"y"\n',
    "blanks before a quote": '1, "a"\n',
    "blanks behind a quote": '1,"a" \n',
    "open quote": '1,"a\n2,b\n',
    "header again": "1,a\nid,b\n",
    "mark at the start": "#1,a\n",
    "mark in the middle": "1,a\n#2,b\n",
    "long record": "1," + "a" * 30 + "\n",
}


def read_fast(blocks: Sequence[str], dialect: Dialect, max_chars: int) -> tuple[Outcome, int]:
    """The outcome, and how many records came as columns."""
    reader = ColumnReader(dialect, max_chars, ["#"])
    found: list[Record] = []
    as_columns = 0
    try:
        for more in reader.read(blocks):
            if isinstance(more, Columns):
                rows = zip(*(column.to_pylist() for column in more.fields))
                found += [Record(text, list(row)) for text, row in zip(more.texts.to_pylist(), rows, strict=True)]
                as_columns += len(more.texts)
                continue
            found += more
            if not reader.header:
                reader.header = found[0].fields or ()
    except RefusedText as error:
        return (type(error), error.record, error.line), as_columns
    return found, as_columns


def read_by_definition(blocks: Sequence[str], dialect: Dialect, max_chars: int) -> Outcome:
    try:
        return [record for more in records(blocks, dialect, max_chars) for record in more]
    except RefusedText as error:
        return type(error), error.record, error.line


@pytest.fixture
def any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited_columns, "_MIN_CHARS", 1)


@pytest.mark.parametrize("kind", PROVEN)
@pytest.mark.usefixtures("any_length")
def test_column_reader_proven_text_comes_as_columns(kind: str) -> None:
    text = "id,note\n" + PROVEN[kind]
    found, as_columns = read_fast([text], COMMA, 1_000)
    assert found == read_by_definition([text], COMMA, 1_000)
    assert as_columns == len(found) - 1


def test_column_reader_short_text_is_left_to_the_definition() -> None:
    text = "id,note\n1,a\n"
    assert read_fast([text], COMMA, 1_000) == (read_by_definition([text], COMMA, 1_000), 0)


@pytest.mark.parametrize("kind", LEFT)
@pytest.mark.usefixtures("any_length")
def test_column_reader_text_that_is_not_proven_is_left_to_the_definition(kind: str) -> None:
    text = "id,note\n" + LEFT[kind]
    found, as_columns = read_fast([text], COMMA, 20)
    assert found == read_by_definition([text], COMMA, 20)
    assert as_columns == 0


@given(
    st.lists(
        st.text(st.sampled_from('ab,;#"" \n\n\r\ufeffä'), max_size=12)
        | st.sampled_from(
            ["a,b\n", '"a",b\n', '"a\nb","c"\r\n', 'a,"b,""c"\n', "a,b\r\n", "a;b\n", "id,note\n", "\r\n"]
        ),
        max_size=12,
    ),
    st.sampled_from(["id,note\n", '"id",note\r\n', "id\n", "id;note\r", '"i\nd",note\n', "\n", ""]),
    st.sampled_from([COMMA, Dialect(";"), Dialect(quote=None), Dialect(" "), Dialect(quote="#"), Dialect("ä")]),
    st.integers(1, 40),
    st.sampled_from([4, 20, 1_000]),
    st.integers(1, 16),
)
@example(['"a",b\n', '"'], "id,note\n", COMMA, 30, 1_000, 8)
@example(["\ufeffa,b\n"], "id,note\n", COMMA, 8, 1_000, 8)
@settings(max_examples=200, deadline=None)
def test_column_reader_any_text_gives_what_the_definition_gives(
    lines: list[str], header: str, dialect: Dialect, block: int, max_chars: int, piece: int
) -> None:
    text = header + "".join(lines)
    blocks = [text[at : at + block] for at in range(0, len(text), block)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited_columns, "_MIN_CHARS", 1)
        patch.setattr(delimited_columns, "PIECE_CHARS", piece)
        found, _ = read_fast(blocks, dialect, max_chars)
    assert found == read_by_definition(blocks, dialect, max_chars)
