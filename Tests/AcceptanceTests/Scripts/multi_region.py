"""One key in several regions: replicas, the primary's succession, and what related keys share."""

import datetime
import json
import os
import re

from harness import (
    FIRST, OTHER_REGION, REGION, World, advance, describe, equal, holds, key_arn, members, refused, run, scenario, settled,
)  # fmt: skip
from server import Server
from wrapping import bring

THIRD_REGION = "ap-northeast-1"
REGIONS = (REGION, OTHER_REGION, THIRD_REGION)


def family(world, *replica_regions, material=None):
    """A primary's identifier, with this imported material if given; it has a replica in each of these regions."""
    key = world.key(MultiRegion=True, Origin="EXTERNAL" if material else "AWS_KMS")["KeyId"]
    state = "PendingImport" if material else "Enabled"
    if material:
        bring(world.kms(), key, material)
    for region in replica_regions:
        world.kms().replicate_key(KeyId=key, ReplicaRegion=region)
    for region in replica_regions:
        settled(world, key, region, state)
    return key


def history(world, key, region):
    kms = world.kms(region=region)
    return [
        (r["KeyMaterialId"], r["KeyMaterialState"])
        for r in kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    ]


@scenario
def a_ciphertext_is_not_opened_under_the_name_of_another_region(world):
    kms, key = world.kms(), family(world, OTHER_REGION)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    elsewhere = key_arn(key, region=OTHER_REGION)
    with refused("IncorrectKeyException"):
        kms.decrypt(CiphertextBlob=blob, KeyId=elsewhere)
    with refused("IncorrectKeyException"):
        kms.re_encrypt(CiphertextBlob=blob, SourceKeyId=elsewhere, DestinationKeyId=key)
    with refused("NotFoundException", f"Invalid arn {THIRD_REGION}"):
        kms.decrypt(CiphertextBlob=blob, KeyId=key_arn(key, region=THIRD_REGION))
    equal(world.kms(region=OTHER_REGION).decrypt(CiphertextBlob=blob, KeyId=elsewhere)["Plaintext"], b"x")


@scenario
def a_replica_cannot_be_in_a_region_that_aws_does_not_have(world):
    key = world.key(MultiRegion=True)["KeyId"]
    for region in ("eu-central-9", "us-eats-1", "eu-office-1"):
        text = f"Region {region} is not a valid Region or multi-Region keys are not supported in Region {region}."
        with refused("ValidationException", text):
            world.kms().replicate_key(KeyId=key, ReplicaRegion=region)


@scenario
def a_region_of_an_isolated_partition_names_it_in_its_arns(world):
    for region, partition in (("us-iso-east-1", "aws-iso"), ("us-isob-east-1", "aws-iso-b"), ("eusc-de-east-1", "aws-eusc")):
        server = Server("dev", "--listen", "127.0.0.1:0", "--partition", partition)
        isolated = World(server.start(), world.directory)
        try:
            key = isolated.key(region=region)
            equal(key["Arn"].split(":")[1], partition, f"the partition of {region}")
            equal(describe(isolated, key["Arn"], region)["KeyId"], key["KeyId"])
        finally:
            server.stop()
            server.forget_log()


@scenario
def a_replica_is_made_from_a_primary_and_starts_with_nothing_of_its_own(world):
    kms = world.kms()
    primary = world.key(MultiRegion=True, Description="the primary", Tags=[{"TagKey": "a", "TagValue": "b"}])
    key = primary["KeyId"]
    holds(re.fullmatch(r"mrk-[0-9a-f]{32}", key), f"{key} is not the identifier of a multi-Region key")
    own = {"Arn": key_arn(key), "Region": REGION}
    equal(primary["MultiRegionConfiguration"], {"MultiRegionKeyType": "PRIMARY", "PrimaryKey": own, "ReplicaKeys": []})
    answer = kms.replicate_key(KeyId=key, ReplicaRegion=OTHER_REGION)
    members(answer, "ReplicaKeyMetadata", "ReplicaPolicy")
    replica = answer["ReplicaKeyMetadata"]
    equal((replica["KeyState"], replica["Enabled"], replica["Description"]), ("Creating", False, ""))
    holds("CurrentKeyMaterialId" not in replica, "a key that is being made tells no material")
    equal(json.loads(answer["ReplicaPolicy"])["Id"], "key-default-1")
    tagged = kms.replicate_key(KeyId=key, ReplicaRegion=THIRD_REGION, Tags=[{"TagKey": "c", "TagValue": "d"}])
    members(tagged, "ReplicaKeyMetadata", "ReplicaPolicy", "ReplicaTags")
    settled(world, key, OTHER_REGION), settled(world, key, THIRD_REGION)
    replicas = [{"Arn": key_arn(key, region=r), "Region": r} for r in sorted((OTHER_REGION, THIRD_REGION))]
    for region in REGIONS:
        known = describe(world, key, region)
        kind = "PRIMARY" if region == REGION else "REPLICA"
        equal(
            known["MultiRegionConfiguration"],
            {"MultiRegionKeyType": kind, "PrimaryKey": own, "ReplicaKeys": replicas}, f"the relations in {region}",
        )  # fmt: skip
        equal((known["Arn"], known["MultiRegion"]), (key_arn(key, region=region), True))
        equal(known["CurrentKeyMaterialId"], primary["CurrentKeyMaterialId"])
    equal(world.kms(region=OTHER_REGION).list_resource_tags(KeyId=key)["Tags"], [], "tags are not copied")


@scenario
def what_one_region_encrypts_another_decrypts(world):
    key, single = family(world, OTHER_REGION, THIRD_REGION), world.key()["KeyId"]
    for source in REGIONS:
        sealed = world.kms(region=source).encrypt(KeyId=key, Plaintext=source.encode())["CiphertextBlob"]
        for target in REGIONS:
            kms = world.kms(region=target)
            opened = kms.decrypt(CiphertextBlob=sealed)
            equal((opened["Plaintext"], opened["KeyId"]), (source.encode(), key_arn(key, region=target)))
            moved = kms.re_encrypt(CiphertextBlob=sealed, DestinationKeyId=key)
            equal((moved["SourceKeyId"], moved["SourceKeyMaterialId"]), (opened["KeyId"], opened["KeyMaterialId"]))
    sealed = world.kms().encrypt(KeyId=single, Plaintext=b"stays")["CiphertextBlob"]
    with refused("AccessDeniedException"):
        world.kms(region=OTHER_REGION).decrypt(CiphertextBlob=sealed)


@scenario
def what_is_not_shared_is_each_keys_own(world):
    key = family(world, OTHER_REGION)
    here, there = world.kms(), world.kms(region=OTHER_REGION)
    there.update_key_description(KeyId=key, Description="theirs")
    there.tag_resource(KeyId=key, Tags=[{"TagKey": "k", "TagValue": "v"}])
    there.create_alias(AliasName="alias/only-there", TargetKeyId=key)
    there.disable_key(KeyId=key)
    known = describe(world, key, REGION)
    equal((known["Description"], known["KeyState"]), ("", "Enabled"))
    equal(here.list_resource_tags(KeyId=key)["Tags"], [])
    with refused("NotFoundException"):
        here.describe_key(KeyId="alias/only-there")
    with refused("DisabledException", f"{key_arn(key, region=OTHER_REGION)} is disabled."):
        there.encrypt(KeyId=key, Plaintext=b"x")


@scenario
def rotation_is_the_primarys_and_reaches_every_region(world):
    key = family(world, OTHER_REGION, THIRD_REGION)
    here, there = world.kms(), world.kms(region=OTHER_REGION)
    for operation, call in (
        ("EnableKeyRotation", there.enable_key_rotation), ("DisableKeyRotation", there.disable_key_rotation),
        ("RotateKeyOnDemand", there.rotate_key_on_demand),
    ):  # fmt: skip
        arn = key_arn(key, region=OTHER_REGION)
        sentence = f"{arn} is a multi-region replica key which is not valid for {operation}."
        with refused("UnsupportedOperationException", sentence):
            call(KeyId=key)
    here.enable_key_rotation(KeyId=key, RotationPeriodInDays=100)
    due = here.get_key_rotation_status(KeyId=key)["NextRotationDate"]
    equal(there.get_key_rotation_status(KeyId=key)["NextRotationDate"], due, "the schedule as the replica tells it")
    sealed = [there.encrypt(KeyId=key, Plaintext=b"0")["CiphertextBlob"]]
    here.rotate_key_on_demand(KeyId=key)
    sealed.append(there.encrypt(KeyId=key, Plaintext=b"1")["CiphertextBlob"])
    advance(world, "101d")
    sealed.append(there.encrypt(KeyId=key, Plaintext=b"2")["CiphertextBlob"])
    lists = [history(world, key, region) for region in REGIONS]
    equal([state for _, state in lists[0]], ["NON_CURRENT", "NON_CURRENT", "CURRENT"])
    equal(lists[1:], lists[:1] * 2, "the history in every region")
    for region in REGIONS:
        opened = [world.kms(region=region).decrypt(CiphertextBlob=each) for each in sealed]
        equal([each["Plaintext"] for each in opened], [b"0", b"1", b"2"])
        equal([each["KeyMaterialId"] for each in opened], [identifier for identifier, _ in lists[0]])
    late = family(world)
    here.rotate_key_on_demand(KeyId=late)
    here.replicate_key(KeyId=late, ReplicaRegion=OTHER_REGION)
    settled(world, late, OTHER_REGION)
    equal(history(world, late, OTHER_REGION), history(world, late, REGION), "a later replica has all the material")


@scenario
def the_primary_can_move(world):
    key = family(world, OTHER_REGION, THIRD_REGION)
    here, there = world.kms(), world.kms(region=OTHER_REGION)
    here.enable_key_rotation(KeyId=key, RotationPeriodInDays=200)
    due = here.get_key_rotation_status(KeyId=key)["NextRotationDate"]
    members(here.update_primary_region(KeyId=key, PrimaryRegion=REGION))
    equal(describe(world, key, REGION)["KeyState"], "Enabled", "a move to where it is changes nothing")
    with refused("ValidationException", f"{key} does not have a replica key in the specified Region."):
        here.update_primary_region(KeyId=key, PrimaryRegion="eu-west-1")
    with refused("KMSInvalidStateException", f"{key_arn(key, region=OTHER_REGION)} is not a multi-Region primary key."):
        there.update_primary_region(KeyId=key, PrimaryRegion=THIRD_REGION)
    with refused("UnsupportedOperationException"):
        here.update_primary_region(KeyId=world.key()["KeyId"], PrimaryRegion=OTHER_REGION)
    there.disable_key(KeyId=key)
    with refused("DisabledException", f"{key_arn(key, region=OTHER_REGION)} is disabled."):
        here.update_primary_region(KeyId=key, PrimaryRegion=OTHER_REGION)
    there.schedule_key_deletion(KeyId=key)
    with refused("KMSInvalidStateException", f"{key_arn(key, region=OTHER_REGION)} is pending deletion."):
        here.update_primary_region(KeyId=key, PrimaryRegion=OTHER_REGION)
    there.cancel_key_deletion(KeyId=key)
    there.enable_key(KeyId=key)
    members(here.update_primary_region(KeyId=key, PrimaryRegion=OTHER_REGION))
    for region in REGIONS:
        configuration = settled(world, key, region)["MultiRegionConfiguration"]
        equal(configuration["PrimaryKey"]["Region"], OTHER_REGION, f"the primary as {region} tells it")
        equal([r["Region"] for r in configuration["ReplicaKeys"]], sorted((REGION, THIRD_REGION)))
        equal(configuration["MultiRegionKeyType"], "PRIMARY" if region == OTHER_REGION else "REPLICA")
        status = world.kms(region=region).get_key_rotation_status(KeyId=key)
        equal((status["RotationPeriodInDays"], status["NextRotationDate"]), (200, due), "the schedule")
    there.rotate_key_on_demand(KeyId=key)
    equal(history(world, key, REGION), history(world, key, OTHER_REGION))


@scenario
def only_a_primary_is_replicated_and_once_to_each_region(world):
    kms, key, single = world.kms(), family(world, OTHER_REGION), world.key()
    with refused("UnsupportedOperationException", f"{single['Arn']} is not a multi-region primary key."):
        kms.replicate_key(KeyId=single["KeyId"], ReplicaRegion=OTHER_REGION)
    arn = key_arn(key, region=OTHER_REGION)
    with refused("UnsupportedOperationException", f"{arn} is not a multi-region primary key."):
        world.kms(region=OTHER_REGION).replicate_key(KeyId=key, ReplicaRegion=THIRD_REGION)
    with refused("ValidationException", f"{REGION} cannot have a replica because it contains the primary."):
        kms.replicate_key(KeyId=key, ReplicaRegion=REGION)
    once = "You can create only one replica of each primary key in each AWS Region."
    for _ in range(2):
        with refused("AlreadyExistsException", once):
            kms.replicate_key(KeyId=key, ReplicaRegion=OTHER_REGION)
        if describe(world, key, OTHER_REGION)["KeyState"] == "Enabled":
            world.kms(region=OTHER_REGION).schedule_key_deletion(KeyId=key)
    partition = "The replica key Region must be in the same AWS partition as the primary key Region."
    with refused("ValidationException", partition):
        kms.replicate_key(KeyId=key, ReplicaRegion="cn-north-1")
    kms.disable_key(KeyId=key)
    with refused("DisabledException", f"{key_arn(key)} is disabled."):
        kms.replicate_key(KeyId=key, ReplicaRegion=THIRD_REGION)


@scenario
def a_primary_waits_for_its_replicas_to_go(world):
    key = family(world, OTHER_REGION, THIRD_REGION)
    here, there, yonder = (world.kms(region=region) for region in REGIONS)
    answer = here.schedule_key_deletion(KeyId=key, PendingWindowInDays=9)
    members(answer, "KeyId", "KeyState", "PendingWindowInDays")
    equal((answer["KeyState"], answer["PendingWindowInDays"]), ("PendingReplicaDeletion", 9))
    known = describe(world, key, REGION)
    equal((known["KeyState"], known["PendingDeletionWindowInDays"]), ("PendingReplicaDeletion", 9))
    holds("DeletionDate" not in known, "there is no date yet")
    with refused("KMSInvalidStateException", f"{key_arn(key)} is pending replica deletion."):
        here.encrypt(KeyId=key, Plaintext=b"x")
    there.encrypt(KeyId=key, Plaintext=b"replicas go on")
    here.cancel_key_deletion(KeyId=key)
    equal(describe(world, key, REGION)["KeyState"], "Disabled", "the state of a saved primary")
    here.schedule_key_deletion(KeyId=key, PendingWindowInDays=9)
    there.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    yonder.schedule_key_deletion(KeyId=key, PendingWindowInDays=20)
    advance(world, "8d")
    with refused("NotFoundException"):
        there.describe_key(KeyId=key)
    equal(describe(world, key, REGION)["KeyState"], "PendingReplicaDeletion", "one replica is left")
    advance(world, "13d")
    known = describe(world, key, REGION)
    equal(known["KeyState"], "PendingDeletion", "the state when the last replica is gone")
    # The last replica ended on the twentieth day, and this is the twenty-first.
    left = known["DeletionDate"] - world.key()["CreationDate"]
    holds(abs(left - datetime.timedelta(days=8)) < datetime.timedelta(minutes=1), f"{left} are left of 9 days")
    advance(world, "10d")
    with refused("NotFoundException"):
        here.describe_key(KeyId=key)


@scenario
def imported_material_is_brought_to_each_region(world):
    here, there = world.kms(), world.kms(region=OTHER_REGION)
    first, second = os.urandom(32), os.urandom(32)
    empty = world.key(MultiRegion=True, Origin="EXTERNAL")
    with refused("KMSInvalidStateException", f"{empty['Arn']} is pending import."):
        here.replicate_key(KeyId=empty["KeyId"], ReplicaRegion=OTHER_REGION)
    key = family(world, OTHER_REGION, material=first)
    identifier = describe(world, key, REGION)["CurrentKeyMaterialId"]
    equal(describe(world, key, REGION)["KeyState"], "Enabled")
    equal(describe(world, key, OTHER_REGION)["KeyState"], "PendingImport")
    expected = f"Imported key material does not have the expected identifier ({identifier})."
    with refused("IncorrectKeyMaterialException", expected):
        bring(there, key, os.urandom(32))
    new = "Input parameter ImportType NEW_KEY_MATERIAL cannot be used on replica Multi-Region keys"
    with refused("ValidationException", new):
        bring(there, key, first, ImportType="NEW_KEY_MATERIAL")
    described = "Key material description can only be specified on primary Multi-Region keys"
    with refused("ValidationException", described):
        bring(there, key, first, KeyMaterialDescription="no")
    equal(bring(there, key, first)["KeyMaterialId"], identifier, "the identifier in another region")
    equal(describe(world, key, OTHER_REGION)["KeyState"], "Enabled")
    sealed = here.encrypt(KeyId=key, Plaintext=b"shared")["CiphertextBlob"]
    equal(there.decrypt(CiphertextBlob=sealed)["Plaintext"], b"shared")
    bring(here, key, second, ImportType="NEW_KEY_MATERIAL")
    equal(history(world, key, REGION)[-1][1], "PENDING_MULTI_REGION_IMPORT_AND_ROTATION")
    lacking = "Cannot perform key material rotation: Key material has not been imported for replicas of the Multi-Region key."
    with refused("KMSInvalidStateException", lacking):
        here.rotate_key_on_demand(KeyId=key)
    bring(there, key, second)
    equal(history(world, key, REGION)[-1][1], "PENDING_ROTATION")
    here.rotate_key_on_demand(KeyId=key)
    equal([s for _, s in history(world, key, OTHER_REGION)], ["NON_CURRENT", "CURRENT"])
    equal(there.decrypt(CiphertextBlob=sealed)["Plaintext"], b"shared")
    unwanted = bring(here, key, os.urandom(32), ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]
    here.delete_imported_key_material(KeyId=key, KeyMaterialId=unwanted)
    equal([len(history(world, key, region)) for region in (REGION, OTHER_REGION)], [2, 2])
    there.delete_imported_key_material(KeyId=key)
    equal(describe(world, key, REGION)["KeyState"], "Enabled", "deletion is each region's own")
    equal(describe(world, key, OTHER_REGION)["KeyState"], "PendingImport")


@scenario
def a_new_primary_is_not_rotated_to_material_that_it_never_had(world):
    here, there = world.kms(), world.kms(region=OTHER_REGION)
    first, second = os.urandom(32), os.urandom(32)
    key = family(world, OTHER_REGION, material=first)
    bring(there, key, first)
    bring(here, key, second, ImportType="NEW_KEY_MATERIAL")
    here.update_primary_region(KeyId=key, PrimaryRegion=OTHER_REGION)
    settled(world, key, OTHER_REGION), settled(world, key, REGION)
    equal(history(world, key, OTHER_REGION)[-1][1], "PENDING_MULTI_REGION_IMPORT_AND_ROTATION")
    lacking = "Cannot perform key material rotation: Key material has not been imported for replicas of the Multi-Region key."
    with refused("KMSInvalidStateException", lacking):
        there.rotate_key_on_demand(KeyId=key)
    # Nor is it when nobody is left who had it.
    here.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    advance(world, "8d")
    with refused("KMSInvalidStateException", lacking):
        there.rotate_key_on_demand(KeyId=key)
    there.encrypt(KeyId=key, Plaintext=b"still in use")
    bring(there, key, second)
    equal(history(world, key, OTHER_REGION)[-1][1], "PENDING_ROTATION")
    there.rotate_key_on_demand(KeyId=key)
    equal(describe(world, key, OTHER_REGION)["KeyState"], "Enabled")


@scenario
def both_regions_record_what_concerns_them(world):
    key = family(world, OTHER_REGION)
    world.kms().rotate_key_on_demand(KeyId=key)
    world.kms().update_primary_region(KeyId=key, PrimaryRegion=OTHER_REGION)
    settled(world, key, OTHER_REGION)
    lines = [line for path in (world.data / "audit").iterdir() for line in path.read_text().splitlines() if key in line]
    records = [json.loads(line) for line in lines]

    def found(name, region):
        return [r for r in records if (r["eventName"], r["awsRegion"]) == (name, region)]

    (replication,), (creation,) = found("ReplicateKey", REGION), found("CreateKey", OTHER_REGION)
    equal(creation["requestID"], replication["requestID"], "the call that made the replica")
    equal(creation["resources"][0]["ARN"], key_arn(key, region=OTHER_REGION))
    equal(len(found("RotateKeyOnDemand", REGION)), 1)
    (rotation,) = found("RotateKey", REGION)
    equal(rotation["serviceEventDetails"], {"rotationType": "ON_DEMAND", "keyId": key})
    equal(rotation["eventType"], "AwsServiceEvent")
    synchronized = found("SynchronizeMultiRegionKey", OTHER_REGION)
    equal([record["eventType"] for record in synchronized], ["AwsApiCall"] * 2, "at its making and at the rotation")
    holds(all(record["requestID"] and record["userIdentity"]["invokedBy"] == "AWS Internal" for record in synchronized),
          f"{synchronized}")  # fmt: skip
    (old,), (new,) = found("UpdatePrimaryRegion", REGION), found("UpdatePrimaryRegion", OTHER_REGION)
    equal((new["requestID"], new["userIdentity"]["invokedBy"]), (old["requestID"], "kms.amazonaws.com"))
    equal(new["requestParameters"]["keyId"], key_arn(key, region=OTHER_REGION))
    equal(new["userIdentity"]["accountId"], FIRST.number)
    equal([r["ARN"] for r in old["resources"]], [key_arn(key)], "the key of the old primary's region")
    holds("resources" not in new, "the new primary's copy tells no resources")
    equal(old["responseElements"], {"keyId": key_arn(key)})
    equal(new["responseElements"], {"keyId": key_arn(key, region=OTHER_REGION)})


if __name__ == "__main__":
    run()
