"""Private keys that openssl makes and wraps, brought as key material."""

import base64
import datetime
import time

from cryptography.hazmat.primitives import serialization

import peers
from harness import ABSENT, advance, equal, holds, members, refused, run, scenario
from wrapping import FOREVER, bring, parameters, wrap

CHINA = "cn-north-1"
USAGES = {
    "RSA_2048": "SIGN_VERIFY", "RSA_3072": "ENCRYPT_DECRYPT", "RSA_4096": "SIGN_VERIFY", "ECC_NIST_P256": "SIGN_VERIFY",
    "ECC_NIST_P384": "KEY_AGREEMENT", "ECC_NIST_P521": "SIGN_VERIFY", "ECC_SECG_P256K1": "SIGN_VERIFY",
    "ECC_NIST_EDWARDS25519": "SIGN_VERIFY", "SM2": "SIGN_VERIFY",
}  # fmt: skip
WRAPPING_KEYS = ("RSA_2048", "RSA_3072", "RSA_4096")
OAEP = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
# Of each kind of spec that `accepts` tells apart, one that is also brought under the wrapping keys that are slow to make.
KINDS = ("RSA_2048", "ECC_NIST_P256", "ECC_NIST_P521")
KEY_WRAP = ("RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256")


def region_of(spec):
    return CHINA if spec == "SM2" else "us-east-1"


def external(world, spec, **more):
    kms = world.kms(region=region_of(spec))
    key = kms.create_key(KeySpec=spec, KeyUsage=USAGES[spec], Origin="EXTERNAL", **more)["KeyMetadata"]
    equal(key["KeyState"], "PendingImport")
    return kms, key


def accepts(spec, algorithm, wrapping_key):
    """KMS Developer Guide, "Select a wrapping algorithm", and what AWS was seen to refuse."""
    if algorithm in KEY_WRAP:
        return True
    too_long = spec in ("ECC_NIST_P521", "ECC_NIST_EDWARDS25519") and wrapping_key == "RSA_2048"
    return not spec.startswith("RSA") and not too_long


def is_brought(spec, algorithm, wrapping_key):
    """Each algorithm takes each spec under the smallest wrapping key that it may, and larger ones where that is new."""
    smaller = WRAPPING_KEYS[: WRAPPING_KEYS.index(wrapping_key)]
    if not any(accepts(spec, algorithm, other) for other in smaller):
        return True
    return spec in KINDS and (wrapping_key != "RSA_4096" or algorithm == (KEY_WRAP if spec.startswith("RSA") else OAEP)[1])


@scenario
def every_wrapping_of_every_spec_is_taken_or_refused(world):
    for spec in USAGES:
        private = peers.private_key(spec)
        kms, first = external(world, spec)
        for algorithm in OAEP + KEY_WRAP:
            for wrapping_key in WRAPPING_KEYS:
                if not accepts(spec, algorithm, wrapping_key):
                    text = (
                        f"Wrapping algorithm {algorithm} and wrapping key spec {wrapping_key} cannot be used to import a "
                        f"{spec} key."
                    )
                    with refused("ValidationException", text):
                        parameters(kms, first["KeyId"], algorithm, wrapping_key)
                    continue
                if is_brought(spec, algorithm, wrapping_key):
                    members(bring(kms, first["KeyId"], private, algorithm=algorithm, spec=wrapping_key), "KeyId")
        known = kms.describe_key(KeyId=first["KeyId"])["KeyMetadata"]
        equal((known["KeyState"], known["ExpirationModel"]), ("Enabled", FOREVER["ExpirationModel"]))
        equal(kms.get_public_key(KeyId=first["KeyId"])["PublicKey"], peers.public_half(private))
        for algorithm, wrapping_key in (("RSAES_PKCS1_V1_5", "RSA_2048"), ("SM2PKE", "RSA_2048"), (OAEP[0], "SM2")):
            with refused("ValidationException"):
                parameters(kms, first["KeyId"], algorithm, wrapping_key)


@scenario
def in_china_material_is_also_wrapped_by_sm2(world):
    kms, key = external(world, "SM2")
    private = peers.private_key("SM2")
    bring(kms, key["KeyId"], private, algorithm="SM2PKE", spec="SM2")
    equal(kms.get_public_key(KeyId=key["KeyId"])["PublicKey"], peers.public_half(private))
    here, other = external(world, "ECC_NIST_P256")
    with refused("ValidationException"):
        parameters(here, other["KeyId"], "SM2PKE", "SM2")
    with refused("UnsupportedOperationException"):
        here.create_key(KeySpec="SM2", KeyUsage="SIGN_VERIFY")
    rsa = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY", Origin="EXTERNAL")["KeyMetadata"]
    with refused("ValidationException"):
        parameters(kms, rsa["KeyId"], "SM2PKE", "SM2")


@scenario
def a_private_key_of_another_kind_is_refused(world):
    keys = {spec: peers.private_key(spec) for spec in USAGES}
    for spec in USAGES:
        kms, key = external(world, spec)
        given = parameters(kms, key["KeyId"], KEY_WRAP[1], "RSA_2048")

        def brought(material):
            return bring(kms, key["KeyId"], material, given, KEY_WRAP[1])

        good = keys[spec]
        bad = [other for name, other in keys.items() if name != spec]
        bad += [good[:-1], good + b"\0", good[1:], b"\0" * 32, b"0", peers.public_half(good)]
        # Behind its prefix an Ed25519 key is any 32 bytes, so a changed one is another key.
        places = (0, 3, 15) if spec == "ECC_NIST_EDWARDS25519" else (0, 3, len(good) // 3)
        bad += [good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :] for place in places]
        for material in bad:
            with refused("InvalidCiphertextException", ABSENT):
                brought(material)
        wrapped = wrap(good, given["PublicKey"], KEY_WRAP[1])
        for broken in (wrapped[:-1], wrapped[:256], wrapped[:200], wrapped[256:], wrapped + b"\0" * 8, b"\xff" * 6144):
            with refused("InvalidCiphertextException", ABSENT):
                kms.import_key_material(
                    KeyId=key["KeyId"], ImportToken=given["ImportToken"], EncryptedKeyMaterial=broken, **FOREVER)  # fmt: skip
        brought(good)


@scenario
def parts_that_do_not_belong_together_are_refused(world):
    """A private key with the public half of another, and an RSA key with a wrong exponent of the decryption."""
    kms, key = external(world, "ECC_NIST_P256")
    one, other = peers.new_private_key("ECC_NIST_P256"), peers.new_private_key("ECC_NIST_P256")
    mixed = one[:-64] + other[-64:]
    with refused("InvalidCiphertextException", ABSENT):
        bring(kms, key["KeyId"], mixed)
    kms, key = external(world, "RSA_2048")
    private = peers.private_key("RSA_2048")
    numbers = peers.loaded(private).private_numbers()
    for name in ("d", "dmp1", "dmq1", "iqmp"):
        part = getattr(numbers, name)
        encoded = part.to_bytes((part.bit_length() + 7) // 8, "big")
        equal(private.count(encoded), 1, f"{name} is in the encoding once")
        place = private.index(encoded) + len(encoded) - 1
        changed = private[:place] + bytes([private[place] ^ 2]) + private[place + 1 :]
        with refused("InvalidCiphertextException", ABSENT):
            bring(kms, key["KeyId"], changed, algorithm=KEY_WRAP[1])
    bring(kms, key["KeyId"], private, algorithm=KEY_WRAP[1])


def rsa_pkcs8(*numbers):
    """PKCS#8 of an RSA key of these numbers: n, e, d, p, q, and what the Chinese remainders need."""

    def der(tag, content):
        size = len(content)
        length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
        return bytes([tag]) + length + content

    integers = b"".join(der(2, number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in (0, *numbers))
    algorithm = der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    return der(0x30, der(2, b"\0") + algorithm + der(4, der(0x30, integers)))


@scenario
def rsa_keys_with_parts_of_odd_sizes_are_refused_at_once(world):
    """Testing a huge factor would take minutes, and a huge exponent memory that other keys need."""
    kms, key = external(world, "RSA_2048")
    private = peers.private_key("RSA_2048")
    own = peers.loaded(private).private_numbers()
    n, e = own.public_numbers.n, own.public_numbers.e
    order = (own.p - 1) * (own.q - 1)
    rest = (own.dmp1, own.dmq1, own.iqmp)
    given = parameters(kms, key["KeyId"], KEY_WRAP[1])
    for numbers in (
        (n, e, own.d, 2**9941 - 1, 3, *rest), (n, e, own.d, 3, 2**9941 - 1, *rest),
        (n, e, own.d + (1 << 20_000) * order, own.p, own.q, *rest), (n, 3, pow(3, -1, order) if order % 3 else 5, own.p, own.q, *rest),
        (n, e, own.d, own.p, own.q, own.dmp1 + (1 << 9000) * (own.p - 1), own.dmq1, own.iqmp),
        (n, e, own.d, own.p, own.q, own.dmp1, own.dmq1, own.iqmp + own.p), (n, e, own.d, n, 1, *rest),
    ):  # fmt: skip
        begin = time.monotonic()
        with refused("InvalidCiphertextException", ABSENT):
            bring(kms, key["KeyId"], rsa_pkcs8(*numbers), given, KEY_WRAP[1])
        holds(time.monotonic() - begin < 10, "it is refused before anything is computed")
    bring(kms, key["KeyId"], rsa_pkcs8(n, e, own.d, own.p, own.q, *rest), given, KEY_WRAP[1])
    equal(kms.get_public_key(KeyId=key["KeyId"])["PublicKey"], peers.public_half(private))


@scenario
def the_same_key_is_the_same_material(world):
    """However it is encoded; another key is refused for ever."""
    kms, key = external(world, "ECC_NIST_P384")
    private = peers.private_key("ECC_NIST_P384")
    compressed = peers.openssl(
        "ec", "-inform", "DER", "-in", "key", "-conv_form", "compressed", "-outform", "DER", "-out", "out",
        files={"key": private},
    )[1]  # fmt: skip
    compressed = peers.openssl(
        "pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER", "-in", "key", "-out", "out",
        files={"key": compressed},
    )[1]  # fmt: skip
    python = peers.loaded(private).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())  # fmt: skip
    for form in (private, compressed, python):
        bring(kms, key["KeyId"], form)
        equal(kms.get_public_key(KeyId=key["KeyId"])["PublicKey"], peers.public_half(private))
    with refused("IncorrectKeyMaterialException"):
        bring(kms, key["KeyId"], peers.new_private_key("ECC_NIST_P384"))
    kms.delete_imported_key_material(KeyId=key["KeyId"])
    equal(kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"], "PendingImport")
    with refused("IncorrectKeyMaterialException"):
        bring(kms, key["KeyId"], peers.new_private_key("ECC_NIST_P384"))
    bring(kms, key["KeyId"], compressed)


@scenario
def a_brought_key_expires(world):
    kms, key = external(world, "ECC_SECG_P256K1")
    private = peers.private_key("ECC_SECG_P256K1")
    now = world.key()["CreationDate"]
    bring(kms, key["KeyId"], private, ValidTo=now + datetime.timedelta(days=30))
    given = dict(KeyId=key["KeyId"], Message=b"m", SigningAlgorithm="ECDSA_SHA_256")
    signature = kms.sign(**given)["Signature"]
    advance(world, "31d")
    with refused("KMSInvalidStateException"):
        kms.verify(Signature=signature, **given)
    bring(kms, key["KeyId"], private)
    kms.verify(Signature=signature, **given)


@scenario
def keys_of_ml_dsa_cannot_be_brought(world):
    for spec in ("ML_DSA_44", "ML_DSA_65", "ML_DSA_87"):
        with refused("ValidationException", f"KeySpec {spec} is not supported for Origin EXTERNAL"):
            world.kms().create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY", Origin="EXTERNAL")


@scenario
def replicas_take_the_primary_s_key_only(world):
    kms, key = external(world, "RSA_2048", MultiRegion=True)
    there = world.kms(region="eu-central-1")
    private = peers.private_key("RSA_2048")
    bring(kms, key["KeyId"], private, algorithm=KEY_WRAP[1])
    kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="eu-central-1")
    advance(world, "1m")
    equal(there.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"], "PendingImport")
    with refused("IncorrectKeyMaterialException"):
        bring(there, key["KeyId"], peers.new_private_key("RSA_2048"), algorithm=KEY_WRAP[0])
    bring(there, key["KeyId"], private, algorithm=KEY_WRAP[0])
    given = dict(KeyId=key["KeyId"], Message=b"m", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_512")
    equal(there.sign(**given)["Signature"], kms.sign(**given)["Signature"])


@scenario
def no_part_of_a_private_key_is_at_rest(world):
    secrets = {}
    for spec in USAGES:
        kms, key = external(world, spec)
        private = peers.private_key(spec)
        bring(kms, key["KeyId"], private, algorithm=KEY_WRAP[1], spec="RSA_2048")
        # Using it opens it.
        if USAGES[spec] == "SIGN_VERIFY":
            algorithm = key["SigningAlgorithms"][-1]
            kms.sign(KeyId=key["KeyId"], Message=b"m", SigningAlgorithm=algorithm)
        secrets[spec] = private
        if spec.startswith("RSA"):
            numbers = peers.loaded(private).private_numbers()
            for name in ("p", "q", "d"):
                part = getattr(numbers, name)
                secrets[f"{name} of {spec}"] = part.to_bytes((part.bit_length() + 7) // 8, "big")
        elif spec.startswith("ECC_NIST_ED"):
            secrets[f"seed of {spec}"] = private[-32:]
        elif spec != "SM2":
            scalar = peers.loaded(private).private_numbers().private_value
            secrets[f"scalar of {spec}"] = scalar.to_bytes((scalar.bit_length() + 7) // 8, "big")
    files = [file for file in world.data.rglob("*") if file.is_file()]
    holds(len(files) >= 3, f"the data directory has files: {files}")
    for file in files:
        content = file.read_bytes()
        for name, secret in secrets.items():
            forms = [secret, secret.hex().encode(), secret.hex().upper().encode()]
            forms += [base64.b64encode(secret[offset:])[:32] for offset in range(3)]
            for form in forms:
                holds(form not in content, f"{name} is in {file.name}")


if __name__ == "__main__":
    run()
