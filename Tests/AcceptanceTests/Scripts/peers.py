"""The other side of asymmetric cryptography: openssl and Python's cryptography, which share no code with the server."""

import functools
import pathlib
import subprocess
import tempfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

HASHES = {"1": hashes.SHA1, "256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {
    "ECC_NIST_P256": ("P-256", ec.SECP256R1), "ECC_NIST_P384": ("P-384", ec.SECP384R1),
    "ECC_NIST_P521": ("P-521", ec.SECP521R1), "ECC_SECG_P256K1": ("secp256k1", ec.SECP256K1),
}  # fmt: skip
SM2_IDENTITY = "distid:1234567812345678"


def hash_of(algorithm):
    return HASHES[algorithm.rsplit("_", 1)[1]]


def digest(algorithm, message):
    """What KMS takes as the DIGEST of a message."""
    if algorithm == "ED25519_PH_SHA_512":
        function = hashes.Hash(hashes.SHA512())
    else:
        function = hashes.Hash(hash_of(algorithm)())
    function.update(message)
    return function.finalize()


def openssl(*arguments, files=None, stdin=None, check=True):
    """Runs openssl in a directory of its own with these files in it; `out` is what it wrote to a file of that name."""
    with tempfile.TemporaryDirectory() as directory:
        for name, content in (files or {}).items():
            (pathlib.Path(directory) / name).write_bytes(content)
        done = subprocess.run(["openssl", *arguments], cwd=directory, input=stdin, capture_output=True)
        if check and done.returncode:
            raise AssertionError(f"openssl {' '.join(arguments)}: {done.stderr.decode(errors='replace')}")
        written = pathlib.Path(directory) / "out"
        return done.returncode == 0, written.read_bytes() if written.exists() else done.stdout


def new_private_key(spec):
    """A private key that openssl makes for a key spec: DER of PKCS#8."""
    if spec.startswith("RSA_"):
        options = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{spec[4:]}"]
    elif spec in CURVES:
        options = ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{CURVES[spec][0]}"]
    elif spec == "SM2":
        options = ["-algorithm", "SM2"]
    else:
        options = ["-algorithm", {"ECC_NIST_EDWARDS25519": "ED25519"}[spec]]
    made = openssl("genpkey", *options, "-outform", "DER", "-out", "out")[1]
    return openssl("pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER", "-in", "key", "-out", "out",
                   files={"key": made})[1]  # fmt: skip


@functools.cache
def private_key(spec):
    """The one private key of a spec that scenarios share which need none of their own: those of RSA take long to make."""
    return new_private_key(spec)


@functools.cache
def public_half(private_key):
    return openssl("pkey", "-inform", "DER", "-in", "key", "-pubout", "-outform", "DER", "-out", "out",
                   files={"key": private_key})[1]  # fmt: skip


# openssl


def _signature_options(algorithm):
    if algorithm.startswith("RSASSA_PSS"):
        return ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]
    if algorithm.startswith("RSASSA_PKCS1"):
        return ["-pkeyopt", "rsa_padding_mode:pkcs1"]
    return []


def openssl_verifies(public_key, algorithm, message, signature):
    files = {"key": public_key, "message": message, "signature": signature}
    key = ["-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-sigfile", "signature"]
    if algorithm == "SM2DSA":
        options = ["-rawin", "-digest", "sm3", "-pkeyopt", SM2_IDENTITY, "-in", "message"]
    elif algorithm == "ED25519_SHA_512":
        options = ["-rawin", "-in", "message"]
    else:
        files["message"] = digest(algorithm, message)
        name = "sha" + algorithm.rsplit("_", 1)[1]
        options = ["-in", "message", "-pkeyopt", f"digest:{name}", *_signature_options(algorithm)]
    return openssl("pkeyutl", *key, *options, files=files, check=False)[0]


def openssl_signs(private_key, algorithm, message):
    files = {"key": private_key, "message": message}
    key = ["-sign", "-keyform", "DER", "-inkey", "key", "-out", "out"]
    if algorithm == "SM2DSA":
        options = ["-rawin", "-digest", "sm3", "-pkeyopt", SM2_IDENTITY, "-in", "message"]
    elif algorithm == "ED25519_SHA_512":
        options = ["-rawin", "-in", "message"]
    else:
        files["message"] = digest(algorithm, message)
        name = "sha" + algorithm.rsplit("_", 1)[1]
        options = ["-in", "message", "-pkeyopt", f"digest:{name}", *_signature_options(algorithm)]
    return openssl("pkeyutl", *key, *options, files=files)[1]


def _encryption_options(algorithm):
    if algorithm == "SM2PKE":
        return []
    name = "sha" + algorithm.rsplit("_", 1)[1]
    return ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", f"rsa_oaep_md:{name}", "-pkeyopt", f"rsa_mgf1_md:{name}"]


def openssl_encrypts(public_key, algorithm, plaintext):
    return openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "key", "-in", "text", "-out", "out",
                   *_encryption_options(algorithm), files={"key": public_key, "text": plaintext})[1]  # fmt: skip


def openssl_decrypts(private_key, algorithm, ciphertext):
    return openssl("pkeyutl", "-decrypt", "-keyform", "DER", "-inkey", "key", "-in", "text", "-out", "out",
                   *_encryption_options(algorithm), files={"key": private_key, "text": ciphertext})[1]  # fmt: skip


def openssl_derives(private_key, public_key):
    return openssl("pkeyutl", "-derive", "-keyform", "DER", "-inkey", "key", "-peerform", "DER", "-peerkey", "peer",
                   "-out", "out", files={"key": private_key, "peer": public_key})[1]  # fmt: skip


# Python's cryptography


def _scheme(algorithm, prehashed):
    """The arguments behind signature and message."""
    function = hash_of(algorithm)()
    chosen = Prehashed(function) if prehashed else function
    if algorithm.startswith("RSASSA_PSS"):
        return [padding.PSS(padding.MGF1(hash_of(algorithm)()), function.digest_size), chosen]
    if algorithm.startswith("RSASSA_PKCS1"):
        return [padding.PKCS1v15(), chosen]
    return [ec.ECDSA(chosen)]


def python_verifies(public_key, algorithm, message, signature, prehashed=False):
    key = serialization.load_der_public_key(public_key)
    plain = isinstance(key, (ed25519.Ed25519PublicKey, mldsa.MLDSA44PublicKey, mldsa.MLDSA65PublicKey,
                             mldsa.MLDSA87PublicKey))  # fmt: skip
    try:
        key.verify(signature, message, *([] if plain else _scheme(algorithm, prehashed)))
    except InvalidSignature:
        return False
    return True


@functools.cache
def loaded(private_key):
    """The private key (PKCS#8) as Python knows it, which tests the primes of RSA each time that it reads them."""
    return serialization.load_der_private_key(private_key, None)


def python_signs(private_key, algorithm, message):
    key = loaded(private_key)
    plain = isinstance(key, ed25519.Ed25519PrivateKey)
    return key.sign(message, *([] if plain else _scheme(algorithm, False)))


def _oaep(algorithm):
    return padding.OAEP(padding.MGF1(hash_of(algorithm)()), hash_of(algorithm)(), None)


def python_encrypts(public_key, algorithm, plaintext):
    return serialization.load_der_public_key(public_key).encrypt(plaintext, _oaep(algorithm))


def python_decrypts(private_key, algorithm, ciphertext):
    return loaded(private_key).decrypt(ciphertext, _oaep(algorithm))


def python_derives(private_key, public_key):
    return loaded(private_key).exchange(ec.ECDH(), serialization.load_der_public_key(public_key))


def python_public_key(public_key):
    """The key, which must be encoded as Python would encode it, except for SM2, which Python does not know."""
    key = serialization.load_der_public_key(public_key)
    again = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if again != public_key:
        raise AssertionError("the public key is encoded in another way than Python encodes it")
    if isinstance(key, rsa.RSAPublicKey) and key.public_numbers().e != 65537:
        raise AssertionError("the public exponent is not 65537")
    return key


# SM2 (GB/T 32918), which Python's cryptography does not know, by the book and slowly


_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A = _P - 3
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)


def _sum(left, right):
    if left is None or right is None:
        return left or right
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and (y1 + y2) % _P == 0:
        return None
    slope = (3 * x1 * x1 + _A) * pow(2 * y1, -1, _P) if left == right else (y2 - y1) * pow(x2 - x1, -1, _P)
    x3 = (slope * slope - x1 - x2) % _P
    return x3, (slope * (x1 - x3) - y1) % _P


def _product(number, point):
    result = None
    for bit in bin(number)[2:]:
        result = _sum(result, result)
        if bit == "1":
            result = _sum(result, point)
    return result


def sm2_derives(private_key, public_key):
    """The x coordinate of the product of the private number and the public point."""
    number = int.from_bytes(private_key[private_key.index(bytes.fromhex("0201010420")) + 5 :][:32], "big")
    point = public_key[-64:]
    x, _ = _product(number, (int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")))
    return x.to_bytes(32, "big")


def sm3(data):
    return openssl("dgst", "-sm3", "-binary", "-out", "out", "data", files={"data": data})[1]


def sm2_digest(public_key, message):
    """What SM3 makes of the default identity, the curve, the public key and the message (GB/T 32918.2, section 6.1)."""
    identity = b"1234567812345678"
    curve = b"".join(number.to_bytes(32, "big") for number in (_A, _B, *_G))
    prefix = sm3((8 * len(identity)).to_bytes(2, "big") + identity + curve + public_key[-64:])
    return sm3(prefix + message)
