"""CreateKey, DescribeKey, UpdateKeyDescription, EnableKey, DisableKey, ScheduleKeyDeletion, CancelKeyDeletion."""

import datetime
import re
import uuid

from harness import (
    FIRST, OTHER_REGION, allow, equal, holds, key_arn, members, policy, refused, run, scenario, shape_error,
)  # fmt: skip

UNKNOWN = "1234abcd-12ab-34cd-56ef-1234567890ab"
ALWAYS = (
    "AWSAccountId", "KeyId", "Arn", "CreationDate", "Enabled", "Description", "KeyUsage", "KeyState", "Origin",
    "KeyManager", "CustomerMasterKeySpec", "KeySpec", "EncryptionAlgorithms", "MultiRegion", "CurrentKeyMaterialId",
)  # fmt: skip


def count_keys(kms):
    return sum(len(page["Keys"]) for page in kms.get_paginator("list_keys").paginate())


@scenario
def a_key_made_of_nothing_has_the_documented_metadata(world):
    answer = world.kms().create_key()
    members(answer, "KeyMetadata")
    key = answer["KeyMetadata"]
    members(key, *ALWAYS)
    equal(uuid.UUID(key["KeyId"]).version, 4)
    equal(key["KeyId"], key["KeyId"].lower())
    equal(key["Arn"], key_arn(key["KeyId"]))
    equal(key["AWSAccountId"], FIRST.number)
    equal((key["Enabled"], key["KeyState"], key["Description"]), (True, "Enabled", ""))
    equal((key["KeySpec"], key["CustomerMasterKeySpec"]), ("SYMMETRIC_DEFAULT", "SYMMETRIC_DEFAULT"))
    equal((key["KeyUsage"], key["EncryptionAlgorithms"]), ("ENCRYPT_DECRYPT", ["SYMMETRIC_DEFAULT"]))
    equal((key["Origin"], key["KeyManager"], key["MultiRegion"]), ("AWS_KMS", "CUSTOMER", False))
    holds(re.fullmatch("[0-9a-f]{64}", key["CurrentKeyMaterialId"]), "a key material id is 64 lower-case hex digits")
    age = datetime.datetime.now(datetime.timezone.utc) - key["CreationDate"]
    holds(abs(age.total_seconds()) < 60, f"CreationDate {key['CreationDate']} is not now")
    described = world.kms().describe_key(KeyId=key["KeyId"])
    members(described, "KeyMetadata")
    equal(described["KeyMetadata"], key)


@scenario
def a_key_made_with_everything_keeps_it(world):
    kms = world.kms()
    key = world.key(
        Description="Schlüssel \u00e9 \"quoted\" \\ \n", KeyUsage="ENCRYPT_DECRYPT", KeySpec="SYMMETRIC_DEFAULT",
        Origin="AWS_KMS", MultiRegion=False, BypassPolicyLockoutSafetyCheck=False,
        Tags=[{"TagKey": "b", "TagValue": "2"}, {"TagKey": "a", "TagValue": ""}],
    )  # fmt: skip
    equal(key["Description"], "Schlüssel \u00e9 \"quoted\" \\ \n")
    equal(
        kms.list_resource_tags(KeyId=key["KeyId"])["Tags"],
        [{"TagKey": "b", "TagValue": "2"}, {"TagKey": "a", "TagValue": ""}],
    )
    old = world.key(CustomerMasterKeySpec="SYMMETRIC_DEFAULT", KeyUsage="ENCRYPT_DECRYPT")
    equal(old["KeySpec"], "SYMMETRIC_DEFAULT")


@scenario
def impossible_keys_are_refused_and_none_is_made(world):
    kms = world.kms()
    before = count_keys(kms)
    with refused(
        "ValidationException",
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
    ):
        kms.create_key(KeySpec="RSA_2048")
    with refused("ValidationException", "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT"):
        kms.create_key(KeyUsage="SIGN_VERIFY")
    with refused("ValidationException", "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048"):
        kms.create_key(KeySpec="RSA_2048", KeyUsage="KEY_AGREEMENT")
    with refused(
        "ValidationException",
        "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
        "CustomerMasterKeySpec is deprecated.",
    ):
        kms.create_key(KeySpec="SYMMETRIC_DEFAULT", CustomerMasterKeySpec="SYMMETRIC_DEFAULT")
    with refused("ValidationException"):
        kms.create_key(CustomKeyStoreId="cks-1234567890abcdef0")
    with refused("ValidationException"):
        kms.create_key(XksKeyId="key")
    with refused("TagException", "Duplicate tag keys"):
        kms.create_key(Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}])
    with refused("MalformedPolicyDocumentException"):
        kms.create_key(Policy="{")
    equal(count_keys(kms), before, "number of keys")


@scenario
def a_description_is_changed_and_cleared(world):
    kms, key = world.kms(), world.key(Description="one")
    for text in ("two", "", "x" * 8192):
        answer = kms.update_key_description(KeyId=key["Arn"], Description=text)
        members(answer)
        equal(kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["Description"], text)
    with refused(
        "ValidationException",
        shape_error("Value null at 'description' failed to satisfy constraint: Member must not be null"),
    ):
        kms.update_key_description(KeyId=key["KeyId"])


@scenario
def keys_are_disabled_and_enabled_as_often_as_wanted(world):
    kms, key = world.kms(), world.key()
    for _ in range(2):
        members(kms.disable_key(KeyId=key["KeyId"]))
        now = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        equal((now["Enabled"], now["KeyState"]), (False, "Disabled"))
    for _ in range(2):
        members(kms.enable_key(KeyId=key["KeyId"]))
        equal(kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"], key)


@scenario
def a_disabled_key_does_no_cryptography(world):
    kms, key, other = world.kms(), world.key(), world.key()
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    foreign = kms.encrypt(KeyId=other["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=key["KeyId"])
    arn = key["Arn"]
    attempts = [
        lambda: kms.encrypt(KeyId=arn, Plaintext=b"x"),
        lambda: kms.encrypt(KeyId=arn, Plaintext=b"x", DryRun=True),
        lambda: kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_1"),
        lambda: kms.decrypt(CiphertextBlob=blob),
        lambda: kms.decrypt(CiphertextBlob=blob, KeyId=arn),
        lambda: kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other["KeyId"]),
        lambda: kms.re_encrypt(CiphertextBlob=foreign, DestinationKeyId=arn),
        lambda: kms.generate_data_key(KeyId=arn, KeySpec="AES_256"),
        lambda: kms.generate_data_key_without_plaintext(KeyId=arn, KeySpec="AES_256"),
        lambda: kms.enable_key_rotation(KeyId=arn),
        lambda: kms.disable_key_rotation(KeyId=arn),
    ]
    for attempt in attempts:
        with refused("DisabledException", f"{arn} is disabled."):
            attempt()
    # What is allowed in this state.
    kms.put_key_policy(KeyId=arn, Policy=kms.get_key_policy(KeyId=arn)["Policy"])
    kms.tag_resource(KeyId=arn, Tags=[{"TagKey": "a", "TagValue": "1"}])
    kms.untag_resource(KeyId=arn, TagKeys=["a"])
    kms.update_key_description(KeyId=arn, Description="asleep")
    kms.create_alias(AliasName="alias/disabled-target", TargetKeyId=arn)
    kms.delete_alias(AliasName="alias/disabled-target")
    equal(kms.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"], False)
    kms.enable_key(KeyId=arn)
    equal(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")


@scenario
def deletion_is_scheduled_for_seven_to_thirty_days(world):
    kms = world.kms()
    for given, days in ((None, 30), (7, 7), (30, 30)):
        key = world.key()
        now = datetime.datetime.now(datetime.timezone.utc)
        window = {} if given is None else {"PendingWindowInDays": given}
        answer = kms.schedule_key_deletion(KeyId=key["KeyId"], **window)
        members(answer, "KeyId", "DeletionDate", "KeyState", "PendingWindowInDays")
        equal((answer["KeyId"], answer["KeyState"]), (key["Arn"], "PendingDeletion"))
        equal(answer["PendingWindowInDays"], days)
        off = answer["DeletionDate"] - now - datetime.timedelta(days=days)
        holds(abs(off.total_seconds()) < 60, f"DeletionDate is off by {off}")
        metadata = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        members(metadata, *ALWAYS, "DeletionDate")
        equal((metadata["Enabled"], metadata["KeyState"]), (False, "PendingDeletion"))
        equal(metadata["DeletionDate"], answer["DeletionDate"])
    key = world.key()
    for days in (1, 6, 31, 365):
        with refused("ValidationException"):
            kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=days)
    for days, bound in ((0, "greater than or equal to 1"), (366, "less than or equal to 365")):
        text = f"Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value {bound}"
        with refused("ValidationException", shape_error(text)):
            kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=days)
    equal(kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"], "Enabled")


@scenario
def a_key_that_waits_for_deletion_is_only_read(world):
    kms, key, other = world.kms(), world.key(), world.key()
    arn = key["Arn"]
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    foreign = kms.encrypt(KeyId=other["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.create_alias(AliasName="alias/going", TargetKeyId=arn)
    kms.create_alias(AliasName="alias/staying", TargetKeyId=other["KeyId"])
    kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    attempts = [
        lambda: kms.encrypt(KeyId="alias/going", Plaintext=b"x"),
        lambda: kms.decrypt(CiphertextBlob=blob),
        lambda: kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other["KeyId"]),
        lambda: kms.re_encrypt(CiphertextBlob=foreign, DestinationKeyId=arn),
        lambda: kms.generate_data_key(KeyId=arn, NumberOfBytes=16),
        lambda: kms.generate_data_key_without_plaintext(KeyId=arn, NumberOfBytes=16),
        lambda: kms.create_alias(AliasName="alias/never", TargetKeyId=arn),
        lambda: kms.update_alias(AliasName="alias/staying", TargetKeyId=arn),
        lambda: kms.disable_key(KeyId=arn),
        lambda: kms.enable_key(KeyId=arn),
        lambda: kms.enable_key_rotation(KeyId=arn),
        lambda: kms.disable_key_rotation(KeyId=arn),
        lambda: kms.schedule_key_deletion(KeyId=arn),
        lambda: kms.tag_resource(KeyId=arn, Tags=[{"TagKey": "a", "TagValue": "1"}]),
        lambda: kms.untag_resource(KeyId=arn, TagKeys=["a"]),
        lambda: kms.update_key_description(KeyId=arn, Description="no"),
    ]
    for attempt in attempts:
        with refused("KMSInvalidStateException", f"{arn} is pending deletion."):
            attempt()
    text = kms.get_key_policy(KeyId=arn)["Policy"]
    kms.put_key_policy(KeyId=arn, Policy=text)
    equal(kms.list_key_policies(KeyId=arn)["PolicyNames"], ["default"])
    equal(kms.list_resource_tags(KeyId=arn)["Tags"], [])
    equal([entry["AliasName"] for entry in kms.list_aliases(KeyId=arn)["Aliases"]], ["alias/going"])
    equal(kms.describe_key(KeyId="alias/going")["KeyMetadata"]["KeyState"], "PendingDeletion")
    # An alias may leave a key that is going, though not join it.
    kms.update_alias(AliasName="alias/going", TargetKeyId=other["KeyId"])
    kms.delete_alias(AliasName="alias/going")
    kms.delete_alias(AliasName="alias/staying")


@scenario
def a_cancelled_deletion_leaves_the_key_disabled(world):
    kms, key = world.kms(), world.key()
    arn = key["Arn"]
    with refused("KMSInvalidStateException", f"{arn} is not pending deletion."):
        kms.cancel_key_deletion(KeyId=arn)
    blob = kms.encrypt(KeyId=arn, Plaintext=b"kept")["CiphertextBlob"]
    kms.schedule_key_deletion(KeyId=arn)
    answer = kms.cancel_key_deletion(KeyId=key["KeyId"])
    members(answer, "KeyId")
    equal(answer["KeyId"], arn)
    metadata = kms.describe_key(KeyId=arn)["KeyMetadata"]
    members(metadata, *ALWAYS)
    equal((metadata["Enabled"], metadata["KeyState"]), (False, "Disabled"))
    with refused("KMSInvalidStateException", f"{arn} is not pending deletion."):
        kms.cancel_key_deletion(KeyId=arn)
    kms.enable_key(KeyId=arn)
    equal(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"kept")


@scenario
def an_unknown_key_is_not_found_by_any_operation(world):
    kms = world.kms()
    text = f"Key '{key_arn(UNKNOWN)}' does not exist"
    for name, parameters in EVERY_OPERATION_ON_A_KEY.items():
        for identifier in (UNKNOWN, key_arn(UNKNOWN)):
            with refused("NotFoundException", text):
                getattr(kms, name)(KeyId=identifier, **parameters)
    with refused("NotFoundException", text):
        kms.create_alias(AliasName="alias/x", TargetKeyId=UNKNOWN)
    with refused("NotFoundException", f"Key '{key_arn(UNKNOWN, region=OTHER_REGION)}' does not exist"):
        world.kms(region=OTHER_REGION).describe_key(KeyId=UNKNOWN)


EVERY_OPERATION_ON_A_KEY = {
    "describe_key": {},
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
    "encrypt": {"Plaintext": b"x"},
    "generate_data_key": {"KeySpec": "AES_256"},
    "generate_data_key_without_plaintext": {"KeySpec": "AES_256"},
    "list_aliases": {},
}


if __name__ == "__main__":
    run()
