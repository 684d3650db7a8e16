"""What a batch comes to: its records validated, compared with silver, and counted. Nothing is written to a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.base import Engine
from pyspark_interview_project.metrics.law import LawTerms
from pyspark_interview_project.pipeline.ledger import Batch
from pyspark_interview_project.schemas.outcomes import OUTCOMES
from pyspark_interview_project.schemas.tables import SILVER
from pyspark_interview_project.sources.discovery import in_order_of_delivery
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.transforms.deduplicate import (
    accepted,
    ambiguous_examples,
    count_ambiguous,
    count_outcomes,
    count_read,
    count_reasons,
    count_warnings,
    deduplicate,
    known_ids,
    repeated_ids,
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
    conflicting_ids: DataFrame
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
    known = [engine.transform(known_ids, returns, silver)] if silver is not None else []
    conflicting_ids = engine.materialize(engine.transform(repeated_ids, returns), *known)
    files = engine.frame(_order_of_delivery(batch))
    deduplicated = engine.materialize(engine.transform(deduplicate, returns, silver, conflicting_ids, files))

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
    warns = any(severity == "warn" for rules_of_it in feed_rules.values() for _, _, severity in rules_of_it)
    warned = engine.collect(engine.transform(count_warnings, validated)) if warns else []
    [ambiguous] = engine.collect(engine.transform(count_ambiguous, deduplicated))
    examples = (
        engine.collect(engine.transform(ambiguous_examples, deduplicated, _MOST_EXAMPLES))
        if ambiguous["returns"]
        else []
    )
    figures = [
        {"path": file.path, "bytes": file.size, "rows": delivered[file.path], "feed": file.feed} for file in batch.files
    ]
    return ClassifiedBatch(
        validated,
        returns,
        conflicting_ids,
        deduplicated,
        terms,
        _by_frequency(reasons),
        _by_frequency({row["rule"]: row["rows"] for row in warned}),
        Ambiguity(ambiguous["returns"], ambiguous["rows"], tuple(row["example"] for row in examples)),
        figures,
    )


def _order_of_delivery(batch: Batch) -> pa.Table:
    paths = [file.path for file in in_order_of_delivery(batch.files)]
    return pa.table({"source_file": pa.array(paths, pa.string()), "delivery": pa.array(range(len(paths)), pa.int64())})


def _by_frequency(rows: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(rows.items(), key=lambda item: (-item[1], item[0])))


def _sum_of(rows: Iterable[Mapping[str, Any]]) -> Decimal:
    return sum((row["amount"] for row in rows if row["amount"] is not None), Decimal("0.00"))
