"""From a landed text file to its text in blocks: which encoding it has, and what is no text.

The encoding is that of the whole file: a record that decodes in another one by chance must not read differently from
its neighbours. Memory does not grow with the file.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from itertools import chain

from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources.unpacking import Source, unpacked_blocks

BYTE_ORDER_MARK = "\ufeff"
_MARKED = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class _Misfit(Exception):
    """The encoding does not fit the text."""

    def __init__(self, why: str, binary: str | None = None) -> None:
        """`binary` says what the file looks like, where it is no text in this encoding at all."""
        super().__init__(why)
        self.why, self.binary = why, binary


def encoding_of(
    source: Source, name: str, encodings: Sequence[str], watch: Callable[[int], None] = lambda size: None
) -> str:
    """The encoding in which the whole text can be read: that of its byte-order mark, or the first of `encodings`.

    `watch` is given the sizes of the blocks as they are unpacked, and may raise. Raises UnreadableInputError naming the
    file `name` where none fits, or where it is no text.
    """
    marked = _encoding_of_mark(source, name)
    misfits = []
    for encoding in (marked,) if marked else encodings:
        try:
            for _ in _decoded(source, name, encoding, watch):
                pass
            return encoding
        except _Misfit as misfit:
            misfits.append(misfit)
    if binary := next((misfit.binary for misfit in misfits if misfit.binary), None):
        raise UnreadableInputError(name, binary)
    tried = ", ".join(misfit.why for misfit in misfits)
    mark = " though its byte-order mark says so" if marked else ""
    raise UnreadableInputError(
        name,
        f"its text is {tried}{mark}; `read: {{encoding: …}}` of a feed takes files of other encodings, such as cp1252",
    )


def decoded_blocks(source: Source, name: str, encoding: str) -> Generator[str, None, None]:
    """The text in blocks that are cut anywhere, without byte-order marks at its start.

    Raises UnreadableInputError naming the file `name` where it cannot be read, unpacked or decoded to its end.
    """
    try:
        yield from _decoded(source, name, encoding)
    except _Misfit as misfit:
        raise UnreadableInputError(name, misfit.binary or f"its text is {misfit.why}") from misfit


def _encoding_of_mark(source: Source, name: str) -> str | None:
    with closing(unpacked_blocks(source, name)) as content:
        start = next(content, b"")
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):  # the first begins as UTF-16 does
        raise UnreadableInputError(name, "it is UTF-32, as its byte-order mark says; export it as UTF-8")
    return next((encoding for mark, encoding in _MARKED if start.startswith(mark)), None)


def _decoded(
    source: Source, name: str, encoding: str, watch: Callable[[int], None] = lambda size: None
) -> Generator[str, None, None]:
    decoder = codecs.getincrementaldecoder(encoding)()
    read = 0  # bytes up to the end of this block
    is_start = True
    with closing(unpacked_blocks(source, name)) as content:
        for block in chain(content, (b"",)):
            read += len(block)
            watch(len(block))
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                # Its object begins with what the blocks before have left over.
                offset = read - len(error.object) + error.start
                binary = _looks_like(block.count(b"\0"), len(block))
                raise _Misfit(f"not {encoding} at byte offset {offset:,}", binary) from error
            if "\0" in text:
                raise _Misfit(f"not {encoding} but binary", _looks_like(text.count("\0"), len(text)))
            if is_start and text:
                text, is_start = text.lstrip(BYTE_ORDER_MARK), False
            if text:
                yield text


def _looks_like(nuls: int, size: int) -> str | None:
    """What a block with NULs looks like, and what to do with it; None where it has none."""
    if size < nuls * 4 < size * 3:  # about half of them
        return (
            "it looks like UTF-16 without a byte-order mark; "
            "`read: {encoding: [utf-16-le]}` (or utf-16-be) of a feed takes such files"
        )
    if nuls:
        return "it holds NUL characters, so it looks binary or damaged; export or fetch it again as plain text"
    return None
