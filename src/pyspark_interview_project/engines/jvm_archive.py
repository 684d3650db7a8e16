"""An archive of the classes that a Spark session loads, from which a JVM starts in less time.

`python -m pyspark_interview_project.engines.jvm_archive` makes it, at set-up. A JVM takes an archive only if it is of
its own version and of the same jars, and does without it otherwise; so one that is missing or old changes nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pyspark_interview_project.command_line import main_of
from pyspark_interview_project.engines.spark_jars import jar_directory

_ARCHIVE = "classes.jsa"
# What a run does, in small: a session, a table, a shuffle, a merge. It ends as the archive is written.
_WORKLOAD = """
import sys
from pathlib import Path
from pyspark_interview_project.config.settings import load_settings
from pyspark_interview_project.engine import choose_engine
from pyspark_interview_project.engines.spark_session import open_session

choose_engine("spark")
place = sys.argv[1]
session = open_session(load_settings({"app_env": "test", "data_root": place}), Path(place), Path(place, "jvm.log"))
spark, table = session.spark, f"delta.`{place}/table`"
rows = spark.range(100).selectExpr("id", "cast(id % 7 as string) as text", "cast(id as decimal(18,2)) as amount")
rows.repartition("text").write.format("delta").partitionBy("text").save(f"{place}/table")
rows.createOrReplaceTempView("rows")
spark.sql(
    f"merge into {table} as target using rows as source on target.id = source.id "
    "when matched then update set * when not matched then insert *"
).collect()
spark.sql(f"select text, count(*), sum(amount) from {table} group by text order by text").toArrow()
gateway = spark.sparkContext._gateway
session.close()
gateway.proc.stdin.close()  # the JVM ends, and writes the archive
gateway.proc.wait()
"""


def archive() -> Path:
    """Where the archive is, or would be: beside the jars, in the environment that this Python runs in."""
    return jar_directory() / _ARCHIVE


def make_archive() -> Path | None:
    """Make the archive. None where the JVM wrote none: a session starts without it, only later."""
    target = archive()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch) / _ARCHIVE
        options = f"-XX:ArchiveClassesAtExit={written} -Xlog:disable"
        environment = os.environ | {"JDK_JAVA_OPTIONS": options}
        subprocess.run([sys.executable, "-c", _WORKLOAD, scratch], env=environment, capture_output=True, check=False)
        if not written.is_file():
            return None
        unfinished = target.with_suffix(".part")
        unfinished.write_bytes(written.read_bytes())
        os.replace(unfinished, target)
    return target


def print_archive() -> None:
    """Make the archive and say where it is."""
    print(make_archive() or "The JVM wrote no archive of classes: Spark starts without one")


main = main_of(print_archive)

if __name__ == "__main__":
    main()
