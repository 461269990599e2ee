variable "endpoint" {
  description = "Where the server listens; KMS and STS are on the same port."
  type        = string
  default     = "http://127.0.0.1:4599"
}

variable "region" {
  description = "The region of the primary."
  type        = string
  default     = "us-east-1"
}

variable "replica_region" {
  description = "The region of the replicas."
  type        = string
  default     = "eu-central-1"
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

variable "key_material_base64" {
  description = "32 random bytes in base64: openssl rand -base64 32."
  type        = string
  sensitive   = true
}

variable "valid_to" {
  description = "When the material of the last key ends: at most 365 days from now, such as 2030-01-01T00:00:00Z."
  type        = string
}

variable "rotation_period_in_days" {
  description = "How often the primary, and with it the replica, gets new material: 90 to 2560 days."
  type        = number
  default     = 90
}

variable "replica_description" {
  description = "What the replica is for; its primary has a description of its own."
  type        = string
  default     = "Replica of a multi-Region key"
}

variable "tags" {
  description = "Names and values that are attached to the primaries and the replica."
  type        = map(string)
  default     = { Environment = "test" }
}
