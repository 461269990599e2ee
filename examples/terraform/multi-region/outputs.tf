output "shared" {
  description = "The identifier of the key with a replica, the same in both regions."
  value       = aws_kms_key.primary.key_id
}

output "brought" {
  description = "The identifier of the key whose material was brought to both regions."
  value       = aws_kms_external_key.brought.id
}
