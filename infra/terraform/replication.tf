# A second line only: S3 replicates objects in no order, so that a replica of a Delta table can name files that are not
# there yet. What restores is a backup of `returns dr`.
resource "aws_s3_bucket_replication_configuration" "lake" {
  bucket = module.lake.id
  role   = aws_iam_role.replication.arn

  rule {
    id       = "lake-to-second-region"
    status   = "Enabled"
    priority = 1

    filter {
      prefix = "${local.lake_prefix}/"
    }

    # What is deleted in the lake, by VACUUM or by mistake, stays in the replica.
    delete_marker_replication {
      status = "Disabled"
    }

    # Without this, objects encrypted with a key are silently left out.
    source_selection_criteria {
      sse_kms_encrypted_objects {
        status = "Enabled"
      }
    }

    destination {
      bucket = module.backups.arn

      encryption_configuration {
        replica_kms_key_id = aws_kms_key.backups.arn
      }

      replication_time {
        status = "Enabled"
        time {
          minutes = 15
        }
      }

      metrics {
        status = "Enabled"
        event_threshold {
          minutes = 15
        }
      }
    }
  }

  # Both buckets have to have their versioning first.
  depends_on = [module.lake, module.backups]
}

locals {
  replication_statements = [
    {
      Sid      = "SeeTheLake"
      Effect   = "Allow"
      Action   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
      Resource = local.bucket_arns.lake
    },
    {
      Sid    = "ReadVersions"
      Effect = "Allow"
      Action = [
        "s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging",
      ]
      Resource = "${local.bucket_arns.lake}/${local.lake_prefix}/*"
    },
    {
      Sid      = "WriteReplicas"
      Effect   = "Allow"
      Action   = ["s3:ReplicateObject", "s3:ReplicateTags"]
      Resource = "${local.bucket_arns.backups}/${local.lake_prefix}/*"
    },
    {
      Sid       = "DecryptInTheLake"
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = aws_kms_key.lake.arn
      Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
    },
    {
      Sid       = "EncryptInTheBackups"
      Effect    = "Allow"
      Action    = "kms:Encrypt"
      Resource  = aws_kms_key.backups.arn
      Condition = { StringEquals = { "kms:ViaService" = "s3.${var.backup_region}.amazonaws.com" } }
    },
  ]
}

resource "aws_iam_role" "replication" {
  name        = "${var.name}-replication"
  description = "S3 replicates the lake to the second region"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "replication" {
  name = "replicate-the-lake"
  role = aws_iam_role.replication.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.replication_statements
  })
}
