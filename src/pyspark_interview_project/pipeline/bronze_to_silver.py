"""Bronze to silver: landed files are read and validated; rejected rows go to quarantine, the newest versions to silver.

A batch is read once. Its counts, the law and the quality gates come before silver takes a row, and each write can be
repeated without effect.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pyspark_interview_project.command_line import main_of
from pyspark_interview_project.errors import (
    QualityGateError,
    RejectedFilesError,
    UnreadableBatchError,
    UnreadableInputError,
    VerificationError,
)
from pyspark_interview_project.metrics.law import LawTerms
from pyspark_interview_project.pipeline.checks import changes_by_others, check_commit, check_tables_stand
from pyspark_interview_project.pipeline.classification import ClassifiedBatch, classify
from pyspark_interview_project.pipeline.gates import ambiguous_gate, quarantine_gate, volume_gate
from pyspark_interview_project.pipeline.ledger import Batch, Checkpoint, TablesAfter
from pyspark_interview_project.pipeline.options import (
    AcceptQuarantinedOption,
    AsOfOption,
    EngineOption,
    RunIdOption,
    SkipFileOption,
)
from pyspark_interview_project.pipeline.plan import (
    BatchPlan,
    abandon,
    go_on_or_end,
    is_in_silver,
    next_batch,
    set_aside,
)
from pyspark_interview_project.pipeline.run_context import LANDED_FILES, RunContext, run_context, stage
from pyspark_interview_project.pipeline.summary import print_summary
from pyspark_interview_project.schemas.outcomes import EXCLUDED, OUTCOMES, QUARANTINED
from pyspark_interview_project.schemas.tables import QUARANTINE, SILVER
from pyspark_interview_project.sources.discovery import changed_files
from pyspark_interview_project.storage.commits import Written
from pyspark_interview_project.transforms.deduplicate import upserts
from pyspark_interview_project.transforms.quarantine import quarantine_slice

logger = logging.getLogger(__name__)

STAGE = "bronze_to_silver"
# Keys of a feed that read values which are rejected without one.
_OF_A_FEED = {
    **dict.fromkeys(("amount_negative", "qty_not_positive"), "`negate: true`"),
    "amount_invalid": "`decimal` and `thousands`",
    **dict.fromkeys(("return_date_invalid", "ingest_ts_invalid"), "`format`"),
}
# A file that is written to while it is read makes a batch void. A run tries as often as this.
_MOST_VOID_BATCHES = 5


def bronze_to_silver(run: RunContext, planned: BatchPlan | None = None) -> bool:
    """Process every batch there is: first the one that was not finished, then new ones until no file is left.

    `planned` is what was just planned. Returns whether there was a batch.
    """
    with stage(run, STAGE, reads=[LANDED_FILES], writes=[SILVER, QUARANTINE]) as figures:
        check_tables_stand(run.tables, run.ledger)
        run.warn(*changes_by_others(run.tables, run.ledger))
        total, void_batches, has_work = _Total(), 0, False
        figures.update(total.as_figures())
        while batch := next_batch(run, planned):
            planned = None
            run.record.batch_id = batch.batch_id
            # A file that is set aside is no reason to stop: there are only so many.
            tries = void_batches - len(run.record.files_rejected)
            done = _process(run, batch, figures, is_last_try=tries >= _MOST_VOID_BATCHES)
            if done is None:
                void_batches += 1
                continue
            has_work = True
            total.add(done)
            run.record.files += done["files"]
            figures.update(total.as_figures())
    return has_work


class _Total:
    """What the batches of a run come to together."""

    def __init__(self) -> None:
        self._terms, self._ambiguous = LawTerms.none(), 0
        self._reasons, self._warned = Counter[str](), Counter[str]()

    def add(self, figures: Mapping[str, Any]) -> None:
        """Add the figures of a batch, as its checkpoint has them: an older edition's has fewer."""
        self._terms += LawTerms.from_record(figures)
        self._ambiguous += figures.get("returns_ambiguous", 0)
        self._reasons.update(figures["quarantined_by_reason"])
        self._warned.update(figures.get("warned_by_rule", {}))

    def as_figures(self) -> dict[str, Any]:
        return {
            **self._terms.as_record(),
            "rows": self._terms.rows["inserted"] + self._terms.rows["updated"],
            "returns_ambiguous": self._ambiguous,
            "quarantined_by_reason": dict(self._reasons),
            "warned_by_rule": dict(self._warned),
        }


def _process(run: RunContext, batch: Batch, figures: dict[str, Any], is_last_try: bool) -> Mapping[str, Any] | None:
    """Take one batch to its end. Returns the figures of its checkpoint; `figures` say why where a gate stops it. None:
    the batch is void because of some of its files, and its other files can be planned afresh."""
    run.engine.ensure_tables()
    if batch.checkpoint and is_in_silver(run.tables, batch):
        logger.info("silver has all of batch %s already", batch.batch_id)
        return _commit(run, batch, batch.checkpoint)
    classified = _classified(run, batch, is_last_try)
    if classified is None:
        return None
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
        upserts, classified.returns, classified.conflicting, classified.deduplicated, batch.batch_id
    )
    written = run.engine.upsert(SILVER, new, metadata, expected)
    if written.version is not None:
        check_commit(run.tables, SILVER, before.version, metadata, rows=before.rows + expected.inserted)
        logger.info("silver took %d new rows and %d corrections", expected.inserted, expected.updated)
    return _commit(run, batch, checkpoint)


def _classified(run: RunContext, batch: Batch, is_last_try: bool) -> ClassifiedBatch | None:
    """None: a file cannot be read, or is not what was planned. Then the batch is abandoned, and a file that cannot be
    read is set aside. Raises RejectedFilesError where nothing is to be done then, or this was tried often enough."""
    run.steps.step(f"validating batch {batch.batch_id} of {len(batch.files)} files")
    run.engine.use_time_zone(batch.spark_tz or run.settings.spark_tz)
    settings = run.settings
    unreadable: Mapping[str, UnreadableInputError] = {}
    try:
        classified = classify(run.engine, run.tables, batch, run.tables.version(SILVER), settings.currency)
    except UnreadableBatchError as error:
        unreadable = error.problems
    changed = changed_files(run.paths, batch.files)
    if problems := {**{path: error.problem for path, error in unreadable.items()}, **changed}:
        abandon(run, batch, problems)
        if is_last_try or (unreadable and settings.unreadable_files == "fail"):
            raise RejectedFilesError(problems, others_are_done=False)
        set_aside(run, batch, {path: error for path, error in unreadable.items() if path not in changed})
        return None
    for path, names in run.engine.unknown_columns.items():
        run.warn(f"{path} has unknown columns, which stay in the landed file only: {', '.join(names)}")
    _warn_of(run, classified)
    return classified


def _warn_of(run: RunContext, classified: ClassifiedBatch) -> None:
    if ambiguity := classified.ambiguity if classified.ambiguity.returns else None:
        run.warn(
            f"{ambiguity.returns} returns have versions with one ingest_ts and different content; the one delivered "
            "last is kept. Most often their return_id is too short a key. Hashes of such ids: "
            + ", ".join(ambiguity.examples)
        )
    for code, rows in classified.warned_by_rule.items():
        run.warn(f"{rows} rows were kept though they break the rule {code}")


def _quarantine(run: RunContext, batch: Batch, classified: ClassifiedBatch) -> None:
    rows = run.engine.transform(quarantine_slice, classified.validated, batch.batch_id, datetime.now(UTC))
    metadata = run.metadata(STAGE, batch.batch_id)
    before = run.tables.facts(QUARANTINE).version
    expected = classified.terms.rows["quarantined"]
    written = run.engine.replace_batch(QUARANTINE, rows, metadata, expected)
    if written.version is not None:
        # No log says how many rows of the batch an earlier try left.
        check_commit(run.tables, QUARANTINE, before, metadata, rows=None)
    if written.inserted != expected:
        raise VerificationError(QUARANTINE.place, {"rows": expected}, {"rows": written.inserted})
    run.steps.step(f"quarantined {expected} rows")


def _record_as_validated(figures: dict[str, Any], classified: ClassifiedBatch) -> None:
    """Put on record what holds of a batch before silver has it: what was read, rejected and excluded. The other terms
    of the law are null until they hold: a run that is stopped by a gate says of no row that it ended where it did not.
    """
    terms = (LawTerms.from_record(figures) + classified.terms).as_record()
    for outcome in OUTCOMES:
        if outcome not in (QUARANTINED, EXCLUDED):
            terms[f"rows_{outcome}"] = None
            del terms["amounts"][outcome]
    figures.update(
        terms,
        quarantined_by_reason=classified.quarantined_by_reason,
        warned_by_rule=classified.warned_by_rule,
        returns_ambiguous=classified.ambiguity.returns,
    )


def _check_gates(run: RunContext, classified: ClassifiedBatch) -> None:
    """Put the gates on record. Raises QualityGateError where one failed."""
    settings, terms = run.settings, classified.terms
    limit = settings.max_quarantined_ratio if run.accept_quarantined is None else run.accept_quarantined
    returns = terms.rows_read - terms.rows[EXCLUDED]
    rejected = terms.rows[QUARANTINED]
    quarantine = quarantine_gate(returns, rejected, limit, settings.quarantine_gate_min_rows)
    history = run.records.last_volumes(settings.volume_history_runs)
    volume = volume_gate(terms.rows_read, history, settings.volume_max_deviations, settings.volume_gate)
    ambiguous = ambiguous_gate(returns - rejected, classified.ambiguity.rows, settings.max_ambiguous_ratio)
    run.record.gates += [gate for gate in (quarantine, volume, ambiguous) if gate is not None]
    if volume is not None and volume.status == "warned":
        run.warn(f"{terms.rows_read} rows are {volume.value:.1f} deviations from the median of the last runs")
    if volume is not None and volume.status == "failed":
        advice = "look at the landed files, then run with VOLUME_GATE=warn"
        raise QualityGateError("volume", volume.value, volume.limit, advice)
    if quarantine.status == "failed":
        many = "no row was accepted: the rows" if rejected == returns else "most rows"
        raise QualityGateError(
            quarantine.name,
            quarantine.value,
            quarantine.limit,
            f"{many} have {_top(classified.quarantined_by_reason)}; look into {QUARANTINE.place}, and mend the "
            f"files or run with --accept-quarantined {_rounded_up(quarantine.value)}"
            + _what_takes_them(classified.quarantined_by_reason),
        )
    if ambiguous is not None and ambiguous.status == "failed":
        advice = "return_id is most often too short a key; give more columns as its key in a feed"
        raise QualityGateError(ambiguous.name, ambiguous.value, ambiguous.limit, advice)


def _what_takes_them(reasons: Iterable[str]) -> str:
    """What of a feed may take rows that were rejected for these reasons."""
    keys = dict.fromkeys(_OF_A_FEED[code] for code in reasons if code in _OF_A_FEED)
    return f"; {' and '.join(keys)} of a feed may take them" if keys else ""


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
