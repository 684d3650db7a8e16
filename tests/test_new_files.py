"""Landed files that no batch has taken: which can be planned, which are rejected, and when they are looked at again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kills import LANDED
from pyspark_interview_project.config.paths import REJECTED_FILES
from pyspark_interview_project.errors import ConfigurationError, UnreadableInputError
from pyspark_interview_project.sources import preflight
from pyspark_interview_project.sources.discovery import LandedFile, find_landed
from pyspark_interview_project.sources.new_files import NewFiles
from pyspark_interview_project.sources.preflight import screened
from pyspark_interview_project.sources.rejected_files import RejectedFile, read_rejected, write_rejected
from pyspark_interview_project.storage.files import LocalFiles
from running import settings_of

AS_OF = date(2026, 3, 10)
HEADER = "return_id,order_id,sku,qty,amount,return_date\n"
FEED = """\
feed: shop
files: "shop/*.csv"
columns:
  {columns}
"""
ALL_COLUMNS = "\n  ".join(
    f"{name}: {{value: '1'}}" for name in ("order_id", "sku", "qty", "amount", "return_date", "return_id")
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "lake" / LANDED).mkdir(parents=True)
    return tmp_path / "lake"


def land(root: Path, name: str, text: str = HEADER) -> LandedFile:
    """Land a file and return it as it would be planned."""
    path = root / LANDED / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    status = path.stat()
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return LandedFile(f"{LANDED}/{name}", status.st_size, status.st_mtime_ns, sha256, None, "utf-8")


def look(root: Path, known: Sequence[LandedFile] = (), **settings: Any) -> NewFiles:
    """The new files, none of which is looked at yet."""
    settings.setdefault("feeds_dir", None)
    listing = find_landed(settings_of(root).paths, AS_OF)
    return NewFiles(LocalFiles(root), listing.files, listing.rejected, known, settings_of(root, **settings))


def taken(root: Path, known: Sequence[LandedFile] = (), **settings: Any) -> list[LandedFile]:
    return list(look(root, known, **settings))


def rejected(root: Path, **settings: Any) -> list[RejectedFile]:
    found = look(root, **settings)
    list(found)
    return list(found.rejected)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are opened from now on."""
    names: list[str] = []

    def watching(files: LocalFiles, file: Any, *more: Any) -> LandedFile:
        names.append(file.path.removeprefix(f"{LANDED}/"))
        return screened(files, file, *more)

    monkeypatch.setattr(preflight, "screened", watching)
    return names


# Files that are new -------------------------------------------------------------------------------------------------


def test_files_of_a_lake_that_knows_none_are_all_new(root: Path) -> None:
    assert taken(root) == []
    files = [land(root, "a.csv"), land(root, "b.csv", HEADER * 2)]
    assert taken(root) == files


def test_files_known_by_path_size_and_time_are_not_looked_at(root: Path, looked_at: list[str]) -> None:
    assert (taken(root, [land(root, "a.csv")]), looked_at) == ([], [])


def test_file_known_by_content_stays_known_with_another_time(root: Path, looked_at: list[str]) -> None:
    known = land(root, "a.csv")
    os.utime(root / known.path, ns=(1, 1))
    assert (taken(root, [known]), looked_at) == ([], ["a.csv"])


@pytest.mark.parametrize("text", [HEADER.replace("sku", "SKU"), HEADER * 2], ids=["same size", "longer"])
def test_other_content_under_a_known_path_is_new(root: Path, text: str) -> None:
    known = land(root, "a.csv")
    replaced = land(root, "a.csv", text)
    os.utime(root / known.path, ns=(1, 1))
    assert taken(root, [known]) == [replace(replaced, modified_ns=1)]


def test_known_content_under_another_path_is_new(root: Path) -> None:
    known, copy = land(root, "a.csv"), land(root, "b.csv")
    assert taken(root, [known]) == [copy]


def test_file_of_a_feed_is_given_with_it(root: Path, tmp_path: Path) -> None:
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "shop.yaml").write_text(FEED.format(columns=ALL_COLUMNS))
    of_shop, other = land(root, "shop/a.csv", "number\n7\n"), land(root, "a.csv")
    found = look(root, feeds_dir=str(tmp_path / "feeds"))
    assert list(found) == [other, replace(of_shop, feed="shop")]
    assert [feed.feed for feed in found.feeds] == ["shop"]


def test_feed_that_is_wrong_is_a_wrong_configuration_before_any_file_is_looked_at(root: Path, tmp_path: Path) -> None:
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "shop.yaml").write_text("feed: shop\n")
    with pytest.raises(ConfigurationError):
        look(root, feeds_dir=str(tmp_path / "feeds"))


# Files that are rejected --------------------------------------------------------------------------------------------

NO_SKU = HEADER.replace("sku,", "")


def on_record(root: Path, **settings: Any) -> list[RejectedFile]:
    """What is rejected, put on record as planning does."""
    found = rejected(root, **settings)
    write_rejected(LocalFiles(root), found)
    return found


def test_files_that_cannot_be_taken_are_told_of_and_the_others_are_given(root: Path) -> None:
    land(root, "b.csv", NO_SKU)
    good = land(root, "c.csv")
    land(root, "a.csv", "")
    (root / LANDED / "outside.csv").symlink_to("/etc/hostname")
    found = look(root)
    assert list(found) == [good]
    assert {file.path.removeprefix(f"{LANDED}/"): file.problem.split(";")[0] for file in found.rejected} == {
        "a.csv": "it has no header: it is empty, or has only blank lines and comments",
        "b.csv": "column sku is missing in its header, which is return_id, order_id, qty, amount, return_date",
        "outside.csv": "it is a link out of the lake",
    }
    assert [file.path for file in found.rejected] == sorted(file.path for file in found.rejected)


def test_rejected_file_as_it_was_is_not_looked_at_again_and_stays_rejected_since_then(
    root: Path, looked_at: list[str]
) -> None:
    land(root, "a.csv", NO_SKU)
    [before] = [replace(file, since="2026-01-05T10:00:00+00:00") for file in rejected(root)]
    write_rejected(LocalFiles(root), [before])
    looked_at.clear()
    assert (rejected(root), looked_at) == ([before], [])


def test_rejected_file_that_is_mended_is_taken(root: Path) -> None:
    land(root, "a.csv", NO_SKU)
    on_record(root)
    mended = land(root, "a.csv", HEADER * 2)
    assert (taken(root), rejected(root)) == ([mended], [])


def test_rejected_file_with_another_fault_keeps_the_time_since_when(root: Path) -> None:
    land(root, "a.csv", NO_SKU)
    [before] = [replace(file, since="2026-01-05T10:00:00+00:00") for file in rejected(root)]
    write_rejected(LocalFiles(root), [before])
    land(root, "a.csv", "")
    [now] = rejected(root)
    assert (now.since, now.problem != before.problem) == (before.since, True)


def test_rejected_file_whose_limits_change_is_looked_at_again(root: Path, looked_at: list[str]) -> None:
    land(root, "a.csv", NO_SKU)
    on_record(root)
    looked_at.clear()
    [file] = rejected(root, max_record_bytes=2048)
    assert (file.problem.startswith("column sku is missing"), looked_at) == (True, ["a.csv"])


def test_rejected_file_whose_feed_changes_is_looked_at_again(root: Path, tmp_path: Path, looked_at: list[str]) -> None:
    feed = tmp_path / "feeds" / "shop.yaml"
    feed.parent.mkdir()
    feed.write_text(FEED.format(columns=ALL_COLUMNS.replace("sku: {value: '1'}", "sku: product")))
    landed = land(root, "shop/a.csv", "number\n7\n")
    [before] = on_record(root, feeds_dir=str(feed.parent))
    assert before.problem.startswith("column product is missing in its header, which is number")
    looked_at.clear()
    assert (rejected(root, feeds_dir=str(feed.parent)), looked_at) == ([before], [])
    feed.write_text(FEED.format(columns=ALL_COLUMNS))
    assert taken(root, feeds_dir=str(feed.parent)) == [replace(landed, feed="shop")]


def test_file_that_could_not_be_read_for_now_is_looked_at_each_time(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = land(root, "a.csv")

    def denied(files: LocalFiles, file: Any, *more: Any) -> LandedFile:
        raise UnreadableInputError(file.path, "Permission denied", may_pass=True)

    monkeypatch.setattr(preflight, "screened", denied)
    [before] = on_record(root)
    assert (before.problem, before.may_pass) == ("Permission denied", True)
    monkeypatch.undo()
    assert (taken(root), rejected(root)) == ([landed], [])


def test_rejected_file_that_is_removed_is_dropped(root: Path) -> None:
    land(root, "a.csv", NO_SKU)
    on_record(root)
    (root / LANDED / "a.csv").unlink()
    assert rejected(root) == []


@pytest.mark.parametrize("content", ["", "{}", '[{"path": "a.csv"}]', "[1]"])
def test_record_of_rejected_files_that_cannot_be_read_costs_only_another_look(
    root: Path, content: str, looked_at: list[str]
) -> None:
    land(root, "a.csv", NO_SKU)
    (root / REJECTED_FILES).parent.mkdir()
    (root / REJECTED_FILES).write_text(content)
    assert read_rejected(LocalFiles(root)) == ()
    assert ([file.path for file in rejected(root)], looked_at) == ([f"{LANDED}/a.csv"], ["a.csv"])
