"""How long a backup takes against a plain copy of the same files and their SHA-256.

    python benchmarks/backup_throughput.py [LAKE] [--files 24] [--megabytes 32] [--rounds 5]

Without LAKE, one is made whose silver has that many data files of that size. Each is timed with the page cache warm,
in turn, and ends when all is on the disk; the ratio is that of the best times, as the rest of a machine only adds. On a
machine that is busy all the time look at the median of the ratios of the rounds too.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy
import pyarrow as pa
from deltalake import write_deltalake

from pyspark_interview_project.config import paths
from pyspark_interview_project.dr.backup import make_backup
from pyspark_interview_project.dr.snapshot import pin
from pyspark_interview_project.dr.store import open_store
from pyspark_interview_project.progress import Steps
from pyspark_interview_project.storage.files import LocalFiles


def made_lake(root: Path, files: int, megabytes: int) -> Path:
    """A lake of data that does not compress, so that a file has the size that is asked for."""
    source = numpy.random.default_rng(7)
    rows = megabytes * (1 << 20) // 16
    for _ in range(files):
        ids = pa.array(source.integers(0, 2**63, rows)).cast(pa.string())
        amounts = pa.array(source.integers(0, 10**6, rows), pa.int32()).cast(pa.decimal128(18, 2))
        quantities = pa.array(source.integers(1, 9, rows), pa.int32())
        table = pa.table({"return_id": ids, "qty": quantities, "amount": amounts})
        write_deltalake((root / paths.SILVER_RETURNS).as_uri(), table, mode="append")
    return root


def plain_copy(lake: Path, files: list[str], target: Path) -> None:
    """Copy each file, then read the copy for its checksum, as `cp` and `sha256sum` would."""
    for number, path in enumerate(files):
        shutil.copyfile(lake / path, target / str(number))
        with open(target / str(number), "rb") as copied:
            hashlib.file_digest(copied, "sha256")
    LocalFiles(target).sync()


def seconds(work: Callable[[Path], object]) -> float:
    with tempfile.TemporaryDirectory() as target:
        started = time.perf_counter()
        work(Path(target))
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("lake", nargs="?", type=Path)
    parser.add_argument("--files", type=int, default=24)
    parser.add_argument("--megabytes", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        lake = (given.lake or made_lake(Path(made), given.files, given.megabytes)).resolve()
        files = list(pin(LocalFiles(lake), has_landed_files=False).files)
        size = sum(os.path.getsize(lake / path) for path in files)
        pairs = [
            (
                seconds(lambda target: plain_copy(lake, files, target)),
                seconds(lambda target: make_backup(lake, open_store(str(target)), None, False, Steps())),
            )
            for _ in range(given.rounds)
        ]
    plain, ours = (min(times) for times in zip(*pairs, strict=True))
    print(f"{len(files)} files, {size / 1e6:,.0f} MB")
    print(f"plain copy and sha256  {plain:7.2f} s  {size / plain / 1e6:7.0f} MB/s")
    print(f"backup                 {ours:7.2f} s  {size / ours / 1e6:7.0f} MB/s")
    print(f"ratio                  {ours / plain:7.2f}     median of {given.rounds} rounds", end="")
    print(f"{statistics.median(mine / theirs for theirs, mine in pairs):7.2f}")


if __name__ == "__main__":
    main()
