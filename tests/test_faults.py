"""Faults on demand: what is asked for happens at its point and nowhere else, and nothing unless it is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import REPOSITORY, returns
from pyspark_interview_project import faults
from pyspark_interview_project.config.settings import load_settings, read_settings_file, shipped_configs
from pyspark_interview_project.errors import ConfigurationError


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    faults.arm(None)


def test_points_are_the_ones_in_the_code() -> None:
    sources = (REPOSITORY / "src" / "pyspark_interview_project").rglob("*.py")
    text = "".join(source.read_text(encoding="utf-8") for source in sources)
    assert set(re.findall(r'faults\.reached\("(\w+)"\)', text)) == {*faults.POINTS, *faults.RECOVERY_POINTS}


@pytest.mark.parametrize("app_env", ["dev", "test", "prod"])
def test_settings_files_ask_for_no_fault(app_env: str) -> None:
    assert read_settings_file(shipped_configs() / f"{app_env}.yaml")["fault"] is None


@pytest.mark.parametrize("app_env", ["dev", "prod"])
def test_load_settings_fault_outside_of_tests_is_refused(monkeypatch: pytest.MonkeyPatch, app_env: str) -> None:
    monkeypatch.setenv("APP_ENV", app_env)
    monkeypatch.setenv("FAULT", "after_plan:raise")
    with pytest.raises(ConfigurationError) as raised:
        load_settings({})
    assert raised.value.subject == "fault (environment)"
    assert "APP_ENV=test only" in raised.value.problem


def test_reached_without_a_fault_does_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        for point in faults.POINTS:
            faults.reached(point)
    assert caplog.records == []  # whatever happens at a point is logged first


def test_reached_happens_at_its_point_alone() -> None:
    faults.arm("after_plan:raise")
    for point in faults.POINTS:
        if point != "after_plan":
            faults.reached(point)
    with pytest.raises(faults.InjectedFault):
        faults.reached("after_plan")


def test_reached_happens_at_the_pass_that_was_asked_for() -> None:
    faults.arm("after_plan:raise:3")
    faults.reached("after_plan")
    faults.reached("after_plan")
    with pytest.raises(faults.InjectedFault):
        faults.reached("after_plan")


@pytest.mark.parametrize(
    "text", ["nowhere:kill", "after_plan", "after_plan:sing", "after_plan:kill:0", "after_plan:kill:x"]
)
def test_parse_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        faults.parse(text)


def test_run_with_a_fault_in_prod_exits_2_and_starts_nothing(tmp_path: Path) -> None:
    ended = returns(tmp_path, "run", ENGINE="embedded", APP_ENV="prod", FAULT="after_plan:kill")
    assert ended.exit_code == 2
    assert [*tmp_path.iterdir()] == []
