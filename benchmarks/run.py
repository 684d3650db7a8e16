"""Time the package against other programs that do the same job on the same files, check that all results agree, and
say which targets are met. Needs Linux. Results go to data/benchmarks/.

    python -m benchmarks.run [--cases first-load,daily] [--engines embedded] [--sizes 1,10] [--runs 3] [--large]
                             [--baseline REVISION [--baseline-cases three-rows,daily]]
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.case_programs import programs_of
from benchmarks.cases import BASELINE_CASES, DEFAULT_NAMES, ENGINES, LARGE, NAMES, SIZES, Case, planned
from benchmarks.figures import Figures
from benchmarks.measure import Measured, measure
from benchmarks.programs import REPOSITORY, Program, revision_checked_out
from benchmarks.report import Report
from benchmarks.statements import event_log_settings, sql_executions
from benchmarks.totals import Totals, assert_equal
from benchmarks.workplace import Workplace, fresh

RESULTS = REPOSITORY / "data" / "benchmarks"
# What a lake, its copies and the peers' tables take, with room for what is spilled.
_BYTES_PER_MILLION = 400_000_000
_EXIT_FAILED, _EXIT_USAGE = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 all results agree (a missed target is shown, as a busy machine can miss one), 1 a program failed or
    results differ, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    wanted = planned(options.cases, options.engines, options.sizes, options.large)
    if options.runs:
        wanted = [Case(**(vars(case) | {"rounds": options.runs})) for case in wanted]
    if problem := _problem(options):
        print(problem, file=sys.stderr)
        return _EXIT_USAGE
    report = Report(baseline=options.baseline)
    with ExitStack() as at_the_end:
        place = Path(at_the_end.enter_context(tempfile.TemporaryDirectory(prefix="work-", dir=RESULTS)))
        workplace = Workplace(place)
        baseline = None
        if options.baseline:
            baseline = at_the_end.enter_context(revision_checked_out(options.baseline, place / "baseline"))
        # The first run of changed code would be timed with its compilation.
        for source in filter(None, (REPOSITORY / "src", baseline)):
            compileall.compile_dir(source, quiet=2)
        agreed: dict[str, Totals] = {}
        for case in wanted:
            print(f"{case.title}, {case.engine}", file=sys.stderr, flush=True)
            try:
                programs = programs_of(case, workplace, baseline if case.name in options.baseline_cases else None)
                report.figures += run_case(case, programs, workplace, agreed)
            except Exception as error:  # whatever it is, the other cases must not be lost for it
                report.failures.append(f"{case.title}, {case.engine}: {error!r}")
                traceback.print_exc()
            saved = report.save(RESULTS)
    print(f"\n{report.as_markdown()}\n{saved}")
    return _EXIT_FAILED if report.failures else 0


def run_case(case: Case, programs: Sequence[Program], workplace: Workplace, agreed: dict[str, Totals]) -> list[Figures]:
    """Run the programs in turn, round after round, and compare what they made, also with that of the other engine.

    `agreed` has the totals of each case that has been run before.
    """
    measured: list[list[Measured]] = [[] for _ in programs]
    found: dict[str, Totals] = {f"{case.title} before": agreed[case.title]} if case.title in agreed else {}
    for number in range(case.rounds):
        for program, rounds in zip(programs, measured, strict=True):
            rounds.append(_timed(program, workplace, {}))
            print(f"  {number + 1}. {program.name}: {rounds[-1].seconds:.2f} s", file=sys.stderr, flush=True)
            if program.totals:
                found[program.name] = program.totals()
                assert_equal(found)
                agreed[case.title] = found[program.name]
            program.check()
    counted = [_sql_executions(program, workplace) for program in programs]
    for program in programs:
        program.when_done()
    return [
        Figures(
            case.name, case.variant, case.engine, case.millions, case.title, program.name, tuple(rounds), statements
        )
        for program, rounds, statements in zip(programs, measured, counted, strict=True)
    ]


def _timed(program: Program, workplace: Workplace, more_env: dict[str, str]) -> Measured:
    program.prepare()
    os.sync()  # what others wrote must not reach the disk while this one is timed
    return measure(program.command, {**program.env, **more_env}, REPOSITORY, workplace.root / "output.log")


def _sql_executions(program: Program, workplace: Workplace) -> int | None:
    if not program.counts_statements:
        return None
    events = fresh(workplace.root / "events")
    _timed(program, workplace, event_log_settings(events))
    return sql_executions(events)


def _parser() -> argparse.ArgumentParser:
    def some_of(known: Sequence[str]) -> Callable[[str], list[str]]:
        def parse(text: str) -> list[str]:
            names = text.split(",")
            if unknown := set(names) - set(known):
                raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not in {', '.join(known)}")
            return names

        return parse

    def sizes(text: str) -> list[float]:
        found = [float(size) for size in text.split(",")]
        if min(found) <= 0:
            raise argparse.ArgumentTypeError("a size is a number of million rows above 0")
        return sorted(found)

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=some_of(NAMES), default=list(DEFAULT_NAMES), help="by default all but growth")
    parser.add_argument("--engines", type=some_of(ENGINES), default=list(ENGINES), help="by default both")
    parser.add_argument("--sizes", type=sizes, default=list(SIZES), help="million rows; by default 1,10")
    parser.add_argument("--runs", type=int, help="rounds of every case; by default by what a case takes")
    parser.add_argument("--large", action="store_true", help=f"also a day into {LARGE:g} million rows")
    parser.add_argument("--baseline", metavar="REVISION", help="a git revision to time beside the code as it is")
    parser.add_argument("--baseline-cases", type=some_of(NAMES), default=list(BASELINE_CASES))
    return parser


def _problem(options: argparse.Namespace) -> str | None:
    """Why a benchmark cannot be run at all, with the next step."""
    if not sys.platform.startswith("linux"):
        return "the benchmarks read processes from /proc: run them on Linux, or in the container"
    largest = max([*options.sizes, *([LARGE] if options.large else [])])
    RESULTS.mkdir(parents=True, exist_ok=True)
    needed, free = largest * _BYTES_PER_MILLION, shutil.disk_usage(RESULTS).free
    if free < needed:
        return f"{RESULTS} has {free / 1e9:.0f} GB free; {largest:g} million rows need {needed / 1e9:.0f} GB: make room"
    return None


if __name__ == "__main__":
    # Ended by a signal, it takes along what it started, and leaves no data and no worktree behind.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
