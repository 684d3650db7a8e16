"""What workers note of the landed files that they read: a small file for each, in a directory that the driver sees.

So the records go straight into validation: they need not be kept first, only to be counted and to be asked what the
workers had to tell. A task that runs again notes the same again.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pyspark_interview_project.errors import UnreadableInputError


@dataclass(frozen=True)
class ReadingNote:
    """How many records a file had, the names of its columns that nothing reads, why it cannot be read to its end (None:
    it can), and whether that may pass."""

    path: str
    rows: int
    unknown_columns: Sequence[str] = ()
    problem: str | None = None
    may_pass: bool = False

    def as_error(self) -> UnreadableInputError:
        return UnreadableInputError(self.path, self.problem or "", self.may_pass)


class ReadingNotes:
    """The notes of one reading of `files` landed files, in `directory`."""

    def __init__(self, directory: str, files: int) -> None:
        self.directory, self._files = directory, files
        self._taken: set[str] = set()

    def taken(self) -> Iterator[ReadingNote]:
        """The notes that came since they were last taken."""
        if len(self._taken) == self._files:
            return
        for place in sorted(Path(self.directory).glob("*.json")):
            if place.name not in self._taken:
                self._taken.add(place.name)
                yield ReadingNote(**json.loads(place.read_text()))


def leave_note(directory: str, note: ReadingNote) -> None:
    """Leave a note for the driver. It appears whole."""
    name = hashlib.sha256(note.path.encode(errors="surrogateescape")).hexdigest()
    unfinished = f"{directory}/{uuid.uuid4().hex}.part"
    with open(unfinished, "w") as file:
        json.dump(asdict(note), file)
    os.replace(unfinished, f"{directory}/{name}.json")
