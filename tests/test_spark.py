"""Spark's own side: what it needs, its session and settings, what a person sees of it, files it cannot read."""

from __future__ import annotations

import ast
import gzip
import json
import os
import shutil
import signal
import stat
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark import cloudpickle
from pyspark.sql import SparkSession

import lake_reading
import pyspark_interview_project
from commands import REPOSITORY, RETURNS, Ended, environment, process, returns, run, succeeded
from feed_files import FEED_FILES
from kills import started
from landing import COLUMNS, Row, csv_text, json_line, row_of
from pyspark_interview_project import engine
from pyspark_interview_project.config.feeds import Feed, load_feeds, shipped_feeds
from pyspark_interview_project.config.settings import Settings, load_settings
from pyspark_interview_project.engines.spark_jars import JARS, checked_jars, jar_directory
from pyspark_interview_project.engines.spark_session import OpenedSession, open_session
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.sources.discovery import LandedFile
from pyspark_interview_project.sources.landed_text import text_batches, text_file
from pyspark_interview_project.sources.parquet_batches import parquet_batches
from pyspark_interview_project.sources.parquet_layout import parquet_layout
from pyspark_interview_project.sources.text_opening import encoding_of
from test_corpus import CORPUS, EXPECTED, READABLE, SETTINGS, SHOWN
from test_corpus import landed as place_of
from test_corpus import shown

pytestmark = pytest.mark.spark

LANDED = "bronze/returns_raw"
PACKAGE = REPOSITORY / "src" / "pyspark_interview_project"
GOOD = row_of("R-1", "O-1", "C-1", "MUG", "damaged", "2", "19.90", "2026-11-18", "2026-11-18T08:00:00Z")
MANY = [{**GOOD, "return_id": f"R-{number}", "amount": f"{number * 7919 % 100000 / 100}"} for number in range(5000)]


@pytest.fixture
def landed(tmp_path: Path) -> Path:
    """A lake with one landed file and no tables."""
    lake = tmp_path / "lake"
    return _land(lake, "web.jsonl", f"{json_line(GOOD)}\n".encode())


def _land(lake: Path, name: str, content: bytes) -> Path:
    path = lake / LANDED / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return lake


def _settings(lake: Path, **options: str) -> Settings:
    return load_settings({"app_env": "test", "data_root": str(lake), **options})


def _opened(**options: str) -> OpenedSession:
    """The session that is there, as the package finds it."""
    return open_session(_settings(Path("unused"), **options), Path("unused"), Path("unused"))


def _run(lake: Path, *arguments: str, cwd: Path = REPOSITORY, **env: str) -> Ended:
    """`returns run --engine spark` in a process of its own."""
    variables = environment(lake, ENGINE="", **env)
    return run([RETURNS, "run", "--engine", "spark", "--as-of", "2026-11-20", *arguments], variables, cwd)


def _assert_refused_in_one_line(ended: Ended, lake: Path, *parts: str) -> None:
    assert ended.exit_code == 2, ended.stderr
    (complaint,) = ended.complaints
    assert [part for part in parts if part not in complaint] == [], complaint
    assert "embedded engine" in complaint
    assert not (lake / "silver").exists()


# ----------------------------------------------------------------------------------------------------------------- jars
@pytest.fixture
def jars(tmp_path: Path) -> Path:
    """A copy of the jars to do harm to."""
    return Path(shutil.copytree(jar_directory(), tmp_path / "share" / "pyspark_interview_project" / "jars"))


def test_checked_jars_those_that_install_fetched_are_found() -> None:
    assert [path.name.rpartition("-")[0] for path in checked_jars()] == list(JARS)
    assert {path.parent for path in checked_jars()} == {jar_directory()}


@pytest.mark.parametrize("artifact", JARS)
def test_checked_jars_one_missing_is_refused_by_name(jars: Path, artifact: str) -> None:
    (jar,) = jars.glob(f"{artifact}-*.jar")
    jar.unlink()
    with pytest.raises(ConfigurationError) as raised:
        checked_jars(jars)
    assert (raised.value.subject, raised.value.exit_code) == (str(jar), 2)
    assert "missing" in raised.value.problem


@pytest.mark.parametrize("artifact", JARS)
def test_checked_jars_one_of_other_content_is_refused_by_name(jars: Path, artifact: str) -> None:
    (jar,) = jars.glob(f"{artifact}-*.jar")
    content = bytearray(jar.read_bytes())
    content[len(content) // 2] ^= 1
    jar.write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        checked_jars(jars)
    assert (raised.value.subject, raised.value.exit_code) == (str(jar), 2)
    assert "not the file it should be" in raised.value.problem


@pytest.mark.parametrize("artifact", JARS)
@pytest.mark.parametrize("harm", ["missing", "not the file it should be"])
def test_run_with_a_jar_missing_or_wrong_is_exit_2_and_one_line(
    landed: Path, tmp_path: Path, jars: Path, artifact: str, harm: str
) -> None:
    (jar,) = jars.glob(f"{artifact}-*.jar")
    jar.unlink() if harm == "missing" else jar.write_bytes(b"PK")
    script = (
        f"import sys; sys.prefix = {str(tmp_path)!r}\nfrom pyspark_interview_project.cli import main\n"
        "sys.argv[0] = 'returns'; main()"
    )
    ended = run([sys.executable, "-c", script, "run", "--engine", "spark"], environment(landed, ENGINE=""))
    _assert_refused_in_one_line(ended, landed, str(jar), harm, "make install")


# ----------------------------------------------------------------------------------------------------------------- Java
def _java_that_says(directory: Path, version: str) -> Path:
    """A Java that does nothing but say its version; returns its home."""
    program = directory / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2020-01-01' >&2\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return directory


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's Java, for what the test starts: `environment` takes the variables from here."""
    monkeypatch.delenv("JAVA_HOME", raising=False)


@pytest.mark.usefixtures("no_java")
def test_run_without_java_is_exit_2_and_says_what_to_install(landed: Path, tmp_path: Path) -> None:
    ended = _run(landed, PATH=str(tmp_path))
    _assert_refused_in_one_line(ended, landed, "java", "install Java 17 or 21", "openjdk-17-jre-headless")


def test_run_with_java_home_without_a_java_is_exit_2_and_says_what_to_install(landed: Path, tmp_path: Path) -> None:
    ended = _run(landed, JAVA_HOME=str(tmp_path / "nowhere"))
    _assert_refused_in_one_line(ended, landed, "java", "install Java 17 or 21")


@pytest.mark.parametrize(
    ("version", "said"),
    [("11.0.2", "Java 11"), ("25", "Java 25"), ("16.0.1", "Java 16"), ("mine", "Java of no known version")],
)
@pytest.mark.usefixtures("no_java")
def test_run_with_java_of_another_version_is_exit_2_and_says_which(
    landed: Path, tmp_path: Path, version: str, said: str
) -> None:
    home = _java_that_says(tmp_path / "java", version)
    ended = _run(landed, PATH=f"{home / 'bin'}:/bin:/usr/bin")
    _assert_refused_in_one_line(ended, landed, str(home), said, "install Java 17 or 21")


def test_run_takes_java_home_before_the_path(landed: Path, tmp_path: Path) -> None:
    home = _java_that_says(tmp_path / "java", "11.0.2")
    _assert_refused_in_one_line(_run(landed, JAVA_HOME=str(home)), landed, str(home), "Java 11")


# -------------------------------------------------------------------------------------------------------------- session
@pytest.fixture
def spark(frames: object, engine_name: str) -> Iterator[SparkSession]:
    """The session of the suite; its settings are put back behind the test."""
    assert engine_name == "spark", "run with ENGINE=spark"
    session = SparkSession.active()
    yield session
    _opened()


def test_open_session_has_the_settings_that_keep_data_right(spark: SparkSession) -> None:
    expected = {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.files.ignoreCorruptFiles": "false",
        "spark.sql.files.ignoreMissingFiles": "false",
        "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
        "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    }
    assert {name: spark.conf.get(name) for name in expected} == expected


def test_open_session_has_the_settings_that_suit_one_machine(spark: SparkSession) -> None:
    expected = {
        "spark.master": "local[*]",
        "spark.driver.memory": "2g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.shuffle.partitions": str(max(2, os.cpu_count() or 2)),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    }
    assert {name: spark.conf.get(name) for name in expected} == expected
    jars = (spark.conf.get("spark.jars") or "").split(",")
    assert [jar.removeprefix("file://") for jar in jars] == [str(jar) for jar in checked_jars()]
    assert spark.conf.get("spark.jars.packages", None) is None  # nothing is resolved when a session starts


def test_open_session_on_a_jvm_of_others_fuses_no_stage_into_methods_that_it_would_interpret(
    spark: SparkSession,
) -> None:
    spark.conf.unset("spark.sql.codegen.hugeMethodLimit")
    assert _opened().spark.conf.get("spark.sql.codegen.hugeMethodLimit") == "8000"


def test_open_session_listens_to_this_machine_only(spark: SparkSession) -> None:
    assert {address for _, address in _listening(_driver_of(spark))} == {"127.0.0.1"}


def _driver_of(spark: SparkSession) -> int:
    """The process of the JVM: a child of ours."""
    (java,) = [process for process, name, parent in _processes() if parent == os.getpid() and name.startswith("java")]
    return java


def _processes() -> Iterator[tuple[int, str, int]]:
    """Number, name and parent of each process; not by ps, which a slim image does not have."""
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            start, _, rest = place.read_text(encoding="utf-8").rpartition(")")
        except (FileNotFoundError, ProcessLookupError):  # it ended just now
            continue
        number, _, name = start.partition(" (")
        yield int(number), name, int(rest.split()[1])


def _listening(process: int) -> list[tuple[int, str]]:
    """Port and address of each socket on which a process takes connections."""
    sockets = {
        os.readlink(link)[8:-1]
        for link in Path(f"/proc/{process}/fd").iterdir()
        if os.readlink(link).startswith("socket:")
    }
    found = []
    for line in [*Path("/proc/net/tcp").read_text().splitlines()[1:], *_tcp6()]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in sockets:
            address, port = fields[1].split(":")
            found.append((int(port, 16), _address(address)))
    return found


def _tcp6() -> list[str]:
    table = Path("/proc/net/tcp6")
    return table.read_text().splitlines()[1:] if table.exists() else []


def _address(text: str) -> str:
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(text[-8:])))


@pytest.mark.parametrize("name", ["spark.sql.files.ignoreCorruptFiles", "spark.sql.files.ignoreMissingFiles"])
def test_open_session_one_that_loses_rows_silently_is_put_right(spark: SparkSession, name: str) -> None:
    spark.conf.set(name, "true")
    opened = _opened()
    assert (opened.spark.conf.get(name), opened.is_ours) == ("false", False)


def test_open_session_of_another_time_zone_takes_it(spark: SparkSession) -> None:
    opened = _opened(spark_tz="Europe/Berlin")
    assert opened.spark.conf.get("spark.sql.session.timeZone") == "Europe/Berlin"


def test_open_session_ansi_turned_off_by_others_is_put_right(spark: SparkSession) -> None:
    spark.conf.set("spark.sql.ansi.enabled", "false")
    _opened()
    assert spark.conf.get("spark.sql.ansi.enabled") == "true"


# ------------------------------------------------------------------------------------------------ what no code may name
FORBIDDEN = {"sparkContext", "SparkContext", "rdd", "RDD", "_jvm", "_jsparkSession", "_jsc", "_sc", "cache", "persist"}


def _forbidden_names(source: str) -> set[str]:
    """The names of FORBIDDEN that code uses as a name, an attribute or an import; but for functools.cache."""
    names: set[str] = set()
    own: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        names |= {node.attr} if isinstance(node, ast.Attribute) else set()
        names |= {node.id} if isinstance(node, ast.Name) else set()
        imported = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom | ast.Import) else set()
        is_ours = isinstance(node, ast.ImportFrom) and node.module == "functools"
        names, own = (names, own | imported) if is_ours else (names | imported, own)
    return (names - own) & FORBIDDEN


@pytest.mark.parametrize("source", ["frame.cache()", "spark.sparkContext", "from pyspark import RDD", "f.persist(x)"])
def test_forbidden_names_are_seen(source: str) -> None:
    assert len(_forbidden_names(source)) == 1


def test_package_uses_nothing_that_connect_lacks() -> None:
    sources = sorted(PACKAGE.rglob("*.py"))
    found = {str(path): names for path in sources if (names := _forbidden_names(path.read_text(encoding="utf-8")))}
    assert found == {}
    assert PACKAGE / "engines" / "spark.py" in sources


# ------------------------------------------------------------------------------------------------------ what a run says
def test_run_prints_its_result_and_json_lines_and_leaves_nothing_behind(tmp_path: Path) -> None:
    lake, elsewhere = tmp_path / "lake", tmp_path / "elsewhere"
    shutil.copytree(REPOSITORY / "samples" / "returns", lake / LANDED)
    elsewhere.mkdir()

    ended = succeeded(_run(lake, cwd=elsewhere, MAX_QUARANTINED_RATIO="1"))

    assert [line for line in ended.stderr.splitlines() if not line.startswith("{")] == []
    assert all({"timestamp", "level"} & entry.keys() for entry in ended.logs)
    assert ended.stdout and "WARN" not in ended.stdout
    assert list(elsewhere.iterdir()) == []
    assert lake_reading.latest_run_record(lake)["engine"] == "spark"


# -------------------------------------------------------------------------------------------- files that cannot be read
@pytest.fixture(scope="module")
def lake_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake after its first load."""
    lake = _land(tmp_path_factory.mktemp("corrupt") / "lake", "first.csv", csv_text([GOOD]).encode())
    succeeded(returns(lake, "run", "--as-of", "2026-11-20"))
    return lake


def _damaged_in_the_middle(rows: list[Row]) -> bytes:
    """A Parquet file whose footer is fine and whose pages are not."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({name: [row[name] for row in rows] for name in COLUMNS}), sink, compression="snappy")
    content = bytearray(sink.getvalue().to_pybytes())
    middle = len(content) // 4
    content[middle : middle + 400] = b"\xff" * 400
    return bytes(content)


CORRUPT = {
    "damaged.parquet": _damaged_in_the_middle(MANY),
    "cut.jsonl.gz": gzip.compress("".join(f"{json_line(row)}\n" for row in MANY).encode())[:-3000],
    "cut.csv.gz": gzip.compress(csv_text(MANY).encode())[:-3000],
    "cut.parquet": _damaged_in_the_middle(MANY)[:-20],
    "empty.csv.gz": b"",
}


@pytest.mark.parametrize("name", CORRUPT)
def test_run_corrupt_file_is_exit_4_naming_it_and_the_others_are_done(
    lake_with_tables: Path, tmp_path: Path, name: str
) -> None:
    lake = Path(shutil.copytree(lake_with_tables, tmp_path / "lake"))
    _land(lake, "good.jsonl", f"{json_line({**GOOD, 'return_id': 'R-2'})}\n".encode())
    _land(lake, name, CORRUPT[name])

    ended = returns(lake, "run", "--as-of", "2026-11-20")

    assert ended.exit_code == 4
    _, complaint = ended.complaints
    assert f"{LANDED}/{name}" in complaint
    assert lake_reading.rows(lake, lake_reading.SILVER, ["return_id"]) == [("R-1",), ("R-2",)]


def test_run_corrupt_file_is_exit_4_whatever_spark_defaults_say(tmp_path: Path) -> None:
    name = "damaged.parquet"  # text that is damaged is found before Spark meets it
    defaults = tmp_path / "conf" / "spark-defaults.conf"
    defaults.parent.mkdir()
    defaults.write_text("spark.sql.files.ignoreCorruptFiles true\nspark.sql.files.ignoreMissingFiles true\n")
    lake = _land(tmp_path / "lake", name, CORRUPT[name])

    ended = _run(lake, SPARK_CONF_DIR=str(defaults.parent))

    assert ended.exit_code == 4, ended.stderr
    assert f"{LANDED}/{name}" in ended.complaints[1]
    assert lake_reading.rows(lake, lake_reading.SILVER) == []


# ------------------------------------------------------------------------------------------------- the engine of `auto`
def test_choose_engine_auto_with_spark_remote_is_spark() -> None:
    script = "from pyspark_interview_project.engine import choose_engine; print(choose_engine('auto'))"
    env = environment(Path("unused"), SPARK_REMOTE="sc://localhost:15002")
    assert run([sys.executable, "-c", script], env).stdout == "spark\n"


@pytest.mark.usefixtures("spark")
def test_choose_engine_auto_with_a_session_in_this_process_is_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_chosen", None)
    monkeypatch.delenv("SPARK_REMOTE", raising=False)
    assert engine.choose_engine("auto") == "spark"


def test_run_auto_with_a_master_of_a_cluster_wants_spark(landed: Path, tmp_path: Path) -> None:
    variables = environment(landed, ENGINE="auto", SPARK_MASTER="spark://127.0.0.1:1", JAVA_HOME=str(tmp_path))
    ended = run([RETURNS, "run"], variables)
    _assert_refused_in_one_line(ended, landed, "java")
    assert json.loads((landed / "metrics" / "pipeline_metrics.json").read_text())["engine"] == "spark"


# The time zone of the machine -----------------------------------------------------------------------------------------


# What has dates or times in every form, text and native.
TIMES = [name for name in READABLE if "date" in name or "timestamp" in name]


def test_run_on_a_machine_in_another_time_zone_makes_the_expected_rows_of_each_file(tmp_path: Path) -> None:
    """In a process and a JVM of its own, which take the machine's zone from TZ when they start; the other commands of
    test_corpus.py share one JVM."""
    lake = tmp_path / "lake"
    for name in TIMES:
        _land(lake, name, (CORPUS / name).read_bytes())
    succeeded(_run(lake, TZ="America/New_York", **SETTINGS))
    expected = [(place_of(name), *row) for name in TIMES for row in EXPECTED[name]["silver"]]
    found = [(row[0], *shown(row[1:])) for row in lake_reading.rows(lake, lake_reading.SILVER, ("source_file", *SHOWN))]
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    rejected = lake_reading.rows(lake, lake_reading.QUARANTINE, ("source_file", "return_id", "reasons"))
    expected_rejected = [(place_of(name), *row) for name in TIMES for row in EXPECTED[name]["quarantine"]]
    assert lake_reading.in_order(rejected) == lake_reading.in_order(expected_rejected)


# A JVM that outlives its Python ---------------------------------------------------------------------------------------


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_run_beside_the_jvm_of_a_dead_run_is_exit_6_until_it_has_ended(landed: Path) -> None:
    """The JVM is made to stand still, as one that is in the middle of a commit may do, and its Python is killed."""
    with started(landed, "validating batch") as killed:
        (jvm,) = [child for child in _children_of(killed.pid) if "java" in Path(f"/proc/{child}/comm").read_text()]
        os.kill(jvm, signal.SIGSTOP)
        killed.kill()
        killed.wait(timeout=10)
    try:
        ended = process(landed, "run", "--as-of", "2026-11-20", ENGINE="embedded")
    finally:
        os.kill(jvm, signal.SIGKILL)
    assert ended.exit_code == 6
    (complaint,) = ended.complaints
    assert f":{jvm} since 20" in complaint

    succeeded(process(landed, "run", "--as-of", "2026-11-20", ENGINE="embedded"))
    assert lake_reading.facts(landed, lake_reading.SILVER)["rows"] == 1


# Workers --------------------------------------------------------------------------------------------------------------


def test_worker_without_this_package_reads_landed_files(tmp_path: Path) -> None:
    place = tmp_path / "wide.parquet"
    wide = {**GOOD, "qty": Decimal(2), "amount": Decimal("19.90")}
    types = {"qty": pa.decimal256(50, 0), "amount": pa.decimal256(50, 2)}
    pq.write_table(pa.table({name: pa.array([value], types.get(name)) for name, value in wide.items()}), place)
    layout = parquet_layout(place, place.name, "spark")
    files: list[tuple[str, bytes, Feed | None]] = [
        ("a.csv", csv_text([GOOD, GOOD]).encode(), None),
        ("a.jsonl", f"{json_line(GOOD)}\n".encode() * 3, None),
    ]
    feeds = {feed.feed: feed for feed in load_feeds([shipped_feeds()])}
    files += [(f"{name}.{suffix}", make(1, 5), feeds[name]) for name, (suffix, make) in FEED_FILES.items()]
    texts = []
    for name, content, feed in files:
        (tmp_path / name).write_bytes(content)
        encoding = encoding_of(tmp_path / name, name, (feed and feed.read.encoding) or ["utf-8"])
        landed_file = LandedFile(name, len(content), 0, "", feed.feed if feed else None, encoding)
        texts.append(text_file(str(tmp_path / name), landed_file, feed, 2**24))

    def rows() -> list[int]:
        batches = [text_batches(file, lambda unknown: None) for file in texts]
        every = [*batches, parquet_batches(place, place.name, layout)]
        return [sum(batch.num_rows for batch in one) for one in every]

    cloudpickle.register_pickle_by_value(pyspark_interview_project)
    (tmp_path / "sent").write_bytes(cloudpickle.dumps(rows))
    script = (
        "import pickle, sys; sys.modules['pyspark_interview_project'] = None; "
        "print(pickle.load(open(sys.argv[1], 'rb'))())"
    )
    there = run([sys.executable, "-c", script, tmp_path / "sent"], environment(tmp_path))
    assert there.stdout == f"{rows()}\n", there.stderr
    assert rows()[:2] == [2, 3] and rows()[-1] == 1
