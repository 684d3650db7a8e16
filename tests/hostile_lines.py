"""Lines of JSON and CSV files that readers take apart in different ways, as the bytes that land."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from hostile_values import ANY_TEXT, HOSTILE, NUMBERS, USUAL
from landing import COLUMNS

# A file with one that is no UTF-8 cannot be taken, so those are fewer.
PIECES_OF_TEXT = st.sampled_from(
    (
        *(b"\xef\xbb\xbf", b"\r", b"\r\r", b"\xc2\x85", b"\xe2\x80\xa8", b"\t", b"\x0b", b'"', b"'", b",", b"\\"),
        *(b"{", b"}", b"\x1a"),
    )
)
NO_UTF8 = st.one_of(
    st.sampled_from(
        (
            *b"\xff|\xfe|\x80|\x85|\xbf\xbf|\xc3|\xc0\xaf|\xc1\xbf|\xe0\x80\xaf|\xe2\x82|\xe2".split(b"|"),
            *b"\xed\xa0\x80|\xed\xbf\xbf|\xf0\x9f\x98|\xf0\x80\x80\xaf|\xf4\x90\x80\x80|\xf5\x80\x80\x80".split(b"|"),
            *b"\xf8\x88\x80\x80\x80|\xfc\x84\x80\x80\x80\x80|\xc3\x28|\xe2\x28\xa1|\xf0\x28\x8c\xbc|\x00".split(b"|"),
        )
    ),
    st.binary(max_size=3),
)
BYTES = st.one_of(PIECES_OF_TEXT, PIECES_OF_TEXT, PIECES_OF_TEXT, NO_UTF8)
LINE_ENDS = st.sampled_from(
    (b"\n", b"\n", b"\n", b"\r\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\n \n", b"\r\r\n", b"\n\r\n")
)


def damaged_lines(valid: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Lines with their ends: as they are, or with bytes put in, taken out or put in the place of others."""

    def at(line: bytes, place: int, length: int, piece: bytes) -> bytes:
        start = place % (len(line) + 1)
        return line[:start] + piece + line[start + length :]

    changed = st.builds(at, valid, st.integers(0, 250), st.integers(0, 3), BYTES)
    cut = st.builds(lambda line, place: line[:place], valid, st.integers(0, 250))
    ends = st.builds(bytes.__add__, valid, BYTES)
    starts = st.builds(bytes.__add__, st.one_of(BYTES, st.just(b"\xef\xbb\xbf")), valid)
    return st.builds(bytes.__add__, st.one_of(valid, valid, changed, changed, cut, ends, starts), LINE_ENDS)


RAW_VALUES = st.one_of(
    st.sampled_from(
        (
            *"null|true|false|True|None|NaN|Infinity|-Infinity|undefined|1|-0|01|+1|1.|.5".split("|"),
            *(
                "1e5",
                "1E400",
                "-1e-400",
                "0x10",
                "1_0",
                "19.90",
                "1" * 400,
                "0." + "1" * 400,
                "",
                "''",
                "'x'",
                '"\\ud800"',
            ),
            *(
                '"\\udc00\\ud800"',
                '"\\ud83d\\ude00"',
                '"\\u00e9"',
                '"\\u00"',
                '"\\x41"',
                '"\\q"',
                '"\\u0000"',
                '"a\tb"',
                '"\\/"',
            ),
            *(
                "[]",
                "{}",
                "[1, 2]",
                '{"a": 1}',
                '[{"a": [{}]}]',
                "[" * 600 + "]" * 600,
                "[" * 100_000,
                '{"a":' * 600,
                "1 2",
                "/*c*/ 1",
            ),
        )
    ),
    NUMBERS,
    st.builds(json.dumps, ANY_TEXT, ensure_ascii=st.booleans()),
    st.builds(
        "{}{}{}".format,
        st.sampled_from((" ", "\t", "\r", "\u00a0", "\x0c")),
        st.just('"x"'),
        st.sampled_from((" ", "\u2003")),
    ),
)
KEYS = st.one_of(
    st.sampled_from(COLUMNS),
    st.sampled_from(
        ("colour", "Qty", " qty", "q\\u0074y", "", "a\\ud800", "\\ud800", "return_id ", "ключ", "qty\\u0000")
    ),
)


def _json_line(
    values: Mapping[str, str], more: Sequence[tuple[str, str]], seps: tuple[str, str], around: tuple[str, str]
) -> bytes:
    members = [f'"{key}"{seps[1]}{value}' for key, value in (*values.items(), *more)]
    return f"{around[0]}{{{seps[0].join(members)}}}{around[1]}".encode()


JSON_LINES = damaged_lines(
    st.builds(
        _json_line,
        st.fixed_dictionaries(
            {},
            optional={
                name: st.one_of(st.just(json.dumps(USUAL[name])), HOSTILE[name].map(json.dumps), RAW_VALUES)
                for name in COLUMNS
            },
        ),
        st.one_of(st.just([]), st.just([]), st.lists(st.tuples(KEYS, RAW_VALUES), max_size=2)),
        st.sampled_from(((",", ":"), (", ", ": "), (" ,\t", " :\r"), (",,", ":"), (";", "="))),
        st.sampled_from(
            (
                *(("", ""),) * 8,
                *(
                    ("  ", "\t "),
                    ("", " {}"),
                    ("", ","),
                    ("", "x"),
                    ("[", "]"),
                    ("", "\x00"),
                    ("\ufeff", ""),
                    ("\ufeff\ufeff", ""),
                ),
                *(("", "\ufeff"), ("// ", ""), ("", "#c"), ('"', '"'), ("\u00a0", ""), ("", "\x1e"), ("\x0c", "\x0b")),
            )
        ),
    )
)
CSV_FIELDS = st.one_of(
    st.sampled_from(
        (
            "",
            " ",
            '""',
            '"a"',
            '"a""b"',
            '"a,b"',
            'a"b',
            '"a"b',
            ' "a"',
            '"a" ',
            '"',
            '"""',
            '""""',
            '"a',
            'a"',
            "\\",
            "NULL",
        )
    ),
    ANY_TEXT.map(lambda text: text.replace("\n", "\r")),
    ANY_TEXT.map(lambda text: '"' + text.replace('"', '""').replace("\n", "\r") + '"'),
)
# Headers of nine columns, of another order, with fewer and more columns, quoted, padded, behind a byte-order mark.
CSV_HEADERS = (
    ",".join(COLUMNS).encode(),
    ",".join(reversed(COLUMNS)).encode() + b"\r",
    b"\xef\xbb\xbf" + ",".join(f'"{name}"' for name in COLUMNS).encode(),
    ",".join(f" {name} " for name in COLUMNS if name not in ("reason", "customer_id", "ingest_ts")).encode(),
    ",".join((*COLUMNS, "colour", "size", "")).encode(),
)


def csv_lines(header: bytes) -> st.SearchStrategy[bytes]:
    usual = [st.just(USUAL.get(name.strip('" \ufeff\r'), "x") or "") for name in header.decode().split(",")]
    well_formed = st.tuples(*[st.one_of(value, value, CSV_FIELDS) for value in usual]).map(list)
    another_number = st.builds(
        lambda fields, more: (fields + more)[len(more) // 2 :], well_formed, st.lists(CSV_FIELDS, max_size=3)
    )
    fields = st.one_of(well_formed, well_formed, well_formed, another_number)
    repeated = st.sampled_from((header, header.rstrip(b"\r"), header.upper(), header + b" ", b"", b" ", b"\r"))
    line = st.one_of(*[fields.map(lambda values: ",".join(values).encode())] * 12, repeated)
    return damaged_lines(line)
