"""Opening the engine of this process for a lake."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.engine import chosen_engine
from pyspark_interview_project.engines.base import Engine
from pyspark_interview_project.engines.duckdb import DuckDBEngine
from pyspark_interview_project.engines.engine_output import output_kept
from pyspark_interview_project.storage.delta_tables import DeltaTables


@contextmanager
def open_engine(settings: Settings, tables: DeltaTables, output: Path, scratch: Path | None = None) -> Iterator[Engine]:
    """The chosen engine on the lake of the settings. What it says by itself goes to the file `output`.

    What it materializes goes to `scratch`. Without one it goes where the settings say, and that needs the lake's lock:
    what a killed run left there is removed.
    """
    place = scratch or _emptied_scratch(settings)
    engine: Engine
    if chosen_engine() == "spark":
        from pyspark_interview_project.engines.spark import SparkEngine  # needs the extra `spark`

        jvm_lock = Path(settings.paths.place(paths.JVM_LOCK)) if scratch is None else None
        engine = SparkEngine(tables, settings.paths, settings, place, output, jvm_lock)
    else:
        memory, most_chars = settings.embedded_memory_limit, settings.max_record_bytes
        engine = DuckDBEngine(tables, settings.paths, settings.spark_tz, memory, place, most_chars)
    with output_kept(output):
        try:
            yield engine
        finally:
            engine.close()


def _emptied_scratch(settings: Settings) -> Path:
    """The lake's own scratch directory: in the lake, or one of its own in `scratch_dir`, which lakes may share."""
    scratch = Path(settings.paths.place(paths.SCRATCH))
    if settings.scratch_dir is not None:
        lake = hashlib.sha256(settings.paths.root.encode()).hexdigest()[:16]
        scratch = Path(settings.scratch_dir) / f"returns-{lake}"
    shutil.rmtree(scratch, ignore_errors=True)
    return scratch
