data "aws_caller_identity" "this" {}

locals {
  owner = "arn:aws:iam::${data.aws_caller_identity.this.account_id}:root"
}

resource "aws_kms_key" "shared" {
  description             = "Shared with the account that reads the orders"
  deletion_window_in_days = 7
}

# The grantee needs no statement in the key's policy, and loses all of this when the grant is gone.
resource "aws_kms_grant" "readers" {
  name               = var.grant_name
  key_id             = aws_kms_key.shared.key_id
  grantee_principal  = var.grantee
  retiring_principal = local.owner
  operations         = ["Decrypt", "GenerateDataKey", "DescribeKey"]

  constraints {
    encryption_context_subset = { purpose = var.purpose }
  }
}
