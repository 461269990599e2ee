"""Answers as bytes: status, headers and bodies, of successes and of refusals."""

import base64
import re
import uuid

from harness import FIRST, SECOND, allow, equal, holds, policy, run, scenario
from raw import CONTENT_TYPE, Wire, sign

# The operations whose answer has no body at all.
SILENT = {
    "CreateAlias", "DeleteAlias", "DisableKey", "DisableKeyRotation", "EnableKey", "EnableKeyRotation", "PutKeyPolicy",
    "TagResource", "UntagResource", "UpdateAlias", "UpdateKeyDescription",
}  # fmt: skip


def calls(key, other):
    blob = yield "Encrypt", {"KeyId": key, "Plaintext": "YQ=="}
    blob = blob["CiphertextBlob"]
    yield "Decrypt", {"CiphertextBlob": blob}
    yield "ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": other}
    yield "GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}
    yield "GenerateDataKeyWithoutPlaintext", {"KeyId": key, "KeySpec": "AES_256"}
    yield "GenerateRandom", {"NumberOfBytes": 1}
    yield "DescribeKey", {"KeyId": key}
    yield "ListKeys", {}
    yield "CreateAlias", {"AliasName": "alias/answers", "TargetKeyId": key}
    yield "UpdateAlias", {"AliasName": "alias/answers", "TargetKeyId": other}
    yield "ListAliases", {}
    yield "DeleteAlias", {"AliasName": "alias/answers"}
    yield "TagResource", {"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "b"}]}
    yield "ListResourceTags", {"KeyId": key}
    yield "UntagResource", {"KeyId": key, "TagKeys": ["a"]}
    policy_now = yield "GetKeyPolicy", {"KeyId": key}
    yield "PutKeyPolicy", {"KeyId": key, "Policy": policy_now["Policy"]}
    yield "ListKeyPolicies", {"KeyId": key}
    yield "EnableKeyRotation", {"KeyId": key}
    yield "GetKeyRotationStatus", {"KeyId": key}
    yield "DisableKeyRotation", {"KeyId": key}
    yield "UpdateKeyDescription", {"KeyId": key, "Description": "d"}
    yield "DisableKey", {"KeyId": key}
    yield "EnableKey", {"KeyId": key}
    yield "ScheduleKeyDeletion", {"KeyId": key}
    yield "CancelKeyDeletion", {"KeyId": key}


def headers_are_right(answer, what):
    uuid.UUID(answer.headers["x-amzn-requestid"])
    equal(answer.headers["x-amzn-requestid"], answer.headers["x-amzn-requestid"].lower())
    equal(answer.headers.get("content-type"), CONTENT_TYPE, f"content type of {what}")
    equal(answer.headers.get("cache-control"), "no-cache, no-store, must-revalidate, private", f"caching of {what}")
    equal((answer.headers.get("expires"), answer.headers.get("pragma")), ("0", "no-cache"), f"caching of {what}")
    equal(answer.headers.get("content-length"), str(len(answer.body)), f"content length of {what}")
    holds(re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.headers.get("date", "")),
          f"date of {what}: {answer.headers.get('date')}")  # fmt: skip


@scenario
def successes_have_the_headers_and_bodies_of_aws(world):
    wire = Wire(world.endpoint)
    made = [wire.call("CreateKey", {}) for _ in range(2)]
    for answer in made:
        equal(answer.status, 200, f"{answer!r}")
        headers_are_right(answer, "CreateKey")
    key, other = (answer.json["KeyMetadata"]["KeyId"] for answer in made)
    sequence = calls(key, other)
    operation, body = next(sequence)
    seen = set()
    while True:
        answer = wire.call(operation, body)
        equal(answer.status, 200, f"{operation}: {answer!r}")
        headers_are_right(answer, operation)
        seen.add(answer.headers["x-amzn-requestid"])
        if operation in SILENT:
            equal(answer.body, b"", f"body of {operation}")
        else:
            holds(b"null" not in answer.body, f"{operation} answers with a null: {answer!r}")
            holds(isinstance(answer.json, dict), f"{operation}: {answer!r}")
        try:
            operation, body = sequence.send(answer.json if answer.body else None)
        except StopIteration:
            break
    equal(len(seen), 26, "request ids are different")


@scenario
def numbers_and_blobs_are_encoded_as_the_protocol_says(world):
    wire = Wire(world.endpoint)
    text = wire.call("CreateKey", {}).body.decode()
    date = re.search(r'"CreationDate":\s*([^,}]+)', text)[1]
    holds(re.fullmatch(r"\d{10}(\.\d{1,3})?|\d\.\d+E9", date), f"CreationDate {date}")
    blob = wire.call("GenerateRandom", {"NumberOfBytes": 10}).json["Plaintext"]
    equal(len(base64.b64decode(blob, validate=True)), 10)
    holds(blob.endswith("=="), "base64 with padding")
    made = wire.call("CreateKey", {"Description": "\u00e9\u4e16\U0001f511\u0001\u007f\"\\/\n\u2028"})
    equal(made.json["KeyMetadata"]["Description"], "\u00e9\u4e16\U0001f511\u0001\u007f\"\\/\n\u2028")


@scenario
def refusals_have_two_members_at_most(world):
    wire = Wire(world.endpoint)
    mine = wire.call("CreateKey", {}).json["KeyMetadata"]["KeyId"]
    closed = wire.call(
        "CreateKey", {"Policy": policy(allow(SECOND.root)), "BypassPolicyLockoutSafetyCheck": True}
    ).json["KeyMetadata"]
    answer = wire.call("DescribeKey", {"KeyId": "nonsense"})
    headers_are_right(answer, "a refusal")
    equal(answer.json, {"__type": "NotFoundException", "message": "Invalid keyId 'nonsense'"})
    # This one error has a capital letter.
    answer = wire.call("DescribeKey", {"KeyId": closed["KeyId"]})
    headers_are_right(answer, "a denial")
    text = (
        f"User: {FIRST.root} is not authorized to perform: kms:DescribeKey on resource: {closed['Arn']} "
        "because no resource-based policy allows the kms:DescribeKey action"
    )
    equal(answer.json, {"__type": "AccessDeniedException", "Message": text})
    # Errors for which AWS has no text have no member for it.
    answer = wire.call("Decrypt", {"CiphertextBlob": "YQ==", "KeyId": mine})
    equal(answer.json, {"__type": "InvalidCiphertextException"})
    equal(wire.call("ListKeys", {"Marker": "x"}).json, {"__type": "InvalidMarkerException"})
    # A refusal before the signature is looked at is made of the same parts.
    answer = wire.send(wire.headers("ListKeys"), b"{}")
    headers_are_right(answer, "an unsigned call")
    equal(answer.json, {"__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"})


@scenario
def a_connection_is_kept(world):
    wire = Wire(world.endpoint)
    equal(wire.call("ListKeys", {}).status, 200)
    socket = wire.connection.sock
    for operation, body in (("DescribeKey", {"KeyId": "x"}), ("Nothing", {}), ("ListKeys", b"{"), ("ListKeys", {})):
        wire.call(operation, body)
        holds(wire.connection is not None and wire.connection.sock is socket, f"{operation} closed the connection")
    headers = wire.headers("ListKeys")
    headers["Authorization"] = sign("POST", "/", headers, b"another body")
    equal(wire.send(headers, b"{}").status, 400)
    holds(wire.connection is not None and wire.connection.sock is socket, "a bad signature closed the connection")


if __name__ == "__main__":
    run()
