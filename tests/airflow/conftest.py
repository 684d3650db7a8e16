"""Airflow in its own environment, made by `make test-airflow`: without it these tests fail, they are not skipped."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from workers import AIRFLOW, DAGS, airflow_environment

DAG_RUNS = Path(__file__).with_name("dag_runs.py")
_TIMEOUT_SECONDS = 480

RunDag = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of Airflow with an empty database."""
    home = tmp_path_factory.mktemp("airflow")
    subprocess.run([AIRFLOW / "airflow", "db", "migrate"], env=airflow_environment(home), check=True, timeout=120)
    return home


@pytest.fixture(scope="module")
def run_dag(airflow_home: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDag:
    """`run_dag({"runs": [...]}, NAME="value")`: what dag_runs.py makes of it in a worker with these variables, and its
    output as `log`. Each time with a database of its own."""

    def run(wanted: Mapping[str, Any], **variables: str) -> dict[str, Any]:
        home = tmp_path_factory.mktemp("airflow") / "home"
        shutil.copytree(airflow_home, home)
        asked, answered = home / "wanted.json", home / "result.json"
        asked.write_text(json.dumps({"dags": str(DAGS), **wanted}), encoding="utf-8")
        done = subprocess.run(
            [AIRFLOW / "python", DAG_RUNS, asked, answered],
            env=airflow_environment(home) | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_TIMEOUT_SECONDS,
        )
        assert done.returncode == 0, done.stdout
        result: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
        return result | {"log": done.stdout}

    return run
