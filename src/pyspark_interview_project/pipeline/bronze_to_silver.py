"""Bronze to silver: landed files are read and validated; rejected rows go to quarantine, the newest versions to silver.

A batch is read once. Its counts, the law and the quality gates come before silver takes a row, and each write can be
repeated without effect.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pyspark_interview_project.command_line import main_of
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.base import Engine
from pyspark_interview_project.errors import QualityGateError, UnreadableInputError, VerificationError
from pyspark_interview_project.metrics.law import LawTerms
from pyspark_interview_project.pipeline.checks import changes_by_others, check_commit, check_tables_stand
from pyspark_interview_project.pipeline.gates import quarantine_gate, volume_gate
from pyspark_interview_project.pipeline.ledger import Batch, Checkpoint, TablesAfter
from pyspark_interview_project.pipeline.options import (
    AcceptQuarantinedOption,
    AsOfOption,
    EngineOption,
    RunIdOption,
    SkipFileOption,
)
from pyspark_interview_project.pipeline.plan import BatchPlan, abandon, go_on_or_end, is_in_silver, next_batch
from pyspark_interview_project.pipeline.run_context import LANDED_FILES, RunContext, run_context, stage
from pyspark_interview_project.pipeline.summary import print_summary
from pyspark_interview_project.schemas.outcomes import OUTCOMES
from pyspark_interview_project.schemas.tables import QUARANTINE, SILVER
from pyspark_interview_project.sources.discovery import changed_files
from pyspark_interview_project.storage.commits import Written
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.transforms.deduplicate import (
    accepted,
    count_outcomes,
    count_read,
    count_reasons,
    deduplicate,
    known_ids,
    repeated_ids,
    upserts,
)
from pyspark_interview_project.transforms.quarantine import quarantine_slice
from pyspark_interview_project.transforms.validate import validate

logger = logging.getLogger(__name__)

STAGE = "bronze_to_silver"
# A version may be newer than its batch by as much: clocks and zones differ.
_AHEAD = timedelta(days=1)


@dataclass(frozen=True)
class ClassifiedBatch:
    """A batch whose rows are validated and compared with silver, and what it comes to."""

    validated: DataFrame
    returns: DataFrame
    conflicting_ids: DataFrame
    deduplicated: DataFrame
    terms: LawTerms
    quarantined_by_reason: dict[str, int]
    files: list[dict[str, Any]]

    def as_record(self) -> dict[str, Any]:
        return {**self.terms.as_record(), "quarantined_by_reason": self.quarantined_by_reason, "files": self.files}


def bronze_to_silver(run: RunContext, planned: BatchPlan | None = None) -> bool:
    """Process every batch there is: first the one that was not finished, then new ones until no file is left.

    `planned` is what was just planned. Returns whether there was a batch.
    """
    with stage(run, STAGE, reads=[LANDED_FILES], writes=[SILVER, QUARANTINE]) as figures:
        check_tables_stand(run.tables, run.ledger)
        run.warn(*changes_by_others(run.tables, run.ledger))
        terms, reasons, has_work = LawTerms.none(), Counter[str](), False
        figures.update(terms.as_record(), quarantined_by_reason=reasons)
        while batch := next_batch(run, planned):
            planned, has_work = None, True
            run.record.batch_id = batch.batch_id
            done = _process(run, batch, figures)
            terms += LawTerms.from_record(done)
            reasons.update(done["quarantined_by_reason"])
            run.record.files += done["files"]
            rows = terms.rows["inserted"] + terms.rows["updated"]
            figures.update(terms.as_record(), quarantined_by_reason=reasons, rows=rows)
    return has_work


def classify(engine: Engine, tables: DeltaTables, batch: Batch, silver_version: int | None) -> ClassifiedBatch:
    """Read and validate a batch, compare it with a version of silver (None: there is none), and count.

    Writes to no table. Raises UnreadableInputError, and VerificationError where the law does not hold.
    """
    rules = batch.as_of, batch.planned_at + _AHEAD
    deliveries = engine.read_landed(batch.files)
    validated = engine.materialize(
        *[engine.transform(validate, delivery.frame, delivery.kinds, *rules) for delivery in deliveries]
    )
    returns = engine.transform(accepted, validated)
    has_rows = silver_version is not None and tables.facts(SILVER, silver_version).rows > 0
    silver = engine.read(SILVER, silver_version) if has_rows else None
    known = [engine.transform(known_ids, returns, silver)] if silver is not None else []
    conflicting_ids = engine.materialize(engine.transform(repeated_ids, returns), *known)
    deduplicated = engine.materialize(engine.transform(deduplicate, returns, silver, conflicting_ids))

    delivered = engine.rows_delivered()
    read = engine.collect(engine.transform(count_read, validated))
    counted = engine.transform(count_outcomes, validated, conflicting_ids, deduplicated)
    outcomes = {row["outcome"]: row for row in engine.collect(counted)}
    terms = LawTerms(
        rows_read=sum(delivered[file.path] for file in batch.files),
        rows={name: outcomes[name]["rows"] if name in outcomes else 0 for name in OUTCOMES},
        amount_read=_sum_of(read),
        amounts={name: _sum_of([outcomes[name]] if name in outcomes else []) for name in OUTCOMES},
    )
    terms.check()
    reasons = {row["reason"]: row["rows"] for row in engine.collect(engine.transform(count_reasons, validated))}
    by_frequency = dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
    figures = [{"path": file.path, "bytes": file.size, "rows": delivered[file.path]} for file in batch.files]
    return ClassifiedBatch(validated, returns, conflicting_ids, deduplicated, terms, by_frequency, figures)


def _sum_of(rows: Iterable[Mapping[str, Any]]) -> Decimal:
    return sum((row["amount"] for row in rows if row["amount"] is not None), Decimal("0.00"))


def _process(run: RunContext, batch: Batch, figures: dict[str, Any]) -> Mapping[str, Any]:
    """Take one batch to its end. Returns the figures of its checkpoint; `figures` say why where a gate stops it."""
    run.engine.ensure_tables()
    if batch.checkpoint and is_in_silver(run.tables, batch):
        logger.info("silver has all of batch %s already", batch.batch_id)
        return _commit(run, batch, batch.checkpoint)
    classified = _classified(run, batch)
    _quarantine(run, batch, classified)
    if not figures["rows_read"]:  # else the figures are those of the batches that this run has committed
        _record_as_validated(figures, classified)
    _check_gates(run, classified)
    rows = classified.terms.rows
    expected = Written(None, rows["inserted"], rows["updated"])
    before = run.tables.facts(SILVER)
    commits = 1 if expected.inserted + expected.updated else 0
    silver_id = run.tables.table_id(SILVER)
    checkpoint = Checkpoint(before.version, commits, classified.as_record(), silver_id)
    batch = run.ledger.checkpoint(batch, checkpoint)
    run.steps.step(f"writing {expected.inserted + expected.updated} rows into silver")
    metadata = run.metadata(STAGE, batch.batch_id)
    new = run.engine.transform(
        upserts, classified.returns, classified.conflicting_ids, classified.deduplicated, batch.batch_id
    )
    written = run.engine.upsert(SILVER, new, metadata, expected)
    if written.version is not None:
        check_commit(run.tables, SILVER, before.version, metadata, rows=before.rows + expected.inserted)
        logger.info("silver took %d new rows and %d corrections", expected.inserted, expected.updated)
    return _commit(run, batch, checkpoint)


def _classified(run: RunContext, batch: Batch) -> ClassifiedBatch:
    """Raises UnreadableInputError where a file cannot be read, or is not what was planned. The batch is abandoned
    then."""
    run.steps.step(f"validating batch {batch.batch_id} of {len(batch.files)} files")
    run.engine.use_time_zone(batch.spark_tz or run.settings.spark_tz)
    try:
        classified = classify(run.engine, run.tables, batch, run.tables.version(SILVER))
        if changed := changed_files(run.paths, batch.files):
            raise UnreadableInputError(*next(iter(changed.items())))
    except UnreadableInputError as error:
        abandon(run, batch, {error.path: error.problem})
        raise
    for path, names in run.engine.unknown_columns.items():
        run.warn(f"{path} has unknown columns, which stay in the landed file only: {', '.join(names)}")
    return classified


def _quarantine(run: RunContext, batch: Batch, classified: ClassifiedBatch) -> None:
    rows = run.engine.transform(quarantine_slice, classified.validated, batch.batch_id, datetime.now(UTC))
    metadata = run.metadata(STAGE, batch.batch_id)
    before = run.tables.facts(QUARANTINE).version
    written = run.engine.replace_batch(QUARANTINE, rows, metadata)
    expected = classified.terms.rows["quarantined"]
    if written.version is not None:
        # No log says how many rows of the batch an earlier try left.
        check_commit(run.tables, QUARANTINE, before, metadata, rows=None)
    if written.inserted != expected:
        raise VerificationError(QUARANTINE.place, {"rows": expected}, {"rows": written.inserted})
    run.steps.step(f"quarantined {expected} rows")


def _record_as_validated(figures: dict[str, Any], classified: ClassifiedBatch) -> None:
    """Put on record what holds of a batch before silver has it: what was read and rejected. The other terms of the law
    are null until they hold: a run that is stopped by a gate says of no row that it ended where it did not."""
    terms = (LawTerms.from_record(figures) + classified.terms).as_record()
    for outcome in OUTCOMES:
        if outcome != "quarantined":
            terms[f"rows_{outcome}"] = None
            del terms["amounts"][outcome]
    reasons = Counter(figures["quarantined_by_reason"]) + Counter(classified.quarantined_by_reason)
    figures.update(terms, quarantined_by_reason=dict(reasons))


def _check_gates(run: RunContext, classified: ClassifiedBatch) -> None:
    """Put the gates on record. Raises QualityGateError where one failed."""
    settings, terms = run.settings, classified.terms
    limit = settings.max_quarantined_ratio if run.accept_quarantined is None else run.accept_quarantined
    quarantine = quarantine_gate(terms.rows_read, terms.rows["quarantined"], limit, settings.quarantine_gate_min_rows)
    history = run.records.last_volumes(settings.volume_history_runs)
    volume = volume_gate(terms.rows_read, history, settings.volume_max_deviations, settings.volume_gate)
    run.record.gates += [gate for gate in (quarantine, volume) if gate is not None]
    if volume is not None and volume.status == "warned":
        run.warn(f"{terms.rows_read} rows are {volume.value:.1f} deviations from the median of the last runs")
    if volume is not None and volume.status == "failed":
        advice = "look at the landed files, then run with VOLUME_GATE=warn"
        raise QualityGateError("volume", volume.value, volume.limit, advice)
    if quarantine.status == "failed":
        raise QualityGateError(
            "quarantined_ratio",
            quarantine.value,
            quarantine.limit,
            f"most rows have {_top(classified.quarantined_by_reason)}; look into {QUARANTINE.place}, and mend the "
            f"files or run with --accept-quarantined {_rounded_up(quarantine.value)}",
        )


def _top(reasons: dict[str, int]) -> str:
    return ", ".join(f"{code} ({rows})" for code, rows in list(reasons.items())[:3])


def _rounded_up(share: float) -> str:
    """The share rounded up to hundredths: accepting it accepts the batch."""
    return f"{math.ceil(share * 100) / 100:.2f}"


def _commit(run: RunContext, batch: Batch, checkpoint: Checkpoint) -> Mapping[str, Any]:
    silver = run.tables.version(SILVER)
    assert silver is not None
    after = TablesAfter(run.tables.table_id(SILVER), silver, run.tables.version(QUARANTINE))
    run.ledger.commit(batch, run.run_id, after)
    return checkpoint.figures


def run_alone(
    engine: EngineOption = None,
    as_of: AsOfOption = None,
    run_id: RunIdOption = None,
    accept_quarantined: AcceptQuarantinedOption = None,
    skip_file: SkipFileOption = None,
) -> None:
    """Validate the landed returns and bring them into quarantine and silver."""
    with run_context({"engine": engine, "skip_files": skip_file}, as_of, run_id, accept_quarantined) as run:
        go_on_or_end(run, bronze_to_silver(run))
    print_summary(run.record, run.paths, [])


main = main_of(run_alone)

if __name__ == "__main__":
    main()
