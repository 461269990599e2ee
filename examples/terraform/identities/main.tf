data "aws_caller_identity" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  root    = "arn:aws:iam::${local.account}:root"
  roles   = "arn:aws:iam::${local.account}:role/keys/*"

  # Whoever in the account has the permission to assume a role that trusts like this may do so.
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = local.root }
      Action    = "sts:AssumeRole"
    }]
  })
}

# An application, with an access key, that can do next to nothing by itself: it assumes roles.
resource "aws_iam_user" "orders" {
  name                 = "orders"
  path                 = var.path
  permissions_boundary = aws_iam_policy.boundary.arn
  tags                 = { Team = var.team }
}

resource "aws_iam_access_key" "orders" {
  user = aws_iam_user.orders.name
}

resource "aws_iam_user_policy" "orders" {
  name = "random-numbers"
  user = aws_iam_user.orders.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "kms:GenerateRandom", Resource = "*" }]
  })
}

resource "aws_iam_group" "applications" {
  name = "applications"
  path = var.path
}

resource "aws_iam_user_group_membership" "orders" {
  user   = aws_iam_user.orders.name
  groups = [aws_iam_group.applications.name]
}

resource "aws_iam_group_policy" "applications" {
  name  = "assume-roles"
  group = aws_iam_group.applications.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Resource = local.roles }]
  })
}

# Whatever else its policies say one day, an application never manages identities or keys.
resource "aws_iam_policy" "boundary" {
  name        = "applications-boundary"
  path        = "/boundaries/"
  description = "The most that an application may be permitted"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["kms:List*", "kms:GenerateRandom"], Resource = "*" },
      { Effect = "Allow", Action = "sts:AssumeRole", Resource = local.roles },
    ]
  })
}

resource "aws_iam_policy" "listing" {
  name        = "list-keys"
  description = "See what there is"
  tags        = { Team = var.team }
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = var.listing, Resource = "*" }]
  })
}

resource "aws_iam_user_policy_attachment" "orders" {
  user       = aws_iam_user.orders.name
  policy_arn = aws_iam_policy.listing.arn
}

resource "aws_iam_group_policy_attachment" "applications" {
  group      = aws_iam_group.applications.name
  policy_arn = aws_iam_policy.listing.arn
}

resource "aws_iam_role_policy_attachment" "administrators" {
  role       = aws_iam_role.administrators.name
  policy_arn = aws_iam_policy.listing.arn
}

# Those who manage the key, those who use it, and those who only read: kept apart by the key's policy.
resource "aws_iam_role" "administrators" {
  name                 = "key-administrators"
  path                 = "/keys/"
  description          = "Management of the key for orders"
  assume_role_policy   = local.trust
  max_session_duration = var.session_seconds
  tags                 = { Team = var.team }
}

resource "aws_iam_role" "users" {
  name                 = "key-users"
  path                 = "/keys/"
  description          = var.description
  assume_role_policy   = local.trust
  max_session_duration = var.session_seconds
  tags                 = { Team = var.team }
}

resource "aws_iam_role" "readers" {
  name               = "key-readers"
  path               = "/keys/"
  description        = var.description
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "administrators" {
  name = "new-keys"
  role = aws_iam_role.administrators.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["kms:CreateKey", "kms:TagResource"]
      Resource = "*"
    }]
  })
}

# The policy is the one that the AWS console writes.
resource "aws_kms_key" "orders" {
  description             = "Orders"
  deletion_window_in_days = 7
  tags                    = { Team = var.team }

  policy = jsonencode({
    Version = "2012-10-17"
    Id      = "key-consolepolicy-3"
    Statement = [
      {
        Sid       = "Enable IAM User Permissions"
        Effect    = "Allow"
        Principal = { AWS = local.root }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "Allow access for Key Administrators"
        Effect    = "Allow"
        Principal = { AWS = aws_iam_role.administrators.arn }
        Action = [
          "kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*", "kms:Revoke*",
          "kms:Disable*", "kms:Get*", "kms:Delete*", "kms:TagResource", "kms:UntagResource",
          "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion", "kms:RotateKeyOnDemand",
        ]
        Resource = "*"
      },
      {
        Sid       = "Allow use of the key"
        Effect    = "Allow"
        Principal = { AWS = aws_iam_role.users.arn }
        Action = [
          "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey",
        ]
        Resource = "*"
      },
      {
        Sid       = "Allow attachment of persistent resources"
        Effect    = "Allow"
        Principal = { AWS = aws_iam_role.users.arn }
        Action    = ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"]
        Resource  = "*"
        Condition = { Bool = { "kms:GrantIsForAWSResource" = "true" } }
      },
    ]
  })
}

# The readers are not in the key's policy: a grant gives them what they need.
resource "aws_kms_grant" "readers" {
  name              = "readers"
  key_id            = aws_kms_key.orders.key_id
  grantee_principal = aws_iam_role.readers.arn
  operations        = ["Decrypt", "DescribeKey"]
}
