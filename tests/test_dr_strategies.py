"""Strategies are strict: what is unknown, overlaps or would be a secret is exit 2, naming the file and the key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands import mostly_full, returns
from pyspark_interview_project.dr.strategies import BucketOptions
from recovery import dr, write_replication, write_strategy


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    (tmp_path / "lake" / "bronze" / "returns_raw").mkdir(parents=True)
    return tmp_path / "lake"


def refused(lake: Path, config: Path) -> str:
    ended = dr(lake, "status", DR_CONFIG_DIR=str(config))
    assert ended.exit_code == 2
    (complaint,) = ended.complaints
    return complaint


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"rpo_hours": 0}, "rpo_hours"),
        ({"rpo_hours": "often"}, "rpo_hours"),
        ({"rto_hours": -1}, "rto_hours"),
        ({"rpo_hours": True}, "rpo_hours"),
        ({"verify": "yes"}, "verify"),
        ({"keep": {"days": "7", "last": 1}}, "keep.days"),
        ({"keep": {"days": 1, "last": 0}}, "keep.last"),
        ({"keep": {"days": 1, "last": 1, "weeks": 1}}, "keep.weeks"),
        ({"compress": True}, "compress"),
        ({"secret_access_key": "hunter2"}, "secret_access_key"),  # pragma: allowlist secret
        ({"bucket": {"aws_secret_access_key": "hunter2"}}, "bucket.aws_secret_access_key"),  # pragma: allowlist secret
        ({"bucket": {"server_side_encryption": "rot13"}}, "bucket.server_side_encryption"),
        ({"bucket": {"endpoint": "http://user:hunter2@host"}}, "bucket.endpoint"),  # pragma: allowlist secret
        ({"bucket": {"kms_key_id": "k"}}, "bucket.kms_key_id"),
        ({"bucket": {"kms_key_id": "k", "server_side_encryption": "AES256"}}, "bucket.kms_key_id"),
        ({"to": "s3://user:hunter2@bucket/x"}, "to"),  # pragma: allowlist secret
    ],
    ids=str,
)
def test_strategy_that_is_wrong_names_file_and_key_and_no_value(
    lake: Path, tmp_path: Path, changes: dict[str, object], key: str
) -> None:
    config = write_strategy(tmp_path / "dr", **changes)
    complaint = refused(lake, config)
    assert complaint.startswith(f"error: {config}/backup_strategies/nightly.json: {key}: ")
    assert "hunter2" not in complaint


@pytest.mark.parametrize("missing", ["to", "landed_files", "rpo_hours", "rto_hours", "verify", "keep"])
def test_strategy_that_lacks_a_key_names_it(lake: Path, tmp_path: Path, missing: str) -> None:
    config = write_strategy(tmp_path / "dr")
    path = config / "backup_strategies" / "nightly.json"
    content = json.loads(path.read_text())
    del content[missing]
    path.write_text(json.dumps(content))
    assert refused(lake, config).startswith(f"error: {path}: {missing}: ")


@pytest.mark.parametrize("to", ["lake", "lake/backups", "."])
def test_target_that_is_in_or_above_the_lake_names_the_key(lake: Path, tmp_path: Path, to: str) -> None:
    complaint = refused(lake, write_strategy(tmp_path / "dr", to=str(tmp_path / to)))
    assert complaint.startswith("error: backup_strategies/nightly: to: ") and str(lake) in complaint


def test_target_behind_a_link_into_the_lake_is_seen(lake: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(lake)
    assert "has in it the lake" in refused(lake, write_strategy(tmp_path / "dr", to=str(tmp_path / "link" / "x")))


@pytest.mark.parametrize(
    "to", ["s3://bucket/a", "s3://bucket/a/b", "s3://bucket", "s3://bucket//a", "s3://bucket/a//b/", "s3://bucket/"]
)
def test_targets_that_overlap_name_both(lake: Path, tmp_path: Path, to: str) -> None:
    config = write_replication(write_strategy(tmp_path / "dr", to="s3://bucket/a"), to)
    complaint = refused(lake, config)
    assert complaint.startswith("error: replication_configs/second: to: ")
    assert complaint.endswith("the place of backup_strategies/nightly")


def test_local_targets_that_are_one_written_in_two_ways_are_seen(lake: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "backups")
    config = write_replication(write_strategy(tmp_path / "dr", to=str(tmp_path / "link")), "")
    for to in (f"{tmp_path}//backups/", f"file://{tmp_path}/backups", f"file:{tmp_path}/backups/inside"):
        write_replication(config, to)
        assert refused(lake, config).endswith("the place of backup_strategies/nightly")


@pytest.mark.parametrize(
    "url",
    mostly_full(
        [
            "s3a://bucket/a",
            "memory:///",
            "http://host/a",
            "S3://bucket/a",
            "s3://",
            "s3:///a",
            "s3://bucket/../a",
            "s3://bucket/a%2Fb",
            "file://host/a",
        ]
    ),
)
def test_place_that_backups_cannot_be_kept_in_is_refused_wherever_it_is_named(
    lake: Path, tmp_path: Path, url: str
) -> None:
    assert refused(lake, write_strategy(tmp_path / "dr", to=url)).startswith("error: backup_strategies/nightly: to: ")
    for command in (("backup", "--to"), ("verify", "--from"), ("list", "--from")):
        ended = dr(lake, *command, url, DR_CONFIG_DIR=str(write_strategy(tmp_path / "other")))
        assert (ended.exit_code, len(ended.complaints), ended.stdout) == (2, 1, "")


@pytest.mark.parametrize("to", ["gs://bucket/a", "az://container/a", "beside", None])
def test_bucket_settings_that_would_mean_nothing_are_refused(lake: Path, tmp_path: Path, to: str | None) -> None:
    place = str(tmp_path / "beside") if to == "beside" else to
    config = write_strategy(tmp_path / "dr", to=place, bucket={"object_lock": True})
    assert refused(lake, config).startswith("error: backup_strategies/nightly: bucket: is for s3:// only")


@pytest.mark.parametrize(
    ("name", "complaint"),
    mostly_full(
        [
            (
                "backup_strategie/nightly.yaml",
                "{dr}/backup_strategie: is neither backup_strategies nor replication_configs",
            ),
            ("nightly.yaml", "{dr}/nightly.yaml: is neither backup_strategies nor replication_configs"),
            ("backup_strategies/.hidden", "{dr}/backup_strategies: has no strategy; DR_CONFIG_DIR names its parent"),
            ("replication_configs/.hidden", "{dr}/backup_strategies: has no strategy; DR_CONFIG_DIR names its parent"),
            (
                "backup_strategies/nightly.yaml.bak",
                "{dr}/backup_strategies/nightly.yaml.bak: is no strategy: its name must end with .yaml, .yml, .json",
            ),
        ],
        1,
    ),
)
def test_directory_without_a_strategy_is_named_where_one_is_needed(
    lake: Path, tmp_path: Path, name: str, complaint: str
) -> None:
    (tmp_path / "dr" / name).parent.mkdir(parents=True)
    (tmp_path / "dr" / name).write_text("{}")
    expected = "error: " + complaint.format(dr=tmp_path / "dr")
    assert refused(lake, tmp_path / "dr") == expected
    ended = returns(lake, "run", "--with-dr", DR_CONFIG_DIR=str(tmp_path / "dr"))
    assert (ended.exit_code, ended.complaints) == (2, [expected])
    assert not (lake / "ops").exists()  # before anything was done


def test_replication_of_no_strategy_names_it(lake: Path, tmp_path: Path) -> None:
    config = write_replication(write_strategy(tmp_path / "dr"), "s3://bucket/a", strategy="weekly")
    assert refused(lake, config) == "error: second: strategy: there is no strategy weekly"


def test_yaml_and_json_are_the_same_and_one_name_is_one_file(lake: Path, tmp_path: Path) -> None:
    config = write_strategy(tmp_path / "dr")
    path = config / "backup_strategies" / "nightly.json"
    for suffix in (".yaml", ".yml"):
        path = path.rename(path.with_suffix(suffix))
        assert dr(lake, "status", DR_CONFIG_DIR=str(config)).exit_code == 3  # read, and there is no backup yet
    write_strategy(tmp_path / "dr")
    assert refused(lake, config).endswith("another file has the same name")


def test_directory_that_is_not_there_names_the_setting(lake: Path, tmp_path: Path) -> None:
    assert refused(lake, tmp_path / "none") == f"error: dr_config_dir: there is no directory {tmp_path}/none"


def test_bucket_options_reach_the_store_under_its_own_names() -> None:
    options = BucketOptions(
        endpoint="http://127.0.0.1:9000", region="eu-west-1", server_side_encryption="aws:kms", kms_key_id="k",
        object_lock=True,
    )  # fmt: skip
    assert options.for_obstore() == {
        "endpoint": "http://127.0.0.1:9000",
        "region": "eu-west-1",
        "server_side_encryption": "aws:kms",
        "sse_kms_key_id": "k",
        "checksum_algorithm": "SHA256",
        "client_options": {"allow_http": True},
    }
