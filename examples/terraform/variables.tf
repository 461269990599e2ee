variable "endpoint" {
  description = "Where the server listens; KMS and STS are on the same port."
  type        = string
  default     = "http://127.0.0.1:4599"
}

variable "region" {
  description = "The region that the key lives in. Regions are walls: a key is in one of them only."
  type        = string
  default     = "us-east-1"
}

# The defaults are those of `chatelaine dev`. Elsewhere set both to "", and AWS_ACCESS_KEY_ID and
# AWS_SECRET_ACCESS_KEY to what `chatelaine serve` printed when it first started.
variable "access_key" {
  description = "The access key id of the account's root user, or \"\" to take it from the environment."
  type        = string
  default     = "AKIAIOSFODNN7EXAMPLE"
}

variable "secret_key" {
  description = "The secret that belongs to the access key id, or \"\" to take it from the environment."
  type        = string
  default     = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
  sensitive   = true
}

variable "description" {
  description = "What the key is for."
  type        = string
  default     = "My demo test key"
}

variable "deletion_window_in_days" {
  description = "How long a destroyed key can still be saved: 7 to 30 days."
  type        = number
  default     = 7
}

variable "enable_key_rotation" {
  description = "Whether the key gets new material every year."
  type        = bool
  default     = true
}

variable "is_enabled" {
  description = "Whether the key can be used."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Names and values that are attached to the key."
  type        = map(string)
  default = {
    Name        = "mydemotestkey"
    Environment = "test"
  }
}

variable "administrator_statement" {
  description = "The name of the policy's only statement."
  type        = string
  default     = "Enable IAM User Permissions"
}
