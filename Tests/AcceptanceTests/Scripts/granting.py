"""What the scripts about grants share."""

from harness import FIRST, SECOND, members


def grant(world, key, operations, account=FIRST, **parameters):
    """A grant to the second account's root user, unless the parameters name somebody else."""
    made = world.kms(account).create_grant(
        KeyId=key if isinstance(key, str) else key["Arn"], Operations=operations,
        **{"GranteePrincipal": SECOND.root, **parameters},
    )  # fmt: skip
    members(made, "GrantId", "GrantToken")
    return made


def listed(kms, **parameters):
    """Every entry of ListGrants, whatever the pages."""
    pages = kms.get_paginator("list_grants").paginate(**parameters)
    return [entry for page in pages for entry in page["Grants"]]
