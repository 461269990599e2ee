#!/usr/bin/env python3
"""Derives, builds and opens every vector in this directory again, from docs/formats.md and without Chatelaine's code.

Usage: check.py            needs the package `cryptography`; the rest is Python's own
"""

import base64
import hashlib
import hmac
import json
import pathlib
import sys

from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import mldsa, padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

HERE = pathlib.Path(__file__).resolve().parent


# Building blocks


def field(value):
    """A field of the canonical encoding: its length as four bytes, and its bytes."""
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(4, "big") + data


def hkdf(secret, info):
    """RFC 5869 with SHA-256, no salt, 32 bytes of output."""
    extracted = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def counter_mode(secret, label, context):
    """NIST SP 800-108r1, section 4.1, with HMAC-SHA-256: one block of 256 bits."""
    block = (1).to_bytes(4, "big") + label + b"\x00" + context + (256).to_bytes(4, "big")
    return hmac.new(secret, block, hashlib.sha256).digest()


# Formats


def root_key_file(root_key):
    encoded = base64.b64encode(root_key).decode()
    return f"chatelaine-root-key 1 {encoded} {hashlib.sha256(root_key).hexdigest()[:8]}\n"


def domain_key_info(purpose, name):
    return field("chatelaine domain key") + field(b"\x01") + field(purpose) + field(name)


def domain_key(root_key, purpose, name=""):
    return hkdf(root_key, domain_key_info(purpose, name))


def material_binding(case):
    return b"".join([
        field("chatelaine key material"), field(b"\x01"), field(case["account"]), field(case["region"]),
        field(case["keyID"]), field(bytes.fromhex(case["materialID"])), field(case["spec"]),
    ])


def secret_binding(case):
    return b"".join([
        field("chatelaine access key secret"), field(b"\x01"), field(case["account"]), field(case["accessKeyID"]),
    ])


def wrap(key, nonce, secret, binding):
    return b"\x01" + nonce + AESGCM(key).encrypt(nonce, secret, binding)


def unwrap(key, wrapped, binding):
    assert wrapped[0] == 1
    return AESGCM(key).decrypt(wrapped[1:13], wrapped[13:], binding)


def ciphertext_prefix(case, salt):
    multi_region = case["keyID"].startswith("mrk-")
    key_id = bytes.fromhex(case["keyID"].removeprefix("mrk-").replace("-", ""))
    return b"cht\x01" + bytes([multi_region]) + key_id + bytes.fromhex(case["materialID"]) + salt


def encoded_context(pairs):
    pairs = sorted((key.encode(), value.encode()) for key, value in pairs)
    return len(pairs).to_bytes(4, "big") + b"".join(field(key) + field(value) for key, value in pairs)


def message_key(material, salt):
    return counter_mode(material, b"chatelaine message key v1", salt)


# Vectors


def load(name, *fields):
    """The cases of a file; each has just these members."""
    document = json.loads((HERE / name).read_text(encoding="utf-8"))
    assert set(document) == {"format", "cases"}, f"{name}: {sorted(document)}"
    assert document["cases"], f"{name} has no cases"
    for case in document["cases"]:
        assert set(case) == {"name", *fields}, f"{name}: {sorted(case)}"
    return document["cases"]


def expect(name, what, given, computed):
    assert given == computed, f"{name}: {what} is {given!r}, computed {computed!r}"


def check_root_keys():
    cases = load("root-key-v1.json", "rootKey", "file", "check")
    for case in cases:
        root_key = bytes.fromhex(case["rootKey"])
        expect(case["name"], "the file", case["file"], root_key_file(root_key))
        expect(case["name"], "the check", case["check"], domain_key(root_key, "check").hex())
    return len(cases)


def check_domain_keys():
    cases = load("domain-keys-v1.json", "rootKey", "purpose", "domain", "info", "key")
    for case in cases:
        expect(case["name"], "the info", case["info"], domain_key_info(case["purpose"], case["domain"]).hex())
        derived = domain_key(bytes.fromhex(case["rootKey"]), case["purpose"], case["domain"])
        expect(case["name"], "the key", case["key"], derived.hex())
    return len(cases)


def check_wrapped(name, secret_name, names, binding_of, key_of):
    cases = load(name, "rootKey", *names, secret_name, "nonce", "wrapped")
    check_wrapping(cases, secret_name, binding_of, key_of)
    return len(cases)


def check_wrapping(cases, secret_name, binding_of, key_of):
    for case in cases:
        key, binding = key_of(case), binding_of(case)
        secret, wrapped = bytes.fromhex(case[secret_name]), bytes.fromhex(case["wrapped"])
        expect(case["name"], "what is inside", secret.hex(), unwrap(key, wrapped, binding).hex())
        built = wrap(key, bytes.fromhex(case["nonce"]), secret, binding)
        expect(case["name"], "the wrapped form", case["wrapped"], built.hex())


def shown(case):
    """The public half of a key pair, or the code of a message; None for SM2, which Python does not know."""
    spec, material = case["spec"], bytes.fromhex(case["material"])
    if spec == "SM2":
        return None
    if spec.startswith("HMAC_"):
        return hmac.new(material, b"attack at dawn", f"sha{spec[5:]}").digest()
    if spec.startswith("ML_DSA_"):
        private_key = getattr(mldsa, f"MLDSA{spec[7:]}PrivateKey").from_seed_bytes(material)
    else:
        private_key = serialization.load_der_private_key(material, None)
    return private_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def check_key_pairs():
    cases = load(
        "wrapped-key-pairs-v1.json", "rootKey", "account", "region", "keyID", "materialID", "spec", "material", "nonce",
        "wrapped", "shown",
    )
    check_wrapping(
        cases, "material", material_binding,
        lambda case: domain_key(bytes.fromhex(case["rootKey"]), "region", case["region"]),
    )
    for case in cases:
        computed = shown(case)
        if computed is not None:
            expect(case["name"], "what it shows", case["shown"], computed.hex())
    return len(cases)


def check_ciphertexts():
    cases = load(
        "ciphertext-v1.json", "keyID", "materialID", "material", "context", "salt", "nonce", "plaintext", "ciphertext"
    )
    for case in cases:
        salt, nonce = bytes.fromhex(case["salt"]), bytes.fromhex(case["nonce"])
        plaintext, ciphertext = bytes.fromhex(case["plaintext"]), bytes.fromhex(case["ciphertext"])
        prefix = ciphertext_prefix(case, salt)
        binding = prefix + encoded_context(case["context"])
        cipher = AESGCM(message_key(bytes.fromhex(case["material"]), salt))
        expect(case["name"], "the prefix", ciphertext[:69].hex(), prefix.hex())
        opened = cipher.decrypt(ciphertext[69:81], ciphertext[81:], binding)
        expect(case["name"], "the plaintext", plaintext.hex(), opened.hex())
        built = prefix + nonce + cipher.encrypt(nonce, plaintext, binding)
        expect(case["name"], "the ciphertext", ciphertext.hex(), built.hex())
    return len(cases)


def check_external_ciphertexts():
    cases = load(
        "external-ciphertext-v1.json", "keyID", "materialID", "material", "additionalData", "salt",
        "initializationVector", "plaintext", "ciphertextMetadata", "ciphertext", "authenticationTag", "integrityValue"
    )
    for case in cases:
        key_id = bytes.fromhex(case["keyID"].removeprefix("mrk-").replace("-", ""))
        salt, vector = bytes.fromhex(case["salt"]), bytes.fromhex(case["initializationVector"])
        metadata = b"\x01" + salt + bytes.fromhex(case["materialID"])[:3]
        expect(case["name"], "the metadata", case["ciphertextMetadata"], metadata.hex())
        additional = bytes.fromhex(case["additionalData"])
        binding = len(additional).to_bytes(2, "big") + additional + bytes([len(metadata)]) + metadata
        material = bytes.fromhex(case["material"])
        cipher = AESGCM(counter_mode(material, b"chatelaine external message key v1", salt + key_id))
        sealed = cipher.encrypt(vector, bytes.fromhex(case["plaintext"]), binding)
        expect(case["name"], "the ciphertext", case["ciphertext"] + case["authenticationTag"], sealed.hex())
        value = hashlib.sha256(additional + metadata + vector + sealed).hexdigest()
        expect(case["name"], "the integrity value", case["integrityValue"], value)
    return len(cases)


def import_payload(case):
    """What an import token holds: how material is wrapped for it, when it was made, and the key that unwraps."""
    creation = int(case["creation"]).to_bytes(8, "big")
    return field(case["algorithm"]) + field(creation) + field(bytes.fromhex(case["wrappingKey"]))


def import_binding(case):
    return b"".join([
        field("chatelaine import token"), field(b"\x01"), field(case["account"]), field(case["region"]),
        field(case["keyID"]), field(case["spec"]),
    ])


def imported_material_id(case):
    text = b"".join([
        field("chatelaine imported material"), field(case["account"]), field(case["keyID"]), field(case["spec"]),
        field(bytes.fromhex(case["material"])),
    ])
    key = domain_key(bytes.fromhex(case["rootKey"]), "material identifier")
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def check_imports():
    cases = load(
        "import-v1.json", "rootKey", "account", "region", "keyID", "spec", "algorithm", "creation", "wrappingKey",
        "nonce", "material", "token", "encrypted", "materialID",
    )
    for case in cases:
        key = domain_key(bytes.fromhex(case["rootKey"]), "import", case["region"])
        built = wrap(key, bytes.fromhex(case["nonce"]), import_payload(case), import_binding(case))
        expect(case["name"], "the token", case["token"], built.hex())
        digest = {"RSAES_OAEP_SHA_1": hashes.SHA1, "RSAES_OAEP_SHA_256": hashes.SHA256}[case["algorithm"]]()
        scheme = padding.OAEP(padding.MGF1(digest), digest, None)
        wrapping_key = serialization.load_der_private_key(bytes.fromhex(case["wrappingKey"]), None)
        opened = wrapping_key.decrypt(bytes.fromhex(case["encrypted"]), scheme)
        expect(case["name"], "the material", case["material"], opened.hex())
        expect(case["name"], "its identifier", case["materialID"], imported_material_id(case))
    return len(cases)


def check_grant_tokens():
    cases = load("grant-token-v1.json", "rootKey", "region", "keyID", "grantID", "salt", "token")
    for case in cases:
        digits = case["keyID"].removeprefix("mrk-").replace("-", "")
        form = b"\x01" if case["keyID"].startswith("mrk-") else b"\x00"
        content = b"chg\x01" + form + bytes.fromhex(digits + case["grantID"] + case["salt"])
        key = domain_key(bytes.fromhex(case["rootKey"]), "grant token", case["region"])
        code = hmac.new(key, content, hashlib.sha256).digest()[:16]
        expect(case["name"], "the token", case["token"], base64.b64encode(content + code).decode())
    return len(cases)


def session_token(case):
    """The token and the secret that go with an access key."""
    salt, nonce = bytes.fromhex(case["salt"]), bytes.fromhex(case["nonce"])
    key = domain_key(bytes.fromhex(case["rootKey"]), "session")
    head = b"chs\x01" + salt
    content = field(case["accessKeyID"]) + field(bytes.fromhex(case["content"]))
    sealing = hmac.new(key, b"seal" + salt, hashlib.sha256).digest()
    secret = hmac.new(key, b"secret" + salt + case["accessKeyID"].encode(), hashlib.sha256).digest()[:30]
    token = head + nonce + AESGCM(sealing).encrypt(nonce, content, head)
    return base64.b64encode(token).decode(), base64.b64encode(secret).decode()


def check_session_tokens():
    cases = load("session-token-v1.json", "rootKey", "accessKeyID", "content", "salt", "nonce", "token", "secret")
    for case in cases:
        token, secret = session_token(case)
        expect(case["name"], "the token", case["token"], token)
        expect(case["name"], "the secret", case["secret"], secret)
    return len(cases)


# Seals


def seal_binding(kind, parameters):
    """What the root key of a seal's document is bound to: everything else in the document."""
    def number(name):
        return field(parameters[name].to_bytes(4, "big"))

    def blob(name):
        return field(base64.b64decode(parameters[name]))

    head = field("chatelaine seal") + field(b"\x01") + field(kind)
    if kind == "passphrase":
        assert parameters["algorithm"] == "argon2id"
        return head + number("passes") + number("memoryKiB") + blob("salt")
    if kind == "pkcs11":
        names = field(parameters["token"]) + field(parameters["key"]) + field(parameters["mechanism"])
        return head + names + blob("wrappedSealingKey")
    counts = bytes([parameters["shares"], parameters["threshold"]])
    return head + field(bytes.fromhex(parameters["set"])) + field(counts)


def seal_document(kind, parameters, sealing_key, nonce, root_key):
    binding = seal_binding(kind, parameters)
    wrapped = nonce + AESGCM(sealing_key).encrypt(nonce, root_key, binding)
    document = {
        "version": 1, "kind": kind, "parameters": parameters, "wrappedRootKey": base64.b64encode(wrapped).decode(),
        "checksum": hashlib.sha256(binding + field(wrapped)).hexdigest()[:8],
    }  # fmt: skip
    return json.dumps(document, separators=(",", ":")) + "\n"


def passphrase_key(passphrase, parameters):
    """RFC 9106, with one lane."""
    salt = base64.b64decode(parameters["salt"])
    return Argon2id(
        salt=salt, length=32, iterations=parameters["passes"], lanes=1, memory_cost=parameters["memoryKiB"]
    ).derive(passphrase)


def field_product(left, right):
    """The product of two bytes as polynomials modulo x^8 + x^4 + x^3 + x + 1."""
    product = 0
    for bit in range(8):
        product ^= (left << bit) if right >> bit & 1 else 0
    for bit in range(14, 7, -1):
        product ^= (0x11B << (bit - 8)) if product >> bit & 1 else 0
    return product


def field_quotient(left, right):
    return next(value for value in range(256) if field_product(value, right) == left)


def share_value(coefficients, point):
    """The values of the polynomials at a point; the first coefficients are the secret."""
    value = bytes(len(coefficients[0]))
    for coefficient in reversed(coefficients):
        value = bytes(field_product(old, point) ^ new for old, new in zip(value, coefficient))
    return value


def joined(values):
    """The secret behind the values at points (Lagrange's interpolation at 0)."""
    secret = bytes(32)
    for point, value in values.items():
        factor = 1
        for other in values:
            if other != point:
                factor = field_product(factor, field_quotient(other, other ^ point))
        secret = bytes(old ^ field_product(factor, new) for old, new in zip(secret, value))
    return secret


def share_text(set_name, threshold, index, value):
    encoded = base64.b32encode(value).decode().rstrip("=").lower()
    text = f"chatelaine-share-1-{set_name}-{threshold}-{index}-{encoded}"
    return f"{text}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def check_document(case, kind, sealing_key):
    parameters = json.loads(case["document"])["parameters"]
    built = seal_document(kind, parameters, sealing_key, bytes.fromhex(case["nonce"]), bytes.fromhex(case["rootKey"]))
    expect(case["name"], "the document", case["document"], built)
    wrapped = base64.b64decode(json.loads(built)["wrappedRootKey"])
    opened = AESGCM(sealing_key).decrypt(wrapped[:12], wrapped[12:], seal_binding(kind, parameters))
    expect(case["name"], "the root key", case["rootKey"], opened.hex())
    return parameters


def check_passphrase_seals():
    cases = load("seal-passphrase-v1.json", "rootKey", "passphrase", "salt", "nonce", "document")
    for case in cases:
        parameters = json.loads(case["document"])["parameters"]
        expect(case["name"], "the salt", case["salt"], base64.b64decode(parameters["salt"]).hex())
        check_document(case, "passphrase", passphrase_key(bytes.fromhex(case["passphrase"]), parameters))
    return len(cases)


def check_token_seals():
    cases = load("seal-pkcs11-v1.json", "rootKey", "tokenKey", "sealingKey", "nonce", "document")
    for case in cases:
        sealing_key, token_key = bytes.fromhex(case["sealingKey"]), bytes.fromhex(case["tokenKey"])
        parameters = check_document(case, "pkcs11", sealing_key)
        wrapped = base64.b64decode(parameters["wrappedSealingKey"])
        if parameters["mechanism"] == "AES_GCM":
            opened = AESGCM(token_key).decrypt(wrapped[:12], wrapped[12:], None)
        elif parameters["mechanism"] == "AES_KEY_WRAP_PAD":
            opened = keywrap.aes_key_unwrap_with_padding(token_key, wrapped)
        elif parameters["mechanism"] == "AES_KEY_WRAP":
            opened = keywrap.aes_key_unwrap(token_key, wrapped)
        else:
            digest = {"RSA_OAEP_SHA1": hashes.SHA1, "RSA_OAEP_SHA256": hashes.SHA256}[parameters["mechanism"]]()
            key = serialization.load_der_private_key(token_key, None)
            opened = key.decrypt(wrapped, padding.OAEP(padding.MGF1(digest), digest, None))
        expect(case["name"], "the sealing key", sealing_key.hex(), opened.hex())
    return len(cases)


def check_share_seals():
    cases = load("seal-shares-v1.json", "rootKey", "coefficients", "set", "nonce", "document", "shares")
    for case in cases:
        coefficients = [bytes.fromhex(text) for text in case["coefficients"].split()]
        parameters = check_document(case, "shares", coefficients[0])
        expect(case["name"], "the set", case["set"], parameters["set"])
        expect(case["name"], "the threshold", parameters["threshold"], len(coefficients))
        points = range(1, parameters["shares"] + 1)
        values = {point: share_value(coefficients, point) for point in points}
        texts = [share_text(case["set"], len(coefficients), point, value) for point, value in values.items()]
        expect(case["name"], "the shares", case["shares"].split(), texts)
        last = dict(list(values.items())[-len(coefficients):])
        expect(case["name"], "the sealing key", coefficients[0], joined(last))
    return len(cases)


def audit_code(key, label, *fields):
    return hmac.new(key, b"".join([field(label), field(b"\x01"), *map(field, fields)]), hashlib.sha256).digest()


def check_audit_chain():
    cases = load(
        "audit-chain-v1.json", "rootKey", "key", "nonce", "wrapped", "previous", "sequence", "record", "line", "note"
    )
    check_wrapping(
        cases, "key", lambda case: field("chatelaine audit key") + field(b"\x01"),
        lambda case: domain_key(bytes.fromhex(case["rootKey"]), "audit"),
    )
    for case in cases:
        key, sequence = bytes.fromhex(case["key"]), int(case["sequence"]).to_bytes(8, "big")
        digest = hashlib.sha256(case["record"].encode()).digest()
        code = audit_code(key, "chatelaine audit record", bytes.fromhex(case["previous"]), sequence, digest)
        member = f'"chatelaineChain":{{"sequence":{case["sequence"]},"mac":"{base64.b64encode(code).decode()}"}}'
        expect(case["name"], "the line", case["line"], f"{case['record'][:-1]},{member}}}")
        note = b"\x01" + sequence + code + audit_code(key, "chatelaine audit anchor", sequence, code)
        expect(case["name"], "the note", case["note"], note.hex())
    return len(cases)


def check_audit_nodes():
    cases = load("audit-node-v1.json", "rootKey", "wrapped", "node", "nodeKey", "record", "line", "note")
    for case in cases:
        wrapped = bytes.fromhex(case["wrapped"])
        binding = field("chatelaine audit key") + field(b"\x01")
        key = AESGCM(domain_key(bytes.fromhex(case["rootKey"]), "audit")).decrypt(wrapped[1:13], wrapped[13:], binding)
        info = field("chatelaine audit node") + field(b"\x01") + field(case["node"])
        key = hkdf(key, info)
        expect(case["name"], "the key", case["nodeKey"], key.hex())
        sequence = (1).to_bytes(8, "big")
        code = audit_code(
            key, "chatelaine audit record", bytes(32), sequence, hashlib.sha256(case["record"].encode()).digest())
        member = f'"chatelaineChain":{{"sequence":1,"mac":"{base64.b64encode(code).decode()}"}}'
        expect(case["name"], "the line", case["line"], f"{case['record'][:-1]},{member}}}")
        note = b"\x01" + sequence + code + audit_code(key, "chatelaine audit anchor", sequence, code)
        expect(case["name"], "the note", case["note"], note.hex())
    return len(cases)


def main():
    def root_key(case):
        return bytes.fromhex(case["rootKey"])

    count = check_root_keys() + check_domain_keys() + check_ciphertexts() + check_imports()
    count += check_external_ciphertexts()
    count += check_key_pairs() + check_grant_tokens() + check_session_tokens() + check_audit_chain() + check_audit_nodes()
    count += check_passphrase_seals() + check_token_seals() + check_share_seals()
    count += check_wrapped(
        "wrapped-material-v1.json", "material", ["account", "region", "keyID", "materialID", "spec"],
        material_binding, lambda case: domain_key(root_key(case), "region", case["region"]),
    )
    count += check_wrapped(
        "wrapped-secret-v1.json", "secret", ["account", "accessKeyID"],
        secret_binding, lambda case: domain_key(root_key(case), "identity"),
    )
    print(f"{count} vectors hold")


if __name__ == "__main__":
    # Python without assertions would find nothing wrong.
    sys.exit(main() if __debug__ else "run this without -O")
