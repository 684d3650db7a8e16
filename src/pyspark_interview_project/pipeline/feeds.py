"""`returns feeds`: which feeds there are and which files they take; a draft of one from a file; one tried on a file."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pyspark_interview_project import engine as engine_api
from pyspark_interview_project.command_line import main_of, prepare
from pyspark_interview_project.config import paths
from pyspark_interview_project.config.feed_choice import FeedChoice
from pyspark_interview_project.config.settings import Settings
from pyspark_interview_project.engines.base import Engine
from pyspark_interview_project.engines.opening import open_engine
from pyspark_interview_project.errors import ConfigurationError, UnreadableBatchError
from pyspark_interview_project.pipeline.options import EngineOption
from pyspark_interview_project.pipeline.run_context import planning_day
from pyspark_interview_project.pipeline.validated_counts import ValidatedCounts
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.schemas.rules import REASON_CODES
from pyspark_interview_project.shown_text import printable, shortened
from pyspark_interview_project.sources.discovery import LandedFile, find_landed, format_of
from pyspark_interview_project.sources.preflight import screened
from pyspark_interview_project.storage.delta_tables import DeltaTables
from pyspark_interview_project.storage.files import LocalFiles
from pyspark_interview_project.transforms.counts import count_validated
from pyspark_interview_project.transforms.first_records import first_records
from pyspark_interview_project.transforms.validate import validate

if TYPE_CHECKING:
    from pyspark_interview_project.config.feed_definition import Feed

_MOST_FILES = 5  # of a feed that are named
_BLANKS = re.compile(r"\s*[\r\n]\s*|  +")  # of a record on several lines
_LONGEST_RECORD = 400  # characters of a record that a terminal shows

app = typer.Typer(
    invoke_without_command=True,
    help="How the files of each source become returns: list the feeds, draft one from a file, try one on a file.",
)
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A file, in the lake or anywhere else.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def feeds(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the feeds, and the landed files that each would take."""
    if context.invoked_subcommand is not None:
        return
    settings = prepare({})
    choice = FeedChoice(settings.feeds_dir, REASON_CODES)
    taken: dict[str | None, list[str]] = {feed.feed: [] for feed in choice.feeds}
    if Path(settings.paths.place(paths.LANDED)).is_dir():
        for file in find_landed(settings.paths, date.max).files:
            feed = choice.feed_of(file.path)
            taken.setdefault(feed.feed if feed else None, []).append(file.path)
    shipped = FeedChoice(None, REASON_CODES).feeds
    listed = [
        (feed.feed, "shipped" if feed in shipped else "own", feed.files, taken[feed.feed]) for feed in choice.feeds
    ]
    without = taken.get(None, [])
    if as_json:
        keys = ("feed", "whose", "files", "takes")
        print(json.dumps({"feeds": [dict(zip(keys, each)) for each in listed], "without_feed": without}, indent=1))
        return
    for name, whose, pattern, takes in listed:
        print(f"{name:<24} {whose:<8} {pattern:<36} {_named(takes)}")
    print(f"without a feed, with the columns of a return: {_named(without)}")


def _named(paths: Sequence[str]) -> str:
    """How many files, and the first of them."""
    more = ", …" if len(paths) > _MOST_FILES else ""
    return f"{len(paths)} files" + (f": {', '.join(map(printable, paths[:_MOST_FILES]))}{more}" if paths else "")


@app.command("try")
def try_feed(
    file: FileArgument,
    feed: Annotated[
        str | None,
        typer.Option("--feed", metavar="NAME", help="The feed, or a file with one; by default that of the directory."),
    ] = None,
    most: Annotated[int, typer.Option("--records", min=1, max=1000, help="How many records to show.")] = 5,
    engine: EngineOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the first records of a file before and after its feed, with the reasons of those that are rejected, and how
    many of the whole file are accepted. Changes nothing."""
    settings = prepare({"engine": engine})
    engine_api.choose_engine(settings.wanted_engine)
    if not file.is_file():
        raise ConfigurationError(str(file), "there is no such file")
    choice = FeedChoice(settings.feeds_dir, REASON_CODES)
    tried = _tried(
        settings, file.resolve(), _feed_named(choice, feed) if feed else choice.feed_of(_as_landed(file)), most
    )
    if as_json:
        print(json.dumps(tried, indent=1, default=str))
    else:
        _print_tried(tried)


@app.command()
def draft(file: FileArgument, as_json: JsonOption = False) -> None:
    """Look at a file and print a feed to start from. A line that ends with # ? is for a person to decide."""
    settings = prepare({})
    if not file.is_file():
        raise ConfigurationError(str(file), "there is no such file")
    from pyspark_interview_project.sources.feed_draft import draft_feed  # no other command needs it

    place = file.resolve()
    name = _as_landed(file) if f"/{paths.LANDED}/" in place.as_posix() else f"{place.parent.name}/{place.name}"
    drafted = draft_feed(place, name, FeedChoice(settings.feeds_dir, REASON_CODES).feeds)
    print(json.dumps(drafted.as_json(), indent=1) if as_json else drafted.text, end="\n" if as_json else "")


def _feed_named(choice: FeedChoice, name: str) -> Feed:
    """The feed of that name, or of that file, which need not be in feeds_dir yet."""
    if name.endswith((".yaml", ".yml")):
        from pyspark_interview_project.config.feeds import load_feed

        return load_feed(Path(name), REASON_CODES)
    for feed in choice.feeds:
        if feed.feed == name:
            return feed
    raise ConfigurationError("--feed", f"there is no feed {name}; there are {', '.join(f.feed for f in choice.feeds)}")


def _as_landed(file: Path) -> str:
    """The path by which feeds know a file: below bronze/returns_raw where it lies there, else from the root."""
    path = file.resolve().as_posix()
    _, landing, below = path.rpartition(f"/{paths.LANDED}/")
    return below if landing else path.lstrip("/")


@contextmanager
def _engine_over(settings: Settings, root: Path) -> Iterator[Engine]:
    """An engine for files below `root`, whatever lake the settings have."""
    elsewhere = settings.model_copy(update={"data_root": str(root)})
    with tempfile.TemporaryDirectory(prefix="returns-") as scratch:
        log = Path(scratch, "engine.log")
        with open_engine(elsewhere, DeltaTables(elsewhere.paths), log, Path(scratch)) as engine:
            engine.use_time_zone(settings.spark_tz)
            yield engine


def _tried(settings: Settings, file: Path, feed: Feed | None, most: int) -> dict[str, Any]:
    """What becomes of a file: its first records as delivered and as validated, and counts of all."""
    if format_of(file.name) is None:
        raise ConfigurationError(str(file), "its name claims none of the formats; see docs/files.md")
    files = LocalFiles(str(file.parent))
    stored = files.head(file.name)
    assert stored is not None
    landed: LandedFile = screened(files, stored, feed, settings.landing_limits)
    rules = [(rule.code, rule.sql, rule.severity) for rule in feed.rules] if feed else []
    latest = datetime.now(UTC) + timedelta(days=1)
    with _engine_over(settings, file.parent) as engine:
        try:
            [delivery] = engine.read_landed([landed], {feed.feed: feed} if feed else {})
            records = engine.materialize(delivery.frame)
            judged = engine.materialize(
                engine.transform(
                    validate, records, delivery.kinds, planning_day(settings, None), latest, settings.currency, rules
                )
            )
        except UnreadableBatchError as error:
            raise next(iter(error.problems.values())) from error
        delivered = engine.collect(engine.transform(first_records, records, most))
        validated = engine.collect(engine.transform(first_records, judged, most))
        counts = ValidatedCounts.of(engine.collect(engine.transform(count_validated, judged, None)))
    return {
        "file": str(file),
        "feed": feed.feed if feed else None,
        "records": counts.read.rows,
        "accepted": counts.alone.rows,
        "excluded": counts.excluded.rows,
        "rejected": counts.rejected.rows,
        "rejected_by_reason": counts.by_reason,
        "warned_by_rule": counts.by_warning,
        "first": [_before_and_after(before, after) for before, after in zip(delivered, validated, strict=True)],
    }


def _before_and_after(delivered: Mapping[str, Any], validated: Mapping[str, Any]) -> dict[str, Any]:
    outcome = "rejected" if validated["reasons"] else "excluded" if validated["is_excluded"] else "accepted"
    as_delivered = {name: delivered[name] for name in RAW_NAMES if delivered[name] is not None}
    return {
        "source_record": validated["source_record"],
        "before": delivered.get("raw_record") or as_delivered,
        "after": {name: validated[name] for name in RAW_NAMES},
        "outcome": outcome,
        "reasons": validated["reasons"] or [],
        "warnings": validated["warnings"] or [],
    }


def _print_tried(tried: Mapping[str, Any]) -> None:
    for record in tried["first"]:
        said = [record["outcome"], *record["reasons"], *record["warnings"]]
        print(f"record {record['source_record']}: {', '.join(said)}")
        before = _BLANKS.sub(" ", str(record["before"]))
        print(f"  before  {printable(shortened(before, _LONGEST_RECORD))}")
        values = [f"{name}={value}" for name, value in record["after"].items() if value is not None]
        print(f"  after   {printable('  '.join(values))}")
    by = f"feed {tried['feed']}" if tried["feed"] else "no feed"
    counts = ", ".join(f"{tried[name]:,} {name}" for name in ("accepted", "excluded", "rejected"))
    print(f"{tried['records']:,} records by {by}: {counts}")
    for code, rows in {**tried["rejected_by_reason"], **tried["warned_by_rule"]}.items():
        print(f"  {rows:,} {code}")


main = main_of(app)

if __name__ == "__main__":
    main()
