"""The landed files: which there are, which are new, and which are no longer what was planned."""

from __future__ import annotations

import hashlib
import os
import shutil
from datetime import date
from pathlib import Path

import pytest

import lake_reading
from commands import returns
from landing import LIMITS
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.errors import ConfigurationError, UnreadableInputError
from pyspark_interview_project.sources.discovery import (
    LandedFile,
    Listing,
    changed_files,
    file_named,
    find_landed,
    format_of,
    new_files,
)
from pyspark_interview_project.storage.files import StoredFile

AS_OF = date(2026, 3, 10)


@pytest.fixture
def lake(tmp_path: Path) -> LakePaths:
    """A lake without tables, with a landing directory."""
    (tmp_path / "bronze" / "returns_raw").mkdir(parents=True)
    return LakePaths(str(tmp_path))


def land(lake: LakePaths, name: str, text: str = "text") -> str:
    """Land a file and return its path relative to the root of the lake."""
    relative = f"bronze/returns_raw/{name}"
    path = Path(lake.place(relative))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return relative


def planned(lake: LakePaths, name: str, text: str = "text") -> LandedFile:
    """Land a file and return it as a plan has it."""
    relative = land(lake, name, text)
    status = Path(lake.place(relative)).stat()
    return LandedFile(relative, status.st_size, status.st_mtime_ns, hashlib.sha256(text.encode()).hexdigest())


def set_time(lake: LakePaths, file: LandedFile, modified_ns: int) -> None:
    os.utime(lake.place(file.path), ns=(modified_ns, modified_ns))


def found(lake: LakePaths) -> list[str]:
    landing = find_landed(lake, AS_OF)
    assert landing.ignored == {}
    return [file.path.removeprefix("bronze/returns_raw/") for file in landing.files]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.jsonl", "json"),
        ("a.ndjson", "json"),
        ("a.json", "json"),
        ("a.csv", "csv"),
        ("a.parquet", "parquet"),
        ("a.jsonl.gz", "json"),
        ("a.csv.gz", "csv"),
        ("deep/er/a.b.csv", "csv"),
        ("a.parquet.gz", None),
        ("a.csv.gz.gz", None),
        ("a.gz", None),
        ("a.CSV", None),
        ("a.txt", None),
        ("a.csv.bak", None),
        ("csv", None),
        ("dir.csv/a", None),
    ],
)
def test_format_of_a_path_is_what_its_name_claims(path: str, expected: str | None) -> None:
    assert format_of(path) == expected


@pytest.mark.parametrize(("path", "is_gzipped"), [("a.csv.gz", True), ("a.csv", False)])
def test_landed_file_is_gzipped_where_its_name_ends_in_gz(path: str, is_gzipped: bool) -> None:
    file = LandedFile(path, 1, 1, "")
    assert (file.format, file.is_gzipped) == ("csv", is_gzipped)


def test_find_landed_without_a_landing_directory_is_a_wrong_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        find_landed(LakePaths(str(tmp_path)), AS_OF)
    assert raised.value.subject == str(tmp_path / "bronze" / "returns_raw")


def test_find_landed_in_an_empty_directory_finds_nothing(lake: LakePaths) -> None:
    assert find_landed(lake, AS_OF) == Listing((), {})


def test_find_landed_gives_path_size_and_time(lake: LakePaths) -> None:
    file = planned(lake, "a.csv", "12345")
    set_time(lake, file, 1_700_000_000_123_456_789)
    assert find_landed(lake, AS_OF).files == (StoredFile(file.path, 5, 1_700_000_000_123_456_789),)


def test_find_landed_files_of_any_depth_come_in_the_same_order_however_they_landed(lake: LakePaths) -> None:
    for name in ("b.csv", "x/y/z/c.jsonl", "a.parquet", "x/a.json.gz"):
        land(lake, name)
    assert found(lake) == ["a.parquet", "b.csv", "x/a.json.gz", "x/y/z/c.jsonl"]


@pytest.mark.parametrize(
    "name",
    [
        *("_SUCCESS", "_a.csv", ".a.csv", ".a.csv.crc", "_tmp/a.csv", ".hidden/a.csv", "x/_y/a.csv"),
        *("a.csv.tmp", "a.csv.part", "a.csv.crc", "a.tmp", "upload.part/a.csv"),
    ],
)
def test_find_landed_hidden_and_unfinished_files_are_no_data(lake: LakePaths, name: str) -> None:
    land(lake, name)
    assert find_landed(lake, AS_OF) == Listing((), {})


def test_find_landed_files_of_no_known_format_are_told_of(lake: LakePaths) -> None:
    land(lake, "x/readme.txt")
    land(lake, "a.CSV")
    assert find_landed(lake, AS_OF).ignored == dict.fromkeys(
        ("bronze/returns_raw/a.CSV", "bronze/returns_raw/x/readme.txt"), "its name claims none of the formats"
    )


def test_find_landed_links_to_no_file_and_pipes_are_told_of(lake: LakePaths) -> None:
    landed = Path(lake.place("bronze/returns_raw"))
    (landed / "nothing.csv").symlink_to(landed / "gone.csv")
    (landed / "directory.csv").symlink_to(landed)
    os.mkfifo(landed / "pipe.csv")
    assert find_landed(lake, AS_OF) == Listing(
        (),
        dict.fromkeys(
            (f"bronze/returns_raw/{name}.csv" for name in ("directory", "nothing", "pipe")),
            "it is a link to a directory, or to nothing",
        ),
    )


def land_bytes(lake: LakePaths, name: bytes) -> None:
    path = os.path.join(os.fsencode(lake.place("bronze/returns_raw")), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"{}")


def test_find_landed_file_of_no_known_format_whose_name_is_not_utf_8_is_told_of(lake: LakePaths) -> None:
    file = planned(lake, "a.csv")
    land_bytes(lake, b"caf\xe9/r\xc3\xa9sum\xe9.doc")
    assert find_landed(lake, AS_OF) == Listing(
        (StoredFile(file.path, file.size, file.modified_ns),),
        {"bronze/returns_raw/caf\\xe9/résum\\xe9.doc": "its name claims none of the formats"},
    )


@pytest.mark.parametrize("name", [b"caf\xe9.csv", b"caf\xe9/a.csv"])
def test_find_landed_file_with_data_whose_name_is_not_utf_8_is_refused(lake: LakePaths, name: bytes) -> None:
    land_bytes(lake, name)
    with pytest.raises(UnreadableInputError) as raised:
        find_landed(lake, AS_OF)
    readable = name.decode("utf-8", errors="backslashreplace")
    assert (raised.value.path, raised.value.problem, raised.value.exit_code) == (
        f"bronze/returns_raw/{readable}",
        "its name is not UTF-8",
        4,
    )


def test_run_beside_a_file_of_no_known_format_whose_name_is_not_utf_8_ends_well(tmp_path: Path) -> None:
    lake = LakePaths(str(tmp_path))
    land_bytes(lake, b"caf\xe9.doc")
    ended = returns(tmp_path, "run", "--as-of", "2026-11-20")
    remark = "bronze/returns_raw/caf\\xe9.doc is ignored: its name claims none of the formats"
    assert (ended.exit_code, ended.complaints) == (0, [])
    assert [line["message"] for line in ended.logs if line["level"] == "WARNING"] == [remark]
    assert lake_reading.latest_run_record(tmp_path)["warnings"] == [remark]


@pytest.mark.parametrize(
    ("directory", "is_taken"),
    [
        ("dt=2026-03-10", True),
        ("dt=2026-03-09", True),
        ("dt=2026-03-11", False),
        ("shop/dt=2026-03-11/deep", False),
        ("dt=2026-03-10/dt=2026-03-11", False),
        ("2026-03-11", True),
        ("dt=2026-02-30", True),
        ("dt=2026-3-11", True),
        ("dt=9999-12-31x", True),
        ("date=2026-03-11", True),
    ],
)
def test_find_landed_directories_of_later_days_are_left_out(lake: LakePaths, directory: str, is_taken: bool) -> None:
    land(lake, f"{directory}/a.csv")
    assert found(lake) == ([f"{directory}/a.csv"] if is_taken else [])


def test_find_landed_file_named_like_a_later_day_is_taken(lake: LakePaths) -> None:
    land(lake, "dt=2026-03-11.csv")
    assert found(lake) == ["dt=2026-03-11.csv"]


def test_new_files_of_a_lake_that_knows_none_are_all_with_their_hash(lake: LakePaths) -> None:
    files = (planned(lake, "a.csv", "one"), planned(lake, "b.csv", "two"))
    assert tuple(new_files(lake, find_landed(lake, AS_OF).files, [], LIMITS)) == files


def test_new_files_known_by_path_size_and_time_are_not_read_again(
    lake: LakePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = planned(lake, "a.csv")
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("the file was opened"))
    assert tuple(new_files(lake, find_landed(lake, AS_OF).files, [known], LIMITS)) == ()


def test_new_files_known_by_content_stay_known_with_another_time(lake: LakePaths) -> None:
    known = planned(lake, "a.csv")
    set_time(lake, known, known.modified_ns + 10**9)
    assert tuple(new_files(lake, find_landed(lake, AS_OF).files, [known], LIMITS)) == ()


def test_new_files_known_stay_known_in_a_lake_that_was_moved(tmp_path: Path) -> None:
    here, there = LakePaths(str(tmp_path / "here")), LakePaths(str(tmp_path / "there"))
    known = planned(here, "a.csv")
    planned(there, "a.csv")
    set_time(there, known, 1)
    assert tuple(new_files(there, find_landed(there, AS_OF).files, [known], LIMITS)) == ()


@pytest.mark.parametrize("text", ["TEXT", "longer text"])
def test_new_files_with_other_content_under_a_known_path_are_new(lake: LakePaths, text: str) -> None:
    known = planned(lake, "a.csv", "text")
    replaced = planned(lake, "a.csv", text)
    set_time(lake, known, known.modified_ns + 10**9)
    [file] = new_files(lake, find_landed(lake, AS_OF).files, [known], LIMITS)
    assert (file.path, file.sha256) == (known.path, replaced.sha256)


def test_new_files_with_known_content_under_another_path_are_new(lake: LakePaths) -> None:
    known, copy = planned(lake, "a.csv"), planned(lake, "b.csv")
    assert tuple(new_files(lake, find_landed(lake, AS_OF).files, [known], LIMITS)) == (copy,)


def test_new_files_that_cannot_be_read_are_named(lake: LakePaths) -> None:
    with pytest.raises(UnreadableInputError) as raised:
        list(new_files(lake, [StoredFile("bronze/returns_raw/gone.csv", 4, 1)], [], LIMITS))
    assert raised.value.path == "bronze/returns_raw/gone.csv"


def test_changed_files_that_are_as_planned_are_none(lake: LakePaths) -> None:
    assert changed_files(lake, [planned(lake, "a.csv"), planned(lake, "b.csv")]) == {}


def test_changed_files_that_lead_nowhere_are_named_as_gone(lake: LakePaths) -> None:
    linked, below = planned(lake, "a.csv"), planned(lake, "day/b.csv")
    Path(lake.place(linked.path)).unlink()
    Path(lake.place(linked.path)).symlink_to(lake.place(linked.path))
    directory = Path(lake.place(below.path)).parent
    shutil.rmtree(directory)
    directory.write_text("now a file", encoding="utf-8")
    gone = "it was planned and is gone"
    assert changed_files(lake, [linked, below]) == {linked.path: gone, below.path: gone}


def test_changed_files_only_touched_are_none(lake: LakePaths) -> None:
    file = planned(lake, "a.csv")
    set_time(lake, file, 1)
    assert changed_files(lake, [file]) == {}


def test_changed_files_that_are_gone_are_named(lake: LakePaths) -> None:
    file = planned(lake, "a.csv")
    Path(lake.place(file.path)).unlink()
    assert changed_files(lake, [file]) == {file.path: "it was planned and is gone"}


@pytest.mark.parametrize("text", ["TEXT", "longer text"])
def test_changed_files_with_other_content_are_named(lake: LakePaths, text: str) -> None:
    file = planned(lake, "a.csv", "text")
    land(lake, "a.csv", text)
    set_time(lake, file, file.modified_ns + 10**9)
    assert changed_files(lake, [file, planned(lake, "b.csv")]) == {file.path: "it was planned and has changed since"}


KNOWN = tuple(
    f"bronze/returns_raw/{name}" for name in ("a.csv", "a.csv.gz", "ä b%41.jsonl", "rows", "dt=2026-11-20/a.csv")
)


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("cannot read file:///lake/bronze/returns_raw/a.csv.", KNOWN[0]),
        ("cannot read file:/lake/bronze/returns_raw/a.csv.gz: it ends early", KNOWN[1]),
        ("cannot read file:///lake/bronze/returns_raw/%C3%A4%20b%2541.jsonl", KNOWN[2]),
        ("cannot read /lake/bronze/returns_raw/ä b%41.jsonl", KNOWN[2]),
        ("cannot read /lake/bronze/returns_raw/dt=2026-11-20/a.csv", KNOWN[4]),
        ("no space left: /lake/ops/scratch/a.csv", None),
        ("300 rows were written to file:///lake/silver/returns/part-0.parquet", None),
        ("", None),
    ],
)
def test_file_named_is_the_one_whose_path_is_in_the_message(message: str, named: str | None) -> None:
    assert file_named(message, KNOWN) == named
