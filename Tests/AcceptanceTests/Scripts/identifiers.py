"""The four forms of a key identifier, and what is none of them."""

import botocore.exceptions

from harness import (
    FIRST, OTHER_REGION, REGION, SECOND, alias_arn, allow, equal, holds, key_arn, policy, refused, run, scenario,
)  # fmt: skip

# What takes a key id or ARN only.
KEYS_ONLY = {
    "update_key_description": {"Description": ""},
    "enable_key": {},
    "disable_key": {},
    "schedule_key_deletion": {},
    "cancel_key_deletion": {},
    "tag_resource": {"Tags": [{"TagKey": "a", "TagValue": "b"}]},
    "untag_resource": {"TagKeys": ["a"]},
    "list_resource_tags": {},
    "get_key_policy": {},
    "put_key_policy": {"Policy": policy(allow(FIRST.root))},
    "list_key_policies": {},
    "enable_key_rotation": {},
    "disable_key_rotation": {},
    "get_key_rotation_status": {},
}
# What takes aliases too.
ANY_FORM = {
    "describe_key": {},
    "encrypt": {"Plaintext": b"x"},
    "generate_data_key": {"KeySpec": "AES_256"},
    "generate_data_key_without_plaintext": {"KeySpec": "AES_256"},
}


def forms(key, alias):
    return [key["KeyId"], key["Arn"], alias, alias_arn(alias)]


@scenario
def every_form_reaches_the_key(world):
    kms, key = world.kms(), world.key()
    kms.create_alias(AliasName="alias/forms", TargetKeyId=key["KeyId"])
    for identifier in forms(key, "alias/forms"):
        equal(kms.describe_key(KeyId=identifier)["KeyMetadata"]["KeyId"], key["KeyId"])
        encrypted = kms.encrypt(KeyId=identifier, Plaintext=b"x")
        equal(encrypted["KeyId"], key["Arn"])
        blob = encrypted["CiphertextBlob"]
        equal(kms.decrypt(KeyId=identifier, CiphertextBlob=blob)["KeyId"], key["Arn"])
        equal(kms.generate_data_key(KeyId=identifier, NumberOfBytes=8)["KeyId"], key["Arn"])
        equal(kms.generate_data_key_without_plaintext(KeyId=identifier, NumberOfBytes=8)["KeyId"], key["Arn"])
        moved = kms.re_encrypt(CiphertextBlob=blob, SourceKeyId=identifier, DestinationKeyId=identifier)
        equal((moved["SourceKeyId"], moved["KeyId"]), (key["Arn"], key["Arn"]))


@scenario
def administration_takes_no_alias(world):
    kms, key = world.kms(), world.key()
    kms.create_alias(AliasName="alias/administration", TargetKeyId=key["KeyId"])
    for name, parameters in KEYS_ONLY.items():
        for identifier in ("alias/administration", alias_arn("alias/administration")):
            with refused("InvalidArnException", "Key Aliases are not supported for this operation."):
                getattr(kms, name)(KeyId=identifier, **parameters)
    equal(kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"], key)


@scenario
def what_is_no_key_id_is_not_found(world):
    kms = world.kms()
    texts = [
        "nonsense",
        "1234abcd12ab34cd56ef1234567890ab",
        "mrk-123",
        "mrk-1234abcd12ab34cd56ef1234567890aZ",
        "1234abcd-12ab-34cd-56ef-1234567890a",
        "1234abcd-12ab-34cd-56ef-1234567890abc",
        " 1234abcd-12ab-34cd-56ef-1234567890ab",
        "key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "1234abcd-12ab-34cd-56ef-1234567890a\u00e4",
    ]
    for name, parameters in {**KEYS_ONLY, **ANY_FORM}.items():
        for text in texts if name == "describe_key" else texts[:3]:
            with refused("NotFoundException", f"Invalid keyId '{text}'"):
                getattr(kms, name)(KeyId=text, **parameters)
    with refused("NotFoundException"):
        kms.describe_key(KeyId="1234ABCD-12AB-34CD-56EF-1234567890AB")
    text = f"Key '{key_arn('mrk-1234abcd12ab34cd56ef1234567890ab')}' does not exist"
    with refused("NotFoundException", text):
        kms.describe_key(KeyId="mrk-1234abcd12ab34cd56ef1234567890ab")


@scenario
def an_arn_of_another_region_is_not_found(world):
    kms, key = world.kms(), world.key()
    for name, parameters in {**KEYS_ONLY, **ANY_FORM}.items():
        with refused("NotFoundException", f"Invalid arn {OTHER_REGION}"):
            getattr(kms, name)(KeyId=key_arn(key["KeyId"], region=OTHER_REGION), **parameters)
    there = world.kms(region=OTHER_REGION)
    with refused("NotFoundException", f"Invalid arn {REGION}"):
        there.describe_key(KeyId=key["Arn"])


@scenario
def malformed_arns_are_refused(world):
    kms, key = world.kms(), world.key()
    texts = [
        "arn:",
        "arn:aws:kms",
        "arn:aws:kms:us-east-1:000000000000",
        f"arn:aws:kms:us-east-1:000000000000:{key['KeyId']}",
        f"arn:aws:s3:us-east-1:000000000000:key/{key['KeyId']}",
        f"arn:aws:kms:us-east-1:0000:key/{key['KeyId']}",
    ]
    for text in texts:
        with refused("InvalidArnException"):
            kms.describe_key(KeyId=text)
        # Encrypt does not declare InvalidArnException.
        try:
            kms.encrypt(KeyId=text, Plaintext=b"x")
        except botocore.exceptions.ClientError as error:
            holds(
                error.response["Error"]["Code"] in ("NotFoundException", "InvalidArnException"), f"{text}: {error}"
            )
        else:
            raise AssertionError(f"{text!r} is no key")


@scenario
def keys_of_other_accounts_look_the_same_whether_they_exist_or_not(world):
    kms, theirs = world.kms(), world.key(account=SECOND)
    answers = set()
    for identifier in (theirs["Arn"], key_arn("1234abcd-12ab-34cd-56ef-1234567890ab", account=SECOND)):
        for name, parameters in {**KEYS_ONLY, **ANY_FORM}.items():
            with refused("AccessDeniedException"):
                getattr(kms, name)(KeyId=identifier, **parameters)
        try:
            kms.describe_key(KeyId=identifier)
        except botocore.exceptions.ClientError as error:
            answers.add(error.response["Error"]["Message"])
    equal(len(answers), 1, f"different answers {answers}")
    equal(
        answers.pop(),
        f"User: {FIRST.root} is not authorized to perform: kms:DescribeKey on this resource because the resource does "
        "not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly "
        "denies access",
    )
    # A bare id is always one of the caller's own account.
    with refused("NotFoundException", f"Key '{key_arn(theirs['KeyId'])}' does not exist"):
        kms.describe_key(KeyId=theirs["KeyId"])


if __name__ == "__main__":
    run()
