output "lake_uri" {
  description = "Where the lake lies. Not a value for DATA_ROOT: the package opens paths, not URIs."
  value       = "s3://${local.names.lake}/${local.lake_prefix}"
}

output "data_root" {
  description = <<-TEXT
    The value of DATA_ROOT: the directory at which the pipeline's machines see the lake. How it comes to be there is not
    part of this. On Databricks it is a volume on lake_uri (/Volumes/CATALOG/SCHEMA/VOLUME). Elsewhere S3 itself gives no
    directory that a run can use: a run renames and locks files, and Mountpoint for Amazon S3 renames nothing in an
    ordinary bucket; keep the lake on a disk or on EFS there, and its backups at dr_root. None of these is tested.
  TEXT
  value       = var.lake_path
}

output "dr_root" {
  description = "The value of DR_ROOT: where `returns dr` keeps backups, in the second region. It takes this URI."
  value       = "s3://${local.names.backups}/${local.backup_prefix}"

  precondition {
    condition     = var.region != var.backup_region
    error_message = "The backups must be in another region than the lake."
  }
}

output "lock_url" {
  description = "The value of LOCK_URL, where several machines write the lake; AWS_REGION has to be that of the lake."
  value       = "s3://${local.names.lake}/${local.lease_prefix}"
}

output "role_arns" {
  description = "The roles of those who run the pipeline, make backups and prune them."
  value = {
    pipeline = aws_iam_role.pipeline.arn
    backup   = aws_iam_role.backup.arn
    prune    = aws_iam_role.prune.arn
  }
}

output "backup_kms_key_arn" {
  description = "The key that backups are encrypted with; a backup strategy may name it."
  value       = aws_kms_key.backups.arn
}
