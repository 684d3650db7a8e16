"""The Java that Spark would start in: whatever it is, a person is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from landing import write_text
from pyspark_interview_project.engines import spark_jars
from pyspark_interview_project.engines.java import checked_java
from pyspark_interview_project.errors import ConfigurationError

WANTED = "install Java 17 or 21 (Debian: apt-get install openjdk-17-jre-headless), or use the embedded engine"


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where JAVA_HOME has its Java; a test puts one there."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    return tmp_path / "bin" / "java"


def put(java: Path, script: str) -> None:
    write_text(java, f"#!/bin/sh\n{script}\n").chmod(0o755)


@pytest.mark.parametrize(("said", "version"), [('openjdk version "17.0.12"', "Java 17"), ('version "21"', "Java 21")])
def test_checked_java_says_which_version_it_is(java: Path, said: str, version: str) -> None:
    put(java, f"echo '{said}' >&2")
    assert checked_java() == version


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo 'openjdk version \"11.0.2\"' >&2", "is Java 11"),
        ("echo nothing", "is Java of no known version"),
        ("exec sleep 600", "does not end when asked for its version"),
    ],
)
def test_checked_java_that_spark_cannot_run_on_is_refused(java: Path, script: str, problem: str) -> None:
    put(java, script)
    with pytest.raises(ConfigurationError) as raised:
        checked_java(answer_seconds=0.2 if "sleep" in script else 20)
    assert (raised.value.subject, raised.value.problem, raised.value.exit_code) == (
        str(java),
        f"{problem}; {WANTED}",
        2,
    )


def test_checked_java_that_cannot_be_started_is_refused(java: Path) -> None:
    write_text(java, "#!/bin/sh\n").chmod(0o644)
    with pytest.raises(ConfigurationError) as raised:
        checked_java()
    assert raised.value.problem == f"cannot be started: Permission denied; {WANTED}"


def test_checked_java_that_is_not_there_is_refused(java: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        checked_java()
    assert (raised.value.subject, raised.value.problem) == ("java", f"Spark needs it and there is none; {WANTED}")


def test_fetch_that_does_not_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "bin" / "spark-submit", "#!/bin/sh\nexec sleep 600\n").chmod(0o755)
    monkeypatch.setattr(spark_jars, "spark_home", lambda: tmp_path)
    with pytest.raises(ConfigurationError) as raised:
        spark_jars.fetch(tmp_path / "jars", seconds=0.2)
    assert (raised.value.subject, raised.value.problem) == ("jars", "could not be fetched in 0.2 seconds; try again")
