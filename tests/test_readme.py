"""What README.md says: its commands, options, targets and links exist, and no setting or reason code is left out."""

from __future__ import annotations

import logging
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from commands import REPOSITORY, environment, run, succeeded
from pyspark_interview_project import cli
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.schemas.rules import REASON_CODES

README = REPOSITORY / "README.md"
RUNBOOK = REPOSITORY / "docs" / "runbook.md"
PAGES = (README, *sorted((REPOSITORY / "docs").glob("*.md")))

_CODE_BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ASSIGNMENT = re.compile(r"[A-Z_]+=\S*\s+")
_PROGRAM = re.compile(r"(?:\.venv/bin/|bin/)?(?=(?:returns|python|make)\b)")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def commands_of(block: str) -> list[str]:
    """The commands of a block: a line each, but for what is quoted."""
    commands, begun = [], ""
    for line in block.replace("\\\n", " ").splitlines():
        begun += line
        try:
            shlex.split(begun, comments=True)
        except ValueError:  # a quotation is open
            begun += "\n"
            continue
        commands.append(begun)
        begun = ""
    return commands


def command_lines(page: Path = README) -> list[str]:
    """The command lines of a page, in its blocks and in its spans, without prompt, environment and comment."""
    text = page.read_text(encoding="utf-8")
    blocks = [command for block in _CODE_BLOCK.findall(text) for command in commands_of(block)]
    spans = _CODE_SPAN.findall(_CODE_BLOCK.sub("", text))
    found = []
    for line in [*blocks, *spans]:
        command = line.strip().removeprefix("$ ")
        while assignment := _ASSIGNMENT.match(command):
            command = command[assignment.end() :]
        if program := _PROGRAM.match(command):
            found.append(" ".join(shlex.split(command[program.end() :], comments=True)))
    return sorted(set(found))


def shown(program: str, page: Path = README) -> list[str]:
    """The commands of one program that a page shows."""
    return [command for command in command_lines(page) if command == program or command.startswith(f"{program} ")]


def make_targets() -> set[str]:
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z0-9-]*):(?!=)", text, re.MULTILINE))


def headings(page: Path) -> set[str]:
    """The anchors that a page's headings have."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.fixture
def as_before() -> Iterator[None]:
    """A main function sets up logs and signals for its process; put ours back behind it."""
    root = logging.getLogger()
    handlers, level, on_sigterm = root.handlers[:], root.level, signal.getsignal(signal.SIGTERM)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    signal.signal(signal.SIGTERM, on_sigterm)


def test_readme_shows_the_two_commands_and_the_main_job() -> None:
    assert {"make run", "make test", "returns run"} <= set(command_lines())
    assert [command for command in command_lines() if command.startswith("python -m ")] != []


def test_readme_names_only_make_targets_that_exist() -> None:
    named = {word for command in shown("make") for word in command.split()[1:] if re.fullmatch("[a-z-]+", word)}
    assert named - make_targets() == set()
    assert {"run", "test", "install", "lint"} <= named


@pytest.mark.parametrize(
    "command", sorted({c for page in (README, RUNBOOK) for c in shown("returns", page) if c != "returns"})
)
@pytest.mark.usefixtures("as_before")
def test_readme_and_runbook_show_returns_commands_with_options_that_exist(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # --help wins over running; what is no command or no option fails before it
    _, *arguments = command.split()
    cli.main([*arguments, "--help"])
    assert "Usage" in capsys.readouterr().out


def python_of_the_runbook() -> list[str]:
    blocks = _CODE_BLOCK.findall(RUNBOOK.read_text(encoding="utf-8"))
    return [command for block in blocks for command in commands_of(block) if command.startswith("python ")]


@pytest.mark.parametrize("command", python_of_the_runbook(), ids=lambda command: command.splitlines()[1][:40])
def test_runbook_shows_python_that_says_something_of_a_lake(command: str, second_day: Path) -> None:
    env = environment(second_day) | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ended = succeeded(run(["bash", "-c", command], env))
    assert len(ended.lines) >= 2 and ended.stderr == ""


def test_runbook_names_only_files_that_exist_and_all_its_python_is_run() -> None:
    assert len(python_of_the_runbook()) == len(shown("python", RUNBOOK)) > 0
    named = re.findall(r"infra/[\w./-]+\w", RUNBOOK.read_text(encoding="utf-8"))
    assert named and [path for path in named if not (REPOSITORY / path).exists()] == []


@pytest.mark.parametrize("command", shown("python"))
@pytest.mark.usefixtures("as_before")
def test_readme_shows_python_commands_that_exist(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, what, *arguments = command.split()
    if what != "-m":
        assert (REPOSITORY / what).is_file()
        return
    monkeypatch.syspath_prepend(str(REPOSITORY))  # python -m looks there too
    name, *arguments = arguments
    assert find_spec(name) is not None
    import_module(name).main([*arguments, "--help"])
    assert "Usage" in capsys.readouterr().out


def test_readme_shows_every_command_of_returns() -> None:
    registered = {str(command.name) for command in cli.app.registered_commands}
    assert registered - {command.split()[1] for command in shown("returns") if command != "returns"} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_links_only_to_what_exists(page: Path) -> None:
    broken = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in headings(target)):
            broken.append(link)
    assert broken == []


def test_pages_name_every_setting() -> None:
    words = {word.lower() for page in PAGES for word in _WORD.findall(page.read_text(encoding="utf-8"))}
    assert set(Settings.model_fields) - words == set()


def test_readme_names_the_environment_that_decides_where_and_how_to_run() -> None:
    words = set(_WORD.findall(README.read_text(encoding="utf-8")))
    assert {"DATA_ROOT", "APP_ENV", "SPARK_TZ"} - words == set()


def test_pages_name_every_reason_code() -> None:
    spans = {span for page in PAGES for span in _CODE_SPAN.findall(page.read_text(encoding="utf-8"))}
    assert set(REASON_CODES) - spans == set()


def test_readme_names_every_exit_code() -> None:
    errors = import_module("pyspark_interview_project.errors")
    codes = {
        error.exit_code for error in vars(errors).values() if isinstance(error, type) and hasattr(error, "exit_code")
    }
    rows = re.findall(r"^\| ([0-9, ]+) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert codes | {0, 130, 143} == {int(code) for row in rows for code in row.split(",")}
