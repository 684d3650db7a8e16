# terraform test, 1.7 or newer; needs the provider's schema, but neither an account nor credentials.
mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

mock_provider "aws" {
  alias = "backup"

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  name          = "returns-test"
  region        = "eu-central-1"
  backup_region = "eu-west-1"
  lake_path     = "/mnt/returns"
  trusted_arns = {
    pipeline = ["arn:aws:iam::123456789012:role/machines"]
    backup   = ["arn:aws:iam::123456789012:role/machines"]
    prune    = ["arn:aws:iam::123456789012:role/on-call"]
  }
}

run "outputs_are_the_settings_of_the_package" {
  command = plan

  assert {
    condition     = output.data_root == "/mnt/returns"
    error_message = "DATA_ROOT is the path at which the lake is seen."
  }
  assert {
    condition     = output.lake_uri == "s3://returns-test-lake-123456789012/lake"
    error_message = "The lake has its prefix in its bucket."
  }
  assert {
    condition     = output.dr_root == "s3://returns-test-backups-123456789012/backups"
    error_message = "DR_ROOT is in the bucket of the backups."
  }
  assert {
    condition     = output.lock_url == "s3://returns-test-lake-123456789012/leases"
    error_message = "LOCK_URL is beside the lake, not in it."
  }
}

run "only_the_lake_is_replicated_and_deletions_are_not" {
  command = plan

  assert {
    condition     = one(aws_s3_bucket_replication_configuration.lake.rule[0].filter).prefix == "lake/"
    error_message = "The leases must not be replicated."
  }
  assert {
    condition     = one(aws_s3_bucket_replication_configuration.lake.rule[0].delete_marker_replication).status == "Disabled"
    error_message = "A deletion must not reach the replica."
  }
}

run "same_region_is_refused" {
  command = plan

  variables {
    backup_region = "eu-central-1"
  }

  expect_failures = [output.dr_root]
}
