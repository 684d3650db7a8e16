"""Disaster recovery by hand or by a scheduler: `returns dr …`."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from pyspark_interview_project.command_line import exit_code_of, run_app
from pyspark_interview_project.config.settings import Settings, load_settings
from pyspark_interview_project.errors import (
    ConfigurationError,
    DamageError,
    ObjectiveMissedError,
    PipelineError,
    StorageError,
)
from pyspark_interview_project.logging_setup import configure_logging, is_for_a_person, set_run_id, stage_in_logs
from pyspark_interview_project.metrics.run_record import BACKUP, DRILL, REPLICATION
from pyspark_interview_project.progress import Steps, steps
from pyspark_interview_project.shown_text import printable

if TYPE_CHECKING:  # the rest of recovery is imported by the command that needs it: `returns --help` is to be quick
    from pyspark_interview_project.dr.store import Store

logger = logging.getLogger(__name__)

app = typer.Typer(no_args_is_help=True, help="Back the lake up, verify backups, restore them, and prove that it works.")

FromOption = Annotated[
    str | None, typer.Option("--from", metavar="URL", help="The store; that of the strategy by default.")
]
StrategyOption = Annotated[
    str | None, typer.Option("--strategy", metavar="NAME", help="The strategy; the only one by default.")
]
BackupOption = Annotated[str | None, typer.Option("--backup", metavar="ID", help="The newest by default.")]
SimulateOption = Annotated[bool, typer.Option("--simulate", help="Say what would be done, and do nothing.")]


@app.command()
def backup(
    to: Annotated[str | None, typer.Option("--to", metavar="URL", help="A store beside those of strategies.")] = None,
    strategy: StrategyOption = None,
    landed_files: Annotated[
        bool | None, typer.Option("--landed-files/--no-landed-files", help="Bronze too; with --to not by default.")
    ] = None,
    simulate: SimulateOption = False,
) -> None:
    """Back the lake up as it is now, also while it is written; prints the backup's id."""
    settings = _prepare()
    settings.paths.refuse_half_restored()
    if to is not None and strategy is not None:
        raise ConfigurationError("--to", "and --strategy exclude each other: a strategy has its place")
    if to is None and landed_files is not None:
        raise ConfigurationError("--landed-files", "goes with --to: a strategy says so itself")
    from pyspark_interview_project.dr import protection
    from pyspark_interview_project.dr.backup import make_backup, planned
    from pyspark_interview_project.dr.strategies import Strategies

    strategies = Strategies(settings)
    if to is None:
        name, _ = strategies.named(strategy)
        if simulate:
            print(printable(protection.simulated_backup(strategies, name)))
            return
        with _stage(settings, "backup") as shown, protection.recorded(settings, BACKUP, name) as facts:
            facts.update(protection.run_backup(strategies, name, shown))
        print(facts["backup"])
        return
    store = strategies.store_at(to)
    if simulate:
        cut, files, size = planned(strategies.lake, store, bool(landed_files))
        print(f"would send at most {files} of {len(cut.files)} files, {size:,} bytes, to {printable(store.url)}")
        return
    with _stage(settings, "backup") as shown:
        print(make_backup(strategies.lake, store, None, bool(landed_files), shown).manifest.id)


@app.command()
def verify(from_: FromOption = None, strategy: StrategyOption = None, backup: BackupOption = None) -> None:
    """Read every byte of a backup, list all that is wrong, and open its tables at their pinned versions."""
    settings = _prepare()
    from pyspark_interview_project.dr.backups import chosen, contents, write_verification
    from pyspark_interview_project.dr.verify import findings_beside, still_restorable, verify_backup

    store = _store(settings, from_, strategy)
    found = contents(store)
    try:
        manifest = chosen(store, found, backup)
    except DamageError:
        for finding in findings_beside(store, found):
            print(printable(finding))
        raise
    with _stage(settings, "verify") as shown:
        findings = verify_backup(store, found, manifest, shown)
    for finding in findings.all:
        print(printable(finding))
    if findings.all:
        print(printable(still_restorable(found, manifest, findings)))
    else:
        print(f"{manifest.id} is whole: {len(manifest.files)} files, {manifest.bytes:,} bytes")
    try:
        write_verification(store, manifest.id, findings.backup, findings.damaged)
    except (StorageError, OSError) as error:  # with rights to read only it is as good a look
        logger.warning("the store was not told, so that the backup does not count as verified: %s", error)
    if findings.all:
        raise DamageError(store.url, findings.all)


@app.command()
def restore(
    to: Annotated[Path, typer.Option("--to", metavar="TARGET", help="An empty or new local place.")],
    from_: FromOption = None,
    strategy: StrategyOption = None,
    backup: BackupOption = None,
    table: Annotated[
        str | None, typer.Option("--table", metavar="PLACE", help="Only this table, silver/returns for instance.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show; write nothing.")] = False,
) -> None:
    """Restore a backup into an empty place, never over anything."""
    settings = _prepare()
    from pyspark_interview_project.dr.backups import chosen, contents
    from pyspark_interview_project.dr.restore import plan_restore, restore

    store = _store(settings, from_, strategy)
    manifest = chosen(store, contents(store), backup)
    plan = plan_restore(store, manifest, to, table, [Path(settings.paths.root)])
    for place in plan.tables:
        entry = manifest.tables[place]
        print(f"{place} at version {entry.version}, {entry.rows - entry.deleted_rows:,} rows")
    if dry_run:
        print(f"would restore {len(plan.files)} files, {plan.bytes:,} bytes of {manifest.id} to {plan.target}")
        return
    with _stage(settings, "restore") as shown:
        restore(store, plan, shown)
    print(f"restored {manifest.id} as of {manifest.cut_at.isoformat(timespec='seconds')} to {plan.target}")
    if not manifest.has_landed_files and table is None:
        print("landed files are not in this backup: bring bronze/returns_raw back from where it is kept")


@app.command()
def replicate(
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="The replication; all by default.")] = None,
    simulate: SimulateOption = False,
) -> None:
    """Bring second stores up to the newest verified backup. Deletions never travel."""
    settings = _prepare()
    settings.paths.refuse_half_restored()
    from pyspark_interview_project.dr import protection
    from pyspark_interview_project.dr.strategies import REPLICATIONS, Strategies

    strategies = Strategies(settings)
    names = [name] if name else list(strategies.replications)
    if not names or names[0] not in strategies.replications:
        raise ConfigurationError("--name", f"there is no {name or 'file'} among {REPLICATIONS} in DR_CONFIG_DIR")

    def bring_up(each: str) -> None:
        if simulate:
            print(printable(protection.simulated_replication(strategies, each)))
            return
        with _stage(settings, "replicate") as shown, protection.recorded(settings, REPLICATION, each) as facts:
            facts.update(protection.run_replication(strategies, each, shown))
        print(f"{each}: {facts['backup']}, {facts['files_sent']} files and {facts['bytes_sent']:,} bytes sent")

    _for_all(bring_up, names)


@app.command()
def drill(
    strategy: StrategyOption = None,
    scratch: Annotated[
        Path | None, typer.Option("--scratch", metavar="DIR", help="Where the lake is restored for the drill.")
    ] = None,
) -> None:
    """Prove that the lake comes back: backup, restore elsewhere, compare, run a batch there; timed."""
    settings = _prepare()
    settings.paths.refuse_half_restored()
    from pyspark_interview_project.dr import protection
    from pyspark_interview_project.dr.drill import drill
    from pyspark_interview_project.dr.strategies import Strategies

    strategies = Strategies(settings)
    name, chosen_strategy = strategies.named(strategy)
    store = strategies.store(chosen_strategy)
    with _stage(settings, "drill") as shown, protection.recorded(settings, DRILL, name) as facts:
        figures = drill(strategies.lake, store, name, chosen_strategy, scratch, shown)
        facts.update(vars(figures))
        if missed := figures.missed(chosen_strategy):
            raise ObjectiveMissedError(name, "; ".join(missed))
    print(f"{figures.backup_id} came back: RPO {figures.rpo_seconds:.1f} s, RTO {figures.rto_seconds:.1f} s")
    for step, seconds in figures.seconds.items():
        print(f"  {step:<8} {seconds:8.1f} s")


@app.command("list")
def list_backups(from_: FromOption = None, strategy: StrategyOption = None) -> None:
    """Show which backups there are, how old, and when each was verified."""
    settings = _prepare()
    from pyspark_interview_project.dr.backups import contents
    from pyspark_interview_project.dr.objectives import duration

    store = _store(settings, from_, strategy)
    found = contents(store)
    print(f"{'backup':<28}  {'age':>8}  {'files':>7}  {'bytes':>15}  verified")
    for manifest in found.backups.values():
        state = found.state_of(manifest.id)
        age = duration(manifest.age_seconds(datetime.now(UTC)))
        print(f"{manifest.id:<28}  {age:>8}  {len(manifest.files):>7}  {manifest.bytes:>15,}  {state}")
    for backup_id, problem in found.broken.items():
        print(printable(f"{backup_id:<28}  cannot be used: its manifest {problem}"))


@app.command()
def status(strategy: StrategyOption = None) -> None:
    """Say for each store how much a loss would cost now; exit code 3 where that is more than the RPO allows."""
    settings = _prepare()
    from pyspark_interview_project.dr import objectives
    from pyspark_interview_project.dr.strategies import Strategies

    strategies = Strategies(settings)
    strategies.need_one()
    names = [strategies.named(strategy)[0]] if strategy else list(strategies.backups)
    seconds = [name for name, second in strategies.replications.items() if second.strategy in names]

    def tell(name: str) -> None:
        look = objectives.of_strategy if name in strategies.backups else objectives.of_replication
        standing = look(strategies, name)
        print(f"{name}: {standing.said}")
        if standing.problem:
            raise ObjectiveMissedError(name, standing.problem)

    _for_all(tell, [*names, *seconds])


@app.command()
def prune(
    strategy: StrategyOption = None,
    replication: Annotated[
        str | None, typer.Option("--replication", metavar="NAME", help="Its second store, by what its strategy keeps.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, it is only shown.")] = False,
) -> None:
    """Remove backups that the strategy need not keep, and what only they named; never the last verified one."""
    settings = _prepare()
    settings.paths.refuse_half_restored()
    from pyspark_interview_project.dr.backups import contents, refuse_another_lake
    from pyspark_interview_project.dr.cut import silver_id
    from pyspark_interview_project.dr.objectives import duration
    from pyspark_interview_project.dr.prune import plan_prune, prune
    from pyspark_interview_project.dr.strategies import Strategies

    strategies = Strategies(settings)
    store, keep = strategies.store_and_retention(strategy, replication)
    found, now = contents(store), datetime.now(UTC)
    if identity := silver_id(strategies.lake):
        refuse_another_lake(store, found, identity, str(strategies.lake))
    plan = prune(store, keep.days, keep.last) if yes else plan_prune(found, keep.days, keep.last, now)
    for manifest in plan.backups:
        print(f"{manifest.id}  {duration(manifest.age_seconds(now))} old")
    print(
        f"{'removed' if yes else 'would remove'} {len(plan.backups)} backups and {len(plan.objects)} objects, "
        f"{plan.bytes:,} bytes{'' if yes else '; --yes does it'}"
    )


def _prepare() -> Settings:
    settings = load_settings({})
    configure_logging(settings.log_level, is_for_a_person(settings.app_env))
    set_run_id(str(uuid4()))
    return settings


def _store(settings: Settings, url: str | None, strategy: str | None) -> Store:
    from pyspark_interview_project.dr.strategies import Strategies

    if url is not None and strategy is not None:
        raise ConfigurationError("--from", "and --strategy exclude each other: a strategy has its place")
    strategies = Strategies(settings)
    return strategies.store_at(url) if url is not None else strategies.store(strategies.named(strategy)[1])


@contextmanager
def _stage(settings: Settings, name: str) -> Iterator[Steps]:
    started = time.monotonic()
    with stage_in_logs(name), steps(is_for_a_person(settings.app_env)) as shown:
        shown.start(name)
        yield shown
        shown.finish(name, time.monotonic() - started)


def _for_all(work: Callable[[str], None], names: Sequence[str]) -> None:
    """Do it for each, whatever becomes of the others. Raises the worst failure at the end, the others are told."""
    failures: list[PipelineError | OSError] = []
    for name in names:
        try:
            work(name)
        except (PipelineError, OSError) as error:
            failures.append(error)
    if failures:
        worst = max(failures, key=exit_code_of)
        for other in failures:
            if other is not worst:
                print(f"error: {printable(str(other))}", file=sys.stderr)
        raise worst


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m pyspark_interview_project.dr.dr_runner`."""
    run_app(app, argv)


if __name__ == "__main__":
    main()
