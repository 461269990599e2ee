output "key" {
  description = "The ARN of the key, by which the other account names it."
  value       = aws_kms_key.shared.arn
}

output "grant" {
  description = "The identifier of the grant."
  value       = aws_kms_grant.readers.grant_id
}
