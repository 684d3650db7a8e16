locals {
  tags = merge({ Application = "returns-lakehouse", ManagedBy = "terraform" }, var.tags)

  account = data.aws_caller_identity.current.account_id
  arn     = "arn:${data.aws_partition.current.partition}"

  names = {
    lake        = "${var.name}-lake-${local.account}"
    backups     = "${var.name}-backups-${local.account}"
    lake_logs   = "${var.name}-lake-logs-${local.account}"
    backup_logs = "${var.name}-backup-logs-${local.account}"
  }
  bucket_arns = { for what, name in local.names : what => "${local.arn}:s3:::${name}" }

  # In the lake's bucket: the lake itself, and the leases of LOCK_URL, which are no part of it.
  lake_prefix  = "lake"
  lease_prefix = "leases"
  # In the backups' bucket: what `returns dr` writes, beside the replica of the lake, which keeps its prefix.
  backup_prefix = "backups"
}

module "lake" {
  source = "./modules/bucket"

  name              = local.names.lake
  kms_key_arn       = aws_kms_key.lake.arn
  log_bucket        = { name = module.lake_logs.id }
  noncurrent_days   = var.overwritten_days
  noncurrent_newest = 3
}

module "backups" {
  source    = "./modules/bucket"
  providers = { aws = aws.backup }

  name            = local.names.backups
  kms_key_arn     = aws_kms_key.backups.arn
  log_bucket      = { name = module.backup_logs.id }
  noncurrent_days = var.deleted_backup_days
}

# S3 delivers access logs only inside a region, and only to a bucket that encrypts with S3's own keys.
module "lake_logs" {
  source = "./modules/bucket"

  name            = local.names.lake_logs
  log_source_arn  = local.bucket_arns.lake
  expire_days     = var.log_days
  noncurrent_days = 30
}

module "backup_logs" {
  source    = "./modules/bucket"
  providers = { aws = aws.backup }

  name            = local.names.backup_logs
  log_source_arn  = local.bucket_arns.backups
  expire_days     = var.log_days
  noncurrent_days = 30
}
