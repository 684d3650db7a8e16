"""Settings: the option, else the environment, else the YAML file of APP_ENV; strict in all three."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from commands import returns
from pyspark_interview_project.config.paths import LakePaths
from pyspark_interview_project.config.settings import (
    APP_ENVS,
    Settings,
    load_settings,
    read_settings_file,
    shipped_configs,
)
from pyspark_interview_project.errors import ConfigurationError


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def settings_text(**changes: Any) -> str:
    """The shipped settings for development, changed; None of them is left out by the value `...`."""
    values = yaml.safe_load((shipped_configs() / "dev.yaml").read_text(encoding="utf-8")) | changes
    return yaml.safe_dump({name: value for name, value in values.items() if value is not ...})


@pytest.mark.parametrize("app_env", APP_ENVS)
def test_load_settings_each_environment_has_a_complete_valid_file(
    monkeypatch: pytest.MonkeyPatch, app_env: str
) -> None:
    monkeypatch.setenv("APP_ENV", app_env)
    assert load_settings({}).app_env == app_env


def test_load_settings_without_app_env_is_for_development() -> None:
    assert load_settings({}).app_env == "dev"


def test_load_settings_shipped_defaults_are_the_documented_ones() -> None:
    documented = {
        "data_root": "/mnt/data/data_extracted/data/lakehouse",
        "engine": "auto",
        "spark_tz": "UTC",
        "log_level": "INFO",
        "pipeline_metrics_json": None,
        "max_quarantined_ratio": 0.2,
        "quarantine_gate_min_rows": 100,
        "volume_history_runs": 20,
        "currency": None,
        "max_ambiguous_ratio": None,
        "feeds_dir": None,
        "unreadable_files": "set_aside",
        "max_record_bytes": 16 * 1024 * 1024,
    }
    assert load_settings({}).model_dump(include=set(documented)) == documented


def test_load_settings_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_TZ", "Europe/Berlin")
    assert load_settings({}).spark_tz == "Europe/Berlin"


def test_load_settings_option_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_TZ", "Europe/Berlin")
    assert load_settings({"spark_tz": "Asia/Tokyo"}).spark_tz == "Asia/Tokyo"


def test_load_settings_option_that_is_none_counts_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_TZ", "Europe/Berlin")
    assert load_settings({"spark_tz": None}).spark_tz == "Europe/Berlin"


def test_load_settings_empty_environment_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "")
    assert load_settings({}).log_level == "INFO"


def test_load_settings_unknown_app_env_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_ENV", "staging")
    with pytest.raises(ConfigurationError) as raised:
        load_settings({})
    assert (raised.value.subject, raised.value.exit_code) == ("APP_ENV", 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_level", "LOUD"),
        ("log_level", "info"),
        ("engine", "duckdb"),
        ("spark_tz", "Europe/Bielefeld"),
        ("spark_tz", "utc+1"),
        ("data_root", ""),
        *(("data_root", f"/lake{odd}") for odd in ("[1]", "\\", "?", "#1", "^", "|", "%41", "\n")),
        ("max_quarantined_ratio", "1.01"),
        ("max_quarantined_ratio", "-0.01"),
        ("max_quarantined_ratio", "nan"),
        ("max_quarantined_ratio", "a fifth"),
        ("quarantine_gate_min_rows", "0"),
        ("quarantine_gate_min_rows", "1.5"),
        ("volume_gate", "stop"),
        ("volume_history_runs", "2"),
        ("volume_max_deviations", "0"),
        ("max_batch_bytes", "0"),
        ("max_record_bytes", "1023"),
        *(("currency", value) for value in ("", "eur", "EURO", "EU", "EUR\n")),
        *(("max_ambiguous_ratio", value) for value in ("-0.01", "1.01", "few")),
        *(("unreadable_files", value) for value in ("", "skip", "FAIL")),
        *(("feeds_dir", value) for value in ("feeds/../..", "s3://bucket/feeds")),
        ("embedded_memory_limit", "1500"),
        ("embedded_memory_limit", "1.5GB"),
        ("embedded_memory_limit", "1GB\n"),
    ],
)
def test_load_settings_option_out_of_range_is_refused_with_its_name(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings({name: value})
    assert (raised.value.subject, raised.value.exit_code) == (f"{name} (option)", 2)


MOUNT_IT = "a lake is on a file system that Python can open; mount the place, or give a path"
OTHER_HOST = "is a path of the host nas; a path of this machine is file:///path"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        *(
            ("data_root", uri, MOUNT_IT)
            for uri in ("s3://bucket/lake", "gs://bucket", "abfss://box@account/lake", "http://h/x?y", "dbfs:/mnt/lake")
        ),
        *((name, "file://nas/lake", f"file://nas/lake {OTHER_HOST}") for name in ("data_root", "dr_root", "lock_url")),
        *(
            (name, uri, "must be a path, not a URI")
            for name in ("scratch_dir", "pipeline_metrics_json", "dr_config_dir")
            for uri in ("file:///x", "file://nas/x", "s3://bucket/x")
        ),
        ("lock_url", "/mnt/locks", "must be s3://, gs://, az:// or file:///path"),
    ],
)
def test_load_settings_place_that_cannot_be_opened_is_refused_with_what_to_do(
    name: str, value: str, problem: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings({name: value})
    assert (raised.value.subject, raised.value.problem, raised.value.exit_code) == (
        f"{name} (option)",
        f"Value error, {problem}, not '{value}'",
        2,
    )


@pytest.mark.parametrize("command", [["run"], ["plan"], ["silver-to-gold"], ["report"], ["dr", "backup"]], ids=" ".join)
def test_command_on_a_data_root_that_is_in_a_bucket_exits_2_with_one_line(tmp_path: Path, command: list[str]) -> None:
    ended = returns(tmp_path, *command, DATA_ROOT="s3://bucket/lake")
    said = f"error: data_root (environment): Value error, {MOUNT_IT}, not 's3://bucket/lake'"
    assert (ended.exit_code, ended.stdout, ended.complaints) == (2, "", [said])


@pytest.mark.parametrize("root", ["file:///data/lake", "file:/data/lake", "file://localhost/data/lake"])
def test_load_settings_file_uri_of_this_machine_is_taken_as_a_path(root: str) -> None:
    assert load_settings({"data_root": root}).paths.root == "/data/lake"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("max_quarantined_ratio", "0", 0.0),
        ("max_quarantined_ratio", "1", 1.0),
        ("quarantine_gate_min_rows", "1", 1),
        ("volume_history_runs", "3", 3),
        ("volume_max_deviations", "0.1", 0.1),
        ("max_batch_bytes", "1048576", 1048576),
        ("max_record_bytes", "1024", 1024),
        ("currency", "EUR", "EUR"),
        ("max_ambiguous_ratio", "0", 0.0),
        ("max_ambiguous_ratio", "1", 1.0),
        ("unreadable_files", "fail", "fail"),
        ("feeds_dir", "/etc/returns/feeds", "/etc/returns/feeds"),
        ("embedded_memory_limit", "2GB", "2GB"),
    ],
)
def test_load_settings_option_at_its_edge_is_taken(name: str, value: str, expected: object) -> None:
    assert getattr(load_settings({name: value}), name) == expected


def test_load_settings_bad_environment_variable_is_refused_with_name_and_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_BATCH_BYTES", "many")
    with pytest.raises(ConfigurationError) as raised:
        load_settings({})
    assert raised.value.subject == "max_batch_bytes (environment)"
    assert "'many'" in raised.value.problem


def test_load_settings_list_that_is_no_json_is_refused_with_name_and_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIP_FILES", "bronze/returns_raw/a.jsonl")
    with pytest.raises(ConfigurationError) as raised:
        load_settings({})
    assert raised.value.subject == "environment"
    assert "skip_files" in raised.value.problem and "a.jsonl" not in raised.value.problem


def test_load_settings_unknown_option_is_refused_with_its_name() -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings({"data_rot": "/tmp"})
    assert raised.value.subject == "data_rot (option)"


def test_load_settings_by_the_name_of_the_first_edition_is_refused() -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_settings({"max_line_bytes": "2048"})
    assert str(raised.value).startswith("max_line_bytes (option): Extra inputs are not permitted")


def test_load_settings_bad_value_in_the_file_is_refused_with_name_and_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "dev.yaml").write_text(settings_text(volume_gate="stop"), encoding="utf-8")
    monkeypatch.setattr("pyspark_interview_project.config.settings.shipped_configs", lambda: tmp_path)
    with pytest.raises(ConfigurationError) as raised:
        load_settings({})
    assert raised.value.subject == "volume_gate (YAML file)"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load_settings({}).data_root = "/tmp"  # type: ignore[misc]


def test_settings_paths_are_those_of_the_data_root(tmp_path: Path) -> None:
    assert load_settings({"data_root": str(tmp_path)}).paths == LakePaths(str(tmp_path))


def test_settings_each_have_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (settings_text(data_rot="/tmp"), "unknown setting data_rot"),
        (settings_text(app_env="dev"), "unknown setting app_env"),
        (settings_text(spark_tz=...), "setting spark_tz is missing"),
        ("- data_root", "must be a mapping of settings"),
        ("", "must be a mapping of settings"),
    ],
)
def test_read_settings_file_incomplete_or_unknown_keys_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "dev.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        read_settings_file(file)
    assert (raised.value.subject, raised.value.problem) == (str(file), problem)


@pytest.mark.parametrize(
    ("content", "part_of_problem"),
    [
        (settings_text().encode() + b"engine: auto\n", "key engine stands twice"),
        (b"data_root: [", "expected"),
        (b"data_root: \xff", "decode"),
        (b"data_root: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        (b"skip_files: {one: 1, two: 2, one: 3}", "key one stands twice"),
        # Each line doubles what it comes to: fifty lines, and no memory holds it.
        (b"one: &one [x]\ntwo: &two [*one, *one]\nskip_files: [*two, *two]\n", "aliases are not taken"),
    ],
)
def test_read_settings_file_that_is_no_good_yaml_is_refused_in_one_line(
    tmp_path: Path, content: bytes, part_of_problem: str
) -> None:
    file = tmp_path / "dev.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        read_settings_file(file)
    assert raised.value.subject == str(file)
    assert part_of_problem in raised.value.problem and "\n" not in raised.value.problem


def test_read_settings_file_that_is_not_there_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_settings_file(tmp_path / "none.yaml")
    assert raised.value.subject == str(tmp_path / "none.yaml")


def test_read_settings_file_that_is_complete_gives_its_values(tmp_path: Path) -> None:
    file = tmp_path / "dev.yaml"
    file.write_text(settings_text(log_level="DEBUG"), encoding="utf-8")
    assert read_settings_file(file) == yaml.safe_load(settings_text(log_level="DEBUG"))
