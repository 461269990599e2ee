variable "endpoint" {
  description = "Where the server listens; KMS and STS are on the same port."
  type        = string
  default     = "http://127.0.0.1:4599"
}

variable "region" {
  description = "The region of the keys."
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

variable "grantee" {
  description = "Who may use the key."
  type        = string
  default     = "arn:aws:iam::111122223333:root"
}

variable "grant_name" {
  description = "By which a repeated request finds the grant."
  type        = string
  default     = "readers"
}

variable "purpose" {
  description = "What the encryption context of the other account must say."
  type        = string
  default     = "orders"
}
