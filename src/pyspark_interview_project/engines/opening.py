"""Opening the engine of this process for a lake."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.engine import chosen_engine
from pyspark_interview_project.engines.base import Engine
from pyspark_interview_project.engines.engine_output import output_kept
from pyspark_interview_project.storage.delta_tables import DeltaTables


@contextmanager
def open_engine(settings: Settings, tables: DeltaTables, output: Path, scratch: Path | None = None) -> Iterator[Engine]:
    """The chosen engine on the lake of the settings. What it says by itself goes to the file `output`.

    What it materializes goes to `scratch`. Without one it goes where the settings say, and that needs the lake's lock:
    what a killed run left there is removed.
    """
    place = scratch or _emptied_scratch(settings)

    def opened() -> Engine:
        if chosen_engine() == "spark":
            from pyspark_interview_project.engines.spark import SparkEngine  # needs the extra `spark`

            jvm_lock = Path(settings.paths.place(paths.JVM_LOCK)) if scratch is None else None
            return SparkEngine(tables, settings.paths, settings, place, output, jvm_lock)
        from pyspark_interview_project.engines.duckdb import DuckDBEngine

        memory, most_chars = settings.embedded_memory_limit, settings.max_record_bytes
        return DuckDBEngine(tables, settings.paths, settings.spark_tz, memory, place, most_chars)

    engine = _OnDemand(opened)
    with output_kept(output):
        try:
            yield cast(Engine, engine)
        finally:
            engine.close()


class _OnDemand:
    """An engine that is opened when something is first asked of it. A run that finds nothing new asks nothing, and to
    load DuckDB or PySpark takes longer than all else that it does."""

    def __init__(self, opened: Callable[[], Engine]) -> None:
        self._open = opened
        self._engine: Engine | None = None

    def __getattr__(self, name: str) -> Any:
        if self._engine is None:
            self._engine = self._open()
        return getattr(self._engine, name)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()


def _emptied_scratch(settings: Settings) -> Path:
    """The lake's own scratch directory: in the lake, or one of its own in `scratch_dir`, which lakes may share."""
    scratch = Path(settings.paths.place(paths.SCRATCH))
    if settings.scratch_dir is not None:
        lake = hashlib.sha256(settings.paths.root.encode()).hexdigest()[:16]
        scratch = Path(settings.scratch_dir) / f"returns-{lake}"
    shutil.rmtree(scratch, ignore_errors=True)
    return scratch
