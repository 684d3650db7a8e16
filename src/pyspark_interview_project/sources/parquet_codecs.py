"""How the pages of a landed Parquet file are packed and encoded, and which of that an engine cannot read.

Tried with DuckDB 2.0 and Spark 4.2: what is not named here both read.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow.parquet as pq

from pyspark_interview_project.config.column_names import matching_name
from pyspark_interview_project.schemas.returns_raw import DELIVERED_NAMES

_LACKING_CODECS: Mapping[str, frozenset[str]] = {
    "embedded": frozenset({"LZO"}),
    "spark": frozenset({"LZO", "BROTLI"}),  # their libraries do not come with Spark
}
_LACKING_ENCODINGS: Mapping[str, frozenset[str]] = {
    "embedded": frozenset(),
    "spark": frozenset({"BYTE_STREAM_SPLIT"}),
}


def unreadable_codec(metadata: pq.FileMetaData, engine_name: str) -> str | None:
    """What the engine (embedded or spark) lacks to read our columns of the file, as its problem; None: nothing.

    No engine reads the other columns, so they do not count.
    """
    codecs: dict[str, None] = {}
    encodings: dict[str, str] = {}
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for chunk in (group.column(position) for position in range(group.num_columns)):
            if matching_name(chunk.path_in_schema) in DELIVERED_NAMES:
                codecs[chunk.compression] = None
                encodings.update((encoding, chunk.path_in_schema) for encoding in chunk.encodings)
    for codec in codecs:
        if codec in _LACKING_CODECS[engine_name]:
            remedy = _remedy("write it with zstd or snappy", _LACKING_CODECS, codec, engine_name)
            return f"is packed with {codec}, which the engine {engine_name} cannot read; {remedy}"
    for encoding, column in encodings.items():
        if encoding in _LACKING_ENCODINGS[engine_name]:
            remedy = _remedy("write it plain or with a dictionary", _LACKING_ENCODINGS, encoding, engine_name)
            return f"column {column} is encoded as {encoding}, which the engine {engine_name} cannot read; {remedy}"
    return None


def _remedy(advice: str, lacking: Mapping[str, frozenset[str]], form: str, engine_name: str) -> str:
    others = [name for name in lacking if name != engine_name and form not in lacking[name]]
    return ", or ".join([advice, *(f"run with ENGINE={name}" for name in others)])
