"""Bringing key material to the server as a customer would: made here, wrapped with openssl."""

import os

from peers import openssl, openssl_encrypts

FOREVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}


def wrap(material, public_key, algorithm="RSAES_OAEP_SHA_256"):
    """What openssl makes of the material for this public key (DER)."""
    if not algorithm.startswith("RSA_AES_KEY_WRAP"):
        return openssl_encrypts(public_key, algorithm, material)
    # An AES key of its own for the material, and that key for the server.
    key = os.urandom(32)
    wrapped = openssl("enc", "-id-aes256-wrap-pad", "-K", key.hex(), "-iv", "A65959A6", "-in", "material", "-out", "out",
                      files={"material": material})[1]  # fmt: skip
    return openssl_encrypts(public_key, algorithm.replace("RSA_AES_KEY_WRAP", "RSAES_OAEP"), key) + wrapped


def parameters(kms, key, algorithm="RSAES_OAEP_SHA_256", spec="RSA_2048"):
    return kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=spec)


def bring(kms, key, material, given=None, algorithm="RSAES_OAEP_SHA_256", spec="RSA_2048", **more):
    """Imports the material; for good unless told otherwise."""
    given = given or parameters(kms, key, algorithm, spec)
    terms = more if "ValidTo" in more or "ExpirationModel" in more else {**FOREVER, **more}
    return kms.import_key_material(
        KeyId=key, ImportToken=given["ImportToken"],
        EncryptedKeyMaterial=wrap(material, given["PublicKey"], algorithm), **terms,
    )  # fmt: skip


def bring_pair(world, spec, usage, private_key, region=None):
    """A new key of this spec with a private key (PKCS#8) that was made elsewhere; its metadata."""
    kms = world.kms(region=region) if region else world.kms()
    key = kms.create_key(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")["KeyMetadata"]
    # This takes a private key of any length under the wrapping key that is made fastest.
    bring(kms, key["KeyId"], private_key, algorithm="RSA_AES_KEY_WRAP_SHA_256", spec="RSA_2048")
    return key
