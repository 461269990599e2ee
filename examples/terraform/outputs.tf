output "key_id" {
  description = "The key's identifier within its account and region."
  value       = aws_kms_key.demo.key_id
}

output "key_arn" {
  description = "The key's full name."
  value       = aws_kms_key.demo.arn
}

output "alias" {
  description = "The name that programs use instead of the identifier."
  value       = aws_kms_alias.demo.name
}

output "account" {
  description = "The account that the access key belongs to."
  value       = data.aws_caller_identity.current.account_id
}
