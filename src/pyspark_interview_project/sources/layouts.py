"""Which of our columns each landed file of a batch has, read from its header or footer alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.parquet_layout import parquet_layout
from pyspark_interview_project.transforms.normalise import Kind


class Layouts:
    """Groups the files that can be read together.

    `unknown_columns` (columns that are none of ours) and `parquet_rows`, by path, fill as files are looked at.
    """

    def __init__(self, paths: LakePaths) -> None:
        self._paths = paths
        self.unknown_columns: dict[str, Sequence[str]] = {}
        self.parquet_rows: dict[str, int] = {}

    def local(self, file: LandedFile) -> Path:
        return Path(self._paths.place(file.path))

    def note_unknown(self, path: str, names: Sequence[str]) -> None:
        """Remember the columns of a file that are none of ours."""
        if names:
            self.unknown_columns[path] = tuple(sorted(names))

    def parquet(self, files: Sequence[LandedFile]) -> list[tuple[Mapping[str, Kind], list[LandedFile]]]:
        """The Parquet files that can be read together, with the kinds of their columns.

        Raises UnreadableInputError naming file and column.
        """
        groups: dict[tuple[tuple[str, str], ...], tuple[Mapping[str, Kind], list[LandedFile]]] = {}
        for file in files:
            layout = parquet_layout(self.local(file), file.path)
            self.parquet_rows[file.path] = layout.rows
            self.note_unknown(file.path, layout.unknown)
            groups.setdefault(layout.types, (layout.kinds, []))[1].append(file)
        return list(groups.values())
