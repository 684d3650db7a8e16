"""A landed file as planning screens it and reading takes it: its records, one by one."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landing import write_bytes
from pyspark_interview_project.config.feed_definition import Feed
from pyspark_interview_project.config.settings import load_settings
from pyspark_interview_project.sources.landed_text import text_batches, text_file
from pyspark_interview_project.sources.preflight import screened
from pyspark_interview_project.storage.files import LocalFiles, StoredFile

LIMITS = load_settings({"app_env": "test"}).landing_limits
COLUMNS = ("return_id", "order_id", "customer_id", "sku", "reason", "qty", "amount", "return_date")


@dataclass(frozen=True)
class Read:
    """A record as it was read: its values in the order of COLUMNS, all None where it is corrupt, and its text."""

    values: tuple[str | None, ...]
    raw: str
    is_corrupt: bool


def feed_of(**read: Any) -> Feed:
    """A feed that changes nothing but how its files are read."""
    columns = {name: name for name in COLUMNS}
    return Feed.model_validate({"feed": "shop", "files": "**", "read": read, "columns": columns})


def read(content: bytes, name: str = "a.csv", feed: Feed | None = None) -> list[Read]:
    """The records of a file, which must be numbered from 1. Raises UnreadableInputError where it is not taken."""
    path = f"bronze/returns_raw/{name}"
    with tempfile.TemporaryDirectory() as root:
        place = write_bytes(Path(root) / path, content)
        stored = next(iter(LocalFiles(root).list("bronze/returns_raw")))
        assert isinstance(stored, StoredFile)
        file = text_file(str(place), screened(LocalFiles(root), stored, feed, LIMITS), feed, LIMITS.record_bytes)
        rows = [row for batch in text_batches(file, lambda names: None) for row in batch.to_pylist()]
    assert [row["source_record"] for row in rows] == list(range(1, len(rows) + 1))
    own: Mapping[str, str] = dict(zip(file.wanted, file.columns, strict=True))
    return [Read(tuple(row[own[name]] for name in COLUMNS), row["raw_record"], row["is_corrupt"]) for row in rows]
