"""Writes the bad-input corpus: `python tests/make_corpus.py [DIRECTORY]`, by default the one beside this file.

What each file must come to stands in corpus/expected.json, which is written by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

from corpus_binary import COMPRESSED, GZIP, PARQUET
from corpus_text import CSV, JSON

CORPUS = Path(__file__).with_name("corpus")


def make_corpus(directory: Path) -> None:
    """Write every file of the corpus into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in {**JSON, **CSV, **GZIP, **COMPRESSED, **PARQUET}.items():
        (directory / name).write_bytes(content.encode() if isinstance(content, str) else content)


if __name__ == "__main__":
    make_corpus(Path(sys.argv[1]) if len(sys.argv) > 1 else CORPUS)
