"""Whether the places of a lake are apart from each other, and none is behind a link out of the lake."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from pathlib import Path

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.schemas.tables import TABLES

_PLACES = (paths.LANDED, *(table.place for table in TABLES), paths.BATCHES, paths.RUN_RECORDS)


def check_places(settings: Settings) -> None:
    """Raise ConfigurationError naming a place that a link takes out of the lake or into another place, or a setting
    whose files would go into such a place; RestoreRefusedError for a lake that is half restored.
    """
    settings.paths.refuse_half_restored()
    root = Path(settings.paths.root).resolve()
    real = {place: Path(settings.paths.place(place)).resolve() for place in _PLACES}
    for place, path in real.items():
        if not path.is_relative_to(root):
            raise ConfigurationError(place, f"a link takes it out of the lake, to {path}")
    for (place, path), (other, other_path) in permutations(real.items(), 2):
        if path.is_relative_to(other_path):
            raise ConfigurationError(place, f"it is the same place as {other}, or in it")
    _check_settings(settings, real)


def _check_settings(settings: Settings, real: Mapping[str, Path]) -> None:
    given = {
        "pipeline_metrics_json": settings.pipeline_metrics_json,
        "scratch_dir": settings.scratch_dir,
        "lineage_url": settings.lineage_file,
        "lock_url": _local(settings.lock_url),
        "dr_root": _local(settings.dr_root),
    }
    for name, value in given.items():
        for place, path in real.items():
            if value is not None and Path(value).resolve().is_relative_to(path):
                raise ConfigurationError(name, f"{value} is in {place}")


def _local(place: str | None) -> str | None:
    """The path of a place that is given as a path or a URI; None where it is not of this machine."""
    paths_of = LakePaths.at(place) if place else None
    return paths_of.root if paths_of and paths_of.is_local else None
