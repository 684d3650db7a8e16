"""A Dockerfile, taken apart."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKERFILE = REPOSITORY / "Dockerfile"

_FLAG = re.compile(r"--([a-z-]+)=(\S+)\s+")


@dataclass(frozen=True)
class Instruction:
    """An instruction of a stage: `value` is what stands behind its flags."""

    stage: str
    keyword: str
    flags: dict[str, str]
    value: str

    @property
    def words(self) -> list[str]:
        """The value of an exec form or of a plain list of words."""
        return json.loads(self.value) if self.value.startswith("[") else shlex.split(self.value)

    @property
    def assignments(self) -> dict[str, str]:
        """What ENV or LABEL sets."""
        return dict(word.split("=", 1) for word in self.words)


def instructions(path: Path = DOCKERFILE) -> list[Instruction]:
    """All instructions, in their order."""
    found: list[Instruction] = []
    stage = ""
    for line in _logical_lines(path.read_text(encoding="utf-8")):
        keyword, _, rest = line.partition(" ")
        flags = {}
        while flag := _FLAG.match(rest):
            flags[flag[1]] = flag[2]
            rest = rest[flag.end() :]
        if keyword == "FROM":
            stage = rest.rpartition(" AS ")[2]
        found.append(Instruction(stage, keyword, flags, rest.strip()))
    return found


def of_stage(stage: str, *keywords: str) -> list[Instruction]:
    return [found for found in instructions() if found.stage == stage and found.keyword in keywords]


def _logical_lines(text: str) -> Iterator[str]:
    kept = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    line = ""
    for part in kept:
        line += part.strip()
        if line.endswith("\\"):
            line = line[:-1]
            continue
        yield line
        line = ""
