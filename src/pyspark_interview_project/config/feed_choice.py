"""Which feed a landed file belongs to. Definitions are read when a file may need them: checking SQL takes a while."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark_interview_project.config.paths import LANDED

if TYPE_CHECKING:
    from pyspark_interview_project.config.feed_definition import Feed


def shipped_feeds() -> Path:
    """The directory of the feeds that come with the package."""
    return Path(__file__).resolve().parent.parent / "feeds"


class FeedChoice:
    """The feeds of a lake: those of a directory, then the shipped ones, each for a directory of its name."""

    def __init__(self, directory: str | None, reserved_codes: Collection[str]) -> None:
        """`reserved_codes` are those of the package's own rules. Raises ConfigurationError naming file, line, key."""
        self._directory, self._reserved_codes = directory, reserved_codes
        self._shipped_names = frozenset(path.stem for path in shipped_feeds().glob("*.yaml"))
        self._own = self._loaded([Path(directory).expanduser()]) if directory else ()

    def feed_of(self, path: str) -> Feed | None:
        """The feed of a landed file, by its path relative to the root of the lake; None: it must have our columns."""
        below = path.removeprefix(f"{LANDED}/")
        if found := next((feed for feed in self._own if feed.takes(below)), None):
            return found
        if self._shipped_names.isdisjoint(below.split("/")[:-1]):
            return None
        return next((feed for feed in self.feeds if feed.takes(below)), None)

    @cached_property
    def feeds(self) -> tuple[Feed, ...]:
        """All of them, in the order in which they are asked."""
        return self._loaded([*([Path(self._directory).expanduser()] if self._directory else []), shipped_feeds()])

    def _loaded(self, directories: list[Path]) -> tuple[Feed, ...]:
        from pyspark_interview_project.config.feeds import load_feeds

        return load_feeds(directories, self._reserved_codes)
