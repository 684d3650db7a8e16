"""The GitHub workflows: pinned, with few permissions and a time limit each, and what they call exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from commands import REPOSITORY
from test_readme import make_targets

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
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
        target for step in job["steps"] for target in re.findall(r"(?:^|&& )make ([a-z][a-z-]*)", step.get("run", ""))
    }
    if any('make "$TARGET"' in step.get("run", "") for step in job["steps"]):
        named |= set(job["strategy"]["matrix"]["target"])
    return named


def test_workflows_are_these() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]


def test_every_make_target_that_a_workflow_names_exists() -> None:
    named = {name: targets_of(job) for name, job in JOBS.items()}
    assert {name: targets - make_targets() for name, targets in named.items()} == dict.fromkeys(JOBS, set())
    assert named == {
        "ci/both-pythons": {"test-embedded", "test-spark", "check-wheel"},
        "ci/once": {"lint", "test-connect", "test-airflow", "check-rules"},
        "ci/long": {"test-long", "test-airflow-on-spark"},
        "ci/deployment-files": {"check-deploy", "test-terraform"},
        "ci/oldest-terraform": {"validate-terraform"},
        "ci/image": {"check-image"},
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


def test_caches_are_keyed_by_the_lock_and_the_release_has_none() -> None:
    caches = [
        (name, step["with"]["key"]) for name, step in STEPS if str(step.get("uses", "")).startswith("actions/cache@")
    ]
    locks = {path.name for path in (REPOSITORY / "requirements").iterdir()}
    named = [re.findall(r"'requirements/([a-z.]+)'", key) for _, key in caches]
    assert named and [files for files in named if not files or set(files) - locks] == []
    assert [name for name, _ in caches if name.startswith("release/")] == []


def test_containers_are_pinned_and_the_first_is_the_base_of_the_image() -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    (base,) = re.findall(r"^FROM (\S+@sha256:\S+) AS base$", dockerfile, re.MULTILINE)
    pythons = JOBS["ci/both-pythons"]["strategy"]["matrix"]
    images = {entry["python"]: entry["image"] for entry in pythons["include"]}
    assert list(images) == pythons["python"] == ["3.11", "3.12"]
    assert images["3.11"] == base
    assert re.fullmatch(r"python:3\.12-slim-bookworm@sha256:[0-9a-f]{64}", images["3.12"])
    others = {name: job["container"] for name, job in JOBS.items() if "container" in job}
    assert others == {"ci/both-pythons": "${{ matrix.image }}", "ci/once": base, "ci/long": base}


def test_release_is_of_the_version_that_the_package_has() -> None:
    (check,) = [
        step["run"] for name, step in STEPS if name == "release/build" and "GITHUB_REF_NAME" in step.get("run", "")
    ]
    (path,) = re.findall(r"(src/\S+)$", check)
    (line,) = re.findall(r'^(__version__ = "[0-9.]+")$', (REPOSITORY / path).read_text(encoding="utf-8"), re.MULTILINE)
    assert check == f'grep -qxF "__version__ = \\"${{GITHUB_REF_NAME#v}}\\"" {path}' and line
