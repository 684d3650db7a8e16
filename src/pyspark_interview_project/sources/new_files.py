"""The landed files that no batch has taken: those that can be planned, and those that cannot be taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pyspark_interview_project.config.feed_choice import FeedChoice
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.schemas.rules import REASON_CODES
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.landed_tables import tables_of
from pyspark_interview_project.sources.rejected_files import RejectedFile, judged_by, read_rejected, rejected
from pyspark_interview_project.storage.files import LocalFiles, StoredFile

if TYPE_CHECKING:
    from pyspark_interview_project.config.feed_definition import Feed


class NewFiles:
    """Gives the files that are not known by path, size and content, one by one. Those that it meets on the way and that
    cannot be taken are in `rejected` from then on, with those that no look is worth: nothing about them has changed.

    A file is not hashed again where its path, size and modification time are known.
    """

    def __init__(
        self,
        stored: LocalFiles,
        landed: Iterable[StoredFile],
        refused: Mapping[str, str],
        known: Iterable[LandedFile],
        settings: Settings,
    ) -> None:
        """`refused` cannot be opened at all: why, by path. Raises ConfigurationError where a feed is wrong."""
        self._stored, self._limits = stored, settings.landing_limits
        self._choice = FeedChoice(settings.feeds_dir, REASON_CODES)
        self._chosen: dict[str, Feed] = {}
        self._before = {file.path: file for file in read_rejected(stored)}
        known = list(known)
        by_time = {(file.path, file.size, file.modified_ns) for file in known}
        self._by_content = {(file.path, file.size, file.sha256) for file in known}
        new = [file for file in landed if (file.path, file.size, file.modified_ns) not in by_time]
        self._rejected = {
            path: self._as_rejected(StoredFile(path, 0, 0), UnreadableInputError(path, problem), None)
            for path, problem in refused.items()
        }
        self._rejected.update({file.path: self._before[file.path] for file in new if self._is_as_it_was(file)})
        self._to_screen = [file for file in new if file.path not in self._rejected]

    @property
    def rejected(self) -> Sequence[RejectedFile]:
        """The files that cannot be taken, as far as it has come, by path."""
        return tuple(sorted(self._rejected.values(), key=lambda file: file.path))

    @property
    def feeds(self) -> Sequence[Feed]:
        """The feeds of the files that it gave."""
        return tuple(self._chosen.values())

    def __iter__(self) -> Iterator[LandedFile]:
        if not self._to_screen:
            return
        from pyspark_interview_project.sources.preflight import screened  # Arrow's readers take a while to load

        in_tables = tables_of(self._stored, [file.path for file in self._to_screen])
        for file in self._to_screen:
            feed = self._choice.feed_of(file.path)
            try:
                if problem := in_tables.get(file.path):
                    raise UnreadableInputError(file.path, problem, may_pass=True)  # it is no fault of the file
                found = screened(self._stored, file, feed, self._limits)
            except UnreadableInputError as error:
                self._rejected[file.path] = self._as_rejected(file, error, feed)
                continue
            if (file.path, file.size, found.sha256) not in self._by_content:
                if feed is not None:
                    self._chosen[feed.feed] = feed
                yield found

    def _is_as_it_was(self, file: StoredFile) -> bool:
        """Whether a file was rejected and neither it nor its feed has changed."""
        before = self._before.get(file.path)
        if before is None or before.may_pass or (before.size, before.modified_ns) != (file.size, file.modified_ns):
            return False
        return before.judged_by == judged_by(self._choice.feed_of(file.path), self._limits)

    def _as_rejected(self, file: StoredFile, error: UnreadableInputError, feed: Feed | None) -> RejectedFile:
        before = self._before.get(file.path)
        return rejected(file, error, judged_by(feed, self._limits), before.since if before else None)
