"""The console's wizard for keys, as a person goes through it, and which key with which policy came of it."""

import json

from harness import FIRST, REGION, allow, equal, holds

PATH = f"/console/{REGION}/create"
STEPS = ["Configure key", "Add labels", "Key administrators", "Key users", "Review"]
# "Policy the AWS console writes", as the KMS Developer Guide shows it.
ADMINISTER = [
    "kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*", "kms:Revoke*", "kms:Disable*",
    "kms:Get*", "kms:Delete*", "kms:TagResource", "kms:UntagResource", "kms:RotateKeyOnDemand",
]  # fmt: skip
DELETE = ["kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion"]
USE = {
    "ENCRYPT_DECRYPT": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
    "SIGN_VERIFY": ["kms:DescribeKey", "kms:GetPublicKey", "kms:Sign", "kms:Verify"],
    "GENERATE_VERIFY_MAC": ["kms:DescribeKey", "kms:GenerateMac", "kms:VerifyMac"],
}


def step(browser):
    return browser.element("//ol[@aria-label='Steps']/li[@aria-current='step']").text


def go(browser, way="next"):
    """Presses one of the buttons that send the form, and not the one that the Enter key stands for."""
    browser.leaves(browser.element(f"//button[@name='go'][@value='{way}'][not(@class='skip')]").click)
    return browser


def next_is(browser, name):
    go(browser)
    equal(step(browser), name)
    return browser


def pick(browser, *identifiers):
    """Picks choices whose labels are sentences."""
    for identifier in identifiers:
        browser.element(f"//input[@id='{identifier}']").click()
    return browser


def pick_spec(browser, type, usage, spec):
    """Picks what kind of key it is; `type`: symmetric or asymmetric."""
    pick(browser, f"type-{type}", f"usage-{type}-{usage}")
    browser.element(f"//select[@id='spec-{type}-{usage}']/option[.='{spec}']").click()
    return browser


def problem(browser, field):
    return browser.element(f"//*[@id='{field}-problem']").text


def hurry(browser):
    """From any step to the last."""
    while step(browser) != STEPS[-1]:
        go(browser)
    return browser


# What came of it


def keys(world):
    return {key["KeyId"] for key in world.kms().get_paginator("list_keys").paginate().search("Keys[]")}


def made(world, before):
    """The metadata of the one key that there was not before."""
    (key,) = keys(world) - before
    return world.kms().describe_key(KeyId=key)["KeyMetadata"]


def statements(world, key):
    document = json.loads(world.kms().get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    holds(document["Id"].startswith("key-consolepolicy-"), document["Id"])
    return document["Statement"]


def console_policy(usage, administrators=(), users=(), delete=True, more=()):
    """The statements that AWS's console writes."""

    def principals(arns):
        return arns[0] if len(arns) == 1 else list(arns)

    written = [{"Sid": "Enable IAM User Permissions", **allow(FIRST.root)}]
    if administrators:
        actions = sorted([*ADMINISTER, *(DELETE if delete else ()), *more])
        written.append({"Sid": "Allow access for Key Administrators", **allow(principals(administrators), actions)})
    if users:
        written.append({"Sid": "Allow use of the key", **allow(principals(users), sorted(USE[usage]))})
        written.append({
            "Sid": "Allow attachment of persistent resources",
            **allow(principals(users), ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"]),
            "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        })  # fmt: skip
    return written


def in_order(statements):
    """The order of actions says nothing."""
    return [{**one, "Action": sorted(one["Action"])} if isinstance(one["Action"], list) else one for one in statements]
