variable "name" {
  description = "What the names of all buckets, keys and roles begin with; the account's number makes them unique."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}[a-z0-9]$", var.name))
    error_message = "The name must be 4 to 32 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "region" {
  description = "Region of the lake."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must be an AWS region, such as eu-central-1."
  }
}

variable "backup_region" {
  description = "Region of the backups: another one, so that a backup outlives the loss of the lake's."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.backup_region))
    error_message = "The region must be an AWS region, such as eu-west-1."
  }
}

variable "lake_path" {
  description = "Where the machines of the pipeline see the lake as a directory; it becomes DATA_ROOT."
  type        = string

  validation {
    condition     = can(regex("^/[A-Za-z0-9._/-]+$", var.lake_path)) && !can(regex("\\.\\.", var.lake_path))
    error_message = "The path must be absolute, of letters, digits, dots, hyphens and slashes, without '..'."
  }
}

variable "overwritten_days" {
  description = "Days for which S3 keeps what was overwritten or deleted in the lake, three versions beyond that."
  type        = number
  default     = 7

  validation {
    condition     = var.overwritten_days >= 1 && var.overwritten_days <= 7 && floor(var.overwritten_days) == var.overwritten_days
    error_message = "The days must be a whole number from 1 to 7: old versions slow a Delta table's listings down."
  }
}

variable "deleted_backup_days" {
  description = "Days for which a backup that was pruned, or deleted by somebody else, can still be brought back."
  type        = number
  default     = 35

  validation {
    condition     = var.deleted_backup_days >= 7 && floor(var.deleted_backup_days) == var.deleted_backup_days
    error_message = "The days must be a whole number, 7 at least."
  }
}

variable "log_days" {
  description = "Days for which access logs are kept."
  type        = number
  default     = 365

  validation {
    condition     = var.log_days >= 30 && floor(var.log_days) == var.log_days
    error_message = "The days must be a whole number, 30 at least."
  }
}

variable "trusted_arns" {
  description = "Who may take each role: ARNs of roles, such as that of the machines, of the scheduler or of a person on call."
  type = object({
    pipeline = list(string)
    backup   = list(string)
    prune    = list(string)
  })

  validation {
    condition = alltrue([
      for arn in concat(var.trusted_arns.pipeline, var.trusted_arns.backup, var.trusted_arns.prune) :
      can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/-]+$", arn))
    ])
    error_message = "Each must be the ARN of a role or a user, without wildcards."
  }

  validation {
    condition     = alltrue([for arns in values(var.trusted_arns) : length(arns) > 0])
    error_message = "Each role needs somebody who may take it."
  }

  validation {
    condition     = length(setintersection(var.trusted_arns.pipeline, var.trusted_arns.prune)) == 0
    error_message = "Who runs the pipeline must not prune: one stolen credential would reach the lake and its backups."
  }
}

variable "tags" {
  description = "Tags of everything, beside those that are always there."
  type        = map(string)
  default     = {}
}
