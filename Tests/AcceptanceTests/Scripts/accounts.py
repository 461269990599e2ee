"""Regions and accounts are walls; a key policy is the only door between accounts."""

import re

from harness import (
    FIRST, OTHER_REGION, REGION, SECOND, alias_arn, allow, equal, key_arn, members, policy, refused, run,
    scenario,
)  # fmt: skip



def listed(kms):
    return {key["KeyArn"] for page in kms.get_paginator("list_keys").paginate() for key in page["Keys"]}


@scenario
def each_account_and_region_lists_its_own_keys(world):
    places = [(account, region) for account in (FIRST, SECOND) for region in (REGION, OTHER_REGION)]
    made = {place: world.key(*place)["Arn"] for place in places}
    for place in places:
        equal(made[place].split(":")[3:5], [place[1], place[0].number])
        seen = listed(world.kms(*place))
        equal(seen & set(made.values()), {made[place]})


@scenario
def another_account_may_do_what_the_key_policy_grants_and_no_more(world):
    ours, theirs = world.kms(), world.kms(SECOND)
    key = world.key(Policy=policy(allow(FIRST.root), allow(SECOND.root, "kms:Encrypt")))
    ours.create_alias(AliasName="alias/shared", TargetKeyId=key["KeyId"])
    arn = key["Arn"]
    encrypted = theirs.encrypt(KeyId=arn, Plaintext=b"for you")
    equal(encrypted["KeyId"], arn)
    equal(theirs.encrypt(KeyId=alias_arn("alias/shared"), Plaintext=b"x")["KeyId"], arn)
    blob = encrypted["CiphertextBlob"]
    equal(ours.decrypt(CiphertextBlob=blob)["Plaintext"], b"for you")
    refusals = {
        "Decrypt": lambda: theirs.decrypt(KeyId=arn, CiphertextBlob=blob),
        "GenerateDataKey": lambda: theirs.generate_data_key(KeyId=arn, KeySpec="AES_256"),
        "DescribeKey": lambda: theirs.describe_key(KeyId=arn),
        "GetKeyRotationStatus": lambda: theirs.get_key_rotation_status(KeyId=arn),
        "GetKeyPolicy": lambda: theirs.get_key_policy(KeyId=arn),
        "DisableKey": lambda: theirs.disable_key(KeyId=arn),
    }
    for action, attempt in refusals.items():
        text = f"User: {SECOND.root} is not authorized to perform: kms:{action} on this resource because "
        with refused("AccessDeniedException", re.compile(re.escape(text) + ".+")):
            attempt()
    with refused("AccessDeniedException"):
        theirs.decrypt(CiphertextBlob=blob)
    with refused("NotFoundException", f"Key '{key_arn(key['KeyId'], SECOND)}' does not exist"):
        theirs.encrypt(KeyId=key["KeyId"], Plaintext=b"x")


@scenario
def administration_never_crosses_accounts(world):
    theirs = world.kms(SECOND)
    key = world.key(Policy=policy(allow([FIRST.root, SECOND.root])))
    arn = key["Arn"]
    blob = theirs.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    equal(theirs.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
    equal(theirs.describe_key(KeyId=arn)["KeyMetadata"]["AWSAccountId"], FIRST.number)
    equal(theirs.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"], False)
    members(theirs.generate_data_key_without_plaintext(KeyId=arn, KeySpec="AES_256"), "CiphertextBlob", "KeyId",
            "KeyMaterialId")  # fmt: skip
    equal(theirs.re_encrypt(CiphertextBlob=blob, DestinationKeyId=arn)["KeyId"], arn)
    attempts = [
        lambda: theirs.update_key_description(KeyId=arn, Description="ours now"),
        lambda: theirs.enable_key(KeyId=arn),
        lambda: theirs.disable_key(KeyId=arn),
        lambda: theirs.schedule_key_deletion(KeyId=arn),
        lambda: theirs.cancel_key_deletion(KeyId=arn),
        lambda: theirs.tag_resource(KeyId=arn, Tags=[{"TagKey": "a", "TagValue": "b"}]),
        lambda: theirs.untag_resource(KeyId=arn, TagKeys=["a"]),
        lambda: theirs.list_resource_tags(KeyId=arn),
        lambda: theirs.get_key_policy(KeyId=arn),
        lambda: theirs.put_key_policy(KeyId=arn, Policy=policy(allow(SECOND.root))),
        lambda: theirs.list_key_policies(KeyId=arn),
        lambda: theirs.enable_key_rotation(KeyId=arn),
        lambda: theirs.disable_key_rotation(KeyId=arn),
        lambda: theirs.list_aliases(KeyId=arn),
    ]
    for attempt in attempts:
        with refused("AccessDeniedException"):
            attempt()
    equal(world.kms().describe_key(KeyId=arn)["KeyMetadata"], key)


@scenario
def each_side_of_a_re_encryption_is_authorized(world):
    ours, theirs = world.kms(), world.kms(SECOND)
    source = world.key(Policy=policy(allow(FIRST.root), allow(SECOND.root, "kms:ReEncryptFrom")))
    closed = world.key()
    target = world.key(account=SECOND)
    blob = ours.encrypt(KeyId=source["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    moved = theirs.re_encrypt(CiphertextBlob=blob, DestinationKeyId=target["KeyId"])
    equal((moved["SourceKeyId"], moved["KeyId"]), (source["Arn"], target["Arn"]))
    with refused("AccessDeniedException"):
        theirs.re_encrypt(CiphertextBlob=blob, DestinationKeyId=source["Arn"])
    secret = ours.encrypt(KeyId=closed["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    with refused("AccessDeniedException"):
        theirs.re_encrypt(CiphertextBlob=secret, DestinationKeyId=target["KeyId"])


if __name__ == "__main__":
    run()
