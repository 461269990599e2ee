"""Bringing key material to the server as a customer would: made here, wrapped with openssl."""

import subprocess
import tempfile

FOREVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}


def wrap(material, public_key, algorithm="RSAES_OAEP_SHA_256"):
    """What openssl makes of the material for this public key (DER)."""
    digest = {"RSAES_OAEP_SHA_1": "sha1", "RSAES_OAEP_SHA_256": "sha256"}[algorithm]
    with tempfile.NamedTemporaryFile() as key:
        key.write(public_key)
        key.flush()
        return subprocess.run(
            ["openssl", "pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", key.name, "-pkeyopt",
             "rsa_padding_mode:oaep", "-pkeyopt", f"rsa_oaep_md:{digest}", "-pkeyopt", f"rsa_mgf1_md:{digest}"],
            input=material, capture_output=True, check=True,
        ).stdout  # fmt: skip


def parameters(kms, key, algorithm="RSAES_OAEP_SHA_256", spec="RSA_2048"):
    return kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=spec)


def bring(kms, key, material, given=None, **more):
    """Imports the material; for good unless told otherwise."""
    given = given or parameters(kms, key)
    terms = more if "ValidTo" in more or "ExpirationModel" in more else {**FOREVER, **more}
    return kms.import_key_material(
        KeyId=key, ImportToken=given["ImportToken"], EncryptedKeyMaterial=wrap(material, given["PublicKey"]), **terms
    )
