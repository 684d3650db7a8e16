"""One writer of a lake that several machines reach: a numbered lease among files that all of them reach.

The holder is whoever wrote the lease with the greatest number, until it is released or expires. Only one process can
write the next number, because it is written where there is none. So the number grows with every holder, and goes into
each commit as a fencing token: a holder that was taken for dead finds a greater number before it writes again.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from pyspark_interview_project.config.settings import CLOCK_TOLERANCE, LeaseTerms
from pyspark_interview_project.errors import ConfigurationError, ConflictError, LockedError, StorageError
from pyspark_interview_project.storage.object_files import open_files

logger = logging.getLogger(__name__)

_LEASE = re.compile(r"\Alease-[0-9]+\.json\Z")
_PATIENCE_SECONDS = 2.0
# An answer that comes later than this is of no use to a lease of a minute.
_RETRIES = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}


@dataclass(frozen=True)
class _Claim:
    """The content of a lease. `nonce` tells our own from any other where the answer to a write was lost."""

    host: str
    pid: int
    run_id: str
    since: str
    nonce: str
    expires_at: str = ""
    released: bool = False

    def renewed(self, seconds: float) -> _Claim:
        return replace(self, expires_at=(datetime.now(UTC) + timedelta(seconds=seconds)).isoformat())

    @property
    def is_over(self) -> bool:
        return self.released or datetime.now(UTC) > datetime.fromisoformat(self.expires_at) + CLOCK_TOLERANCE

    def content(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    def refusal(self, lake: str) -> LockedError:
        """What a process is told that wants the lease of this holder."""
        return LockedError(lake, self.host, self.pid, datetime.fromisoformat(self.since))


class Lease:
    """A lease that this process holds. `number` is its fencing token."""

    def __init__(self, leases: _Leases, number: int, claim: _Claim, seconds: float) -> None:
        self._leases, self.number, self._claim, self._seconds = leases, number, claim, seconds
        self._good_until = 0.0

    def check(self) -> None:
        """Raise ConflictError unless the lease is ours, StorageError or OSError where the store cannot be asked."""
        newest = self._leases.newest_number()
        if newest != self.number:
            raise ConflictError(self._leases.url, f"another run took the lock over (lease {newest} after ours)")
        if time.monotonic() > self._good_until:
            raise ConflictError(self._leases.url, "the lock could not be renewed in time and may be another run's now")

    def renew(self) -> None:
        """Put off the end of the lease. The time starts before the write: others read the end that is written then."""
        asked = time.monotonic()
        self._put_while_ours(self._claim.renewed(self._seconds))
        self._good_until = asked + self._seconds

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the lease while the body runs, then release it. Its file stays, so that numbers go on from it."""
        self.renew()
        is_over = threading.Event()
        renewing = threading.Thread(target=self._renew_until, args=(is_over,), name="lease", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            is_over.set()
            renewing.join()
            with _logged("the lock was not released and ends by itself"):
                self._put_while_ours(replace(self._claim.renewed(0), released=True))

    def _renew_until(self, is_over: threading.Event) -> None:
        while not is_over.wait(self._seconds / 3):
            with _logged("the lock was not renewed"):  # where that lasts too long, `check` raises
                self.renew()

    def _put_while_ours(self, claim: _Claim) -> None:
        """Write our lease, unless another process has a newer one."""
        if self._leases.newest_number() == self.number:
            self._leases.put(self.number, claim)


@contextmanager
def _logged(failure: str) -> Iterator[None]:
    try:
        yield
    except (StorageError, OSError) as error:
        logger.warning("%s: %s", failure, error)


@contextmanager
def leased(terms: LeaseTerms, lake: str, run_id: str) -> Iterator[Lease]:
    """Hold the lease of a lake.

    Raises LockedError naming the holder where another process holds it for two more seconds, StorageError or OSError
    where the store cannot be reached, ConfigurationError where the URL names none.
    """
    now = datetime.now(UTC).isoformat()
    claim = _Claim(socket.gethostname(), os.getpid(), run_id, now, str(uuid4())).renewed(terms.seconds)
    leases = _Leases(terms)
    lease = Lease(leases, _acquired(leases, lake, claim), claim, terms.seconds)
    with lease.kept():
        yield lease


def who_leased(terms: LeaseTerms, lake: str) -> LockedError | None:
    """What a run would be told that wanted the lease now; None where it is free. Writes nothing. Raises as `leased`."""
    _, holder = _Leases(terms).newest()
    return None if holder is None or holder.is_over else holder.refusal(lake)


def _acquired(leases: _Leases, lake: str, claim: _Claim) -> int:
    """The number of the lease that is ours now."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        number, holder = leases.newest()
        if holder is None or holder.is_over:
            leases.put_if_absent(number + 1, claim)
            # The answer to the write may be lost, so what counts is what is there.
            number, holder = leases.newest()
            if holder is not None and holder.nonce == claim.nonce:
                leases.remove_before(number)
                return number
        if time.monotonic() > deadline:
            if holder is None:
                raise StorageError(leases.url, "a lease that was written is not there")
            raise holder.refusal(lake)
        time.sleep(0.2)


class _Leases:
    """The leases under a URL."""

    def __init__(self, terms: LeaseTerms) -> None:
        self.url = terms.url
        try:
            self._files = open_files(terms.url, {"retry_config": _RETRIES, **terms.options})
        except ConfigurationError as error:
            raise ConfigurationError("lock_url", str(error)) from error

    def newest_number(self) -> int:
        """The greatest number; 0 where there is no lease."""
        return max(map(_number, self._names()), default=0)

    def newest(self) -> tuple[int, _Claim | None]:
        while number := self.newest_number():
            try:
                return number, _Claim(**json.loads(self._files.read(_name(number))))
            except FileNotFoundError:
                continue  # it was removed meanwhile, so there is a newer one
            except (ValueError, TypeError) as error:
                raise StorageError(self.url, f"has a file that is no lease: {error}") from error
        return 0, None

    def put(self, number: int, claim: _Claim) -> None:
        self._files.put(_name(number), claim.content())

    def put_if_absent(self, number: int, claim: _Claim) -> None:
        self._files.put_if_absent(_name(number), claim.content())

    def remove_before(self, number: int) -> None:
        self._files.delete([name for name in self._names() if _number(name) < number])

    def _names(self) -> list[str]:
        return [file.path for file in self._files.list() if _LEASE.match(file.path)]


def _name(number: int) -> str:
    return f"lease-{number:012d}.json"


def _number(name: str) -> int:
    return int(name[len("lease-") : -len(".json")])
