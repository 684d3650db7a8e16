"""Whatever the records are and whoever writes them, they are read as they were delivered."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from reader_records import ENCODINGS, LAYOUTS, PACK, TEXT, WIDE, Record, delivered, examples, many, records, written
from reading import COLUMNS, feed_of, read


def by_pandas(found: Sequence[Record], delimiter: str, quoting: int, end: str) -> str:
    frame = pd.DataFrame(found, columns=list(COLUMNS), dtype=object)
    return str(frame.to_csv(index=False, sep=delimiter, quoting=quoting, lineterminator=end))


@given(
    found=records(TEXT),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\r\n", "\n", "\r"]),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    packing=PACK,
    is_pandas=st.booleans(),
)
@many
def test_delimited_records_come_back_equal(
    found: list[Record],
    delimiter: str,
    quoting: int,
    end: str,
    encoding: str,
    packing: tuple[str, Callable[[bytes], bytes]],
    is_pandas: bool,
) -> None:
    if quoting == csv.QUOTE_MINIMAL:
        end = "\r\n"  # Python puts no quotes around the one that does not end its lines
    if is_pandas:
        text = by_pandas(found, delimiter, quoting, end)
    else:
        text = written(found, delimiter=delimiter, quoting=quoting, lineterminator=end)
    feed = None if encoding.startswith("utf-8") or "mark" in encoding else feed_of(encoding=[encoding])
    name, pack = packing
    assert [one.values for one in read(pack(ENCODINGS[encoding](text)), f"a.csv{name}", feed)] == delivered(found)


@given(
    found=records(WIDE), encoding=st.sampled_from(["utf-8", "utf-16-be with a mark"]), delimiter=st.sampled_from("^~:")
)
@examples
def test_delimited_records_of_any_characters_come_back_equal_with_a_feeds_delimiter(
    found: list[Record], encoding: str, delimiter: str
) -> None:
    text = written(found, delimiter=delimiter, quotechar="'")
    feed = feed_of(delimiter=delimiter, quote="'")
    assert [one.values for one in read(ENCODINGS[encoding](text), "a.txt", feed)] == delivered(found)


@given(
    found=records(WIDE),
    layout=st.sampled_from(sorted(LAYOUTS)),
    indent=st.sampled_from([None, 2, "\t"]),
    is_ascii=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8 with a mark", "utf-16-le with a mark", "utf-16-be with a mark"]),
    packing=PACK,
)
@many
def test_json_records_come_back_equal(
    found: list[Record],
    layout: str,
    indent: int | str | None,
    is_ascii: bool,
    encoding: str,
    packing: tuple[str, Callable[[bytes], bytes]],
) -> None:
    objects = [json.dumps(dict(zip(COLUMNS, one, strict=True)), ensure_ascii=is_ascii, indent=indent) for one in found]
    name, pack = packing
    came = read(pack(ENCODINGS[encoding](LAYOUTS[layout](objects))), f"a.json{name}")
    assert [one.values for one in came] == found
    assert [one.raw for one in came] == objects


@given(found=records(WIDE), is_lines=st.booleans())
@examples
def test_json_of_pandas_comes_back_equal(found: list[Record], is_lines: bool) -> None:
    frame = pd.DataFrame(found, columns=list(COLUMNS), dtype=object)
    content = frame.to_json(orient="records", lines=is_lines, indent=None if is_lines else 1)
    assert [one.values for one in read(content.encode(), "a.json")] == found
