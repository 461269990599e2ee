terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

# One server serves every region: the region that a request is signed for selects it.
provider "aws" {
  region     = var.region
  access_key = var.access_key == "" ? null : var.access_key
  secret_key = var.secret_key == "" ? null : var.secret_key

  endpoints {
    kms = var.endpoint
    sts = var.endpoint
  }

  skip_metadata_api_check = true
}

provider "aws" {
  alias      = "replica"
  region     = var.replica_region
  access_key = var.access_key == "" ? null : var.access_key
  secret_key = var.secret_key == "" ? null : var.secret_key

  endpoints {
    kms = var.endpoint
    sts = var.endpoint
  }

  skip_metadata_api_check = true
}
