"""A signal that asks for a stop, whatever the command is at: in an engine, in clean-up, in what heeds no signal."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from commands import Ended, environment, mostly_full, run

BEGINNING = """
import os, signal, sys, threading, time
from pathlib import Path
from pyspark_interview_project import stop_signals
from pyspark_interview_project.command_line import run_command
SIGNAL = getattr(signal, sys.argv[1])
def send():
    os.kill(os.getpid(), SIGNAL)
"""


def command(tmp_path: Path, body: str, number: signal.Signals = signal.SIGTERM) -> Ended:
    """A command with this body, in a process of its own."""
    indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
    script = f"{BEGINNING}\ndef command():\n{indented}\nrun_command(command, [])\n"
    return run([sys.executable, "-c", script, number.name, tmp_path], environment(tmp_path))


SAID = {
    signal.SIGTERM: (143, ["error: stopped by SIGTERM; run again, it goes on where it stopped"]),
    signal.SIGINT: (130, ["error: interrupted; run again, it goes on where it stopped"]),
}


@pytest.mark.parametrize("number", SAID)
def test_command_that_an_engine_ends_with_an_error_of_its_own_ends_with_the_signal_s_code(
    tmp_path: Path, number: signal.Signals
) -> None:
    body = """
try:
    send()
    time.sleep(60)
except BaseException:
    raise RuntimeError("Query interrupted")
"""
    ended = command(tmp_path, body, number)
    assert (ended.exit_code, ended.complaints) == SAID[number]


@pytest.mark.parametrize("number", SAID)
def test_command_that_gets_more_signals_cleans_up_all_the_same(tmp_path: Path, number: signal.Signals) -> None:
    body = """
try:
    send()
    time.sleep(60)
finally:
    for number in (signal.SIGTERM, signal.SIGINT, SIGNAL):
        os.kill(os.getpid(), number)
    print("in order")
"""
    ended = command(tmp_path, body, number)
    assert (ended.exit_code, ended.complaints) == SAID[number]
    assert ended.stdout == "in order\n"


def test_signal_in_what_must_not_be_disturbed_is_heeded_behind_it(tmp_path: Path) -> None:
    body = """
with stop_signals.undisturbed():
    send()
    print("in order")
print("not heeded")
"""
    ended = command(tmp_path, body)
    assert (ended.exit_code, ended.complaints, ended.stdout) == (*SAID[signal.SIGTERM], "in order\n")


def test_signal_whose_exception_was_lost_is_heeded_by_the_next_check(tmp_path: Path) -> None:
    body = """
class Lost:
    def __del__(self):
        send()
Lost()
stop_signals.check()
print("not heeded")
"""
    ended = command(tmp_path, body)
    assert (ended.exit_code, ended.stdout) == (143, "")


def test_command_without_a_signal_leaves_the_handlers_as_they_were(tmp_path: Path) -> None:
    script = f"""{BEGINNING}
before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
run_command(lambda: print("done"), [])
assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
"""
    ended = run([sys.executable, "-c", script, "SIGTERM"], environment(tmp_path))
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "done\n", "")


ENGINE_AT_WORK = """
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.engine import choose_engine
from pyspark_interview_project.engines.duckdb import DuckDBEngine
from pyspark_interview_project.storage.commits import CommitMetadata
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.schemas.tables import GOLD_BY_SKU_REASON
choose_engine("embedded")
paths = LakePaths(sys.argv[2])
engine = DuckDBEngine(DeltaTables(paths), paths, "UTC", "500MB", Path(sys.argv[2]) / "scratch")
try:
    engine.ensure_tables()
    hours = engine._view(
        "select 'MUG' as sku, 'damaged' as reason, sum(a.range * b.range % 7)::bigint as return_count, "
        "0::bigint as total_qty, 0::decimal(38,2) as total_amount from range(3000000) a, range(3000000) b"
    )
    threading.Timer(0.1, send).start()
    {call}
finally:
    engine.close()
    print("closed")
"""
CALLS = {
    "materialize": "engine.materialize(hours)",
    "collect": "engine.collect(hours)",
    "overwrite": "engine.overwrite(GOLD_BY_SKU_REASON, hours, CommitMetadata('run', 'stage'))",
}


@pytest.mark.parametrize("call", mostly_full(CALLS, 1))
def test_engine_at_work_for_hours_is_interrupted(tmp_path: Path, call: str) -> None:
    ended = command(tmp_path, ENGINE_AT_WORK.format(call=CALLS[call]))
    assert (ended.exit_code, ended.complaints) == SAID[signal.SIGTERM]
    assert ended.stdout == "closed\n"
    assert list((tmp_path / "scratch").iterdir()) == []


def test_what_heeds_nothing_is_abandoned_with_the_last_words_said(tmp_path: Path) -> None:
    """delta-rs takes its rows in a thread of its own while the main thread waits for it outside of Python."""
    body = """
import pyarrow as pa
from deltalake import write_deltalake
stop_signals._PATIENCE_SECONDS = 0.5
schema = pa.schema([("a", pa.int64())])
def rows():
    for number in range(600):
        time.sleep(0.1)
        yield pa.record_batch([pa.array([number])], schema=schema)
threading.Timer(0.1, send).start()
with stop_signals.last_words(lambda: print("last words", flush=True)):
    write_deltalake(sys.argv[2] + "/table", pa.RecordBatchReader.from_batches(schema, rows()))
"""
    ended = command(tmp_path, body)
    said = ["error: stopped by SIGTERM; what it was at did not end and is abandoned; run again"]
    assert (ended.exit_code, ended.complaints, ended.stdout) == (143, said, "last words\n")
