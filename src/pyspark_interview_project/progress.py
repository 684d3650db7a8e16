"""What a person at a terminal sees while a run is at work: its current step, and how long it has taken."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyspark_interview_project.logging_setup import console

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

logger = logging.getLogger(__name__)


class Steps:
    """Tells the steps of a stage: each a log line, at a terminal also on a moving line. `at` is the current stage."""

    def __init__(self, display: Progress | None = None) -> None:
        self._display = display
        self._stage: TaskID | None = None
        self.at: str | None = None

    def start(self, stage: str) -> None:
        """A stage begins."""
        self.at = stage
        logger.info("%s started", stage)
        if self._display is not None:
            self._stage = self._display.add_task(stage, total=None, step="")

    def step(self, message: str) -> None:
        """The stage goes on to its next step."""
        logger.info(message)
        self.show(message)

    def show(self, message: str) -> None:
        """Show how far the step has come, without a log line."""
        if self._display is not None and self._stage is not None:
            self._display.update(self._stage, step=message)

    def finish(self, stage: str, seconds: float) -> None:
        """The stage is done."""
        self.at = None
        logger.info("%s finished in %.1f s", stage, seconds, extra={"duration_sec": round(seconds, 3)})
        if self._display is not None and self._stage is not None:
            self._display.update(self._stage, step="done", total=1, completed=1)


@contextmanager
def steps(for_a_person: bool) -> Iterator[Steps]:
    """Steps for one run. `for_a_person`: stderr is a terminal that a person looks at."""
    if not for_a_person:
        yield Steps()
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[step]}"),
    )
    with Progress(*columns, console=console()) as display:
        yield Steps(display)
