output "key" {
  description = "The ARN of the key."
  value       = aws_kms_key.orders.arn
}

output "access_key_id" {
  description = "The access key of the application."
  value       = aws_iam_access_key.orders.id
}

output "secret_access_key" {
  description = "The secret that belongs to it."
  value       = aws_iam_access_key.orders.secret
  sensitive   = true
}

output "administrators" {
  description = "The role that manages the key."
  value       = aws_iam_role.administrators.arn
}

output "users" {
  description = "The role that uses the key."
  value       = aws_iam_role.users.arn
}

output "readers" {
  description = "The role that decrypts, by the grant."
  value       = aws_iam_role.readers.arn
}
