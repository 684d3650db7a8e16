"""What a landed file holds once it is unpacked. Its first bytes tell the compression, never its name.

Memory does not grow with the file. A file that is cut short is an error with each compression.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO

import pyarrow as pa

from pyspark_interview_project.errors import UnreadableInputError

# A file, or a stream that can go back to its start. The stream stays open.
Source = Path | IO[bytes]

_BLOCK_BYTES = 256 * 1024
_LOOK_BYTES = 4096
_MAX_XZ_BYTES = 128 * 1024 * 1024  # the strongest preset takes half of it; a header may claim 4 GB

_PACKINGS: Mapping[str, re.Pattern[bytes]] = {
    "gzip": re.compile(rb"\x1f\x8b"),
    "bzip2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),  # the second one packs nothing
    "xz": re.compile(rb"\xfd7zXZ\0"),
    "zstd": re.compile(rb"(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)"),  # the second one is a frame to skip
}
_PACKED_NAME = re.compile(r"(?i)\.(?:gz|gzip|bz2|xz|zst)\Z")
_NO_TEXT = (
    (re.compile(rb"(?s)PK\x03\x04.*?(?:xl/|\[Content_Types\]\.xml)"), "an Excel workbook", "export it as CSV"),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "an old Excel workbook (.xls)", "export it as CSV"),
    (re.compile(rb"PK\x03\x04"), "a ZIP archive (as Excel workbooks are)", "land what is in it, as text"),
    (re.compile(rb"PAR1[\x00-\x1f]"), "Parquet", "name it .parquet, not packed"),
    (re.compile(rb"Obj\x01"), "Avro", "export it as JSON Lines, CSV or Parquet"),
    (re.compile(rb"%PDF-"), "a PDF document", "export the table as CSV"),
    (re.compile(rb"\x04\x22\x4d\x18"), "text packed with lz4", "pack it with gzip or zstd"),
    (re.compile(rb"\xff\x06\0\0sNaPpY"), "text packed with snappy", "pack it with gzip or zstd"),
)


def unpacked_blocks(source: Source, name: str) -> Generator[bytes, None, None]:
    """The unpacked bytes of a text file; the first block is empty only where there are none.

    Raises UnreadableInputError naming the file `name` where it cannot be unpacked to its end, or is no text.
    """
    packing = None
    try:
        with _opened(source) as file:
            start = file.read(_LOOK_BYTES)
            file.seek(0)
            if not start and _PACKED_NAME.search(name):
                raise UnreadableInputError(name, "it is empty, though its name says that it is packed; fetch it again")
            packing = _packing_of(start)
            blocks = filter(None, _UNPACKED[packing](file) if packing else _blocks_of(file))
            first = next(blocks, b"")
            while len(first) < _LOOK_BYTES and (more := next(blocks, b"")):  # streams may begin with few bytes
                first += more
            _check_start(first, packing, name)
            yield first
            yield from blocks
    except (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.strerror:
            raise UnreadableInputError(name, error.strerror, may_pass=True) from error
        raise UnreadableInputError(
            name, f"it is packed with {packing} and cannot be unpacked to its end ({error}); fetch it again"
        ) from error


def _check_start(start: bytes, packing: str | None, name: str) -> None:
    """Raise UnreadableInputError where unpacked bytes begin like something else than text."""
    if packing and (inner := _packing_of(start)):
        raise UnreadableInputError(name, f"it is packed twice ({inner} inside {packing}); unpack it once")
    for magic, what, advice in _NO_TEXT:
        if magic.match(start):
            raise UnreadableInputError(name, f"it is {what}, not text; {advice}")


def _packing_of(start: bytes) -> str | None:
    return next((packing for packing, magic in _PACKINGS.items() if magic.match(start)), None)


def _opened(source: Source) -> AbstractContextManager[IO[bytes]]:
    if isinstance(source, Path):
        return source.open("rb")
    source.seek(0)
    return nullcontext(source)


def _blocks_of(file: IO[bytes] | gzip.GzipFile | pa.NativeFile) -> Iterator[bytes]:
    return iter(partial(file.read, _BLOCK_BYTES), b"")


class _KeptOpen:
    """A file that pyarrow cannot close, as it would when it is done with it."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self.read = file.read

    def close(self) -> None:
        pass


def _streams(new: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor], file: IO[bytes]) -> Iterator[bytes]:
    """The content of compressed streams, one behind the other. The classes for files ignore damage behind the first."""
    unpacker, packed = new(), b""
    while True:
        if unpacker.eof:
            packed = unpacker.unused_data.lstrip(b"\0") or file.read(_BLOCK_BYTES).lstrip(b"\0")
            if not packed:
                return
            unpacker = new()
        elif unpacker.needs_input and not (packed := file.read(_BLOCK_BYTES)):
            raise EOFError("it ends too early")
        yield unpacker.decompress(packed, _BLOCK_BYTES)
        packed = b""


_UNPACKED: Mapping[str, Callable[[IO[bytes]], Iterator[bytes]]] = {
    "gzip": lambda file: _blocks_of(gzip.GzipFile(fileobj=file)),
    "bzip2": partial(_streams, bz2.BZ2Decompressor),
    "xz": partial(_streams, partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, _MAX_XZ_BYTES)),
    "zstd": lambda file: _blocks_of(pa.CompressedInputStream(pa.PythonFile(_KeptOpen(file), mode="r"), "zstd")),
}
