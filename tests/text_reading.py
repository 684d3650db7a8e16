"""Text files as planning and reading see them, one behind the other."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark_interview_project.sources.text_layout import Layout, ReadOptions, layout_of
from pyspark_interview_project.sources.text_opening import encoding_of
from pyspark_interview_project.sources.unpacking import Source


def told_layout(source: Source, name: str, options: ReadOptions, wanted: Sequence[str]) -> Layout:
    """The layout of a file, in the encoding that planning finds."""
    return layout_of(source, name, options, wanted, encoding_of(source, name, options.encodings))
