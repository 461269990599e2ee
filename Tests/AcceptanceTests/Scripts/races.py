"""Many clients at once: every limit and every name holds, and nobody gets an answer that AWS would not give."""

import concurrent.futures
import threading

import botocore.exceptions

from harness import advance, equal, holds, run, scenario
from raw import Wire

CLIENTS = 8


def together(calls):
    """Makes the calls at the same moment; answers with the outcome of each: an answer, or an error code."""
    barrier = threading.Barrier(min(CLIENTS, len(calls)))

    def one(call):
        try:
            barrier.wait(timeout=5)
        except threading.BrokenBarrierError:
            pass  # the last few, fewer than a barrier's worth
        try:
            return call()
        except botocore.exceptions.ClientError as error:
            holds(error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, f"{error.response}")
            return error.response["Error"]["Code"]

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(one, calls))


def expect(outcomes, successes, code):
    """So many calls succeeded, and all others were refused with this code."""
    others = {outcome for outcome in outcomes if isinstance(outcome, str)}
    holds(others <= {code}, f"refused with {others}")
    equal(sum(not isinstance(outcome, str) for outcome in outcomes), successes, "calls that succeeded")


@scenario
def one_of_many_gets_the_name(world):
    kms = world.kms()
    keys = [world.key()["KeyId"] for _ in range(CLIENTS)]
    for number in range(10):
        name = f"alias/race/{number}"
        outcomes = together([lambda key=key: kms.create_alias(AliasName=name, TargetKeyId=key) for key in keys])
        expect(outcomes, 1, "AlreadyExistsException")
        winner = next(index for index, outcome in enumerate(outcomes) if not isinstance(outcome, str))
        equal(kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"], keys[winner])


@scenario
def the_key_of_a_service_is_made_once_for_all_who_ask_first(world):
    for service in ("acm", "backup", "dynamodb", "ebs", "glue", "kinesis", "lambda", "rds", "redshift", "s3", "sns", "xray"):
        name = f"alias/aws/{service}"
        calls = [lambda: world.kms().describe_key(KeyId=name)["KeyMetadata"]["KeyId"] for _ in range(CLIENTS)]
        outcomes = together(calls)
        equal(set(outcomes), {world.kms().describe_key(KeyId=name)["KeyMetadata"]["KeyId"]}, f"the key behind {name}")


@scenario
def limits_hold(world):
    kms = world.kms()
    for round_number in range(4):
        key = world.key()["KeyId"]
        calls = [lambda n=n: kms.tag_resource(KeyId=key, Tags=[{"TagKey": f"t{n}", "TagValue": ""}]) for n in range(64)]
        expect(together(calls), 50, "TagException")
        equal(len(kms.list_resource_tags(KeyId=key)["Tags"]), 50)
        name = f"alias/limit/{round_number}"
        calls = [lambda n=n: kms.create_alias(AliasName=f"{name}/{n}", TargetKeyId=key) for n in range(64)]
        expect(together(calls), 50, "LimitExceededException")
        equal(len(kms.list_aliases(KeyId=key, Limit=100)["Aliases"]), 50)


@scenario
def a_deletion_is_scheduled_once(world):
    kms = world.kms()
    for _ in range(5):
        key = world.key()["KeyId"]
        outcomes = together([lambda: kms.schedule_key_deletion(KeyId=key)] * CLIENTS)
        expect(outcomes, 1, "KMSInvalidStateException")
        outcomes = together([lambda: kms.cancel_key_deletion(KeyId=key)] * CLIENTS)
        expect(outcomes, 1, "KMSInvalidStateException")


@scenario
def what_is_acknowledged_is_seen_by_everybody_at_once(world):
    kms, key = world.kms(), world.key()["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    stop = threading.Event()
    stray = []

    def busy():
        while not stop.is_set():
            try:
                equal(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
            except botocore.exceptions.ClientError as error:
                if error.response["Error"]["Code"] != "DisabledException":
                    stray.append(error)

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        workers = [pool.submit(busy) for _ in range(3)]
        try:
            for _ in range(50):
                kms.disable_key(KeyId=key)
                try:
                    kms.decrypt(CiphertextBlob=blob)
                    raise AssertionError("a key was used after it was disabled")
                except kms.exceptions.DisabledException:
                    pass
                kms.enable_key(KeyId=key)
                equal(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
        finally:
            stop.set()
        for worker in workers:
            worker.result()
    equal(stray, [])


@scenario
def changes_of_one_key_do_not_undo_each_other(world):
    kms, key = world.kms(), world.key(Tags=[{"TagKey": "kept", "TagValue": "1"}])["KeyId"]
    changes = [
        lambda: kms.update_key_description(KeyId=key, Description="changed"),
        lambda: kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=100),
        lambda: kms.tag_resource(KeyId=key, Tags=[{"TagKey": "added", "TagValue": "2"}]),
        lambda: kms.create_alias(AliasName="alias/undone", TargetKeyId=key),
    ]
    expect(together(changes), len(changes), None)
    equal(kms.describe_key(KeyId="alias/undone")["KeyMetadata"]["Description"], "changed")
    equal(kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"], 100)
    equal([tag["TagKey"] for tag in kms.list_resource_tags(KeyId=key)["Tags"]], ["kept", "added"])


@scenario
def a_hot_key_gets_every_change_that_comes_at_once(world):
    key = world.key()["KeyId"]

    def change(number):
        wire = Wire(world.endpoint, timeout=60)
        try:
            body = {"KeyId": key, "Tags": [{"TagKey": f"t{number % 40}", "TagValue": str(number)}]}
            return wire.call("TagResource", body).status
        finally:
            wire.close()

    with concurrent.futures.ThreadPoolExecutor(300) as pool:
        equal(set(pool.map(change, range(300))), {200}, "the answers")
    equal(len(world.kms().list_resource_tags(KeyId=key)["Tags"]), 40)


@scenario
def a_busy_key_rotates_when_it_is_due(world):
    kms, key = world.kms(), world.key()["KeyId"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    stop = threading.Event()

    def change(writer):
        number = 0
        while not stop.is_set():
            kms.update_key_description(KeyId=key, Description=f"{writer} {number}")
            number += 1

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        writers = [pool.submit(change, writer) for writer in range(CLIENTS)]
        try:
            advance(world, "91d")
            equal(len(kms.list_key_rotations(KeyId=key)["Rotations"]), 1, "rotations")
        finally:
            stop.set()
        for writer in writers:
            writer.result()


@scenario
def a_hot_key_gets_every_change_of_every_client(world):
    key, kms = world.key()["KeyId"], world.kms()

    def change(writer):
        for number in range(25):
            kms.update_key_description(KeyId=key, Description=f"{writer}-{number}")

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(change, writer) for writer in range(CLIENTS)]:
            done.result()
    holds(world.kms().describe_key(KeyId=key)["KeyMetadata"]["Description"].endswith("-24"), "the last change")


if __name__ == "__main__":
    run()
