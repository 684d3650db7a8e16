"""The Java that a local Spark starts in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from pyspark_interview_project.errors import ConfigurationError

_JAVA_VERSIONS = (17, 21)


def checked_java() -> str:
    """What Java says it is. Raises ConfigurationError where there is none of the versions that Spark runs on."""
    home = os.environ.get("JAVA_HOME")
    program = f"{home}/bin/java" if home else shutil.which("java")
    wanted = "install Java 17 or 21 (Debian: apt-get install openjdk-17-jre-headless), or use the embedded engine"
    if not program or not Path(program).exists():
        raise ConfigurationError("java", f"Spark needs it and there is none; {wanted}")
    said = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=60).stderr
    version = re.search(r'version "([0-9]+)', said)
    if version is None or int(version[1]) not in _JAVA_VERSIONS:
        raise ConfigurationError(program, f"is Java {version[1] if version else 'of no known version'}; {wanted}")
    return f"Java {version[1]}"
