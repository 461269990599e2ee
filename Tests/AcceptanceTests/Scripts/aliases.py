"""CreateAlias, UpdateAlias, DeleteAlias, ListAliases."""

import time

from harness import (
    ABSENT, OTHER_REGION, SECOND, alias_arn, equal, holds, key_arn, members, refused, run, scenario, shape_error,
)  # fmt: skip

PREFIX = (
    'Alias must start with the prefix "alias/". Please see '
    "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
)


def entry(kms, name):
    found = [
        alias for page in kms.get_paginator("list_aliases").paginate() for alias in page["Aliases"]
        if alias["AliasName"] == name
    ]  # fmt: skip
    return found[0] if found else None


@scenario
def an_alias_points_to_its_key_and_then_to_another(world):
    kms, one, two = world.kms(), world.key(), world.key()
    members(kms.create_alias(AliasName="alias/a/b_c-D9", TargetKeyId=one["KeyId"]))
    created = entry(kms, "alias/a/b_c-D9")
    equal(sorted(created), ["AliasArn", "AliasName", "CreationDate", "LastUpdatedDate", "TargetKeyId"])
    equal(created["AliasArn"], alias_arn("alias/a/b_c-D9"))
    equal(created["TargetKeyId"], one["KeyId"])
    equal(created["CreationDate"], created["LastUpdatedDate"])
    time.sleep(0.05)
    members(kms.update_alias(AliasName="alias/a/b_c-D9", TargetKeyId=two["Arn"]))
    updated = entry(kms, "alias/a/b_c-D9")
    equal(updated["TargetKeyId"], two["KeyId"])
    equal(updated["CreationDate"], created["CreationDate"])
    holds(updated["LastUpdatedDate"] > created["LastUpdatedDate"], "LastUpdatedDate did not move")
    equal(kms.describe_key(KeyId="alias/a/b_c-D9")["KeyMetadata"]["KeyId"], two["KeyId"])
    members(kms.delete_alias(AliasName="alias/a/b_c-D9"))
    equal(entry(kms, "alias/a/b_c-D9"), None)


@scenario
def names_are_case_sensitive_and_as_long_as_256(world):
    kms, key = world.kms(), world.key()
    names = ["alias/case", "alias/Case", "alias/" + "n" * 250]
    for name in names:
        kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    listed = [alias["AliasName"] for alias in kms.list_aliases(KeyId=key["KeyId"])["Aliases"]]
    equal(sorted(listed), sorted(names))
    for name in names:
        kms.delete_alias(AliasName=name)


@scenario
def bad_names_are_refused(world):
    kms, key = world.kms(), world.key()
    writes = [
        lambda name: kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"]),
        lambda name: kms.update_alias(AliasName=name, TargetKeyId=key["KeyId"]),
    ]
    for write in writes + [lambda name: kms.delete_alias(AliasName=name)]:
        with refused("ValidationException", PREFIX):
            write("mydemotestkey")
        with refused("NotAuthorizedException", ABSENT):
            write("alias/aws/s3")
    for write in writes:
        with refused("ValidationException", "alias/a:b contains invalid characters for an alias"):
            write("alias/a:b")
        text = (
            "Value 'alias/a b' at 'aliasName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"
        )
        with refused("ValidationException", shape_error(text)):
            write("alias/a b")
    try:
        kms.create_alias(AliasName="alias/", TargetKeyId=key["KeyId"])
    except kms.exceptions.ClientError as error:
        holds(
            error.response["Error"]["Code"] in ("InvalidAliasNameException", "ValidationException"),
            f"alias/ alone: {error}",
        )
    else:
        raise AssertionError("alias/ alone is no name")


@scenario
def a_name_is_taken_only_once(world):
    kms, one, two = world.kms(), world.key(), world.key()
    kms.create_alias(AliasName="alias/taken", TargetKeyId=one["KeyId"])
    for target in (one, two):
        with refused("AlreadyExistsException", f"An alias with the name {alias_arn('alias/taken')} already exists"):
            kms.create_alias(AliasName="alias/taken", TargetKeyId=target["KeyId"])
    equal(entry(kms, "alias/taken")["TargetKeyId"], one["KeyId"])
    # Another region and another account have names of their own.
    there = world.key(region=OTHER_REGION)
    world.kms(region=OTHER_REGION).create_alias(AliasName="alias/taken", TargetKeyId=there["KeyId"])
    theirs = world.key(account=SECOND)
    world.kms(SECOND).create_alias(AliasName="alias/taken", TargetKeyId=theirs["KeyId"])
    equal(kms.describe_key(KeyId="alias/taken")["KeyMetadata"]["Arn"], one["Arn"])


@scenario
def targets_are_keys_of_this_account_and_region(world):
    kms, key = world.kms(), world.key()
    kms.create_alias(AliasName="alias/target", TargetKeyId=key["KeyId"])
    for target in ("alias/target", alias_arn("alias/target")):
        with refused("ValidationException", "Aliases must refer to keys. Not aliases"):
            kms.create_alias(AliasName="alias/second", TargetKeyId=target)
    there = world.key(region=OTHER_REGION)
    with refused("NotFoundException"):
        kms.create_alias(AliasName="alias/second", TargetKeyId=there["Arn"])
    with refused("NotFoundException", f"Key '{key_arn(there['KeyId'])}' does not exist"):
        kms.update_alias(AliasName="alias/target", TargetKeyId=there["KeyId"])


@scenario
def an_unknown_alias_is_not_found(world):
    kms, key = world.kms(), world.key()
    text = f"Alias {alias_arn('alias/none')} is not found."
    with refused("NotFoundException", text):
        kms.update_alias(AliasName="alias/none", TargetKeyId=key["KeyId"])
    with refused("NotFoundException", text):
        kms.delete_alias(AliasName="alias/none")
    with refused("NotFoundException", text):
        kms.describe_key(KeyId="alias/none")
    with refused("NotFoundException", text):
        kms.encrypt(KeyId=alias_arn("alias/none"), Plaintext=b"x")


@scenario
def a_key_has_fifty_aliases_at_most(world):
    kms, key, other = world.kms(), world.key(), world.key()
    for number in range(50):
        kms.create_alias(AliasName=f"alias/many/{number}", TargetKeyId=key["KeyId"])
    with refused("LimitExceededException"):
        kms.create_alias(AliasName="alias/many/50", TargetKeyId=key["KeyId"])
    kms.create_alias(AliasName="alias/elsewhere", TargetKeyId=other["KeyId"])
    with refused("LimitExceededException"):
        kms.update_alias(AliasName="alias/elsewhere", TargetKeyId=key["KeyId"])
    kms.delete_alias(AliasName="alias/many/0")
    kms.update_alias(AliasName="alias/elsewhere", TargetKeyId=key["KeyId"])


@scenario
def aliases_are_listed_by_key(world):
    kms, one, two = world.kms(), world.key(), world.key()
    kms.create_alias(AliasName="alias/by-key/one", TargetKeyId=one["KeyId"])
    kms.create_alias(AliasName="alias/by-key/two", TargetKeyId=two["KeyId"])
    for identifier in (one["KeyId"], one["Arn"]):
        answer = kms.list_aliases(KeyId=identifier)
        members(answer, "Aliases", "Truncated")
        equal([alias["AliasName"] for alias in answer["Aliases"]], ["alias/by-key/one"])
    with refused("InvalidArnException", "Key Aliases are not supported for this operation."):
        kms.list_aliases(KeyId="alias/by-key/one")


if __name__ == "__main__":
    run()
