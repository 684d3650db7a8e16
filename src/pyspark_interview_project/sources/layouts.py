"""Which of our columns each landed file of a batch has, read from its header or footer alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.errors import UnreadableInputError
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES, REQUIRED_NAMES
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.lines import read_lines
from pyspark_interview_project.sources.parquet_layout import ParquetLayout, parquet_layout
from pyspark_interview_project.transforms.text_fields import split_header


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

    def check_gzip(self, file: LandedFile) -> None:
        """Raise UnreadableInputError where a file named .gz is empty: Spark takes it for a file without lines."""
        if file.is_gzipped and file.size == 0:
            raise UnreadableInputError(file.path, "it is empty and no gzip file")

    def header_line(self, file: LandedFile) -> str:
        """The first line of a CSV file. Raises UnreadableInputError where it has none, or one that is no text."""
        for lines in read_lines(self.local(file), file.path):
            for text, is_utf8 in lines:
                if not is_utf8:
                    raise UnreadableInputError(file.path, "its header is not UTF-8")
                if "\r" in text:
                    raise UnreadableInputError(file.path, "its lines end with CR alone; let them end with LF or CR LF")
                return text
        raise UnreadableInputError(file.path, "it is empty and has no header")

    def csv(self, files: Sequence[LandedFile]) -> Mapping[tuple[str, ...], list[LandedFile]]:
        """The CSV files by the fields of their headers. Raises UnreadableInputError naming file and column."""
        layouts: dict[tuple[str, ...], list[LandedFile]] = {}
        for file in files:
            header = tuple(split_header(self.header_line(file)) or ())
            if missing := [name for name in REQUIRED_NAMES if name not in header]:
                raise UnreadableInputError(file.path, f"column {missing[0]} is missing in its header")
            if twice := [name for name in RAW_NAMES if header.count(name) > 1]:
                raise UnreadableInputError(file.path, f"column {twice[0]} stands twice in its header")
            self.note_unknown(file.path, [name for name in header if name not in RAW_NAMES])
            layouts.setdefault(header, []).append(file)
        return layouts

    def parquet(self, files: Sequence[LandedFile]) -> list[tuple[ParquetLayout, list[LandedFile]]]:
        """The Parquet files that can be read together, with the layout of the first of them.

        Raises UnreadableInputError naming file and column.
        """
        groups: dict[object, tuple[ParquetLayout, list[LandedFile]]] = {}
        for file in files:
            layout = parquet_layout(self.local(file), file.path, self._engine_name)
            self.parquet_rows[file.path] = layout.rows
            self.parquet_layouts[file.path] = layout
            self.note_unknown(file.path, layout.unknown)
            groups.setdefault(layout.shape, (layout, []))[1].append(file)
        return list(groups.values())


def by_format(files: Sequence[LandedFile]) -> Mapping[str, list[LandedFile]]:
    """The files by the format that their names claim: json, csv and parquet, each with a list that may be empty."""
    return {name: [file for file in files if file.format == name] for name in ("json", "csv", "parquet")}


def check_layouts(paths: LakePaths, files: Sequence[LandedFile]) -> None:
    """Raise UnreadableInputError naming a file that cannot be taken, where its header or footer shows it."""
    layouts, formats = Layouts(paths), by_format(files)
    layouts.csv(formats["csv"])
    layouts.parquet(formats["parquet"])
