"""What the benchmarks say is so: what a process tree took, that results agree, which targets are met."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from benchmarks import run
from benchmarks.cases import DEFAULT_NAMES, ENGINES, NAMES, SIZES, planned
from benchmarks.figures import Figures
from benchmarks.measure import CommandFailed, Measured, measure
from benchmarks.programs import GOLD
from benchmarks.statements import event_log_settings, sql_executions
from benchmarks.targets import judge
from benchmarks.totals import ResultsDiffer, Totals, assert_equal, totals_of
from benchmarks.workplace import Workplace, copy_tables, fresh, land

MIB = 1 << 20
# A program that takes memory and processor, each more than a Python that does nothing.
BUSY = "import time\nblock = b'x' * {mib} * 2**20\nwhile time.process_time() < {cpu}: pass\ntime.sleep(0.3)"


def measured(tmp_path: Path, program: str, most_seconds: float = 60) -> Measured:
    return measure([sys.executable, "-c", program], dict(os.environ), tmp_path, tmp_path / "log", most_seconds)


def starting(*programs: str, and_then: str = "") -> str:
    """A program that starts others, and ends at once or does something else."""
    starts = [f"started.append(subprocess.Popen([sys.executable, '-c', {program!r}]))" for program in programs]
    return "\n".join(["import subprocess, sys", "started = []", *starts, and_then])


# Measuring ------------------------------------------------------------------------------------------------------------


def test_memory_and_processor_time_are_those_of_the_whole_tree(tmp_path: Path) -> None:
    children = [BUSY.format(mib=60, cpu=0.2)] * 2
    took = measured(tmp_path, starting(*children, and_then="[child.wait() for child in started]"))
    assert took.peak_bytes > 2 * 60 * MIB and took.cpu_seconds > 2 * 0.2
    assert {name for name in took.programs if not name.startswith("python")} == set()


def test_child_that_outlives_its_parent_is_waited_for_and_counted(tmp_path: Path) -> None:
    child = f"import os\nopen('child', 'w').write(str(os.getpid()))\n{BUSY.format(mib=1, cpu=0.4)}"
    took = measured(tmp_path, starting(child, and_then="import time; time.sleep(0.3)"))
    assert took.cpu_seconds > 0.4 and not Path("/proc", (tmp_path / "child").read_text()).exists()


def test_command_that_fails_is_no_measurement_and_its_output_is_shown(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="(?s)ended with 3:.*no such lake"):
        measured(tmp_path, "import sys; print('no such lake'); sys.exit(3)")


def test_command_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    child = "import os, time\nopen('child', 'w').write(str(os.getpid()))\ntime.sleep(60)"
    with pytest.raises(CommandFailed, match="ended with -9"):
        measured(tmp_path, starting(child, and_then="started[0].wait()"), most_seconds=1)
    assert not Path("/proc", (tmp_path / "child").read_text()).exists()


# Results --------------------------------------------------------------------------------------------------------------

GROUPS = {"sku": ["A", "B"], "reason": ["damaged", "other"], "return_count": [1, 2], "total_qty": [1, 5]}


def gold(tmp_path: Path, *amounts: str) -> pa.Table:
    return pa.table(GROUPS | {"total_amount": pa.array(map(Decimal, amounts), pa.decimal128(38, 2))})


def test_totals_are_read_from_each_form_of_gold(tmp_path: Path) -> None:
    table = gold(tmp_path, "0.10", "12345678901234567890.01")
    write_deltalake(str(tmp_path / "delta"), table)
    with duckdb.connect(str(tmp_path / "some.db")) as connection:
        connection.register("rows_", table)
        connection.execute("create table gold as from rows_")
        connection.execute(f"copy rows_ to '{tmp_path}/gold.parquet'")
    expected = Totals(2, 3, 6, Decimal("12345678901234567890.11"))
    assert [totals_of(tmp_path / name) for name in ("delta", "gold.parquet", "some.db")] == [expected] * 3


@pytest.mark.parametrize(
    "other", [Totals(2, 3, 6, Decimal("10.01")), Totals(1, 3, 6, Decimal("10.00")), Totals(2, 4, 6, Decimal("10.00"))]
)
def test_results_that_differ_by_a_cent_or_a_row_stop_the_case(other: Totals) -> None:
    ours = Totals(2, 3, 6, Decimal("10.00"))
    assert_equal({"returns": ours, "DuckDB": Totals(2, 3, 6, Decimal("10.00"))})
    with pytest.raises(ResultsDiffer, match="(?s)returns: .*DuckDB: "):
        assert_equal({"returns": ours, "DuckDB": other})


def test_copied_tables_share_data_files_and_nothing_that_is_written_again(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    for name in ("silver/a.parquet", "silver/_delta_log/1.json", "silver/_delta_log/1.checkpoint.parquet", "ops/x"):
        (lake / name).parent.mkdir(parents=True, exist_ok=True)
        (lake / name).write_text("as loaded")
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "new.csv").write_text("landed")
    land(lake, tmp_path / "day", "dt=2025-11-10")
    copy = copy_tables(lake, tmp_path / "copy")
    files = sorted(str(path.relative_to(lake)) for path in lake.rglob("*") if path.is_file())
    assert files == sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file())
    shared = [name for name in files if (lake / name).samefile(copy / name)]
    assert shared == ["bronze/returns_raw/dt=2025-11-10/new.csv", "silver/a.parquet"]


# Figures and targets --------------------------------------------------------------------------------------------------


def figures(program: str, *seconds: float, **more: Any) -> Figures:
    rounds = [Measured(each, each, 2 << 30, frozenset({"java", program})) for each in seconds]
    facts = {"case": "first-load", "variant": "", "engine": "embedded", "millions": 10.0, "title": "first-load"} | more
    return Figures(program=program, rounds=rounds, **facts)


def test_ratio_is_the_median_of_the_ratios_of_rounds_that_ran_together() -> None:
    # The machine was slow in the second round, for both.
    assert figures("returns", 10, 90, 12).ratio_to(figures("DuckDB", 20, 60, 10)) == 1.2


def judged(*found: Figures) -> Sequence[tuple[str, str, float, bool]]:
    return [(each.target.case, each.target.unit, each.found, each.is_met) for each in judge(found)]


def test_targets_are_judged_where_this_run_has_their_figures() -> None:
    slow, quick = figures("returns", 14.0), figures("returns", 13.0)
    assert judged(slow, figures("DuckDB", 10.0)) == [("first-load", "x", 1.4, False), ("first-load", "GiB", 2, True)]
    assert judged(quick, figures("DuckDB", 10.0))[0] == ("first-load", "x", 1.3, True)
    assert judged(figures("returns", 1, millions=1.0), figures("DuckDB", 1, millions=1.0)) == []


def test_targets_of_small_runs_look_at_java_and_statements() -> None:
    idle = figures("returns", 0.5, case="nothing-new", engine="spark")
    assert judged(idle) == [("nothing-new", "s", 0.5, True), ("nothing-new", "JVMs", 1, False)]
    three = {"case": "three-rows", "engine": "spark", "millions": 0.01}
    found = judged(figures("returns", 20, sql_executions=31, **three), figures("baseline", 50, **three))
    assert found == [("three-rows", "x", 0.4, True), ("three-rows", "SQL executions", 31, False)]


def test_a_large_lake_is_compared_with_a_smaller_one() -> None:
    daily = {"case": "daily", "engine": "embedded"}
    small, large = figures("returns", 2.0, **daily), figures("returns", 5.0, **daily | {"millions": 100.0})
    assert judged(small, large) == [("daily", "x", 2.5, False)]


def test_sql_executions_are_counted_in_the_event_logs(tmp_path: Path) -> None:
    env = event_log_settings(tmp_path / "events")
    assert f"file://{tmp_path}/events" in (Path(env["SPARK_CONF_DIR"]) / "spark-defaults.conf").read_text()
    start = "org.apache.spark.sql.execution.ui.SparkListenerSQLExecutionStart"
    events = [{"Event": name} for name in (start, "SparkListenerJobStart", start)] + [{"Event": "x", "of": start}]
    for log in ("local-1", "local-2"):
        (tmp_path / "events" / log).write_text("".join(f"{json.dumps(event)}\n" for event in events))
    assert sql_executions(tmp_path / "events") == 4


def test_every_case_is_planned_once_for_each_engine_and_large_ones_if_wanted() -> None:
    usual, large = (planned(NAMES, ENGINES, SIZES, is_large) for is_large in (False, True))
    assert {(case.name, case.engine) for case in usual} == {
        (name, engine) for name in NAMES for engine in ENGINES if (name, engine) != ("backup", "spark")
    }
    assert [(case.name, case.millions) for case in large[len(usual) :]] == [("daily", 100.0)] * 2
    assert len({(case.title, case.engine) for case in large}) == len(large)


@pytest.mark.parametrize(
    ("arguments", "message"), [(["--cases", "first"], "first-load, daily"), (["--sizes", "0"], "above 0")]
)
def test_wrong_options_are_usage_errors(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run.main(arguments)
    assert end.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.full
def test_whole_benchmark_of_small_sizes_agrees_and_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    names = [
        name for name in DEFAULT_NAMES if name != "first-load"
    ]  # Polars is in the benchmarks' own environment only
    ended = run.main(["--cases", ",".join(names), "--engines", "embedded", "--sizes", "0.002", "--runs", "1"])
    (saved,) = tmp_path.glob("*.json")
    found = json.loads(saved.read_text())
    assert (ended, found["failures"]) == (0, [])
    assert {(case["case"], case["program"]) for case in found["cases"]} == {
        *((name, "returns") for name in names),
        *((name, peer) for name in ("daily", "daily-old") for peer in ("delta-rs", "DuckDB")),
        ("formats", "DuckDB"),
        ("backup", "copy and SHA-256"),
    }
    assert "| three-rows | embedded | at most 1 s |" in capsys.readouterr().out
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".md"]


def test_workplace_makes_each_thing_once(tmp_path: Path) -> None:
    made: list[Path] = []
    workplace = Workplace(tmp_path)
    for _ in range(2):
        assert workplace.kept("lake", made.append) == tmp_path / "lake"
    assert made == [tmp_path / "lake"] and GOLD.startswith("gold/") and fresh(tmp_path / "none") == tmp_path / "none"
