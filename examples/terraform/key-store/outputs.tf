# It has to be connected before keys can be made in it: aws kms connect-custom-key-store --custom-key-store-id ...
output "id" {
  value = aws_kms_custom_key_store.hsm.id
}
