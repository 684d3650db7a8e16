"""Silver to gold: both gold tables brought up to silver, from what changed since they last were.

Each gold commit carries the version of silver that it covers and the id of that silver, so that no change is ever
applied twice. Where there is no such version (first run), it is of another silver than there is now, or the change feed
since it is gone (vacuumed), a table is built anew.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from pyspark_interview_project import faults
from pyspark_interview_project.command_line import run_command
from pyspark_interview_project.engine import DataFrame
from pyspark_interview_project.engines.base import Lake
from pyspark_interview_project.errors import ConfigurationError, VerificationError
from pyspark_interview_project.metrics.run_record import NO_NEW_DATA, SUCCEEDED
from pyspark_interview_project.pipeline.checks import check_commit, check_tables_are_the_same
from pyspark_interview_project.pipeline.options import AsOfOption, EngineOption, RunIdOption
from pyspark_interview_project.pipeline.run_context import RunContext, execution, stage
from pyspark_interview_project.pipeline.summary import print_summary
from pyspark_interview_project.pipeline.watermark import (
    Covered,
    covered,
    is_brought_up,
    is_current,
    mark_checked,
    mark_unchecked,
)
from pyspark_interview_project.schemas.tables import GOLD_TABLES, SILVER, TableContract
from pyspark_interview_project.storage.commits import CommitMetadata, Upsert, Written
from pyspark_interview_project.transforms.aggregate import aggregate, changed_groups, group_figures, totals

logger = logging.getLogger(__name__)

STAGE = "silver_to_gold"
_BUILD_ANEW = "move both gold tables away and run again: they are built anew from silver"


def silver_to_gold(run: RunContext) -> bool:
    """Bring both gold tables up to the newest version of silver. Whether there was anything to bring."""
    with stage(run, STAGE, reads=[SILVER], writes=GOLD_TABLES) as figures:
        figures["rows"] = 0
        check_tables_are_the_same(run.lake, run.batches)
        if is_current(run.lake, run.paths):
            return False
        run.lake.ensure_tables()
        mark_unchecked(run.paths)
        silver_version = run.lake.version(SILVER)
        assert silver_version is not None
        changed = {}
        for table in GOLD_TABLES:
            run.steps.step(f"bringing {table.place} up to version {silver_version} of silver")
            faults.reached("before_gold_table")
            written = _bring_up(run, table, silver_version)
            faults.reached("after_gold_table")
            run.check_lease()
            changed[table.name] = written.inserted + written.updated + written.deleted
            figures["rows"] += changed[table.name]
        figures["rows_by_table"] = changed
        check_totals(run.lake)
        mark_checked(run.paths)
        faults.reached("after_gold")
    return True


def check_totals(lake: Lake) -> None:
    """Raise VerificationError unless both gold tables count each row of silver once and sum to the same."""
    silver_rows = lake.facts(SILVER).rows
    one, other = (lake.collect(totals(lake.read(table)))[0] for table in GOLD_TABLES)
    if one["return_count"] != silver_rows:
        raise VerificationError(GOLD_TABLES[0].place, {"return_count": silver_rows}, one, _BUILD_ANEW)
    if one != other:
        raise VerificationError(GOLD_TABLES[1].place, one, other, _BUILD_ANEW)


def _bring_up(run: RunContext, table: TableContract, silver_version: int) -> Written:
    lake, by, silver_id = run.lake, (table.names[0], "reason"), run.lake.table_id(SILVER)
    if is_brought_up(lake, table, silver_version):
        return Written(None)
    since = covered(lake, table)
    changes, how = None, "built anew"
    if since is not None and since.is_of(silver_id):
        changes = lake.changes(SILVER, since.version, silver_version)
    if since is None or changes is None:
        groups = lake.stage(aggregate(lake.read(SILVER, silver_version), by))
    else:
        groups = lake.stage(changed_groups(changes, lake.read(table), by))
        how = f"brought from version {since.version}"
    note = run.note(STAGE, run.record.batch_id, **Covered(silver_version, silver_id).as_note())
    written = _write(lake, table, groups, note, is_whole=changes is None)
    logger.info("%s %s", table.name, how, extra=_counts(written))
    return written


def _write(lake: Lake, table: TableContract, groups: DataFrame, note: CommitMetadata, is_whole: bool) -> Written:
    """Write groups, all that there are or those that changed. Raises VerificationError where the table took others."""
    figures, before = lake.collect(group_figures(groups))[0], lake.facts(table)
    if is_whole:
        written = lake.overwrite(table, groups, note)
    else:
        emptied_are_deleted = Upsert(keys=(table.names[0], "reason"), delete_when="source.return_count = 0")
        written = lake.merge(table, groups, note, emptied_are_deleted, within={})
    expected = {"written": figures["groups"] - figures["emptied"], "deleted": figures["emptied"]}
    found = {"written": written.inserted + written.updated, "deleted": written.deleted}
    if found != expected:
        raise VerificationError(table.place, expected, found)
    if written.version is not None:
        kept = 0 if is_whole else before.rows
        check_commit(lake, table, before.version, note, rows=kept + written.inserted - written.deleted)
    return written


def _counts(written: Written) -> dict[str, Any]:
    return {"inserted": written.inserted, "updated": written.updated, "deleted": written.deleted}


def run_alone(
    engine: EngineOption = None,
    as_of: AsOfOption = None,
    run_id: RunIdOption = None,
) -> None:
    """Bring gold up to silver."""
    with execution({"engine": engine}, as_of, run_id) as run:
        bronze = run.record.stage("bronze_to_silver")
        if bronze is not None and not bronze.is_committed:
            raise ConfigurationError("--run-id", f"{run.run_id} was stopped in bronze_to_silver; run that stage again")
        found_nothing_new = run.record.status == NO_NEW_DATA  # so the stages before this one
        has_changed_gold = silver_to_gold(run)
        run.record.end(NO_NEW_DATA if found_nothing_new and not has_changed_gold else SUCCEEDED)
    print_summary(run.record, run.paths, [])


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m pyspark_interview_project.pipeline.silver_to_gold`."""
    run_command(run_alone, argv)


if __name__ == "__main__":
    main()
