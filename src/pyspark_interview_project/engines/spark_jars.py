"""The two Delta jars that Spark needs beside pyspark: fetched once at set-up, checked each time, never resolved later.

`python -m pyspark_interview_project.engines.spark_jars` fetches them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from pyspark_interview_project.errors import ConfigurationError

# A pair with pyspark and delta-spark in pyproject.toml: change all or none.
_GROUP, _VERSION = "io.delta", "4.4.0"
JARS = {
    # pragma: allowlist nextline secret
    "delta-spark_4.2_2.13": "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead",
    # pragma: allowlist nextline secret
    "delta-storage": "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
}
# What the jars depend on comes with pyspark, or belongs to catalogs that we do not use.
_NOT_NEEDED = (
    *(f"io.delta:delta-kernel-{part}" for part in ("api", "defaults", "unitycatalog")),
    *("io.unitycatalog:*", "org.antlr:*", "org.apache.hadoop:*", "org.apache.logging.log4j:*"),
    *("org.apache.parquet:*", "com.fasterxml.jackson.core:*", "com.fasterxml.jackson.datatype:*", "org.slf4j:*"),
)
_FETCH_SECONDS = 300


def jar_directory() -> Path:
    """Where the jars are: in the environment that this Python runs in."""
    return Path(sys.prefix) / "share" / "pyspark_interview_project" / "jars"


def spark_home() -> Path:
    """Where pyspark brought Spark to. Raises ConfigurationError where pyspark is not installed."""
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


def fetch(directory: Path | None = None) -> list[Path]:
    """Fetch the jars, unless they are there, from where Spark's own resolver gets them, and check them."""
    target = directory or jar_directory()
    try:
        return checked_jars(target)
    except ConfigurationError:
        target.mkdir(parents=True, exist_ok=True)
    coordinates = ",".join(f"{_GROUP}:{artifact}:{_VERSION}" for artifact in JARS)
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch) / "nothing.py"
        script.write_text("", encoding="utf-8")
        settings = {
            "spark.jars.ivy": scratch,
            "spark.jars.excludes": ",".join(_NOT_NEEDED),
            "spark.ui.enabled": "false",
        }
        command = [str(spark_home() / "bin" / "spark-submit"), "--packages", coordinates]
        command += [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
        environment = os.environ | {"SPARK_HOME": str(spark_home()), "PYSPARK_PYTHON": sys.executable}
        done = subprocess.run(
            [*command, str(script)], capture_output=True, text=True, timeout=_FETCH_SECONDS, env=environment
        )
        for artifact in JARS:
            resolved = Path(scratch) / "jars" / f"{_GROUP}_{artifact}-{_VERSION}.jar"
            if not resolved.is_file():
                raise ConfigurationError(artifact, f"could not be fetched: {_last_line(done.stderr)}")
            shutil.copyfile(resolved, target / f"{artifact}-{_VERSION}.jar")
    return checked_jars(target)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "Spark said nothing"


def main(argv: Sequence[str] | None = None) -> None:
    """Fetch the jars and say where they are."""
    for path in fetch():
        print(path)


if __name__ == "__main__":
    main()
