"""The CSV grammar: one record is one line, split into fields by the same expressions on every engine.

The engines' own CSV readers lose the raw line, disagree about broken lines, and let an open quote take the lines behind
it. Here a field is quoted, with quotes inside it doubled, or it has no quote; any other line is corrupt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyspark_interview_project.engine import Column, DataFrame
from pyspark_interview_project.engine import functions as F
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES

# No alternation under a star: on a long field Java's matcher would recurse until its stack overflows.
_FIELD = r',("[^"]*(?:""[^"]*)*"|[^,"]*)'


def split_header(line: str) -> list[str] | None:
    """The fields of a header line, trimmed; None where the line is not well formed."""
    fields = re.findall(_FIELD, f",{line}")
    if ",".join(fields) != line:
        return None
    return [_unquoted_text(field).strip() for field in fields]


def _unquoted_text(field: str) -> str:
    return field[1:-1].replace('""', '"') if field.startswith('"') else field


def records_from_lines(lines: DataFrame, header: Sequence[str]) -> DataFrame:
    """Split CSV lines into the nine columns of returns_raw, as text.

    Reads:   raw_record (string: the line), is_corrupt (boolean), source_file; `header` names the fields in their order.
    Returns: the nine columns (null where the header does not name one or the line is corrupt), raw_record, is_corrupt
             (also true where the line is not well formed or has another number of fields than the header), source_file.
    """
    line = F.col("raw_record")
    quoted = F.regexp_extract_all(F.concat(F.lit(","), line), F.lit(_FIELD), F.lit(1))
    fields = F.when(line.contains('"'), quoted).otherwise(F.split(line, ","))
    split = lines.select(line, F.col("is_corrupt"), F.col("source_file"), fields.alias("fields"))
    well_formed = (F.length(F.array_join("fields", ",")) == F.length(line)) & (F.size("fields") == len(header))
    marked = split.withColumn("is_corrupt", F.col("is_corrupt") | ~well_formed)

    def value(name: str) -> Column:
        if name not in header:
            return F.lit(None).cast("string")
        field = F.try_element_at(F.col("fields"), F.lit(list(header).index(name) + 1))
        inner = F.replace(F.substring(field, 2, F.length(field) - 2), F.lit('""'), F.lit('"'))
        return F.when(~F.col("is_corrupt"), F.when(field.startswith('"'), inner).otherwise(field))

    return marked.select(
        *[value(name).alias(name) for name in RAW_NAMES], F.col("raw_record"), F.col("is_corrupt"), F.col("source_file")
    )
