"""Texts of many accents take no longer than others, wherever they stand.

Unicode puts the marks on a letter in order before two texts are compared. Who does that with a long text of marks by turns is
busy for minutes, and everybody else waits: such texts have to be compared by their bytes, or not at all.
"""

import json
import re
import urllib.parse

from bounds import BOUND, as_quick
from harness import FIRST, REGION, allow, holds, run, scenario
from principals import FORM, VERSIONS, make_user, may
from raw import CONTENT_TYPE, Wire, amz_date, sign
from visitor import SIGN_IN, Visitor, signed_in

LOOKUP, CHATELAINE, KMS = "CloudTrail_20131101.", "Chatelaine.", "TrentService."
IDENTITY = "Version=2011-06-15&Action="


def marks(length):
    """So many bytes of marks by turns on one letter; Swift's own comparison of 100,000 takes seconds."""
    return "B" + "\u0301\u0316" * (length // 4)


def letters(length):
    return "B" + "x" * length


def encoded(text):
    """The text as it stands in a form, where what is beyond ASCII need not be escaped."""
    return re.sub(r"[ -,/:-@\[-`{-~]", lambda found: urllib.parse.quote(found[0], safe=""), text)


def alike(world, make, what, length=100_000):
    """What `make` makes of marks takes hardly longer than what it makes of as many letters.

    `make`: from a text to the method, the path, the headers and the body of a request.
    """
    wire = Wire(world.endpoint)

    def send(text):
        method, path, headers, body = make(text)
        sent = {name: value.encode() if isinstance(value, str) else value for name, value in headers.items()}
        return lambda: wire.send({"Host": wire.host, **sent}, body, method, path)

    as_quick(send(marks(length)), send(letters(length)), BOUND, what)
    wire.close()


def form(text, path="/", **headers):
    return "POST", path, {"Content-Type": FORM, **headers}, text.encode()


def signed(world, text, content_type, service, **more):
    host, body = urllib.parse.urlsplit(world.endpoint).netloc, text.encode()
    sent = {"Host": host, "Content-Type": content_type, "X-Amz-Date": amz_date(), **more}
    sent["Authorization"] = sign("POST", "/", sent, body, FIRST, REGION, service)
    del sent["Host"]
    return "POST", "/", sent, body


def call(world, operation, body, prefix=KMS, service="kms"):
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return signed(world, text, CONTENT_TYPE, service, **{"X-Amz-Target": prefix + operation})


def identity_call(world, action, service="iam", **fields):
    pairs = {"Action": action, "Version": VERSIONS[service], **fields}
    text = "&".join(f"{encoded(name)}={encoded(value)}" for name, value in pairs.items())
    return signed(world, text, FORM, service)


@scenario
def strangers_keep_nobody_busy(world):
    for pattern in (
        "{}=x&" + IDENTITY + "GetCallerIdentity", "Action{}=x&Version=2011-06-15", "Action={}&Version=2011-06-15",
        "Action=GetCallerIdentity&Version={}", IDENTITY + "AssumeRole&Tags.member.{}.Key=x", IDENTITY + "AssumeRole&RoleArn={}",
    ):  # fmt: skip
        alike(world, lambda text: form(pattern.format(text)), pattern)
    for pattern in ("{}=x", "token={}", "token{}=x", "access-key-id={}", "secret-access-key={}", "to=/console/{}", "kept.{}=x"):
        for path in (SIGN_IN, "/console/us-east-1/keys"):
            alike(world, lambda text: form(pattern.format(text), path), f"{path} {pattern}")
    for pattern in ('{{"{}":1}}', '{{"KeyId":"{}"}}', '{{"EncryptionContext":{{"{}":"x"}}}}', "{}"):
        headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": "TrentService.Encrypt"}
        alike(world, lambda text: ("POST", "/", headers, pattern.format(text).encode()), pattern)
    for path in ("/{}", "/console/{}", "/?{}=x", "/?Action={}", "/?X-Amz-{}=x", "/console/sign-in?{}=x", "/console/sign-in?ended={}"):
        alike(world, lambda text: ("GET", path.format(urllib.parse.quote(text)), {}, b""), path, 4000)


@scenario
def headers_keep_nobody_busy(world):
    day = amz_date()[:8]
    authorization = "AWS4-HMAC-SHA256 Credential={}, SignedHeaders={}, Signature=" + "0" * 64
    scope = f"{day}/us-east-1/kms/aws4_request"
    for name, pattern in (
        ("X-Amz-Target", "{}"), ("X-Amz-Target", "TrentService.{}"), ("Content-Type", "{}"), ("Date", "{}"),
        ("Content-Type", "application/x-www-form-urlencoded{}"), ("Authorization", "{}"), ("User-Agent", "{}"),
        ("Authorization", authorization.format(FIRST.access_key_id + "/" + scope, "host;x-amz-date;x-amz-target;{}")),
        ("Authorization", authorization.format(f"{FIRST.access_key_id}/{day}/us-east-1/kms/{{}}", "host")),
        ("Authorization", authorization.format(f"{FIRST.access_key_id}/{day}/us-east-1/{{}}/aws4_request", "host")),
        ("Authorization", authorization.format(f"{FIRST.access_key_id}/{{}}/us-east-1/kms/aws4_request", "host")),
    ):  # fmt: skip
        # Many others, each of which is compared with the names of the signed ones.
        many = {f"X-Other-{number}": "x" for number in range(60)} if "x-amz-target;" in pattern else {}
        headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": "TrentService.ListKeys", "X-Amz-Date": amz_date(), **many}
        if name == "Date":
            del headers["X-Amz-Date"]
        alike(world, lambda text: ("POST", "/", {**headers, name: pattern.format(text)}, b"{}"), f"{name}: {pattern}", 14_000)
    for name, pattern in (
        ("Cookie", "{}"), ("Cookie", "chatelaine-sign-in={}"), ("Origin", "{}"), ("Sec-Fetch-Site", "{}"), ("Host", "{}"),
    ):  # fmt: skip
        alike(world, lambda text: form("token=x", SIGN_IN, **{name: pattern.format(text)}), f"{name}: {pattern}", 14_000)


@scenario
def members_of_a_request_keep_nobody_busy(world):
    key = world.key()["KeyId"]
    for operation, body in (
        ("Encrypt", lambda text: {"KeyId": key, "Plaintext": "eA==", "EncryptionAlgorithm": text}),
        ("Encrypt", lambda text: {"KeyId": text, "Plaintext": "eA=="}),
        ("Encrypt", lambda text: {"KeyId": key, "Plaintext": "eA==", text: "x"}),
        ("Encrypt", lambda text: {"KeyId": key, "Plaintext": "eA==", "EncryptionContext": {text: "x"}}),
        ("Encrypt", lambda text: {"KeyId": key, "Plaintext": "eA==", "EncryptionContext": {"x": text, "y": text}}),
        ("Encrypt", lambda text: {"KeyId": key, "Plaintext": "eA==", "GrantTokens": [text]}),
        ("ReEncrypt", lambda text: {"CiphertextBlob": "eA==", "DestinationKeyId": key, "SourceEncryptionAlgorithm": text}),
        ("GenerateDataKeyPair", lambda text: {"KeyId": key, "KeyPairSpec": text}),
        ("Sign", lambda text: {"KeyId": key, "Message": "eA==", "SigningAlgorithm": text}),
        ("CreateKey", lambda text: {"Description": text}),
        ("CreateKey", lambda text: {"Tags": [{"TagKey": text, "TagValue": "x"}, {"TagKey": "x", "TagValue": text}]}),
        ("CreateAlias", lambda text: {"AliasName": "alias/" + text, "TargetKeyId": key}),
        ("CreateGrant", lambda text: {"KeyId": key, "GranteePrincipal": text, "Operations": [text], "Name": text}),
        ("CreateGrant", lambda text: {"KeyId": key, "GranteePrincipal": FIRST.root, "Operations": ["Encrypt"],
                                      "Constraints": {text: {"x": "x"}}}),
    ):  # fmt: skip
        alike(world, lambda text: call(world, operation, body(text)), f"{operation} {body('x')}")
    asked = {"Principal": FIRST.root, "KeyId": key}
    for body in (lambda text: {**asked, "Action": text}, lambda text: {**asked, "Action": "kms:Encrypt", text: "x"}):
        alike(world, lambda text: call(world, "ExplainAccess", body(text), CHATELAINE, "chatelaine"), f"explain {body('x')}")
    for text in ("EventCategory", "NextToken"):
        alike(world, lambda marks: call(world, "LookupEvents", {text: marks}, LOOKUP, "cloudtrail"), text)
    for name, length in (("AttributeKey", 100_000), ("AttributeValue", 100_000), ("AttributeValue", 3_000)):
        attribute = {"AttributeKey": "EventName", "AttributeValue": "x"}
        alike(
            world, lambda text: call(
                world, "LookupEvents", {"LookupAttributes": [{**attribute, name: text}]}, LOOKUP, "cloudtrail"), name, length)  # fmt: skip


@scenario
def members_of_a_form_keep_nobody_busy(world):
    user = make_user(world, may("kms:*"))
    for action, fields in (
        ("GetUser", lambda text: {"UserName": text}), ("GetUser", lambda text: {text: "x"}),
        ("ListUsers", lambda text: {"PathPrefix": f"/{text}/"}), ("ListUsers", lambda text: {"Marker": text}),
        ("ListUsers", lambda text: {"MaxItems": text}), ("Get" + "{}", lambda text: {}),
        ("TagUser", lambda text: {"UserName": user.name, "Tags.member.1.Key": text, "Tags.member.1.Value": "x"}),
        ("TagUser", lambda text: {"UserName": user.name, f"Tags.member.1.{text}": "x"}),
        ("AttachUserPolicy", lambda text: {"UserName": user.name, "PolicyArn": text}),
        ("UpdateAccessKey", lambda text: {"UserName": user.name, "AccessKeyId": user.access_key_id, "Status": text}),
        ("UpdateAccessKey", lambda text: {"UserName": user.name, "AccessKeyId": text, "Status": "Active"}),
        ("CreatePolicyVersion", lambda text: {"PolicyArn": text, "PolicyDocument": "x", "SetAsDefault": text}),
    ):  # fmt: skip
        alike(world, lambda text: identity_call(world, action.format(text), **fields(text)), f"{action} {fields('x')}")


@scenario
def policies_keep_nobody_busy(world):
    key, statement = world.key()["KeyId"], allow(FIRST.root)

    def document(**changes):
        return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, **changes}]})

    for what in (
        lambda text: document(Sid=text), lambda text: document(Effect=text), lambda text: document(**{text: "x"}),
        lambda text: document(Principal=text), lambda text: document(Principal={text: "x"}),
        lambda text: document(Principal={"AWS": text}), lambda text: document(Action=text),
        lambda text: document(Resource=text), lambda text: document(Condition={text: {"aws:username": "x"}}),
        lambda text: document(Condition={f"{text}:StringEquals": {"aws:username": "x"}}),
        lambda text: document(Condition={"StringEquals": {text: "x"}}),
        lambda text: document(Condition={"Null": {"aws:username": text}}),
        lambda text: json.dumps({"Version": text, "Statement": [statement]}),
        lambda text: json.dumps({text: "2012-10-17", "Statement": [statement]}),
    ):  # fmt: skip
        # Each mark is an escape of six characters there.
        sent = {"KeyId": key, "PolicyName": "default", "BypassPolicyLockoutSafetyCheck": True}
        alike(world, lambda text: call(world, "PutKeyPolicy", {**sent, "Policy": what(text)}), f"{what('x')}", 10_000)
        alike(
            world, lambda text: identity_call(world, "CreatePolicy", PolicyName="x", PolicyDocument=what(text)),
            f"{what('x')} of IAM", 40_000)  # fmt: skip


@scenario
def who_tries_to_sign_in_leaves_little_behind(world):
    visitor = Visitor(world)
    sent = visitor.form()

    def memory():
        status = open(f"/proc/{world.server.process.pid}/status", encoding="utf-8").read()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) // 1024

    def attempt(number):
        name = f"A{number:03}" + "\u0301" * 25 + "x" * 200_000
        visitor.post(SIGN_IN, {**sent, "access-key-id": name, "secret-access-key": "x"}, 403)

    for number in range(20):
        attempt(number)
    before = memory()
    for number in range(20, 220):
        attempt(number)
    holds(memory() < before + 25, f"{memory() - before} MiB more after 40 MB of access keys")


@scenario
def what_is_typed_into_the_console_keeps_nobody_busy(world):
    user = make_user(world, may("iam:*"), may(["kms:*", "cloudtrail:*"]))
    for number in range(100):
        world.client("iam").create_user(UserName=f"somebody-of-many-{number:03}")
    world.kms(user).list_keys()
    page = "/console/us-east-1"
    visitor = signed_in(world, user)
    token = visitor.get(f"{page}/create").token
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    fixed = f"token={token}&step=3&go=filter&usage=ENCRYPT_DECRYPT&spec=SYMMETRIC_DEFAULT&origin=AWS_KMS&filter="
    for what, text in (("letters", "q" * 60_000), ("beginnings", "somebody-of-many" * 3_750), ("accents", "e\u0301" * 20_000)):
        # Compared with the same text in a field that nobody looks at.
        alike(world, lambda other: form(
            fixed + ("q&other=" if "x" in other else "") + text, f"{page}/create", Cookie=cookies), what, 4)  # fmt: skip
    for name in ("filter", "step", "go", "usage", "spec", "origin", "alias", "tag-key", "description", "policy"):
        sent = f"token={token}&step=3&go=filter&{name}="
        alike(world, lambda text: form(sent + text, f"{page}/create", Cookie=cookies), name)
    # Case is no matter for what is looked for.
    fields = {"token": token, "step": "3", "go": "filter", "usage": "ENCRYPT_DECRYPT", "spec": "SYMMETRIC_DEFAULT",
              "origin": "AWS_KMS", "filter": "OF-MANY-007"}  # fmt: skip
    text = visitor.post(f"{page}/create", fields, 200).text
    holds("somebody-of-many-007" in text and "somebody-of-many-008" not in text, "whom the filter finds")
    for who in (user.name.upper(), user.arn[-12:]):
        found = visitor.get(f"{page}/audit?" + urllib.parse.urlencode({"who": who, "name": "LISTKEYS"})).text
        holds("ListKeys" in found and user.arn in found, f"who {who}")


run()
