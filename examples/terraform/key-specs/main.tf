# A key of each kind that the provider knows: its spec says what material it has, its usage what it is for.
locals {
  keys = {
    orders    = { spec = "SYMMETRIC_DEFAULT", usage = "ENCRYPT_DECRYPT" }
    uploads   = { spec = "RSA_2048", usage = "ENCRYPT_DECRYPT" }
    releases  = { spec = "RSA_3072", usage = "SIGN_VERIFY" }
    archives  = { spec = "RSA_4096", usage = "SIGN_VERIFY" }
    tokens    = { spec = "ECC_NIST_P256", usage = "SIGN_VERIFY" }
    documents = { spec = "ECC_NIST_P384", usage = "SIGN_VERIFY" }
    receipts  = { spec = "ECC_NIST_P521", usage = "SIGN_VERIFY" }
    ledger    = { spec = "ECC_SECG_P256K1", usage = "SIGN_VERIFY" }
    sessions  = { spec = "ECC_NIST_P256", usage = "KEY_AGREEMENT" }
    messages  = { spec = "ECC_NIST_P384", usage = "KEY_AGREEMENT" }
    cookies   = { spec = "HMAC_224", usage = "GENERATE_VERIFY_MAC" }
    webhooks  = { spec = "HMAC_256", usage = "GENERATE_VERIFY_MAC" }
    links     = { spec = "HMAC_384", usage = "GENERATE_VERIFY_MAC" }
    reports   = { spec = "HMAC_512", usage = "GENERATE_VERIFY_MAC" }
  }
  pairs = { for name, key in local.keys : name => key if !can(regex("^(SYMMETRIC|HMAC)", key.spec)) }
}

resource "aws_kms_key" "this" {
  for_each = local.keys

  description              = "${var.description} ${each.key}"
  customer_master_key_spec = each.value.spec
  key_usage                = each.value.usage
  deletion_window_in_days  = 7
}

resource "aws_kms_alias" "this" {
  for_each = local.keys

  name          = "alias/${each.key}"
  target_key_id = aws_kms_key.this[each.key].key_id
}

# The public half, for whoever encrypts to the key or verifies what it signed.
data "aws_kms_public_key" "this" {
  for_each = local.pairs

  key_id = aws_kms_key.this[each.key].arn
}
