"""Which of our columns each landed file of a batch has, read from its header or footer alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.errors import UnreadableBatchError, UnreadableInputError
from pyspark_interview_project.sources.discovery import LandedFile

if TYPE_CHECKING:
    from pyspark_interview_project.sources.parquet_layout import ParquetLayout


class Layouts:
    """Groups the files that can be read together.

    `unknown_columns` (columns that are none of ours), `parquet_rows` and `parquet_layouts`, by path, fill as files are
    looked at.
    """

    def __init__(self, paths: LakePaths, engine_name: str | None = None) -> None:
        """`engine_name`: who is to read the files. None: nobody yet, so what one engine lacks is not looked for."""
        self._paths, self._engine_name = paths, engine_name
        self.unknown_columns: dict[str, Sequence[str]] = {}
        self.parquet_rows: dict[str, int] = {}
        self.parquet_layouts: dict[str, ParquetLayout] = {}

    def local(self, file: LandedFile) -> Path:
        return Path(self._paths.place(file.path))

    def note_unknown(self, path: str, names: Sequence[str]) -> None:
        """Remember the columns of a file that are none of ours."""
        if names:
            self.unknown_columns[path] = tuple(sorted(names))

    def parquet(self, files: Sequence[LandedFile]) -> list[tuple[ParquetLayout, list[LandedFile]]]:
        """The Parquet files that can be read together, with the layout of the first of them.

        Raises UnreadableBatchError.
        """
        from pyspark_interview_project.sources.parquet_layout import parquet_layout  # Arrow's reader of Parquet

        groups: dict[object, tuple[ParquetLayout, list[LandedFile]]] = {}
        problems = {}
        for file in files:
            try:
                layout = parquet_layout(self.local(file), file.path, self._engine_name)
            except UnreadableInputError as error:
                problems[file.path] = error
                continue
            self.parquet_rows[file.path] = layout.rows
            self.parquet_layouts[file.path] = layout
            self.note_unknown(file.path, layout.unknown)
            groups.setdefault(layout.shape, (layout, []))[1].append(file)
        if problems:
            raise UnreadableBatchError(problems)
        return list(groups.values())
