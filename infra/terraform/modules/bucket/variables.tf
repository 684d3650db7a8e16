variable "name" {
  description = "Name of the bucket."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that the bucket is encrypted with; null for one that receives access logs, which S3 delivers only to S3's own encryption."
  type        = string
  default     = null
}

variable "log_bucket" {
  description = "Bucket that the access logs go to; null for one that receives them, whose logs would be logged without end. An object, as only that is known not to be null before the bucket is there."
  type        = object({ name = string })
  default     = null
}

variable "log_source_arn" {
  description = "The bucket whose access logs this one receives."
  type        = string
  default     = null
}

variable "noncurrent_days" {
  description = "Days for which what was overwritten or deleted is kept."
  type        = number
}

variable "noncurrent_newest" {
  description = "How many overwritten versions are kept beyond these days; null for none."
  type        = number
  default     = null
}

variable "expire_days" {
  description = "Days after which objects are removed. Only for logs: a table's files are needed however old they are."
  type        = number
  default     = null
}
