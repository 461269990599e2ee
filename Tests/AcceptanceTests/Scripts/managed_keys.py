"""The keys of AWS services, behind alias/aws/…, and when a key was last used."""

import datetime
import json
import re

import boto3

from harness import (
    ABSENT, FIRST, OTHER_REGION, SECOND, advance, alias_arn, allow, equal, holds, key_arn, members, policy, refused,
    run, scenario, settled,
)  # fmt: skip
from server import Server

DAY = datetime.timedelta(days=1)


@scenario
def a_services_key_is_there_when_it_is_first_asked_for(world):
    kms = world.kms()
    (alias,) = [a for a in kms.list_aliases()["Aliases"] if a["AliasName"] == "alias/aws/sqs"]
    equal(alias, {"AliasName": "alias/aws/sqs", "AliasArn": alias_arn("alias/aws/sqs")}, "a name without a key")
    key = kms.describe_key(KeyId="alias/aws/sqs")["KeyMetadata"]
    equal((key["KeyManager"], key["KeyState"], key["KeySpec"]), ("AWS", "Enabled", "SYMMETRIC_DEFAULT"))
    equal(key["Description"], "Default key that protects my SQS messages when no other key is defined")
    (alias,) = [a for a in kms.list_aliases()["Aliases"] if a["AliasName"] == "alias/aws/sqs"]
    equal(alias["TargetKeyId"], key["KeyId"])
    equal(alias["CreationDate"], key["CreationDate"])
    for name in ("alias/aws/sqs", alias_arn("alias/aws/sqs"), key["KeyId"], key["Arn"]):
        equal(kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"], key["KeyId"], f"the key behind {name}")
    holds(key["KeyId"] in [k["KeyId"] for k in kms.list_keys(Limit=1000)["Keys"]], "it is listed")
    for where in (world.kms(SECOND), world.kms(region=OTHER_REGION)):
        other = where.describe_key(KeyId="alias/aws/sqs")["KeyMetadata"]
        holds(other["KeyId"] != key["KeyId"], "each account and region has its own")
    with refused("NotFoundException", f"Alias {alias_arn('alias/aws/nothing')} is not found."):
        kms.describe_key(KeyId="alias/aws/nothing")
    document = json.loads(kms.get_key_policy(KeyId=key["KeyId"])["Policy"])
    equal(document["Id"], "auto-sqs-1")
    text = (world.data / "audit").iterdir()
    holds(any(key["Arn"] in line and '"CreateKey"' in line for p in text for line in p.read_text().splitlines()),
          "its making is recorded")  # fmt: skip


@scenario
def predefined_names_are_listed_in_their_order_page_by_page(world):
    kms = world.kms(SECOND, OTHER_REGION)
    key = world.key(SECOND, OTHER_REGION)["KeyId"]
    kms.describe_key(KeyId="alias/aws/kinesis")
    for name in ("alias/a", "alias/aws-like", "alias/b"):
        kms.create_alias(AliasName=name, TargetKeyId=key)
    whole = kms.list_aliases()["Aliases"]
    names = [entry["AliasName"] for entry in whole]
    equal(names, sorted(names), "the order")
    equal(len(set(names)), 26 + 3, "the number of names")
    equal([entry["AliasName"] for entry in whole if "TargetKeyId" in entry],
          ["alias/a", "alias/aws-like", "alias/aws/kinesis", "alias/b"])  # fmt: skip
    for limit in (1, 2, 7, 28, 29, 100):
        pages = kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": limit})
        equal([entry for page in pages for entry in page["Aliases"]], whole, f"pages of {limit}")
    equal([entry["AliasName"] for entry in kms.list_aliases(KeyId=key)["Aliases"]],
          ["alias/a", "alias/aws-like", "alias/b"], "the names of one key")  # fmt: skip


@scenario
def nobody_administers_or_uses_a_services_key_directly(world):
    kms, mine = world.kms(), world.key()["KeyId"]
    key = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    own = {"KeyId": key["KeyId"]}
    calls = {
        "ScheduleKeyDeletion": (kms.schedule_key_deletion, own), "DisableKey": (kms.disable_key, own),
        "EnableKey": (kms.enable_key, own), "EnableKeyRotation": (kms.enable_key_rotation, own),
        "DisableKeyRotation": (kms.disable_key_rotation, own), "RotateKeyOnDemand": (kms.rotate_key_on_demand, own),
        "PutKeyPolicy": (kms.put_key_policy, {**own, "Policy": policy(allow(FIRST.root))}),
        "UpdateKeyDescription": (kms.update_key_description, {**own, "Description": "mine"}),
        "TagResource": (kms.tag_resource, {**own, "Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        "UntagResource": (kms.untag_resource, {**own, "TagKeys": ["a"]}),
        "ImportKeyMaterial": (kms.import_key_material, {**own, "ImportToken": b"t", "EncryptedKeyMaterial": b"m",
                                                        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}),
        "CreateAlias": (kms.create_alias, {"AliasName": "alias/mine", "TargetKeyId": key["KeyId"]}),
        "Encrypt": (kms.encrypt, {"KeyId": "alias/aws/s3", "Plaintext": b"x"}),
        "GenerateDataKey": (kms.generate_data_key, {"KeyId": key["Arn"], "KeySpec": "AES_256"}),
    }  # fmt: skip
    for action, (call, parameters) in calls.items():
        sentence = (
            f"User: {FIRST.root} is not authorized to perform: kms:{action} on resource: {key['Arn']} because no "
            f"resource-based policy allows the kms:{action} action"
        )
        with refused("AccessDeniedException", sentence):
            call(**parameters)
    kms.create_alias(AliasName="alias/of-mine", TargetKeyId=mine)
    for call, parameters in (
        (kms.create_alias, {"AliasName": "alias/aws/mine", "TargetKeyId": mine}),
        (kms.update_alias, {"AliasName": "alias/aws/s3", "TargetKeyId": mine}),
        (kms.delete_alias, {"AliasName": "alias/aws/s3"}),
    ):
        with refused("NotAuthorizedException", ABSENT):
            call(**parameters)
    with refused("AccessDeniedException"):
        kms.update_alias(AliasName="alias/of-mine", TargetKeyId=key["KeyId"])
    equal(kms.describe_key(**own)["KeyMetadata"]["KeyState"], "Enabled")


@scenario
def a_services_key_rotates_every_three_years(world):
    kms = world.kms()
    key = kms.describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]
    status = kms.get_key_rotation_status(KeyId=key["KeyId"])
    equal((status["KeyRotationEnabled"], status["RotationPeriodInDays"]), (True, 1095))
    equal(status["NextRotationDate"] - key["CreationDate"], 1095 * DAY)
    advance(world, "1096d")
    (rotation,) = kms.list_key_rotations(KeyId=key["KeyId"])["Rotations"]
    equal(rotation["RotationType"], "AUTOMATIC")
    with refused("AccessDeniedException"):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")


@scenario
def the_period_is_the_operators(world):
    data = str(world.directory / "period")
    server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", data, "--managed-key-rotation-days", "365").start()
    try:
        kms = client(server, world)
        key = kms.describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]["KeyId"]
        equal(kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"], 365)
    finally:
        server.stop()
        server.forget_log()


def client(server, world):
    return boto3.client(
        "kms", endpoint_url=server.endpoint, region_name=OTHER_REGION, aws_access_key_id=FIRST.access_key_id,
        aws_secret_access_key=FIRST.secret_access_key,
    )  # fmt: skip


@scenario
def the_last_use_of_a_key_is_known(world):
    kms, key = world.kms(), world.key()
    answer = kms.get_key_last_usage(KeyId=key["KeyId"])
    members(answer, "KeyId", "TrackingStartDate", "KeyCreationDate")
    equal((answer["KeyId"], answer["TrackingStartDate"], answer["KeyCreationDate"]),
          (key["Arn"], key["CreationDate"], key["CreationDate"]))  # fmt: skip
    kms.describe_key(KeyId=key["KeyId"])
    with refused("DryRunOperationException"):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", DryRun=True)
    with refused("InvalidCiphertextException"):
        kms.decrypt(KeyId=key["KeyId"], CiphertextBlob=b"x" * 100)
    holds("KeyLastUsage" not in kms.get_key_last_usage(KeyId=key["KeyId"]), "neither of these is a use")
    done = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    use = kms.get_key_last_usage(KeyId=key["Arn"])["KeyLastUsage"]
    members(use, "Operation", "Timestamp", "CloudTrailEventId", "KmsRequestId")
    equal((use["Operation"], use["KmsRequestId"]), ("Encrypt", done["ResponseMetadata"]["RequestId"]))
    lines = [line for p in (world.data / "audit").iterdir() for line in p.read_text().splitlines()]
    holds(any(use["CloudTrailEventId"] in line and use["KmsRequestId"] in line for line in lines), "it is recorded")
    other = world.key()
    kms.re_encrypt(CiphertextBlob=done["CiphertextBlob"], DestinationKeyId=other["KeyId"])
    for each in (key, other):
        equal(kms.get_key_last_usage(KeyId=each["KeyId"])["KeyLastUsage"]["Operation"], "ReEncrypt")
    shared = world.key(Policy=policy(allow(FIRST.root), allow(SECOND.root)))
    world.kms(SECOND).generate_data_key(KeyId=shared["Arn"], KeySpec="AES_256")
    use = kms.get_key_last_usage(KeyId=shared["KeyId"])["KeyLastUsage"]
    equal(use["Operation"], "GenerateDataKey")
    lines = [json.loads(line) for p in (world.data / "audit").iterdir() for line in p.read_text().splitlines()]
    (record,) = [line for line in lines if line["eventID"] == use["CloudTrailEventId"]]
    equal((record["recipientAccountId"], record["eventName"]), (FIRST.number, "GenerateDataKey"), "the owner's copy")
    with refused("AccessDeniedException"):
        world.kms(SECOND).get_key_last_usage(KeyId=shared["Arn"])


@scenario
def a_replica_that_is_made_anew_has_no_use_of_the_one_before(world):
    here, there = world.kms(), world.kms(region=OTHER_REGION)
    key = world.key(MultiRegion=True)["KeyId"]
    here.replicate_key(KeyId=key, ReplicaRegion=OTHER_REGION)
    settled(world, key, OTHER_REGION)
    there.encrypt(KeyId=key, Plaintext=b"x")
    there.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    advance(world, "8d")
    here.replicate_key(KeyId=key, ReplicaRegion=OTHER_REGION)
    settled(world, key, OTHER_REGION)
    holds("KeyLastUsage" not in there.get_key_last_usage(KeyId=key), "nobody used it yet")
    world.server.stop()
    world.server.start()
    holds("KeyLastUsage" not in world.kms(region=OTHER_REGION).get_key_last_usage(KeyId=key), "nor before a restart")


@scenario
def a_dry_run_makes_no_services_key(world):
    kms, mine = world.kms(), world.key()["KeyId"]
    arn = r"arn:aws:kms:us-east-1:000000000000:key/[0-9a-f-]{36}"
    sealed = kms.encrypt(KeyId=mine, Plaintext=b"x")["CiphertextBlob"]
    calls = {
        "Encrypt": lambda: kms.encrypt(KeyId="alias/aws/xray", Plaintext=b"x", DryRun=True),
        "GenerateDataKey": lambda: kms.generate_data_key(
            KeyId=alias_arn("alias/aws/xray"), KeySpec="AES_256", DryRun=True),
        "ReEncryptTo": lambda: kms.re_encrypt(CiphertextBlob=sealed, DestinationKeyId="alias/aws/xray", DryRun=True),
    }  # fmt: skip
    for action, call in calls.items():
        sentence = (
            f"User: {FIRST.root} is not authorized to perform: kms:{action} on resource: {arn} because no "
            f"resource-based policy allows the kms:{action} action"
        )
        with refused("AccessDeniedException", re.compile(sentence)):
            call()
        (alias,) = [a for a in kms.list_aliases()["Aliases"] if a["AliasName"] == "alias/aws/xray"]
        holds("TargetKeyId" not in alias, f"{action} made a key")
    with refused("NotFoundException", f"Alias {alias_arn('alias/aws/nothing')} is not found."):
        kms.encrypt(KeyId="alias/aws/nothing", Plaintext=b"x", DryRun=True)


@scenario
def a_restart_keeps_it_and_a_crash_forgets_seconds(world):
    data = str(world.directory / "last-use")
    server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", data).start()
    try:
        kms = client(server, world)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.encrypt(KeyId=key, Plaintext=b"x")
        use = kms.get_key_last_usage(KeyId=key)["KeyLastUsage"]
        server.stop()
        server.start()
        equal(client(server, world).get_key_last_usage(KeyId=key)["KeyLastUsage"], use, "the last use after a restart")
        server.kill()
        server.start()
        equal(client(server, world).get_key_last_usage(KeyId=key)["KeyLastUsage"], use, "and after a crash")
        holds(re.fullmatch(r"[0-9a-f-]{36}", use["CloudTrailEventId"]), "an identifier")
        equal(key_arn(key, region=OTHER_REGION), client(server, world).get_key_last_usage(KeyId=key)["KeyId"])
    finally:
        server.stop()
        server.forget_log()


if __name__ == "__main__":
    run()
