"""The Spark session: found where there is one (Databricks, a notebook), else started with all of its settings here."""

from __future__ import annotations

import fcntl
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from pyspark_interview_project import stop_signals
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.engine import on_databricks
from pyspark_interview_project.engines.java import checked_java
from pyspark_interview_project.engines.jvm_archive import archive
from pyspark_interview_project.engines.spark_jars import checked_jars, spark_home
from pyspark_interview_project.errors import ConfigurationError

# A JVM leaves methods of more than 8,000 bytecodes to its interpreter, and Spark generates such methods.
_COMPILED = "-XX:-DontCompileHugeMethods"
# A JVM that others started may lack that: then what is larger is generated in smaller methods, which cost more copies.
_SMALL_METHODS = {"spark.sql.codegen.hugeMethodLimit": "8000"}
# For few rows, code that Spark generates and a JVM compiles thoroughly costs more than it gains.
_QUICK_COMPILER = "-XX:TieredStopAtLevel=1"
_FOR_FEW_ROWS = {
    "spark.sql.codegen.wholeStage": ("false", "true"),
    "spark.sql.codegen.factoryMode": ("NO_CODEGEN", "FALLBACK"),
    "spark.sql.adaptive.enabled": ("false", "true"),
}
_LOG_SETTINGS = Path(__file__).with_name("spark_log4j2.properties")


@dataclass(frozen=True)
class OpenedSession:
    """A session, and whether this process started it and so has to stop it."""

    spark: SparkSession
    is_ours: bool
    jvm_lock: int | None = None

    def suit(self, few_rows: bool) -> None:
        """Set the session, if it is ours, for few rows or for many."""
        if self.is_ours:
            for name, (for_few, for_many) in _FOR_FEW_ROWS.items():
                self.spark.conf.set(name, for_few if few_rows else for_many)

    def close(self) -> None:
        """Stop the session if it is ours, and then let the lock go that its JVM holds with us."""
        if self.is_ours:
            self.spark.stop()
        if self.jvm_lock is not None:
            fcntl.flock(self.jvm_lock, fcntl.LOCK_UN)
            os.close(self.jvm_lock)


def open_session(
    settings: Settings, local_dir: Path, output: Path, jvm_lock: Path | None = None, few_rows: bool = False
) -> OpenedSession:
    """The session that is there, else a new one, which spills to `local_dir` and whose JVM holds the lock `jvm_lock`
    until it is closed. `output` is the file that has what this process's JVM said. `few_rows`: what it is opened for.

    Raises ConfigurationError, saying what is wrong, where none starts.
    """
    found = SparkSession.getActiveSession()
    if found is None and on_databricks():
        found = SparkSession.builder.getOrCreate()
    if found is not None:
        _apply(found, _of_another_jvm(settings))
        return OpenedSession(found, is_ours=False)
    if settings.spark_remote and not settings.spark_remote.startswith("local"):
        try:
            spark = SparkSession.builder.remote(settings.spark_remote).getOrCreate()
            _apply(spark, _of_another_jvm(settings))
        except PySparkException as error:
            raise ConfigurationError("SPARK_REMOTE", f"{settings.spark_remote}: {cause_of(error)}") from error
        return OpenedSession(spark, is_ours=True)
    return _started(settings, local_dir, output, jvm_lock, few_rows)


def cause_of(error: BaseException) -> str:
    """What an error of Spark says, in one line: the innermost cause that a trace of the JVM names."""
    text = str(error).strip() or type(error).__name__
    first = text.split("\n", 1)[0].split("JVM stacktrace", 1)[0].strip()
    if not first.startswith("An error occurred while calling"):
        return first
    causes = re.findall(r"^(?:Caused by)?: (?:[\w.$]+(?:Exception|Error): )?(.+)", text, re.MULTILINE)
    return str(causes[-1]).strip() if causes else first


def _started(settings: Settings, local_dir: Path, output: Path, jvm_lock: Path | None, few_rows: bool) -> OpenedSession:
    jars = checked_jars()
    java = checked_java()
    local_dir.mkdir(parents=True, exist_ok=True)
    fixed = _for_this_process(settings, jars, local_dir, few_rows)
    builder = SparkSession.builder.appName("returns").config(map={**fixed, **_per_session(settings)})
    os.environ["SPARK_HOME"] = str(spark_home())  # the jars belong to this pyspark, whatever else is on the machine
    os.environ["PYSPARK_PYTHON"] = sys.executable  # workers are this Python, not the first one on the path
    if "utf" not in _locale().lower():  # a JVM opens no file whose name its locale cannot write
        os.environ["LC_ALL"] = "C.UTF-8"
    builder = builder.remote(settings.spark_remote) if settings.spark_remote else builder.master(settings.spark_master)
    # PySpark takes Ctrl-C for itself, therefore `handlers_kept`.
    with stop_signals.handlers_kept(), _held_by_jvm(jvm_lock) as lock:
        try:
            spark = builder.getOrCreate()
        except Exception as error:
            stop_signals.check()
            lines = output.read_text(errors="replace").splitlines() if output.exists() else []
            said = [line for line in lines if "rror" in line or "xception" in line]
            raise ConfigurationError("spark", f"did not start with {java}: {(said or [cause_of(error)])[0]}") from error
    _assert_no_silent_loss(spark)
    return OpenedSession(spark, is_ours=True, jvm_lock=lock)


def _locale() -> str:
    return next((os.environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(name)), "")


def _for_this_process(settings: Settings, jars: list[Path], scratch: Path, few_rows: bool) -> Mapping[str, str]:
    """The settings that a JVM starts with."""
    compiler = f"{_COMPILED} {_QUICK_COMPILER}" if few_rows else _COMPILED
    return {
        "spark.jars": ",".join(str(jar) for jar in jars),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        # Bounded: one process that takes all memory stalls the machine it runs on.
        "spark.driver.memory": settings.spark_driver_memory,
        # Nobody outside this machine has any business with a local session.
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # PySpark asks the JVM where each expression stands, for messages: half the time of building a transform.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        # Whatever Spark writes for itself goes to scratch, not to the working directory.
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "spark-warehouse"),
        # The parallel collector starts sooner and has more throughput than the default one in a small heap (measured).
        "spark.driver.extraJavaOptions": f"{compiler} -XX:+UseParallelGC {_from_archive()}"
        f"-Dlog4j2.configurationFile={_LOG_SETTINGS.as_uri()} -Dderby.system.home={scratch}",
        "spark.executor.extraJavaOptions": _COMPILED,
        # Dictionaries of near-unique columns cost a quarter of the time of a partitioned write (measured).
        **{
            f"spark.hadoop.parquet.enable.dictionary#{name}": "false"
            for name in ("return_id", "order_id", "customer_id", "ingest_ts", "quarantine_id", "raw_record")
        },
    }


def _from_archive() -> str:
    """The options by which a JVM takes its classes from the archive that set-up made, if it can use that. What it says
    of one that it cannot use would go to its stdout."""
    return f"-XX:SharedArchiveFile={archive()} -Xshare:auto -Xlog:disable " if archive().is_file() else ""


def _per_session(settings: Settings) -> Mapping[str, str]:
    """The settings that a session takes at any time, and that a serverless one does not refuse."""
    common = {
        "spark.sql.session.timeZone": settings.spark_tz,
        "spark.sql.ansi.enabled": "true",  # an overflow is an error, never a null
    }
    if on_databricks():
        return common
    local = {
        # Data here is small for a cluster: hundreds of partitions would be mostly empty.
        "spark.sql.shuffle.partitions": str(max(2, os.cpu_count() or 2)),
        # Large data is shuffled into many partitions, so that each fits into memory; small ones are put together again
        # by their bytes, not by the number of cores, which would make two of all of them.
        "spark.sql.adaptive.coalescePartitions.initialPartitionNum": "64",
        "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
        "spark.sql.adaptive.advisoryPartitionSizeInBytes": "32m",
        "spark.databricks.delta.snapshotPartitions": "1",
    }
    return {
        **common,
        **(local if settings.spark_master.startswith("local") else {}),
        # A truncated or vanished file is an error, never fewer rows.
        "spark.sql.files.ignoreCorruptFiles": "false",
        "spark.sql.files.ignoreMissingFiles": "false",
        # Days before 1582 are what they say, not what an older calendar made of them.
        "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
        "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
        # Spark's default is INT96, which others read as a local time: an instant would move by the zone's offset.
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    }


def _of_another_jvm(settings: Settings) -> Mapping[str, str]:
    """The settings of a session that was not started here. Databricks' job has the flag of a JVM."""
    return {**_per_session(settings), **({} if on_databricks() else _SMALL_METHODS)}


def _apply(spark: SparkSession, settings: Mapping[str, str]) -> None:
    for name, value in settings.items():
        spark.conf.set(name, value)
    _assert_no_silent_loss(spark)


def _assert_no_silent_loss(spark: SparkSession) -> None:
    """These can come from a spark-defaults.conf, and would turn a broken file into rows that are missing."""
    if on_databricks():
        return
    for name in ("spark.sql.files.ignoreCorruptFiles", "spark.sql.files.ignoreMissingFiles"):
        if spark.conf.get(name) != "false":
            raise ConfigurationError(name, "is on in this Spark session and would lose rows silently; set it to false")


@contextmanager
def _held_by_jvm(place: Path | None) -> Iterator[int | None]:
    """Lock a file through a descriptor that a JVM which starts inside inherits as its stdout, which it does not use.

    The lock lasts until both of us have let it go. So a JVM that outlives us, maybe in a commit, is known to be there.
    """
    if place is None:
        yield None
        return
    lock = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
    sys.stdout.flush()
    ours = os.dup(1)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.dup2(lock, 1)
        yield lock
    except BaseException:
        os.close(lock)
        raise
    finally:
        os.dup2(ours, 1)
        os.close(ours)
