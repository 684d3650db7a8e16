"""The Java that a local Spark starts in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from pyspark_interview_project.errors import ConfigurationError

_JAVA_VERSIONS = (17, 21)
_ANSWER_SECONDS = 20.0
_WANTED = "install Java 17 or 21 (Debian: apt-get install openjdk-17-jre-headless), or use the embedded engine"


def checked_java(answer_seconds: float = _ANSWER_SECONDS) -> str:
    """The version that Java says it has. Raises ConfigurationError where there is no Java that Spark runs on, or one
    that does not answer in time."""
    home = os.environ.get("JAVA_HOME")
    program = f"{home}/bin/java" if home else shutil.which("java")
    if not program or not Path(program).exists():
        raise ConfigurationError("java", f"Spark needs it and there is none; {_WANTED}")
    try:
        said = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=answer_seconds).stderr
    except subprocess.TimeoutExpired as error:
        raise ConfigurationError(program, f"does not end when asked for its version; {_WANTED}") from error
    except OSError as error:
        raise ConfigurationError(program, f"cannot be started: {error.strerror}; {_WANTED}") from error
    version = re.search(r'version "([0-9]+)', said)
    if version is None or int(version[1]) not in _JAVA_VERSIONS:
        raise ConfigurationError(program, f"is Java {version[1] if version else 'of no known version'}; {_WANTED}")
    return f"Java {version[1]}"
