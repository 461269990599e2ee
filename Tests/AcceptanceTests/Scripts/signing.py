"""Sign, Verify and GetPublicKey: each signature held against openssl and Python's cryptography, in both directions."""

import functools
import hashlib

import peers
from harness import ABSENT, alias_arn, equal, holds, members, refused, run, scenario, settled
from wrapping import bring_pair

CHINA = "cn-north-1"
RSA = ("RSA_2048", "RSA_3072", "RSA_4096")
RSA_ALGORITHMS = [f"RSASSA_{scheme}_SHA_{bits}" for scheme in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512)]
# KMS Developer Guide, "Key spec reference", in the order of AWS's answers.
ALGORITHMS = {
    **dict.fromkeys(RSA, RSA_ALGORITHMS),
    "ECC_NIST_P256": ["ECDSA_SHA_256"], "ECC_NIST_P384": ["ECDSA_SHA_384"], "ECC_NIST_P521": ["ECDSA_SHA_512"],
    "ECC_SECG_P256K1": ["ECDSA_SHA_256"], "ECC_NIST_EDWARDS25519": ["ED25519_PH_SHA_512", "ED25519_SHA_512"],
    "ML_DSA_44": ["ML_DSA_SHAKE_256"], "ML_DSA_65": ["ML_DSA_SHAKE_256"], "ML_DSA_87": ["ML_DSA_SHAKE_256"],
    "SM2": ["SM2DSA"],
}  # fmt: skip
PUBLIC_KEY_BYTES = {
    "RSA_2048": 294, "RSA_3072": 422, "RSA_4096": 550, "ECC_NIST_P256": 91, "ECC_NIST_P384": 120, "ECC_NIST_P521": 158,
    "ECC_SECG_P256K1": 88, "ECC_NIST_EDWARDS25519": 44, "ML_DSA_44": 1334, "ML_DSA_65": 1974, "ML_DSA_87": 2614, "SM2": 91,
}  # fmt: skip
MESSAGES = (b"m", b"the quick brown fox", bytes(range(256)) * 16)


def region_of(spec):
    return CHINA if spec == "SM2" else "us-east-1"


@functools.cache
def signing_key(world, spec, number=1):
    """A client and the key of this spec and number that all scenarios share: none changes it, and RSA takes long."""
    kms = world.kms(region=region_of(spec))
    return kms, kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]


def public_key(kms, key):
    return kms.get_public_key(KeyId=key["KeyId"])["PublicKey"]


def is_verified(kms, key, algorithm, message, signature, **more):
    answer = kms.verify(
        KeyId=key["KeyId"], Message=message, Signature=signature, SigningAlgorithm=algorithm, **more)  # fmt: skip
    members(answer, "KeyId", "SignatureValid", "SigningAlgorithm")
    equal((answer["KeyId"], answer["SignatureValid"], answer["SigningAlgorithm"]), (key["Arn"], True, algorithm))


def peers_verify(spec, algorithm, public, message, signature):
    """Every peer that knows the algorithm accepts the signature, and not of another message."""
    known = []
    if not algorithm.startswith("ML_DSA") and algorithm != "ED25519_PH_SHA_512":
        known.append(peers.openssl_verifies)
    if spec != "SM2" and algorithm != "ED25519_PH_SHA_512":
        known.append(peers.python_verifies)
    for verifies in known:
        holds(verifies(public, algorithm, message, signature), f"{verifies.__name__} accepts {algorithm} of {spec}")
        holds(not verifies(public, algorithm, message + b"!", signature), f"{verifies.__name__} refuses another message")
    return known


@scenario
def the_specs_and_algorithms_are_those_of_the_model(world):
    shapes = world.kms().meta.service_model
    specs = set(shapes.shape_for("KeySpec").enum)
    equal(specs - set(ALGORITHMS), {"SYMMETRIC_DEFAULT", "HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512"})
    equal({one for each in ALGORITHMS.values() for one in each}, set(shapes.shape_for("SigningAlgorithmSpec").enum))


@scenario
def every_signature_is_accepted_by_its_peers_and_by_verify(world):
    for spec, algorithms in ALGORITHMS.items():
        kms, key = signing_key(world, spec)
        equal((key["KeyUsage"], key["KeySpec"], key["CustomerMasterKeySpec"]), ("SIGN_VERIFY", spec, spec))
        equal(key["SigningAlgorithms"], algorithms, f"the algorithms of {spec}")
        holds("CurrentKeyMaterialId" not in key, "key material has no identifier")
        public = public_key(kms, key)
        for algorithm in algorithms:
            for message in MESSAGES if algorithm != "ED25519_PH_SHA_512" else ():
                answer = kms.sign(KeyId=key["KeyId"], Message=message, SigningAlgorithm=algorithm)
                members(answer, "KeyId", "Signature", "SigningAlgorithm")
                equal((answer["KeyId"], answer["SigningAlgorithm"]), (key["Arn"], algorithm))
                peers_verify(spec, algorithm, public, message, answer["Signature"])
                is_verified(kms, key, algorithm, message, answer["Signature"])


@scenario
def signatures_of_digests_are_those_of_messages(world):
    message = b"what was hashed elsewhere"
    for spec, algorithms in ALGORITHMS.items():
        kms, key = signing_key(world, spec)
        public = public_key(kms, key)
        for algorithm in algorithms:
            if algorithm in ("ML_DSA_SHAKE_256", "ED25519_SHA_512", "SM2DSA"):
                continue
            digest = peers.digest(algorithm, message)
            given = dict(KeyId=key["KeyId"], SigningAlgorithm=algorithm)
            ours = kms.sign(Message=digest, MessageType="DIGEST", **given)["Signature"]
            is_verified(kms, key, algorithm, digest, ours, MessageType="DIGEST")
            if algorithm == "ED25519_PH_SHA_512":
                # The digest is what is signed, and it is hashed once more: none of the peers does that.
                holds(not peers.python_verifies(public, algorithm, message, ours), "it is not Ed25519")
                with refused("KMSInvalidSignatureException", ABSENT):
                    is_verified(kms, key, algorithm, peers.digest(algorithm, b"other"), ours, MessageType="DIGEST")
                continue
            peers_verify(spec, algorithm, public, message, ours)
            is_verified(kms, key, algorithm, message, ours)
            whole = kms.sign(Message=message, MessageType="RAW", **given)["Signature"]
            is_verified(kms, key, algorithm, digest, whole, MessageType="DIGEST")
            holds(peers.python_verifies(public, algorithm, digest, ours, prehashed=True), "a digest, said to be one")


@scenario
def a_message_representative_is_as_good_as_the_message(world):
    message = b"large elsewhere"
    for spec in ("ML_DSA_44", "ML_DSA_65", "ML_DSA_87"):
        kms, key = signing_key(world, spec)
        raw = peers.python_public_key(public_key(kms, key)).public_bytes_raw()
        # FIPS 204, algorithms 2 and 7, with an empty context.
        mu = hashlib.shake_256(hashlib.shake_256(raw).digest(64) + b"\0\0" + message).digest(64)
        given = dict(KeyId=key["KeyId"], SigningAlgorithm="ML_DSA_SHAKE_256")
        ours = kms.sign(Message=mu, MessageType="EXTERNAL_MU", **given)["Signature"]
        peers_verify(spec, "ML_DSA_SHAKE_256", public_key(kms, key), message, ours)
        is_verified(kms, key, "ML_DSA_SHAKE_256", message, ours)
        is_verified(kms, key, "ML_DSA_SHAKE_256", mu, ours, MessageType="EXTERNAL_MU")
        whole = kms.sign(Message=message, **given)["Signature"]
        is_verified(kms, key, "ML_DSA_SHAKE_256", mu, whole, MessageType="EXTERNAL_MU")
        for broken in (bytes([mu[0] ^ 1]) + mu[1:], b"\0" * 64):
            with refused("KMSInvalidSignatureException", ABSENT):
                kms.verify(Message=broken, MessageType="EXTERNAL_MU", Signature=whole, **given)


@scenario
def signatures_of_others_are_verified(world):
    """With keys that openssl made; ML-DSA keys cannot be brought, so there the peers only verify."""
    for spec, algorithms in ALGORITHMS.items():
        if spec.startswith("ML_DSA"):
            continue
        private = peers.private_key(spec)
        key = bring_pair(world, spec, "SIGN_VERIFY", private, region_of(spec))
        kms = world.kms(region=region_of(spec))
        equal(public_key(kms, key), peers.public_half(private), f"the public half of a brought {spec} key")
        for algorithm in algorithms:
            if algorithm == "ED25519_PH_SHA_512":
                continue
            for message in MESSAGES:
                is_verified(kms, key, algorithm, message, peers.openssl_signs(private, algorithm, message))
                if spec != "SM2":
                    is_verified(kms, key, algorithm, message, peers.python_signs(private, algorithm, message))


@scenario
def what_is_not_a_signature_is_refused(world):
    message = b"signed"
    for spec, algorithms in ALGORITHMS.items():
        kms, key = signing_key(world, spec)
        _, stranger = signing_key(world, spec, number=2)
        for algorithm in algorithms:
            kind = {"MessageType": "DIGEST"} if algorithm == "ED25519_PH_SHA_512" else {}
            text = peers.digest(algorithm, message) if kind else message
            given = dict(SigningAlgorithm=algorithm, **kind)
            good = kms.sign(KeyId=key["KeyId"], Message=text, **given)["Signature"]
            broken = [good[:-1], good + b"\0", b"\0" + good, good[:1], b"\0" * len(good), b"\xff" * 6144]
            for place in (0, 1, len(good) // 2, len(good) - 1):
                broken.append(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
            for signature in broken:
                with refused("KMSInvalidSignatureException", ABSENT):
                    kms.verify(KeyId=key["KeyId"], Message=text, Signature=signature, **given)
            with refused("KMSInvalidSignatureException", ABSENT):
                kms.verify(KeyId=stranger["KeyId"], Message=text, Signature=good, **given)
            with refused("KMSInvalidSignatureException", ABSENT):
                other = peers.digest(algorithm, b"other") if kind else b"other"
                kms.verify(KeyId=key["KeyId"], Message=other, Signature=good, **given)
            for another in algorithms:
                if another != algorithm and not kind and another != "ED25519_PH_SHA_512":
                    with refused("KMSInvalidSignatureException", ABSENT):
                        kms.verify(KeyId=key["KeyId"], Message=text, Signature=good, SigningAlgorithm=another)


@scenario
def a_signature_without_its_leading_zero_is_none(world):
    private = peers.private_key("RSA_2048")
    key = bring_pair(world, "RSA_2048", "SIGN_VERIFY", private)
    kms = world.kms()
    for algorithm in ("RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_512", "RSASSA_PKCS1_V1_5_SHA_256"):
        number, signature = next(
            (number, one)
            for number, one in ((number, peers.python_signs(private, algorithm, b"%d" % number)) for number in range(20_000))
            if one[0] == 0
        )
        message = b"%d" % number
        is_verified(kms, key, algorithm, message, signature)
        with refused("KMSInvalidSignatureException", ABSENT):
            kms.verify(KeyId=key["KeyId"], Message=message, Signature=signature[1:], SigningAlgorithm=algorithm)


@scenario
def an_sm2_digest_is_that_of_identity_key_and_message(world):
    kms, key = signing_key(world, "SM2")
    public = public_key(kms, key)
    digest = peers.sm2_digest(public, b"message")
    given = dict(KeyId=key["KeyId"], SigningAlgorithm="SM2DSA")
    ours = kms.sign(Message=digest, MessageType="DIGEST", **given)["Signature"]
    peers_verify("SM2", "SM2DSA", public, b"message", ours)
    is_verified(kms, key, "SM2DSA", b"message", ours)
    is_verified(kms, key, "SM2DSA", digest, ours, MessageType="DIGEST")
    whole = kms.sign(Message=b"message", **given)["Signature"]
    is_verified(kms, key, "SM2DSA", digest, whole, MessageType="DIGEST")
    with refused("KMSInvalidSignatureException", ABSENT):
        kms.verify(Message=peers.sm3(b"message"), MessageType="DIGEST", Signature=whole, **given)


@scenario
def related_keys_sign_for_each_other(world):
    kms, there = world.kms(), world.kms(region="eu-central-1")
    keys = {
        spec: world.key(KeySpec=spec, KeyUsage="SIGN_VERIFY", MultiRegion=True) for spec in ALGORITHMS if spec != "SM2"
    }
    # All first, because each takes its time.
    for key in keys.values():
        kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="eu-central-1")
    for spec, algorithms in ALGORITHMS.items():
        if spec == "SM2":
            continue
        key = keys[spec]
        settled(world, key["KeyId"], "eu-central-1")
        equal(public_key(there, key), public_key(kms, key), f"the public half of {spec} in two regions")
        kind = {"MessageType": "DIGEST"} if algorithms[-1] == "ED25519_PH_SHA_512" else {}
        given = dict(KeyId=key["KeyId"], Message=b"m", SigningAlgorithm=algorithms[-1], **kind)
        kms.verify(Signature=there.sign(**given)["Signature"], **given)


@scenario
def algorithms_types_and_lengths_have_to_fit(world):
    every = sorted({one for each in ALGORITHMS.values() for one in each})
    for spec, algorithms in ALGORITHMS.items():
        kms, key = signing_key(world, spec)
        for algorithm in set(every) - set(algorithms):
            text = f"Algorithm {algorithm} is incompatible with key spec {spec}."
            for call in (kms.sign, lambda **more: kms.verify(Signature=b"s", **more)):
                with refused("InvalidKeyUsageException", text):
                    call(KeyId=key["KeyId"], Message=b"m", SigningAlgorithm=algorithm)
        for algorithm in algorithms:
            given = dict(KeyId=key["KeyId"], SigningAlgorithm=algorithm)
            right = {"ED25519_PH_SHA_512": 64, "SM2DSA": 32}.get(algorithm) or int(algorithm[-3:]) // 8
            takes_digest = algorithm not in ("ML_DSA_SHAKE_256", "ED25519_SHA_512")
            for call in (kms.sign, lambda **more: kms.verify(Signature=b"s", **more)):
                if takes_digest:
                    for length in (1, right - 1, right + 1, 4096):
                        with refused("ValidationException", f"Digest is invalid length for algorithm {algorithm}."):
                            call(Message=b"d" * length, MessageType="DIGEST", **given)
                else:
                    what = f"key spec {spec}" if spec.startswith("ML") else f"algorithm {algorithm}"
                    with refused("ValidationException", f"Message type DIGEST is incompatible with {what}."):
                        call(Message=b"d" * 64, MessageType="DIGEST", **given)
                if algorithm == "ML_DSA_SHAKE_256":
                    for length in (1, 63, 65):
                        with refused("ValidationException", f"External Mu is invalid length for algorithm {algorithm}."):
                            call(Message=b"d" * length, MessageType="EXTERNAL_MU", **given)
                else:
                    with refused(
                        "ValidationException", f"Message type EXTERNAL_MU is incompatible with key spec {spec}."
                    ):
                        call(Message=b"d" * 64, MessageType="EXTERNAL_MU", **given)
                if algorithm == "ED25519_PH_SHA_512":
                    with refused("ValidationException", f"Message type RAW is incompatible with algorithm {algorithm}."):
                        call(Message=b"d" * 64, **given)
                with refused("ValidationException"):
                    call(Message=b"", **given)
                with refused("ValidationException"):
                    call(Message=b"m" * 4097, **given)


@scenario
def keys_of_other_usages_do_not_sign(world):
    kms = world.kms()
    for key in (
        world.key(), world.key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT"),
        world.key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT"),
        world.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC"),
    ):  # fmt: skip
        for name, call in (("Sign", kms.sign), ("Verify", lambda **more: kms.verify(Signature=b"s", **more))):
            text = f"{key['Arn']} key usage is {key['KeyUsage']} which is not valid for {name}."
            with refused("InvalidKeyUsageException", text):
                call(KeyId=key["KeyId"], Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_256")


@scenario
def public_keys_are_told_of_asymmetric_keys(world):
    for spec, algorithms in ALGORITHMS.items():
        kms, key = signing_key(world, spec)
        answer = kms.get_public_key(KeyId=key["KeyId"])
        members(
            answer, "KeyId", "PublicKey", "CustomerMasterKeySpec", "KeySpec", "KeyUsage", "SigningAlgorithms")  # fmt: skip
        equal((answer["KeyId"], answer["KeySpec"], answer["KeyUsage"]), (key["Arn"], spec, "SIGN_VERIFY"))
        equal(answer["SigningAlgorithms"], algorithms)
        equal(len(answer["PublicKey"]), PUBLIC_KEY_BYTES[spec], f"bytes of the public key of {spec}")
        if spec != "SM2":
            peers.python_public_key(answer["PublicKey"])
        if not spec.startswith("ML"):
            peers.openssl("pkey", "-pubin", "-inform", "DER", "-in", "key", "-noout", files={"key": answer["PublicKey"]})
    kms = world.kms()
    for spec, usage, listed in (
        ("RSA_2048", "ENCRYPT_DECRYPT", "EncryptionAlgorithms"), ("ECC_NIST_P256", "KEY_AGREEMENT", "KeyAgreementAlgorithms")
    ):  # fmt: skip
        key = world.key(KeySpec=spec, KeyUsage=usage)
        name = f"alias/{usage.lower()}"
        kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
        for identifier in (key["KeyId"], key["Arn"], name, alias_arn(name)):
            answer = kms.get_public_key(KeyId=identifier)
            members(answer, "KeyId", "PublicKey", "CustomerMasterKeySpec", "KeySpec", "KeyUsage", listed)
    for key in (world.key(), world.key(KeySpec="HMAC_512", KeyUsage="GENERATE_VERIFY_MAC")):
        with refused("UnsupportedOperationException", ABSENT):
            kms.get_public_key(KeyId=key["KeyId"])
    key = world.key(KeySpec="ECC_NIST_P384", KeyUsage="SIGN_VERIFY")
    kms.disable_key(KeyId=key["KeyId"])
    kms.get_public_key(KeyId=key["KeyId"])
    with refused("DisabledException"):
        kms.sign(KeyId=key["KeyId"], Message=b"m", SigningAlgorithm="ECDSA_SHA_384")
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    with refused("KMSInvalidStateException"):
        kms.get_public_key(KeyId=key["KeyId"])


@scenario
def dry_runs_sign_nothing_and_tell_what_is_wrong(world):
    kms, key = signing_key(world, "ECC_NIST_P256")
    given = dict(KeyId=key["KeyId"], SigningAlgorithm="ECDSA_SHA_256", Message=b"m")
    with refused("DryRunOperationException"):
        kms.sign(DryRun=True, **given)
    signature = kms.sign(**given)["Signature"]
    with refused("DryRunOperationException"):
        kms.verify(DryRun=True, Signature=signature, **given)
    with refused("KMSInvalidSignatureException", ABSENT):
        kms.verify(DryRun=True, Signature=signature[:-1], **given)


if __name__ == "__main__":
    run()
