"""Encrypt, Decrypt, ReEncrypt."""

import os

from harness import (
    ABSENT, FIRST, OTHER_REGION, equal, holds, key_arn, members, refused, run, scenario, shape_error,
)  # fmt: skip

DRY = "The request would have succeeded, but the DryRun option is set."
CONTEXT = {"purpose": "test", "größe": "\U0001f511", "": "empty name", "Purpose": "other case"}


@scenario
def what_was_encrypted_decrypts(world):
    kms, key = world.kms(), world.key()
    for size in (1, 15, 16, 17, 4095, 4096):
        for context in ({}, {"EncryptionContext": {}}, {"EncryptionContext": CONTEXT}):
            plaintext = os.urandom(size)
            encrypted = kms.encrypt(KeyId=key["KeyId"], Plaintext=plaintext, **context)
            members(encrypted, "CiphertextBlob", "KeyId", "EncryptionAlgorithm")
            equal((encrypted["KeyId"], encrypted["EncryptionAlgorithm"]), (key["Arn"], "SYMMETRIC_DEFAULT"))
            blob = encrypted["CiphertextBlob"]
            holds(len(blob) <= 6144, f"a ciphertext of {len(blob)} bytes cannot be sent back")
            holds(plaintext not in blob or size == 1, "the plaintext is in the ciphertext")
            decrypted = kms.decrypt(CiphertextBlob=blob, **context)
            members(decrypted, "KeyId", "Plaintext", "EncryptionAlgorithm", "KeyMaterialId")
            equal(decrypted["Plaintext"], plaintext)
            equal((decrypted["KeyId"], decrypted["EncryptionAlgorithm"]), (key["Arn"], "SYMMETRIC_DEFAULT"))
            equal(decrypted["KeyMaterialId"], key["CurrentKeyMaterialId"])


@scenario
def sizes_outside_the_model_are_refused(world):
    kms, key = world.kms(), world.key()
    text = "Value at 'plaintext' failed to satisfy constraint: Member must have length "
    with refused("ValidationException", shape_error(text + "less than or equal to 4096")):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x" * 4097)
    with refused("ValidationException", shape_error(text + "greater than or equal to 1")):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"")


@scenario
def encryption_is_randomised(world):
    kms, key = world.kms(), world.key()
    blobs = {kms.encrypt(KeyId=key["KeyId"], Plaintext=b"same")["CiphertextBlob"] for _ in range(20)}
    equal(len(blobs), 20, "different ciphertexts of one plaintext")


@scenario
def the_context_must_be_the_same(world):
    kms, key = world.kms(), world.key()
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"a": "1", "b": "2"})["CiphertextBlob"]
    equal(kms.decrypt(CiphertextBlob=blob, EncryptionContext={"b": "2", "a": "1"})["Plaintext"], b"x")
    wrong = [
        {}, {"a": "1"}, {"a": "1", "b": "3"}, {"a": "1", "B": "2"}, {"a": "1", "b": "2", "c": "3"},
        {"a": "2", "b": "1"}, {"a": "1", "b": "2 "}, {"ab": "12"}, {"a": "1b2", "": ""},
    ]  # fmt: skip
    for context in wrong:
        with refused("InvalidCiphertextException", ABSENT):
            kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
        with refused("InvalidCiphertextException", ABSENT):
            kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key["KeyId"], SourceEncryptionContext=context)
    with refused("InvalidCiphertextException", ABSENT):
        kms.decrypt(CiphertextBlob=blob)


@scenario
def no_byte_of_a_ciphertext_may_change(world):
    kms, key = world.kms(), world.key()
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"sixteen bytes ok")["CiphertextBlob"]
    changed = [blob[:i] + bytes([blob[i] ^ 1]) + blob[i + 1 :] for i in range(len(blob))]
    changed += [blob[:length] for length in range(1, len(blob), 7)]
    changed += [blob[:-1], blob + b"\0", b"\0" + blob, blob[::-1], b"\0", b"\xff" * 6144, os.urandom(184)]
    for broken in changed:
        for identifier in ({}, {"KeyId": key["KeyId"]}):
            # A changed key id in the header names another key, or one that does not exist.
            try:
                kms.decrypt(CiphertextBlob=broken, **identifier)
            except kms.exceptions.ClientError as error:
                code = error.response["Error"]["Code"]
                expected = {"InvalidCiphertextException"}
                expected |= {"IncorrectKeyException"} if identifier else {"AccessDeniedException"}
                holds(code in expected, f"{broken.hex()}: {error}")
            else:
                raise AssertionError(f"a changed ciphertext was decrypted: {broken.hex()}")
    aws = bytes.fromhex("0102020078") + os.urandom(179)
    with refused("InvalidCiphertextException", ABSENT):
        kms.decrypt(CiphertextBlob=aws)


@scenario
def the_wrong_key_is_told_apart_from_a_bad_ciphertext(world):
    kms, key, other = world.kms(), world.key(), world.key()
    kms.create_alias(AliasName="alias/wrong", TargetKeyId=other["KeyId"])
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    text = "The key ID in the request does not identify a CMK that can perform this operation."
    for identifier in (other["KeyId"], other["Arn"], "alias/wrong"):
        with refused("IncorrectKeyException", text):
            kms.decrypt(CiphertextBlob=blob, KeyId=identifier)
        with refused("IncorrectKeyException", text):
            kms.re_encrypt(CiphertextBlob=blob, SourceKeyId=identifier, DestinationKeyId=key["KeyId"])
    with refused("IncorrectKeyException", text):
        kms.decrypt(CiphertextBlob=blob, KeyId=other["KeyId"], EncryptionContext={"also": "wrong"})


@scenario
def re_encryption_moves_between_keys_and_contexts(world):
    kms, one, two = world.kms(), world.key(), world.key()
    blob = kms.encrypt(KeyId=one["KeyId"], Plaintext=b"x" * 4096, EncryptionContext={"a": "1"})["CiphertextBlob"]
    moved = kms.re_encrypt(
        CiphertextBlob=blob, SourceEncryptionContext={"a": "1"}, DestinationKeyId=two["KeyId"],
        DestinationEncryptionContext={"b": "2"},
    )  # fmt: skip
    members(
        moved, "CiphertextBlob", "SourceKeyId", "KeyId", "SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm",
        "SourceKeyMaterialId", "DestinationKeyMaterialId",
    )  # fmt: skip
    equal((moved["SourceKeyId"], moved["KeyId"]), (one["Arn"], two["Arn"]))
    equal(moved["SourceKeyMaterialId"], one["CurrentKeyMaterialId"])
    equal(moved["DestinationKeyMaterialId"], two["CurrentKeyMaterialId"])
    equal(moved["SourceEncryptionAlgorithm"], "SYMMETRIC_DEFAULT")
    equal(moved["DestinationEncryptionAlgorithm"], "SYMMETRIC_DEFAULT")
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"b": "2"}, KeyId=two["KeyId"])
    equal(opened["Plaintext"], b"x" * 4096)
    with refused("InvalidCiphertextException", ABSENT):
        kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"a": "1"})
    again = kms.re_encrypt(
        CiphertextBlob=moved["CiphertextBlob"], SourceEncryptionContext={"b": "2"}, DestinationKeyId=two["KeyId"]
    )
    equal(kms.decrypt(CiphertextBlob=again["CiphertextBlob"])["Plaintext"], b"x" * 4096)


@scenario
def other_algorithms_do_not_fit_a_symmetric_key(world):
    kms, key = world.kms(), world.key()
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionAlgorithm="SYMMETRIC_DEFAULT")["CiphertextBlob"]
    for algorithm in ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"):
        text = f"Algorithm {algorithm} is incompatible with key spec SYMMETRIC_DEFAULT."
        with refused("InvalidKeyUsageException", text):
            kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionAlgorithm=algorithm)
        with refused("InvalidKeyUsageException", text):
            kms.decrypt(KeyId=key["KeyId"], CiphertextBlob=blob, EncryptionAlgorithm=algorithm)
        with refused("InvalidKeyUsageException", text):
            kms.re_encrypt(
                CiphertextBlob=blob, DestinationKeyId=key["KeyId"], DestinationEncryptionAlgorithm=algorithm
            )
        with refused("ValidationException", "KeyId must not be null"):
            kms.decrypt(CiphertextBlob=blob, EncryptionAlgorithm=algorithm)


@scenario
def a_dry_run_never_succeeds_and_fails_like_the_real_thing(world):
    kms, key, other = world.kms(), world.key(), world.key()
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    dry = [
        lambda: kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", DryRun=True),
        lambda: kms.decrypt(CiphertextBlob=blob, DryRun=True),
        lambda: kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other["KeyId"], DryRun=True),
        lambda: kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_128", DryRun=True),
        lambda: kms.generate_data_key_without_plaintext(KeyId=key["KeyId"], KeySpec="AES_128", DryRun=True),
        lambda: kms.decrypt(KeyId=key["KeyId"], DryRun=True, DryRunModifiers=["IGNORE_CIPHERTEXT"]),
        lambda: kms.re_encrypt(
            SourceKeyId=key["KeyId"], DestinationKeyId=other["KeyId"], DryRun=True,
            DryRunModifiers=["IGNORE_CIPHERTEXT"],
        ),
    ]  # fmt: skip
    for attempt in dry:
        with refused("DryRunOperationException", DRY):
            attempt()
    with refused("InvalidCiphertextException", ABSENT):
        kms.decrypt(CiphertextBlob=blob[:-1], DryRun=True)
    with refused("InvalidCiphertextException", ABSENT):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"}, DryRun=True)
    with refused("IncorrectKeyException"):
        kms.decrypt(CiphertextBlob=blob, KeyId=other["KeyId"], DryRun=True)
    kms.disable_key(KeyId=key["KeyId"])
    with refused("DisabledException", f"{key['Arn']} is disabled."):
        kms.decrypt(KeyId=key["KeyId"], DryRun=True, DryRunModifiers=["IGNORE_CIPHERTEXT"])
    equal(kms.encrypt(KeyId=other["KeyId"], Plaintext=b"x", DryRun=False)["KeyId"], other["Arn"])


@scenario
def a_ciphertext_is_needed_unless_it_is_to_be_ignored(world):
    kms, key = world.kms(), world.key()
    with refused("ValidationException"):
        kms.decrypt(KeyId=key["KeyId"])
    with refused("ValidationException"):
        kms.decrypt(KeyId=key["KeyId"], DryRun=True)
    with refused("ValidationException"):
        kms.re_encrypt(DestinationKeyId=key["KeyId"])
    with refused("ValidationException"):
        kms.decrypt(DryRun=True, DryRunModifiers=["IGNORE_CIPHERTEXT"])
    with refused("ValidationException"):
        kms.decrypt(KeyId=key["KeyId"], DryRunModifiers=["IGNORE_CIPHERTEXT"])


@scenario
def other_regions_cannot_decrypt(world):
    kms, there = world.kms(), world.kms(region=OTHER_REGION)
    key, foreign = world.key(), world.key(region=OTHER_REGION)
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    with refused("AccessDeniedException"):
        there.decrypt(CiphertextBlob=blob)
    with refused("IncorrectKeyException"):
        there.decrypt(CiphertextBlob=blob, KeyId=foreign["KeyId"])
    with refused("NotFoundException", f"Key '{key_arn(key['KeyId'], FIRST, OTHER_REGION)}' does not exist"):
        there.encrypt(KeyId=key["KeyId"], Plaintext=b"x")


@scenario
def grant_tokens_must_be_tokens(world):
    kms, key = world.kms(), world.key()
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=[])["CiphertextBlob"]
    attempts = [
        lambda: kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=["nonsense"]),
        lambda: kms.decrypt(CiphertextBlob=blob, GrantTokens=["nonsense"]),
        lambda: kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key["KeyId"], GrantTokens=["nonsense"]),
        lambda: kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256", GrantTokens=["nonsense"]),
        lambda: kms.describe_key(KeyId=key["KeyId"], GrantTokens=["nonsense"]),
    ]
    for attempt in attempts[:4]:
        with refused("InvalidGrantTokenException"):
            attempt()
    # DescribeKey does not declare that error.
    equal(attempts[4]()["KeyMetadata"], key)


@scenario
def a_context_may_be_large(world):
    kms, key = world.kms(), world.key()
    context = {f"name {number}": "value " * 20 for number in range(60)}
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    reordered = dict(reversed(context.items()))
    equal(kms.decrypt(CiphertextBlob=blob, EncryptionContext=reordered)["Plaintext"], b"x")


@scenario
def a_recipient_is_never_ignored(world):
    kms, key = world.kms(), world.key()
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"no document"}
    with refused("ValidationException"):
        kms.decrypt(CiphertextBlob=blob, Recipient=recipient)
    with refused("ValidationException"):
        kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256", Recipient=recipient)
    with refused("ValidationException"):
        kms.generate_random(NumberOfBytes=8, Recipient=recipient)


if __name__ == "__main__":
    run()
