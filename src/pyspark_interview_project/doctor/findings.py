"""What a check of the doctor finds, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pyspark_interview_project.config.settings import Settings

OK, NOTE, FAILED = "ok", "note", "fail"


@dataclass(frozen=True)
class Finding:
    """`text` says what there is, and behind a semicolon what to do about it, where something is to be done."""

    outcome: str
    text: str

    def as_note(self, why: str) -> Finding:
        """What failed as a mere note: it is not needed here."""
        return replace(self, outcome=NOTE, text=f"{self.text} ({why})") if self.outcome == FAILED else self


@dataclass(frozen=True)
class Situation:
    """The settings of a run, and the engine that they choose: embedded or spark; null where it cannot be had."""

    settings: Settings
    engine: str | None
    is_on_databricks: bool

    @property
    def needs_spark(self) -> bool:
        """Whether a run uses this Python's pyspark."""
        return self.engine != "embedded" and not self.is_on_databricks

    @property
    def starts_a_jvm(self) -> bool:
        remote = self.settings.spark_remote
        return self.needs_spark and (remote is None or remote.startswith("local"))


Check = Callable[[Situation], Finding]
