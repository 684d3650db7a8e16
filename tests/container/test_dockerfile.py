"""The Dockerfile's promises that can be read from it: pinned base, numeric user, init, health, only what it needs."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from dockerfile import REPOSITORY, instructions, of_stage

IGNORED = [line for line in (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
COPIED = [
    source
    for found in instructions()
    if found.keyword == "COPY" and "from" not in found.flags
    for source in found.words[:-1]
]


def only(stage: str, keyword: str) -> str:
    (found,) = of_stage(stage, keyword)
    return found.value


def test_one_base_pinned_by_digest_stands_behind_every_stage() -> None:
    bases = [found.value.split(" AS ") for found in instructions() if found.keyword == "FROM"]
    (image, name), *others = bases
    assert re.fullmatch(r"python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}", image)
    assert others == [[name, "build"], [name, "final"]]


def test_python_of_the_image_is_one_that_the_package_supports() -> None:
    image = next(found.value for found in instructions() if found.keyword == "FROM")
    supported = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["classifiers"]
    assert f"Programming Language :: Python :: {image.split(':')[1].split('-')[0]}" in supported


def test_nothing_is_fetched_but_by_package_managers_with_hashes() -> None:
    steps = [found.value for found in instructions() if found.keyword == "RUN"]
    assert [found for found in instructions() if found.keyword == "ADD"] == []
    assert [step for step in steps if re.search(r"\b(curl|wget|git|https?:)\b", step)] == []
    installing = [part for step in steps for part in step.split("&&") if re.search(r"pip\b.* (install|wheel)", part)]
    assert len(installing) == 5
    assert [part for part in installing if "--require-hashes" not in part and "--no-index" not in part] == []


def test_user_is_a_number_of_group_0_and_is_set_last() -> None:
    final = [found for found in instructions() if found.stage == "final"]
    assert only("final", "USER") == "10001:0"
    after = [found.keyword for found in final[[found.keyword for found in final].index("USER") :]]
    assert after == ["USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"]


def test_default_command_is_returns_run_under_an_init() -> None:
    assert json.loads(only("final", "CMD")) == ["returns", "run"]
    assert json.loads(only("final", "ENTRYPOINT")) == ["tini", "--", "named-user"]
    assert os.access(REPOSITORY / "docker" / "named-user", os.X_OK)


def test_healthcheck_asks_healthz_in_exec_form() -> None:
    (check,) = of_stage("final", "HEALTHCHECK")
    program = json.loads(check.value.removeprefix("CMD "))
    assert check.flags == {"interval": "30s", "timeout": "5s", "start-period": "60s", "retries": "3"}
    assert program[:2] == ["python", "-c"] and "/healthz" in program[2]
    compile(program[2], "healthcheck", "exec")


def test_image_knows_where_the_lake_is_as_compose_mounts_it() -> None:
    environment = {name: value for found in of_stage("final", "ENV") for name, value in found.assignments.items()}
    compose = yaml.safe_load((REPOSITORY / "infra" / "compose.yaml").read_text(encoding="utf-8"))
    assert environment == {
        "PATH": "/opt/returns/bin:$PATH",
        "APP_ENV": "prod",
        "ENGINE": "auto",
        "DATA_ROOT": "/lake",
        "METRICS_PORT": "8000",
        "HOME": "/tmp",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    exporter = compose["services"]["exporter"]
    assert exporter["environment"]["DATA_ROOT"] == exporter["volumes"][0]["target"] == environment["DATA_ROOT"]


@pytest.mark.parametrize("source", COPIED)
def test_copied_file_exists_and_is_let_through(source: str) -> None:
    assert (REPOSITORY / source).exists()
    assert any(source == allowed or allowed.startswith(f"{source}/") for allowed in allowed_paths())


def test_dockerignore_leaves_out_all_but_what_is_copied() -> None:
    assert IGNORED[0] == "*" and IGNORED[-1] == "**/__pycache__"
    unused = [path for path in allowed_paths() if not any(Path(path).is_relative_to(source) for source in COPIED)]
    assert unused == []


def allowed_paths() -> list[str]:
    return [line.removeprefix("!") for line in IGNORED if line.startswith("!")]


@pytest.mark.parametrize("name", ["build", "image"])
def test_lock_of_the_image_has_the_versions_of_the_development_lock(name: str) -> None:
    def pins(of: str) -> set[str]:
        text = (REPOSITORY / "requirements" / f"{of}.txt").read_text(encoding="utf-8")
        return set(re.findall(r"^([a-z][\w.-]*==[^\s;]+)", text, re.MULTILINE))

    assert pins(name) - pins("dev") == set() and pins(name)


def test_settings_and_strategies_are_all_in_the_image() -> None:
    assert "configs" in allowed_paths() and "configs" in COPIED
