"""The result of a benchmark: a table to read and the same as JSON, with the date, the versions and the machine."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.figures import Figures
from benchmarks.programs import REPOSITORY, RETURNS
from benchmarks.targets import Judged, judge

_PACKAGES = ("duckdb", "deltalake", "pyarrow", "sqlframe", "polars", "pyspark", "delta-spark")
_GIB, _MIB = 1 << 30, 1 << 20


@dataclass
class Report:
    """What has been measured so far. `baseline` is the revision that was timed too."""

    baseline: str | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    figures: list[Figures] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def save(self, directory: Path) -> Path:
        """Write both forms, named after the time of the start. The path of the one to read."""
        directory.mkdir(parents=True, exist_ok=True)
        name = f"{self.started:%Y%m%dT%H%M%SZ}"
        (directory / f"{name}.json").write_text(json.dumps(self.as_record(), indent=1) + "\n", encoding="utf-8")
        table = directory / f"{name}.md"
        table.write_text(self.as_markdown(), encoding="utf-8")
        return table

    def as_record(self) -> dict[str, Any]:
        """Everything, for other programs."""
        return {
            "started_at": self.started.isoformat(timespec="seconds"),
            "baseline": self.baseline,
            **machine(),
            "cases": [_as_record(each, self.figures) for each in self.figures],
            "targets": [_judged_as_record(each) for each in judge(self.figures)],
            "failures": self.failures,
        }

    def as_markdown(self) -> str:
        """The tables that a person reads."""
        facts = machine()
        versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
        parts = [
            f"{self.started:%Y-%m-%d}, revision {facts['revision']}; {facts['cores']} cores ({facts['processor']}), "
            f"{facts['memory_gib']} GiB; {versions}.",
        ]
        if self.baseline:
            parts.append(f"The baseline is revision {self.baseline}.")
        parts.append(_table(_FIGURE_HEADINGS, [_figure_row(each, self.figures) for each in self.figures]))
        counted = [each for each in self.figures if each.sql_executions is not None]
        parts += [f"SQL executions in {each.title}: {each.program} {each.sql_executions}." for each in counted]
        if judged := judge(self.figures):
            met = sum(each.is_met for each in judged)
            parts.append(f"{met} of {len(judged)} targets are met.")
            parts.append(_table(_TARGET_HEADINGS, [_target_row(each) for each in judged]))
        parts += [f"FAILED: {each}" for each in self.failures]
        return "\n\n".join(parts) + "\n"


def machine() -> dict[str, Any]:
    """What was measured, and on what."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "revision": _revision(),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gib": round(memory / _GIB, 1),
        "versions": {"Python": platform.python_version(), **_versions(), **_java()},
    }


_FIGURE_HEADINGS = ("Case", "Engine", "Program", "Seconds", "from – to", "Rounds", "CPU s", "Peak MiB", "returns ÷ it")
_TARGET_HEADINGS = ("Case", "Engine", "Target", "Found", "Met")


def _figure_row(figures: Figures, others: Sequence[Figures]) -> tuple[str, ...]:
    ratio = _ratio_of_returns(figures, others)
    return (
        figures.title,
        figures.engine,
        figures.program,
        f"{figures.median:.2f}",
        f"{figures.fastest:.2f} – {figures.slowest:.2f}",
        str(len(figures.rounds)),
        f"{figures.cpu_seconds:.2f}",
        f"{figures.peak_bytes / _MIB:,.0f}",
        "" if ratio is None else f"{ratio:.2f}",
    )


def _target_row(judged: Judged) -> tuple[str, ...]:
    target = judged.target
    size = "" if target.millions is None else f"{target.millions:g} million"
    limit = f"at most {target.at_most:g} {target.unit}" + (f" {target.than}" if target.than else "")
    return (
        ", ".join(part for part in (target.case, target.variant, size) if part),
        target.engine,
        limit,
        f"{judged.found:.2f}" if target.unit in ("x", "s", "GiB") else f"{judged.found:g}",
        "yes" if judged.is_met else "**no**",
    )


def _ratio_of_returns(figures: Figures, others: Sequence[Figures]) -> float | None:
    """How many times as long as this program the package took in the same case."""
    if figures.program == RETURNS:
        return None
    same_case = (each for each in others if (each.title, each.engine) == (figures.title, figures.engine))
    ours = next((each for each in same_case if each.program == RETURNS), None)
    return ours.ratio_to(figures) if ours else None


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _as_record(figures: Figures, others: Sequence[Figures]) -> dict[str, Any]:
    return {
        **{name: getattr(figures, name) for name in ("case", "variant", "engine", "millions", "program")},
        "seconds": figures.median,
        "cpu_seconds": figures.cpu_seconds,
        "peak_bytes": figures.peak_bytes,
        "returns_to_it": _ratio_of_returns(figures, others),
        "sql_executions": figures.sql_executions,
        "rounds": [vars(each) | {"programs": sorted(each.programs)} for each in figures.rounds],
    }


def _judged_as_record(judged: Judged) -> dict[str, Any]:
    target = judged.target
    names = ("case", "variant", "engine", "millions", "at_most", "unit", "than")
    return {name: getattr(target, name) for name in names} | {"found": judged.found, "is_met": judged.is_met}


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _java() -> dict[str, str]:
    home = os.environ.get("JAVA_HOME")
    program = f"{home}/bin/java" if home else shutil.which("java")
    if not program:
        return {}
    said = subprocess.run([program, "-version"], capture_output=True, text=True).stderr
    return {"Java": said.split('"')[1]} if '"' in said else {}


def _revision() -> str:
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--tags"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() or "unknown"


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()
