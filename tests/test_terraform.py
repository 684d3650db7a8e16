"""The Terraform files: what each bucket has, what each role may do, and that outputs are settings of the package."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pyspark_interview_project.config.settings import Settings
from terraform_files import BUCKET_MODULE, TERRAFORM, comments_of, local_values, parsed, repetitions

ROOT = parsed(TERRAFORM)
BUCKET = parsed(BUCKET_MODULE)
LAKE, BACKUPS = "${local.bucket_arns.lake}", "${local.bucket_arns.backups}"
LAKE_KEY, BACKUP_KEY = "${aws_kms_key.lake.arn}", "${aws_kms_key.backups.arn}"
LAKE_LOGS, BACKUP_LOGS = {"name": "${module.lake_logs.id}"}, {"name": "${module.backup_logs.id}"}
OF_THE_BUCKET = "${aws_s3_bucket.this.id}"


def part(kind: str) -> dict[str, Any]:
    """A resource of the bucket module, without what says to which bucket it belongs."""
    body = dict(BUCKET["resource"][f"{kind}.this"])
    assert body.pop("bucket") == OF_THE_BUCKET
    return body


def grants(role: str) -> set[tuple[str, str]]:
    """What the statements of a role allow: action and resource."""
    statements = local_values(ROOT)[f"{role}_statements"]
    found = set()
    for statement in statements:
        resolved = local_values(ROOT)[statement[8:-1]] if isinstance(statement, str) else statement
        assert resolved["Effect"] == "Allow"
        found |= {(action, place) for action in _list(resolved["Action"]) for place in _list(resolved["Resource"])}
    return found


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


# ------------------------------------------------------------------------------------------------------------- buckets
def test_every_bucket_is_made_by_the_one_module() -> None:
    assert [name for name in ROOT["resource"] if name.startswith("aws_s3_bucket.")] == []
    assert {name: module["source"] for name, module in ROOT["module"].items()} == dict.fromkeys(
        ("lake", "backups", "lake_logs", "backup_logs"), "./modules/bucket"
    )


def test_bucket_cannot_be_destroyed_by_a_plan() -> None:
    bucket = BUCKET["resource"]["aws_s3_bucket.this"]
    assert bucket["lifecycle"] == [{"prevent_destroy": True}]
    assert [found for found in bucket if found not in ("bucket", "lifecycle", "__comments__")] == []


def test_bucket_blocks_all_public_access() -> None:
    assert part("aws_s3_bucket_public_access_block") == dict.fromkeys(
        ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"), True
    )


def test_bucket_has_its_owner_enforced() -> None:
    assert part("aws_s3_bucket_ownership_controls") == {"rule": [{"object_ownership": "BucketOwnerEnforced"}]}


def test_bucket_keeps_versions() -> None:
    assert part("aws_s3_bucket_versioning") == {"versioning_configuration": [{"status": "Enabled"}]}


def test_bucket_is_encrypted_with_the_key_that_it_was_given() -> None:
    (rule,) = part("aws_s3_bucket_server_side_encryption_configuration")["rule"]
    assert rule == {
        "bucket_key_enabled": "${var.kms_key_arn != null}",
        "apply_server_side_encryption_by_default": [
            {
                "sse_algorithm": '${var.kms_key_arn == null ? "AES256" : "aws:kms"}',
                "kms_master_key_id": "${var.kms_key_arn}",
            }
        ],
    }


def test_bucket_takes_nothing_without_tls() -> None:
    both = ["${local.arn}", "${local.arn}/*"]
    everybody = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": both}
    assert local_values(BUCKET)["always"] == [
        {"Sid": "OnlyTLS", **everybody, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Sid": "OnlyTLSOfToday", **everybody, "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}},
    ]


def test_bucket_refuses_an_upload_that_names_another_encryption_and_no_other() -> None:
    algorithm, key = "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id"
    values = local_values(BUCKET)
    assert values["refused_encryption"] == {
        "OnlyKMS": {"StringNotEquals": {algorithm: "aws:kms"}, "Null": {algorithm: "false"}},
        "OnlyThisKey": {"StringNotEquals": {key: "${var.kms_key_arn}"}, "Null": {key: "false"}},
        "OnlyWithAKey": {"StringEquals": {algorithm: "aws:kms"}, "Null": {key: "true"}},
    }
    assert values["only_this_key"] == (
        "${[for name, condition in local.refused_encryption : "
        '{Sid = name, Effect = "Deny", Principal = "*", Action = "s3:PutObject", '
        'Resource = ["${local.arn}/*"], Condition = condition} if var.kms_key_arn != null]}'
    )


def test_bucket_policy_has_all_its_statements() -> None:
    policy = part("aws_s3_bucket_policy")["policy"]
    assert "concat(local.always, local.only_this_key, local.logs_of_one_bucket)" in policy


def test_bucket_removes_old_versions_and_unfinished_uploads_and_nothing_current_but_logs() -> None:
    rules = part("aws_s3_bucket_lifecycle_configuration")["rule"]
    assert rules == [
        {
            "id": "old-versions",
            "status": "Enabled",
            "filter": [{}],
            "noncurrent_version_expiration": [
                {"noncurrent_days": "${var.noncurrent_days}", "newer_noncurrent_versions": "${var.noncurrent_newest}"}
            ],
            "expiration": [{"expired_object_delete_marker": True}],
        },
        {
            "id": "unfinished-uploads-and-old-logs",
            "status": "Enabled",
            "filter": [{}],
            "abort_incomplete_multipart_upload": [{"days_after_initiation": 7}],
            "dynamic": [
                {
                    "expiration": {
                        "for_each": "${var.expire_days == null ? [] : [var.expire_days]}",
                        "content": [{"days": "${expiration.value}"}],
                    }
                }
            ],
        },
    ]
    assert {name for name, module in ROOT["module"].items() if "expire_days" in module} == {"lake_logs", "backup_logs"}


def test_bucket_logs_to_the_one_that_it_was_given() -> None:
    assert part("aws_s3_bucket_logging") == {
        "count": "${var.log_bucket == null ? 0 : 1}",
        "target_bucket": "${var.log_bucket.name}",
        "target_prefix": "${var.name}/",
    }


def test_first_plan_knows_how_many_there_are_of_everything() -> None:
    """What a resource or a module gives is not known before it is there; an object of it is known not to be null."""
    repeated = set(repetitions(ROOT["resource"])) | set(repetitions(BUCKET["resource"]))
    assert repeated == {
        "${var.log_bucket == null ? 0 : 1}",
        "${var.expire_days == null ? [] : [var.expire_days]}",
    }
    given = {
        (name, argument): module[argument]
        for name, module in ROOT["module"].items()
        for argument in ("log_bucket", "expire_days")
        if argument in module
    }
    assert given == {
        ("lake", "log_bucket"): LAKE_LOGS,
        ("backups", "log_bucket"): BACKUP_LOGS,
        ("lake_logs", "expire_days"): "${var.log_days}",
        ("backup_logs", "expire_days"): "${var.log_days}",
    }
    assert BUCKET["variable"]["log_bucket"]["type"] == "${object({name = string})}"
    assert [name for name, module in ROOT["module"].items() if {"count", "for_each"} & set(module)] == []


@pytest.mark.parametrize(
    ("bucket", "key", "logs", "provider", "kept"),
    [
        ("lake", LAKE_KEY, LAKE_LOGS, None, ("${var.overwritten_days}", 3)),
        ("backups", BACKUP_KEY, BACKUP_LOGS, "${aws.backup}", ("${var.deleted_backup_days}", None)),
        # S3 delivers logs only under its own key, and logs of logs have no end
        ("lake_logs", None, None, None, (30, None)),
        ("backup_logs", None, None, "${aws.backup}", (30, None)),
    ],
)
def test_bucket_has_key_logs_region_and_versions_of_its_purpose(
    bucket: str, key: str | None, logs: dict[str, str] | None, provider: str | None, kept: tuple[Any, int | None]
) -> None:
    module = ROOT["module"][bucket]
    found = module.get("kms_key_arn"), module.get("log_bucket"), module.get("providers", {}).get("aws")
    assert found == (key, logs, provider)
    assert (module["noncurrent_days"], module.get("noncurrent_newest")) == kept
    assert module["name"] == f"${{local.names.{bucket}}}"


def test_log_bucket_takes_logs_of_the_bucket_in_its_region_only() -> None:
    sources = {name: module.get("log_source_arn") for name, module in ROOT["module"].items()}
    assert sources == {"lake": None, "backups": None, "lake_logs": LAKE, "backup_logs": BACKUPS}


@pytest.mark.parametrize(("key", "provider"), [("lake", None), ("backups", "${aws.backup}")])
def test_key_rotates_and_cannot_be_destroyed_by_a_plan(key: str, provider: str | None) -> None:
    found = ROOT["resource"][f"aws_kms_key.{key}"]
    assert (found["enable_key_rotation"], found["deletion_window_in_days"], found.get("provider")) == (
        True,
        30,
        provider,
    )
    assert found["lifecycle"] == [{"prevent_destroy": True}]


def test_lake_is_replicated_with_its_encryption_and_without_its_deletions() -> None:
    replication = ROOT["resource"]["aws_s3_bucket_replication_configuration.lake"]
    assert (replication["bucket"], replication["role"]) == ("${module.lake.id}", "${aws_iam_role.replication.arn}")
    assert replication["depends_on"] == ["${module.lake}", "${module.backups}"]
    (rule,) = replication["rule"]
    minutes = [{"minutes": 15}]
    assert rule == {
        "id": "lake-to-second-region",
        "status": "Enabled",
        "priority": 1,
        "filter": [{"prefix": "${local.lake_prefix}/"}],
        "delete_marker_replication": [{"status": "Disabled"}],
        "source_selection_criteria": [{"sse_kms_encrypted_objects": [{"status": "Enabled"}]}],
        "destination": [
            {
                "bucket": "${module.backups.arn}",
                "encryption_configuration": [{"replica_kms_key_id": BACKUP_KEY}],
                "replication_time": [{"status": "Enabled", "time": minutes}],
                "metrics": [{"status": "Enabled", "event_threshold": minutes}],
            }
        ],
        **({"__comments__": rule["__comments__"]} if "__comments__" in rule else {}),
    }


# --------------------------------------------------------------------------------------------------------------- roles
LAKE_OBJECTS, LEASES = "${local.lake_objects}", "${local.lease_objects}"
BACKUP_OBJECTS, BACKUP_LEASES = "${local.backup_objects}", "${local.backup_leases}"
UPLOAD = ("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject", "s3:GetObject")
USE_BACKUP_KEY = {("kms:Decrypt", BACKUP_KEY), ("kms:GenerateDataKey", BACKUP_KEY)}

ROLES = {
    "pipeline": {
        ("s3:ListBucket", LAKE),
        *((action, place) for action in (*UPLOAD, "s3:DeleteObject") for place in (LAKE_OBJECTS, LEASES)),
        ("kms:Decrypt", LAKE_KEY),
        ("kms:GenerateDataKey", LAKE_KEY),
    },
    "backup": {
        ("s3:ListBucket", LAKE),
        ("s3:GetObject", LAKE_OBJECTS),
        ("kms:Decrypt", LAKE_KEY),
        ("s3:ListBucket", BACKUPS),
        *((action, BACKUP_OBJECTS) for action in UPLOAD),
        ("s3:DeleteObject", BACKUP_LEASES),
        *USE_BACKUP_KEY,
    },
    "prune": {
        ("s3:ListBucket", BACKUPS),
        ("s3:GetObject", BACKUP_OBJECTS),
        ("s3:DeleteObject", BACKUP_OBJECTS),
        ("s3:PutObject", BACKUP_LEASES),
        *USE_BACKUP_KEY,
    },
    "replication": {
        ("s3:GetReplicationConfiguration", LAKE),
        ("s3:ListBucket", LAKE),
        *(
            (f"s3:GetObjectVersion{what}", f"{LAKE}/${{local.lake_prefix}}/*")
            for what in ("ForReplication", "Acl", "Tagging")
        ),
        *((f"s3:Replicate{what}", f"{BACKUPS}/${{local.lake_prefix}}/*") for what in ("Object", "Tags")),
        ("kms:Decrypt", LAKE_KEY),
        ("kms:Encrypt", BACKUP_KEY),
    },
}


@pytest.mark.parametrize("role", ROLES)
def test_role_may_do_its_work_and_nothing_else(role: str) -> None:
    assert grants(role) == ROLES[role]
    policy = ROOT["resource"][f"aws_iam_role_policy.{role}"]
    assert policy["role"] == f"${{aws_iam_role.{role}.id}}"
    assert f"local.{role}_statements" in policy["policy"]


def test_roles_are_all_that_there_are_and_have_one_policy_each() -> None:
    by_kind: dict[str, list[str]] = {}
    for address in ROOT["resource"]:
        kind, name = address.split(".")
        by_kind.setdefault(kind, []).append(name)
    assert sorted(by_kind["aws_iam_role"]) == sorted(by_kind["aws_iam_role_policy"]) == sorted(ROLES)
    assert [
        kind for kind in by_kind if kind.startswith("aws_iam") and kind not in ("aws_iam_role", "aws_iam_role_policy")
    ] == []


@pytest.mark.parametrize("role", ["pipeline", "backup", "prune"])
def test_role_is_taken_by_whom_the_variable_names(role: str) -> None:
    assert ROOT["resource"][f"aws_iam_role.{role}"]["assume_role_policy"] == f"${{local.may_take.{role}}}"


def test_places_of_the_roles_lie_in_their_prefixes() -> None:
    values = local_values(ROOT)
    assert {name: values[name] for name in ("lake_objects", "lease_objects", "backup_objects", "backup_leases")} == {
        "lake_objects": f"{LAKE}/${{local.lake_prefix}}/*",
        "lease_objects": f"{LAKE}/${{local.lease_prefix}}/*",
        "backup_objects": f"{BACKUPS}/${{local.backup_prefix}}/*",
        "backup_leases": f"{BACKUPS}/${{local.backup_prefix}}/lock/*",
    }
    prefixes = [values[name] for name in ("lake_prefix", "lease_prefix", "backup_prefix")]
    assert prefixes == ["lake", "leases", "backups"]


# --------------------------------------------------------------------------------------------------- variables, outputs
def test_outputs_are_settings_of_the_package_and_where_they_point() -> None:
    outputs = ROOT["output"]
    assert {
        name: output["value"] for name, output in outputs.items() if name in ("data_root", "dr_root", "lock_url")
    } == {
        "data_root": "${var.lake_path}",
        "dr_root": "s3://${local.names.backups}/${local.backup_prefix}",
        "lock_url": "s3://${local.names.lake}/${local.lease_prefix}",
    }
    assert {"data_root", "dr_root", "lock_url"} <= set(Settings.model_fields)
    assert [name for name, output in outputs.items() if not output.get("description")] == []


@pytest.mark.parametrize("name", [name for name in ROOT["variable"] if name != "tags"])
def test_variable_is_described_and_validated(name: str) -> None:
    variable = ROOT["variable"][name]
    assert variable["description"] and variable["type"]
    assert all(rule["error_message"].endswith(".") for rule in variable["validation"])
    assert variable["validation"]


def test_no_check_of_checkov_is_skipped_without_a_reason() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in TERRAFORM.rglob("*.tf"))
    skips = [comment for comment in comments_of(BUCKET["resource"]["aws_s3_bucket.this"]) if "checkov:skip" in comment]
    assert len(skips) == text.count("checkov:skip")
    assert [skip for skip in skips if not re.fullmatch(r"checkov:skip=CKV2?_AWS_[0-9]+:[A-Z].{20,}\.", skip)] == []


def test_terraform_and_provider_have_a_least_version() -> None:
    for module in (ROOT, BUCKET):
        assert module["terraform"]["required_version"] == ">= 1.5.0"
        assert module["terraform"]["required_providers"] == [{"aws": {"source": "hashicorp/aws", "version": "~> 6.0"}}]
