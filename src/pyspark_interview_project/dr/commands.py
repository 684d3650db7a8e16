"""What the commands of recovery do, and what they print."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pyspark_interview_project.command_line import exit_code_of
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.dr import backup as backups_made
from pyspark_interview_project.dr import drill as drills
from pyspark_interview_project.dr import objectives, protection
from pyspark_interview_project.dr import prune as prunes
from pyspark_interview_project.dr import restore as restores
from pyspark_interview_project.dr import verify as verifications
from pyspark_interview_project.dr.backups import chosen, refuse_another_lake, write_verification
from pyspark_interview_project.dr.contents import contents
from pyspark_interview_project.dr.objectives import duration
from pyspark_interview_project.dr.snapshot import silver_id
from pyspark_interview_project.dr.store import BackupStore
from pyspark_interview_project.dr.strategies import REPLICATIONS, Strategies
from pyspark_interview_project.errors import (
    ConfigurationError,
    DamageError,
    ObjectiveMissedError,
    PipelineError,
    StorageError,
)
from pyspark_interview_project.logging_setup import is_for_a_person, stage_in_logs
from pyspark_interview_project.metrics.run_record import BACKUP, DRILL, REPLICATION
from pyspark_interview_project.progress import Steps, steps
from pyspark_interview_project.shown_text import printable
from pyspark_interview_project.storage.files import LocalFiles

logger = logging.getLogger(__name__)


def store_of(settings: Settings, url: str | None, strategy: str | None) -> BackupStore:
    """The store at a URL, else that of a strategy."""
    if url is not None and strategy is not None:
        raise ConfigurationError("--from", "and --strategy exclude each other: a strategy has its place")
    strategies = Strategies(settings)
    return strategies.store_at(url) if url is not None else strategies.store(strategies.named(strategy)[1])


def backup(settings: Settings, to: str | None, strategy: str | None, landed_files: bool | None, simulate: bool) -> None:
    if to is not None and strategy is not None:
        raise ConfigurationError("--to", "and --strategy exclude each other: a strategy has its place")
    if to is None and landed_files is not None:
        raise ConfigurationError("--landed-files", "goes with --to: a strategy says so itself")
    strategies = Strategies(settings)
    if to is None:
        _back_up_by_strategy(settings, strategies, strategy, simulate)
        return
    store = strategies.store_at(to)
    if simulate:
        snapshot, files, size = backups_made.planned(strategies.lake, store, bool(landed_files))
        sent = f"{files} of {len(snapshot.files)} files, {size:,} bytes"
        print(f"would send at most {sent}, to {printable(store.url)}")
        return
    with _stage(settings, "backup") as shown:
        made = backups_made.make_backup(strategies.lake, store, None, bool(landed_files), shown)
    print(made.manifest.id)


def _back_up_by_strategy(settings: Settings, strategies: Strategies, strategy: str | None, simulate: bool) -> None:
    name, _ = strategies.named(strategy)
    if simulate:
        print(printable(protection.simulated_backup(strategies, name)))
        return
    with _stage(settings, "backup") as shown, protection.recorded(settings, BACKUP, name) as facts:
        facts.update(protection.run_backup(strategies, name, shown))
    print(facts["backup"])


def verify(settings: Settings, store: BackupStore, backup_id: str | None) -> None:
    found = contents(store, read_manifests=True)
    try:
        manifest = chosen(store, found, backup_id)
    except DamageError:
        for finding in verifications.findings_beside(store, found):
            print(printable(finding))
        raise
    with _stage(settings, "verify") as shown:
        findings = verifications.verify_backup(store, found, manifest, shown)
    for finding in findings.all:
        print(printable(finding))
    if findings.all:
        print(printable(verifications.still_restorable(found, manifest, findings)))
    else:
        print(f"{manifest.id} is whole: {len(manifest.files)} files, {manifest.bytes:,} bytes")
    try:
        write_verification(store, manifest.id, findings.backup, findings.damaged)
    except (StorageError, OSError) as error:  # what was found holds also where the rights are for reading only
        logger.warning("the store was not told, so that the backup does not count as verified: %s", error)
    if findings.all:
        raise DamageError(store.url, findings.all)


def restore(
    settings: Settings, store: BackupStore, to: Path, backup_id: str | None, table: str | None, dry_run: bool
) -> None:
    manifest = chosen(store, contents(store), backup_id)
    plan = restores.plan_restore(store, manifest, to, table, [Path(settings.paths.root)])
    for place in plan.tables:
        entry = manifest.tables[place]
        rows = "" if entry.rows is None else f", {entry.rows:,} rows"
        print(f"{place} at version {entry.version}{rows}")
    if dry_run:
        print(f"would restore {len(plan.files)} files, {plan.bytes:,} bytes of {manifest.id} to {plan.lake.root}")
        return
    with _stage(settings, "restore") as shown:
        restores.restore(store, plan, shown)
    print(f"restored {manifest.id} as of {manifest.snapshot_at.isoformat(timespec='seconds')} to {plan.lake.root}")
    if not manifest.has_landed_files and table is None:
        print("landed files are not in this backup: bring bronze/returns_raw back from where it is kept")


def replicate(settings: Settings, name: str | None, simulate: bool) -> None:
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


def drill(settings: Settings, strategy: str | None, scratch: Path | None) -> None:
    strategies = Strategies(settings)
    name, chosen_strategy = strategies.named(strategy)
    store = strategies.store(chosen_strategy)
    with _stage(settings, "drill") as shown, protection.recorded(settings, DRILL, name) as facts:
        figures = drills.drill(strategies.lake, store, name, chosen_strategy, scratch, settings.skip_files, shown)
        facts.update(vars(figures))
        if missed := figures.missed(chosen_strategy):
            raise ObjectiveMissedError(name, "; ".join(missed))
    print(f"{figures.backup_id} came back: RPO {figures.rpo_seconds:.1f} s, RTO {figures.rto_seconds:.1f} s")
    for step, seconds in figures.seconds.items():
        print(f"  {step:<8} {seconds:8.1f} s")


def list_backups(store: BackupStore) -> None:
    found = contents(store)
    print(f"{'backup':<28}  {'age':>8}  {'files':>7}  {'bytes':>15}  verified")
    for each in found.backups.values():
        age = duration(each.age_seconds(datetime.now(UTC)))
        print(f"{each.id:<28}  {age:>8}  {each.files:>7}  {each.file_bytes:>15,}  {found.state_of(each.id)}")
    for backup_id, problem in found.broken.items():
        print(printable(f"{backup_id:<28}  cannot be used: its manifest {problem}"))


def status(settings: Settings, strategy: str | None) -> None:
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


def prune(settings: Settings, strategy: str | None, replication: str | None, yes: bool) -> None:
    strategies = Strategies(settings)
    store, keep = strategies.store_and_retention(strategy, replication)
    found, now = contents(store, read_manifests=True), datetime.now(UTC)
    if identity := silver_id(LocalFiles(strategies.lake)):
        refuse_another_lake(store, found, identity, str(strategies.lake))
    if yes:
        plan = prunes.prune(store, keep.days, keep.last)
    else:
        plan = prunes.plan_prune(found, keep.days, keep.last, now)
    for each in plan.backups:
        print(f"{each.id}  {duration(each.age_seconds(now))} old")
    print(
        f"{'removed' if yes else 'would remove'} {len(plan.backups)} backups and {len(plan.objects)} objects, "
        f"{plan.bytes:,} bytes{'' if yes else '; --yes does it'}"
    )


@contextmanager
def _stage(settings: Settings, name: str) -> Iterator[Steps]:
    started = time.monotonic()
    with stage_in_logs(name), steps(is_for_a_person(settings.app_env)) as shown:
        shown.start(name)
        yield shown
        shown.finish(name, time.monotonic() - started)


def _for_all(work: Callable[[str], None], names: Sequence[str]) -> None:
    """Do it for each, whatever becomes of the others. Raises the worst failure at the end; stderr gets the others."""
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
