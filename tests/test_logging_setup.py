"""Logs: one line of JSON on stderr for each event, with the run and the stage; plain text for a person."""

from __future__ import annotations

import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from pyspark_interview_project import logging_setup
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.logging_setup import configure_logging, set_run_id, set_trace, stage_in_logs

OURS = "pyspark_interview_project.somewhere"


@pytest.fixture(autouse=True)
def restored_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Loggers, handlers and correlation ids as they were before the test."""
    root, ours = logging.getLogger(), logging.getLogger("pyspark_interview_project")
    before = root.handlers[:], root.level, ours.level, logging_setup._of_process.copy()
    logging.captureWarnings(False)
    yield
    logging.captureWarnings(False)
    root.handlers[:], root.level, ours.level = before[:3]
    logging_setup._of_process.clear()
    logging_setup._of_process.update(before[3])


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines on stderr; stdout must be empty."""
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_configure_logging_line_is_json_with_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", for_a_person=False)
    set_run_id("run-1")
    with stage_in_logs("bronze_to_silver"):
        logging.getLogger(OURS).info("read %d rows", 3, extra={"rows": 3})
    [line] = logged(capsys)
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo is not None
    assert line == {
        "level": "INFO",
        "logger": OURS,
        "message": "read 3 rows",
        "run_id": "run-1",
        "stage": "bronze_to_silver",
        "rows": 3,
    }


def test_configure_logging_line_outside_a_stage_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", for_a_person=False)
    with stage_in_logs("bronze_to_silver"):
        pass
    logging.getLogger(OURS).info("done")
    assert [line["stage"] for line in logged(capsys)] == [None]


def test_stage_in_logs_stage_inside_a_stage_ends_where_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", for_a_person=False)
    with stage_in_logs("outer"):
        with pytest.raises(ValueError), stage_in_logs("inner"):
            raise ValueError
        logging.getLogger(OURS).info("done")
    assert [line["stage"] for line in logged(capsys)] == ["outer"]


def test_configure_logging_exception_keeps_its_traceback_in_the_same_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", for_a_person=False)
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger(OURS).exception("failed")
    [line] = logged(capsys)
    assert line["exc_info"].startswith("Traceback") and line["exc_info"].endswith("ValueError: broken")


HOSTILE = "a\nb\r\x1b[2J\x85\u2028\u2029\u202e\x9b1m\x00é\ud800"


def test_configure_logging_line_ends_and_control_characters_stay_in_one_line_of_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("INFO", for_a_person=False)
    set_run_id(HOSTILE)
    with stage_in_logs(HOSTILE):
        logging.getLogger(OURS).warning("%s", HOSTILE, extra={HOSTILE: {HOSTILE: [HOSTILE]}})
    captured = capsys.readouterr().err
    assert captured.isascii() and captured.removesuffix("\n").isprintable()
    line = json.loads(captured)
    assert [line["message"], line["run_id"], line["stage"], line[HOSTILE]] == [HOSTILE] * 3 + [{HOSTILE: [HOSTILE]}]


def test_configure_logging_exception_of_a_library_is_logged_without_its_message(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("INFO", for_a_person=False)
    try:
        try:
            raise json.JSONDecodeError("C-1 is no JSON", "C-1", 0)
        except ValueError as error:
            raise ConfigurationError("settings", "broken") from error
    except ConfigurationError:
        logging.getLogger(OURS).exception("failed")
    [line] = logged(capsys)
    cause, error_itself = line["exc_info"].split("\n\n")
    assert cause.startswith("Traceback") and cause.endswith("\nJSONDecodeError")
    assert error_itself.startswith("Traceback") and error_itself.endswith("\nConfigurationError: settings: broken")


def test_configure_logging_exception_that_is_its_own_cause_is_logged_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", for_a_person=False)
    try:
        error = ValueError("broken")
        raise error from error
    except ValueError:
        logging.getLogger(OURS).exception("failed")
    [line] = logged(capsys)
    assert line["exc_info"].count("ValueError: broken") == 1


def test_configure_logging_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("WARNING", for_a_person=False)
    logging.getLogger(OURS).info("a detail")
    logging.getLogger(OURS).warning("look at this")
    assert [line["message"] for line in logged(capsys)] == ["look at this"]


def test_configure_logging_libraries_are_heard_from_warning_on_and_correlated(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("DEBUG", for_a_person=False)
    set_run_id("run-1")
    logging.getLogger("some.library").info("about itself")
    logging.getLogger("some.library").warning("deprecated")
    assert [(line["message"], line["run_id"]) for line in logged(capsys)] == [("deprecated", "run-1")]


@pytest.mark.filterwarnings("default")
def test_configure_logging_warnings_of_python_are_lines_of_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", for_a_person=False)
    set_run_id("run-1")
    warnings.warn("soon to be gone", FutureWarning, stacklevel=1)
    [line] = logged(capsys)
    assert (line["level"], line["run_id"]) == ("WARNING", "run-1")
    assert "FutureWarning: soon to be gone" in line["message"]


def test_set_run_id_is_in_lines_of_other_threads_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", for_a_person=False)
    set_run_id("run-1")
    thread = threading.Thread(target=logging.getLogger(OURS).warning, args=("the lock was not renewed",))
    thread.start()
    thread.join()
    assert [line["run_id"] for line in logged(capsys)] == ["run-1"]


TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"  # pragma: allowlist secret


def trace_in_a_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What a log line says of a trace."""
    configure_logging("INFO", for_a_person=False)
    logging.getLogger(OURS).info("done")
    [line] = logged(capsys)
    return {key: value for key, value in line.items() if "trace" in key or "span" in key}


@pytest.mark.parametrize(
    "traceparent",
    [f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00", f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-x"],
)
def test_set_trace_is_in_every_line(capsys: pytest.CaptureFixture[str], traceparent: str) -> None:
    set_trace(traceparent)
    assert trace_in_a_line(capsys) == {"trace_id": TRACE, "parent_span_id": SPAN}


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        "-",
        TRACE,
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"00-{TRACE}-{SPAN}-0A",
        f"0A-{TRACE}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}0-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-x",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-011",
        f"01-{TRACE}-{SPAN}-01x",
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00-{TRACE[:-1]}\u0663-{SPAN}-01",
    ],
)
def test_set_trace_that_is_none_is_ignored_and_ends_an_earlier_one(
    capsys: pytest.CaptureFixture[str], traceparent: str | None
) -> None:
    set_trace(f"00-{TRACE}-{SPAN}-01")
    set_trace(traceparent)
    assert trace_in_a_line(capsys) == {}


def test_configure_logging_called_twice_writes_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", for_a_person=False)
    configure_logging("INFO", for_a_person=False)
    logging.getLogger(OURS).info("once")
    assert [line["message"] for line in logged(capsys)] == ["once"]


def test_configure_logging_for_a_person_is_plain_text_without_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging_setup.console(), "_file", sys.stderr)
    configure_logging("INFO", for_a_person=True)
    logging.getLogger(OURS).info("took [red]3[/red] rows")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "INFO" in captured.err and "took [red]3[/red] rows" in captured.err
    assert not captured.err.lstrip().startswith("{")


def test_configure_logging_for_a_person_shows_control_characters_and_obeys_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging_setup.console(), "_file", sys.stderr)
    monkeypatch.setattr(logging_setup.console(), "_width", 200)
    configure_logging("INFO", for_a_person=True)
    logging.getLogger(OURS).info("took %s", HOSTILE)
    captured = capsys.readouterr().err
    assert captured.removesuffix("\n").isprintable()
    assert r"took a\nb\r\x1b[2J\x85\u2028\u2029\u202e\x9b1m\x00é\ud800" in captured
