"""Places of a lake: what people give as DATA_ROOT, and where things are under it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyspark_interview_project.config import paths
from pyspark_interview_project.config.paths import LakePaths


@pytest.mark.parametrize(
    ("data_root", "root"),
    [
        ("/data/lake", "/data/lake"),
        ("/data/lake/", "/data/lake"),
        ("/data/my lake [x]", "/data/my lake [x]"),
        ("/data/a%20b", "/data/a%20b"),
        ("file:///data/lake", "/data/lake"),
        ("file:/data/lake/", "/data/lake"),
        ("file:///data/a%20b", "/data/a b"),
        ("file:///", "/"),
        ("file://localhost/data/lake", "/data/lake"),
        ("s3://bucket/lake", "s3://bucket/lake"),
        ("s3://bucket/lake/", "s3://bucket/lake"),
        ("abfss://box@account.dfs.core.windows.net/lake", "abfss://box@account.dfs.core.windows.net/lake"),
    ],
)
def test_lake_paths_at_root_is_an_absolute_path_or_a_uri_without_slash_at_its_end(data_root: str, root: str) -> None:
    assert LakePaths.at(data_root).root == root


def test_lake_paths_at_a_path_of_another_host_is_refused_with_the_host() -> None:
    with pytest.raises(ValueError, match="file://nas/lake is a path of the host nas"):
        LakePaths.at("file://nas/lake")


def test_lake_paths_at_relative_path_starts_in_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert LakePaths.at("data/lake").root == str(tmp_path / "data" / "lake")


def test_lake_paths_at_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert LakePaths.at("~/lake").root == str(tmp_path / "lake")


@pytest.mark.parametrize(
    ("data_root", "is_local"),
    [("/data/lake", True), ("file:///data/lake", True), ("s3://bucket/lake", False), ("gs://bucket", False)],
)
def test_lake_paths_is_local_for_paths_and_file_uris_only(data_root: str, is_local: bool) -> None:
    assert LakePaths.at(data_root).is_local is is_local


@pytest.mark.parametrize(
    ("root", "place"),
    [("/data/lake", "/data/lake/silver/returns"), ("s3://bucket/lake", "s3://bucket/lake/silver/returns")],
)
def test_lake_paths_place_is_under_the_root(root: str, place: str) -> None:
    assert LakePaths.at(root).place(paths.SILVER_RETURNS) == place


def test_paths_places_that_users_rely_on_keep_their_names() -> None:
    assert (
        paths.LANDED,
        paths.SILVER_RETURNS,
        paths.QUARANTINED_RETURNS,
        paths.GOLD_BY_SKU_REASON,
        paths.GOLD_BY_DATE_REASON,
        paths.RUN_RECORDS,
        paths.LATEST_RUN_RECORD,
    ) == (
        "bronze/returns_raw",
        "silver/returns",
        "quarantine/returns",
        "gold/returns_by_sku_reason",
        "gold/returns_by_date_reason",
        "metrics/runs",
        "metrics/pipeline_metrics.json",
    )
