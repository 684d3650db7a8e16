"""Independent pieces of work, several at once: copying is waiting, and hashing leaves Python free."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_AT_ONCE = 8


def at_once(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The results of independent pieces of work, as they are done; the first failure ends the others."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="dr") as pool:
        pending = [pool.submit(work, item) for item in items]
        try:
            for done in as_completed(pending):
                yield done.result()
        finally:
            for waiting in pending:
                waiting.cancel()
