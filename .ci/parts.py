"""Which parts of `make test-full` the changed paths call for, as far as time allows; one make target a line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

# Of 25 minutes on a clean checkout, what lint, test and what they install leave, with room for a slow machine.
MINUTES = 8
MINUTES_OF = {
    "test-airflow": 9,
    "test-connect": 3,
    "test-deployment": 4,
    "test-recovery": 6,
    "test-s3": 5,
    "test-full-embedded": 9,
}
_OF_DEPLOYMENT = ("databricks", "monitoring", "prometheus", "terraform", "wheel", "workflows")
# A path belongs to the first prefix that it starts with.
PARTS_FOR: Sequence[tuple[str, Sequence[str]]] = (
    ("src/pyspark_interview_project/dr/", ("test-recovery", "test-s3")),
    ("src/pyspark_interview_project/storage/", ("test-recovery", "test-s3", "test-full-embedded")),
    ("src/pyspark_interview_project/engines/spark", ("test-connect",)),
    ("src/pyspark_interview_project/metrics/", ("test-deployment",)),
    ("src/pyspark_interview_project/report/", ()),
    ("src/pyspark_interview_project/doctor/", ()),
    ("src/", ("test-full-embedded", "test-connect")),
    ("configs/", ("test-deployment",)),
    ("dags/", ("test-airflow",)),
    ("databricks/", ("test-deployment",)),
    ("docker/", ("test-deployment",)),
    ("infra/", ("test-deployment",)),
    ("requirements/airflow", ("test-airflow",)),
    ("requirements/", ("test-connect", "test-deployment")),
    (".github/", ("test-deployment",)),
    ("Dockerfile", ("test-deployment",)),
    ("pyproject.toml", ("test-deployment",)),
    ("tests/airflow/", ("test-airflow",)),
    ("tests/connect/", ("test-connect",)),
    ("tests/container/", ("test-deployment",)),
    ("tests/test_dr", ("test-recovery",)),
    *((f"tests/test_{name}", ("test-deployment",)) for name in _OF_DEPLOYMENT),
    *((f"tests/test_{name}", ()) for name in ("parity", "lake_parity", "spark", "late_writes")),  # for Spark alone
    ("tests/recovery.py", ("test-recovery",)),
    ("tests/object_stores.py", ("test-s3",)),
    ("tests/test_", ("test-full-embedded",)),
    ("tests/", ("test-full-embedded", "test-recovery")),
)


def changed_paths(repository: Path) -> list[str] | None:
    """What changed since the branch left main or, on main, since the commit before; None where git cannot tell."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True)
        except FileNotFoundError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    head = git("rev-parse", "HEAD")
    bases = (git("merge-base", "HEAD", "origin/main"), git("merge-base", "HEAD", "main"), git("rev-parse", "HEAD~1"))
    base = next((base for base in bases if base and base != head), None)
    if head is None or base is None:
        return None
    changed = git("diff", "--name-only", base, "HEAD")
    return None if changed is None else changed.splitlines()


def parts_for(paths: Iterable[str]) -> list[str]:
    """The parts for these paths, those that most paths call for first."""
    calls: dict[str, int] = {}
    for path in paths:
        for part in next((parts for prefix, parts in PARTS_FOR if path.startswith(prefix)), ()):
            calls[part] = calls.get(part, 0) + 1
    return sorted(calls, key=lambda part: (-calls[part], part))


def fitting(parts: Iterable[str], minutes: int = MINUTES) -> tuple[list[str], list[str]]:
    """The parts that fit into the time, and those that are left to the night."""
    taken: list[str] = []
    left: list[str] = []
    for part in parts:
        if MINUTES_OF[part] <= minutes:
            minutes -= MINUTES_OF[part]
            taken.append(part)
        else:
            left.append(part)
    return taken, left


def main() -> None:
    paths = changed_paths(Path(__file__).resolve().parents[1])
    taken, left = fitting(parts_for(paths or ()))
    if left:
        print(f"left to the night: {' '.join(left)}", file=sys.stderr)
    print("\n".join(taken))


if __name__ == "__main__":
    main()
