"""Cutting delimited text into records: the definition, and the fast path that must not differ from it."""

from __future__ import annotations

import csv
import io
import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyspark_interview_project.sources.delimited import (
    Dialect,
    OpenQuote,
    Record,
    RecordTooLong,
    RefusedText,
    records,
)
from pyspark_interview_project.sources.delimited_fast import fast_records

Reader = Callable[[Iterable[str], Dialect, int], Iterator[list[Record]]]
Outcome = list[Record] | tuple[type[RefusedText], int, int]  # the records, or what distinguishes an error

READERS = pytest.mark.parametrize("reader", [records, fast_records])
COMMA, TAB, SEMICOLON = Dialect(), Dialect(delimiter="\t"), Dialect(delimiter=";")
NO_QUOTE = Dialect(quote=None)
NO_LIMIT = 1_000_000
NO_LINE_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"  # str.splitlines cuts at them

QUICK = settings(max_examples=100, deadline=None)


@dataclass(frozen=True)
class Case:
    text: str
    expected: list[Record] | RefusedText
    dialect: Dialect = COMMA
    max_chars: int = NO_LIMIT


CASES = {
    "no text": Case("", []),
    "one record": Case("a,b,c\n", [Record("a,b,c", ["a", "b", "c"])]),
    "no line end at the end": Case("a,b\nc,d", [Record("a,b", ["a", "b"]), Record("c,d", ["c", "d"])]),
    "quoted delimiter": Case('"a,b",c\n', [Record('"a,b",c', ["a,b", "c"])]),
    "quoted line break": Case(
        '1,"a\nb\r\nc\rd",2\n3,e,4\n',
        [Record('1,"a\nb\r\nc\rd",2', ["1", "a\nb\r\nc\rd", "2"]), Record("3,e,4", ["3", "e", "4"])],
    ),
    "doubled quote": Case(
        '"a ""b""","""",""\n"""a"\n',
        [Record('"a ""b""","""",""', ['a "b"', '"', ""]), Record('"""a"', ['"a'])],
    ),
    "phantom row in a note": Case(
        'R1,"see:\nR9,O9,1\nR8,""O8"",1\n",x\nR2,,y\n',
        [
            Record('R1,"see:\nR9,O9,1\nR8,""O8"",1\n",x', ["R1", 'see:\nR9,O9,1\nR8,"O8",1\n', "x"]),
            Record("R2,,y", ["R2", "", "y"]),
        ],
    ),
    "phantom row in a note behind a fault": Case(
        'R1,"a"b,"\nR9,O9\n"\nR2,c\n',
        [Record('R1,"a"b,"\nR9,O9\n"', None), Record("R2,c", ["R2", "c"])],
    ),
    "blanks around quotes": Case(
        'a, "b, c" ,   "d"  \n  "e"\n',
        [Record('a, "b, c" ,   "d"  ', ["a", "b, c", "d"]), Record('  "e"', ["e"])],
    ),
    "blanks in fields without quotes": Case(" a , b \n  \n", [Record(" a , b ", [" a ", " b "]), Record("  ", ["  "])]),
    "blank as the delimiter": Case('a "b c"  d\n', [Record('a "b c"  d', ["a", "b c", "", "d"])], Dialect(" ")),
    "quote inside a field without quotes": Case(
        '5" pipe,a"b"c,x "y"\n"z",6"\n',
        [Record('5" pipe,a"b"c,x "y"', ['5" pipe', 'a"b"c', 'x "y"']), Record('"z",6"', ["z", '6"'])],
    ),
    "text behind a closing quote": Case(
        '1,"a"b,2\n"c" "d",3\n"e"f"\n4,g\n',
        [Record('1,"a"b,2', None), Record('"c" "d",3', None), Record('"e"f"', None), Record("4,g", ["4", "g"])],
    ),
    "CR only": Case(
        'a,b\rc,"d\re"\r\rf\r',
        [Record("a,b", ["a", "b"]), Record('c,"d\re"', ["c", "d\re"]), Record("f", ["f"])],
    ),
    "CR LF": Case('a,b\r\n"c",d\r\n', [Record("a,b", ["a", "b"]), Record('"c",d', ["c", "d"])]),
    "all line ends": Case("a\rb\nc\r\n\n\rd\n\re", [Record(text, [text]) for text in "abcde"]),
    "trailing delimiter": Case("a,\n,\nb,", [Record("a,", ["a", ""]), Record(",", ["", ""]), Record("b,", ["b", ""])]),
    "empty lines": Case('\n\r\n\ra\n\n"b"\r\r\n\n', [Record("a", ["a"]), Record('"b"', ["b"])]),
    "empty quoted field alone": Case('""\n\n', [Record('""', [""])]),
    "characters that only Python takes for line ends": Case(
        f'a{NO_LINE_ENDS}b\n"{NO_LINE_ENDS}",c\n',
        [Record(f"a{NO_LINE_ENDS}b", [f"a{NO_LINE_ENDS}b"]), Record(f'"{NO_LINE_ENDS}",c', [NO_LINE_ENDS, "c"])],
    ),
    "NUL": Case('a\0,"\0"\n', [Record('a\0,"\0"', ["a\0", "\0"])]),
    "tab": Case('a,b\t"c\td"\te \n', [Record('a,b\t"c\td"\te ', ["a,b", "c\td", "e "])], TAB),
    "tab and blanks": Case('a\t "b" \n', [Record('a\t "b" ', ["a", "b"])], TAB),
    "semicolon": Case('a,b;"c;d";1,5\n', [Record('a,b;"c;d";1,5', ["a,b", "c;d", "1,5"])], SEMICOLON),
    "bar": Case("a|b.c\n", [Record("a|b.c", ["a", "b.c"])], Dialect("|")),
    "caret": Case(
        "a^b\n^'c^\n'^\n", [Record("a^b", ["a", "b"]), Record("^'c^\n'^", ["", "c^\n", ""])], Dialect("^", "'")
    ),
    "hyphen": Case("a-'b-'\n", [Record("a-'b-'", ["a", "b-"])], Dialect("-", "'")),
    "no quote": Case(
        '"a,b\n" c",d"\r"\n',
        [Record('"a,b', ['"a', "b"]), Record('" c",d"', ['" c"', 'd"']), Record('"', ['"'])],
        NO_QUOTE,
    ),
    "long field": Case(f'"{"a," * 100_000}",b\n', [Record(f'"{"a," * 100_000}",b', ["a," * 100_000, "b"])]),
    "open quote at the end": Case('a,b\n\nc,"d\ne,f\n', OpenQuote(2, 3)),
    "open quote alone": Case('"', OpenQuote(1, 1)),
    "open quote and a line end": Case('"\n', OpenQuote(1, 1)),
    "open quote that ends with a doubled one": Case('a\r\n"b""', OpenQuote(2, 2)),
    "open quote behind a quoted line break": Case('a\r"b\r\nc\n"\r\nd,"\n1\r2",  "\n', OpenQuote(3, 7)),
    "open quote behind a fault": Case('"a"b,"c\n', OpenQuote(1, 1)),
    "open quote beyond the limit": Case('a\nb,"123456\n78",c\nd\n', OpenQuote(2, 2), max_chars=10),
    "quote that closes at the limit": Case('b,"123456"', [Record('b,"123456"', ["b", "123456"])], max_chars=10),
    "quote that closes behind the limit": Case('b,"1234567"\n', OpenQuote(1, 1), max_chars=10),
    "quote that is doubled at the limit": Case('b,"123456""7"\n', OpenQuote(1, 1), max_chars=10),
    "quote that closes at the limit of a longer record": Case('b,"123456",\n', RecordTooLong(1, 1), max_chars=10),
    "quote that opens behind the limit": Case('1234567890,"a\n"\n', RecordTooLong(1, 1), max_chars=10),
    "record at the limit": Case("1234567890\r\n12\n", [Record(t, [t]) for t in ("1234567890", "12")], max_chars=10),
    "record beyond the limit": Case('"a\nb"\n12345678901\n', RecordTooLong(2, 3), max_chars=10),
    "record beyond the limit behind a quoted line break": Case(
        'a\n"\n\n",45678901\n"', RecordTooLong(2, 2), max_chars=10
    ),
    "record beyond the limit before an open quote": Case('12345678901\n"', RecordTooLong(1, 1), max_chars=10),
}


def outcome(reader: Reader, blocks: Iterable[str], dialect: Dialect, max_chars: int) -> Outcome:
    found: list[Record] = []
    try:
        for some in reader(blocks, dialect, max_chars):
            assert some
            found += some
    except RefusedText as error:
        return type(error), error.record, error.line
    return found


def expected_outcome(case: Case) -> Outcome:
    if isinstance(case.expected, RefusedText):
        return type(case.expected), case.expected.record, case.expected.line
    return case.expected


@READERS
@pytest.mark.parametrize("kind", CASES)
def test_records_one_block_gives_the_expected_records(reader: Reader, kind: str) -> None:
    case = CASES[kind]
    assert outcome(reader, [case.text], case.dialect, case.max_chars) == expected_outcome(case)


@READERS
@pytest.mark.parametrize("kind", [kind for kind, case in CASES.items() if len(case.text) < 100])
def test_records_text_cut_in_two_anywhere_gives_the_expected_records(reader: Reader, kind: str) -> None:
    case = CASES[kind]
    for cut in range(len(case.text) + 1):
        blocks = [case.text[:cut], case.text[cut:]]
        assert outcome(reader, blocks, case.dialect, case.max_chars) == expected_outcome(case), blocks


@READERS
@pytest.mark.parametrize("kind", CASES)
def test_records_blocks_of_one_character_give_the_expected_records(reader: Reader, kind: str) -> None:
    case = CASES[kind]
    assert outcome(reader, iter(case.text), case.dialect, case.max_chars) == expected_outcome(case)


@pytest.mark.parametrize("kind", [kind for kind, case in CASES.items() if isinstance(case.expected, list)])
def test_fast_records_text_longer_than_a_piece_gives_each_record(kind: str) -> None:
    case = CASES[kind]
    assert isinstance(case.expected, list)
    times = 1 + 40_000 // (len(case.text) + 1)
    assert outcome(fast_records, [f"{case.text}\n" * times], case.dialect, case.max_chars) == case.expected * times


@READERS
@pytest.mark.parametrize("first", ['a,"bcdefg\n', "abcdefghij"])
def test_records_refused_record_is_not_read_beyond_its_limit(reader: Reader, first: str) -> None:
    blocks = iter([first] + 999 * ["0123456789"])
    with pytest.raises(RefusedText):
        list(reader(blocks, COMMA, 100))
    assert len(list(blocks)) == 1000 - 11


@READERS
def test_records_whole_records_are_given_before_the_next_block_is_read(reader: Reader) -> None:
    blocks = iter(["a\nb", "c\nd"])
    assert next(reader(blocks, COMMA, NO_LIMIT)) == [Record("a", ["a"])]
    assert next(blocks) == "c\nd"


@pytest.mark.parametrize("error", [OpenQuote(3, 7), RecordTooLong(3, 7)])
def test_refused_text_is_pickled_and_names_record_and_line(error: RefusedText) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.record, copy.line) == (type(error), 3, 7)
    assert str(copy).endswith("(record 3, line 7)")


@pytest.mark.parametrize(
    ("delimiter", "quote"), [("", '"'), (",,", '"'), ("\n", '"'), (",", ""), (",", "\r"), (",", ","), (",", " ")]
)
def test_dialect_characters_that_cannot_be_told_apart_are_refused(delimiter: str, quote: str) -> None:
    with pytest.raises(ValueError):
        Dialect(delimiter, quote)


def cut(text: str, cuts: Iterable[int]) -> list[str]:
    places = sorted({place % (len(text) + 1) for place in cuts})
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)])]


CUTS = st.lists(st.integers(min_value=0, max_value=1_000_000), max_size=8)
DIALECTS = st.sampled_from([COMMA, SEMICOLON, TAB, Dialect(" "), NO_QUOTE])
NASTY_CHARACTERS = list('"",,\r\n a;')
NASTY_PAIRS = ['"', '""', ',"', '",', '","', '"\n', '"\n"', '"\r\n"', '\n"', ' "', '" ', "a", "\r", "\n", ";"]
NASTY_TEXT = (st.lists(st.sampled_from(NASTY_CHARACTERS)) | st.lists(st.sampled_from(NASTY_PAIRS))).map("".join)


@QUICK
@given(NASTY_TEXT, CUTS, DIALECTS, st.integers(min_value=1, max_value=12) | st.just(NO_LIMIT))
def test_records_any_text_cut_anywhere_gives_what_one_block_gives(
    text: str, cuts: list[int], dialect: Dialect, max_chars: int
) -> None:
    whole = outcome(records, [text], dialect, max_chars)
    blocks = cut(text, cuts)
    assert outcome(records, blocks, dialect, max_chars) == whole
    assert outcome(records, text, dialect, max_chars) == whole
    assert outcome(fast_records, [text], dialect, max_chars) == whole
    assert outcome(fast_records, blocks, dialect, max_chars) == whole


@QUICK
@given(
    st.lists(st.lists(st.text() | st.text('",;\t\r\n ' + NO_LINE_ENDS), min_size=1, max_size=5), max_size=5),
    st.sampled_from([COMMA, SEMICOLON, TAB]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    CUTS,
)
def test_records_rows_written_by_python_come_back(
    rows: list[list[str]], dialect: Dialect, line_end: str, all_quoted: bool, cuts: list[int]
) -> None:
    if not all_quoted:  # Python 3.11 then quotes no other line end than its own
        for other in {"\r", "\n"} - set(line_end):
            rows = [[field.replace(other, "") for field in row] for row in rows]
    out = io.StringIO(newline="")
    writer = csv.writer(
        out,
        delimiter=dialect.delimiter,
        lineterminator=line_end,
        quoting=csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL,
    )
    writer.writerows(rows)
    for reader in (records, fast_records):
        found = outcome(reader, cut(out.getvalue(), cuts), dialect, NO_LIMIT)
        assert isinstance(found, list)
        assert [record.fields for record in found] == rows
        assert "".join(f"{record.text}{line_end}" for record in found) == out.getvalue()


# A field as it is written, and its value; None where it has a fault.
Field = tuple[str, str | None]
BLANKS = st.sampled_from(["", "", " ", "   "])
PARTS = ['"', ",", "\r", "\n", " ", "a", "R9,O9,1\n", '\n"R8","O8"\n', NO_LINE_ENDS]
INSIDE = st.lists(st.sampled_from(PARTS), max_size=6).map("".join)
BEHIND = st.text('", a').map(lambda text: text.replace(",", ""))


def quoted(inside: str, before: str, behind: str) -> Field:
    doubled = inside.replace('"', '""')
    return f'{before}"{doubled}"{behind}', inside


PLAIN_FIELDS = BEHIND.filter(lambda text: not text.lstrip(" ").startswith('"')).map(lambda text: (text, text))
QUOTED_FIELDS = st.builds(quoted, INSIDE, BLANKS, BLANKS)
FAULTY_FIELDS = st.builds(
    lambda field, blanks, text: (f"{field[0]}{blanks}a{text}", None), QUOTED_FIELDS, BLANKS, BEHIND
)
MODEL_RECORDS = (
    st.lists(PLAIN_FIELDS | QUOTED_FIELDS | FAULTY_FIELDS, min_size=1, max_size=4)
    | st.lists(PLAIN_FIELDS | QUOTED_FIELDS, min_size=1, max_size=4)
    | st.lists(st.builds(quoted, st.sampled_from(["a", "b,c", "", "d\n"]), st.just(""), st.just("")), min_size=2)
).filter(lambda fields: fields[0][0] != "" or len(fields) > 1)


def model_record(fields: list[Field]) -> Record:
    values = [value for _, value in fields if value is not None]
    return Record(",".join(text for text, _ in fields), values if len(values) == len(fields) else None)


MODEL_TEXTS = st.tuples(
    st.lists(MODEL_RECORDS.map(model_record), max_size=6),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\r\r\n"]),
)


@QUICK
@given(MODEL_TEXTS, st.booleans(), CUTS)
@example(([Record('"a"', ["a"]), Record('b,"R9\n"', ["b", "R9\n"])], "\n"), True, [])
def test_records_text_in_quotes_never_becomes_a_record(
    model: tuple[list[Record], str], is_ended: bool, cuts: list[int]
) -> None:
    expected, line_end = model
    text = line_end.join(record.text for record in expected) + (line_end if is_ended else "")
    assert outcome(records, cut(text, cuts), COMMA, NO_LIMIT) == expected
    assert outcome(fast_records, cut(text, cuts), COMMA, NO_LIMIT) == expected


@QUICK
@given(MODEL_TEXTS, CUTS)
def test_records_limit_below_the_longest_record_refuses_the_text_there(
    model: tuple[list[Record], str], cuts: list[int]
) -> None:
    expected, line_end = model
    lengths = [len(record.text) for record in expected]
    text = line_end.join(record.text for record in expected)
    longest = max(lengths, default=0)
    for reader in (records, fast_records):
        assert outcome(reader, cut(text, cuts), COMMA, longest) == expected
        if longest:
            refused = outcome(reader, cut(text, cuts), COMMA, longest - 1)
            assert isinstance(refused, tuple)
            assert refused[:2] in [(kind, lengths.index(longest) + 1) for kind in (OpenQuote, RecordTooLong)]
