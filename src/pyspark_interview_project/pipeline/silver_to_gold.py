"""Silver to gold: both gold tables brought up to silver, from what changed since they last were.

Each gold commit carries the version of silver that it covers, so that no change is ever applied twice. Where there is
no such version (first run) or the change feed since it is gone (vacuumed), a table is built anew.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from pyspark_interview_project import faults
from pyspark_interview_project.command_line import run_command
from pyspark_interview_project.errors import VerificationError
from pyspark_interview_project.lake.interface import Lake, Upsert, Written
from pyspark_interview_project.metrics.run_record import SUCCEEDED
from pyspark_interview_project.pipeline.execution import Execution, execution, stage
from pyspark_interview_project.pipeline.options import AsOfOption, EngineOption, RunIdOption
from pyspark_interview_project.pipeline.silver_parts import check_commit
from pyspark_interview_project.pipeline.summary import print_summary
from pyspark_interview_project.schemas.tables import GOLD_TABLES, SILVER, TableContract
from pyspark_interview_project.transforms.aggregate import aggregate, changed_groups, totals

logger = logging.getLogger(__name__)

STAGE = "silver_to_gold"
_COVERED = "silver_version"


def silver_to_gold(run: Execution) -> None:
    """Bring both gold tables up to the newest version of silver."""
    with stage(run, STAGE, reads=[SILVER], writes=GOLD_TABLES) as figures:
        figures["rows"] = 0
        if is_current(run.lake):
            return
        run.lake.ensure_tables()
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
        faults.reached("after_gold")


def is_current(lake: Lake) -> bool:
    """Whether silver has nothing that gold does not cover."""
    silver_version = lake.version(SILVER)
    if (
        silver_version is None
        or lake.facts(SILVER).rows == 0
        and all(lake.version(table) is None for table in GOLD_TABLES)
    ):
        return True
    return all(lake.version(table) is not None and covered(lake, table) == silver_version for table in GOLD_TABLES)


def covered(lake: Lake, table: TableContract) -> int | None:
    """The version of silver that a gold table covers; None where no commit says so."""
    versions = (commit.note.get(_COVERED) for commit in lake.commits(table))
    return next((int(version) for version in versions if version is not None), None)


def check_totals(lake: Lake) -> None:
    """Raise VerificationError unless both gold tables count each row of silver once and sum to the same."""
    silver_rows = lake.facts(SILVER).rows
    one, other = (lake.collect(totals(lake.read(table)))[0] for table in GOLD_TABLES)
    if one["return_count"] != silver_rows:
        raise VerificationError(GOLD_TABLES[0].place, {"return_count": silver_rows}, one)
    if one != other:
        raise VerificationError(GOLD_TABLES[1].place, one, other)


def _bring_up(run: Execution, table: TableContract, silver_version: int) -> Written:
    lake, by = run.lake, (table.names[0], "reason")
    note = run.note(STAGE, run.record.batch_id, **{_COVERED: silver_version})
    since = covered(lake, table)
    if since == silver_version:
        return Written(None)
    changes = None if since is None else lake.changes(SILVER, since, silver_version)
    if changes is None:
        written = lake.overwrite(table, aggregate(lake.read(SILVER), by), note)
        how = "built anew"
    else:
        groups = lake.stage(changed_groups(changes, lake.read(table), by))
        emptied_are_deleted = Upsert(keys=by, delete_when="source.return_count = 0")
        written = lake.merge(table, groups, note, emptied_are_deleted, within={})
        how = f"brought from version {since}"
    if written.version is not None:
        check_commit(lake, table, written, note)
    logger.info("%s %s", table.name, how, extra=_counts(written))
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
        silver_to_gold(run)
        run.record.status = SUCCEEDED
    print_summary(run.record, run.paths, [])


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m pyspark_interview_project.pipeline.silver_to_gold`."""
    run_command(run_alone, argv)


if __name__ == "__main__":
    main()
