# A custom key store: keys that are made in an HSM and never leave it. The operator names the HSM's token by --hsm-clusters
# (docs/key-stores.md).

resource "aws_kms_custom_key_store" "hsm" {
  custom_key_store_name    = var.name
  cloud_hsm_cluster_id     = var.cluster_id
  key_store_password       = var.password
  trust_anchor_certificate = var.trust_anchor_certificate
}
