"""A JSON text that is one document, however its lines are indented.

In a text of many objects only indentation tells where a broken one ends, so `json_documents` refuses an object with
another one at the beginning of a line. A whole text that is one strict object has nothing of that doubt.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from pyspark_interview_project.sources.json_documents import JsonRecord, json_records
from pyspark_interview_project.sources.json_lines import members_of, strict_decoder

_BLANKS = " \t\r\n"


def documents(blocks: Iterator[str], max_chars: int) -> Iterator[list[JsonRecord]]:
    """The one object that is the whole text; of any other text the records that `json_records` gives, and its errors.

    No more than `max_chars` and a block are held.
    """
    decoder = strict_decoder()
    waiting: list[str] = []
    chars = 0
    is_first_line = True
    for block in blocks:
        waiting.append(block)
        chars += len(block)
        if is_first_line and (chars == len(block) or "\n" in block):
            line, line_feed, _ = "".join(waiting).lstrip(_BLANKS).partition("\n")
            if line and (line[0] != "{" or (line_feed and members_of(line, decoder))):
                break  # an array, or an object a line
            is_first_line = not line_feed
        if chars > max_chars:
            break
    else:
        document = "".join(waiting).strip(_BLANKS)
        if found := members_of(document, decoder):
            yield [JsonRecord(document, *found)]
            return
    yield from json_records(chain(waiting, blocks), max_chars)
