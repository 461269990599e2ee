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

variable "name" {
  description = "What the key store is called, once in an account and region."
  type        = string
  default     = "hsm"
}

variable "cluster_id" {
  description = "The token, as the operator named it."
  type        = string
}

variable "password" {
  description = "The PIN of the token's user."
  type        = string
  sensitive   = true
}

variable "trust_anchor_certificate" {
  description = "A certificate in PEM; of a token it is only kept."
  type        = string
}
