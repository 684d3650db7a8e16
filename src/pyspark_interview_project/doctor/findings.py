"""What a check of the doctor looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pyspark_interview_project.config.settings import Settings

OK, NOTE, FAILED = "ok", "note", "fail"


@dataclass(frozen=True)
class Finding:
    """`text` says what there is and, after a semicolon, what to do about it."""

    outcome: str
    text: str

    def as_note(self, why: str) -> Finding:
        """A failure as a note, where the thing is not needed."""
        return replace(self, outcome=NOTE, text=f"{self.text} ({why})") if self.outcome == FAILED else self


@dataclass(frozen=True)
class Situation:
    """The settings of a run, and the engine that they choose: embedded, spark, or None where it cannot be had."""

    settings: Settings
    engine: str | None
    is_on_databricks: bool

    def why_not_needed(self, name: str) -> str | None:
        """Why a run needs no Java ("java"), pyspark ("spark") or jars ("jars") of this machine; None: it needs them."""
        if self.engine == "embedded":
            return "the embedded engine does without"
        remote = self.settings.spark_remote
        starts_a_jvm = remote is None or remote.startswith("local")
        if self.is_on_databricks or not (starts_a_jvm or name == "spark"):
            return "the JVM is that of a server or of Databricks"
        return None


Check = Callable[[Situation], Finding]
