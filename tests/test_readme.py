"""What the README and the pages say: commands, options, targets, settings, codes, tables, paths and links are all there
are, and exist; the examples of docs/development.md can be applied."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer.main
import yaml

from commands import REPOSITORY, environment, run, succeeded
from pyspark_interview_project import cli, errors
from pyspark_interview_project.config.settings import Settings, shipped_configs
from pyspark_interview_project.schemas.rules import REASON_CODES
from pyspark_interview_project.schemas.tables import TABLES
from test_doctor import NAMES as CHECKS_OF_THE_DOCTOR

DOCS = REPOSITORY / "docs"
README, RUNBOOK, DEVELOPMENT = REPOSITORY / "README.md", DOCS / "runbook.md", DOCS / "development.md"
COMMANDS, SETTINGS, REASONS, LAKE = (DOCS / f"{name}.md" for name in ("commands", "settings", "reasons", "lake"))
PAGES = (
    README,
    REPOSITORY / "CONTRIBUTING.md",
    REPOSITORY / "samples" / "README.md",
    *sorted(DOCS.glob("*.md")),
)
PACKAGE = REPOSITORY / "src" / "pyspark_interview_project"
# What a lake has too, under names of its own, is looked for by its suffix only.
TOP = ("src", "tests", "docs", "infra", "configs", "dags", "databricks", "samples", "benchmarks", "docker", ".github")
MOST_README_LINES, MOST_PICTURE_BYTES = 150, 300_000
ROOT_OPTIONS = ("--help", "--version")

_CODE_BLOCK = re.compile(r"^ *```(?!diff)[a-z]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_DIFF = re.compile(r"^```diff\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ANY_BLOCK = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_CODE_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ASSIGNMENT = re.compile(r"[A-Z_]+=(?:'[^']*'|\S*)\s+")
_PROGRAM = re.compile(r"(?:\.venv/bin/|bin/)?(?=(?:returns|python|make)(?:\s|$))")
_OPTION = re.compile(r"--[a-z][a-z-]*")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def commands_of(block: str) -> list[str]:
    """The commands of a block: one in a line, except for what is quoted."""
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


def spans(page: Path) -> list[str]:
    """What a page has between backticks, outside of blocks."""
    return _CODE_SPAN.findall(_ANY_BLOCK.sub("", text_of(page)))


def command_lines(page: Path) -> list[str]:
    """The command lines of a page, in its blocks and its spans, without environment and comment."""
    blocks = [command for block in _CODE_BLOCK.findall(text_of(page)) for command in commands_of(block)]
    found = []
    for line in [*blocks, *spans(page)]:
        command = line.strip()
        while assignment := _ASSIGNMENT.match(command):
            command = command[assignment.end() :]
        if program := _PROGRAM.match(command):
            found.append(shlex.join(shlex.split(command[program.end() :], comments=True)))
    return sorted(set(found))


def shown(program: str, *pages: Path) -> list[str]:
    """The commands of one program that the pages show with arguments."""
    return sorted({line for page in pages for line in command_lines(page) if line.startswith(f"{program} ")})


def make_targets(documented: bool = False) -> set[str]:
    """The targets of the Makefile; only those that `make help` shows, if `documented`."""
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(rf"^([a-z][a-z0-9-]*):(?!=){'.*##' if documented else ''}", text, re.MULTILINE))


def rows(page: Path, heading: str | None = None) -> list[list[str]]:
    """The cells of a page's tables, a row a list, without headings; only of one section, if it is named."""
    text = text_of(page)
    if heading is not None:
        text = re.split(r"^#", f"\n{text}".split(f"\n{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    found: list[list[str]] = []
    lines = text.splitlines()
    for line, next_line in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("| ") and not next_line.startswith("|---"):
            found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


def headings(page: Path) -> set[str]:
    """The anchors that a page's headings have."""
    titles = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def exit_codes() -> set[int]:
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    return {error.exit_code for error in classes if hasattr(error, "exit_code")} | {0, 130, 143}


def commands_with_options() -> dict[str, set[str]]:
    """Every command of `returns`, such as `returns dr list`, with its options."""
    found: dict[str, set[str]] = {}

    def look(name: str, command: typer.main.click.Command) -> None:
        for child_name, child in getattr(command, "commands", {}).items():
            look(f"{name} {child_name}", child)
        if not hasattr(command, "commands") or getattr(command, "invoke_without_command", False):
            names = [option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)]
            found[name] = {option for option in names if option.startswith("--")} - {"--help"}

    look("returns", typer.main.get_command(cli.app_of()))
    return found


def test_readme_is_short_and_shows_a_picture_that_is_small() -> None:
    assert len(text_of(README).splitlines()) <= MOST_README_LINES
    (picture,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text_of(README))
    content = (REPOSITORY / picture).read_bytes()
    assert content.startswith(b"\x89PNG") and len(content) <= MOST_PICTURE_BYTES


def test_readme_shows_the_two_commands_the_main_job_and_every_command() -> None:
    assert {"make run", "make test", "make run DATA_ROOT=/path/to/lake", "returns run"} <= set(command_lines(README))
    first_words = {" ".join(name.split()[:2]) for name in commands_with_options()}
    assert first_words - {row[0].strip("`") for row in rows(README, "## The commands")} == set()


def test_index_links_to_every_page() -> None:
    linked = set(_LINK.findall(text_of(DOCS / "index.md")))
    assert {page.name for page in DOCS.glob("*.md")} - linked == {"index.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_names_only_make_targets_that_exist(page: Path) -> None:
    named = {
        word for command in shown("make", page) for word in command.split()[1:] if re.fullmatch("[a-z0-9-]+", word)
    }
    assert named - make_targets() == set()


def test_commands_page_lists_every_make_target() -> None:
    assert sorted(row[0] for row in rows(COMMANDS, "## make")) == sorted(
        f"`make {t}`" for t in make_targets(True) - {"help"}
    )


@pytest.mark.parametrize("command", commands_with_options())
def test_commands_page_has_a_section_for_each_command_with_its_options(command: str) -> None:
    options = commands_with_options()[command]
    assert f"\n### {command}\n" in text_of(COMMANDS)
    listed = [option for row in rows(COMMANDS, f"### {command}") for option in _OPTION.findall(row[0])]
    assert sorted(listed) == sorted(options)


def test_commands_page_has_no_section_for_a_command_that_is_none() -> None:
    assert set(re.findall(r"^### (.+)$", text_of(COMMANDS), re.MULTILINE)) == set(commands_with_options())


def test_commands_page_lists_the_module_of_each_command() -> None:
    listed = {row[0].strip("`"): row[1] for row in rows(COMMANDS) if row[0].startswith("`pyspark_interview_project.")}
    assert [name for name in listed if find_spec(name) is None or not hasattr(import_module(name), "main")] == []
    assert {f"`{' '.join(name.split()[:2])}`" for name in commands_with_options()} == set(listed.values())


def test_commands_page_lists_every_check_of_the_doctor() -> None:
    listed = [row[0].strip("`") for row in rows(COMMANDS, "### returns doctor") if row[0].startswith("`")]
    assert [name for name in listed if not name.startswith("--")] == CHECKS_OF_THE_DOCTOR


@pytest.mark.parametrize(
    ("page", "heading"),
    [(README, "## The commands"), (COMMANDS, "## Exit codes"), (RUNBOOK, "## Exit codes")],
    ids=["readme", "commands", "runbook"],
)
def test_page_lists_every_exit_code(page: Path, heading: str) -> None:
    cells = [row[0] for row in rows(page, heading) if re.fullmatch("[0-9, ]+", row[0])]
    assert [int(code) for cell in cells for code in cell.split(",")] == sorted(exit_codes())


def test_settings_page_lists_every_setting_with_its_default() -> None:
    defaults = yaml.safe_load((shipped_configs() / "dev.yaml").read_text(encoding="utf-8"))
    written = {
        f"`{name}`": f"`{value if isinstance(value, str) else json.dumps(value)}`" for name, value in defaults.items()
    }
    listed = [row for row in rows(SETTINGS) if len(row) == 3]
    assert {name: default for name, default, _ in listed} == written and len(listed) == len(written)
    assert set(defaults) == set(Settings.model_fields) - {"app_env"}


def test_settings_page_says_what_other_environments_change() -> None:
    dev, *others = (
        yaml.safe_load((shipped_configs() / f"{name}.yaml").read_text()) for name in ("dev", "prod", "test")
    )
    changed = [{name: value for name, value in other.items() if value != dev[name]} for other in others]
    assert changed == [{"engine": "spark"}, {"serve_metrics": False}]
    assert "`prod` has `engine: spark`, and `test` has `serve_metrics: false`" in " ".join(text_of(SETTINGS).split())


def test_reasons_page_lists_every_code_in_the_order_of_the_rules() -> None:
    assert [row[0] for row in rows(REASONS)] == [f"`{code}`" for code in REASON_CODES]


def test_lake_page_lists_every_table_with_its_columns() -> None:
    promised = [
        [
            f"`{table.place}`",
            ", ".join(f"`{c.name} {c.type}{'' if c.nullable else '!'}`" for c in table.columns),
        ]
        for table in TABLES
    ]
    assert rows(LAKE, "## The tables") == promised
    assert [table for table in TABLES if f"`{table.place}/`" not in [row[0] for row in rows(LAKE, "# The lake")]] == []


@pytest.mark.parametrize("command", shown("returns", *PAGES))
def test_pages_show_returns_commands_with_options_that_exist(command: str) -> None:
    words, options = command.split(), commands_with_options()
    name = next((name for name in (" ".join(words[:3]), " ".join(words[:2])) if name in options), None)
    if words[1].startswith("-"):
        assert words[1] in ROOT_OPTIONS
    elif words == ["returns", "dr"]:
        assert any(name.startswith("returns dr ") for name in options)
    else:
        assert (
            name is not None and {word for word in words if word.startswith("--")} - options[name] - {"--help"} == set()
        )


@pytest.mark.parametrize("command", [line for line in shown("python", *PAGES) if not line.startswith("python -c")])
def test_pages_show_python_commands_that_exist(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, *words = command.split()
    monkeypatch.syspath_prepend(str(REPOSITORY))  # python -m looks there too
    assert find_spec(words[1]) is not None if words[0] == "-m" else (REPOSITORY / words[0]).is_file()


def python_of_pages() -> list[str]:
    return [line for line in shown("python", *PAGES) if line.startswith("python -c")]


@pytest.mark.full
@pytest.mark.parametrize("command", python_of_pages(), ids=lambda command: " ".join(command.split())[11:60])
def test_pages_show_python_that_says_something_of_a_lake(command: str, second_day: Path) -> None:
    env = environment(second_day) | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ended = succeeded(run(["bash", "-c", command], env))
    assert len(ended.lines) >= 2 and ended.stderr == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_links_only_to_what_exists(page: Path) -> None:
    broken = []
    for link in _LINK.findall(text_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in headings(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_names_only_files_and_tests_that_exist(page: Path) -> None:
    missing = []
    for span in spans(page):
        path, _, test = span.partition("::")
        inside = re.fullmatch(r"[\w./-]+/[\w.-]+/?", path)
        of_package = inside and path.endswith(".py") and (PACKAGE / path.split("/")[0]).is_dir()
        if inside and path.split("/")[0] in TOP:
            base = REPOSITORY
        elif of_package:
            base = PACKAGE
        else:
            continue
        if not (base / path).exists() or (test and f"def {test}(" not in text_of(base / path)):
            missing.append(span)
    assert missing == []


def files_of(diff: str) -> Iterator[tuple[str, list[str]]]:
    """The files that a diff changes, with the lines of their hunks, each behind its sign."""
    for part in re.split(r"^--- .*\n\+\+\+ b/", diff, flags=re.MULTILINE)[1:]:
        path, *lines = part.splitlines()
        yield path, [line for line in lines if not line.startswith("@@")]


@pytest.mark.parametrize("diff", _DIFF.findall(text_of(DEVELOPMENT)), ids=lambda diff: diff.splitlines()[0][6:50])
def test_development_page_shows_changes_of_lines_that_are_there(diff: str) -> None:
    # one by one, so that what somebody adds beside an example does not break it
    stale = []
    for path, lines in files_of(diff):
        there = set((REPOSITORY / path).read_text().splitlines()) if (REPOSITORY / path).exists() else set()
        is_applied = there >= {line[1:] for line in lines if line.startswith("+")}
        stale += [f"{path}: {line}" for line in lines if line[0] in " -" and line[1:] not in there and not is_applied]
    assert stale == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_says_what_holds_on_any_machine(page: Path) -> None:
    prose = _ANY_BLOCK.sub("", text_of(page))
    assert re.findall(r"\bhere\b|\bthis (?:machine|session)\b", prose, re.IGNORECASE) == []
