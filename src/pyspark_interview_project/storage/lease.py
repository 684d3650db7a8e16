"""One writer of a lake that several machines reach: a numbered lease among files that all of them reach.

The holder is whoever wrote the lease with the greatest number, until it is released or expires. Only one process can
write the next number, because it is written where there is none. So the number grows with every holder, and goes into
each commit as a fencing token: a holder that was taken for dead finds a greater number before it writes again.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from pyspark_interview_project.config.settings import LeaseTerms
from pyspark_interview_project.errors import ConfigurationError, ConflictError, LockedError, StorageError
from pyspark_interview_project.storage.object_files import open_files

logger = logging.getLogger(__name__)

_PREFIX, _SUFFIX = "lease-", ".json"
# By how much the clocks of two machines may differ.
_CLOCK_TOLERANCE = timedelta(seconds=5)
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
        return self.released or datetime.now(UTC) > datetime.fromisoformat(self.expires_at) + _CLOCK_TOLERANCE

    def refusal(self, lake: str) -> LockedError:
        """What a process is told that wants the lease of this holder."""
        return LockedError(lake, self.host, self.pid, datetime.fromisoformat(self.since))


class Lease:
    """A lease that this process holds. `number` is its fencing token."""

    def __init__(self, leases: _Leases, number: int, claim: _Claim, seconds: float) -> None:
        self._leases, self.number, self._claim, self._seconds = leases, number, claim, seconds
        self._good_until = 0.0
        self._is_over = threading.Event()

    def check(self) -> None:
        """Raise ConflictError unless the lease is still ours, StorageError where the store cannot be asked."""
        newest = self._leases.newest_number()
        if newest != self.number:
            raise ConflictError(self._leases.url, f"another run took the lock over (lease {newest} after ours)")
        if time.monotonic() > self._good_until:
            raise ConflictError(self._leases.url, "the lock could not be renewed in time and may be another run's now")

    def renew(self) -> None:
        """Put off the end of the lease. The time starts before the write: others read the end that is written then."""
        asked = time.monotonic()
        self._leases.put(self.number, self._claim.renewed(self._seconds))
        self._good_until = asked + self._seconds

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the lease while the body runs, then release it. Its file stays, so that numbers go on from it."""
        self.renew()
        renewing = threading.Thread(target=self._renew_until_the_end, name="lease", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            self._is_over.set()
            renewing.join()
            try:
                if self._leases.newest_number() == self.number:
                    self._leases.put(self.number, replace(self._claim.renewed(0), released=True))
            except StorageError as error:
                logger.warning("the lock was not released and ends by itself: %s", error)

    def _renew_until_the_end(self) -> None:
        while not self._is_over.wait(self._seconds / 3):
            try:
                if self._leases.newest_number() == self.number:
                    self.renew()
            except StorageError as error:
                logger.warning("the lock was not renewed: %s", error)  # where that lasts too long, `check` raises


@contextmanager
def leased(terms: LeaseTerms, lake: str, run_id: str) -> Iterator[Lease]:
    """Hold the lease of a lake.

    Raises LockedError naming the holder where another process holds it for two more seconds, StorageError where the
    store cannot be reached, ConfigurationError where the URL names none.
    """
    now = datetime.now(UTC).isoformat()
    claim = _Claim(socket.gethostname(), os.getpid(), run_id, now, str(uuid4())).renewed(terms.seconds)
    leases = _Leases(terms)
    lease = Lease(leases, _acquired(leases, lake, claim), claim, terms.seconds)
    with lease.kept():
        yield lease


def who_leased(terms: LeaseTerms, lake: str) -> LockedError | None:
    """What a run would be told that wanted the lease now; None where it is free. Writes nothing.

    Raises StorageError and ConfigurationError as `leased`.
    """
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
    """The leases under a URL. Each method raises StorageError where the store cannot be asked."""

    def __init__(self, terms: LeaseTerms) -> None:
        self.url = terms.url
        try:
            self._files = open_files(terms.url, {"retry_config": _RETRIES, **terms.options})
        except ConfigurationError as error:
            raise ConfigurationError("lock_url", str(error)) from error

    def newest_number(self) -> int:
        """The greatest number; 0 where there is no lease."""
        return max(self._numbers(), default=0)

    def newest(self) -> tuple[int, _Claim | None]:
        while number := self.newest_number():
            try:
                with self._store_errors():
                    return number, _Claim(**json.loads(self._files.read(_name(number))))
            except FileNotFoundError:
                continue  # it was removed meanwhile, so there is a newer one
        return 0, None

    def put(self, number: int, claim: _Claim) -> None:
        with self._store_errors():
            self._files.put(_name(number), _content(claim))

    def put_if_absent(self, number: int, claim: _Claim) -> None:
        with self._store_errors():
            self._files.put_if_absent(_name(number), _content(claim))

    def remove_before(self, number: int) -> None:
        with self._store_errors():
            self._files.delete([_name(old) for old in self._numbers() if old < number])

    def _numbers(self) -> list[int]:
        with self._store_errors():
            names = [file.path for file in self._files.list()]
            return [int(name[len(_PREFIX) : -len(_SUFFIX)]) for name in names if name.startswith(_PREFIX)]

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StorageError(self.url, error.strerror or str(error)) from error
        except (ValueError, TypeError) as error:
            raise StorageError(self.url, f"has a file that is no lease: {error}") from error


def _name(number: int) -> str:
    return f"{_PREFIX}{number:012d}{_SUFFIX}"


def _content(claim: _Claim) -> bytes:
    return json.dumps(asdict(claim)).encode()
