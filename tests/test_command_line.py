"""The edge of every command: how it is prepared, and how it ends."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from uuid import UUID

import pytest

from commands import as_a_process, environment, module, returns, run
from landing import write_text
from pyspark_interview_project import __version__
from pyspark_interview_project.command_line import prepare, run_command
from pyspark_interview_project.errors import ConfigurationError, RejectedFilesError

RUN_ID = "6f0a2c44-6d0e-4bb5-9f36-1f3f3a1d5b0e"

PRINTS_A_LOT = """
import sys
from pathlib import Path
from pyspark_interview_project.command_line import run_command
def command():
    for number in range(5_000):
        print("line", number)
        print("remark", number, file=sys.stderr)
    Path(sys.argv[1]).touch()
run_command(command, [])
"""


def test_prepare_takes_the_options_over_the_environment_and_keeps_the_run_id() -> None:
    with as_a_process({"SPARK_TZ": "Asia/Tokyo"}):
        settings = prepare({"app_env": "test", "spark_tz": "Europe/Berlin"}, RUN_ID)
    assert (settings.app_env, settings.spark_tz) == ("test", "Europe/Berlin")


def test_prepare_puts_the_run_id_into_log_lines_and_makes_one_where_none_is_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def logged(run_id: str | None) -> str:
        with as_a_process({}):
            prepare({"app_env": "test"}, run_id)
            logging.getLogger("pyspark_interview_project.test").info("hello")
        return str(json.loads(capsys.readouterr().err)["run_id"])

    assert logged(RUN_ID) == RUN_ID
    assert UUID(logged(None)) != UUID(logged(None))


def test_prepare_run_id_that_is_no_uuid_is_refused() -> None:
    with as_a_process({}), pytest.raises(ConfigurationError, match="--run-id: must be a UUID, not 7"):
        prepare({"app_env": "test"}, "7")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_command_whose_readers_leave_early_does_its_work_and_ends_well(tmp_path: Path, unbuffered: str) -> None:
    pipeline = 'set -o pipefail; "$@" 2>&1 | head -n 0'
    command = ["bash", "-c", pipeline, "bash", sys.executable, "-c", PRINTS_A_LOT, tmp_path / "done"]
    ended = run(command, environment(tmp_path, PYTHONUNBUFFERED=unbuffered))
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "", "")
    assert (tmp_path / "done").exists()


def test_plan_whose_reader_leaves_early_ends_with_0_and_says_nothing(tmp_path: Path) -> None:
    write_text(tmp_path / "bronze" / "returns_raw" / "a.jsonl", "{}\n")
    pipeline = 'set -o pipefail; "$1" -m pyspark_interview_project plan | head -n 0'
    ended = run(["bash", "-c", pipeline, "bash", sys.executable], environment(tmp_path))
    assert (ended.exit_code, ended.stdout, ended.complaints) == (0, "", [])


def test_command_whose_output_finds_no_space_exits_5_with_one_line(tmp_path: Path) -> None:
    script = "from pyspark_interview_project.command_line import run_command; run_command(lambda: print('x'), [])"
    ended = run(["bash", "-c", '"$1" -c "$2" > /dev/full', "bash", sys.executable, script], environment(tmp_path))
    assert (ended.exit_code, ended.stderr) == (5, "error: [Errno 28] No space left on device\n")


def test_command_that_set_files_aside_has_a_line_for_each_and_no_path_makes_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command() -> None:
        with_key = "s3://me:key@b/c.csv"  # pragma: allowlist secret
        raise RejectedFilesError({"a\nerror: all is lost.csv": "UTF-16", with_key: "cut short\x1b[2J"})

    with as_a_process({}), pytest.raises(SystemExit) as ended:
        run_command(command, [])
    assert ended.value.code == 4
    assert capsys.readouterr().err.splitlines() == [
        "error: 2 landed files were set aside, all others are done; mend, remove or skip (skip_files) each, "
        "then run again",
        r"  a\nerror: all is lost.csv: UTF-16",
        r"  s3://***@b/c.csv: cut short\x1b[2J",
    ]


def test_version_is_printed_by_the_command_and_by_the_module(tmp_path: Path) -> None:
    for ended in (returns(tmp_path, "--version"), module(tmp_path, "pyspark_interview_project", "--version")):
        assert (ended.exit_code, ended.stdout, ended.stderr) == (0, f"{__version__}\n", "")
