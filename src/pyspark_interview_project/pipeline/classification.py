"""What a batch comes to: its records validated, compared with silver, and counted. Nothing is written to a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa

from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.base import Engine
from pyspark_interview_project.metrics.law import LawTerms
from pyspark_interview_project.pipeline.ledger import Batch
from pyspark_interview_project.pipeline.validated_counts import Sum, ValidatedCounts
from pyspark_interview_project.schemas.outcomes import EXCLUDED, INSERTED, OUTCOMES, QUARANTINED
from pyspark_interview_project.schemas.tables import SILVER
from pyspark_interview_project.sources.discovery import in_order_of_delivery
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.transforms.counts import (
    ambiguous_examples,
    count_ambiguous,
    count_outcomes,
    count_validated,
)
from pyspark_interview_project.transforms.deduplicate import (
    accepted,
    conflicting_returns,
    dates_in_silver,
    deduplicate,
)
from pyspark_interview_project.transforms.validate import validate

# A version may be newer than its batch by as much: clocks and zones differ.
_AHEAD = timedelta(days=1)
_MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Ambiguity:
    """Returns of which two versions have one ingest_ts and other content: how many returns, how many records of the
    batch they have, and hashes of up to three of their ids."""

    returns: int
    rows: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class ClassifiedBatch:
    """A batch whose rows are validated and compared with silver, and what it comes to."""

    validated: DataFrame
    returns: DataFrame
    conflicting: DataFrame
    deduplicated: DataFrame
    terms: LawTerms
    quarantined_by_reason: dict[str, int]
    warned_by_rule: dict[str, int]
    ambiguity: Ambiguity
    files: list[dict[str, Any]]

    def as_record(self) -> dict[str, Any]:
        return {
            **self.terms.as_record(),
            "quarantined_by_reason": self.quarantined_by_reason,
            "warned_by_rule": self.warned_by_rule,
            "returns_ambiguous": self.ambiguity.returns,
            "files": self.files,
        }


def classify(
    engine: Engine, tables: DeltaTables, batch: Batch, silver_version: int | None, currency: str | None
) -> ClassifiedBatch:
    """Read and validate a batch, compare it with a version of silver (None: there is none), and count.

    `currency` is the lake's; None: it is not checked. Raises UnreadableBatchError, and VerificationError where the law
    does not hold.
    """
    rules = batch.as_of, batch.planned_at + _AHEAD, currency
    feed_rules = {
        name: [(rule.code, rule.sql, rule.severity) for rule in feed.rules] for name, feed in batch.feeds.items()
    }
    validated = engine.materialize(
        *[
            engine.transform(
                validate, delivery.frame, delivery.kinds, *rules, feed_rules[delivery.feed] if delivery.feed else []
            )
            for delivery in engine.read_landed(batch.files, batch.feeds)
        ]
    )
    returns = engine.transform(accepted, validated)
    has_rows = silver_version is not None and tables.facts(SILVER, silver_version).rows > 0
    silver = engine.read(SILVER, silver_version) if has_rows else None
    conflicting = engine.materialize(engine.transform(conflicting_returns, returns, silver))
    if silver is not None:
        days = [row["silver_return_date"] for row in engine.collect(engine.transform(dates_in_silver, conflicting))]
        silver = engine.read(SILVER, silver_version, days)
    files = engine.frame(_order_of_delivery(batch))
    deduplicated = engine.materialize(engine.transform(deduplicate, returns, silver, conflicting, files))

    counts = ValidatedCounts.of(engine.collect(engine.transform(count_validated, validated, conflicting)))
    outcomes = engine.collect(engine.transform(count_outcomes, deduplicated))
    delivered = engine.rows_delivered()
    terms = _terms(sum(delivered[file.path] for file in batch.files), counts, outcomes)
    terms.check()
    figures = [
        {"path": file.path, "bytes": file.size, "rows": delivered[file.path], "feed": file.feed} for file in batch.files
    ]
    return ClassifiedBatch(
        validated,
        returns,
        conflicting,
        deduplicated,
        terms,
        counts.by_reason,
        counts.by_warning,
        _ambiguity(engine, deduplicated, sum(outcome["ambiguous"] for outcome in outcomes)),
        figures,
    )


def _terms(rows_read: int, counts: ValidatedCounts, outcomes: Sequence[Mapping[str, Any]]) -> LawTerms:
    """The terms of the law: `rows_read` as the readers counted, `outcomes` of the conflicting rows."""
    ended = {name: Sum.of(outcome for outcome in outcomes if outcome["outcome"] == name) for name in OUTCOMES}
    ended[INSERTED] = ended[INSERTED] + counts.alone
    ended[QUARANTINED], ended[EXCLUDED] = counts.rejected, counts.excluded
    return LawTerms(
        rows_read,
        {name: ended[name].rows for name in OUTCOMES},
        counts.read.amount,
        {name: ended[name].amount for name in OUTCOMES},
    )


def _ambiguity(engine: Engine, deduplicated: DataFrame, rows: int) -> Ambiguity:
    if not rows:
        return Ambiguity(0, 0, ())
    [counted] = engine.collect(engine.transform(count_ambiguous, deduplicated))
    examples = engine.collect(engine.transform(ambiguous_examples, deduplicated, _MOST_EXAMPLES))
    return Ambiguity(counted["returns"], rows, tuple(row["example"] for row in examples))


def _order_of_delivery(batch: Batch) -> pa.Table:
    paths = [file.path for file in in_order_of_delivery(batch.files)]
    return pa.table({"source_file": pa.array(paths, pa.string()), "delivery": pa.array(range(len(paths)), pa.int64())})
