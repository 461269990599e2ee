"""GenerateDataKeyPair and GenerateDataKeyPairWithoutPlaintext: the pairs are read and used by openssl and Python."""

import peers
from harness import ABSENT, equal, holds, members, refused, run, scenario

CHINA = "cn-north-1"
# Bytes of the public key, and of the private key where they are always as many.
SPECS = {
    "RSA_2048": (294, None), "RSA_3072": (422, None), "RSA_4096": (550, None), "ECC_NIST_P256": (91, 150),
    "ECC_NIST_P384": (120, 194), "ECC_NIST_P521": (158, 250), "ECC_SECG_P256K1": (88, 144),
    "ECC_NIST_EDWARDS25519": (44, 48), "SM2": (91, 150),
}  # fmt: skip
ALGORITHMS = {
    "ECC_NIST_P256": "ECDSA_SHA_256", "ECC_NIST_P384": "ECDSA_SHA_384", "ECC_NIST_P521": "ECDSA_SHA_512",
    "ECC_SECG_P256K1": "ECDSA_SHA_256", "ECC_NIST_EDWARDS25519": "ED25519_SHA_512", "SM2": "SM2DSA",
}  # fmt: skip
CONTEXT = {"purpose": "pairs"}


@scenario
def the_specs_are_those_of_the_model(world):
    equal(set(world.kms().meta.service_model.shape_for("DataKeyPairSpec").enum), set(SPECS))


@scenario
def every_pair_can_be_used_elsewhere(world):
    for spec, (public_bytes, private_bytes) in SPECS.items():
        kms = world.kms(region=CHINA if spec == "SM2" else "us-east-1")
        key = kms.create_key()["KeyMetadata"]
        made = kms.generate_data_key_pair(KeyId=key["KeyId"], KeyPairSpec=spec, EncryptionContext=CONTEXT)
        members(
            made, "PrivateKeyCiphertextBlob", "PrivateKeyPlaintext", "PublicKey", "KeyId", "KeyPairSpec", "KeyMaterialId")  # fmt: skip
        equal((made["KeyId"], made["KeyPairSpec"]), (key["Arn"], spec))
        equal(made["KeyMaterialId"], key["CurrentKeyMaterialId"])
        private, public = made["PrivateKeyPlaintext"], made["PublicKey"]
        equal(len(public), public_bytes, f"bytes of the public key of {spec}")
        if private_bytes:
            equal(len(private), private_bytes, f"bytes of the private key of {spec}")
        equal(peers.public_half(private), public, f"what openssl says of the pair, {spec}")
        if spec != "SM2":
            peers.python_public_key(public)
        algorithm = ALGORITHMS.get(spec, "RSASSA_PSS_SHA_256")
        signature = peers.openssl_signs(private, algorithm, b"message")
        holds(peers.openssl_verifies(public, algorithm, b"message", signature), f"a signature of {spec}")
        opened = kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"], EncryptionContext=CONTEXT)
        equal((opened["Plaintext"], opened["KeyId"]), (private, key["Arn"]))
        with refused("InvalidCiphertextException", ABSENT):
            kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"])
        hidden = kms.generate_data_key_pair_without_plaintext(
            KeyId=key["KeyId"], KeyPairSpec=spec, EncryptionContext=CONTEXT)  # fmt: skip
        members(hidden, "PrivateKeyCiphertextBlob", "PublicKey", "KeyId", "KeyPairSpec", "KeyMaterialId")
        opened = kms.decrypt(CiphertextBlob=hidden["PrivateKeyCiphertextBlob"], EncryptionContext=CONTEXT)
        equal(peers.public_half(opened["Plaintext"]), hidden["PublicKey"], f"a pair without plaintext, {spec}")
        holds(hidden["PublicKey"] != public, "no two pairs are alike")


@scenario
def only_symmetric_keys_encrypt_pairs(world):
    kms = world.kms()
    for generate, name in (
        (kms.generate_data_key_pair, "GenerateDataKeyPair"),
        (kms.generate_data_key_pair_without_plaintext, "GenerateDataKeyPairWithoutPlaintext"),
    ):
        rsa = world.key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
        with refused("InvalidKeyUsageException", "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048."):
            generate(KeyId=rsa["KeyId"], KeyPairSpec="ECC_NIST_P256")
        mac = world.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        text = f"{mac['Arn']} key usage is GENERATE_VERIFY_MAC which is not valid for {name}."
        with refused("InvalidKeyUsageException", text):
            generate(KeyId=mac["KeyId"], KeyPairSpec="ECC_NIST_P256")
        key = world.key()
        with refused("DryRunOperationException"):
            generate(KeyId=key["KeyId"], KeyPairSpec="ECC_NIST_P256", DryRun=True)
        for spec in ("ML_DSA_44", "HMAC_256", "RSA_1024"):
            with refused("ValidationException"):
                generate(KeyId=key["KeyId"], KeyPairSpec=spec)
        with refused("UnsupportedOperationException"):
            generate(KeyId=key["KeyId"], KeyPairSpec="SM2")
        kms.disable_key(KeyId=key["KeyId"])
        with refused("DisabledException"):
            generate(KeyId=key["KeyId"], KeyPairSpec="ECC_NIST_P256")


if __name__ == "__main__":
    run()
