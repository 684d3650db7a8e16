"""The two Delta jars that Spark needs beside pyspark. They are fetched once, at set-up, and checked at each start.

`python -m pyspark_interview_project.engines.spark_jars` fetches them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from pyspark_interview_project.command_line import main_of
from pyspark_interview_project.errors import ConfigurationError

# A pair with pyspark and delta-spark in pyproject.toml: change all or none.
_GROUP, _VERSION = "io.delta", "4.4.0"
JARS = {
    # pragma: allowlist nextline secret
    "delta-spark_4.2_2.13": "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead",
    # pragma: allowlist nextline secret
    "delta-storage": "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
}
# The jars depend on these, which come with pyspark or belong to catalogs that we do not use.
_NOT_NEEDED = (
    *(f"io.delta:delta-kernel-{part}" for part in ("api", "defaults", "unitycatalog")),
    *("io.unitycatalog:*", "org.antlr:*", "org.apache.hadoop:*", "org.apache.logging.log4j:*"),
    *("org.apache.parquet:*", "com.fasterxml.jackson.core:*", "com.fasterxml.jackson.datatype:*", "org.slf4j:*"),
)
_FETCH_SECONDS = 300.0


def jar_directory() -> Path:
    """Where the jars are: in the environment that this Python runs in."""
    return Path(sys.prefix) / "share" / "pyspark_interview_project" / "jars"


def spark_home() -> Path:
    """The directory of the Spark that pyspark brought. Raises ConfigurationError where pyspark is not installed."""
    spec = find_spec("pyspark")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            "pyspark", "is not installed; pip install 'pyspark-interview-project[spark]', or use the embedded engine"
        )
    return Path(spec.submodule_search_locations[0])


def checked_jars(directory: Path | None = None) -> list[Path]:
    """The paths of the jars. Raises ConfigurationError, saying what to do, where one is missing or another file."""
    found = []
    for artifact, sha256 in JARS.items():
        path = (directory or jar_directory()) / f"{artifact}-{_VERSION}.jar"
        if not path.is_file():
            problem = "is missing"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            problem = "is not the file it should be"
        else:
            found.append(path)
            continue
        raise ConfigurationError(
            str(path),
            f"{problem}; run 'make install' (or python -m pyspark_interview_project.engines.spark_jars), "
            "or use the embedded engine, which does without",
        )
    return found


def fetch(directory: Path | None = None, seconds: float = _FETCH_SECONDS) -> list[Path]:
    """Fetch the jars by Spark's own resolver where they are missing, and check them. Their paths.

    Raises ConfigurationError where one cannot be fetched, in `seconds` or at all.
    """
    target = directory or jar_directory()
    try:
        return checked_jars(target)
    except ConfigurationError:
        target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        environment = os.environ | {"SPARK_HOME": str(spark_home()), "PYSPARK_PYTHON": sys.executable}
        try:
            done = subprocess.run(
                _resolving(Path(scratch)), capture_output=True, text=True, timeout=seconds, env=environment
            )
        except subprocess.TimeoutExpired as error:
            raise ConfigurationError("jars", f"could not be fetched in {seconds:g} seconds; try again") from error
        for artifact in JARS:
            resolved = Path(scratch) / "jars" / f"{_GROUP}_{artifact}-{_VERSION}.jar"
            if not resolved.is_file():
                said = done.stderr.strip() or "Spark said nothing"
                raise ConfigurationError(artifact, f"could not be fetched: {said.splitlines()[-1]}")
            shutil.copyfile(resolved, target / f"{artifact}-{_VERSION}.jar")
    return checked_jars(target)


def _resolving(scratch: Path) -> list[str]:
    """The command that resolves the jars into a directory: spark-submit with a program that does nothing."""
    script = scratch / "nothing.py"
    script.write_text("", encoding="utf-8")
    settings = {
        "spark.jars.ivy": str(scratch),
        "spark.jars.excludes": ",".join(_NOT_NEEDED),
        "spark.ui.enabled": "false",
    }
    coordinates = ",".join(f"{_GROUP}:{artifact}:{_VERSION}" for artifact in JARS)
    options = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    return [str(spark_home() / "bin" / "spark-submit"), "--packages", coordinates, *options, str(script)]


def print_jars() -> None:
    """Fetch the jars and say where they are."""
    for path in fetch():
        print(path)


main = main_of(print_jars)

if __name__ == "__main__":
    main()
