"""Stores mean the same wherever they are, also behind a network that delays, fails and drops answers."""

from __future__ import annotations

import base64
import hashlib
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import lake_reading
from commands import RETURNS, environment, full, run
from object_stores import BUCKET, misbehaving, s3_environment
from pyspark_interview_project.dr import store as store_module
from pyspark_interview_project.dr.contents import contents
from pyspark_interview_project.dr.store import BackupStore, object_name, open_store
from pyspark_interview_project.dr.strategies import BucketOptions
from pyspark_interview_project.errors import LockedError, StorageError
from pyspark_interview_project.storage import object_files
from recovery import back_up, dr, restored, verify, write_strategy


@pytest.fixture(params=["directory", "memory", pytest.param("s3", marks=full)])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BackupStore:
    if request.param == "directory":
        return open_store(str(tmp_path / "store"))
    if request.param == "memory":
        return open_store("memory:///")
    for name, value in s3_environment(request.getfixturevalue("s3")).items():
        monkeypatch.setenv(name, value)
    return open_store(f"s3://{BUCKET}/{tmp_path.name}")


@pytest.fixture
def lake(small_lake: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_lake, tmp_path / "lake"))


def test_objects_are_there_by_their_hash_until_they_are_deleted(store: BackupStore) -> None:
    contents_ = [b"", b"a", bytes(range(256)) * 50_000]
    there: dict[str, int] = {}
    added = [store.add(lambda content=content: iter([content]), len(content), there) for content in contents_]
    names = [object_name(sha256) for sha256, _, _ in added]
    assert names == [object_name(hashlib.sha256(content).hexdigest()) for content in contents_]
    assert [store.read(name) for name in names] == contents_
    store.write("backups/one", b"old")
    store.write("backups/one", b"new")
    assert store.read("backups/one") == b"new"
    assert {entry.path: entry.size for entry in store.list()} == {
        **{name: len(content) for name, content in zip(names, contents_, strict=True)},
        "backups/one": 3,
    }
    assert [entry.path for entry in store.list("backups")] == ["backups/one"]
    store.files.delete(names[:2])
    with pytest.raises(FileNotFoundError):
        store.read(names[0])
    assert {entry.path for entry in store.list()} == {names[2], "backups/one"}


def test_large_content_is_sent_in_parts_and_read_in_ranges(store: BackupStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr(object_files, "_RANGE_BYTES", 1 << 20)
    content = bytes(range(251)) * 25_000

    def chunks() -> Iterator[bytes]:
        yield from (content[start : start + 100_000] for start in range(0, len(content), 100_000))

    sha256, size, was_sent = store.add(chunks, len(content), {})
    assert (size, was_sent, b"".join(store.content(sha256))) == (len(content), True, content)


def test_content_that_changes_while_it_is_sent_is_not_stored(
    store: BackupStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_IN_MEMORY_BYTES", 10)
    versions = iter([b"a" * 100, b"b" * 100])
    with pytest.raises((StorageError, OSError)):
        store.add(lambda: iter([next(versions)]), 100, {})
    assert list(store.list()) == []


def test_backup_is_the_same_in_every_store(lake: Path, store: BackupStore, tmp_path: Path) -> None:
    backup = back_up(lake, store, landed_files=True)
    assert verify(store, backup).all == []
    assert contents(store).is_verified(backup.manifest.id)
    target = restored(store, backup, tmp_path / "restored")
    assert lake_reading.everything(target) == lake_reading.everything(lake)


def test_two_backups_at_once_are_one_after_the_other(lake: Path, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    with store.locked("backup"), pytest.raises(LockedError) as raised:
        back_up(lake, open_store(str(tmp_path / "store")))
    assert raised.value.exit_code == 6
    back_up(lake, store)


@full
def test_backup_and_restore_through_a_network_that_fails(
    lake: Path, tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with misbehaving(s3) as (address, proxy):
        for name, value in s3_environment(address).items():
            monkeypatch.setenv(name, value)
        store = open_store(f"s3://{BUCKET}/{tmp_path.name}")
        backup = back_up(lake, store)
        assert verify(store, backup).all == []
        target = restored(store, backup, tmp_path / "restored")
    assert lake_reading.everything(target) == lake_reading.everything(lake)
    assert proxy.failed > 10 and proxy.lost > 10


@full
def test_files_sent_in_parts_through_a_network_that_fails(
    tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files over the threshold, each of five parts: some of the calls fail, and some of the answers are lost."""
    contents_ = [bytes([number]) + bytes(range(251)) * 90_000 for number in range(8)]
    assert len(contents_[0]) > store_module._IN_MEMORY_BYTES
    with misbehaving(s3, seed=11) as (address, proxy):
        for name, value in s3_environment(address).items():
            monkeypatch.setenv(name, value)
        store = open_store(f"s3://{BUCKET}/{tmp_path.name}")
        for content in contents_:
            size = len(content)

            def chunks(content: bytes = content) -> Iterator[bytes]:
                yield from (content[start : start + (1 << 20)] for start in range(0, len(content), 1 << 20))

            sha256, _, _ = store.add(chunks, size, {})
            assert sha256 == hashlib.sha256(content).hexdigest()
            assert store.read(object_name(sha256)) == content
        assert {entry.size for entry in store.list()} == {len(contents_[0])}
    assert proxy.failed > 3 and proxy.lost > 3


def test_encryption_and_checksum_that_a_locked_bucket_demands_are_sent_with_each_object() -> None:
    sent: list[dict[str, str]] = []

    class Recording(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            sent.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Recording) as server, pytest.MonkeyPatch.context() as patch:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, value in s3_environment("").items():
            if "KEY" in name:
                patch.setenv(name, value)
        bucket = BucketOptions(
            endpoint=f"http://127.0.0.1:{server.server_port}",
            region="eu-west-1",
            server_side_encryption="aws:kms",
            kms_key_id="key-of-backups",
            object_lock=True,
        )
        open_store("s3://bucket/x", bucket.for_obstore()).write("backups/one", b"content")
        server.shutdown()
    (headers,) = sent
    digest = base64.b64encode(hashlib.sha256(b"content").digest()).decode()
    assert headers["x-amz-checksum-sha256"] == digest
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "key-of-backups"


@full
def test_strategy_finds_its_bucket_without_an_environment_for_it(lake: Path, tmp_path: Path, s3: str) -> None:
    bucket = {"endpoint": s3, "region": "us-east-1", "server_side_encryption": "AES256"}
    to = f"s3://{BUCKET}/{tmp_path.name}"
    env = {name: value for name, value in s3_environment(s3).items() if "KEY" in name}
    env["DR_CONFIG_DIR"] = str(write_strategy(tmp_path / "dr", to=to, bucket=bucket))
    assert dr(lake, "backup", **env).exit_code == 0
    assert dr(lake, "verify", "--from", to, **env).exit_code == 0


@full
@pytest.mark.parametrize(
    ("pattern", "what"),
    [("*/store/objects/*", "ENOSPC"), ("*/store/backups/*/manifest.json", "ENOSPC"), ("*/store/objects/*", "EROFS")],
)
def test_backup_on_a_storage_that_fails_exits_5_and_the_next_one_finishes(
    lake: Path, tmp_path: Path, publishing_faults: Path, pattern: str, what: str
) -> None:
    store = open_store(str(tmp_path / "store"))
    fault = {"LD_PRELOAD": str(publishing_faults), "FAULT_AT": f"before:{what}:5:{pattern}"}
    if "manifest" in pattern:
        fault["FAULT_AT"] = f"before:{what}:1:{pattern}"
    ended = run([RETURNS, "dr", "backup", "--to", str(tmp_path / "store")], environment(lake, **fault))
    assert ended.exit_code == 5 and len(ended.complaints) == 1
    assert str(tmp_path / "store") in ended.complaints[0]
    assert contents(store).backups == {}
    assert verify(store, back_up(lake, store)).all == []


@full
def test_restore_on_a_full_disk_exits_5_cannot_be_used_and_the_next_one_finishes(
    lake: Path, tmp_path: Path, publishing_faults: Path
) -> None:
    back_up(lake, open_store(str(tmp_path / "store")))
    target = tmp_path / "restored"
    command = [RETURNS, "dr", "restore", "--from", str(tmp_path / "store"), "--to", str(target)]
    fault = {"LD_PRELOAD": str(publishing_faults), "FAULT_AT": f"before:ENOSPC:7:{target}/*/*"}
    ended = run(command, environment(lake, **fault))
    assert ended.exit_code == 5 and str(target) in ended.complaints[0]
    assert dr(target, "backup").exit_code == 8
    assert run(command, environment(lake)).exit_code == 0
    assert lake_reading.everything(target) == lake_reading.everything(lake)
