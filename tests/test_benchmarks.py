"""What the benchmarks say is so: what a process tree took, that results agree, what an increment has, which targets are
met."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from benchmarks import data, run
from benchmarks.cases import DEFAULT_NAMES, ENGINES, NAMES, SIZES, planned
from benchmarks.figures import Figures
from benchmarks.measure import CommandFailed, Measured, measure
from benchmarks.peers import deltars_daily, duckdb_daily, duckdb_first_load
from benchmarks.programs import GOLD
from benchmarks.statements import event_log_settings, sql_executions
from benchmarks.targets import judge
from benchmarks.totals import ResultsDiffer, Totals, assert_equal, totals_of
from benchmarks.workplace import Workplace, copy_tables, fresh, land

MIB = 1 << 20
ROWS, INCREMENT_ROWS = 6_000, 1_000
# A directory for each date takes its time; these are some more than an increment looks back.
DATES = 40
FIRST, RECENT = (data.LAST_DATE - timedelta(days=dates - 1) for dates in (DATES, data.RECENT_DATES))
# A program that takes memory and processor, each more than a Python that does nothing.
BUSY = "import time\nblock = b'x' * {mib} * 2**20\nwhile time.process_time() < {cpu}: pass\ntime.sleep(0.3)"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A load, and increments of both ages."""
    root = tmp_path_factory.mktemp("benchmarks")
    load = data.write_load(ROWS, root / "load", dates=DATES)
    for age in ("recent", "any"):
        data.write_increment(load, root / age / "increment.parquet", age, INCREMENT_ROWS)
    return root


def measured(tmp_path: Path, program: str, most_seconds: float = 60) -> Measured:
    return measure([sys.executable, "-c", program], dict(os.environ), tmp_path, tmp_path / "log", most_seconds)


def starting(*programs: str, and_then: str = "") -> str:
    """A program that starts others, and ends at once or does something else."""
    starts = [f"started.append(subprocess.Popen([sys.executable, '-c', {program!r}]))" for program in programs]
    return "\n".join(["import subprocess, sys", "started = []", *starts, and_then])


def query(sql: str) -> list[Any]:
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


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


# Data -----------------------------------------------------------------------------------------------------------------


def test_load_has_the_dirt_that_it_promises_and_no_two_rows_of_one_time(place: Path) -> None:
    dates = f"min(return_date) = date '{FIRST}', max(return_date) = date '{data.LAST_DATE}'"
    dirt = ", ".join(
        f"count(*) filter ({condition}) > 0"
        for condition in (
            "return_id is null",
            "return_id <> trim(return_id)",
            "sku = ''",
            "sku <> upper(trim(sku))",
            "reason is null",
            "qty is null",
            "qty < 0",
            "amount is null",
            "amount < 0",
            "return_date is null",
        )
    )
    sums = "count(*), count(distinct ingest_ts), count(distinct trim(return_id)) < count(return_id)"
    (found,) = query(f"select {sums}, {dates}, {dirt} from read_parquet('{place}/load/*.parquet')")
    assert found == (ROWS, ROWS, *[True] * 13)


def test_same_arguments_give_the_same_rows(place: Path, tmp_path: Path) -> None:
    data.write_load(ROWS, tmp_path / "again", files=2, dates=DATES)
    one, other = (f"from read_parquet('{at}/*.parquet')" for at in (place / "load", tmp_path / "again"))
    assert query(f"({one} except all {other}) union all ({other} except all {one})") == []


@pytest.mark.parametrize(("age", "oldest"), [("recent", RECENT), ("any", FIRST)])
def test_increment_corrects_valid_returns_of_the_load_and_adds_new_ones(place: Path, age: str, oldest: date) -> None:
    increment = f"read_parquet('{place}/{age}/*.parquet')"
    loaded = f"({duckdb_first_load.latest(f'({duckdb_first_load.judged(_files(place))})')})"
    is_correction = "coalesce(day.reason = 'Corrected ', false)"
    (corrected,) = query(f"""
        select count(*), count(distinct kept.return_id), min(kept.return_date) >= date '{oldest}',
            bool_and(day.return_date = kept.return_date), bool_and(day.ingest_ts > kept.ingest_ts),
            bool_and(day.amount::decimal(18, 2) - kept.amount = 1.25), bool_and(day.qty = kept.qty + 1)
        from {increment} as day join {loaded} as kept on trim(day.return_id) = kept.return_id where {is_correction}
        """)
    new = query(f"select count(*), count(distinct return_date) from {increment} as day where not {is_correction}")
    ids = f"select trim(return_id) from {increment} as day where not {is_correction} and return_id is not null"
    known = query(f"{ids} intersect select trim(return_id) from {_files(place)}")
    assert (corrected, new, known) == ((50, 50, True, True, True, True, True), [(950, 3)], [])


def test_increment_corrects_the_version_that_a_lake_keeps(tmp_path: Path) -> None:
    recent, old = f"date '{data.LAST_DATE}'", f"date '{data.LAST_DATE}' - {data.RECENT_DATES}"
    versions = [
        ("R1", 10.0, recent, 1),
        ("R1", -5.0, recent, 2),  # is rejected, so the first is kept
        ("R2", -5.0, recent, 1),  # never was in a lake
        ("R3", 10.0, recent, 1),
        ("R3", 10.0, old, 2),  # is out of the days that are corrected now
        ("R4", 20.0, recent, 1),
        ("R4", 30.0, recent, 2),
    ]
    values = ", ".join(f"('{key}', {amount}, {day}, {second})" for key, amount, day, second in versions)
    (tmp_path / "load").mkdir()
    query(f"""
        copy (
            select key as return_id, 'O' as order_id, null::varchar as customer_id, 'S' as sku, 'other' as reason,
                1 as qty, amount::double as amount, day as return_date,
                timestamp '2025-11-01' + to_seconds(second) as ingest_ts
            from (values {values}) as versions(key, amount, day, second)
        ) to '{tmp_path}/load/part.parquet'
        """)
    increment = data.write_increment(tmp_path / "load", tmp_path / "day.parquet", "recent", 60)  # 3 of them corrections
    found = f"select return_id, amount from read_parquet('{increment}') where reason = 'Corrected ' order by all"
    assert query(found) == [("R1", 11.25), ("R4", 31.25)]


def test_increment_of_any_age_goes_back_further_than_a_recent_one(place: Path) -> None:
    def oldest(age: str) -> Any:
        return query(f"select min(return_date) from read_parquet('{place}/{age}/*.parquet')")[0][0]

    assert oldest("any") < RECENT <= oldest("recent")


def _files(place: Path) -> str:
    return f"read_parquet('{place}/load/*.parquet')"


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


@pytest.mark.parametrize("age", ["recent", "any"])
def test_peers_make_the_same_of_a_load_and_an_increment(place: Path, tmp_path: Path, age: str) -> None:
    duckdb_first_load.main(str(place / "load"), str(tmp_path / "first"), "parquet")
    found = [totals_of(tmp_path / "first" / "gold.parquet")]
    for verb, source in (("load", "load"), ("merge", age)):
        duckdb_daily.main(verb, str(place / source), str(tmp_path / "some.db"))
        deltars_daily.main(verb, str(place / source), str(tmp_path / "delta"))
        found += [totals_of(tmp_path / "some.db"), totals_of(tmp_path / "delta" / "gold")]
    assert len(set(found[:3])) == 1 and len(set(found[3:])) == 1 and found[3].returns > found[0].returns


@pytest.mark.parametrize("format_", ["csv", "jsonl", "export"])
def test_text_has_the_rows_of_the_parquet_files(place: Path, tmp_path: Path, format_: Any) -> None:
    data.write_text(place / "load", tmp_path / "text", format_)
    delivered, text = _files(place), duckdb_first_load.landed(tmp_path / "text", format_)
    blank = "* replace (coalesce(sku, '') as sku)"  # in text nothing tells an empty article from none
    one, other = f"select {blank} from {delivered}", f"select {blank} from {text}"
    assert query(f"({one} except all {other}) union all ({other} except all {one})") == []


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
