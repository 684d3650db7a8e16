"""The sections on runs: files set aside, the law, reasons, gates, stages, tables, and how the last runs went."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, localcontext

from pyspark_interview_project.metrics.recorded_runs import RecordedRun
from pyspark_interview_project.metrics.run_record import FAILED, NO_NEW_DATA, SUCCEEDED, FileRecord, StageRecord
from pyspark_interview_project.report.sections import EXACT_DIGITS, Bars, Column, Section, Series
from pyspark_interview_project.schemas.outcomes import EXCLUDED, OUTCOMES

RUNS_SHOWN, FILES_SHOWN = 30, 50
_NOT_RECORDED = "–"
_COLOUR_OF_STATUS = {SUCCEEDED: "good", FAILED: "bad", NO_NEW_DATA: "idle"}
_COLOUR_OF_OUTCOME = dict(zip(OUTCOMES, ("hue-0", "hue-1", "hue-2", "hue-3", "bad", "idle"), strict=True))


def moment(time: datetime) -> str:
    """A time as it reads the same in any time zone."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def run_sections(runs: Sequence[RecordedRun]) -> list[Section]:
    """The sections on runs, which are in the order of their ends. A part that no run has, has no section."""
    looked = next((run for run in reversed(runs) if run.has_looked), None)
    sections = _rejected(looked) if looked else []
    for run in reversed(runs):
        if (stage := _reading_stage(run)) is not None:
            sections += [_law(run, stage), *_reasons(run, stage), *_warned(run, stage)]
            break
    parts: list[tuple[str, Callable[[RecordedRun], Section]]]
    parts = [("gates", _gates), ("stages", _stages), ("tables", _tables)]
    for part, section in parts:
        if (last := next((run for run in reversed(runs) if getattr(run, part)), None)) is not None:
            sections.append(section(last))
    sections += _ignored(looked) if looked else []
    return [*sections, _runs(runs[-RUNS_SHOWN:], len(runs))] if runs else []


def _source(run: RecordedRun) -> str:
    return f"Of run {run.run_id}, {_words(run.status)} at {moment(run.finished_at)}."


def _words(status: str) -> str:
    return status.replace("_", " ")


def _reading_stage(run: RecordedRun) -> StageRecord | None:
    return next((stage for stage in run.stages if stage.rows_read), None)


def _number(number: int | Decimal | None) -> str:
    return _NOT_RECORDED if number is None else f"{number:,}"


def _rejected(run: RecordedRun) -> list[Section]:
    advice = "Nothing of them is in the tables. Mend, remove or skip (skip_files) each; the next run looks again."
    return _files("rejected", "Files that were set aside", run, run.files_rejected, advice)


def _ignored(run: RecordedRun) -> list[Section]:
    advice = "Nothing of them is in the tables. A file whose name is a known one is taken by the next run."
    return _files("ignored", "Files that were ignored", run, run.files_ignored, advice)


def _files(name: str, title: str, run: RecordedRun, files: Sequence[FileRecord], advice: str) -> list[Section]:
    """A section on landed files that were not taken; none where there are no such files."""
    if not files:
        return []
    columns = (Column("file", "text"), Column("problem", "text"))
    rows = [(file.path, file.problem) for file in files[:FILES_SHOWN]]
    rest = len(files) - len(rows)
    notes = (_source(run), advice, *([f"And {rest:,} more files; the run record has them all."] if rest else []))
    return [Section(name, title, columns, rows, notes, is_wide=True)]


def _law(run: RecordedRun, stage: StageRecord) -> Section:
    amounts = {term: Decimal(text) for term, text in stage.amounts.items()}
    if amounts and stage.rows_by_term[EXCLUDED] == 0:  # also in a record from before there were feeds
        amounts.setdefault(EXCLUDED, Decimal("0.00"))
    rows = {"read": stage.rows_read, **stage.rows_by_term}
    verdict, holds = _verdict(run, stage, amounts)
    return Section(
        "law",
        "Where every row ended",
        (Column("term", "text"), Column("rows"), Column("amount")),
        [(term, _number(number), _number(amounts.get(term))) for term, number in rows.items()],
        (_source(run), "Amounts are of the rows whose amount is readable.", *_ambiguity(stage)),
        verdict=verdict,
        holds=holds,
    )


def _ambiguity(stage: StageRecord) -> list[str]:
    if not stage.returns_ambiguous:
        return []
    found = "1 return is" if stage.returns_ambiguous == 1 else f"{stage.returns_ambiguous:,} returns are"
    return [f"{found} ambiguous: two versions have one ingest_ts and differ. Most often the key is too short."]


def _verdict(run: RecordedRun, stage: StageRecord, amounts: Mapping[str, Decimal]) -> tuple[str, bool]:
    """What the terms of a stage prove, and whether the law holds."""
    if not stage.is_committed:
        if run.status == FAILED:
            return "The run was stopped before every row had ended somewhere.", False
        return "The record does not say where every row ended.", False
    missing_rows = (stage.rows_read or 0) - sum(stage.rows_by_outcome.values())
    has_amounts = amounts.keys() >= {"read", *OUTCOMES}
    with localcontext(prec=EXACT_DIGITS):
        missing_amount = amounts["read"] - sum(amounts[outcome] for outcome in OUTCOMES) if has_amounts else Decimal(0)
    if missing_rows or missing_amount:
        return f"The law does not hold: {missing_rows:,} rows and an amount of {missing_amount:,} are missing.", False
    return "read = " + " + ".join(OUTCOMES) + (", also for amounts." if has_amounts else "."), True


def _reasons(run: RecordedRun, stage: StageRecord) -> list[Section]:
    if not stage.rows_quarantined:
        return []
    by_rows = sorted(stage.quarantined_by_reason.items(), key=lambda found: (-found[1], found[0]))
    rows = [(reason, f"{number:,}") for reason, number in by_rows]
    columns = (Column("reason", "text"), Column("rows"))
    notes = (_source(run), f"A row may have several reasons; {stage.rows_quarantined:,} rows were quarantined.")
    return [Section("reasons", "Why rows were quarantined", columns, rows, notes)]


def _warned(run: RecordedRun, stage: StageRecord) -> list[Section]:
    if not stage.warned_by_rule:
        return []
    by_rows = sorted(stage.warned_by_rule.items(), key=lambda found: (-found[1], found[0]))
    rows = [(rule, f"{number:,}") for rule, number in by_rows]
    notes = (_source(run), "These rules only warn: the rows were kept. A row may break several.")
    return [
        Section("warned", "Rows that were kept with a warning", (Column("rule", "text"), Column("rows")), rows, notes)
    ]


def _gates(run: RecordedRun) -> Section:
    columns = (Column("gate", "text"), Column("outcome", "state"), Column("value"), Column("limit"))
    rows = [(gate.name, gate.status, f"{gate.value:,}", f"{gate.limit:,}") for gate in run.gates]
    notes = [_source(run)]
    if any(gate.status == "not_judged" for gate in run.gates):
        notes.append("A gate that says not_judged had too little to judge: it neither passed nor failed.")
    return Section("gates", "Quality gates", columns, rows, notes)


def _stages(run: RecordedRun) -> Section:
    columns = (Column("stage", "text"), Column("seconds"), Column("rows read"), Column("rows written"))
    rows = [
        (stage.name, f"{stage.duration_sec:,.3f}", _number(stage.rows_read), f"{stage.rows:,}") for stage in run.stages
    ]
    return Section("stages", "How long each stage took", columns, rows, (_source(run),))


def _tables(run: RecordedRun) -> Section:
    columns = (Column("table", "text"), Column("version"), Column("rows"), Column("bytes"))
    rows = [(name, f"{table.version:,}", f"{table.rows:,}", f"{table.bytes:,}") for name, table in run.tables.items()]
    return Section("tables", "The tables", columns, rows, (f"As they were at the end. {_source(run)}",), is_wide=True)


def _runs(runs: Sequence[RecordedRun], in_all: int) -> Section:
    figures = ("exit", "seconds", "rows read", *OUTCOMES, "warnings")
    columns = (Column("ended (UTC)", "text"), Column("status", "state"), *map(Column, figures), Column("run", "id"))
    rows = []
    for run in reversed(runs):
        stage = _reading_stage(run)
        numbers = (stage.rows_read, *stage.rows_by_term.values()) if stage else (0,) * (1 + len(OUTCOMES))
        ended = moment(run.finished_at).removesuffix(" UTC")
        told = (f"{run.exit_code}", f"{run.seconds:,.3f}", *map(_number, numbers), f"{len(run.warnings)}")
        rows.append((ended, run.status, *told, run.run_id))
    note = f"The last {len(runs)} of {in_all:,} runs on record, the newest first."
    return Section("runs", "The last runs", columns, rows, (note,), (_durations(runs), _volumes(runs)), is_wide=True)


def _ends(runs: Sequence[RecordedRun]) -> list[str]:
    return [f"{run.finished_at.astimezone(UTC):%m-%d %H:%M}" for run in runs]


def _durations(runs: Sequence[RecordedRun]) -> Bars:
    series = [
        Series(_words(status), colour, [run.seconds if run.status == status else 0.0 for run in runs])
        for status, colour in _COLOUR_OF_STATUS.items()
    ]
    return Bars("Seconds of each run", _ends(runs), series)


def _volumes(runs: Sequence[RecordedRun]) -> Bars:
    stages = [_reading_stage(run) for run in runs]
    series = [
        Series(outcome, colour, [float((stage and stage.rows_by_term[outcome]) or 0) for stage in stages])
        for outcome, colour in _COLOUR_OF_OUTCOME.items()
    ]
    return Bars("Rows read by each run, by where they ended", _ends(runs), series)
