# The policy of one bucket, whose key is known here: terraform test, 1.7 or newer.
mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

run "an_upload_is_refused_only_for_the_encryption_that_it_names" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    name            = "returns-test"
    kms_key_arn     = "arn:aws:kms:eu-central-1:123456789012:key/test"
    noncurrent_days = 7
  }

  assert {
    condition = {
      for statement in jsondecode(aws_s3_bucket_policy.this.policy).Statement : statement.Sid => statement.Condition.Null
      if statement.Action == "s3:PutObject"
      } == {
      OnlyKMS      = { "s3:x-amz-server-side-encryption" = "false" }
      OnlyThisKey  = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "false" }
      OnlyWithAKey = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "true" }
    }
    error_message = "An upload that names no encryption must be taken."
  }
  assert {
    condition     = length(aws_s3_bucket_logging.this) == 0
    error_message = "Without a bucket for logs there are none."
  }
}

run "a_bucket_for_logs_names_no_key" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    name            = "returns-test-logs"
    log_source_arn  = "arn:aws:s3:::returns-test"
    noncurrent_days = 30
  }

  assert {
    condition = [
      for statement in jsondecode(aws_s3_bucket_policy.this.policy).Statement : statement.Sid
    ] == ["OnlyTLS", "OnlyTLSOfToday", "LogsOfOneBucket"]
    error_message = "S3 delivers access logs only to its own encryption."
  }
}
