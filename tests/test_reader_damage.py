"""A file that was cut, or in which a bit was flipped: it is rejected, or the damage stays where it is."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from landing_case import PACKINGS
from pyspark_interview_project.errors import UnreadableInputError
from reader_records import ENCODINGS, LAYOUTS, TEXT, WIDE, Record, delivered, examples, many, records, written
from reading import COLUMNS, Read, feed_of, read

# Without line breaks and quotes a flipped bit can do no more than it does to one record and its neighbour.
PLAIN = st.text(st.sampled_from("abcXYZ 019é"), min_size=1, max_size=8)
QUOTED = st.lists(st.sampled_from(["a", ", ", '"', "'", "b", "; "]), min_size=1, max_size=5).map(
    lambda all_: "x" + "".join(all_)
)


def assert_cut(came: Sequence[Read], whole: Sequence[tuple[str | None, ...]]) -> None:
    """The records are the first ones delivered, but for the last: it may be corrupt, or end early in its last value."""
    values = [one.values for one in came]
    if values and values != list(whole[: len(values)]):
        *values, last = values
        hit = whole[len(values)]
        if not came[-1].is_corrupt:
            assert last[:-1] == hit[:-1] and str(hit[-1]).startswith(last[-1] or "")
    assert values == list(whole[: len(values)])


def cut_at(content: bytes, share: float) -> bytes:
    return content[: int(len(content) * share)]


@given(found=records(TEXT, 1), share=st.floats(0, 1, exclude_max=True), encoding=st.sampled_from(sorted(ENCODINGS)))
@many
def test_delimited_text_cut_anywhere_is_rejected_or_ends_early(
    found: list[Record], share: float, encoding: str
) -> None:
    feed = None if encoding.startswith("utf-8") or "mark" in encoding else feed_of(encoding=[encoding])
    content = cut_at(ENCODINGS[encoding](written(found)), share)
    try:
        came = read(content, "a.csv", feed)
    except UnreadableInputError:
        return
    assert_cut(came, delivered(found))


@given(
    found=records(WIDE, 1),
    share=st.floats(0, 1, exclude_max=True),
    layout=st.sampled_from(sorted(LAYOUTS)),
    indent=st.sampled_from([None, 1]),
)
@many
def test_json_cut_anywhere_is_rejected_or_ends_early(
    found: list[Record], share: float, layout: str, indent: int | None
) -> None:
    objects = [json.dumps(dict(zip(COLUMNS, one, strict=True)), indent=indent) for one in found]
    try:
        came = read(cut_at(LAYOUTS[layout](objects).encode(), share), "a.json")
    except UnreadableInputError:
        return
    sound = [one.values for one in came if not one.is_corrupt]
    assert sound == found[: len(sound)]
    # Each line of a broken object that is printed over several is a corrupt record of its own.
    assert (
        len(sound) >= len(found) - 1
        or any(one.is_corrupt for one in came)
        or len(sound) == complete(layout, objects, share)
    )


def complete(layout: str, objects: list[str], share: float) -> int:
    """How many objects the cut left whole."""
    left = len(cut_at(LAYOUTS[layout](objects).encode(), share))
    ends = [len(LAYOUTS[layout](objects[: number + 1]).encode().rstrip(b"]\n")) for number in range(len(objects))]
    return sum(end <= left for end in ends)


@given(found=records(TEXT, 1), share=st.floats(0, 1, exclude_max=True), packing=st.sampled_from(sorted(PACKINGS)))
@examples
def test_packed_file_cut_anywhere_is_rejected(found: list[Record], share: float, packing: str) -> None:
    content = cut_at(PACKINGS[packing](written(found).encode()), share)
    with pytest.raises(UnreadableInputError):
        read(content, f"a.csv.{packing}")


@given(
    found=records(TEXT, 1),
    share=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
    packing=st.sampled_from(["gz", "bz2", "xz"]),
)
@examples
def test_packed_file_with_a_flipped_bit_is_rejected_or_equal(
    found: list[Record], share: float, bit: int, packing: str
) -> None:
    content = flipped(PACKINGS[packing](written(found).encode()), share, bit)
    try:
        came = read(content, f"a.csv.{packing}")
    except UnreadableInputError:
        return
    assert [one.values for one in came] == delivered(found)  # a bit of the packing that says nothing of the text


def flipped(content: bytes, share: float, bit: int, first: int = 0) -> bytes:
    at = first + int((len(content) - first) * share)
    return content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]


def assert_one_hit(came: Sequence[Read], whole: Sequence[tuple[str | None, ...]], most: int) -> None:
    """All sound records were delivered but one, which differs in a value. A record that is missing is in the text of
    another one; at most `most` are."""
    strangers = [one.values for one in came if not one.is_corrupt and one.values not in whole]
    assert len(strangers) <= 1
    gone = [record for record in whole if record not in [one.values for one in came]]
    for stranger in strangers:
        assert min(sum(a != b for a, b in zip(stranger, record, strict=True)) for record in gone) == 1
    assert len(gone) <= most
    # Of each delivered record most of its text is in a record that was read.
    for record in gone:
        parts = [value for value in record if value]
        kept = max(sum(part.replace('"', '""') in one.raw or part in one.raw for part in parts) for one in came)
        assert kept >= len(parts) - 3


@given(found=records(PLAIN, 2), share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@many
def test_bit_that_is_flipped_in_plain_delimited_text_hits_a_record_or_two(
    found: list[Record], share: float, bit: int
) -> None:
    header = len(written([]).encode())
    content = flipped(written(found).encode(), share, bit, header)
    assume(b'"' not in content)
    try:
        came = read(content)
    except UnreadableInputError:
        return
    assert_one_hit(came, delivered(found), 2)


@given(found=records(QUOTED, 2), share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@many
def test_bit_that_is_flipped_in_text_with_quotes_makes_no_record(found: list[Record], share: float, bit: int) -> None:
    header = len(written([]).encode())
    try:
        came = read(flipped(written(found, quoting=csv.QUOTE_ALL).encode(), share, bit, header))
    except UnreadableInputError:
        return
    assert_one_hit(came, delivered(found), len(found))


@given(found=records(TEXT, 2), share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@many
def test_bit_that_is_flipped_in_json_lines_hits_a_record_or_two(found: list[Record], share: float, bit: int) -> None:
    lines = "".join(json.dumps(dict(zip(COLUMNS, one, strict=True))) + "\n" for one in found)
    try:
        came = read(flipped(lines.encode(), share, bit), "a.jsonl")
    except UnreadableInputError:
        return
    strangers = [one.values for one in came if not one.is_corrupt and one.values not in found]
    gone = [one for one in found if one not in [other.values for other in came]]
    assert len(strangers) <= 1 and len(gone) <= 2 and len(came) >= len(found) - 1
    for stranger in strangers:
        assert min(sum(a != b for a, b in zip(stranger, one, strict=True)) for one in gone) == 1
