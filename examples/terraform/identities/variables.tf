variable "endpoint" {
  description = "Where the server listens; IAM, KMS and STS are on the same port."
  type        = string
  default     = "http://127.0.0.1:4599"
}

variable "region" {
  description = "The region of the key. Identities are the same in every region."
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

variable "path" {
  description = "Under which the applications are filed."
  type        = string
  default     = "/applications/"
}

variable "team" {
  description = "Who looks after all of this."
  type        = string
  default     = "payments"
}

variable "description" {
  description = "What the roles are for."
  type        = string
  default     = "Use of the key for orders"
}

variable "session_seconds" {
  description = "How long a session of a role lasts at most: 3600 to 43200."
  type        = number
  default     = 3600
}

variable "listing" {
  description = "What everybody may list."
  type        = list(string)
  default     = ["kms:ListKeys"]
}
