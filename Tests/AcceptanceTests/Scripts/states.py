"""The whole table of lifecycle.md section 1 over HTTP: every operation on a key in every state that a key can be in."""

import concurrent.futures
import os
import sqlite3
import time

import botocore.exceptions

from harness import FIRST, OTHER_REGION, REGION, allow, equal, holds, key_arn, policy, run, scenario
from wrapping import bring, parameters

OK, DIS, PD, PRD, NPD, PI, CR, UP, UN, EXT = "ok", "dis", "pd", "prd", "npd", "pi", "cr", "up", "un", "ext"
SENTENCES = {
    DIS: ("DisabledException", "{} is disabled."), PD: ("KMSInvalidStateException", "{} is pending deletion."),
    PRD: ("KMSInvalidStateException", "{} is pending replica deletion."),
    NPD: ("KMSInvalidStateException", "{} is not pending deletion."),
    PI: ("KMSInvalidStateException", "{} is pending import."), CR: ("KMSInvalidStateException", "{} is creating."),
    UP: ("KMSInvalidStateException", "{} is updating."), UN: ("KMSInvalidStateException", "{} is unavailable."),
    EXT: ("UnsupportedOperationException", "{} origin is EXTERNAL which is not valid for this operation."),
}  # fmt: skip
STATES = ("Enabled", "Disabled", "PendingDeletion", "PendingReplicaDeletion", "PendingImport", "Creating", "Updating",
          "Unavailable")  # fmt: skip

ALWAYS = (OK,) * 8
UNTIL_ITS_END = (OK, OK, PD, PRD, OK, OK, OK, OK)
IN_USE = (OK, DIS, PD, PRD, PI, CR, OK, UN)
SWITCH = (OK, OK, PD, PRD, PI, CR, UP, OK)
NONE = None
# A grant is made while the key can be used; grants.py has that of a key whose material was deleted.
GRANTED = (OK, OK, OK, OK, NONE, NONE, OK, OK)

# In the order of STATES. None: no such key can be in that state.
TABLE = {
    "CancelKeyDeletion": (NPD, NPD, OK, OK, NPD, NPD, NPD, NPD),
    "CreateAlias": UNTIL_ITS_END, "UpdateAlias": UNTIL_ITS_END, "DeleteAlias": ALWAYS,
    "Encrypt": IN_USE, "Decrypt": IN_USE, "ReEncrypt": IN_USE, "GenerateDataKey": IN_USE,
    "GenerateDataKeyWithoutPlaintext": IN_USE,
    "DescribeKey": ALWAYS, "GetKeyPolicy": ALWAYS, "PutKeyPolicy": ALWAYS, "ListKeyPolicies": ALWAYS,
    "ListAliases": ALWAYS, "ListResourceTags": ALWAYS, "GetKeyLastUsage": ALWAYS, "ListKeyRotations": ALWAYS,
    "GetKeyRotationStatus": ALWAYS, "ListGrants": ALWAYS, "RetireGrant": GRANTED, "RevokeGrant": GRANTED,
    "CreateGrant": (OK, DIS, PD, PRD, PI, CR, OK, OK),
    "DisableKey": SWITCH, "EnableKey": SWITCH,
    "EnableKeyRotation": (OK, DIS, PD, PRD, EXT, CR, OK, UN),
    "DisableKeyRotation": (OK, DIS, PD, PRD, EXT, CR, OK, UN),
    "RotateKeyOnDemand": (OK, DIS, PD, PRD, PI, CR, OK, UN),
    "GetParametersForImport": (OK, OK, PD, PRD, OK, CR, UP, NONE),
    "DeleteImportedKeyMaterial": (OK, OK, OK, OK, OK, CR, UP, NONE),
    "ImportKeyMaterial": (OK, OK, PD, PRD, OK, CR, OK, NONE),
    "ReplicateKey": (OK, DIS, PD, PRD, PI, CR, UP, UN),
    "ScheduleKeyDeletion": (OK, OK, PD, PRD, OK, OK, UP, OK),
    "TagResource": UNTIL_ITS_END, "UntagResource": UNTIL_ITS_END, "UpdateKeyDescription": UNTIL_ITS_END,
    "UpdatePrimaryRegion": (OK, DIS, PD, PRD, PI, CR, OK, UN),
}  # fmt: skip

# The operations for keys with imported material, and the states that they lead to from those that last.
IMPORTING = {
    "GetParametersForImport": {state: state for state in STATES[:5]},
    "DeleteImportedKeyMaterial": {
        "Enabled": "PendingImport", "Disabled": "PendingImport", "PendingDeletion": "PendingDeletion",
        "PendingReplicaDeletion": "PendingReplicaDeletion", "PendingImport": "PendingImport",
    },
    "ImportKeyMaterial": {"Enabled": "Enabled", "Disabled": "Enabled", "PendingImport": "Enabled"},
}  # fmt: skip


class Subject:
    """A fresh key in a state, and what the operations need of it."""

    def __init__(self, world, state, is_imported=False):
        self.kms = world.kms(region=OTHER_REGION if state == "Creating" else REGION)
        self.other = world.key()["KeyId"]
        here = world.kms()
        origin = "EXTERNAL" if is_imported or state == "PendingImport" else "AWS_KMS"
        self.id = world.key(MultiRegion=True, Origin=origin)["KeyId"]
        self.region = OTHER_REGION if state == "Creating" else REGION
        self.arn = key_arn(self.id, region=self.region)
        self.sealed = None if origin == "EXTERNAL" else here.encrypt(KeyId=self.id, Plaintext=b"x")["CiphertextBlob"]
        self.alias = f"alias/{os.urandom(8).hex()}"
        self.state = state
        self.material = os.urandom(32)
        # Brought to be used for the import, because not every state gives any.
        self.parameters = parameters(here, self.id) if is_imported else None
        if is_imported and state != "PendingImport":
            bring(here, self.id, self.material, self.parameters)
        if state not in ("PendingImport", "Creating"):
            self.granted = self.grant()
        self.enter(world, here)

    def enter(self, world, here):
        """Brings the key into its state, by the calls that do that."""
        if self.state in ("Creating", "Updating", "PendingReplicaDeletion"):
            here.replicate_key(KeyId=self.id, ReplicaRegion=OTHER_REGION)
        if self.state == "Updating":
            there = world.kms(region=OTHER_REGION)
            while there.describe_key(KeyId=self.id)["KeyMetadata"]["KeyState"] == "Creating":
                time.sleep(0.02)
            if self.parameters:
                bring(there, self.id, self.material)
        # The alias that is moved or deleted is there before; a Creating key gets its own.
        self.kms.create_alias(AliasName=self.alias, TargetKeyId=self.id)
        if self.state == "Disabled":
            here.disable_key(KeyId=self.id)
        if self.state in ("PendingDeletion", "PendingReplicaDeletion"):
            here.schedule_key_deletion(KeyId=self.id)
        if self.state == "Updating":
            here.update_primary_region(KeyId=self.id, PrimaryRegion=OTHER_REGION)

    @property
    def present_state(self):
        return self.kms.describe_key(KeyId=self.id)["KeyMetadata"]["KeyState"]

    def call(self, operation):
        kms, key = self.kms, {"KeyId": self.id}
        calls = {
            "CancelKeyDeletion": lambda: kms.cancel_key_deletion(**key),
            "CreateAlias": lambda: kms.create_alias(AliasName=self.alias + "2", TargetKeyId=self.id),
            "UpdateAlias": lambda: self.point_alias_here(),
            "DeleteAlias": lambda: kms.delete_alias(AliasName=self.alias),
            "Encrypt": lambda: kms.encrypt(**key, Plaintext=b"x"),
            "Decrypt": lambda: kms.decrypt(**key, CiphertextBlob=self.sealed or b"x" * 200),
            "ReEncrypt": lambda: kms.re_encrypt(
                SourceKeyId=self.id, CiphertextBlob=self.sealed or b"x" * 200, DestinationKeyId=self.id),
            "GenerateDataKey": lambda: kms.generate_data_key(**key, KeySpec="AES_256"),
            "GenerateDataKeyWithoutPlaintext": lambda: kms.generate_data_key_without_plaintext(
                **key, KeySpec="AES_256"),
            "DescribeKey": lambda: kms.describe_key(**key), "GetKeyPolicy": lambda: kms.get_key_policy(**key),
            "PutKeyPolicy": lambda: kms.put_key_policy(**key, Policy=policy(allow(FIRST.root))),
            "ListKeyPolicies": lambda: kms.list_key_policies(**key), "ListAliases": lambda: kms.list_aliases(**key),
            "ListResourceTags": lambda: kms.list_resource_tags(**key),
            "GetKeyLastUsage": lambda: kms.get_key_last_usage(**key),
            "ListKeyRotations": lambda: kms.list_key_rotations(**key),
            "GetKeyRotationStatus": lambda: kms.get_key_rotation_status(**key),
            "DisableKey": lambda: kms.disable_key(**key), "EnableKey": lambda: kms.enable_key(**key),
            "EnableKeyRotation": lambda: kms.enable_key_rotation(**key),
            "DisableKeyRotation": lambda: kms.disable_key_rotation(**key),
            "RotateKeyOnDemand": lambda: kms.rotate_key_on_demand(**key),
            "GetParametersForImport": lambda: parameters(kms, self.id),
            "ImportKeyMaterial": lambda: bring(kms, self.id, self.material, self.parameters),
            "DeleteImportedKeyMaterial": lambda: kms.delete_imported_key_material(**key),
            "ReplicateKey": lambda: kms.replicate_key(**key, ReplicaRegion="ap-southeast-2"),
            "ScheduleKeyDeletion": lambda: kms.schedule_key_deletion(**key),
            "CreateGrant": lambda: self.grant(), "ListGrants": lambda: kms.list_grants(**key),
            "RetireGrant": lambda: kms.retire_grant(**key, GrantId=self.granted),
            "RevokeGrant": lambda: kms.revoke_grant(**key, GrantId=self.granted),
            "TagResource": lambda: kms.tag_resource(**key, Tags=[{"TagKey": "a", "TagValue": "b"}]),
            "UntagResource": lambda: kms.untag_resource(**key, TagKeys=["a"]),
            "UpdateKeyDescription": lambda: kms.update_key_description(**key, Description="d"),
            "UpdatePrimaryRegion": lambda: kms.update_primary_region(**key, PrimaryRegion=self.region),
        }  # fmt: skip
        return calls[operation]()

    def grant(self):
        made = self.kms.create_grant(KeyId=self.id, GranteePrincipal=FIRST.root, Operations=["DescribeKey"])
        return made["GrantId"]

    def point_alias_here(self):
        """UpdateAlias from another key, so that only this one's state counts."""
        name = self.alias + "3"
        other = self.kms.create_key()["KeyMetadata"]["KeyId"]
        self.kms.create_alias(AliasName=name, TargetKeyId=other)
        self.kms.update_alias(AliasName=name, TargetKeyId=self.id)


def outcome(subject, operation):
    try:
        subject.call(operation)
        return None
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"].get("Message", "")


def expected(code, subject, operation):
    if code != OK:
        name, sentence = SENTENCES[code]
        return name, sentence.format(subject.arn)
    # A role that is a replica's or a primary's is refused for what it is, which only a usable state lets it be.
    if operation == "UpdatePrimaryRegion" and subject.state == "Updating":
        return "KMSInvalidStateException", f"{subject.arn} is not a multi-Region primary key."
    if operation in ("EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand") and subject.state == "Updating":
        sentence = f"{subject.arn} is a multi-region replica key which is not valid for {operation}."
        return "UnsupportedOperationException", sentence
    return None


def check(world, operation, state, code):
    """One cell of the table; a state that passes by itself must have lasted until the answer."""
    for _ in range(10):
        subject = Subject(world, state, is_imported=operation in IMPORTING)
        if subject.present_state != state:
            continue
        got = outcome(subject, operation)
        if got == expected(code, subject, operation):
            after = IMPORTING.get(operation, {}).get(state)
            holds(after in (None, subject.present_state), f"{operation} makes a {state} key {after}")
            return
        if state in ("Creating", "Updating") and subject.present_state != state:
            continue
        raise AssertionError(f"{operation} of a key that is {state}: {got!r} and not {code}")
    raise AssertionError(f"{operation}: no key stayed {state} for long enough")


def cells(state):
    """The operations that a key in this state can be asked for, and what they come to."""
    column = STATES.index(state)
    return [(operation, state, row[column]) for operation, row in TABLE.items() if row[column] is not None]


def walk(world, state):
    for cell in cells(state):
        check(world, *cell)


@scenario
def every_operation_on_enabled_disabled_and_ending_keys(world):
    for state in ("Enabled", "Disabled", "PendingDeletion", "PendingReplicaDeletion"):
        walk(world, state)


@scenario
def every_operation_on_a_key_without_material(world):
    walk(world, "PendingImport")


@scenario
def every_operation_on_keys_in_between(world):
    """Some at a time, because each key takes its time until it is in between."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda cell: check(world, *cell), cells("Creating") + cells("Updating")))


@scenario
def every_operation_on_a_key_whose_store_is_away(world):
    """No key store can be away yet, so the state is written where the server reads it."""
    subjects = {operation: Subject(world, "Enabled") for operation, row in TABLE.items() if row[7] is not None}
    world.server.stop()
    with sqlite3.connect(world.data / "chatelaine.sqlite") as database:
        for subject in subjects.values():
            database.execute("UPDATE kms_key SET state = 'Unavailable' WHERE key_id = ?", (subject.id,))
    database.close()
    world.server.start()
    for operation, subject in subjects.items():
        subject.kms, subject.state = world.kms(), "Unavailable"
        code = TABLE[operation][7]
        equal(outcome(subject, operation), expected(code, subject, operation), f"{operation} of an unavailable key")
    holds(len(subjects) == len(TABLE) - 3, "all but the operations on imported material")


if __name__ == "__main__":
    run()
