"""Requests that are no requests: not JSON, not UTF-8, too large, too deep, to nothing, in no known type."""

import gzip
import json
import re
import socket
import urllib.parse
import uuid

from harness import equal, holds, patient, run, scenario
from raw import Wire, sign

DEEP = 200_000


def declared(answer, *codes):
    holds(answer.status < 500, f"{answer!r}")
    holds(answer.status in (400, 413), f"{answer!r}")
    uuid.UUID(answer.headers["x-amzn-requestid"])
    holds(answer.code in codes, f"expected one of {codes}, got {answer!r}")


def still_serves(world):
    answer = Wire(world.endpoint).call("ListKeys", {"Limit": 1})
    equal(answer.status, 200, f"after it: {answer!r}")


@scenario
def a_body_that_is_no_json_object_is_refused(world):
    wire = Wire(world.endpoint)
    bodies = [
        b"{", b"}", b"{]", b"[]", b"null", b"true", b"7", b'"text"', b"{} {}", b"{},", b"nonsense", b"\0", b"{\0}",
        b"{'Limit':1}", b"{Limit:1}", b'{"Limit":01}', b'{"Limit":+1}', b'{"Limit":1,}', b'{"Limit":0x1}',
        b'{"Limit":NaN}', b'{"Limit":Infinity}', b'{"Limit":1.}', b'{"Limit":.5}', b'{"Limit" 1}', b'{"Limit":}',
        b'{"Marker":"a\nb"}', b'{"Marker":"\\x41"}', b'{"Marker":"\\u12"}', b'{"Marker":"unended}', b'{"Marker":"\\"}',
        b"/* comment */ {}", b"\xef\xbb\xbf[]", b"<a/>", b"Limit=1", b"{" * 1000, b'{"a":' * 1000,
    ]  # fmt: skip
    for body in bodies:
        answer = wire.call("ListKeys", body)
        try:
            declared(answer, "SerializationException")
        except AssertionError as error:
            raise AssertionError(f"{body[:40]!r}: {error}") from None
    still_serves(world)


@scenario
def invalid_utf_8_is_refused(world):
    wire = Wire(world.endpoint)
    pieces = [
        b"\xff", b"\xc0\xaf", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\x80",
        b"\xc3(", b"\xf0\x9f\x98",
    ]  # fmt: skip
    for piece in pieces:
        for body in (b'{"KeyId":"' + piece + b'"}', b'{"' + piece + b'":1}', piece):
            answer = wire.call("DescribeKey", body)
            declared(answer, "SerializationException")
    for body in (b'{"KeyId":"\\ud800"}', b'{"KeyId":"\\udc00\\ud800"}', b'{"KeyId":"\\ud800x"}'):
        declared(wire.call("DescribeKey", body), "SerializationException", "NotFoundException", "ValidationException")
    for body in (b'{"KeyId":"\\u0000"}', b'{"KeyId":"a\\u0000b"}', '{"KeyId":"\U0001f511"}'.encode()):
        declared(wire.call("DescribeKey", body), "NotFoundException")
    still_serves(world)


@scenario
def depth_is_bounded(world):
    wire = Wire(world.endpoint)
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        deep = opening * DEEP + b"1" + closing * DEEP
        for name in (b"Unknown", b"KeyId", b"Plaintext"):
            answer = wire.call("Encrypt", b'{"' + name + b'":' + deep[:900_000] + b"}")
            declared(answer, "SerializationException")
            answer = wire.call("Encrypt", b'{"' + name + b'":' + opening * 20_000 + b"1" + closing * 20_000 + b"}")
            declared(answer, "SerializationException")
        context = b'{"KeyId":"alias/a","Plaintext":"YQ==","EncryptionContext":{"a":' + deep[:900_000]
        declared(wire.call("Encrypt", context), "SerializationException")
    still_serves(world)


@scenario
def numbers_may_be_absurd(world):
    wire = Wire(world.endpoint)
    for text in (b"1e999", b"-1e999", b"9" * 400, b"1" + b"0" * 100_000, b"0." + b"0" * 100_000 + b"1", b"1e-999999999",
                 b"1e+99999999999999999999", b"-0", b"18446744073709551617", b"1.5"):  # fmt: skip
        declared(wire.call("ListKeys", b'{"Limit":' + text + b"}"), "SerializationException", "ValidationException")
    for text in (b"1", b"1.0", b"1e0", b"10E-1"):
        equal(wire.call("ListKeys", b'{"Limit":' + text + b"}").status, 200)
    still_serves(world)


@patient
def bodies_are_bounded(world):
    wire = Wire(world.endpoint)
    for size in (1_200_000, 4_000_000):
        body = json.dumps({"Unknown": "x" * size}).encode()
        try:
            answer = wire.call("ListKeys", body)
        except (BrokenPipeError, ConnectionResetError):
            wire.close()  # the server may stop reading, having answered
            still_serves(world)
            continue
        holds(answer.status in (200, 400, 413), f"{size} bytes: {answer!r}")
        if answer.status != 200:
            declared(answer, "RequestEntityTooLargeException")
    huge = wire.headers("ListKeys", **{"Content-Length": str(10**12)})
    huge["Authorization"] = sign("POST", "/", huge, b"")
    wire = Wire(world.endpoint, timeout=10)
    try:
        answer = wire.send(huge, b"{}")
        holds(answer.status in (400, 413), f"{answer!r}")
    except (TimeoutError, ConnectionError):
        pass  # it waits for the rest, or hung up
    wire.close()
    # What must be let in: the longest policy, and the longest attestation document.
    wire = Wire(world.endpoint)
    answer = wire.call("CreateKey", {"Policy": "{" + " " * 131_070 + "}"})
    declared(answer, "LimitExceededException", "MalformedPolicyDocumentException")
    long = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": "YWFh" * 87_381}
    declared(wire.call("GenerateRandom", {"NumberOfBytes": 8, "Recipient": long}), "ValidationException")
    still_serves(world)


@patient
def many_members_and_long_strings_are_read_in_time(world):
    wire = Wire(world.endpoint, timeout=20)
    many = {f"member{number}": number for number in range(40_000)}
    equal(wire.call("ListKeys", many).status, 200)
    context = {f"k{number}": "v" for number in range(30_000)}
    answer = wire.call("Encrypt", {"KeyId": "alias/none", "Plaintext": "YQ==", "EncryptionContext": context})
    equal(answer.status, 400, f"{answer!r}")
    pairs = b",".join([b'"a":"b"'] * 60_000)
    same = b'{"EncryptionContext":{' + pairs + b'},"KeyId":"alias/none","Plaintext":"YQ=="}'
    holds(wire.call("Encrypt", same).status == 400, "a context with one name many times")
    answer = wire.call("Encrypt", {"KeyId": "k" * 900_000, "Plaintext": "YQ=="})
    declared(answer, "ValidationException")
    answer = wire.call("UntagResource", {"KeyId": "a", "TagKeys": [""] * 60_000})
    declared(answer, "ValidationException")
    tags = [{"TagKey": "", "TagValue": ""}] * 20_000
    declared(wire.call("TagResource", {"KeyId": "a", "Tags": tags}), "ValidationException")
    still_serves(world)


@patient
def a_null_member_is_an_absent_one(world):
    wire = Wire(world.endpoint)
    equal(wire.call("ListKeys", {"Limit": None, "Marker": None}).status, 200)
    answer = wire.call("CreateKey", {"Tags": None, "Policy": None, "KeySpec": None, "Description": None})
    equal(answer.status, 200, f"{answer!r}")
    declared(wire.call("DescribeKey", {"keyid": "a", "keyId": "b"}), "ValidationException")
    for body in (
        {"KeyId": answer.json["KeyMetadata"]["KeyId"], "TagKeys": [None]},
        {"KeyId": answer.json["KeyMetadata"]["KeyId"], "TagKeys": ["a", None, 1]},
    ):
        declared(wire.call("UntagResource", body), "SerializationException", "ValidationException")


@patient
def unknown_targets_are_unknown_operations(world):
    wire = Wire(world.endpoint)
    for target in ("TrentService.Nothing", "TrentService.createkey", "TrentService.", "TrentService", "CreateKey",
                   "Other.CreateKey", "TrentService.CreateKey.More", "trentservice.ListKeys"):  # fmt: skip
        headers = wire.headers("ListKeys", **{"X-Amz-Target": target})
        headers["Authorization"] = sign("POST", "/", headers, b"{}")
        answer = wire.send(headers, b"{}")
        equal(answer.status, 400, f"status for {target!r}: {answer!r}")
        equal(answer.json, {"__type": "UnknownOperationException"}, f"answer for {target!r}")
        uuid.UUID(answer.headers["x-amzn-requestid"])


@patient
def what_is_no_call_is_not_found(world):
    wire = Wire(world.endpoint)
    requests = [("GET", "/"), ("GET", "/nothing"), ("PUT", "/"), ("DELETE", "/"), ("PATCH", "/"), ("POST", "/"),
                ("POST", "/nothing"), ("HEAD", "/nothing"), ("OPTIONS", "/"),
                ("POST", "/../../etc/passwd")]  # fmt: skip
    for method, path in requests:
        signed = wire.headers(None if (method, path) == ("POST", "/") else "ListKeys")
        signed["Authorization"] = sign(method, path, signed, b"")
        for headers in ({"Host": wire.host}, signed):
            answer = wire.send(headers, b"", method, path)
            holds(400 <= answer.status < 500, f"{method} {path}: {answer!r}")
            uuid.UUID(answer.headers["x-amzn-requestid"])
    answer = wire.send({"Host": wire.host}, b"", "GET", "/nothing")
    equal(answer.status, 404)
    holds(b"UnknownOperationException" in answer.body, f"{answer!r}")
    answer = wire.send({"Host": wire.host}, b"", "GET", "/ping")
    equal((answer.status, answer.body.strip()), (200, b"healthy"))
    uuid.UUID(answer.headers["x-amzn-requestid"])
    (answer, *_) = exchange(world, b"HEAD /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    holds(answer.startswith(b"HTTP/1.1 404 ") and answer.endswith(b"\r\n\r\n"), f"the answer to HEAD: {answer}")
    equal(wire.send({"Host": wire.host}, b"", "HEAD", "/ping").status, 200, "HEAD")
    (answer, *_) = exchange(world, b"no HTTP\r\n\r\n")
    holds(re.search(rb"(?i)\r\nx-amzn-requestid: [0-9a-f-]{36}\r\n", answer), f"the answer to no HTTP: {answer}")
    still_serves(world)


@patient
def other_content_types_are_refused(world):
    wire = Wire(world.endpoint)
    wanted = ["application/x-amz-json-1.1", "application/x-amz-json-1.1; charset=utf-8",
              "application/x-amz-json-1.1;charset=UTF-8"]  # fmt: skip
    for kind in wanted:
        equal(wire.call("ListKeys", {}, **{"Content-Type": kind}).status, 200, kind)
    others = [None, "", "application/json", "application/x-amz-json-1.0", "text/plain", "application/xml", "nonsense",
              "multipart/form-data; boundary=x", "application/cbor", "application/x-www-form-urlencoded"]  # fmt: skip
    for kind in others:
        answer = wire.call("ListKeys", {}, **{"Content-Type": kind})
        holds(400 <= answer.status < 500, f"Content-Type {kind!r}: {answer!r}")
        uuid.UUID(answer.headers["x-amzn-requestid"])
    packed = gzip.compress(b"{}")
    answer = wire.call("ListKeys", packed, **{"Content-Encoding": "gzip"})
    holds(answer.status in (200, 400, 415), f"{answer!r}")
    still_serves(world)


@patient
def a_chunked_body_is_a_body(world):
    wire = Wire(world.endpoint)
    headers = wire.headers("ListKeys")
    headers["Authorization"] = sign("POST", "/", headers, b'{"Limit":1}')
    headers["Transfer-Encoding"] = "chunked"
    answer = wire.send(headers, b'5\r\n{"Lim\r\n6\r\nit":1}\r\n0\r\n\r\n')
    equal(answer.status, 200, f"{answer!r}")
    still_serves(world)


@patient
def bytes_that_are_no_http_hurt_nobody(world):
    host, port = Wire(world.endpoint).host.split(":")
    pieces = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500, b"\r\n\r\n", b"GET\r\n\r\n", b"\0" * 4096,
        b"POST / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n", b"POST /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: " + b"a" * 200_000 + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0", b"POST / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n",
    ]  # fmt: skip
    for piece in pieces:
        with socket.create_connection((host, int(port)), timeout=3) as connection:
            try:
                connection.sendall(piece)
                answer = connection.recv(4096)
            except (TimeoutError, ConnectionError):
                answer = b""
            holds(b" 500 " not in answer.split(b"\r\n")[0], f"{piece[:40]!r}: {answer[:200]!r}")
    # Connections that say nothing, or half of something, keep nobody else waiting.
    idle = [socket.create_connection((host, int(port)), timeout=3) for _ in range(50)]
    for connection in idle[::2]:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
    still_serves(world)
    for connection in idle:
        connection.close()
    still_serves(world)


def exchange(world, request, *further):
    """The bytes that come back: `request` is sent, and each of `further` once something was answered."""
    host, port = urllib.parse.urlsplit(world.endpoint).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        answers = [connection.recv(65536)]
        for part in further:
            connection.sendall(part)
            answers.append(connection.recv(65536))
        try:
            connection.settimeout(1)
            answers.append(connection.recv(65536))
        except TimeoutError:
            answers.append(None)
        return answers


@patient
def a_client_that_waits_for_leave_to_send_its_body_gets_it(world):
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n"
    leave, answer, rest = exchange(world, head, b"{}")
    equal(leave, b"HTTP/1.1 100 Continue\r\n\r\n", "the interim answer")
    holds(answer.startswith(b"HTTP/1.1 4") and rest is None, f"one final answer, and the connection stays: {answer}")
    # Behind another request, leave comes after that one's answer and not into it.
    ping = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
    first, *others = exchange(world, ping + head)
    every = first + b"".join(other or b"" for other in others)
    holds(every.startswith(b"HTTP/1.1 200 OK"), f"the first answer comes first: {every}")
    holds(every.endswith(b"healthyHTTP/1.1 100 Continue\r\n\r\n"), f"then the leave: {every}")
    (answer, _) = exchange(world, b"POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}")
    holds(b"100 Continue" not in answer, f"HTTP/1.0 has no interim answers: {answer}")


@patient
def a_connection_is_kept_only_for_a_client_that_keeps_it(world):
    for head, stays in (
        (b"GET /ping HTTP/1.0\r\n\r\n", False),
        (b"GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n", True),
        (b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: Close\r\n\r\n", False),
    ):
        answer, *rest = exchange(world, head)
        holds(b"200 OK" in answer, f"{head} is answered: {answer}")
        equal(rest[-1] is None, stays, f"whether the connection stays after {head}")


if __name__ == "__main__":
    run()
