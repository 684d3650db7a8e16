"""What run records say: the law, reasons, gates, stages, tables, and how the last runs went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, localcontext

from pyspark_interview_project.metrics.recorded_runs import RecordedRun
from pyspark_interview_project.metrics.run_record import FAILED, NO_NEW_DATA, STATUSES, SUCCEEDED, StageRecord
from pyspark_interview_project.report.sections import Bars, Column, Section, Series
from pyspark_interview_project.schemas.outcomes import OUTCOMES

RUNS_SHOWN = 30
_DIGITS = 80
_NOT_RECORDED = "–"
_COLOUR_OF_STATUS = {SUCCEEDED: "good", FAILED: "bad", NO_NEW_DATA: "idle"}
_COLOUR_OF_OUTCOME = dict(zip(OUTCOMES, ("hue-0", "hue-1", "hue-2", "hue-3", "bad"), strict=True))


def moment(time: datetime) -> str:
    """A time as people in any time zone read it alike."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def run_sections(runs: Sequence[RecordedRun]) -> list[Section]:
    """The sections on runs, which are in the order in which they ended. What no run had has no section."""
    sections = []
    if reading := next((run for run in reversed(runs) if _reading_stage(run)), None):
        sections += [_law(reading), *_reasons(reading)]
    if validated := next((run for run in reversed(runs) if run.gates), None):
        sections.append(_gates(validated))
    if staged := next((run for run in reversed(runs) if run.stages), None):
        sections.append(_stages(staged))
    if settled := next((run for run in reversed(runs) if run.tables), None):
        sections.append(_tables(settled))
    return [*sections, _runs(runs[-RUNS_SHOWN:], len(runs))] if runs else []


def _of(run: RecordedRun) -> str:
    return f"Of run {run.run_id}, {run.status.replace('_', ' ')} at {moment(run.finished_at)}."


def _reading_stage(run: RecordedRun) -> StageRecord | None:
    return next((stage for stage in run.stages if stage.rows_read), None)


def _rows(number: int | None) -> str:
    return _NOT_RECORDED if number is None else f"{number:,}"


def _law(run: RecordedRun) -> Section:
    stage = _reading_stage(run)
    assert stage is not None and stage.rows_read is not None
    terms = {outcome: getattr(stage, f"rows_{outcome}") for outcome in OUTCOMES}
    amounts = {term: Decimal(text) for term, text in stage.amounts.items()}
    rows = [(term, _rows(number), _amount(amounts.get(term))) for term, number in terms.items()]
    table = [("read", _rows(stage.rows_read), _amount(amounts.get("read"))), *rows]
    if None in terms.values():
        stopped = "The run was stopped before every row had ended somewhere."
        verdict = stopped if run.status == FAILED else "The record does not say where every row ended."
        return _law_section(run, table, verdict, False)
    missing_rows = stage.rows_read - sum(terms.values())
    told = amounts.keys() >= {"read", *OUTCOMES}
    with localcontext(prec=_DIGITS):
        missing_amount = amounts["read"] - sum(amounts[outcome] for outcome in OUTCOMES) if told else Decimal(0)
    if missing_rows or missing_amount:
        verdict = f"The law does not hold: {missing_rows:,} rows and an amount of {missing_amount:,} are missing."
        return _law_section(run, table, verdict, False)
    return _law_section(run, table, "read = " + " + ".join(OUTCOMES) + (", also for amounts." if told else "."), True)


def _law_section(run: RecordedRun, rows: Sequence[Sequence[str]], verdict: str, holds: bool) -> Section:
    columns = (Column("term", "text"), Column("rows"), Column("amount"))
    notes = (_of(run), "Amounts are of the rows whose amount is readable.")
    return Section("law", "Where every row ended", columns, rows, notes, verdict=verdict, holds=holds)


def _amount(amount: Decimal | None) -> str:
    return _NOT_RECORDED if amount is None else f"{amount:,}"


def _reasons(run: RecordedRun) -> list[Section]:
    stage = _reading_stage(run)
    assert stage is not None
    if not stage.rows_quarantined:
        return []
    by_rows = sorted(stage.quarantined_by_reason.items(), key=lambda found: (-found[1], found[0]))
    rows = [(reason, f"{number:,}") for reason, number in by_rows]
    columns = (Column("reason", "text"), Column("rows"))
    notes = (_of(run), f"A row may have several reasons; {stage.rows_quarantined:,} rows were quarantined.")
    return [Section("reasons", "Why rows were quarantined", columns, rows, notes)]


def _gates(run: RecordedRun) -> Section:
    columns = (Column("gate", "text"), Column("outcome", "state"), Column("value"), Column("limit"))
    rows = [(gate.name, gate.status, f"{gate.value:,}", f"{gate.limit:,}") for gate in run.gates]
    return Section("gates", "Quality gates", columns, rows, (_of(run),))


def _stages(run: RecordedRun) -> Section:
    columns = (Column("stage", "text"), Column("seconds"), Column("rows read"), Column("rows written"))
    rows = [
        (stage.name, f"{stage.duration_sec:,.3f}", _rows(stage.rows_read), f"{stage.rows:,}") for stage in run.stages
    ]
    return Section("stages", "How long each stage took", columns, rows, (_of(run),))


def _tables(run: RecordedRun) -> Section:
    columns = (Column("table", "text"), Column("version"), Column("rows"), Column("bytes"))
    rows = [(name, f"{table.version:,}", f"{table.rows:,}", f"{table.bytes:,}") for name, table in run.tables.items()]
    return Section("tables", "The tables", columns, rows, (f"At the end. {_of(run)}",), is_wide=True)


def _runs(runs: Sequence[RecordedRun], in_all: int) -> Section:
    columns = (
        *(
            Column("ended (UTC)", "text"),
            Column("status", "state"),
            Column("exit"),
            Column("seconds"),
            Column("rows read"),
        ),
        *(Column(outcome) for outcome in OUTCOMES),
        *(Column("warnings"), Column("run", "id")),
    )
    rows = []
    for run in reversed(runs):
        stage = _reading_stage(run)
        outcomes = [_rows(getattr(stage, f"rows_{outcome}")) if stage else "0" for outcome in OUTCOMES]
        figures = (f"{run.exit_code}", f"{run.seconds:,.3f}", _rows(stage.rows_read) if stage else "0", *outcomes)
        rows.append(
            (moment(run.finished_at).removesuffix(" UTC"), run.status, *figures, f"{len(run.warnings)}", run.run_id)
        )
    note = f"The last {len(runs)} of {in_all:,} runs on record, the newest first."
    charts = (_durations(runs), _volumes(runs))
    return Section("runs", "The last runs", columns, rows, (note,), charts, is_wide=True)


def _ends(runs: Sequence[RecordedRun]) -> list[str]:
    return [f"{run.finished_at.astimezone(UTC):%m-%d %H:%M}" for run in runs]


def _durations(runs: Sequence[RecordedRun]) -> Bars:
    series = [
        Series(
            status.replace("_", " "),
            _COLOUR_OF_STATUS[status],
            [run.seconds if run.status == status else 0.0 for run in runs],
        )
        for status in STATUSES
    ]
    return Bars("Seconds of each run", _ends(runs), series)


def _volumes(runs: Sequence[RecordedRun]) -> Bars:
    stages = [_reading_stage(run) for run in runs]
    series = [
        Series(
            outcome,
            _COLOUR_OF_OUTCOME[outcome],
            [float((stage and getattr(stage, f"rows_{outcome}")) or 0) for stage in stages],
        )
        for outcome in OUTCOMES
    ]
    return Bars("Rows read by each run, by where they ended", _ends(runs), series)
