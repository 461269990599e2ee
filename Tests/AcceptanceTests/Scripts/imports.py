"""Key material that the customer makes, wraps with openssl, and brings."""

import base64
import collections
import concurrent.futures
import contextlib
import datetime
import json
import os
import time

import boto3
import botocore.config
import botocore.exceptions

from harness import (
    ABSENT, FIRST, REGION, SECOND, World, advance, equal, holds, members, refused, run, scenario,
)  # fmt: skip
from raw import Wire
from server import Server
from wrapping import FOREVER, bring, parameters, wrap

ALGORITHMS = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
SPECS = ("RSA_2048", "RSA_3072", "RSA_4096")


def external(world, **more):
    key = world.key(Origin="EXTERNAL", **more)
    equal(key["KeyState"], "PendingImport", "the state of a key without material")
    return key["KeyId"], key["Arn"]


def metadata(world, key):
    return world.kms().describe_key(KeyId=key)["KeyMetadata"]


def now(world):
    """The server's time, from a date in one of its answers."""
    return world.key(Description="what time is it")["CreationDate"]


def materials(world, key, **more):
    listing = world.kms().list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL", **more)
    return listing["Rotations"]


@scenario
def every_wrapping_of_symmetric_material_is_accepted(world):
    kms = world.kms()
    for algorithm in ALGORITHMS:
        for spec in SPECS:
            key, arn = external(world)
            given = parameters(kms, key, algorithm, spec)
            members(given, "KeyId", "ImportToken", "PublicKey", "ParametersValidTo")
            equal(given["KeyId"], arn)
            off = given["ParametersValidTo"] - now(world) - datetime.timedelta(hours=24)
            holds(abs(off.total_seconds()) < 60, f"the parameters are valid for 24 hours, off by {off}")
            answer = kms.import_key_material(
                KeyId=key, ImportToken=given["ImportToken"],
                EncryptedKeyMaterial=wrap(os.urandom(32), given["PublicKey"], algorithm), **FOREVER,
            )  # fmt: skip
            members(answer, "KeyId", "KeyMaterialId")
            known = metadata(world, key)
            equal((known["KeyState"], known["ExpirationModel"]), ("Enabled", FOREVER["ExpirationModel"]))
            equal(known["CurrentKeyMaterialId"], answer["KeyMaterialId"], "the current material")
            holds("ValidTo" not in known, "material that does not expire has no end")
            sealed = kms.encrypt(KeyId=key, Plaintext=b"brought")["CiphertextBlob"]
            opened = kms.decrypt(CiphertextBlob=sealed)
            equal((opened["Plaintext"], opened["KeyMaterialId"]), (b"brought", answer["KeyMaterialId"]))


@scenario
def parameters_are_for_imported_keys_and_their_wrappings(world):
    kms = world.kms()
    key, _ = external(world)
    for algorithm in ("RSA_AES_KEY_WRAP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSAES_PKCS1_V1_5", "SM2PKE"):
        sentence = f"Wrapping algorithm {algorithm} and wrapping key spec RSA_2048 cannot be used to import a "
        with refused("ValidationException", sentence + "SYMMETRIC_DEFAULT key."):
            parameters(kms, key, algorithm)
    own = world.key()
    sentence = f"{own['Arn']} origin is AWS_KMS which is not valid for this operation."
    with refused("UnsupportedOperationException", sentence):
        parameters(kms, own["KeyId"])
    with refused("UnsupportedOperationException", sentence):
        kms.import_key_material(KeyId=own["KeyId"], ImportToken=b"t", EncryptedKeyMaterial=b"m", **FOREVER)
    with refused("UnsupportedOperationException", sentence):
        kms.delete_imported_key_material(KeyId=own["KeyId"])


@scenario
def a_token_belongs_to_one_key_and_may_be_used_again(world):
    kms = world.kms()
    (key, _), (other, _) = external(world), external(world)
    material = os.urandom(32)
    first, second = parameters(kms, key), parameters(kms, key)
    for given in (second, first, first):
        bring(kms, key, material, given)
    foreign = parameters(kms, other)
    with refused("InvalidImportTokenException", ABSENT):
        bring(kms, key, material, foreign)
    for place in (0, 5, len(first["ImportToken"]) // 2, -1):
        token = bytearray(first["ImportToken"])
        token[place] ^= 1
        with refused("InvalidImportTokenException", ABSENT):
            bring(kms, key, material, {**first, "ImportToken": bytes(token)})
    with refused("InvalidCiphertextException", ABSENT):
        bring(kms, key, material, {**first, "PublicKey": second["PublicKey"]})
    for length in (1, 16, 31, 33, 64):
        with refused("InvalidCiphertextException", ABSENT):
            bring(kms, key, os.urandom(length), first)
    wrapped = wrap(material, first["PublicKey"])
    for broken in (wrapped[:-1], wrapped[1:], wrapped + b"\0", b"\0" * 256, wrapped[:100], b"\xff" * 6144):
        with refused("InvalidCiphertextException", ABSENT):
            kms.import_key_material(
                KeyId=key, ImportToken=first["ImportToken"], EncryptedKeyMaterial=broken, **FOREVER)  # fmt: skip
    advance(world, "23h")
    bring(kms, key, material, first)
    advance(world, "2h")
    with refused("ExpiredImportTokenException"):
        bring(kms, key, material, first)


@scenario
def material_expires_when_its_terms_say_so(world):
    kms = world.kms()
    key, arn = external(world)
    material, time = os.urandom(32), now(world)
    missing = "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"
    superfluous = "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE"
    given = parameters(kms, key)
    for terms, sentence in (
        ({"ExpirationModel": "KEY_MATERIAL_EXPIRES"}, missing),
        ({**FOREVER, "ValidTo": time + datetime.timedelta(days=1)}, superfluous),
        ({"ValidTo": time - datetime.timedelta(days=1)}, "ValidTo must be in the future"),
        ({"ValidTo": time + datetime.timedelta(days=366)}, "ValidTo must be less than 365 days in the future"),
    ):
        with refused("ValidationException", sentence):
            bring(kms, key, material, given, **terms)
    end = time.replace(microsecond=0) + datetime.timedelta(days=10)
    identifier = bring(kms, key, material, given, ValidTo=end)["KeyMaterialId"]
    known = metadata(world, key)
    equal((known["ExpirationModel"], known["ValidTo"]), ("KEY_MATERIAL_EXPIRES", end))
    sealed = kms.encrypt(KeyId=key, Plaintext=b"until then")["CiphertextBlob"]
    advance(world, "9d")
    equal(kms.decrypt(CiphertextBlob=sealed)["Plaintext"], b"until then")
    advance(world, "2d")
    known = metadata(world, key)
    equal((known["KeyState"], known["Enabled"]), ("PendingImport", False))
    holds("ExpirationModel" not in known and "ValidTo" not in known, f"nothing is told of material that is gone: {known}")
    equal(known["CurrentKeyMaterialId"], identifier, "the identifier stays")
    with refused("KMSInvalidStateException", f"{arn} is pending import."):
        kms.decrypt(CiphertextBlob=sealed)
    (entry,) = materials(world, key)
    equal((entry["ImportState"], entry["KeyMaterialState"]), ("PENDING_IMPORT", "CURRENT"))
    holds("ExpirationModel" not in entry and "ValidTo" not in entry, f"nor in the list: {entry}")
    unexpected = f"Imported key material does not have the expected identifier ({identifier})."
    with refused("IncorrectKeyMaterialException", unexpected):
        bring(kms, key, os.urandom(32))
    equal(bring(kms, key, material)["KeyMaterialId"], identifier, "the same bytes have the same identifier")
    equal(kms.decrypt(CiphertextBlob=sealed)["Plaintext"], b"until then")


@scenario
def material_past_its_end_is_not_used_while_other_work_is_due(world):
    kms = world.kms()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for key in pool.map(lambda _: world.key()["KeyId"], range(150)):
            kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    key, arn = external(world)
    end = now(world).replace(microsecond=0) + datetime.timedelta(days=364)
    bring(kms, key, os.urandom(32), ValidTo=end)
    kms.encrypt(KeyId=key, Plaintext=b"x")
    late = 0
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        moving = pool.submit(advance, world, "400d")
        while not moving.done():
            if now(world) <= end:
                continue
            late += 1
            with refused("KMSInvalidStateException", f"{arn} is pending import."):
                kms.encrypt(KeyId=key, Plaintext=b"x")
            equal(metadata(world, key)["KeyState"], "PendingImport")
        moving.result()
    holds(late > 0, "it was asked for while other keys were rotated")
    for each in kms.get_paginator("list_keys").paginate():
        for entry in each["Keys"]:
            with contextlib.suppress(botocore.exceptions.ClientError):
                kms.disable_key_rotation(KeyId=entry["KeyId"])


@scenario
def material_can_be_deleted_and_brought_again(world):
    kms = world.kms()
    key, arn = external(world)
    members(kms.delete_imported_key_material(KeyId=key), "KeyId")
    material = os.urandom(32)
    identifier = bring(kms, key, material)["KeyMaterialId"]
    with refused("ValidationException", f"Key material (id: {'0' * 64}) has never been imported into KMS key {arn}."):
        kms.delete_imported_key_material(KeyId=key, KeyMaterialId="0" * 64)
    for _ in range(2):
        answer = kms.delete_imported_key_material(KeyId=key)
        members(answer, "KeyId", "KeyMaterialId")
        equal(answer["KeyMaterialId"], identifier)
        equal(metadata(world, key)["KeyState"], "PendingImport")
    bring(kms, key, material)
    kms.disable_key(KeyId=key)
    bring(kms, key, material)
    equal(metadata(world, key)["KeyState"], "Enabled", "the state after an import into a disabled key")
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    kms.delete_imported_key_material(KeyId=key)
    equal(metadata(world, key)["KeyState"], "PendingDeletion", "the state stays while the key waits for its end")
    kms.cancel_key_deletion(KeyId=key)
    equal(metadata(world, key)["KeyState"], "PendingImport", "the state of a saved key without material")


@scenario
def a_rotation_takes_the_material_that_was_brought_for_it(world):
    kms = world.kms()
    key, arn = external(world)
    old, new = os.urandom(32), os.urandom(32)
    with refused("KMSInvalidStateException", f"{arn} is pending import."):
        kms.rotate_key_on_demand(KeyId=key)
    first = bring(kms, key, old, KeyMaterialDescription="the first")["KeyMaterialId"]
    with refused("KMSInvalidStateException", f"No available key material pending rotation for the key: {arn}."):
        kms.rotate_key_on_demand(KeyId=key)
    sealed = kms.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
    bound = f"Key material (id: {first}) being imported as NEW_KEY_MATERIAL is already associated with KMS key {arn}."
    with refused("IncorrectKeyMaterialException", bound):
        bring(kms, key, old, ImportType="NEW_KEY_MATERIAL")
    with refused("ValidationException", "Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType."):
        bring(kms, key, new, ImportType="NEW_KEY_MATERIAL", KeyMaterialId=first)
    end = now(world).replace(microsecond=0) + datetime.timedelta(days=30)
    second = bring(kms, key, new, ImportType="NEW_KEY_MATERIAL", ValidTo=end)["KeyMaterialId"]
    pending = (
        f"New key material (id: {{}}) cannot be imported into KMS key {arn}, because another key material "
        f"(id: {second}) is pending rotation."
    )
    try:
        bring(kms, key, os.urandom(32), ImportType="NEW_KEY_MATERIAL")
        raise AssertionError("a second pending material was taken")
    except kms.exceptions.KMSInvalidStateException as error:
        message = error.response["Error"]["Message"]
        holds(message.startswith(pending.split("{}")[0]) and message.endswith(pending.split("{}")[1]), message)
    equal(kms.decrypt(CiphertextBlob=kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"])["KeyMaterialId"], first)
    equal(metadata(world, key)["CurrentKeyMaterialId"], first, "pending material is not in use")
    equal([m["KeyMaterialState"] for m in materials(world, key)], ["CURRENT", "PENDING_ROTATION"])
    equal(kms.list_key_rotations(KeyId=key)["Rotations"], [], "nothing was rotated yet")
    equal(kms.rotate_key_on_demand(KeyId=key)["KeyId"], arn)
    before, after = materials(world, key)
    equal((before["KeyMaterialId"], before["KeyMaterialDescription"]), (first, "the first"))
    equal((before["KeyMaterialState"], after["KeyMaterialState"]), ("NON_CURRENT", "CURRENT"))
    equal((after["KeyMaterialId"], after["RotationType"], after["ValidTo"]), (second, "ON_DEMAND", end))
    equal((before["ExpirationModel"], after["ExpirationModel"]), (FOREVER["ExpirationModel"], "KEY_MATERIAL_EXPIRES"))
    page = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL", Limit=1)
    rest = kms.list_key_rotations(
        KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL", Limit=1, Marker=page["NextMarker"])  # fmt: skip
    equal(page["Rotations"] + rest["Rotations"], [before, after], "the pages")
    equal((page["Truncated"], rest["Truncated"]), (True, False))
    equal(kms.decrypt(CiphertextBlob=sealed)["Plaintext"], b"old")
    # All of its material has to be there, whichever is asked for.
    kms.delete_imported_key_material(KeyId=key, KeyMaterialId=first)
    with refused("KMSInvalidStateException", f"{arn} is pending import."):
        kms.encrypt(KeyId=key, Plaintext=b"new")
    bring(kms, key, old, KeyMaterialId=first)
    equal(materials(world, key)[0]["KeyMaterialDescription"], "the first", "a description that is left out is kept")
    equal(kms.decrypt(CiphertextBlob=sealed)["KeyMaterialId"], first)


@scenario
def pending_material_can_vanish_or_expire(world):
    kms = world.kms()
    key, _ = external(world)
    first = bring(kms, key, os.urandom(32))["KeyMaterialId"]
    unwanted = bring(kms, key, os.urandom(32), ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]
    kms.delete_imported_key_material(KeyId=key, KeyMaterialId=unwanted)
    equal([m["KeyMaterialId"] for m in materials(world, key)], [first])
    equal(metadata(world, key)["KeyState"], "Enabled", "pending material is not missed")
    end = now(world) + datetime.timedelta(days=1)
    late = os.urandom(32)
    second = bring(kms, key, late, ImportType="NEW_KEY_MATERIAL", ValidTo=end)["KeyMaterialId"]
    advance(world, "2d")
    equal(metadata(world, key)["KeyState"], "Enabled", "pending material that expired is not missed")
    equal([m["ImportState"] for m in materials(world, key)], ["IMPORTED", "PENDING_IMPORT"])
    kms.rotate_key_on_demand(KeyId=key)
    known = metadata(world, key)
    equal((known["KeyState"], known["CurrentKeyMaterialId"]), ("PendingImport", second))
    bring(kms, key, late)
    equal(metadata(world, key)["KeyState"], "Enabled")


@scenario
def imported_keys_do_not_rotate_by_themselves(world):
    kms = world.kms()
    key, arn = external(world)
    sentence = f"{arn} origin is EXTERNAL which is not valid for this operation."
    for _ in range(2):
        with refused("UnsupportedOperationException", sentence):
            kms.enable_key_rotation(KeyId=key)
        with refused("UnsupportedOperationException", sentence):
            kms.disable_key_rotation(KeyId=key)
        equal(kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"], False)
        bring(kms, key, b"\x07" * 32)


@scenario
def what_was_brought_is_told_without_what_is_secret(world):
    kms = world.kms()
    key, arn = external(world)
    material = os.urandom(32)
    end = now(world).replace(microsecond=0) + datetime.timedelta(days=3)
    identifier = bring(kms, key, material, KeyMaterialDescription="from the vault", ValidTo=end)["KeyMaterialId"]
    lines = [json.loads(line) for path in (world.data / "audit").iterdir() for line in path.read_text().splitlines()]
    (record,) = [line for line in lines if line["eventName"] == "ImportKeyMaterial" and arn in json.dumps(line)]
    clock = f"{end:%I:%M:%S %p}".removeprefix("0")
    equal(record["requestParameters"]["validTo"], f"{end:%b} {end.day}, {end.year}, {clock}", "the end")
    equal(record["responseElements"], {"keyId": arn, "keyMaterialId": identifier})
    for seconds in (1e300, -1e300, 1e18, 253402300800, -1):
        body = {"KeyId": key, "ImportToken": "AAAA", "EncryptedKeyMaterial": "AAAA", "ValidTo": seconds}
        equal(Wire(world.endpoint).call("ImportKeyMaterial", body).code, "ValidationException", f"ValidTo {seconds}")
    text = "".join(path.read_text() for path in (world.data / "audit").iterdir())
    holds('"eventName":"ImportKeyMaterial"' in text and "from the vault" in text, "the import is recorded")
    holds("importToken" not in text and "encryptedKeyMaterial" not in text, "neither token nor material is recorded")
    holds(base64.b64encode(material).decode() not in text, "the material is not recorded")
    for path in world.data.rglob("*"):
        holds(not path.is_file() or material not in path.read_bytes(), f"{path.name} shows the material")


@scenario
def wrapping_keys_never_pile_up(world):
    key, _ = external(world)
    own, kms = world.key()["KeyId"], crowd(world)

    def attempt(_):
        try:
            parameters(kms, key)
            return "made"
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Code"]

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        running = [pool.submit(attempt, number) for number in range(100)]
        start = time.monotonic()
        world.kms().encrypt(KeyId=own, Plaintext=b"x")
        waited = time.monotonic() - start
        outcomes = collections.Counter(each.result() for each in running)
    equal(set(outcomes), {"made", "ThrottlingException"}, f"the outcomes {outcomes}")
    holds(outcomes["made"] >= 16, f"as many are made as may wait: {outcomes}")
    holds(waited < 3, f"encryption waited {waited} s for them")


@scenario
def one_account_s_parameters_do_not_hold_up_another_s_import(world):
    accounts = world.directory / "credentials.json"
    server = Server(
        "dev", "--listen", "127.0.0.1:0", "--data-dir", str(world.directory / "busy"), "--credentials", str(accounts))  # fmt: skip
    busy = World(server.start(), world.directory)
    key = busy.key(account=SECOND, Origin="EXTERNAL")["KeyId"]
    given = parameters(busy.kms(SECOND), key, "RSAES_OAEP_SHA_256", "RSA_2048")
    material = wrap(os.urandom(32), given["PublicKey"], "RSAES_OAEP_SHA_256")
    theirs, _ = external(busy)
    # Counted are the others' calls, and not seconds, of which a busy machine takes many for one RSA key.
    with burst(busy, theirs) as asked:
        before = ended(asked)
        busy.kms(SECOND).import_key_material(
            KeyId=key, ImportToken=given["ImportToken"], EncryptedKeyMaterial=material, **FOREVER
        )
        count = ended(asked) - before
        holds(count <= 1, f"the import waited for {count} of the others' wrapping keys")
        before = ended(asked)
        parameters(busy.kms(SECOND), key, "RSAES_OAEP_SHA_256", "RSA_2048")
        count = ended(asked) - before
        # One was being made when the turn was asked for, and of one before it the end may be told late.
        holds(count <= 2, f"the other account's turn came after {count} of the others'")
        holds(ended(asked) <= 8, "the others still wait")
        # Nobody needs what the others asked for.
        server.kill()
    server.forget_log()


@scenario
def a_server_that_is_asked_to_end_leaves_what_waits_undone(world):
    server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(world.directory / "ending"))
    other = World(server.start(), world.directory)
    key, _ = external(other)
    with burst(other, key) as outcomes:
        # Longer than usual: the key that is being made is brought to its end, and whoever else computes comes first.
        server.stop(patience=60)
    server.forget_log()
    seen = collections.Counter(each.result() for each in outcomes)
    holds(seen["DependencyTimeoutException"] >= 8, f"those that waited were told to come again: {seen}")


@contextlib.contextmanager
def burst(world, key, count=16):
    """So many calls for the slowest parameters at once, some of which are still waiting when the block begins."""
    kms = crowd(world)

    def attempt(_):
        try:
            parameters(kms, key, "RSAES_OAEP_SHA_256", "RSA_4096")
            return "made"
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Code"]

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        running = [pool.submit(attempt, number) for number in range(count)]
        time.sleep(0.3)
        yield running


def ended(asked):
    """How many of these calls are over."""
    return sum(each.done() for each in asked)


def crowd(world):
    """A client that asks a hundred things at a time, each once."""
    config = botocore.config.Config(max_pool_connections=100, retries={"total_max_attempts": 1}, read_timeout=60)
    return boto3.client(
        "kms", endpoint_url=world.endpoint, region_name=REGION, aws_access_key_id=FIRST.access_key_id,
        aws_secret_access_key=FIRST.secret_access_key, config=config,
    )  # fmt: skip


if __name__ == "__main__":
    run()
