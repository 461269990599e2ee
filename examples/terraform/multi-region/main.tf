# A key with a replica: what one region encrypts, the other decrypts.
resource "aws_kms_key" "primary" {
  description             = "Primary of a multi-Region key"
  multi_region            = true
  deletion_window_in_days = 7
  enable_key_rotation     = true
  rotation_period_in_days = var.rotation_period_in_days
  tags                    = var.tags
}

resource "aws_kms_replica_key" "replica" {
  provider                = aws.replica
  primary_key_arn         = aws_kms_key.primary.arn
  description             = var.replica_description
  deletion_window_in_days = 7
  tags                    = var.tags
}

resource "aws_kms_alias" "primary" {
  name          = "alias/shared"
  target_key_id = aws_kms_key.primary.key_id
}

resource "aws_kms_alias" "replica" {
  provider      = aws.replica
  name          = "alias/shared"
  target_key_id = aws_kms_replica_key.replica.key_id
}

# Material of one's own, brought to both regions. The provider switches such a key off unless it is told not to.
resource "aws_kms_external_key" "brought" {
  description             = "Material that was made elsewhere"
  multi_region            = true
  deletion_window_in_days = 7
  key_material_base64     = var.key_material_base64
  enabled                 = true
  tags                    = var.tags
}

resource "aws_kms_replica_external_key" "brought" {
  provider                = aws.replica
  primary_key_arn         = aws_kms_external_key.brought.arn
  deletion_window_in_days = 7
  key_material_base64     = var.key_material_base64
  enabled                 = true
}

# Material that ends by itself.
resource "aws_kms_external_key" "lent" {
  description             = "Material that is lent"
  deletion_window_in_days = 7
  key_material_base64     = var.key_material_base64
  enabled                 = true
  valid_to                = var.valid_to
}
