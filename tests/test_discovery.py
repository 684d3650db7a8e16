"""The landed files: which there are, in which order they were delivered, and which are no longer what was planned."""

from __future__ import annotations

import hashlib
import os
import shutil
from datetime import date
from pathlib import Path

import pytest

import lake_reading
from commands import returns
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.sources.discovery import (
    LandedFile,
    Listing,
    changed_files,
    file_named,
    find_landed,
    format_of,
    in_order_of_delivery,
)
from pyspark_interview_project.storage.files import StoredFile

AS_OF = date(2026, 3, 10)
TAKEN = "taken are .csv .tsv .txt .json .jsonl .ndjson .parquet .parq .pq, text also behind .gz .gzip .bz2 .xz .zst"


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
        ("a.csv", "delimited"),
        ("a.tsv", "delimited"),
        ("a.txt", "delimited"),
        ("a.parquet", "parquet"),
        ("a.parq", "parquet"),
        ("a.pq", "parquet"),
        ("a.jsonl.gz", "json"),
        ("a.csv.gz", "delimited"),
        ("a.txt.gzip", "delimited"),
        ("a.json.bz2", "json"),
        ("a.csv.xz", "delimited"),
        ("a.ndjson.zst", "json"),
        ("A.CSV", "delimited"),
        ("a.Json.GZ", "json"),
        ("a.PARQUET", "parquet"),
        ("deep/er/a.b.csv", "delimited"),
        ("a.parquet.gz", None),
        ("a.csv.gz.gz", None),
        ("a.csv.zip", None),
        ("a.gz", None),
        ("a.xlsx", None),
        ("a.csv.bak", None),
        ("csv", None),
        (".csv", None),
        ("dir.csv/a", None),
    ],
)
def test_format_of_a_path_is_what_its_name_claims(path: str, expected: str | None) -> None:
    assert format_of(path) == expected


@pytest.mark.parametrize(
    ("path", "day"),
    [
        ("bronze/returns_raw/a.csv", None),
        ("bronze/returns_raw/dt=2026-03-09/a.csv", "2026-03-09"),
        ("bronze/returns_raw/dt=2026-03-09/shop/dt=2026-03-10/a.csv", "2026-03-10"),
        ("bronze/returns_raw/dt=2026-02-30/a.csv", None),
        ("bronze/returns_raw/dt=2026-03-09.csv", None),
    ],
)
def test_landed_day_is_that_of_the_directory(path: str, day: str | None) -> None:
    assert LandedFile(path, 1, 1, "").landed_day == day


def test_in_order_of_delivery_goes_by_landing_day_then_time_then_path() -> None:
    def landed(name: str, modified_ns: int) -> LandedFile:
        return LandedFile(f"bronze/returns_raw/{name}", 1, modified_ns, "")

    files = [
        landed("z.csv", 9),  # without a day: nobody says when it landed, so before all that have one
        landed("dt=2026-03-09/b.csv", 7),
        landed("dt=2026-03-10/b.csv", 2),
        landed("dt=2026-03-10/c.csv", 2),
        landed("dt=2026-03-10/a.csv", 3),
    ]
    assert in_order_of_delivery(reversed(files)) == files


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
    land(lake, "x/readme")
    land(lake, "a.xlsx")
    land(lake, "a.parquet.gz")
    assert find_landed(lake, AS_OF).ignored == {
        "bronze/returns_raw/a.parquet.gz": f"its name ends with .gz; {TAKEN}",
        "bronze/returns_raw/a.xlsx": f"its name ends with .xlsx; {TAKEN}",
        "bronze/returns_raw/x/readme": f"its name has no extension; {TAKEN}",
    }


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
        {"bronze/returns_raw/caf\\xe9/résum\\xe9.doc": f"its name ends with .doc; {TAKEN}"},
    )


@pytest.mark.parametrize("name", [b"caf\xe9.csv", b"caf\xe9/a.csv"])
def test_find_landed_file_with_data_whose_name_is_not_utf_8_is_rejected(lake: LakePaths, name: bytes) -> None:
    good = planned(lake, "a.csv")
    land_bytes(lake, name)
    readable = name.decode("utf-8", errors="backslashreplace")
    assert find_landed(lake, AS_OF) == Listing(
        (StoredFile(good.path, good.size, good.modified_ns),),
        {},
        {f"bronze/returns_raw/{readable}": "its name is not UTF-8; give it another one"},
    )


def test_find_landed_link_out_of_the_lake_is_rejected(lake: LakePaths, tmp_path: Path) -> None:
    outside = tmp_path.with_name(f"{tmp_path.name}_outside.csv")
    outside.write_text("text")
    Path(lake.place("bronze/returns_raw/a.csv")).symlink_to(outside)
    problem = "it is a link out of the lake; land the file itself"
    assert find_landed(lake, AS_OF) == Listing((), {}, {"bronze/returns_raw/a.csv": problem})


def test_run_beside_a_file_of_no_known_format_whose_name_is_not_utf_8_ends_well(tmp_path: Path) -> None:
    lake = LakePaths(str(tmp_path))
    land_bytes(lake, b"caf\xe9.doc")
    ended = returns(tmp_path, "run", "--as-of", "2026-11-20")
    assert (ended.exit_code, ended.complaints) == (0, [])
    assert lake_reading.latest_run_record(tmp_path)["files_ignored"] == [
        {"path": "bronze/returns_raw/caf\\xe9.doc", "problem": f"its name ends with .doc; {TAKEN}"}
    ]


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
