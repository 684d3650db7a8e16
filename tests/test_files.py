"""Files behind one interface: a local directory and, for what both promise, a store in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from pyspark_interview_project.errors import ConfigurationError, StorageError
from pyspark_interview_project.storage.files import Files, LocalFiles
from pyspark_interview_project.storage.object_files import ObjectFiles, open_files, settled_place


@pytest.fixture(params=["local", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    made: dict[str, Callable[[], Files]] = {
        "local": lambda: LocalFiles(tmp_path / "root"),
        "memory": lambda: ObjectFiles("memory:///"),
    }
    return made[request.param]()


def names(files: Files, prefix: str = "") -> list[str]:
    return sorted(file.path for file in files.list(prefix))


def test_put_and_read_give_the_content_back(files: Files) -> None:
    files.put("a/b.txt", "ß\n".encode())
    files.put("a/b.txt", iter([b"new ", b"content"]))
    found = files.head("a/b.txt")
    assert found is not None and (found.path, found.size, found.link) == ("a/b.txt", 11, None)
    assert files.read("a/b.txt") == b"".join(files.chunks("a/b.txt")) == b"new content"


def test_what_is_not_there_is_told_apart_from_what_is_empty(files: Files) -> None:
    files.put("empty", b"")
    assert files.read("empty") == b""
    assert files.head("gone") is None
    with pytest.raises(FileNotFoundError):
        files.read("gone")
    files.delete(["gone"])
    assert list(files.list("no/such/place")) == []


def test_list_names_every_file_under_a_place(files: Files) -> None:
    for path in ("a/1", "a/deep/2", "b/3"):
        files.put(path, b"x", durable=False)
    files.sync()
    assert (names(files), names(files, "a/")) == (["a/1", "a/deep/2", "b/3"], ["a/1", "a/deep/2"])
    files.delete(["a/1", "b/3"])
    assert names(files) == ["a/deep/2"]


def test_list_enters_no_directory_that_is_not_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("a/1", "b/.hidden/2", "b/3"):
        LocalFiles(tmp_path).put(path, b"x")
    (tmp_path / "b" / ".hidden").chmod(0)
    listed: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (listed.append(Path(path).name), scandir(path))[1])
    found = LocalFiles(tmp_path).list(enters=lambda directory: not directory.endswith("/.hidden"))
    assert sorted(file.path for file in found) == ["a/1", "b/3"]
    assert ".hidden" not in listed


def test_put_if_absent_writes_once(files: Files) -> None:
    assert [files.put_if_absent("lease", b"first"), files.put_if_absent("lease", b"second")] == [True, False]
    assert (files.read("lease"), names(files)) == (b"first", ["lease"])


def test_update_sees_what_is_there_and_may_leave_it(files: Files) -> None:
    seen: list[bytes | None] = []
    for after in (b"one", b"two", None):
        files.update("state", lambda before, after=after: (seen.append(before), after)[1])
    assert (seen, files.read("state")) == ([None, b"one", b"two"], b"two")


def test_updates_at_the_same_time_lose_none(files: Files) -> None:
    def add() -> None:
        for _ in range(20):
            files.update("count", lambda before: str(int(before or b"0") + 1).encode())

    threads = [Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files.read("count") == b"80"


def test_list_passes_over_files_that_are_being_written(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    files.put("a/kept", b"x")
    (tmp_path / "a" / ".0f0f.tmp").write_bytes(b"half")
    assert names(files) == ["a/kept"]
    files.remove_unfinished()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["kept"]


def test_list_says_which_links_cannot_be_read(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.write_text("secret")
    LocalFiles(root).put("real", b"x")
    for name, target in {"in": root / "real", "out": outside, "broken": root / "gone", "directory": root}.items():
        (root / name).symlink_to(target)
    found = {file.path: file.link for file in LocalFiles(root).list()}
    assert found == {"real": None, "in": None, "out": "outside", "broken": "nowhere", "directory": "nowhere"}
    with pytest.raises(ConfigurationError):
        LocalFiles(root).read("out")


def test_list_of_a_directory_that_may_not_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LocalFiles(tmp_path).put("shut/a", b"x")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StorageError, match="shut"):
        list(LocalFiles(tmp_path).list())


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("file:///a/b", "/a/b"),
        ("file://localhost/a%20b", "/a b"),
        ("/a//b/", "/a/b"),
        ("s3://bucket//x//y/", "s3://bucket/x/y"),
    ],
)
def test_settled_place_writes_a_place_in_one_way(url: str, place: str) -> None:
    assert settled_place(url) == place


@pytest.mark.parametrize("url", ["file://host/a", "ftp://host/a", "s3://", "s3://bucket/../x", "s3://user@bucket/x"])
def test_open_files_refuses_what_names_no_place(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_files(url)
    assert refused.value.subject == url


def put(path: Path, text: str) -> None:
    LocalFiles(path.parent).put(path.name, text.encode())


def test_real_place_is_refused_where_a_link_leads_out_of_the_root(tmp_path: Path) -> None:
    (tmp_path / "root" / "inside").mkdir(parents=True)
    (tmp_path / "root" / "link").symlink_to("inside")
    (tmp_path / "root" / "out").symlink_to(tmp_path)
    files = LocalFiles(tmp_path / "root")
    assert files.real_place("link/file") == tmp_path / "root" / "inside" / "file"
    with pytest.raises(
        ConfigurationError, match=f"out/file: a link takes it out of {tmp_path}/root, to {tmp_path}/file"
    ):
        files.real_place("out/file")


def test_put_new_file_is_written_with_its_directories(tmp_path: Path) -> None:
    path = tmp_path / "ops" / "deep" / "plan.json"
    put(path, "ß\n")
    assert path.read_bytes() == "ß\n".encode()


def test_put_existing_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("a longer text than the new one")
    put(path, "new")
    assert path.read_text() == "new"


def test_put_leaves_nothing_else_behind(tmp_path: Path) -> None:
    put(tmp_path / "plan.json", "text")
    assert [entry.name for entry in tmp_path.iterdir()] == ["plan.json"]


def test_put_file_can_be_read_by_everybody(tmp_path: Path) -> None:
    put(tmp_path / "plan.json", "text")
    assert (tmp_path / "plan.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_put_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    path = tmp_path / "plan.json"
    path.write_text("old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="disk full"):
        put(path, "new")
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {"plan.json": "old"}


def test_put_reaches_the_disk_before_it_takes_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append("fsync"), fsync(descriptor))[1])
    monkeypatch.setattr(os, "replace", lambda *paths: (steps.append("replace"), replace(*paths))[1])
    put(tmp_path / "plan.json", "text")
    assert steps == ["fsync", "replace", "fsync"]
