"""How many SQL executions a program makes on Spark, as Spark's own event log has them."""

from __future__ import annotations

import json
from pathlib import Path

_STARTED = "org.apache.spark.sql.execution.ui.SparkListenerSQLExecutionStart"
_SETTINGS = """
spark.eventLog.enabled true
spark.eventLog.compress false
spark.eventLog.rolling.enabled false
spark.eventLog.dir {directory}
"""


def event_log_settings(directory: Path) -> dict[str, str]:
    """The environment that makes a Spark write its events into a directory, which is made."""
    directory.mkdir(parents=True)
    configuration = directory.with_name(f"{directory.name}-conf")
    configuration.mkdir(exist_ok=True)
    settings = _SETTINGS.format(directory=directory.as_uri())
    (configuration / "spark-defaults.conf").write_text(settings, encoding="utf-8")
    return {"SPARK_CONF_DIR": str(configuration)}


def sql_executions(directory: Path) -> int:
    """The number of SQL executions in the event logs of a directory, those inside of others included."""
    return sum(
        json.loads(line)["Event"] == _STARTED
        for log in directory.iterdir()
        if not log.name.startswith(".")
        for line in log.read_text(encoding="utf-8").splitlines()
    )
