"""The landed files that could not be taken, kept under ops/ until each is mended, removed or named in skip_files."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pyspark_interview_project import __version__
from pyspark_interview_project.config import paths
from pyspark_interview_project.config.settings import LandingLimits
from pyspark_interview_project.engine import chosen_engine
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.storage.files import Files, StoredFile

if TYPE_CHECKING:
    from pyspark_interview_project.config.feed_definition import Feed

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RejectedFile:
    """A file that could not be taken, as it was then, and why.

    It is looked at again where it is not this file any more or `judged_by` is another one, and by each run where the
    fault `may_pass` because it is the storage's. `since` is when it was first rejected (ISO 8601, UTC).
    """

    path: str
    size: int
    modified_ns: int
    judged_by: str
    problem: str
    since: str
    may_pass: bool = False


def judged_by(feed: Feed | None, limits: LandingLimits) -> str:
    """A hash of what decides whether a file can be taken: its feed's definition, the limits, engine and version."""
    decides = [feed.definition_hash if feed else None, astuple(limits), chosen_engine(), __version__]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()


def rejected(
    file: LandedFile | StoredFile, error: UnreadableInputError, judged: str, since: str | None = None
) -> RejectedFile:
    """A file that is rejected; `since` then, by default since now."""
    since = since or datetime.now(UTC).isoformat(timespec="seconds")
    return RejectedFile(file.path, file.size, file.modified_ns, judged, error.problem, since, error.may_pass)


def read_rejected(files: Files) -> tuple[RejectedFile, ...]:
    """What is on record, in the order of paths. A record that cannot be read only costs another look at each file."""
    try:
        return tuple(RejectedFile(**entry) for entry in json.loads(files.read(paths.REJECTED_FILES)))
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError) as error:
        logger.warning("%s is no list of rejected files (%s); each is looked at", paths.REJECTED_FILES, error)
        return ()


def write_rejected(files: Files, rejected: Iterable[RejectedFile]) -> None:
    """Put these on record in the place of those that were."""
    content = [asdict(file) for file in sorted(rejected, key=lambda file: file.path)]
    files.put(paths.REJECTED_FILES, (json.dumps(content, indent=1) + "\n").encode())
