"""Records for the tests of the reader, and their texts: delimited by Python's csv, or JSON in four layouts.

Their ids differ, and their other texts hold quotes, delimiters, line breaks, blanks and what looks like records.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections.abc import Callable, Mapping, Sequence

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from landing_case import PACKINGS
from reading import COLUMNS

# `make soak` and a person who looks for faults set more.
EXAMPLES = int(os.environ.get("READER_EXAMPLES") or "16")
examples = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
many = settings(examples, max_examples=2 * EXAMPLES)
Record = tuple[str, ...]

PHANTOM = "\nR-666,O,C,MUG,x,1,9999.00,2026-11-11\n"
HARD = st.sampled_from(
    [
        '"',
        '""',
        ",",
        ";",
        "\t",
        "|",
        "\n",
        "\r",
        "\r\n",
        " ",
        "'",
        "\\",
        "\\N",
        "{",
        "}",
        "[",
        "]",
        "#",
        "é€",
        "",
        PHANTOM,
    ]
    + ['{"return_id": "R-666"}', "sep=;", "nul", "NULL,", '",', ',"', "\u00a0", "=1+1"]
)
TEXT = st.lists(st.one_of(HARD, st.sampled_from(["a", "B", "7", "ß"])), max_size=6).map("".join)
WIDE = st.lists(st.one_of(HARD, st.sampled_from(["返品", "\U0001f4a5", "\u2028", "\x85", "e\u0301"])), max_size=5).map(
    "".join
)


def records(text: st.SearchStrategy[str], least: int = 0) -> st.SearchStrategy[list[Record]]:
    one = st.tuples(text, text, text)
    return st.lists(one, min_size=least, max_size=6).map(
        lambda found: [(f"R-{n}", "O-1", *texts, "1", "5.50", "2026-11-11") for n, texts in enumerate(found, 1)]
    )


def delivered(found: Sequence[Record]) -> list[tuple[str | None, ...]]:
    """The values as they are to be read: without those that stand for none."""
    return [tuple(None if value in ("NULL", "null", "\\N") else value for value in record) for record in found]


def written(found: Sequence[Record], **dialect: object) -> str:
    to = io.StringIO(newline="")
    csv.writer(to, **dialect).writerows([COLUMNS, *found])  # type: ignore[arg-type]
    return to.getvalue()


ENCODINGS: Mapping[str, Callable[[str], bytes]] = {
    "utf-8": lambda text: text.encode(),
    "utf-8 with a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16-le with a mark": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "utf-16-be with a mark": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "cp1252": lambda text: text.encode("cp1252"),
}
PACK = st.sampled_from([("", bytes), *((f".{name}", pack) for name, pack in PACKINGS.items())])


LAYOUTS: Mapping[str, Callable[[list[str]], str]] = {
    "lines": lambda found: "".join(f"{one}\n" for one in found),
    "behind each other": "".join,
    "array": lambda found: f"[{','.join(found)}]",
    "array of lines": lambda found: "[\n" + ",\n".join(found) + "\n]\n",
}
