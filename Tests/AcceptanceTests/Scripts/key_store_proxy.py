"""A client of the External Key Store Proxy API, as another KMS is one: signed by botocore, or wrongly where that is wanted.

Source: AWS KMS External Key Store Proxy API Specification 1.0.2 (aws/aws-kms-xksproxy-api-spec on GitHub).
"""

import base64
import hashlib
import json
import os
import pathlib
import shutil
import signal
import tempfile

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from harness import Account, equal, eventually, holds
from raw import Wire

# From where the other KMS calls; the keys are elsewhere.
CALLING_REGION = "us-west-2"
SERVICE = "kms-xks-proxy"
ENDING = "/kms/xks/v1"
ALICE = "arn:aws:iam::123456789012:user/Alice"
THEIR_KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
STATUS = {
    "AccessDeniedException": 403,
    "AuthenticationFailedException": 401,
    "DependencyTimeoutException": 503,
    "InternalException": 500,
    "InvalidCiphertextException": 400,
    "InvalidKeyUsageException": 400,
    "InvalidStateException": 400,
    "InvalidUriPathException": 404,
    "KeyNotFoundException": 404,
    "ThrottlingException": 429,
    "UnsupportedOperationException": 501,
    "ValidationException": 400,
}
MOST_TEXT, MOST_ADDITIONAL = 4300, 8192


def encoded(data):
    return base64.b64encode(data).decode()


def decoded(text):
    return base64.b64decode(text, validate=True)


def credential(letter):
    """An access key that no other proxy has; the numbers in it mean nothing."""
    return Account("proxy", letter * 20, (letter.lower() + "+/=9") * 9)


def metadata(operation="Encrypt", **changes):
    """What the other KMS tells; a change of None leaves a member out."""
    told = {
        "awsPrincipalArn": ALICE, "kmsKeyArn": THEIR_KEY, "kmsOperation": operation,
        "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae", "kmsViaService": "ebs",
    } | changes  # fmt: skip
    return {name: value for name, value in told.items() if value is not None}


def rule(operations=("metadata", "encrypt", "decrypt"), keys=("*",), principals=("*",)):
    return {"operations": list(operations), "kmsKeyArns": list(keys), "principalArns": list(principals)}


def proxy(name, credentials, keys, rate=10_000, region=CALLING_REGION):
    """`keys`: by their names elsewhere, an ARN of this server, or that and rules."""
    entries = []
    for external, key in keys.items():
        arn, *rules = key if isinstance(key, tuple) else (key,)
        entries.append({"externalKeyId": external, "keyArn": arn, "allow": rules or [rule()]})
    return {
        "uriPath": f"{name}{ENDING}", "region": region, "requestsPerSecond": rate, "keys": entries,
        "credentials": [
            {"accessKeyId": each.access_key_id, "secretAccessKey": each.secret_access_key} for each in credentials
        ],
    }  # fmt: skip


class File:
    """The file of a server's proxies."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="xks-"))
        self.path = self.directory / "proxies.json"

    def write(self, *proxies, text=None, mode=0o600):
        written = self.directory / "new"
        written.write_text(text if text is not None else json.dumps({"proxies": proxies}))
        os.chmod(written, mode)
        os.replace(written, self.path)

    def replace(self, server, *proxies, text=None, mode=0o600, what="The key store proxies were replaced"):
        """Puts another file there, and waits until the server has said what it makes of it."""
        position = server.log_size()
        self.write(*proxies, text=text, mode=mode)
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: what in server.log_since(position), what, seconds=15)
        return server.log_since(position)

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


class Client:
    """The other KMS, with one credential, before one proxy."""

    def __init__(self, endpoint, name, account, region=CALLING_REGION, service=SERVICE, context=None):
        self.wire = Wire(endpoint, context=context)
        self.endpoint = endpoint
        self.path = f"{name}{ENDING}"
        self.account = account
        self.region = region
        self.service = service

    def signed(self, path, body):
        """The headers of a request as botocore signs it."""
        request = botocore.awsrequest.AWSRequest(
            "POST", self.endpoint + path, data=body, headers={"Content-Type": "application/json"})
        credentials = botocore.credentials.Credentials(self.account.access_key_id, self.account.secret_access_key)
        botocore.auth.SigV4Auth(credentials, self.service, self.region).add_auth(request)
        return {"Host": self.wire.host, **dict(request.headers.items())}

    def send(self, rest, body):
        """A well signed request with any body: bytes as they are, all else as JSON."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.wire.send(self.signed(self.path + rest, body), body, path=self.path + rest)

    def health(self, **changes):
        told = {"kmsRequestId": "1124f4d6-db54-4af4-ae30-c55a22a8abcd", "kmsOperation": "KmsHealthCheck"} | changes
        return self.send("/health", {"requestMetadata": told})

    def metadata(self, key, operation="DescribeKey", **changes):
        return self.send(f"/keys/{key}/metadata", {"requestMetadata": metadata(operation, **changes)})

    def encrypt(self, key, text=b"Hello World!", additional=None, integrity=True, told=None, **changes):
        body = {
            "requestMetadata": told or metadata(), "plaintext": encoded(text), "encryptionAlgorithm": "AES_GCM",
            "additionalAuthenticatedData": None if additional is None else encoded(additional),
            "ciphertextDataIntegrityValueAlgorithm": "SHA_256" if integrity else None,
        } | changes  # fmt: skip
        return self.send(f"/keys/{key}/encrypt", {name: value for name, value in body.items() if value is not None})

    def decrypt(self, key, made, additional=None, told=None, **changes):
        names = ("ciphertext", "ciphertextMetadata", "initializationVector", "authenticationTag")
        body = {
            "requestMetadata": told or metadata("Decrypt"), "encryptionAlgorithm": "AES_GCM",
            "additionalAuthenticatedData": None if additional is None else encoded(additional),
            **{name: made[name] for name in names},
        } | changes  # fmt: skip
        return self.send(f"/keys/{key}/decrypt", {name: value for name, value in body.items() if value is not None})


# Expectations


def good(answer, *names):
    """The members of an answer, which has just these."""
    equal(answer.status, 200, f"status of {answer!r}")
    equal(answer.headers["content-type"], "application/json", "content type")
    if names:
        equal(sorted(answer.json), sorted(names), "members of the answer")
    return answer.json


def bad(answer, name, what=""):
    """The answer is this error, in the form that the specification has."""
    equal((answer.status, answer.json.get("errorName")), (STATUS[name], name), f"{what}: {answer!r}")
    equal(answer.headers["content-type"], "application/json", "content type")
    equal(sorted(answer.json), ["errorMessage", "errorName"], "members of the error")
    message = answer.json["errorMessage"]
    holds(len(message) < 512 and all(" " <= each <= "~" for each in message), f"the message {message!r}")
    return message


def integrity_value(made, additional=b""):
    names = ("ciphertextMetadata", "initializationVector", "ciphertext", "authenticationTag")
    return encoded(hashlib.sha256(additional + b"".join(decoded(made[name]) for name in names)).digest())
