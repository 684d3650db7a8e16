# A private bucket. Whatever else one is for, every bucket here is one of these.
terraform {
  required_version = ">= 1.5.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

locals {
  arn = "arn:${data.aws_partition.current.partition}:s3:::${var.name}"

  always = [
    {
      Sid       = "OnlyTLS"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.arn, "${local.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    },
    {
      Sid       = "OnlyTLSOfToday"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.arn, "${local.arn}/*"]
      Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
    },
  ]
  # Whoever names no encryption gets the bucket's, whoever names one has to name its key. StringNotEquals matches a header
  # that is absent too, therefore Null beside it. KMS without a key would be a key of Amazon's.
  refused_encryption = {
    OnlyKMS = {
      StringNotEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
      Null            = { "s3:x-amz-server-side-encryption" = "false" }
    }
    OnlyThisKey = {
      StringNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = var.kms_key_arn }
      Null            = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "false" }
    }
    OnlyWithAKey = {
      StringEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
      Null         = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "true" }
    }
  }
  only_this_key = [for name, condition in local.refused_encryption : {
    Sid       = name
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:PutObject"
    Resource  = ["${local.arn}/*"]
    Condition = condition
  } if var.kms_key_arn != null]
  logs_of_one_bucket = [for source in compact([var.log_source_arn]) : {
    Sid       = "LogsOfOneBucket"
    Effect    = "Allow"
    Principal = { Service = "logging.s3.amazonaws.com" }
    Action    = "s3:PutObject"
    Resource  = ["${local.arn}/*"]
    Condition = {
      ArnLike      = { "aws:SourceArn" = source }
      StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
    }
  }]
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144:The lake is replicated (replication.tf); its replica, the backups and access logs are not replicated once more.
  #checkov:skip=CKV2_AWS_62:Nothing waits for events of these buckets; the pipeline plans by listing.
  bucket = var.name

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

# No rule here may expire or archive what is current, but where expire_days is given, which is for logs: a Delta log
# refers to files however old they are.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days           = var.noncurrent_days
      newer_noncurrent_versions = var.noncurrent_newest
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  rule {
    id     = "unfinished-uploads-and-old-logs"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    dynamic "expiration" {
      for_each = var.expire_days == null ? [] : [var.expire_days]

      content {
        days = expiration.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_logging" "this" {
  count = var.log_bucket == null ? 0 : 1

  bucket        = aws_s3_bucket.this.id
  target_bucket = var.log_bucket.name
  target_prefix = "${var.name}/"
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.always, local.only_this_key, local.logs_of_one_bucket)
  })

  # Otherwise S3 may judge the policy by a block that is not there yet.
  depends_on = [aws_s3_bucket_public_access_block.this]
}
