locals {
  # The account decides who may use a key, by the policies of its roles (roles.tf).
  key_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TheAccountDecides"
      Effect    = "Allow"
      Principal = { AWS = "${local.arn}:iam::${local.account}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_key" "lake" {
  description             = "${var.name}: the lake"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = local.key_policy

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "lake" {
  name          = "alias/${var.name}-lake"
  target_key_id = aws_kms_key.lake.key_id
}

# A key of its own in the region of the backups: with the lake's region the lake's key is gone too.
resource "aws_kms_key" "backups" {
  provider = aws.backup

  description             = "${var.name}: the backups"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = local.key_policy

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "backups" {
  provider = aws.backup

  name          = "alias/${var.name}-backups"
  target_key_id = aws_kms_key.backups.key_id
}
