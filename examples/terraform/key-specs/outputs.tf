output "key_ids" {
  description = "The identifier of each key."
  value       = { for name, key in aws_kms_key.this : name => key.key_id }
}

output "public_keys" {
  description = "The public half of each key pair, in PEM."
  value       = { for name, key in data.aws_kms_public_key.this : name => key.public_key_pem }
}

output "tokens" {
  description = "The identifier of the key that signs tokens."
  value       = aws_kms_key.this["tokens"].key_id
}

output "tokens_public_key" {
  description = "Its public half, in PEM."
  value       = data.aws_kms_public_key.this["tokens"].public_key_pem
}
