"""One writer of a lake that several machines reach, by an object store that knows put-if-absent."""

from __future__ import annotations

import json
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import from_url

import lake_reading
from commands import returns, succeeded
from crashes import at
from kills import FIRST_DAY, land_samples
from object_stores import BUCKET, s3_environment
from pyspark_interview_project.config.settings import LeaseTerms
from pyspark_interview_project.errors import ConfigurationError, ConflictError, LockedError, StorageError
from pyspark_interview_project.pipeline.bronze_to_silver import bronze_to_silver
from pyspark_interview_project.pipeline.plan import next_batch
from pyspark_interview_project.pipeline.run_context import run_context
from pyspark_interview_project.pipeline.silver_to_gold import silver_to_gold
from pyspark_interview_project.storage import lease
from pyspark_interview_project.storage.lease import leased


@pytest.fixture(params=["file", "s3"])
def terms(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LeaseTerms:
    """A place for leases where there are none."""
    if request.param == "file":
        return LeaseTerms((tmp_path / "leases").as_uri(), 60)
    for name, value in s3_environment(request.getfixturevalue("s3")).items():
        monkeypatch.setenv(name, value)
    return LeaseTerms(f"s3://{BUCKET}/{tmp_path.name}", 60)


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_PATIENCE_SECONDS", 0.0)


def taken(terms: LeaseTerms, run_id: str = "run") -> Any:
    return leased(terms, "/the/lake", run_id)


def objects(terms: LeaseTerms) -> dict[str, dict[str, Any]]:
    """Every lease there is, by name."""
    store = from_url(terms.url, **({"mkdir": True} if terms.url.startswith("file") else {}))
    names = sorted(entry["path"] for page in obstore.list(store) for entry in page if entry["path"].endswith(".json"))
    return {name: json.loads(bytes(obstore.get(store, name).bytes())) for name in names}


def put(terms: LeaseTerms, number: int, expires_in: float, **claim: Any) -> None:
    """A lease of somebody else's."""
    store = from_url(terms.url, **({"mkdir": True} if terms.url.startswith("file") else {}))
    now = datetime.now(UTC)
    other = {"host": "elsewhere", "pid": 7, "run_id": "other", "since": now.isoformat(), "nonce": "theirs"}
    expires_at = (now + timedelta(seconds=expires_in)).isoformat()
    content = {**other, "expires_at": expires_at, "released": False, **claim}
    obstore.put(store, f"lease-{number:012d}.json", json.dumps(content).encode())


def test_leased_says_who_holds_it_until_when(terms: LeaseTerms) -> None:
    with taken(terms, "run-1") as held:
        ((name, found),) = objects(terms).items()
        held.check()
    assert (name, held.number) == ("lease-000000000001.json", 1)
    assert (found["host"], found["pid"], found["run_id"]) == (socket.gethostname(), os.getpid(), "run-1")
    left = datetime.fromisoformat(found["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=30) < left <= timedelta(seconds=60)


def test_leased_again_has_the_next_number_and_leaves_one_object(terms: LeaseTerms) -> None:
    for number in (1, 2, 3):
        with taken(terms) as held:
            assert held.number == number
    assert [(name, found["released"]) for name, found in objects(terms).items()] == [("lease-000000000003.json", True)]


def test_leased_after_a_failure_is_free(terms: LeaseTerms) -> None:
    with pytest.raises(RuntimeError), taken(terms):
        raise RuntimeError
    with taken(terms) as held:
        assert held.number == 2


@pytest.mark.usefixtures("no_patience")
def test_leased_while_another_holds_it_names_the_other(terms: LeaseTerms) -> None:
    put(terms, 4, expires_in=60)
    with pytest.raises(LockedError) as raised, taken(terms):
        pass
    assert (raised.value.lake, raised.value.host, raised.value.pid, raised.value.exit_code) == (
        "/the/lake",
        "elsewhere",
        7,
        6,
    )
    assert list(objects(terms)) == ["lease-000000000004.json"]


@pytest.mark.usefixtures("no_patience")
def test_leased_just_expired_is_not_taken_over_as_clocks_differ(terms: LeaseTerms) -> None:
    put(terms, 4, expires_in=-1)
    with pytest.raises(LockedError), taken(terms):
        pass


def test_leased_expired_is_taken_over_with_the_next_number(terms: LeaseTerms) -> None:
    put(terms, 4, expires_in=-60)
    with taken(terms) as held:
        assert held.number == 5
        assert list(objects(terms)) == ["lease-000000000005.json"]


@pytest.mark.usefixtures("no_patience")
def test_leased_by_many_at_once_is_one_s(terms: LeaseTerms) -> None:
    put(terms, 4, expires_in=-60)

    refused = threading.Semaphore(0)

    def number_taken(run_id: str) -> int | None:
        try:
            with taken(terms, run_id) as held:
                assert all(refused.acquire(timeout=60) for _ in range(7))
                return int(held.number)
        except LockedError:
            refused.release()
            return None

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(number_taken, [f"run-{number}" for number in range(8)]))
    assert (numbers.count(None), numbers.count(5)) == (7, 1)


def test_check_of_a_lease_that_another_took_over_is_a_conflict_and_theirs_stays(terms: LeaseTerms) -> None:
    with taken(terms) as held:
        put(terms, 2, expires_in=60)
        with pytest.raises(ConflictError) as raised:
            held.check()
    assert raised.value.exit_code == 6 and "lease 2 after ours" in str(raised.value)
    assert objects(terms)["lease-000000000002.json"]["released"] is False


def test_check_of_a_lease_that_was_not_renewed_in_time_is_a_conflict(
    terms: LeaseTerms, monkeypatch: pytest.MonkeyPatch
) -> None:
    with taken(terms) as held:
        now = lease.time.monotonic()
        monkeypatch.setattr(lease.time, "monotonic", lambda: now + 61)
        with pytest.raises(ConflictError):
            held.check()
        held.renew()
        held.check()


def test_lease_is_renewed_by_itself(tmp_path: Path) -> None:
    terms = LeaseTerms((tmp_path / "leases").as_uri(), 1)

    def expiry() -> str:
        return str(objects(terms)["lease-000000000001.json"]["expires_at"])

    with taken(terms) as held:
        first = expiry()
        while expiry() == first:
            held.check()
        assert expiry() > first


@pytest.mark.parametrize("url", ["ftp://host/x", "s3://"])
def test_leased_at_what_is_no_store_names_the_setting(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised, taken(LeaseTerms(url, 60)):
        pass
    assert raised.value.subject == "lock_url" and url in raised.value.problem


def test_leased_where_the_store_cannot_be_reached_is_a_storage_error(
    terms: LeaseTerms, monkeypatch: pytest.MonkeyPatch
) -> None:
    if terms.url.startswith("file"):
        Path(terms.url.removeprefix("file://")).mkdir()
        (Path(terms.url.removeprefix("file://")) / "lease-000000000001.json").write_text("{")
    else:
        monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StorageError) as raised, taken(terms):
        pass
    assert raised.value.path == terms.url


@pytest.mark.full
def test_run_beside_one_on_another_machine_exits_6_and_names_it(tmp_path: Path) -> None:
    """This process stands for the run on the other machine, which holds the lease alone."""
    lake, terms = land_samples(tmp_path / "lake"), LeaseTerms((tmp_path / "leases").as_uri(), 60)
    with taken(terms):
        ended = returns(lake, "run", "--as-of", FIRST_DAY, LOCK_URL=terms.url)
    assert ended.exit_code == 6
    (complaint,) = ended.complaints
    assert f"{socket.gethostname()}:{os.getpid()} since 20" in complaint
    succeeded(returns(lake, "run", "--as-of", FIRST_DAY, MAX_QUARANTINED_RATIO="1", LOCK_URL=terms.url))
    tokens = {note["lease"] for place in lake_reading.TABLES for note in lake_reading.commit_notes(lake, place)}
    assert tokens == {2}


@pytest.fixture
def leased_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, LeaseTerms]:
    """The samples, and settings by which a run of this process takes a lease."""
    lake = land_samples(tmp_path / "lake")
    terms = LeaseTerms((tmp_path / "leases").as_uri(), 60)
    more = {"APP_ENV": "test", "DATA_ROOT": str(lake), "LOCK_URL": terms.url, "MAX_QUARANTINED_RATIO": "1"}
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    return lake, terms


def test_run_whose_lock_was_taken_over_writes_no_plan_and_no_table(
    leased_lake: tuple[Path, LeaseTerms], engine_name: str
) -> None:
    lake, terms = leased_lake
    with pytest.raises(ConflictError), run_context({"engine": engine_name}, None, None) as run:
        put(terms, 2, expires_in=60)
        next_batch(run)
    assert lake_reading.batch_states(lake) == []
    assert [place for place in lake_reading.TABLES if (lake / place).exists()] == []


@pytest.mark.full
@pytest.mark.parametrize(
    ("write", "checkpoints", "state"),
    [
        ("before replace_batch quarantine_returns", 0, "planned"),
        ("before upsert silver_returns", 1, "planned"),
        ("before overwrite gold_returns_by_date_reason", 1, "committed"),
    ],
)
def test_run_whose_lock_is_taken_over_in_a_write_does_not_count_it(
    leased_lake: tuple[Path, LeaseTerms], engine_name: str, write: str, checkpoints: int, state: str
) -> None:
    """As where a write lasts longer than the lease, and the store cannot be reached to renew it."""
    lake, terms = leased_lake
    with at(write, partial(put, terms, 2, expires_in=60)):
        with pytest.raises(ConflictError), run_context({"engine": engine_name}, None, None) as run:
            bronze_to_silver(run)
            silver_to_gold(run)
    assert [found for _, found in lake_reading.batch_states(lake)] == [state]
    assert len(list((lake / "ops" / "batches").glob("*/checkpoint.json"))) == checkpoints
    assert lake_reading.latest_run_record(lake)["exit_code"] == 6
