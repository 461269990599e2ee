"""DeriveSharedSecret, with openssl and Python's cryptography as the other party."""

import peers
from harness import ABSENT, equal, holds, members, refused, run, scenario
from wrapping import bring_pair

CHINA = "cn-north-1"
LENGTHS = {"ECC_NIST_P256": 32, "ECC_NIST_P384": 48, "ECC_NIST_P521": 66, "SM2": 32}


def clients(world, spec):
    return world.kms(region=CHINA if spec == "SM2" else "us-east-1")


def made(world, spec):
    return clients(world, spec).create_key(KeySpec=spec, KeyUsage="KEY_AGREEMENT")["KeyMetadata"]


def derived(kms, key, public, **more):
    return kms.derive_shared_secret(KeyId=key["KeyId"], KeyAgreementAlgorithm="ECDH", PublicKey=public, **more)


@scenario
def both_parties_come_to_the_same_secret(world):
    for spec, length in LENGTHS.items():
        kms, key = clients(world, spec), made(world, spec)
        equal(key["KeyAgreementAlgorithms"], ["ECDH"])
        ours = kms.get_public_key(KeyId=key["KeyId"])["PublicKey"]
        for _ in range(5):
            private = peers.new_private_key(spec)
            theirs = peers.public_half(private)
            answer = derived(kms, key, theirs)
            members(answer, "KeyId", "SharedSecret", "KeyAgreementAlgorithm", "KeyOrigin")
            equal((answer["KeyId"], answer["KeyAgreementAlgorithm"], answer["KeyOrigin"]), (key["Arn"], "ECDH", "AWS_KMS"))
            equal(len(answer["SharedSecret"]), length, f"bytes of the secret of {spec}")
            if spec != "SM2":
                equal(answer["SharedSecret"], peers.openssl_derives(private, ours), f"what openssl derives, {spec}")
                equal(answer["SharedSecret"], peers.python_derives(private, ours), f"what Python derives, {spec}")
            else:
                equal(answer["SharedSecret"], peers.sm2_derives(private, ours), "what is derived by the book")
        # And the other way round: the private key is the server's by import.
        private = peers.new_private_key(spec)
        brought = bring_pair(world, spec, "KEY_AGREEMENT", private, CHINA if spec == "SM2" else None)
        answer = derived(kms, brought, ours)
        equal(answer["KeyOrigin"], "EXTERNAL")
        equal(answer["SharedSecret"], derived(kms, key, peers.public_half(private))["SharedSecret"])


@scenario
def a_peer_that_is_none_is_refused(world):
    for spec in LENGTHS:
        kms, key = clients(world, spec), made(world, spec)
        good = peers.public_half(peers.private_key(spec))
        forms = [
            peers.openssl(
                "ec", "-pubin", "-inform", "DER", "-in", "key", "-pubout", "-conv_form", form, "-outform", "DER", "-out",
                "out", files={"key": good},
            )[1] for form in ("compressed", "hybrid")
        ]  # fmt: skip
        holds(good not in forms, "the points are in other forms")
        # The point at infinity, which is one zero byte.
        algorithm = good[good.index(b"\x30", 1) :][: 2 + good[good.index(b"\x30", 1) + 1]]
        infinity = b"\x30" + bytes([len(algorithm) + 4]) + algorithm + b"\x03\x02\x00\x00"
        explicit = peers.openssl(
            "ec", "-pubin", "-inform", "DER", "-in", "key", "-pubout", "-param_enc", "explicit", "-outform", "DER",
            "-out", "out", files={"key": good},
        )[1] if spec != "SM2" else b"0"  # fmt: skip
        bad = [good[:-1], good + b"\0", good[1:], b"\0", b"\xff" * 8192, explicit, infinity, *forms]
        others = [other for other in (*LENGTHS, "RSA_2048", "ECC_NIST_EDWARDS25519") if other != spec]
        bad += [peers.public_half(peers.private_key(other)) for other in others]
        # Another point: not on the curve, but for one chance in two to the length.
        bad += [good[:-1] + bytes([good[-1] ^ 1]), good[:-66] + bytes([good[-66] ^ 1]) + good[-65:]]
        bad.append(good[: -2 * LENGTHS[spec]] + b"\0" * (2 * LENGTHS[spec]))
        for public in bad:
            with refused("ValidationException", ABSENT):
                derived(kms, key, public)
            with refused("ValidationException", ABSENT):
                derived(kms, key, public, DryRun=True)
        with refused("DryRunOperationException"):
            derived(kms, key, good, DryRun=True)
        with refused("ValidationException"):
            derived(kms, key, b"")


@scenario
def only_keys_for_agreement_agree(world):
    kms = world.kms()
    for key in (
        world.key(), world.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY"),
        world.key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT"),
    ):  # fmt: skip
        text = f"{key['Arn']} key usage is {key['KeyUsage']} which is not valid for DeriveSharedSecret."
        with refused("InvalidKeyUsageException", text):
            derived(kms, key, b"p")
    key = made(world, "ECC_NIST_P256")
    text = f"{key['Arn']} key usage is KEY_AGREEMENT which is not valid for Sign."
    with refused("InvalidKeyUsageException", text):
        kms.sign(KeyId=key["KeyId"], Message=b"m", SigningAlgorithm="ECDSA_SHA_256")


@scenario
def an_answer_for_an_enclave_is_never_in_plaintext(world):
    """No attestation can be verified here, so each request for one is refused."""
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"not attested"}
    kms, key, ordinary = world.kms(), made(world, "ECC_NIST_P256"), world.key()
    sealed = kms.encrypt(KeyId=ordinary["KeyId"], Plaintext=b"p")["CiphertextBlob"]
    public = peers.public_half(peers.new_private_key("ECC_NIST_P256"))
    for call in (
        lambda: derived(kms, key, public, Recipient=recipient),
        lambda: kms.decrypt(CiphertextBlob=sealed, Recipient=recipient),
        lambda: kms.generate_data_key(KeyId=ordinary["KeyId"], KeySpec="AES_256", Recipient=recipient),
        lambda: kms.generate_data_key_pair(KeyId=ordinary["KeyId"], KeyPairSpec="ECC_NIST_P256", Recipient=recipient),
        lambda: kms.generate_random(NumberOfBytes=8, Recipient=recipient),
    ):
        with refused("ValidationException", "The attestation document in Recipient cannot be verified."):
            call()


if __name__ == "__main__":
    run()
