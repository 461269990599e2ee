"""GenerateMac and VerifyMac, with Python's hmac and openssl on the other side."""

import hashlib
import hmac
import os

import peers
from harness import ABSENT, advance, equal, holds, members, refused, run, scenario
from wrapping import FOREVER, bring, parameters

KINDS = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
MESSAGES = (b"m", b"\0" * 64, bytes(range(256)) * 16)


def algorithm_of(spec):
    return spec.replace("HMAC_", "HMAC_SHA_")


def made(world, spec, **more):
    return world.key(KeySpec=spec, KeyUsage="GENERATE_VERIFY_MAC", **more)


@scenario
def the_specs_and_algorithms_are_those_of_the_model(world):
    shapes = world.kms().meta.service_model
    equal({spec for spec in shapes.shape_for("KeySpec").enum if spec.startswith("HMAC")}, set(KINDS))
    equal(set(shapes.shape_for("MacAlgorithmSpec").enum), {algorithm_of(spec) for spec in KINDS})


@scenario
def a_code_is_verified_for_its_message_only(world):
    kms = world.kms()
    for spec, length in KINDS.items():
        key, stranger, algorithm = made(world, spec), made(world, spec), algorithm_of(spec)
        equal((key["MacAlgorithms"], key["KeyUsage"]), ([algorithm], "GENERATE_VERIFY_MAC"))
        holds("CurrentKeyMaterialId" not in key, "key material has no identifier")
        given = dict(KeyId=key["KeyId"], MacAlgorithm=algorithm)
        for message in MESSAGES:
            answer = kms.generate_mac(Message=message, **given)
            members(answer, "Mac", "MacAlgorithm", "KeyId")
            equal((answer["KeyId"], answer["MacAlgorithm"], len(answer["Mac"])), (key["Arn"], algorithm, length))
            equal(kms.generate_mac(Message=message, **given)["Mac"], answer["Mac"])
            checked = kms.verify_mac(Message=message, Mac=answer["Mac"], **given)
            members(checked, "KeyId", "MacValid", "MacAlgorithm")
            equal((checked["KeyId"], checked["MacValid"]), (key["Arn"], True))
        good = kms.generate_mac(Message=b"m", **given)["Mac"]
        broken = [good[:-1], good[:4], good + b"\0", b"\0" * length, b"\xff" * 6144]
        broken += [good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :] for place in (0, length // 2, length - 1)]
        for code in broken:
            with refused("KMSInvalidMacException", ABSENT):
                kms.verify_mac(Message=b"m", Mac=code, **given)
        with refused("KMSInvalidMacException", ABSENT):
            kms.verify_mac(Message=b"n", Mac=good, **given)
        with refused("KMSInvalidMacException", ABSENT):
            kms.verify_mac(Message=b"m", Mac=good, KeyId=stranger["KeyId"], MacAlgorithm=algorithm)
        with refused("DryRunOperationException"):
            kms.verify_mac(Message=b"m", Mac=good, DryRun=True, **given)
        with refused("DryRunOperationException"):
            kms.generate_mac(Message=b"m", DryRun=True, **given)
        with refused("KMSInvalidMacException", ABSENT):
            kms.verify_mac(Message=b"m", Mac=good[:-1], DryRun=True, **given)
        for text in (b"", b"m" * 4097):
            with refused("ValidationException"):
                kms.generate_mac(Message=text, **given)
        with refused("ValidationException"):
            kms.verify_mac(Message=b"m", Mac=b"", **given)


@scenario
def a_key_has_one_algorithm_and_one_use(world):
    kms, key = world.kms(), made(world, "HMAC_384")
    for other in KINDS:
        if other == "HMAC_384":
            continue
        text = f"Algorithm {algorithm_of(other)} is incompatible with key spec HMAC_384."
        with refused("InvalidKeyUsageException", text):
            kms.generate_mac(KeyId=key["KeyId"], Message=b"m", MacAlgorithm=algorithm_of(other))
        with refused("InvalidKeyUsageException", text):
            kms.verify_mac(KeyId=key["KeyId"], Message=b"m", Mac=b"c", MacAlgorithm=algorithm_of(other))
    for call, name in ((kms.encrypt, "Encrypt"), (kms.generate_data_key, "GenerateDataKey")):
        text = f"{key['Arn']} key usage is GENERATE_VERIFY_MAC which is not valid for {name}."
        with refused("InvalidKeyUsageException", text):
            call(KeyId=key["KeyId"], **({"Plaintext": b"p"} if name == "Encrypt" else {"KeySpec": "AES_128"}))
    ordinary = world.key()
    for name, call in (("GenerateMac", kms.generate_mac), ("VerifyMac", lambda **m: kms.verify_mac(Mac=b"c", **m))):
        text = f"{ordinary['Arn']} key usage is ENCRYPT_DECRYPT which is not valid for {name}."
        with refused("InvalidKeyUsageException", text):
            call(KeyId=ordinary["KeyId"], Message=b"m", MacAlgorithm="HMAC_SHA_256")


@scenario
def codes_of_brought_keys_are_those_of_python_and_openssl(world):
    kms = world.kms()
    for spec, length in KINDS.items():
        name = "sha" + spec[5:]
        for count in {length, length + 1, 100, 128}:
            material = os.urandom(count)
            key = made(world, spec, Origin="EXTERNAL")
            answer = bring(kms, key["KeyId"], material)
            members(answer, "KeyId")
            given = dict(KeyId=key["KeyId"], MacAlgorithm=algorithm_of(spec))
            for message in MESSAGES:
                expected = hmac.new(material, message, getattr(hashlib, name)).digest()
                equal(kms.generate_mac(Message=message, **given)["Mac"], expected, f"{spec} with {count} bytes")
                _, theirs = peers.openssl(
                    "mac", "-digest", name, "-macopt", f"hexkey:{material.hex()}", "-binary", "-in", "message", "HMAC",
                    files={"message": message},
                )  # fmt: skip
                kms.verify_mac(Message=message, Mac=theirs, **given)
        for count in (1, length - 1, 129, 150):
            key = made(world, spec, Origin="EXTERNAL")
            with refused("InvalidCiphertextException", ABSENT):
                bring(kms, key["KeyId"], os.urandom(count))


@scenario
def a_brought_key_has_one_material_for_ever(world):
    kms = world.kms()
    key = made(world, "HMAC_256", Origin="EXTERNAL")
    material = os.urandom(32)
    for member, value in (
        ("importType", "NEW_KEY_MATERIAL"), ("keyMaterialId", "a" * 64), ("keyMaterialDescription", "first")
    ):  # fmt: skip
        name = member[0].upper() + member[1:]
        text = f"Input parameter {member} cannot be used with HMAC_256 imported keys."
        with refused("ValidationException", text):
            bring(kms, key["KeyId"], material, **FOREVER, **{name: value})
    bring(kms, key["KeyId"], material)
    bring(kms, key["KeyId"], material)
    with refused("IncorrectKeyMaterialException"):
        bring(kms, key["KeyId"], os.urandom(32))
    given = dict(KeyId=key["KeyId"], Message=b"m", MacAlgorithm="HMAC_SHA_256")
    code = kms.generate_mac(**given)["Mac"]
    members(kms.delete_imported_key_material(KeyId=key["KeyId"]), "KeyId")
    with refused("KMSInvalidStateException"):
        kms.generate_mac(**given)
    with refused("IncorrectKeyMaterialException"):
        bring(kms, key["KeyId"], os.urandom(32))
    bring(kms, key["KeyId"], material)
    kms.verify_mac(Mac=code, **given)
    with refused("ValidationException", "Input parameter keyMaterialId cannot be used with HMAC_256 imported keys."):
        kms.delete_imported_key_material(KeyId=key["KeyId"], KeyMaterialId="a" * 64)
    for algorithm in ("RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"):
        with refused("ValidationException"):
            parameters(kms, key["KeyId"], algorithm)


@scenario
def keys_that_do_not_encrypt_do_not_rotate(world):
    kms = world.kms()
    for key in (
        made(world, "HMAC_512"), world.key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT"),
        world.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY"),
    ):  # fmt: skip
        for call in (kms.enable_key_rotation, kms.rotate_key_on_demand):
            with refused("UnsupportedOperationException", ABSENT):
                call(KeyId=key["KeyId"])
        kms.disable_key_rotation(KeyId=key["KeyId"])
        equal(kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"], False)
        equal(kms.list_key_rotations(KeyId=key["KeyId"])["Rotations"], [])
        with refused("ValidationException"):
            kms.list_key_rotations(KeyId=key["KeyId"], IncludeKeyMaterial="ALL_KEY_MATERIAL")


@scenario
def related_keys_make_the_same_codes(world):
    kms, there = world.kms(), world.kms(region="eu-central-1")
    key = made(world, "HMAC_224", MultiRegion=True)
    kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="eu-central-1")
    advance(world, "1m")
    given = dict(KeyId=key["KeyId"], Message=b"m", MacAlgorithm="HMAC_SHA_224")
    equal(there.generate_mac(**given)["Mac"], kms.generate_mac(**given)["Mac"])


if __name__ == "__main__":
    run()
