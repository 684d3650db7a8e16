"""Runs killed at random moments, on both engines, each run again until it ends: part of `make soak`.

    python tests/random_kills.py --kills 200

Prints a line for each lake that differs from one whose runs nobody killed, keeps that lake, and ends with 1 if there
was any. The choices follow from the seed; the moments are only as exact as sleeping is.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import lake_reading
from commands import REPOSITORY, RETURNS, environment, returns, succeeded
from kills import FIRST_DAY, SECOND_DAY, SETTINGS, counts, land_samples

# A run on Spark takes minutes where one on the embedded engine takes seconds: fewer of them.
SHARES = {"embedded": 15, "spark": 1}
MOST_IN_A_ROW = 3


@dataclass
class Never:
    """A lake before and after a run that nobody killed, and how long each engine took for it: first kill, end."""

    day: str
    before: Path
    after: Path
    seconds: dict[str, tuple[float, float]] = field(default_factory=dict)


def whole_run(lake: Path, day: str, engine: str) -> None:
    succeeded(returns(lake, "run", "--as-of", day, **SETTINGS, ENGINE=engine))


def killed_run(lake: Path, day: str, engine: str, after: float | None) -> bool:
    """A run in a process group of its own, killed after so many seconds; whether it was killed before its end."""
    with subprocess.Popen(
        [str(RETURNS), "run", "--as-of", day],
        env=environment(lake, **SETTINGS, ENGINE=engine),
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            _, said = process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return True
    assert process.returncode == 0, said.decode()
    return False


def never_killed(root: Path) -> list[Never]:
    """The first and the second day of the samples."""
    empty, first, second = (root / name for name in ("empty", "first", "second"))
    land_samples(empty)
    shutil.copytree(empty, first)
    whole_run(first, FIRST_DAY, "embedded")
    shutil.copytree(first, second)
    whole_run(second, SECOND_DAY, "embedded")
    days = [Never(FIRST_DAY, empty, first), Never(SECOND_DAY, first, second)]
    for never in days:
        for engine in SHARES:
            lake = root / f"timed-{never.day}-{engine}"
            shutil.copytree(never.before, lake)
            started = time.monotonic()
            killed_run(lake, never.day, engine, None)
            took = time.monotonic() - started
            never.seconds[engine] = (took / 4, took)  # before that, it only starts
    return days


def difference(lake: Path, never: Never) -> str | None:
    """What a lake holds that it must not, or lacks; None: nothing."""
    for place, rows in lake_reading.comparable(never.after).items():
        found = lake_reading.comparable(lake)[place]
        if found != rows:
            odd = Counter(map(str, found))
            odd.subtract(Counter(map(str, rows)))
            return f"{place}: {[(row, n) for row, n in odd.items() if n][:5]}"
    return None if counts(lake) == counts(never.after) else f"counts: {counts(lake)}"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--kills", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    given = arguments.parse_args()
    choose = random.Random(given.seed)
    root = Path(tempfile.mkdtemp(prefix="random-kills-"))
    days = never_killed(root)
    kills: Counter[str] = Counter()
    resumed: Counter[str] = Counter()
    divergences = lakes = 0
    while kills.total() < given.kills:
        never = choose.choice(days)
        lake = root / f"lake-{lakes}"
        lakes += 1
        shutil.copytree(never.before, lake)
        story = []
        for _ in range(choose.randint(1, MOST_IN_A_ROW)):
            (engine,) = choose.choices(list(SHARES), list(SHARES.values()))
            moment = choose.uniform(*never.seconds[engine])
            was_killed = killed_run(lake, never.day, engine, moment)
            kills[engine] += was_killed
            story.append(f"{engine} {moment:.2f} s{'' if was_killed else ' (ended before)'}")
        (last,) = choose.choices(list(SHARES), list(SHARES.values()))
        resumed[last] += 1
        whole_run(lake, never.day, last)
        if odd := difference(lake, never):
            divergences += 1
            print(f"divergence in {lake}, killed at {', '.join(story)}, ended on {last}: {odd}", flush=True)
        else:
            shutil.rmtree(lake)
        print(f"{kills.total()} of {given.kills} kills, {divergences} divergences", file=sys.stderr, flush=True)
    killed, ended = (", ".join(f"{n} {engine}" for engine, n in sorted(c.items())) for c in (kills, resumed))
    print(f"{kills.total()} kills ({killed}) in {lakes} lakes (ended on: {ended}), seed {given.seed}: ", end="")
    print(f"{divergences} divergences")
    if not divergences:
        shutil.rmtree(root)
    return int(divergences > 0)


if __name__ == "__main__":
    sys.exit(main())
