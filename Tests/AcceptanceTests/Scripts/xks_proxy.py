"""Whether this server is a key store proxy as the specification wants one: what it answers, and what it refuses how."""

import json
import subprocess
import time

from harness import (
    FIRST, OTHER_REGION, SECOND, advance, audit_lines, equal, eventually, holds, run, scenario,
)  # fmt: skip
from key_store_proxy import (
    ALICE, CALLING_REGION, ENDING, MOST_ADDITIONAL, MOST_TEXT, SERVICE, THEIR_KEY, Client, File, bad, credential,
    decoded, encoded, good, integrity_value, metadata, proxy, rule,
)  # fmt: skip
from raw import Wire, amz_date, fetch, sign
from secure import Secure
from server import Server, binary

FILE = File()
KEY = "orders.2026_a-1"
ONE, TWO, THREE, SLOW = credential("A"), credential("B"), credential("C"), credential("D")
ABSENT_KEY = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"


def offer(world, *proxies):
    FILE.replace(world.server, *proxies)


def offered(world, keys=None, **more):
    """A client of a proxy that offers these keys, or a new one."""
    keys = keys or {KEY: world.key()["Arn"]}
    offer(world, proxy("/one", [ONE], keys, **more))
    return Client(world.endpoint, "/one", ONE)


def records(world):
    lines = [json.loads(line) for line in audit_lines(world.data)]
    return [each for each in lines if each["eventSource"] == "xks-proxy.chatelaine"]


@scenario
def health_is_answered_whatever_operation_asks(world):
    client = offered(world)
    for operation in ("KmsHealthCheck", "CreateCustomKeyStore", "SomethingOfTheFuture"):
        answer = good(
            client.health(kmsOperation=operation), "xksProxyFleetSize", "xksProxyVendor", "xksProxyModel", "ekmVendor",
            "ekmFleetDetails")  # fmt: skip
        equal((answer["xksProxyFleetSize"], answer["xksProxyVendor"], answer["ekmVendor"]),
              (1, "Chatelaine", "Chatelaine"))  # fmt: skip
        (node,) = answer["ekmFleetDetails"]
        equal((sorted(node), node["healthStatus"]), (["healthStatus", "id", "model"], "ACTIVE"), "the one of the fleet")
        holds(answer["xksProxyModel"].startswith("Chatelaine ") and node["model"] == answer["xksProxyModel"], "model")
    bad(client.health(kmsRequestId=None), "ValidationException", "no identifier of the request")


@scenario
def metadata_says_what_a_key_is(world):
    key, pair = world.key()["Arn"], world.key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["Arn"]
    client = offered(world, {KEY: key, "pair": pair})
    enabled = {"keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED"}
    equal(good(client.metadata(KEY)), enabled, "DescribeKey")
    equal(good(client.metadata(KEY, "CreateKey", kmsKeyArn=None)), enabled, "CreateKey, which has no key yet")
    world.kms().disable_key(KeyId=key)
    equal(good(client.metadata(KEY)), enabled | {"keyStatus": "DISABLED"}, "a disabled key")
    equal(good(client.metadata("pair")), {"keySpec": "RSA_2048", "keyUsage": [], "keyStatus": "ENABLED"}, "a key pair")


@scenario
def what_was_encrypted_is_decrypted(world):
    client = offered(world)
    for size in (1, 32, 4096, MOST_TEXT):
        for additional in (None, b"", b"project=nile,department=marketing", bytes(MOST_ADDITIONAL)):
            plaintext = bytes(index % 251 for index in range(size))
            made = good(
                client.encrypt(KEY, plaintext, additional), "ciphertext", "ciphertextMetadata", "initializationVector",
                "authenticationTag", "ciphertextDataIntegrityValue")  # fmt: skip
            sizes = {name: len(decoded(value)) for name, value in made.items()}
            equal(sizes, {
                "ciphertext": size, "ciphertextMetadata": 20, "initializationVector": 12, "authenticationTag": 16,
                "ciphertextDataIntegrityValue": 32,
            }, "sizes")  # fmt: skip
            equal(made["ciphertextDataIntegrityValue"], integrity_value(made, additional or b""), "integrity value")
            opened = good(client.decrypt(KEY, made, additional), "plaintext")
            equal(decoded(opened["plaintext"]), plaintext, "the plaintext")
    made = good(
        client.encrypt(KEY, integrity=False), "ciphertext", "ciphertextMetadata", "initializationVector",
        "authenticationTag")  # fmt: skip
    for additional in (None, b""):
        good(client.decrypt(KEY, made, additional), "plaintext")
    holds(good(client.encrypt(KEY))["ciphertext"] != made["ciphertext"], "each has a key of its own")
    for operation in ("GenerateDataKey", "ReEncrypt", "SomethingOfTheFuture"):
        good(client.encrypt(KEY, told=metadata(operation, kmsRequestId="\u00e9 not a UUID", awsSourceVpc="vpc-1")))


def flipped(text, index=0):
    data = bytearray(decoded(text))
    data[index] ^= 1
    return encoded(bytes(data))


@scenario
def nothing_that_was_changed_is_decrypted(world):
    client = offered(world, {KEY: world.key()["Arn"], "other": world.key()["Arn"]})
    bound = b"project=nile"
    made = good(client.encrypt(KEY, b"Hello World!", bound))
    good(client.decrypt(KEY, made, bound))
    for name in ("ciphertext", "ciphertextMetadata", "initializationVector", "authenticationTag"):
        for index in range(len(decoded(made[name]))):
            changed = made | {name: flipped(made[name], index)}
            bad(client.decrypt(KEY, changed, bound), "InvalidCiphertextException", f"byte {index} of {name}")
    for additional in (None, b"", b"project=nil", b"project=nile ", b"Project=nile", bytes(MOST_ADDITIONAL)):
        bad(client.decrypt(KEY, made, additional), "InvalidCiphertextException", f"additional data {additional!r}")
    bad(client.decrypt("other", made, bound), "InvalidCiphertextException", "another key")
    cases = {
        "no metadata": {"ciphertextMetadata": None}, "empty metadata": {"ciphertextMetadata": ""},
        "other metadata": {"ciphertextMetadata": encoded(b"key_version=1")},
        "a vector of 16 bytes": {"initializationVector": encoded(bytes(16))}, "no text": {"ciphertext": ""},
        "a shorter text": {"ciphertext": encoded(decoded(made["ciphertext"])[:-1])},
    }  # fmt: skip
    for what, changes in cases.items():
        bad(client.decrypt(KEY, made, bound, **changes), "InvalidCiphertextException", what)
    # The case that the specification warns of.
    bare = good(client.encrypt(KEY))
    bad(client.decrypt(KEY, bare, decoded(bare["ciphertextMetadata"]), ciphertextMetadata=None),
        "InvalidCiphertextException", "metadata as additional data")  # fmt: skip


@scenario
def parameters_are_refused_that_are_none(world):
    client = offered(world)
    made = good(client.encrypt(KEY))

    def encrypting(**changes):
        return client.encrypt(KEY, **changes)

    def decrypting(**changes):
        return client.decrypt(KEY, made, **changes)

    for call, name, values in (
        (encrypting, "plaintext", (None, "", "a", "!!!!", "SGVsbG8gV29ybGQ", 5, [], "SGVs\nbG8h", "SGVsbG8_")),
        (encrypting, "encryptionAlgorithm", (None, "aes_gcm", "AES_CBC", 1)),
        (encrypting, "ciphertextDataIntegrityValueAlgorithm", ("SHA_512", "", 1)),
        (encrypting, "additionalAuthenticatedData", ("a", 1, {})),
        (encrypting, "requestMetadata", (None, [], "x", {})),
        (decrypting, "ciphertext", (None, "a", 1)),
        (decrypting, "ciphertextMetadata", ("a", 1, encoded(bytes(21)))),
        (decrypting, "initializationVector", (None, "", "a", encoded(bytes(11)), encoded(bytes(13)), 1)),
        (decrypting, "authenticationTag", (None, "", encoded(bytes(15)), encoded(bytes(17)), 1)),
        (decrypting, "encryptionAlgorithm", (None, "AES_GCM_256")),
        (decrypting, "additionalAuthenticatedData", ("=", 1)),
    ):  # fmt: skip
        for value in values:
            bad(call(**{name: value}), "ValidationException", f"{call.__name__} {name} {value!r}")
    for name in ("awsPrincipalArn", "kmsKeyArn", "kmsOperation", "kmsRequestId"):
        # Into the last two nobody is to look.
        texts = () if name.startswith(("kmsOp", "kmsReq")) else ("", "x" * 2049)
        for value in (None, 5, *texts):
            told = metadata(**{name: value})
            bad(client.encrypt(KEY, told=told), "ValidationException", f"{name} {value!r:.20}")
    for name in ("awsSourceVpc", "awsSourceVpce", "kmsViaService"):
        bad(client.encrypt(KEY, told=metadata(**{name: 5})), "ValidationException", name)
    bad(client.metadata(KEY, awsPrincipalArn=None), "ValidationException", "metadata for nobody")
    good(client.encrypt(KEY, told=metadata(awsPrincipalArn=ALICE + "x" * (2048 - len(ALICE)))))
    # What a later version may add.
    good(client.encrypt(KEY, told=metadata(sourceIdentity="x"), more={"a": [1]}))


@scenario
def what_is_longer_than_the_specification_wants_is_not_supported(world):
    client = offered(world)
    made = good(client.encrypt(KEY))
    bad(client.encrypt(KEY, bytes(MOST_TEXT + 1)), "UnsupportedOperationException", "a plaintext")
    bad(client.encrypt(KEY, bytes(20_000)), "UnsupportedOperationException", "a long plaintext")
    bad(client.encrypt(KEY, b"x", bytes(MOST_ADDITIONAL + 1)), "UnsupportedOperationException", "additional data")
    bad(client.decrypt(KEY, made | {"ciphertext": encoded(bytes(MOST_TEXT + 1))}),
        "UnsupportedOperationException", "a ciphertext")  # fmt: skip


@scenario
def bodies_that_are_not_JSON_or_too_long_are_refused(world):
    client = offered(world)
    for what, body in {
        "nothing": b"", "a word": b"hello", "a list": b"[]", "half an object": b'{"requestMetadata":',
        "two values": b"{} {}", "not UTF-8": b'{"plaintext":"\xff"}', "half a pair": rb'{"a":"\ud800"}',
        "deep": b"[" * 20_000, "deep objects": b'{"a":' * 9_000, "a name twice": b'{"a":1,"a":2}',
        "too long": b" " * 70_000, "much too long": b" " * (3 << 20),
    }.items():  # fmt: skip
        for rest in (f"/keys/{KEY}/encrypt", f"/keys/{KEY}/decrypt", f"/keys/{KEY}/metadata", "/health"):
            bad(Client(world.endpoint, "/one", ONE).send(rest, body), "ValidationException", f"{rest}: {what}")
    good(client.health())


# Who signed


def sent(world, path, body, account=ONE, unsigned=None, headers=None, **signing):
    """A request that is signed as the arguments say."""
    wire = Wire(world.endpoint)
    known = {"Host": wire.host, "Content-Type": "application/json", "X-Amz-Date": amz_date(), **(headers or {})}
    arguments = {"account": account, "region": CALLING_REGION, "service": SERVICE} | signing
    known["Authorization"] = sign("POST", unsigned or path, known, body, **arguments)
    return wire.send(known, body, path=path)


@scenario
def nobody_is_answered_without_a_signature_of_the_proxy(world):
    client = offered(world)
    offer(world, proxy("/one", [ONE], {KEY: world.key()["Arn"]}), proxy("/two", [TWO], {KEY: world.key()["Arn"]}))
    path = f"/one{ENDING}/keys/{KEY}/encrypt"
    body = json.dumps({
        "requestMetadata": metadata(), "plaintext": "SGVsbG8gV29ybGQh", "encryptionAlgorithm": "AES_GCM",
    }).encode()  # fmt: skip
    good(sent(world, path, body))
    before = len(audit_lines(world.data))

    def refused(what, answer):
        return bad(answer, "AuthenticationFailedException", what)

    refused("another service", sent(world, path, body, service="kms"))
    refused("another region", sent(world, path, body, region="us-east-1"))
    wrong = refused("another secret", sent(world, path, body, credential("A").__class__("x", "A" * 20, "b" * 44)))
    unknown = refused("another access key", sent(world, path, body, credential("E")))
    equal(unknown, wrong, "what is said of an access key that is not there")
    refused("the other proxy's", sent(world, path, body, TWO))
    refused("a user of this server", sent(world, path, body, FIRST))
    refused("old", sent(world, path, body, headers={"X-Amz-Date": amz_date(-310)}))
    refused("of the future", sent(world, path, body, headers={"X-Amz-Date": amz_date(310)}))
    good(sent(world, path, body, headers={"X-Amz-Date": amz_date(-280)}))
    good(sent(world, path, body, headers={"X-Amz-Date": amz_date(280)}))
    before += 2
    refused("for another path", sent(world, path, body, unsigned=path.replace("encrypt", "decrypt")))
    refused("another day", sent(world, path, body, scope_date="20200101"))
    refused("another end", sent(world, path, body, terminator="aws3_request"))
    refused("another algorithm", sent(world, path, body, algorithm="AWS4-HMAC-SHA512"))
    refused("the host unsigned", sent(world, path, body, signed=["x-amz-date"]))
    refused("the date unsigned", sent(world, path, body, signed=["host"]))
    refused("of another body", sent(world, path, body, payload_hash="0" * 64))
    refused("unsigned payload", sent(
        world, path, body, payload_hash="UNSIGNED-PAYLOAD", headers={"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}))
    wire = Wire(world.endpoint)
    refused("nothing", wire.send({"Host": wire.host}, body, path=path))
    refused("no signature", wire.send({"Host": wire.host, "Authorization": "Bearer x"}, body, path=path))
    headers = client.signed(path, body)
    twice = [*headers.items(), ("Authorization", headers["Authorization"])]
    refused("two signatures", wire.send(twice, body, path=path))
    query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={ONE.access_key_id}%2F{amz_date()[:8]}%2F" \
        f"{CALLING_REGION}%2F{SERVICE}%2Faws4_request&X-Amz-Date={amz_date()}&X-Amz-Expires=300" \
        "&X-Amz-SignedHeaders=host&X-Amz-Signature=" + "0" * 64
    refused("in the query", wire.send({"Host": wire.host}, body, path=f"{path}?{query}"))
    # Before it is known who asks, all is alike: keys that are there and that are not, paths that mean nothing, bodies.
    for rest in (f"/keys/{KEY}/encrypt", "/keys/absent/encrypt", "/keys", "/health", "/anything", ""):
        for text in (b"", body):
            if rest:
                refused(f"nobody at {rest}", wire.send({"Host": wire.host}, text, path=f"/one{ENDING}{rest}"))
    equal(len(audit_lines(world.data)), before, "records of requests that nobody signed")


@scenario
def paths_and_methods_are_those_of_the_specification(world):
    client = offered(world)
    told = {"requestMetadata": metadata()}
    for rest in (
        "/", "/healthy", "/health/", "//health", "/keys", f"/keys/{KEY}", f"/keys/{KEY}/", f"/keys/{KEY}/sign",
        f"/keys/{KEY}/encrypt/", f"/keys/{KEY}/Encrypt", "/keys//encrypt", "/keys/a%20b/encrypt", "/keys/a,b/encrypt",
        f"/keys/{'k' * 129}/encrypt", f"/keys/{'k' * 300}/encrypt", "/health?a=b",
    ):  # fmt: skip
        bad(client.send(rest, told), "InvalidUriPathException", rest)
    bad(client.send(f"/keys/{'k' * 128}/encrypt", told), "KeyNotFoundException", "the longest name")
    wire = Wire(world.endpoint)
    for path in (
        f"/two{ENDING}/health", f"{ENDING}/health", f"/One{ENDING}/health", "/one/kms/xks/v2/health", client.path,
    ):  # fmt: skip
        bad(wire.send({"Host": wire.host}, b"{}", path=path), "InvalidUriPathException", path)
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        for rest in ("/health", f"/keys/{KEY}/metadata", f"/keys/{KEY}/encrypt", "/keys/absent/decrypt"):
            answer = Wire(world.endpoint).send({"Host": wire.host}, method=method, path=f"/one{ENDING}{rest}")
            equal((answer.status, answer.headers.get("allow")), (405, "POST"), f"{method} {rest}")


# Keys


@scenario
def keys_are_found_and_usable_or_not(world):
    kms = world.kms()
    arns = {name: world.key()["Arn"] for name in ("good", "disabled", "doomed")}
    arns["pair"] = world.key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["Arn"]
    arns["code"] = world.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["Arn"]
    arns["absent"] = ABSENT_KEY
    arns["elsewhere"] = world.key(SECOND, OTHER_REGION)["Arn"]
    arns["theirs"] = arns["good"].replace(FIRST.number, SECOND.number)
    client = offered(world, arns)
    made = {name: good(client.encrypt(name)) for name in ("good", "disabled", "doomed", "elsewhere")}
    kms.disable_key(KeyId=arns["disabled"])
    kms.schedule_key_deletion(KeyId=arns["doomed"], PendingWindowInDays=7)
    for name, error in (
        ("disabled", "InvalidStateException"), ("doomed", "InvalidStateException"), ("pair", "InvalidKeyUsageException"),
        ("code", "InvalidKeyUsageException"), ("absent", "KeyNotFoundException"), ("nowhere", "KeyNotFoundException"),
        ("theirs", "KeyNotFoundException"),
    ):  # fmt: skip
        bad(client.encrypt(name), error, f"encrypt with {name}")
        bad(client.decrypt(name, made.get(name, made["good"])), error, f"decrypt with {name}")
    for name in ("absent", "nowhere", "theirs"):
        bad(client.metadata(name), "KeyNotFoundException", name)
    equal(good(client.metadata("doomed"))["keyStatus"], "DISABLED", "a key whose deletion is pending")
    kms.enable_key(KeyId=arns["disabled"])
    good(client.decrypt("disabled", made["disabled"]))
    good(client.decrypt("elsewhere", made["elsewhere"]))
    advance(world, "8d")
    for answer in (client.metadata("doomed"), client.encrypt("doomed"), client.decrypt("doomed", made["doomed"])):
        bad(answer, "KeyNotFoundException", "a key that was deleted")


@scenario
def what_was_encrypted_before_a_rotation_is_decrypted_after_it(world):
    key = world.key()["Arn"]
    client = offered(world, {KEY: key})
    made = [good(client.encrypt(KEY, b"number 0"))]
    for number in range(1, 4):
        world.kms().rotate_key_on_demand(KeyId=key)
        made.append(good(client.encrypt(KEY, b"number %d" % number)))
    generations = {decoded(each["ciphertextMetadata"])[17:] for each in made}
    equal(len(generations), 4, "generations that the metadata names")
    for number, each in enumerate(made):
        equal(decoded(good(client.decrypt(KEY, each))["plaintext"]), b"number %d" % number, "the plaintext")


@scenario
def only_what_a_rule_lists_is_allowed(world):
    arn = world.key()["Arn"]
    orders = "arn:aws:kms:us-west-2:123456789012:key/*"
    client = offered(world, {
        "encrypting": (arn, rule(["encrypt"])),
        "narrow": (world.key()["Arn"], rule(["decrypt"], [orders], [ALICE]), rule(["encrypt"], [THEIR_KEY], ["ec2.*"])),
    })  # fmt: skip
    made = good(client.encrypt("encrypting"))
    bad(client.decrypt("encrypting", made), "AccessDeniedException", "decrypt")
    bad(client.metadata("encrypting"), "AccessDeniedException", "metadata")
    service, other = "ec2.amazonaws.com", "arn:aws:iam::123456789012:user/Alicia"
    made = good(client.encrypt("narrow", told=metadata(awsPrincipalArn=service)))
    good(client.decrypt("narrow", made))
    for what, answer in {
        "Alice encrypts": client.encrypt("narrow"),
        "the service decrypts": client.decrypt("narrow", made, told=metadata("Decrypt", awsPrincipalArn=service)),
        "another user": client.decrypt("narrow", made, told=metadata("Decrypt", awsPrincipalArn=other)),
        "another key": client.decrypt("narrow", made, told=metadata("Decrypt", kmsKeyArn=THEIR_KEY.replace("west", "east"))),
        "another account": client.encrypt(
            "narrow", told=metadata(awsPrincipalArn=service, kmsKeyArn=THEIR_KEY.replace("1234567", "7654321"))),
    }.items():  # fmt: skip
        message = bad(answer, "AccessDeniedException", what)
        holds("No rule" in message, message)
    good(client.health())


@scenario
def each_proxy_admits_its_own_rate(world):
    offer(world, proxy("/slow", [SLOW], {KEY: world.key()["Arn"]}, rate=5), proxy("/one", [ONE], {KEY: ABSENT_KEY}))
    client, other = Client(world.endpoint, "/slow", SLOW), Client(world.endpoint, "/one", ONE)
    wire = Wire(world.endpoint)
    for _ in range(50):
        bad(wire.send({"Host": wire.host}, b"{}", path=f"/slow{ENDING}/health"), "AuthenticationFailedException")
    answers = [client.health() for _ in range(30)]
    holds(any(answer.status == 200 for answer in answers), "some are admitted")
    late = [answer for answer in answers if answer.status != 200]
    holds(len(late) >= 10, f"{len(late)} of 30 are throttled")
    for answer in late:
        bad(answer, "ThrottlingException")
    good(other.health())
    time.sleep(1.1)
    good(client.health())


# The file


@scenario
def credentials_are_replaced_without_a_gap(world):
    keys = {KEY: world.key()["Arn"]}
    offer(world, proxy("/one", [ONE], keys))
    old, new = Client(world.endpoint, "/one", ONE), Client(world.endpoint, "/one", THREE)
    good(old.encrypt(KEY))
    bad(new.encrypt(KEY), "AuthenticationFailedException", "before it is there")
    offer(world, proxy("/one", [ONE, THREE], keys))
    made = good(old.encrypt(KEY))
    good(new.decrypt(KEY, made))
    kept = "were not replaced"
    FILE.replace(world.server, text="{", what=kept)
    FILE.replace(world.server, proxy("/one", [THREE], keys), mode=0o644, what=kept)
    good(old.decrypt(KEY, made))
    FILE.write(proxy("/one", [THREE], keys))

    def is_refused():
        return old.health().status == 401

    eventually(is_refused, "the file is looked at by itself", seconds=20)
    good(new.decrypt(KEY, made))
    log = FILE.replace(world.server, proxy("/one", [THREE], {}), what=kept)
    holds(THREE.secret_access_key not in log, "no secret is logged")


@scenario
def a_file_that_means_nothing_ends_the_start(world):
    good_one = proxy("/one", [ONE], {KEY: ABSENT_KEY})

    def changed(path, value):
        """The file with one member that is another; a value of None leaves it out."""
        copy = json.loads(json.dumps(good_one))
        place = copy
        for step in path[:-1]:
            place = place[step]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value
        return json.dumps({"proxies": [copy]})

    key, one = ("keys", 0), ("credentials", 0)
    allow = (*key, "allow", 0)
    cases = {
        "is not JSON": ["", "{", '{"proxies":[],"proxies":[]}'],
        "no object": ["[]"], 'lacks "proxies"': ["{}"], "there are only: proxies": ['{"proxies":[],"a":1}'],
        '"proxies" than': ['{"proxies":[]}', '{"proxies":{}}'],
        '"uriPath" than': [changed(["uriPath"], path) for path in (
            "/one", "one/kms/xks/v1", "/one/kms/xks/v1/", "//one/kms/xks/v1", "/a b/kms/xks/v1", "/%41/kms/xks/v1",
            "/a/kms/xks/v1/b/kms/xks/v1", "/" + "x" * 120 + ENDING, "/\u00e9" + ENDING, 5)],
        '"region" than': [changed(["region"], "nowhere"), changed(["region"], 1)],
        '"requestsPerSecond" than': [changed(["requestsPerSecond"], rate) for rate in (0, -1, "5", 1e9)],
        'lacks "requestsPerSecond"': [changed(["requestsPerSecond"], None)],
        '"credentials" than': [changed(["credentials"], []), json.dumps(
            {"proxies": [proxy("/one", [ONE, TWO, THREE], {KEY: ABSENT_KEY})]})],
        '"accessKeyId" than': [changed([*one, "accessKeyId"], text) for text in (
            "A" * 19, "A" * 31, "a" * 20, "A" * 19 + "1", "A" * 19 + "8")],
        '"secretAccessKey" than': [changed([*one, "secretAccessKey"], text) for text in (
            "x" * 42, "x" * 65, "x" * 43 + "-", "x" * 43 + " ")],
        '"keys" than': [changed(["keys"], [])],
        '"externalKeyId" than': [changed([*key, "externalKeyId"], text) for text in (
            "", "..", ".", "a/b", "a b", "k" * 129)],
        '"keyArn" than': [changed([*key, "keyArn"], text) for text in (
            "alias/a", ABSENT_KEY[:-1], ABSENT_KEY.replace("aws", "aws-cn", 1), ABSENT_KEY.replace("key/", "alias/"))],
        '"allow" than': [changed([*key, "allow"], [])],
        '"operations" than': [changed([*allow, "operations"], value) for value in ([], ["sign"], ["Encrypt"], "encrypt")],
        '"kmsKeyArns" than': [changed([*allow, "kmsKeyArns"], value) for value in ([], [""], [1], ["x" * 2049])],
        '"principalArns" than': [changed([*allow, "principalArns"], [])],
        'has "conditions"': [changed([*allow, "conditions"], {})],
        'the path "/one/kms/xks/v1" twice': [json.dumps({"proxies": [good_one, good_one]})],
        f'the access key "{ONE.access_key_id}" twice': [json.dumps(
            {"proxies": [good_one, proxy("/two", [ONE], {KEY: ABSENT_KEY})]})],
        f'external key of /one/kms/xks/v1 "{KEY}" twice': [changed(["keys"], [good_one["keys"][0]] * 2)],
        f'key of /one/kms/xks/v1 "{ABSENT_KEY}" twice': [json.dumps(
            {"proxies": [proxy("/one", [ONE], {"a": ABSENT_KEY, "b": ABSENT_KEY})]})],
    }  # fmt: skip
    file = File()
    try:
        for expected, texts in cases.items():
            for text in texts:
                file.write(text=text)
                refused_start(world, file, expected)
        file.write(good_one, mode=0o640)
        refused_start(world, file, "others than the server may read")
        file.path.unlink()
        refused_start(world, file, "cannot open")
    finally:
        file.remove()


def refused_start(world, file, expected):
    done = subprocess.run(
        [binary(), "dev", "--listen", "127.0.0.1:0", "--data-dir", str(world.directory / "never"), "--xks-proxy",
         str(file.path)], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)  # fmt: skip
    equal(done.returncode, 2, f"{expected}: {done.stdout}{done.stderr}")
    holds(expected in done.stderr and done.stderr.count("\n") == 1, f"{expected!r} in {done.stderr!r}")
    holds(ONE.secret_access_key not in done.stderr, "no secret is shown")


# What is put down


@scenario
def each_request_is_recorded_without_what_is_secret(world):
    key = world.key()
    client = offered(world, {KEY: key["Arn"], "closed": (ABSENT_KEY, rule(["metadata"]))})
    secret = b"a plaintext that is nowhere to be found"
    made = good(client.encrypt(KEY, secret, b"bound"))
    good(client.decrypt(KEY, made, b"bound"))
    bad(client.encrypt("closed"), "AccessDeniedException")
    bad(client.encrypt("unknown"), "KeyNotFoundException")
    bad(client.send("/keys", {"requestMetadata": metadata()}), "InvalidUriPathException")
    good(client.health())
    good(client.metadata(KEY))
    *_, encrypted, decrypted, denied, unknown, lost, health, told = records(world)
    names = [each["eventName"] for each in (encrypted, decrypted, denied, unknown, lost, health, told)]
    equal(names, ["Encrypt", "Decrypt", "Encrypt", "Encrypt", "Unknown", "GetHealthStatus", "GetKeyMetadata"], "names")
    equal(encrypted["userIdentity"],
          {"type": "AWSService", "accessKeyId": ONE.access_key_id, "invokedBy": SERVICE}, "who")  # fmt: skip
    equal(encrypted["requestParameters"],
          {"uriPath": f"/one{ENDING}", "externalKeyId": KEY, "requestMetadata": metadata()}, "what")  # fmt: skip
    owner = {"accountId": FIRST.number, "type": "AWS::KMS::Key", "ARN": key["Arn"]}
    equal((encrypted["resources"], encrypted["recipientAccountId"], encrypted["awsRegion"]),
          ([owner], FIRST.number, "us-east-1"), "whose")  # fmt: skip
    equal((encrypted["readOnly"], encrypted["sourceIPAddress"], encrypted.get("errorCode")),
          (True, "127.0.0.1", None), "the rest")  # fmt: skip
    equal((denied["errorCode"], unknown["errorCode"], lost["errorCode"]),
          ("AccessDenied", "KeyNotFoundException", "InvalidUriPathException"), "errors")  # fmt: skip
    for each in (unknown, lost, health):
        equal((each["resources"], each.get("recipientAccountId"), each["awsRegion"]), ([], None, CALLING_REGION), "none")
    text = "\n".join(audit_lines(world.data))
    for hidden in (secret.decode(), encoded(secret), encoded(secret)[:20], ONE.secret_access_key):
        holds(hidden not in text and hidden not in world.server.log_text(), f"{hidden} is nowhere")
    # The owner of the key sees it, in the calls and in the key's last use.
    events = world.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventSource", "AttributeValue": "xks-proxy.chatelaine"}])["Events"]
    holds({"Encrypt", "Decrypt", "GetKeyMetadata"} <= {each["EventName"] for each in events}, "LookupEvents")
    used = world.kms().get_key_last_usage(KeyId=key["KeyId"])["KeyLastUsage"]
    equal(used["Operation"], "Decrypt", "the last use")
    done = subprocess.run([binary(), "audit", "verify", "--data-dir", str(world.data)], capture_output=True, text=True)
    equal(done.returncode, 0, done.stdout + done.stderr)


@scenario
def long_and_strange_words_of_the_other_side_are_harmless_in_a_record(world):
    client = offered(world)
    strange = 'x","recipientAccountId":"111122223333\\ \u202e\u0301' + "y" * 5000
    good(client.encrypt(KEY, told=metadata(kmsRequestId=strange)))
    record = records(world)[-1]
    equal(record["recipientAccountId"], FIRST.number, "whose record it is")
    kept = record["requestParameters"]["requestMetadata"]["kmsRequestId"]
    holds(strange.startswith(kept[:1000]) and len(kept.encode()) <= 2048, "what is kept of it")


@scenario
def requests_are_counted_by_operation_and_outcome(world):
    FILE.write(proxy("/one", [ONE], {KEY: ABSENT_KEY}))
    server = Server(
        "dev", "--listen", "127.0.0.1:0", "--monitor-listen", "127.0.0.1:0", "--log-format", "json", "--xks-proxy",
        str(FILE.path))  # fmt: skip
    try:
        client = Client(server.start().endpoint, "/one", ONE)
        good(client.health())
        bad(client.encrypt(KEY), "KeyNotFoundException")
        bad(Client(server.endpoint, "/one", TWO).health(), "AuthenticationFailedException")
        lines = [json.loads(line) for line in server.log_text().splitlines()]
        monitor = next(each["metadata"]["url"] for each in lines if "url" in each.get("metadata", {}))
        text = fetch(f"{monitor}/metrics")[1]
        for operation, outcome in (
            ("GetHealthStatus", "Success"), ("Encrypt", "KeyNotFoundException"),
            ("Unauthenticated", "AuthenticationFailedException"),
        ):  # fmt: skip
            sample = f'{{api="kms-xks-proxy",operation="{operation}",outcome="{outcome}"}} 1'
            holds(f"chatelaine_requests_total{sample}" in text, sample)
        server.stop()
    finally:
        if server.process.poll() is None:
            server.kill()
        server.forget_log()


@scenario
def the_same_by_TLS_and_HTTP_2_as_curl_sends_it(world):
    FILE.write(proxy("/one", [ONE], {KEY: ABSENT_KEY}))
    with Secure(world, "xks-tls", "--xks-proxy", str(FILE.path)) as secure:
        key = secure.kms().create_key()["KeyMetadata"]["Arn"]
        FILE.replace(secure.server, proxy("/one", [ONE], {KEY: key}))
        body = json.dumps({
            "requestMetadata": metadata(), "plaintext": "SGVsbG8gV29ybGQh", "encryptionAlgorithm": "AES_GCM",
        })  # fmt: skip
        for flag, version in (("--http2", "2"), ("--http1.1", "1.1")):
            # As in the specification's appendix D.
            done = subprocess.run(
                ["curl", "--silent", "--show-error", "--max-time", "15", "--cacert", str(secure.root.file), flag,
                 "--aws-sigv4", f"aws:amz:{CALLING_REGION}:{SERVICE}", "--user",
                 f"{ONE.access_key_id}:{ONE.secret_access_key}", "-X", "POST", "-H", "Content-Type:application/json",
                 "--data", body, "-w", "\n%{http_version} %{response_code}",
                 f"{secure.endpoint}/one{ENDING}/keys/{KEY}/encrypt"], capture_output=True, text=True, timeout=20,
            )  # fmt: skip
            text, said = done.stdout.rsplit("\n", 1)
            equal(said, f"{version} 200", done.stdout + done.stderr)
            client = Client(secure.endpoint, "/one", ONE, context=secure.context())
            equal(decoded(good(client.decrypt(KEY, json.loads(text)))["plaintext"]), b"Hello World!", "plaintext")
        record = [each for each in secure.records() if each["eventSource"] == "xks-proxy.chatelaine"][-1]
        equal(record["tlsDetails"]["tlsVersion"], "TLSv1.3", "TLS")


if __name__ == "__main__":
    FILE.write(proxy("/one", [ONE], {KEY: ABSENT_KEY}))
    try:
        run("--xks-proxy", str(FILE.path))
    finally:
        FILE.remove()
