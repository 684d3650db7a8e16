"""The GitHub workflows: pinned, with few permissions and a time limit each, and what they call exists."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from commands import REPOSITORY
from landing import write_text
from test_readme import make_targets

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
MAKEFILE = REPOSITORY / "Makefile"
CI = runpy.run_path(str(REPOSITORY / ".ci" / "parts.py"))
# YAML 1.1 reads the key `on` as true.
ON: Any = True


def parsed(name: str) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load((REPOSITORY / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    return content


JOBS = {f"{path.stem}/{name}": job for path in WORKFLOWS for name, job in parsed(path.name)["jobs"].items()}
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]


def targets_of(job: dict[str, Any]) -> set[str]:
    """The make targets that a job calls, those of its matrix included."""
    named = {
        target
        for step in job["steps"]
        for target in re.findall(r"(?:^|&& |\.cache/pip\" )make ([a-z][a-z0-9-]*)", step.get("run", ""))
    }
    if any('make "$TARGET"' in step.get("run", "") for step in job["steps"]):
        named |= set(job["strategy"]["matrix"]["target"])
    return named


def full_parts() -> list[str]:
    """The targets that `make test-full` consists of."""
    (parts,) = re.findall(r"^FULL_PARTS := (.+)$", MAKEFILE.read_text(encoding="utf-8"), re.MULTILINE)
    return str(parts).split()


def test_workflows_are_these() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]


def test_every_make_target_that_a_workflow_names_exists() -> None:
    named = {name: targets_of(job) for name, job in JOBS.items()}
    assert {name: targets - make_targets() for name, targets in named.items()} == dict.fromkeys(JOBS, set())
    assert named == {
        "ci/both-pythons": {"test-embedded", "test-spark", "check-wheel"},
        "ci/once": {"lint", "check-rules"},
        "ci/full": set(full_parts()),
        "ci/deployment-files": {"check-deploy", "test-terraform"},
        "ci/oldest-terraform": {"validate-terraform"},
        "ci/image": {"check-image"},
        "ci/image-steps": {"check-image-steps"},
        "ci/audit": {"sbom", "audit"},
        "release/build": {"check-wheel", "sbom", "check-image"},
        "release/publish": set(),
    }


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit_with_the_version_beside_it(path: Path) -> None:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    unpinned = [
        line for line in lines if not re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+$", line)
    ]
    assert lines and unpinned == []


def test_an_action_has_one_version_everywhere() -> None:
    used = {str(step["uses"]) for _, step in STEPS if "uses" in step}
    assert sorted({use.split("@")[0] for use in used}) == sorted(use.split("@")[0] for use in used)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_has_no_permission_but_those_of_its_jobs(path: Path) -> None:
    assert parsed(path.name)["permissions"] == {}
    assert parsed(path.name)["concurrency"]["group"].endswith("-${{ github.ref }}")


def test_only_publishing_may_write() -> None:
    writing = {"contents": "write", "packages": "write"}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        **dict.fromkeys(JOBS, {"contents": "read"}),
        "release/publish": writing,
    }
    assert JOBS["release/publish"]["environment"] == "release"


def test_every_job_has_a_name_a_machine_and_a_time_limit() -> None:
    assert [name for name, job in JOBS.items() if not job["name"] or job["runs-on"] != "ubuntu-24.04"] == []
    assert [name for name, job in JOBS.items() if not 1 <= job["timeout-minutes"] <= 240] == []


def test_no_checkout_leaves_its_credentials_behind() -> None:
    checkouts = [step for _, step in STEPS if str(step.get("uses", "")).startswith("actions/checkout@")]
    assert len(checkouts) == len(JOBS) - 1
    assert [step for step in checkouts if step["with"] != {"persist-credentials": False}] == []


def test_no_script_has_an_expression_in_it() -> None:
    assert [step["run"] for _, step in STEPS if "${{" in step.get("run", "")] == []


def test_pull_requests_of_others_run_without_secrets() -> None:
    assert set(parsed("ci.yml")[ON]) == {"push", "pull_request", "schedule", "workflow_dispatch"}
    assert [path.name for path in WORKFLOWS if "secrets." in path.read_text(encoding="utf-8")] == []


def test_caches_are_keyed_by_what_is_made_and_what_it_locks_and_the_release_has_none() -> None:
    caches = {name: step["with"] for name, step in STEPS if str(step.get("uses", "")).startswith("actions/cache@")}
    development, airflow = ("dev", "run"), ("airflow", "dev", "run")
    locks = {
        "ci/both-pythons": ("${{ matrix.python }}-${{ matrix.target }}", development),
        "ci/once": ("3.11-${{ matrix.target }}", development),
        "ci/full": ("3.11-${{ matrix.target }}", airflow),
        "ci/deployment-files": ("3.11-check-deploy", ("deploy",)),
        "ci/image-steps": ("3.11-check-image-steps", development),
    }
    assert caches == {name: {"path": ".cache/pip", "key": key_of(*what)} for name, what in locks.items()}
    assert all((REPOSITORY / "requirements" / f"{lock}.txt").is_file() for _, named in locks.values() for lock in named)


def key_of(made: str, locks: tuple[str, ...]) -> str:
    files = ", ".join(f"'requirements/{lock}.txt'" for lock in locks)
    return f"pip-{made}-${{{{ hashFiles({files}) }}}}"


def test_pip_of_a_job_with_a_cache_uses_it_at_a_path_that_a_container_has_too() -> None:
    cached = {name for name, step in STEPS if str(step.get("uses", "")).startswith("actions/cache@")}
    makes = [step["run"] for name, step in STEPS if name in cached and "make " in step.get("run", "")]
    of_make = [run for run in makes if not run.startswith("apt-get")]
    elsewhere = [run for run in of_make if 'PIP_CACHE_DIR="$PWD/.cache/pip" make ' not in run]
    assert elsewhere == ["make test-terraform"]  # no Python in it
    assert [path.name for path in WORKFLOWS if "github.workspace" in uncommented(path)] == []


def uncommented(path: Path) -> str:
    """A workflow without the lines that are comments."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def test_containers_are_pinned_and_the_first_is_the_base_of_the_image() -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    (base,) = re.findall(r"^FROM (\S+@sha256:\S+) AS base$", dockerfile, re.MULTILINE)
    pythons = JOBS["ci/both-pythons"]["strategy"]["matrix"]
    images = {entry["python"]: entry["image"] for entry in pythons["include"]}
    assert list(images) == pythons["python"] == ["3.11", "3.12"]
    assert images["3.11"] == base
    assert re.fullmatch(r"python:3\.12-slim-bookworm@sha256:[0-9a-f]{64}", images["3.12"])
    others = {name: job["container"] for name, job in JOBS.items() if "container" in job}
    assert others == {
        "ci/both-pythons": "${{ matrix.image }}",
        "ci/once": base,
        "ci/full": base,
        "ci/image-steps": {"image": base, "options": "--privileged"},  # it mounts
    }


def test_package_claims_the_pythons_and_systems_that_the_workflow_tests() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    claimed = [line for line in project["classifiers"] if re.search(r"Operating System|Python :: 3\.", line)]
    assert claimed == [
        "Operating System :: POSIX :: Linux",
        *(f"Programming Language :: Python :: {tested}" for tested in pythons_tested()),
    ]


def pythons_tested() -> list[str]:
    pythons: list[str] = JOBS["ci/both-pythons"]["strategy"]["matrix"]["python"]
    return pythons


def test_everything_is_tested_each_night_and_not_for_each_push() -> None:
    assert JOBS["ci/full"]["if"] == "github.event_name == 'schedule' || github.event_name == 'workflow_dispatch'"
    assert JOBS["ci/full"]["strategy"]["matrix"]["target"] == full_parts()


# .ci/run


def test_ci_runs_lint_and_test_and_parts_that_exist_and_a_path_calls_for() -> None:
    assert set(CI["MINUTES_OF"]) < make_targets()
    called_for = {part for _, parts in CI["PARTS_FOR"] for part in parts}
    assert called_for == set(CI["MINUTES_OF"]) and called_for | {"test-full-spark"} == set(full_parts())
    assert [prefix for prefix, _ in CI["PARTS_FOR"] if not list(REPOSITORY.glob(f"{prefix}*"))] == []


@pytest.mark.parametrize(
    ("paths", "parts"),
    [
        (["README.md", "docs/runbook.md"], []),
        (["src/pyspark_interview_project/dr/verify.py"], ["test-recovery", "test-s3"]),
        (
            ["src/pyspark_interview_project/pipeline/plan.py", "dags/returns_dag.py", "src/pipeline/run_pipeline.py"],
            ["test-connect", "test-full-embedded", "test-airflow"],
        ),
        (["tests/test_dr.py", "tests/test_scenario.py", "tests/commands.py"], ["test-full-embedded", "test-recovery"]),
        (["tests/test_terraform.py", "tests/test_parity.py"], ["test-deployment"]),
    ],
)
def test_ci_parts_are_those_that_the_changed_paths_call_for(paths: list[str], parts: list[str]) -> None:
    assert CI["parts_for"](paths) == parts


def test_ci_parts_are_as_many_as_fit_into_the_time() -> None:
    parts = ["test-full-embedded", "test-recovery", "test-s3"]
    minutes = CI["MINUTES_OF"]
    assert CI["fitting"](parts, minutes["test-full-embedded"] + minutes["test-s3"]) == (
        ["test-full-embedded", "test-s3"],
        ["test-recovery"],
    )


def test_ci_parts_are_of_what_changed_since_main_or_the_commit_before(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def commit(name: str) -> None:
        write_text(tmp_path / name, "")
        git("add", name)
        git("commit", "--message", name)

    changed_paths = CI["changed_paths"]
    assert changed_paths(tmp_path) is None
    git("init", "--initial-branch", "main")
    assert changed_paths(tmp_path) is None
    commit("one")
    assert changed_paths(tmp_path) is None
    commit("two")
    assert changed_paths(tmp_path) == ["two"]
    git("switch", "--create", "work")
    commit("three")
    commit("four")
    assert changed_paths(tmp_path) == ["four", "three"]


# What else the workflows rely on


def test_audit_looks_up_every_lock_and_fails_if_one_does(tmp_path: Path) -> None:
    program = f'#!/bin/sh\necho "$@" >>"{tmp_path}/calls"\ncase "$*" in *build.txt*) exit 1 ;; esac\n'
    stub = write_text(tmp_path / "bin" / "pip-audit", program)
    stub.chmod(0o755)
    variables = [f"DEPLOY_BIN={stub.parent}", f"DEPLOY_STAMP={stub}"]
    shutil.copytree(REPOSITORY / "requirements", tmp_path / "requirements")
    command = ["make", "--makefile", REPOSITORY / "Makefile", "audit", *variables]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    locks = sorted(path.stem for path in (REPOSITORY / "requirements").iterdir())
    options = (
        "--disable-pip --require-hashes --requirement requirements/{0}.txt --format json --output dist/audit/{0}.json"
    )
    assert (calls, ended.returncode) == ([options.format(lock) for lock in locks], 2)
    (handed_over,) = [step["with"]["path"] for name, step in STEPS if step.get("with", {}).get("name") == "audit"]
    assert handed_over == "dist/audit"


def test_release_is_of_the_version_that_the_package_has() -> None:
    (check,) = [
        step["run"] for name, step in STEPS if name == "release/build" and "GITHUB_REF_NAME" in step.get("run", "")
    ]
    (path,) = re.findall(r"(src/\S+)$", check)
    (line,) = re.findall(r'^(__version__ = "[0-9.]+")$', (REPOSITORY / path).read_text(encoding="utf-8"), re.MULTILINE)
    assert check == f'grep -qxF "__version__ = \\"${{GITHUB_REF_NAME#v}}\\"" {path}' and line
