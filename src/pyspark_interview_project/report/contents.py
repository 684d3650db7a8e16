"""What a report says, on a page as in a terminal: facts of the last run, problems, warnings, and sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.metrics.recorded_runs import RecordedRun, ends_in_order
from pyspark_interview_project.metrics.run_record import FAILED, NO_NEW_DATA, RECOVERY_KINDS, SUCCEEDED
from pyspark_interview_project.report.gold import Gold
from pyspark_interview_project.report.gold_sections import gold_sections
from pyspark_interview_project.report.run_sections import moment, run_sections
from pyspark_interview_project.report.sections import Section, first_lines

_HEADLINES = {
    SUCCEEDED: "The last run succeeded",
    NO_NEW_DATA: "The last run found nothing new",
    FAILED: "The last run failed",
}


@dataclass(frozen=True)
class Report:
    """A report. `state` is the status of the last run, empty where no run is on record; `facts` are of that run."""

    state: str
    headline: str
    facts: Mapping[str, str]
    problems: Sequence[str]
    warnings: Sequence[str]
    sections: Sequence[Section]
    root: str
    made: str


def report_of(
    lake: LakePaths, recorded: Sequence[RecordedRun], malformed: Mapping[str, str], gold: Gold, now: datetime
) -> Report:
    """The report on a lake. `malformed` says by name what is wrong with files that record no run."""
    ends = [run for run in ends_in_order(recorded) if run.kind not in RECOVERY_KINDS]
    runs = [run for run in ends if run.complete]
    last = runs[-1] if runs else None
    unfinished = [run for run in ends if not run.complete and (last is None or run.finished_at > last.finished_at)]
    problems = [_unfinished(run) for run in unfinished]
    problems += [f"{name} is no run record and is left out: {problem}" for name, problem in malformed.items()]
    problems += [*gold.problems, *_strange_versions(runs, gold)]
    return Report(
        state=last.status if last else "",
        headline=_headline(last) if last else "There are no runs on record",
        facts=_facts(last, runs) if last else {},
        problems=first_lines(problems),
        warnings=first_lines(last.warnings) if last else [],
        sections=[section.limited for section in (*run_sections(runs), *gold_sections(gold))],
        root=lake.root,
        made=moment(now),
    )


def _headline(last: RecordedRun) -> str:
    """How the last run ended. One that set files aside has done all others, and its exit code is not 0."""
    files = len(last.files_rejected)
    aside = "1 landed file is" if files == 1 else f"{files:,} landed files are"
    return f"{_HEADLINES[last.status]}; {aside} set aside" if files else _HEADLINES[last.status]


def _unfinished(run: RecordedRun) -> str:
    stages = ", ".join(stage.name for stage in run.stages)
    return (
        f"run {run.run_id} is at work, or was stopped between its stages: it has {stages} of {moment(run.finished_at)}"
    )


def _facts(last: RecordedRun, runs: Sequence[RecordedRun]) -> dict[str, str]:
    good = [run for run in runs if run.status != FAILED]
    told = {
        "why it failed": last.error if last.status == FAILED else None,
        "run": last.run_id,
        "ended": moment(last.finished_at),
        "took": f"{last.seconds:,.3f} s",
        "exit code": str(last.exit_code),
        "last good end": moment(good[-1].finished_at) if good else "none on record",
        "date of the run": last.as_of,
        "batch": last.batch_id,
        "engine": last.engine,
        "settings": last.app_env,
        "version": last.version,
    }
    return {name: value for name, value in told.items() if value}


def _strange_versions(runs: Sequence[RecordedRun], gold: Gold) -> list[str]:
    """Gold tables that have another version than the last record says."""
    recorded = next((run for run in reversed(runs) if run.tables), None)
    if recorded is None:
        return []
    return [
        f"{name} is at version {version}, the last record says {recorded.tables[name].version}: a run is at work, "
        "or one ended without its record"
        for name, version in gold.versions.items()
        if name in recorded.tables and recorded.tables[name].version != version
    ]
