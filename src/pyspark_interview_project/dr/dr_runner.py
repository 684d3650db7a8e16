"""Disaster recovery by hand or by a scheduler: the commands `returns dr …` and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pyspark_interview_project.command_line import main_of, prepare
from pyspark_interview_project.config.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Back the lake up, verify backups, restore them, and prove that it works.")

FromOption = Annotated[
    str | None, typer.Option("--from", metavar="URL", help="The store; that of the strategy by default.")
]
StrategyOption = Annotated[
    str | None, typer.Option("--strategy", metavar="NAME", help="The strategy; the only one by default.")
]
BackupOption = Annotated[str | None, typer.Option("--backup", metavar="ID", help="The newest by default.")]
SimulateOption = Annotated[bool, typer.Option("--simulate", help="Say what would be done, and do nothing.")]

# Each command imports what it needs of recovery, so that `returns --help` is quick.


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
    settings = _prepare_for_a_whole_lake()
    from pyspark_interview_project.dr import commands

    commands.backup(settings, to, strategy, landed_files, simulate)


@app.command()
def verify(from_: FromOption = None, strategy: StrategyOption = None, backup: BackupOption = None) -> None:
    """Read every byte of a backup, list all that is wrong, and open its tables at their pinned versions."""
    settings = prepare({})
    from pyspark_interview_project.dr import commands

    commands.verify(settings, commands.store_of(settings, from_, strategy), backup)


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
    settings = prepare({})
    from pyspark_interview_project.dr import commands

    commands.restore(settings, commands.store_of(settings, from_, strategy), to, backup, table, dry_run)


@app.command()
def replicate(
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="The replication; all by default.")] = None,
    simulate: SimulateOption = False,
) -> None:
    """Bring second stores up to the newest verified backup. Deletions never travel."""
    settings = _prepare_for_a_whole_lake()
    from pyspark_interview_project.dr import commands

    commands.replicate(settings, name, simulate)


@app.command()
def drill(
    strategy: StrategyOption = None,
    scratch: Annotated[
        Path | None, typer.Option("--scratch", metavar="DIR", help="Where the lake is restored for the drill.")
    ] = None,
) -> None:
    """Prove that the lake comes back: backup, restore elsewhere, compare, run a batch there; timed."""
    settings = _prepare_for_a_whole_lake()
    from pyspark_interview_project.dr import commands

    commands.drill(settings, strategy, scratch)


@app.command("list")
def list_backups(from_: FromOption = None, strategy: StrategyOption = None) -> None:
    """Show which backups there are, how old, and when each was verified."""
    settings = prepare({})
    from pyspark_interview_project.dr import commands

    commands.list_backups(commands.store_of(settings, from_, strategy))


@app.command()
def status(strategy: StrategyOption = None) -> None:
    """Say for each store how much a loss would cost now; exit code 3 where that is more than the RPO allows."""
    settings = prepare({})
    from pyspark_interview_project.dr import commands

    commands.status(settings, strategy)


@app.command()
def prune(
    strategy: StrategyOption = None,
    replication: Annotated[
        str | None, typer.Option("--replication", metavar="NAME", help="Its second store, by what its strategy keeps.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, it is only shown.")] = False,
) -> None:
    """Remove backups that the strategy need not keep, and what only they named; never the last verified one."""
    settings = _prepare_for_a_whole_lake()
    from pyspark_interview_project.dr import commands

    commands.prune(settings, strategy, replication, yes)


def _prepare_for_a_whole_lake() -> Settings:
    settings = prepare({})
    settings.paths.refuse_half_restored()
    return settings


main = main_of(app)

if __name__ == "__main__":
    main()
