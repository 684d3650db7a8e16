"""One writer of a lake that several machines reach: a numbered lease in an object store, by put-if-absent alone.

The holder is who made the lease with the greatest number, until it is released or expires. The next number can be made
by one only, so it grows with every holder. It goes into the note of each commit as a fencing token, and a holder that
was taken for dead finds a greater one before it writes again.
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
from pathlib import Path
from urllib.parse import unquote, urlparse
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import ObjectStore, from_url

from pyspark_interview_project.config.settings import LeaseTerms
from pyspark_interview_project.errors import ConfigurationError, ConflictError, LockedError, StorageError

logger = logging.getLogger(__name__)

_PREFIX = "lease-"
# By how much the clocks of two machines may differ.
_CLOCK_TOLERANCE = timedelta(seconds=5)
_PATIENCE_SECONDS = 2.0
_RETRIES = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}


@dataclass(frozen=True)
class _Claim:
    """What a lease says of its holder. `nonce` tells our own from any other when the answer to a put was lost."""

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


class Lease:
    """A lease that this process took. `number` is its fencing token."""

    def __init__(self, leases: _Leases, number: int, claim: _Claim, seconds: float) -> None:
        self._leases, self.number, self._claim, self._seconds = leases, number, claim, seconds
        self._good_until = 0.0
        self._end = threading.Event()

    def check(self) -> None:
        """Raise ConflictError unless the lease is still ours, StorageError where the store cannot be asked."""
        newest = self._leases.newest_number()
        if newest != self.number:
            raise ConflictError(self._leases.url, f"another run took the lock over (lease {newest} after ours)")
        if time.monotonic() > self._good_until:
            raise ConflictError(self._leases.url, "the lock could not be renewed in time and may be another run's now")

    def renew(self) -> None:
        """Put the end off. Counted from before the store is asked, as others count from what it then says."""
        asked = time.monotonic()
        self._leases.put(self.number, self._claim.renewed(self._seconds))
        self._good_until = asked + self._seconds

    def release(self) -> None:
        """Give the lease up. Its object stays, so that numbers go on from it."""
        self._leases.put(self.number, replace(self._claim.renewed(0), released=True))

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew while the body runs, then release."""
        self.renew()
        renewing = threading.Thread(target=self._renew_until_the_end, name="lease", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            self._end.set()
            renewing.join()
            try:
                if self._leases.newest_number() == self.number:
                    self.release()
            except StorageError as error:
                logger.warning("the lock was not released and ends by itself: %s", error)

    def _renew_until_the_end(self) -> None:
        while not self._end.wait(self._seconds / 3):
            try:
                if self._leases.newest_number() == self.number:
                    self.renew()
            except StorageError as error:
                logger.warning("the lock was not renewed: %s", error)  # `check` tells when that lasts too long


@contextmanager
def leased(terms: LeaseTerms, lake: str, run_id: str) -> Iterator[Lease]:
    """Hold the lease of a lake.

    Raises LockedError naming the holder where another process has it for two seconds, StorageError where the store
    cannot be reached, ConfigurationError where the URL names none.
    """
    now = datetime.now(UTC).isoformat()
    claim = _Claim(socket.gethostname(), os.getpid(), run_id, now, str(uuid4())).renewed(terms.seconds)
    leases = _Leases(terms)
    lease = Lease(leases, _taken(leases, lake, claim), claim, terms.seconds)
    with lease.kept():
        yield lease


def who_leased(terms: LeaseTerms, lake: str) -> LockedError | None:
    """What a run would be told that wanted the lease now; None where it is free. Only looks.

    Raises StorageError and ConfigurationError as `leased`.
    """
    if terms.url.startswith("file:") and not Path(unquote(urlparse(terms.url).path)).exists():
        return None  # no run yet: to ask would make the directory
    _, holder = _Leases(terms).newest()
    if holder is None or holder.is_over:
        return None
    return LockedError(lake, holder.host, holder.pid, datetime.fromisoformat(holder.since))


def _taken(leases: _Leases, lake: str, claim: _Claim) -> int:
    """The number of the lease that is ours now."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        number, holder = leases.newest()
        if holder is None or holder.is_over:
            leases.put_if_absent(number + 1, claim)
            # Not the answer counts, which can be lost, but what is there.
            number, holder = leases.newest()
            if holder is not None and holder.nonce == claim.nonce:
                leases.remove_before(number)
                return number
        if time.monotonic() > deadline:
            if holder is None:
                raise StorageError(leases.url, "a lease that was written is not there")
            raise LockedError(lake, holder.host, holder.pid, datetime.fromisoformat(holder.since))
        time.sleep(0.2)


class _Leases:
    """The lease objects under a URL; what the store says against a call is a StorageError."""

    def __init__(self, terms: LeaseTerms) -> None:
        self.url = url = terms.url
        try:
            local = {"mkdir": True} if url.startswith("file:") else {"retry_config": _RETRIES}
            self._store: ObjectStore = from_url(url, **local, **terms.options)
        except (BaseError, ValueError, OSError) as error:
            raise ConfigurationError("lock_url", f"{url} names no object store: {_first_line(error)}") from error

    def newest_number(self) -> int:
        """The greatest number; 0 where there is no lease."""
        with self._store_errors():
            names = [entry["path"] for page in obstore.list(self._store) for entry in page]
        return max((int(name[len(_PREFIX) : -len(".json")]) for name in names if name.startswith(_PREFIX)), default=0)

    def newest(self) -> tuple[int, _Claim | None]:
        while number := self.newest_number():
            try:
                with self._store_errors():
                    return number, _Claim(**json.loads(bytes(obstore.get(self._store, _name(number)).bytes())))
            except NotFoundError:
                continue  # removed meanwhile, so there is a newer one
        return 0, None

    def put(self, number: int, claim: _Claim) -> None:
        with self._store_errors():
            obstore.put(self._store, _name(number), _content(claim))

    def put_if_absent(self, number: int, claim: _Claim) -> None:
        try:
            with self._store_errors():
                obstore.put(self._store, _name(number), _content(claim), mode="create")
        except AlreadyExistsError:
            pass

    def remove_before(self, number: int) -> None:
        with self._store_errors():
            names = [entry["path"] for page in obstore.list(self._store) for entry in page]
            obstore.delete(self._store, [name for name in names if _PREFIX <= name < _name(number)])

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        try:
            yield
        except (AlreadyExistsError, NotFoundError):
            raise
        except (BaseError, OSError) as error:
            raise StorageError(self.url, _first_line(error)) from error
        except (ValueError, TypeError) as error:
            raise StorageError(self.url, f"has an object that is no lease: {_first_line(error)}") from error


def _name(number: int) -> str:
    return f"{_PREFIX}{number:012d}.json"


def _content(claim: _Claim) -> bytes:
    return json.dumps(asdict(claim)).encode()


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0]
