# Three roles, none of which can do the work of another: the pipeline does not see the backups, a backup deletes nothing,
# a prune does not see the lake. None may delete a version, so that what they delete can be brought back for some days.
locals {
  may_take = {
    for role, arns in var.trusted_arns : role => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect    = "Allow"
        Principal = { AWS = arns }
        Action    = "sts:AssumeRole"
      }]
    })
  }

  lake_objects   = "${local.bucket_arns.lake}/${local.lake_prefix}/*"
  lease_objects  = "${local.bucket_arns.lake}/${local.lease_prefix}/*"
  backup_objects = "${local.bucket_arns.backups}/${local.backup_prefix}/*"
  # Where `returns dr` keeps the lease that lets one process at a time write backups.
  backup_leases = "${local.bucket_arns.backups}/${local.backup_prefix}/lock/*"

  via_s3        = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
  via_backup_s3 = { StringEquals = { "kms:ViaService" = "s3.${var.backup_region}.amazonaws.com" } }

  list_backups = {
    Sid       = "ListBackups"
    Effect    = "Allow"
    Action    = "s3:ListBucket"
    Resource  = local.bucket_arns.backups
    Condition = { StringLike = { "s3:prefix" = ["${local.backup_prefix}/*"] } }
  }
  use_backup_key = {
    Sid       = "UseTheKeyOfTheBackups"
    Effect    = "Allow"
    Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource  = aws_kms_key.backups.arn
    Condition = local.via_backup_s3
  }

  pipeline_statements = [
    {
      Sid       = "ListTheLake"
      Effect    = "Allow"
      Action    = "s3:ListBucket"
      Resource  = local.bucket_arns.lake
      Condition = { StringLike = { "s3:prefix" = ["${local.lake_prefix}/*", "${local.lease_prefix}/*"] } }
    },
    {
      Sid    = "ReadAndWriteTheLake"
      Effect = "Allow"
      Action = [
        "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject",
      ]
      Resource = [local.lake_objects, local.lease_objects]
    },
    {
      Sid       = "UseTheKeyOfTheLake"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = aws_kms_key.lake.arn
      Condition = local.via_s3
    },
  ]

  backup_statements = [
    {
      Sid       = "ListTheLake"
      Effect    = "Allow"
      Action    = "s3:ListBucket"
      Resource  = local.bucket_arns.lake
      Condition = { StringLike = { "s3:prefix" = ["${local.lake_prefix}/*"] } }
    },
    {
      Sid      = "ReadTheLake"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = local.lake_objects
    },
    {
      Sid       = "DecryptTheLake"
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = aws_kms_key.lake.arn
      Condition = local.via_s3
    },
    local.list_backups,
    {
      Sid    = "ReadAndAddBackups"
      Effect = "Allow"
      Action = [
        "s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject",
      ]
      Resource = local.backup_objects
    },
    {
      Sid      = "RemoveOldLeases"
      Effect   = "Allow"
      Action   = "s3:DeleteObject"
      Resource = local.backup_leases
    },
    local.use_backup_key,
  ]

  prune_statements = [
    local.list_backups,
    {
      Sid      = "ReadAndRemoveBackups"
      Effect   = "Allow"
      Action   = ["s3:DeleteObject", "s3:GetObject"]
      Resource = local.backup_objects
    },
    {
      Sid      = "TakeTheLease"
      Effect   = "Allow"
      Action   = "s3:PutObject"
      Resource = local.backup_leases
    },
    local.use_backup_key,
  ]
}

resource "aws_iam_role" "pipeline" {
  name               = "${var.name}-pipeline"
  description        = "Runs the pipeline: reads and writes the lake, and nothing else"
  assume_role_policy = local.may_take.pipeline
}

resource "aws_iam_role_policy" "pipeline" {
  name = "read-and-write-the-lake"
  role = aws_iam_role.pipeline.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.pipeline_statements
  })
}

resource "aws_iam_role" "backup" {
  name               = "${var.name}-backup"
  description        = "Makes and verifies backups: reads the lake, adds to the backups, deletes nothing of either"
  assume_role_policy = local.may_take.backup
}

resource "aws_iam_role_policy" "backup" {
  name = "read-the-lake-add-to-backups"
  role = aws_iam_role.backup.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.backup_statements
  })
}

resource "aws_iam_role" "prune" {
  name               = "${var.name}-prune"
  description        = "Removes old backups, and does not see the lake"
  assume_role_policy = local.may_take.prune
}

resource "aws_iam_role_policy" "prune" {
  name = "remove-backups"
  role = aws_iam_role.prune.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.prune_statements
  })
}
