"""Encrypt, Decrypt and ReEncrypt under RSA and SM2 keys, with openssl and Python's cryptography on the other side."""

import functools

import peers
from harness import ABSENT, equal, holds, members, refused, run, scenario
from wrapping import bring_pair

CHINA = "cn-north-1"
# The longest plaintext of each algorithm (RFC 8017, section 7.1.1; for SM2 what AWS admits).
LIMITS = {
    ("RSA_2048", "RSAES_OAEP_SHA_1"): 214, ("RSA_2048", "RSAES_OAEP_SHA_256"): 190,
    ("RSA_3072", "RSAES_OAEP_SHA_1"): 342, ("RSA_3072", "RSAES_OAEP_SHA_256"): 318,
    ("RSA_4096", "RSAES_OAEP_SHA_1"): 470, ("RSA_4096", "RSAES_OAEP_SHA_256"): 446, ("SM2", "SM2PKE"): 1024,
}  # fmt: skip
SPECS = sorted({spec for spec, _ in LIMITS})
NO_CONTEXT = "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs."


def region_of(spec):
    return CHINA if spec == "SM2" else "us-east-1"


@functools.cache
def made(world, spec, number=1):
    """A client and the key of this spec and number that all scenarios share: none changes it, and RSA takes long."""
    kms = world.kms(region=region_of(spec))
    return kms, kms.create_key(KeySpec=spec, KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]


@functools.cache
def brought(world, spec):
    """A key of this spec with the private key that peers have too; its metadata."""
    return bring_pair(world, spec, "ENCRYPT_DECRYPT", peers.private_key(spec), region_of(spec))


@scenario
def the_algorithms_are_those_of_the_model(world):
    algorithms = set(world.kms().meta.service_model.shape_for("EncryptionAlgorithmSpec").enum)
    equal({algorithm for _, algorithm in LIMITS} | {"SYMMETRIC_DEFAULT"}, algorithms)


@scenario
def plaintexts_of_every_length_come_back(world):
    for (spec, algorithm), limit in LIMITS.items():
        kms, key = made(world, spec)
        equal(key["EncryptionAlgorithms"], [name for of, name in LIMITS if of == spec])
        given = dict(KeyId=key["KeyId"], EncryptionAlgorithm=algorithm)
        for length in (1, 2, 100, limit):
            text = bytes(range(256))[:1] * length
            answer = kms.encrypt(Plaintext=text, **given)
            members(answer, "CiphertextBlob", "KeyId", "EncryptionAlgorithm")
            equal((answer["KeyId"], answer["EncryptionAlgorithm"]), (key["Arn"], algorithm))
            if spec != "SM2":
                equal(len(answer["CiphertextBlob"]), int(spec[4:]) // 8)
            opened = kms.decrypt(CiphertextBlob=answer["CiphertextBlob"], **given)
            members(opened, "KeyId", "Plaintext", "EncryptionAlgorithm")
            equal((opened["KeyId"], opened["Plaintext"]), (key["Arn"], text))
            holds(kms.encrypt(Plaintext=text, **given)["CiphertextBlob"] != answer["CiphertextBlob"], "it is randomised")
        text = f"Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {limit} bytes."
        for length in (limit + 1, 4096):
            with refused("ValidationException", text):
                kms.encrypt(Plaintext=b"p" * length, **given)
        with refused("ValidationException"):
            kms.encrypt(Plaintext=b"p" * 4097, **given)


@scenario
def ciphertext_goes_both_ways_between_the_server_and_its_peers(world):
    for (spec, algorithm), limit in LIMITS.items():
        private, key = peers.private_key(spec), brought(world, spec)
        kms = world.kms(region=region_of(spec))
        public = kms.get_public_key(KeyId=key["KeyId"])["PublicKey"]
        equal(public, peers.public_half(private), "the public half of a brought key")
        given = dict(KeyId=key["KeyId"], EncryptionAlgorithm=algorithm)
        for text in (b"p", b"\0" * 16, b"q" * limit):
            sealed = [peers.openssl_encrypts(public, algorithm, text)]
            if spec != "SM2":
                sealed.append(peers.python_encrypts(public, algorithm, text))
            for ciphertext in sealed:
                equal(kms.decrypt(CiphertextBlob=ciphertext, **given)["Plaintext"], text)
            ours = kms.encrypt(Plaintext=text, **given)["CiphertextBlob"]
            equal(peers.openssl_decrypts(private, algorithm, ours), text, "what openssl opens")
            if spec != "SM2":
                equal(peers.python_decrypts(private, algorithm, ours), text, "what Python opens")


@scenario
def what_is_no_ciphertext_of_the_key_is_refused(world):
    for (spec, algorithm), _ in LIMITS.items():
        kms, key = made(world, spec)
        _, stranger = made(world, spec, number=2)
        given = dict(KeyId=key["KeyId"], EncryptionAlgorithm=algorithm)
        good = kms.encrypt(Plaintext=b"secret", **given)["CiphertextBlob"]
        broken = [good[:-1], good + b"\0", b"\0" + good, b"\0", b"\0" * len(good), b"\xff" * len(good), b"\xff" * 6144]
        for place in (0, 1, len(good) // 2, len(good) - 1):
            broken.append(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        for ciphertext in broken:
            with refused("InvalidCiphertextException", ABSENT):
                kms.decrypt(CiphertextBlob=ciphertext, **given)
        with refused("InvalidCiphertextException", ABSENT):
            kms.decrypt(CiphertextBlob=good, KeyId=stranger["KeyId"], EncryptionAlgorithm=algorithm)
        for of, another in LIMITS:
            if of == spec and another != algorithm:
                with refused("InvalidCiphertextException", ABSENT):
                    kms.decrypt(CiphertextBlob=good, KeyId=key["KeyId"], EncryptionAlgorithm=another)


@scenario
def a_ciphertext_without_its_leading_zero_is_none(world):
    """As long as the modulus it must be (RFC 8017, section 7.1.2), also where the number would be the same."""
    kms, key = made(world, "RSA_2048")
    public = kms.get_public_key(KeyId=key["KeyId"])["PublicKey"]
    for algorithm in ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"):
        sealed = next(
            one for one in (peers.python_encrypts(public, algorithm, b"short") for _ in range(20_000)) if one[0] == 0)  # fmt: skip
        given = dict(KeyId=key["KeyId"], EncryptionAlgorithm=algorithm)
        equal(kms.decrypt(CiphertextBlob=sealed, **given)["Plaintext"], b"short")
        with refused("InvalidCiphertextException", ABSENT):
            kms.decrypt(CiphertextBlob=sealed[1:], **given)


@scenario
def an_empty_plaintext_that_others_encrypted(world):
    """Nobody encrypts nothing here, but RSA can, and SM2 cannot take it over."""
    kms, key = made(world, "SM2")
    rsa = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]
    public = kms.get_public_key(KeyId=rsa["KeyId"])["PublicKey"]
    sealed = peers.python_encrypts(public, "RSAES_OAEP_SHA_256", b"")
    with refused("InvalidCiphertextException", ABSENT):
        kms.re_encrypt(
            CiphertextBlob=sealed, SourceKeyId=rsa["KeyId"], SourceEncryptionAlgorithm="RSAES_OAEP_SHA_256",
            DestinationKeyId=key["KeyId"], DestinationEncryptionAlgorithm="SM2PKE",
        )  # fmt: skip


@scenario
def keys_and_algorithms_have_to_fit(world):
    kms, rsa = made(world, "RSA_2048")
    symmetric = world.key()
    sealed = kms.encrypt(KeyId=rsa["KeyId"], Plaintext=b"p", EncryptionAlgorithm="RSAES_OAEP_SHA_256")["CiphertextBlob"]
    ordinary = kms.encrypt(KeyId=symmetric["KeyId"], Plaintext=b"p")["CiphertextBlob"]
    text = "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048."
    for call in (
        lambda: kms.encrypt(KeyId=rsa["KeyId"], Plaintext=b"p"),
        lambda: kms.decrypt(KeyId=rsa["KeyId"], CiphertextBlob=sealed),
        lambda: kms.generate_data_key(KeyId=rsa["KeyId"], KeySpec="AES_256"),
        lambda: kms.generate_data_key_without_plaintext(KeyId=rsa["KeyId"], KeySpec="AES_256"),
        lambda: kms.generate_data_key_pair(KeyId=rsa["KeyId"], KeyPairSpec="ECC_NIST_P256"),
    ):
        with refused("InvalidKeyUsageException", text):
            call()
    with refused("InvalidKeyUsageException", "Algorithm SM2PKE is incompatible with key spec RSA_2048."):
        kms.encrypt(KeyId=rsa["KeyId"], Plaintext=b"p", EncryptionAlgorithm="SM2PKE")
    with refused(
        "InvalidKeyUsageException", "Algorithm RSAES_OAEP_SHA_1 is incompatible with key spec SYMMETRIC_DEFAULT."
    ):
        kms.encrypt(KeyId=symmetric["KeyId"], Plaintext=b"p", EncryptionAlgorithm="RSAES_OAEP_SHA_1")
    # Without a key the ciphertext has to name one, and one of RSA does not.
    with refused("InvalidCiphertextException", ABSENT):
        kms.decrypt(CiphertextBlob=sealed)
    with refused("ValidationException", "KeyId must not be null"):
        kms.decrypt(CiphertextBlob=sealed, EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    with refused("InvalidCiphertextException", ABSENT):
        kms.decrypt(CiphertextBlob=sealed, KeyId=symmetric["KeyId"])
    # A symmetric ciphertext names its key: any other, of whatever kind and use, is the wrong one.
    other = world.key()
    signing = world.key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    mac = world.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    for wrong in (other, rsa, signing, mac):
        with refused("IncorrectKeyException"):
            kms.decrypt(CiphertextBlob=ordinary, KeyId=wrong["KeyId"])
        with refused("IncorrectKeyException"):
            kms.re_encrypt(CiphertextBlob=ordinary, SourceKeyId=wrong["KeyId"], DestinationKeyId=symmetric["KeyId"])
    for name, call in (
        ("Encrypt", lambda **more: kms.encrypt(Plaintext=b"p", **more)),
        ("Decrypt", lambda **more: kms.decrypt(CiphertextBlob=sealed, **more)),
    ):
        text = f"{signing['Arn']} key usage is SIGN_VERIFY which is not valid for {name}."
        with refused("InvalidKeyUsageException", text):
            call(KeyId=signing["KeyId"], EncryptionAlgorithm="RSAES_OAEP_SHA_256")


@scenario
def an_encryption_context_is_for_symmetric_keys(world):
    kms, key = made(world, "RSA_2048")
    given = dict(KeyId=key["KeyId"], EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    sealed = kms.encrypt(Plaintext=b"p", EncryptionContext={}, **given)["CiphertextBlob"]
    equal(kms.decrypt(CiphertextBlob=sealed, EncryptionContext={}, **given)["Plaintext"], b"p")
    with refused("ValidationException", NO_CONTEXT):
        kms.encrypt(Plaintext=b"p", EncryptionContext={"a": "b"}, **given)
    with refused("ValidationException", NO_CONTEXT):
        kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "b"}, **given)


@scenario
def ciphertext_is_moved_between_keys_of_all_kinds(world):
    kms = world.kms()
    symmetric = world.key()
    pairs = [(made(world, spec)[1], algorithm) for spec, algorithm in LIMITS if spec != "SM2"]
    context = {"a": "1"}
    sealed = kms.encrypt(KeyId=symmetric["KeyId"], Plaintext=b"moved", EncryptionContext=context)["CiphertextBlob"]
    for key, algorithm in pairs:
        there = kms.re_encrypt(
            CiphertextBlob=sealed, SourceEncryptionContext=context, DestinationKeyId=key["KeyId"],
            DestinationEncryptionAlgorithm=algorithm,
        )  # fmt: skip
        members(
            there, "CiphertextBlob", "SourceKeyId", "KeyId", "SourceEncryptionAlgorithm",
            "DestinationEncryptionAlgorithm", "SourceKeyMaterialId",
        )  # fmt: skip
        equal((there["SourceKeyId"], there["KeyId"]), (symmetric["Arn"], key["Arn"]))
        opened = kms.decrypt(CiphertextBlob=there["CiphertextBlob"], KeyId=key["KeyId"], EncryptionAlgorithm=algorithm)
        equal(opened["Plaintext"], b"moved")
        back = kms.re_encrypt(
            CiphertextBlob=there["CiphertextBlob"], SourceKeyId=key["KeyId"], SourceEncryptionAlgorithm=algorithm,
            DestinationKeyId=symmetric["KeyId"], DestinationEncryptionContext={"b": "2"},
        )  # fmt: skip
        equal(back["DestinationKeyMaterialId"], symmetric["CurrentKeyMaterialId"])
        holds("SourceKeyMaterialId" not in back, "key material of RSA has no identifier")
        equal(kms.decrypt(CiphertextBlob=back["CiphertextBlob"], EncryptionContext={"b": "2"})["Plaintext"], b"moved")
    key, algorithm = pairs[0]
    long = kms.encrypt(KeyId=symmetric["KeyId"], Plaintext=b"p" * 4096)["CiphertextBlob"]
    limit = LIMITS[(key["KeySpec"], algorithm)]
    text = f"Algorithm {algorithm} and key spec {key['KeySpec']} cannot encrypt data larger than {limit} bytes."
    with refused("ValidationException", text):
        kms.re_encrypt(
            CiphertextBlob=long, DestinationKeyId=key["KeyId"], DestinationEncryptionAlgorithm=algorithm)  # fmt: skip
    with refused("ValidationException", "SourceKeyId must not be null"):
        kms.re_encrypt(
            CiphertextBlob=b"x" * 256, SourceEncryptionAlgorithm=algorithm, DestinationKeyId=symmetric["KeyId"])  # fmt: skip


if __name__ == "__main__":
    run()
