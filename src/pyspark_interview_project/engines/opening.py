"""Which implementation of the lake an engine has."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.engine import chosen_engine
from pyspark_interview_project.engines.base import Lake
from pyspark_interview_project.engines.duckdb import EmbeddedLake


@contextmanager
def open_lake(settings: Settings, scratch: Path | None = None) -> Iterator[Lake]:
    """The lake of the settings through this process's engine.

    What it stages goes to `scratch`. Without one it goes where the settings say, and that needs the lake's lock: what
    a killed run left in the lake's own scratch is removed.
    """
    held_by_jvm = Path(settings.paths.place(paths.JVM_LOCK)) if scratch is None else None
    if scratch is None and settings.scratch_dir is None:
        scratch = Path(settings.paths.place(paths.SCRATCH))
        shutil.rmtree(scratch, ignore_errors=True)
    place = scratch or Path(str(settings.scratch_dir))
    lake: Lake
    if chosen_engine() == "spark":
        from pyspark_interview_project.engines.spark import SparkLake  # needs the extra `spark`

        lake = SparkLake(settings.paths, settings, place, held_by_jvm)
    else:
        lake = EmbeddedLake(settings.paths, settings.spark_tz, settings.embedded_memory_limit, place)
    try:
        yield lake
    finally:
        lake.close()
