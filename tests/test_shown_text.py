"""What may be shown of a text: signs that a terminal obeys made visible, and what engines quote left out."""

from __future__ import annotations

import pytest

from pyspark_interview_project.shown_text import printable, without_values


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bronze/a  b.jsonl: größe 日本 🍺 'x' \\n", "bronze/a  b.jsonl: größe 日本 🍺 'x' \\n"),
        ("a\nb\tc\r\n", r"a\nb\tc\r\n"),
        ("\x00\x07\x08\x0f\x1b[2J\x7f\x85\x9b1m", r"\x00\x07\x08\x0f\x1b[2J\x7f\x85\x9b1m"),
        ("\u2028\u2029\u202e\u2066\u200f\ufeff\U000e0041", r"\u2028\u2029\u202e\u2066\u200f\ufeff\U000e0041"),
        ("name\udcff.csv", r"name\udcff.csv"),
    ],
)
def test_printable_shows_what_a_terminal_would_obey(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Couldn't open it, can't say why", "Couldn't open it, can't say why"),
        ('in file "/lake/a.parquet": value "C-1" is not UTF8!', "in file … is not UTF8!"),
        ('value "C-1" said \'C-2" is not UTF8', "value … is not UTF8"),
        ("Could not convert string 'C-1' to INT32\nLINE 1: C-1", "Could not convert string … to INT32"),
        ("value 'C-1\nC-2' is broken", "value … is broken"),
        ("1 rows failed:\n\n| C-1 |", "1 rows failed:"),
    ],
)
def test_without_values_leaves_out_what_is_quoted(message: str, shown: str) -> None:
    assert without_values(message) == shown
