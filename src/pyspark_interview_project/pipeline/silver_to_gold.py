"""Silver to gold: both gold tables are brought up to silver, from what changed since they last were.

Each gold commit carries the version of silver that it covers, also where no row of gold changes. So no change is
applied twice, and a run with nothing to do finds that out without an engine. A table is built anew where it has no
such version, where it covers another silver, or where the files of the changes are gone (vacuumed).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from pyspark_interview_project.command_line import main_of
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.errors import ConfigurationError, VerificationError
from pyspark_interview_project.metrics.run_record import NO_NEW_DATA, SUCCEEDED
from pyspark_interview_project.pipeline.checks import check_commit, check_tables_stand
from pyspark_interview_project.pipeline.options import AsOfOption, EngineOption, RunIdOption
from pyspark_interview_project.pipeline.run_context import RunContext, run_context, stage
from pyspark_interview_project.pipeline.summary import print_summary
from pyspark_interview_project.pipeline.watermark import (
    Watermark,
    covers,
    is_current,
    mark_checked,
    mark_unchecked,
    watermark_of,
)
from pyspark_interview_project.schemas.tables import GOLD_TABLES, SILVER, TableContract
from pyspark_interview_project.storage.commits import CommitMetadata, Written
from pyspark_interview_project.storage.delta_writes import Merge
from pyspark_interview_project.transforms.aggregate import (
    aggregate,
    at_most,
    changed_groups,
    group_figures,
    totals,
)

logger = logging.getLogger(__name__)

STAGE = "silver_to_gold"
_MOST_IN_MEMORY = 50_000
_BUILD_ANEW = "move both gold tables away and run again: they are built anew from silver"


def silver_to_gold(run: RunContext) -> bool:
    """Bring both gold tables up to the newest version of silver. Returns whether there was anything to bring."""
    with stage(run, STAGE, reads=[SILVER], writes=GOLD_TABLES) as figures:
        figures["rows"] = 0
        check_tables_stand(run.tables, run.ledger)
        if is_current(run.tables, run.files):
            return False
        run.engine.ensure_tables()
        mark_unchecked(run.files)
        silver_version = run.tables.version(SILVER)
        assert silver_version is not None
        changed = {}
        # Both tables most often need the same changes, so these are read once.
        changes_since = cache(partial(run.engine.changes, SILVER, until=silver_version))
        for table in GOLD_TABLES:
            run.steps.step(f"bringing {table.place} up to version {silver_version} of silver")
            written = _bring_up(run, table, silver_version, changes_since)
            run.check_lease()
            changed[table.name] = written.inserted + written.updated + written.deleted
            figures["rows"] += changed[table.name]
        figures["rows_by_table"] = changed
        check_totals(run)
        mark_checked(run.files)
    return True


def check_totals(run: RunContext) -> None:
    """Raise VerificationError unless both gold tables count each row of silver once and sum to the same."""
    silver_rows = run.tables.facts(SILVER).rows
    one, other = run.engine.collect(run.engine.transform(totals, *map(run.engine.read, GOLD_TABLES)))
    if one["return_count"] != silver_rows:
        raise VerificationError(GOLD_TABLES[0].place, {"return_count": silver_rows}, one, _BUILD_ANEW)
    if one != other:
        raise VerificationError(GOLD_TABLES[1].place, one, other, _BUILD_ANEW)


def _groups_of(table: TableContract) -> tuple[str, str]:
    """The columns by which a gold table groups returns."""
    return table.names[0], "reason"


def _bring_up(
    run: RunContext, table: TableContract, silver_version: int, changes_since: Callable[[int], DataFrame | None]
) -> Written:
    if covers(run.tables, table, silver_version):
        return Written(None)
    by, silver_id = _groups_of(table), run.tables.table_id(SILVER)
    watermark = watermark_of(run.tables, table)
    changes = None
    if watermark is not None and watermark.is_of(silver_id):
        changes = changes_since(watermark.version)
    if changes is None:
        groups, how = run.engine.transform(aggregate, run.engine.read(SILVER, silver_version), by), "built anew"
    else:
        groups = run.engine.transform(changed_groups, changes, run.engine.read(table), by)
        how = "brought up by what changed"
    is_whole = changes is None
    computed = _materialized(run, groups) if is_whole else _computed(run, groups)
    # Behind the computing, because asking for it checks the lease.
    metadata = run.metadata(STAGE, run.record.batch_id, **Watermark(silver_version, silver_id).as_facts())
    written = _write(run, table, computed, metadata, is_whole)
    counts = {"inserted": written.inserted, "updated": written.updated, "deleted": written.deleted}
    logger.info("%s %s", table.name, how, extra=counts)
    return written


@dataclass(frozen=True)
class _Groups:
    """Groups of a gold table, computed once: how many there are, and how many of them are empty."""

    rows: DataFrame
    count: int
    emptied: int


def _computed(run: RunContext, groups: DataFrame) -> _Groups:
    """Groups that changed: most often they are few, and are held in memory, which saves an engine three queries."""
    few = run.engine.fetch(run.engine.transform(at_most, groups, _MOST_IN_MEMORY + 1))
    if few.num_rows > _MOST_IN_MEMORY:
        return _materialized(run, groups)
    return _Groups(run.engine.frame(few), few.num_rows, few["return_count"].to_pylist().count(0))


def _materialized(run: RunContext, groups: DataFrame) -> _Groups:
    rows = run.engine.materialize(groups)
    [figures] = run.engine.collect(run.engine.transform(group_figures, rows))
    return _Groups(rows, figures["groups"], figures["emptied"])


def _write(run: RunContext, table: TableContract, groups: _Groups, metadata: CommitMetadata, is_whole: bool) -> Written:
    """Write groups: all that there are, or those that changed. Raises VerificationError where the table took others."""
    before = run.tables.facts(table)
    if is_whole:
        written = run.engine.overwrite(table, groups.rows, metadata)
    elif groups.count:
        emptied_are_deleted = Merge(keys=_groups_of(table), delete_when="source.return_count = 0")
        written = run.engine.merge(table, groups.rows, metadata, emptied_are_deleted)
    else:
        # No group changed. The commit only moves the watermark.
        written = run.tables.committed(table, metadata, lambda: run.writes.publish(table, [], [], metadata))
    expected = {"written": groups.count - groups.emptied, "deleted": groups.emptied}
    found = {"written": written.inserted + written.updated, "deleted": written.deleted}
    if found != expected:
        raise VerificationError(table.place, expected, found)
    kept = 0 if is_whole else before.rows
    check_commit(run.tables, table, before.version, metadata, rows=kept + written.inserted - written.deleted)
    return written


def run_alone(
    engine: EngineOption = None,
    as_of: AsOfOption = None,
    run_id: RunIdOption = None,
) -> None:
    """Bring gold up to silver."""
    with run_context({"engine": engine}, as_of, run_id) as run:
        bronze = run.record.stage("bronze_to_silver")
        if bronze is not None and not bronze.is_committed:
            raise ConfigurationError("--run-id", f"{run.run_id} was stopped in bronze_to_silver; run that stage again")
        found_nothing_new = run.record.status == NO_NEW_DATA  # so the stages before this one
        has_changed_gold = silver_to_gold(run)
        run.record.end(NO_NEW_DATA if found_nothing_new and not has_changed_gold else SUCCEEDED)
    print_summary(run.record, run.paths, [])


main = main_of(run_alone)

if __name__ == "__main__":
    main()
