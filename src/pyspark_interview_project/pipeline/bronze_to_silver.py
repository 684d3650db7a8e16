"""Bronze to silver: landed files into validated returns; the rejected into quarantine, the newest versions into silver.

The batch is validated and classified once and counted there. Its counts, the law and the quality gates come before any
write to silver, and what is written can be written again without effect.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from pyspark_interview_project import faults
from pyspark_interview_project.command_line import run_command
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.base import Lake
from pyspark_interview_project.errors import QualityGateError, UnreadableInputError, VerificationError
from pyspark_interview_project.metrics.law import LawTerms
from pyspark_interview_project.pipeline.checks import (
    changes_by_others,
    check_commit,
    check_figures,
    check_parts,
    check_silver_has,
    check_tables_are_the_same,
)
from pyspark_interview_project.pipeline.gates import quarantine_gate, volume_gate
from pyspark_interview_project.pipeline.ledger import Batch, Counted
from pyspark_interview_project.pipeline.options import (
    AcceptQuarantinedOption,
    AsOfOption,
    EngineOption,
    RunIdOption,
    SkipFileOption,
)
from pyspark_interview_project.pipeline.plan import Draft, abandon, go_on_or_end, parts_in, planned_batch
from pyspark_interview_project.pipeline.run_context import LANDED_FILES, RunContext, execution, stage
from pyspark_interview_project.pipeline.silver_parts import SilverWrite, plan_silver_write, write_part
from pyspark_interview_project.pipeline.summary import print_summary
from pyspark_interview_project.schemas.outcomes import INSERTED, OUTCOMES, UPDATED
from pyspark_interview_project.schemas.tables import QUARANTINE, SILVER
from pyspark_interview_project.sources.discovery import LandedFile, changed_files
from pyspark_interview_project.transforms import deduplicate as versions
from pyspark_interview_project.transforms.quarantine import quarantine_slice
from pyspark_interview_project.transforms.validate import validate

logger = logging.getLogger(__name__)

STAGE = "bronze_to_silver"


@dataclass(frozen=True)
class Classified:
    """A batch, validated and classified, staged in the lake, and what it comes to."""

    validated: DataFrame
    conflicting_ids: DataFrame
    settled: DataFrame
    terms: LawTerms
    quarantined_by_reason: dict[str, int]
    files: list[dict[str, Any]]

    def as_record(self) -> dict[str, Any]:
        return {**self.terms.as_record(), "quarantined_by_reason": self.quarantined_by_reason, "files": self.files}

    @property
    def upserts(self) -> DataFrame:
        """The rows that silver takes."""
        return versions.upserts(versions.accepted(self.validated), self.conflicting_ids, self.settled)


def bronze_to_silver(run: RunContext, draft: Draft | None = None) -> bool:
    """Process every batch there is: the one that was not finished first, then one of all files not yet processed.
    Whether there was any.

    `draft` is what was seen of these just before, if it was.
    """
    with stage(run, STAGE, reads=[LANDED_FILES], writes=[SILVER, QUARANTINE]) as figures:
        check_tables_are_the_same(run.lake, run.batches)
        run.warn(*changes_by_others(run.lake, run.batches))
        terms, has_work = LawTerms.none(), False
        reasons: Counter[str] = Counter()
        figures.update(terms.as_record(), quarantined_by_reason=reasons)
        while batch := planned_batch(run, draft):
            draft, has_work = None, True
            run.record.batch_id = batch.batch_id
            counted = _process(run, batch, figures)
            terms += LawTerms.from_record(counted.figures)
            reasons.update(counted.figures["quarantined_by_reason"])
            run.record.files += counted.figures["files"]
            figures.update(
                terms.as_record(), quarantined_by_reason=reasons, rows=terms.rows["inserted"] + terms.rows["updated"]
            )
    return has_work


def classify(lake: Lake, files: Sequence[LandedFile], as_of: date, silver_version: int | None) -> Classified:
    """Read, validate and classify landed files against one version of silver (None: there is none), and count.

    Writes to no table. Raises UnreadableInputError, and VerificationError where the law does not hold.
    """
    validated = lake.stage(*[validate(delivery.frame, delivery.kinds, as_of) for delivery in lake.read_landed(files)])
    returns = versions.accepted(validated)
    has_rows = silver_version is not None and lake.facts(SILVER, silver_version).rows > 0
    silver = lake.read(SILVER, silver_version) if has_rows else None
    known = [versions.known_ids(returns, silver)] if silver is not None else []
    conflicting_ids = lake.stage(versions.repeated_ids(returns), *known)
    settled = lake.stage(versions.settle(returns, silver, conflicting_ids))

    delivered = lake.rows_delivered()
    read = {row["source_file"]: row for row in lake.collect(versions.count_read(validated))}
    outcomes = {
        row["outcome"]: row for row in lake.collect(versions.count_outcomes(validated, conflicting_ids, settled))
    }
    terms = LawTerms(
        rows_read=sum(delivered[file.path] for file in files),
        rows={name: outcomes[name]["rows"] if name in outcomes else 0 for name in OUTCOMES},
        amount_read=_sum_of(read.values()),
        amounts={name: _sum_of([outcomes[name]] if name in outcomes else []) for name in OUTCOMES},
    )
    terms.check()
    reasons = {row["reason"]: row["rows"] for row in lake.collect(versions.count_reasons(validated))}
    by_frequency = dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
    figures = [{"path": file.path, "bytes": file.size, "rows": delivered[file.path]} for file in files]
    return Classified(validated, conflicting_ids, settled, terms, by_frequency, figures)


def _sum_of(rows: Any) -> Decimal:
    return sum((row["amount"] for row in rows if row["amount"] is not None), Decimal("0.00"))


def _process(run: RunContext, batch: Batch, figures: dict[str, Any]) -> Counted:
    """Take one batch to its end. Returns what it came to; a batch that a gate stops leaves in `figures` why."""
    lake = run.lake
    lake.ensure_tables()
    parts = parts_in(lake, SILVER, batch.batch_id) if batch.counted else {}
    if batch.counted and len(parts) == batch.counted.commits:
        logger.info("silver has all of batch %s already", batch.batch_id)
        _commit(run, batch, batch.counted)
        return batch.counted

    # A batch begun is classified against the silver it was begun on, of which its own rows are no part.
    silver_version = batch.counted.silver_version if batch.counted and parts else lake.version(SILVER)
    faults.reached("before_reading")
    run.steps.step(f"validating batch {batch.batch_id} of {len(batch.files)} files")
    lake.use_time_zone(batch.spark_tz or run.settings.spark_tz)
    try:
        classified = classify(lake, batch.files, batch.as_of, silver_version)
        if changed := changed_files(run.paths, batch.files):
            raise UnreadableInputError(*next(iter(changed.items())))
    except UnreadableInputError as error:
        if not parts:
            abandon(run, batch, {error.path: error.problem})
        raise
    for path, names in lake.unknown_columns.items():
        run.warn(f"{path} has unknown columns, which stay in the landed file only: {', '.join(names)}")

    faults.reached("after_judging")
    if batch.counted and parts:
        check_figures(batch, batch.counted, classified.as_record())
    write = _planned_write(run, batch, classified, silver_version, has_begun=bool(parts))
    _quarantine(run, batch, classified)
    _record_as_judged(figures, classified)
    _check_gates(run, classified, has_begun=bool(parts))
    counted = Counted(
        silver_version or 0, len(write.parts), classified.as_record(), lake.table_id(SILVER), write.counted
    )
    faults.reached("before_count")
    batch = run.batches.count(batch, counted)
    faults.reached("after_count")
    for part in write.parts:
        number = part.counted.part.number
        if number not in parts:
            run.steps.step(f"writing part {number} of {len(write.parts)} into silver")
            write_part(lake, write, part, run.note(STAGE, batch.batch_id, part=number, parts=len(write.parts)))
    _commit(run, batch, counted)
    return counted


def _planned_write(
    run: RunContext, batch: Batch, classified: Classified, silver_version: int | None, has_begun: bool
) -> SilverWrite:
    """The batch in the parts that it was counted in, so that what silver has of it stays one of them; else cut anew.

    They are kept where silver seems to have none of it, too: the commit of a server whose caller died may come late.
    """
    counted, limit = batch.counted, run.settings.merge_rows_per_commit
    rows = {outcome: classified.terms.rows[outcome] for outcome in (INSERTED, UPDATED)}
    begun = counted.parts if counted and (has_begun or counted.silver_version == silver_version) else None
    write = plan_silver_write(run.lake, classified.upserts, silver_version, limit, begun)
    if begun is not None and not has_begun and (write.counted != begun or write.rows != rows):
        write = plan_silver_write(run.lake, classified.upserts, silver_version, limit)
    if has_begun and counted:
        check_parts(batch, counted, write.counted)
    if write.rows != rows:
        raise VerificationError(f"the parts of batch {batch.batch_id}", rows, write.rows)
    return write


def _record_as_judged(figures: dict[str, Any], classified: Classified) -> None:
    """Put on record what holds of a batch before silver has it: what was read and rejected. The other terms of the law
    are null until they hold, so that a run which is stopped here says of no row that it ended where it did not."""
    terms = (LawTerms.from_record(figures) + classified.terms).as_record()
    for outcome in OUTCOMES:
        if outcome != "quarantined":
            terms[f"rows_{outcome}"] = None
            del terms["amounts"][outcome]
    reasons = Counter(figures["quarantined_by_reason"]) + Counter(classified.quarantined_by_reason)
    figures.update(terms, quarantined_by_reason=dict(reasons))


def _commit(run: RunContext, batch: Batch, counted: Counted) -> None:
    check_silver_has(run.lake, counted)
    faults.reached("before_commit")
    run.batches.commit(batch, run.run_id)
    faults.reached("after_commit")


def _quarantine(run: RunContext, batch: Batch, classified: Classified) -> None:
    rows = quarantine_slice(classified.validated, batch.batch_id, datetime.now(UTC))
    note = run.note(STAGE, batch.batch_id)
    before = run.lake.facts(QUARANTINE).version
    faults.reached("before_quarantine")
    written = run.lake.replace_slice(QUARANTINE, rows, note)
    faults.reached("after_quarantine")
    expected = classified.terms.rows["quarantined"]
    if written.version is not None:
        # How many rows an earlier try had in the slice no log says.
        check_commit(run.lake, QUARANTINE, before, note, rows=None)
    if written.inserted != expected:
        raise VerificationError(QUARANTINE.place, {"rows": expected}, {"rows": written.inserted})
    run.steps.step(f"quarantined {expected} rows")


def _check_gates(run: RunContext, classified: Classified, has_begun: bool) -> None:
    """Put the gates on record, and raise QualityGateError where one failed: not of a batch that silver has a part of,
    which can only go on, and was let in by the run that began it."""
    settings, terms = run.settings, classified.terms
    accepted = settings.max_quarantined_ratio if run.accept_quarantined is None else run.accept_quarantined
    quarantine = quarantine_gate(
        terms.rows_read, terms.rows["quarantined"], accepted, settings.quarantine_gate_min_rows
    )
    history = run.records.last_volumes(settings.volume_history_runs)
    volume = volume_gate(terms.rows_read, history, settings.volume_max_deviations, settings.volume_gate)
    for gate in (quarantine, volume):
        if gate is not None:
            run.record.gates.append(gate)
    if volume is not None and volume.status == "warned":
        run.warn(f"{terms.rows_read} rows are {volume.value:.1f} deviations from the median of the last runs")
    if has_begun:
        failed = [gate.name for gate in (quarantine, volume) if gate is not None and gate.status == "failed"]
        run.warn(*[f"silver has a part of this batch: it goes on, whatever the gate {name} says" for name in failed])
        return
    if volume is not None and volume.status == "failed":
        raise QualityGateError(
            "volume", volume.value, volume.limit, "look at the landed files, then run with VOLUME_GATE=warn"
        )
    if quarantine.status == "failed":
        raise QualityGateError(
            "quarantined_ratio",
            quarantine.value,
            quarantine.limit,
            f"most rows have {_top(classified.quarantined_by_reason)}; look into {QUARANTINE.place}, and mend the "
            f"files or run with --accept-quarantined {_ceiling(quarantine.value)}",
        )


def _top(reasons: dict[str, int]) -> str:
    return ", ".join(f"{code} ({rows})" for code, rows in list(reasons.items())[:3])


def _ceiling(share: float) -> str:
    """The share rounded up to hundredths, so that accepting it accepts the batch."""
    return f"{math.ceil(share * 100) / 100:.2f}"


def run_alone(
    engine: EngineOption = None,
    as_of: AsOfOption = None,
    run_id: RunIdOption = None,
    accept_quarantined: AcceptQuarantinedOption = None,
    skip_file: SkipFileOption = None,
) -> None:
    """Judge the landed returns and bring them into quarantine and silver."""
    with execution({"engine": engine, "skip_files": skip_file}, as_of, run_id, accept_quarantined) as run:
        go_on_or_end(run, bronze_to_silver(run))
    print_summary(run.record, run.paths, [])


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m pyspark_interview_project.pipeline.bronze_to_silver`."""
    run_command(run_alone, argv)


if __name__ == "__main__":
    main()
