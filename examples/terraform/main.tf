data "aws_caller_identity" "current" {}

resource "aws_kms_key" "demo" {
  description             = var.description
  deletion_window_in_days = var.deletion_window_in_days
  enable_key_rotation     = var.enable_key_rotation
  is_enabled              = var.is_enabled
  tags                    = var.tags

  # Without a statement that names the account's root, nobody could ever use or manage the key.
  policy = jsonencode({
    Version = "2012-10-17"
    Id      = "key-policy"
    Statement = [
      {
        Sid       = var.administrator_statement
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.current.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
    ]
  })
}

resource "aws_kms_alias" "demo" {
  name          = "alias/mydemotestkey"
  target_key_id = aws_kms_key.demo.key_id
}
