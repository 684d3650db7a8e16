"""Independent pieces of work in several threads: copying over a network is waiting, and hashing leaves Python free."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def at_once(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """The result of `work` for each item, in the order in which they are done. The first failure ends the others."""
    with ThreadPoolExecutor(threads, thread_name_prefix="dr") as pool:
        pending = [pool.submit(work, item) for item in items]
        try:
            for done in as_completed(pending):
                yield done.result()
        finally:
            for waiting in pending:
                waiting.cancel()
