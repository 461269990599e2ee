"""A key is destroyed when its day comes, which the controllable clock can bring near."""

import datetime
import json
import os
import subprocess
import time

from harness import FIRST, advance, alias_arn, equal, eventually, holds, key_arn, refused, run, scenario
from server import binary

CIPHERTEXT_OF_NO_KEY = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not "
    "allowed to access.",
    f"User: {FIRST.root} is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext "
    "because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based "
    "policy explicitly denies access",
)


def exists(kms, key):
    try:
        kms.describe_key(KeyId=key["KeyId"])
        return True
    except kms.exceptions.NotFoundException:
        return False


@scenario
def a_key_is_gone_when_its_waiting_period_is_over(world):
    kms, key, saved, stays = world.kms(), world.key(), world.key(), world.key()
    blobs = {k["KeyId"]: kms.encrypt(KeyId=k["KeyId"], Plaintext=b"x")["CiphertextBlob"] for k in (key, saved, stays)}
    kms.create_alias(AliasName="alias/doomed", TargetKeyId=key["KeyId"])
    for doomed in (key, saved):
        kms.schedule_key_deletion(KeyId=doomed["KeyId"], PendingWindowInDays=7)
    advance(world, "6d")
    equal(kms.describe_key(KeyId="alias/doomed")["KeyMetadata"]["KeyState"], "PendingDeletion")
    kms.cancel_key_deletion(KeyId=saved["KeyId"])
    advance(world, "25h")
    eventually(lambda: not exists(kms, key), "the key is deleted")
    gone = f"Key '{key['Arn']}' does not exist"
    attempts = [
        lambda: kms.describe_key(KeyId=key["KeyId"]),
        lambda: kms.encrypt(KeyId=key["Arn"], Plaintext=b"x"),
        lambda: kms.decrypt(CiphertextBlob=blobs[key["KeyId"]], KeyId=key["KeyId"]),
        lambda: kms.cancel_key_deletion(KeyId=key["KeyId"]),
        lambda: kms.get_key_policy(KeyId=key["KeyId"]),
        lambda: kms.list_resource_tags(KeyId=key["KeyId"]),
        lambda: kms.list_aliases(KeyId=key["KeyId"]),
    ]
    for attempt in attempts:
        with refused("NotFoundException", gone):
            attempt()
    try:
        with refused("AccessDeniedException", CIPHERTEXT_OF_NO_KEY[0]):
            kms.decrypt(CiphertextBlob=blobs[key["KeyId"]])
    except AssertionError:
        with refused("AccessDeniedException", CIPHERTEXT_OF_NO_KEY[1]):
            kms.decrypt(CiphertextBlob=blobs[key["KeyId"]])
    with refused("NotFoundException", f"Alias {alias_arn('alias/doomed')} is not found."):
        kms.describe_key(KeyId="alias/doomed")
    names = {alias["AliasName"] for page in kms.get_paginator("list_aliases").paginate() for alias in page["Aliases"]}
    holds("alias/doomed" not in names, "the alias of a deleted key is still listed")
    ids = {entry["KeyId"] for page in kms.get_paginator("list_keys").paginate() for entry in page["Keys"]}
    holds(key["KeyId"] not in ids and saved["KeyId"] in ids, "ListKeys shows the wrong keys")
    # The name is free again, and nobody else was touched.
    kms.create_alias(AliasName="alias/doomed", TargetKeyId=stays["KeyId"])
    kms.enable_key(KeyId=saved["KeyId"])
    for kept in (saved, stays):
        equal(kms.decrypt(CiphertextBlob=blobs[kept["KeyId"]])["Plaintext"], b"x")
    eventually(lambda: deletion_recorded(world, key), "the deletion is in the audit log")


def deletion_recorded(world, key):
    for path in (world.data / "audit").glob("*.jsonl"):
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            record = json.loads(line)
            if record["eventName"] == "DeleteKey":
                if [resource["ARN"] for resource in record["resources"]] == [key["Arn"]]:
                    equal(record["eventType"], "AwsServiceEvent")
                    equal(record["userIdentity"]["invokedBy"], "AWS Internal")
                    return True
    return False


@scenario
def a_deleted_key_stays_gone_over_a_restart(world):
    kms, key, kept = world.kms(), world.key(), world.key()
    blob = kms.encrypt(KeyId=kept["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    advance(world, "8d")
    eventually(lambda: not exists(kms, key), "the key is deleted")
    world.server.stop()
    world.server.start()
    kms = world.kms()
    with refused("NotFoundException", f"Key '{key_arn(key['KeyId'])}' does not exist"):
        kms.describe_key(KeyId=key["KeyId"])
    equal(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")


@scenario
def the_clock_moves_new_dates_too(world):
    before = world.key()["CreationDate"]
    advance(world, "48h")
    after = world.key()["CreationDate"]
    off = after - before - datetime.timedelta(hours=48)
    holds(abs(off.total_seconds()) < 60, f"creation dates differ from 48 h by {off}")


@scenario
def the_clock_is_not_for_everybody(world):
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7NOTHING", "AWS_SECRET_ACCESS_KEY": "x" * 40}
    command = [binary(), "clock", "advance", "1d", "--endpoint", world.endpoint]
    wrong = subprocess.run(
        command + ["--access-key-id", "AKIAIOSFODNN7NOTHING", "--secret-access-key", "x" * 40],
        capture_output=True, text=True, timeout=30, env=environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    holds(wrong.returncode != 0, f"a stranger moved the clock: {wrong.stdout}{wrong.stderr}")
    for amount in ("", "soon", "-1d", "1", "99999999999999999999d"):
        done = subprocess.run(
            [binary(), "clock", "advance", amount, "--endpoint", world.endpoint],
            capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        holds(done.returncode != 0, f"the clock advanced by {amount!r}")
    world.key()


if __name__ == "__main__":
    run()
