"""Envelope encryption, as applications do it: a data key per file, kept beside the file in encrypted form."""

import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from harness import ABSENT, equal, holds, refused, run, scenario


def seal(kms, key, path, content, context):
    """Writes the encrypted file, and its encrypted data key beside it."""
    data_key = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)
    nonce = os.urandom(12)
    path.write_bytes(nonce + AESGCM(data_key["Plaintext"]).encrypt(nonce, content, None))
    path.with_suffix(".key").write_bytes(data_key["CiphertextBlob"])
    path.with_suffix(".json").write_text(json.dumps(context))


def unseal(kms, path):
    context = json.loads(path.with_suffix(".json").read_text())
    blob = path.with_suffix(".key").read_bytes()
    sealed = path.read_bytes()
    data_key = kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"]
    return AESGCM(data_key).decrypt(sealed[:12], sealed[12:], None)


@scenario
def a_file_is_read_again_after_a_restart(world):
    kms, key = world.kms(), world.key(Description="envelopes")
    kms.create_alias(AliasName="alias/envelopes", TargetKeyId=key["KeyId"])
    kms.enable_key_rotation(KeyId=key["KeyId"])
    path = world.directory / "report.sealed"
    content = os.urandom(1_000_000) + b"the end"
    seal(kms, "alias/envelopes", path, content, {"file": "report", "größe": "1 MB"})
    holds(content[:64] not in path.read_bytes(), "the file is not encrypted")
    # Prepared now, opened only when it is needed.
    later = kms.generate_data_key_without_plaintext(KeyId="alias/envelopes", NumberOfBytes=64)["CiphertextBlob"]
    first = kms.decrypt(CiphertextBlob=later)["Plaintext"]

    world.server.stop()
    world.server.start()
    kms = world.kms()
    equal(unseal(kms, path), content)
    equal(kms.decrypt(CiphertextBlob=later)["Plaintext"], first)
    equal(kms.describe_key(KeyId="alias/envelopes")["KeyMetadata"], key)
    equal(kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"], True)

    path.with_suffix(".json").write_text(json.dumps({"file": "another"}))
    with refused("InvalidCiphertextException", ABSENT):
        unseal(kms, path)
    path.with_suffix(".json").write_text(json.dumps({"file": "report", "größe": "1 MB"}))
    sealed = bytearray(path.read_bytes())
    sealed[100] ^= 1
    path.write_bytes(sealed)
    try:
        unseal(kms, path)
    except InvalidTag:
        return
    raise AssertionError("a changed file was opened")


if __name__ == "__main__":
    run()
