"""The places of a lake: a link that takes one out of the lake or into another, and paths that step up, are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import lake_reading
from commands import returns
from landing import json_line, land, row_of, write_text
from pyspark_interview_project.config.settings import Settings, load_settings
from pyspark_interview_project.errors import ConfigurationError
from pyspark_interview_project.storage.places import check_places

ROW = row_of("R-1", "O-1", "C-1", "MUG", "damaged", "1", "10.00", "2026-11-18", "2026-11-19T08:00:00Z")


def settings_of(lake: Path, **more: str) -> Settings:
    return load_settings({"app_env": "test", "data_root": str(lake), **more})


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    land(tmp_path / "lake" / "bronze" / "returns_raw" / "a.jsonl", [ROW])
    return tmp_path / "lake"


def link(place: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def test_check_places_takes_a_lake_and_a_link_to_it(lake: Path, tmp_path: Path) -> None:
    check_places(settings_of(lake))
    link(tmp_path / "link", lake)
    check_places(settings_of(tmp_path / "link"))


@pytest.mark.parametrize("place", ["silver", "silver/returns", "gold/returns_by_sku_reason", "ops", "metrics/runs"])
def test_check_places_link_out_of_the_lake_is_refused(lake: Path, tmp_path: Path, place: str) -> None:
    link(lake / place, tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="out of the lake") as raised:
        check_places(settings_of(lake))
    assert raised.value.subject.startswith(place)


@pytest.mark.parametrize(
    ("place", "target"),
    [
        ("silver/returns", "bronze/returns_raw"),
        ("bronze/returns_raw/day", "silver/returns"),
        ("gold/returns_by_sku_reason", "gold/returns_by_date_reason"),
        ("quarantine/returns", "bronze/returns_raw/quarantine"),
    ],
)
def test_check_places_one_in_another_is_refused(lake: Path, place: str, target: str) -> None:
    link(lake / place, lake / target)
    if place.startswith("bronze"):  # a link among the landed files is no place of the lake's, and not followed
        check_places(settings_of(lake))
        return
    with pytest.raises(ConfigurationError, match="the same place as|or in it"):
        check_places(settings_of(lake))


@pytest.mark.parametrize("name", ["pipeline_metrics_json", "scratch_dir", "dr_root"])
@pytest.mark.parametrize("place", ["bronze/returns_raw", "silver/returns", "gold/returns_by_sku_reason"])
def test_check_places_setting_that_writes_into_a_table_is_refused(lake: Path, name: str, place: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check_places(settings_of(lake, **{name: str(lake / place / "x")}))
    assert raised.value.subject == name


@pytest.mark.parametrize("name", ["lock_url", "dr_root"])
def test_check_places_uri_of_a_place_in_a_table_is_refused_and_one_beside_it_taken(lake: Path, name: str) -> None:
    for place in ("bronze/returns_raw", "silver/returns/leases", "ops/batches"):
        with pytest.raises(ConfigurationError) as raised:
            check_places(settings_of(lake, **{name: (lake / place).as_uri()}))
        assert (raised.value.subject, raised.value.exit_code) == (name, 2)
    for uri in ((lake / "ops" / "leases").as_uri(), "s3://bucket/bronze/returns_raw"):
        check_places(settings_of(lake, **{name: uri}))


@pytest.mark.parametrize(
    "variables",
    [
        {"DATA_ROOT": "/tmp/../tmp/lake"},
        {"PIPELINE_METRICS_JSON": "../metrics.json"},
        {"SCRATCH_DIR": "/tmp/.."},
        {"SKIP_FILES": '["bronze/returns_raw/../../etc/passwd"]'},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_run_with_a_path_that_steps_up_exits_2_and_starts_nothing(lake: Path, variables: dict[str, str]) -> None:
    ended = returns(lake, "run", **variables)
    assert ended.exit_code == 2
    (complaint,) = ended.complaints
    assert next(iter(variables)).lower() in complaint and ".." in complaint
    assert [path.name for path in lake.iterdir()] == ["bronze"]


def test_run_with_a_landed_link_out_of_the_lake_sets_it_aside_and_names_it(lake: Path, tmp_path: Path) -> None:
    outside = write_text(tmp_path / "outside.jsonl", json_line(ROW))
    (lake / "bronze" / "returns_raw" / "link.jsonl").symlink_to(outside)
    ended = returns(lake, "run", "--as-of", "2026-11-20", ENGINE="embedded")
    assert (ended.exit_code, ended.complaints) == (
        4,
        [
            "error: 1 landed file was set aside, all others are done; mend, remove or skip (skip_files) each, "
            "then run again",
            "  bronze/returns_raw/link.jsonl: it is a link out of the lake; land the file itself",
        ],
    )
    assert [row[0] for row in lake_reading.silver(lake)] == ["R-1"]


def test_run_takes_a_landed_link_within_the_lake(lake: Path) -> None:
    landed = lake / "bronze" / "returns_raw"
    other = land(lake / "bronze" / "archive" / "b.jsonl", [{**ROW, "return_id": "R-2"}])
    (landed / "link.jsonl").symlink_to(other)
    ended = returns(lake, "run", "--as-of", "2026-11-20", ENGINE="embedded")
    assert (ended.exit_code, ended.complaints) == (0, [])
