"""Independent pieces of work, several at once: copying over a network is waiting, and hashing leaves Python free."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

# Over a network work is waiting. On a disk it is hashing: with more threads than processors it took twice as long.
OVER_A_NETWORK = 8
ON_A_DISK = min(OVER_A_NETWORK, os.cpu_count() or 1)


def at_once(work: Callable[[T], R], items: Iterable[T], most: int) -> Iterator[R]:
    """The results of independent pieces of work, as they are done; the first failure ends the others. At most `most` of
    them are at work at a time."""
    with ThreadPoolExecutor(most, thread_name_prefix="dr") as pool:
        pending = [pool.submit(work, item) for item in items]
        try:
            for done in as_completed(pending):
                yield done.result()
        finally:
            for waiting in pending:
                waiting.cancel()
