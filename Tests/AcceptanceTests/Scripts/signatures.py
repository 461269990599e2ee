"""Signatures of every wrong kind, in the order and the words of sigv4.md, and the right ones that look odd."""

import base64
import dataclasses
import hashlib
import re
import uuid

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness import FIRST, OTHER_REGION, SECOND, equal, holds, run, scenario
from raw import CONTENT_TYPE, Wire, amz_date, sign

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
STRANGER = "The security token included in the request is invalid."
BODY = b'{"Limit":1}'


def attempt(world, authorization=None, body=BODY, drop=(), **changes):
    """A call whose headers are changed after it was signed; `authorization` changes the signature's text."""
    wire = Wire(world.endpoint)
    headers = wire.headers("ListKeys")
    text = sign("POST", "/", headers, BODY)
    headers["Authorization"] = authorization(text) if authorization else text
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    for name in drop:
        del headers[name]
    return wire.send(headers, body)


def signed(world, account=FIRST, more=None, method="POST", path="/", body=BODY, date=None, drop=(), **signing):
    """A call that is signed in some unusual way, and sent as it was signed."""
    wire = Wire(world.endpoint)
    headers = wire.headers("ListKeys", **(more or {}))
    if date:
        headers["X-Amz-Date"] = date
    for name in drop:
        del headers[name]
    headers["Authorization"] = sign(method, path, headers, body, account, **signing)
    return wire.send(headers, body, method, path)


def refused(answer, code, message=None):
    equal(answer.status, 400, f"status of {answer!r}")
    equal(answer.code, code, f"code of {answer!r}")
    equal(answer.headers.get("content-type"), CONTENT_TYPE)
    uuid.UUID(answer.headers["x-amzn-requestid"])
    holds("date" in answer.headers, "no Date header, which clients correct their clocks by")
    if isinstance(message, re.Pattern):
        holds(message.fullmatch(answer.message), f"message {answer.message!r} is not {message.pattern!r}")
    elif message is not None:
        equal((answer.message or "").rstrip(), message.rstrip(), f"message of {code}")


def hashed(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@scenario
def a_request_without_a_signature_is_refused(world):
    refused(attempt(world, drop=["Authorization"]), "MissingAuthenticationTokenException",
            "Missing Authentication Token")  # fmt: skip


@scenario
def a_header_that_is_no_signature_is_incomplete(world):
    for text in ("Bearer x", "Basic dTpw", "AWS4-HMAC-SHA256 nonsense"):
        answer = attempt(world, lambda _, text=text: text)
        refused(answer, "IncompleteSignatureException", re.compile(
            r"Invalid key=value pair \(missing equal-sign\) in Authorization header \(hashed with SHA-256 and encoded "
            r"with Base64\): '[A-Za-z0-9+/]{43}='\."
        ))  # fmt: skip
    for text in ("", "nonsense", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 ,", "AWS4-HMAC-SHA256 =",
                 "AWS4-HMAC-SHA256 =,="):  # fmt: skip
        answer = attempt(world, lambda _, text=text: text)
        equal(answer.status, 400)
        holds(answer.code in ("IncompleteSignatureException", "MissingAuthenticationTokenException"), f"{answer!r}")


@scenario
def missing_parts_are_named_in_order(world):
    sentences = {
        "Credential": "Authorization header requires 'Credential' parameter.",
        "Signature": "Authorization header requires 'Signature' parameter.",
        "SignedHeaders": "Authorization header requires 'SignedHeaders' parameter.",
    }
    date = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."

    def without(names):
        def change(text):
            algorithm, _, parts = text.partition(" ")
            return f"{algorithm} " + ", ".join(part for part in parts.split(", ") if part.split("=")[0] not in names)

        return change

    for names in (["Credential"], ["Signature"], ["SignedHeaders"], ["Credential", "Signature"],
                  ["Signature", "SignedHeaders"]):  # fmt: skip
        sent = []

        def change(text, names=names, sent=sent):
            sent.append(without(names)(text))
            return sent[0]

        answer = attempt(world, change)
        expected = " ".join(sentences[name] for name in sentences if name in names)
        expected += f" (Hashed with SHA-256 and encoded with Base64) Authorization={hashed(sent[0])}"
        refused(answer, "IncompleteSignatureException", expected)
    answer = attempt(world, drop=["X-Amz-Date"])
    refused(answer, "IncompleteSignatureException")
    holds(answer.message.startswith(date), answer.message)


@scenario
def dates_must_be_in_the_basic_format(world):
    for text in ("2026-01-02T03:04:05Z", "20260102", "20260102T030405", "yesterday", "20261302T030405Z",
                 "20260102T250405Z", "20260102T030405Z ", "\u00e9".encode().decode("latin-1")):  # fmt: skip
        answer = signed(world, date=text)
        if text.strip() != text:
            continue  # white space around a header's value is not part of it
        refused(answer, "IncompleteSignatureException",
                f"Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
                if text.isascii() else None)  # fmt: skip


@scenario
def a_credential_has_five_elements(world):
    for change in ("a/b/c/d", "a", "", "20260102/us-east-1/kms/aws4_request", "a/b/c/d/"):
        answer = attempt(world, lambda text, change=change: re.sub(r"Credential=[^,]*", f"Credential={change}", text))
        if answer.code == "InvalidSignatureException" and change.endswith("/"):
            continue  # five elements with an empty terminator
        refused(answer, "IncompleteSignatureException")
        if change:
            expected = (
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
                f"got '{change}'"
            )
            equal(answer.message, expected)


@scenario
def the_scope_must_be_right(world):
    refused(signed(world, terminator="aws4_test"), "InvalidSignatureException",
            "Credential should be scoped with a valid terminator: 'aws4_request'.")  # fmt: skip
    refused(signed(world, service="s3"), "InvalidSignatureException",
            "Credential should be scoped to correct service: 'kms'.")  # fmt: skip
    for region in ("nowhere", "US-EAST-1", "us east 1", "-"):
        refused(signed(world, region=region), "InvalidSignatureException",
                "Credential should be scoped to a valid region.")  # fmt: skip
    date = amz_date()
    refused(
        signed(world, date=date, scope_date="20200101"), "InvalidSignatureException",
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'20200101' != '{date[:8]}', from '{date}'.",
    )  # fmt: skip


@scenario
def what_matters_must_be_signed(world):
    refused(
        signed(world, signed=["content-type", "x-amz-date", "x-amz-target"]), "InvalidSignatureException",
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    )  # fmt: skip
    refused(signed(world, signed=["host", "x-amz-target"]), "InvalidSignatureException", MISMATCH)
    refused(signed(world, signed=["host", "x-amz-date"]), "InvalidSignatureException", MISMATCH)
    equal(signed(world, signed=["host", "x-amz-date", "x-amz-target"]).status, 200)
    wire = Wire(world.endpoint)
    headers = wire.headers("ListKeys", **{"X-Lost": "on the way"})
    headers["Authorization"] = sign("POST", "/", headers, BODY)
    del headers["X-Lost"]
    refused(wire.send(headers, BODY), "InvalidSignatureException", MISMATCH)
    for names in (["x-amz-target", "x-amz-date", "host"], ["host", "host", "x-amz-date", "x-amz-target"],
                  ["Host", "x-amz-date", "x-amz-target"], ["", "host", "x-amz-date", "x-amz-target"]):  # fmt: skip
        answer = signed(world, signed=names)
        equal(answer.status, 400, f"SignedHeaders {names}: {answer!r}")
        holds(answer.code in ("InvalidSignatureException", "IncompleteSignatureException"), f"{names}: {answer!r}")


@scenario
def a_signature_lasts_five_minutes(world):
    # Not at the very edge, which the test's own time would cross.
    for offset in (-240, -1, 0, 240):
        equal(signed(world, date=amz_date(offset)).status, 200, f"a date {offset} s from now")
    old = amz_date(-330)
    pattern = rf"Signature expired: {old} is now earlier than \d{{8}}T\d{{6}}Z \(\d{{8}}T\d{{6}}Z - 5 min\.\)"
    refused(signed(world, date=old), "InvalidSignatureException", re.compile(pattern))
    new = amz_date(330)
    pattern = rf"Signature not yet current: {new} is still later than \d{{8}}T\d{{6}}Z \(\d{{8}}T\d{{6}}Z \+ 5 min\.\)"
    refused(signed(world, date=new), "InvalidSignatureException", re.compile(pattern))
    for offset in (-10**8, 10**8, -10**9):
        refused(signed(world, date=amz_date(offset)), "InvalidSignatureException")


@scenario
def strangers_are_unrecognized(world):
    for access_key in ("AKIAIOSFODNN7NOTHING", "x", "ASIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPL",
                       "akiaiosfodnn7example"):  # fmt: skip
        stranger = dataclasses.replace(FIRST, access_key_id=access_key)
        refused(signed(world, stranger), "UnrecognizedClientException", STRANGER)
    refused(signed(world, more={"X-Amz-Security-Token": "a token"}), "UnrecognizedClientException", STRANGER)


@scenario
def any_difference_breaks_the_signature(world):
    equal(attempt(world).status, 200)
    answers = {
        "another secret": signed(world, dataclasses.replace(FIRST, secret_access_key="x" * 40)),
        "another account's secret": signed(
            world, dataclasses.replace(FIRST, secret_access_key=SECOND.secret_access_key)
        ),
        "another body": attempt(world, body=b'{"Limit":2}'),
        "no body": attempt(world, body=b""),
        "another target": attempt(world, X_Amz_Target="TrentService.ListAliases"),
        "another type": attempt(world, Content_Type=CONTENT_TYPE + "; charset=utf-8"),
        "another date": attempt(world, X_Amz_Date=amz_date(-7)),
        "another host": attempt(world, Host="localhost"),
        "another content hash": signed(world, more={"X-Amz-Content-Sha256": "0" * 64}),
        "unsigned payload": signed(
            world, more={"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}, payload_hash="UNSIGNED-PAYLOAD"
        ),
        "a streaming payload": signed(
            world, more={"X-Amz-Content-Sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
            payload_hash="STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        ),
        "a query that was not signed": Wire(world.endpoint).send(
            {**(headers := Wire(world.endpoint).headers("ListKeys")),
             "Authorization": sign("POST", "/", headers, BODY)}, BODY, "POST", "/?a=b",
        ),
    }  # fmt: skip
    for position in (0, 31, 63):
        def flip(text, position=position):
            at = text.rindex("=") + 1 + position
            return text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]

        answers[f"hex digit {position}"] = attempt(world, flip)
    for name, change in {
        "a short signature": lambda text: text[:-1],
        "a long signature": lambda text: text + "0",
        "an empty signature": lambda text: text[: text.rindex("=") + 1],
        "a signature that is no hex": lambda text: text[: text.rindex("=") + 1] + "z" * 64,
    }.items():
        answers[name] = attempt(world, change)
    for name, answer in answers.items():
        try:
            refused(answer, "InvalidSignatureException", MISMATCH)
        except AssertionError as error:
            holds(name == "an empty signature" and answer.code == "IncompleteSignatureException", f"{name}: {error}")
    equal(attempt(world).status, 200)


@scenario
def other_schemes_are_refused(world):
    for algorithm in ("AWS4-ECDSA-P256-SHA256", "AWS4-HMAC-SHA512", "AWS3-HTTPS", "aws4-hmac-sha256", "AWS"):
        answer = attempt(world, lambda text, a=algorithm: text.replace("AWS4-HMAC-SHA256", a))
        equal(answer.status, 400, f"{algorithm}: {answer!r}")
        holds(answer.code in ("IncompleteSignatureException", "InvalidSignatureException",
                              "MissingAuthenticationTokenException"), f"{algorithm}: {answer!r}")  # fmt: skip


@scenario
def two_signatures_are_one_too_many(world):
    wire = Wire(world.endpoint)
    headers = wire.headers("ListKeys")
    text = sign("POST", "/", headers, BODY)
    answer = wire.send([*headers.items(), ("Authorization", text), ("Authorization", text)], BODY)
    equal(answer.status, 400, f"{answer!r}")
    query = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=" + "0" * 64
    headers["Authorization"] = sign("POST", query, headers, BODY)
    answer = wire.send(headers, BODY, "POST", query)
    refused(answer, "IncompleteSignatureException")


@scenario
def odd_but_right_signatures_are_accepted(world):
    def spaced(text):
        return text.replace("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256   ").replace(", ", " ,  ")

    def packed(text):
        return text.replace(", ", ",")

    def reordered(text):
        algorithm, _, parts = text.partition(" ")
        return f"{algorithm} " + ", ".join(reversed(parts.split(", ")))

    for change in (spaced, packed, reordered):
        equal(attempt(world, change).status, 200, change.__name__)
    more = {"X-Custom": "  a   b  ", "Amz-Sdk-Request": "attempt=1; max=25", "Amz-Sdk-Invocation-Id": "1"}
    equal(signed(world, more=more).status, 200)
    equal(signed(world, more={"X-Amz-Content-Sha256": hashlib.sha256(BODY).hexdigest()}).status, 200)
    equal(signed(world, region=OTHER_REGION).status, 200)
    equal(signed(world, SECOND).status, 200)


@scenario
def requests_signed_by_botocore_are_accepted(world):
    wire = Wire(world.endpoint)
    credentials = Credentials(FIRST.access_key_id, FIRST.secret_access_key)
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": "TrentService.ListKeys"}
    request = AWSRequest("POST", world.endpoint + "/", headers=headers, data=BODY)
    SigV4Auth(credentials, "kms", "us-east-1").add_auth(request)
    equal(wire.send({"Host": wire.host, **dict(request.headers.items())}, BODY).status, 200)
    # Without a body, which botocore would move into the query.
    request = AWSRequest("POST", world.endpoint + "/", headers=headers)
    SigV4QueryAuth(credentials, "kms", "us-east-1", expires=60).add_auth(request)
    query = request.url.partition("/?")[2]
    answer = wire.send({"Host": wire.host, **headers}, b"", "POST", "/?" + query)
    equal(answer.status, 200, f"{answer!r}")
    for name in ("X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature"):
        without = "&".join(part for part in query.split("&") if not part.startswith(name + "="))
        answer = wire.send({"Host": wire.host, **headers}, b"", "POST", "/?" + without)
        text = f"AWS query-string parameters must include '{name}'. Re-examine the query-string parameters."
        refused(answer, "IncompleteSignatureException", text)
    expired = query.replace("X-Amz-Expires=60", "X-Amz-Expires=61")
    answer = wire.send({"Host": wire.host, **headers}, b"", "POST", "/?" + expired)
    refused(answer, "InvalidSignatureException", MISMATCH)


@scenario
def the_server_serves_after_all_that(world):
    world.key()


if __name__ == "__main__":
    run()
